//! Dossier summary: one row per dossier, for lists, worklists and the head of the detail page. Private values stay sealed
//! here.

mod query;

use domain::dossier::{
    self, Channel, Correctable, Event as Dossier, Finance, FinancialState, Measure, Notice, Outcome, Stage,
};
use domain::identity::AgencyId;
use domain::recorded::Event;
use infrastructure::event_store::{instant, micros};
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

pub use query::*;
pub(crate) use query::{SQL, columns};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct DossierSummary {
    pub dossier_id: Uuid,
    pub code: String,
    #[sqlx(try_from = "String")]
    pub stage: Stage,
    /// Before the last event: where a correction leads back to.
    #[sqlx(try_from = "String")]
    pub stage_before: Stage,
    pub procedure_id: Uuid,
    pub procedure_version: i64,
    pub supporting_agency: Option<Uuid>,
    pub receiving_agency: Uuid,
    pub competent_agency: Uuid,
    pub holder_agency: Option<Uuid>,
    pub holder_unit: Option<String>,
    pub assignee: Option<Uuid>,
    /// Who had it before the last hand-over, as long as nothing else has happened: what a recall leads back to.
    pub held_before: Option<String>,
    /// Where it is on its way to.
    pub transit_agency: Option<Uuid>,
    /// Agencies whose opinion is waited for: `number:agency`, with a blank between.
    pub consulted: Option<String>,
    pub channel: String,
    pub applicant_kind: String,
    /// A sealed token.
    pub applicant_name: String,
    /// A sealed token.
    pub subject: Option<String>,
    pub submitted_at: i64,
    /// Until when the office has to say whether it takes it, or the applicant to bring what is missing or to pay.
    pub answer_by: Option<i64>,
    pub received_at: Option<i64>,
    pub due_at_original: Option<i64>,
    /// What the law measures by.
    pub legal_due_at: Option<i64>,
    /// What is promised now.
    pub due_at: Option<i64>,
    /// Of the last pause; over, unless the stage says that it stands still.
    pub paused_since: Option<i64>,
    pub supplements: i64,
    pub extensions: i64,
    pub approval: String,
    pub ended_at: Option<i64>,
    pub outcome: Option<String>,
    pub returned_at: Option<i64>,
    pub withdrawn_at: Option<i64>,
    pub refused_at: Option<i64>,
    pub stopped_at: Option<i64>,
    /// The applicant was told that the result is there.
    pub announced: i64,
    /// Digitised papers and results.
    pub paper_files: i64,
    pub result_files: i64,
    pub financial_state: String,
    #[sqlx(try_from = "String")]
    pub finance: FinanceText,
    pub import_source: Option<String>,
    /// Completed steps.
    pub activities: i64,
    /// Oddities of an import.
    pub anomalies: i64,
    pub stream_version: i64,
    pub position: i64,
}

/// The name of a channel in tables and in the API.
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Online => "ONLINE",
        Channel::Counter => "COUNTER",
        Channel::Post => "POST",
        Channel::Email => "EMAIL",
        Channel::Internal => "INTERNAL",
    }
}

/// The channel of such a name.
pub(crate) fn channel_from_name(name: &str) -> Option<Channel> {
    let channels = [Channel::Online, Channel::Counter, Channel::Post, Channel::Email, Channel::Internal];
    channels.into_iter().find(|channel| channel_name(*channel) == name)
}

fn applicant_kind_name(kind: dossier::ApplicantKind) -> &'static str {
    match kind {
        dossier::ApplicantKind::Citizen => "CITIZEN",
        dossier::ApplicantKind::Enterprise => "ENTERPRISE",
        dossier::ApplicantKind::StateAgency => "STATE_AGENCY",
        dossier::ApplicantKind::OtherOrganisation => "OTHER_ORGANISATION",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted => "GRANTED",
        Outcome::Declined => "DECLINED",
    }
}

/// [`Finance`] as JSON; empty while nothing was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinanceText(pub Finance);

impl TryFrom<String> for FinanceText {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        if text.is_empty() { Ok(Self::default()) } else { serde_json::from_str(&text).map(Self) }
    }
}

impl FinanceText {
    fn text(&self) -> String {
        if self.0 == Finance::default() {
            return String::new();
        }
        serde_json::to_string(&self.0).unwrap_or_default() // numbers, codes and names always serialise
    }
}

