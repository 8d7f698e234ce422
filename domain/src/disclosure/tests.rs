use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::{Rejection as _, fold};
use crate::private::SealedToken;
use crate::testing::{agency, at, given};

const OPENED: &str = "2026-03-02 09:00";

fn principal(number: u128) -> PrincipalId {
    PrincipalId(Uuid::from_u128(number))
}

fn dossier(number: u128) -> DossierId {
    DossierId(Uuid::from_u128(number))
}

fn note() -> Private {
    Private::Sealed(SealedToken::from_text("sealed"))
}

fn open(by: u128, open_for: TimeDelta) -> Command {
    Command::Open {
        dossier: dossier(1),
        by: principal(by),
        acting_as: agency(1),
        reason: DisclosureReason::Danger,
        note: note(),
        key: KeyId(Uuid::from_u128(7)),
        open_for,
    }
}

fn opened(by: u128, until: &str) -> Event {
    Event::Opened(Opened {
        dossier: dossier(1),
        by: principal(by),
        acting_as: agency(1),
        reason: DisclosureReason::Danger,
        key: KeyId(Uuid::from_u128(7)),
        note: note(),
        until: at(until),
    })
}

fn acknowledge(by: u128, finding: Finding) -> Command {
    Command::Acknowledge { by: principal(by), finding, note: None }
}

fn acknowledged(by: u128, finding: Finding) -> Event {
    Event::Acknowledged(Acknowledged { by: principal(by), finding, note: None })
}

fn history(finding: Option<Finding>) -> Vec<(Instant, Event)> {
    let mut history = vec![(at(OPENED), opened(1, "2026-03-02 10:00"))];
    history.extend(finding.map(|finding| (at("2026-03-02 09:30"), acknowledged(2, finding))));
    history
}

#[test]
fn it_is_open_for_the_time_that_was_given() {
    given::<Disclosure>([])
        .when(at(OPENED), open(1, TimeDelta::minutes(60)))
        .then([opened(1, "2026-03-02 10:00")]);
    for out_of_bounds in [TimeDelta::zero(), TimeDelta::minutes(-1), OPEN_FOR_MAX + TimeDelta::seconds(1)] {
        given::<Disclosure>([]).when(at(OPENED), open(1, out_of_bounds)).rejected(Rejection::TimeOutOfBounds);
    }
    given::<Disclosure>([]).when(at(OPENED), open(1, OPEN_FOR_MAX)).then([opened(1, "2026-03-03 09:00")]);
}

#[test]
fn it_is_opened_once() {
    given::<Disclosure>(history(None))
        .when(at(OPENED), open(1, TimeDelta::minutes(5)))
        .rejected(Rejection::AlreadyOpened);
    given::<Disclosure>(history(Some(Finding::Justified)))
        .when(at(OPENED), open(3, TimeDelta::minutes(5)))
        .rejected(Rejection::AlreadyOpened);
}

#[test]
fn somebody_else_says_once_whether_it_was_justified() {
    for finding in Finding::ALL {
        given::<Disclosure>(history(None))
            .when(at("2026-03-09 09:00"), acknowledge(2, *finding))
            .then([acknowledged(2, *finding)]);
        given::<Disclosure>(history(Some(*finding)))
            .when(at("2026-03-09 09:00"), acknowledge(3, Finding::Justified))
            .rejected(Rejection::AlreadyAcknowledged);
    }
}

#[test]
fn nobody_acknowledges_their_own() {
    given::<Disclosure>(history(None))
        .when(at(OPENED), acknowledge(1, Finding::Justified))
        .rejected(Rejection::Own);
    // Whatever became of it.
    given::<Disclosure>(history(Some(Finding::Justified)))
        .when(at(OPENED), acknowledge(1, Finding::Justified))
        .rejected(Rejection::Own);
}

#[test]
fn what_was_never_opened_is_not_acknowledged() {
    given::<Disclosure>([])
        .when(at(OPENED), acknowledge(2, Finding::Justified))
        .rejected(Rejection::NotOpened);
}

#[test]
fn it_opens_one_dossier_to_one_person_until_its_time_is_over() {
    let state = |finding| -> Disclosure {
        let history = history(finding);
        fold(history.iter().map(|(at, event)| (*at, event)))
    };
    let open = state(None);
    assert!(open.opens(dossier(1), principal(1), at(OPENED)));
    assert!(open.opens(dossier(1), principal(1), at("2026-03-02 09:59")));
    assert!(!open.opens(dossier(1), principal(1), at("2026-03-02 10:00")));
    assert!(!open.opens(dossier(1), principal(2), at(OPENED)), "to nobody else");
    assert!(!open.opens(dossier(2), principal(1), at(OPENED)), "and no other dossier");
    assert!(!Disclosure::Absent.opens(dossier(1), principal(1), at(OPENED)));
    let now = at("2026-03-02 09:31");
    assert!(state(Some(Finding::Justified)).opens(dossier(1), principal(1), now));
    assert!(!state(Some(Finding::Unjustified)).opens(dossier(1), principal(1), now));
}

#[test]
fn codes_are_stable() {
    let rejections = [
        (Rejection::NotOpened, "DISCLOSURE_NOT_OPENED"),
        (Rejection::AlreadyOpened, "DISCLOSURE_ALREADY_OPENED"),
        (Rejection::TimeOutOfBounds, "DISCLOSURE_TIME_OUT_OF_BOUNDS"),
        (Rejection::Own, "OWN_DISCLOSURE"),
        (Rejection::AlreadyAcknowledged, "DISCLOSURE_ALREADY_ACKNOWLEDGED"),
    ];
    for (rejection, code) in rejections {
        assert_eq!(rejection.code(), code);
    }
}

proptest! {
    /// Whatever is asked by whomever in whatever order: it is opened at most once, and acknowledged at most once, later, by
    /// somebody else; and it opens nothing to anybody but who opened it, for longer than may be.
    #[test]
    fn it_is_opened_and_acknowledged_once_by_two_people(
        choices in proptest::collection::vec((0_u8..3, 1_u128..4, 0_i64..2_000), 1..30),
    ) {
        let mut events: Vec<(Instant, Event)> = Vec::new();
        for (nth, (what, who, minutes)) in (0..).zip(choices) {
            let now = at(OPENED) + TimeDelta::minutes(nth);
            let command = match what {
                0 => open(who, TimeDelta::minutes(minutes)),
                1 => acknowledge(who, Finding::Justified),
                _ => acknowledge(who, Finding::Unjustified),
            };
            let state: Disclosure = fold(events.iter().map(|(at, event)| (*at, event)));
            let decided = state.decide(now, &command).unwrap_or_default();
            events.extend(decided.into_iter().map(|event| (now, event)));
        }
        let state: Disclosure = fold(events.iter().map(|(at, event)| (*at, event)));
        match &events[..] {
            [] => prop_assert_eq!(state, Disclosure::Absent),
            [(opened_at, Event::Opened(opened)), rest @ ..] => {
                prop_assert!(*opened_at < opened.until && opened.until <= *opened_at + OPEN_FOR_MAX);
                prop_assert!(!state.opens(dossier(1), opened.by, opened.until));
                for other in (1..4).map(principal).filter(|other| *other != opened.by) {
                    prop_assert!(!state.opens(dossier(1), other, *opened_at));
                }
                match rest {
                    [] => {}
                    [(_, Event::Acknowledged(acknowledged))] => prop_assert_ne!(acknowledged.by, opened.by),
                    more => prop_assert!(false, "{:?}", more),
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
