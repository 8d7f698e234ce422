use crate::{time::Instant, calendar::Calendar};
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Term { WorkingDays(u32), Given(Instant), Open }
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct DuePolicy;
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct OfficeHours;
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("x")]
pub struct DueError;
pub fn due_at(_: Instant, _: &Term, _: &Calendar, _: &OfficeHours, _: &DuePolicy) -> Result<Option<Instant>, DueError> { unimplemented!() }
pub fn resume_due(_: Instant, _: Instant, _: Instant, _: &Calendar, _: &OfficeHours) -> Result<Instant, DueError> { unimplemented!() }
