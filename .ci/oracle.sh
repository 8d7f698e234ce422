#!/usr/bin/env bash
# Who may do what, decided a second time by Cedar (tests/oracle, a workspace of its own), from policies that are written from
# the documents: thousands of random provinces, each asked about every act and every function.
#
#   .ci/oracle.sh [ARG…]       ARGs go to the tests:  .ci/oracle.sh what_is_allowed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../tests/oracle"
cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo test -- "$@"
