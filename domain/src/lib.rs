//! What the law asks of a dossier, as pure functions.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time, ids and law come in as arguments, so the same
//! command on the same history decides the same thing in a test, on a retry and in court.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`time`] | instants, the local date (UTC+7), months |
//! | [`calendar`] | days off and make-up days as data, each with the decision behind it |
//! | [`working_time`] | the due instant as a pure function of receipt, term, calendar and office hours |

pub mod calendar;
pub mod time;
pub mod working_time;
