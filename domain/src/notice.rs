//! What is told to officials about one dossier (nhắc việc): of its deadlines, and of a break-glass over it; who was to be told,
//! whether it reached them, and when it is tried again. A stream beside the dossier's, so that telling somebody conflicts with nobody's act. docs/adr/0018,
//! 0024
//!
//! The log is the list of what is to be sent: whoever carries notices writes down what came of it, and a carrier that
//! starts again finds what is left. Nothing here says who anybody is or where they are reached.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decider::{self, Decider, events};
use crate::identity::{AgencyId, DeliveryId, DisclosureId, DossierId, PrincipalId};
use crate::private::HasPrivate;
use crate::time::Instant;

/// What a notice is about; the graver, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Due within some working days.
    DueSoon,
    DueToday,
    Overdue,
    /// Overdue for so long that the head of the agency is told.
    Escalated,
}

/// How somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The log of the program: where nobody is set up to be told.
    Log,
    Email,
    Sms,
    Webhook,
}

/// Somebody, and the way they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addressee {
    /// Nobody in particular, where nobody is set up.
    pub to: Option<PrincipalId>,
    pub by: Way,
}

/// Why a try came to nothing. Codes only: what a mail server says may name a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFailure {
    Unreachable,
    TimedOut,
    /// With this status of HTTP, or reply code of SMTP.
    Answered(u16),
    /// With a code of its own, by a gateway that took the request and not the message.
    Declined(String),
    /// This way is not set up any more, or not for this person.
    NotSetUp,
}

/// Why a notice is not sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// The dossier is done, waits, or is due at another instant.
    NoLongerDue,
    /// A graver one has taken its place.
    Overtaken,
}

/// What can be done about notices of a dossier.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Raise {
        dossier: DossierId,
        occasion: Occasion,
        due_at: Instant,
        holder: AgencyId,
        to: Vec<Addressee>,
    },
    /// Somebody has opened its personal data to themselves.
    RaiseDisclosure {
        disclosure: DisclosureId,
        holder: AgencyId,
        to: Vec<Addressee>,
    },
    /// It has reached whoever carries it further.
    Deliver {
        delivery: DeliveryId,
        receipt: Option<String>,
    },
    /// The n-th try came to nothing, from 1. Without another one it is given up.
    Fail {
        delivery: DeliveryId,
        attempt: u32,
        failure: DeliveryFailure,
        again_at: Option<Instant>,
    },
    Withdraw {
        delivery: DeliveryId,
        why: Withdrawal,
    },
}

events! {
    /// Facts about notices.
    pub enum Event {
        "notice.raised.v1" => Raised,
        "notice.disclosure_raised.v1" => DisclosureRaised,
        "notice.delivered.v1" => Delivered,
        "notice.attempt_failed.v1" => AttemptFailed,
        "notice.withdrawn.v1" => Withdrawn,
    }
}

/// Somebody is to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    pub occasion: Occasion,
    pub due_at: Instant,
    /// The agency that held the dossier.
    pub holder: AgencyId,
    pub deliveries: Vec<Delivery>,
}

/// Somebody is to be told of a break-glass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisclosureRaised {
    pub disclosure: DisclosureId,
    /// The agency that held the dossier, or else decides it.
    pub holder: AgencyId,
    pub deliveries: Vec<Delivery>,
}

/// One message to one person by one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The same for every try: who receives it twice knows that it is one.
    pub id: DeliveryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PrincipalId>,
    pub by: Way,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    pub delivery: DeliveryId,
    /// What the carrier calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub failure: DeliveryFailure,
    /// Nothing if it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    pub delivery: DeliveryId,
    pub why: Withdrawal,
}

impl HasPrivate for Raised {}
impl HasPrivate for DisclosureRaised {}
impl HasPrivate for Delivered {}
impl HasPrivate for AttemptFailed {}
impl HasPrivate for Withdrawn {}

impl DeliveryId {
    /// The same for every process that tells the same person the same thing the same way.
    pub fn of(dossier: DossierId, occasion: Occasion, due_at: Instant, addressee: Addressee) -> Self {
        let to = addressee.to.map_or(Uuid::nil(), |to| to.0);
        let name =
            format!("notice:{}:{}:{to}:{}", occasion.name(), due_at.timestamp_micros(), addressee.by.name());
        Self(Uuid::new_v5(&dossier.0, name.as_bytes()))
    }

    /// The same of a break-glass.
    pub fn of_disclosure(disclosure: DisclosureId, addressee: Addressee) -> Self {
        let to = addressee.to.map_or(Uuid::nil(), |to| to.0);
        Self(Uuid::new_v5(&disclosure.0, format!("notice:{to}:{}", addressee.by.name()).as_bytes()))
    }
}

impl Occasion {
    pub const ALL: [Self; 4] = [Self::DueSoon, Self::DueToday, Self::Overdue, Self::Escalated];

    /// In tables and ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::DueSoon => "DUE_SOON",
            Self::DueToday => "DUE_TODAY",
            Self::Overdue => "OVERDUE",
            Self::Escalated => "ESCALATED",
        }
    }
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Log, Self::Email, Self::Sms, Self::Webhook];

    /// In tables and ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "LOG",
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
            Self::Webhook => "WEBHOOK",
        }
    }
}

