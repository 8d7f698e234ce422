//! What clients see.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, Interface, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::{self, Stage as DomainStage};
use domain::identity::DossierId;
use domain::recorded::Version;
use domain::time::{Instant, VIETNAM};
use infrastructure::event_store::instant;
use projections::dossier_summary::DossierSummary;
use projections::public_status::PublicStatus as PublicRow;
use uuid::Uuid;

use super::ContextExt;
use super::execution::Execution;
use super::files::AttachedFile;
use super::loaders::{ActsOn, DisclosedTo, HistoryOf, NoticesOf, PrivateText, SynchronisationOf};
use super::reminders::Reminder;
use super::synchronisation::Synchronisation;
use crate::input::{ObligationKind, PaymentMethod, Vnd};
use crate::messages::Language;
use crate::service::{HistoryEntry, Names, PersonalField, Shown, may_have_opened};

pub(super) fn local(at: Instant) -> DateTime<FixedOffset> {
    at.with_timezone(&VIETNAM)
}

pub(super) fn local_micros(at: i64) -> DateTime<FixedOffset> {
    local(instant(at))
}

/// Trạng thái nghiệp vụ của hồ sơ. In brackets the national code (TrangThaiHoSo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DossierStage {
    /// Mới đăng ký (1).
    Submitted,
    /// Chờ bổ sung trước tiếp nhận (1).
    AwaitingIntakeSupplement,
    /// Không được tiếp nhận (3).
    Refused,
    /// Được tiếp nhận (2).
    Received,
    /// Đang xử lý (4).
    InProgress,
    /// Yêu cầu bổ sung giấy tờ (5); the clock stands still.
    AwaitingSupplement,
    /// Yêu cầu thực hiện nghĩa vụ tài chính (6); the clock stands still.
    AwaitingPayment,
    /// Đang xử lý, tạm dừng tính thời hạn (4): public posting, another agency's part.
    OnHold,
    /// Tạm dừng theo quyết định (8); it goes on later.
    Suspended,
    /// Dừng xử lý (8).
    Stopped,
    /// Đã xử lý xong (9).
    Finished,
    /// Đã trả kết quả (10).
    Returned,
    /// Công dân yêu cầu rút hồ sơ (7).
    Withdrawn,
}

macro_rules! stages {
    ($($variant:ident => $vietnamese:literal,)+) => {
        impl From<DomainStage> for DossierStage {
            fn from(stage: DomainStage) -> Self {
                match stage { $(DomainStage::$variant => Self::$variant,)+ }
            }
        }

        impl From<DossierStage> for DomainStage {
            fn from(stage: DossierStage) -> Self {
                match stage { $(DossierStage::$variant => Self::$variant,)+ }
            }
        }

        /// The national name of a stage (TrangThaiHoSo).
        pub(crate) fn vietnamese(stage: DomainStage) -> &'static str {
            match stage { $(DomainStage::$variant => $vietnamese,)+ }
        }
    };
}

stages! {
    Submitted => "Mới đăng ký",
    AwaitingIntakeSupplement => "Mới đăng ký",
    Refused => "Không được tiếp nhận",
    Received => "Được tiếp nhận",
    InProgress => "Đang xử lý",
    AwaitingSupplement => "Yêu cầu bổ sung giấy tờ",
    AwaitingPayment => "Yêu cầu thực hiện nghĩa vụ tài chính",
    OnHold => "Đang xử lý",
    Suspended => "Dừng xử lý",
    Stopped => "Dừng xử lý",
    Finished => "Đã xử lý xong",
    Returned => "Đã trả kết quả",
    Withdrawn => "Công dân yêu cầu rút hồ sơ",
}

/// What `node` finds by an id that an earlier answer gave. Ids are UUIDs, and no two things share one.
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "id", ty = "&ID"))]
#[expect(clippy::large_enum_variant, reason = "one of a request")]
pub enum Node {
    Agency(Agency),
    Procedure(Procedure),
    Dossier(Dossier),
}

/// Cơ quan.
#[derive(Clone, Debug, SimpleObject)]
pub struct Agency {
    pub id: ID,
    /// QCVN 102:2016/BTTTT.
    pub code: String,
    /// QĐ 20/2020/QĐ-TTg.
    pub national_code: Option<String>,
    pub name: String,
    /// The agency above it.
    pub parent_id: Option<Uuid>,
    /// It is not known to end: no other has its place.
    pub lasts: bool,
}

