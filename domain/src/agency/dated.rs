//! A value that changes from a day on.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// What holds at first, and what holds from which day on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dated<T> {
    first: T,
    then: BTreeMap<NaiveDate, T>,
}

impl<T> Dated<T> {
    pub(super) fn new(first: T) -> Self {
        Self { first, then: BTreeMap::new() }
    }

    pub(super) fn on(&self, day: NaiveDate) -> &T {
        self.then.range(..=day).next_back().map_or(&self.first, |(_, value)| value)
    }

    /// From that day to the next change that is known already. What was said of the same day before is replaced.
    pub(super) fn set(&mut self, from: NaiveDate, value: T) {
        self.then.insert(from, value);
    }

    pub(super) fn days(&self) -> impl Iterator<Item = NaiveDate> {
        self.then.keys().copied()
    }
}
