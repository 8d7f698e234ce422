//! What is folded from the events of a dossier.

use super::{
    Agencies, Channel, Correctable, Delegate, Event, FilePurpose, Finance, Holder, Notice, NoticeChannel,
    Outcome, PauseReason, ProcedureRef, Received, Resumption, ReturnMethod, Stage, Submitted,
};
use crate::codes::{DossierCode, StepCode};
use crate::identity::{AgencyId, FileId, KeyId, PrincipalId};
use crate::private::KeyOwner;
use crate::time::Instant;
use crate::working_time::{DuePolicy, Term};

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
    /// Where it is on its way to.
    pub transit: Option<AgencyId>,
    pub approval: Approval,
    pub finance: Finance,
    /// Agencies whose opinion is waited for.
    pub opinions: Vec<PendingOpinion>,
    /// How often a supplement was asked for after receipt.
    pub supplements: u32,
    pub extensions: u32,
    /// The applicant was told that the result is there.
    pub result_announced: bool,
    /// What was attached, in this order. Particulars are in the events.
    pub files: Vec<FileId>,
    /// One of them is a result.
    pub has_result_file: bool,
    /// Whose dossier it is, where that is known.
    pub applicant: Option<PrincipalId>,
    /// Who acts for the applicant.
    pub delegate: Option<KnownDelegate>,
    pub(super) opinions_requested: u32,
    /// Who had it before the last hand-over, as long as nothing else has happened.
    pub(super) handed_over_by: Option<Holder>,
    /// What the last act of the office was, and where the dossier stood before it, if it can be taken back.
    pub(super) correctable: Option<(Correctable, Box<Phase>)>,
    /// What the applicant was told since the last other event.
    pub(super) notices: Vec<(Notice, NoticeChannel)>,
    pub(super) dossier_key: KeyId,
    pub(super) applicant_key: KeyId,
    /// Tasks that were done, in the order in which they were.
    pub(super) done: Vec<StepCode>,
    /// Business times of completed steps, kept for imported dossiers only: the end is compared with them.
    pub(super) step_times: Vec<Instant>,
}

/// Where a dossier stands, with what belongs to that place. The first of its four states: the second is [`Finance`],
/// the third [`Delivery`], the fourth, what the national portal has of it, belongs to the feed and not to this stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// `answer_by`: until when the office has to say whether it takes it.
    Submitted {
        answer_by: Option<Instant>,
    },
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
        reason: Pause,
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
        method: ReturnMethod,
    },
    /// Ended without a result.
    Stopped {
        clock: Clock,
        at: Instant,
    },
    /// With a clock if it had been received: only then does it count in the statistics.
    Withdrawn {
        clock: Option<Clock>,
        at: Instant,
    },
}

/// Why the clock stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pause {
    Supplement,
    Other(PauseReason),
}

impl Pause {
    fn stage(self) -> Stage {
        match self {
            Self::Supplement => Stage::AwaitingSupplement,
            Self::Other(reason) => reason.stage(),
        }
    }
}

/// The legal clock of a received dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    pub received_at: Instant,
    /// As given at receipt: a pause is counted in its unit.
    pub term: Term,
    pub policy: DuePolicy,
    /// As printed on the receipt.
    pub due_at_original: Option<Instant>,
    /// What the law measures by: the original, moved by pauses only.
    pub legal_due_at: Option<Instant>,
    /// What the applicant is promised now: the legal one, or that of an extension.
    pub due_at: Option<Instant>,
}

impl Clock {
    fn started(at: Instant, received: &Received) -> Self {
        Self {
            received_at: at,
            term: received.term,
            policy: received.due_policy,
            due_at_original: received.due_at,
            legal_due_at: received.due_at,
            due_at: received.due_at,
        }
    }

    fn resumed(self, resumption: &Resumption) -> Self {
        let due_at = resumption.due_at;
        Self { due_at, legal_due_at: resumption.legal_due_at.or(due_at), ..self }
    }
}

