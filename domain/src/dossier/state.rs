//! What is folded from the events of a dossier.

use super::{Agencies, Channel, Event, Holder, Outcome, ProcedureRef, Submitted};
use crate::access::{Denial, Function, Principal, Scope};
use crate::codes::DossierCode;
use crate::identity::{AgencyId, KeyId};
use crate::private::KeyOwner;
use crate::time::Instant;
use crate::working_time::Term;

/// A dossier as of its last event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dossier {
    #[default]
    Absent,
    Filed(Box<Filed>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Filed {
    pub code: DossierCode,
    pub procedure: ProcedureRef,
    pub agencies: Agencies,
    pub channel: Channel,
    pub imported: bool,
    pub submitted_at: Instant,
    /// The latest business time so far.
    pub last_at: Instant,
    /// Who has it in hand; nobody before receipt.
    pub holder: Option<Holder>,
    pub phase: Phase,
    pub(super) dossier_key: KeyId,
    pub(super) applicant_key: KeyId,
    /// Business times of completed steps, kept for imported dossiers only: the end is compared with them.
    pub(super) step_times: Vec<Instant>,
}

/// Where a dossier stands, with what belongs to that place.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    Submitted,
    AwaitingIntakeSupplement,
    Refused,
    /// `handed_over`: somebody has begun (national state 4 instead of 2).
    InProgress {
        clock: Clock,
        handed_over: bool,
    },
    Paused {
        clock: Clock,
        since: Instant,
    },
    Finished {
        clock: Clock,
        at: Instant,
        outcome: Outcome,
    },
    Returned {
        clock: Clock,
        at: Instant,
        outcome: Outcome,
    },
    /// With a clock if it had been received: only then does it count in the statistics.
    Withdrawn {
        clock: Option<Clock>,
    },
}

/// The legal clock of a received dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    pub received_at: Instant,
    /// As given at receipt: a pause is counted in its unit.
    pub term: Term,
    /// As given at receipt.
    pub due_at_original: Option<Instant>,
    /// As moved by pauses.
    pub due_at: Option<Instant>,
}

/// The business state by name alone: what clients see and filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Submitted,
    AwaitingIntakeSupplement,
    Refused,
    Received,
    InProgress,
    AwaitingSupplement,
    Finished,
    Returned,
    Withdrawn,
}

impl Stage {
    pub const ALL: [Self; 9] = [
        Self::Submitted,
        Self::AwaitingIntakeSupplement,
        Self::Refused,
        Self::Received,
        Self::InProgress,
        Self::AwaitingSupplement,
        Self::Finished,
        Self::Returned,
        Self::Withdrawn,
    ];

    /// TrangThaiHoSo of the national feed, 1 to 10. 6 and 8 have no stage yet.
    pub fn national_code(self) -> u8 {
        match self {
            Self::Submitted | Self::AwaitingIntakeSupplement => 1,
            Self::Received => 2,
            Self::Refused => 3,
            Self::InProgress => 4,
            Self::AwaitingSupplement => 5,
            Self::Withdrawn => 7,
            Self::Finished => 9,
            Self::Returned => 10,
        }
    }

    /// The name in read models and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::AwaitingIntakeSupplement => "AWAITING_INTAKE_SUPPLEMENT",
            Self::Refused => "REFUSED",
            Self::Received => "RECEIVED",
            Self::InProgress => "IN_PROGRESS",
            Self::AwaitingSupplement => "AWAITING_SUPPLEMENT",
            Self::Finished => "FINISHED",
            Self::Returned => "RETURNED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

impl Dossier {
    pub fn filed(&self) -> Option<&Filed> {
        match self {
            Self::Absent => None,
            Self::Filed(filed) => Some(filed),
        }
    }

    /// The key that seals for this owner.
    pub fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        self.filed().map(|filed| match owner {
            KeyOwner::Dossier => filed.dossier_key,
            KeyOwner::Applicant => filed.applicant_key,
        })
    }
}

impl Filed {
    pub(super) fn new(at: Instant, submitted: &Submitted) -> Self {
        Self {
            code: submitted.code.clone(),
            procedure: submitted.procedure.clone(),
            agencies: submitted.agencies,
            channel: submitted.channel,
            imported: submitted.imported.is_some(),
            submitted_at: at,
            last_at: at,
            holder: None,
            phase: Phase::Submitted,
            dossier_key: submitted.dossier_key,
            applicant_key: submitted.applicant.key,
            step_times: Vec::new(),
        }
    }

