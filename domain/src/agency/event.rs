//! What is written about an agency, for ever. `from` is the local day from which something holds: a decision of June
//! that takes effect on 1/7/2025 is written in June.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Decision;
use crate::codes::{AgencyCode, FieldCode, NationalAgencyCode};
use crate::decider::events;
use crate::identity::{AgencyId, CalendarId};
use crate::private::HasPrivate;
use crate::working_time::OfficeHours;

events! {
    /// Facts about an agency.
    pub enum Event {
        "agency.established.v1" => Established,
        "agency.renamed.v1" => Renamed,
        "agency.recoded.v1" => Recoded,
        "agency.moved.v1" => Moved,
        "agency.office_hours_set.v1" => OfficeHoursSet,
        "agency.calendar_chosen.v1" => CalendarChosen,
        "agency.succeeded.v1" => Succeeded,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Established {
    pub code: AgencyCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_code: Option<NationalAgencyCode>,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AgencyId>,
    #[serde(default)]
    pub office_hours: OfficeHours,
    /// Whose days off it keeps; absent: the national ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// Absent: the identity of its code. Present where another agency began under this code, and has it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AgencyId>,
    /// Absent: it was there before this system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Renamed {
    pub name: String,
    /// Absent: from the day of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// It has other identifiers: both are given, also the one that stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recoded {
    pub code: AgencyCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_code: Option<NationalAgencyCode>,
    pub from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// It belongs to another agency, or to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AgencyId>,
    pub from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfficeHoursSet {
    pub office_hours: OfficeHours,
    pub from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalendarChosen {
    /// Absent: the national one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    pub from: NaiveDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// Others take its place: one of them in a merger, several in a split. From that day it is there no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Succeeded {
    pub by: Vec<Successor>,
    pub from: NaiveDate,
    /// Nobody dissolves an agency without one.
    pub decision: Decision,
}

/// Who takes what of an agency that is there no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    pub agency: AgencyId,
    /// The fields of procedures whose dossiers it takes; none: all that no other takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldCode>,
}

impl HasPrivate for Established {}
impl HasPrivate for Renamed {}
impl HasPrivate for Recoded {}
impl HasPrivate for Moved {}
impl HasPrivate for OfficeHoursSet {}
impl HasPrivate for CalendarChosen {}
impl HasPrivate for Succeeded {}
