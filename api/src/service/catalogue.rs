//! Commands on procedures, and what was laid down and published of them. Asked of the log itself, so that an editor sees
//! at once what it has written.

mod comparison;

use std::sync::Arc;

pub use comparison::{Change, Comparison, Difference};
use domain::access::Function;
use domain::codes::ProcedureCode;
use domain::decider::Decider;
use domain::identity::{NAMESPACE, ProcedureId};
use domain::procedure::{self, Command, Defect, Definition, Draft, InForce, Procedure};
use domain::recorded::Version;
use domain::time::Instant;
use infrastructure::execute::{Cached, Folded, Refusal, Request};
use serde_json::Value;
use uuid::Uuid;

use super::{Caller, Done, Service};
use crate::import::procedure_json;
use crate::input::{DraftProcedureInput, PublishProcedureInput};
use crate::problem::{Problem, ServiceError};

/// Of a definition as it is sent. A form has up to half a megabyte, a request one.
const DEFINITION_BYTES_MAX: usize = 768 << 10;

/// What became of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// In force under this version, now or before.
    Version(u32),
    /// Laid down, with errors: it stays a draft.
    Draft,
}

/// All that was published of a procedure, and what would be next.
#[derive(Clone, Debug)]
pub struct ProcedureVersions {
    pub code: ProcedureCode,
    /// Nobody but an administrator knows how often it was laid down, and the draft.
    pub stream_version: Option<Version>,
    pub draft: Option<Draft>,
    /// The newest first.
    pub published: Vec<InForce>,
}

impl Service {
    /// Lays a definition down as a draft, whatever its defects. What cannot be read is refused with every place of it.
    pub async fn draft_procedure(
        &self,
        caller: &Caller,
        input: &DraftProcedureInput,
    ) -> Result<(ProcedureCode, Done), ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let code = parse_code(&input.code)?;
        let definition = readable(&input.definition.0)?;
        let mut request = self.request(caller, "draftProcedure", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        let draft = Command::Draft { code: code.clone(), definition, defects: Vec::new() };
        let done = self.decide::<Procedure>(&stream(&code), &request, draft).await?;
        Ok((code, done))
    }

    /// Puts the draft in force. Refused with its defects while one of them is an error.
    pub async fn publish_draft(
        &self,
        caller: &Caller,
        input: &PublishProcedureInput,
    ) -> Result<(ProcedureCode, Done), ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let code = parse_code(&input.code)?;
        let mut request = self.request(caller, "publishProcedure", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        let done = self.decide::<Procedure>(&stream(&code), &request, Command::Publish).await?;
        Ok((code, done))
    }

