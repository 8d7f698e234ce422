//! Deadline board: what the clock of each dossier was like, from when until when, and since when that is known. One row
//! per dossier is valid at any instant, so the board as of any instant is one query. Overdue is never stored: it is asked.
//!
//! Two axes (docs/adr/0008). Business time: `from_at` until `until_at`. Recorded time: a row is known from `known_from`;
//! that it has an end, from `until_known`; and when a correction takes it back, it is no longer so from `gone_known`. What
//! was known at an instant is therefore still there, and no row is ever removed.
//!
//! The same rows say what happened (`fact`): received, resolved, withdrawn. The counters per agency, procedure and
//! month are their sum, so that figures and board are of one moment and a number has its list.

mod query;
mod steps;

use domain::dossier::{Channel, Correctable, Event as Dossier, Resumption, Timeliness};
use domain::recorded::Event;
use domain::time::local_date;
use infrastructure::event_store::{instant, micros};
use uuid::Uuid;

use crate::dossier_summary::{channel_from_name, channel_name};
use crate::interval;
use crate::progress::month_number;
use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

pub use query::*;
pub use steps::*;

/// The end of the time that has none yet, and the due instant of what is given no appointment.
pub const FOR_EVER: i64 = i64::MAX;

#[derive(Clone, Debug, PartialEq)]
pub struct DeadlineBoard {
    pub dossier_id: Uuid,
    /// Version of the event that opened this row.
    pub from_version: i64,
    pub from_at: i64,
    pub until_at: i64,
    pub known_from: i64,
    /// Since when it is known that it ends.
    pub until_known: i64,
    /// Since when it is known that it never was.
    pub gone_known: i64,
    pub state: State,
    /// What happened when it began, if it counts.
    pub fact: Option<Fact>,
    /// What is promised.
    pub due_at: i64,
    /// What the law measures by.
    pub legal_due_at: i64,
    /// Until when somebody is waited for: the office with an answer to a submission, else the applicant.
    pub wait_until: i64,
    pub procedure_id: Uuid,
    pub channel: Channel,
    /// The task that was done last.
    pub step: Option<String>,
    pub competent_agency: Uuid,
    pub holder_agency: Uuid,
    pub receiving_agency: Uuid,
    /// Whose place the competent agency took, where that is what happened.
    pub carried_from: Option<Uuid>,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn from_name(name: &str) -> Option<Self> {
                [$(Self::$variant),+].into_iter().find(|value| value.name() == name)
            }
        }
    };
}

named! {
    /// What the clock does.
    State {
        /// The office has to say whether it takes it.
        Submitted => "SUBMITTED",
        /// The applicant is waited for before receipt.
        Awaiting => "AWAITING",
        Refused => "REFUSED",
        Running => "RUNNING",
        Paused => "PAUSED",
        Ended => "ENDED",
        Stopped => "STOPPED",
        Withdrawn => "WITHDRAWN",
    }
}

named! {
    /// What is counted. An end is measured by the law's due instant, not by that of an extension.
    Fact {
        Received => "RECEIVED",
        /// Never received, so in none of the other figures.
        Refused => "REFUSED",
        EndedEarly => "ENDED_EARLY",
        EndedOnTime => "ENDED_ON_TIME",
        EndedLate => "ENDED_LATE",
        Stopped => "STOPPED",
        /// After receipt.
        Withdrawn => "WITHDRAWN",
        /// From the competent agency to its successor, in the middle of things.
        CarriedOver => "CARRIED_OVER",
        /// The applicant was asked for a supplement after receipt.
        SupplementRequested => "SUPPLEMENT_REQUESTED",
        /// A task was done.
        Step => "STEP",
    }
}

impl State {
    /// Somebody still has something to do about its clock.
    fn is_live(self) -> bool {
        match self {
            Self::Submitted | Self::Awaiting | Self::Running | Self::Paused => true,
            Self::Refused | Self::Ended | Self::Stopped | Self::Withdrawn => false,
        }
    }

    /// Received, and not resolved.
    fn is_pending(self) -> bool {
        match self {
            Self::Running | Self::Paused => true,
            Self::Submitted
            | Self::Awaiting
            | Self::Refused
            | Self::Ended
            | Self::Stopped
            | Self::Withdrawn => false,
        }
    }
}

/// What is added to the counters, in the order of their columns.
pub(crate) const FIGURES: [&str; 11] = [
    "received",
    "received_online",
    "received_post",
    "refused",
    "withdrawn",
    "stopped",
    "taken_over",
    "passed_on",
    "ended_early",
    "ended_on_time",
    "ended_late",
];

