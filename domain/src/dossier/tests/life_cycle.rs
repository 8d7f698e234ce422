//! Everything after receipt beside the main line: hand-overs between agencies, opinions, the decision, money, pauses of
//! all kinds, extension, stop, notices and corrections.

use super::*;
use crate::procedure::Task;
use crate::working_time::Resume;

const TUESDAY: &str = "2024-05-07 09:00";
const LATER: &str = "2024-05-09 15:00";

fn clock(history: History) -> Clock {
    filed(history).clock().cloned().unwrap()
}

/// One example of every refusal of these acts: history, time, command, answer.
pub(super) fn refusals() -> Vec<(History, &'static str, Command, Rejection)> {
    let procedure = ten_days();
    let received = received_on_monday;
    let on_its_way = || then(received(), [(TUESDAY, send(competent()))]);
    let proposed = || then(received(), [(TUESDAY, propose(Outcome::Granted))]);
    let approved = || then(proposed(), [(TUESDAY, approve())]);
    let signed = || then(approved(), [(TUESDAY, sign())]);
    let asked = || then(received(), [(TUESDAY, ask_for_money(ObligationKind::Fee, 50_000, false))]);
    let paid = || then(asked(), [(TUESDAY, pay(1, "ORDER-1", 50_000))]);
    let extended = || then(received(), [(TUESDAY, extend(at("2024-05-27 17:00")))]);
    let open = Arc::new(definition(ProcedureTerm::Fixed(Term::Open)));
    let is = |is, has_to_be| Rejection::ApprovalNotThere { is, has_to_be };
    vec![
        (on_its_way(), LATER, complete_step("THU_LY", &procedure), Rejection::InTransit),
        (
            with_tasks_done(&["THU_LY"]),
            LATER,
            complete_step("XET_DUYET", &interlinked()),
            Rejection::BranchPending { awaited: step_code("LAY_Y_KIEN") },
        ),
        (on_its_way(), LATER, send(agency(9)), Rejection::InTransit),
        (on_its_way(), LATER, request_supplement(), Rejection::InTransit),
        (on_its_way(), LATER, finish_processing(), Rejection::InTransit),
        (received(), LATER, accept(counter()), Rejection::NotInTransit),
        (at_the_desk(), LATER, send_back(), Rejection::NotInTransit),
        (on_its_way(), LATER, accept(counter()), Rejection::WrongRecipient),
        (received(), LATER, forward(desk_of(officer(3))), Rejection::OtherAgency),
        (received(), LATER, send(receiving()), Rejection::AlreadyThere),
        (received(), LATER, recall(), Rejection::NothingToRecall),
        (at_the_desk(), LATER, recall(), Rejection::NothingToRecall),
        (
            then(received(), [(TUESDAY, request_opinion(agency(9)))]),
            LATER,
            request_opinion(agency(9)),
            Rejection::OpinionPending,
        ),
        (received(), LATER, give_opinion(1), Rejection::UnknownOpinion { opinion: 1 }),
        (received(), LATER, request_opinion(receiving()), Rejection::AlreadyThere),
        (received(), LATER, approve(), is("NONE", "PROPOSED")),
        (received(), LATER, request_rework(), is("NONE", "PROPOSED")),
        (proposed(), LATER, propose(Outcome::Declined), is("PROPOSED", "NONE")),
        (proposed(), LATER, sign(), is("PROPOSED", "APPROVED")),
        (approved(), LATER, issue(), is("APPROVED", "SIGNED")),
        (signed(), LATER, request_rework(), is("SIGNED", "PROPOSED")),
        (proposed(), LATER, finish_processing(), is("PROPOSED", "APPROVED")),
        (
            approved(),
            LATER,
            Command::FinishProcessing { outcome: Outcome::Declined, note: None },
            Rejection::OutcomeDiffers { proposed: Outcome::Granted },
        ),
        (asked(), LATER, ask_for_money(ObligationKind::Fee, 1, false), Rejection::ObligationPending),
        (received(), LATER, pay(1, "ORDER-1", 1), Rejection::UnknownObligation { obligation: 1 }),
        (asked(), LATER, waive(2), Rejection::UnknownObligation { obligation: 2 }),
        (paid(), LATER, waive(1), Rejection::NothingDue { obligation: 1 }),
        (received(), LATER, ask_for_money(ObligationKind::Tax, 0, true), Rejection::AmountMissing),
        (asked(), LATER, pay(1, "ORDER-1", 0), Rejection::AmountMissing),
        (paid(), LATER, pay(1, "ORDER-1", 49_999), Rejection::OrderDiffers),
        (paid(), LATER, pay_by(PaymentMethod::Cash, 1, "ORDER-1", 50_000), Rejection::OrderDiffers),
        (
            then(paid(), [(TUESDAY, ask_for_money(ObligationKind::Tax, 50_000, false))]),
            LATER,
            pay(2, "ORDER-1", 50_000),
            Rejection::OrderDiffers,
        ),
        (asked(), LATER, refund("ORDER-1"), Rejection::UnknownOrder),
        (then(paid(), [(TUESDAY, refund("ORDER-1"))]), LATER, refund("ORDER-1"), Rejection::AlreadyRefunded),
        (
            then(asked(), [(TUESDAY, pay(1, "ORDER-1", 20_000)), (TUESDAY, finish_processing())]),
            LATER,
            return_result(),
            Rejection::PaymentDue { amount_vnd: 30_000 },
        ),
        (
            then(online(), [(MONDAY, receive(&open))]),
            LATER,
            extend(at("2024-06-03 17:00")),
            Rejection::NoAppointment,
        ),
        (
            received(),
            LATER,
            extend(at("2024-05-20 17:00")),
            Rejection::ExtensionNotLater { due_at: at("2024-05-20 17:00") },
        ),
        (
            received(),
            "2024-06-03 09:00",
            extend(at("2024-05-31 17:00")),
            Rejection::ExtensionNotLater { due_at: at("2024-05-20 17:00") },
        ),
        (extended(), LATER, extend(at("2024-06-03 17:00")), Rejection::ExtendedAlready { extensions: 1 }),
        (signed(), LATER, stop(), Rejection::Decided),
        (received(), LATER, correct(), Rejection::NothingToCorrect),
        (
            then(received(), [(TUESDAY, finish_processing()), (TUESDAY, notify(Notice::ResultReady))]),
            LATER,
            correct(),
            Rejection::NothingToCorrect,
        ),
        (
            Vec::new(),
            MONDAY,
            submit(at_the_counter(1, at(MONDAY))),
            Rejection::WrongChannel { channel: Channel::Counter },
        ),
        (
            Vec::new(),
            MONDAY,
            register(submitted(1, at(MONDAY)), receipt_under(&procedure)),
            Rejection::WrongChannel { channel: Channel::Online },
        ),
    ]
}

