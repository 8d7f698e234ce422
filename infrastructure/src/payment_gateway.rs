//! Payment gateways over HTTP, one interface: an order, what became of it, what was taken on a day, money back.
//!
//! The wire format is our own, as no gateway's is known to us: JSON by POST to one address, with what is asked in `type`.
//! Both sides sign every message, and an answer carries the id of its question, so that none is taken for another's.
//! Whoever connects a real gateway changes this module, or puts a translator in front of it. docs/adr/0021
//!
//! Keys are in no error, log or address.

use std::time::Duration;

use chrono::NaiveDate;
use domain::codes::{GatewayCode, OrderCode, TransactionCode};
use domain::dossier::PaymentMethod;
use domain::private::Secret;
use domain::time::{Instant, truncate};
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::signature::{self, NotBelieved, Signed};

/// How long a gateway may take to answer.
const TIME_MAX: Duration = Duration::from_secs(10);
/// An answer beyond this is no answer of a gateway.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
const CODE_CHARS_MAX: usize = 60;
/// Of the only money there is here.
pub const CURRENCY: &str = "VND";

/// A gateway, as whoever runs this has set it up.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    pub code: GatewayCode,
    pub url: String,
    pub method: PaymentMethod,
    /// The first signs; each of them is believed.
    pub keys: Vec<Secret>,
    /// Where an applicant comes back to; the first unless asked otherwise. Another address begins with one of them.
    pub return_urls: Vec<String>,
    /// How far the two clocks may be apart, and how long a message is good for.
    pub tolerance: Duration,
    /// How long an order can be paid.
    pub order_time: Duration,
}

/// Clones share connections.
#[derive(Clone)]
pub struct Gateway {
    settings: GatewaySettings,
    url: Url,
    client: Client,
    clock: Clock,
}

/// What an applicant is sent to the gateway for.
#[derive(Clone, Debug)]
pub struct OrderRequest<'a> {
    pub order: &'a OrderCode,
    pub amount_vnd: u64,
    /// Says nothing about a person.
    pub description: &'a str,
    pub return_url: &'a str,
    pub expires_at: Instant,
}

/// Money that is to go back. Under the same number it goes back once, however often it is asked for.
#[derive(Clone, Debug)]
pub struct RefundRequest<'a> {
    pub refund: &'a str,
    pub order: &'a OrderCode,
    pub transaction: &'a TransactionCode,
    pub amount_vnd: u64,
}

/// That money was taken, as the gateway tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    pub order: String,
    pub transaction: String,
    /// In whole units of the currency.
    pub amount: u64,
    pub currency: String,
    pub paid_at: Instant,
    /// It went back since.
    #[serde(default)]
    pub refunded: bool,
}

/// What a gateway calls back about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    Paid(Told),
    /// Anything else: that somebody gave up, or that a card was not taken. No money.
    Other,
}

/// A page of what was taken on a day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TakenPage {
    pub payments: Vec<Told>,
    /// How many there are on the day.
    pub total: u64,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

/// A gateway did not do what it was asked, as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    #[error("the gateway cannot be reached")]
    Unreachable,
    #[error("the gateway does not answer")]
    TimedOut,
    #[error("the gateway answered {0}")]
    Answered(u16),
    /// Signed, so it is a no and not somebody in between.
    #[error("the gateway declined: {0}")]
    Declined(String),
    #[error("the answer is not believed")]
    NotBelieved(#[source] NotBelieved),
    #[error("the answer is not understood")]
    NotUnderstood,
}

/// A gateway cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewaySetupError {
    #[error("HTTP cannot be used")]
    Http(#[from] reqwest::Error),
    #[error("the address of gateway {0} is not https")]
    NotHttps(GatewayCode),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderAnswer {
    order: String,
    amount: u64,
    currency: String,
    redirect_url: String,
}

#[derive(Deserialize)]
struct RefundAnswer {
    refund: String,
    state: String,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize)]
struct QueryAnswer {
    order: String,
    #[serde(default)]
    payment: Option<Told>,
}

#[derive(Deserialize)]
struct CallbackBody {
    #[serde(rename = "type")]
    kind: String,
}

