//! Applicants and their own dossiers: a type of its own, so that what is not in it is not for them to see.

use async_graphql::connection::{Connection, Edge, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, ID, Json, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::Act;
use domain::identity::DossierId;
use domain::private::Private;
use projections::Model;
use projections::dossier_summary::Cursor;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

use super::dossier::Dossier;
use super::execution::Execution;
use super::files::AttachedFile;
use super::loaders::{ActsOn, HistoryOf, PrivateText};
use super::objects::{Agency, Procedure, local};
use super::obligations::Obligation;
use super::query::{checked_cursor, checked_page, page_size};
use super::stage::DossierStage;
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::{ApplicantKind, Vnd};
use crate::messages::stage_name;
use crate::service::{self, HistoryEntry, PersonalField, Shown};

#[derive(Default)]
pub struct ApplicantQuery;

type MyDossierConnection = Connection<OpaqueCursor<(i64, Uuid)>, MyDossier>;

#[Object]
impl ApplicantQuery {
    /// Hồ sơ của tôi, mới nhất trước. The caller's own dossiers, and those in which they act for the applicant.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn my_dossiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Số hồ sơ của một trang. At most 100; 20 if absent.")] first: Option<i32>,
        #[graphql(desc = "Con trỏ của trang trước. The `endCursor` of the page before.")] after: Option<
            String,
        >,
        min_position: Option<PositionText>,
    ) -> Result<MyDossierConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let models = [Model::DossierSummary, Model::ApplicantDossier];
        let wait = service.wait_for(&models, min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after =
                    after.map(|OpaqueCursor((submitted_at, dossier_id))| Cursor { submitted_at, dossier_id });
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let page =
                    service.my_dossiers(caller, after, first).await.map_err(|error| ctx.error(error))?;
                let mut connection: MyDossierConnection = Connection::new(after.is_some(), page.has_more);
                for row in page.rows {
                    let place = row.cursor();
                    let cursor = OpaqueCursor((place.submitted_at, place.dossier_id));
                    connection.edges.push(Edge::new(cursor, MyDossier(Dossier::new(row))));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }

    /// Một hồ sơ của tôi. Null where it is not the caller's, as where there is none.
    async fn my_dossier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id của hồ sơ. As `submitDossier` answers it.")] id: Uuid,
        min_position: Option<PositionText>,
    ) -> Result<Option<MyDossier>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            service.wait_for(&[Model::DossierSummary], min_position.map(|position| position.0)).await?;
            service.my_dossier(caller, DossierId(id)).await
        };
        let row = load.await.map_err(|error| ctx.error(error))?;
        Ok(row.map(|row| MyDossier(Dossier::new(row))))
    }
}

/// Vai trò của người dùng trong hồ sơ. How the caller stands to the dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ApplicantRole {
    /// Chủ hồ sơ. The dossier is theirs.
    Applicant,
    /// Người được ủy quyền. They act for the applicant.
    Delegate,
}

pub struct MyDossier(Dossier);

/// Hồ sơ của tôi. What an applicant, or who acts for them, sees of a dossier.
#[Object]
impl MyDossier {
    /// Id của hồ sơ. For commands.
    async fn id(&self) -> &ID {
        &self.0.id
    }

    /// Mã hồ sơ (MaHoSo). What anybody can look the public state up by.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Vai trò của tôi. How the caller stands to it.
    #[graphql(complexity = 10)]
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<ApplicantRole>> {
        let history = self.events(ctx).await?;
        let Some(application) = service::application(&history) else { return Ok(None) };
        let is_applicant = application.applicant.account == Some(ctx.caller()?.principal.id);
        Ok(Some(if is_applicant { ApplicantRole::Applicant } else { ApplicantRole::Delegate }))
    }

    /// Thủ tục hành chính. Under which it was filed.
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Procedure> {
        Ok(Procedure::named(&*ctx.names().await?, self.0.row.procedure_id))
    }