/// How far the decision on the dossier has come (trình duyệt, ký duyệt). A dossier may be finished without these steps; once begun they go in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    #[default]
    None,
    Proposed(Outcome),
    Approved(Outcome),
    Signed(Outcome),
    Issued(Outcome),
}

impl Approval {
    /// The name that clients see.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Proposed(_) => "PROPOSED",
            Self::Approved(_) => "APPROVED",
            Self::Signed(_) => "SIGNED",
            Self::Issued(_) => "ISSUED",
        }
    }
}

/// An opinion that was asked for and not given yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingOpinion {
    /// Of this dossier, from 1.
    pub number: u32,
    pub from: AgencyId,
}

/// What is known of the way of the result to the applicant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There is no result.
    None,
    /// Chờ trả: there, and not handed out.
    Ready,
    /// There, and the applicant was told.
    Announced,
    Returned(ReturnMethod),
}

impl Delivery {
    /// The name that clients see.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Ready => "READY",
            Self::Announced => "ANNOUNCED",
            Self::Returned(_) => "RETURNED",
        }
    }
}

/// Who acts for the applicant now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDelegate {
    pub key: KeyId,
    pub account: Option<PrincipalId>,
}

impl From<&Delegate> for KnownDelegate {
    fn from(delegate: &Delegate) -> Self {
        Self { key: delegate.key, account: delegate.account }
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
        let filed = self.filed()?;
        match owner {
            KeyOwner::Dossier => Some(filed.dossier_key),
            KeyOwner::Applicant => Some(filed.applicant_key),
            KeyOwner::Delegate => filed.delegate.map(|delegate| delegate.key),
            KeyOwner::Account | KeyOwner::Disclosure => None,
        }
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
            phase: Phase::Submitted { answer_by: submitted.answer_by },
            transit: None,
            approval: Approval::None,
            finance: Finance::default(),
            opinions: Vec::new(),
            supplements: 0,
            extensions: 0,
            result_announced: false,
            files: Vec::new(),
            has_result_file: false,
            applicant: submitted.applicant.account,
            delegate: submitted.delegate.as_deref().map(Into::into),
            opinions_requested: 0,
            handed_over_by: None,
            correctable: None,
            notices: Vec::new(),
            dossier_key: submitted.dossier_key,
            applicant_key: submitted.applicant.key,
            done: Vec::new(),
            step_times: Vec::new(),
        }
    }

    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Submitted { .. } => Stage::Submitted,
            Phase::AwaitingIntakeSupplement => Stage::AwaitingIntakeSupplement,
            Phase::Refused => Stage::Refused,
            Phase::InProgress { handed_over: false, .. } => Stage::Received,
            Phase::InProgress { handed_over: true, .. } => Stage::InProgress,
            Phase::Paused { reason, .. } => reason.stage(),
            Phase::Finished { .. } => Stage::Finished,
            Phase::Returned { .. } => Stage::Returned,
            Phase::Stopped { .. } => Stage::Stopped,
            Phase::Withdrawn { .. } => Stage::Withdrawn,
        }
    }

    pub fn clock(&self) -> Option<&Clock> {
        self.phase.clock()
    }

    /// The third of the four states.
    pub fn delivery(&self) -> Delivery {
        match &self.phase {
            Phase::Finished { .. } if self.result_announced => Delivery::Announced,
            Phase::Finished { .. } => Delivery::Ready,
            Phase::Returned { method, .. } => Delivery::Returned(*method),
            Phase::Submitted { .. }
            | Phase::AwaitingIntakeSupplement
            | Phase::Refused
            | Phase::InProgress { .. }
            | Phase::Paused { .. }
            | Phase::Stopped { .. }
            | Phase::Withdrawn { .. } => Delivery::None,
        }
    }

    pub(super) fn evolve(mut self, at: Instant, event: &Event) -> Self {
        self.last_at = self.last_at.max(at);
        self.finance.evolve(event);
        let before = std::mem::replace(&mut self.phase, Phase::Refused);
        let (correctable, handed_over_by, notices) = if event.is_beside_the_work() {
            Default::default()
        } else {
            (self.correctable.take(), self.handed_over_by.take(), std::mem::take(&mut self.notices))
        };
        let clock = before.clock().cloned();
        self.phase = match event {
            // A second submission cannot be decided; on disk it would be a fact about the same dossier.
            Event::Submitted(_)
            | Event::ObligationRequested(_)
            | Event::PaymentRecorded(_)
            | Event::ObligationWaived(_)
            | Event::PaymentRefunded(_) => before,
            Event::IntakeSupplementRequested(_) => Phase::AwaitingIntakeSupplement,
            Event::IntakeSupplementReceived(received) => Phase::Submitted { answer_by: received.answer_by },
            Event::Refused(_) => self.keeping(before, Correctable::Refused, Phase::Refused),
            Event::Received(received) => {
                self.holder = Some(received.holder.clone());
                Phase::InProgress { clock: Clock::started(at, received), handed_over: false }
            }
            Event::Forwarded(forwarded) => {
                self.handed_over_by = self.holder.replace(forwarded.to.clone());
                before.handed_over()
            }
            Event::Sent(sent) => {
                self.transit = Some(sent.to);
                before
            }
            Event::Accepted(accepted) => {
                self.transit = None;
                self.holder = Some(accepted.holder.clone());
                before.handed_over()
            }
            Event::SentBack(_) => {
                self.transit = None;
                before
            }
            Event::Recalled(_) => {
                if self.transit.take().is_none() {
                    self.holder = handed_over_by.or(self.holder.take());
                }
                before
            }
            Event::OpinionRequested(requested) => {
                self.opinions_requested = self.opinions_requested.max(requested.opinion);
                self.opinions.push(PendingOpinion { number: requested.opinion, from: requested.from });
                before
            }
            Event::OpinionGiven(given) => {
                self.opinions.retain(|opinion| opinion.number != given.opinion);
                before
            }
            Event::StepCompleted(completed) => {
                self.done.push(completed.step.clone());
                if self.imported {
                    self.step_times.push(at);
                }
                let after = before.clone().handed_over();
                self.keeping(before, Correctable::StepCompleted, after)
            }
            Event::Proposed(proposed) => {
                self.approval = Approval::Proposed(proposed.outcome);
                before.handed_over()
            }
            Event::Approved(_) => {
                self.approval = self.approval.moved_to(Approval::Approved);
                before.handed_over()
            }
            Event::ReworkRequested(_) => {
                self.approval = Approval::None;
                before.handed_over()
            }
            Event::Signed(_) => {
                self.approval = self.approval.moved_to(Approval::Signed);
                before.handed_over()
            }
            Event::Issued(_) => {
                self.approval = self.approval.moved_to(Approval::Issued);
                before.handed_over()
            }
            Event::SupplementRequested(_) => {
                self.supplements = self.supplements.saturating_add(1);
                before.paused(at, Pause::Supplement)
            }
            Event::Paused(paused) => before.paused(at, Pause::Other(paused.reason)),
            Event::SupplementReceived(received) => before.resumed(&received.clock),
            Event::Resumed(resumed) => before.resumed(&resumed.clock),
            Event::Extended(extended) => {
                self.extensions = self.extensions.saturating_add(1);
                before.promised(extended.due_at)
            }
            Event::ProcessingFinished(finished) => match clock {
                Some(clock) => {
                    let finished = Phase::Finished { clock, at, outcome: finished.outcome };
                    self.keeping(before, Correctable::ProcessingFinished, finished)
                }
                None => before,
            },
            Event::ResultReturned(returned) => {
                if let Phase::Finished { clock, at, outcome } = before.clone() {
                    let returned = Phase::Returned { clock, at, outcome, method: returned.method };
                    self.keeping(before, Correctable::ResultReturned, returned)
                } else {
                    before
                }
            }
            Event::Stopped(_) => match clock {
                Some(clock) => self.keeping(before, Correctable::Stopped, Phase::Stopped { clock, at }),
                None => before,
            },
            Event::Withdrawn(_) => {
                self.keeping(before, Correctable::Withdrawn, Phase::Withdrawn { clock, at })
            }
            Event::ApplicantNotified(notified) => {
                self.result_announced |= notified.about == Notice::ResultReady;
                self.notices = notices;
                self.notices.push((notified.about, notified.by));
                before
            }
            Event::CarriedOver(carried) => {
                self.carry_over(carried.from, carried.to);
                // Nobody has begun with it for that, and nobody was told anything else.
                let there = |holder: Holder| holder.carried_over(carried.from, carried.to);
                self.handed_over_by = handed_over_by.map(there);
                self.notices = notices;
                before
            }
            Event::FileAttached(attached) => {
                self.files.push(attached.file);
                self.has_result_file |= attached.purpose == FilePurpose::Result;
                before
            }
            Event::DelegateNamed(named) => {
                self.delegate = Some((&named.delegate).into());
                before
            }
            Event::DelegateRemoved(_) => {
                self.delegate = None;
                before
            }
            Event::Corrected(corrected) => {
                if corrected.what == Correctable::StepCompleted {
                    self.done.pop();
                    self.step_times.pop();
                }
                correctable.map_or(before, |(_, phase)| *phase)
            }
        };
        self
    }

    fn carry_over(&mut self, from: AgencyId, to: AgencyId) {
        self.agencies = self.agencies.carried_over(from, to);
        self.holder = self.holder.take().map(|holder| holder.carried_over(from, to));
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        // On its way to the successor it goes on; from one agency to itself there is no way.
        let there = self.transit.map(|agency| if agency == from { to } else { agency });
        self.transit = there.filter(|there| Some(*there) != holder);
        for opinion in &mut self.opinions {
            if opinion.from == from {
                opinion.from = to;
            }
        }
    }

    /// The phase after, while the one before is kept in case the event turns out to be a mistake.
    fn keeping(&mut self, before: Phase, what: Correctable, after: Phase) -> Phase {
        self.correctable = Some((what, Box::new(before)));
        after
    }
}

