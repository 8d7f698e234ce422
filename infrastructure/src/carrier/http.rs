//! Gateways of SMS and webhooks: JSON by POST.

use domain::notice::DeliveryFailure;
use domain::private::Secret;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;
use std::time::Duration;

use super::{Address, CarrierError, Message, NotTaken, TIME_MAX, Taken, code, sms};
use crate::clock::Clock;
use crate::signature;

/// An answer beyond this is no answer of a gateway.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Nobody is left alone for longer because he says so.
const NOT_BEFORE_MAX: Duration = Duration::from_secs(86_400);

/// How a gateway's answer says that a message was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// JSON pointer to its code, such as `/CodeResult`.
    pub pointer: String,
    /// The code that is a yes.
    pub equals: String,
}

/// A gateway, as its documentation describes it.
#[derive(Clone, Debug)]
pub struct SmsSettings {
    pub url: String,
    /// What is posted. In its texts `{to}`, `{text}`, `{id}`, `{parts}` and `{secret}` stand for what they say.
    pub body: Value,
    pub secret: Option<Secret>,
    /// Sent as `Authorization`.
    pub authorization: Option<Secret>,
    /// Any answer of 200 to 299 is a yes without it.
    pub accepted: Option<Accepted>,
    /// JSON pointer to what the gateway calls the message.
    pub receipt: Option<String>,
}

#[derive(Clone)]
pub struct SmsGateway {
    client: Client,
    url: Url,
    settings: SmsSettings,
}

/// Signed as <https://www.standardwebhooks.com> says.
#[derive(Clone)]
pub struct Webhook {
    client: Client,
    secret: Option<Secret>,
    clock: Clock,
}

fn client() -> Result<Client, CarrierError> {
    // Followed, a redirect would carry the message to where nobody has set it up.
    Ok(Client::builder().timeout(TIME_MAX).redirect(reqwest::redirect::Policy::none()).build()?)
}

fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

impl SmsGateway {
    pub fn new(settings: SmsSettings) -> Result<Self, CarrierError> {
        let url = url(&settings.url).ok_or(CarrierError::NoUrl("the gateway of SMS"))?;
        let pointers =
            [settings.accepted.as_ref().map(|accepted| &accepted.pointer), settings.receipt.as_ref()];
        if let Some(pointer) = pointers.into_iter().flatten().find(|pointer| !pointer.starts_with('/')) {
            return Err(CarrierError::NoPointer(pointer.clone()));
        }
        Ok(Self { client: client()?, url, settings })
    }

    pub(super) async fn carry(&self, message: &Message, to: &Address) -> Result<Taken, NotTaken> {
        let SmsSettings { body, secret, authorization, accepted, receipt, .. } = &self.settings;
        let places = [
            ("{to}", to.expose().to_owned()),
            ("{text}", message.short.clone()),
            ("{id}", message.id.to_string()),
            ("{parts}", sms::parts(&message.short).to_string()),
            ("{secret}", secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default()),
        ];
        let mut request = self.client.post(self.url.clone()).json(&filled(body, &places));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization.expose());
        }
        let response = sent(request).await?;
        if accepted.is_none() && receipt.is_none() {
            return Ok(Taken::default());
        }
        let answer = json(response).await?;
        let at = |pointer: &String| {
            answer.pointer(pointer).map(|value| match value {
                Value::String(text) => code(text),
                other => code(&other.to_string()),
            })
        };
        if let Some(Accepted { pointer, equals }) = accepted {
            let found = at(pointer).unwrap_or_default();
            if found != *equals {
                return Err(NotTaken::passing(DeliveryFailure::Declined(found)));
            }
        }
        Ok(Taken { receipt: receipt.as_ref().and_then(at) })
    }
}

impl Webhook {
    pub fn new(secret: Option<Secret>, clock: Clock) -> Result<Self, CarrierError> {
        Ok(Self { client: client()?, secret, clock })
    }

    pub(super) async fn carry(&self, message: &Message, to: &Address) -> Result<Taken, NotTaken> {
        let url = url(to.expose()).ok_or_else(NotTaken::not_set_up)?;
        let body = message.facts.to_string();
        let (id, at) = (message.id.to_string(), self.clock.now().timestamp().to_string());
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(signature::ID, &id)
            .header(signature::TIMESTAMP, &at);
        if let Some(secret) = &self.secret {
            let signed =
                signature::sign(secret, &id, &at, body.as_bytes()).ok_or_else(NotTaken::not_set_up)?;
            request = request.header(signature::SIGNATURE, signed);
        }
        sent(request.body(body)).await.map(|_| Taken::default())
    }
}

/// The values of a JSON text with texts put into their places. Others' texts are not looked into again.
fn filled(value: &Value, places: &[(&str, String)]) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, places)),
        Value::Array(values) => values.iter().map(|value| filled(value, places)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, places))).collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
    }
}

fn fill(text: &str, places: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        match places.iter().find(|(place, _)| from.starts_with(place)) {
            Some((place, value)) => {
                filled.push_str(value);
                rest = &from[place.len()..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled + rest
}

async fn sent(request: RequestBuilder) -> Result<Response, NotTaken> {
    let response = request.send().await.map_err(|error| {
        NotTaken::passing(if error.is_timeout() {
            DeliveryFailure::TimedOut
        } else {
            DeliveryFailure::Unreachable
        })
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(NotTaken {
        failure: DeliveryFailure::Answered(status.as_u16()),
        // The request is wrong, and not its time.
        is_final: status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429),
        not_before: retry_after.map(|seconds| Duration::from_secs(seconds).min(NOT_BEFORE_MAX)),
    })
}

/// A body that is no JSON, or does not come whole: nobody knows whether the message was taken.
async fn json(response: Response) -> Result<Value, NotTaken> {
    let status = response.status().as_u16();
    let not_understood = || NotTaken::passing(DeliveryFailure::Answered(status));
    if response.content_length().is_some_and(|length| ANSWER_BYTES_MAX < length) {
        return Err(not_understood());
    }
    let body = response.bytes().await.map_err(|_| not_understood())?;
    serde_json::from_slice(&body).map_err(|_| not_understood())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_filled_in_and_what_is_filled_in_is_left_alone() {
        let body = json!({"Phone": "{to}", "Content": "{text}", "n": [1, true, null, "{id}-{other}{"], "Key": "k {secret}"});
        let places = [
            ("{to}", "0912".to_owned()),
            ("{text}", "a {secret} \"b\"".to_owned()),
            ("{id}", "7".to_owned()),
            ("{secret}", "s".to_owned()),
        ];
        let expected = json!({"Phone": "0912", "Content": "a {secret} \"b\"", "n": [1, true, null, "7-{other}{"], "Key": "k s"});
        assert_eq!(filled(&body, &places), expected);
    }

    #[test]
    fn what_is_no_url_of_http_is_refused() {
        for odd in ["", "gateway", "file:///etc/passwd", "ftp://a/b"] {
            let settings = SmsSettings {
                url: odd.to_owned(),
                body: json!({}),
                secret: None,
                authorization: None,
                accepted: None,
                receipt: None,
            };
            assert!(matches!(SmsGateway::new(settings), Err(CarrierError::NoUrl(_))), "{odd}");
        }
    }
}
