//! Calendars: the one that holds for an agency, decisions about days off, and what a decision would touch.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use domain::access::Function;
use domain::calendar::{Calendar, CalendarVersion, DeclaredDay};
use domain::calendar_book::{self, CalendarBook, Command, Decided, DecidedDay, Opened};
use domain::codes::CalendarCode;
use domain::decider::Decider;
use domain::dossier;
use domain::identity::{CalendarId, DossierId, NAMESPACE};
use domain::recorded::Version;
use domain::time::{Instant, local_date};
use infrastructure::event_store::instant;
use infrastructure::execute::Folded;
use projections::dossier_summary::{self, OpenDossier};
use uuid::Uuid;

use super::agencies::the_decision;
use super::dossiers::{NAME_CHARS_MAX, plain};
use super::queries::{end_of, start_of};
use super::{Caller, Done, Service};
use crate::input::{AdoptCalendarInput, CalendarDayInput, DecideCalendarInput, OpenCalendarInput};
use crate::problem::{Problem, ServiceError};

const TABLE_BYTES_MAX: usize = 256 * 1024;
const DAYS_MAX: usize = 400;
/// Open dossiers that one question looks at: each of them is counted again from its events.
const CANDIDATES_MAX: usize = 2_000;

/// A dossier that a decision would move, if anybody moved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub dossier_id: Uuid,
    pub code: String,
    /// What the applicant was told, and what stays.
    pub due_at: Option<Instant>,
    /// What it would be, counted with the decision.
    pub would_be_due_at: Option<Instant>,
}

/// Some of the dossiers that a decision would move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    pub touched: Vec<Touched>,
    /// Dossiers whose events cannot be read: nobody can say what a decision does to them. The log says why.
    pub unreadable: Vec<Uuid>,
    /// The dossier after which to go on; there is nothing behind it if absent.
    pub next: Option<Uuid>,
}

/// The days of a calendar with the decisions behind them.
#[derive(Clone, Debug)]
pub struct Days {
    pub version: CalendarVersion,
    /// Of the stream of the calendar that is kept: that of the place, else the national one.
    pub stream_version: Version,
    pub first_year: i32,
    pub last_year: i32,
    pub provisional: Vec<i32>,
    pub days: Vec<DeclaredDay>,
}

