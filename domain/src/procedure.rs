//! Procedure: an administrative procedure (thủ tục hành chính), defined as data and published in versions. A dossier
//! keeps the version in force when it entered, so a later version never moves it. Term: docs/glossary.md

mod check;
mod particulars;
#[cfg(test)]
mod tests;
mod way;

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::codes::{FieldCode, ProcedureCode, StepCode};
use crate::decider::{self, Decider, events};
use crate::form::Form;
use crate::private::HasPrivate;
use crate::time::Instant;
use crate::working_time::{DuePolicy, Term};
pub use check::{DAYS_MAX, HOURS_MAX, PARTS_MAX};
pub use particulars::{Fee, FeeChannel, FeeKind, OnlineLevel, OnlineService, Paper, Policies, ResultKind};

/// What can be asked of a procedure.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a command lives for one decision")]
pub enum Command {
    /// Lay down a definition, with what an importer or editor found wrong in it.
    Draft { code: ProcedureCode, definition: Definition, defects: Vec<Defect> },
    /// Put the last draft in force as the next version. Refused while it has a defect of severity error, reported with
    /// the draft or found by [`Definition::check`].
    Publish,
}

events! {
    /// Facts about a procedure.
    #[expect(clippy::large_enum_variant, reason = "drafts are few, and read one at a time")]
    pub enum Event {
        "procedure.drafted.v1" => Drafted,
        "procedure.published.v1" => Published,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drafted {
    pub code: ProcedureCode,
    pub definition: Definition,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<Defect>,
}

/// The last draft is in force from here on, under this version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub version: u32,
}

impl HasPrivate for Drafted {}
impl HasPrivate for Published {}

/// How a procedure runs. Public, all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    /// Field (lĩnh vực) the procedure belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_code: Option<FieldCode>,
    /// By the day from which each level holds, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub online: Vec<OnlineService>,
    pub term: ProcedureTerm,
    /// Where a dossier filed online has another term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_term: Option<ProcedureTerm>,
    #[serde(default)]
    pub due_policy: DuePolicy,
    /// One fee for all channels, in đồng, where the source knows no more; `None` when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_vnd: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Paper>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ResultKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    #[serde(default, skip_serializing_if = "Policies::are_default")]
    pub policies: Policies,
    pub steps: Vec<Step>,
    /// The task whose completion ends the processing: on time or late is measured there, not at the hand-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_processing: Option<EndOfProcessing>,
}

/// The time the law gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcedureTerm {
    Fixed(Term),
    /// The officer enters the date at receipt (e-par: `totaltime="-1"`).
    SetAtReceipt,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    /// The group of officers that does it, as the source names it: `BP_MOT_CUA`.
    pub group: String,
    /// Time in half working days; `None` when the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_days: Option<u32>,
    /// A side branch: its time is not part of the whole, and nobody is reminded of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_chain: bool,
    pub tasks: Vec<Task>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub code: StepCode,
    pub name: String,
    /// Time in half working days; `None` when the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_days: Option<u32>,
    /// The task after this one; `None` ends the procedure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<StepCode>,
    /// Tasks that begin together with `next`: branches side by side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<StepCode>,
    /// Waits until all tasks that lead to it are done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joins: bool,
    /// The clock stops when this task is done (tax notice handed out).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pauses: bool,
    /// The clock runs again when this task is done (tax receipt handed in).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndOfProcessing {
    pub task: StepCode,
    /// Not in the source: taken to be the last task before the result is returned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// Something wrong with a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Defect {
    pub severity: Severity,
    /// Where: `process`, `step[2]`, `step[2]/task[DT01::THU_LY]`.
    pub element: String,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Stays a draft.
    Error,
    /// Published, and shown.
    Warning,
}