impl DossierSummary {
    fn new(dossier_id: Uuid, occurrence: &Occurrence, submitted: &dossier::Submitted) -> Self {
        let sealed = |private: &domain::private::Private| {
            private.token().map(|token| token.as_str().to_owned()).unwrap_or_default()
        };
        Self {
            dossier_id,
            code: submitted.code.to_string(),
            stage: Stage::Submitted,
            stage_before: Stage::Submitted,
            procedure_id: submitted.procedure.id.0,
            procedure_version: i64::from(submitted.procedure.version),
            supporting_agency: submitted.agencies.supporting.map(|agency| agency.0),
            receiving_agency: submitted.agencies.receiving.0,
            competent_agency: submitted.agencies.competent.0,
            holder_agency: None,
            holder_unit: None,
            assignee: None,
            held_before: None,
            transit_agency: None,
            consulted: None,
            channel: channel_name(submitted.channel).to_owned(),
            applicant_kind: applicant_kind_name(submitted.applicant.kind).to_owned(),
            applicant_name: sealed(&submitted.applicant.name),
            subject: submitted.subject.as_ref().map(sealed),
            submitted_at: micros(occurrence.occurred_at),
            answer_by: submitted.answer_by.map(micros),
            received_at: None,
            due_at_original: None,
            legal_due_at: None,
            due_at: None,
            paused_since: None,
            supplements: 0,
            extensions: 0,
            approval: dossier::Approval::None.name().to_owned(),
            ended_at: None,
            outcome: None,
            returned_at: None,
            withdrawn_at: None,
            refused_at: None,
            stopped_at: None,
            announced: 0,
            paper_files: 0,
            result_files: 0,
            financial_state: FinancialState::None.name().to_owned(),
            finance: FinanceText::default(),
            import_source: submitted.imported.as_ref().map(|imported| imported.source.clone()),
            activities: 0,
            anomalies: 0,
            stream_version: occurrence.version.0,
            position: occurrence.position.0,
        }
    }

    /// The receiving, the competent and the holding agency, as [`dossier::Filed::answering`].
    pub fn answering(&self) -> impl Iterator<Item = AgencyId> + Clone {
        let agencies = [Some(self.receiving_agency), Some(self.competent_agency), self.holder_agency];
        agencies.into_iter().flatten().map(AgencyId)
    }

    fn hold(&mut self, holder: &dossier::Holder) {
        self.holder_agency = Some(holder.agency.0);
        self.holder_unit = holder.unit.as_ref().map(ToString::to_string);
        self.assignee = holder.assignee.map(|assignee| assignee.0);
    }

