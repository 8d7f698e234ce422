//! What mutations answer: the dossier and where the write ended up, or problems that a client can act on.

use async_graphql::{ComplexObject, Context, Interface, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::access::Function;
use domain::codes::ProcedureCode;
use domain::identity::DossierId;
use projections::Model;
use uuid::Uuid;

use super::objects::{Agency, Dossier, DossierStage, local};
use super::procedures::{ProcedureDefect, ProcedureVersions};
use super::{ContextExt, PositionText, of_failure};
use crate::import::procedure_json::Unreadable;
use crate::messages;
use crate::problem::{Problem as ServiceProblem, ServiceError};
use crate::service::{Accepted, AccountDone, Names};

/// The answer to a command on a dossier.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DossierPayload {
    pub dossier_id: Option<Uuid>,
    /// MaHoSo: what the applicant looks the dossier up by.
    pub code: Option<String>,
    /// The dossier's version after the command.
    pub version: Option<i64>,
    /// Pass it as `minPosition` to read what was written.
    pub position: Option<PositionText>,
    /// Why it was not done. Empty when it was.
    pub problems: Vec<Problem>,
}

#[ComplexObject]
impl DossierPayload {
    /// The dossier as the command left it, or later. Null for who may not look into dossiers: an applicant asks for
    /// `myDossier`.
    async fn dossier(&self, ctx: &Context<'_>) -> Result<Option<Dossier>> {
        let (Some(id), Some(position), Some(caller)) =
            (self.dossier_id, self.position, &ctx.request().caller)
        else {
            return Ok(None);
        };
        if !caller.principal.has(Function::ReadDossiers) {
            return Ok(None);
        }
        let service = ctx.service();
        let load = async {
            service.wait_for(&[Model::DossierSummary], Some(position.0)).await?;
            let row = service.dossier_by_id(caller, DossierId(id)).await?;
            Ok(row.map(Dossier::new))
        };
        load.await.map_err(|error| ctx.error(error))
    }
}

