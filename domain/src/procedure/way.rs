//! The way through the tasks of a definition: a task is followed by the next one, or by several at once (branches), and
//! a task may wait for all that lead to it (a join).

use std::collections::{HashMap, HashSet};

use super::check::{Found, days, task_element};
use super::{Definition, Severity, Task};
use crate::codes::StepCode;

/// Name of the task that hands the result over, in the files of the e-par product.
const RETURN_RESULT: &str = "TRA_KET_QUA";

struct Node<'a> {
    element: String,
    task: &'a Task,
    /// Indexes of the tasks after it; what is unknown is left out.
    after: Vec<usize>,
}

pub(super) struct Way<'a> {
    nodes: Vec<Node<'a>>,
    /// Where a code stands first.
    places: HashMap<&'a StepCode, usize>,
    /// Indexes of the tasks that are reached from the first one, each after all that lead to it.
    order: Vec<usize>,
    /// Tasks whose next leads back to a task on the way to them.
    circles: Vec<usize>,
}

impl<'a> Way<'a> {
    pub(super) fn of(definition: &'a Definition) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        for (number, step) in (1..).zip(&definition.steps) {
            nodes.extend(step.tasks.iter().map(|task| Node {
                element: task_element(number, &task.code),
                task,
                after: Vec::new(),
            }));
        }
        let mut places = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            places.entry(&node.task.code).or_insert(index);
        }
        for node in &mut nodes {
            node.after = node.task.followers().filter_map(|code| places.get(code).copied()).collect();
        }
        let (order, circles) = walk(&nodes);
        Self { nodes, places, order, circles }
    }

    /// Whether every way that begins at the first task comes to an end.
    fn is_complete(&self) -> bool {
        let known = |index: &usize| self.unknown(&self.nodes[*index]).next().is_none();
        !self.order.is_empty() && self.circles.is_empty() && self.order.iter().all(known)
    }

    fn unknown<'n>(&'n self, node: &Node<'a>) -> impl Iterator<Item = &'a StepCode> + use<'a, 'n> {
        node.task.followers().filter(|code| !self.places.contains_key(code))
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &'a StepCode> {
        self.order.iter().map(|index| &self.nodes[*index].task.code)
    }

    /// The task before the one that returns the result; without such a task, the last one.
    pub(super) fn assumed_end(&self) -> Option<&'a StepCode> {
        let codes: Vec<_> = self.codes().collect();
        match codes.iter().rposition(|code| code.as_str().rsplit("::").next() == Some(RETURN_RESULT)) {
            Some(at) => codes.get(at.saturating_sub(1)).copied(),
            None => codes.last().copied().filter(|_| self.is_complete()),
        }
    }

    pub(super) fn check(&self, definition: &Definition, found: &mut Found) {
        self.check_next(found);
        self.check_circles(found);
        if self.is_complete() {
            self.check_reached(definition, found);
            self.check_joins(found);
            self.check_pauses(found);
            self.check_longest(definition, found);
        }
        self.check_end_of_processing(definition, found);
        if let Some(task) = &definition.policies.notice_after
            && !self.places.contains_key(task)
        {
            found.error(
                "process",
                format!("the tax notice follows {task}, which is not a task of the procedure"),
            );
        }
    }

    fn check_next(&self, found: &mut Found) {
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(first) = self.places.get(&node.task.code).filter(|first| **first != index) {
                found
                    .error(&node.element, format!("the code is also that of {}", self.nodes[*first].element));
            }
            for code in self.unknown(node) {
                let code: String = code.as_str().chars().take(80).collect();
                found.error(&node.element, format!("next {code:?} is not a task of the procedure"));
            }
            if node.task.next.is_none() && !node.task.also.is_empty() {
                found.error(&node.element, "branches, and no next");
            }
            let mut seen = HashSet::new();
            for code in node.task.followers().filter(|code| !seen.insert(*code)) {
                found.error(&node.element, format!("next names {code} twice"));
            }
        }
    }

    /// every task leads to an end. Source: docs/legal/rules.md#r-73
    fn check_circles(&self, found: &mut Found) {
        let ending = self.ending();
        for index in &self.circles {
            let what = if ending.contains(index) { "this branch" } else { "the procedure" };
            let reason = format!("next leads back to a task already passed: {what} never ends");
            found.error(&self.nodes[*index].element, reason);
        }
    }

    /// Tasks from which an end can be reached.
    fn ending(&self) -> HashSet<usize> {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for after in &node.after {
                before[*after].push(index);
            }
        }
        let mut open: Vec<usize> =
            (0..self.nodes.len()).filter(|index| self.nodes[*index].task.next.is_none()).collect();
        let mut ending: HashSet<usize> = open.iter().copied().collect();
        while let Some(index) = open.pop() {
            for index in &before[index] {
                if ending.insert(*index) {
                    open.push(*index);
                }
            }
        }
        ending
    }

    fn check_reached(&self, definition: &Definition, found: &mut Found) {
        let reached: HashSet<usize> = self.order.iter().copied().collect();
        let end = definition.end_of_processing.as_ref();
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| !reached.contains(index)) {
            // A second task of the same code is reported as such.
            if self.places.get(&node.task.code) != Some(&index) {
                continue;
            }
            found.warning(&node.element, "no way leads to this task");
            if let Some(end) = end.filter(|end| end.task == node.task.code) {
                let severity = if end.assumed { Severity::Warning } else { Severity::Error };
                found.push(
                    severity,
                    &node.element,
                    "it ends the processing, and no way leads to it".to_owned(),
                );
            }
        }
    }

    /// a task that waits for branches has branches to wait for. Source: docs/legal/rules.md#r-74
    fn check_joins(&self, found: &mut Found) {
        let mut leading: HashMap<usize, HashSet<usize>> = HashMap::new();
        for index in &self.order {
            for after in &self.nodes[*index].after {
                leading.entry(*after).or_default().insert(*index);
            }
        }
        for index in &self.order {
            let node = &self.nodes[*index];
            let ways = leading.get(index).map_or(0, HashSet::len);
            if node.task.joins && ways < 2 {
                found.error(&node.element, format!("it waits for branches, and {ways} lead to it"));
            } else if !node.task.joins && 1 < ways {
                let reason = format!("{ways} branches lead to it, and it does not wait for them");
                found.warning(&node.element, reason);
            }
        }
    }

    fn check_pauses(&self, found: &mut Found) {
        let mut paused_by: Option<&Node> = None;
        for node in self.order.iter().map(|index| &self.nodes[*index]) {
            match (node.task.pauses, node.task.resumes, paused_by) {
                (true, true, _) => found.error(&node.element, "the clock stops and runs again at one task"),
                (true, false, Some(_)) => found.warning(&node.element, "pause, but the clock stands already"),
                (true, false, None) => paused_by = Some(node),
                (false, true, None) => found.warning(&node.element, "unpause, but the clock runs already"),
                (false, true, Some(_)) => paused_by = None,
                (false, false, _) => {}
            }
        }
        if let Some(node) = paused_by {
            found.error(&node.element, "pause, and no later task has unpause");
        }
    }

    /// With branches the times do not add up: what counts is the longest way.
    fn check_longest(&self, definition: &Definition, found: &mut Found) {
        let branches = self.nodes.iter().any(|node| !node.task.also.is_empty());
        let Some(total) = definition.half_days().filter(|_| branches) else { return };
        let mut until = vec![0_u64; self.nodes.len()];
        for index in &self.order {
            let node = &self.nodes[*index];
            until[*index] += u64::from(node.task.half_days.unwrap_or(0));
            for after in &node.after {
                until[*after] = until[*after].max(until[*index]);
            }
        }
        let longest = until.into_iter().max().unwrap_or(0);
        if total < longest {
            let reason = format!("the longest way takes {} days, the term is {}", days(longest), days(total));
            found.error("process", reason);
        }
    }

    /// on time or late is measured at one task. Source: docs/legal/rules.md#r-75
    fn check_end_of_processing(&self, definition: &Definition, found: &mut Found) {
        const NONE: &str = "no task is marked as the end of processing";
        if self.nodes.is_empty() {
            return;
        }
        match (&definition.end_of_processing, self.assumed_end()) {
            (Some(end), _) if !self.places.contains_key(&end.task) => {
                let reason = format!("{} ends the processing, and is not a task of the procedure", end.task);
                found.error("process", reason);
            }
            (Some(end), _) if end.assumed => {
                found.warning("process", format!("{NONE}; {} is assumed", end.task));
            }
            (Some(_), _) => {}
            (None, Some(code)) => found.warning("process", format!("{NONE}; {code} is assumed")),
            (None, None) => found.error("process", format!("{NONE}, and none can be assumed")),
        }
    }
}

/// Depth first from the first task: the tasks reached, each after all that lead to it, and those that lead back.
fn walk(nodes: &[Node]) -> (Vec<usize>, Vec<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; nodes.len()];
    let (mut order, mut circles) = (Vec::new(), Vec::new());
    // Open tasks, outermost first, each with the number of followers already taken.
    let mut open: Vec<(usize, usize)> = Vec::new();
    if let Some(first) = marks.first_mut() {
        *first = Mark::Open;
        open.push((0, 0));
    }
    while let Some((index, taken)) = open.last_mut() {
        let index = *index;
        let Some(after) = nodes[index].after.get(*taken).copied() else {
            marks[index] = Mark::Done;
            order.push(index);
            open.pop();
            continue;
        };
        *taken += 1;
        match marks[after] {
            Mark::New => {
                marks[after] = Mark::Open;
                open.push((after, 0));
            }
            Mark::Open if !circles.contains(&index) => circles.push(index),
            Mark::Open | Mark::Done => {}
        }
    }
    order.reverse();
    (order, circles)
}
