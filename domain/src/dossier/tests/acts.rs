//! What a screen offers, against what is decided.

use super::*;
use crate::access::{ActingAs, Function, Powers, Principal, Scope};
use crate::identity::{AgencyId, PrincipalId};
use crate::testing::dossier_histories;

fn principal(agency: AgencyId, functions: &[Function]) -> Principal {
    Principal {
        id: PrincipalId(uuid::Uuid::from_u128(7)),
        acting_as: ActingAs { agency, unit: None, position_title: None },
        powers: Powers::over(functions, &Scope::of(agency)),
    }
}

fn names(acts: &[Act]) -> Vec<&'static str> {
    acts.iter().map(|act| act.name()).collect()
}

#[test]
fn a_screen_offers_what_is_decided() {
    let filed_of = |history: History| filed(history);
    let counter =
        principal(receiving(), &[Function::Intake, Function::ReadDossiers, Function::ReadPersonalData]);
    let online = filed_of(online());
    assert_eq!(
        names(&online.allowed(&counter)),
        [
            "REQUEST_INTAKE_SUPPLEMENT",
            "REFUSE",
            "RECEIVE",
            "REQUEST_OBLIGATION",
            "NAME_DELEGATE",
            "WITHDRAW",
            "NOTIFY",
            "ATTACH_PAPER"
        ]
    );
    let paused = filed_of(then(received_on_monday(), [("2024-05-09 09:00", request_supplement())]));
    assert!(names(&paused.allowed(&counter)).contains(&"RECEIVE_SUPPLEMENT"));
    let officer = principal(receiving(), &[Function::Process]);
    assert_eq!(names(&paused.allowed(&officer)), ["REQUEST_OBLIGATION", "NOTIFY", "ATTACH_RESULT"]);
    // Nothing to anybody outside, whatever they may do elsewhere.
    let everything = [Function::Intake, Function::Process, Function::Assign, Function::Approve];
    assert!(online.allowed(&principal(agency(9), &everything)).is_empty());
    // And nothing without a function.
    assert!(online.allowed(&principal(receiving(), &[])).is_empty());
}

#[test]
fn an_opinion_is_given_by_who_was_asked_for_it() {
    let asked = then(
        received_on_monday(),
        [("2024-05-07 09:00", request_opinion(agency(8))), ("2024-05-07 10:00", request_opinion(agency(9)))],
    );
    let asked = filed(asked);
    let other = principal(agency(9), &[Function::Process]);
    assert_eq!(names(&asked.allowed(&other)), ["GIVE_OPINION"]);
    // Their own, and not that of somebody else.
    let relation = |number| give_opinion(number).relation(&asked, &other).unwrap();
    assert!(asked.authorise(&other, relation(2)).is_ok());
    assert!(asked.authorise(&other, relation(1)).is_err());
}

#[test]
fn what_somebody_may_do_elsewhere_takes_nothing_from_what_they_may_do_here() {
    let received = filed(received_on_monday());
    let mut officer = principal(receiving(), &[Function::Process]);
    let alone = received.allowed(&officer);
    assert!(names(&alone).contains(&"FORWARD") && names(&alone).contains(&"NOTIFY"));
    for function in [Function::Assign, Function::Intake] {
        officer.powers.add(function, Scope::of(agency(9)));
    }
    assert_eq!(received.allowed(&officer), alone);
    let desk = Holder { assignee: Some(PrincipalId(uuid::Uuid::from_u128(8))), ..counter() };
    let forwarded = filed(then(received_on_monday(), [("2024-05-07 09:00", forward(desk))]));
    assert_eq!(forwarded.authorise(&officer, Relation::Sender), Ok(()));
    // Who has one of the two is told about that one.
    let helper = principal(agency(9), &[Function::Assign]);
    assert_eq!(received.authorise(&helper, Relation::Sender), Err(Denial::OutOfScope));
}

#[test]
fn before_receipt_only_those_who_answer_for_a_dossier_work_on_it() {
    let helping = agency(1);
    let agencies = Agencies { supporting: Some(helping), receiving: receiving(), competent: competent() };
    let online = then(Vec::new(), [(MONDAY, submit(Submitted { agencies, ..submitted(1, at(MONDAY)) }))]);
    let online = filed(online);
    let works = |agency| principal(agency, &[Function::Process, Function::Approve]);
    for act in [Act::Notify, Act::RequestObligation, Act::Waive] {
        let may = |who: &Principal| online.authorise(who, act.relation(&online, who));
        assert_eq!(may(&works(helping)), Err(Denial::NotHolder), "{act:?}");
        assert_eq!((may(&works(receiving())), may(&works(competent()))), (Ok(()), Ok(())), "{act:?}");
    }
    // Nobody has handed it over.
    assert_eq!(online.authorise(&works(receiving()), Relation::Sender), Err(Denial::NotHolder));
}

