use proptest::prelude::*;

use super::check::tests::enriched;
use super::*;
use crate::decider::{Rejection as _, StoredEvent as _, fold};
use crate::testing::{at, decided, definition, given, step_code};

const MONDAY: &str = "2024-05-06 09:00";

fn code() -> ProcedureCode {
    "1.000948.H38".parse().unwrap()
}

fn days(days: u32) -> Definition {
    definition(ProcedureTerm::Fixed(Term::WorkingDays(days)))
}

fn defect(severity: Severity) -> Defect {
    Defect {
        severity,
        element: "step[2]".to_owned(),
        reason: "13 days of tasks in a step of 11.5".to_owned(),
    }
}

fn draft(definition: Definition, defects: Vec<Defect>) -> Command {
    Command::Draft { code: code(), definition, defects }
}

fn drafted(definition: Definition, defects: Vec<Defect>) -> Event {
    Event::Drafted(Drafted { code: code(), definition, defects })
}

fn history(commands: impl IntoIterator<Item = Command>) -> Vec<(Instant, Event)> {
    decided::<Procedure>(commands.into_iter().map(|command| (at(MONDAY), command)))
}

fn published(commands: impl IntoIterator<Item = Command>) -> Procedure {
    given::<Procedure>(history(commands)).state()
}

#[test]
fn a_draft_is_not_in_force_until_it_is_published() {
    given::<Procedure>([]).when(at(MONDAY), draft(days(10), vec![])).then([drafted(days(10), vec![])]);
    assert_eq!(published([draft(days(10), vec![])]).in_force(), None);
    let drafts = history([draft(days(10), vec![])]);
    given::<Procedure>(drafts)
        .when(at(MONDAY), Command::Publish)
        .then([Event::Published(Published { version: 1 })]);
    let in_force = published([draft(days(10), vec![]), Command::Publish]).in_force().unwrap();
    assert_eq!((in_force.version, &*in_force.definition, in_force.code), (1, &days(10), code()));
}

#[test]
fn a_draft_with_errors_stays_a_draft() {
    let history = history([draft(days(10), vec![defect(Severity::Warning), defect(Severity::Error)])]);
    let defects = vec![defect(Severity::Warning), defect(Severity::Error)];
    given::<Procedure>(history)
        .when(at(MONDAY), Command::Publish)
        .rejected(Rejection::DraftHasErrors { defects });
}

#[test]
fn a_draft_that_shows_errors_by_itself_stays_a_draft() {
    // Nobody reported them; the rejection tells all of them, beside what was reported.
    let known = defect(Severity::Warning);
    let mut broken = days(3);
    broken.steps[2].tasks[0].next = Some(step_code("NOWHERE"));
    let found = [
        ("process", "the steps take 10 days, the term is 3"),
        ("step[3]/task[KY_DUYET]", "next \"NOWHERE\" is not a task of the procedure"),
    ]
    .map(|(element, reason)| Defect {
        severity: Severity::Error,
        element: element.to_owned(),
        reason: reason.to_owned(),
    });
    let defects: Vec<_> = [known.clone()].into_iter().chain(found).collect();
    let rejection = Rejection::DraftHasErrors { defects };
    assert_eq!(
        rejection.to_string(),
        "the draft has defects of severity error: process: the steps take 10 days, the term is 3; \
         step[3]/task[KY_DUYET]: next \"NOWHERE\" is not a task of the procedure"
    );
    given::<Procedure>(history([draft(broken, vec![known])]))
        .when(at(MONDAY), Command::Publish)
        .rejected(rejection);
}

#[test]
fn a_definition_that_says_everything_is_drafted_and_published() {
    let event = drafted(enriched(), vec![]);
    let stored = event.encode().unwrap();
    assert_eq!(Event::decode("procedure.drafted.v1", &stored).unwrap(), event);
    let in_force = published([draft(enriched(), vec![]), Command::Publish]).in_force().unwrap();
    assert_eq!(*in_force.definition, enriched());
}

#[test]
fn a_version_in_force_stays_in_force_when_the_rules_get_stricter() {
    let broken = Definition::new("", ProcedureTerm::SetAtReceipt, vec![]);
    let history = [drafted(broken.clone(), vec![]), Event::Published(Published { version: 1 })];
    let procedure = given::<Procedure>(history.map(|event| (at(MONDAY), event))).state();
    assert_eq!(*procedure.in_force().unwrap().definition, broken);
}

#[test]
fn a_draft_with_warnings_is_published() {
    let published = published([draft(days(10), vec![defect(Severity::Warning)]), Command::Publish]);
    assert!(published.in_force().is_some());
}

#[test]
fn a_draft_replaces_the_draft_before() {
    let published = published([
        draft(days(10), vec![defect(Severity::Error)]),
        draft(days(12), vec![]),
        Command::Publish,
    ]);
    assert_eq!(*published.in_force().unwrap().definition, days(12));
}

