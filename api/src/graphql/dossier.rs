//! A dossier, as those who may know of it see it.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::{self, Stage as DomainStage};
use domain::identity::DossierId;
use domain::private::{Private, SealedToken};
use domain::recorded::Version;
use infrastructure::event_store::instant;
use projections::dossier_summary::DossierSummary;
use uuid::Uuid;

use super::ContextExt;
use super::applicants::{Application, Of};
use super::execution::Execution;
use super::files::AttachedFile;
use super::history::HistoryEvent;
use super::loaders::{ActsOn, DisclosedTo, HistoryOf, NoticesOf, SynchronisationOf};
use super::objects::{Agency, Procedure, local, local_micros};
use super::obligations::Obligation;
use super::reminders::Reminder;
use super::stage::DossierStage;
use super::synchronisation::Synchronisation;
use crate::input::Vnd;
use crate::messages::Language;
use crate::service::{self, HistoryEntry, Names, PersonalField, Shown, may_have_opened};

/// Hồ sơ. One application under one procedure, with one code for life.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Dossier {
    /// Mã định danh trong hệ thống. Id for `node`; what people read is `code`.
    pub id: ID,
    /// Mã số hồ sơ (MaHoSo). Agency code, local date and number of the day: `000.00.16.H42-190805-0001`.
    pub code: String,
    /// Trạng thái hồ sơ (TrangThaiHoSo). Where it stands; finer than the national codes.
    pub stage: DossierStage,
    /// Mã trạng thái hồ sơ quốc gia (TrangThaiHoSo). From 1 to 10.
    pub national_code: u8,
    /// Kênh thực hiện (KenhThucHien). ONLINE, COUNTER, POST, EMAIL or INTERNAL.
    pub channel: String,
    /// Loại đối tượng (LoaiDoiTuong). CITIZEN, ENTERPRISE, STATE_AGENCY or OTHER_ORGANISATION.
    pub applicant_kind: String,
    /// Phiên bản thủ tục áp dụng. The version of the procedure that the dossier keeps.
    pub procedure_version: i64,
    /// Ngày nộp hồ sơ (NgayNopHoSo). When it entered the system.
    pub submitted_at: DateTime<FixedOffset>,
    /// Ngày tiếp nhận (NgayTiepNhan). When it was received, and the clock started; null before.
    pub received_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả ghi trên giấy tiếp nhận (NgayHenTra). As given at receipt, and never moved. Null before receipt,
    /// and without an appointment.
    pub due_at_original: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả theo quy định (NgayHenTra). As the law measures: the original, moved by pauses only. Null before
    /// receipt, and without an appointment.
    pub legal_due_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả hiện tại (NgayHenTra). As promised now: moved by pauses and by an extension. Null before receipt,
    /// and without an appointment.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Thời điểm bắt đầu tạm dừng. Since when the clock stands still; null while it does not.
    pub paused_since: Option<DateTime<FixedOffset>>,
    /// Hạn chờ trả lời, bổ sung hoặc nộp tiền. Until when somebody is waited for: the office with its answer, the
    /// applicant with a supplement or a payment; null where nobody is.
    pub answer_by: Option<DateTime<FixedOffset>>,
    /// Số lần yêu cầu bổ sung sau tiếp nhận. How often a supplement was asked for after receipt.
    pub supplements: i64,
    /// Số lần gia hạn. How often the appointment was put off.
    pub extensions: i64,
    /// Quá trình trình, duyệt, ký, phát hành. How far the decision has come: NONE, PROPOSED, APPROVED, SIGNED or
    /// ISSUED.
    pub approval: String,
    /// Trạng thái tài chính. NONE, DUE, SETTLED or REFUNDED.
    pub financial_state: String,
    /// Trạng thái trả kết quả. NONE, READY, ANNOUNCED or RETURNED.
    pub delivery: &'static str,
    /// Ngày kết thúc xử lý (NgayKetThucXuLy). When the outcome was decided, and the clock ended; null before.
    pub ended_at: Option<DateTime<FixedOffset>>,
    /// Kết quả giải quyết. GRANTED or DECLINED; null until it is decided.
    pub outcome: Option<String>,
    /// Ngày trả kết quả (NgayTra). When the applicant got the result; null before.
    pub returned_at: Option<DateTime<FixedOffset>>,
    /// Ngày từ chối tiếp nhận (NgayTuChoi). Null where it was not refused.
    pub refused_at: Option<DateTime<FixedOffset>>,
    /// Ngày công dân rút hồ sơ. When the applicant took it back; null where it was not.
    pub withdrawn_at: Option<DateTime<FixedOffset>>,
    /// Ngày dừng giải quyết. When processing ended without a result; null where it did not.
    pub stopped_at: Option<DateTime<FixedOffset>>,
    /// Số công việc đã hoàn thành. How many tasks were done.
    pub activities: i64,
    /// Số điểm bất thường khi chuyển đổi dữ liệu. Oddities of the system it was taken over from; 0 where it was filed
    /// here.
    pub anomalies: i64,
    /// Phiên bản của hồ sơ. How many events it has; pass it as `expectedVersion`.
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