impl Agency {
    pub(super) fn of(row: &projections::agency_directory::AgencyDirectory) -> Self {
        Self {
            id: row.agency_id.into(),
            code: row.code.clone(),
            national_code: row.national_code.clone(),
            name: row.name.clone(),
            parent_id: row.parent_id,
            lasts: row.lasts(),
        }
    }

    /// By id; an agency that the directory does not know yet has neither code nor name.
    pub(super) fn named(names: &Names, id: Uuid) -> Self {
        match names.agencies.get(&id) {
            Some(row) => Self::of(row),
            None => Self {
                id: id.into(),
                code: String::new(),
                national_code: None,
                name: String::new(),
                parent_id: None,
                lasts: true,
            },
        }
    }
}

/// Thủ tục hành chính.
#[derive(Clone, Debug, SimpleObject)]
pub struct Procedure {
    pub id: ID,
    /// MaTTHC.
    pub code: String,
    /// TenTTHC.
    pub name: String,
    /// Lĩnh vực.
    pub field: Option<String>,
    /// Version in force; null while there are drafts only.
    pub version: Option<i64>,
}

impl Procedure {
    pub(super) fn named(names: &Names, id: Uuid) -> Self {
        match names.procedures.get(&id) {
            Some(row) => Self {
                id: id.into(),
                code: row.code.clone(),
                name: row.name.clone(),
                field: row.field.clone(),
                version: row.version,
            },
            None => {
                Self { id: id.into(), code: String::new(), name: String::new(), field: None, version: None }
            }
        }
    }
}

/// Who has a dossier in hand.
#[derive(Clone, Debug, SimpleObject)]
pub struct Holder {
    pub agency: Agency,
    pub unit: Option<String>,
    /// The officer it is assigned to.
    pub assignee: Option<Uuid>,
}

/// Hồ sơ.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Dossier {
    pub id: ID,
    /// MaHoSo.
    pub code: String,
    pub stage: DossierStage,
    /// TrangThaiHoSo, 1 to 10.
    pub national_code: u8,
    /// KenhThucHien: ONLINE, COUNTER, POST, EMAIL or INTERNAL.
    pub channel: String,
    /// LoaiDoiTuong: CITIZEN, ENTERPRISE, STATE_AGENCY or OTHER_ORGANISATION.
    pub applicant_kind: String,
    /// The version of the procedure that the dossier keeps.
    pub procedure_version: i64,
    /// NgayNopHoSo.
    pub submitted_at: DateTime<FixedOffset>,
    /// NgayTiepNhan.
    pub received_at: Option<DateTime<FixedOffset>>,
    /// NgayHenTra as given at receipt.
    pub due_at_original: Option<DateTime<FixedOffset>>,
    /// NgayHenTra as the law measures: the original, moved by pauses only.
    pub legal_due_at: Option<DateTime<FixedOffset>>,
    /// NgayHenTra as promised now: moved by pauses and by an extension.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Since when the clock stands still.
    pub paused_since: Option<DateTime<FixedOffset>>,
    /// Until when somebody is waited for: the office with its answer, the applicant with a supplement or a payment.
    pub answer_by: Option<DateTime<FixedOffset>>,
    /// How often a supplement was asked for after receipt.
    pub supplements: i64,
    /// How often the appointment was put off.
    pub extensions: i64,
    /// How far the decision has come: NONE, PROPOSED, APPROVED, SIGNED or ISSUED.
    pub approval: String,
    /// Trạng thái tài chính: NONE, DUE, SETTLED or REFUNDED.
    pub financial_state: String,
    /// Trạng thái trả kết quả: NONE, READY, ANNOUNCED or RETURNED.
    pub delivery: &'static str,
    /// NgayKetThucXuLy.
    pub ended_at: Option<DateTime<FixedOffset>>,
    /// GRANTED or DECLINED.
    pub outcome: Option<String>,
    /// NgayTra.
    pub returned_at: Option<DateTime<FixedOffset>>,
    /// NgayTuChoi.
    pub refused_at: Option<DateTime<FixedOffset>>,
    pub withdrawn_at: Option<DateTime<FixedOffset>>,
    /// Dừng giải quyết.
    pub stopped_at: Option<DateTime<FixedOffset>>,
    /// Tasks done.
    pub activities: i64,
    /// Oddities of the system it was taken over from.
    pub anomalies: i64,
    /// Pass it as `expectedVersion`.
    pub version: i64,
    #[graphql(skip)]
    pub row: DossierSummary,
}

