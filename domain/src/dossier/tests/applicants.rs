//! What applicants, and those who act for them, do with their own dossiers.

use super::*;
use crate::identity::{KeyId, PrincipalId};

const TUESDAY: &str = "2024-05-07 09:00";
const LATER: &str = "2024-05-09 15:00";

fn citizen(number: u8) -> Principal {
    principal(officer(100 + number), agency(99), &[Function::File], Scope::nothing())
}

fn account(number: u8) -> PrincipalId {
    citizen(number).id
}

/// Of the first citizen.
fn theirs() -> History {
    let mut submitted = submitted(1, at(MONDAY));
    submitted.applicant.account = Some(account(1));
    decided::<Dossier>([(at(MONDAY), submit(submitted))])
}

/// Of the first citizen, and the second acts for them.
fn with_a_delegate() -> History {
    then(theirs(), [(MONDAY, Command::NameDelegate(delegate(2, Some(account(2)))))])
}

fn result_is_there(history: History) -> History {
    let steps =
        [(MONDAY, receive(&ten_days())), (TUESDAY, attach(result_file(1))), (TUESDAY, finish_processing())];
    then(history, steps)
}

fn names(acts: &[Act]) -> Vec<&'static str> {
    acts.iter().map(|act| act.name()).collect()
}

/// One example of every refusal: history, time, command, answer.
pub(super) fn refusals() -> Vec<(History, &'static str, Command, Rejection)> {
    let finished = then(theirs(), [(MONDAY, receive(&ten_days())), (TUESDAY, finish_processing())]);
    let owing = then(
        theirs(),
        [
            (MONDAY, receive(&ten_days())),
            (TUESDAY, attach(result_file(1))),
            (TUESDAY, ask_for_money(ObligationKind::Fee, 50_000, false)),
            (TUESDAY, finish_processing()),
        ],
    );
    let collected = then(result_is_there(with_a_delegate()), [(TUESDAY, Command::Collect)]);
    let wrong = |command, stage| Rejection::WrongStage { command, stage };
    vec![
        (finished, LATER, Command::Collect, Rejection::NoResultFile),
        (owing, LATER, Command::Collect, Rejection::PaymentDue { amount_vnd: 50_000 }),
        (theirs(), LATER, Command::Collect, wrong("COLLECT", Stage::Submitted)),
        (theirs(), LATER, Command::RemoveDelegate, Rejection::NoDelegate),
        (collected, LATER, Command::NameDelegate(delegate(3, None)), wrong("NAME_DELEGATE", Stage::Returned)),
    ]
}

#[test]
fn an_applicant_is_offered_what_is_theirs_to_do_and_nothing_else() {
    let of = |history: History, who: u8| {
        let filed = filed(history);
        names(&filed.allowed(&citizen(who)))
    };
    let before = ["NAME_DELEGATE", "WITHDRAW", "ATTACH_PAPER"];
    assert_eq!(of(theirs(), 1), before);
    assert_eq!(of(theirs(), 2), [""; 0]);
    // Who acts for them does not pass it on, and does not end it for another.
    assert_eq!(of(with_a_delegate(), 2), ["WITHDRAW", "ATTACH_PAPER"]);
    assert_eq!(of(with_a_delegate(), 1), ["NAME_DELEGATE", "REMOVE_DELEGATE", "WITHDRAW", "ATTACH_PAPER"]);
    let missing = || then(with_a_delegate(), [(TUESDAY, request_intake_supplement())]);
    assert!(of(missing(), 1).contains(&"SUPPLY_INTAKE_SUPPLEMENT"));
    assert!(of(missing(), 2).contains(&"SUPPLY_INTAKE_SUPPLEMENT"));
    let waiting =
        || then(with_a_delegate(), [(MONDAY, receive(&ten_days())), (TUESDAY, request_supplement())]);
    assert!(of(waiting(), 2).contains(&"RECEIVE_SUPPLEMENT"));
    assert_eq!(of(result_is_there(with_a_delegate()), 2), ["COLLECT", "ATTACH_PAPER"]);
    // Of what was filed at a counter for somebody who is not known nobody is the applicant.
    assert_eq!(of(online(), 1), [""; 0]);
}

#[test]
fn a_dossier_is_known_to_its_applicant_only_as_long_as_they_may_file() {
    let filed = filed(theirs());
    assert!(filed.is_known_to(&citizen(1)) && !filed.is_known_to(&citizen(2)));
    let nobody = principal(account(1), agency(99), &[], Scope::nothing());
    assert!(!filed.is_known_to(&nobody));
    assert_eq!(filed.authorise(&citizen(2), Relation::Applicant), Err(Denial::OutOfScope));
    // Filing over agencies says nothing about what others have filed with them.
    let widely = principal(account(2), receiving(), &[Function::File], Scope::Province);
    assert!(!filed.is_known_to(&widely));
}

