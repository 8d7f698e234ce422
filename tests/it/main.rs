//! Black-box and contract suites: one test binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

mod dialects;
mod event_store;
mod leaf;
