//! Boards and figures, at every level, as of any instant and as known at any other.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::Share;
use projections::Model;
use projections::deadline_board::{Class, Counts};
use projections::progress::Progress as ProgressRow;
use uuid::Uuid;

use super::dossier::Dossier;
use super::objects::{Agency, Procedure, local, local_micros};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::period;
use crate::messages::FORMULA;
use crate::service::{
    self, Board, BoardItem, BoardQuestion, Figures, GroupKey, Names, Part, ProgressQuestion,
};

#[derive(Default)]
pub struct BoardQuery;

/// Phạm vi hồ sơ. Whose dossiers are meant; every part is optional, and all that are given have to hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PartInput {
    /// Mã cơ quan. Competent for or holding the dossiers; in figures, competent for them.
    pub agency: Option<String>,
    /// Kể cả các đơn vị trực thuộc. With all agencies below it, as the tree was then.
    #[graphql(default)]
    pub with_subordinates: bool,
    /// Mã thủ tục hành chính (MaTTHC). Procedure code.
    pub procedure: Option<String>,
    /// Tên lĩnh vực (TenLinhVuc). Field of procedures, as `field` of a procedure has it.
    pub field: Option<String>,
}

impl From<PartInput> for Part {
    fn from(part: PartInput) -> Self {
        let PartInput { agency, with_subordinates, procedure, field } = part;
        Self { agency, with_subordinates, procedure, field }
    }
}

/// Kỳ báo cáo. Days from and to, both included: `2026-11-24`, or `2026-11` for a whole month.
#[derive(Clone, Debug, InputObject)]
pub struct PeriodInput {
    /// Từ ngày, từ tháng. The first day, or the month that it begins with.
    pub from: String,
    /// Đến ngày, đến tháng. The last day, or the month that it ends with.
    pub to: String,
}

type BoardConnection = Connection<OpaqueCursor<(i64, Uuid)>, BoardEntry>;
type FigureConnection = Connection<OpaqueCursor<(i64, Uuid)>, FigureEntry>;

#[Object]
impl BoardQuery {
    /// Bảng theo dõi thời hạn tại một thời điểm. Of the dossiers that the caller may see.
    async fn deadline_board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Thời điểm nghiệp vụ. Business time: how it was then; now if absent.")]
        as_of: Option<DateTime<FixedOffset>>,
        #[graphql(
            desc = "Thời điểm ghi nhận. Recorded time: by what the log knew then; now if absent. Takes long \
                    on a big table."
        )]
        known_at: Option<DateTime<FixedOffset>>,
        part: Option<PartInput>,
        min_position: Option<PositionText>,
    ) -> Result<DeadlineBoard> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let models = [Model::DeadlineBoard, Model::DossierSummary];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            let question = BoardQuestion {
                as_of: as_of.map(|at| at.to_utc()),
                known_at: known_at.map(|at| at.to_utc()),
                part: part.unwrap_or_default().into(),
            };
            service.deadline_board(caller, &question).await
        };
        let board = load.await.map_err(|error| ctx.error(error))?;
        Ok(DeadlineBoard::new(board))
    }

    /// Tình hình giải quyết trong kỳ. As of the end of the period, or now while it lasts.
    async fn progress(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(
            default_with = "ProgressBy::Agency",
            desc = "Tiêu chí tổng hợp. What the rows are added up by."
        )]
        by: ProgressBy,
        #[graphql(desc = "Thời điểm ghi nhận. Recorded time: by what the log knew then; now if absent.")]
        known_at: Option<DateTime<FixedOffset>>,
        part: Option<PartInput>,
        min_position: Option<PositionText>,
    ) -> Result<Progress> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let question = ProgressQuestion {
                days: period::days(&period.from, &period.to)?,
                known_at: known_at.map(|at| at.to_utc()),
                by: by.into(),
                part: part.unwrap_or_default().into(),
            };
            let models = [Model::DeadlineBoard, Model::DossierSummary];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            service.progress(caller, &question).await
        };
        let figures = load.await.map_err(|error| ctx.error(error))?;
        // After the wait: a name may be as new as the figures.
        let names = ctx.names().await?;
        Ok(Progress::new(&names, figures))
    }
}