impl Service {
    /// Takes over a whole table as the national calendar.
    pub async fn adopt_calendar(
        &self,
        caller: &Caller,
        input: &AdoptCalendarInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let table = match &input.table {
            Some(text) if TABLE_BYTES_MAX < text.len() => {
                return Err(Problem::invalid("table", "larger than 256 KiB").into());
            }
            Some(text) => Arc::new(Calendar::parse(text).map_err(|error| Problem::invalid("table", error))?),
            None => Arc::new(Calendar::built_in().clone()),
        };
        let mut request = self.request(caller, "adoptCalendar", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        let stream = calendar_book::stream(calendar_book::national());
        self.decide::<CalendarBook>(&stream, &request, Command::Adopt(table)).await
    }

    /// Begins a calendar of a place.
    pub async fn open_calendar(
        &self,
        caller: &Caller,
        input: &OpenCalendarInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let code = CalendarCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        let stream = calendar_book::stream(CalendarId::of(&code));
        let opened = Opened { code, name: plain("name", &input.name, NAME_CHARS_MAX)? };
        let request = self.request(caller, "openCalendar", input.idempotency_key, input)?;
        self.decide::<CalendarBook>(&stream, &request, Command::Open(opened)).await
    }

    /// Writes a decision down. It holds for what is computed from now on, and moves no dossier.
    pub async fn decide_calendar(
        &self,
        caller: &Caller,
        input: &DecideCalendarInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let id = calendar_id(input)?;
        let decided = decided(input)?;
        let stream = calendar_book::stream(id);
        let mut request = self.request(caller, "decideCalendar", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        if id == calendar_book::national() {
            let book = self.executor.load::<CalendarBook>(&stream).await?;
            if book.state == CalendarBook::Absent && request.expected.is_none_or(|seen| seen == book.version)
            {
                let at = request.at.unwrap_or_else(|| self.clock().now());
                // What is refused writes nothing, also not what it would have changed.
                book.state.begun().decide(at, &Command::Decide(decided.clone())).map_err(Problem::from)?;
                // The first decision changes what the program came with: that is written down first.
                let key = Uuid::new_v5(&NAMESPACE, b"adopt what is built in");
                let begin = self.request(caller, "beginCalendar", key, &"built in")?;
                let table = Arc::new(Calendar::built_in().clone());
                let begun = self.decide::<CalendarBook>(&stream, &begin, Command::Begin(table)).await?;
                request.expected = request.expected.map(|_| begun.version);
            }
        }
        self.decide::<CalendarBook>(&stream, &request, Command::Decide(decided)).await
    }

    /// The open dossiers whose due instant, counted with what holds now and with a decision that may be taken, is
    /// another one than with the calendar that it was counted with. Nothing is moved: what to do is for an officer to
    /// say, dossier by dossier.
    pub async fn calendar_impact(
        &self,
        caller: &Caller,
        question: &ImpactQuestion<'_>,
        after: Option<Uuid>,
        first: usize,
    ) -> Result<Impact, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let scope = Self::scope(caller)?;
        let decision = match question.decision {
            Some(input) => Some((calendar_id(input)?, decided(input)?)),
            None => None,
        };
        let touched_days = decision.iter().flat_map(|(_, decided)| decided.touched());
        let days: BTreeSet<NaiveDate> = touched_days.chain(question.from).chain(question.to).collect();
        let mut calendars = Calendars {
            service: self,
            decision,
            at: self.clock().now(),
            used: HashMap::new(),
            with_the_decision: HashMap::new(),
        };
        if let Some((id, _)) = &calendars.decision {
            // What could not be decided is told, also where it would touch nothing.
            calendars.decided(*id).await?;
        }
        let (Some(first_day), Some(last_day)) = (days.first(), days.last()) else {
            // A decision may settle a year and touch no day.
            let asked = question.decision.map(|_| Impact::default());
            return asked
                .ok_or_else(|| Problem::invalid("from", "neither a decision nor days are given").into());
        };
        let range = (start_of(*first_day), end_of(*last_day));
        let (database, mut last) = (self.read_side.database(), after.unwrap_or(Uuid::nil()));
        let candidates =
            dossier_summary::open_over(database, range, scope, last, CANDIDATES_MAX as i64 + 1).await?;
        let more = CANDIDATES_MAX < candidates.len();
        let mut impact = Impact::default();
        for candidate in candidates.iter().take(CANDIDATES_MAX) {
            if impact.touched.len() + impact.unreadable.len() == first {
                return Ok(Impact { next: Some(last), ..impact });
            }
            last = candidate.dossier_id;
            match calendars.would_be_due(candidate).await {
                Ok(touched) => impact.touched.extend(touched),
                Err(error) if error.is_about_one_stream() => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(error, dossier = %last, "a dossier is not counted again");
                    impact.unreadable.push(last);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Impact { next: more.then_some(last), ..impact })
    }

    /// The days of the calendar that an agency keeps, the national one without an agency.
    pub async fn calendar_days(&self, agency: Option<&str>) -> Result<Days, ServiceError> {
        let own = match agency {
            Some(code) => {
                let id = self.agency_ever("agency", code, local_date(self.clock().now())).await?;
                self.known(id, "agency").await?.on(local_date(self.clock().now())).calendar
            }
            None => None,
        };
        let calendar = self.calendar(own).await?;
        Ok(Days {
            version: calendar.version().clone(),
            stream_version: self.book(own.unwrap_or_else(calendar_book::national)).await?.version,
            first_year: *calendar.years().start(),
            last_year: *calendar.years().end(),
            provisional: calendar.provisional_years().collect(),
            days: calendar.declared_days().cloned().collect(),
        })
    }

    /// The calendar that holds now: the national one, or that of a place over it.
    pub async fn calendar(&self, own: Option<CalendarId>) -> Result<Arc<Calendar>, ServiceError> {
        let national = self.book(calendar_book::national()).await?;
        let own = match own {
            Some(id) => Some(self.book(id).await?),
            None => None,
        };
        Ok(over(own.as_ref().map(|own| &own.state), &national.state)?)
    }

    /// The calendar of a version that something was computed with, whosever it was: its label says.
    async fn calendar_version(
        &self,
        version: &CalendarVersion,
    ) -> Result<Option<Arc<Calendar>>, ServiceError> {
        let national = self.book(calendar_book::national()).await?;
        if let Some(found) = national.state.version(&national.state, version) {
            return Ok(Some(found));
        }
        let Ok(code) = CalendarCode::parse(version.label()) else { return Ok(None) };
        let own = self.book(CalendarId::of(&code)).await?;
        Ok(own.state.version(&national.state, version))
    }

    /// The calendars that the due instants of a dossier were computed with.
    pub(super) async fn calendars_of<'a>(
        &self,
        history: impl Iterator<Item = (Instant, &'a dossier::Event)>,
    ) -> Result<Versions, ServiceError> {
        let mut known = HashMap::new();
        for version in history.filter_map(|(_, event)| dossier::version_of(event)) {
            if !known.contains_key(version)
                && let Some(calendar) = self.calendar_version(version).await?
            {
                known.insert(version.clone(), calendar);
            }
        }
        Ok(Versions { known, national: self.calendar(None).await? })
    }

    async fn book(&self, id: CalendarId) -> Result<Arc<Folded<CalendarBook>>, ServiceError> {
        Ok(self.executor.load::<CalendarBook>(&calendar_book::stream(id)).await?)
    }

    /// A calendar of a place that was opened.
    pub(super) async fn opened_calendar(&self, id: CalendarId) -> Result<(), ServiceError> {
        match self.book(id).await?.state {
            CalendarBook::Absent => Err(Problem::NotFound { what: "calendar" }.into()),
            CalendarBook::National { .. } | CalendarBook::Local { .. } => Ok(()),
        }
    }
}

/// Calendars by the versions that due instants were computed with.
pub(super) struct Versions {
    known: HashMap<CalendarVersion, Arc<Calendar>>,
    /// For a version that is not known any more, such as a built-in table of an older program.
    national: Arc<Calendar>,
}

impl Versions {
    pub(super) fn version(&self, version: &CalendarVersion) -> Arc<Calendar> {
        Arc::clone(self.known.get(version).unwrap_or(&self.national))
    }
}

fn over(own: Option<&CalendarBook>, national: &CalendarBook) -> Result<Arc<Calendar>, Problem> {
    match own {
        Some(own) => own.over(national.latest()).map_err(|error| Problem::invalid("calendar", error)),
        None => Ok(Arc::clone(national.latest())),
    }
}

/// Calendars as they were used, and as they would be with a decision.
struct Calendars<'a> {
    service: &'a Service,
    decision: Option<(CalendarId, Decided)>,
    at: Instant,
    used: HashMap<CalendarVersion, Option<Arc<Calendar>>>,
    with_the_decision: HashMap<Option<CalendarId>, Arc<Calendar>>,
}

impl Calendars<'_> {
    async fn would_be_due(&mut self, candidate: &OpenDossier) -> Result<Option<Touched>, ServiceError> {
        let stream = dossier::stream(DossierId(candidate.dossier_id));
        let rows = self.service.store().read_stream(&stream, Version(0)).await?;
        let mut history = Vec::with_capacity(rows.len());
        for row in rows {
            history.push((instant(row.occurred_at), row.decode_as::<dossier::Event>()?));
        }
        let events = || history.iter().map(|(at, event)| (*at, event));
        let state: dossier::Dossier = domain::decider::fold(events());
        let Some(filed) = state.filed() else { return Ok(None) };
        let Some(clock) = filed.clock() else { return Ok(None) };
        for version in history.iter().filter_map(|(_, event)| dossier::version_of(event)) {
            if !self.used.contains_key(version) {
                let calendar = self.service.calendar_version(version).await?;
                self.used.insert(version.clone(), calendar);
            }
        }
        let receiving = self.service.known(filed.agencies.receiving, "receivingAgency").await?;
        let with = self.with(receiving.on(local_date(clock.received_at)).calendar).await?;
        let before = dossier::due_under(events(), &|version| self.used.get(version).cloned().flatten());
        let would_be_due_at = dossier::due_under(events(), &|_| Some(Arc::clone(&with)));
        Ok((before != would_be_due_at).then(|| Touched {
            dossier_id: candidate.dossier_id,
            code: candidate.code.clone(),
            due_at: clock.due_at,
            would_be_due_at,
        }))
    }

