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
use super::queries::{end_of, scope_of, start_of};
use super::{Caller, Done, Service};
use crate::input::{AdoptCalendarInput, CalendarDayInput, DecideCalendarInput, OpenCalendarInput};
use crate::problem::{Problem, ServiceError};

const TABLE_BYTES_MAX: usize = 256 * 1024;
const DAYS_MAX: usize = 400;
/// Open dossiers that are looked at in one go.
const CANDIDATES: i64 = 500;

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

/// The days of a calendar with the decisions behind them.
#[derive(Clone, Debug)]
pub struct Days {
    pub version: CalendarVersion,
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
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        let table = match &input.table {
            Some(text) if TABLE_BYTES_MAX < text.len() => {
                return Err(Problem::invalid("table", "larger than 256 KiB").into());
            }
            Some(text) => Arc::new(Calendar::parse(text).map_err(|error| Problem::invalid("table", error))?),
            None => Arc::new(Calendar::built_in().clone()),
        };
        let request = self.request(caller, "adoptCalendar", input.idempotency_key, input)?;
        let stream = calendar_book::stream(calendar_book::national());
        self.decide::<CalendarBook>(&stream, &request, Command::Adopt(table)).await
    }

    /// Begins a calendar of a place.
    pub async fn open_calendar(
        &self,
        caller: &Caller,
        input: &OpenCalendarInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
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
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        let id = calendar_id(input)?;
        let decided = decided(input)?;
        let stream = calendar_book::stream(id);
        let request = self.request(caller, "decideCalendar", input.idempotency_key, input)?;
        if id == calendar_book::national() {
            let book = self.executor.load::<CalendarBook>(&stream).await?;
            if book.state == CalendarBook::Absent {
                // The first decision changes what the program came with: that is written down first.
                let key = Uuid::new_v5(&NAMESPACE, b"adopt what is built in");
                let request = self.request(caller, "adoptCalendar", key, &"built in")?;
                let table = Arc::new(Calendar::built_in().clone());
                self.decide::<CalendarBook>(&stream, &request, Command::Adopt(table)).await?;
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
    ) -> Result<(Vec<Touched>, bool), ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        let scope = scope_of(caller);
        let decision = match question.decision {
            Some(input) => Some((calendar_id(input)?, decided(input)?)),
            None => None,
        };
        let touched_days = decision.iter().flat_map(|(_, decided)| decided.touched());
        let days: BTreeSet<NaiveDate> = touched_days.chain(question.from).chain(question.to).collect();
        let (Some(first_day), Some(last_day)) = (days.first(), days.last()) else {
            return Err(Problem::invalid("from", "neither a decision nor days are given").into());
        };
        let range = (start_of(*first_day), end_of(*last_day));
        let mut calendars =
            Calendars { service: self, decision, at: self.clock().now(), known: HashMap::new() };
        let (mut touched, mut after) = (Vec::new(), after.unwrap_or(Uuid::nil()));
        loop {
            let database = self.read_side.database();
            let candidates = dossier_summary::open_over(database, range, scope, after, CANDIDATES).await?;
            let Some(last) = candidates.last() else { return Ok((touched, false)) };
            after = last.dossier_id;
            for candidate in candidates {
                let Some(would_be) = calendars.would_be_due(&candidate).await? else { continue };
                if touched.len() == first {
                    return Ok((touched, true));
                }
                touched.push(would_be);
            }
        }
    }

    /// The days of the calendar that an agency keeps, the national one without an agency.
    pub async fn calendar_days(&self, agency: Option<&str>) -> Result<Days, ServiceError> {
        let own = match agency {
            Some(code) => {
                let id = self.agency_ever("agency", code).await?;
                self.known(id, "agency").await?.on(local_date(self.clock().now())).calendar
            }
            None => None,
        };
        let calendar = self.calendar(own).await?;
        Ok(Days {
            version: calendar.version().clone(),
            first_year: *calendar.years().start(),
            last_year: *calendar.years().end(),
            provisional: calendar.provisional_years().collect(),
            days: calendar.declared_days().cloned().collect(),
        })
    }

    /// The calendar that holds now: the national one, or that of a place over it.
    pub async fn calendar(&self, own: Option<CalendarId>) -> Result<Arc<Calendar>, ServiceError> {
        Ok(self.books(own).await?.latest)
    }

    /// The national calendar and that of a place, with all their versions.
    pub(super) async fn books(&self, own: Option<CalendarId>) -> Result<Books, ServiceError> {
        let national = self.book(calendar_book::national()).await?;
        let own = match own {
            Some(id) => Some(self.book(id).await?),
            None => None,
        };
        let latest = over(own.as_ref().map(|own| &own.state), &national.state)?;
        Ok(Books { national, own, latest })
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

/// The national calendar and, where a place has one, its own.
pub(super) struct Books {
    national: Arc<Folded<CalendarBook>>,
    own: Option<Arc<Folded<CalendarBook>>>,
    /// What holds now.
    latest: Arc<Calendar>,
}

impl Books {
    /// The calendar of a version that a due instant was computed with; what holds now where it is not known, as for a
    /// dossier that came with another agency's calendar.
    pub(super) fn version(&self, version: &CalendarVersion) -> Arc<Calendar> {
        let national = &self.national.state;
        let own = self.own.as_ref().map_or(national, |own| &own.state);
        own.version(national, version).unwrap_or_else(|| Arc::clone(&self.latest))
    }
}

fn over(own: Option<&CalendarBook>, national: &CalendarBook) -> Result<Arc<Calendar>, Problem> {
    match own {
        Some(own) => own.over(national.latest()).map_err(|error| Problem::invalid("calendar", error)),
        None => Ok(Arc::clone(national.latest())),
    }
}

/// Calendars as they are, and as they would be with a decision.
struct Calendars<'a> {
    service: &'a Service,
    decision: Option<(CalendarId, Decided)>,
    at: Instant,
    known: HashMap<Option<CalendarId>, (Arc<Books>, Arc<Calendar>)>,
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
        let (Some(clock), Some(version)) = (filed.clock(), dossier::counted_with(events())) else {
            return Ok(None);
        };
        let receiving = self.service.known(filed.agencies.receiving, "receivingAgency").await?;
        let (books, with) = self.of(receiving.on(local_date(clock.received_at)).calendar).await?;
        let before = dossier::due_under(events(), &books.version(&version));
        let would_be_due_at = dossier::due_under(events(), &with);
        Ok((before != would_be_due_at).then(|| Touched {
            dossier_id: candidate.dossier_id,
            code: candidate.code.clone(),
            due_at: clock.due_at,
            would_be_due_at,
        }))
    }

    async fn of(&mut self, own: Option<CalendarId>) -> Result<(Arc<Books>, Arc<Calendar>), ServiceError> {
        if let Some(known) = self.known.get(&own) {
            return Ok(known.clone());
        }
        let books = self.service.books(own).await?;
        let national = self.with_the_decision(calendar_book::national(), &books.national.state)?;
        let place = match (own, &books.own) {
            (Some(id), Some(book)) => Some(self.with_the_decision(id, &book.state)?),
            _ => None,
        };
        let with = over(place.as_ref(), &national)?;
        let known = (Arc::new(books), with);
        self.known.insert(own, known.clone());
        Ok(known)
    }

    fn with_the_decision(&self, id: CalendarId, book: &CalendarBook) -> Result<CalendarBook, Problem> {
        let Some((_, decided)) = self.decision.as_ref().filter(|(decided_for, _)| *decided_for == id) else {
            return Ok(book.clone());
        };
        // What the program came with is what the first decision changes.
        let book = match book {
            CalendarBook::Absent if id == calendar_book::national() => {
                CalendarBook::National { versions: book.national().to_vec() }
            }
            other => other.clone(),
        };
        let events = book.decide(self.at, &Command::Decide(decided.clone()))?;
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
