//! What can be asked. Every query takes `minPosition`: it waits, bounded, until what it reads has seen that position.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset, NaiveDate};
use domain::dossier::Share;
use domain::identity::DossierId;
use projections::Model;
use projections::agency_progress::AgencyProgress as ProgressRow;
use projections::deadline_board::Class;
use projections::dossier_summary::Cursor;
use uuid::Uuid;

use super::objects::{Agency, Dossier, DossierStage, Procedure, PublicStatus, local, local_micros};
use super::{ContextExt, PAGE_DEFAULT, PAGE_MAX, PositionText};
use crate::input::Channel;
use crate::problem::Problem;
use crate::service::{self, Board, BoardItem, SearchInput};

#[derive(Default)]
pub struct DossierQuery;

/// What to list. Every part is optional.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DossierFilter {
    /// Agency code, in any role.
    pub agency: Option<String>,
    pub stage: Option<DossierStage>,
    /// Procedure code.
    pub procedure: Option<String>,
    pub channel: Option<Channel>,
    /// In codes, procedures and agencies, without regard to case and diacritics: `dang` finds `Đặng`.
    pub search: Option<String>,
    /// What waits for the caller's own agency.
    pub work_list: Option<WorkList>,
}

/// What waits for the caller's own agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WorkList {
    /// Hồ sơ đến: sent to it, and not taken or sent back yet.
    Incoming,
    /// Chờ cho ý kiến.
    Consulted,
}

impl From<DossierFilter> for SearchInput {
    fn from(filter: DossierFilter) -> Self {
        Self {
            agency: filter.agency,
            stage: filter.stage.map(Into::into),
            procedure: filter.procedure,
            channel: filter.channel.map(Into::into),
            text: filter.search,
            work_list: filter.work_list.map(|list| match list {
                WorkList::Incoming => service::WorkList::Incoming,
                WorkList::Consulted => service::WorkList::Consulted,
            }),
        }
    }
}

/// Months from and to, `YYYY-MM`, both included.
#[derive(Clone, Debug, InputObject)]
pub struct PeriodInput {
    pub from: String,
    pub to: String,
}

#[derive(SimpleObject)]
pub struct DossierConnectionFields {
    /// Of the whole list.
    total_count: i64,
}

type DossierConnection = Connection<OpaqueCursor<(i64, Uuid)>, Dossier, DossierConnectionFields>;
type BoardConnection = Connection<OpaqueCursor<(i64, Uuid)>, BoardEntry>;

#[Object]
impl DossierQuery {
    /// Một hồ sơ theo mã hoặc id. Null as well where the caller may not know of it.
    async fn dossier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "MaHoSo; give either this or `id`.")] code: Option<String>,
        id: Option<Uuid>,
        min_position: Option<PositionText>,
    ) -> Result<Option<Dossier>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            service.wait_for(&[Model::DossierSummary], min_position.map(|position| position.0)).await?;
            let row = match (id, code) {
                (Some(id), None) => service.dossier_by_id(caller, DossierId(id)).await?,
                (None, Some(code)) => service.dossier_by_code(caller, &code).await?,
                _ => return Err(Problem::invalid("dossier", "give either code or id").into()),
            };
            Ok(row.map(Dossier::new))
        };
        load.await.map_err(|error| ctx.error(error))
    }

    /// Danh sách hồ sơ, mới nhất trước.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
        after: Option<String>,
        filter: Option<DossierFilter>,
        min_position: Option<PositionText>,
    ) -> Result<DossierConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let search: SearchInput = filter.unwrap_or_default().into();
        query(after, None, Some(checked_page(first)?), None, |after, _, first, _| async move {
            let after =
                after.map(|OpaqueCursor((submitted_at, dossier_id))| Cursor { submitted_at, dossier_id });
            let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
            let load = async {
                service.wait_for(&[Model::DossierSummary], min_position.map(|position| position.0)).await?;
                let page = service.dossiers(caller, &search, after, first).await?;
                let total_count = service.count_dossiers(caller, &search).await?;
                let mut connection = Connection::with_additional_fields(
                    after.is_some(),
                    page.has_more,
                    DossierConnectionFields { total_count },
                );
                for row in page.rows {
                    let cursor = OpaqueCursor((row.submitted_at, row.dossier_id));
                    connection.edges.push(Edge::new(cursor, Dossier::new(row)));
                }
                Ok(connection)
            };
            load.await.map_err(|error| ctx.error(error))
        })
        .await
    }

    /// Bảng theo dõi thời hạn tại một thời điểm; now if `asOf` is absent.
    async fn deadline_board(
        &self,
        ctx: &Context<'_>,
        as_of: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "Agency code: competent for or holding the dossiers.")] agency: Option<String>,
        min_position: Option<PositionText>,
    ) -> Result<DeadlineBoard> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let models = [Model::DeadlineBoard, Model::DossierSummary];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            service.deadline_board(caller, as_of.map(|at| at.to_utc()), agency.as_deref()).await
        };
        let board = load.await.map_err(|error| ctx.error(error))?;
        Ok(DeadlineBoard::new(board))
    }

    /// Tra cứu công khai theo mã hồ sơ. Anybody may ask; nothing about a person.
    async fn public_status(
        &self,
        ctx: &Context<'_>,
        code: String,
        min_position: Option<PositionText>,
    ) -> Result<Option<PublicStatus>> {
        let service = ctx.service();
        let load = async {
            service.wait_for(&[Model::PublicStatus], min_position.map(|position| position.0)).await?;
            Ok(service.public_status(&code).await?.map(PublicStatus::new))
        };
        load.await.map_err(|error| ctx.error(error))
    }

    /// Tình hình giải quyết theo cơ quan có thẩm quyền, as of the end of the period.
    async fn agency_progress(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(desc = "Agency code.")] agency: Option<String>,
        min_position: Option<PositionText>,
    ) -> Result<Progress> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let months = (month("period.from", &period.from)?, month("period.to", &period.to)?);
            if months.1 < months.0 {
                return Err(Problem::invalid("period", "ends before it begins").into());
            }
            let models = [Model::DossierSummary, Model::DeadlineBoard];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            service.agency_progress(caller, months, agency.as_deref()).await
        };
        let (rows, end) = load.await.map_err(|error| ctx.error(error))?;
        // After the wait: a name may be as new as the figures.
        let names = ctx.names().await?;
        let rows =
            rows.into_iter().map(|row| AgencyProgress::new(Agency::named(&names, row.agency_id), &row));
        Ok(Progress { as_of: local(end), agencies: rows.collect() })
    }

    /// Danh mục thủ tục hành chính.
    async fn procedures(
        &self,
        ctx: &Context<'_>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<Procedure>> {
        let wait =
            ctx.service().wait_for(&[Model::ProcedureCatalogue], min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        let mut rows: Vec<Procedure> =
            names.procedures.keys().map(|id| Procedure::named(&names, *id)).collect();
        rows.sort_by(|one, other| one.code.cmp(&other.code));
        Ok(rows)
    }

    /// Danh mục cơ quan: the tree as of a day, without those that others have the place of.
    async fn agencies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As they were on that day; today if absent.")] as_of: Option<NaiveDate>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<Agency>> {
        let load = async {
            let position = min_position.map(|position| position.0);
            ctx.service().wait_for(&[Model::AgencyDirectory], position).await?;
            ctx.service().agencies_on(as_of).await
        };
        let rows = load.await.map_err(|error| ctx.error(error))?;
        Ok(rows.into_iter().map(|row| Agency::of(&row)).collect())
    }
}

