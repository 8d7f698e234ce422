use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decider::{Rejection as _, fold};
use crate::testing::at;

fn dossier() -> DossierId {
    DossierId(Uuid::from_u128(1))
}

fn addressee(n: u128, by: Way) -> Addressee {
    Addressee { to: Some(PrincipalId(Uuid::from_u128(n))), by }
}

fn raise(occasion: Occasion, due_at: &str, to: &[Addressee]) -> Command {
    let (due_at, holder) = (at(due_at), AgencyId(Uuid::from_u128(9)));
    Command::Raise { dossier: dossier(), occasion, due_at, holder, to: to.to_vec() }
}

fn disclosure(n: u128) -> DisclosureId {
    DisclosureId(Uuid::from_u128(n))
}

fn raise_disclosure(n: u128, to: &[Addressee]) -> Command {
    let holder = AgencyId(Uuid::from_u128(9));
    Command::RaiseDisclosure { disclosure: disclosure(n), holder, to: to.to_vec() }
}

/// The state after commands that are all taken.
fn after(commands: &[Command]) -> Notices {
    commands.iter().fold(Notices::default(), |state, command| {
        let events = state.decide(at(DUE), command).unwrap();
        events.iter().fold(state, |state, event| state.evolve(at(DUE), event))
    })
}

const DUE: &str = "2026-01-12 17:00";
const LATER: &str = "2026-01-19 17:00";

fn delivery(occasion: Occasion, due_at: &str, addressee: Addressee) -> DeliveryId {
    DeliveryId::of(dossier(), occasion, at(due_at), addressee)
}

#[test]
fn a_notice_says_who_is_told_and_how() {
    let lan = addressee(1, Way::Email);
    let also = addressee(1, Way::Sms);
    let nobody = Addressee { to: None, by: Way::Log };
    let [Event::Raised(raised)] = &Notices::default()
        .decide(at(DUE), &raise(Occasion::DueSoon, DUE, &[also, lan, lan, nobody]))
        .unwrap()[..]
    else {
        panic!("one event")
    };
    let told: Vec<_> = raised.deliveries.iter().map(|delivery| (delivery.to, delivery.by)).collect();
    assert_eq!(told, [(None, Way::Log), (lan.to, Way::Email), (lan.to, Way::Sms)]);
    let ids: BTreeSet<DeliveryId> = raised.deliveries.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(&delivery(Occasion::DueSoon, DUE, lan)));
}