/// A procedure as of its last event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Procedure {
    #[default]
    Absent,
    Defined {
        code: ProcedureCode,
        /// What would be published next.
        draft: Option<Draft>,
        /// Version n is at n - 1.
        versions: Vec<Version>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub definition: Arc<Definition>,
    pub published_at: Instant,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub definition: Arc<Definition>,
    pub defects: Vec<Defect>,
}

impl Draft {
    /// What was reported with the draft, and what it shows by itself.
    pub fn all_defects(&self) -> Vec<Defect> {
        self.definition.defects_with(&self.defects)
    }
}

/// Whether something keeps the definition a draft.
pub fn has_errors(defects: &[Defect]) -> bool {
    defects.iter().any(|defect| defect.severity == Severity::Error)
}

/// The first errors, as one line.
fn listed(defects: &[Defect]) -> String {
    const SHOWN_MAX: usize = 5;
    let errors = || defects.iter().filter(|defect| defect.severity == Severity::Error);
    let mut shown: Vec<_> =
        errors().take(SHOWN_MAX).map(|defect| format!("{}: {}", defect.element, defect.reason)).collect();
    if SHOWN_MAX < errors().count() {
        shown.push("and more".to_owned());
    }
    shown.join("; ")
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the procedure has no draft to publish")]
    NothingToPublish,
    /// With all defects, warnings as well.
    #[error("the draft has defects of severity error: {}", listed(defects))]
    DraftHasErrors { defects: Vec<Defect> },
    #[error("the stream belongs to the procedure {code}")]
    OtherCode { code: ProcedureCode },
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NothingToPublish => "NOTHING_TO_PUBLISH",
            Self::DraftHasErrors { .. } => "DRAFT_HAS_ERRORS",
            Self::OtherCode { .. } => "OTHER_PROCEDURE_CODE",
        }
    }
}

impl Procedure {
    /// The definition in force, with its version.
    pub fn in_force(&self) -> Option<InForce> {
        let Self::Defined { versions, .. } = self else { return None };
        self.version(u32::try_from(versions.len()).ok()?)
    }

    /// A published version, from 1.
    pub fn version(&self, version: u32) -> Option<InForce> {
        let Self::Defined { code, versions, .. } = self else { return None };
        let Version { definition, published_at } =
            versions.get(usize::try_from(version.checked_sub(1)?).ok()?)?;
        let definition = Arc::clone(definition);
        Some(InForce { code: code.clone(), version, definition, published_at: *published_at })
    }

    /// What was in force at an instant.
    pub fn in_force_at(&self, at: Instant) -> Option<InForce> {
        let Self::Defined { versions, .. } = self else { return None };
        let published = versions.iter().take_while(|version| version.published_at <= at).count();
        self.version(u32::try_from(published).ok()?)
    }
}

/// One published version of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    pub code: ProcedureCode,
    pub version: u32,
    pub definition: Arc<Definition>,
    pub published_at: Instant,
}

impl Definition {
    /// Says no more than it must; the rest is silent or as usual.
    pub fn new(name: impl Into<String>, term: ProcedureTerm, steps: Vec<Step>) -> Self {
        Self {
            name: name.into(),
            field: None,
            field_code: None,
            online: Vec::new(),
            term,
            online_term: None,
            due_policy: DuePolicy::default(),
            fee_vnd: None,
            fees: Vec::new(),
            papers: Vec::new(),
            results: Vec::new(),
            form: None,
            policies: Policies::default(),
            steps,
            end_of_processing: None,
        }
    }

