//! The administrator's side: agencies and calendars.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset, NaiveDate};
use uuid::Uuid;

use super::objects::{Agency, local};
use super::payload::{
    AgencyPayload, CalendarPayload, CarryOverPayload, of_agency, of_calendar, of_carry_over,
};
use super::{ContextExt, PAGE_DEFAULT, checked_page};
use crate::input::{
    AdoptCalendarInput, CalendarDayKind, CarryOverInput, ChooseCalendarInput, DecideCalendarInput,
    EstablishAgencyInput, MoveAgencyInput, OpenCalendarInput, RecodeAgencyInput, RenameAgencyInput,
    SetOfficeHoursInput, SucceedAgencyInput,
};
use crate::problem::{Problem, ServiceError};
use crate::service::{Days, ImpactQuestion, Touched};

#[derive(Default)]
pub struct AdministrationMutation;

#[Object]
impl AdministrationMutation {
    /// Khai báo cơ quan, đơn vị hoặc điểm tiếp nhận. It can be named by its code from then on.
    async fn establish_agency(
        &self,
        ctx: &Context<'_>,
        input: EstablishAgencyInput,
    ) -> Result<AgencyPayload> {
        let outcome = ctx.service().establish_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Đổi tên cơ quan. It has another name from a day on, and stays the same agency.
    async fn rename_agency(&self, ctx: &Context<'_>, input: RenameAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().rename_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Đổi mã định danh. It has other identifiers from a day on; dossiers keep the codes they have.
    async fn recode_agency(&self, ctx: &Context<'_>, input: RecodeAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().recode_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chuyển cơ quan chủ quản. It belongs to another agency from a day on.
    async fn move_agency(&self, ctx: &Context<'_>, input: MoveAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().move_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Quy định giờ làm việc. They hold from a day on.
    async fn set_office_hours(&self, ctx: &Context<'_>, input: SetOfficeHoursInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().set_office_hours(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chọn lịch làm việc. The agency keeps it from a day on.
    async fn choose_calendar(&self, ctx: &Context<'_>, input: ChooseCalendarInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().choose_calendar(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Sáp nhập, chia tách. Others have its place from a day on.
    async fn succeed_agency(&self, ctx: &Context<'_>, input: SucceedAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().succeed_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chuyển giao hồ sơ đang giải quyết cho cơ quan kế thừa. Some at a time: repeat it until none remain.
    async fn carry_over(&self, ctx: &Context<'_>, input: CarryOverInput) -> Result<CarryOverPayload> {
        let outcome = ctx.service().carry_over(ctx.caller()?, &input).await;
        of_carry_over(ctx, outcome).await
    }

    /// Công nhận toàn bộ bảng lịch quốc gia. No dossier is moved.
    async fn adopt_calendar(&self, ctx: &Context<'_>, input: AdoptCalendarInput) -> Result<CalendarPayload> {
        let outcome = ctx.service().adopt_calendar(ctx.caller()?, &input).await;
        of_calendar(ctx, outcome).await
    }

    /// Mở lịch riêng của một nơi. It keeps days of its own beside the national ones.
    async fn open_calendar(&self, ctx: &Context<'_>, input: OpenCalendarInput) -> Result<CalendarPayload> {
        let outcome = ctx.service().open_calendar(ctx.caller()?, &input).await;
        of_calendar(ctx, outcome).await
    }

    /// Ghi quyết định về ngày nghỉ, ngày làm bù. No dossier is moved: see `calendarImpact`.
    async fn decide_calendar(
        &self,
        ctx: &Context<'_>,
        input: DecideCalendarInput,
    ) -> Result<CalendarPayload> {
        let outcome = ctx.service().decide_calendar(ctx.caller()?, &input).await;
        of_calendar(ctx, outcome).await
    }
}

#[derive(Default)]
pub struct AdministrationQuery;

#[Object]
impl AdministrationQuery {
    /// Lịch nghỉ và làm bù. The days of the calendar that an agency keeps, the national one without an agency.
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã cơ quan. Whose calendar; the national one if absent.")] agency: Option<String>,
        #[graphql(desc = "Năm. Only the days of this year; all if absent.")] year: Option<i32>,
    ) -> Result<CalendarOfDays> {
        let days = ctx.service().calendar_days(agency.as_deref()).await;
        days.map(|days| CalendarOfDays::new(days, year)).map_err(|error| ctx.error(error))
    }

    /// Cơ quan, để thay đổi. An agency as it is called now, and how often it was changed. For who administers the province; null
    /// where nobody has or had the code.
    async fn administered_agency(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã cơ quan. That it has today, or had last.")] code: String,
    ) -> Result<Option<AdministeredAgency>> {
        let found = ctx.service().administered_agency(ctx.caller()?, &code).await;
        let (id, version) = match found {
            Err(ServiceError::Problem(Problem::NotFound { .. })) => return Ok(None),
            found => found.map_err(|error| ctx.error(error))?,
        };
        let agency = Agency::named(&*ctx.names().await?, id.0);
        Ok(Some(AdministeredAgency { agency, stream_version: version.0 }))
    }

    /// Hồ sơ đang giải quyết bị ảnh hưởng bởi một quyết định về ngày nghỉ. Open dossiers that would be due at another
    /// instant, counted with a decision that may be taken, or with what was decided about these days meanwhile. None
    /// is moved.
    #[graphql(
        complexity = "10 + usize::try_from(first.unwrap_or(PAGE_DEFAULT)).unwrap_or(0) * child_complexity"
    )]
    async fn calendar_impact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Quyết định dự kiến. Not taken yet; or give days.")] decision: Option<
            DecideCalendarInput,
        >,
        #[graphql(desc = "Từ ngày. The first of the days that something was decided about.")] from: Option<
            NaiveDate,
        >,
        #[graphql(desc = "Đến ngày. The last of the days that something was decided about.")] to: Option<
            NaiveDate,
        >,
        first: Option<i32>,
        #[graphql(desc = "Trang tiếp theo. What `next` of the page before said.")] after: Option<Uuid>,
    ) -> Result<CalendarImpact> {
        let first = usize::try_from(checked_page(first)?).unwrap_or(0);
        let question = ImpactQuestion { decision: decision.as_ref(), from, to };
        let impact = ctx.service().calendar_impact(ctx.caller()?, &question, after, first).await;
        let impact = impact.map_err(|error| ctx.error(error))?;
        let dossiers = impact.touched.into_iter().map(TouchedDossier::new).collect();
        Ok(CalendarImpact { dossiers, unreadable: impact.unreadable, next: impact.next })
    }
}

/// Cơ quan, để thay đổi. An agency, as whoever wants to change it sees it.
#[derive(SimpleObject)]
pub struct AdministeredAgency {
    /// Cơ quan. As it is called and coded now.
    pub agency: Agency,
    /// Phiên bản luồng sự kiện. How often it was changed: `expectedVersion` of what changes it next.
    pub stream_version: i64,
}

/// Lịch làm việc. The days off and make-up days; every other Saturday and Sunday is off, every other day is worked.
#[derive(SimpleObject)]
#[graphql(name = "Calendar")]
pub struct CalendarOfDays {
    /// Phiên bản của lịch. It names the content, and is written down with every due instant that is computed with it.
    pub version: String,
    /// Phiên bản luồng sự kiện. How often something was decided about this calendar: `expectedVersion` of `adoptCalendar` and
    /// `decideCalendar`.
    pub stream_version: i64,
    /// Năm đầu tiên có dữ liệu. Before it nothing can be computed.
    pub first_year: i32,
    /// Năm cuối cùng có dữ liệu. After it nothing can be computed.
    pub last_year: i32,
    /// Các năm tạm tính. Years whose days off are expected rather than decided.
    pub provisional: Vec<i32>,
    /// Các ngày nghỉ và ngày làm bù. What was declared, by date; only of one year if `year` was given.
    pub days: Vec<CalendarDay>,
}

/// Ngày nghỉ hoặc ngày làm bù. A day off or worked because somebody declared it so.
#[derive(SimpleObject)]
pub struct CalendarDay {
    /// Ngày. The local day.
    pub date: NaiveDate,
    /// Loại ngày. What kind of day it is.
    pub kind: CalendarDayKind,
    /// Tên gọi. In Vietnamese, as shown to people.
    pub name: String,
    /// Văn bản làm căn cứ. The document that made it so; null where none is known.
    pub decision: Option<Decision>,
}

/// Văn bản, quyết định làm căn cứ. The document that made a day off or worked.
#[derive(SimpleObject)]
pub struct Decision {
    /// Số, ký hiệu văn bản. Number and mark of the document.
    pub reference: String,
    /// Ngày ban hành. The day it was taken; null where it is not known.
    pub decided_on: Option<NaiveDate>,
}

impl CalendarOfDays {
    fn new(days: Days, year: Option<i32>) -> Self {
        use chrono::Datelike;
        let wanted = |day: &domain::calendar::DeclaredDay| year.is_none_or(|year| day.date.year() == year);
        Self {
            version: days.version.to_string(),
            stream_version: days.stream_version.0,
            first_year: days.first_year,
            last_year: days.last_year,
            provisional: days.provisional,
            days: days
                .days
                .into_iter()
                .filter(wanted)
                .map(|day| CalendarDay {
                    date: day.date,
                    kind: day.kind.into(),
                    name: day.name,
                    decision: day.decision.map(|decision| Decision {
                        reference: decision.reference,
                        decided_on: decision.decided_on,
                    }),
                })
                .collect(),
        }
    }
}

/// Ảnh hưởng của quyết định về ngày nghỉ. One page of the open dossiers that would be due at another instant.
#[derive(SimpleObject)]
pub struct CalendarImpact {
    /// Các hồ sơ bị ảnh hưởng. Those of this page.
    pub dossiers: Vec<TouchedDossier>,
    /// Các hồ sơ không đọc được. Dossiers whose events cannot be read: nobody can say what the decision does to them.
    /// The server's log says why.
    pub unreadable: Vec<Uuid>,
    /// Trang tiếp theo. Pass it as `after` to go on; null at the end. A page may be short, or empty, before it.
    pub next: Option<Uuid>,
}

/// Hồ sơ bị ảnh hưởng. An open dossier that would be due at another instant.
#[derive(SimpleObject)]
pub struct TouchedDossier {
    /// Mã định danh hồ sơ. Id of the dossier.
    pub dossier_id: Uuid,
    /// Mã số hồ sơ (MaHoSo). As people read it.
    pub code: String,
    /// Ngày hẹn trả hiện tại (NgayHenTra). What the applicant was told, and what stays.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả tính lại. What it would be; null where there would be none.
    pub would_be_due_at: Option<DateTime<FixedOffset>>,
}

impl TouchedDossier {
    fn new(touched: Touched) -> Self {
        Self {
            dossier_id: touched.dossier_id,
            code: touched.code,
            due_at: touched.due_at.map(local),
            would_be_due_at: touched.would_be_due_at.map(local),
        }
    }
}
