//! Open dossiers of an agency that is there no more.

use super::*;
use crate::identity::AgencyId;

const EVE: &str = "2024-05-09 15:00";
const AFTER: &str = "2024-05-10 09:00";

fn successor() -> AgencyId {
    agency(40)
}

fn carried(from: AgencyId) -> Event {
    Event::CarriedOver(CarriedOver { from, to: successor() })
}

#[test]
fn an_open_dossier_goes_to_the_successor_and_the_clock_goes_on() {
    let before = filed(at_the_desk());
    given::<Dossier>(at_the_desk())
        .when(at(EVE), carry_over(competent(), successor()))
        .then([carried(competent())]);
    let after = filed(then(at_the_desk(), [(EVE, carry_over(competent(), successor()))]));
    assert_eq!(after.agencies, Agencies { competent: successor(), ..before.agencies });
    let desk = before.holder.unwrap();
    assert_eq!(after.holder, Some(Holder { agency: successor(), ..desk }), "the officer goes with it");
    assert_eq!((after.phase, after.code), (before.phase, before.code));
    // The successor's people act on it, its predecessor's no more.
    let history = || then(at_the_desk(), [(EVE, carry_over(competent(), successor()))]);
    let officer_of = |of| principal(officer(3), of, &[Function::Process], Scope::of(of));
    assert_eq!(may(history(), &officer_of(successor()), Function::Process), Ok(()));
    assert_eq!(may(history(), &officer_of(competent()), Function::Process), Err(Denial::OutOfScope));
}

#[test]
fn it_is_carried_over_before_receipt_while_the_clock_stands_still_and_until_it_is_collected() {
    for stage in Stage::ALL {
        let history = history_to(stage);
        let decided = given::<Dossier>(history).when(at(EVE), carry_over(receiving(), successor()));
        match stage {
            Stage::Refused | Stage::Stopped | Stage::Returned | Stage::Withdrawn => {
                decided.rejected(Rejection::WrongStage { command: "CARRY_OVER", stage });
            }
            Stage::Submitted
            | Stage::AwaitingIntakeSupplement
            | Stage::Received
            | Stage::InProgress
            | Stage::AwaitingSupplement
            | Stage::AwaitingPayment
            | Stage::OnHold
            | Stage::Suspended
            | Stage::Finished => decided.then([carried(receiving())]),
        }
    }
}

#[test]
fn every_place_of_the_old_agency_is_the_successors() {
    let asked = [("2024-05-07 09:00", request_opinion(agency(9))), ("2024-05-07 10:00", send(competent()))];
    let on_its_way = || then(received_on_monday(), asked.clone());
    let after = filed(then(on_its_way(), [(EVE, carry_over(competent(), successor()))]));
    assert_eq!(after.transit, Some(successor()), "it goes on to the successor");
    let after = filed(then(on_its_way(), [(EVE, carry_over(agency(9), successor()))]));
    assert_eq!(after.opinions, [PendingOpinion { number: 1, from: successor() }]);
    // Sent to an agency that is merged into its sender, it has arrived.
    let after = filed(then(on_its_way(), [(EVE, carry_over(competent(), receiving()))]));
    assert_eq!(after.transit, None);
    assert_eq!(after.agencies.competent, receiving());
}

#[test]
fn what_has_nothing_of_the_old_agency_stays_as_it_is() {
    given::<Dossier>(at_the_desk()).when(at(EVE), carry_over(agency(39), successor())).then([]);
    given::<Dossier>(at_the_desk()).when(at(EVE), carry_over(competent(), competent())).then([]);
    let again = then(at_the_desk(), [(EVE, carry_over(competent(), successor()))]);
    given::<Dossier>(again).when(at(AFTER), carry_over(competent(), successor())).then([]);
    let closed = then(history_to(Stage::Returned), []);
    given::<Dossier>(closed).when(at(EVE), carry_over(agency(39), successor())).then([]);
}

#[test]
fn nobody_has_begun_with_it_by_being_renamed() {
    let handed = [("2024-05-07 09:00", forward(Holder { assignee: Some(officer(4)), ..counter() }))];
    let renamed = then(then(received_on_monday(), handed), [(EVE, carry_over(receiving(), successor()))]);
    let recalled = filed(then(renamed, [(AFTER, recall())]));
    assert_eq!(recalled.holder, Some(Holder { agency: successor(), ..counter() }));
    // What was done under the old name is not taken back under the new one.
    let finished = then(history_to(Stage::Finished), [(EVE, carry_over(receiving(), successor()))]);
    given::<Dossier>(finished).when(at(AFTER), correct()).rejected(Rejection::NothingToCorrect);
}