/// How many dossiers are where their due instants say.
#[derive(Clone, Debug, SimpleObject)]
pub struct BoardCounts {
    /// Quá hạn. The due instant has passed, and the processing has not ended.
    pub overdue: i64,
    /// Đến hạn hôm nay. The due instant is later that day.
    pub due_today: i64,
    /// Sắp đến hạn. Within two working days after today. Null where the calendar does not say which days those are;
    /// such dossiers are then counted as not due.
    pub due_soon: Option<i64>,
    /// Chưa đến hạn. The due instant is further away.
    pub on_time: i64,
    /// Tạm dừng. The clock stands still.
    pub paused: i64,
    /// Hồ sơ trực tuyến chờ trả lời. Submissions that the office has not answered yet.
    pub intake_waiting: i64,
    /// Trong đó đã quá thời hạn trả lời. Of these, beyond the working hours that the office has for its answer.
    pub intake_overdue: i64,
    /// Quá hạn chờ bổ sung hoặc nộp tiền. The applicant has not brought in time what is waited for. A reminder; an
    /// officer decides.
    pub unanswered: i64,
}

impl BoardCounts {
    fn new(counts: &Counts, knows_soon: bool) -> Self {
        Self {
            overdue: counts.overdue,
            due_today: counts.due_today,
            due_soon: knows_soon.then_some(counts.due_soon),
            on_time: counts.on_time,
            paused: counts.paused,
            intake_waiting: counts.intake_waiting,
            intake_overdue: counts.intake_overdue,
            unanswered: counts.unanswered,
        }
    }
}

/// Bảng theo dõi thời hạn. How many dossiers stand where, as of one instant and by what was known at another.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DeadlineBoard {
    /// Thời điểm của số liệu. Business time: the instant that the numbers hold for.
    pub as_of: DateTime<FixedOffset>,
    /// Thời điểm ghi nhận. Recorded time: by what the log knew then.
    pub known_at: DateTime<FixedOffset>,
    #[graphql(flatten)]
    counts: BoardCounts,
    #[graphql(skip)]
    board: Board,
}

/// Tiêu chí nhóm. What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum BoardGroupBy {
    /// Cơ quan có thẩm quyền. By the agency that decides.
    CompetentAgency,
    /// Cơ quan và các đơn vị trực thuộc. Each agency with all below it: a dossier counts at every level.
    AgencyTree,
    /// Cơ quan đang giữ. By the agency that has the dossier in hand.
    HolderAgency,
    /// Lĩnh vực. By the field of the procedure.
    Field,
    /// Thủ tục hành chính. By procedure.
    Procedure,
    /// Công việc hoàn thành gần nhất. By procedure and the task that was done last.
    Step,
}

/// Một phần của bảng theo dõi. The counts of one agency, procedure, field or task.
#[derive(SimpleObject)]
pub struct BoardGroup {
    /// Cơ quan. Whose dossiers are counted; null unless grouped by an agency.
    pub agency: Option<Agency>,
    /// Thủ tục hành chính. Whose dossiers are counted; null unless grouped by it or by step.
    pub procedure: Option<Procedure>,
    /// Lĩnh vực. Field of procedures; null unless grouped by it, and of procedures without one.
    pub field: Option<String>,
    /// Công việc hoàn thành gần nhất. The task that was done last; null before the first, and unless grouped by step.
    pub last_step: Option<String>,
    #[graphql(flatten)]
    counts: BoardCounts,
}

/// Nhóm hồ sơ theo thời hạn. What can be listed of a board; the same names as its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeadlineClass {
    /// Quá hạn. The due instant has passed.
    Overdue,
    /// Đến hạn hôm nay. The due instant is later that day.
    DueToday,
    /// Sắp đến hạn. Due within two working days after today.
    DueSoon,
    /// Chưa đến hạn. The due instant is further away.
    OnTime,
    /// Tạm dừng. The clock stands still.
    Paused,
    /// Hồ sơ trực tuyến chờ trả lời. Submissions that the office has not answered yet.
    IntakeWaiting,
    /// Hồ sơ trực tuyến quá thời hạn trả lời. Submissions beyond the working hours that the office has for its
    /// answer.
    IntakeOverdue,
    /// Quá hạn chờ bổ sung hoặc nộp tiền. The applicant has not brought in time what is waited for.
    Unanswered,
}