    /// Nơi tiếp nhận. The agency that takes it in, and hands out the result.
    async fn receiving_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.0.row.receiving_agency))
    }

    /// Cơ quan có thẩm quyền giải quyết. The agency that decides.
    async fn competent_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.0.row.competent_agency))
    }

    /// Trạng thái nghiệp vụ. Where it stands.
    async fn stage(&self) -> DossierStage {
        self.0.stage
    }

    /// Trạng thái hồ sơ (TrangThaiHoSo). 1 to 10.
    async fn national_code(&self) -> u8 {
        self.0.national_code
    }

    /// Tên trạng thái. The national name of the state.
    async fn stage_name(&self) -> &'static str {
        stage_name(self.0.row.stage)
    }

    /// Ngày nộp (NgayNopHoSo). When it was filed.
    async fn submitted_at(&self) -> DateTime<FixedOffset> {
        self.0.submitted_at
    }

    /// Ngày tiếp nhận (NgayTiepNhan). Null before receipt.
    async fn received_at(&self) -> Option<DateTime<FixedOffset>> {
        self.0.received_at
    }

    /// Ngày hẹn trả (NgayHenTra). As promised now; null where there is no appointment.
    async fn due_at(&self) -> Option<DateTime<FixedOffset>> {
        self.0.due_at
    }

    /// Hạn trả lời. Until when somebody is waited for: the office with its answer, the applicant with a supplement or a
    /// payment.
    async fn answer_by(&self) -> Option<DateTime<FixedOffset>> {
        self.0.answer_by
    }

    /// Ngày kết thúc xử lý (NgayKetThucXuLy). Null before.
    async fn ended_at(&self) -> Option<DateTime<FixedOffset>> {
        self.0.ended_at
    }

    /// Kết quả giải quyết. GRANTED or DECLINED; null before.
    async fn outcome(&self) -> Option<&str> {
        self.0.outcome.as_deref()
    }

    /// Ngày trả kết quả (NgayTra). Null before.
    async fn returned_at(&self) -> Option<DateTime<FixedOffset>> {
        self.0.returned_at
    }

    /// Trạng thái trả kết quả. NONE, READY, ANNOUNCED or RETURNED.
    async fn delivery(&self) -> &'static str {
        self.0.delivery
    }

    /// Nghĩa vụ tài chính. What is to be paid and was paid.
    async fn obligations(&self) -> Vec<Obligation> {
        self.0.row.finance.0.obligations.iter().map(Into::into).collect()
    }

    /// Còn phải nộp. What is still to be paid.
    async fn outstanding(&self) -> Vnd {
        Vnd(self.0.row.finance.0.outstanding_vnd())
    }

    /// Phiên bản của hồ sơ. Pass it as `expectedVersion`.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Hồ sơ đã nộp. What was handed in; null where that cannot be read.
    #[graphql(complexity = "10 + child_complexity")]
    async fn application(&self, ctx: &Context<'_>) -> Result<Option<Application>> {
        let history = self.events(ctx).await?;
        let Some(application) = service::application(&history) else { return Ok(None) };
        Ok(Some(Application { of: self.of(ctx, &application)?, application }))
    }

    /// Thông báo của cơ quan. What the office told the applicant: what is missing, why it was refused, stopped or put off.
    /// The oldest first.
    #[graphql(complexity = "10 + child_complexity")]
    async fn messages(&self, ctx: &Context<'_>) -> Result<Option<Vec<OfficeMessage>>> {
        let history = self.events(ctx).await?;
        let Some(application) = service::application(&history) else { return Ok(None) };
        let of = self.of(ctx, &application)?;
        let message = |told| OfficeMessage::new(of, told);
        Ok(Some(service::told(&history).into_iter().map(message).collect()))
    }

    /// Tệp tin của hồ sơ. Papers, and results once they are returned; the oldest first. Their content is at
    /// `/dossiers/{id}/files/{file id}`, letters of the office at `/papers/{id}/{kind}.pdf`.
    #[graphql(complexity = "10 + child_complexity")]
    async fn files(&self, ctx: &Context<'_>) -> Result<Option<Vec<AttachedFile>>> {
        let history = self.events(ctx).await?;
        let Some(application) = service::application(&history) else { return Ok(None) };
        let files = ctx.service().files_of_applicant(self.id_of(), &history).await;
        let files = files.map_err(|error| ctx.error(error))?;
        let has_names = files.iter().any(|file| file.name.is_some());
        let is_recorded = !application.applicant.is(ctx.caller()?);
        if has_names && is_recorded && ctx.look_ahead().field("name").exists() {
            ctx.data::<Execution>()?.expose(self.id_of(), Shown::Own, PersonalField::FileName);
        }
        Ok(Some(files.into_iter().map(Into::into).collect()))
    }

    /// Việc có thể làm. What the caller can do with it as it stands, by the rules that decide.
    #[graphql(complexity = 10)]
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Option<Vec<&'static str>>> {
        let acts = ctx.load(ActsOn(self.id_of())).await?.unwrap_or_default();
        Ok(Some(acts.into_iter().map(Act::name).collect()))
    }
}

