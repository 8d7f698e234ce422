//! A payment gateway that keeps its own books, and does not always behave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::private::Secret;
use domain::time::{Instant, VIETNAM};
use infrastructure::clock::Clock;
use infrastructure::signature::{ID, SIGNATURE, TIMESTAMP, sign};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const KEY: &str = "a-key-of-the-gateway-and-of-motcua-0001";
/// Of the list: more than one page even for few.
const PAGE: usize = 2;

/// How a gateway does not behave, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It fails before it has done anything.
    Fails(u16),
    /// It does what it is asked, and the answer is lost.
    LosesAnswer,
    /// It never answers.
    Hangs,
    Unsigned,
    /// Signed with another key.
    Forged,
    /// Signed, a day ago.
    Old,
    /// The answer to another question.
    OfAnother,
    /// Another amount than was asked for.
    AnotherAmount,
    /// It sends people to where nobody is protected.
    PlainRedirect,
    /// No JSON.
    Nonsense,
    /// It gives no money back, and says so.
    Declines,
    /// Somebody in between says so.
    DeclinesUnsigned,
}

/// Money that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Money {
    pub(crate) order: String,
    pub(crate) transaction: String,
    pub(crate) amount: u64,
    pub(crate) currency: String,
    pub(crate) paid_at: Instant,
    pub(crate) refunded: bool,
}

#[derive(Default)]
pub(crate) struct Books {
    /// What was opened, by order.
    pub(crate) orders: BTreeMap<String, Value>,
    pub(crate) money: Vec<Money>,
    /// How often each refund was asked for.
    pub(crate) refunds: BTreeMap<String, u32>,
    /// Refunds that were made, by number.
    pub(crate) made: BTreeMap<String, u64>,
    pub(crate) asked: Vec<Value>,
    odd: VecDeque<Odd>,
}

#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) url: String,
    books: Arc<Mutex<Books>>,
    clock: Clock,
    _task: Arc<Task>,
}

struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Shared = (Arc<Mutex<Books>>, Clock);

impl Gateway {
    pub(crate) async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let books = Arc::<Mutex<Books>>::default();
        let router = Router::new().fallback(answer).with_state((Arc::clone(&books), clock.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, books, clock, _task: Arc::new(Task(task)) }
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// How it does not behave at the next questions.
    pub(crate) fn misbehave(&self, odd: impl IntoIterator<Item = Odd>) {
        self.books().odd.extend(odd);
    }

    /// An applicant pays; what the gateway would call back with.
    pub(crate) fn pay(&self, order: &str) -> Money {
        let mut books = self.books();
        let amount = books.orders.get(order).map_or(0, |order| order["amount"].as_u64().unwrap());
        let money = Money {
            order: order.to_owned(),
            transaction: format!("GD-{}", books.money.len() + 1),
            amount,
            currency: "VND".to_owned(),
            paid_at: self.clock.now(),
            refunded: false,
        };
        books.money.push(money.clone());
        money
    }

    /// A callback, as it is sent now.
    pub(crate) fn callback(&self, money: &Money) -> (HeaderMap, String) {
        let mut body = told(money);
        body["type"] = json!("payment.succeeded");
        self.signed(KEY, &body.to_string(), self.clock.now())
    }

    pub(crate) fn signed(&self, key: &str, body: &str, at: Instant) -> (HeaderMap, String) {
        (headers(key, "msg_1", body, at), body.to_owned())
    }
}

pub(crate) fn headers(key: &str, id: &str, body: &str, at: Instant) -> HeaderMap {
    let timestamp = at.timestamp().to_string();
    let signature = sign(&Secret::new(key), id, &timestamp, body.as_bytes()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(ID, id.parse().unwrap());
    headers.insert(TIMESTAMP, timestamp.parse().unwrap());
    headers.insert(SIGNATURE, signature.parse().unwrap());
    headers
}

fn told(money: &Money) -> Value {
    json!({
        "order": money.order,
        "transaction": money.transaction,
        "amount": money.amount,
        "currency": money.currency,
        "paidAt": money.paid_at,
        "refunded": money.refunded,
    })
}

async fn answer(State((books, clock)): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();
    // It believes nobody either.
    let expected = sign(&Secret::new(KEY), &header(ID), &header(TIMESTAMP), &body).unwrap();
    if header(SIGNATURE) != expected {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let question: Value = serde_json::from_slice(&body).unwrap();
    let odd = {
        let mut books = books.lock().unwrap();
        books.asked.push(question.clone());
        books.odd.pop_front()
    };
    match odd {
        Some(Odd::Fails(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
        Some(Odd::Hangs) => std::future::pending::<()>().await,
        _ => {}
    }
    let mut said = if matches!(odd, Some(Odd::Declines | Odd::DeclinesUnsigned)) {
        json!({"refund": question["refund"], "state": "declined", "code": "CLOSED"})
    } else {
        done(&mut books.lock().unwrap(), &question)
    };
    match odd {
        Some(Odd::AnotherAmount) => said["amount"] = json!(1),
        Some(Odd::PlainRedirect) => said["redirectUrl"] = json!("http://pay.example/x"),
        _ => {}
    }
    let text = if odd == Some(Odd::Nonsense) { "<html>".to_owned() } else { said.to_string() };
    let now = clock.now();
    let (key, id, at) = match odd {
        Some(Odd::Forged) => ("somebody-else-altogether-0000000000", header(ID), now),
        Some(Odd::Old) => (KEY, header(ID), now - chrono::TimeDelta::days(1)),
        Some(Odd::OfAnother) => (KEY, "another".to_owned(), now),
        _ => (KEY, header(ID), now),
    };
    match odd {
        Some(Odd::LosesAnswer) => StatusCode::BAD_GATEWAY.into_response(),
        Some(Odd::Unsigned | Odd::DeclinesUnsigned) => text.into_response(),
        _ => (headers(key, &id, &text, at), Body::from(text)).into_response(),
    }
}

fn done(books: &mut Books, question: &Value) -> Value {
    let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
    match text("type").as_str() {
        "order.open" => {
            let order = text("order");
            let opened = books.orders.entry(order.clone()).or_insert_with(|| question.clone());
            json!({
                "order": order,
                "amount": opened["amount"],
                "currency": opened["currency"],
                "redirectUrl": format!("https://pay.example.vn/{order}"),
            })
        }
        "order.query" => {
            let money = books.money.iter().find(|money| money.order == text("order"));
            json!({"order": text("order"), "payment": money.map(told)})
        }
        "refund.make" => {
            let refund = text("refund");
            *books.refunds.entry(refund.clone()).or_default() += 1;
            if !books.made.contains_key(&refund) {
                books.made.insert(refund.clone(), question["amount"].as_u64().unwrap());
                for money in books.money.iter_mut().filter(|money| money.transaction == text("transaction")) {
                    money.refunded = true;
                }
            }
            json!({"refund": refund, "state": "refunded"})
        }
        "payments.list" => {
            let day: chrono::NaiveDate = text("day").parse().unwrap();
            let of_day = |money: &&Money| money.paid_at.with_timezone(&VIETNAM).date_naive() == day;
            let all: Vec<_> = books.money.iter().filter(of_day).collect();
            let from: usize = text("after").parse().unwrap_or(0);
            let page: Vec<_> = all.iter().skip(from).take(PAGE).map(|money| told(money)).collect();
            let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
            json!({"payments": page, "total": all.len(), "next": next})
        }
        other => panic!("asked for {other}"),
    }
}