impl Dossier {
    pub(super) fn new(row: DossierSummary) -> Self {
        let stage = row.stage;
        Self {
            id: row.dossier_id.into(),
            code: row.code.clone(),
            stage: stage.into(),
            national_code: stage.national_code(),
            channel: row.channel.clone(),
            applicant_kind: row.applicant_kind.clone(),
            procedure_version: row.procedure_version,
            submitted_at: local_micros(row.submitted_at),
            received_at: row.received_at.map(local_micros),
            due_at_original: row.due_at_original.map(local_micros),
            legal_due_at: row.legal_due_at.map(local_micros),
            due_at: row.due_at.map(local_micros),
            paused_since: row.paused_since.filter(|_| stage.is_paused()).map(local_micros),
            answer_by: row.answer_by.filter(|_| waits(stage)).map(local_micros),
            supplements: row.supplements,
            extensions: row.extensions,
            approval: row.approval.clone(),
            financial_state: row.financial_state.clone(),
            delivery: delivery(&row),
            ended_at: row.ended_at.map(local_micros),
            outcome: row.outcome.clone(),
            returned_at: row.returned_at.map(local_micros),
            refused_at: row.refused_at.map(local_micros),
            withdrawn_at: row.withdrawn_at.map(local_micros),
            stopped_at: row.stopped_at.map(local_micros),
            activities: row.activities,
            anomalies: row.anomalies,
            version: row.stream_version,
            row,
        }
    }
}

/// Somebody is waited for.
fn waits(stage: DomainStage) -> bool {
    stage.is_paused() || matches!(stage, DomainStage::Submitted | DomainStage::AwaitingIntakeSupplement)
}

fn delivery(row: &DossierSummary) -> &'static str {
    match row.stage {
        DomainStage::Returned => "RETURNED",
        DomainStage::Finished if 0 < row.announced => "ANNOUNCED",
        DomainStage::Finished => "READY",
        _ => "NONE",
    }
}

/// Nghĩa vụ tài chính.
#[derive(Clone, Debug, SimpleObject)]
pub struct Obligation {
    /// Within the dossier, from 1.
    pub number: u32,
    pub kind: ObligationKind,
    pub amount: Vnd,
    pub outstanding: Vnd,
    pub waived: bool,
    pub payments: Vec<Payment>,
}

/// Giao dịch thanh toán.
#[derive(Clone, Debug, SimpleObject)]
pub struct Payment {
    pub order: String,
    pub amount: Vnd,
    pub method: PaymentMethod,
    pub refunded: bool,
}

impl From<&dossier::Obligation> for Obligation {
    fn from(obligation: &dossier::Obligation) -> Self {
        Self {
            number: obligation.number,
            kind: obligation.kind.into(),
            amount: Vnd(obligation.amount_vnd),
            outstanding: Vnd(obligation.outstanding_vnd()),
            waived: obligation.waived,
            payments: obligation
                .payments
                .iter()
                .map(|payment| Payment {
                    order: payment.order.to_string(),
                    amount: Vnd(payment.amount_vnd),
                    method: payment.method.into(),
                    refunded: payment.refunded,
                })
                .collect(),
        }
    }
}

/// An opinion that is waited for.
#[derive(Clone, Debug, SimpleObject)]
pub struct PendingOpinion {
    /// Within the dossier, from 1.
    pub number: u32,
    pub from: Agency,
}

// What is asked of each dossier by itself may be null: it is so because of an error with that one, and the list that it is in
// stays.
#[ComplexObject]
impl Dossier {
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Procedure> {
        Ok(Procedure::named(&*ctx.names().await?, self.row.procedure_id))
    }

