//! What is wrong with a definition, all of it at once. An error keeps it a draft: a citizen would get a wrong
//! appointment or a dossier that cannot reach its end. A warning is published and shown.
//!
//! | | error | warning |
//! | --- | --- | --- |
//! | `process` | no name, no step, no task, more than [`PARTS_MAX`] steps and tasks or papers; a term that is not sane; the steps (with branches: the longest way) take longer than the term; the end of processing or the tax notice is no task; no end of processing, and none can be assumed | the steps take less than the term; the end of processing is assumed |
//! | `step` | no group | its tasks take longer |
//! | `task` | code malformed or used twice; next unknown, twice the same, or a circle; branches and no next; waits for branches, and fewer than two lead to it; ends the processing, and no way leads to it; a pause that no later task ends | no way leads to it; several ways lead to it, and it does not wait; an assumed end of processing to which no way leads; a pause within a pause, an end of none |
//! | particulars | code malformed; paper or result twice; online levels not in the order of their days | |
//! | `form` | what [`Form::check`](crate::form::Form::check) says | a mark without effect |

#[cfg(test)]
pub(super) mod tests;

use std::collections::HashSet;

use super::way::Way;
use super::{Defect, Definition, ProcedureTerm, Severity};
use crate::codes::{FieldCode, InvalidCode, PaperCode, ResultCode, StepCode};
use crate::working_time::Term;

/// Steps and tasks together; papers; results. The largest known procedure has 18 tasks.
pub const PARTS_MAX: usize = 1_000;
/// Ten years.
pub const DAYS_MAX: u32 = 3_650;
/// A year of office time.
pub const HOURS_MAX: u32 = 2_000;

/// Defects in the order in which they were found.
#[derive(Default)]
pub(super) struct Found(pub(super) Vec<Defect>);

impl Found {
    pub(super) fn error(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Error, element, reason.into());
    }

    pub(super) fn warning(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Warning, element, reason.into());
    }

    pub(super) fn push(&mut self, severity: Severity, element: &str, reason: String) {
        let defect = Defect { severity, element: element.to_owned(), reason };
        // Two tasks of one code can have the same said about them.
        if !self.0.contains(&defect) {
            self.0.push(defect);
        }
    }

    fn code(&mut self, element: &str, parsed: Result<(), InvalidCode>) {
        if let Err(invalid) = parsed {
            self.error(element, invalid.to_string());
        }
    }
}

impl Definition {
    /// all that is wrong with the definition. Source: docs/legal/rules.md#r-70
    pub fn check(&self) -> Vec<Defect> {
        let mut found = Found(self.check_without_the_way());
        if !self.too_large() {
            Way::of(self).check(self, &mut found);
        }
        found.0
    }

    /// As [`Self::check`], but for the way through the tasks: for a source in which parts of the way cannot be read.
    pub fn check_without_the_way(&self) -> Vec<Defect> {
        let mut found = Found::default();
        if self.too_large() {
            found.error("process", format!("more than {PARTS_MAX} steps and tasks, papers or results"));
            return found.0;
        }
        if self.name.trim().is_empty() {
            found.error("process", "name is missing");
        }
        if self.steps.is_empty() {
            found.error("process", "no step");
        } else if self.tasks().next().is_none() {
            found.error("process", "no task");
        }
        self.check_terms(&mut found);
        self.check_times(&mut found);
        self.check_codes(&mut found);
        self.check_particulars(&mut found);
        if let Some(form) = &self.form {
            found.0.extend(form.check());
        }
        found.0
    }

    /// What was known of the definition, and what [`Self::check`] finds beside it.
    pub fn defects_with(&self, known: &[Defect]) -> Vec<Defect> {
        let mut all = known.to_vec();
        all.extend(self.check().into_iter().filter(|found| !known.contains(found)));
        all
    }

    fn too_large(&self) -> bool {
        let steps_and_tasks: usize = self.steps.iter().map(|step| 1 + step.tasks.len()).sum();
        PARTS_MAX < steps_and_tasks || PARTS_MAX < self.papers.len() || PARTS_MAX < self.results.len()
    }

    /// a term must be one that an office could mean. Source: docs/legal/rules.md#r-71
    fn check_terms(&self, found: &mut Found) {
        let takes_time = self.tasks().any(|task| task.half_days.is_some_and(|half_days| 0 < half_days));
        let terms = [Some(&self.term), self.online_term.as_ref()];
        for (term, name) in terms.into_iter().zip(["term", "online term"]) {
            let Some(ProcedureTerm::Fixed(term)) = term else { continue };
            let (length, max, unit) = match *term {
                Term::WorkingDays(days) => (days, DAYS_MAX, "working days"),
                Term::CalendarDays(days) => (days, DAYS_MAX, "calendar days"),
                Term::WorkingHours(hours) => (hours, HOURS_MAX, "working hours"),
                // No half-day is "nhận sáng trả sáng".
                Term::HalfDays(half_days) => (half_days.max(1), 2 * DAYS_MAX, "half-days"),
                Term::Given(_) | Term::Open => continue,
            };
            if max < length {
                found.error("process", format!("the {name} is {length} {unit}, more than {max}"));
            } else if length == 0 && takes_time {
                found.error("process", format!("the {name} is 0 {unit}, and the tasks take longer"));
            }
        }
    }

