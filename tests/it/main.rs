//! Black-box and contract suites, in one binary.

mod support;
