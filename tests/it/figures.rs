//! Boards and figures against a judge that knows nothing of tables: the events themselves, folded by the decider, as of
//! any instant and as known at any other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use domain::access::Scope;
use domain::dossier::{self, Channel, Dossier, Event as DossierEvent, Filed, Phase, Timeliness};
use domain::recorded::{Event, Recorded};
use domain::time::{Instant, VIETNAM, local_date};
use infrastructure::event_store::{instant, micros};
use projections::deadline_board::{
    self, AsOf, Class, Counts, Fact, GroupBy, Moment, Pending, Within, counts, facts, items, pending,
};
use projections::progress::{DayRange, Period, Progress, SplitBy, progress};
use uuid::Uuid;

use crate::read_models::{Fixture, Log, logs};
use crate::support::{Backend, Place, is_long, on_each_backend};

on_each_backend!(
    a_board_as_of_any_instant_is_the_fold_of_the_log,
    figures_of_any_days_are_counted_from_the_log,
    the_figures_add_up_for_every_period,
);

/// What the log says of each dossier, by what was known at an instant.
type Histories = HashMap<Uuid, Vec<(Instant, DossierEvent)>>;

fn histories(log: &[Recorded], known: i64) -> Histories {
    let mut histories = Histories::new();
    for recorded in log.iter().filter(|recorded| micros(recorded.recorded_at) <= known) {
        let Event::Dossier(event) = &recorded.event else { continue };
        let id = recorded.stream.strip_prefix("dossier-").unwrap().parse().unwrap();
        histories.entry(id).or_default().push((recorded.occurred_at, event.clone()));
    }
    histories
}

/// Without dossiers whose times are odd: their figures do not add up for ever.
fn without_imports(log: Log) -> Log {
    let imported: BTreeSet<_> = log
        .iter()
        .filter(|(_, _, event)| matches!(event, DossierEvent::Submitted(s) if s.imported.is_some()))
        .map(|(id, _, _)| *id)
        .collect();
    log.into_iter().filter(|(id, _, _)| !imported.contains(id)).collect()
}

fn as_of(history: &[(Instant, DossierEvent)], at: i64) -> Dossier {
    dossier::as_of(history.iter().map(|(at, event)| (*at, event)), instant(at))
}

/// The classes of the board in which a dossier is, as the law and the promise say.
fn classes(filed: &Filed, as_of: AsOf) -> Vec<Class> {
    let AsOf { at, day_end, soon_end, .. } = as_of;
    let passed = |until: Option<Instant>| until.is_some_and(|until| micros(until) < at);
    match &filed.phase {
        Phase::Submitted { answer_by } => {
            let mut classes = vec![Class::IntakeWaiting];
            classes.extend(passed(*answer_by).then_some(Class::IntakeOverdue));
            classes
        }
        Phase::InProgress { clock, .. } => vec![match clock.due_at.map(micros) {
            Some(due) if due < at => Class::Overdue,
            Some(due) if due < day_end => Class::DueToday,
            Some(due) if due < soon_end => Class::DueSoon,
            Some(_) | None => Class::OnTime,
        }],
        Phase::Paused { .. } => vec![Class::Paused],
        _ => vec![],
    }
}

fn counted(classes: &[Class], counts: &mut Counts) {
    for class in classes {
        match class {
            Class::Overdue => counts.overdue += 1,
            Class::DueToday => counts.due_today += 1,
            Class::DueSoon => counts.due_soon += 1,
            Class::OnTime => counts.on_time += 1,
            Class::Paused => counts.paused += 1,
            Class::IntakeWaiting => counts.intake_waiting += 1,
            Class::IntakeOverdue => counts.intake_overdue += 1,
            Class::Unanswered => counts.unanswered += 1,
        }
    }
}

/// Instants at which something happens or is due, and those just before and after: where a mistake would show.
fn interesting(log: &[Recorded], count: usize) -> Vec<i64> {
    let mut instants: BTreeSet<i64> = BTreeSet::new();
    for recorded in log {
        instants.insert(micros(recorded.occurred_at));
        if let Event::Dossier(DossierEvent::Received(received)) = &recorded.event {
            instants.extend(received.due_at.map(micros));
        }
    }
    let all: Vec<i64> = instants.into_iter().flat_map(|at| [at - 1, at, at + 1]).collect();
    let step = (all.len() / count).max(1);
    all.into_iter().step_by(step).collect()
}

/// Moments at which the log was shorter.
fn known_instants(log: &[Recorded], count: usize) -> Vec<i64> {
    let all: BTreeSet<i64> = log.iter().map(|recorded| micros(recorded.recorded_at)).collect();
    let all: Vec<i64> = all.into_iter().collect();
    let step = (all.len() / count).max(1);
    all.into_iter().step_by(step).collect()
}

