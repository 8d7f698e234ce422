//! What can be asked. Scope is part of every query: nobody sees outside it under any filter.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use domain::access::{Function, Scope};
use domain::account::Over;
use domain::agency::{self, Agency, Known, Tree};
use domain::codes::{DossierCode, ProcedureCode};
use domain::dossier::{self, Channel, Stage};
use domain::identity::{AgencyId, DisclosureId, DossierId, ProcedureId};
use domain::private::SealedToken;
use domain::recorded::{Position, Recorded, Version};
use domain::time::{Instant, day_start, local_date};
use infrastructure::event_store::{StoredRow, micros};
use infrastructure::keys::{KeyError, key_of};
use projections::Model;
use projections::agency_directory::{self, AgencyDirectory};
use projections::dossier_summary::{self, Cursor, DossierSummary, Filter, Waiting, WorkList};
use projections::procedure_catalogue::{self, ProcedureCatalogue};
use projections::public_status::{self, PublicStatus};
use projections::read_side::WAIT_MAX;
use uuid::Uuid;

use super::boards::page;
use super::dossiers::plain;
use super::{Caller, Service};
use crate::problem::{Problem, ServiceError};

pub(super) const SEARCH_CHARS_MAX: usize = 300;

/// In the place of a value whose key was destroyed.
pub(super) const ERASED: &str = "[đã xóa]";

/// What to list, as clients say it.
#[derive(Clone, Debug, Default)]
pub struct SearchInput {
    pub agency: Option<String>,
    pub stage: Option<Stage>,
    pub procedure: Option<String>,
    pub channel: Option<Channel>,
    pub text: Option<String>,
}

/// What waits for the caller, the unit or the agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkListOf {
    /// In the caller's own hand.
    Mine,
    /// In the caller's unit.
    Unit,
    /// Anywhere in the caller's agency.
    Agency,
    /// Before receipt by it.
    Intake,
    /// Results that it has to hand out.
    ToReturn,
    /// Sent to it, and not taken or sent back yet.
    Incoming,
    /// Its opinion is waited for.
    Consulted,
}

/// Some dossiers, newest first.
#[derive(Clone, Debug)]
pub struct DossierPage {
    pub rows: Vec<DossierSummary>,
    pub has_more: bool,
}

/// One event of a dossier, with the state after it.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub recorded: Recorded,
    pub stage: Option<Stage>,
    pub due_at: Option<Instant>,
}

/// Names of agencies and procedures, to show beside ids.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub agencies: HashMap<Uuid, AgencyDirectory>,
    pub procedures: HashMap<Uuid, ProcedureCatalogue>,
    tree: Tree,
}

impl Names {
    /// The agencies that a grant comes to today. Who has the place of others has their dossiers too.
    pub fn scope_of(&self, over: Over) -> Scope {
        self.tree.scope_of(over)
    }
}

/// Names, and what was so when they were read: the day, and how often the rows had changed.
pub(super) struct KeptNames {
    names: Arc<Names>,
    as_of: (i64, Vec<(String, i64)>),
}

/// How personal data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// By right.
    Plain,
    /// In plain as well, for as long as this is open.
    Disclosed(DisclosureId),
    /// In plain as well: it is the caller's own dossier, as the applicant or as who acts for them.
    Own,
    Masked,
}

/// A private value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub text: String,
    /// It is the value itself: whoever shows it writes that down.
    pub is_plain: bool,
}

impl Shown {
    /// Plain to who may read personal data of the agency that takes the dossier in, decides it or holds it: who merely
    /// helped to file it, or is asked for an opinion, sees it masked. To whom it is disclosed, [`Service::disclosed`] tells.
    pub fn to(caller: &Caller, row: &DossierSummary) -> Self {
        if caller.principal.may(Function::ReadPersonalData, row.answering()) {
            Self::Plain
        } else {
            Self::Masked
        }
    }
}

impl Service {
    pub(super) fn database(&self) -> &infrastructure::db::Database {
        self.read_side.database()
    }

