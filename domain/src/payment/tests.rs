use uuid::Uuid;

use super::*;
use crate::decider::Rejection as _;
use crate::testing::at;

const NOW: &str = "2026-03-02 09:00";

fn dossier() -> DossierId {
    DossierId(Uuid::from_u128(1))
}

fn ordered(amount_vnd: u64) -> Ordered {
    Ordered {
        dossier: dossier(),
        obligation: 1,
        gateway: GatewayCode::parse("tinh").unwrap(),
        method: PaymentMethod::LocalGateway,
        amount_vnd,
        expires_at: at("2026-03-02 09:15"),
        dossier_key: KeyId(Uuid::from_u128(3)),
    }
}

fn taken(transaction: &str) -> Taken {
    let transaction = TransactionCode::parse(transaction).unwrap();
    Taken { transaction, amount_vnd: 150_000, paid_at: at(NOW) }
}

fn take(transaction: &str) -> Command {
    Command::Take { taken: taken(transaction), surplus_vnd: 0 }
}

fn discrepancy(kind: DiscrepancyKind) -> Discrepancy {
    Discrepancy { kind, transaction: None, amount: Some(1), currency: None, answer: None }
}

fn request() -> Command {
    Command::RequestRefund { reason: Private::open("nộp nhầm") }
}

/// The state after commands that are all taken.
fn after(commands: &[Command]) -> Order {
    commands.iter().fold(Order::default(), |state, command| {
        let events = state.decide(at(NOW), command).unwrap();
        events.iter().fold(state, |state, event| state.evolve(at(NOW), event))
    })
}

fn kinds(order: &Order) -> Vec<(DiscrepancyKind, bool)> {
    order.discrepancies.iter().map(|found| (found.discrepancy.kind, found.settled)).collect()
}

#[test]
fn an_order_is_placed_once() {
    let order = after(&[Command::Place(ordered(150_000))]);
    let later = Ordered { expires_at: at("2026-03-02 10:00"), ..ordered(150_000) };
    assert_eq!(order.decide(at(NOW), &Command::Place(later)), Ok(Vec::new()));
    for other in [ordered(150_001), Ordered { obligation: 2, ..ordered(150_000) }] {
        assert_eq!(order.decide(at(NOW), &Command::Place(other)), Err(Rejection::PlacedOtherwise));
    }
}

#[test]
fn nothing_happens_to_what_was_never_ordered() {
    let note = Private::open("đã đối soát");
    for command in [
        take("A"),
        Command::Find(discrepancy(DiscrepancyKind::WrongAmount)),
        Command::Settle { discrepancy: 1, note },
        request(),
        Command::ConfirmRefund { refund: 1 },
        Command::DeclineRefund { refund: 1, answer: "X".to_owned() },
    ] {
        assert_eq!(Order::default().decide(at(NOW), &command), Err(Rejection::NeverPlaced), "{command:?}");
    }
}

#[test]
fn an_order_is_paid_once_by_one_transaction() {
    let order = after(&[Command::Place(ordered(150_000)), take("A")]);
    assert_eq!(order.taken, Some(taken("A")));
    assert_eq!(order.decide(at(NOW), &take("A")), Ok(Vec::new()));
    assert_eq!(order.decide(at(NOW), &take("B")), Err(Rejection::TakenOtherwise));
}