    /// The calendar of a place, or the national one, as it would be.
    async fn with(&mut self, own: Option<CalendarId>) -> Result<Arc<Calendar>, ServiceError> {
        if let Some(known) = self.with_the_decision.get(&own) {
            return Ok(Arc::clone(known));
        }
        let national = self.decided(calendar_book::national()).await?;
        let place = match own {
            Some(id) => Some(self.decided(id).await?),
            None => None,
        };
        let with = over(place.as_ref(), &national)?;
        self.with_the_decision.insert(own, Arc::clone(&with));
        Ok(with)
    }

    async fn decided(&self, id: CalendarId) -> Result<CalendarBook, ServiceError> {
        let book = self.service.book(id).await?;
        let Some((_, decided)) = self.decision.as_ref().filter(|(decided_for, _)| *decided_for == id) else {
            return Ok(book.state.clone());
        };
        let book = if id == calendar_book::national() { book.state.begun() } else { book.state.clone() };
        let events = book.decide(self.at, &Command::Decide(decided.clone())).map_err(Problem::from)?;
        Ok(events.iter().fold(book, |book, event| book.evolve(self.at, event)))
    }
}

/// What a decision, or days that it was about, would touch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImpactQuestion<'a> {
    /// Not taken yet.
    pub decision: Option<&'a DecideCalendarInput>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

fn calendar_id(input: &DecideCalendarInput) -> Result<CalendarId, Problem> {
    match &input.calendar {
        Some(code) => {
            let code = CalendarCode::parse(code).map_err(Problem::code_of("calendar"))?;
            Ok(CalendarId::of(&code))
        }
        None => Ok(calendar_book::national()),
    }
}

fn decided(input: &DecideCalendarInput) -> Result<Decided, Problem> {
    let days = input.days.as_deref().unwrap_or_default();
    let (withdrawn, settled) =
        (input.withdrawn.clone().unwrap_or_default(), input.settled.clone().unwrap_or_default());
    if DAYS_MAX < days.len().max(withdrawn.len()).max(settled.len()) {
        return Err(Problem::invalid("days", format!("more than {DAYS_MAX}")));
    }
    let day = |day: &CalendarDayInput| {
        let name = plain("days.name", &day.name, NAME_CHARS_MAX)?;
        Ok::<_, Problem>(DecidedDay { date: day.date, kind: day.kind.into(), name })
    };
    Ok(Decided {
        decision: the_decision(&input.decision)?,
        days: days.iter().map(day).collect::<Result<_, _>>()?,
        withdrawn,
        settled,
    })
}
