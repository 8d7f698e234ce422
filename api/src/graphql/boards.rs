//! Boards and figures, at every level, as of any instant and as known at any other.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::Share;
use projections::Model;
use projections::deadline_board::{Class, Counts};
use projections::progress::Progress as ProgressRow;
use uuid::Uuid;

use super::objects::{Agency, Dossier, Procedure, local, local_micros};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::period;
use crate::service::{
    self, Board, BoardItem, BoardQuestion, Figures, GroupKey, Names, Part, ProgressQuestion,
};

#[derive(Default)]
pub struct BoardQuery;

/// Whose dossiers are meant. Every part is optional.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PartInput {
    /// Agency code: competent for or holding the dossiers; in figures, competent for them.
    pub agency: Option<String>,
    /// With all agencies below it, as the tree was then.
    #[graphql(default)]
    pub with_subordinates: bool,
    /// Procedure code.
    pub procedure: Option<String>,
    /// Lĩnh vực.
    pub field: Option<String>,
}

impl From<PartInput> for Part {
    fn from(part: PartInput) -> Self {
        let PartInput { agency, with_subordinates, procedure, field } = part;
        Self { agency, with_subordinates, procedure, field }
    }
}

/// Days from and to, both included: `2026-11-24`, or `2026-11` for a whole month.
#[derive(Clone, Debug, InputObject)]
pub struct PeriodInput {
    pub from: String,
    pub to: String,
}

type BoardConnection = Connection<OpaqueCursor<(i64, Uuid)>, BoardEntry>;
type FigureConnection = Connection<OpaqueCursor<(i64, Uuid)>, FigureEntry>;

#[Object]
impl BoardQuery {
    /// Bảng theo dõi thời hạn tại một thời điểm; now if `asOf` is absent.
    async fn deadline_board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Business time: how it was then.")] as_of: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "Recorded time: by what the log knew then. Takes long on a big table.")]
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

    /// Tình hình giải quyết trong kỳ, as of the end of the period, or now while it lasts.
    async fn progress(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(default_with = "ProgressBy::Agency")] by: ProgressBy,
        #[graphql(desc = "Recorded time: by what the log knew then.")] known_at: Option<
            DateTime<FixedOffset>,
        >,
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
    /// Hồ sơ trực tuyến chờ trả lời: submissions that the office has not answered yet.
    pub intake_waiting: i64,
    /// Of these, beyond the working hours it has for it.
    pub intake_overdue: i64,
    /// The applicant has not brought in time what is waited for. A reminder; an officer decides.
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

/// Bảng theo dõi thời hạn.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DeadlineBoard {
    pub as_of: DateTime<FixedOffset>,
    pub known_at: DateTime<FixedOffset>,
    #[graphql(flatten)]
    counts: BoardCounts,
    #[graphql(skip)]
    board: Board,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum BoardGroupBy {
    /// Cơ quan có thẩm quyền.
    CompetentAgency,
    /// Each agency with all below it: a dossier counts at every level.
    AgencyTree,
    /// Cơ quan đang giữ.
    HolderAgency,
    /// Lĩnh vực.
    Field,
    Procedure,
    /// By procedure and the task that was done last.
    Step,
}

/// A part of a board.
#[derive(SimpleObject)]
pub struct BoardGroup {
    pub agency: Option<Agency>,
    pub procedure: Option<Procedure>,
    pub field: Option<String>,
    /// The task that was done last; null before the first.
    pub last_step: Option<String>,
    #[graphql(flatten)]
    counts: BoardCounts,
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
    /// The same, part by part. Parts in which there is nothing are not there.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn groups(&self, ctx: &Context<'_>, by: BoardGroupBy) -> Result<Vec<BoardGroup>> {
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

/// What figures are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProgressBy {
    /// Cơ quan có thẩm quyền.
    Agency,
    /// Each agency with all below it: a dossier counts at every level.
    AgencyTree,
    /// Lĩnh vực.
    Field,
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

/// Tình hình giải quyết.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Progress {
    /// The instant that the figures hold for.
    pub as_of: DateTime<FixedOffset>,
    /// When they were known so.
    pub known_at: DateTime<FixedOffset>,
    /// What `onTimePercent` is.
    pub formula: &'static str,
    pub rows: Vec<ProgressPart>,
    /// Of all of them, each dossier once.
    pub total: ProgressFigures,
    #[graphql(skip)]
    figures: Figures,
}

/// How `onTimePercent` is computed: others divide by all that was to be processed.
pub(crate) const FORMULA: &str = "(trước hạn + đúng hạn) / đã giải quyết";

/// Figures of a part.
#[derive(SimpleObject)]
pub struct ProgressPart {
    pub agency: Option<Agency>,
    pub procedure: Option<Procedure>,
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

/// `carriedOver + received + takenOver - passedOn = toProcess = resolved + withdrawn + stopped + pending + paused`;
/// `resolved = early + onTime + late`; `pending = notDue + overdue`.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProgressFigures {
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

/// A number among the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Figure {
    CarriedOver,
    Received,
    Refused,
    Withdrawn,
    Stopped,
    TakenOver,
    Resolved,
    Early,
    OnTime,
    Late,
    Pending,
    NotDue,
    Overdue,
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

/// A dossier behind a number.
#[derive(SimpleObject)]
pub struct FigureEntry {
    pub dossier: Dossier,
    /// When what is counted happened; of what is open, when the law wants it resolved.
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
    /// The dossiers behind a number, by what is known now.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        figure: Figure,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
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
