//! Procedure: an administrative procedure (thủ tục hành chính), defined as data and published in versions. A dossier
//! keeps the version in force when it entered, so a later version never moves it. Term: docs/glossary.md

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codes::{ProcedureCode, StepCode};
use crate::decider::{self, Decider, events};
use crate::private::HasPrivate;
use crate::time::Instant;
use crate::working_time::{DuePolicy, Term};

/// What can be asked of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Lay down a definition, with what an importer or editor found wrong in it.
    Draft { code: ProcedureCode, definition: Definition, defects: Vec<Defect> },
    /// Put the last draft in force as the next version. Refused while it has a defect of severity error.
    Publish,
}

events! {
    /// Facts about a procedure.
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
    pub term: ProcedureTerm,
    #[serde(default)]
    pub due_policy: DuePolicy,
    /// Fee in đồng; `None` when the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_vnd: Option<u64>,
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
        versions: Vec<Arc<Definition>>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub definition: Arc<Definition>,
    pub defects: Vec<Defect>,
}

impl Draft {
    pub fn has_errors(&self) -> bool {
        self.defects.iter().any(|defect| defect.severity == Severity::Error)
    }
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the procedure has no draft to publish")]
    NothingToPublish,
    #[error("the draft has defects of severity error")]
    DraftHasErrors,
    #[error("the stream belongs to the procedure {code}")]
    OtherCode { code: ProcedureCode },
}

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NothingToPublish => "NOTHING_TO_PUBLISH",
            Self::DraftHasErrors => "DRAFT_HAS_ERRORS",
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
        let definition = versions.get(usize::try_from(version.checked_sub(1)?).ok()?)?;
        Some(InForce { code: code.clone(), version, definition: Arc::clone(definition) })
    }
}

/// One published version of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    pub code: ProcedureCode,
    pub version: u32,
    pub definition: Arc<Definition>,
}

impl Definition {
    /// Whether a dossier under this definition passes through the task.
    pub fn has_task(&self, code: &StepCode) -> bool {
        self.steps.iter().flat_map(|step| &step.tasks).any(|task| task.code == *code)
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
                if versions.last().is_some_and(|last| **last == *definition) =>
            {
                Ok(Vec::new())
            }
            (_, Command::Draft { code, definition, defects }) => Ok(vec![Event::Drafted(Drafted {
                code: code.clone(),
                definition: definition.clone(),
                defects: defects.clone(),
            })]),
            (Self::Defined { draft: Some(draft), versions, .. }, Command::Publish) => {
                if draft.has_errors() {
                    return Err(Rejection::DraftHasErrors);
                }
                let version = u32::try_from(versions.len() + 1).map_err(|_| Rejection::NothingToPublish)?;
                Ok(vec![Event::Published(Published { version })])
            }
            (_, Command::Publish) => Err(Rejection::NothingToPublish),
        }
    }

    fn evolve(self, _at: Instant, event: &Event) -> Self {
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
                versions.push(draft.definition);
                Self::Defined { code, draft: None, versions }
            }
        }
    }
}

/// `procedure-<id>`
pub fn stream(id: crate::identity::ProcedureId) -> String {
    format!("{}-{id}", Procedure::CATEGORY)
}
