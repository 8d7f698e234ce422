use proptest::prelude::*;

use super::*;
use crate::testing::at;

fn defined(functions: &[Function]) -> Defined {
    Defined {
        code: PermissionGroupCode::parse("BP_MOT_CUA").unwrap(),
        name: "Bộ phận một cửa".to_owned(),
        functions: functions.iter().copied().collect(),
    }
}

fn said(history: &[(&str, Command)]) -> PermissionGroup {
    history.iter().fold(PermissionGroup::default(), |group, (when, command)| {
        let events = group.decide(at(when), command).unwrap();
        events.iter().fold(group, |group, event| group.evolve(at(when), event))
    })
}

#[test]
fn it_allows_what_was_said_last_before() {
    let group = said(&[
        ("2026-03-02 08:00", Command::Define(defined(&[Function::Intake]))),
        ("2026-03-04 08:00", Command::Define(defined(&[Function::Intake, Function::File]))),
        ("2026-03-06 08:00", Command::Retire),
        ("2026-03-09 08:00", Command::Define(defined(&[Function::File]))),
    ]);
    let functions = |when: &str| group.at(at(when)).map(|defined| defined.functions.len());
    assert_eq!(functions("2026-03-02 07:59"), None);
    assert_eq!(functions("2026-03-02 08:00"), Some(1));
    assert_eq!(functions("2026-03-05 23:00"), Some(2));
    assert_eq!(functions("2026-03-06 08:00"), None);
    assert_eq!(functions("2026-03-10 08:00"), Some(1));
    assert_eq!(group.latest(), Some(&defined(&[Function::File])));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let group = said(&[("2026-03-02 08:00", Command::Define(defined(&[Function::Intake])))]);
    let now = at("2026-03-03 08:00");
    let refused = |command: Command| group.decide(now, &command).unwrap_err();
    let mut other = defined(&[Function::Intake]);
    other.code = PermissionGroupCode::parse("KHAC").unwrap();
    assert!(matches!(refused(Command::Define(other)), Rejection::OtherCode { .. }));
    let mut nameless = defined(&[Function::Intake]);
    nameless.name = "  ".to_owned();
    assert_eq!(refused(Command::Define(nameless)), Rejection::NameEmpty);
    assert_eq!(refused(Command::Define(defined(&[]))), Rejection::AllowsNothing);
    assert_eq!(PermissionGroup::default().decide(now, &Command::Retire), Err(Rejection::NotDefined));
}

proptest! {
    #[test]
    fn what_is_so_already_is_not_said_again(retire in any::<bool>()) {
        let command = if retire { Command::Retire } else { Command::Define(defined(&[Function::File])) };
        let mut history = vec![("2026-03-02 08:00", Command::Define(defined(&[Function::Intake])))];
        history.push(("2026-03-03 08:00", command.clone()));
        prop_assert_eq!(said(&history).decide(at("2026-03-04 08:00"), &command), Ok(Vec::new()));
    }
}
