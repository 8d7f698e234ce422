use super::*;
use crate::decider::Rejection as _;
use crate::testing::{agency, agency_code, at, decided, given};
use crate::working_time::Session;

const MONDAY: &str = "2024-05-06 09:00";

fn particulars() -> Established {
    Established {
        code: agency_code(16),
        name: "Ủy ban nhân dân thành phố Phủ Lý".to_owned(),
        parent: Some(agency(0)),
        office_hours: OfficeHours::default(),
    }
}

fn establish() -> Command {
    Command::Establish(particulars())
}

fn rename(name: &str) -> Command {
    Command::Rename { name: name.to_owned() }
}

fn history(commands: impl IntoIterator<Item = Command>) -> Vec<(Instant, Event)> {
    decided::<Agency>(commands.into_iter().map(|command| (at(MONDAY), command)))
}

#[test]
fn an_agency_is_established_once() {
    given::<Agency>([]).when(at(MONDAY), establish()).then([Event::Established(particulars())]);
    let known = given::<Agency>(history([establish()]));
    known.when(at(MONDAY), establish()).then([]);
    let elsewhere = Established { parent: None, ..particulars() };
    known.when(at(MONDAY), Command::Establish(elsewhere)).rejected(Rejection::AlreadyEstablished);
    let session = |opens, closes| {
        let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        Session { opens: time(opens), closes: time(closes) }
    };
    let office_hours = OfficeHours::new(session(8, 12), session(13, 17)).unwrap();
    let other_hours = Established { office_hours, ..particulars() };
    known.when(at(MONDAY), Command::Establish(other_hours)).rejected(Rejection::AlreadyEstablished);
}

#[test]
fn a_new_name_changes_nothing_else() {
    let name = "Ủy ban nhân dân phường Phủ Lý";
    given::<Agency>(history([establish()]))
        .when(at(MONDAY), rename(name))
        .then([Event::Renamed(Renamed { name: name.to_owned() })]);
    let renamed = given::<Agency>(history([establish(), rename(name)]));
    renamed.when(at(MONDAY), rename(name)).then([]);
    assert_eq!(renamed.state(), Agency::Established(Established { name: name.to_owned(), ..particulars() }));
}

#[test]
fn what_is_not_established_has_no_name_to_change() {
    given::<Agency>([]).when(at(MONDAY), rename("Sở Tư pháp")).rejected(Rejection::NotEstablished);
    // On disk it would be a fact about nothing.
    let renamed = Event::Renamed(Renamed { name: "Sở Tư pháp".to_owned() });
    assert_eq!(given::<Agency>([(at(MONDAY), renamed)]).state(), Agency::Absent);
}

#[test]
fn a_name_is_not_empty() {
    for nameless in ["", " ", "\u{a0}\t"] {
        let particulars = Established { name: nameless.to_owned(), ..particulars() };
        given::<Agency>([]).when(at(MONDAY), Command::Establish(particulars)).rejected(Rejection::NameEmpty);
        given::<Agency>(history([establish()]))
            .when(at(MONDAY), rename(nameless))
            .rejected(Rejection::NameEmpty);
    }
}

#[test]
fn codes_of_refusals_are_pinned() {
    let codes = [Rejection::NotEstablished, Rejection::AlreadyEstablished, Rejection::NameEmpty]
        .map(|rejection| rejection.code());
    assert_eq!(codes, ["AGENCY_NOT_ESTABLISHED", "AGENCY_ALREADY_ESTABLISHED", "AGENCY_NAME_EMPTY"]);
}
