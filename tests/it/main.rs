//! Black-box and contract suites, in one binary.

mod architecture;
mod crash;
mod dialects;
mod event_store;
mod execute;
mod leaf;
mod read_models;
mod support;
