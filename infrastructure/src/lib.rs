//! Everything that touches a disk, a clock or a network, below the read models.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`event_store`] | the log: reading it, and appending through the lane |
//! | [`lane`] | the one writer: group commit, positions, expected versions, duplicates |
//! | [`execute`] | the command path: load, authorise, decide, seal, append |
//! | [`keys`], [`seal`] | keys outside the log; sealed values |
//! | [`read_log`] | who has seen personal data: records beside the log, chained |
//! | [`content_store`], [`scanner`] | files, sealed, in a directory; a program that looks at them on the way in |
//! | [`carrier`] | e-mail, SMS gateways, webhooks: messages to people, one interface |
//! | [`payment_gateway`] | payment gateways: orders, refunds, lists of what was taken, one interface |
//! | [`signature`] | messages to and from others, signed |
//! | [`leaf`] | the bytes of an event that the ledger will hash |
//! | [`db`], [`location`] | two SQL dialects behind one text; where the databases are |
//! | [`bulk`] | much at once into SQLite |
//! | [`bench`] | the yardstick of the benchmarks, on a scratch database |
//! | [`clock`], [`entropy`], [`environment`] | the only places that ask for the time, for randomness, for the environment |
//!
//! It must not know GraphQL or the rows of a read model.

pub mod bench;
pub mod bulk;
pub mod carrier;
pub mod clock;
pub mod content_store;
pub mod db;
pub mod entropy;
pub mod environment;
pub mod event_store;
pub mod execute;
pub mod keys;
pub mod lane;
pub mod leaf;
pub mod location;
pub mod payment_gateway;
pub mod read_log;
pub mod scanner;
pub mod seal;
pub mod signature;