    /// Waits until the models have seen a position that a mutation returned.
    pub async fn wait_for(&self, models: &[Model], position: Option<Position>) -> Result<(), ServiceError> {
        Ok(self.read_side.wait_for(models, position, WAIT_MAX).await?)
    }

    /// Whether the caller sees any dossier at all: those in scope, or their own.
    fn looks_at_dossiers(caller: &Caller) -> Result<(), Problem> {
        if caller.principal.has(Function::File) { Ok(()) } else { Self::scope(caller).map(drop) }
    }

    /// Whose dossiers the caller may know of.
    pub(super) fn scope(caller: &Caller) -> Result<&Scope, Problem> {
        Ok(caller.principal.require(Function::ReadDossiers)?)
    }

    /// The agency that a code meant on a day.
    pub(super) async fn agency_filter(
        &self,
        code: Option<&str>,
        on: Instant,
    ) -> Result<Option<Uuid>, ServiceError> {
        match code {
            // Nothing is found under a code that nobody ever had.
            Some(code) => match self.agency_ever("agency", code, local_date(on)).await {
                Ok(id) => Ok(Some(id.0)),
                Err(ServiceError::Problem(Problem::NotFound { .. })) => Ok(Some(Uuid::nil())),
                Err(error) => Err(error),
            },
            None => Ok(None),
        }
    }

    pub async fn dossier_by_id(
        &self,
        caller: &Caller,
        id: DossierId,
    ) -> Result<Option<DossierSummary>, ServiceError> {
        Self::scope(caller)?;
        let row = dossier_summary::by_id(self.database(), id.0).await?;
        Ok(row.filter(|row| sees(caller, row)))
    }

    pub async fn dossier_by_code(
        &self,
        caller: &Caller,
        code: &str,
    ) -> Result<Option<DossierSummary>, ServiceError> {
        Self::scope(caller)?;
        let code = DossierCode::parse(code).map_err(Problem::code_of("code"))?;
        let row = dossier_summary::by_code(self.database(), code.as_str()).await?;
        Ok(row.filter(|row| sees(caller, row)))
    }

    async fn filter(&self, caller: &Caller, search: &SearchInput) -> Result<Filter, ServiceError> {
        let agency = self.agency_filter(search.agency.as_deref(), self.clock().now()).await?;
        let procedure = match &search.procedure {
            Some(code) => {
                Some(ProcedureId::of(&ProcedureCode::parse(code).map_err(Problem::code_of("procedure"))?).0)
            }
            None => None,
        };
        let text = search.text.as_deref().unwrap_or_default();
        let text = Some(plain("search", text, SEARCH_CHARS_MAX)?).filter(|text| !text.is_empty());
        Ok(Filter {
            scope: Self::scope(caller)?.clone(),
            agency,
            stage: search.stage,
            procedure,
            channel: search.channel,
            search: text,
        })
    }

    pub async fn dossiers(
        &self,
        caller: &Caller,
        search: &SearchInput,
        after: Option<Cursor>,
        first: i64,
    ) -> Result<DossierPage, ServiceError> {
        let filter = self.filter(caller, search).await?;
        let after = after.unwrap_or(Cursor::START);
        let mut rows = dossier_summary::page(self.database(), &filter, after, first + 1).await?;
        let has_more = first < rows.len() as i64;
        rows.truncate(usize::try_from(first).unwrap_or(usize::MAX));
        Ok(DossierPage { rows, has_more })
    }

    pub async fn count_dossiers(&self, caller: &Caller, search: &SearchInput) -> Result<i64, ServiceError> {
        Ok(dossier_summary::count(self.database(), &self.filter(caller, search).await?).await?)
    }