    /// Nơi tiếp nhận.
    async fn receiving_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.receiving_agency))
    }

    /// Cơ quan có thẩm quyền giải quyết.
    async fn competent_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.competent_agency))
    }

    /// Nơi hỗ trợ.
    async fn supporting_agency(&self, ctx: &Context<'_>) -> Result<Option<Agency>> {
        let names = ctx.names().await?;
        Ok(self.row.supporting_agency.map(|id| Agency::named(&names, id)))
    }

    async fn holder(&self, ctx: &Context<'_>) -> Result<Option<Holder>> {
        let names = ctx.names().await?;
        Ok(self.row.holder_agency.map(|id| Holder {
            agency: Agency::named(&names, id),
            unit: self.row.holder_unit.clone(),
            assignee: self.row.assignee,
        }))
    }

    /// Where it is on its way to.
    async fn transit_agency(&self, ctx: &Context<'_>) -> Result<Option<Agency>> {
        let names = ctx.names().await?;
        Ok(self.row.transit_agency.map(|id| Agency::named(&names, id)))
    }

    /// Opinions that are waited for.
    async fn pending_opinions(&self, ctx: &Context<'_>) -> Result<Vec<PendingOpinion>> {
        let names = ctx.names().await?;
        let opinion = |(number, from)| PendingOpinion { number, from: Agency::named(&names, from) };
        Ok(self.row.consulted().map(opinion).collect())
    }

    /// What is to be paid and was paid.
    async fn obligations(&self) -> Vec<Obligation> {
        self.row.finance.0.obligations.iter().map(Into::into).collect()
    }

    /// Còn phải nộp.
    async fn outstanding(&self) -> Vnd {
        Vnd(self.row.finance.0.outstanding_vnd())
    }

    /// ChuHoSo; masked unless the caller may read personal data.
    async fn applicant_name(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.private(ctx, &self.row.applicant_name, PersonalField::ApplicantName).await.map(Some)
    }

    /// TrichYeuHoSo; masked unless the caller may read personal data.
    async fn subject(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        match &self.row.subject {
            Some(subject) => self.private(ctx, subject, PersonalField::Subject).await.map(Some),
            None => Ok(None),
        }
    }

    /// EARLY, ON_TIME or LATE, of a dossier whose processing has ended, by the law's due instant.
    async fn timeliness(&self) -> Option<Timeliness> {
        self.timeliness_by(self.row.legal_due_at)
    }

    /// The same by what was promised last: an extension counts.
    async fn timeliness_as_promised(&self) -> Option<Timeliness> {
        self.timeliness_by(self.row.due_at)
    }

    /// Đúng hạn theo QĐ 766/QĐ-TTg (chỉ số 2.1), now: more than one request for a supplement counts as late. Null
    /// before receipt.
    async fn on_time_by_decision_766(&self, ctx: &Context<'_>) -> Option<bool> {
        let now = ctx.service().clock().now();
        self.row.measure().map(|measure| measure.is_on_time(now))
    }

    /// Diễn giải hạn trả kết quả, day by day, over every pause and extension, in the language of the request.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn explain_deadline(&self, ctx: &Context<'_>) -> Result<Option<Vec<DeadlineStep>>> {
        let history = self.events(ctx).await?;
        let told = ctx.service().explain_deadline(&history).await.map_err(|error| ctx.error(error))?;
        let step = |step: dossier::Explained| DeadlineStep {
            on: step.on.to_string(),
            text: match ctx.request().language {
                Language::Vietnamese => step.vietnamese,
                Language::English => step.english,
            },
        };
        Ok(Some(told.into_iter().map(step).collect()))
    }

    /// Hạn từng bước: when each task is due, beside the whole.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn schedule(&self, ctx: &Context<'_>) -> Result<Option<Vec<PlannedTask>>> {
        let history = self.events(ctx).await?;
        let planned = ctx.service().schedule(&history).await.map_err(|error| ctx.error(error))?;
        let task = |planned: dossier::Planned| PlannedTask {
            task: planned.task.to_string(),
            name: planned.name,
            group: planned.group,
            due_at: planned.due_at.map(local),
            done_at: planned.done_at.map(local),
            is_notice: planned.is_notice,
        };
        Ok(Some(planned.into_iter().map(task).collect()))
    }

    /// Đồng bộ với Cổng Dịch vụ công quốc gia: what the portal has of it, beside what it is.
    #[graphql(complexity = "1 + 2 * child_complexity")]
    async fn synchronisation(&self, ctx: &Context<'_>) -> Result<Option<Synchronisation>> {
        let of = ctx.load(SynchronisationOf(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(Synchronisation::new(of, Version(self.row.stream_version))))
    }

    /// Nhắc việc: which officials were to be told of its deadlines, and whether it reached them. The oldest first.
    #[graphql(complexity = "1 + 2 * child_complexity")]
    async fn reminders(&self, ctx: &Context<'_>) -> Result<Option<Vec<Reminder>>> {
        let notices = ctx.load(NoticesOf(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(notices.into_iter().filter_map(Reminder::of).collect()))
    }

    /// What the caller can do with it as it stands, by the rules that decide. What exactly is asked may still be refused.
    #[graphql(complexity = 10)]
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Option<Vec<&'static str>>> {
        let acts = ctx.load(ActsOn(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(acts.into_iter().map(dossier::Act::name).collect()))
    }

    /// Hồ sơ tại một thời điểm: as it was then, by what the log knew at another instant. Null before it was filed, or
    /// known.
    #[graphql(complexity = 10)]
    async fn at(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Business time; now if absent.")] as_of: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "Recorded time; now if absent.")] known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Option<DossierState>> {
        let when = (as_of.map(|at| at.to_utc()), known_at.map(|at| at.to_utc()));
        let found = ctx.service().dossier_at(&self.events(ctx).await?, when);
        let names = ctx.names().await?;
        Ok(found.map(|filed| DossierState::new(&names, &filed)))
    }

    /// Tệp tin đính kèm: digitised papers and results, oldest first. Their content is at
    /// `/dossiers/{dossier id}/files/{file id}`.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn files(&self, ctx: &Context<'_>) -> Result<Option<Vec<AttachedFile>>> {
        let history = self.events(ctx).await?;
        let shown = self.shown(ctx).await?;
        let files = ctx.service().files_of(self.dossier_id(), &history, shown).await;
        let files = files.map_err(|error| ctx.error(error))?;
        if files.iter().any(|file| file.name.is_some()) && ctx.look_ahead().field("name").exists() {
            let execution = ctx.data::<Execution>()?;
            execution.expose(self.dossier_id(), shown.disclosure(), PersonalField::FileName);
        }
        Ok(Some(files.into_iter().map(Into::into).collect()))
    }

    /// Everything that happened, oldest first.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Option<Vec<HistoryEvent>>> {
        let (history, names) = (self.events(ctx).await?, ctx.names().await?);
        Ok(Some(history.iter().map(|entry| HistoryEvent::new(&names, entry)).collect()))
    }
}