/// Nơi đang giữ hồ sơ, người đang xử lý. Who has a dossier in hand.
#[derive(Clone, Debug, SimpleObject)]
pub struct Holder {
    /// Cơ quan đang giữ. The agency that has it.
    pub agency: Agency,
    /// Mã phòng, bộ phận đang giữ. Code of the unit that has it; null where it was given to none.
    pub unit: Option<String>,
    /// Cán bộ được phân công. Id of the officer it is assigned to; null where it is assigned to none.
    pub assignee: Option<Uuid>,
}

/// Ý kiến đang chờ. An opinion that was asked for and not given yet.
#[derive(Clone, Debug, SimpleObject)]
pub struct PendingOpinion {
    /// Số thứ tự trong hồ sơ. Within the dossier, from 1.
    pub number: u32,
    /// Cơ quan được lấy ý kiến. The agency that was asked.
    pub from: Agency,
}

// What is asked of each dossier by itself may be null: it is so because of an error with that one, and the list that it is in
// stays.
#[ComplexObject]
impl Dossier {
    /// Thủ tục hành chính (MaTTHC). What was applied for, as the procedure is named now.
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Procedure> {
        Ok(Procedure::named(&*ctx.names().await?, self.row.procedure_id))
    }

    /// Nơi tiếp nhận. The agency that takes it in and hands the result out.
    async fn receiving_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.receiving_agency))
    }

    /// Cơ quan có thẩm quyền giải quyết. The agency that decides.
    async fn competent_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.competent_agency))
    }

    /// Nơi hỗ trợ. The agency that helped to file it; null where none did.
    async fn supporting_agency(&self, ctx: &Context<'_>) -> Result<Option<Agency>> {
        let names = ctx.names().await?;
        Ok(self.row.supporting_agency.map(|id| Agency::named(&names, id)))
    }

    /// Nơi đang giữ hồ sơ. Who has it in hand; null where nobody has.
    async fn holder(&self, ctx: &Context<'_>) -> Result<Option<Holder>> {
        let names = ctx.names().await?;
        Ok(self.row.holder_agency.map(|id| Holder {
            agency: Agency::named(&names, id),
            unit: self.row.holder_unit.clone(),
            assignee: self.row.assignee,
        }))
    }

    /// Cơ quan đang được chuyển đến. The agency that it was sent to, and that has not taken it yet; null where it is
    /// not on its way.
    async fn transit_agency(&self, ctx: &Context<'_>) -> Result<Option<Agency>> {
        let names = ctx.names().await?;
        Ok(self.row.transit_agency.map(|id| Agency::named(&names, id)))
    }

    /// Các ý kiến đang chờ. Opinions that were asked for and not given yet.
    async fn pending_opinions(&self, ctx: &Context<'_>) -> Result<Vec<PendingOpinion>> {
        let names = ctx.names().await?;
        let opinion = |(number, from)| PendingOpinion { number, from: Agency::named(&names, from) };
        Ok(self.row.consulted().map(opinion).collect())
    }

    /// Các nghĩa vụ tài chính. What is to be paid and was paid.
    async fn obligations(&self) -> Vec<Obligation> {
        self.row.finance.0.obligations.iter().map(Into::into).collect()
    }

    /// Số tiền còn phải nộp. What is due of all obligations together.
    async fn outstanding(&self) -> Vnd {
        Vnd(self.row.finance.0.outstanding_vnd())
    }

    /// Tên chủ hồ sơ (ChuHoSo). Masked unless the caller may read personal data.
    async fn applicant_name(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.private(ctx, &self.row.applicant_name, PersonalField::ApplicantName).await.map(Some)
    }

    /// Trích yếu hồ sơ (TrichYeuHoSo). Masked unless the caller may read personal data; null where none was given.
    async fn subject(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        match &self.row.subject {
            Some(subject) => self.private(ctx, subject, PersonalField::Subject).await.map(Some),
            None => Ok(None),
        }
    }

    /// Hồ sơ đã nộp. What was handed in, and by whom; masked unless the caller may read personal data.
    #[graphql(complexity = "10 + child_complexity")]
    async fn application(&self, ctx: &Context<'_>) -> Result<Option<Application>> {
        let history = self.events(ctx).await?;
        let of = self.of(ctx).await?;
        Ok(service::application(&history).map(|application| Application { of, application }))
    }

    /// Kết quả so với hạn theo quy định. EARLY, ON_TIME or LATE by the law's due instant; null until the processing
    /// has ended.
    async fn timeliness(&self) -> Option<Timeliness> {
        self.timeliness_by(self.row.legal_due_at)
    }

    /// Kết quả so với hạn đã hẹn. The same by what was promised last: an extension counts.
    async fn timeliness_as_promised(&self) -> Option<Timeliness> {
        self.timeliness_by(self.row.due_at)
    }

    /// Đúng hạn theo QĐ 766/QĐ-TTg (chỉ số 2.1), now: more than one request for a supplement counts as late. Null
    /// before receipt.
    async fn on_time_by_decision_766(&self, ctx: &Context<'_>) -> Option<bool> {
        let now = ctx.service().clock().now();
        self.row.measure().map(|measure| measure.is_on_time(now))
    }

    /// Diễn giải hạn trả kết quả. Day by day, over every pause and extension, in the language of the request.
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

    /// Hạn từng bước. When each task is due, beside the whole.
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

    /// Đồng bộ với Cổng Dịch vụ công quốc gia. What the portal has of it, beside what it is.
    #[graphql(complexity = "1 + 2 * child_complexity")]
    async fn synchronisation(&self, ctx: &Context<'_>) -> Result<Option<Synchronisation>> {
        let of = ctx.load(SynchronisationOf(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(Synchronisation::new(of, Version(self.row.stream_version))))
    }

    /// Nhắc việc. Which officials were to be told of its deadlines, and whether it reached them. The oldest first.
    #[graphql(complexity = "1 + 2 * child_complexity")]
    async fn reminders(&self, ctx: &Context<'_>) -> Result<Option<Vec<Reminder>>> {
        let notices = ctx.load(NoticesOf(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(notices.into_iter().filter_map(Reminder::of).collect()))
    }

    /// Các thao tác được phép. What the caller can do with it as it stands, by the rules that decide. What exactly is
    /// asked may still be refused.
    #[graphql(complexity = 10)]
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Option<Vec<&'static str>>> {
        let acts = ctx.load(ActsOn(self.dossier_id())).await?.unwrap_or_default();
        Ok(Some(acts.into_iter().map(dossier::Act::name).collect()))
    }

    /// Hồ sơ tại một thời điểm. As it was then, by what the log knew at another instant. Null before it was filed, or
    /// known.
    #[graphql(complexity = 10)]
    async fn at(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Thời điểm nghiệp vụ. Business time; now if absent.")] as_of: Option<
            DateTime<FixedOffset>,
        >,
        #[graphql(desc = "Thời điểm ghi nhận. Recorded time; now if absent.")] known_at: Option<
            DateTime<FixedOffset>,
        >,
    ) -> Result<Option<DossierState>> {
        let when = (as_of.map(|at| at.to_utc()), known_at.map(|at| at.to_utc()));
        let found = ctx.service().dossier_at(&self.events(ctx).await?, when);
        let names = ctx.names().await?;
        Ok(found.map(|filed| DossierState::new(&names, &filed)))
    }

    /// Tệp tin đính kèm. Digitised papers and results, oldest first. Their content is at
    /// `/dossiers/{dossier id}/files/{file id}`.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn files(&self, ctx: &Context<'_>) -> Result<Option<Vec<AttachedFile>>> {
        let history = self.events(ctx).await?;
        let shown = self.shown(ctx).await?;
        let files = ctx.service().files_of(self.dossier_id(), &history, shown).await;
        let files = files.map_err(|error| ctx.error(error))?;
        if files.iter().any(|file| file.name.is_some()) && ctx.look_ahead().field("name").exists() {
            let execution = ctx.data::<Execution>()?;
            execution.expose(self.dossier_id(), shown, PersonalField::FileName);
        }
        Ok(Some(files.into_iter().map(Into::into).collect()))
    }

    /// Quá trình giải quyết. Everything that happened, oldest first.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Option<Vec<HistoryEvent>>> {
        let (history, names) = (self.events(ctx).await?, ctx.names().await?);
        let of = self.of(ctx).await?;
        let event = |at: usize| HistoryEvent::new(&names, &history, at, of);
        Ok(Some((0..history.len()).map(event).collect()))
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

    async fn of(&self, ctx: &Context<'_>) -> Result<Of> {
        Ok(Of { dossier: self.dossier_id(), shown: self.shown(ctx).await?, is_recorded: true })
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
        let token = Private::Sealed(SealedToken::from_text(token));
        let text = self.of(ctx).await?.text(ctx, "dossier.submitted.v1", Some(&token), field).await?;
        Ok(text.unwrap_or_default())
    }
}