// Between agencies.

#[test]
fn another_agency_takes_a_dossier_in_two_acts_and_the_clock_goes_on() {
    let sent = then(received_on_monday(), [(TUESDAY, send(competent()))]);
    let under_way = filed(sent.clone());
    assert_eq!((under_way.transit, under_way.holder.clone()), (Some(competent()), Some(counter())));
    assert_eq!(under_way.stage(), Stage::Received, "nobody has begun");
    let taken = filed(then(sent.clone(), [(LATER, accept(desk_of(officer(3))))]));
    assert_eq!((taken.transit, taken.holder.clone()), (None, Some(desk_of(officer(3)))));
    assert_eq!((taken.stage(), taken.clock()), (Stage::InProgress, under_way.clock()));
    let back = filed(then(sent, [(LATER, send_back())]));
    assert_eq!((back.transit, back.holder.clone()), (None, Some(counter())));
    assert_eq!(back.clock(), under_way.clock());
}

#[test]
fn what_was_handed_over_comes_back_until_somebody_has_begun() {
    let colleague = Holder { assignee: Some(officer(4)), ..counter() };
    let handed = then(received_on_monday(), [(TUESDAY, forward(colleague.clone()))]);
    assert_eq!(filed(then(handed.clone(), [(LATER, recall())])).holder, Some(counter()));
    let begun = then(handed, [(TUESDAY, complete_step("THU_LY", &ten_days()))]);
    given::<Dossier>(begun).when(at(LATER), recall()).rejected(Rejection::NothingToRecall);
    let sent = then(received_on_monday(), [(TUESDAY, send(competent()))]);
    let recalled = filed(then(sent, [(LATER, recall())]));
    assert_eq!((recalled.transit, recalled.holder), (None, Some(counter())));
}

#[test]
fn withdrawn_under_way_it_is_taken_by_nobody() {
    let history = then(received_on_monday(), [(TUESDAY, send(competent())), (TUESDAY, withdraw())]);
    given::<Dossier>(history)
        .when(at(LATER), accept(desk_of(officer(3))))
        .rejected(Rejection::WrongStage { command: "ACCEPT", stage: Stage::Withdrawn });
}

#[test]
fn opinions_have_numbers_and_the_clock_goes_on() {
    let history = then(
        received_on_monday(),
        [(TUESDAY, request_opinion(agency(9))), (TUESDAY, request_opinion(agency(8)))],
    );
    let asked = filed(history.clone());
    let pending = |number, from| PendingOpinion { number, from };
    assert_eq!(asked.opinions, [pending(1, agency(9)), pending(2, agency(8))]);
    assert_eq!((asked.stage(), asked.clock()), (Stage::Received, filed(received_on_monday()).clock()));
    // Also while the clock stands still for another reason; and a number is given once.
    let history = then(
        history,
        [
            (TUESDAY, request_supplement()),
            (LATER, give_opinion(1)),
            (LATER, receive_supplement()),
            (LATER, request_opinion(agency(9))),
        ],
    );
    assert_eq!(filed(history).opinions, [pending(2, agency(8)), pending(3, agency(9))]);
}

// The decision.

#[test]
fn a_decision_is_proposed_approved_signed_and_issued_in_this_order() {
    let line = [propose(Outcome::Declined), approve(), sign(), issue()];
    let mut history = received_on_monday();
    let mut names = Vec::new();
    for command in line {
        history = then(history, [(TUESDAY, command)]);
        names.push(filed(history.clone()).approval.name());
    }
    assert_eq!(names, ["PROPOSED", "APPROVED", "SIGNED", "ISSUED"]);
    let declined = Command::FinishProcessing { outcome: Outcome::Declined, note: None };
    assert_eq!(filed(then(history, [(LATER, declined)])).stage(), Stage::Finished);
}

#[test]
fn what_is_not_approved_is_processed_again() {
    for approved in [false, true] {
        let mut history = then(received_on_monday(), [(TUESDAY, propose(Outcome::Granted))]);
        if approved {
            history = then(history, [(TUESDAY, approve())]);
        }
        let history = then(history, [(TUESDAY, request_rework()), (LATER, propose(Outcome::Declined))]);
        assert_eq!(filed(history).approval, Approval::Proposed(Outcome::Declined));
    }
}

// Money.

