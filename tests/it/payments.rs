//! Paying through a gateway that does not always behave: late, twice, out of order, wrong, forged, silent. What is recorded
//! is what was taken, once; what does not fit is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use api::http::{Settings, router};
use api::input::{
    ObligationKind, OnDossier, PaymentMethod, ReasonInput, RecordPaymentInput, RefundPaymentInput,
    RequestObligationInput, SettleDiscrepancyInput, Vnd, WaiveObligationInput, WithdrawDossierInput,
};
use api::payments::{Gateways, RefundRound, carry_refunds};
use api::service::{Service, principal_of};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::TimeDelta;
use domain::codes::GatewayCode;
use domain::decider::StoredEvent;
use domain::dossier::{self, Dossier, Obligation};
use domain::identity::{DossierId, PaymentOrderId};
use domain::recorded::Via;
use infrastructure::clock::Clock;
use infrastructure::event_store::StoredRow;
use serde_json::{Value, json};

use crate::cli::{json_of, motcua, stored};
use crate::graphql::{Answer, answer_of};
use crate::read_models::told_anew_they_say_the_same;
use crate::support::gateway::{Gateway, KEY, Money, Odd, headers};
use crate::support::office::{
    ADMIN, CITIZEN, INTAKE, LAN, LEADER, MAI, caller, established, key, on, registered,
};
use crate::support::{
    Backend, Choices, Place, Server, assert_sound, instant, on_each_backend, problem, whole_log,
};

on_each_backend!(
    what_is_paid_at_the_gateway_is_paid_once,
    who_may_not_pay_or_cannot_is_refused,
    an_order_that_is_open_is_found_again_and_another_is_not,
    whoever_is_not_the_gateway_leaves_nothing_behind,
    a_callback_that_is_cut_off_anywhere_is_finished_once,
    what_does_not_fit_is_written_down_and_not_paid,
    the_same_amount_under_the_same_number_in_cash_is_other_money,
    a_start_that_is_sent_again_asks_for_what_is_due_now,
    what_is_cut_off_is_told_to_who_may_refund_and_to_nobody_else,
    what_nothing_is_due_for_is_recorded_and_to_be_refunded,
    a_gateway_that_does_not_behave_opens_no_order_and_is_asked_again,
    money_goes_back_through_the_gateway_once,
    a_refund_that_is_cut_off_anywhere_is_finished_once,
    a_no_of_the_gateway_is_seen_and_may_be_asked_again,
    who_may_not_refund_is_refused,
    a_day_is_reconciled_with_the_gateway,
    what_is_recorded_is_what_was_taken_whatever_comes_in_whatever_order,
    a_day_is_reconciled_from_the_command_line,
    a_server_asks_for_the_refunds_that_wait,
);

const NOW: &str = "2026-03-02T09:00:00+07:00";
const FEE: u64 = 150_000;
const START: &str = "mutation($input: StartPaymentInput!) { startPayment(input: $input) {
    redirectUrl order expiresAt problems { code } } }";
const DISCREPANCIES: &str =
    "query($position: Position) { paymentDiscrepancies(minPosition: $position) { nodes {
    order dossierId gateway amount paidAt refundRequestedAt
    unsettled { number kind transaction amount currency answer } } } }";

pub(crate) struct Office {
    place: Place,
    pub(crate) service: Service,
    pub(crate) clock: Clock,
    pub(crate) gateway: Gateway,
}

