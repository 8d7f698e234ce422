//! Black-box and contract suites, in one binary.

mod architecture;
mod demo;
mod read_models;
mod support;
