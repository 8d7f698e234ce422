//! Black-box and contract suites, in one binary.

mod agencies;
mod architecture;
mod boards;
mod calendars;
mod cli;
mod crash;
mod demo;
mod dialects;
mod event_store;
mod execute;
mod figures;
mod files;
mod graphql;
mod leaf;
mod notices;
mod papers;
mod parked;
mod people;
mod read_models;
mod real_input;
mod rebuild;
mod runner;
mod support;
mod synchronisation;
mod tables;
mod traps;
