//! Tables to take away: CSV for programs, XLSX for people. Both are made of one [`Table`], so they say the same; none has a
//! column for a person.

mod csv;
mod xlsx;

#[cfg(test)]
mod tests;

use domain::time::Instant;

/// A table with its heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// In Vietnamese, without the period.
    pub title: String,
    /// What the figures hold for, and how they are computed: a line each above the table, in XLSX only.
    pub notes: Vec<String>,
    pub columns: Vec<Column>,
    /// As many cells as columns.
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub title: &'static str,
    /// In characters, of the sheet.
    pub width: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Empty,
    Text(String),
    Count(i64),
    /// A share in per cent or a mean, with two decimals.
    Decimal(f64),
    /// Shown in local time.
    Moment(Instant),
}

/// A table cannot be made. A bug, or a table beyond what a sheet can hold.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("the table cannot be written as CSV")]
    Csv(#[from] ::csv::Error),
    #[error("the table cannot be written as XLSX")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
}

impl Table {
    /// UTF-8 with a byte order mark, without which spreadsheets take Vietnamese for something else; RFC 4180.
    pub fn csv(&self) -> Result<Vec<u8>, TableError> {
        csv::of(self)
    }

    pub fn xlsx(&self) -> Result<Vec<u8>, TableError> {
        xlsx::of(self)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Cell {
    fn from(count: i64) -> Self {
        Self::Count(count)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl From<Instant> for Cell {
    fn from(at: Instant) -> Self {
        Self::Moment(at)
    }
}