/// Một hồ sơ trên bảng theo dõi. A dossier on the board.
#[derive(SimpleObject)]
pub struct BoardEntry {
    /// Hồ sơ. As it is known now, whatever instant the board is of.
    pub dossier: Dossier,
    /// Hạn trả kết quả, hoặc hạn chờ. The due instant as of the board's instant; where somebody is waited for, until
    /// when; null where nothing says when.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Số ngày làm việc quá hạn. Working days after the due day, to the day of the board, by the calendar of the
    /// receiving agency. 0 where it became overdue that day; null where it is not overdue.
    pub working_days_late: Option<i64>,
    /// Thời điểm bắt đầu tình trạng này. Since when it has been running or paused like this.
    pub since: DateTime<FixedOffset>,
}

impl DeadlineBoard {
    fn new(board: Board) -> Self {
        Self {
            as_of: local(board.at),
            known_at: local(board.known_at),
            counts: BoardCounts::new(&board.counts, board.knows_soon),
            board,
        }
    }
}

#[ComplexObject]
impl DeadlineBoard {
    /// Số liệu theo từng phần. The same numbers, part by part; parts in which there is nothing are not there.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tiêu chí nhóm. What is counted together.")] by: BoardGroupBy,
    ) -> Result<Vec<BoardGroup>> {
        let names = ctx.names().await?;
        let by = match by {
            BoardGroupBy::CompetentAgency => service::BoardGroupBy::CompetentAgency,
            BoardGroupBy::AgencyTree => service::BoardGroupBy::AgencyTree,
            BoardGroupBy::HolderAgency => service::BoardGroupBy::HolderAgency,
            BoardGroupBy::Field => service::BoardGroupBy::Field,
            BoardGroupBy::Procedure => service::BoardGroupBy::Procedure,
            BoardGroupBy::Step => service::BoardGroupBy::Step,
        };
        let groups = ctx.service().board_groups(&self.board, by, &names).await;
        let group = |(key, counts): (GroupKey, Counts)| BoardGroup {
            agency: key.agency.map(|id| Agency::named(&names, id)),
            procedure: key.procedure.map(|id| Procedure::named(&names, id)),
            field: key.field,
            last_step: key.step,
            counts: BoardCounts::new(&counts, self.board.knows_soon),
        };
        Ok(groups.map_err(|error| ctx.error(error))?.into_iter().map(group).collect())
    }

    /// Các hồ sơ của một số liệu. The dossiers behind a number, the earliest due first.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Số liệu nào. Which number's dossiers are listed.")] class: DeadlineClass,
        first: Option<i32>,
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
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let load = async {
                    let (items, has_more) =
                        ctx.service().board_items(&self.board, class, after, first).await?;
                    let late = ctx.service().working_days_late(&self.board, &items).await?;
                    let mut connection: BoardConnection = Connection::new(after.is_some(), has_more);
                    for (BoardItem { item, summary }, working_days_late) in items.into_iter().zip(late) {
                        let cursor = OpaqueCursor((item.due_at, item.dossier_id));
                        let entry = BoardEntry {
                            dossier: Dossier::new(summary),
                            due_at: item.due().map(local_micros),
                            working_days_late,
                            since: local_micros(item.from_at),
                        };
                        connection.edges.push(Edge::with_additional_fields(cursor, entry, EmptyFields));
                    }
                    Ok(connection)
                };
                load.await.map_err(|error| ctx.error(error))
            },
        )
        .await
    }
}

/// Tiêu chí tổng hợp. What figures are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProgressBy {
    /// Cơ quan có thẩm quyền. By the agency that decides.
    Agency,
    /// Cơ quan và các đơn vị trực thuộc. Each agency with all below it: a dossier counts at every level.
    AgencyTree,
    /// Lĩnh vực. By the field of the procedure.
    Field,
    /// Thủ tục hành chính. By procedure.
    Procedure,
}

