//! Black-box and contract suites, in one binary.

mod architecture;
mod dialects;
mod event_store;
mod leaf;
mod read_models;
mod support;