fn as_of_at(moment: Moment, at: i64) -> AsOf {
    const DAY: i64 = 86_400_000_000;
    AsOf { moment, at, day_end: at + DAY / 3, soon_end: at + 3 * DAY }
}

async fn filled(backend: Backend, log: &Log) -> (Fixture, Vec<Recorded>) {
    let mut fixture = Fixture::new(Place::new(backend).await).await;
    fixture.append(log).await;
    fixture.read_side.catch_up().await.unwrap();
    let recorded = fixture.recorded().await;
    (fixture, recorded)
}

async fn a_board_as_of_any_instant_is_the_fold_of_the_log(backend: Backend) {
    for log in logs(if is_long() { 30 } else { 4 }, 16) {
        let log = without_imports(log);
        if log.is_empty() {
            continue;
        }
        let (fixture, recorded) = filled(backend, &log).await;
        let database = fixture.read_side.database();
        let last_known = recorded.iter().map(|recorded| micros(recorded.recorded_at)).max().unwrap();
        let known = histories(&recorded, last_known);
        let end = recorded.iter().map(|recorded| micros(recorded.occurred_at)).max().unwrap();
        let mut questions: Vec<(AsOf, &Histories)> = Vec::new();
        for at in interesting(&recorded, if is_long() { 60 } else { 12 }) {
            questions.push((as_of_at(Moment::At(at), at), &known));
        }
        // After everything there is nothing but the rows without an end; also for what falls due later.
        for later in [0, 5_000_000_000, 900_000_000_000] {
            questions.push((as_of_at(Moment::Now, end + later), &known));
        }
        let then: Vec<(i64, Histories)> = known_instants(&recorded, 5)
            .into_iter()
            .map(|known| (known, histories(&recorded, known)))
            .collect();
        for (known_at, known) in &then {
            for at in interesting(&recorded, 4) {
                questions.push((as_of_at(Moment::Known { at, known: *known_at }, at), known));
            }
        }
        for (as_of_then, histories) in questions {
            let mut expected = Counts::default();
            let mut by_procedure: BTreeMap<Uuid, Counts> = BTreeMap::new();
            let mut listed: BTreeMap<usize, BTreeSet<Uuid>> = BTreeMap::new();
            for (id, history) in histories {
                let state = as_of(history, as_of_then.at);
                let Some(filed) = state.filed() else { continue };
                let classes = classes(filed, as_of_then);
                counted(&classes, &mut expected);
                counted(&classes, by_procedure.entry(filed.procedure.id.0).or_default());
                for class in classes {
                    listed.entry(class as usize).or_default().insert(*id);
                }
            }
            let whole =
                counts(database, as_of_then, GroupBy::Whole, &Within::of(Scope::Province)).await.unwrap();
            // The judge does not know until when an applicant is waited for.
            let found = Counts { unanswered: 0, ..whole[0].counts };
            assert_eq!(found, expected, "{backend:?} {as_of_then:?}");
            for by in [GroupBy::CompetentAgency, GroupBy::HolderAgency, GroupBy::Procedure, GroupBy::Step] {
                let mut sum = Counts::default();
                let groups = counts(database, as_of_then, by, &Within::of(Scope::Province)).await.unwrap();
                groups.iter().for_each(|group| sum.add(&group.counts));
                assert_eq!(sum, whole[0].counts, "{backend:?} {by:?}: the parts are the whole");
                if by == GroupBy::Procedure {
                    for group in groups {
                        let expected = by_procedure[&group.procedure_id.unwrap()];
                        let found = Counts { unanswered: 0, ..group.counts };
                        assert_eq!(found, expected, "{backend:?} {as_of_then:?}");
                    }
                }
            }
            for class in [Class::Overdue, Class::DueToday, Class::DueSoon, Class::OnTime, Class::Paused] {
                let (mut seen, mut after) = (BTreeSet::new(), (i64::MIN, Uuid::nil()));
                loop {
                    let page = items(database, as_of_then, class, &Within::of(Scope::Province), after, 3)
                        .await
                        .unwrap();
                    for item in &page {
                        assert!(seen.insert(item.dossier_id), "{backend:?}: listed twice");
                        assert!(after < (item.due_at, item.dossier_id));
                        after = (item.due_at, item.dossier_id);
                    }
                    if page.len() < 3 {
                        break;
                    }
                }
                let expected = listed.remove(&(class as usize)).unwrap_or_default();
                assert_eq!(seen, expected, "{backend:?} {class:?} {as_of_then:?}");
            }
        }
    }
}