impl From<ProgressBy> for service::ProgressBy {
    fn from(by: ProgressBy) -> Self {
        match by {
            ProgressBy::Agency => Self::Agency,
            ProgressBy::AgencyTree => Self::AgencyTree,
            ProgressBy::Field => Self::Field,
            ProgressBy::Procedure => Self::Procedure,
        }
    }
}

/// Tình hình giải quyết. The figures of a period, part by part and in total.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Progress {
    /// Thời điểm của số liệu. The instant that the figures hold for.
    pub as_of: DateTime<FixedOffset>,
    /// Thời điểm ghi nhận. When they were known so.
    pub known_at: DateTime<FixedOffset>,
    /// Công thức tính tỷ lệ đúng hạn. What `onTimePercent` is, in Vietnamese.
    pub formula: &'static str,
    /// Số liệu từng phần. One row for each part in which there is something.
    pub rows: Vec<ProgressPart>,
    /// Tổng cộng. Of all of them, each dossier once.
    pub total: ProgressFigures,
    #[graphql(skip)]
    figures: Figures,
}

/// Số liệu của một phần. Figures of one agency, procedure or field.
#[derive(SimpleObject)]
pub struct ProgressPart {
    /// Cơ quan. Whose dossiers are counted; null unless added up by agencies.
    pub agency: Option<Agency>,
    /// Thủ tục hành chính. Null unless added up by it.
    pub procedure: Option<Procedure>,
    /// Tên lĩnh vực (TenLinhVuc). Null unless added up by it, and of procedures without one.
    pub field: Option<String>,
    #[graphql(flatten)]
    figures: ProgressFigures,
}

impl ProgressPart {
    pub(super) fn new(names: &Names, (key, row): &(GroupKey, ProgressRow)) -> Self {
        Self {
            agency: key.agency.map(|id| Agency::named(names, id)),
            procedure: key.procedure.map(|id| Procedure::named(names, id)),
            field: key.field.clone(),
            figures: ProgressFigures::new(row),
        }
    }
}

/// Số liệu tình hình giải quyết. Numbers of dossiers, of which
/// `carriedOver + received + takenOver - passedOn = toProcess = resolved + withdrawn + stopped + pending + paused`;
/// `resolved = early + onTime + late`; `pending = notDue + overdue`.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProgressFigures {
    /// Kỳ trước chuyển sang. Received before the period, and open when it began.
    pub carried_over: i64,
    /// Tiếp nhận trong kỳ. Received in the period, by whatever channel.
    pub received: i64,
    /// Trong đó tiếp nhận trực tuyến. Of those received, the ones that came online.
    pub received_online: i64,
    /// Trong đó tiếp nhận qua bưu chính công ích. Of those received, the ones that came by post.
    pub received_post: i64,
    /// Tổng số phải giải quyết. All that was to be processed in the period.
    pub to_process: i64,
    /// Từ chối tiếp nhận. Never received, so in none of the other figures.
    pub refused: i64,
    /// Công dân rút sau khi tiếp nhận. Taken back by the applicant in the period.
    pub withdrawn: i64,
    /// Dừng giải quyết. Stopped in the period without a result.
    pub stopped: i64,
    /// Tiếp nhận từ cơ quan được kế thừa. Came with an agency that this one has the place of.
    pub taken_over: i64,
    /// Chuyển giao cho cơ quan kế thừa. Went to an agency that has the place of this one.
    pub passed_on: i64,
    /// Đã giải quyết. Resolved in the period: early, on time or late.
    pub resolved: i64,
    /// Trước hạn. Resolved on an earlier day than the due day.
    pub early: i64,
    /// Đúng hạn. Resolved on the due day, and not after the due instant.
    pub on_time: i64,
    /// Quá hạn. Resolved after the due instant.
    pub late: i64,
    /// Tỷ lệ đúng hạn. Per cent with two decimals: (early + on time) / resolved. Null where nothing was resolved.
    pub on_time_percent: Option<f64>,
    /// Đang xử lý. Open at the end: not due or overdue.
    pub pending: i64,
    /// Chưa đến hạn. Open, and not due at the end.
    pub not_due: i64,
    /// Đang xử lý, quá hạn. Open, and past the due instant at the end.
    pub overdue: i64,
    /// Tạm dừng. The clock stood still at the end.
    pub paused: i64,
}

