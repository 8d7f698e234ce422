//! Black-box and contract suites, in one binary.

mod agencies;
mod architecture;
mod calendars;
mod cli;
mod crash;
mod demo;
mod dialects;
mod event_store;
mod execute;
mod files;
mod graphql;
mod leaf;
mod papers;
mod read_models;
mod real_input;
mod support;
mod synchronisation;
mod tables;
mod traps;
