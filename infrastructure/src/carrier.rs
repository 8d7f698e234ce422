//! Whoever carries a message to somebody: one interface over e-mail, SMS gateways, webhooks and the log of the program.
//!
//! A try says that the message was taken, or why it was not and whether another one makes sense. Each message has an id
//! that is the same for every try, and each carrier hands it on, so that who receives a message twice can know. This
//! module must not know what the messages are about. Neither addresses nor texts get into its errors.

mod email;
mod http;
pub mod sms;

use std::time::Duration;

use domain::identity::DeliveryId;
use domain::notice::DeliveryFailure;

pub use self::email::{Email, EmailSettings, Tls};
pub use self::http::{Accepted, SmsGateway, SmsSettings, Webhook};

/// How long a try may take.
pub const TIME_MAX: Duration = Duration::from_secs(10);
/// A receipt or a code of a gateway is kept up to here.
const CODE_CHARS_MAX: usize = 100;

/// A message in the forms that carriers take.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: DeliveryId,
    pub subject: String,
    pub text: String,
    /// For SMS: in ASCII.
    pub short: String,
    /// For machines.
    pub facts: serde_json::Value,
}

/// Where somebody is reached. `Debug` does not say.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

/// One way of carrying.
#[derive(Clone)]
pub enum Carrier {
    /// The log of this program.
    Log,
    Email(Email),
    Sms(SmsGateway),
    Webhook(Webhook),
}

/// The message was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What the carrier calls it.
    pub receipt: Option<String>,
}

/// The message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message was not taken: {failure:?}")]
pub struct NotTaken {
    pub failure: DeliveryFailure,
    /// Another try would come to nothing as well.
    pub is_final: bool,
    /// How long the carrier wants to be left alone.
    pub not_before: Option<Duration>,
}

/// A carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    #[error("{0} is not an e-mail address")]
    NoMailbox(&'static str),
    #[error("the mail server cannot be used")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error("HTTP cannot be used")]
    Http(#[from] reqwest::Error),
    #[error("{0} is not a URL of HTTP")]
    NoUrl(&'static str),
    #[error("{0:?} is not a JSON pointer")]
    NoPointer(String),
}

impl Address {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Address(…)")
    }
}

impl Carrier {
    pub async fn carry(&self, message: &Message, to: &Address) -> Result<Taken, NotTaken> {
        match self {
            Self::Log => {
                tracing::info!(id = %message.id, "{}", message.subject);
                Ok(Taken::default())
            }
            Self::Email(email) => email.carry(message, to).await,
            Self::Sms(gateway) => gateway.carry(message, to).await,
            Self::Webhook(webhook) => webhook.carry(message, to).await,
        }
    }
}

impl NotTaken {
    fn passing(failure: DeliveryFailure) -> Self {
        Self { failure, is_final: false, not_before: None }
    }

    /// An address, or how somebody is reached, that nobody can use.
    pub fn not_set_up() -> Self {
        Self { failure: DeliveryFailure::NotSetUp, is_final: true, not_before: None }
    }
}

/// What others call something, without what does not belong into a log.
fn code(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic()).take(CODE_CHARS_MAX).collect()
}
