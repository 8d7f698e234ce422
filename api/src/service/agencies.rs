//! Commands on agencies, who is found under a code on which day, and what goes to a successor.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use domain::access::{Denial, Function, Scope};
use domain::agency::{
    self, Agency, CalendarChosen, Command, Established, Known, Moved, OfficeHoursSet, Particulars, Recoded,
    Renamed, Succeeded, Successor,
};
use domain::calendar::Decision;
use domain::codes::{AgencyCode, CalendarCode, FieldCode, NationalAgencyCode};
use domain::decider::Decider;
use domain::dossier::{self, Dossier};
use domain::identity::{AgencyId, CalendarId, DossierId, NAMESPACE};
use domain::recorded::Version;
use domain::time::{Instant, local_date};
use domain::working_time::OfficeHours;
use infrastructure::execute::{ExecuteError, Refusal, Request};
use projections::Model;
use projections::agency_directory::{self, AgencyDirectory};
use projections::dossier_summary;
use projections::read_side::WAIT_MAX;
use serde::Serialize;
use uuid::Uuid;

use super::dossiers::{NAME_CHARS_MAX, plain};
use super::{Caller, Done, Service};
use crate::input::{
    CarryOverInput, ChooseCalendarInput, DecisionInput, EstablishAgencyInput, MoveAgencyInput,
    OfficeHoursInput, OnAgency, RecodeAgencyInput, RenameAgencyInput, SetOfficeHoursInput,
    SucceedAgencyInput,
};
use crate::problem::{Problem, ServiceError};

/// Dossiers that one call carries over at most.
const CARRY_OVER_MAX: usize = 1_000;
/// Dossiers that are looked up at once.
const CARRY_OVER_PAGE: i64 = 500;
/// How far up a tree is climbed: the one of a province has a handful of levels.
const LEVELS_MAX: usize = 50;

/// What became of the open dossiers of an agency that is there no more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CarriedOver {
    pub carried: usize,
    /// There are more than were asked for: call again.
    pub remaining: bool,
    pub failed: Vec<NotCarried>,
}

/// A dossier that could not be carried over, and why not.
#[derive(Clone, Debug, PartialEq)]
pub struct NotCarried {
    pub dossier_id: Uuid,
    pub problem: Problem,
}

impl Service {
    pub async fn establish_agency(
        &self,
        caller: &Caller,
        input: &EstablishAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let request = self.request(caller, "establishAgency", input.idempotency_key, input)?;
        if let Some(before) = self.answered(&request).await? {
            return Ok(before);
        }
        let code = AgencyCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        let from = input.from.unwrap_or_else(|| self.today(caller));
        let id = self.new_agency(&code, input.from).await?;
        let parent = self.parent(id, input.parent.as_deref(), from).await?;
        let decision = decision(input.decision.as_ref())?;
        let established = Established {
            national_code: national_code(input.national_code.as_deref())?,
            parent,
            office_hours: input.office_hours.map_or_else(|| Ok(OfficeHours::default()), office_hours)?,
            calendar: self.calendar_id(input.calendar.as_deref()).await?,
            from: input.from,
            decision,
            id: Some(id).filter(|id| *id != AgencyId::of(&code)),
            ..Established::new(code, plain("name", &input.name, NAME_CHARS_MAX)?)
        };
        self.code_is_free(&established.code, id, from).await?;
        let command = Command::Establish(established);
        let done = self.decide::<Agency>(&agency::stream(id), &request, command).await?;
        Ok((id, done))
    }

    /// The identity of an agency that begins under a code: that of the code, unless an agency that has it no more on that
    /// day began under it.
    async fn new_agency(&self, code: &AgencyCode, from: Option<NaiveDate>) -> Result<AgencyId, ServiceError> {
        let first = AgencyId::of(code);
        let agency = self.executor.load::<Agency>(&agency::stream(first)).await?;
        Ok(match (agency.state.known(), from) {
            (Some(known), Some(from)) if !known.exists_on(from) || known.on(from).codes.code != *code => {
                AgencyId::again(code, from)
            }
            _ => first,
        })
    }

