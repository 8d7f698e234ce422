//! Break-glass: who sees a dossier masked opens its personal data to themselves, for a reason and a time. What is open is
//! looked for in the read model and asked of the log: a read model that is behind, or older than a finding, opens nothing.
//! docs/adr/0024

use std::collections::HashMap;

use chrono::TimeDelta;
use domain::access::Function;
use domain::decider::Decider;
use domain::disclosure::{self, Command, Disclosure};
use domain::dossier::{self, Dossier, Filed};
use domain::identity::{DisclosureId, DossierId};
use domain::private::{Private, SealedToken};
use domain::time::Instant;
use infrastructure::event_store::micros;
use infrastructure::execute::Refusal;
use infrastructure::keys::KeyError;
use projections::Model;
use projections::disclosure::{Disclosure as Row, Place};
use projections::dossier_summary::DossierSummary;
use uuid::Uuid;

use super::dossiers::{NOTE_CHARS_MAX, plain};
use super::queries::{ERASED, concerned};
use super::reads::{PAGES_MAX, Searched};
use super::{Caller, Done, Service};
use crate::input::{AcknowledgeDisclosureInput, BreakGlassInput};
use crate::problem::{Problem, ServiceError};

/// Shorter notes say nothing: a policy.
const NOTE_CHARS_MIN: usize = 20;
const DISCLOSURES_TOGETHER: i64 = 100;
const NOT_FOUND: Problem = Problem::NotFound { what: "disclosure" };

/// For how long personal data is open to who opened it: a policy.
#[derive(Clone, Copy, Debug)]
pub struct DisclosurePolicy {
    pub open_for: TimeDelta,
}

impl Default for DisclosurePolicy {
    fn default() -> Self {
        Self { open_for: TimeDelta::minutes(60) }
    }
}

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenGlass {
    pub disclosure: DisclosureId,
    pub dossier: DossierId,
    pub until: Instant,
    pub done: Done,
}

/// Whether it is worth asking what somebody, to whom a dossier is masked, has opened.
pub fn may_have_opened(caller: &Caller, row: &DossierSummary) -> bool {
    caller.principal.has(Function::BreakGlass) && caller.principal.may(Function::BreakGlass, concerned(row))
}

impl Service {
    #[must_use]
    pub fn disclosing(self, disclosures: DisclosurePolicy) -> Self {
        Self { disclosures, ..self }
    }

    /// From the answer on the dossier's personal data is plain to the caller, until its time is over. Scope first, then the
    /// function to see the dossier, then that to break the glass.
    pub async fn break_glass(
        &self,
        caller: &Caller,
        input: &BreakGlassInput,
    ) -> Result<BrokenGlass, ServiceError> {
        let dossier = DossierId(input.dossier_id);
        let known = self.executor.load::<Dossier>(&dossier::stream(dossier)).await?;
        let filed = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        filed.authorise(&caller.principal, Function::ReadDossiers.into()).map_err(Problem::from)?;
        filed.authorise(&caller.principal, Function::BreakGlass.into()).map_err(Problem::from)?;
        if caller.principal.may(Function::ReadPersonalData, filed.answering()) {
            let reason = "the caller may read the personal data of this dossier".to_owned();
            return Err(Problem::Refused { code: "DISCLOSURE_NOT_NEEDED", reason }.into());
        }
        let note = plain("note", &input.note, NOTE_CHARS_MAX)?;
        if note.chars().count() < NOTE_CHARS_MIN {
            return Err(Problem::invalid("note", format!("shorter than {NOTE_CHARS_MIN} characters")).into());
        }
        let request = self.request(caller, "breakGlass", input.idempotency_key, input)?;
        let disclosure = request.command.disclosure();
        let stream = disclosure::stream(disclosure);
        let command = Command::Open {
            dossier,
            by: caller.principal.id,
            acting_as: caller.principal.acting_as.agency,
            reason: input.reason.into(),
            note: Private::open(note),
            key: self.executor.keys.take().await?,
            open_for: self.disclosures.open_for,
        };
        let decide = |state: &Disclosure, at: Instant| state.decide(at, &command).map_err(Refusal::Rejected);
        let done = self.executor.execute(&stream, &request, decide).await?;
        // Whoever runs this learns of it in any case: the heads are told where it is set up whom, and how.
        if done.written {
            tracing::warn!(%disclosure, %dossier, "break-glass: the personal data of a dossier was opened");
        }
        let done = Done { version: done.version, position: done.position };
        // What is asked next, by whatever way and of whatever process, sees it.
        self.wait_for(&[Model::Disclosure], Some(done.position)).await?;
        let opened = self.executor.load::<Disclosure>(&stream).await?;
        let until = opened.state.opened().ok_or(NOT_FOUND)?.until;
        Ok(BrokenGlass { disclosure, dossier, until, done })
    }