/// What counts of a dossier in a stretch of time, told by its history alone.
fn count_facts(history: &[(Instant, DossierEvent)], period: Period, split: &mut BTreeMap<Uuid, Progress>) {
    let standing = dossier::standing(history.iter().map(|(at, event)| (*at, event)), |(_, event)| event);
    let within = |at: Instant| (period.start..=period.end).contains(&micros(at));
    let mut state = Dossier::default();
    let mut channel = Channel::Counter;
    for (at, event) in standing {
        let pending = |state: &Dossier| {
            state
                .filed()
                .is_some_and(|filed| matches!(filed.phase, Phase::InProgress { .. } | Phase::Paused { .. }))
        };
        let before = state.filed().map(|filed| (filed.agencies.competent.0, pending(&state)));
        let legal_due_at = state.filed().and_then(Filed::clock).and_then(|clock| clock.legal_due_at);
        state = domain::decider::Decider::evolve(state, at, event);
        let competent = state.filed().unwrap().agencies.competent.0;
        if let DossierEvent::Submitted(submitted) = event {
            channel = submitted.channel;
        }
        if !within(at) {
            continue;
        }
        let row = split.entry(competent).or_default();
        match event {
            DossierEvent::Received(_) => {
                row.received += 1;
                row.received_online += i64::from(channel == Channel::Online);
                row.received_post += i64::from(channel == Channel::Post);
            }
            DossierEvent::Refused(_) => row.refused += 1,
            DossierEvent::Stopped(_) => row.stopped += 1,
            DossierEvent::Withdrawn(_) if before.is_some_and(|(_, pending)| pending) => row.withdrawn += 1,
            DossierEvent::ProcessingFinished(_) => match Timeliness::of(at, legal_due_at) {
                Timeliness::Early => row.early += 1,
                Timeliness::OnTime => row.on_time += 1,
                Timeliness::Late => row.late += 1,
            },
            DossierEvent::CarriedOver(_) => {
                if let Some((old, true)) = before
                    && old != competent
                {
                    row.taken_over += 1;
                    split.entry(old).or_default().passed_on += 1;
                }
            }
            _ => {}
        }
    }
}

fn count_open(history: &[(Instant, DossierEvent)], period: Period, split: &mut BTreeMap<Uuid, Progress>) {
    for (at, is_start) in [(period.start - 1, true), (period.end, false)] {
        let state = as_of(history, at);
        let Some(filed) = state.filed() else { continue };
        let (is_paused, due) = match &filed.phase {
            Phase::InProgress { clock, .. } => (false, clock.legal_due_at.map(micros)),
            Phase::Paused { clock, .. } => (true, clock.legal_due_at.map(micros)),
            _ => continue,
        };
        let row = split.entry(filed.agencies.competent.0).or_default();
        if is_start {
            row.carried_over += 1;
        } else if is_paused {
            row.paused += 1;
        } else if due.is_some_and(|due| due < at) {
            row.overdue += 1;
        } else {
            row.not_due += 1;
        }
    }
}

fn start_of(day: NaiveDate) -> i64 {
    let midnight = day.and_hms_opt(0, 0, 0).unwrap().and_local_timezone(VIETNAM).unwrap();
    midnight.timestamp_micros()
}

fn period(from: NaiveDate, to: NaiveDate, known: Option<i64>) -> Period {
    let end = start_of(to.succ_opt().unwrap()) - 1;
    Period { days: DayRange { from, to }, start: start_of(from), end, known }
}

/// Without rows of zeros, which are counters that fell back.
fn not_empty(row: &Progress) -> bool {
    Progress { agency_id: None, procedure_id: None, ..row.clone() } != Progress::default()
}