    pub async fn rename_agency(
        &self,
        caller: &Caller,
        input: &RenameAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "renameAgency", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let name = plain("name", &input.name, NAME_CHARS_MAX)?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Rename(Renamed { name, from: Some(input.on.from), decision });
        self.change_agency(&request, id, command).await
    }

    /// Another code for the same agency. Nobody else may have it from then on; two who take one code in the same moment
    /// are told apart by who is found first under it, since no append spans two streams.
    pub async fn recode_agency(
        &self,
        caller: &Caller,
        input: &RecodeAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "recodeAgency", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let code = AgencyCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        self.code_is_free(&code, id, input.on.from).await?;
        let national_code = national_code(input.national_code.as_deref())?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Recode(Recoded { code, national_code, from: input.on.from, decision });
        self.change_agency(&request, id, command).await
    }

    pub async fn move_agency(
        &self,
        caller: &Caller,
        input: &MoveAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "moveAgency", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let parent = self.parent(id, input.parent.as_deref(), input.on.from).await?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Move(Moved { parent, from: input.on.from, decision });
        self.change_agency(&request, id, command).await
    }

    pub async fn set_office_hours(
        &self,
        caller: &Caller,
        input: &SetOfficeHoursInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "setOfficeHours", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let (office_hours, decision) =
            (office_hours(input.office_hours)?, decision(input.on.decision.as_ref())?);
        let command = Command::SetOfficeHours(OfficeHoursSet { office_hours, from: input.on.from, decision });
        self.change_agency(&request, id, command).await
    }

    pub async fn choose_calendar(
        &self,
        caller: &Caller,
        input: &ChooseCalendarInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "chooseCalendar", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let calendar = self.calendar_id(input.calendar.as_deref()).await?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::ChooseCalendar(CalendarChosen { calendar, from: input.on.from, decision });
        self.change_agency(&request, id, command).await
    }

    /// Sáp nhập, chia tách: from that day on others are in its place. Its open dossiers follow by [`Self::carry_over`].
    pub async fn succeed_agency(
        &self,
        caller: &Caller,
        input: &SucceedAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let (request, id) = match self.administered(caller, "succeedAgency", &input.on, input).await? {
            Ok(found) => found,
            Err(before) => return Ok(before),
        };
        let from = input.on.from;
        let mut by = Vec::with_capacity(input.by.len());
        for successor in &input.by {
            let (agency, _) = self.agency_on("by", &successor.agency, from).await?;
            let fields = successor.fields.iter().flatten();
            let fields = fields.map(|field| FieldCode::parse(field).map_err(Problem::code_of("by.fields")));
            by.push(Successor { agency, fields: fields.collect::<Result<_, _>>()? });
        }
        let decision = decision(input.on.decision.as_ref())?
            .ok_or_else(|| Problem::invalid("on.decision", "nobody dissolves an agency without one"))?;
        for successor in &by {
            // Whatever is decided of them already, their dossiers must not come back here.
            if self.heirs_of(successor.agency).await?.contains(&id) {
                return Err(circle().into());
            }
        }
        let command = Command::Succeed(Succeeded { by, from, decision });
        self.change_agency(&request, id, command).await
    }