    fn apply(&mut self, at: i64, event: &Dossier) {
        let held_before = if event.is_beside_the_work() { None } else { self.held_before.take() };
        match event {
            Dossier::Submitted(_) => {}
            Dossier::FileAttached(attached) => match attached.purpose {
                dossier::FilePurpose::Paper => self.paper_files += 1,
                dossier::FilePurpose::Result => self.result_files += 1,
            },
            Dossier::Sent(sent) => self.transit_agency = Some(sent.to.0),
            Dossier::SentBack(_) => self.transit_agency = None,
            Dossier::Recalled(_) => {
                if self.transit_agency.take().is_none() {
                    self.take_back(held_before.as_deref());
                }
            }
            Dossier::IntakeSupplementRequested(requested) => {
                self.answer_by = requested.request.answer_by.map(micros);
            }
            Dossier::IntakeSupplementReceived(received) => self.answer_by = received.answer_by.map(micros),
            Dossier::Refused(_) => self.refused_at = Some(at),
            Dossier::Received(received) => {
                self.received_at = Some(at);
                self.due_at_original = received.due_at.map(micros);
                self.legal_due_at = self.due_at_original;
                self.due_at = self.due_at_original;
                self.hold(&received.holder);
            }
            Dossier::Forwarded(forwarded) => {
                let before = self.held_by();
                self.hold(&forwarded.to);
                self.held_before = before;
            }
            Dossier::Accepted(accepted) => {
                self.transit_agency = None;
                self.hold(&accepted.holder);
            }
            Dossier::StepCompleted(completed) => {
                self.activities += 1;
                self.count(&completed.anomalies);
            }
            Dossier::OpinionRequested(requested) => {
                let mut consulted = self.consulted.take().map(|text| text + " ").unwrap_or_default();
                consulted += &format!("{}:{}", requested.opinion, requested.from.0);
                self.consulted = Some(consulted);
            }
            Dossier::OpinionGiven(given) => {
                let number = format!("{}:", given.opinion);
                let still = |text: String| {
                    let rest: Vec<_> = text.split(' ').filter(|asked| !asked.starts_with(&number)).collect();
                    (!rest.is_empty()).then(|| rest.join(" "))
                };
                self.consulted = self.consulted.take().and_then(still);
            }
            Dossier::Proposed(proposed) => self.approve(dossier::Approval::Proposed(proposed.outcome)),
            Dossier::Approved(_) => "APPROVED".clone_into(&mut self.approval),
            Dossier::ReworkRequested(_) => self.approve(dossier::Approval::None),
            Dossier::Signed(_) => "SIGNED".clone_into(&mut self.approval),
            Dossier::Issued(_) => "ISSUED".clone_into(&mut self.approval),
            Dossier::SupplementRequested(requested) => {
                self.paused_since = Some(at);
                self.supplements += 1;
                self.answer_by = requested.request.answer_by.map(micros);
            }
            Dossier::Paused(paused) => {
                self.paused_since = Some(at);
                self.answer_by = paused.until.map(micros);
            }
            Dossier::SupplementReceived(received) => self.resume(&received.clock),
            Dossier::Resumed(resumed) => self.resume(&resumed.clock),
            Dossier::ObligationRequested(_)
            | Dossier::PaymentRecorded(_)
            | Dossier::ObligationWaived(_)
            | Dossier::PaymentRefunded(_) => {
                self.finance.0.evolve(event);
                self.finance.0.state().name().clone_into(&mut self.financial_state);
            }
            Dossier::Extended(extended) => {
                self.extensions += 1;
                self.due_at = Some(micros(extended.due_at));
            }
            Dossier::ProcessingFinished(finished) => {
                self.ended_at = Some(at);
                self.outcome = Some(outcome_name(finished.outcome).to_owned());
                self.count(&finished.anomalies);
            }
            Dossier::ResultReturned(_) => self.returned_at = Some(at),
            Dossier::DelegateNamed(_) | Dossier::DelegateRemoved(_) => {}
            Dossier::Stopped(_) => self.stopped_at = Some(at),
            Dossier::Withdrawn(_) => self.withdrawn_at = Some(at),
            Dossier::ApplicantNotified(notified) => {
                self.announced = self.announced.max(i64::from(notified.about == Notice::ResultReady));
            }
            Dossier::CarriedOver(carried) => {
                self.held_before = held_before;
                self.carry_over(carried.from.0, carried.to.0);
            }
            Dossier::Corrected(corrected) => self.correct(corrected.what),
        }
        (self.stage_before, self.stage) = Stage::after((self.stage_before, self.stage), event);
    }

    /// When something is due next: the answer of the office or of the applicant before receipt, else the result; the end
    /// of time where nobody says when. Nothing once it is closed.
    fn next_due(&self) -> Option<i64> {
        match self.stage {
            Stage::Submitted | Stage::AwaitingIntakeSupplement => Some(self.answer_by.unwrap_or(i64::MAX)),
            Stage::Received
            | Stage::InProgress
            | Stage::AwaitingSupplement
            | Stage::AwaitingPayment
            | Stage::OnHold
            | Stage::Suspended
            | Stage::Finished => Some(self.due_at.unwrap_or(i64::MAX)),
            Stage::Refused | Stage::Stopped | Stage::Returned | Stage::Withdrawn => None,
        }
    }