#[test]
fn the_clock_stands_still_for_a_tax_and_runs_again_with_the_payment() {
    // Asked on Thursday 9/5, paid on Tuesday 14/5: three working days.
    let asked = then(received_on_monday(), [(LATER, ask_for_money(ObligationKind::Tax, 70_000, true))]);
    assert_eq!(filed(asked.clone()).stage().national_code(), 6);
    assert_eq!(filed(asked.clone()).finance.state(), FinancialState::Due);
    let half = then(asked, [("2024-05-13 09:00", pay(1, "ORDER-1", 30_000))]);
    assert_eq!(filed(half.clone()).stage(), Stage::AwaitingPayment, "not all of it");
    let rest = Event::PaymentRecorded(PaymentRecorded {
        obligation: 1,
        order: order_code("ORDER-2"),
        amount_vnd: 40_000,
        method: PaymentMethod::NationalGateway,
    });
    let runs = Event::Resumed(Resumed {
        clock: Resumption {
            due_at: Some(at("2024-05-23 17:00")),
            legal_due_at: None,
            calendar: Calendar::built_in().version().clone(),
        },
        note: None,
    });
    given::<Dossier>(half.clone()).when(at("2024-05-14 08:00"), pay(1, "ORDER-2", 40_000)).then([rest, runs]);
    let paid = filed(then(half.clone(), [("2024-05-14 08:00", pay(1, "ORDER-2", 40_000))]));
    assert_eq!((paid.stage(), paid.finance.state()), (Stage::InProgress, FinancialState::Settled));
    let waived = filed(then(half, [("2024-05-14 08:00", waive(1))]));
    assert_eq!(waived.clock(), paid.clock());
    assert_eq!(waived.finance.state(), FinancialState::Settled);
}

#[test]
fn only_what_the_clock_stands_still_for_holds_it() {
    // A fee that is not paid does not hold the clock, and paying it does not let it run.
    let fee = then(received_on_monday(), [(TUESDAY, ask_for_money(ObligationKind::Fee, 20_000, false))]);
    let tax = then(fee, [(LATER, ask_for_money(ObligationKind::Tax, 70_000, true))]);
    let fee_paid = then(tax.clone(), [("2024-05-13 09:00", pay(1, "ORDER-1", 20_000))]);
    assert_eq!(filed(fee_paid).stage(), Stage::AwaitingPayment);
    let tax_paid = filed(then(tax, [("2024-05-14 08:00", pay(2, "ORDER-2", 70_000))]));
    assert_eq!((tax_paid.stage(), tax_paid.finance.state()), (Stage::InProgress, FinancialState::Due));
    // Stopped by an officer for a payment elsewhere: an officer lets it run again.
    let by_hand = [
        (TUESDAY, ask_for_money(ObligationKind::Fee, 1, false)),
        (LATER, pause(PauseReason::FinancialObligation)),
    ];
    let by_hand = then(received_on_monday(), by_hand);
    let paid = then(by_hand, [(LATER, pay(1, "ORDER-1", 1))]);
    assert_eq!(filed(paid).stage(), Stage::AwaitingPayment);
}

#[test]
fn an_order_is_recorded_once() {
    let asked = then(received_on_monday(), [(TUESDAY, ask_for_money(ObligationKind::Fee, 50_000, false))]);
    let paid = then(asked, [(TUESDAY, pay(1, "ORDER-1", 50_000))]);
    given::<Dossier>(paid.clone()).when(at(LATER), pay(1, "ORDER-1", 50_000)).then([]);
    // Money that comes in twice is recorded, and can go back; then nothing is due.
    let twice = then(paid, [(LATER, pay(1, "ORDER-2", 50_000))]);
    assert_eq!(filed(twice.clone()).finance.obligation(1).unwrap().paid_vnd(), 100_000);
    let once = then(twice, [(LATER, refund("ORDER-2"))]);
    assert_eq!(filed(once.clone()).finance.state(), FinancialState::Settled);
    let back = filed(then(once, [(LATER, refund("ORDER-1"))]));
    assert_eq!((back.finance.state(), back.finance.outstanding_vnd()), (FinancialState::Refunded, 0));
}

#[test]
fn the_financial_state_is_apart_from_the_business_state() {
    // Withdrawn after payment: the money goes back, the dossier stays withdrawn.
    let history = then(
        received_on_monday(),
        [
            (TUESDAY, ask_for_money(ObligationKind::Fee, 50_000, false)),
            (TUESDAY, pay(1, "ORDER-1", 50_000)),
            (LATER, withdraw()),
            (LATER, refund("ORDER-1")),
        ],
    );
    let dossier = filed(history);
    assert_eq!((dossier.stage(), dossier.finance.state()), (Stage::Withdrawn, FinancialState::Refunded));
    // Finished, and still to be paid: the third state says that the result is there.
    let history = then(
        received_on_monday(),
        [(TUESDAY, ask_for_money(ObligationKind::Charge, 10_000, false)), (TUESDAY, finish_processing())],
    );
    let dossier = filed(history.clone());
    assert_eq!((dossier.finance.state(), dossier.delivery()), (FinancialState::Due, Delivery::Ready));
    let history = then(history, [(LATER, notify(Notice::ResultReady)), (LATER, pay(1, "ORDER-1", 10_000))]);
    assert_eq!(filed(history.clone()).delivery(), Delivery::Announced);
    let history = then(history, [(LATER, return_result())]);
    assert_eq!(filed(history).delivery(), Delivery::Returned(ReturnMethod::Counter));
}

// Pauses.

