//! Boards and figures: how many dossiers are where, at what level, as of which instant and as known when; and which.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use domain::access::Scope;
use domain::codes::ProcedureCode;
use domain::identity::ProcedureId;
use domain::time::{Instant, local_date};
use infrastructure::event_store::{instant, micros};
use projections::agency_directory::{self, day_number};
use projections::deadline_board::{
    self, AgencyPart, AsOf, Class, Counts, Fact, FactItem, GroupBy, Item, Moment, Pending, Within,
};
use projections::dossier_summary::{self, DossierSummary};
use projections::progress::{self, DayRange, Period, Progress, SplitBy};
use uuid::Uuid;

use super::queries::{end_of, start_of};
use super::{Caller, Names, Service};
use crate::problem::{Problem, ServiceError};

/// Due within this many working days after today is "due soon" (sắp đến hạn). A policy; no law names a number.
const DUE_SOON_WORKING_DAYS: u32 = 2;

/// Whose dossiers are meant, as clients say it. Every part is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Agency code.
    pub agency: Option<String>,
    /// With all agencies below it.
    pub with_subordinates: bool,
    /// Procedure code.
    pub procedure: Option<String>,
    /// Lĩnh vực.
    pub field: Option<String>,
}

/// What a board is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardQuestion {
    /// Business time; now if absent.
    pub as_of: Option<Instant>,
    /// Recorded time; now if absent.
    pub known_at: Option<Instant>,
    pub part: Part,
}

/// The deadline board as of an instant.
#[derive(Clone, Debug)]
pub struct Board {
    pub at: Instant,
    pub known_at: Instant,
    pub counts: Counts,
    pub as_of: AsOf,
    /// The calendar reaches as far as "soon" does.
    pub knows_soon: bool,
    pub within: Within,
}

/// A dossier on the board, with its summary.
#[derive(Clone, Debug)]
pub struct BoardItem {
    pub item: Item,
    pub summary: DossierSummary,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardGroupBy {
    CompetentAgency,
    /// Each agency with all below it, so that a dossier is counted at every level.
    AgencyTree,
    HolderAgency,
    Field,
    Procedure,
    /// The task that was done last; `None` until one is.
    Step,
}

/// What figures are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    pub agency: Option<Uuid>,
    pub procedure: Option<Uuid>,
    pub field: Option<String>,
    pub step: Option<String>,
}

/// What figures are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressBy {
    Agency,
    /// Each agency with all below it.
    AgencyTree,
    Field,
    Procedure,
}

/// What figures are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressQuestion {
    /// Days from and to, both included.
    pub days: (NaiveDate, NaiveDate),
    pub known_at: Option<Instant>,
    pub by: ProgressBy,
    pub part: Part,
}

/// Figures of a period, as of its end or now while it lasts.
#[derive(Clone, Debug)]
pub struct Figures {
    pub period: Period,
    pub as_of: Instant,
    pub known_at: Instant,
    pub rows: Vec<(GroupKey, Progress)>,
    /// Of all, each dossier once.
    pub total: Progress,
    pub within: Within,
}

/// A number among the figures, to list what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What is behind a number.
enum Behind {
    Facts(&'static [Fact]),
    /// Open at the beginning, or at the end.
    Open {
        class: Pending,
        at_start: bool,
    },
}

impl Figure {
    fn behind(self) -> Behind {
        let at_end = |class| Behind::Open { class, at_start: false };
        match self {
            Self::CarriedOver => Behind::Open { class: Pending::All, at_start: true },
            Self::Received => Behind::Facts(&[Fact::Received]),
            Self::Refused => Behind::Facts(&[Fact::Refused]),
            Self::Withdrawn => Behind::Facts(&[Fact::Withdrawn]),
            Self::Stopped => Behind::Facts(&[Fact::Stopped]),
            Self::TakenOver => Behind::Facts(&[Fact::CarriedOver]),
            Self::Resolved => Behind::Facts(&[Fact::EndedEarly, Fact::EndedOnTime, Fact::EndedLate]),
            Self::Early => Behind::Facts(&[Fact::EndedEarly]),
            Self::OnTime => Behind::Facts(&[Fact::EndedOnTime]),
            Self::Late => Behind::Facts(&[Fact::EndedLate]),
            Self::Pending => at_end(Pending::Running),
            Self::NotDue => at_end(Pending::NotDue),
            Self::Overdue => at_end(Pending::Overdue),
            Self::Paused => at_end(Pending::Paused),
        }
    }
}

/// A dossier behind a number: when it happened, or when it is due.
#[derive(Clone, Debug)]
pub struct FigureItem {
    pub at: i64,
    pub summary: DossierSummary,
}

impl Service {
    /// What a part means on a day.
    async fn within(&self, scope: &Scope, part: &Part, on: Instant) -> Result<Within, ServiceError> {
        let agency = self.agency_filter(part.agency.as_deref(), on).await?.map(|agency| AgencyPart {
            agency,
            subordinates_on: part.with_subordinates.then(|| day_number(local_date(on))),
        });
        let procedure = match &part.procedure {
            Some(code) => {
                Some(ProcedureId::of(&ProcedureCode::parse(code).map_err(Problem::code_of("procedure"))?).0)
            }
            None => None,
        };
        Ok(Within { scope: scope.clone(), agency, procedure, field: part.field.clone() })
    }

