use proptest::prelude::*;

use super::*;
use crate::decider::Rejection as _;
use crate::time::Instant;

fn at() -> Instant {
    Instant::from_timestamp(1_700_000_000, 0).unwrap()
}

fn send(up_to: i64) -> Command {
    Command::Send { up_to: Version(up_to), dossier_at: Version(9) }
}

fn acknowledge(up_to: i64) -> Command {
    Command::Acknowledge { up_to: Version(up_to) }
}

fn decline(up_to: i64) -> Command {
    Command::Decline { up_to: Version(up_to), answer: PortalAnswer::parse("-3").unwrap() }
}

fn after(commands: &[Command]) -> Synchronisation {
    commands.iter().fold(Synchronisation::default(), |state, command| {
        let events = state.decide(at(), command).unwrap();
        events.iter().fold(state, |state, event| state.evolve(at(), event))
    })
}

#[test]
fn what_the_portal_has_is_told_apart_from_what_the_dossier_is() {
    let state = |commands: &[Command], dossier_at| after(commands).state(Version(dossier_at));
    assert_eq!(state(&[], 3), SynchronisationState::NotSent);
    assert_eq!(state(&[send(3)], 3), SynchronisationState::Sent);
    assert_eq!(state(&[send(3), acknowledge(3)], 3), SynchronisationState::Synchronised);
    assert_eq!(state(&[send(3), acknowledge(3)], 4), SynchronisationState::Behind);
    assert_eq!(state(&[send(3), acknowledge(3), send(4)], 4), SynchronisationState::Sent);
    assert_eq!(state(&[send(3), decline(3)], 3), SynchronisationState::Declined);
    assert_eq!(state(&[send(3), decline(3), send(3)], 3), SynchronisationState::Sent);
    // Its answer was lost, and came later.
    assert_eq!(state(&[send(3), decline(3), acknowledge(3)], 3), SynchronisationState::Synchronised);
    // The answer to an earlier message says nothing about a later one.
    assert_eq!(state(&[send(3), send(5), acknowledge(3)], 5), SynchronisationState::Sent);
    assert_eq!(state(&[send(3), send(5), decline(5), acknowledge(3)], 5), SynchronisationState::Declined);
}

#[test]
fn the_same_message_again_is_no_news() {
    for (before, again) in [
        (vec![send(3)], send(3)),
        (vec![send(5)], send(3)),
        (vec![send(3), acknowledge(3)], send(3)),
        (vec![send(3), acknowledge(3)], acknowledge(3)),
        (vec![send(5), acknowledge(5)], acknowledge(3)),
        (vec![send(5), decline(5)], send(3)),
        (vec![send(5)], decline(3)),
        (vec![send(3), decline(3)], decline(3)),
    ] {
        assert_eq!(after(&before).decide(at(), &again), Ok(Vec::new()), "{before:?}, {again:?}");
    }
    // What was declined is sent once more.
    let declined = after(&[send(3), decline(3)]);
    assert_eq!(declined.decide(at(), &send(3)).unwrap().len(), 1);
    assert_eq!(after(&[send(3), decline(3), send(3)]).tries, 2);
    assert_eq!(after(&[send(3), decline(3), send(3), acknowledge(3)]).tries, 0);
}

#[test]
fn an_answer_is_about_something_that_was_sent() {
    let refused =
        |before: &[Command], command: &Command| after(before).decide(at(), command).unwrap_err().code();
    assert_eq!(refused(&[], &acknowledge(1)), "SYNCHRONISATION_NEVER_SENT");
    assert_eq!(refused(&[send(3)], &acknowledge(4)), "SYNCHRONISATION_NEVER_SENT");
    assert_eq!(refused(&[send(3)], &decline(0)), "SYNCHRONISATION_NEVER_SENT");
    assert_eq!(refused(&[send(3), acknowledge(3)], &decline(2)), "SYNCHRONISATION_ALREADY_ACKNOWLEDGED");
    for no_version in [0, -1, 10] {
        assert_eq!(refused(&[], &send(no_version)), "SYNCHRONISATION_NO_SUCH_VERSION");
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let version = || 0_i64..12;
    prop_oneof![version().prop_map(send), version().prop_map(acknowledge), version().prop_map(decline),]
}

proptest! {
    /// Whatever is sent and answered, in whatever order: the portal never has what was not sent, never has less than
    /// before, and deciding the same again changes nothing.
    #[test]
    fn the_portal_never_has_what_was_not_sent(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut state = Synchronisation::default();
        for command in commands {
            let Ok(events) = state.decide(at(), &command) else { continue };
            let next = events.iter().fold(state.clone(), |state, event| state.evolve(at(), event));
            prop_assert!(next.acknowledged <= next.sent && next.sent <= Version(9));
            prop_assert!(state.acknowledged <= next.acknowledged);
            prop_assert_eq!(next.decide(at(), &command), Ok(Vec::new()));
            let synchronised = next.state(Version(9)) == SynchronisationState::Synchronised;
            prop_assert!(!synchronised || next.acknowledged == Version(9));
            state = next;
        }
    }
}