    /// What waits, the earliest due first, and how much there is of it.
    pub async fn work_list(
        &self,
        caller: &Caller,
        of: WorkListOf,
        after: Option<(i64, Uuid)>,
        first: i64,
    ) -> Result<(Vec<Waiting>, bool, i64), ServiceError> {
        let acting = &caller.principal.acting_as;
        let agency = acting.agency.0;
        // Where somebody works is no right to see: what the agency has waiting may be beyond what they are granted.
        let scope = match Self::scope(caller)? {
            scope if scope.covers([acting.agency]) => &Scope::Province,
            scope => scope,
        };
        let list = match of {
            WorkListOf::Mine => WorkList::Assigned { agency, officer: caller.principal.id.0 },
            WorkListOf::Unit => {
                let unit = acting.unit.clone();
                let unit = unit.ok_or_else(|| Problem::invalid("of", "the caller acts for no unit"))?;
                WorkList::Unit { agency, unit }
            }
            WorkListOf::Agency => WorkList::Held(agency),
            WorkListOf::Intake => WorkList::Intake(agency),
            WorkListOf::ToReturn => WorkList::ToReturn(agency),
            WorkListOf::Incoming => WorkList::Incoming(agency),
            WorkListOf::Consulted => WorkList::Consulted(agency),
        };
        let after = after.unwrap_or((i64::MIN, Uuid::nil()));
        let rows = dossier_summary::work_list(self.database(), &list, scope, after, first + 1).await?;
        let (rows, has_more) = page(rows, first);
        let total = dossier_summary::count_waiting(self.database(), &list, scope).await?;
        Ok((rows, has_more, total))
    }

    /// What the caller can do with some dossiers as they stand, by the rules that decide.
    pub async fn allowed_acts(
        &self,
        caller: &Caller,
        dossiers: &[DossierId],
    ) -> Result<HashMap<DossierId, Result<Vec<dossier::Act>, ServiceError>>, ServiceError> {
        Self::looks_at_dossiers(caller)?;
        let streams: Vec<String> = dossiers.iter().map(|id| dossier::stream(*id)).collect();
        let mut loaded = self.executor.load_all::<dossier::Dossier>(&streams).await?;
        let acts = |(id, stream): (&DossierId, &String)| {
            let known = match loaded.remove(stream)? {
                Ok(known) => known,
                Err(error) => return Some((*id, Err(error.into()))),
            };
            let filed = known.state.filed()?;
            looks_into(caller, filed).then(|| (*id, Ok(filed.allowed(&caller.principal))))
        };
        Ok(dossiers.iter().zip(&streams).filter_map(acts).collect())
    }

    /// A dossier as it was at an instant, by what was known at another: now, where one is absent.
    pub fn dossier_at(
        &self,
        history: &[HistoryEntry],
        (as_of, known_at): (Option<Instant>, Option<Instant>),
    ) -> Option<dossier::Filed> {
        let known = history.iter().filter(|entry| known_at.is_none_or(|at| entry.recorded.recorded_at <= at));
        let at = as_of.unwrap_or_else(|| self.clock().now());
        match dossier::as_of(events_of(known), at) {
            dossier::Dossier::Filed(filed) => Some(*filed),
            dossier::Dossier::Absent => None,
        }
    }

    /// Anybody may ask. A code that is not one is an absent dossier: the answer tells nothing else.
    pub async fn public_status(&self, code: &str) -> Result<Option<PublicStatus>, ServiceError> {
        let Ok(code) = DossierCode::parse(code.trim()) else { return Ok(None) };
        Ok(public_status::by_code(self.database(), code.as_str()).await?)
    }

    /// Names of agencies and procedures, as the read models have them: kept until their rows change, or the day does.
    pub async fn names(&self) -> Result<Arc<Names>, ServiceError> {
        let today = agency_directory::day_number(local_date(self.clock().now()));
        let changes = self.read_side.changes([Model::AgencyDirectory, Model::ProcedureCatalogue]).await?;
        let as_of = (today, changes);
        let kept = |kept: &Option<KeptNames>| {
            kept.as_ref().filter(|kept| kept.as_of == as_of).map(|kept| Arc::clone(&kept.names))
        };
        if let Some(names) = kept(&self.kept_names()) {
            return Ok(names);
        }
        let names = Arc::new(self.read_names(today).await?);
        *self.kept_names() = Some(KeptNames { names: Arc::clone(&names), as_of });
        Ok(names)
    }