/// The notices of one dossier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notices {
    /// The gravest that was raised for each due instant.
    raised: BTreeMap<Instant, Occasion>,
    disclosures: BTreeSet<DisclosureId>,
    /// Tries so far of what has not arrived.
    pending: BTreeMap<DeliveryId, u32>,
    /// What arrived, was given up or withdrawn.
    settled: BTreeSet<DeliveryId>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("no such notice was raised")]
    NeverRaised,
    #[error("tries are counted one after the other: there were {attempts}")]
    WrongAttempt { attempts: u32 },
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NeverRaised => "NOTICE_NEVER_RAISED",
            Self::WrongAttempt { .. } => "NOTICE_WRONG_ATTEMPT",
        }
    }
}

impl Decider for Notices {
    const CATEGORY: &'static str = "notice";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Raise { dossier, occasion, due_at, holder, to } => {
                Ok(self.raise(*dossier, *occasion, *due_at, *holder, to))
            }
            Command::RaiseDisclosure { disclosure, holder, to } => {
                Ok(self.raise_disclosure(*disclosure, *holder, to))
            }
            Command::Deliver { delivery, receipt } => {
                let delivered = Delivered { delivery: *delivery, receipt: receipt.clone() };
                self.of_pending(*delivery, |_| Ok(Event::Delivered(delivered)))
            }
            Command::Fail { delivery, attempt, failure, again_at } => {
                let (attempt, failure, again_at) = (*attempt, failure.clone(), *again_at);
                self.of_pending(*delivery, |attempts| {
                    if attempt != attempts + 1 {
                        return Err(Rejection::WrongAttempt { attempts });
                    }
                    Ok(Event::AttemptFailed(AttemptFailed {
                        delivery: *delivery,
                        attempt,
                        failure,
                        again_at,
                    }))
                })
            }
            Command::Withdraw { delivery, why } => {
                let withdrawn = Withdrawn { delivery: *delivery, why: *why };
                self.of_pending(*delivery, |_| Ok(Event::Withdrawn(withdrawn)))
            }
        }
    }

    fn evolve(mut self, _at: Instant, event: &Event) -> Self {
        match event {
            Event::Raised(raised) => {
                let gravest = self.raised.entry(raised.due_at).or_insert(raised.occasion);
                *gravest = raised.occasion.max(*gravest);
                self.pending.extend(raised.deliveries.iter().map(|delivery| (delivery.id, 0)));
            }
            Event::DisclosureRaised(raised) => {
                self.disclosures.insert(raised.disclosure);
                self.pending.extend(raised.deliveries.iter().map(|delivery| (delivery.id, 0)));
            }
            Event::Delivered(Delivered { delivery, .. }) | Event::Withdrawn(Withdrawn { delivery, .. }) => {
                self.settle(*delivery);
            }
            Event::AttemptFailed(AttemptFailed { delivery, again_at: None, .. }) => self.settle(*delivery),
            Event::AttemptFailed(AttemptFailed { delivery, attempt, again_at: Some(_), .. }) => {
                self.pending.insert(*delivery, *attempt);
            }
        }
        self
    }
}

impl Notices {
    /// each occasion of a due instant is raised once, and none after a graver one. Another due instant begins anew.
    fn raise(
        &self,
        dossier: DossierId,
        occasion: Occasion,
        due_at: Instant,
        holder: AgencyId,
        to: &[Addressee],
    ) -> Vec<Event> {
        if self.raised.get(&due_at).is_some_and(|gravest| occasion <= *gravest) {
            return Vec::new();
        }
        let deliveries = deliveries(to, |addressee| DeliveryId::of(dossier, occasion, due_at, addressee));
        vec![Event::Raised(Raised { occasion, due_at, holder, deliveries })]
    }

    /// Each break-glass is told once.
    fn raise_disclosure(&self, disclosure: DisclosureId, holder: AgencyId, to: &[Addressee]) -> Vec<Event> {
        if self.disclosures.contains(&disclosure) {
            return Vec::new();
        }
        let deliveries = deliveries(to, |addressee| DeliveryId::of_disclosure(disclosure, addressee));
        vec![Event::DisclosureRaised(DisclosureRaised { disclosure, holder, deliveries })]
    }

    /// what arrived, was given up or withdrawn stays so: another carrier that says otherwise comes too late.
    fn of_pending(
        &self,
        delivery: DeliveryId,
        event: impl FnOnce(u32) -> Result<Event, Rejection>,
    ) -> Result<Vec<Event>, Rejection> {
        match self.pending.get(&delivery) {
            Some(attempts) => Ok(vec![event(*attempts)?]),
            None if self.settled.contains(&delivery) => Ok(Vec::new()),
            None => Err(Rejection::NeverRaised),
        }
    }

    /// Something was raised, and nothing of it is left to do.
    pub fn has_settled(&self) -> bool {
        let is_raised = !self.raised.is_empty() || !self.disclosures.is_empty();
        is_raised && self.pending.is_empty()
    }

    fn settle(&mut self, delivery: DeliveryId) {
        self.pending.remove(&delivery);
        self.settled.insert(delivery);
    }
}

/// One to each, however often they are named.
fn deliveries(to: &[Addressee], id: impl Fn(Addressee) -> DeliveryId) -> Vec<Delivery> {
    let distinct: BTreeSet<Addressee> = to.iter().copied().collect();
    let delivery = |addressee: Addressee| Delivery { id: id(addressee), to: addressee.to, by: addressee.by };
    distinct.into_iter().map(delivery).collect()
}

/// `notice-<dossier id>`
pub fn stream(id: DossierId) -> String {
    format!("{}-{id}", Notices::CATEGORY)
}