impl Dossier {
    fn timeliness_by(&self, due_at: Option<i64>) -> Option<Timeliness> {
        let ended_at = self.row.ended_at?;
        Some(match dossier::Timeliness::of(instant(ended_at), due_at.map(instant)) {
            dossier::Timeliness::Early => Timeliness::Early,
            dossier::Timeliness::OnTime => Timeliness::OnTime,
            dossier::Timeliness::Late => Timeliness::Late,
        })
    }

    fn dossier_id(&self) -> DossierId {
        DossierId(self.row.dossier_id)
    }

    /// What happened to it.
    async fn events(&self, ctx: &Context<'_>) -> Result<Arc<Vec<HistoryEntry>>> {
        Ok(ctx.load(HistoryOf(self.dossier_id())).await?.unwrap_or_default())
    }

    /// How its personal data is shown. What somebody has opened to themselves is asked for only where they may have.
    async fn shown(&self, ctx: &Context<'_>) -> Result<Shown> {
        let caller = ctx.caller()?;
        let shown = Shown::to(caller, &self.row);
        if shown == Shown::Masked && may_have_opened(caller, &self.row) {
            let disclosed = ctx.load(DisclosedTo(self.dossier_id())).await?;
            return Ok(disclosed.map_or(Shown::Masked, Shown::Disclosed));
        }
        Ok(shown)
    }

    async fn private(&self, ctx: &Context<'_>, token: &str, field: PersonalField) -> Result<String> {
        let shown = self.shown(ctx).await?;
        let text = PrivateText { dossier: self.dossier_id(), token: token.to_owned(), shown };
        let Some(opened) = ctx.load(text).await? else { return Ok(String::new()) };
        if opened.is_plain {
            ctx.data::<Execution>()?.expose(self.dossier_id(), shown.disclosure(), field);
        }
        Ok(opened.text)
    }
}

/// A dossier as it was at an instant.
#[derive(Clone, Debug, SimpleObject)]
pub struct DossierState {
    pub stage: DossierStage,
    /// TrangThaiHoSo, 1 to 10.
    pub national_code: u8,
    /// NgayHenTra as it was promised.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// NgayHenTra as the law measured.
    pub legal_due_at: Option<DateTime<FixedOffset>>,
    pub competent_agency: Agency,
    pub holder: Option<Holder>,
}