#[test]
fn what_does_not_fit_is_found_once_and_settled_once() {
    let found = Command::Find(discrepancy(DiscrepancyKind::WrongAmount));
    let order = after(&[Command::Place(ordered(150_000)), found.clone()]);
    assert_eq!(kinds(&order), [(DiscrepancyKind::WrongAmount, false)]);
    assert_eq!(order.decide(at(NOW), &found), Ok(Vec::new()));
    let settle =
        |discrepancy| Command::Settle { discrepancy, note: Private::open("đã trả lại tại quầy") };
    let missing = Rejection::UnknownDiscrepancy { discrepancy: 2 };
    assert_eq!(order.decide(at(NOW), &settle(2)), Err(missing));
    let events = order.decide(at(NOW), &settle(1)).unwrap();
    let order = events.iter().fold(order, |order, event| order.evolve(at(NOW), event));
    assert_eq!(kinds(&order), [(DiscrepancyKind::WrongAmount, true)]);
    // The gateway says it again: it is known, and stays settled.
    assert_eq!(order.decide(at(NOW), &found), Ok(Vec::new()));
    assert_eq!(order.decide(at(NOW), &settle(1)), Ok(Vec::new()));
}

#[test]
fn money_goes_back_once() {
    let place = Command::Place(ordered(150_000));
    let surplus = Command::Take { taken: taken("A"), surplus_vnd: 150_000 };
    assert_eq!(after(std::slice::from_ref(&place)).decide(at(NOW), &request()), Err(Rejection::NothingTaken));
    let pending = after(&[place, surplus, request()]);
    assert_eq!(kinds(&pending), [(DiscrepancyKind::Surplus, false)]);
    assert_eq!(pending.decide(at(NOW), &request()), Err(Rejection::RefundPending));
    assert_eq!(pending.decide(at(NOW), &Command::ConfirmRefund { refund: 2 }), Err(Rejection::UnknownRefund));
    let no = Command::DeclineRefund { refund: 1, answer: "CLOSED".to_owned() };
    let events = pending.decide(at(NOW), &no).unwrap();
    let declined = events.iter().fold(pending, |order, event| order.evolve(at(NOW), event));
    assert_eq!(declined.refund, Refund::Declined { times: 1 });
    assert_eq!(declined.decide(at(NOW), &no), Ok(Vec::new()));
    // Asked again it is another refund, which the gateway knows apart.
    let events = declined.decide(at(NOW), &request()).unwrap();
    assert!(matches!(&events[..], [Event::RefundRequested(RefundRequested { refund: 2, .. })]));
    let order = events.iter().fold(declined, |order, event| order.evolve(at(NOW), event));
    // Late, the answer to the first.
    assert_eq!(order.decide(at(NOW), &Command::ConfirmRefund { refund: 1 }), Err(Rejection::UnknownRefund));
    let yes = Command::ConfirmRefund { refund: 2 };
    let events = order.decide(at(NOW), &yes).unwrap();
    let order = events.iter().fold(order, |order, event| order.evolve(at(NOW), event));
    assert_eq!(kinds(&order), [(DiscrepancyKind::Surplus, true), (DiscrepancyKind::RefundDeclined, true)]);
    assert_eq!(order.decide(at(NOW), &yes), Ok(Vec::new()));
    assert_eq!(order.decide(at(NOW), &request()), Err(Rejection::AlreadyRefunded));
    assert_eq!(Rejection::AlreadyRefunded.code(), crate::dossier::Rejection::AlreadyRefunded.code());
}

#[test]
fn a_code_names_one_order_and_others_name_none() {
    let id = PaymentOrderId::of(dossier(), 1, 1);
    // From another implementation (Python's `uuid.uuid5`): it is in every log, never change it.
    let code = id.code().unwrap();
    assert_eq!(code.as_str(), "MC276f5985b79b5497903bef008444bc08");
    assert_eq!(PaymentOrderId::of_code(&code), Some(id));
    assert_ne!(PaymentOrderId::of(dossier(), 1, 2), id);
    assert_ne!(PaymentOrderId::of(dossier(), 2, 1), id);
    let upper = format!("MC{}", code.as_str()[2..].to_uppercase());
    for other in ["BL-0001", "MC", "MC12", &upper, &code.as_str()[2..], &format!("MC{}", id.0)] {
        assert_eq!(PaymentOrderId::of_code(&OrderCode::parse(other).unwrap()), None, "{other}");
    }
}