    fn kept_names(&self) -> MutexGuard<'_, Option<KeptNames>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_names(&self, today: i64) -> Result<Names, ServiceError> {
        // As they are called today, or were called last: the rows of one agency follow each other.
        let agencies: HashMap<Uuid, AgencyDirectory> = agency_directory::all(self.database())
            .await?
            .into_iter()
            .filter(|row| row.from_day <= today)
            .map(|row| (row.agency_id, row))
            .collect();
        let mut tree = Tree::default();
        let mut gone = Vec::new();
        for row in agencies.values() {
            if let Some(parent) = row.parent_id {
                tree.put_below(AgencyId(parent), AgencyId(row.agency_id));
            }
            if row.ended_day <= today {
                gone.push((row.agency_id, agency::stream(AgencyId(row.agency_id))));
            }
        }
        let streams: Vec<String> = gone.iter().map(|(_, stream)| stream.clone()).collect();
        let mut ended = self.executor.load_all::<Agency>(&streams).await?;
        for (id, stream) in gone {
            let Some(agency) = ended.remove(&stream).transpose()? else { continue };
            let succession = agency.state.known().and_then(Known::succession);
            for heir in succession.iter().flat_map(|succession| &succession.by) {
                tree.put_in_the_place_of(AgencyId(id), heir.agency);
            }
        }
        Ok(Names {
            agencies,
            tree,
            procedures: procedure_catalogue::all(self.database())
                .await?
                .into_iter()
                .map(|row| (row.procedure_id, row))
                .collect(),
        })
    }

    /// The events of a dossier with the state after each, for who may see it.
    pub async fn history(&self, caller: &Caller, id: DossierId) -> Result<Vec<HistoryEntry>, ServiceError> {
        self.histories(caller, &[id]).await?.remove(&id).unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The same of some dossiers. There is none of those that the caller may not see; one that cannot be read holds up no
    /// other.
    pub async fn histories(
        &self,
        caller: &Caller,
        dossiers: &[DossierId],
    ) -> Result<HashMap<DossierId, Result<Vec<HistoryEntry>, ServiceError>>, ServiceError> {
        Self::looks_at_dossiers(caller)?;
        let streams: HashMap<String, DossierId> =
            dossiers.iter().map(|id| (dossier::stream(*id), *id)).collect();
        let wanted: Vec<(&str, Version)> =
            streams.keys().map(|stream| (stream.as_str(), Version(0))).collect();
        let rows = self.store().read_streams(&wanted).await?;
        let mut histories = HashMap::new();
        for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
            let Some(id) = streams.get(&rows[0].stream) else { continue };
            if let Some(entries) = seen_entries(caller, rows).transpose() {
                histories.insert(*id, entries);
            }
        }
        Ok(histories)
    }

    /// Why a dossier is due when it is.
    pub async fn explain_deadline(
        &self,
        history: &[HistoryEntry],
    ) -> Result<Vec<dossier::Explained>, ServiceError> {
        let calendars = self.calendars_of(events_of(history)).await?;
        Ok(dossier::explain(events_of(history), &|version| calendars.version(version)))
    }

    /// When each task of a dossier is due.
    pub async fn schedule(&self, history: &[HistoryEntry]) -> Result<Vec<dossier::Planned>, ServiceError> {
        let state: dossier::Dossier = domain::decider::fold(events_of(history));
        let Some(filed) = state.filed() else { return Ok(Vec::new()) };
        let definition = self.definition(filed).await?;
        let calendars = self.calendars_of(events_of(history)).await?;
        Ok(dossier::schedule(events_of(history), &definition, &|version| calendars.version(version)))
    }

    /// Brings the keys of private values into hand together, so that opening them asks nothing more.
    pub async fn fetch_keys<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> Result<(), ServiceError> {
        let ids = tokens.filter_map(|token| key_of(&SealedToken::from_text(token)));
        Ok(self.executor.keys.fetch(ids.collect::<Vec<_>>()).await?)
    }

    /// A private value of an event of a dossier. The caller has been found to see the dossier.
    pub async fn private_text(
        &self,
        id: DossierId,
        type_name: &str,
        token: &str,
        shown: Shown,
    ) -> Result<Opened, ServiceError> {
        let stream = dossier::stream(id);
        let token = SealedToken::from_text(token);
        let secret = match self.executor.keys.open_value(&token, &stream, type_name).await {
            Err(KeyError::Destroyed(_)) => return Ok(Opened { text: ERASED.to_owned(), is_plain: false }),
            opened => opened?,
        };
        Ok(match shown {
            Shown::Plain | Shown::Disclosed(_) | Shown::Own => {
                Opened { text: secret.expose().to_owned(), is_plain: true }
            }
            Shown::Masked => Opened { text: mask(secret.expose()), is_plain: false },
        })
    }
}