/// Places in [`FIGURES`].
const TAKEN_OVER: usize = 6;
const PASSED_ON: usize = 7;

impl Fact {
    /// Where it counts for the agency that is competent from then on.
    fn figures(self, channel: Channel) -> &'static [usize] {
        match self {
            Self::Received => match channel {
                Channel::Online => &[0, 1],
                Channel::Post => &[0, 2],
                Channel::Counter | Channel::Email | Channel::Internal => &[0],
            },
            Self::Refused => &[3],
            Self::Withdrawn => &[4],
            Self::Stopped => &[5],
            Self::CarriedOver => &[TAKEN_OVER],
            Self::EndedEarly => &[8],
            Self::EndedOnTime => &[9],
            Self::EndedLate => &[10],
            Self::SupplementRequested | Self::Step => &[],
        }
    }
}

fn or_for_ever(at: Option<domain::time::Instant>) -> i64 {
    at.map_or(FOR_EVER, micros)
}

impl DeadlineBoard {
    /// The row after this one, from an event on.
    fn next(&self, occurrence: &Occurrence) -> Option<Self> {
        let Event::Dossier(event) = &occurrence.event else { return None };
        let state = |state, wait_until: Option<domain::time::Instant>| Self {
            state,
            fact: None,
            carried_from: None,
            wait_until: or_for_ever(wait_until),
            ..self.clone()
        };
        let same = || Self { fact: None, carried_from: None, ..self.clone() };
        let next = match event {
            Dossier::IntakeSupplementRequested(requested) => {
                state(State::Awaiting, requested.request.answer_by)
            }
            Dossier::IntakeSupplementReceived(received) => state(State::Submitted, received.answer_by),
            Dossier::Refused(_) => Self { fact: Some(Fact::Refused), ..state(State::Refused, None) },
            Dossier::Received(received) => Self {
                fact: Some(Fact::Received),
                due_at: or_for_ever(received.due_at),
                legal_due_at: or_for_ever(received.due_at),
                holder_agency: received.holder.agency.0,
                ..state(State::Running, None)
            },
            Dossier::Forwarded(forwarded) => self.held_by(forwarded.to.agency.0)?,
            Dossier::Accepted(accepted) => self.held_by(accepted.holder.agency.0)?,
            // After the end only an import knows of tasks.
            Dossier::StepCompleted(completed) if self.state.is_pending() => {
                Self { fact: Some(Fact::Step), step: Some(completed.step.to_string()), ..same() }
            }
            Dossier::SupplementRequested(requested) => Self {
                fact: Some(Fact::SupplementRequested),
                ..state(State::Paused, requested.request.answer_by)
            },
            Dossier::Paused(paused) => state(State::Paused, paused.until),
            Dossier::SupplementReceived(received) => state(State::Running, None).running(&received.clock),
            Dossier::Resumed(resumed) => state(State::Running, None).running(&resumed.clock),
            Dossier::Extended(extended) => Self { due_at: micros(extended.due_at), ..same() },
            Dossier::ProcessingFinished(_) => {
                let due_at = (self.legal_due_at != FOR_EVER).then(|| instant(self.legal_due_at));
                let fact = match Timeliness::of(occurrence.occurred_at, due_at) {
                    Timeliness::Early => Fact::EndedEarly,
                    Timeliness::OnTime => Fact::EndedOnTime,
                    Timeliness::Late => Fact::EndedLate,
                };
                Self { fact: Some(fact), ..state(State::Ended, None) }
            }
            Dossier::Stopped(_) => Self { fact: Some(Fact::Stopped), ..state(State::Stopped, None) },
            Dossier::Withdrawn(_) => Self {
                fact: self.state.is_pending().then_some(Fact::Withdrawn),
                ..state(State::Withdrawn, None)
            },
            Dossier::CarriedOver(carried) => self.carried_over(carried.from.0, carried.to.0)?,
            Dossier::Submitted(_)
            | Dossier::StepCompleted(_)
            | Dossier::ResultReturned(_)
            | Dossier::Sent(_)
            | Dossier::SentBack(_)
            | Dossier::Recalled(_)
            | Dossier::OpinionRequested(_)
            | Dossier::OpinionGiven(_)
            | Dossier::Proposed(_)
            | Dossier::Approved(_)
            | Dossier::ReworkRequested(_)
            | Dossier::Signed(_)
            | Dossier::Issued(_)
            | Dossier::ObligationRequested(_)
            | Dossier::PaymentRecorded(_)
            | Dossier::ObligationWaived(_)
            | Dossier::PaymentRefunded(_)
            | Dossier::ApplicantNotified(_)
            | Dossier::FileAttached(_)
            | Dossier::DelegateNamed(_)
            | Dossier::DelegateRemoved(_)
            | Dossier::Corrected(_) => return None,
        };
        Some(Self {
            from_version: occurrence.version.0,
            from_at: micros(occurrence.occurred_at),
            until_at: FOR_EVER,
            known_from: micros(occurrence.recorded_at),
            until_known: FOR_EVER,
            ..next
        })
    }