    /// Which of some dossiers are open to the caller now, and by which disclosure. Whoever has not the function is not asked
    /// about.
    pub async fn disclosed(
        &self,
        caller: &Caller,
        dossiers: &[DossierId],
    ) -> Result<HashMap<DossierId, DisclosureId>, ServiceError> {
        if !caller.principal.has(Function::BreakGlass) {
            return Ok(HashMap::new());
        }
        let (by, now) = (caller.principal.id, self.clock().now());
        let rows = projections::disclosure::open(self.database(), by, micros(now)).await?;
        let rows: Vec<Row> = rows.into_iter().filter(|row| dossiers.contains(&row.dossier())).collect();
        let streams: Vec<String> = rows.iter().map(|row| disclosure::stream(row.disclosure())).collect();
        let mut known = self.executor.load_all::<Disclosure>(&streams).await?;
        let mut open = HashMap::new();
        for (row, stream) in rows.iter().zip(&streams) {
            let Some(known) = known.remove(stream).transpose()? else { continue };
            if known.state.opens(row.dossier(), by, now) {
                // The newest of several.
                open.insert(row.dossier(), row.disclosure());
            }
        }
        Ok(open)
    }

    /// That the caller may read all of a dossier's personal data: by right, or by a disclosure.
    pub(super) async fn reads_personal_data(
        &self,
        caller: &Caller,
        id: DossierId,
        filed: &Filed,
    ) -> Result<Option<DisclosureId>, ServiceError> {
        let Err(denied) = filed.authorise(&caller.principal, Function::ReadPersonalData.into()) else {
            return Ok(None);
        };
        if caller.principal.may(Function::BreakGlass, filed.concerned())
            && let Some(disclosure) = self.disclosed(caller, &[id]).await?.remove(&id)
        {
            return Ok(Some(disclosure));
        }
        Err(Problem::from(denied).into())
    }

    /// Disclosures of dossiers of the agencies that the caller audits, the newest first.
    pub async fn disclosures(
        &self,
        caller: &Caller,
        unacknowledged: bool,
        after: Place,
        first: i64,
    ) -> Result<Searched<Row, Place>, ServiceError> {
        caller.principal.require(Function::Audit).map_err(Problem::from)?;
        let (mut found, mut next) = (Vec::new(), Some(after));
        for _ in 0..PAGES_MAX {
            let Some(place) = next.filter(|_| 0 < first && found.len() as i64 <= first) else { break };
            let rows =
                projections::disclosure::before(self.database(), unacknowledged, place, DISCLOSURES_TOGETHER)
                    .await?;
            let is_full = rows.len() as i64 == DISCLOSURES_TOGETHER;
            next = rows.last().map(Row::place).filter(|_| is_full);
            let dossiers: Vec<Uuid> = rows.iter().map(|row| row.dossier_id).collect();
            let audited = self.audited(caller, &dossiers).await?;
            found.extend(rows.into_iter().filter(|row| audited.contains(&row.dossier())));
        }
        Ok(Searched::page(found, first, Row::place, next))
    }

    /// Says whether a disclosure was justified. Who does not audit the dossier learns of none.
    pub async fn acknowledge_disclosure(
        &self,
        caller: &Caller,
        input: &AcknowledgeDisclosureInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require(Function::Audit).map_err(Problem::from)?;
        let stream = disclosure::stream(DisclosureId(input.disclosure_id));
        let known = self.executor.load::<Disclosure>(&stream).await?;
        let opened = known.state.opened().ok_or(NOT_FOUND)?;
        let dossier = self.executor.load::<Dossier>(&dossier::stream(opened.dossier)).await?;
        let filed = dossier.state.filed().ok_or(NOT_FOUND)?;
        if !caller.principal.may(Function::Audit, filed.answering()) {
            return Err(NOT_FOUND.into());
        }
        let note = plain("note", input.note.as_deref().unwrap_or_default(), NOTE_CHARS_MAX)?;
        let command = Command::Acknowledge {
            by: caller.principal.id,
            finding: input.finding.into(),
            note: Some(note).filter(|note| !note.is_empty()).map(Private::open),
        };
        let request = self.request(caller, "acknowledgeDisclosure", input.idempotency_key, input)?;
        self.decide::<Disclosure>(&stream, &request, command).await
    }

    /// What was said of a disclosure, opened: by which event it was said, and whether it is the note itself. The caller has been
    /// found to audit it.
    pub async fn disclosure_note(
        &self,
        disclosure: DisclosureId,
        type_name: &str,
        token: &str,
    ) -> Result<(String, bool), ServiceError> {
        let token = SealedToken::from_text(token);
        let opened = self.executor.keys.open_value(&token, &disclosure::stream(disclosure), type_name).await;
        match opened {
            Ok(note) => Ok((note.expose().to_owned(), true)),
            Err(KeyError::Destroyed(_)) => Ok((ERASED.to_owned(), false)),
            Err(error) => Err(error.into()),
        }
    }
}