    pub async fn deadline_board(
        &self,
        caller: &Caller,
        question: &BoardQuestion,
    ) -> Result<Board, ServiceError> {
        let scope = Self::scope(caller)?;
        let now = self.clock().now();
        let at = question.as_of.unwrap_or_else(|| question.known_at.unwrap_or(now));
        let known_at = question.known_at.unwrap_or(now).min(now);
        let within = self.within(scope, &question.part, at).await?;
        let moment = if known_at < now {
            // Of what comes later nothing was known: what was so at last goes on.
            Moment::Known { at: micros(at.min(known_at)), known: micros(known_at) }
        } else if at < now {
            Moment::At(micros(at))
        } else {
            Moment::Now
        };
        let (day_end, soon_end) = (end_of(local_date(at)), self.soon_end(at).await?);
        let as_of = AsOf { moment, at: micros(at), day_end, soon_end: soon_end.unwrap_or(day_end) };
        let mut counts = Counts::default();
        for group in deadline_board::counts(self.database(), as_of, GroupBy::Whole, &within).await? {
            counts.add(&group.counts);
        }
        Ok(Board { at, known_at, counts, as_of, knows_soon: soon_end.is_some(), within })
    }

    /// The board in groups, in the order of their codes.
    pub async fn board_groups(
        &self,
        board: &Board,
        by: BoardGroupBy,
        names: &Names,
    ) -> Result<Vec<(GroupKey, Counts)>, ServiceError> {
        let group_by = match by {
            BoardGroupBy::CompetentAgency | BoardGroupBy::AgencyTree => GroupBy::CompetentAgency,
            BoardGroupBy::HolderAgency => GroupBy::HolderAgency,
            BoardGroupBy::Field | BoardGroupBy::Procedure => GroupBy::Procedure,
            BoardGroupBy::Step => GroupBy::Step,
        };
        let groups = deadline_board::counts(self.database(), board.as_of, group_by, &board.within).await?;
        let tree = self.tree(by == BoardGroupBy::AgencyTree, board.at).await?;
        let mut sums: BTreeMap<GroupKey, Counts> = BTreeMap::new();
        for group in groups {
            let key = GroupKey {
                agency: group.agency_id,
                procedure: group.procedure_id,
                field: None,
                step: group.step,
            };
            let is_field = by == BoardGroupBy::Field;
            for key in levels(key, is_field.then_some(names), &tree) {
                sums.entry(key).or_default().add(&group.counts);
            }
        }
        Ok(sums.into_iter().collect())
    }

    /// The end of "soon": that of the day after so many further working days. `None` beyond the calendar.
    async fn soon_end(&self, at: Instant) -> Result<Option<i64>, ServiceError> {
        let calendar = self.calendar(None).await?;
        Ok(calendar.nth_working_day_after(local_date(at), DUE_SOON_WORKING_DAYS).ok().map(end_of))
    }

    pub async fn board_items(
        &self,
        board: &Board,
        class: Class,
        after: Option<(i64, Uuid)>,
        first: i64,
    ) -> Result<(Vec<BoardItem>, bool), ServiceError> {
        if class == Class::DueSoon && !board.knows_soon {
            let reason = format!("no calendar is loaded for the days after {}", local_date(board.at));
            return Err(Problem::Refused { code: "CALENDAR_UNKNOWN", reason }.into());
        }
        let after = after.unwrap_or((i64::MIN, Uuid::nil()));
        let items =
            deadline_board::items(self.database(), board.as_of, class, &board.within, after, first + 1)
                .await?;
        let (items, has_more) = page(items, first);
        let mut summaries = self.summaries(items.iter().map(|item| item.dossier_id)).await?;
        let rows = items
            .into_iter()
            .filter_map(|item| summaries.remove(&item.dossier_id).map(|summary| BoardItem { item, summary }))
            .collect();
        Ok((rows, has_more))
    }

