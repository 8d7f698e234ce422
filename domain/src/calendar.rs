#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct CalendarVersion(String);
#[derive(Clone, Debug)]
pub struct Calendar;
impl Calendar { pub fn version(&self) -> &CalendarVersion { unimplemented!() } }
