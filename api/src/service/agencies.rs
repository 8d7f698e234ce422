//! Commands on agencies, who is found under a code on which day, and what goes to a successor.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use domain::access::Function;
use domain::agency::{
    self, Agency, CalendarChosen, Command, Established, Known, Moved, OfficeHoursSet, Particulars, Recoded,
    Renamed, Succeeded, Successor,
};
use domain::calendar::Decision;
use domain::codes::{AgencyCode, CalendarCode, FieldCode, NationalAgencyCode};
use domain::dossier::{self, Dossier};
use domain::identity::{AgencyId, CalendarId, DossierId, NAMESPACE};
use domain::time::{Instant, local_date};
use domain::working_time::OfficeHours;
use infrastructure::execute::Refusal;
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
/// How far up a tree is climbed: the one of a province has a handful of levels.
const LEVELS_MAX: usize = 50;

/// What became of the open dossiers of an agency that is there no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedOver {
    pub carried: usize,
    /// Still open with the old agency: call again.
    pub remaining: bool,
}

impl Service {
    pub async fn establish_agency(
        &self,
        caller: &Caller,
        input: &EstablishAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        let code = AgencyCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        let id = AgencyId::of(&code);
        let from = input.from.unwrap_or_else(|| self.today(caller));
        let parent = self.parent(id, input.parent.as_deref(), from).await?;
        let decision = decision(input.decision.as_ref())?;
        let request = self.request(caller, "establishAgency", input.idempotency_key, input)?;
        let established = Established {
            national_code: national_code(input.national_code.as_deref())?,
            parent,
            office_hours: input.office_hours.map_or_else(|| Ok(OfficeHours::default()), office_hours)?,
            calendar: self.calendar_id(input.calendar.as_deref()).await?,
            from: input.from,
            decision,
            ..Established::new(code, plain("name", &input.name, NAME_CHARS_MAX)?)
        };
        self.code_is_free(&established.code, id, from).await?;
        let command = Command::Establish(established);
        let done = self.decide::<Agency>(&agency::stream(id), &request, command).await?;
        Ok((id, done))
    }

    pub async fn rename_agency(
        &self,
        caller: &Caller,
        input: &RenameAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
        let name = plain("name", &input.name, NAME_CHARS_MAX)?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Rename(Renamed { name, from: Some(input.on.from), decision });
        self.change_agency(caller, "renameAgency", id, &input.on, input, command).await
    }

    /// Another code for the same agency. Nobody else may have it from then on; two who take one code in the same moment
    /// are told apart by who is found first under it, since no append spans two streams.
    pub async fn recode_agency(
        &self,
        caller: &Caller,
        input: &RecodeAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
        let code = AgencyCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        self.code_is_free(&code, id, input.on.from).await?;
        let national_code = national_code(input.national_code.as_deref())?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Recode(Recoded { code, national_code, from: input.on.from, decision });
        self.change_agency(caller, "recodeAgency", id, &input.on, input, command).await
    }

    pub async fn move_agency(
        &self,
        caller: &Caller,
        input: &MoveAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
        let parent = self.parent(id, input.parent.as_deref(), input.on.from).await?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::Move(Moved { parent, from: input.on.from, decision });
        self.change_agency(caller, "moveAgency", id, &input.on, input, command).await
    }

    pub async fn set_office_hours(
        &self,
        caller: &Caller,
        input: &SetOfficeHoursInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
        let (office_hours, decision) =
            (office_hours(input.office_hours)?, decision(input.on.decision.as_ref())?);
        let command = Command::SetOfficeHours(OfficeHoursSet { office_hours, from: input.on.from, decision });
        self.change_agency(caller, "setOfficeHours", id, &input.on, input, command).await
    }

    pub async fn choose_calendar(
        &self,
        caller: &Caller,
        input: &ChooseCalendarInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
        let calendar = self.calendar_id(input.calendar.as_deref()).await?;
        let decision = decision(input.on.decision.as_ref())?;
        let command = Command::ChooseCalendar(CalendarChosen { calendar, from: input.on.from, decision });
        self.change_agency(caller, "chooseCalendar", id, &input.on, input, command).await
    }

    /// Sáp nhập, chia tách: from that day on others are in its place. Its open dossiers follow by [`Self::carry_over`].
    pub async fn succeed_agency(
        &self,
        caller: &Caller,
        input: &SucceedAgencyInput,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let id = self.administered(caller, &input.on).await?;
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
        let command = Command::Succeed(Succeeded { by, from, decision });
        self.change_agency(caller, "succeedAgency", id, &input.on, input, command).await
    }