    pub fn stage(&self) -> Stage {
        match self.phase {
            Phase::Submitted => Stage::Submitted,
            Phase::AwaitingIntakeSupplement => Stage::AwaitingIntakeSupplement,
            Phase::Refused => Stage::Refused,
            Phase::InProgress { handed_over: false, .. } => Stage::Received,
            Phase::InProgress { handed_over: true, .. } => Stage::InProgress,
            Phase::Paused { .. } => Stage::AwaitingSupplement,
            Phase::Finished { .. } => Stage::Finished,
            Phase::Returned { .. } => Stage::Returned,
            Phase::Withdrawn { .. } => Stage::Withdrawn,
        }
    }

    pub fn clock(&self) -> Option<&Clock> {
        match &self.phase {
            Phase::Submitted | Phase::AwaitingIntakeSupplement | Phase::Refused => None,
            Phase::InProgress { clock, .. }
            | Phase::Paused { clock, .. }
            | Phase::Finished { clock, .. }
            | Phase::Returned { clock, .. } => Some(clock),
            Phase::Withdrawn { clock } => clock.as_ref(),
        }
    }

    /// The agencies whose people may see the dossier.
    pub fn concerned(&self) -> impl Iterator<Item = AgencyId> {
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        [self.agencies.supporting, Some(self.agencies.receiving), Some(self.agencies.competent), holder]
            .into_iter()
            .flatten()
    }

    /// Scope first, so that who may not know of the dossier learns nothing from the other answers; then the function;
    /// then the relation to the dossier.
    pub fn authorise(&self, principal: &Principal, function: Function) -> Result<(), Denial> {
        if !principal.sees(self.concerned()) {
            return Err(Denial::OutOfScope);
        }
        principal.require(function)?;
        match function {
            Function::Process | Function::Approve => self.is_in_hand_of(principal),
            // Who merely helped to file sees the dossier, and acts on it no more.
            Function::Intake | Function::Assign if !self.is_answered_for_by(principal) => {
                Err(Denial::NotHolder)
            }
            Function::File
            | Function::Intake
            | Function::Assign
            | Function::ReadDossiers
            | Function::ReadPersonalData
            | Function::Administer => Ok(()),
        }
    }

    /// The receiving, the competent and the holding agency, and who acts for the whole province.
    fn is_answered_for_by(&self, principal: &Principal) -> bool {
        let acting = principal.acting_as.agency;
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        principal.scope == Scope::Province
            || [Some(self.agencies.receiving), Some(self.agencies.competent), holder].contains(&Some(acting))
    }

    /// The holder acts: the assignee where there is one, else anybody of the holding agency.
    fn is_in_hand_of(&self, principal: &Principal) -> Result<(), Denial> {
        match &self.holder {
            Some(holder) if holder.agency != principal.acting_as.agency => Err(Denial::NotHolder),
            Some(holder) if holder.assignee.is_some_and(|assignee| assignee != principal.id) => {
                Err(Denial::NotAssignee)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn evolve(mut self, at: Instant, event: &Event) -> Self {
        self.last_at = self.last_at.max(at);
        match event {
            // A second submission cannot be decided; on disk it would be a fact about the same dossier.
            Event::Submitted(_) => {}
            Event::IntakeSupplementRequested(_) => self.phase = Phase::AwaitingIntakeSupplement,
            Event::IntakeSupplementReceived(_) => self.phase = Phase::Submitted,
            Event::Refused(_) => self.phase = Phase::Refused,
            Event::Received(received) => {
                self.holder = Some(received.holder.clone());
                let clock = Clock {
                    received_at: at,
                    term: received.term,
                    due_at_original: received.due_at,
                    due_at: received.due_at,
                };
                self.phase = Phase::InProgress { clock, handed_over: false };
            }
            Event::Forwarded(forwarded) => {
                self.holder = Some(forwarded.to.clone());
                self.hand_over();
            }
            Event::StepCompleted(_) => {
                if self.imported {
                    self.step_times.push(at);
                }
                self.hand_over();
            }
            Event::SupplementRequested(_) => {
                if let Some(clock) = self.clock().cloned() {
                    self.phase = Phase::Paused { clock, since: at };
                }
            }
            Event::SupplementReceived(received) => {
                if let Some(clock) = self.clock().cloned() {
                    let clock = Clock { due_at: received.due_at, ..clock };
                    self.phase = Phase::InProgress { clock, handed_over: true };
                }
            }
            Event::ProcessingFinished(finished) => {
                if let Some(clock) = self.clock().cloned() {
                    self.phase = Phase::Finished { clock, at, outcome: finished.outcome };
                }
            }
            Event::ResultReturned(_) => {
                if let Phase::Finished { clock, at, outcome } = self.phase {
                    self.phase = Phase::Returned { clock, at, outcome };
                }
            }
            Event::Withdrawn(_) => self.phase = Phase::Withdrawn { clock: self.clock().cloned() },
        }
        self
    }

    fn hand_over(&mut self) {
        if let Phase::InProgress { handed_over, .. } = &mut self.phase {
            *handed_over = true;
        }
    }
}