#[test]
fn every_reason_stops_the_clock_and_has_its_national_code() {
    let reasons = [
        (PauseReason::FinancialObligation, 6),
        (PauseReason::PublicPosting, 4),
        (PauseReason::OtherAgency, 4),
        (PauseReason::Suspension, 8),
    ];
    for (reason, code) in reasons {
        let paused = then(received_on_monday(), [(LATER, pause(reason))]);
        assert_eq!(filed(paused.clone()).stage().national_code(), code);
        let resumed = filed(then(paused.clone(), [("2024-05-14 08:00", resume())]));
        assert_eq!(resumed.clock().unwrap().due_at, Some(at("2024-05-23 17:00")), "{reason:?}");
        assert_eq!(resumed.supplements, 0, "only a supplement counts as one");
        // A supplement is answered by its own act, another pause by another.
        given::<Dossier>(paused)
            .when(at("2024-05-14 08:00"), receive_supplement())
            .rejected(Rejection::WrongStage { command: "RECEIVE_SUPPLEMENT", stage: reason.stage() });
    }
    let waiting = then(received_on_monday(), [(LATER, request_supplement())]);
    assert_eq!(filed(waiting.clone()).supplements, 1);
    given::<Dossier>(waiting)
        .when(at("2024-05-14 08:00"), resume())
        .rejected(Rejection::WrongStage { command: "RESUME", stage: Stage::AwaitingSupplement });
}

/// What three policies make of the same pause: Thursday 9/5 to Tuesday 14/5/2024.
fn after_a_pause(resume: Resume) -> Clock {
    let due_policy = DuePolicy { resume, ..DuePolicy::default() };
    let procedure = Arc::new(Definition { due_policy, ..(*ten_days()).clone() });
    let line = [
        (MONDAY, receive(&procedure)),
        (LATER, request_supplement()),
        ("2024-05-14 08:00", receive_supplement()),
    ];
    clock(then(online(), line))
}

#[test]
fn a_procedure_chooses_what_a_pause_does() {
    let clocks = [Resume::Shift, Resume::Restart, Resume::StatisticsOnly].map(after_a_pause);
    let dues = clocks.map(|clock| (clock.due_at.unwrap(), clock.legal_due_at.unwrap()));
    let moved = at("2024-05-23 17:00");
    let afresh = at("2024-05-28 17:00");
    assert_eq!(dues, [(moved, moved), (afresh, afresh), (at("2024-05-20 17:00"), moved)]);
}

// Extension.

#[test]
fn an_extension_promises_another_day_and_the_law_goes_on_measuring_by_the_old_one() {
    let extended = then(received_on_monday(), [(LATER, extend(at("2024-05-27 17:00")))]);
    let after = clock(extended.clone());
    assert_eq!(after.due_at, Some(at("2024-05-27 17:00")));
    assert_eq!(after.legal_due_at, Some(at("2024-05-20 17:00")));
    assert_eq!(after.due_at_original, Some(at("2024-05-20 17:00")));
    // A pause moves both: working days 9, 10 and 13/5.
    let paused = then(extended, [(LATER, request_supplement()), ("2024-05-14 08:00", receive_supplement())]);
    let after = clock(paused);
    assert_eq!(after.due_at, Some(at("2024-05-30 17:00")));
    assert_eq!(after.legal_due_at, Some(at("2024-05-23 17:00")));
}

#[test]
fn an_overdue_dossier_can_still_be_apologised_for() {
    let history = then(received_on_monday(), [("2024-05-21 09:00", extend(at("2024-05-27 17:00")))]);
    assert_eq!(filed(history).extensions, 1);
}

#[test]
fn a_procedure_may_allow_more_extensions() {
    let extend = |due: &str| {
        let Command::Extend(once) = extend(at(due)) else { unreachable!() };
        Command::Extend(Extend { extensions_max: 2, ..once })
    };
    let twice = then(
        received_on_monday(),
        [(TUESDAY, extend("2024-05-27 17:00")), (LATER, extend("2024-06-03 17:00"))],
    );
    given::<Dossier>(twice)
        .when(at(LATER), extend("2024-06-10 17:00"))
        .rejected(Rejection::ExtendedAlready { extensions: 2 });
}

// Classification.

#[test]
fn an_end_is_early_on_time_or_late() {
    let due = Some(at("2024-05-20 17:00"));
    for (end, expected) in [
        ("2024-05-19 23:59", Timeliness::Early),
        ("2024-05-20 00:00", Timeliness::OnTime),
        ("2024-05-20 17:00", Timeliness::OnTime),
        ("2024-05-20 17:01", Timeliness::Late),
    ] {
        assert_eq!(Timeliness::of(at(end), due), expected, "{end}");
    }
    assert_eq!(Timeliness::of(at("2034-05-20 17:01"), None), Timeliness::OnTime);
}

#[test]
fn the_rule_of_decision_766_stands_beside_ours() {
    let on_time =
        |history: History, as_of: &str| filed(history).measure().map(|measure| measure.is_on_time(at(as_of)));
    assert_eq!(on_time(online(), MONDAY), None, "never received");
    let received = received_on_monday;
    assert_eq!(on_time(received(), "2024-05-20 17:00"), Some(true));
    assert_eq!(on_time(received(), "2024-05-20 17:01"), Some(false));
    // Ended in time, whenever it is looked at.
    for end in [finish_processing(), stop(), withdraw()] {
        assert_eq!(on_time(then(received(), [(LATER, end)]), "2025-01-01 09:00"), Some(true));
    }
    let late = then(received(), [("2024-05-20 17:01", finish_processing())]);
    assert_eq!(on_time(late, "2024-05-20 17:01"), Some(false));
    // An extension moves nothing here.
    let extended = then(received(), [(LATER, extend(at("2024-05-27 17:00")))]);
    assert_eq!(on_time(extended, "2024-05-21 09:00"), Some(false));
    // The applicant is waited for: the request is the end, as long as it takes.
    let waiting = then(received(), [(LATER, request_supplement())]);
    assert_eq!(on_time(waiting.clone(), "2025-01-01 09:00"), Some(true));
    // A second request counts as late, although ours is early.
    let again = [("2024-05-14 08:00", receive_supplement()), ("2024-05-15 08:00", request_supplement())];
    let again = then(waiting, again);
    assert_eq!(on_time(again.clone(), "2024-05-15 08:00"), Some(false));
    let ended =
        then(again, [("2024-05-15 09:00", receive_supplement()), ("2024-05-16 09:00", finish_processing())]);
    assert_eq!(on_time(ended.clone(), "2024-05-16 09:00"), Some(false));
    let Phase::Finished { clock, at: ended_at, .. } = filed(ended).phase else { panic!("not finished") };
    assert_eq!(Timeliness::of(ended_at, clock.legal_due_at), Timeliness::Early);
}

