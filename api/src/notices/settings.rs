//! Who is reminded, when and how: a file of whoever runs this. Addresses of people and passwords are in no log and no
//! database of this program; passwords are in files of their own.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveTime};
use domain::codes::{AgencyCode, InvalidCode};
use domain::identity::PrincipalId;
use domain::notice::{Addressee, Way};
use domain::private::Secret;
use domain::time::day_start;
use infrastructure::carrier::{
    Accepted, Address, Carrier, CarrierError, Email, EmailSettings, SmsGateway, SmsSettings, Tls, Webhook,
};
use infrastructure::clock::Clock;
use infrastructure::event_store::micros;
use serde::Deserialize;
use uuid::Uuid;

/// A file to begin with, which says what each line means.
pub const EXAMPLE: &str = include_str!("example.toml");

/// More would be a mistake in the file.
const DAYS_MAX: u32 = 30;
const PARTS_MAX: usize = 10;
/// Of a secret's file.
const SECRET_BYTES_MAX: u64 = 4_096;

/// As read and checked.
#[derive(Debug)]
pub struct Settings {
    since: i64,
    pub(super) due_soon_working_days: u32,
    pub(super) escalate_after_working_days: u32,
    link: Option<String>,
    quiet: Option<Quiet>,
    parts_max: usize,
    email: Option<EmailSettings>,
    sms: Option<SmsSettings>,
    webhook_secret: Option<Secret>,
    people: HashMap<Uuid, Person>,
}

/// When nobody is disturbed.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    from: NaiveTime,
    to: NaiveTime,
    days_off: bool,
}

/// Somebody who is reminded.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) agency: String,
    pub(super) head: bool,
    pub(super) quiet: bool,
    email: Option<Address>,
    sms: Option<Address>,
    webhook: Option<Address>,
}