async fn figures_of_any_days_are_counted_from_the_log(backend: Backend) {
    for log in logs(if is_long() { 30 } else { 4 }, 16) {
        let log = without_imports(log);
        if log.is_empty() {
            continue;
        }
        let (fixture, recorded) = filled(backend, &log).await;
        let database = fixture.read_side.database();
        let days: BTreeSet<NaiveDate> =
            recorded.iter().map(|recorded| local_date(recorded.occurred_at)).collect();
        let days: Vec<NaiveDate> = days.into_iter().collect();
        let (first, last) = (days[0], days[days.len() - 1]);
        let mut ranges = vec![(first, last), (first, first), (last, last)];
        ranges.extend(days.windows(4).step_by(days.len().div_ceil(4)).map(|days| (days[1], days[3])));
        let mut known = vec![None];
        known.extend(known_instants(&recorded, 3).into_iter().map(Some));
        for (from, to) in ranges {
            for known in &known {
                let period = period(from, to, *known);
                let mut expected: BTreeMap<Uuid, Progress> = BTreeMap::new();
                for history in histories(&recorded, known.unwrap_or(i64::MAX)).values() {
                    count_facts(history, period, &mut expected);
                    count_open(history, period, &mut expected);
                }
                let split = SplitBy { agency: true, procedure: false };
                let rows = progress(database, period, split, &Within::of(Scope::Province)).await.unwrap();
                let found: BTreeMap<Uuid, Progress> = rows
                    .into_iter()
                    .filter(not_empty)
                    .map(|row| (row.agency_id.unwrap(), Progress { agency_id: None, ..row }))
                    .collect();
                expected.retain(|_, row| not_empty(row));
                assert_eq!(found, expected, "{backend:?} {period:?}");
                // The parts are the whole, however it is split.
                let mut total = Progress::default();
                found.values().for_each(|row| total.add(row));
                for (agency, procedure) in [(false, false), (false, true), (true, true)] {
                    let mut sum = Progress::default();
                    let split = SplitBy { agency, procedure };
                    let rows = progress(database, period, split, &Within::of(Scope::Province)).await.unwrap();
                    rows.iter().for_each(|row| sum.add(row));
                    assert_eq!(sum, total, "{backend:?} {split:?}");
                }
                if known.is_none() {
                    behind_the_numbers(&fixture, period, &total).await;
                }
            }
        }
    }
}

/// Each number has a list that is as long as it says.
async fn behind_the_numbers(fixture: &Fixture, period: Period, total: &Progress) {
    let database = fixture.read_side.database();
    let (start, everything) = ((i64::MIN, Uuid::nil()), Within::of(Scope::Province));
    for (fact, number) in [
        (Fact::Received, total.received),
        (Fact::Refused, total.refused),
        (Fact::Withdrawn, total.withdrawn),
        (Fact::Stopped, total.stopped),
        (Fact::CarriedOver, total.taken_over),
        (Fact::EndedEarly, total.early),
        (Fact::EndedOnTime, total.on_time),
        (Fact::EndedLate, total.late),
    ] {
        let range = (period.start, period.end + 1);
        let list = facts(database, &[fact], range, &everything, start, 10_000).await.unwrap();
        assert_eq!(list.len() as i64, number, "{fact:?}");
    }
    for (class, at, number) in [
        (Pending::All, period.start - 1, total.carried_over),
        (Pending::Running, period.end, total.pending()),
        (Pending::NotDue, period.end, total.not_due),
        (Pending::Overdue, period.end, total.overdue),
        (Pending::Paused, period.end, total.paused),
    ] {
        let list = pending(database, at, class, &everything, start, 10_000).await.unwrap();
        assert_eq!(list.len() as i64, number, "{class:?}");
    }
}

/// The identities of DOMAIN 4.1, over whatever happened and for any days, agency by agency.
async fn the_figures_add_up_for_every_period(backend: Backend) {
    for log in logs(if is_long() { 40 } else { 4 }, 20) {
        let log = without_imports(log);
        if log.is_empty() {
            continue;
        }
        let (fixture, recorded) = filled(backend, &log).await;
        let database = fixture.read_side.database();
        let first = recorded.iter().map(|recorded| local_date(recorded.occurred_at)).min().unwrap();
        let mut carried: HashMap<Uuid, i64> = HashMap::new();
        let mut from = first;
        // One period after the other, of all lengths.
        for nth in 0..24 {
            let to = from + chrono::Days::new(nth * 13 % 47);
            let split = SplitBy { agency: true, procedure: false };
            let rows = progress(database, period(from, to, None), split, &Within::of(Scope::Province))
                .await
                .unwrap();
            for row in rows {
                let (agency, open) = (row.agency_id.unwrap(), row.pending() + row.paused);
                let before = carried.get(&agency).copied().unwrap_or(0);
                assert_eq!(row.carried_over, before, "{backend:?} {from} {to}");
                let settled = row.resolved() + row.withdrawn + row.stopped;
                assert_eq!(row.to_process(), settled + open, "{backend:?} {from} {to} {row:?}");
                carried.insert(agency, open);
            }
            from = to.succ_opt().unwrap();
        }
    }
}

/// A class is what it is called, wherever it is asked for.
#[test]
fn the_end_of_time_is_no_due_instant() {
    let item = deadline_board::Item { dossier_id: Uuid::nil(), due_at: deadline_board::FOR_EVER, from_at: 0 };
    assert_eq!(item.due(), None);
}