    /// The defects that a draft would have; nothing is written.
    pub fn validate_procedure(
        &self,
        caller: &Caller,
        code: &str,
        definition: &Value,
    ) -> Result<Vec<Defect>, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        parse_code(code)?;
        Ok(readable(definition)?.check())
    }

    /// For who works with dossiers. Of what was never published only administrators know.
    pub async fn procedure_versions(
        &self,
        caller: &Caller,
        code: &str,
    ) -> Result<Option<ProcedureVersions>, ServiceError> {
        let loaded = self.procedure(caller, code).await?;
        let Procedure::Defined { code, draft, versions } = &loaded.state else { return Ok(None) };
        let administers = caller.principal.has(Function::Administer);
        if versions.is_empty() && !administers {
            return Ok(None);
        }
        let numbers = (1..=u32::try_from(versions.len()).unwrap_or(u32::MAX)).rev();
        Ok(Some(ProcedureVersions {
            code: code.clone(),
            stream_version: administers.then_some(loaded.version),
            draft: draft.clone().filter(|_| administers),
            published: numbers.filter_map(|number| loaded.state.version(number)).collect(),
        }))
    }

    /// What is different in another version, or in the draft.
    pub async fn compare_procedure(
        &self,
        caller: &Caller,
        code: &str,
        from: u32,
        to: Option<u32>,
    ) -> Result<Comparison, ServiceError> {
        if to.is_none() {
            caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        }
        let loaded = self.procedure(caller, code).await?;
        let version = |number| {
            let version = loaded.state.version(number).map(|version| version.definition);
            version.ok_or(Problem::NotFound { what: "version" })
        };
        let after = match (to, &loaded.state) {
            (Some(number), _) => version(number)?,
            (None, Procedure::Defined { draft: Some(draft), .. }) => Arc::clone(&draft.definition),
            (None, _) => return Err(Problem::NotFound { what: "draft" }.into()),
        };
        let (before, after) = (serde_json::to_value(version(from)?)?, serde_json::to_value(after)?);
        Ok(Comparison::of(&before, &after))
    }

    async fn procedure(&self, caller: &Caller, code: &str) -> Result<Arc<Folded<Procedure>>, ServiceError> {
        // Who administers need not see dossiers.
        if !caller.principal.has(Function::Administer) {
            caller.principal.require(Function::ReadDossiers).map_err(Problem::from)?;
        }
        Ok(self.executor.load::<Procedure>(&stream(&parse_code(code)?)).await?)
    }

    /// Lays a definition down and publishes it unless it has errors. The same definition again changes nothing.
    pub async fn publish_procedure(
        &self,
        caller: &Caller,
        code: &ProcedureCode,
        definition: &Definition,
        defects: &[Defect],
    ) -> Result<Published, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let id = ProcedureId::of(code);
        let stream = procedure::stream(id);
        let before = self.executor.load::<Procedure>(&stream).await?;
        let canonical = serde_json::to_string(&(code, definition, defects))?;
        // The content and where the stream stands: the same file twice is one request, a file that comes back after
        // another one is a new one.
        let key = Uuid::new_v5(&NAMESPACE, format!("{}:{canonical}", before.version).as_bytes());
        let request = self.request(caller, "draftProcedure", key, &canonical)?;
        let draft =
            Command::Draft { code: code.clone(), definition: definition.clone(), defects: defects.to_vec() };
        self.decide::<Procedure>(&stream, &request, draft).await?;
        if procedure::has_errors(&definition.defects_with(defects)) {
            return Ok(Published::Draft);
        }
        let drafted = self.executor.load::<Procedure>(&stream).await?;
        if matches!(&drafted.state, Procedure::Defined { draft: Some(_), .. }) {
            let request = self.request(caller, "publishProcedure", key, &canonical)?;
            self.decide::<Procedure>(&stream, &request, Command::Publish).await?;
        }
        let published = self.executor.load::<Procedure>(&stream).await?;
        let version = published.state.in_force().map(|in_force| in_force.version);
        version.map(Published::Version).ok_or_else(|| Problem::NotFound { what: "procedure" }.into())
    }

    pub(super) async fn decide<D: Cached>(
        &self,
        stream: &str,
        request: &Request,
        command: D::Command,
    ) -> Result<Done, ServiceError>
    where
        Problem: From<D::Rejection>,
    {
        let decide = |state: &D, at: Instant| Decider::decide(state, at, &command).map_err(Refusal::Rejected);
        let done = self.executor.execute(stream, request, decide).await?;
        Ok(Done { version: done.version, position: done.position })
    }
}

fn stream(code: &ProcedureCode) -> String {
    procedure::stream(ProcedureId::of(code))
}

fn parse_code(code: &str) -> Result<ProcedureCode, Problem> {
    ProcedureCode::parse(code).map_err(Problem::code_of("code"))
}

fn readable(definition: &Value) -> Result<Definition, ServiceError> {
    if DEFINITION_BYTES_MAX < serde_json::to_vec(definition)?.len() {
        return Err(
            Problem::invalid("definition", format!("larger than {DEFINITION_BYTES_MAX} bytes")).into()
        );
    }
    procedure_json::definition(definition).map_err(|places| Problem::UnreadableDefinition { places }.into())
}
