use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::access::Function;
use crate::codes::PermissionGroupCode;
use crate::permission_group::Defined;
use crate::private::SealedToken;
use crate::testing::{agency, at};
use crate::time::day_start;

fn acting_as(number: u8) -> ActingAs {
    ActingAs { agency: agency(number), unit: None, position_title: None }
}

fn opened() -> Command {
    Command::Open(Opened {
        kind: AccountKind::Person,
        identity: Identity::Login(LoginName::parse("lan.nguyen").unwrap()),
        key: KeyId(Uuid::from_u128(1)),
        name: Private::Sealed(SealedToken::from_text("sealed")),
        acting_as: acting_as(1),
    })
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn granted(number: u128, over: Over, from: &str, until: Option<&str>) -> Command {
    Command::Grant(Granted {
        grant: GrantId(Uuid::from_u128(number)),
        group: group_id("BP_MOT_CUA"),
        over,
        from: day(from),
        until: until.map(day),
    })
}

fn group_id(code: &str) -> PermissionGroupId {
    PermissionGroupId::of(&PermissionGroupCode::parse(code).unwrap())
}

fn group(code: &str, functions: &[Function]) -> PermissionGroup {
    let defined = Defined {
        code: PermissionGroupCode::parse(code).unwrap(),
        name: code.to_owned(),
        functions: functions.iter().copied().collect(),
    };
    let event = crate::permission_group::Event::Defined(defined);
    PermissionGroup::default().evolve(at("2026-01-05 08:00"), &event)
}

fn done(history: &[(&str, Command)]) -> Account {
    history.iter().fold(Account::default(), |account, (when, command)| {
        let events = account.decide(at(when), command).unwrap();
        events.iter().fold(account, |account, event| account.evolve(at(when), event))
    })
}

/// Subtrees without a tree: the agency and the one after it.
fn scope_of(over: Over) -> Scope {
    match over {
        Over::Province => Scope::Province,
        Over::Agency(agency) => Scope::of(agency),
        Over::Subtree(root) => {
            let below = (1..=20).find(|number| agency(*number) == root).map(|number| agency(number + 1));
            Scope::Agencies(std::sync::Arc::new([root].into_iter().chain(below).collect()))
        }
    }
}

fn may(account: &Account, when: &str, function: Function, of: AgencyId) -> bool {
    let groups: HashMap<_, _> =
        [(group_id("BP_MOT_CUA"), group("BP_MOT_CUA", &[Function::Intake, Function::File]))].into();
    let powers = account.known().unwrap().powers_at(at(when), |id| groups.get(&id), scope_of);
    powers.of(function).is_some_and(|scope| scope.covers([of]))
}

#[test]
fn a_grant_holds_on_its_days_and_until_it_is_revoked() {
    let account = done(&[
        ("2026-03-02 08:00", opened()),
        ("2026-03-02 09:00", granted(1, Over::Agency(agency(1)), "2026-03-04", Some("2026-03-06"))),
        ("2026-03-02 09:00", granted(2, Over::Agency(agency(2)), "2026-03-02", None)),
        ("2026-03-05 12:00", Command::Revoke { grant: GrantId(Uuid::from_u128(2)) }),
    ]);
    let intake = |when: &str, number: u8| may(&account, when, Function::Intake, agency(number));
    assert!(!intake("2026-03-03 23:59", 1) && intake("2026-03-04 00:00", 1));
    assert!(intake("2026-03-06 23:59", 1) && !intake("2026-03-07 00:00", 1));
    assert!(!intake("2026-03-02 08:59", 2), "not before it was granted, whatever day it names");
    assert!(intake("2026-03-02 09:00", 2) && intake("2026-03-05 11:59", 2));
    assert!(!intake("2026-03-05 12:00", 2));
    assert!(!may(&account, "2026-03-05 09:00", Function::Approve, agency(1)), "the group does not allow it");
    assert!(!intake("2026-03-05 09:00", 3));
}

#[test]
fn a_locked_account_may_do_nothing_meanwhile() {
    let account = done(&[
        ("2026-03-02 08:00", opened()),
        ("2026-03-02 08:00", granted(1, Over::Province, "2026-03-02", None)),
        ("2026-03-03 08:00", Command::Lock { reason: LockReason::Absent }),
        ("2026-03-04 08:00", Command::Unlock),
        ("2026-03-05 08:00", Command::Lock { reason: LockReason::Left }),
    ]);
    let intake = |when: &str| may(&account, when, Function::Intake, agency(9));
    assert!(intake("2026-03-03 07:59") && !intake("2026-03-03 08:00"));
    assert!(!intake("2026-03-04 07:59") && intake("2026-03-04 08:00") && !intake("2026-03-05 08:00"));
    let lock = account.known().unwrap().lock().unwrap();
    assert_eq!((lock.reason, lock.until), (LockReason::Left, None));
}

#[test]
fn what_somebody_signs_in_with_is_written_down_each_time_and_changes_nothing_else() {
    let issued = MachineKeyIssued {
        machine_key: "AbCdEfGhIjKl".to_owned(),
        expires_at: at("2027-03-02 00:00"),
        functions: Some(BTreeSet::from([Function::ReadDossiers])),
    };
    let machine_key = issued.machine_key.clone();
    let account = done(&[("2026-03-02 08:00", opened())]);
    for (command, event) in [
        (
            Command::SetPassword { to_be_changed: true },
            Event::PasswordSet(PasswordSet { to_be_changed: true }),
        ),
        (
            Command::SetSecondFactor { kind: SecondFactor::Totp },
            Event::SecondFactorSet(SecondFactorSet { kind: SecondFactor::Totp }),
        ),
        (
            Command::RemoveSecondFactor { kind: SecondFactor::Totp },
            Event::SecondFactorRemoved(SecondFactorRemoved { kind: SecondFactor::Totp }),
        ),
        (Command::IssueMachineKey(issued.clone()), Event::MachineKeyIssued(issued)),
        (
            Command::RevokeMachineKey { machine_key: machine_key.clone() },
            Event::MachineKeyRevoked(MachineKeyRevoked { machine_key }),
        ),
    ] {
        let now = at("2026-03-03 08:00");
        assert_eq!(Account::default().decide(now, &command), Err(Rejection::NotOpened), "{command:?}");
        let again = account.clone().evolve(now, &event);
        assert_eq!(again, account, "{event:?}");
        assert_eq!(again.decide(now, &command), Ok(vec![event]));
    }
}

#[test]
fn what_may_still_hold_is_told_of_a_locked_account_as_well() {
    let account = done(&[
        ("2026-03-02 08:00", opened()),
        ("2026-03-02 08:00", granted(1, Over::Province, "2026-03-02", Some("2026-03-04"))),
        ("2026-03-02 08:00", granted(2, Over::Province, "2026-03-20", None)),
        ("2026-03-02 08:00", granted(3, Over::Province, "2026-03-02", None)),
        ("2026-03-03 08:00", Command::Revoke { grant: GrantId(Uuid::from_u128(3)) }),
        ("2026-03-03 08:00", Command::Lock { reason: LockReason::Absent }),
    ]);
    let from = |text: &str| {
        let grants = account.known().unwrap().grants_from(day(text));
        grants.map(|granted| granted.grant.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(from("2026-03-04"), [1, 2]);
    assert_eq!(from("2026-03-05"), [2]);
}

#[test]
fn where_somebody_worked_is_known_of_every_instant() {
    let account = done(&[
        ("2026-03-02 08:00", opened()),
        ("2026-03-05 08:00", Command::Place(Placed { acting_as: acting_as(2) })),
    ]);
    let place = |when: &str| account.known().unwrap().place_at(at(when)).map(|place| place.agency);
    assert_eq!(place("2026-03-02 07:59"), None);
    assert_eq!(place("2026-03-05 07:59"), Some(agency(1)));
    assert_eq!(place("2026-03-05 08:00"), Some(agency(2)));
}

#[test]
fn what_makes_no_sense_is_refused_and_what_is_so_is_not_said_again() {
    let now = at("2026-03-06 08:00");
    let absent = Account::default();
    assert_eq!(absent.decide(now, &Command::Unlock), Err(Rejection::NotOpened));
    let grant = granted(1, Over::Province, "2026-03-02", None);
    let account = done(&[("2026-03-02 08:00", opened()), ("2026-03-02 08:00", grant.clone())]);
    assert_eq!(account.decide(now, &opened()), Err(Rejection::AlreadyOpened));
    let ends = granted(3, Over::Province, "2026-03-02", Some("2026-03-01"));
    assert_eq!(account.decide(now, &ends), Err(Rejection::EndsBeforeItBegins));
    let unknown = Command::Revoke { grant: GrantId(Uuid::from_u128(9)) };
    assert_eq!(account.decide(now, &unknown), Err(Rejection::NoSuchGrant));
    for again in [grant, Command::Unlock, Command::Place(Placed { acting_as: acting_as(1) })] {
        assert_eq!(account.decide(now, &again), Ok(Vec::new()), "{again:?}");
    }
    let revoke = Command::Revoke { grant: GrantId(Uuid::from_u128(1)) };
    let lock = Command::Lock { reason: LockReason::Suspected };
    let account = done(&[
        ("2026-03-02 08:00", opened()),
        ("2026-03-02 08:00", granted(1, Over::Province, "2026-03-02", None)),
        ("2026-03-03 08:00", revoke.clone()),
        ("2026-03-03 08:00", lock.clone()),
    ]);
    assert_eq!(account.decide(now, &revoke), Ok(Vec::new()));
    assert_eq!(account.decide(now, &lock), Ok(Vec::new()));
}

#[derive(Clone, Debug)]
struct Step {
    day: u32,
    command: Command,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let over = prop_oneof![
        Just(Over::Province),
        (1_u8..5).prop_map(|number| Over::Agency(agency(number))),
        (1_u8..5).prop_map(|number| Over::Subtree(agency(number))),
    ];
    let groups = prop_oneof![Just("A"), Just("B")];
    let grant = (0_u128..6, groups, over, 1_u32..25, proptest::option::of(0_u32..10)).prop_map(
        |(number, group, over, from, length)| {
            let from = NaiveDate::from_ymd_opt(2026, 3, from).unwrap();
            let until = length.map(|length| from + chrono::TimeDelta::days(i64::from(length)));
            let grant = GrantId(Uuid::from_u128(number));
            Command::Grant(Granted { grant, group: group_id(group), over, from, until })
        },
    );
    let command = prop_oneof![
        4 => grant,
        2 => (0_u128..6).prop_map(|number| Command::Revoke { grant: GrantId(Uuid::from_u128(number)) }),
        1 => Just(Command::Lock { reason: LockReason::Absent }),
        1 => Just(Command::Unlock),
        1 => any::<bool>().prop_map(|to_be_changed| Command::SetPassword { to_be_changed }),
    ];
    proptest::collection::vec((1_u32..25, command).prop_map(|(day, command)| Step { day, command }), 0..25)
        .prop_map(|mut steps| {
            steps.sort_by_key(|step| step.day);
            steps
        })
}

proptest! {
    /// What the state tells of an instant is what was accepted before it, read line by line.
    #[test]
    fn who_could_do_it_then_is_what_was_granted_by_then(steps in steps(), on in 1_u32..28, of in 1_u8..7) {
        let midnight = |day: u32| day_start(NaiveDate::from_ymd_opt(2026, 3, day).unwrap());
        let mut account = done(&[("2026-02-02 08:00", opened())]);
        let mut accepted: Vec<(u32, Event)> = Vec::new();
        for step in &steps {
            let Ok(events) = account.decide(midnight(step.day), &step.command) else { continue };
            for event in events {
                account = account.evolve(midnight(step.day), &event);
                accepted.push((step.day, event));
            }
        }
        let now = NaiveDate::from_ymd_opt(2026, 3, on).unwrap();
        let (mut held, mut locked) = (BTreeMap::new(), false);
        for (_, event) in accepted.iter().filter(|(day, _)| *day <= on) {
            match event {
                Event::Granted(granted) => drop(held.insert(granted.grant.0, granted.clone())),
                Event::Revoked(revoked) => drop(held.remove(&revoked.grant.0)),
                Event::Locked(_) => locked = true,
                Event::Unlocked(_) => locked = false,
                Event::Opened(_)
                | Event::Placed(_)
                | Event::PasswordSet(_)
                | Event::SecondFactorSet(_)
                | Event::SecondFactorRemoved(_)
                | Event::MachineKeyIssued(_)
                | Event::MachineKeyRevoked(_) => {}
            }
        }
        let functions: HashMap<_, BTreeSet<Function>> = [
            (group_id("A"), BTreeSet::from([Function::Intake])),
            (group_id("B"), BTreeSet::from([Function::Intake, Function::Approve])),
        ].into();
        let groups: HashMap<_, _> = functions
            .iter()
            .map(|(id, functions)| (*id, group("X", &functions.iter().copied().collect::<Vec<_>>())))
            .collect();
        let known = account.known().unwrap();
        let powers = known.powers_at(midnight(on), |id| groups.get(&id), scope_of);
        for function in Function::ALL {
            let expected = !locked && held.values().any(|granted| {
                granted.from <= now
                    && granted.until.is_none_or(|until| now <= until)
                    && functions[&granted.group].contains(function)
                    && match granted.over {
                        Over::Province => true,
                        Over::Agency(own) => own == agency(of),
                        Over::Subtree(root) => root == agency(of) || (1 < of && root == agency(of - 1)),
                    }
            });
            let found = powers.of(*function).is_some_and(|scope| scope.covers([agency(of)]));
            prop_assert_eq!(found, expected, "{:?}", function);
        }
    }
}
