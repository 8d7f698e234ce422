//! What mutations answer: the dossier and where the write ended up, or problems that a client can act on.

use async_graphql::{ComplexObject, Context, Interface, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::access::Function;
use domain::codes::ProcedureCode;
use domain::identity::DossierId;
use projections::Model;
use uuid::Uuid;

use super::dossier::Dossier;
use super::objects::{Agency, local};
use super::procedures::{ProcedureDefect, ProcedureVersions};
use super::stage::DossierStage;
use super::{ContextExt, PositionText, of_failure};
use crate::import::procedure_json::Unreadable;
use crate::messages;
use crate::problem::{Problem as ServiceProblem, ServiceError};
use crate::service::{Accepted, AccountDone, Names, NotCarried};

/// Kết quả thao tác với hồ sơ. The answer to a command on a dossier.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DossierPayload {
    /// Mã định danh hồ sơ. Id of the dossier; null where nothing was done.
    pub dossier_id: Option<Uuid>,
    /// Mã số hồ sơ (MaHoSo). What the applicant looks the dossier up by; null where nothing was done.
    pub code: Option<String>,
    /// Phiên bản của hồ sơ. The dossier's version after the command; null where nothing was done.
    pub version: Option<i64>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

#[ComplexObject]
impl DossierPayload {
    /// Hồ sơ. As the command left it, or later; null where nothing was done, and where the caller may not look into dossiers:
    /// an applicant asks for `myDossier`.
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

/// Kết quả thao tác với cơ quan. The answer to a command on an agency.
#[derive(SimpleObject)]
pub struct AgencyPayload {
    /// Cơ quan. Id of the agency; null where nothing was done.
    pub agency_id: Option<Uuid>,
    /// Phiên bản luồng sự kiện. After the command: the next `expectedVersion`. Null where nothing was done.
    pub stream_version: Option<i64>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với nhóm quyền. The answer to a command on a permission group.
#[derive(SimpleObject)]
pub struct PermissionGroupPayload {
    /// Phiên bản luồng sự kiện. After the command: the next `expectedVersion`. Null where nothing was done.
    pub stream_version: Option<i64>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với tài khoản. The answer to a command on an account.
#[derive(SimpleObject)]
pub struct AccountPayload {
    /// Tài khoản. Id of the account; null where nothing was done.
    pub account_id: Option<Uuid>,
    /// Lần gán vừa thực hiện. Id of the grant that was made; null of every other command.
    pub grant_id: Option<Uuid>,
    /// Phiên bản luồng sự kiện. After the command: the next `expectedVersion`. Null where nothing was done.
    pub stream_version: Option<i64>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với thông tin đăng nhập. The answer to a command on what somebody signs in with. It is no event,
/// so there is no position to wait for.
#[derive(SimpleObject)]
pub struct CredentialPayload {
    /// Tài khoản. Id of the account; null where nothing was done.
    pub account_id: Option<Uuid>,
    pub problems: Vec<Problem>,
}

/// Khóa vừa cấp. A key of a machine, shown this once.
#[derive(SimpleObject)]
pub struct MachineKeyPayload {
    /// Mã khóa. Id to revoke it by; null where nothing was done.
    pub key_id: Option<String>,
    /// Toàn bộ khóa. To be put where the machine keeps its secrets: it is not kept here. Null where nothing was done.
    pub key: Option<String>,
    /// Thời điểm hết hạn. From when on it is not taken; null where nothing was done.
    pub expires_at: Option<DateTime<FixedOffset>>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với lịch làm việc. The answer to a command on a calendar.
#[derive(SimpleObject)]
pub struct CalendarPayload {
    /// Phiên bản luồng sự kiện. After the command: the next `expectedVersion`. Null where nothing was done.
    pub stream_version: Option<i64>,
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với thủ tục. The answer to a command on a procedure.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedurePayload {
    #[graphql(skip)]
    code: Option<ProcedureCode>,
    /// Phiên bản luồng sự kiện. After the command: the next `expectedVersion`. Null where nothing was done.
    pub stream_version: Option<i64>,
    /// Vị trí trong nhật ký. Pass it as `minPosition` to `procedures`; null where nothing was done.
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

#[ComplexObject]
impl ProcedurePayload {
    /// Thủ tục. As the command left it, or later; null where nothing was done.
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Option<ProcedureVersions>> {
        let Some(code) = &self.code else { return Ok(None) };
        let found = ctx.service().procedure_versions(ctx.caller()?, code.as_str()).await;
        found.map(|found| found.map(ProcedureVersions)).map_err(|error| ctx.error(error))
    }
}

/// Kết quả ghi nhận đồng bộ. What was written down about a message to the national portal.
#[derive(SimpleObject)]
pub struct SynchronisationPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả xử lý sai lệch. The answer to what was done about a discrepancy.
#[derive(SimpleObject)]
pub struct SettleDiscrepancyPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả thao tác với bảng tra cứu. The answer to a command on a read model.
#[derive(SimpleObject)]
pub struct ProjectionPayload {
    pub position: Option<PositionText>,
    pub problems: Vec<Problem>,
}

/// Kết quả chuyển giao hồ sơ. What became of the open dossiers of an agency that is there no more.
#[derive(SimpleObject)]
pub struct CarryOverPayload {
    /// Số hồ sơ đã chuyển giao. Dossiers that this call carried over.
    pub carried: i64,
    /// Còn hồ sơ chưa chuyển giao. There are more: call again.
    pub remaining: bool,
    /// Các hồ sơ không chuyển giao được. Ids of dossiers that could not be carried over; `failures` says why.
    pub failed: Vec<Uuid>,
    /// Lý do không chuyển giao được từng hồ sơ. The same dossiers, each with what is in the way.
    pub failures: Vec<CarryOverFailure>,
    pub problems: Vec<Problem>,
}

/// Hồ sơ không chuyển giao được. A dossier that could not be carried over.
#[derive(SimpleObject)]
pub struct CarryOverFailure {
    /// Mã định danh hồ sơ. Id of the dossier.
    pub dossier_id: Uuid,
    /// Lý do không chuyển giao được. Why it stays where it is: `DOSSIER_UNREADABLE` where its events cannot be read.
    pub problems: Vec<Problem>,
}

/// Lý do không thực hiện. Why something was not done. The code is stable and never translated.
#[derive(Clone, Interface)]
#[expect(clippy::duplicated_attributes, reason = "two fields of one type")]
#[graphql(
    field(name = "code", ty = "String", desc = "Mã lỗi. Stable, in capitals, for programs."),
    field(
        name = "message",
        ty = "String",
        desc = "Nội dung lỗi. For people, in the language of the request."
    )
)]
pub enum Problem {
    VersionConflict(VersionConflict),
    InvalidTransition(InvalidTransition),
    InvalidInput(InvalidInput),
    UnreadableDefinition(UnreadableDefinition),
    DraftHasErrors(DraftHasErrors),
    Refusal(Refusal),
}

/// Hồ sơ hoặc thủ tục đã thay đổi. Somebody else has changed it since the client saw it.
#[derive(Clone, SimpleObject)]
pub struct VersionConflict {
    pub code: String,
    pub message: String,
    /// Phiên bản đã xem. The version that the client saw.
    pub expected: i64,
    /// Phiên bản hiện tại. The version that it has.
    pub actual: i64,
    /// Các thao tác từ đó. Who did what since.
    pub since: Vec<ConflictingEvent>,
}

/// Thao tác đã thực hiện trong lúc đó. What somebody did since the version that the client saw.
#[derive(Clone, SimpleObject)]
pub struct ConflictingEvent {
    /// Phiên bản sau thao tác. The version with it.
    pub version: i64,
    /// Loại sự kiện. The pinned name, such as `dossier.received.v1`.
    pub event_type: String,
    /// Thời điểm thực hiện. When it happened.
    pub occurred_at: DateTime<FixedOffset>,
    /// Tài khoản của người thực hiện. Id of who did it.
    pub actor: Uuid,
    /// Cơ quan của người thực hiện. For which agency they acted.
    pub acting_for: Agency,
}

/// Thao tác không phù hợp với trạng thái hồ sơ. The command does not fit the dossier's state.
#[derive(Clone, SimpleObject)]
pub struct InvalidTransition {
    pub code: String,
    pub message: String,
    /// Trạng thái hiện tại của hồ sơ. Where the dossier stands.
    pub stage: DossierStage,
    /// Thao tác đã yêu cầu. Name of the command.
    pub command: String,
}

/// Bản thảo còn lỗi. The draft cannot be published as it is.
#[derive(Clone, SimpleObject)]
pub struct DraftHasErrors {
    pub code: String,
    pub message: String,
    /// Các lỗi. All of them, warnings as well.
    pub defects: Vec<ProcedureDefect>,
}

/// Không đọc được định nghĩa quy trình. What was sent is no definition of a procedure.
#[derive(Clone, SimpleObject)]
pub struct UnreadableDefinition {
    pub code: String,
    pub message: String,
    /// Các vị trí không đọc được. Every field that is not known, up to 100; or the first that does not hold what it
    /// should.
    pub places: Vec<UnreadablePlace>,
}

/// Một vị trí không đọc được. Where, and why.
#[derive(Clone, SimpleObject)]
pub struct UnreadablePlace {
    /// Vị trí. Within the definition: `steps.0.tasks.1.half_days`; empty for the whole of it.
    pub path: String,
    /// Lý do. Why it cannot be read there.
    pub reason: String,
}

/// Nội dung gửi lên không hợp lệ. A field does not hold what it should.
#[derive(Clone, SimpleObject)]
pub struct InvalidInput {
    pub code: String,
    pub message: String,
    /// Trường không hợp lệ. Name of the field.
    pub field: String,
}

/// Lý do khác. Any other rule that says no.
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
            stream_version: Some(done.version.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            Ok(AgencyPayload { agency_id: None, stream_version: None, position: None, problems })
        }
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}

pub(super) async fn of_permission_group(
    ctx: &Context<'_>,
    outcome: Result<crate::service::Done, ServiceError>,
) -> Result<PermissionGroupPayload> {
    let (done, problems) = match outcome {
        Ok(done) => (Some(done), Vec::new()),
        Err(ServiceError::Problem(found)) => (None, problems(ctx, found).await?),
        Err(ServiceError::Failure(failure)) => return Err(of_failure(&failure)),
    };
    let position = done.map(|done| PositionText(done.position));
    Ok(PermissionGroupPayload { stream_version: done.map(|done| done.version.0), position, problems })
}

pub(super) async fn of_account(
    ctx: &Context<'_>,
    outcome: Result<AccountDone, ServiceError>,
) -> Result<AccountPayload> {
    match outcome {
        Ok(AccountDone { account, grant, done }) => Ok(AccountPayload {
            account_id: Some(account.0),
            grant_id: grant.map(|grant| grant.0),
            stream_version: Some(done.version.0),
            position: Some(PositionText(done.position)),
            problems: Vec::new(),
        }),
        Err(ServiceError::Problem(found)) => {
            let problems = problems(ctx, found).await?;
            let (account_id, grant_id, stream_version, position) = (None, None, None, None);
            Ok(AccountPayload { account_id, grant_id, stream_version, position, problems })
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
    let (done, problems) = match outcome {
        Ok(done) => (Some(done), Vec::new()),
        Err(ServiceError::Problem(found)) => (None, problems(ctx, found).await?),
        Err(ServiceError::Failure(failure)) => return Err(of_failure(&failure)),
    };
    let position = done.map(|done| PositionText(done.position));
    Ok(CalendarPayload { stream_version: done.map(|done| done.version.0), position, problems })
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
        Ok(outcome) => {
            let failed = outcome.failed.iter().map(|failed| failed.dossier_id).collect();
            let mut failures = Vec::with_capacity(outcome.failed.len());
            for NotCarried { dossier_id, problem } in outcome.failed {
                failures.push(CarryOverFailure { dossier_id, problems: problems(ctx, problem).await? });
            }
            Ok(CarryOverPayload {
                carried: i64::try_from(outcome.carried).unwrap_or(i64::MAX),
                remaining: outcome.remaining,
                failed,
                failures,
                problems: Vec::new(),
            })
        }
        Err(ServiceError::Problem(found)) => Ok(CarryOverPayload {
            carried: 0,
            remaining: true,
            failed: Vec::new(),
            failures: Vec::new(),
            problems: problems(ctx, found).await?,
        }),
        Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
    }
}
