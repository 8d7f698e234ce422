//! What differs between two definitions, found on their JSON. An item of a list is known by what it is called, not by
//! where it stands: a task put between others is one addition, and one that is called otherwise is another one. Where
//! something was put is not told; that what stays has changed places is.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde_json::{Map, Value};

/// Nobody reads more.
pub(super) const DIFFERENCES_MAX: usize = 1_000;
/// What an item is called by: the first that it has.
const NAMES: [&str; 4] = ["code", "name", "from", "const"];
const NAME_CHARS_MAX: usize = 80;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub differences: Vec<Difference>,
    /// There are more, which are not listed.
    pub has_more: bool,
}

/// One difference. An addition has no `before`, a removal no `after`; of what has changed places both say the order in
/// which it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// For people: `steps[Giải quyết].tasks[THU_LY].half_days`.
    pub path: String,
    pub change: Change,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    Changed,
    Reordered,
}

impl Comparison {
    /// Member by member in the order of their names, item by item in the order of the list.
    pub fn of(before: &Value, after: &Value) -> Self {
        let mut comparison = Self::default();
        comparison.values("", before, after);
        comparison
    }

    fn values(&mut self, path: &str, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.members(path, before, after),
            (Value::Array(before), Value::Array(after)) => self.items(path, before, after),
            (before, after) if before == after => {}
            (before, after) => self.found(path, Change::Changed, Some(before), Some(after)),
        }
    }

    fn members(&mut self, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.either(&path, before.get(name), after.get(name));
        }
    }

    fn items(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let (old, new) = (labels(before), labels(after));
        let places: HashMap<&Label, usize> = (0..).zip(&new).map(|(place, label)| (label, place)).collect();
        let mut kept = Vec::new();
        for (label, item) in old.iter().zip(before) {
            let place = places.get(label).copied();
            kept.extend(place);
            self.either(&format!("{path}[{label}]"), Some(item), place.and_then(|place| after.get(place)));
        }
        let known: BTreeSet<usize> = kept.iter().copied().collect();
        for (place, (label, item)) in new.iter().zip(after).enumerate() {
            if !known.contains(&place) {
                self.either(&format!("{path}[{label}]"), None, Some(item));
            }
        }
        if !kept.is_sorted() {
            let order = |places: &mut dyn Iterator<Item = usize>| {
                places.filter_map(|place| new.get(place)).map(ToString::to_string).collect::<Value>()
            };
            let (was, is) = (order(&mut kept.iter().copied()), order(&mut known.iter().copied()));
            self.found(path, Change::Reordered, Some(&was), Some(&is));
        }
    }

    fn either(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(before), Some(after)) => self.values(path, before, after),
            (None, Some(_)) => self.found(path, Change::Added, None, after),
            (Some(_), None) => self.found(path, Change::Removed, before, None),
            (None, None) => {}
        }
    }

    fn found(&mut self, path: &str, change: Change, before: Option<&Value>, after: Option<&Value>) {
        if self.differences.len() == DIFFERENCES_MAX {
            self.has_more = true;
            return;
        }
        let (before, after) = (before.cloned(), after.cloned());
        self.differences.push(Difference { path: path.to_owned(), change, before, after });
    }
}

/// What an item is called, and the how-manieth of that name in its list it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label {
    name: Option<String>,
    nth: usize,
}

impl fmt::Display for Label {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, nth } = self;
        for char in name.iter().flat_map(|name| name.chars()).take(NAME_CHARS_MAX) {
            write!(out, "{char}")?;
        }
        match (name, nth) {
            (Some(_), 1) => Ok(()),
            (Some(_), nth) => write!(out, " #{nth}"),
            (None, nth) => write!(out, "#{nth}"),
        }
    }
}

fn labels(items: &[Value]) -> Vec<Label> {
    let mut seen: HashMap<Option<String>, usize> = HashMap::new();
    let label = |item| {
        let name = name_of(item);
        let nth = seen.entry(name.clone()).and_modify(|nth| *nth += 1).or_insert(1);
        Label { name, nth: *nth }
    };
    items.iter().map(label).collect()
}

fn name_of(item: &Value) -> Option<String> {
    match item {
        Value::Object(members) => NAMES.iter().filter_map(|name| members.get(*name)).find_map(text),
        plain => text(plain),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) | Value::Array(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}
