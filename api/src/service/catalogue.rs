//! Commands on procedures.

use domain::access::Function;
use domain::codes::ProcedureCode;
use domain::decider::Decider;
use domain::identity::{NAMESPACE, ProcedureId};
use domain::procedure::{self, Command, Defect, Definition, Procedure};
use domain::time::Instant;
use infrastructure::execute::{Cached, Refusal, Request};
use uuid::Uuid;

use super::{Caller, Done, Service};
use crate::problem::{Problem, ServiceError};

/// What became of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// In force under this version, now or before.
    Version(u32),
    /// Laid down, with errors: it stays a draft.
    Draft,
}

impl Service {
    /// Lays a definition down and publishes it unless it has errors. The same definition again changes nothing.
    pub async fn publish_procedure(
        &self,
        caller: &Caller,
        code: &ProcedureCode,
        definition: &Definition,
        defects: &[Defect],
    ) -> Result<Published, ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
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