#[test]
fn the_worked_example_is_explained_day_by_day() {
    // DOMAIN 5.4: received on Monday 6/5/2024, ten working days; asked on Thursday 9/5, answered on Tuesday 14/5.
    let history = then(
        received_on_monday(),
        [
            (LATER, request_supplement()),
            ("2024-05-14 08:00", receive_supplement()),
            ("2024-05-15 09:00", extend(at("2024-05-27 17:00"))),
            ("2024-05-23 16:00", finish_processing()),
        ],
    );
    let told = explain(history.iter().map(|(at, event)| (*at, event)), &|_| law().calendar);
    let vietnamese: Vec<_> = told.iter().map(|step| step.vietnamese.as_str()).collect();
    assert_eq!(
        vietnamese,
        [
            "Thứ Hai 06/05/2024: tiếp nhận lúc 09:00.",
            "Thứ Hai 06/05/2024: ngày tiếp nhận, chưa tính vào thời hạn.",
            "Thứ Ba 07/05/2024: ngày làm việc thứ 1.",
            "Thứ Tư 08/05/2024: ngày làm việc thứ 2.",
            "Thứ Năm 09/05/2024: ngày làm việc thứ 3.",
            "Thứ Sáu 10/05/2024: ngày làm việc thứ 4.",
            "Thứ Bảy 11/05/2024: nghỉ hằng tuần, không tính.",
            "Chủ Nhật 12/05/2024: nghỉ hằng tuần, không tính.",
            "Thứ Hai 13/05/2024: ngày làm việc thứ 5.",
            "Thứ Ba 14/05/2024: ngày làm việc thứ 6.",
            "Thứ Tư 15/05/2024: ngày làm việc thứ 7.",
            "Thứ Năm 16/05/2024: ngày làm việc thứ 8.",
            "Thứ Sáu 17/05/2024: ngày làm việc thứ 9.",
            "Thứ Bảy 18/05/2024: nghỉ hằng tuần, không tính.",
            "Chủ Nhật 19/05/2024: nghỉ hằng tuần, không tính.",
            "Thứ Hai 20/05/2024: ngày làm việc thứ 10.",
            "Thứ Hai 20/05/2024: hẹn trả lúc 17:00, cuối ngày làm việc.",
            "09/05/2024: tạm dừng từ 15:00 (chờ bổ sung hồ sơ).",
            "09/05/2024: tạm dừng, không tính.",
            "10/05/2024: tạm dừng, không tính.",
            "Thứ Bảy 11/05/2024: nghỉ hằng tuần, không tính.",
            "Chủ Nhật 12/05/2024: nghỉ hằng tuần, không tính.",
            "13/05/2024: tạm dừng, không tính.",
            "14/05/2024: tiếp tục từ 08:00.",
            "21/05/2024: bù ngày tạm dừng thứ 1.",
            "22/05/2024: bù ngày tạm dừng thứ 2.",
            "23/05/2024: bù ngày tạm dừng thứ 3.",
            "23/05/2024: hẹn trả 17:00 23/05/2024 thay cho 17:00 20/05/2024.",
            "15/05/2024: xin lỗi và gia hạn, hẹn trả 17:00 27/05/2024 thay cho 17:00 23/05/2024; đánh giá đúng hạn vẫn \
             theo 17:00 23/05/2024.",
            "23/05/2024: kết thúc xử lý lúc 16:00, đúng hạn.",
        ]
    );
    assert!(told.iter().all(|step| step.english.ends_with('.')));
}

#[test]
fn every_policy_of_a_pause_is_explained() {
    let words = |resume| {
        let due_policy = DuePolicy { resume, ..DuePolicy::default() };
        let procedure = Arc::new(Definition { due_policy, ..(*ten_days()).clone() });
        let line = [
            (MONDAY, receive(&procedure)),
            (LATER, ask_for_money(ObligationKind::Tax, 1, true)),
            ("2024-05-14 08:00", pay(1, "ORDER-1", 1)),
        ];
        let history = then(online(), line);
        let told = explain(history.iter().map(|(at, event)| (*at, event)), &|_| law().calendar);
        told.into_iter().skip(17).map(|step| step.vietnamese).collect::<Vec<_>>()
    };
    let all = [Resume::Shift, Resume::Restart, Resume::StatisticsOnly].map(words);
    for told in &all {
        assert_eq!(told[0], "09/05/2024: tạm dừng từ 15:00 (chờ thực hiện nghĩa vụ tài chính).");
        assert_eq!(told[6], "14/05/2024: tiếp tục từ 08:00.");
    }
    assert_eq!(all[0].last().unwrap(), "23/05/2024: hẹn trả 17:00 23/05/2024 thay cho 17:00 20/05/2024.");
    assert_eq!(all[1][7], "14/05/2024: thời hạn tính lại từ đầu.");
    assert_eq!(all[1].last().unwrap(), "Thứ Ba 28/05/2024: hẹn trả lúc 17:00, cuối ngày làm việc.");
    assert_eq!(
        all[2].last().unwrap(),
        "14/05/2024: ngày hẹn trả giữ nguyên, thời gian tạm dừng không tính khi đánh giá."
    );
}