    /// Gives the open dossiers of an agency that is there no more to its successors, some at a time. What was carried
    /// over already is not found again, so an interrupted call is simply made once more.
    pub async fn carry_over(
        &self,
        caller: &Caller,
        input: &CarryOverInput,
    ) -> Result<CarriedOver, ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        let limit = input.limit.map_or(CARRY_OVER_MAX, |limit| usize::try_from(limit).unwrap_or(0));
        if !(1..=CARRY_OVER_MAX).contains(&limit) {
            return Err(Problem::invalid("limit", format!("lies between 1 and {CARRY_OVER_MAX}")).into());
        }
        let today = self.today(caller);
        let from = self.agency_ever("agency", &input.agency).await?;
        let known = self.known(from, "agency").await?;
        let Some(succession) = known.succession().filter(|succession| succession.from <= today) else {
            let reason = "the agency is there: nobody has its place".to_owned();
            return Err(Problem::Refused { code: "AGENCY_NOT_SUCCEEDED", reason }.into());
        };
        // What is not in the tables yet would be left behind.
        let head = self.store().head().await?;
        self.read_side.wait_for(&[projections::Model::DossierSummary], Some(head), WAIT_MAX).await?;
        let open = dossier_summary::open_with(self.read_side.database(), from.0, limit + 1).await?;
        let mut outcome = CarriedOver { carried: 0, remaining: limit < open.len() };
        for id in open.into_iter().take(limit) {
            let dossier_id = DossierId(id);
            let stream = dossier::stream(dossier_id);
            let dossier = self.executor.load::<Dossier>(&stream).await?;
            let Some(filed) = dossier.state.filed() else { continue };
            let field = self.definition(filed).await?.field_code.clone();
            let to = self.heir(from, field.as_ref(), today).await?;
            let command = dossier::Command::CarryOver { from, to };
            let key = format!("{from}\0{id}\0{}", succession.from);
            let key = Uuid::new_v5(&NAMESPACE, key.as_bytes());
            let request = self.request(caller, "carryOver", key, &(from, dossier_id))?;
            let decide = |state: &Dossier, at: Instant| {
                let filed = state.filed().ok_or(Refusal::Rejected(domain::dossier::Rejection::NotFiled))?;
                filed.authorise(&caller.principal, Function::Administer.into()).map_err(Refusal::Denied)?;
                domain::decider::Decider::decide(state, at, &command).map_err(Refusal::Rejected)
            };
            self.executor.execute(&stream, &request, decide).await?;
            outcome.carried += 1;
        }
        Ok(outcome)
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

    async fn administered(&self, caller: &Caller, on: &OnAgency) -> Result<AgencyId, ServiceError> {
        caller.principal.require(Function::Administer).map_err(Problem::from)?;
        self.agency_ever("on.agency", &on.agency).await
    }

    async fn change_agency(
        &self,
        caller: &Caller,
        operation: &str,
        id: AgencyId,
        on: &OnAgency,
        canonical: &impl Serialize,
        command: Command,
    ) -> Result<(AgencyId, Done), ServiceError> {
        let request = self.request(caller, operation, on.idempotency_key, canonical)?;
        let done = self.decide::<Agency>(&agency::stream(id), &request, command).await?;
        Ok((id, done))
    }

    /// The agency above another: it is there on that day, and not below it.
    async fn parent(
        &self,
        child: AgencyId,
        code: Option<&str>,
        day: NaiveDate,
    ) -> Result<Option<AgencyId>, ServiceError> {
        let Some(code) = code else { return Ok(None) };
        let (parent, mut particulars) = self.agency_on("parent", code, day).await?;
        for _ in 0..LEVELS_MAX {
            let Some(above) = particulars.parent else { return Ok(Some(parent)) };
            if above == child {
                break;
            }
            particulars = self.known(above, "parent").await?.on(day);
        }
        Err(circle().into())
    }

    /// Nobody else has this code on that day or later.
    async fn code_is_free(
        &self,
        code: &AgencyCode,
        for_agency: AgencyId,
        from: NaiveDate,
    ) -> Result<(), ServiceError> {
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

    /// The agency that has this code today, or else had it last: what is asked about may be long past.
    pub(super) async fn agency_ever(
        &self,
        field: &'static str,
        code: &str,
    ) -> Result<AgencyId, ServiceError> {
        let parsed = AgencyCode::parse(code).map_err(Problem::code_of(field))?;
        let today = local_date(self.clock().now());
        match self.agency_on(field, code, today).await {
            Ok((id, _)) => Ok(id),
            Err(ServiceError::Problem(_)) => {
                let had = self.who_had(&parsed).await?;
                had.into_iter().next().ok_or_else(|| Problem::NotFound { what: field }.into())
            }
            Err(failure) => Err(failure),
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