impl Gateway {
    pub fn new(settings: GatewaySettings, clock: Clock) -> Result<Self, GatewaySetupError> {
        let url = Url::parse(&settings.url).ok().filter(is_safe);
        let url = url.ok_or_else(|| GatewaySetupError::NotHttps(settings.code.clone()))?;
        // Followed, a redirect would carry an order to where nobody has set it up.
        let client =
            Client::builder().timeout(TIME_MAX).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { settings, url, client, clock })
    }

    pub fn code(&self) -> &GatewayCode {
        &self.settings.code
    }

    pub fn method(&self) -> PaymentMethod {
        self.settings.method
    }

    pub fn order_time(&self) -> Duration {
        self.settings.order_time
    }

    /// Where an applicant comes back to, if it is one of the places that are set up.
    pub fn return_url(&self, asked: Option<&str>) -> Option<String> {
        let Some(asked) = asked else { return self.settings.return_urls.first().cloned() };
        let asked = Url::parse(asked).ok()?;
        let is_below = |allowed: &String| {
            Url::parse(allowed).is_ok_and(|allowed| {
                allowed.origin() == asked.origin() && asked.path().starts_with(allowed.path())
            })
        };
        let is_plain = asked.username().is_empty() && asked.password().is_none();
        (is_plain && self.settings.return_urls.iter().any(is_below)).then(|| asked.into())
    }

    /// Opens an order, or finds it as it was opened before: where to send the applicant.
    pub async fn open_order(&self, request: OrderRequest<'_>) -> Result<String, GatewayError> {
        let OrderRequest { order, amount_vnd, description, return_url, expires_at } = request;
        let answer: OrderAnswer = self
            .ask(json!({
                "type": "order.open",
                "order": order,
                "amount": amount_vnd,
                "currency": CURRENCY,
                "description": description,
                "returnUrl": return_url,
                "expiresAt": expires_at,
            }))
            .await?;
        let is_same = answer.order == order.as_str()
            && answer.amount == amount_vnd
            && answer.currency == CURRENCY
            && Url::parse(&answer.redirect_url).is_ok_and(|url| is_safe(&url));
        if is_same { Ok(answer.redirect_url) } else { Err(GatewayError::NotUnderstood) }
    }

    /// What was taken under an order, if anything was.
    pub async fn payment_of(&self, order: &OrderCode) -> Result<Option<Told>, GatewayError> {
        let answer: QueryAnswer = self.ask(json!({"type": "order.query", "order": order})).await?;
        let is_about_it = answer.order == order.as_str()
            && answer.payment.as_ref().is_none_or(|told| told.order == order.as_str());
        if is_about_it { Ok(answer.payment) } else { Err(GatewayError::NotUnderstood) }
    }

    /// Money back. Done when it says yes; a [`GatewayError::Declined`] is final, anything else is asked again.
    pub async fn refund(&self, request: RefundRequest<'_>) -> Result<(), GatewayError> {
        let RefundRequest { refund, order, transaction, amount_vnd } = request;
        let answer: RefundAnswer = self
            .ask(json!({
                "type": "refund.make",
                "refund": refund,
                "order": order,
                "transaction": transaction,
                "amount": amount_vnd,
                "currency": CURRENCY,
            }))
            .await?;
        match answer.state.as_str() {
            "refunded" if answer.refund == refund => Ok(()),
            "declined" if answer.refund == refund => {
                Err(GatewayError::Declined(code(answer.code.as_deref().unwrap_or_default())))
            }
            _ => Err(GatewayError::NotUnderstood),
        }
    }

    /// What was taken on a day, as the gateway reckons days in Việt Nam.
    pub async fn taken_on(&self, day: NaiveDate, after: Option<&str>) -> Result<TakenPage, GatewayError> {
        self.ask(json!({"type": "payments.list", "day": day, "after": after})).await
    }

    /// What the gateway calls back with, once it is found to be the gateway that does.
    pub fn verify(&self, signed: Signed<'_>, body: &[u8]) -> Result<(), NotBelieved> {
        let GatewaySettings { keys, tolerance, .. } = &self.settings;
        signature::verify(keys, signed, body, self.clock.now(), *tolerance)
    }

    async fn ask<A: DeserializeOwned>(&self, question: Value) -> Result<A, GatewayError> {
        let body = question.to_string();
        let id = Entropy::System.uuid().map_err(|_| GatewayError::Unreachable)?.to_string();
        let at = self.clock.now().timestamp().to_string();
        let signed =
            self.settings.keys.first().and_then(|key| signature::sign(key, &id, &at, body.as_bytes()));
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(signature::ID, &id)
            .header(signature::TIMESTAMP, &at)
            .header(signature::SIGNATURE, signed.unwrap_or_default())
            .body(body);
        let response = request.send().await.map_err(|error| not_answered(&error))?;
        if !response.status().is_success() {
            return Err(GatewayError::Answered(response.status().as_u16()));
        }
        let headers = response.headers().clone();
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = Signed {
            id: header(signature::ID),
            timestamp: header(signature::TIMESTAMP),
            signature: header(signature::SIGNATURE),
        };
        let body = whole(response).await?;
        self.verify(signed, &body).map_err(GatewayError::NotBelieved)?;
        if signed.id != id {
            return Err(GatewayError::NotBelieved(NotBelieved::AnotherHand));
        }
        serde_json::from_slice(&body).map_err(|_| GatewayError::NotUnderstood)
    }
}

