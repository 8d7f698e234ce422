//! Who may do what, decided a second time. What holds of accounts, agencies and dossiers is told to Cedar, whose policies
//! (`policies/access.cedar`) are written from the documents and not from the code; then both are asked everything about a
//! random world. Run by `.ci/oracle.sh`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `world.rs` | random agencies, permission groups, accounts and dossiers, and what is so at an instant |
//! | `cedar.rs` | how Cedar decides |
//! | `ours.rs` | how the domain decides |
//! | `tests.rs` | that they agree, and that it would be noticed if they did not |
//!
//! A new relation to a dossier is a policy, an attribute of `Dossier` in the schema, and a field of `world::Dossier`.

#[cfg(test)]
mod cedar;
#[cfg(test)]
mod ours;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