#[test]
fn personal_data_is_read_by_the_agencies_that_answer_for_a_dossier() {
    let helping = agency(1);
    let agencies = Agencies { supporting: Some(helping), receiving: receiving(), competent: competent() };
    let filing = submit(Submitted { agencies, ..submitted(1, at(MONDAY)) });
    let asked = [
        (MONDAY, filing),
        ("2024-05-06 10:00", receive(&ten_days())),
        ("2024-05-07 09:00", request_opinion(agency(9))),
    ];
    let asked = filed(then(Vec::new(), asked));
    let functions = [Function::ReadDossiers, Function::ReadPersonalData];
    let may = |agency, function: Function| asked.authorise(&principal(agency, &functions), function.into());
    for agency in [helping, agency(9)] {
        assert_eq!(may(agency, Function::ReadDossiers), Ok(()));
        let denied = Denial::NoFunction { function: Function::ReadPersonalData };
        assert_eq!(may(agency, Function::ReadPersonalData), Err(denied));
    }
    for agency in [receiving(), competent()] {
        assert_eq!(may(agency, Function::ReadPersonalData), Ok(()));
    }
}

/// What an event came of, if it is of one act that asks for nothing in particular.
fn act_of(event: &Event) -> Option<Act> {
    match event {
        Event::IntakeSupplementRequested(_) => Some(Act::RequestIntakeSupplement),
        Event::IntakeSupplementReceived(_) => Some(Act::SupplyIntakeSupplement),
        Event::Refused(_) => Some(Act::Refuse),
        Event::Received(_) => Some(Act::Receive),
        Event::Forwarded(_) => Some(Act::Forward),
        Event::StepCompleted(_) => Some(Act::CompleteStep),
        Event::SupplementRequested(_) => Some(Act::RequestSupplement),
        Event::SupplementReceived(_) => Some(Act::ReceiveSupplement),
        Event::ProcessingFinished(_) => Some(Act::FinishProcessing),
        Event::ResultReturned(_) => Some(Act::ReturnResult),
        Event::Withdrawn(_) => Some(Act::Withdraw),
        Event::Sent(_) => Some(Act::Send),
        Event::Accepted(_) => Some(Act::Accept),
        Event::SentBack(_) => Some(Act::SendBack),
        Event::Recalled(_) => Some(Act::Recall),
        Event::OpinionRequested(_) => Some(Act::RequestOpinion),
        Event::OpinionGiven(_) => Some(Act::GiveOpinion),
        Event::Proposed(_) => Some(Act::Propose),
        Event::Approved(_) => Some(Act::Approve),
        Event::ReworkRequested(_) => Some(Act::RequestRework),
        Event::Signed(_) => Some(Act::Sign),
        Event::Issued(_) => Some(Act::Issue),
        Event::ObligationRequested(_) => Some(Act::RequestObligation),
        Event::PaymentRecorded(_) => Some(Act::RecordPayment),
        Event::ObligationWaived(_) => Some(Act::Waive),
        Event::PaymentRefunded(_) => Some(Act::Refund),
        Event::Extended(_) => Some(Act::Extend),
        Event::Stopped(_) => Some(Act::Stop),
        Event::ApplicantNotified(_) => Some(Act::Notify),
        Event::Corrected(_) => Some(Act::Correct),
        Event::DelegateNamed(_) => Some(Act::NameDelegate),
        Event::DelegateRemoved(_) => Some(Act::RemoveDelegate),
        Event::FileAttached(file) => Some(Act::attach(file.purpose)),
        // Of an act with another, or of none.
        Event::Submitted(_) | Event::Paused(_) | Event::Resumed(_) | Event::CarriedOver(_) => None,
    }
}

/// Commands that ask for nothing in particular: they are decided by where the dossier stands alone.
fn plain_commands() -> Vec<Command> {
    vec![
        Command::Refuse { reason: open("Sai thẩm quyền") },
        send_back(),
        recall(),
        propose(Outcome::Granted),
        approve(),
        request_rework(),
        sign(),
        issue(),
        stop(),
        return_result(),
        correct(),
        Command::Withdraw { reason: None },
        Command::Collect,
        Command::RemoveDelegate,
        Command::Pause { reason: PauseReason::PublicPosting, note: None, until: None },
        Command::RequestSupplement {
            request: SupplementRequest { reason: open("Thiếu"), papers: vec![], answer_by: None },
        },
    ]
}

proptest! {
    #[test]
    fn nothing_happens_that_was_not_offered(history in dossier_histories()) {
        let mut dossier = Dossier::default();
        for (at, event) in &history {
            if let (Some(filed), Some(act)) = (dossier.filed(), act_of(event)) {
                // At the counter the receipt is part of the filing.
                let is_part = act == Act::Receive && filed.channel != Channel::Online;
                prop_assert!(is_part || filed.is_open_to(act), "{act:?} at {:?}", filed.stage());
            }
            dossier = dossier.evolve(*at, event);
        }
    }

    #[test]
    fn what_is_offered_is_not_refused(history in dossier_histories()) {
        let mut dossier = Dossier::default();
        for (at, event) in &history {
            dossier = dossier.evolve(*at, event);
            let Some(filed) = dossier.filed() else { continue };
            for command in plain_commands() {
                let is_decided = dossier.decide(filed.last_at, &command).is_ok();
                prop_assert_eq!(filed.is_open_to(command.act().unwrap()), is_decided, "{:?}", command);
            }
            // It ends with one outcome or the other.
            let ends = [Outcome::Granted, Outcome::Declined].map(|outcome| {
                dossier.decide(filed.last_at, &Command::FinishProcessing { outcome, note: None }).is_ok()
            });
            prop_assert_eq!(filed.is_open_to(Act::FinishProcessing), ends[0] || ends[1]);
        }
    }
}