#[test]
fn a_share_has_two_decimals_and_of_nothing_there_is_none() {
    let percent = |part, whole| Share::of(part, whole).map(Share::percent);
    assert_eq!(percent(0, 0), None);
    assert_eq!(percent(0, 7), Some(0.0));
    assert_eq!(percent(7, 7), Some(100.0));
    assert_eq!(percent(1, 3), Some(33.33));
    assert_eq!(percent(2, 3), Some(66.67));
    assert_eq!(percent(1, 800), Some(0.13), "half of one is rounded up");
    // One late dossier of a hundred thousand is not none.
    assert_eq!(percent(99_999, 100_000), Some(99.99));
    assert_eq!(percent(1, 100_000), Some(0.01));
    assert_eq!(percent(u64::MAX - 1, u64::MAX), Some(99.99));
}

/// Handed over, it is processed and an opinion is asked for side by side; approval joins both.
fn interlinked() -> Arc<Definition> {
    let task = |code: &str, next: Option<&str>| Task {
        next: next.map(step_code),
        ..Task::new(step_code(code), code)
    };
    let tasks = vec![
        Task { also: vec![step_code("LAY_Y_KIEN")], ..task("BAN_GIAO", Some("THU_LY")) },
        task("THU_LY", Some("XET_DUYET")),
        task("LAY_Y_KIEN", Some("XET_DUYET")),
        Task { joins: true, ..task("XET_DUYET", Some("KY_DUYET")) },
        // Sent back to be approved again, it comes after the join, which does not wait for it.
        Task { also: vec![step_code("XET_DUYET")], ..task("KY_DUYET", None) },
    ];
    let steps = vec![crate::procedure::Step::new("Giải quyết", "PHONG", tasks)];
    Arc::new(Definition::new("Liên thông", ProcedureTerm::Fixed(Term::WorkingDays(10)), steps))
}

fn with_tasks_done(codes: &[&str]) -> History {
    let steps = codes.iter().map(|code| (TUESDAY, complete_step(code, &interlinked())));
    then(received_on_monday(), steps.collect::<Vec<_>>())
}

#[test]
fn branches_run_side_by_side_and_the_task_that_joins_them_waits() {
    let join = || complete_step("XET_DUYET", &interlinked());
    let pending = |code| Rejection::BranchPending { awaited: step_code(code) };
    for (done, awaited) in [("THU_LY", "LAY_Y_KIEN"), ("LAY_Y_KIEN", "THU_LY")] {
        let one = with_tasks_done(&["BAN_GIAO", done]);
        given::<Dossier>(one).when(at(LATER), join()).rejected(pending(awaited));
    }
    // In whatever order, and also when one is done again.
    let both = with_tasks_done(&["BAN_GIAO", "LAY_Y_KIEN", "THU_LY", "LAY_Y_KIEN"]);
    let corrected = then(both.clone(), [(LATER, correct())]);
    for ready in [both, corrected] {
        assert_eq!(filed(then(ready, [(LATER, join())])).stage(), Stage::InProgress);
    }
    // What was taken back is not done.
    let taken_back = then(with_tasks_done(&["BAN_GIAO", "LAY_Y_KIEN", "THU_LY"]), [(LATER, correct())]);
    given::<Dossier>(taken_back).when(at(LATER), join()).rejected(pending("THU_LY"));
    // An import keeps what its source says.
    let imported = then(imported_on_monday(), [(LATER, join())]);
    assert_eq!(filed(imported).stage(), Stage::InProgress);
}

/// Tasks with their due instants and whether they are done.
fn planned(history: &History, procedure: &Definition) -> Vec<(String, String, bool)> {
    let told = schedule(history.iter().map(|(at, event)| (*at, event)), procedure, &|_| law().calendar);
    let due =
        |planned: &Planned| crate::time::local(planned.due_at.unwrap()).format("%d/%m %H:%M").to_string();
    told.iter().map(|planned| (planned.task.to_string(), due(planned), planned.done_at.is_some())).collect()
}

#[test]
fn every_task_has_its_own_deadline() {
    // Half-days 1, 15, 2, 2 from the morning of Monday 6/5/2024.
    let policies =
        crate::procedure::Policies { notice_after: Some(step_code("THU_LY")), ..Default::default() };
    let procedure = Definition { policies, ..(*ten_days()).clone() };
    let expect = |done: bool| {
        let due = ["06/05 17:00", "16/05 11:30", "17/05 11:30", "20/05 11:30"];
        let tasks = ["BAN_GIAO", "THU_LY", "XET_DUYET", "KY_DUYET"];
        tasks
            .into_iter()
            .zip(due)
            .enumerate()
            .map(|(n, (task, due))| (task.to_owned(), due.to_owned(), done && n == 0))
            .collect::<Vec<_>>()
    };
    assert_eq!(planned(&received_on_monday(), &procedure), expect(false));
    let handed = then(received_on_monday(), [("2024-05-06 10:00", complete_step("BAN_GIAO", &ten_days()))]);
    assert_eq!(planned(&handed, &procedure), expect(true));
    assert_eq!(planned(&then(handed, [(TUESDAY, correct())]), &procedure), expect(false));
    assert_eq!(planned(&online(), &procedure), []);
    let told = schedule(received_on_monday().iter().map(|(at, event)| (*at, event)), &procedure, &|_| {
        law().calendar
    });
    let notice: Vec<_> =
        told.iter().filter(|planned| planned.is_notice).map(|planned| planned.task.as_str()).collect();
    assert_eq!(notice, ["THU_LY"]);
}

