//! Files: digitised papers and results.

use super::*;

const TUESDAY: &str = "2024-05-07 09:00";
const LATER: &str = "2024-05-09 15:00";

fn with_files(count: u32) -> History {
    then(online(), (0..count).map(|number| (MONDAY, attach(file(number)))))
}

/// As many papers as a dossier takes, and results on top.
fn with_results(count: u32) -> History {
    let received = then(with_files(250), [(MONDAY, receive(&ten_days()))]);
    then(received, (250..count).map(|number| (TUESDAY, attach(result_file(number)))))
}

/// One example of every refusal: history, time, command, answer.
pub(super) fn refusals() -> Vec<(History, &'static str, Command, Rejection)> {
    let unnamed = FileAttached { paper: None, ..file(1) };
    let refused = then(online(), [(TUESDAY, refuse())]);
    let withdrawn = then(received_on_monday(), [(TUESDAY, withdraw())]);
    let stopped = then(received_on_monday(), [(TUESDAY, stop())]);
    let wrong = |stage| Rejection::WrongStage { command: "ATTACH_FILE", stage };
    vec![
        (online(), LATER, attach(unnamed), Rejection::PaperNotNamed),
        (with_files(250), LATER, attach(file(300)), Rejection::TooManyFiles { most: 250 }),
        (with_results(300), LATER, attach(result_file(300)), Rejection::TooManyFiles { most: 300 }),
        (refused.clone(), LATER, attach(file(1)), wrong(Stage::Refused)),
        (refused, LATER, attach(result_file(1)), wrong(Stage::Refused)),
        (withdrawn, LATER, attach(file(1)), wrong(Stage::Withdrawn)),
        (online(), LATER, attach(result_file(1)), wrong(Stage::Submitted)),
        (stopped, LATER, attach(result_file(1)), wrong(Stage::Stopped)),
    ]
}

#[test]
fn a_paper_is_attached_at_whatever_time_and_moves_nothing() {
    let finished = || then(received_on_monday(), [(TUESDAY, finish_processing())]);
    let cases = [
        online(),
        then(online(), [(TUESDAY, request_intake_supplement())]),
        received_on_monday(),
        at_the_desk(),
        then(received_on_monday(), [(TUESDAY, request_supplement())]),
        then(received_on_monday(), [(TUESDAY, stop())]),
        finished(),
        then(finished(), [(TUESDAY, return_result())]),
    ];
    for history in cases {
        let before = filed(history.clone());
        given::<Dossier>(history.clone())
            .when(at(LATER), attach(file(1)))
            .then([Event::FileAttached(file(1))]);
        let after = filed(then(history, [(LATER, attach(file(1)))]));
        assert_eq!(
            (&after.phase, &after.holder, &after.notices),
            (&before.phase, &before.holder, &Vec::new())
        );
        assert_eq!(after.files, [file(1).file]);
    }
}

#[test]
fn a_result_is_a_file_from_receipt_on() {
    for history in [received_on_monday(), then(received_on_monday(), [(TUESDAY, finish_processing())])] {
        given::<Dossier>(history)
            .when(at(LATER), attach(result_file(1)))
            .then([Event::FileAttached(result_file(1))]);
    }
}

#[test]
fn a_file_attached_twice_is_one_file() {
    let attached = then(online(), [(MONDAY, attach(file(1)))]);
    given::<Dossier>(attached).when(at(LATER), attach(file(1))).then([]);
    // Also where there is no room for another.
    given::<Dossier>(with_results(300)).when(at(LATER), attach(file(7))).then([]);
}

#[test]
fn a_result_is_something_that_has_happened_since() {
    let attached = (TUESDAY, attach(result_file(1)));
    let mistaken = then(received_on_monday(), [(TUESDAY, finish_processing()), attached]);
    given::<Dossier>(mistaken).when(at(LATER), correct()).rejected(Rejection::NothingToCorrect);
}

#[test]
fn of_a_file_only_the_name_is_private() {
    let mut seen = Vec::new();
    Event::FileAttached(file(1)).each_private(&mut |field, owner, _| seen.push((field, owner)));
    assert_eq!(seen, [("name", KeyOwner::Dossier)]);
}