impl Office {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::at(backend, Clock::fixed(instant(NOW))).await
    }

    async fn at(backend: Backend, clock: Clock) -> Self {
        let place = Place::with_keys(backend).await;
        let gateway = Gateway::start(clock.clone()).await;
        let service = established(&place, clock.clone()).await;
        let gateways = Gateways::read(&settings(&place, &gateway, &[KEY]), &clock).unwrap();
        Self { service: service.paid_through(gateways), place, clock, gateway }
    }

    pub(crate) async fn ask(&self, token: &str, document: &str, variables: Value) -> Value {
        let router = router(
            self.service.clone(),
            Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
        );
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = json!({"query": document, "variables": variables}).to_string();
        answer_of(&router, request.body(Body::from(body)).unwrap()).await.json()
    }

    pub(crate) async fn start(&self, token: &str, name: &str, dossier: DossierId) -> Value {
        let input = json!({"idempotencyKey": key(name), "dossierId": dossier, "obligation": 1});
        self.start_with(token, input).await
    }

    async fn start_with(&self, token: &str, input: Value) -> Value {
        let answer = self.ask(token, START, json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["startPayment"].clone()
    }

    /// A dossier that owes the fee, and an order for it.
    async fn ordered(&self, name: &str) -> (DossierId, String) {
        let dossier = self.owing(name, false).await;
        let started = self.start(INTAKE, &format!("{name}, start"), dossier).await;
        assert_eq!(started["problems"], json!([]), "{started}");
        (dossier, started["order"].as_str().unwrap().to_owned())
    }

    async fn owing(&self, name: &str, stops_clock: bool) -> DossierId {
        let dossier = registered(&self.service, name).await.dossier_id;
        let input = RequestObligationInput {
            on: on(key(&format!("{name}, fee")), dossier),
            kind: ObligationKind::Fee,
            amount: Vnd(FEE),
            note: None,
            pay_by: None,
            stops_clock,
        };
        self.service
            .request_obligation(&caller(if stops_clock { LAN } else { INTAKE }), &input)
            .await
            .unwrap();
        dossier
    }

    async fn call(&self, to: &str, headers: HeaderMap, body: impl Into<Body>) -> Answer {
        let router = router(self.service.clone(), Settings::default());
        let mut request = Request::post(format!("/payments/callback/{to}")).body(body.into()).unwrap();
        *request.headers_mut() = headers;
        answer_of(&router, request).await
    }

    /// The gateway calls back; what it is told.
    pub(crate) async fn told(&self, money: &Money) -> String {
        let (headers, body) = self.gateway.callback(money);
        let answer = self.call("tinh", headers, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()["result"].as_str().unwrap().to_owned()
    }

    async fn obligation(&self, dossier: DossierId) -> Obligation {
        let known = self.service.executor.load::<Dossier>(&dossier::stream(dossier)).await.unwrap();
        known.state.filed().unwrap().finance.obligation(1).unwrap().clone()
    }

    pub(crate) async fn log(&self) -> Vec<StoredRow> {
        let rows = whole_log(self.service.store()).await;
        assert_sound(&rows);
        rows
    }

    async fn types(&self, prefix: &str) -> Vec<String> {
        let rows = self.log().await;
        rows.into_iter().map(|row| row.type_name).filter(|name| name.starts_with(prefix)).collect()
    }

    /// What an administrator sees, by order.
    async fn discrepancies(&self) -> BTreeMap<String, Vec<String>> {
        self.service.read_side.catch_up().await.unwrap();
        let answer = self.ask(ADMIN, DISCREPANCIES, json!({})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        let nodes = answer["data"]["paymentDiscrepancies"]["nodes"].as_array().unwrap().clone();
        let kinds = |node: &Value| {
            let unsettled = node["unsettled"].as_array().unwrap();
            unsettled.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
        };
        nodes.iter().map(|node| (node["order"].as_str().unwrap().to_owned(), kinds(node))).collect()
    }

    async fn refund(&self, name: &str, dossier: DossierId, order: &str) {
        self.service.refund_payment(&caller(LEADER), &refunding(name, dossier, order)).await.unwrap();
    }

    async fn carry(&self) -> RefundRound {
        self.service.read_side.catch_up().await.unwrap();
        carry_refunds(&self.service).await.unwrap()
    }
}

fn settings(place: &Place, gateway: &Gateway, keys: &[&str]) -> std::path::PathBuf {
    for (n, key) in keys.iter().enumerate() {
        let file = place.folder.join(format!("gateway-{n}.key"));
        std::fs::write(&file, format!("{key}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let files: Vec<_> = (0..keys.len()).map(|n| format!("gateway-{n}.key")).collect();
    let one = |code: &str| {
        format!(
            "[[gateway]]\ncode = \"{code}\"\nmethod = \"local_gateway\"\nurl = \"{}\"\nkey_files = {files:?}\n\
             return_urls = [\"https://dvc.example.vn/thanh-toan\"]\n",
            gateway.url
        )
    };
    let path = place.folder.join("payments.toml");
    std::fs::write(&path, one("tinh") + &one("khac")).unwrap();
    path
}

fn refunding(name: &str, dossier: DossierId, order: &str) -> RefundPaymentInput {
    let reason = "MẪU nộp nhầm".to_owned();
    RefundPaymentInput { on: on(key(name), dossier), order: order.to_owned(), reason }
}

fn codes(payload: &Value) -> Vec<&str> {
    payload["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

async fn what_is_paid_at_the_gateway_is_paid_once(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = registered(&office.service, "a").await.dossier_id;
    office.service.read_side.catch_up().await.unwrap();
    let forward = crate::support::office::forward_to(LAN, key("to Lan"), dossier);
    office.service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
    let input = RequestObligationInput {
        on: on(key("fee"), dossier),
        kind: ObligationKind::Fee,
        amount: Vnd(FEE),
        note: None,
        pay_by: None,
        stops_clock: true,
    };
    office.service.request_obligation(&caller(LAN), &input).await.unwrap();
    let started = office.start(INTAKE, "start", dossier).await;
    let order = started["order"].as_str().unwrap().to_owned();
    assert_eq!(started["redirectUrl"], json!(format!("https://pay.example.vn/{order}")), "{started}");
    assert_eq!(started["expiresAt"], "2026-03-02T09:15:00+07:00");
    let opened = office.gateway.books().orders[&order].clone();
    assert_eq!((&opened["amount"], &opened["currency"]), (&json!(FEE), &json!("VND")));
    assert_eq!(opened["returnUrl"], "https://dvc.example.vn/thanh-toan");
    assert!(!opened.to_string().contains("Nguyễn"), "{opened}");
    let money = office.gateway.pay(&order);
    assert_eq!(office.told(&money).await, "recorded");
    let before = office.log().await.len();
    // Twice, and later.
    assert_eq!(office.told(&money).await, "repeated");
    office.clock.set(instant("2026-03-04T09:00:00+07:00"));
    assert_eq!(office.told(&money).await, "repeated");
    assert_eq!(office.log().await.len(), before);
    let obligation = office.obligation(dossier).await;
    assert_eq!((obligation.outstanding_vnd(), obligation.paid_vnd(), obligation.payments.len()), (0, FEE, 1));
    // The clock that stood still for it runs again; and the gateway is who did it.
    let rows = office.log().await;
    let of_gateway: Vec<_> = rows
        .iter()
        .filter(|row| row.decode_metadata().unwrap().channel == Via::Gateway)
        .map(|row| (row.type_name.as_str(), row.decode_metadata().unwrap()))
        .collect();
    let types: Vec<_> = of_gateway.iter().map(|(name, _)| *name).collect();
    assert_eq!(types, ["dossier.payment_recorded.v1", "dossier.resumed.v1", "payment.taken.v1"]);
    let machine = principal_of(&GatewayCode::parse("tinh").unwrap());
    assert!(of_gateway.iter().all(|(_, metadata)| metadata.actor == machine));
    assert!(
        of_gateway
            .iter()
            .all(|(_, metadata)| metadata.acting_as.agency == caller(LAN).principal.acting_as.agency)
    );
    assert_eq!(codes(&office.start(INTAKE, "again", dossier).await), ["NOTHING_DUE"]);
    assert_eq!(office.discrepancies().await, BTreeMap::new());
    for row in &rows {
        assert!(!row.data.contains(KEY) && !row.metadata.contains(KEY));
    }
}

async fn who_may_not_pay_or_cannot_is_refused(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.owing("a", false).await;
    let before = office.log().await.len();
    let nobody = office
        .ask(
            "",
            START,
            json!({"input":
        {"idempotencyKey": key("x"), "dossierId": dossier, "obligation": 1}}),
        )
        .await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    for (token, code) in [
        // Somebody else's dossier is not there.
        (CITIZEN, "NOT_FOUND"),
        (LAN, "NO_FUNCTION"),
        (MAI, "NOT_FOUND"),
        ("dev:intake:mai@000.00.17.H42", "NOT_FOUND"),
    ] {
        assert_eq!(codes(&office.start(token, "x", dossier).await), [code], "{token}");
    }
    let absent = DossierId(key("absent"));
    assert_eq!(codes(&office.start(INTAKE, "x", absent).await), ["NOT_FOUND"]);
    for (obligation, return_url, code) in [
        (2, json!(null), "UNKNOWN_OBLIGATION"),
        (1, json!("https://evil.example/thanh-toan"), "BAD_USER_INPUT"),
        (1, json!("javascript:alert(1)"), "BAD_USER_INPUT"),
    ] {
        let input = json!({"idempotencyKey": key("x"), "dossierId": dossier, "obligation": obligation,
            "returnUrl": return_url});
        assert_eq!(codes(&office.start_with(INTAKE, input).await), [code], "{return_url}");
    }
    let without = office.service.clone().paid_through(Gateways::default());
    let input = api::input::StartPaymentInput {
        idempotency_key: key("x"),
        dossier_id: dossier.0,
        obligation: 1,
        return_url: None,
    };
    let refused = problem(without.start_payment(&caller(INTAKE), &input).await);
    assert_eq!(refused.code(), "PAYMENT_NOT_SET_UP");
    assert_eq!(office.log().await.len(), before, "what is refused leaves nothing behind");
    assert_eq!(office.gateway.books().asked.len(), 0, "and is not told to the gateway");
    let withdraw = WithdrawDossierInput { on: on(key("withdraw"), dossier), reason: None };
    office.service.withdraw_dossier(&caller(INTAKE), &withdraw).await.unwrap();
    assert_eq!(codes(&office.start(INTAKE, "x", dossier).await), ["INVALID_TRANSITION"]);
}

async fn an_order_that_is_open_is_found_again_and_another_is_not(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    // The same request, and another one for the same money.
    for name in ["a, start", "another"] {
        let again = office.start(INTAKE, name, dossier).await;
        assert_eq!(again["order"], json!(order), "{name}");
    }
    assert_eq!(office.types("payment.").await, ["payment.ordered.v1"]);
    let reused = json!({"idempotencyKey": key("a, start"), "dossierId": dossier, "obligation": 1,
        "returnUrl": "https://dvc.example.vn/thanh-toan/b"});
    assert_eq!(codes(&office.start_with(INTAKE, reused).await), ["IDEMPOTENCY_KEY_REUSED"]);
    // Two at the same time are one.
    let other = office.owing("b", false).await;
    let both = tokio::join!(office.start(INTAKE, "b1", other), office.start(INTAKE, "b2", other));
    assert_eq!(both.0["order"], both.1["order"]);
    assert!(both.0["order"].is_string(), "{both:?}");
    // In its last minute an order is not handed out any more, and afterwards neither.
    office.clock.set(instant("2026-03-02T09:14:30+07:00"));
    let second = office.start(INTAKE, "later", dossier).await["order"].clone();
    assert!(second.is_string() && second != json!(order));
    office.clock.set(instant("2026-03-02T09:15:00+07:00"));
    assert_eq!(codes(&office.start(INTAKE, "a, start", dossier).await), ["PAYMENT_ORDER_EXPIRED"]);
    // Some of it is paid at the counter: there is less to pay.
    let cash = RecordPaymentInput {
        on: on(key("cash"), dossier),
        obligation: 1,
        order: "BL-1".to_owned(),
        amount: Vnd(50_000),
        method: PaymentMethod::Cash,
    };
    office.service.record_payment(&caller(INTAKE), &cash).await.unwrap();
    let third = office.start(INTAKE, "rest", dossier).await["order"].as_str().unwrap().to_owned();
    assert_eq!(office.gateway.books().orders[&third]["amount"], json!(100_000));
    assert_ne!(json!(third), second);
}

async fn whoever_is_not_the_gateway_leaves_nothing_behind(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    let (_, other) = office.ordered("b").await;
    let money = office.gateway.pay(&order);
    let (good, body) = office.gateway.callback(&money);
    let before = office.log().await.len();
    let without = |name: &str| {
        let mut headers = good.clone();
        headers.remove(name);
        headers
    };
    let with = |name: &'static str, value: &str| {
        let mut headers = good.clone();
        headers.insert(name, value.parse().unwrap());
        headers
    };
    let now = office.clock.now();
    let elsewhere = body.replace(&order, &other);
    assert_ne!(body, elsewhere);
    for (what, headers, body) in [
        ("unsigned", HeaderMap::new(), body.clone()),
        ("no signature", without("webhook-signature"), body.clone()),
        ("no time", without("webhook-timestamp"), body.clone()),
        ("no id", without("webhook-id"), body.clone()),
        ("another id", with("webhook-id", "msg_2"), body.clone()),
        ("no base64", with("webhook-signature", "v1,###"), body.clone()),
        ("forged", headers("somebody-else-altogether-0000000000", "msg_1", &body, now), body.clone()),
        ("old", headers(KEY, "msg_1", &body, now - TimeDelta::seconds(301)), body.clone()),
        ("of the future", headers(KEY, "msg_1", &body, now + TimeDelta::seconds(301)), body.clone()),
        ("more money", good.clone(), body.replace("150000", "950000")),
        ("for another order", good.clone(), elsewhere),
        ("with something behind it", good.clone(), format!("{body} ")),
    ] {
        let answer = office.call("tinh", headers, body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        assert!(!answer.body.contains(KEY));
    }
    // Whoever is believed is not believed everything.
    let sign = |body: &str| office.gateway.signed(KEY, body, now);
    for (what, to, (headers, body), status) in [
        ("no such gateway", "kia", sign(&body), StatusCode::NOT_FOUND),
        ("no name of a gateway", "%20", sign(&body), StatusCode::NOT_FOUND),
        ("another gateway's order", "khac", sign(&body), StatusCode::NOT_FOUND),
        ("an order of nobody", "tinh", sign(&body.replace(&order, "MC1")), StatusCode::NOT_FOUND),
        ("no JSON", "tinh", sign("<html>"), StatusCode::BAD_REQUEST),
        ("half a payment", "tinh", sign(&body.replace("\"amount\"", "\"sum\"")), StatusCode::BAD_REQUEST),
        ("a transaction that is none", "tinh", sign(&body.replace("GD-1", "a b")), StatusCode::BAD_REQUEST),
        ("negative", "tinh", sign(&body.replace("150000", "-150000")), StatusCode::BAD_REQUEST),
        ("too much", "tinh", sign(&" ".repeat(65 * 1024)), StatusCode::PAYLOAD_TOO_LARGE),
        ("not taken", "tinh", sign(r#"{"type": "payment.failed"}"#), StatusCode::OK),
    ] {
        assert_eq!(office.call(to, headers, body).await.status, status, "{what}");
    }
    assert_eq!(office.log().await.len(), before, "nothing is written");
    assert_eq!(office.obligation(dossier).await.paid_vnd(), 0);
    // While keys change, either is believed.
    let new = "the-next-key-of-the-gateway-and-ours-02";
    let gateways =
        Gateways::read(&settings(&office.place, &office.gateway, &[new, KEY]), &office.clock).unwrap();
    let office = Office { service: office.service.clone().paid_through(gateways), ..office };
    assert_eq!(office.told(&money).await, "recorded");
    let answer = office.call("tinh", headers(new, "msg_9", &body, now), body).await;
    assert_eq!(answer.json()["result"], "repeated");
}

async fn a_callback_that_is_cut_off_anywhere_is_finished_once(backend: Backend) {
    let office = Office::new(backend).await;
    for (n, stuck) in ["dossier.payment_recorded.v1", "payment.taken.v1"].iter().enumerate() {
        let (dossier, order) = office.ordered(stuck).await;
        let money = office.gateway.pay(&order);
        office.place.refuse_insert(&format!("NEW.type = '{stuck}'"), "55000").await;
        let (headers, body) = office.gateway.callback(&money);
        let answer = office.call("tinh", headers, body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "to be told again");
        assert_eq!(office.obligation(dossier).await.payments.len(), n, "{stuck}");
        office.place.allow_insert().await;
        if n == 1 {
            // As if it were cash it does not go back.
            let half =
                office.service.refund_payment(&caller(LEADER), &refunding("half", dossier, &order)).await;
            assert_eq!(problem(half).code(), "PAYMENT_INCOMPLETE");
        }
        assert_eq!(office.told(&money).await, "recorded", "{stuck}");
        assert_eq!(office.told(&money).await, "repeated", "{stuck}");
        assert_eq!(office.obligation(dossier).await.payments.len(), 1, "{stuck}");
        office.refund(&format!("{stuck}, back"), dossier, &order).await;
        assert!(office.obligation(dossier).await.is_refunded(), "{stuck}");
    }
    assert_eq!(office.types("dossier.payment_recorded").await.len(), 2);
    assert_eq!(office.types("payment.taken").await.len(), 2);
    assert_eq!(office.discrepancies().await, BTreeMap::new());
}

async fn what_does_not_fit_is_written_down_and_not_paid(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    let little = Money { amount: 15_000, ..office.gateway.pay(&order) };
    let foreign = Money { currency: "USD".to_owned(), ..office.gateway.pay(&order) };
    for money in [&little, &foreign, &little] {
        assert_eq!(office.told(money).await, "discrepancy");
    }
    assert_eq!(office.obligation(dossier).await.payments, []);
    assert_eq!(office.discrepancies().await[&order], ["WRONG_AMOUNT", "WRONG_CURRENCY"]);
    // It is paid as it should be, and then again.
    let money = office.gateway.pay(&order);
    assert_eq!(office.told(&money).await, "recorded");
    let again = office.gateway.pay(&order);
    assert_eq!((office.told(&again).await, office.told(&again).await).0, "discrepancy");
    assert_eq!(office.obligation(dossier).await.paid_vnd(), FEE);
    let expected = ["WRONG_AMOUNT", "WRONG_CURRENCY", "CHARGED_TWICE"];
    assert_eq!(office.discrepancies().await[&order], expected);
    // Only who administers the province sees and settles them.
    for token in [CITIZEN, INTAKE, LEADER] {
        let answer = office.ask(token, DISCREPANCIES, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NO_FUNCTION", "{token}");
    }
    let settling = |name: &str, order: &str, discrepancy| SettleDiscrepancyInput {
        idempotency_key: key(name),
        order: order.to_owned(),
        discrepancy,
        note: "MẪU đã hoàn tại cổng".to_owned(),
    };
    let settle = |token: &'static str, input: SettleDiscrepancyInput| {
        let service = office.service.clone();
        async move { service.settle_discrepancy(&caller(token), &input).await }
    };
    for (token, input, code) in [
        (LEADER, settling("x", &order, 1), "NO_FUNCTION"),
        (ADMIN, settling("x", &order, 4), "UNKNOWN_DISCREPANCY"),
        (ADMIN, settling("x", "BL-1", 1), "NOT_FOUND"),
        (ADMIN, settling("x", &PaymentOrderId(key("none")).code().unwrap().to_string(), 1), "NOT_FOUND"),
        (ADMIN, settling("x", "", 1), "BAD_USER_INPUT"),
        (
            ADMIN,
            SettleDiscrepancyInput { note: " ".to_owned(), ..settling("x", &order, 1) },
            "BAD_USER_INPUT",
        ),
    ] {
        assert_eq!(problem(settle(token, input).await).code(), code);
    }
    for _ in 0..2 {
        settle(ADMIN, settling("one", &order, 1)).await.unwrap();
    }
    assert_eq!(problem(settle(ADMIN, settling("one", &order, 2)).await).code(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(office.discrepancies().await[&order], ["WRONG_CURRENCY", "CHARGED_TWICE"]);
    // Told once more, what is settled stays settled.
    office.told(&little).await;
    assert_eq!(office.discrepancies().await[&order], ["WRONG_CURRENCY", "CHARGED_TWICE"]);
    let settled: Vec<_> =
        office.log().await.into_iter().filter(|row| row.type_name.contains("settled")).collect();
    assert!(settled.len() == 1 && !settled[0].data.contains("hoàn"), "the note is sealed");
    // A number that somebody at the counter has used for other money.
    let (dossier, order) = office.ordered("b").await;
    let by_hand = RecordPaymentInput {
        on: on(key("by hand"), dossier),
        obligation: 1,
        order: order.clone(),
        amount: Vnd(1_000),
        method: PaymentMethod::BankTransfer,
    };
    office.service.record_payment(&caller(INTAKE), &by_hand).await.unwrap();
    assert_eq!(office.told(&office.gateway.pay(&order)).await, "discrepancy");
    assert_eq!(office.discrepancies().await[&order], ["NOT_RECORDABLE"]);
}

/// Somebody at the counter takes the money in cash and writes it down under the number of the order; then it is paid online.
async fn the_same_amount_under_the_same_number_in_cash_is_other_money(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    let in_cash = RecordPaymentInput {
        on: on(key("in cash"), dossier),
        obligation: 1,
        order: order.clone(),
        amount: Vnd(FEE),
        method: PaymentMethod::Cash,
    };
    office.service.record_payment(&caller(INTAKE), &in_cash).await.unwrap();
    let online = office.gateway.pay(&order);
    for _ in 0..2 {
        assert_eq!(office.told(&online).await, "discrepancy");
    }
    assert_eq!(office.obligation(dossier).await.paid_vnd(), FEE, "what the counter has");
    assert_eq!(office.discrepancies().await[&order], ["NOT_RECORDABLE"], "and what the gateway has is seen");
    let found: Vec<_> =
        office.log().await.into_iter().filter(|row| row.type_name.contains("found")).collect();
    assert!(found.len() == 1 && found[0].data.contains("ORDER_DIFFERS"), "{found:?}");
    // The other way round the counter is told.
    let (dossier, order) = office.ordered("b").await;
    assert_eq!(office.told(&office.gateway.pay(&order)).await, "recorded");
    let in_cash = RecordPaymentInput { on: on(key("in cash, too"), dossier), order, ..in_cash };
    assert_eq!(
        problem(office.service.record_payment(&caller(INTAKE), &in_cash).await).code(),
        "ORDER_DIFFERS"
    );
    // What the counter has goes back over the counter.
    let (dossier, order) = (DossierId(in_cash.on.dossier_id), in_cash.order);
    assert_eq!(office.obligation(dossier).await.paid_vnd(), FEE);
    office.refund("back", dossier, &order).await;
}

/// What has happened to the dossier since is seen by a request that is sent again, too.
async fn a_start_that_is_sent_again_asks_for_what_is_due_now(backend: Backend) {
    let office = Office::new(backend).await;
    let asked = |order: &str| office.gateway.books().asked.iter().filter(|one| one["order"] == order).count();
    for (name, code) in [
        ("withdrawn", "INVALID_TRANSITION"),
        ("waived", "NOTHING_DUE"),
        ("partly", "PAYMENT_ORDERED_OTHERWISE"),
    ] {
        let (dossier, order) = office.ordered(name).await;
        let start = format!("{name}, start");
        assert_eq!(office.start(INTAKE, &start, dossier).await["order"], json!(order));
        let on = on(key(&format!("{name}, since")), dossier);
        match name {
            "withdrawn" => {
                let withdraw = WithdrawDossierInput { on, reason: None };
                office.service.withdraw_dossier(&caller(INTAKE), &withdraw).await.unwrap();
            }
            "waived" => {
                let waive =
                    WaiveObligationInput { on, obligation: 1, reason: "MẪU hộ nghèo".to_owned() };
                office.service.waive_obligation(&caller(LEADER), &waive).await.unwrap();
            }
            _ => {
                let cash = RecordPaymentInput {
                    on,
                    obligation: 1,
                    order: "BL-1".to_owned(),
                    amount: Vnd(50_000),
                    method: PaymentMethod::Cash,
                };
                office.service.record_payment(&caller(INTAKE), &cash).await.unwrap();
            }
        }
        let before = asked(&order);
        assert_eq!(codes(&office.start(INTAKE, &start, dossier).await), [code], "{name}");
        assert_eq!(asked(&order), before, "{name}: the gateway is not asked for it");
    }
}

/// A payment of which only the first half is written down is nobody's to know of who may not refund.
async fn what_is_cut_off_is_told_to_who_may_refund_and_to_nobody_else(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    // As it is between the dossier's event and the order's.
    let half = RecordPaymentInput {
        on: on(key("half"), dossier),
        obligation: 1,
        order: order.clone(),
        amount: Vnd(FEE),
        method: PaymentMethod::LocalGateway,
    };
    office.service.record_payment(&caller(INTAKE), &half).await.unwrap();
    let before = office.log().await.len();
    for (token, code) in [
        (LEADER, "PAYMENT_INCOMPLETE"),
        (INTAKE, "NO_FUNCTION"),
        (CITIZEN, "NOT_FOUND"),
        (MAI, "NOT_FOUND"),
        ("dev:leader:xa@000.00.17.H42", "NOT_FOUND"),
    ] {
        let refund = office.service.refund_payment(&caller(token), &refunding("x", dossier, &order)).await;
        assert_eq!(problem(refund).code(), code, "{token}");
    }
    assert_eq!(office.log().await.len(), before);
}

async fn what_nothing_is_due_for_is_recorded_and_to_be_refunded(backend: Backend) {
    let office = Office::new(backend).await;
    let (withdrawn, order_a) = office.ordered("a").await;
    let withdraw = WithdrawDossierInput { on: on(key("withdraw"), withdrawn), reason: None };
    office.service.withdraw_dossier(&caller(INTAKE), &withdraw).await.unwrap();
    let (waived, order_b) = office.ordered("b").await;
    let waive =
        WaiveObligationInput {
            on: on(key("waive"), waived), obligation: 1, reason: "hộ nghèo".to_owned()
        };
    office.service.waive_obligation(&caller(LEADER), &waive).await.unwrap();
    let (paid, order_c) = office.ordered("c").await;
    let cash = RecordPaymentInput {
        on: on(key("cash"), paid),
        obligation: 1,
        order: "BL-1".to_owned(),
        amount: Vnd(FEE),
        method: PaymentMethod::Cash,
    };
    office.service.record_payment(&caller(INTAKE), &cash).await.unwrap();
    // And late, days after the order has expired: the money was taken.
    let (late, order_d) = office.ordered("d").await;
    office.clock.set(instant("2026-03-05T09:00:00+07:00"));
    let mut expected = BTreeMap::new();
    for (dossier, order) in [(withdrawn, &order_a), (waived, &order_b), (paid, &order_c)] {
        let money = office.gateway.pay(order);
        assert_eq!((office.told(&money).await, office.told(&money).await).1, "repeated");
        let obligation = office.obligation(dossier).await;
        assert!(obligation.payments.iter().any(|payment| payment.order.as_str() == order), "it is recorded");
        expected.insert(order.clone(), vec!["SURPLUS".to_owned()]);
    }
    assert_eq!(office.told(&office.gateway.pay(&order_d)).await, "recorded");
    assert_eq!(office.obligation(late).await.outstanding_vnd(), 0);
    assert_eq!(office.discrepancies().await, expected);
    office.refund("back", paid, &order_c).await;
    expected.remove(&order_c);
    assert_eq!(office.discrepancies().await, expected, "what went back is settled");
    assert_eq!(office.obligation(paid).await.outstanding_vnd(), 0, "and what was paid in cash is paid");
}

async fn a_gateway_that_does_not_behave_opens_no_order_and_is_asked_again(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.owing("a", false).await;
    for odd in [
        Odd::Fails(500),
        Odd::Fails(302),
        Odd::LosesAnswer,
        Odd::Unsigned,
        Odd::Forged,
        Odd::Old,
        Odd::OfAnother,
        Odd::AnotherAmount,
        Odd::PlainRedirect,
        Odd::Nonsense,
        Odd::Hangs,
    ] {
        office.gateway.misbehave([odd]);
        let started = office.start(INTAKE, "start", dossier).await;
        assert_eq!(codes(&started), ["PAYMENT_GATEWAY_UNAVAILABLE"], "{odd:?}");
        assert_eq!(started["redirectUrl"], json!(null));
    }
    let started = office.start(INTAKE, "start", dossier).await;
    assert_eq!(codes(&started), [""; 0], "{started}");
    assert_eq!(office.types("payment.").await, ["payment.ordered.v1"]);
    let orders: Vec<_> = office.gateway.books().orders.keys().cloned().collect();
    assert_eq!(json!(orders), json!([started["order"]]), "it was one order all the time");
}

async fn money_goes_back_through_the_gateway_once(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    let refused = office.service.refund_payment(&caller(LEADER), &refunding("x", dossier, &order)).await;
    assert_eq!(problem(refused).code(), "UNKNOWN_ORDER", "nothing was paid");
    let money = office.gateway.pay(&order);
    office.told(&money).await;
    for _ in 0..2 {
        office.refund("back", dossier, &order).await;
    }
    assert!(office.obligation(dossier).await.is_refunded());
    assert_eq!(office.gateway.books().refunds, BTreeMap::from([(format!("{order}-1"), 1)]));
    let again = office.service.refund_payment(&caller(LEADER), &refunding("y", dossier, &order)).await;
    assert_eq!(problem(again).code(), "ALREADY_REFUNDED");
    let rows = office.log().await;
    let of = |name: &str| rows.iter().filter(|row| row.type_name == name).collect::<Vec<_>>();
    let [refunded] = of("dossier.payment_refunded.v1")[..] else { panic!("one refund") };
    assert_eq!(refunded.decode_metadata().unwrap().channel, Via::Gateway);
    let [requested] = of("payment.refund_requested.v1")[..] else { panic!("one request") };
    assert_eq!(requested.decode_metadata().unwrap().actor, caller(LEADER).principal.id);
    assert!(!requested.data.contains("nộp") && !refunded.data.contains("nộp"), "the reason is sealed");
    // And is the reason that was given.
    let mut event: dossier::Event = refunded.decode_as().unwrap();
    let mut tokens = Vec::new();
    event.each_private(&mut |_, _, value| tokens.extend(value.token().cloned()));
    let secret = office
        .service
        .executor
        .keys
        .open_value(&tokens[0], &refunded.stream, &refunded.type_name)
        .await
        .unwrap();
    assert_eq!(secret.expose(), "MẪU nộp nhầm");
    // A callback that comes behind it is known.
    assert_eq!(office.told(&money).await, "repeated");
    assert_eq!(office.carry().await, RefundRound::default());
    // Cash goes back as it came.
    let other = office.owing("b", false).await;
    let cash = RecordPaymentInput {
        on: on(key("cash"), other),
        obligation: 1,
        order: "BL-1".to_owned(),
        amount: Vnd(FEE),
        method: PaymentMethod::Cash,
    };
    office.service.record_payment(&caller(INTAKE), &cash).await.unwrap();
    office.refund("cash back", other, "BL-1").await;
    assert!(office.obligation(other).await.is_refunded());
    assert_eq!(office.gateway.books().refunds.len(), 1);
    told_anew_they_say_the_same(&office.service.read_side, &["payment_order"]).await;
}

async fn a_refund_that_is_cut_off_anywhere_is_finished_once(backend: Backend) {
    let office = Office::new(backend).await;
    let waiting = RefundRound { waiting: 1, ..RefundRound::default() };
    let refunded = RefundRound { refunded: 1, ..RefundRound::default() };
    for (name, odd) in [
        ("fails", Odd::Fails(503)),
        ("lost", Odd::LosesAnswer),
        ("unsigned", Odd::Unsigned),
        ("forged", Odd::Forged),
        ("of another", Odd::OfAnother),
        ("no of somebody else", Odd::DeclinesUnsigned),
        ("a status is no answer", Odd::Fails(404)),
    ] {
        let (dossier, order) = office.ordered(name).await;
        office.told(&office.gateway.pay(&order)).await;
        office.gateway.misbehave([odd, odd]);
        office.refund(&format!("{name}, back"), dossier, &order).await;
        assert!(!office.obligation(dossier).await.is_refunded(), "{name}: nobody knows yet");
        let again = refunding(&format!("{name}, twice"), dossier, &order);
        let refused = office.service.refund_payment(&caller(LEADER), &again).await;
        assert_eq!(problem(refused).code(), "REFUND_PENDING", "{name}");
        assert_eq!(office.carry().await, waiting, "{name}");
        assert_eq!(office.carry().await, refunded, "{name}");
        assert!(office.obligation(dossier).await.is_refunded(), "{name}");
        assert_eq!(office.carry().await, RefundRound::default(), "{name}");
    }
    // The gateway gave it back, and the log could not be written: of the dossier, or of the order.
    for (n, stuck) in ["dossier.payment_refunded.v1", "payment.refund_confirmed.v1"].iter().enumerate() {
        let (dossier, order) = office.ordered(stuck).await;
        office.told(&office.gateway.pay(&order)).await;
        office.place.refuse_insert(&format!("NEW.type = '{stuck}'"), "55000").await;
        office.refund(&format!("{stuck}, back"), dossier, &order).await;
        assert_eq!(office.obligation(dossier).await.is_refunded(), n == 1);
        office.place.allow_insert().await;
        assert_eq!(office.carry().await, refunded, "{stuck}");
        assert!(office.obligation(dossier).await.is_refunded());
    }
    {
        let books = office.gateway.books();
        let amounts: BTreeSet<u64> = books.made.values().copied().collect();
        assert_eq!((books.made.len(), amounts), (9, BTreeSet::from([FEE])), "each went back once");
        assert!(books.money.iter().all(|money| money.refunded));
    }
    let types = office.types("dossier.payment_refunded").await;
    assert_eq!(types.len(), 9);
    assert_eq!(office.types("payment.refund_confirmed").await.len(), 9);
}

async fn a_no_of_the_gateway_is_seen_and_may_be_asked_again(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    office.told(&office.gateway.pay(&order)).await;
    office.gateway.misbehave([Odd::Declines]);
    office.refund("back", dossier, &order).await;
    assert!(!office.obligation(dossier).await.is_refunded());
    assert_eq!(office.discrepancies().await[&order], ["REFUND_DECLINED"]);
    assert_eq!(office.carry().await, RefundRound::default(), "it is not asked again by itself");
    office.refund("again", dossier, &order).await;
    assert!(office.obligation(dossier).await.is_refunded());
    assert_eq!(office.gateway.books().made.keys().collect::<Vec<_>>(), [&format!("{order}-2")]);
    assert_eq!(office.discrepancies().await, BTreeMap::new());
}

async fn who_may_not_refund_is_refused(backend: Backend) {
    let office = Office::new(backend).await;
    let (dossier, order) = office.ordered("a").await;
    let (other, _) = office.ordered("b").await;
    office.told(&office.gateway.pay(&order)).await;
    let before = office.log().await.len();
    let stale = OnDossier { expected_version: Some(1), ..on(key("x"), dossier) };
    let refund = |input: RefundPaymentInput, token: &'static str| {
        let service = office.service.clone();
        async move { problem(service.refund_payment(&caller(token), &input).await) }
    };
    for (token, code) in [(CITIZEN, "NOT_FOUND"), (INTAKE, "NO_FUNCTION"), (MAI, "NOT_FOUND")] {
        assert_eq!(refund(refunding("x", dossier, &order), token).await.code(), code, "{token}");
    }
    let stale = RefundPaymentInput { on: stale, ..refunding("x", dossier, &order) };
    assert_eq!(refund(stale, LEADER).await.code(), "VERSION_CONFLICT");
    assert_eq!(refund(refunding("x", other, &order), LEADER).await.code(), "UNKNOWN_ORDER");
    let silent = RefundPaymentInput { reason: String::new(), ..refunding("x", dossier, &order) };
    assert_eq!(refund(silent, LEADER).await.code(), "BAD_USER_INPUT");
    assert_eq!(office.log().await.len(), before);
    assert_eq!(office.gateway.books().refunds.len(), 0);
    // A key that was used for something else.
    let stop = ReasonInput { on: on(key("used"), dossier), reason: "x".to_owned() };
    office.service.stop_dossier(&caller(LEADER), &stop).await.unwrap();
    office.refund("used", dossier, &order).await;
    let reused = RefundPaymentInput { reason: "khác".to_owned(), ..refunding("used", dossier, &order) };
    assert_eq!(refund(reused, LEADER).await.code(), "IDEMPOTENCY_KEY_REUSED");
}

async fn a_day_is_reconciled_with_the_gateway(backend: Backend) {
    let office = Office::new(backend).await;
    let tinh = GatewayCode::parse("tinh").unwrap();
    let gateway = office.service.gateways.get(&tinh).unwrap().clone();
    let day = "2026-03-02".parse().unwrap();
    let follower = office.service.read_side.follow();
    let reconcile = async || {
        let mut steps = Vec::new();
        let caller = caller(ADMIN);
        let progress = |done, total| steps.push((done, total));
        let day = office.service.reconcile(&caller, &gateway, day, progress).await.unwrap();
        (day, steps)
    };
    let (fine, order_fine) = office.ordered("fine").await;
    office.told(&office.gateway.pay(&order_fine)).await;
    let (lost, order_lost) = office.ordered("lost").await;
    office.gateway.pay(&order_lost);
    let (_, order_little) = office.ordered("little").await;
    let little = office.gateway.pay(&order_little);
    office.gateway.books().money.last_mut().unwrap().amount = 1;
    // Money of another system.
    let strange = Money { order: "XX-1".to_owned(), transaction: "GD-X".to_owned(), ..little.clone() };
    office.gateway.books().money.push(strange);
    // Known here, and nowhere to be found there.
    let (_, order_gone) = office.ordered("gone").await;
    office.told(&office.gateway.pay(&order_gone)).await;
    office.gateway.books().money.pop();
    // Known there, on what is another day to it.
    let (_, order_night) = office.ordered("night").await;
    office.told(&office.gateway.pay(&order_night)).await;
    office.gateway.books().money.last_mut().unwrap().paid_at += TimeDelta::days(1);
    // Given back there by hand.
    let (_, order_back) = office.ordered("back").await;
    office.told(&office.gateway.pay(&order_back)).await;
    office.gateway.books().money.last_mut().unwrap().refunded = true;
    let (first, steps) = reconcile().await;
    assert_eq!((first.told, first.recorded), (5, 1));
    let found: BTreeMap<_, _> =
        first.discrepancies.iter().map(|(order, kind)| (order.to_string(), kind.name())).collect();
    let expected = BTreeMap::from([
        (order_little.clone(), "WRONG_AMOUNT"),
        (order_gone.clone(), "NOT_AT_GATEWAY"),
        (order_back.clone(), "REFUND_DIFFERS"),
    ]);
    assert_eq!(found, expected);
    assert_eq!(first.unknown, ["XX-1"]);
    assert_eq!(steps, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    assert_eq!(office.obligation(lost).await.paid_vnd(), FEE, "what was lost on the way is recorded");
    assert_eq!(office.obligation(fine).await.payments.len(), 1);
    // The callback that was lost comes after all; and the day is looked at again.
    let money = office.gateway.books().money.iter().find(|money| money.order == order_lost).cloned().unwrap();
    assert_eq!(office.told(&money).await, "repeated");
    let before = office.log().await.len();
    let (second, _) = reconcile().await;
    assert_eq!((second.recorded, second.discrepancies.len(), second.agrees()), (0, 3, false));
    assert_eq!(office.log().await.len(), before, "nothing is written twice");
    let seen: BTreeMap<_, _> =
        office.discrepancies().await.into_iter().map(|(order, kinds)| (order, kinds.concat())).collect();
    assert_eq!(seen, expected.into_iter().map(|(order, kind)| (order, kind.to_owned())).collect());
    // A refund whose answer was lost is found in the list.
    office.gateway.misbehave([Odd::LosesAnswer]);
    office.refund("lost back", lost, &order_lost).await;
    assert!(!office.obligation(lost).await.is_refunded());
    let (third, _) = reconcile().await;
    assert_eq!(third.discrepancies.len(), 3);
    assert!(office.obligation(lost).await.is_refunded());
    // Nobody but who administers; and a gateway that does not answer has not been compared.
    let refused = office.service.reconcile(&caller(LEADER), &gateway, day, |_, _| {}).await;
    assert_eq!(problem(refused).code(), "NO_FUNCTION");
    office.gateway.misbehave([Odd::Forged]);
    assert!(office.service.reconcile(&caller(ADMIN), &gateway, day, |_, _| {}).await.is_err());
    follower.stop().await;
}

/// What an office and a gateway do in whatever order, with callbacks that come twice, late or never.
async fn what_is_recorded_is_what_was_taken_whatever_comes_in_whatever_order(backend: Backend) {
    let mut choices = Choices::seeded("payments");
    let office = Office::new(backend).await;
    let mut dossiers = Vec::new();
    for n in 0..4 {
        let dossier = office.owing(&format!("d{n}"), false).await;
        dossiers.push(dossier);
    }
    let mut sent: Vec<Money> = Vec::new();
    let mut orders: Vec<String> = Vec::new();
    for step in 0..60 {
        let dossier = *choices.pick(&dossiers);
        let name = format!("step {step}");
        match choices.below(8) {
            0 | 1 => {
                let started = office.start(INTAKE, &name, dossier).await;
                orders.extend(started["order"].as_str().map(str::to_owned));
            }
            2 | 3 if !orders.is_empty() => sent.push(office.gateway.pay(&choices.pick(&orders).clone())),
            4 if !sent.is_empty() => {
                // Two at the same time.
                let (one, other) = (choices.pick(&sent).clone(), choices.pick(&sent).clone());
                tokio::join!(office.told(&one), office.told(&other));
            }
            5 if !sent.is_empty() => {
                office.told(&choices.pick(&sent).clone()).await;
            }
            6 => {
                let cash = RecordPaymentInput {
                    on: on(key(&name), dossier),
                    obligation: 1,
                    order: format!("BL-{step}"),
                    amount: Vnd(1_000),
                    method: PaymentMethod::Cash,
                };
                let _ = office.service.record_payment(&caller(INTAKE), &cash).await;
            }
            7 if choices.below(6) == 0 => {
                let withdraw = WithdrawDossierInput { on: on(key(&name), dossier), reason: None };
                let _ = office.service.withdraw_dossier(&caller(INTAKE), &withdraw).await;
            }
            _ => office.clock.set(office.clock.now() + TimeDelta::minutes(4)),
        }
    }
    // In the end everything has arrived, in another order.
    while !sent.is_empty() {
        let at = usize::try_from(choices.below(sent.len() as u64)).unwrap();
        office.told(&sent.swap_remove(at)).await;
    }
    let mut recorded = 0;
    for dossier in &dossiers {
        let payments = office.obligation(*dossier).await.payments;
        let online =
            payments.iter().filter(|payment| orders.iter().any(|order| order == payment.order.as_str()));
        let distinct: BTreeSet<_> = payments.iter().map(|payment| payment.order.as_str()).collect();
        assert_eq!(distinct.len(), payments.len(), "one order is one payment");
        recorded += online.map(|payment| payment.amount_vnd).sum::<u64>();
    }
    let mut twice = 0;
    let (mut taken, mut transactions) = (0, BTreeSet::new());
    for row in office.log().await.iter().filter(|row| row.stream.starts_with("payment-")) {
        match row.decode_as().unwrap() {
            domain::payment::Event::Taken(event) => {
                taken += event.amount_vnd;
                assert!(transactions.insert(event.transaction), "a transaction is taken once");
            }
            domain::payment::Event::DiscrepancyFound(event)
                if event.discrepancy.kind == domain::payment::DiscrepancyKind::ChargedTwice =>
            {
                twice += event.discrepancy.amount.unwrap();
                let transaction = event.discrepancy.transaction.unwrap();
                assert!(transactions.insert(transaction), "or charged twice once");
            }
            _ => {}
        }
    }
    let really = office.gateway.books().money.iter().map(|money| money.amount).sum::<u64>();
    assert_eq!(recorded, taken, "the dossiers have what the orders have");
    assert_eq!(recorded + twice, really, "and all that was taken is either paid or seen as taken twice");
    assert_eq!(transactions.len(), office.gateway.books().money.len());
    // A day's list has nothing to add.
    let tinh = office.service.gateways.first().unwrap().clone();
    let follower = office.service.read_side.follow();
    let before = office.log().await.len();
    let day = domain::time::local_date(instant(NOW));
    assert_eq!(office.service.reconcile(&caller(ADMIN), &tinh, day, |_, _| {}).await.unwrap().recorded, 0);
    follower.stop().await;
    assert_eq!(office.log().await.len(), before);
}

async fn a_day_is_reconciled_from_the_command_line(backend: Backend) {
    let office = Office::at(backend, Clock::System).await;
    let folder = &office.place.folder;
    let (dossier, order) = office.ordered("a").await;
    let money = office.gateway.pay(&order);
    let day = domain::time::local_date(money.paid_at).to_string();
    let settings = folder.join("payments.toml").display().to_string();
    let reconcile = |more: &[&str]| {
        let arguments = [&["payments", "reconcile", "--settings", &settings, "--day", &day], more].concat();
        stored(&office.place, &arguments)
    };
    let json = json_of(&motcua(folder, &reconcile(&["--gateway", "tinh", "--json"])).await, 0);
    let expected = json!({"gateway": "tinh", "told": 1, "recorded": 1, "discrepancies": [], "unknown": []});
    assert_eq!(json, json!({"day": day, "gateways": [expected]}));
    assert_eq!(office.obligation(dossier).await.paid_vnd(), FEE);
    let list = stored(&office.place, &["payments", "list", "--json"]);
    let nothing = json!({"unsettled": 0, "refundsWaiting": 0, "orders": []});
    assert_eq!(json_of(&motcua(folder, &list).await, 0), nothing);
    // What differs ends with 1, and is listed.
    office.gateway.books().money.push(Money { transaction: "GD-2".to_owned(), ..money });
    let output = motcua(folder, &reconcile(&["--gateway", "tinh"])).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        format!("tinh: 2 taken, 0 recorded now, 1 differ, 0 of unknown orders\n  {order} CHARGED_TWICE\n")
    );
    let listed = json_of(&motcua(folder, &list).await, 0);
    assert_eq!((&listed["unsettled"], &listed["orders"][0]["order"]), (&json!(1), &json!(order)));
    assert_eq!(listed["orders"][0]["discrepancies"][0]["kind"], "CHARGED_TWICE");
    // A gateway that is not there, one that does not answer, and files that do not do.
    let output = motcua(folder, &reconcile(&["--gateway", "kia"])).await;
    assert_eq!(output.status.code(), Some(2));
    office.gateway.misbehave([Odd::Forged]);
    let output = motcua(folder, &reconcile(&["--gateway", "tinh"])).await;
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the answer is not believed") && !said.contains(KEY), "{said}");
    let key_file = folder.join("gateway-0.key");
    for (mode, text, reason) in
        [(0o644, KEY, "is open to others"), (0o600, "short", "a key has 32 characters or more")]
    {
        std::fs::write(&key_file, text).unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = motcua(folder, &reconcile(&[])).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(reason), "{said}");
        assert!(!said.contains(KEY));
    }
}

async fn a_server_asks_for_the_refunds_that_wait(backend: Backend) {
    let office = Office::at(backend, Clock::System).await;
    let (dossier, order) = office.ordered("a").await;
    office.told(&office.gateway.pay(&order)).await;
    office.gateway.misbehave([Odd::LosesAnswer]);
    office.refund("back", dossier, &order).await;
    assert!(!office.obligation(dossier).await.is_refunded());
    office.service.read_side.catch_up().await.unwrap();
    let settings = office.place.folder.join("payments.toml").display().to_string();
    let _server = Server::start_with(&office.place, &["--payments", &settings]).await;
    for _ in 0..600 {
        if office.obligation(dossier).await.is_refunded() {
            assert_eq!(office.gateway.books().refunds[&format!("{order}-1")], 2);
            assert_eq!(office.gateway.books().made.len(), 1);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the server does not ask");
}