    /// Whether a dossier under this definition passes through the task.
    pub fn has_task(&self, code: &StepCode) -> bool {
        self.tasks().any(|task| task.code == *code)
    }

    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.steps.iter().flat_map(|step| &step.tasks)
    }

    /// What a task that joins branches waits for: the last task of each. Nothing for any other task.
    pub fn awaited_by(&self, code: &StepCode) -> Vec<&StepCode> {
        if !self.tasks().any(|task| task.code == *code && task.joins) {
            return Vec::new();
        }
        // A task that leads back to it comes after it, and is not waited for.
        let way = self.way();
        let before = way.iter().take_while(|before| **before != code);
        before
            .filter_map(|before| self.tasks().find(|task| task.code == **before))
            .filter(|task| task.followers().any(|follower| follower == code))
            .map(|task| &task.code)
            .collect()
    }

    /// Codes of the tasks that are reached from the first one, each after all that lead to it.
    pub fn way(&self) -> Vec<&StepCode> {
        way::Way::of(self).codes().collect()
    }

    /// The task that is taken to end the processing where none is marked; `None` where none can be told.
    pub fn assumed_end(&self) -> Option<&StepCode> {
        way::Way::of(self).assumed_end()
    }

    /// To what extent the procedure is offered online on a day; `None` before the first level that is known.
    pub fn online_level(&self, on: NaiveDate) -> Option<OnlineLevel> {
        self.online.iter().rev().find(|service| service.from <= on).map(|service| service.level)
    }
}

impl Step {
    /// Says no more than it must.
    pub fn new(name: impl Into<String>, group: impl Into<String>, tasks: Vec<Task>) -> Self {
        Self { name: name.into(), group: group.into(), half_days: None, no_chain: false, tasks }
    }
}

impl Task {
    /// Says no more than it must.
    pub fn new(code: StepCode, name: impl Into<String>) -> Self {
        Self {
            code,
            name: name.into(),
            half_days: None,
            next: None,
            also: Vec::new(),
            joins: false,
            pauses: false,
            resumes: false,
        }
    }

    /// The tasks that begin when this one is done.
    pub fn followers(&self) -> impl Iterator<Item = &StepCode> {
        self.next.iter().chain(&self.also)
    }
}

impl Decider for Procedure {
    const CATEGORY: &'static str = "procedure";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, _at: Instant, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Defined { code: known, .. }, Command::Draft { code, .. }) if known != code => {
                Err(Rejection::OtherCode { code: known.clone() })
            }
            (Self::Defined { draft: Some(draft), .. }, Command::Draft { definition, defects, .. })
                if *draft.definition == *definition && draft.defects == *defects =>
            {
                Ok(Vec::new())
            }
            (Self::Defined { draft: None, versions, .. }, Command::Draft { definition, .. })
                if versions.last().is_some_and(|last| *last.definition == *definition) =>
            {
                Ok(Vec::new())
            }
            (_, Command::Draft { code, definition, defects }) => Ok(vec![Event::Drafted(Drafted {
                code: code.clone(),
                definition: definition.clone(),
                defects: defects.clone(),
            })]),
            (Self::Defined { draft: Some(draft), versions, .. }, Command::Publish) => {
                let defects = draft.all_defects();
                if has_errors(&defects) {
                    return Err(Rejection::DraftHasErrors { defects });
                }
                let version = u32::try_from(versions.len() + 1).map_err(|_| Rejection::NothingToPublish)?;
                Ok(vec![Event::Published(Published { version })])
            }
            (_, Command::Publish) => Err(Rejection::NothingToPublish),
        }
    }

    fn evolve(self, at: Instant, event: &Event) -> Self {
        match event {
            Event::Drafted(drafted) => {
                let draft = Some(Draft {
                    definition: Arc::new(drafted.definition.clone()),
                    defects: drafted.defects.clone(),
                });
                let versions = match self {
                    Self::Absent => Vec::new(),
                    Self::Defined { versions, .. } => versions,
                };
                Self::Defined { code: drafted.code.clone(), draft, versions }
            }
            Event::Published(_) => {
                let Self::Defined { code, draft: Some(draft), mut versions } = self else { return self };
                versions.push(Version { definition: draft.definition, published_at: at });
                Self::Defined { code, draft: None, versions }
            }
        }
    }
}

/// `procedure-<id>`
pub fn stream(id: crate::identity::ProcedureId) -> String {
    format!("{}-{id}", Procedure::CATEGORY)
}