    /// the parts should not take longer than the whole. Source: docs/legal/rules.md#r-72
    fn check_times(&self, found: &mut Found) {
        for (number, step) in (1..).zip(&self.steps) {
            let side_by_side = step.tasks.iter().any(|task| !task.also.is_empty());
            let of_tasks = sum(step.tasks.iter().map(|task| task.half_days));
            if let Some(of_step) =
                step.half_days.filter(|of_step| u64::from(*of_step) < of_tasks && !side_by_side)
            {
                let reason =
                    format!("its tasks take {} days, the step {}", days(of_tasks), days(of_step.into()));
                found.warning(&step_element(number), reason);
            }
        }
        let branches = self.tasks().any(|task| !task.also.is_empty());
        let Some(total) = self.half_days().filter(|_| !self.steps.is_empty() && !branches) else { return };
        let on_the_way = || self.steps.iter().filter(|step| !step.no_chain);
        let of_steps = sum(on_the_way().map(|step| step.half_days));
        let reason = format!("the steps take {} days, the term is {}", days(of_steps), days(total));
        if total < of_steps {
            found.error("process", reason);
        } else if of_steps < total && on_the_way().all(|step| step.half_days.is_some()) {
            found.warning("process", reason);
        }
    }

    /// The term in half working days, where it can be told.
    pub(super) fn half_days(&self) -> Option<u64> {
        match &self.term {
            ProcedureTerm::Fixed(Term::WorkingDays(days)) => Some(2 * u64::from(*days)),
            ProcedureTerm::Fixed(Term::HalfDays(half_days)) => Some(u64::from(*half_days)),
            ProcedureTerm::Fixed(
                Term::WorkingHours(_) | Term::CalendarDays(_) | Term::Given(_) | Term::Open,
            )
            | ProcedureTerm::SetAtReceipt => None,
        }
    }

    /// Stored codes are taken as they are, so what is about to be published is looked at again.
    fn check_codes(&self, found: &mut Found) {
        for (number, step) in (1..).zip(&self.steps) {
            if step.group.trim().is_empty() {
                found.error(&step_element(number), "group is missing");
            }
            for task in &step.tasks {
                let checked = StepCode::parse(task.code.as_str()).map(drop);
                found.code(&task_element(number, &task.code), checked);
            }
        }
        if let Some(code) = &self.field_code {
            found.code("process", FieldCode::parse(code.as_str()).map(drop));
        }
    }

    fn check_particulars(&self, found: &mut Found) {
        let mut papers = HashSet::new();
        for (number, paper) in (1..).zip(&self.papers) {
            let element = format!("paper[{number}]");
            found.code(&element, PaperCode::parse(paper.code.as_str()).map(drop));
            if !papers.insert(&paper.code) {
                found.error(&element, format!("the code {} is also that of a paper before", paper.code));
            }
        }
        let mut results = HashSet::new();
        for (number, result) in (1..).zip(&self.results) {
            let element = format!("result[{number}]");
            found.code(&element, ResultCode::parse(result.code.as_str()).map(drop));
            if !results.insert(&result.code) {
                found.error(&element, format!("the code {} is also that of a result before", result.code));
            }
        }
        for (number, pair) in (2..).zip(self.online.windows(2)) {
            if let [before, after] = pair
                && after.from <= before.from
            {
                let reason =
                    format!("the level of {} does not come after that of {}", after.from, before.from);
                found.error(&format!("online[{number}]"), reason);
            }
        }
    }
}

pub(super) fn step_element(number: usize) -> String {
    format!("step[{number}]")
}

pub(super) fn task_element(step: usize, code: &StepCode) -> String {
    let shown: String = code.as_str().chars().filter(|char| !char.is_control()).take(80).collect();
    format!("{}/task[{shown}]", step_element(step))
}

fn sum(half_days: impl Iterator<Item = Option<u32>>) -> u64 {
    half_days.flatten().map(u64::from).sum()
}

/// Half days as people write them.
pub(super) fn days(half_days: u64) -> String {
    format!("{}{}", half_days / 2, if half_days % 2 == 1 { ".5" } else { "" })
}
