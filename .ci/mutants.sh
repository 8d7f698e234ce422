#!/usr/bin/env bash
# Do the tests of `domain` notice when the dossier, the calendar or the working time is wrong? cargo-mutants changes one
# thing of the program at a time and runs them; at least 85 % of the changes have to be caught:
#
#   .ci/mutants.sh [ARG…]       ARGs go to cargo-mutants:  .ci/mutants.sh --shard 0/8 --sharding round-robin
#
# .cargo/mutants.toml says what is changed and how it is tested. mutants.out/ keeps what came of it; the working tree is
# not touched. Needs cargo-mutants and jq, but installs nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

caught_min=85 # per cent

# A quarter of the usual cases: what is caught by luck alone needs an example anyway. Nobody reads the failures, so they
# need not be made small. The seed lets two runs of one program come to the same.
export PROPTEST_CASES=64 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_RNG_SEED=1

status=0
cargo mutants --package domain "$@" || status=$?
case $status in
0 | 2 | 3) ;; # all caught; some missed; some only by running into the time limit
*)
    echo "mutants.sh: cargo-mutants failed ($status)" >&2
    exit "$status"
    ;;
esac

# One that never ends is caught as well. What does not compile says nothing about the tests.
jq --raw-output --argjson min "$caught_min" '
    (.caught + .timeout) as $caught
    | ($caught + .missed) as $viable
    | (if $viable == 0 then 0 else 100 * $caught / $viable end) as $share
    | "\($viable) of \(.total_mutants) mutants compile: \($caught) caught (\(.timeout) by the time limit), \(.missed) missed: "
        + "\($share * 10 | floor / 10) % caught, \($min) % wanted"
    | if $share < $min then "\(.)\n" | halt_error(1) else . end
' mutants.out/outcomes.json
