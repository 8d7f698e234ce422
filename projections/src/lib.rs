//! Read models: what is asked of the log often enough to keep a table for it.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`read_model`] | the shape of a read model: a table and a pure fold |
//! | [`table`] | bulk load and bulk upsert of any table, in both dialects |
//! | `page`, `folder`, `batch` | events in, decoded; folded in memory; what changed of one model, on its way out |
//! | `lease` | who feeds a model, and that nobody else writes |
//! | [`runner`] | pages to folders, rows and checkpoints in one transaction, each model by itself |
//! | `shadow` | a model built beside the one that answers, and put in its place |
//! | [`read_side`], `rebuild` | opening, following, waiting for a position; rebuilding |
//! | [`dossier_summary`], [`deadline_board`], [`public_status`], [`procedure_catalogue`], [`agency_directory`], [`notice`], [`payment_order`], [`portal_acknowledgement`], [`account_directory`], [`permission_group_directory`], [`applicant_dossier`], [`disclosure`] | one read model each: row, fold, SQL, queries |
//! | [`indicators`] | what QĐ 766/QĐ-TTg measures |
//! | `interval` | which stretches of time contain an instant, from a B-tree |
//! | [`person_search`] | finding people, for those who may know them: no fold, and the only one that opens names |
//! | `statement` | a SELECT put together from parts |
//! | [`progress`] | figures of any days, from the counters and the board |
//!
//! It must not know how commands are decided. Every table here may be dropped at any moment and comes back by replay.

// A new event must break every fold.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod account_directory;
pub mod agency_directory;
pub mod applicant_dossier;
mod batch;
pub mod deadline_board;
pub mod disclosure;
pub mod dossier_summary;
mod folder;
pub mod indicators;
mod interval;
mod lease;
pub mod notice;
mod page;
pub mod payment_order;
pub mod permission_group_directory;
pub mod person_search;
pub mod portal_acknowledgement;
pub mod procedure_catalogue;
pub mod progress;
pub mod public_status;
pub mod read_model;
pub mod read_side;
mod rebuild;
pub mod runner;
mod shadow;
mod statement;
pub mod table;

pub use folder::Parked;
pub use read_model::Model;
pub use read_side::ReadSide;
pub use rebuild::{PORTION_EVENTS, Rebuilt};

/// Every statement that both dialects share; a test prepares each on both.
pub fn shared_sql() -> Vec<&'static str> {
    [
        account_directory::SQL,
        agency_directory::SQL,
        applicant_dossier::SQL,
        batch::SQL,
        disclosure::SQL,
        dossier_summary::SQL,
        procedure_catalogue::SQL,
        public_status::SQL,
        folder::SQL,
        lease::SQL,
        notice::SQL,
        payment_order::SQL,
        permission_group_directory::SQL,
        person_search::SQL,
        shadow::SQL,
    ]
    .concat()
}