/// What is wrong with a file of settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{} cannot be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is open to others: make it mode 600", .0.display())]
    Exposed(PathBuf),
    #[error("{} is not a file of settings: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    since: NaiveDate,
    #[serde(default = "two")]
    due_soon_working_days: u32,
    #[serde(default = "one")]
    escalate_after_working_days: u32,
    link: Option<String>,
    quiet: Option<QuietFile>,
    email: Option<EmailFile>,
    sms: Option<SmsFile>,
    webhook: Option<WebhookFile>,
    #[serde(default)]
    person: Vec<PersonFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuietFile {
    from: String,
    to: String,
    #[serde(default = "yes")]
    days_off: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TlsFile {
    Implicit,
    Starttls,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailFile {
    host: String,
    port: u16,
    tls: TlsFile,
    user: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmsFile {
    url: String,
    body: serde_json::Value,
    secret_file: Option<PathBuf>,
    authorization_file: Option<PathBuf>,
    accepted: Option<AcceptedFile>,
    receipt: Option<String>,
    #[serde(default = "two_parts")]
    parts_max: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedFile {
    pointer: String,
    equals: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    secret_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    id: Uuid,
    agency: String,
    #[serde(default)]
    head: bool,
    #[serde(default = "yes")]
    quiet: bool,
    email: Option<String>,
    sms: Option<String>,
    webhook: Option<String>,
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

fn two_parts() -> usize {
    2
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Reads a file. Paths in it begin where it lies.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let failed = |source| SettingsError::File { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let malformed = |reason: String| SettingsError::Malformed { path: path.to_owned(), reason };
        let file: File = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let secret = |file: Option<&PathBuf>| file.map(|file| read_secret(&folder.join(file))).transpose();
        let days = [file.due_soon_working_days, file.escalate_after_working_days];
        if days.iter().any(|days| !(1..=DAYS_MAX).contains(days)) {
            return Err(malformed(format!("days are between 1 and {DAYS_MAX}")));
        }
        if file.sms.as_ref().is_some_and(|sms| !(1..=PARTS_MAX).contains(&sms.parts_max)) {
            return Err(malformed(format!("parts_max is between 1 and {PARTS_MAX}")));
        }
        let time = |text: &str| {
            NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| malformed(format!("{text:?} is no time such as 18:00")))
        };
        let quiet = file.quiet.as_ref().map(|quiet| {
            Ok(Quiet { from: time(&quiet.from)?, to: time(&quiet.to)?, days_off: quiet.days_off })
        });
        let has = |way: Way| match way {
            Way::Log | Way::Webhook => true,
            Way::Email => file.email.is_some(),
            Way::Sms => file.sms.is_some(),
        };
        let mut people = HashMap::new();
        for person in &file.person {
            let person = person.checked(&has).map_err(malformed)?;
            let id = person.id;
            if people.insert(id, person).is_some() {
                return Err(malformed(format!("the person {id} is there twice")));
            }
        }
        let email = match &file.email {
            Some(email) => Some(email.settings(secret(email.password_file.as_ref())?).map_err(malformed)?),
            None => None,
        };
        let sms = match &file.sms {
            Some(sms) => Some(SmsSettings {
                url: sms.url.clone(),
                body: sms.body.clone(),
                secret: secret(sms.secret_file.as_ref())?,
                authorization: secret(sms.authorization_file.as_ref())?,
                accepted: sms.accepted.as_ref().map(|accepted| Accepted {
                    pointer: accepted.pointer.clone(),
                    equals: accepted.equals.clone(),
                }),
                receipt: sms.receipt.clone(),
            }),
            None => None,
        };
        Ok(Self {
            since: micros(day_start(file.since)),
            due_soon_working_days: file.due_soon_working_days,
            escalate_after_working_days: file.escalate_after_working_days,
            link: file.link.clone(),
            quiet: quiet.transpose()?,
            parts_max: file.sms.as_ref().map_or(two_parts(), |sms| sms.parts_max),
            email,
            sms,
            webhook_secret: secret(file.webhook.as_ref().and_then(|webhook| webhook.secret_file.as_ref()))?,
            people,
        })
    }

    /// What was due before this instant, in microseconds, nobody is told of.
    pub(super) fn since(&self) -> i64 {
        self.since
    }

    /// Codes of the agencies whose people are set up.
    pub(super) fn agencies(&self) -> BTreeSet<&str> {
        self.people.values().map(|person| person.agency.as_str()).collect()
    }

    pub(super) fn person(&self, id: Uuid) -> Option<&Person> {
        self.people.get(&id)
    }

    /// The people of some kind, each by all ways that are set up for them.
    pub(super) fn ways(&self, is_meant: impl Fn(&Person) -> bool) -> BTreeSet<Addressee> {
        let people = self.people.values().filter(|person| is_meant(person));
        let ways = people.flat_map(|person| {
            let set_up = Way::ALL.into_iter().filter(|way| person.address(*way).is_some());
            set_up.map(|by| Addressee { to: Some(PrincipalId(person.id)), by })
        });
        ways.collect()
    }

    /// Nobody is disturbed at this local time.
    pub(super) fn is_quiet(&self, time: NaiveTime, is_day_off: bool) -> bool {
        self.quiet.is_some_and(|Quiet { from, to, days_off }| {
            let is_night = if from <= to { from <= time && time < to } else { from <= time || time < to };
            is_night || (days_off && is_day_off)
        })
    }

    pub(super) fn link(&self, code: &str) -> Option<String> {
        self.link.as_ref().map(|link| link.replace("{code}", code))
    }

    pub(super) fn parts_max(&self) -> usize {
        self.parts_max
    }

    pub(super) fn carriers(&self, clock: &Clock) -> Result<HashMap<Way, Carrier>, CarrierError> {
        let webhook = Webhook::new(self.webhook_secret.clone(), clock.clone())?;
        let mut carriers =
            HashMap::from([(Way::Log, Carrier::Log), (Way::Webhook, Carrier::Webhook(webhook))]);
        if let Some(email) = &self.email {
            carriers.insert(Way::Email, Carrier::Email(Email::new(email.clone())?));
        }
        if let Some(sms) = &self.sms {
            carriers.insert(Way::Sms, Carrier::Sms(SmsGateway::new(sms.clone())?));
        }
        Ok(carriers)
    }
}

impl Person {
    pub(super) fn address(&self, way: Way) -> Option<Address> {
        match way {
            Way::Log => None,
            Way::Email => self.email.clone(),
            Way::Sms => self.sms.clone(),
            Way::Webhook => self.webhook.clone(),
        }
    }
}

impl PersonFile {
    fn checked(&self, has: &impl Fn(Way) -> bool) -> Result<Person, String> {
        let Self { id, agency, head, quiet, email, sms, webhook } = self;
        AgencyCode::parse(agency).map_err(|error: InvalidCode| format!("the agency of {id}: {error}"))?;
        let given = [(Way::Email, email), (Way::Sms, sms), (Way::Webhook, webhook)];
        let mut ways = given.iter().filter(|(_, address)| address.is_some()).map(|(way, _)| *way).peekable();
        if ways.peek().is_none() {
            return Err(format!("the person {id} has no way to be told"));
        }
        if let Some(way) = ways.find(|way| !has(*way)) {
            return Err(format!("the person {id} is told by {}, which is not set up", way.name()));
        }
        let address = |text: &Option<String>| text.as_ref().map(|text| Address::new(text.trim()));
        Ok(Person {
            id: *id,
            agency: agency.clone(),
            head: *head,
            quiet: *quiet,
            email: address(email),
            sms: address(sms),
            webhook: address(webhook),
        })
    }
}

impl EmailFile {
    fn settings(&self, password: Option<Secret>) -> Result<EmailSettings, String> {
        let login = match (&self.user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(
                    "a user of the mail server has a password_file, and the other way round".to_owned()
                );
            }
        };
        let tls = match self.tls {
            TlsFile::Implicit => Tls::Implicit,
            TlsFile::Starttls => Tls::StartTls,
            TlsFile::None => Tls::None,
        };
        if login.is_some() && tls == Tls::None {
            return Err("a password is not sent without TLS".to_owned());
        }
        Ok(EmailSettings { host: self.host.clone(), port: self.port, tls, login, from: self.from.clone() })
    }
}

/// The first line of a file that only its owner can read.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, SettingsError> {
    use std::io::Read;
    let failed = |source| SettingsError::File { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(SettingsError::Exposed(path.to_owned()));
        }
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().trim()))
}
