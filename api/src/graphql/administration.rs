//! The administrator's side: agencies and calendars.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset, NaiveDate};
use uuid::Uuid;

use super::objects::local;
use super::payload::{
    AgencyPayload, CalendarPayload, CarryOverPayload, of_agency, of_calendar, of_carry_over,
};
use super::{ContextExt, PAGE_DEFAULT, checked_page};
use crate::input::{
    AdoptCalendarInput, CalendarDayKind, CarryOverInput, ChooseCalendarInput, DecideCalendarInput,
    EstablishAgencyInput, MoveAgencyInput, OpenCalendarInput, RecodeAgencyInput, RenameAgencyInput,
    SetOfficeHoursInput, SucceedAgencyInput,
};
use crate::service::{Days, ImpactQuestion, Touched};

#[derive(Default)]
pub struct AdministrationMutation;

#[Object]
impl AdministrationMutation {
    /// Khai báo cơ quan, đơn vị hoặc điểm tiếp nhận.
    async fn establish_agency(
        &self,
        ctx: &Context<'_>,
        input: EstablishAgencyInput,
    ) -> Result<AgencyPayload> {
        let outcome = ctx.service().establish_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Đổi tên cơ quan, from a day on.
    async fn rename_agency(&self, ctx: &Context<'_>, input: RenameAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().rename_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Đổi mã định danh, from a day on. Dossiers keep the codes they have.
    async fn recode_agency(&self, ctx: &Context<'_>, input: RecodeAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().recode_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chuyển cơ quan chủ quản, from a day on.
    async fn move_agency(&self, ctx: &Context<'_>, input: MoveAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().move_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Quy định giờ làm việc, from a day on.
    async fn set_office_hours(&self, ctx: &Context<'_>, input: SetOfficeHoursInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().set_office_hours(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chọn lịch làm việc, from a day on.
    async fn choose_calendar(&self, ctx: &Context<'_>, input: ChooseCalendarInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().choose_calendar(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Sáp nhập, chia tách: others have its place from a day on.
    async fn succeed_agency(&self, ctx: &Context<'_>, input: SucceedAgencyInput) -> Result<AgencyPayload> {
        let outcome = ctx.service().succeed_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }

    /// Chuyển giao hồ sơ đang giải quyết cho cơ quan kế thừa, some at a time.
    async fn carry_over(&self, ctx: &Context<'_>, input: CarryOverInput) -> Result<CarryOverPayload> {
        let outcome = ctx.service().carry_over(ctx.caller()?, &input).await;
        of_carry_over(ctx, outcome).await
    }

    /// Công nhận toàn bộ bảng lịch quốc gia.
    async fn adopt_calendar(&self, ctx: &Context<'_>, input: AdoptCalendarInput) -> Result<CalendarPayload> {
        let outcome = ctx.service().adopt_calendar(ctx.caller()?, &input).await;
        of_calendar(ctx, outcome).await
    }

    /// Mở lịch riêng của một nơi.
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
    /// Lịch nghỉ và làm bù: the days of the calendar that an agency keeps, the national one without an agency.
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Agency code.")] agency: Option<String>,
        #[graphql(desc = "Only the days of this year.")] year: Option<i32>,
    ) -> Result<CalendarOfDays> {
        let days = ctx.service().calendar_days(agency.as_deref()).await;
        days.map(|days| CalendarOfDays::new(days, year)).map_err(|error| ctx.error(error))
    }

    /// Hồ sơ đang giải quyết bị ảnh hưởng bởi một quyết định về ngày nghỉ: open dossiers that would be due at another
    /// instant, counted with a decision that may be taken, or with what was decided about these days meanwhile. None is
    /// moved.
    #[graphql(
        complexity = "10 + usize::try_from(first.unwrap_or(PAGE_DEFAULT)).unwrap_or(0) * child_complexity"
    )]
    async fn calendar_impact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Not taken yet; or give days.")] decision: Option<DecideCalendarInput>,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
        #[graphql(desc = "What `next` of the page before said.")] after: Option<Uuid>,
    ) -> Result<CalendarImpact> {
        let first = usize::try_from(checked_page(first)?).unwrap_or(0);
        let question = ImpactQuestion { decision: decision.as_ref(), from, to };
        let impact = ctx.service().calendar_impact(ctx.caller()?, &question, after, first).await;
        let impact = impact.map_err(|error| ctx.error(error))?;
        let dossiers = impact.touched.into_iter().map(TouchedDossier::new).collect();
        Ok(CalendarImpact { dossiers, unreadable: impact.unreadable, next: impact.next })
    }
}

/// Lịch làm việc: every other Saturday and Sunday is off, every other day is worked.
#[derive(SimpleObject)]
#[graphql(name = "Calendar")]
pub struct CalendarOfDays {
    /// Written down with every due instant that is computed with it.
    pub version: String,
    /// Outside these years nothing can be computed.
    pub first_year: i32,
    pub last_year: i32,
    /// Years whose days off are expected rather than decided.
    pub provisional: Vec<i32>,
    pub days: Vec<CalendarDay>,
}

/// Ngày nghỉ hoặc ngày làm bù.
#[derive(SimpleObject)]
pub struct CalendarDay {
    pub date: NaiveDate,
    pub kind: CalendarDayKind,
    pub name: String,
    pub decision: Option<Decision>,
}

/// Văn bản, quyết định làm căn cứ.
#[derive(SimpleObject)]
pub struct Decision {
    pub reference: String,
    pub decided_on: Option<NaiveDate>,
}

impl CalendarOfDays {
    fn new(days: Days, year: Option<i32>) -> Self {
        use chrono::Datelike;
        let wanted = |day: &domain::calendar::DeclaredDay| year.is_none_or(|year| day.date.year() == year);
        Self {
            version: days.version.to_string(),
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

#[derive(SimpleObject)]
pub struct CalendarImpact {
    pub dossiers: Vec<TouchedDossier>,
    /// Dossiers whose events cannot be read: nobody can say what the decision does to them. The server's log says why.
    pub unreadable: Vec<Uuid>,
    /// Pass it as `after` to go on; null at the end. A page may be short, or empty, before it.
    pub next: Option<Uuid>,
}

/// Hồ sơ bị ảnh hưởng.
#[derive(SimpleObject)]
pub struct TouchedDossier {
    pub dossier_id: Uuid,
    /// MaHoSo.
    pub code: String,
    /// What the applicant was told, and what stays.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// What it would be.
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