fn page_size(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(PAGE_DEFAULT)).unwrap_or(0)
}

pub(super) fn checked_page(first: Option<i32>) -> Result<i32> {
    let first = first.unwrap_or(PAGE_DEFAULT);
    if (0..=PAGE_MAX).contains(&first) {
        return Ok(first);
    }
    let error = async_graphql::Error::new(format!("`first` lies between 0 and {PAGE_MAX}"));
    Err(async_graphql::ErrorExtensions::extend_with(error, |_, extensions| {
        extensions.set("code", "BAD_USER_INPUT")
    }))
}

pub(crate) fn month(field: &'static str, text: &str) -> Result<i64, Problem> {
    let invalid = || Problem::invalid(field, "not a month such as 2026-11");
    let (year, month) = text.split_once('-').ok_or_else(invalid)?;
    // `parse` would take a sign as well.
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return Err(invalid());
    }
    let year: u16 = year.parse().map_err(|_| invalid())?;
    let month: u8 = month.parse().map_err(|_| invalid())?;
    if !(1..=12).contains(&month) {
        return Err(invalid());
    }
    Ok(i64::from(year) * 12 + i64::from(month) - 1)
}

/// Bảng theo dõi thời hạn.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DeadlineBoard {
    pub as_of: DateTime<FixedOffset>,
    /// Quá hạn.
    pub overdue: i64,
    /// Đến hạn hôm nay.
    pub due_today: i64,
    /// Sắp đến hạn: within two working days after today. Null where the calendar does not say which days those are;
    /// such dossiers are then counted as not due.
    pub due_soon: Option<i64>,
    /// Chưa đến hạn.
    pub on_time: i64,
    /// Tạm dừng.
    pub paused: i64,
    /// Processing ended at or before the due instant, since the beginning.
    pub ended_on_time: i64,
    /// Processing ended after it, since the beginning.
    pub ended_late: i64,
    /// Hồ sơ trực tuyến chờ trả lời: submissions that the office has not answered yet.
    pub intake_waiting: i64,
    /// Of these, beyond the working hours it has for it.
    pub intake_overdue: i64,
    /// The applicant has not brought in time what is waited for. A reminder; an officer decides.
    pub unanswered: i64,
    #[graphql(skip)]
    board: Board,
}

/// What can be listed of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeadlineClass {
    Overdue,
    DueToday,
    DueSoon,
    OnTime,
    Paused,
    IntakeWaiting,
    IntakeOverdue,
    Unanswered,
}