    /// What the old agency answered for until now, its successor answers for from now on. What has ended stays with who
    /// ended it: there the clock says no more.
    fn carried_over(&self, from: Uuid, to: Uuid) -> Option<Self> {
        let there = |agency| if agency == from { to } else { agency };
        let competent_agency = there(self.competent_agency);
        let moves = competent_agency != self.competent_agency && self.state.is_pending();
        let carried = Self {
            competent_agency,
            holder_agency: there(self.holder_agency),
            receiving_agency: there(self.receiving_agency),
            fact: moves.then_some(Fact::CarriedOver),
            carried_from: moves.then_some(from),
            ..self.clone()
        };
        let agencies = |row: &Self| (row.competent_agency, row.holder_agency, row.receiving_agency);
        (self.state != State::Ended && agencies(&carried) != agencies(self)).then_some(carried)
    }

    fn held_by(&self, agency: Uuid) -> Option<Self> {
        (agency != self.holder_agency).then(|| Self {
            holder_agency: agency,
            fact: None,
            carried_from: None,
            ..self.clone()
        })
    }

    fn running(self, clock: &Resumption) -> Self {
        Self {
            due_at: or_for_ever(clock.due_at),
            legal_due_at: or_for_ever(clock.legal_due_at.or(clock.due_at)),
            ..self
        }
    }

    fn is_gone(&self) -> bool {
        self.gone_known != FOR_EVER
    }

    /// Where it is found by time; nowhere once it is closed for good.
    fn node(&self) -> Option<i64> {
        match (self.state.is_live() && !self.is_gone(), self.until_at) {
            (false, _) => None,
            (true, FOR_EVER) => Some(interval::OPEN),
            (true, until_at) => interval::node(self.from_at, until_at),
        }
    }
}

/// Whether an event that is taken back had opened this row, the current one.
fn is_taken_back(row: &DeadlineBoard, what: Correctable) -> bool {
    match what {
        Correctable::Refused
        | Correctable::ProcessingFinished
        | Correctable::Stopped
        | Correctable::Withdrawn => true,
        Correctable::StepCompleted => row.fact == Some(Fact::Step),
        Correctable::ResultReturned => false,
    }
}

/// The row before the current one goes on, as if that had never begun.
fn take_back(rows: &mut Vec<DeadlineBoard>, occurrence: &Occurrence) {
    rows.sort_by_key(|row| row.from_version);
    let mut standing = rows.iter_mut().filter(|row| !row.is_gone()).rev();
    let (Some(current), Some(before)) = (standing.next(), standing.next()) else { return };
    let at = micros(occurrence.recorded_at);
    let again = DeadlineBoard {
        from_version: occurrence.version.0,
        until_at: FOR_EVER,
        known_from: at,
        until_known: FOR_EVER,
        ..before.clone()
    };
    (current.gone_known, before.gone_known) = (at, at);
    rows.push(again);
}