/// The answer to a command on an agency.
#[derive(SimpleObject)]
pub struct AgencyPayload {
    pub agency_id: Option<Uuid>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on a permission group.
#[derive(SimpleObject)]
pub struct PermissionGroupPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on an account.
#[derive(SimpleObject)]
pub struct AccountPayload {
    pub account_id: Option<Uuid>,
    /// Of the grant that was made.
    pub grant_id: Option<Uuid>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on what somebody signs in with. It is no event, so there is no position to wait for.
#[derive(SimpleObject)]
pub struct CredentialPayload {
    pub account_id: Option<Uuid>,
    pub problems: Vec<Problem>,
}

/// A key of a machine, shown this once.
#[derive(SimpleObject)]
pub struct MachineKeyPayload {
    pub key_id: Option<String>,
    /// The whole key, to be put where the machine keeps its secrets. It is not kept here.
    pub key: Option<String>,
    pub expires_at: Option<DateTime<FixedOffset>>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on a calendar.
#[derive(SimpleObject)]
pub struct CalendarPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on a procedure.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedurePayload {
    #[graphql(skip)]
    code: Option<ProcedureCode>,
    /// After the command: the next `expectedVersion`.
    pub stream_version: Option<i64>,
    /// Pass it as `minPosition` to `procedures`.
    pub position: Option<PositionText>,
    /// Why it was not done. Empty when it was.
    pub problems: Vec<Problem>,
}

#[ComplexObject]
impl ProcedurePayload {
    /// The procedure as the command left it, or later.
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Option<ProcedureVersions>> {
        let Some(code) = &self.code else { return Ok(None) };
        let found = ctx.service().procedure_versions(ctx.caller()?, code.as_str()).await;
        found.map(|found| found.map(ProcedureVersions)).map_err(|error| ctx.error(error))
    }
}

/// What was written down about a message to the national portal.
#[derive(SimpleObject)]
pub struct SynchronisationPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to what was done about a discrepancy.
#[derive(SimpleObject)]
pub struct SettleDiscrepancyPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// The answer to a command on a read model.
#[derive(SimpleObject)]
pub struct ProjectionPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// What became of the open dossiers of an agency that is there no more.
#[derive(SimpleObject)]
pub struct CarryOverPayload {
    /// Dossiers that this call carried over.
    pub carried: i64,
    /// There are more: call again.
    pub remaining: bool,
    /// Dossiers that could not be carried over; the server's log says why.
    pub failed: Vec<Uuid>,
    pub problems: Vec<Problem>,
}

/// Why something was not done. The code is stable and never translated.
#[derive(Clone, Interface)]
#[expect(clippy::duplicated_attributes, reason = "two fields of one type")]
#[graphql(field(name = "code", ty = "String"), field(name = "message", ty = "String"))]
pub enum Problem {
    VersionConflict(VersionConflict),
    InvalidTransition(InvalidTransition),
    InvalidInput(InvalidInput),
    UnreadableDefinition(UnreadableDefinition),
    DraftHasErrors(DraftHasErrors),
    Refusal(Refusal),
}

/// Somebody else has changed the dossier, or the procedure, since the client saw it.
#[derive(Clone, SimpleObject)]
pub struct VersionConflict {
    pub code: String,
    pub message: String,
    pub expected: i64,
    pub actual: i64,
    /// Who did what since.
    pub since: Vec<ConflictingEvent>,
}

#[derive(Clone, SimpleObject)]
pub struct ConflictingEvent {
    pub version: i64,
    pub event_type: String,
    pub occurred_at: DateTime<FixedOffset>,
    pub actor: Uuid,
    pub acting_for: Agency,
}

/// The command does not fit the dossier's state.
#[derive(Clone, SimpleObject)]
pub struct InvalidTransition {
    pub code: String,
    pub message: String,
    pub stage: DossierStage,
    pub command: String,
}

/// The draft cannot be published as it is.
#[derive(Clone, SimpleObject)]
pub struct DraftHasErrors {
    pub code: String,
    pub message: String,
    /// All of them, warnings as well.
    pub defects: Vec<ProcedureDefect>,
}

/// What was sent is no definition of a procedure.
#[derive(Clone, SimpleObject)]
pub struct UnreadableDefinition {
    pub code: String,
    pub message: String,
    /// Every field that is not known, up to 100; or the first that does not hold what it should.
    pub places: Vec<UnreadablePlace>,
}

#[derive(Clone, SimpleObject)]
pub struct UnreadablePlace {
    /// Within the definition: `steps.0.tasks.1.half_days`; empty for the whole of it.
    pub path: String,
    pub reason: String,
}

/// A field does not hold what it should.
#[derive(Clone, SimpleObject)]
pub struct InvalidInput {
    pub code: String,
    pub message: String,
    pub field: String,
}

/// Any other rule that says no.
#[derive(Clone, SimpleObject)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

fn problem(ctx: &Context<'_>, names: &Names, problem: ServiceProblem) -> Problem {
    let message = messages::of(&problem, ctx.request().language);
    let code = problem.code().to_owned();
    match problem {
        ServiceProblem::VersionConflict { expected, actual, since } => {
            let since = since
                .into_iter()
                .map(|since| ConflictingEvent {
                    version: since.version.0,
                    event_type: since.type_name,
                    occurred_at: local(since.occurred_at),
                    actor: since.metadata.actor.0,
                    acting_for: Agency::named(names, since.metadata.acting_as.agency.0),
                })
                .collect();
            Problem::VersionConflict(VersionConflict {
                code,
                message,
                expected: expected.0,
                actual: actual.0,
                since,
            })
        }
        ServiceProblem::InvalidTransition { command, stage } => {
            Problem::InvalidTransition(InvalidTransition {
                code,
                message,
                stage: stage.into(),
                command: command.to_owned(),
            })
        }
        ServiceProblem::InvalidInput { field, .. } => {
            Problem::InvalidInput(InvalidInput { code, message, field: field.to_owned() })
        }
        ServiceProblem::UnreadableDefinition { places } => {
            let place = |Unreadable { path, reason }| UnreadablePlace { path, reason };
            let places = places.into_iter().map(place).collect();
            Problem::UnreadableDefinition(UnreadableDefinition { code, message, places })
        }
        ServiceProblem::DraftHasErrors { defects } => {
            let defects = defects.into_iter().map(ProcedureDefect::from).collect();
            Problem::DraftHasErrors(DraftHasErrors { code, message, defects })
        }
        ServiceProblem::NotFound { .. }
        | ServiceProblem::Denied(_)
        | ServiceProblem::KeyReused
        | ServiceProblem::Contended
        | ServiceProblem::CodesExhausted
        | ServiceProblem::Behind(_)
        | ServiceProblem::Refused { .. } => Problem::Refusal(Refusal { code, message }),
    }
}

pub(super) async fn problems(ctx: &Context<'_>, found: ServiceProblem) -> Result<Vec<Problem>> {
    tracing::info!(code = found.code(), "refused");
    let names = match found {
        // Names are for the conflict only; a refusal needs no query.
        ServiceProblem::VersionConflict { .. } => ctx.names().await?,
        _ => std::sync::Arc::default(),
    };
    Ok(vec![problem(ctx, &names, found)])
}

/// Refusals become problems, failures an error.
pub(super) async fn of_dossier(
    ctx: &Context<'_>,
    outcome: Result<Accepted, ServiceError>,
) -> Result<DossierPayload> {
    match outcome {
        Ok(Accepted { dossier_id, code, done }) => Ok(DossierPayload {
            dossier_id: Some(dossier_id.0),
            code: Some(code.to_string()),
            version: Some(done.version.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(DossierPayload { dossier_id: None, code: None, version: None, position: None, problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_agency(
    ctx: &Context<'_>,
    outcome: Result<(domain::identity::AgencyId, crate::service::Done), ServiceError>,
) -> Result<AgencyPayload> {
    match outcome {
        Ok((id, done)) => Ok(AgencyPayload {
            agency_id: Some(id.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            Ok(AgencyPayload { agency_id: None, position: None, problems: problems(ctx, found).await? })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_permission_group(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<PermissionGroupPayload> {
    let (position, problems) = match outcome {
        Ok(done) => (Some(PositionText(done.position)), Vec::new()),
        Err(ServiceError::Problem(found)) => (None, problems(ctx, found).await?),
        Err(ServiceError::Failure(failure)) => return Err(of_failure(&failure)),
    };
    Ok(PermissionGroupPayload { position, problems })
}

pub(super) async fn of_account(
    ctx: &Context<'_>,
    outcome: Result<AccountDone, ServiceError>,
) -> Result<AccountPayload> {
    match outcome {
        Ok(AccountDone { account, grant, done }) => Ok(AccountPayload {
            account_id: Some(account.0),
            grant_id: grant.map(|grant| grant.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(AccountPayload { account_id: None, grant_id: None, position: None, problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_credential(
    ctx: &Context<'_>,
    outcome: Result<domain::identity::PrincipalId, ServiceError>,
) -> Result<CredentialPayload> {
    match outcome {
        Ok(account) => Ok(CredentialPayload { account_id: Some(account.0), problems: Vec::new() }),
        Err(ServiceError::Problem(found)) => {
            Ok(CredentialPayload { account_id: None, problems: problems(ctx, found).await? })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_machine_key(
    ctx: &Context<'_>,
    outcome: Result<(String, domain::private::Secret, domain::time::Instant), ServiceError>,
) -> Result<MachineKeyPayload> {
    match outcome {
        Ok((key_id, key, expires_at)) => Ok(MachineKeyPayload {
            key_id: Some(key_id),
            key: Some(key.expose().to_owned()),
            expires_at: Some(local(expires_at)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(MachineKeyPayload { key_id: None, key: None, expires_at: None, problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_procedure(
    ctx: &Context<'_>,
    outcome: Result<(ProcedureCode, crate::service::Done), ServiceError>,
) -> Result<ProcedurePayload> {
    match outcome {
        Ok((code, done)) => Ok(ProcedurePayload {
            code: Some(code),
            stream_version: Some(done.version.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(ProcedurePayload { code: None, stream_version: None, position: None, problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_calendar(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<CalendarPayload> {
    match outcome {
        Ok(done) => Ok(CalendarPayload { position: Some(PositionText(done.position)), problems: Vec::new() }),
        Err(ServiceError::Problem(found)) => {
            Ok(CalendarPayload { position: None, problems: problems(ctx, found).await? })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_synchronisation(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<SynchronisationPayload> {
    match outcome {
        Ok(done) => {
            Ok(SynchronisationPayload { position: Some(PositionText(done.position)), problems: Vec::new() })
        }
        Err(ServiceError::Problem(found)) => {
            Ok(SynchronisationPayload { position: None, problems: problems(ctx, found).await? })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_settled_discrepancy(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<SettleDiscrepancyPayload> {
    let (position, problems) = match outcome {
        Ok(done) => (Some(PositionText(done.position)), Vec::new()),
        Err(ServiceError::Problem(found)) => (None, problems(ctx, found).await?),
        Err(ServiceError::Failure(failure)) => return Err(of_failure(&failure)),
    };
    Ok(SettleDiscrepancyPayload { position, problems })
}

pub(super) async fn of_projection(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<ProjectionPayload> {
    match outcome {
        Ok(done) => {
            Ok(ProjectionPayload { position: Some(PositionText(done.position)), problems: Vec::new() })
        }
        Err(ServiceError::Problem(found)) => {
            Ok(ProjectionPayload { position: None, problems: problems(ctx, found).await? })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_carry_over(
    ctx: &Context<'_>,
    outcome: Result<crate::service::CarriedOver, ServiceError>,
) -> Result<CarryOverPayload> {
    match outcome {
        Ok(outcome) => Ok(CarryOverPayload {
            carried: i64::try_from(outcome.carried).unwrap_or(i64::MAX),
            remaining: outcome.remaining,
            failed: outcome.failed,
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(CarryOverPayload { carried: 0, remaining: true, failed: Vec::new(), problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}