impl MyDossier {
    fn id_of(&self) -> DossierId {
        DossierId(self.0.row.dossier_id)
    }

    /// To an applicant and who acts for them their own dossier is plain.
    fn of(&self, ctx: &Context<'_>, application: &service::Application) -> Result<Of> {
        let is_recorded = !application.applicant.is(ctx.caller()?);
        Ok(Of { dossier: self.id_of(), shown: Shown::Own, is_recorded })
    }

    async fn events(&self, ctx: &Context<'_>) -> Result<Arc<Vec<HistoryEntry>>> {
        Ok(ctx.load(HistoryOf(self.id_of())).await?.unwrap_or_default())
    }
}

/// Nội dung thông báo của cơ quan. What the office says about the dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum MessageAbout {
    /// Yêu cầu bổ sung. Something is missing.
    SupplementRequested,
    /// Từ chối tiếp nhận. It is not taken.
    Refused,
    /// Dừng giải quyết. It ends without a result.
    Stopped,
    /// Xin lỗi và gia hạn. The appointment is put off.
    Extended,
}

/// Thông báo của cơ quan cho người nộp. What the office told the applicant.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct OfficeMessage {
    /// Thời điểm. When it was said.
    pub at: DateTime<FixedOffset>,
    /// Nội dung. What it is about.
    pub about: MessageAbout,
    /// Giấy tờ cần bổ sung (MaThanhPhanHoSo). Codes of the papers that are missing.
    pub papers: Vec<String>,
    /// Hạn bổ sung. Until when the answer is waited for.
    pub answer_by: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả mới (NgayHenTra). The new appointment, where it is put off.
    pub due_at: Option<DateTime<FixedOffset>>,
    #[graphql(skip)]
    of: Of,
    #[graphql(skip)]
    told_in: &'static str,
    #[graphql(skip)]
    written: Private,
}

#[ComplexObject]
impl OfficeMessage {
    /// Lý do. In the words of the office.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.of.text(ctx, self.told_in, Some(&self.written), PersonalField::Reason).await
    }
}

impl OfficeMessage {
    fn new(of: Of, told: service::Told) -> Self {
        Self {
            at: local(told.at),
            about: match told.about {
                service::TellsOf::SupplementRequested => MessageAbout::SupplementRequested,
                service::TellsOf::Refused => MessageAbout::Refused,
                service::TellsOf::Stopped => MessageAbout::Stopped,
                service::TellsOf::Extended => MessageAbout::Extended,
            },
            papers: told.papers.iter().map(ToString::to_string).collect(),
            answer_by: told.answer_by.map(local),
            due_at: told.due_at.map(local),
            of,
            told_in: told.told_in,
            written: told.reason,
        }
    }
}

/// Which dossier something private is of, and how it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of {
    pub dossier: DossierId,
    pub shown: Shown,
    /// Whether its being shown in plain is written down.
    pub is_recorded: bool,
}

