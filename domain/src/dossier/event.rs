//! What is written about a dossier, for ever. The business time is on the envelope. An event stores what was decided
//! from outside (law, calendar, officer), never what can be folded from its own stream.

use serde::{Deserialize, Serialize};

use super::Agencies;
use crate::calendar::CalendarVersion;
use crate::codes::{DossierCode, PaperCode, ProcedureCode, StepCode, UnitCode};
use crate::decider::events;
use crate::identity::{AgencyId, KeyId, PrincipalId, ProcedureId};
use crate::private::{HasPrivate, KeyOwner, Private, show};
use crate::time::Instant;
use crate::working_time::{DuePolicy, OfficeHours, Term};

events! {
    /// Facts about a dossier.
    #[expect(clippy::large_enum_variant, reason = "events are few and short-lived; a box would be one more allocation")]
    pub enum Event {
        "dossier.submitted.v1" => Submitted,
        "dossier.intake_supplement_requested.v1" => IntakeSupplementRequested,
        "dossier.intake_supplement_received.v1" => IntakeSupplementReceived,
        "dossier.refused.v1" => Refused,
        "dossier.received.v1" => Received,
        "dossier.forwarded.v1" => Forwarded,
        "dossier.step_completed.v1" => StepCompleted,
        "dossier.supplement_requested.v1" => SupplementRequested,
        "dossier.supplement_received.v1" => SupplementReceived,
        "dossier.processing_finished.v1" => ProcessingFinished,
        "dossier.result_returned.v1" => ResultReturned,
        "dossier.withdrawn.v1" => Withdrawn,
    }
}

/// The dossier entered the system and has its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    pub code: DossierCode,
    pub code_rule: CodeRule,
    pub procedure: ProcedureRef,
    pub agencies: Agencies,
    pub channel: Channel,
    /// Seals the free text of this dossier.
    pub dossier_key: KeyId,
    pub applicant: Applicant,
    /// Trích yếu: what is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Private>,
    /// The form's answers as one JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
    /// Set on dossiers taken over from another system: the name of the source and the case in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportedFrom>,
}

/// Which rule gave the code its date: the receiving agency's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRule {
    /// Online: an applicant must be able to look it up, and the national feed wants it in every state.
    AtSubmission,
    /// At the counter and by post: the day of receipt (TT 01/2018/TT-VPCP, Art. 19).
    AtReceipt,
}

/// The version in force when the dossier entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureRef {
    pub id: ProcedureId,
    pub code: ProcedureCode,
    pub version: u32,
}

/// The way the dossier came in. National codes (KenhThucHien): 1 counter, 2 online, 3 post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Online,
    Counter,
    Post,
    Email,
    Internal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applicant {
    /// Seals what is about this person in this dossier; no two dossiers share it.
    pub key: KeyId,
    pub kind: ApplicantKind,
    pub name: Private,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_number: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Private>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Private>,
}

/// LoaiDoiTuong of the national feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicantKind {
    Citizen,
    Enterprise,
    StateAgency,
    OtherOrganisation,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportedFrom {
    pub source: String,
    pub case: String,
}

/// What is missing, why, and until when it is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementRequest {
    pub reason: Private,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Instant>,
}

/// What was brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperCode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntakeSupplementRequested {
    #[serde(flatten)]
    pub request: SupplementRequest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntakeSupplementReceived {
    #[serde(flatten)]
    pub supply: Answer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    pub reason: Private,
}

/// The clock starts and the appointment is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Received {
    pub term: Term,
    /// `None`: the procedure gives no appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// What the due instant was computed with, so that it can be computed again.
    pub calendar: CalendarVersion,
    pub office_hours: OfficeHours,
    pub due_policy: DuePolicy,
    pub holder: Holder,
}

/// Who has the dossier in hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub agency: AgencyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<PrincipalId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forwarded {
    pub to: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCompleted {
    pub step: StepCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
}

/// The clock stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementRequested {
    #[serde(flatten)]
    pub request: SupplementRequest,
}

/// The clock runs again, towards this due instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplementReceived {
    #[serde(flatten)]
    pub supply: Answer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    pub calendar: CalendarVersion,
}

/// The end of processing (NgayKetThucXuLy).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessingFinished {
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result asked for is issued.
    Granted,
    /// Examined and not granted, with reasons: not a refusal at intake.
    Declined,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultReturned {
    pub method: ReturnMethod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Private>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnMethod {
    Counter,
    Post,
    Online,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Private>,
}

/// Something odd in the source of an import. It is written down and counted; nothing is dropped or corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// The business time lies before one already written.
    BeforePrevious,
    StepNotInProcedure,
    EndedBeforeStart,
    EndedBeforeFirstActivity,
    ActivitiesAfterEnd {
        count: u32,
    },
}

type Visit<'a> = &'a mut dyn FnMut(&'static str, KeyOwner, &mut Private);

impl HasPrivate for Submitted {
    fn each_private(&mut self, visit: Visit) {
        let applicant = &mut self.applicant;
        visit("applicant.name", KeyOwner::Applicant, &mut applicant.name);
        show(visit, "applicant.id_number", KeyOwner::Applicant, &mut applicant.id_number);
        show(visit, "applicant.phone", KeyOwner::Applicant, &mut applicant.phone);
        show(visit, "applicant.email", KeyOwner::Applicant, &mut applicant.email);
        show(visit, "applicant.address", KeyOwner::Applicant, &mut applicant.address);
        show(visit, "subject", KeyOwner::Dossier, &mut self.subject);
        show(visit, "form", KeyOwner::Applicant, &mut self.form);
    }
}

impl HasPrivate for IntakeSupplementRequested {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.request.reason);
    }
}

impl HasPrivate for IntakeSupplementReceived {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.supply.note);
    }
}

impl HasPrivate for Refused {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.reason);
    }
}

impl HasPrivate for Received {}

impl HasPrivate for Forwarded {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.note);
    }
}

impl HasPrivate for StepCompleted {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.note);
    }
}

impl HasPrivate for SupplementRequested {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.request.reason);
    }
}

impl HasPrivate for SupplementReceived {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.supply.note);
    }
}

impl HasPrivate for ProcessingFinished {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.note);
    }
}

impl HasPrivate for ResultReturned {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.note);
    }
}

impl HasPrivate for Withdrawn {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "reason", KeyOwner::Dossier, &mut self.reason);
    }
}