    /// Gives the open dossiers of agencies that had this code and are there no more to their successors, some at a time.
    /// What was carried over already is not found again, so an interrupted call is simply made once more.
    pub async fn carry_over(
        &self,
        caller: &Caller,
        input: &CarryOverInput,
    ) -> Result<CarriedOver, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let limit = input.limit.map_or(CARRY_OVER_MAX, |limit| usize::try_from(limit).unwrap_or(0));
        if !(1..=CARRY_OVER_MAX).contains(&limit) {
            return Err(Problem::invalid("limit", format!("lies between 1 and {CARRY_OVER_MAX}")).into());
        }
        let today = self.today(caller);
        let code = AgencyCode::parse(&input.agency).map_err(Problem::code_of("agency"))?;
        let had = self.who_had(&code).await?;
        if had.is_empty() {
            return Err(Problem::NotFound { what: "agency" }.into());
        }
        let mut gone = Vec::new();
        for id in had {
            let known = self.known(id, "agency").await?;
            gone.extend(known.succession().filter(|succession| succession.from <= today).map(|_| id));
        }
        if gone.is_empty() {
            let reason = "the agency is there: nobody has its place".to_owned();
            return Err(Problem::Refused { code: "AGENCY_NOT_SUCCEEDED", reason }.into());
        }
        // What is not in the tables yet would be left behind.
        let head = self.store().head().await?;
        self.read_side.wait_for(&[Model::DossierSummary], Some(head), WAIT_MAX).await?;
        let mut outcome = CarriedOver::default();
        // Of what the table goes on without, the events say whose it is.
        let parked = self.parked_dossiers().await?;
        for from in gone {
            self.carry_over_from(caller, from, today, limit, &mut outcome).await?;
            for id in &parked {
                self.carry_over_or_name(caller, from, *id, today, &mut outcome).await?;
            }
        }
        Ok(outcome)
    }

    async fn carry_over_from(
        &self,
        caller: &Caller,
        from: AgencyId,
        today: NaiveDate,
        limit: usize,
        outcome: &mut CarriedOver,
    ) -> Result<(), ServiceError> {
        let mut after = Uuid::nil();
        loop {
            let database = self.read_side.database();
            let page = dossier_summary::open_with(database, from.0, after, CARRY_OVER_PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for id in page {
                if outcome.carried == limit {
                    outcome.remaining = true;
                    return Ok(());
                }
                after = id;
                self.carry_over_or_name(caller, from, id, today, outcome).await?;
            }
        }
    }

    /// One that cannot be read or decided does not hold up the others; it is named.
    async fn carry_over_or_name(
        &self,
        caller: &Caller,
        from: AgencyId,
        id: Uuid,
        today: NaiveDate,
        outcome: &mut CarriedOver,
    ) -> Result<(), ServiceError> {
        match self.carry_over_one(caller, from, DossierId(id), today).await {
            Ok(carried) => outcome.carried += usize::from(carried),
            Err(error) if error.is_about_one_stream() => {
                let chain: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error = chain, dossier = %id, "a dossier is not carried over");
                // Whose it is cannot be told either: it is named to those who see the whole province.
                if caller.principal.powers.of(Function::Administer) == Some(&Scope::Province)
                    && !outcome.failed.iter().any(|failed| failed.dossier_id == id)
                {
                    let problem = match error {
                        ServiceError::Problem(problem) => problem,
                        ServiceError::Failure(_) => {
                            let reason = "its events cannot be read".to_owned();
                            Problem::Refused { code: "DOSSIER_UNREADABLE", reason }
                        }
                    };
                    outcome.failed.push(NotCarried { dossier_id: id, problem });
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn parked_dossiers(&self) -> Result<Vec<Uuid>, ServiceError> {
        let all = self.read_side.status(self.clock().now()).await?;
        let parked = all.into_iter().filter(|status| status.name == Model::DossierSummary.name());
        let parked = parked.flat_map(|status| status.parked);
        Ok(parked.filter_map(|parked| parked.stream.strip_prefix("dossier-")?.parse().ok()).collect())
    }

    async fn carry_over_one(
        &self,
        caller: &Caller,
        from: AgencyId,
        dossier_id: DossierId,
        today: NaiveDate,
    ) -> Result<bool, ServiceError> {
        let stream = dossier::stream(dossier_id);
        let dossier = self.executor.load::<Dossier>(&stream).await?;
        let Some(filed) = dossier.state.filed() else { return Ok(false) };
        let field = self.definition(filed).await?.field_code.clone();
        let to = self.heir(from, field.as_ref(), today).await?;
        let command = dossier::Command::CarryOver { from, to };
        let key = Uuid::new_v5(&NAMESPACE, format!("{from}\0{dossier_id}").as_bytes());
        let request = self.request(caller, "carryOver", key, &(from, dossier_id))?;
        let decide = |state: &Dossier, at: Instant| {
            let filed = state.filed().ok_or(Refusal::Rejected(dossier::Rejection::NotFiled))?;
            filed.authorise(&caller.principal, Function::Administer.into()).map_err(Refusal::Denied)?;
            Decider::decide(state, at, &command).map_err(Refusal::Rejected)
        };
        match self.executor.execute(&stream, &request, decide).await {
            Ok(done) => Ok(done.written),
            // Closed since the table was read; or none of the caller's, and as absent.
            Err(ExecuteError::Rejected(dossier::Rejection::WrongStage { .. }))
            | Err(ExecuteError::Denied(Denial::OutOfScope)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The agency, and all that have or will have its place.
    pub(super) async fn heirs_of(&self, agency: AgencyId) -> Result<BTreeSet<AgencyId>, ServiceError> {
        let (mut heirs, mut ahead) = (BTreeSet::new(), vec![agency]);
        while let Some(next) = ahead.pop() {
            if heirs.insert(next) {
                let known = self.known(next, "agency").await?;
                ahead.extend(
                    known.succession().iter().flat_map(|succession| &succession.by).map(|by| by.agency),
                );
            }
        }
        Ok(heirs)
    }

    /// Who has its place on a day, or in the place of those, for a dossier of this field.
    async fn heir(
        &self,
        agency: AgencyId,
        field: Option<&FieldCode>,
        day: NaiveDate,
    ) -> Result<AgencyId, ServiceError> {
        let (mut heir, mut seen) = (agency, BTreeSet::new());
        while let Some(next) = self.known(heir, "agency").await?.heir(field, day) {
            if !seen.insert(heir) {
                return Err(circle().into());
            }
            heir = next;
        }
        Ok(heir)
    }

    /// Who asks to change an agency, and which: the one that has the code on the day from which it is to hold. Or the
    /// answer that an earlier try got: what it asked for may be another agency's by now.
    async fn administered(
        &self,
        caller: &Caller,
        operation: &str,
        on: &OnAgency,
        canonical: &impl Serialize,
    ) -> Result<Result<(Request, AgencyId), (AgencyId, Done)>, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let mut request = self.request(caller, operation, on.idempotency_key, canonical)?;
        request.expected = on.expected_version.map(Version);
        if let Some(before) = self.answered(&request).await? {
            return Ok(Err(before));
        }
        self.directory_is_current().await?;
        let id = self.agency_on("on.agency", &on.agency, on.from).await?.0;
        Ok(Ok((request, id)))
    }

    /// The answer of an earlier try of a command on an agency, whichever it was about.
    async fn answered(&self, request: &Request) -> Result<Option<(AgencyId, Done)>, ServiceError> {
        let rows = self.store().find_append(request.command.append(), 1).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id =
            row.stream.strip_prefix("agency-").and_then(|id| id.parse().ok()).ok_or(Problem::KeyReused)?;
        let before = self.executor.done_before::<agency::Rejection>(request, &row.stream).await?;
        Ok(before.map(|done| (id, Done { version: done.version, position: done.position })))
    }

    async fn change_agency(
        &self,
        request: &Request,
        id: AgencyId,
        command: Command,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let done = self.decide::<Agency>(&agency::stream(id), request, command).await?;
        Ok((id, done))
    }

    /// Which agency has or had a code, and how often it was changed.
    pub async fn administered_agency(
        &self,
        caller: &Caller,
        code: &str,
    ) -> Result<(AgencyId, Version), ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let id = self.agency_ever("code", code, self.today(caller)).await?;
        Ok((id, self.executor.load::<Agency>(&agency::stream(id)).await?.version))
    }

    /// The agency above another: it is there on that day, and not below it, then or on any day that is known of.
    async fn parent(
        &self,
        child: AgencyId,
        code: Option<&str>,
        day: NaiveDate,
    ) -> Result<Option<AgencyId>, ServiceError> {
        let Some(code) = code else { return Ok(None) };
        let (parent, _) = self.agency_on("parent", code, day).await?;
        self.directory_is_current().await?;
        let rows = agency_directory::all(self.read_side.database()).await?;
        let later =
            rows.iter().map(|row| row.from_day).filter(|from| agency_directory::day_number(day) < *from);
        let mut days: Vec<i64> = later.chain([agency_directory::day_number(day)]).collect();
        days.sort_unstable();
        days.dedup();
        let above = |agency: Uuid, day: i64| {
            let row = rows.iter().rfind(|row| row.agency_id == agency && row.from_day <= day)?;
            row.parent_id
        };
        for day in days {
            let mut at = parent.0;
            for level in 0.. {
                if at == child.0 || LEVELS_MAX < level {
                    return Err(circle().into());
                }
                match above(at, day) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        Ok(Some(parent))
    }

    /// What was written just before is in the directory: what is asked of it next decides something.
    async fn directory_is_current(&self) -> Result<(), ServiceError> {
        self.read_side.catch_up().await?;
        Ok(())
    }

    /// Nobody else has this code on that day or later.
    async fn code_is_free(
        &self,
        code: &AgencyCode,
        for_agency: AgencyId,
        from: NaiveDate,
    ) -> Result<(), ServiceError> {
        self.directory_is_current().await?;
        for id in self.who_had(code).await? {
            let known = self.known(id, "code").await?;
            let days = known.changes().into_iter().filter(|day| from < *day).chain([from]);
            let mut has = days.filter(|day| known.exists_on(*day) && known.on(*day).codes.code == *code);
            if id != for_agency && has.next().is_some() {
                let reason = format!("{code} is the code of another agency, {id}");
                return Err(Problem::Refused { code: "AGENCY_CODE_TAKEN", reason }.into());
            }
        }
        Ok(())
    }

    /// Every agency that has or had this code, as far as is known: the one first established under it, and those that
    /// the directory names.
    async fn who_had(&self, code: &AgencyCode) -> Result<Vec<AgencyId>, ServiceError> {
        let first = AgencyId::of(code);
        let rows = agency_directory::by_code(self.read_side.database(), code.as_str()).await?;
        let mut ids: Vec<AgencyId> = Vec::new();
        if self.executor.load::<Agency>(&agency::stream(first)).await?.state != Agency::Absent {
            ids.push(first);
        }
        for row in rows {
            if !ids.contains(&AgencyId(row.agency_id)) {
                ids.push(AgencyId(row.agency_id));
            }
        }
        Ok(ids)
    }

    /// The agency that has this code on a day, with what holds for it then.
    pub(super) async fn agency_on(
        &self,
        field: &'static str,
        code: &str,
        day: NaiveDate,
    ) -> Result<(AgencyId, Particulars), ServiceError> {
        let code = AgencyCode::parse(code).map_err(Problem::code_of(field))?;
        // Nearly always it is the one that was established under it.
        let first = AgencyId::of(&code);
        if let Some(found) = self.has_code_on(first, &code, day).await? {
            return Ok((first, found));
        }
        let had = self.who_had(&code).await?;
        for id in &had {
            if let Some(found) = self.has_code_on(*id, &code, day).await? {
                return Ok((*id, found));
            }
        }
        for id in had {
            let known = self.known(id, field).await?;
            if let Some(succession) = known.succession().filter(|succession| succession.from <= day) {
                let reason = format!("{code}: others have its place from {} on", succession.from);
                return Err(Problem::Refused { code: "AGENCY_SUCCEEDED", reason }.into());
            }
        }
        Err(Problem::NotFound { what: field }.into())
    }

    async fn has_code_on(
        &self,
        id: AgencyId,
        code: &AgencyCode,
        day: NaiveDate,
    ) -> Result<Option<Particulars>, ServiceError> {
        let agency = self.executor.load::<Agency>(&agency::stream(id)).await?;
        let known = agency.state.known().filter(|known| known.exists_on(day));
        Ok(known.map(|known| known.on(day)).filter(|particulars| particulars.codes.code == *code))
    }

    /// The agency that has this code on a day, or else had it last: what is asked about may be long past.
    pub(super) async fn agency_ever(
        &self,
        field: &'static str,
        code: &str,
        day: NaiveDate,
    ) -> Result<AgencyId, ServiceError> {
        match self.agency_on(field, code, day).await {
            Ok((id, _)) => Ok(id),
            Err(ServiceError::Problem(Problem::NotFound { .. } | Problem::Refused { .. })) => {
                let parsed = AgencyCode::parse(code).map_err(Problem::code_of(field))?;
                let rows = agency_directory::by_code(self.read_side.database(), parsed.as_str()).await?;
                match rows.iter().max_by_key(|row| row.until_day) {
                    Some(row) => Ok(AgencyId(row.agency_id)),
                    None => {
                        let had = self.who_had(&parsed).await?;
                        had.into_iter().next().ok_or_else(|| Problem::NotFound { what: field }.into())
                    }
                }
            }
            Err(other) => Err(other),
        }
    }

    /// An agency by its identity, there or not.
    pub(super) async fn known(&self, id: AgencyId, what: &'static str) -> Result<Known, ServiceError> {
        let agency = self.executor.load::<Agency>(&agency::stream(id)).await?;
        agency.state.known().cloned().ok_or_else(|| Problem::NotFound { what }.into())
    }

    /// The agencies that are there on a day, as they were called and coded then.
    pub async fn agencies_on(&self, day: Option<NaiveDate>) -> Result<Vec<AgencyDirectory>, ServiceError> {
        let day = day.unwrap_or_else(|| local_date(self.clock().now()));
        let mut rows = agency_directory::all(self.read_side.database()).await?;
        rows.retain(|row| row.holds_on(day));
        rows.sort_by(|one, other| one.code.cmp(&other.code));
        Ok(rows)
    }

    async fn calendar_id(&self, code: Option<&str>) -> Result<Option<CalendarId>, ServiceError> {
        let Some(code) = code.filter(|code| *code != domain::calendar_book::NATIONAL) else {
            return Ok(None);
        };
        let code = CalendarCode::parse(code).map_err(Problem::code_of("calendar"))?;
        let id = CalendarId::of(&code);
        self.opened_calendar(id).await?;
        Ok(Some(id))
    }

    pub(super) fn today(&self, caller: &Caller) -> NaiveDate {
        local_date(caller.at.unwrap_or_else(|| self.clock().now()))
    }
}

fn circle() -> Problem {
    let reason = "an agency would be above itself".to_owned();
    Problem::Refused { code: "AGENCY_TREE_HAS_A_CIRCLE", reason }
}

fn national_code(code: Option<&str>) -> Result<Option<NationalAgencyCode>, Problem> {
    code.map(NationalAgencyCode::parse).transpose().map_err(Problem::code_of("nationalCode"))
}

fn office_hours(input: OfficeHoursInput) -> Result<OfficeHours, Problem> {
    input.try_into().map_err(|error| Problem::invalid("officeHours", error))
}

fn decision(input: Option<&DecisionInput>) -> Result<Option<Decision>, Problem> {
    input.map(the_decision).transpose()
}

pub(super) fn the_decision(input: &DecisionInput) -> Result<Decision, Problem> {
    let reference = plain("decision.reference", &input.reference, NAME_CHARS_MAX)?;
    if reference.is_empty() {
        return Err(Problem::invalid("decision.reference", "empty"));
    }
    Ok(Decision { reference, decided_on: input.decided_on })
}