/// A dossier on the board.
#[derive(SimpleObject)]
pub struct BoardEntry {
    pub dossier: Dossier,
    /// The due instant as of the board's instant; where somebody is waited for, until when.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Số ngày làm việc quá hạn: working days after the due day, to the day of the board, by the calendar of the receiving
    /// agency. 0 where it became overdue that day; null where it is not overdue.
    pub working_days_late: Option<i64>,
    /// Since when it has been running or paused like this.
    pub since: DateTime<FixedOffset>,
}

impl DeadlineBoard {
    fn new(board: Board) -> Self {
        let counts = board.counts;
        Self {
            as_of: local(board.at),
            overdue: counts.overdue,
            due_today: counts.due_today,
            due_soon: board.knows_soon.then_some(counts.due_soon),
            on_time: counts.on_time,
            paused: counts.paused,
            ended_on_time: counts.ended_on_time,
            ended_late: counts.ended_late,
            intake_waiting: counts.intake_waiting,
            intake_overdue: counts.intake_overdue,
            unanswered: counts.unanswered,
            board,
        }
    }
}

#[ComplexObject]
impl DeadlineBoard {
    /// The dossiers behind a number, the earliest due first.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        class: DeadlineClass,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<BoardConnection> {
        let class = match class {
            DeadlineClass::Overdue => Class::Overdue,
            DeadlineClass::DueToday => Class::DueToday,
            DeadlineClass::DueSoon => Class::DueSoon,
            DeadlineClass::OnTime => Class::OnTime,
            DeadlineClass::Paused => Class::Paused,
            DeadlineClass::IntakeWaiting => Class::IntakeWaiting,
            DeadlineClass::IntakeOverdue => Class::IntakeOverdue,
            DeadlineClass::Unanswered => Class::Unanswered,
        };
        query(after, None, Some(checked_page(first)?), None, |after, _, first, _| async move {
            let after = after.map(|OpaqueCursor(place)| place);
            let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
            let load = async {
                let (items, has_more) = ctx.service().board_items(&self.board, class, after, first).await?;
                let late = ctx.service().working_days_late(&self.board, &items).await?;
                let mut connection: BoardConnection = Connection::new(after.is_some(), has_more);
                for (BoardItem { item, summary }, working_days_late) in items.into_iter().zip(late) {
                    let cursor = OpaqueCursor((item.due_at.unwrap_or(i64::MAX), item.dossier_id));
                    let entry = BoardEntry {
                        dossier: Dossier::new(summary),
                        due_at: item.due_at.map(local_micros),
                        working_days_late,
                        since: local_micros(item.from_at),
                    };
                    connection.edges.push(Edge::with_additional_fields(cursor, entry, EmptyFields));
                }
                Ok(connection)
            };
            load.await.map_err(|error| ctx.error(error))
        })
        .await
    }
}

/// Tình hình giải quyết.
#[derive(SimpleObject)]
pub struct Progress {
    /// The instant the figures hold for.
    pub as_of: DateTime<FixedOffset>,
    pub agencies: Vec<AgencyProgress>,
}

/// Figures of one agency. `carriedOver + received = toProcess`; `resolved = early + onTime + late`;
/// `pending = notDue + overdue`.
#[derive(SimpleObject)]
pub struct AgencyProgress {
    pub agency: Agency,
    /// Kỳ trước chuyển sang.
    pub carried_over: i64,
    /// Tiếp nhận trong kỳ.
    pub received: i64,
    pub received_online: i64,
    pub received_post: i64,
    pub to_process: i64,
    /// Từ chối tiếp nhận; never received, so in none of the other figures.
    pub refused: i64,
    /// Công dân rút sau khi tiếp nhận.
    pub withdrawn: i64,
    /// Dừng giải quyết.
    pub stopped: i64,
    /// Tiếp nhận từ cơ quan được kế thừa.
    pub taken_over: i64,
    /// Chuyển giao cho cơ quan kế thừa.
    pub passed_on: i64,
    pub resolved: i64,
    /// Trước hạn.
    pub early: i64,
    /// Đúng hạn.
    pub on_time: i64,
    /// Quá hạn.
    pub late: i64,
    /// Tỷ lệ đúng hạn, per cent with two decimals: (early + on time) / resolved. Null where nothing was resolved.
    pub on_time_percent: Option<f64>,
    pub pending: i64,
    /// Chưa đến hạn.
    pub not_due: i64,
    /// Đang xử lý, quá hạn.
    pub overdue: i64,
    /// Tạm dừng.
    pub paused: i64,
}

impl AgencyProgress {
    fn new(agency: Agency, row: &ProgressRow) -> Self {
        Self {
            agency,
            carried_over: row.carried_over,
            received: row.received,
            received_online: row.received_online,
            received_post: row.received_post,
            to_process: row.to_process(),
            refused: row.refused,
            withdrawn: row.withdrawn,
            stopped: row.stopped,
            taken_over: row.taken_over,
            passed_on: row.passed_on,
            resolved: row.resolved(),
            on_time_percent: row.on_time_share().map(Share::percent),
            early: row.early,
            on_time: row.on_time,
            late: row.late,
            pending: row.pending(),
            not_due: row.not_due,
            overdue: row.overdue,
            paused: row.paused,
        }
    }
}