/// Hồ sơ tại một thời điểm. A dossier as it was at an instant.
#[derive(Clone, Debug, SimpleObject)]
pub struct DossierState {
    /// Trạng thái hồ sơ lúc đó. Where it stood.
    pub stage: DossierStage,
    /// Mã trạng thái hồ sơ quốc gia (TrangThaiHoSo). From 1 to 10.
    pub national_code: u8,
    /// Ngày hẹn trả lúc đó (NgayHenTra). As it was promised; null before receipt, and without an appointment.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả theo quy định lúc đó (NgayHenTra). As the law measured; null before receipt, and without an
    /// appointment.
    pub legal_due_at: Option<DateTime<FixedOffset>>,
    /// Cơ quan có thẩm quyền giải quyết. The agency that was to decide.
    pub competent_agency: Agency,
    /// Nơi giữ hồ sơ lúc đó. Who had it in hand; null where nobody had.
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

/// Hạn của một công việc. A task of the procedure version that the dossier keeps.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlannedTask {
    /// Mã công việc. The code that `completeStep` takes.
    pub task: String,
    /// Tên công việc. In Vietnamese, as in the procedure.
    pub name: String,
    /// Nhóm cán bộ thực hiện. The group of officers that does it.
    pub group: String,
    /// Hạn hoàn thành (NgayKetThucTheoQuyDinh). When the task is due; null where the procedure gives it no time.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Thời điểm hoàn thành. When it was done last; null where it was not.
    pub done_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả thông báo nghĩa vụ tài chính. The tax notice is due with this task.
    pub is_notice: bool,
}

/// Một bước trong diễn giải thời hạn. One step of the way to a due instant.
#[derive(Clone, Debug, SimpleObject)]
pub struct DeadlineStep {
    /// Ngày được nói đến. The local day it is about, `2024-05-06`.
    pub on: String,
    /// Diễn giải. Why the day counts or does not, in the language of the request.
    pub text: String,
}

/// Kết quả so với hạn. On time or late, of an ended dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Timeliness {
    /// Trước hạn. On an earlier day than the due day.
    Early,
    /// Đúng hạn. On the due day and not after the due instant, or without an appointment.
    OnTime,
    /// Quá hạn. After the due instant.
    Late,
}
