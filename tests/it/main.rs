//! Black-box and contract suites, in one binary.

mod architecture;
mod cli;
mod demo;
mod graphql;
mod read_models;
mod real_input;
mod support;
