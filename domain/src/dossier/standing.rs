//! A dossier as of an instant: what of its history still stands, and had happened by then.

use super::{Correctable, Dossier, Event};
use crate::decider::Decider;
use crate::time::Instant;

/// What still stands of a history, whatever comes with its events: without what was taken back, and without the corrections
/// themselves. As of any instant, a mistake that is known never was.
pub fn standing<T>(history: impl IntoIterator<Item = T>, event_of: impl Fn(&T) -> &Event) -> Vec<T> {
    let mut standing: Vec<T> = Vec::new();
    for occurrence in history {
        let Event::Corrected(corrected) = event_of(&occurrence) else {
            standing.push(occurrence);
            continue;
        };
        let is_it = |earlier: &T| can_be_taken_back(event_of(earlier)) == Some(corrected.what);
        if let Some(mistake) = standing.iter().rposition(is_it) {
            standing.remove(mistake);
        }
    }
    standing
}

/// The state as of an instant, from what is known of the history.
pub fn as_of<'a>(history: impl IntoIterator<Item = (Instant, &'a Event)>, at: Instant) -> Dossier {
    let standing = standing(history, |(_, event)| event);
    let happened = standing.into_iter().filter(|(occurred_at, _)| *occurred_at <= at);
    happened.fold(Dossier::default(), |dossier, (occurred_at, event)| dossier.evolve(occurred_at, event))
}

/// As what an event can be taken back, if it can.
fn can_be_taken_back(event: &Event) -> Option<Correctable> {
    match event {
        Event::Refused(_) => Some(Correctable::Refused),
        Event::StepCompleted(_) => Some(Correctable::StepCompleted),
        Event::ProcessingFinished(_) => Some(Correctable::ProcessingFinished),
        Event::ResultReturned(_) => Some(Correctable::ResultReturned),
        Event::Stopped(_) => Some(Correctable::Stopped),
        Event::Withdrawn(_) => Some(Correctable::Withdrawn),
        Event::Submitted(_)
        | Event::IntakeSupplementRequested(_)
        | Event::IntakeSupplementReceived(_)
        | Event::Received(_)
        | Event::Forwarded(_)
        | Event::SupplementRequested(_)
        | Event::SupplementReceived(_)
        | Event::Paused(_)
        | Event::Resumed(_)
        | Event::Sent(_)
        | Event::Accepted(_)
        | Event::SentBack(_)
        | Event::Recalled(_)
        | Event::OpinionRequested(_)
        | Event::OpinionGiven(_)
        | Event::Proposed(_)
        | Event::Approved(_)
        | Event::ReworkRequested(_)
        | Event::Signed(_)
        | Event::Issued(_)
        | Event::ObligationRequested(_)
        | Event::PaymentRecorded(_)
        | Event::ObligationWaived(_)
        | Event::PaymentRefunded(_)
        | Event::Extended(_)
        | Event::ApplicantNotified(_)
        | Event::Corrected(_)
        | Event::CarriedOver(_)
        | Event::DelegateNamed(_)
        | Event::DelegateRemoved(_)
        | Event::FileAttached(_) => None,
    }
}