#[test]
fn one_acts_for_the_applicant_until_another_does_or_nobody() {
    let second = filed(with_a_delegate());
    assert!(second.is_theirs(&citizen(2)) && second.is_theirs(&citizen(1)));
    let named = Command::NameDelegate(delegate(3, Some(account(3))));
    let third = filed(then(with_a_delegate(), [(LATER, named.clone())]));
    assert!(third.is_theirs(&citizen(3)) && !third.is_theirs(&citizen(2)));
    given::<Dossier>(with_a_delegate())
        .when(at(LATER), Command::RemoveDelegate)
        .then([Event::DelegateRemoved(DelegateRemoved { delegate: delegate(2, None).key })]);
    let alone = filed(then(with_a_delegate(), [(LATER, Command::RemoveDelegate)]));
    assert!(!alone.is_theirs(&citizen(2)) && alone.is_theirs(&citizen(1)));
    assert_eq!(alone.authorise(&citizen(2), Relation::Applicant), Err(Denial::OutOfScope));
    // The same again is no news.
    given::<Dossier>(then(with_a_delegate(), [(LATER, named.clone())])).when(at(LATER), named).then([]);
    // Only the applicant, or the counter, says who.
    let naming = Act::NameDelegate;
    let of = |who: &Principal| second.authorise(who, naming.relation(&second, who));
    assert_eq!(of(&citizen(1)), Ok(()));
    assert_eq!(of(&citizen(2)), Err(Denial::NotApplicant));
    let staff =
        |functions: &[Function]| principal(officer(1), receiving(), functions, Scope::of(receiving()));
    assert_eq!(of(&staff(&[Function::Intake, Function::ReadPersonalData])), Ok(()));
    assert_eq!(of(&staff(&[Function::Process])), Err(Denial::NoFunction { function: Function::Intake }));
    // Nobody lets another see what they do not see themselves, and everybody at the counter ends it.
    let masked = staff(&[Function::Intake]);
    assert_eq!(of(&masked), Err(Denial::NoFunction { function: Function::ReadPersonalData }));
    assert_eq!(second.authorise(&masked, Act::RemoveDelegate.relation(&second, &masked)), Ok(()));
    let elsewhere = agency(99);
    let mut helper = staff(&[Function::Intake]);
    helper.powers.add(Function::ReadPersonalData, Scope::of(elsewhere));
    assert_eq!(of(&helper), Err(Denial::NoFunction { function: Function::ReadPersonalData }));
}

/// Whoever has let somebody act for them can end it whatever has become of the dossier: what is over is still seen.
#[test]
fn nobody_acts_for_an_applicant_longer_than_the_applicant_wants() {
    let withdrawn = then(with_a_delegate(), [(TUESDAY, withdraw())]);
    let refused = then(with_a_delegate(), [(TUESDAY, refuse())]);
    let received = || then(with_a_delegate(), [(MONDAY, receive(&ten_days()))]);
    let stopped = then(received(), [(TUESDAY, stop())]);
    let returned = then(result_is_there(with_a_delegate()), [(TUESDAY, Command::Collect)]);
    for (history, stage) in [
        (withdrawn, Stage::Withdrawn),
        (refused, Stage::Refused),
        (stopped, Stage::Stopped),
        (returned, Stage::Returned),
    ] {
        let ended = filed(history.clone());
        assert_eq!(ended.stage(), stage);
        assert!(ended.allowed(&citizen(1)).contains(&Act::RemoveDelegate), "{stage:?}");
        let alone = filed(then(history, [(LATER, Command::RemoveDelegate)]));
        assert!(!alone.is_known_to(&citizen(2)) && alone.is_known_to(&citizen(1)), "{stage:?}");
        assert_eq!(alone.stage(), stage);
    }
}

/// Papers and delegates are beside the work: what the office could take back before, it can after.
#[test]
fn an_applicant_takes_nothing_from_the_office() {
    let brought = || {
        [
            (LATER, attach(file(7))),
            (LATER, Command::NameDelegate(delegate(2, Some(account(2))))),
            (LATER, Command::RemoveDelegate),
        ]
    };
    let received = || then(theirs(), [(MONDAY, receive(&ten_days()))]);
    for (work, mistake) in [
        (complete_step("THU_LY", &ten_days()), Correctable::StepCompleted),
        (finish_processing(), Correctable::ProcessingFinished),
    ] {
        let before = filed(received());
        let done = then(then(received(), [(TUESDAY, work)]), brought());
        let corrected = filed(then(done.clone(), [(LATER, correct())]));
        let events = given::<Dossier>(done).when(at(LATER), correct());
        events.then([Event::Corrected(Corrected { what: mistake, reason: open("Bấm nhầm hồ sơ") })]);
        assert_eq!(corrected.phase, before.phase, "{mistake:?}");
        assert_eq!(corrected.files.len(), 1, "what was brought stays");
    }
    // Stopped is closed to naming, not to papers and to ending.
    let stopped = then(then(received(), [(TUESDAY, stop())]), [(LATER, attach(file(7)))]);
    assert_eq!(filed(then(stopped, [(LATER, correct())])).stage(), Stage::Received);
    // What was handed over comes back as long as nobody has begun, whatever was brought meanwhile.
    let handed_over = then(
        then(received(), [(TUESDAY, forward(Holder { assignee: Some(officer(3)), ..counter() }))]),
        brought(),
    );
    let holder = filed(received()).holder;
    assert_ne!(filed(handed_over.clone()).holder, holder);
    assert_eq!(filed(then(handed_over, [(LATER, recall())])).holder, holder);
    // Nobody is told the same twice for it.
    let told = then(then(received(), [(TUESDAY, notify(Notice::Received))]), brought());
    given::<Dossier>(told).when(at(LATER), notify(Notice::Received)).then([]);
    // A result is the office's: with it there, something has happened since.
    let with_result =
        then(received(), [(TUESDAY, complete_step("THU_LY", &ten_days())), (LATER, attach(result_file(1)))]);
    given::<Dossier>(with_result).when(at(LATER), correct()).rejected(Rejection::NothingToCorrect);
}