#[test]
fn a_pause_moves_the_tasks_that_are_not_done() {
    // Done on Tuesday; then from the afternoon of Thursday 9/5 to the morning of Tuesday 14/5: five half-days.
    let history = then(
        received_on_monday(),
        [
            (TUESDAY, complete_step("BAN_GIAO", &ten_days())),
            (LATER, request_supplement()),
            ("2024-05-14 08:00", receive_supplement()),
        ],
    );
    let dues: Vec<_> = planned(&history, &ten_days()).into_iter().map(|(_, due, _)| due).collect();
    assert_eq!(dues, ["06/05 17:00", "20/05 17:00", "21/05 17:00", "22/05 17:00"]);
}

// Stop, notices, corrections.

#[test]
fn processing_stops_before_a_decision_is_signed_also_while_the_clock_stands_still() {
    for before in [request_supplement(), pause(PauseReason::Suspension), propose(Outcome::Granted)] {
        let stopped = filed(then(received_on_monday(), [(TUESDAY, before), (LATER, stop())]));
        assert_eq!((stopped.stage(), stopped.stage().national_code()), (Stage::Stopped, 8));
        assert!(stopped.clock().is_some(), "it counts in the statistics");
    }
}

#[test]
fn a_notice_given_twice_is_one_notice() {
    let told = then(received_on_monday(), [(TUESDAY, notify(Notice::Received))]);
    given::<Dossier>(told.clone()).when(at(LATER), notify(Notice::Received)).then([]);
    let letter = Command::Notify { about: Notice::Received, by: NoticeChannel::Letter, note: None };
    assert_eq!(then(told, [(LATER, letter)]).len(), 4, "by another way it is another");
}

#[test]
fn a_mistake_is_taken_back_and_everything_is_as_before() {
    let cases = [
        (online(), refuse(), Correctable::Refused),
        (received_on_monday(), complete_step("THU_LY", &ten_days()), Correctable::StepCompleted),
        (received_on_monday(), finish_processing(), Correctable::ProcessingFinished),
        (
            then(received_on_monday(), [(TUESDAY, finish_processing())]),
            return_result(),
            Correctable::ResultReturned,
        ),
        (then(received_on_monday(), [(TUESDAY, request_supplement())]), stop(), Correctable::Stopped),
        (then(received_on_monday(), [(TUESDAY, request_supplement())]), withdraw(), Correctable::Withdrawn),
    ];
    for (history, mistake, what) in cases {
        let before = filed(history.clone());
        let history = then(history, [(LATER, mistake)]);
        let corrected = Event::Corrected(Corrected { what, reason: open("Bấm nhầm hồ sơ") });
        given::<Dossier>(history.clone()).when(at("2024-05-09 15:05"), correct()).then([corrected]);
        let after = filed(then(history, [("2024-05-09 15:05", correct())]));
        assert_eq!((&after.phase, after.delivery()), (&before.phase, before.delivery()), "{what:?}");
        assert_eq!(
            (after.holder, after.approval, after.finance),
            (before.holder, before.approval, before.finance)
        );
    }
}

// Before receipt.

#[test]
fn an_online_submission_is_to_be_answered_within_working_hours() {
    let within = || Some(AnswerWithin { working_hours: 8, rules: law() });
    let submit = |when: &'static str| {
        let command = Command::Submit(Submit { submitted: submitted(1, at(when)), answer_within: within() });
        let Phase::Submitted { answer_by } = filed(then(Vec::new(), [(when, command)])).phase else {
            panic!("not submitted")
        };
        answer_by
    };
    assert_eq!(submit("2024-05-06 09:00"), Some(at("2024-05-07 09:00")));
    // On a Sunday night: the whole of Monday.
    assert_eq!(submit("2024-05-05 22:00"), Some(at("2024-05-06 17:00")));
    // Where no calendar reaches, nothing is promised; the submission is taken all the same.
    assert_eq!(submit("2090-05-06 09:00"), None);
    // What was brought later is looked at afresh.
    let supply =
        Command::SupplyIntakeSupplement { supply: missing_papers_brought(), answer_within: within() };
    let line = [(LATER, request_intake_supplement()), ("2024-05-13 09:00", supply)];
    let Phase::Submitted { answer_by } = filed(then(online(), line)).phase else { panic!("not submitted") };
    assert_eq!(answer_by, Some(at("2024-05-14 09:00")));
}

proptest! {
    #[test]
    fn every_history_can_be_explained(history in dossier_histories()) {
        let told = explain(history.iter().map(|(at, event)| (*at, event)), &|_| law().calendar);
        let received = history.iter().any(|(_, event)| matches!(event, Event::Received(_)));
        prop_assert_eq!(!told.is_empty(), received);
        prop_assert!(told.iter().all(|step| step.vietnamese.ends_with('.') && step.english.ends_with('.')));
    }
}

// Who may.

fn stands(history: History, who: &Principal, relation: Relation) -> Result<(), Denial> {
    filed(history).authorise(who, relation)
}