impl ProgressFigures {
    pub(super) fn new(row: &ProgressRow) -> Self {
        Self {
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

/// Chỉ tiêu tình hình giải quyết. A number among the figures; the same names as theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Figure {
    /// Kỳ trước chuyển sang. Received before the period, and open when it began.
    CarriedOver,
    /// Tiếp nhận trong kỳ. Received in the period.
    Received,
    /// Từ chối tiếp nhận. Refused in the period, and never received.
    Refused,
    /// Công dân rút sau khi tiếp nhận. Taken back by the applicant in the period.
    Withdrawn,
    /// Dừng giải quyết. Stopped in the period without a result.
    Stopped,
    /// Tiếp nhận từ cơ quan được kế thừa. Came with an agency that this one has the place of.
    TakenOver,
    /// Đã giải quyết. Resolved in the period: early, on time or late.
    Resolved,
    /// Trước hạn. Resolved on an earlier day than the due day.
    Early,
    /// Đúng hạn. Resolved on the due day, and not after the due instant.
    OnTime,
    /// Quá hạn. Resolved after the due instant.
    Late,
    /// Đang xử lý. Open at the end: not due or overdue.
    Pending,
    /// Đang xử lý, chưa đến hạn. Open, and not due at the end.
    NotDue,
    /// Đang xử lý, quá hạn. Open, and past the due instant at the end.
    Overdue,
    /// Tạm dừng. The clock stood still at the end.
    Paused,
}

impl From<Figure> for service::Figure {
    fn from(figure: Figure) -> Self {
        match figure {
            Figure::CarriedOver => Self::CarriedOver,
            Figure::Received => Self::Received,
            Figure::Refused => Self::Refused,
            Figure::Withdrawn => Self::Withdrawn,
            Figure::Stopped => Self::Stopped,
            Figure::TakenOver => Self::TakenOver,
            Figure::Resolved => Self::Resolved,
            Figure::Early => Self::Early,
            Figure::OnTime => Self::OnTime,
            Figure::Late => Self::Late,
            Figure::Pending => Self::Pending,
            Figure::NotDue => Self::NotDue,
            Figure::Overdue => Self::Overdue,
            Figure::Paused => Self::Paused,
        }
    }
}

/// Một hồ sơ trong số liệu. A dossier behind a number.
#[derive(SimpleObject)]
pub struct FigureEntry {
    /// Hồ sơ. As it is known now.
    pub dossier: Dossier,
    /// Thời điểm tính vào số liệu. When what is counted happened; of what is open, when the law wants it resolved,
    /// and null where nothing says when.
    pub at: Option<DateTime<FixedOffset>>,
}

impl Progress {
    fn new(names: &Names, figures: Figures) -> Self {
        Self {
            as_of: local(figures.as_of),
            known_at: local(figures.known_at),
            formula: FORMULA,
            rows: figures.rows.iter().map(|row| ProgressPart::new(names, row)).collect(),
            total: ProgressFigures::new(&figures.total),
            figures,
        }
    }
}

#[ComplexObject]
impl Progress {
    /// Các hồ sơ của một chỉ tiêu. The dossiers behind a number, by what is known now.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Chỉ tiêu nào. Which number's dossiers are listed.")] figure: Figure,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<FigureConnection> {
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let found = ctx.service().figure_items(&self.figures, figure.into(), after, first).await;
                let (items, has_more) = found.map_err(|error| ctx.error(error))?;
                let mut connection: FigureConnection = Connection::new(after.is_some(), has_more);
                for item in items {
                    let cursor = OpaqueCursor((item.at, item.summary.dossier_id));
                    let at = (item.at != i64::MAX).then(|| local_micros(item.at));
                    let entry = FigureEntry { dossier: Dossier::new(item.summary), at };
                    connection.edges.push(Edge::with_additional_fields(cursor, entry, EmptyFields));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }
}