#[test]
fn the_same_definition_again_decides_nothing() {
    let drafts = history([draft(days(10), vec![])]);
    given::<Procedure>(drafts).when(at(MONDAY), draft(days(10), vec![])).then([]);
    let published = history([draft(days(10), vec![]), Command::Publish]);
    given::<Procedure>(published).when(at(MONDAY), draft(days(10), vec![])).then([]);
}

#[test]
fn the_same_definition_judged_otherwise_is_a_new_draft() {
    // An importer that learned better must be able to put right what it reported.
    let drafts = history([draft(days(10), vec![defect(Severity::Error)])]);
    let dossier = given::<Procedure>(drafts);
    dossier.when(at(MONDAY), draft(days(10), vec![])).then([drafted(days(10), vec![])]);
    let put_right = published([
        draft(days(10), vec![defect(Severity::Error)]),
        draft(days(10), vec![]),
        Command::Publish,
    ]);
    assert!(put_right.in_force().is_some());
}

#[test]
fn a_version_stays_when_the_next_comes() {
    let procedure = published([
        draft(days(10), vec![]),
        Command::Publish,
        draft(days(15), vec![]),
        Command::Publish,
        draft(days(20), vec![]),
    ]);
    assert_eq!(*procedure.version(1).unwrap().definition, days(10));
    assert_eq!(*procedure.version(2).unwrap().definition, days(15));
    assert_eq!(procedure.in_force(), procedure.version(2));
    assert_eq!((procedure.version(0), procedure.version(3)), (None, None));
}

#[test]
fn an_earlier_definition_can_come_back_as_a_new_version() {
    let procedure = published([
        draft(days(10), vec![]),
        Command::Publish,
        draft(days(15), vec![]),
        Command::Publish,
        draft(days(10), vec![]),
        Command::Publish,
    ]);
    assert_eq!(procedure.in_force().map(|in_force| in_force.version), Some(3));
}

#[test]
fn there_must_be_something_to_publish() {
    given::<Procedure>([]).when(at(MONDAY), Command::Publish).rejected(Rejection::NothingToPublish);
    let published = history([draft(days(10), vec![]), Command::Publish]);
    given::<Procedure>(published).when(at(MONDAY), Command::Publish).rejected(Rejection::NothingToPublish);
}

#[test]
fn a_stream_belongs_to_one_code() {
    let other = Command::Draft { code: "DT01".parse().unwrap(), definition: days(10), defects: vec![] };
    given::<Procedure>(history([draft(days(10), vec![])]))
        .when(at(MONDAY), other)
        .rejected(Rejection::OtherCode { code: code() });
}

#[test]
fn codes_of_refusals_are_pinned() {
    let codes = [
        Rejection::NothingToPublish,
        Rejection::DraftHasErrors { defects: vec![] },
        Rejection::OtherCode { code: code() },
    ]
    .map(|rejection| rejection.code());
    assert_eq!(codes, ["NOTHING_TO_PUBLISH", "DRAFT_HAS_ERRORS", "OTHER_PROCEDURE_CODE"]);
}

#[test]
fn a_definition_knows_its_tasks() {
    assert!(days(10).has_task(&step_code("THU_LY")));
    assert!(!days(10).has_task(&step_code("THU_PHI")));
}

fn commands() -> impl Strategy<Value = Command> {
    let defects = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![defect(Severity::Warning)]),
        1 => Just(vec![defect(Severity::Error)]),
    ];
    prop_oneof![
        (9..13_u32, defects).prop_map(|(days_of_term, defects)| draft(days(days_of_term), defects)),
        Just(Command::Publish),
    ]
}

proptest! {
    #[test]
    fn versions_are_only_ever_added(commands in proptest::collection::vec(commands(), 0..20)) {
        let mut procedure = Procedure::default();
        let mut versions: Vec<InForce> = Vec::new();
        for command in commands {
            let Ok(events) = procedure.decide(at(MONDAY), &command) else { continue };
            procedure = events.iter().fold(procedure, |state, event| state.evolve(at(MONDAY), event));
            if let [Event::Published(Published { version })] = events[..] {
                prop_assert_eq!(version as usize, versions.len() + 1);
                versions.extend(procedure.in_force());
            }
            for (number, known) in (1..).zip(&versions) {
                prop_assert_eq!(&procedure.version(number), &Some(known.clone()));
            }
            let again = procedure.decide(at(MONDAY), &command);
            prop_assert!(again.map_or(true, |again| again.is_empty()));
        }
    }

    #[test]
    fn a_fact_cannot_be_argued_with(drafts in proptest::collection::vec(any::<bool>(), 0..10)) {
        let events: Vec<_> = drafts
            .iter()
            .map(|draft| if *draft { drafted(days(1), vec![]) } else { Event::Published(Published { version: 9 }) })
            .collect();
        let procedure: Procedure = fold(events.iter().map(|event| (at(MONDAY), event)));
        prop_assert_eq!(procedure == Procedure::Absent, !drafts.contains(&true));
    }
}
