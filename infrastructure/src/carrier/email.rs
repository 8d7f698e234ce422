//! E-mail over SMTP.

use domain::notice::DeliveryFailure;
use domain::private::Secret;
use lettre::message::header::ContentType;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::response::{Response, Severity};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Address, CarrierError, Message, NotTaken, TIME_MAX, Taken};

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte, as on port 465.
    Implicit,
    /// After STARTTLS, without which nothing is sent.
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

#[derive(Clone, Debug)]
pub struct EmailSettings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub login: Option<(String, Secret)>,
    /// Such as `Một cửa <motcua@example.gov.vn>`.
    pub from: String,
}

#[derive(Clone)]
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Sent by a program: nobody's absence note answers it (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Email {
    pub fn new(settings: EmailSettings) -> Result<Self, CarrierError> {
        let EmailSettings { host, port, tls, login, from } = settings;
        let from = from.parse().map_err(|_| CarrierError::NoMailbox("the sender"))?;
        let builder = match tls {
            Tls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(&host)?,
            Tls::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&host)?,
            Tls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host),
        };
        let builder = builder.port(port).timeout(Some(TIME_MAX));
        let builder = match login {
            Some((user, password)) => {
                builder.credentials(Credentials::new(user, password.expose().to_owned()))
            }
            None => builder,
        };
        Ok(Self { transport: builder.build(), from })
    }

    pub(super) async fn carry(&self, message: &Message, to: &Address) -> Result<Taken, NotTaken> {
        let to: Mailbox = to.expose().parse().map_err(|_| NotTaken::not_set_up())?;
        let email = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&message.subject)
            // The same for every try.
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            .header(AutoSubmitted)
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(message.text.clone()))
            .map_err(|_| NotTaken::not_set_up())?;
        let sent = tokio::time::timeout(TIME_MAX, self.transport.send(email)).await;
        match sent {
            Err(_) => Err(NotTaken::passing(DeliveryFailure::TimedOut)),
            Ok(Ok(response)) => Ok(Taken { receipt: receipt(&response) }),
            Ok(Err(error)) => {
                let failure = match error.status() {
                    Some(code) => DeliveryFailure::Answered(code.into()),
                    None if error.is_timeout() => DeliveryFailure::TimedOut,
                    None => DeliveryFailure::Unreachable,
                };
                let is_final =
                    error.status().is_some_and(|code| code.severity == Severity::PermanentNegativeCompletion);
                Err(NotTaken { failure, is_final, not_before: None })
            }
        }
    }
}

/// Only the code: a server may repeat an address beside it.
fn receipt(response: &Response) -> Option<String> {
    Some(response.code().to_string())
}
