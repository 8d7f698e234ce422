//! Counting working days in constant time: where each working day is, and how many come before each day.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};

/// Rank and selection over every day of the loaded years. Eleven years take about 27 kB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkingDays {
    /// The first loaded day, as a count of days since the year 1.
    first: i32,
    /// `before[i]`: working days among the first `i` loaded days; one longer than the number of loaded days.
    before: Vec<u32>,
    /// The working days in order.
    days: Vec<NaiveDate>,
}

impl WorkingDays {
    pub(super) fn new(years: &RangeInclusive<i32>, is_working: impl Fn(NaiveDate) -> bool) -> Self {
        let start = NaiveDate::from_yo_opt(*years.start(), 1).unwrap_or(NaiveDate::MAX);
        let mut before = vec![0];
        let mut days = Vec::new();
        let mut counted = 0;
        for date in start.iter_days().take_while(|date| years.contains(&date.year())) {
            if is_working(date) {
                counted += 1;
                days.push(date);
            }
            before.push(counted);
        }
        Self { first: start.num_days_from_ce(), before, days }
    }

    /// `None`: the date is not loaded.
    pub(super) fn is_working(&self, date: NaiveDate) -> Option<bool> {
        self.working_days_around(date).map(|(before, with)| before < with)
    }

    /// Working days before `date`, and up to and including it. `None`: the date is not loaded.
    pub(super) fn working_days_around(&self, date: NaiveDate) -> Option<(u32, u32)> {
        let offset = self.offset(date)?;
        Some((*self.before.get(offset)?, *self.before.get(offset + 1)?))
    }

    /// Working days before `date`, which may be the day after the last loaded one.
    pub(super) fn working_days_before(&self, date: NaiveDate) -> Option<u32> {
        self.before.get(self.offset(date)?).copied()
    }

    /// The working day with `position` others before it.
    pub(super) fn get(&self, position: u32) -> Option<NaiveDate> {
        self.days.get(usize::try_from(position).ok()?).copied()
    }

    fn offset(&self, date: NaiveDate) -> Option<usize> {
        usize::try_from(date.num_days_from_ce() - self.first).ok()
    }
}