    /// The holder as one text: `agency unit assignee`, a dash for what is not there.
    fn held_by(&self) -> Option<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let (unit, assignee) = (self.holder_unit.clone(), self.assignee.map(|id| id.to_string()));
        self.holder_agency.map(|agency| format!("{agency} {} {}", or_dash(unit), or_dash(assignee)))
    }

    fn take_back(&mut self, held_before: Option<&str>) {
        let Some(mut parts) = held_before.map(|text| text.split(' ')) else { return };
        let mut next = || parts.next().filter(|part| *part != "-");
        self.holder_agency = next().and_then(|agency| agency.parse().ok());
        self.holder_unit = next().map(str::to_owned);
        self.assignee = next().and_then(|assignee| assignee.parse().ok());
    }

    fn carry_over(&mut self, from: Uuid, to: Uuid) {
        let there = |agency| if agency == from { to } else { agency };
        self.supporting_agency = self.supporting_agency.map(there);
        self.receiving_agency = there(self.receiving_agency);
        self.competent_agency = there(self.competent_agency);
        self.holder_agency = self.holder_agency.map(there);
        self.transit_agency =
            self.transit_agency.map(there).filter(|agency| Some(*agency) != self.holder_agency);
        let (old, new) = (from.to_string(), to.to_string());
        let renamed = |text: Option<String>| text.map(|text| text.replace(&old, &new));
        self.consulted = renamed(self.consulted.take());
        self.held_before = renamed(self.held_before.take());
    }

    fn approve(&mut self, approval: dossier::Approval) {
        approval.name().clone_into(&mut self.approval);
    }

    fn resume(&mut self, clock: &dossier::Resumption) {
        self.due_at = clock.due_at.map(micros);
        self.legal_due_at = clock.legal_due_at.or(clock.due_at).map(micros);
    }

    fn correct(&mut self, what: Correctable) {
        match what {
            Correctable::Refused => self.refused_at = None,
            Correctable::StepCompleted => self.activities -= 1,
            Correctable::ProcessingFinished => (self.ended_at, self.outcome) = (None, None),
            Correctable::ResultReturned => self.returned_at = None,
            Correctable::Stopped => self.stopped_at = None,
            Correctable::Withdrawn => self.withdrawn_at = None,
        }
    }
}

impl DossierSummary {
    fn count(&mut self, anomalies: &[dossier::Anomaly]) {
        self.anomalies += anomalies.iter().map(anomaly_count).sum::<i64>();
    }
}

fn anomaly_count(anomaly: &dossier::Anomaly) -> i64 {
    match anomaly {
        dossier::Anomaly::ActivitiesAfterEnd { count } => i64::from(*count),
        dossier::Anomaly::BeforePrevious
        | dossier::Anomaly::StepNotInProcedure
        | dossier::Anomaly::EndedBeforeStart
        | dossier::Anomaly::EndedBeforeFirstActivity => 1,
    }
}