    pub(crate) async fn summaries(
        &self,
        ids: impl Iterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, DossierSummary>, ServiceError> {
        let ids: Vec<Uuid> = ids.collect();
        let rows = dossier_summary::by_ids(self.database(), &ids).await?;
        Ok(rows.into_iter().map(|row| (row.dossier_id, row)).collect())
    }

    /// Figures of any days, as of their end, or now while they last.
    pub async fn progress(
        &self,
        caller: &Caller,
        question: &ProgressQuestion,
    ) -> Result<Figures, ServiceError> {
        let scope = Self::scope(caller)?;
        self.figures(scope, question).await
    }

    async fn figures(&self, scope: &Scope, question: &ProgressQuestion) -> Result<Figures, ServiceError> {
        let (from, to) = question.days;
        if to < from {
            return Err(Problem::invalid("period", "ends before it begins").into());
        }
        let now = self.clock().now();
        let known_at = question.known_at.unwrap_or(now).min(now);
        // As of the end are those of its last microsecond.
        let as_of = instant(end_of(to) - 1).min(known_at);
        let start = start_of(from);
        if micros(as_of) < start {
            return Err(Problem::invalid("period", "begins after what is known").into());
        }
        let within = self.within(scope, &question.part, as_of).await?;
        let period = Period {
            days: DayRange { from, to },
            start,
            end: micros(as_of),
            known: (known_at < now).then(|| micros(known_at)),
        };
        let split = match question.by {
            ProgressBy::Agency | ProgressBy::AgencyTree => SplitBy { agency: true, procedure: false },
            ProgressBy::Field | ProgressBy::Procedure => SplitBy { agency: false, procedure: true },
        };
        let parts = progress::progress(self.database(), period, split, &within).await?;
        let is_field = question.by == ProgressBy::Field;
        let names = if is_field { Some(self.names().await?) } else { None };
        let tree = self.tree(question.by == ProgressBy::AgencyTree, as_of).await?;
        let (mut total, mut sums) = (Progress::default(), BTreeMap::<GroupKey, Progress>::new());
        for part in parts {
            total.add(&part);
            let key =
                GroupKey { agency: part.agency_id, procedure: part.procedure_id, ..GroupKey::default() };
            for key in levels(key, names.as_deref(), &tree) {
                sums.entry(key).or_default().add(&part);
            }
        }
        Ok(Figures { period, as_of, known_at, rows: sums.into_iter().collect(), total, within })
    }

    /// Figures of the whole province for anybody.
    pub async fn public_progress(&self, question: &ProgressQuestion) -> Result<Figures, ServiceError> {
        self.figures(&Scope::Province, question).await
    }

    /// The dossiers behind a number, by what is known now.
    pub async fn figure_items(
        &self,
        figures: &Figures,
        figure: Figure,
        after: Option<(i64, Uuid)>,
        first: i64,
    ) -> Result<(Vec<FigureItem>, bool), ServiceError> {
        let Period { start, end, .. } = figures.period;
        let after = after.unwrap_or((i64::MIN, Uuid::nil()));
        let found: Vec<(Uuid, i64)> = match figure.behind() {
            Behind::Facts(facts) => {
                let range = (start, end.saturating_add(1));
                deadline_board::facts(self.database(), facts, range, &figures.within, after, first + 1)
                    .await?
                    .into_iter()
                    .map(|FactItem { dossier_id, from_at }| (dossier_id, from_at))
                    .collect()
            }
            Behind::Open { class, at_start } => {
                let at = if at_start { start - 1 } else { end };
                deadline_board::pending(self.database(), at, class, &figures.within, after, first + 1)
                    .await?
                    .into_iter()
                    .map(|Item { dossier_id, due_at, .. }| (dossier_id, due_at))
                    .collect()
            }
        };
        let (found, has_more) = page(found, first);
        let mut summaries = self.summaries(found.iter().map(|(id, _)| *id)).await?;
        let rows = found
            .into_iter()
            .filter_map(|(id, at)| summaries.remove(&id).map(|summary| FigureItem { at, summary }))
            .collect();
        Ok((rows, has_more))
    }

    /// The agency above each, as of an instant; empty where no tree is asked for.
    async fn tree(&self, is_asked_for: bool, at: Instant) -> Result<HashMap<Uuid, Uuid>, ServiceError> {
        if !is_asked_for {
            return Ok(HashMap::new());
        }
        let day = day_number(local_date(at));
        // As they were then, or were last: the rows of one agency follow each other.
        let rows = agency_directory::all(self.database()).await?;
        let rows = rows.into_iter().filter(|row| row.from_day <= day);
        let above: HashMap<Uuid, Option<Uuid>> = rows.map(|row| (row.agency_id, row.parent_id)).collect();
        Ok(above.into_iter().filter_map(|(id, parent)| parent.map(|parent| (id, parent))).collect())
    }
}

/// Where something counts: under its field, or under its agency and all above it.
fn levels(key: GroupKey, by_field: Option<&Names>, above: &HashMap<Uuid, Uuid>) -> Vec<GroupKey> {
    if let Some(names) = by_field {
        let field = key.procedure.and_then(|id| names.procedures.get(&id)).and_then(|row| row.field.clone());
        return vec![GroupKey { field, ..GroupKey::default() }];
    }
    let mut keys = vec![key];
    // A tree is no deeper than it has agencies, whatever is written in it.
    while let Some(parent) = keys.last().and_then(|key| key.agency).and_then(|agency| above.get(&agency)) {
        if above.len() < keys.len() {
            break;
        }
        keys.push(GroupKey { agency: Some(*parent), ..GroupKey::default() });
    }
    keys
}

/// The rows of a page, and whether there are more.
pub(super) fn page<T>(mut rows: Vec<T>, first: i64) -> (Vec<T>, bool) {
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let has_more = first < rows.len();
    rows.truncate(first);
    (rows, has_more)
}
