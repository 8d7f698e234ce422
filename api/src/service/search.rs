//! The one box that officers type or scan into: a code, part of a code, a person, or what a dossier is about.

use domain::access::{Function, Scope};
use domain::codes::DossierCode;
use domain::identity::DossierId;
use domain::recorded::Position;
use domain::text::fold;
use projections::Model;
use projections::dossier_summary::{self, Cursor, DossierSummary, Filter};
use projections::person_search::PersonMatch;
use projections::read_side::WAIT_MAX;
use uuid::Uuid;

use super::dossiers::plain;
use super::queries::{SEARCH_CHARS_MAX, sees};
use super::{Caller, PersonalField, Service};
use crate::problem::{Problem, ServiceError};

/// What a dossier was found by; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SearchMatch {
    Code,
    IdNumber,
    Phone,
    /// The applicant's whole name.
    Name,
    /// All words of the applicant's name, in any order.
    Words,
    PartOfCode,
    /// Procedure or agency.
    Text,
}

/// A dossier that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    pub row: DossierSummary,
    pub by: SearchMatch,
}

impl Hit {
    /// What of a person the caller knows by this hit.
    pub fn exposes(&self) -> Option<(DossierId, PersonalField)> {
        let field = match self.by {
            SearchMatch::IdNumber => PersonalField::ApplicantIdNumber,
            SearchMatch::Phone => PersonalField::ApplicantPhone,
            SearchMatch::Name | SearchMatch::Words => PersonalField::ApplicantName,
            SearchMatch::Code | SearchMatch::PartOfCode | SearchMatch::Text => return None,
        };
        Some((DossierId(self.row.dossier_id), field))
    }
}

impl From<PersonMatch> for SearchMatch {
    fn from(by: PersonMatch) -> Self {
        match by {
            PersonMatch::IdNumber => Self::IdNumber,
            PersonMatch::Phone => Self::Phone,
            PersonMatch::Name => Self::Name,
            PersonMatch::Words => Self::Words,
        }
    }
}

impl Service {
    /// What the caller may know of, the surest first and the newest first within that. People are found for those who may
    /// read personal data; for others there is nobody of that name.
    pub async fn search(
        &self,
        caller: &Caller,
        text: &str,
        first: i64,
        position: Option<Position>,
    ) -> Result<Vec<Hit>, ServiceError> {
        let scope = Self::scope(caller)?;
        let text = plain("text", text, SEARCH_CHARS_MAX)?;
        if text.is_empty() {
            return Err(Problem::invalid("text", "nothing to look for").into());
        }
        self.wait_for(&[Model::DossierSummary], position).await?;
        if let Ok(code) = DossierCode::parse(&as_scanned(&text))
            && let Some(row) = dossier_summary::by_code(self.database(), code.as_str()).await?
        {
            let hits = sees(caller, &row).then_some(Hit { row, by: SearchMatch::Code });
            return Ok(hits.into_iter().collect());
        }
        let mut hits = Vec::new();
        if let Some(scope) = caller.principal.powers.of(Function::ReadPersonalData) {
            self.people.wait_for(position, WAIT_MAX).await?;
            hits = self.search_people(caller, scope, &text, first).await?;
        }
        if text.contains(|character: char| character.is_ascii_digit()) {
            let part = as_scanned(&text);
            let rows = dossier_summary::with_part_of_code(self.database(), &part, scope, first).await?;
            add(&mut hits, rows, SearchMatch::PartOfCode);
        }
        if (hits.len() as i64) < first && text.contains(char::is_alphabetic) {
            let filter = Filter { search: Some(text), ..Filter::of(scope.clone()) };
            let rows = dossier_summary::page(self.database(), &filter, Cursor::START, first).await?;
            add(&mut hits, rows, SearchMatch::Text);
        }
        hits.truncate(usize::try_from(first).unwrap_or(0));
        Ok(hits)
    }

    async fn search_people(
        &self,
        caller: &Caller,
        scope: &Scope,
        text: &str,
        first: i64,
    ) -> Result<Vec<Hit>, ServiceError> {
        let found = self.people.find(text, scope, first).await?;
        let ids: Vec<Uuid> = found.iter().map(|found| found.dossier_id).collect();
        let mut rows = dossier_summary::by_ids(self.database(), &ids).await?;
        let hits = found.iter().filter_map(|found| {
            let at = rows.iter().position(|row| row.dossier_id == found.dossier_id)?;
            let row = rows.swap_remove(at);
            sees(caller, &row).then(|| Hit { row, by: found.by.into() })
        });
        Ok(hits.collect())
    }
}

fn add(hits: &mut Vec<Hit>, rows: Vec<DossierSummary>, by: SearchMatch) {
    for row in rows {
        if !hits.iter().any(|hit| hit.row.dossier_id == row.dossier_id) {
            hits.push(Hit { row, by });
        }
    }
}

/// A code as a scanner sends it or people type it: line end, lower case, other dashes, spaces.
fn as_scanned(text: &str) -> String {
    let dashes = |character| match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' => '-',
        other => other,
    };
    let text: String = text.chars().filter(|character| !character.is_whitespace()).map(dashes).collect();
    fold(&text).to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanned_code_is_the_code() {
        let code = "000.00.16.H42-190805-0001";
        for scanned in ["000.00.16.h42-190805-0001\r\n", " 000.00.16.H42 – 190805 – 0001", code] {
            assert_eq!(as_scanned(scanned), code);
        }
    }
}
