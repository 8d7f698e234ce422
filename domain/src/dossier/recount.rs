//! What a dossier's due instant would be under another calendar than the ones it was counted with: what a late decision
//! about days off would touch. It moves nothing; a due instant that was written is the one that counts.

use std::sync::Arc;

use super::{
    Clock, Dossier, Event, Phase, Received, Resumed, Resumption, SupplementReceived, WorkingTime, rules,
};
use crate::calendar::{Calendar, CalendarVersion};
use crate::decider::Decider;
use crate::time::Instant;
use crate::working_time::{self, Term};

/// The due instant by law, counted from the receipt over every pause with the calendars that are given for those that
/// were used; what was counted with one for which none is given stays as it was written. `None` before receipt, without
/// an appointment, and where a calendar does not reach. An appointment that somebody set stays as it was set.
pub fn due_under<'a>(
    history: impl IntoIterator<Item = (Instant, &'a Event)>,
    calendars: &dyn Fn(&CalendarVersion) -> Option<Arc<Calendar>>,
) -> Option<Instant> {
    let mut dossier = Dossier::default();
    let mut office_hours = None;
    for (at, event) in history {
        if let Event::Received(received) = event {
            office_hours = Some(received.office_hours);
        }
        let calendar = version_of(event).and_then(calendars);
        let event = match office_hours.zip(calendar) {
            Some((office_hours, calendar)) => {
                recounted(&dossier, at, event, &WorkingTime { calendar, office_hours })?
            }
            None => event.clone(),
        };
        dossier = dossier.evolve(at, &event);
    }
    dossier.filed()?.clock()?.legal_due_at
}

/// The version of the calendar that an event was counted with, if it was counted.
pub fn version_of(event: &Event) -> Option<&CalendarVersion> {
    if let Event::Received(Received { calendar, .. })
    | Event::SupplementReceived(SupplementReceived { clock: Resumption { calendar, .. }, .. })
    | Event::Resumed(Resumed { clock: Resumption { calendar, .. }, .. }) = event
    {
        Some(calendar)
    } else {
        None
    }
}

/// The event as it would have been written.
fn recounted(dossier: &Dossier, at: Instant, event: &Event, law: &WorkingTime) -> Option<Event> {
    let paused = if let Some(Phase::Paused { clock, since, .. }) = dossier.filed().map(|filed| &filed.phase) {
        Some((clock, *since))
    } else {
        None
    };
    let resumption =
        |clock: &Clock, since| -> Option<Resumption> { rules::after_the_pause(clock, since, at, law).ok() };
    Some(match (event, paused) {
        (Event::Received(received), _) => Event::Received(Received {
            due_at: match received.term {
                Term::Given(_) | Term::Open => received.due_at,
                Term::WorkingDays(_) | Term::HalfDays(_) | Term::WorkingHours(_) | Term::CalendarDays(_) => {
                    let WorkingTime { calendar, office_hours } = law;
                    working_time::due_at(at, &received.term, calendar, office_hours, &received.due_policy)
                        .ok()?
                }
            },
            ..received.clone()
        }),
        (Event::SupplementReceived(received), Some((clock, since))) => {
            let clock = resumption(clock, since)?;
            Event::SupplementReceived(SupplementReceived { clock, ..received.clone() })
        }
        (Event::Resumed(resumed), Some((clock, since))) => {
            Event::Resumed(Resumed { clock: resumption(clock, since)?, ..resumed.clone() })
        }
        (other, _) => other.clone(),
    })
}