impl DossierState {
    fn new(names: &Names, filed: &dossier::Filed) -> Self {
        let (stage, clock) = (filed.stage(), filed.clock());
        let holder = filed.holder.as_ref().map(|holder| Holder {
            agency: Agency::named(names, holder.agency.0),
            unit: holder.unit.as_ref().map(ToString::to_string),
            assignee: holder.assignee.map(|assignee| assignee.0),
        });
        Self {
            stage: stage.into(),
            national_code: stage.national_code(),
            due_at: clock.and_then(|clock| clock.due_at).map(local),
            legal_due_at: clock.and_then(|clock| clock.legal_due_at).map(local),
            competent_agency: Agency::named(names, filed.agencies.competent.0),
            holder,
        }
    }
}

/// A task of the procedure version that the dossier keeps.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlannedTask {
    pub task: String,
    pub name: String,
    /// The group of officers that does it.
    pub group: String,
    /// Null where the procedure gives the task no time.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// When it was done last.
    pub done_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả thông báo nghĩa vụ tài chính: the tax notice is due with this task.
    pub is_notice: bool,
}

/// One step of the way to a due instant.
#[derive(Clone, Debug, SimpleObject)]
pub struct DeadlineStep {
    /// The local day it is about, `2024-05-06`.
    pub on: String,
    pub text: String,
}

/// On time or late, of an ended dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Timeliness {
    /// Trước hạn: on an earlier day than the due day.
    Early,
    /// Đúng hạn.
    OnTime,
    /// Quá hạn.
    Late,
}

/// One event of a dossier.
#[derive(Clone, Debug, SimpleObject)]
pub struct HistoryEvent {
    pub version: i64,
    /// `dossier.received.v1`
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<FixedOffset>,
    /// When the log took it.
    pub recorded_at: DateTime<FixedOffset>,
    /// Who did it.
    pub actor: Uuid,
    /// For which agency.
    pub acting_for: Agency,
    /// The state after it.
    pub stage: Option<DossierStage>,
    /// The due instant after it.
    pub due_at: Option<DateTime<FixedOffset>>,
}

impl HistoryEvent {
    fn new(names: &Names, entry: &HistoryEntry) -> Self {
        let HistoryEntry { recorded, stage, due_at } = entry;
        Self {
            version: recorded.version.0,
            event_type: recorded.event.type_name().to_owned(),
            occurred_at: local(recorded.occurred_at),
            recorded_at: local(recorded.recorded_at),
            actor: recorded.metadata.actor.0,
            acting_for: Agency::named(names, recorded.metadata.acting_as.agency.0),
            stage: stage.map(Into::into),
            due_at: due_at.map(local),
        }
    }
}

/// Tình trạng công khai của hồ sơ. What anybody may see; nothing about a person.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct PublicStatus {
    pub code: String,
    pub stage: DossierStage,
    /// TrangThaiHoSo, 1 to 10.
    pub national_code: u8,
    /// The national name of the state.
    pub stage_name: &'static str,
    pub submitted_at: DateTime<FixedOffset>,
    pub received_at: Option<DateTime<FixedOffset>>,
    pub due_at: Option<DateTime<FixedOffset>>,
    pub ended_at: Option<DateTime<FixedOffset>>,
    pub returned_at: Option<DateTime<FixedOffset>>,
    /// Đã xin lỗi, gia hạn: `dueAt` is the new appointment.
    pub extended: bool,
    #[graphql(skip)]
    row: PublicRow,
}

impl PublicStatus {
    pub(super) fn new(row: PublicRow) -> Self {
        let stage = row.stage;
        Self {
            code: row.code.clone(),
            stage: stage.into(),
            national_code: stage.national_code(),
            stage_name: vietnamese(stage),
            submitted_at: local_micros(row.submitted_at),
            received_at: row.received_at.map(local_micros),
            due_at: row.due_at.map(local_micros),
            ended_at: row.ended_at.map(local_micros),
            returned_at: row.returned_at.map(local_micros),
            extended: row.legal_due_at != row.due_at,
            row,
        }
    }
}

#[ComplexObject]
impl PublicStatus {
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Procedure> {
        Ok(Procedure::named(&*ctx.names().await?, self.row.procedure_id))
    }

    async fn receiving_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.receiving_agency))
    }

    async fn competent_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.competent_agency))
    }
}