impl Of {
    pub(super) async fn text(
        self,
        ctx: &Context<'_>,
        told_in: &'static str,
        value: Option<&Private>,
        field: PersonalField,
    ) -> Result<Option<String>> {
        let Some(token) = value.and_then(Private::token) else { return Ok(None) };
        let token = token.as_str().to_owned();
        let text = PrivateText { dossier: self.dossier, told_in, token, shown: self.shown };
        let Some(opened) = ctx.load(text).await? else { return Ok(None) };
        if opened.is_plain && self.is_recorded {
            ctx.data::<Execution>()?.expose(self.dossier, self.shown, field);
        }
        Ok(Some(opened.text))
    }
}

pub struct Application {
    pub(super) of: Of,
    pub(super) application: service::Application,
}

/// Nội dung hồ sơ đã nộp. What was handed in, and by whom. Masked unless the caller may read personal data.
#[Object]
impl Application {
    /// Chủ hồ sơ (ChuHoSo). Whom the dossier is about.
    async fn applicant(&self, ctx: &Context<'_>) -> Result<Person> {
        self.person(ctx, self.application.applicant.clone())
    }

    /// Loại đối tượng (LoaiDoiTuong). A citizen, an enterprise or another body.
    async fn applicant_kind(&self) -> ApplicantKind {
        self.application.kind.into()
    }

    /// Người được ủy quyền. Who acts for the applicant now; null where nobody does.
    async fn delegate(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        self.application.delegate.clone().map(|person| self.person(ctx, person)).transpose()
    }

    /// Trích yếu hồ sơ (TrichYeuHoSo). What is asked for.
    async fn subject(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let subject = self.application.subject.as_ref();
        self.of.text(ctx, self.application.applicant.told_in, subject, PersonalField::Subject).await
    }

    /// Nội dung biểu mẫu điện tử. The form's answers, but those that are public; null where the caller may not read personal
    /// data, as where there are none.
    async fn form(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        if self.of.shown == Shown::Masked {
            return Ok(None);
        }
        let form = self.application.form.as_ref();
        let text = self.of.text(ctx, self.application.applicant.told_in, form, PersonalField::Form).await?;
        // In the place of one whose key is destroyed stands no JSON.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).map(Json))
    }

    /// Nội dung công khai của biểu mẫu. The answers that the form marks as public.
    async fn public_form(&self) -> Option<Json<Value>> {
        self.application.public_form.clone().map(Json)
    }

    /// Thành phần hồ sơ (MaThanhPhanHoSo). Codes of the papers that were handed in with it.
    async fn papers(&self) -> Vec<String> {
        self.application.papers.iter().map(ToString::to_string).collect()
    }
}

impl Application {
    fn person(&self, ctx: &Context<'_>, person: service::Person) -> Result<Person> {
        let is_recorded = !person.is(ctx.caller()?);
        Ok(Person { of: Of { is_recorded, ..self.of }, person })
    }
}

pub struct Person {
    of: Of,
    person: service::Person,
}

impl Person {
    async fn particular(&self, ctx: &Context<'_>, nth: usize) -> Result<Option<String>> {
        let (field, value) = &self.person.particulars[nth];
        self.of.text(ctx, self.person.told_in, value.as_ref(), *field).await
    }
}

/// Chủ hồ sơ hoặc người được ủy quyền. Somebody a dossier tells of; masked unless the caller may read personal data.
#[Object]
impl Person {
    /// Tài khoản. By which they act online; null where that is not known, or the caller may not read personal data.
    async fn account_id(&self) -> Option<Uuid> {
        // It is the same in all dossiers of one person.
        self.person.account.map(|account| account.0).filter(|_| self.of.shown != Shown::Masked)
    }

    /// Họ tên. The whole name.
    async fn name(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.particular(ctx, 0).await
    }

    /// Số định danh (SoDinhDanh). Of an identity card, passport or enterprise.
    async fn id_number(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.particular(ctx, 1).await
    }

    /// Số điện thoại (SoDienThoai). As it was given.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.particular(ctx, 2).await
    }

    /// Thư điện tử (Email). As it was given.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.particular(ctx, 3).await
    }

    /// Địa chỉ. As it was given.
    async fn address(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.particular(ctx, 4).await
    }
}