impl ReadModel for DeadlineBoard {
    const VERSION: i64 = 4;
    const ROWS: usize = 8;
    const TABLE: Table = Table {
        name: "deadline_board",
        key: &[uuid("dossier_id"), int("from_version")],
        values: &[
            int("from_at"),
            int("until_at"),
            int("known_from"),
            int("until_known"),
            int("gone_known"),
            int("node"),
            text("state"),
            text("fact"),
            int("due_at"),
            int("legal_due_at"),
            int("wait_until"),
            uuid("procedure_id"),
            text("channel"),
            text("step"),
            uuid("competent_agency"),
            uuid("holder_agency"),
            uuid("receiving_agency"),
            uuid("carried_from"),
        ],
    };
    const TALLY: Option<Table> = Some(Table {
        name: "progress_counter",
        key: &[uuid("agency_id"), uuid("procedure_id"), int("month")],
        values: &[
            int(FIGURES[0]),
            int(FIGURES[1]),
            int(FIGURES[2]),
            int(FIGURES[3]),
            int(FIGURES[4]),
            int(FIGURES[5]),
            int(FIGURES[6]),
            int(FIGURES[7]),
            int(FIGURES[8]),
            int(FIGURES[9]),
            int(FIGURES[10]),
        ],
    });

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Dossier(_) => occurrence.id("dossier"),
            Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Dossier(event) = &occurrence.event else { return Ok(()) };
        let current = rows.iter_mut().find(|row| row.until_at == FOR_EVER && !row.is_gone());
        if let Some(current) = current {
            if let Some(next) = current.next(occurrence) {
                current.until_at = next.from_at;
                current.until_known = next.known_from;
                rows.push(next);
            } else if let Dossier::Corrected(corrected) = event
                && is_taken_back(current, corrected.what)
            {
                take_back(rows, occurrence);
            }
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(occurrence)) else {
            return Err(FoldError { event: occurrence.event.type_name(), of: "dossier" });
        };
        rows.push(Self {
            dossier_id,
            from_version: occurrence.version.0,
            from_at: micros(occurrence.occurred_at),
            until_at: FOR_EVER,
            known_from: micros(occurrence.recorded_at),
            until_known: FOR_EVER,
            gone_known: FOR_EVER,
            state: State::Submitted,
            fact: None,
            due_at: FOR_EVER,
            legal_due_at: FOR_EVER,
            wait_until: or_for_ever(submitted.answer_by),
            procedure_id: submitted.procedure.id.0,
            channel: submitted.channel,
            step: None,
            competent_agency: submitted.agencies.competent.0,
            holder_agency: submitted.agencies.receiving.0,
            receiving_agency: submitted.agencies.receiving.0,
            carried_from: None,
        });
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.dossier_id.into(),
            self.from_version.into(),
            self.from_at.into(),
            self.until_at.into(),
            self.known_from.into(),
            self.until_known.into(),
            self.gone_known.into(),
            self.node().into(),
            self.state.name().into(),
            self.fact.map(Fact::name).into(),
            self.due_at.into(),
            self.legal_due_at.into(),
            self.wait_until.into(),
            self.procedure_id.into(),
            channel_name(self.channel).into(),
            self.step.as_ref().into(),
            self.competent_agency.into(),
            self.holder_agency.into(),
            self.receiving_agency.into(),
            self.carried_from.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        let (dossier_id, from_version) = (cells.uuid()?, cells.int()?);
        let (from_at, until_at) = (cells.int()?, cells.int()?);
        let (known_from, until_known, gone_known) = (cells.int()?, cells.int()?, cells.int()?);
        // It follows from the others.
        let _node = cells.int_or_null()?;
        Ok(Self {
            dossier_id,
            from_version,
            from_at,
            until_at,
            known_from,
            until_known,
            gone_known,
            state: State::from_name(&cells.text()?).ok_or(WrongCell)?,
            fact: match cells.text_or_null()? {
                Some(name) => Some(Fact::from_name(&name).ok_or(WrongCell)?),
                None => None,
            },
            due_at: cells.int()?,
            legal_due_at: cells.int()?,
            wait_until: cells.int()?,
            procedure_id: cells.uuid()?,
            channel: channel_from_name(&cells.text()?).ok_or(WrongCell)?,
            step: cells.text_or_null()?,
            competent_agency: cells.uuid()?,
            holder_agency: cells.uuid()?,
            receiving_agency: cells.uuid()?,
            carried_from: cells.uuid_or_null()?,
        })
    }

    /// Each fact counts for who was competent then, in its local month.
    fn tally(&self, add: &mut dyn FnMut(Vec<Cell<'static>>, &[i64])) {
        let Some(fact) = self.fact.filter(|_| !self.is_gone()) else { return };
        let mut count = |agency: Uuid, figures: &[usize]| {
            let mut values = [0; FIGURES.len()];
            figures.iter().for_each(|figure| values[*figure] = 1);
            let month = month_number(local_date(instant(self.from_at)));
            add(vec![agency.into(), self.procedure_id.into(), month.into()], &values);
        };
        let figures = fact.figures(self.channel);
        if !figures.is_empty() {
            count(self.competent_agency, figures);
        }
        if let Some(from) = self.carried_from {
            count(from, &[PASSED_ON]);
        }
    }
}