impl Approval {
    fn moved_to(self, next: fn(Outcome) -> Self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Proposed(outcome)
            | Self::Approved(outcome)
            | Self::Signed(outcome)
            | Self::Issued(outcome) => next(outcome),
        }
    }
}

impl Phase {
    fn clock(&self) -> Option<&Clock> {
        match self {
            Self::Submitted { .. } | Self::AwaitingIntakeSupplement | Self::Refused => None,
            Self::InProgress { clock, .. }
            | Self::Paused { clock, .. }
            | Self::Finished { clock, .. }
            | Self::Returned { clock, .. }
            | Self::Stopped { clock, .. } => Some(clock),
            Self::Withdrawn { clock, .. } => clock.as_ref(),
        }
    }

    fn handed_over(mut self) -> Self {
        if let Self::InProgress { handed_over, .. } = &mut self {
            *handed_over = true;
        }
        self
    }

    fn paused(self, at: Instant, reason: Pause) -> Self {
        match self.clock() {
            Some(clock) => Self::Paused { clock: clock.clone(), since: at, reason },
            None => self,
        }
    }

    fn resumed(self, resumption: &Resumption) -> Self {
        match self.clock() {
            Some(clock) => Self::InProgress { clock: clock.clone().resumed(resumption), handed_over: true },
            None => self,
        }
    }

    fn promised(mut self, promised: Instant) -> Self {
        if let Self::InProgress { clock, .. } = &mut self {
            clock.due_at = Some(promised);
        }
        self
    }
}