impl ReadModel for DossierSummary {
    const VERSION: i64 = 5;
    const TABLE: Table = Table {
        name: "dossier_summary",
        key: &[uuid("dossier_id")],
        values: &[
            text("code"),
            text("stage"),
            text("stage_before"),
            uuid("procedure_id"),
            int("procedure_version"),
            uuid("supporting_agency"),
            uuid("receiving_agency"),
            uuid("competent_agency"),
            uuid("holder_agency"),
            text("holder_unit"),
            uuid("assignee"),
            text("held_before"),
            uuid("transit_agency"),
            text("consulted"),
            text("channel"),
            text("applicant_kind"),
            text("applicant_name"),
            text("subject"),
            int("submitted_at"),
            int("answer_by"),
            int("received_at"),
            int("due_at_original"),
            int("legal_due_at"),
            int("due_at"),
            int("paused_since"),
            int("supplements"),
            int("extensions"),
            text("approval"),
            int("ended_at"),
            text("outcome"),
            int("returned_at"),
            int("withdrawn_at"),
            int("refused_at"),
            int("stopped_at"),
            int("announced"),
            int("paper_files"),
            int("result_files"),
            text("financial_state"),
            text("finance"),
            text("import_source"),
            int("activities"),
            int("anomalies"),
            int("stream_version"),
            int("position"),
            int("next_due"),
        ],
    };

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
        if let Some(row) = rows.first_mut() {
            row.apply(micros(occurrence.occurred_at), event);
            row.stream_version = occurrence.version.0;
            row.position = occurrence.position.0;
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(occurrence)) else {
            return Err(FoldError { event: occurrence.event.type_name(), of: "dossier" });
        };
        rows.push(Self::new(dossier_id, occurrence, submitted));
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.dossier_id.into(),
            self.code.as_str().into(),
            self.stage.name().into(),
            self.stage_before.name().into(),
            self.procedure_id.into(),
            self.procedure_version.into(),
            self.supporting_agency.into(),
            self.receiving_agency.into(),
            self.competent_agency.into(),
            self.holder_agency.into(),
            self.holder_unit.as_ref().into(),
            self.assignee.into(),
            self.held_before.as_ref().into(),
            self.transit_agency.into(),
            self.consulted.as_ref().into(),
            self.channel.as_str().into(),
            self.applicant_kind.as_str().into(),
            self.applicant_name.as_str().into(),
            self.subject.as_ref().into(),
            self.submitted_at.into(),
            self.answer_by.into(),
            self.received_at.into(),
            self.due_at_original.into(),
            self.legal_due_at.into(),
            self.due_at.into(),
            self.paused_since.into(),
            self.supplements.into(),
            self.extensions.into(),
            self.approval.as_str().into(),
            self.ended_at.into(),
            self.outcome.as_ref().into(),
            self.returned_at.into(),
            self.withdrawn_at.into(),
            self.refused_at.into(),
            self.stopped_at.into(),
            self.announced.into(),
            self.paper_files.into(),
            self.result_files.into(),
            self.financial_state.as_str().into(),
            self.finance.text().into(),
            self.import_source.as_ref().into(),
            self.activities.into(),
            self.anomalies.into(),
            self.stream_version.into(),
            self.position.into(),
            self.next_due().into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            code: cells.text()?,
            stage: cells.text()?.try_into().map_err(|_| WrongCell)?,
            stage_before: cells.text()?.try_into().map_err(|_| WrongCell)?,
            procedure_id: cells.uuid()?,
            procedure_version: cells.int()?,
            supporting_agency: cells.uuid_or_null()?,
            receiving_agency: cells.uuid()?,
            competent_agency: cells.uuid()?,
            holder_agency: cells.uuid_or_null()?,
            holder_unit: cells.text_or_null()?,
            assignee: cells.uuid_or_null()?,
            held_before: cells.text_or_null()?,
            transit_agency: cells.uuid_or_null()?,
            consulted: cells.text_or_null()?,
            channel: cells.text()?,
            applicant_kind: cells.text()?,
            applicant_name: cells.text()?,
            subject: cells.text_or_null()?,
            submitted_at: cells.int()?,
            answer_by: cells.int_or_null()?,
            received_at: cells.int_or_null()?,
            due_at_original: cells.int_or_null()?,
            legal_due_at: cells.int_or_null()?,
            due_at: cells.int_or_null()?,
            paused_since: cells.int_or_null()?,
            supplements: cells.int()?,
            extensions: cells.int()?,
            approval: cells.text()?,
            ended_at: cells.int_or_null()?,
            outcome: cells.text_or_null()?,
            returned_at: cells.int_or_null()?,
            withdrawn_at: cells.int_or_null()?,
            refused_at: cells.int_or_null()?,
            stopped_at: cells.int_or_null()?,
            announced: cells.int()?,
            paper_files: cells.int()?,
            result_files: cells.int()?,
            financial_state: cells.text()?,
            finance: cells.text()?.try_into().map_err(|_| WrongCell)?,
            import_source: cells.text_or_null()?,
            activities: cells.int()?,
            anomalies: cells.int()?,
            stream_version: cells.int()?,
            position: cells.int()?,
        })
        // What is due next follows from the others.
    }
}

impl DossierSummary {
    /// What QĐ 766/QĐ-TTg measures; `None` before receipt.
    pub fn measure(&self) -> Option<Measure> {
        self.received_at?;
        let waits = self.stage == Stage::AwaitingSupplement;
        Some(Measure {
            due_at: self.legal_due_at.map(instant),
            ended_at: self.ended_at.or(self.stopped_at).or(self.withdrawn_at).map(instant),
            waiting_since: self.paused_since.filter(|_| waits).map(instant),
            supplements: u32::try_from(self.supplements).unwrap_or(u32::MAX),
        })
    }

    /// Agencies whose opinion is waited for, with the numbers of the questions.
    pub fn consulted(&self) -> impl Iterator<Item = (u32, Uuid)> {
        self.consulted.as_deref().unwrap_or_default().split(' ').filter_map(|asked| {
            let (number, agency) = asked.split_once(':')?;
            Some((number.parse().ok()?, agency.parse().ok()?))
        })
    }
}
