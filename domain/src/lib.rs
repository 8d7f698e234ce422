//! What the law asks of a dossier, as pure functions.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time, ids and law come in as arguments, so the same
//! command on the same history decides the same thing in a test, on a retry and in court.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`dossier`], [`procedure`], [`agency`], [`calendar_book`], [`read_model`] | the aggregates: command, event, state, rejection, decide, evolve |
//! | [`synchronisation`] | what the national portal has of a dossier, beside it |
//! | [`notice`] | who is to be reminded of a dossier's deadline, and whether it reached them, beside it |
//! | [`disclosure`] | somebody opens a dossier's personal data to themselves, for a reason and a time; somebody else looks at it, beside it |
//! | [`payment`] | an order to pay through a gateway: what was taken, what does not fit, what goes back |
//! | [`form`] | what an applicant fills in: JSON Schema, validation, what of it is public |
//! | [`code_book`] | numbers of the day, as a stream per agency and date |
//! | [`access`] | who may do what: function, scope, relation |
//! | [`account`], [`permission_group`] | who is on the staff, and which functions they are granted over what and when |
//! | [`calendar`] | days off and make-up days as data, each with the decision behind it |
//! | [`working_time`] | the due instant as a pure function of receipt, term, calendar and office hours |
//! | [`codes`], [`identity`], [`time`], [`text`] | values: codes people read, derived ids, local dates, text as people search for it |
//! | [`private`] | values about a person, which reach the log sealed or not at all |
//! | [`decider`], [`recorded`] | the shape of an aggregate; an event with its envelope |
//! | `testing` | given/when/then, values and histories for tests (feature `testing`) |

// A new event or command must break every fold and every decision.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod account;
pub mod agency;
pub mod calendar;
pub mod calendar_book;
pub mod code_book;
pub mod codes;
pub mod decider;
pub mod disclosure;
pub mod dossier;
pub mod form;
pub mod identity;
pub mod notice;
pub mod payment;
pub mod permission_group;
pub mod private;
pub mod procedure;
pub mod read_model;
pub mod recorded;
pub mod synchronisation;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod working_time;