impl Callback {
    /// A body that was found to be the gateway's.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        match serde_json::from_slice::<CallbackBody>(body)?.kind.as_str() {
            "payment.succeeded" => serde_json::from_slice(body).map(Self::Paid),
            _ => Ok(Self::Other),
        }
    }
}

impl Told {
    /// As the log keeps it; a number that cannot be one is the gateway's mistake.
    pub fn transaction(&self) -> Option<TransactionCode> {
        TransactionCode::parse(&self.transaction).ok()
    }

    pub fn order(&self) -> Option<OrderCode> {
        OrderCode::parse(&self.order).ok()
    }

    pub fn paid_at(&self) -> Instant {
        truncate(self.paid_at)
    }

    /// What the gateway calls the money, as far as it is a code.
    pub fn currency(&self) -> String {
        code(&self.currency)
    }
}

/// Over the open network only what nobody can read on the way.
pub fn is_safe(url: &Url) -> bool {
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn not_answered(error: &reqwest::Error) -> GatewayError {
    if error.is_timeout() { GatewayError::TimedOut } else { GatewayError::Unreachable }
}

async fn whole(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_answered(&error))? {
        if ANSWER_BYTES_MAX < body.len() + chunk.len() {
            return Err(GatewayError::NotUnderstood);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What others call something, without what does not belong into a log.
fn code(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic()).take(CODE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> GatewaySettings {
        GatewaySettings {
            code: GatewayCode::parse("tinh").unwrap(),
            url: url.to_owned(),
            method: PaymentMethod::LocalGateway,
            keys: vec![Secret::new("geheim")],
            return_urls: vec![
                "https://dvc.example.vn/thanh-toan".to_owned(),
                "https://app.example.vn/".to_owned(),
            ],
            tolerance: Duration::from_secs(300),
            order_time: Duration::from_secs(900),
        }
    }

    #[test]
    fn an_open_network_is_used_with_https_only() {
        for (url, is_good) in [
            ("https://pay.example.vn/api", true),
            ("http://127.0.0.1:9/", true),
            ("http://pay.example.vn/api", false),
            ("http://127.0.0.1.example.vn/", false),
            ("ftp://pay.example.vn/", false),
            ("pay", false),
        ] {
            assert_eq!(Gateway::new(settings(url), Clock::System).is_ok(), is_good, "{url}");
        }
    }

    #[test]
    fn an_applicant_comes_back_to_where_it_is_set_up() {
        let gateway = Gateway::new(settings("https://pay.example.vn"), Clock::System).unwrap();
        assert_eq!(gateway.return_url(None).as_deref(), Some("https://dvc.example.vn/thanh-toan"));
        for good in ["https://dvc.example.vn/thanh-toan/xong?a=1", "https://app.example.vn/x"] {
            assert_eq!(gateway.return_url(Some(good)).as_deref(), Some(good));
        }
        for bad in [
            "https://dvc.example.vn.evil.example/thanh-toan",
            "https://dvc.example.vn@evil.example/thanh-toan",
            "https://x@dvc.example.vn/thanh-toan",
            "https://dvc.example.vn/other",
            "http://dvc.example.vn/thanh-toan",
            "//dvc.example.vn/thanh-toan",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(gateway.return_url(Some(bad)), None, "{bad}");
        }
    }

    #[test]
    fn only_money_that_was_taken_is_a_payment() {
        let paid = br#"{"type": "payment.succeeded", "order": "MC1", "transaction": "T", "amount": 5,
            "currency": "VND", "paidAt": "2026-03-02T09:00:00+07:00"}"#;
        let Ok(Callback::Paid(told)) = Callback::parse(paid) else { panic!("it is paid") };
        assert_eq!((told.amount, told.refunded), (5, false));
        assert_eq!(Callback::parse(br#"{"type": "payment.failed"}"#).unwrap(), Callback::Other);
        for bad in [
            r#"{"type": "payment.succeeded", "order": "MC1"}"#,
            r#"{"type": "payment.succeeded", "order": "MC1", "transaction": "T", "amount": -5, "currency": "VND", "paidAt": "2026-03-02T09:00:00+07:00"}"#,
            r#"{"type": "payment.succeeded", "order": "MC1", "transaction": "T", "amount": 5.5, "currency": "VND", "paidAt": "2026-03-02T09:00:00+07:00"}"#,
            "[]",
            "",
        ] {
            assert!(Callback::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