/// What somebody is to a dossier takes nothing from what their function allows, nor the other way round.
#[test]
fn who_acts_for_an_applicant_and_is_of_the_counter_may_what_either_may() {
    let filed = filed(with_a_delegate());
    let naming = Act::NameDelegate;
    let of = |functions: &[Function], over| {
        let who = principal(account(2), receiving(), functions, Scope::of(over));
        filed.authorise(&who, naming.relation(&filed, &who))
    };
    let counter = [Function::File, Function::Intake, Function::ReadPersonalData];
    assert_eq!(of(&counter, receiving()), Ok(()));
    assert_eq!(of(&counter, agency(99)), Err(Denial::NotApplicant));
    let who = principal(account(2), receiving(), &[Function::File, Function::Intake], Scope::of(receiving()));
    for act in [Act::Withdraw, Act::AttachPaper, Act::Collect, Act::RemoveDelegate] {
        assert_eq!(filed.authorise(&who, act.relation(&filed, &who)), Ok(()), "{act:?}");
    }
}

#[test]
fn what_is_collected_online_is_returned_online() {
    let there = result_is_there(theirs());
    given::<Dossier>(there)
        .when(at(LATER), Command::Collect)
        .then([Event::ResultReturned(ResultReturned { method: ReturnMethod::Online, note: None })]);
    // The counter hands out; taking is for who it is for.
    let clerk = principal(officer(1), receiving(), &[Function::Intake], Scope::of(receiving()));
    let filed = filed(result_is_there(theirs()));
    assert_eq!(filed.authorise(&clerk, Act::Collect.relation(&filed, &clerk)), Err(Denial::NotApplicant));
}

#[test]
fn what_is_about_a_delegate_is_under_a_key_of_their_own() {
    let mut submitted = submitted(1, at(MONDAY));
    submitted.delegate = Some(Box::new(delegate(2, None)));
    let filed_for = given::<Dossier>(decided::<Dossier>([(at(MONDAY), submit(submitted.clone()))])).state();
    assert_eq!(filed_for.key(KeyOwner::Delegate), Some(KeyId(delegate(2, None).key.0)));
    assert_eq!(given::<Dossier>(online()).state().key(KeyOwner::Delegate), None);
    let mut seen = Vec::new();
    let mut event = Event::Submitted(submitted);
    event.each_private(&mut |field, owner, _| seen.push((field, owner)));
    let of_delegate: Vec<_> = seen.iter().filter(|(_, owner)| *owner == KeyOwner::Delegate).collect();
    assert_eq!(of_delegate.len(), 5);
    assert!(of_delegate.iter().all(|(field, _)| field.starts_with("delegate.")));
}

proptest! {
    /// Whatever happens to it, an applicant does with their dossier only what is an applicant's to do.
    #[test]
    fn an_applicant_never_does_what_is_the_offices(history in dossier_histories(), who in 0..4_u8) {
        const THEIRS: [&str; 8] = [
            "SUPPLY_INTAKE_SUPPLEMENT", "RECEIVE_SUPPLEMENT", "WITHDRAW", "ATTACH_PAPER", "COLLECT",
            "NAME_DELEGATE", "REMOVE_DELEGATE", "",
        ];
        let mut dossier = Dossier::default();
        for (at, event) in &history {
            let mut event = event.clone();
            if let Event::Submitted(submitted) = &mut event {
                submitted.applicant.account = Some(account(1));
            }
            dossier = dossier.evolve(*at, &event);
            let Some(filed) = dossier.filed() else { continue };
            let allowed = filed.allowed(&citizen(who));
            prop_assert!(names(&allowed).iter().all(|name| THEIRS.contains(name)), "{:?}", names(&allowed));
            let is_theirs = who == 1 || filed.delegate.is_some_and(|known| known.account == Some(account(who)));
            prop_assert_eq!(filed.is_known_to(&citizen(who)), is_theirs);
            prop_assert!(is_theirs || allowed.is_empty());
        }
    }
}