#[test]
fn each_occasion_once_and_no_milder_one_after_a_graver_one() {
    let state = after(&[raise(Occasion::DueToday, DUE, &[addressee(1, Way::Email)])]);
    for (occasion, is_news) in Occasion::ALL.into_iter().zip([false, false, true, true]) {
        let events = state.decide(at(DUE), &raise(occasion, DUE, &[addressee(2, Way::Sms)])).unwrap();
        assert_eq!(!events.is_empty(), is_news, "{occasion:?}");
    }
    // An extension is another deadline.
    let events =
        state.decide(at(DUE), &raise(Occasion::DueSoon, LATER, &[addressee(1, Way::Email)])).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn each_break_glass_is_told_once_whatever_was_said_of_deadlines() {
    let head = addressee(1, Way::Webhook);
    let state = after(&[raise(Occasion::Escalated, DUE, &[head]), raise_disclosure(3, &[head, head])]);
    assert_eq!(state.decide(at(DUE), &raise_disclosure(3, &[addressee(2, Way::Sms)])).unwrap(), []);
    let [Event::DisclosureRaised(other)] = &state.decide(at(DUE), &raise_disclosure(4, &[head])).unwrap()[..]
    else {
        panic!("one event")
    };
    let id = DeliveryId::of_disclosure(disclosure(4), head);
    assert_eq!(other.deliveries, [Delivery { id, to: head.to, by: head.by }]);
    assert!(!state.has_settled());
    // Its messages arrive, fail and are given up as all others.
    let id = DeliveryId::of_disclosure(disclosure(3), head);
    let deliver = Command::Deliver { delivery: id, receipt: None };
    let [Event::Delivered(_)] = &state.decide(at(DUE), &deliver).unwrap()[..] else { panic!("it arrives") };
    // And nothing is said of a deadline by it.
    let state = after(&[raise_disclosure(3, &[head]), deliver]);
    assert!(state.has_settled());
    assert_eq!(state.decide(at(DUE), &raise(Occasion::DueSoon, DUE, &[head])).unwrap().len(), 1);
}

#[test]
fn what_is_settled_stays_so() {
    let lan = addressee(1, Way::Webhook);
    let id = delivery(Occasion::Overdue, DUE, lan);
    let raised = raise(Occasion::Overdue, DUE, &[lan]);
    let fail = |attempt, again_at| Command::Fail {
        delivery: id,
        attempt,
        failure: DeliveryFailure::TimedOut,
        again_at,
    };
    let deliver = Command::Deliver { delivery: id, receipt: None };
    let withdraw = Command::Withdraw { delivery: id, why: Withdrawal::NoLongerDue };
    let ends = [deliver.clone(), withdraw.clone(), fail(1, None)];
    for end in &ends {
        let state = after(&[raised.clone(), end.clone()]);
        for late in &ends {
            assert_eq!(state.decide(at(DUE), late).unwrap(), [], "{end:?}, then {late:?}");
        }
    }
    let other = Command::Deliver { delivery: DeliveryId(Uuid::nil()), receipt: None };
    let refused = after(&[raised]).decide(at(DUE), &other).unwrap_err();
    assert_eq!((refused.code(), &refused), ("NOTICE_NEVER_RAISED", &Rejection::NeverRaised));
}

#[test]
fn tries_are_counted() {
    let lan = addressee(1, Way::Email);
    let id = delivery(Occasion::Overdue, DUE, lan);
    let fail = |attempt| Command::Fail {
        delivery: id,
        attempt,
        failure: DeliveryFailure::Answered(503),
        again_at: Some(at(LATER)),
    };
    let state = after(&[raise(Occasion::Overdue, DUE, &[lan]), fail(1), fail(2)]);
    for wrong in [0, 1, 2, 4] {
        let refused = state.decide(at(DUE), &fail(wrong)).unwrap_err();
        assert_eq!(
            (refused.code(), &refused),
            ("NOTICE_WRONG_ATTEMPT", &Rejection::WrongAttempt { attempts: 2 })
        );
    }
    assert_eq!(state.decide(at(DUE), &fail(3)).unwrap().len(), 1);
    assert_eq!(state.decide(at(DUE), &Command::Deliver { delivery: id, receipt: None }).unwrap().len(), 1);
}

/// The value comes from another implementation (Python's `uuid.uuid5`). Receivers compare them: never change it.
#[test]
fn the_id_of_a_delivery_is_pinned() {
    let id = DeliveryId::of(dossier(), Occasion::Overdue, at(DUE), addressee(2, Way::Sms));
    assert_eq!(id.to_string(), "e5c3a56a-721c-510f-a2a6-9e543d2a83e3");
    let id = DeliveryId::of_disclosure(disclosure(3), addressee(2, Way::Webhook));
    assert_eq!(id.to_string(), "552aa43b-595a-5059-b947-8a63cb3d194a");
}

proptest! {
    /// Whatever happens in whatever order: nothing arrives twice, and nothing arrives after it was given up or withdrawn.
    #[test]
    fn no_delivery_is_settled_twice(choices in proptest::collection::vec((0_usize..4, 0_usize..6, 0_u32..4), 1..60)) {
        let people = [addressee(1, Way::Email), addressee(2, Way::Sms)];
        let mut events: Vec<Event> = Vec::new();
        for (occasion, what, nth) in choices {
            let occasion = Occasion::ALL[occasion];
            let person = people[nth as usize % 2];
            // Half of them are about a break-glass.
            let id = if nth < 2 {
                delivery(occasion, DUE, person)
            } else {
                DeliveryId::of_disclosure(disclosure(u128::from(nth)), person)
            };
            let command = match what {
                0 => raise(occasion, DUE, &people),
                5 => raise_disclosure(u128::from(nth), &people),
                1 => Command::Deliver { delivery: id, receipt: None },
                2 => Command::Withdraw { delivery: id, why: Withdrawal::Overtaken },
                3 => Command::Fail { delivery: id, attempt: nth, failure: DeliveryFailure::Unreachable, again_at: None },
                _ => {
                    let again_at = Some(at(LATER));
                    Command::Fail { delivery: id, attempt: nth, failure: DeliveryFailure::Unreachable, again_at }
                }
            };
            let state: Notices = fold(events.iter().map(|event| (at(DUE), event)));
            events.extend(state.decide(at(DUE), &command).unwrap_or_default());
        }
        let mut settled = BTreeSet::new();
        let (mut raised, mut disclosed) = (BTreeSet::new(), BTreeSet::new());
        for event in &events {
            match event {
                Event::Raised(event) => {
                    prop_assert!(raised.last().is_none_or(|gravest| *gravest < event.occasion));
                    raised.insert(event.occasion);
                }
                Event::DisclosureRaised(event) => {
                    prop_assert!(disclosed.insert(event.disclosure));
                }
                Event::Delivered(Delivered { delivery, .. }) | Event::Withdrawn(Withdrawn { delivery, .. })
                | Event::AttemptFailed(AttemptFailed { delivery, again_at: None, .. }) => {
                    prop_assert!(settled.insert(*delivery));
                }
                Event::AttemptFailed(AttemptFailed { delivery, .. }) => prop_assert!(!settled.contains(delivery)),
            }
        }
    }
}