/// The events of one dossier with the state after each, if the caller may see it.
fn seen_entries(caller: &Caller, rows: &[StoredRow]) -> Result<Option<Vec<HistoryEntry>>, ServiceError> {
    let mut state = dossier::Dossier::default();
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let recorded = row.clone().decode()?;
        if let domain::recorded::Event::Dossier(event) = &recorded.event {
            state = domain::decider::Decider::evolve(state, recorded.occurred_at, event);
        }
        let filed = state.filed();
        entries.push(HistoryEntry {
            stage: filed.map(dossier::Filed::stage),
            due_at: filed.and_then(dossier::Filed::clock).and_then(|clock| clock.due_at),
            recorded,
        });
    }
    let is_seen = state.filed().is_some_and(|filed| looks_into(caller, filed));
    Ok(is_seen.then_some(entries))
}

/// Whether the caller sees what happened to a dossier: it is in scope, or theirs.
fn looks_into(caller: &Caller, filed: &dossier::Filed) -> bool {
    caller.principal.may(Function::ReadDossiers, filed.concerned()) || filed.is_theirs(&caller.principal)
}

/// What happened to a dossier, with the business times.
pub(super) fn events_of<'a>(
    entries: impl IntoIterator<Item = &'a HistoryEntry>,
) -> impl Iterator<Item = (Instant, &'a dossier::Event)> {
    entries.into_iter().filter_map(|entry| match &entry.recorded.event {
        domain::recorded::Event::Dossier(event) => Some((entry.recorded.occurred_at, event)),
        domain::recorded::Event::Code(_)
        | domain::recorded::Event::Procedure(_)
        | domain::recorded::Event::Agency(_)
        | domain::recorded::Event::Calendar(_)
        | domain::recorded::Event::Synchronisation(_)
        | domain::recorded::Event::Notice(_)
        | domain::recorded::Event::Payment(_)
        | domain::recorded::Event::Account(_)
        | domain::recorded::Event::PermissionGroup(_)
        | domain::recorded::Event::Disclosure(_)
        | domain::recorded::Event::ReadModel(_) => None,
    })
}

pub(super) fn sees(caller: &Caller, row: &DossierSummary) -> bool {
    caller.principal.may(Function::ReadDossiers, concerned(row))
}

/// As [`dossier::Filed::concerned`].
pub(super) fn concerned(row: &DossierSummary) -> impl Iterator<Item = AgencyId> {
    let agencies = [
        row.supporting_agency,
        Some(row.receiving_agency),
        Some(row.competent_agency),
        row.holder_agency,
        row.transit_agency,
    ];
    let consulted = row.consulted().map(|(_, agency)| agency);
    agencies.into_iter().flatten().chain(consulted).map(AgencyId)
}

/// Midnight at the beginning of a local day, in microseconds.
pub(super) fn start_of(date: chrono::NaiveDate) -> i64 {
    micros(day_start(date))
}

/// Midnight at the end of a local day, in microseconds.
pub(super) fn end_of(date: chrono::NaiveDate) -> i64 {
    date.succ_opt().map_or(i64::MAX, start_of)
}

/// The first letter of each word, and how long the words are not: `Nguyễn Văn A` is `N*** V*** A***`.
pub(crate) fn mask(text: &str) -> String {
    text.split_whitespace()
        .filter_map(|word| word.chars().next())
        .map(|first| format!("{first}***"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_name_keeps_initials_only() {
        assert_eq!(mask("Nguyễn Văn  Ánh"), "N*** V*** Á***");
        assert_eq!(mask(""), "");
    }
}