#[test]
fn only_the_agency_it_was_sent_to_takes_a_dossier() {
    let sent = then(received_on_monday(), [(TUESDAY, send(agency(9)))]);
    let at =
        |number: u8| principal(officer(1), agency(number), &[Function::Process], Scope::of(agency(number)));
    let taker = at(9);
    assert_eq!(stands(sent.clone(), &taker, Relation::Recipient), Ok(()));
    let sender = principal(officer(1), receiving(), &FUNCTIONS, Scope::of(receiving()));
    assert_eq!(stands(sent.clone(), &sender, Relation::Recipient), Err(Denial::NotHolder));
    assert_eq!(stands(sent.clone(), &at(8), Relation::Recipient), Err(Denial::OutOfScope));
    let reader = principal(officer(1), agency(9), &[Function::ReadDossiers], Scope::of(agency(9)));
    let denied = Err(Denial::NoFunction { function: Function::Process });
    assert_eq!(stands(sent.clone(), &reader, Relation::Recipient), denied);
    // Before it is there, it processes nothing; sent back, it sees it no more.
    assert_eq!(stands(sent.clone(), &taker, Function::Process.into()), Err(Denial::NotHolder));
    let back = then(sent, [(LATER, send_back())]);
    assert_eq!(stands(back, &taker, Relation::Recipient), Err(Denial::OutOfScope));
}

#[test]
fn only_who_was_asked_gives_an_opinion() {
    let asked = then(received_on_monday(), [(TUESDAY, request_opinion(agency(9)))]);
    let at =
        |number: u8| principal(officer(1), agency(number), &[Function::Process], Scope::of(agency(number)));
    assert_eq!(stands(asked.clone(), &at(9), Relation::Consulted(1)), Ok(()));
    assert_eq!(stands(asked.clone(), &at(9), Relation::Consulted(2)), Err(Denial::NotHolder));
    assert_eq!(stands(asked.clone(), &at(8), Relation::Consulted(1)), Err(Denial::OutOfScope));
    assert_eq!(stands(asked.clone(), &at(9), Function::Process.into()), Err(Denial::NotHolder));
    let given = then(asked, [(LATER, give_opinion(1))]);
    assert_eq!(stands(given, &at(9), Relation::Consulted(1)), Err(Denial::OutOfScope));
}

#[test]
fn who_handed_it_over_or_assigns_takes_it_back() {
    let mine = Holder { assignee: Some(officer(1)), ..counter() };
    let yours = Holder { assignee: Some(officer(2)), ..counter() };
    let handed = then(received_on_monday(), [(TUESDAY, forward(mine)), (TUESDAY, forward(yours))]);
    let who = |number, functions: &[Function]| {
        principal(officer(number), receiving(), functions, Scope::of(receiving()))
    };
    let process = [Function::Process];
    assert_eq!(stands(handed.clone(), &who(1, &process), Relation::Sender), Ok(()));
    assert_eq!(stands(handed.clone(), &who(3, &process), Relation::Sender), Err(Denial::NotAssignee));
    assert_eq!(stands(handed.clone(), &who(3, &[Function::Assign]), Relation::Sender), Ok(()));
    // Who may both takes it back by either.
    let both = [Function::Assign, Function::Process];
    assert_eq!(stands(handed.clone(), &who(3, &both), Relation::Sender), Ok(()));
    let denied = Err(Denial::NoFunction { function: Function::Process });
    assert_eq!(stands(handed, &who(1, &[Function::Intake]), Relation::Sender), denied);
}

#[test]
fn what_is_due_can_be_paid_until_the_dossier_is_over() {
    let asked = then(
        received_on_monday(),
        [("2024-05-06 10:00", ask_for_money(ObligationKind::Fee, 150_000, false))],
    );
    assert_eq!(filed(asked.clone()).payable_vnd(1), Ok(150_000));
    assert_eq!(filed(asked.clone()).payable_vnd(2), Err(Rejection::UnknownObligation { obligation: 2 }));
    let partly = then(asked.clone(), [("2024-05-06 11:00", pay(1, "BL-1", 50_000))]);
    assert_eq!(filed(partly.clone()).payable_vnd(1), Ok(100_000));
    let paid = then(partly, [("2024-05-06 12:00", pay(1, "BL-2", 100_000))]);
    assert_eq!(filed(paid).payable_vnd(1), Err(Rejection::NothingDue { obligation: 1 }));
    let withdrawn = then(asked, [("2024-05-06 11:00", withdraw())]);
    let stage = filed(withdrawn.clone()).stage();
    let refused = Rejection::WrongStage { command: "START_PAYMENT", stage };
    assert_eq!(filed(withdrawn).payable_vnd(1), Err(refused));
}

#[test]
fn what_nothing_was_due_for_is_surplus() {
    let asked = then(
        received_on_monday(),
        [("2024-05-06 10:00", ask_for_money(ObligationKind::Fee, 150_000, false))],
    );
    let paid = ("2024-05-06 12:00", pay(1, "MC1", 150_000));
    let surplus = |history: History| filed(history).surplus_vnd(&order_code("MC1"));
    assert_eq!(surplus(asked.clone()), 0, "nothing was paid");
    assert_eq!(surplus(then(asked.clone(), [paid.clone()])), 0);
    for (before, expected) in [
        (pay(1, "BL-1", 150_000), 150_000),
        (pay(1, "BL-1", 50_000), 50_000),
        (waive(1), 150_000),
        (withdraw(), 150_000),
    ] {
        let history = then(asked.clone(), [("2024-05-06 11:00", before.clone()), paid.clone()]);
        assert_eq!(surplus(history.clone()), expected, "{before:?}");
        let refunded = then(history, [("2024-05-06 13:00", refund("MC1"))]);
        assert_eq!(surplus(refunded), 0, "it went back");
    }
}
