#!/usr/bin/env bash
# The one test command.
#
#   ./test.sh [--long] [-- CARGO-TEST-ARGS…]
#
# Works on a Debian machine that has nothing but Rust: installs a C compiler, PostgreSQL's server, Node and the programs
# that papers are read back with if they are missing, starts a throwaway PostgreSQL (unless TEST_POSTGRES_URL names one), checks
# format and lints, builds the binary under test and runs every test on every back end.
#
#   --long   everything slow as well: 200 kills instead of 25, more cases per property (MOTCUA_LONG=1); the API fuzzed from its
#            schema (.ci/fuzz.sh); who may do what decided again by Cedar (.ci/oracle.sh); and the mutation run
#            (.ci/mutants.sh), which asks the tests whether they would notice
#   --       what follows goes to `cargo test`, and neither of these is done:  ./test.sh -- --package domain
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

arguments=("$@")
while [[ $# -gt 0 ]]; do
    case $1 in
    --long) export MOTCUA_LONG=1 ;;
    --)
        shift
        break
        ;;
    -h | --help)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    *)
        echo "test.sh: unknown argument $1 (see --help)" >&2
        exit 2
        ;;
    esac
    shift
done

stage() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@"
    printf '== %s: %d s\n' "$name" $((SECONDS - start))
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Who asks for some of the tests does not ask for these.
slow_runs=
if [[ -n ${MOTCUA_LONG-} && $# == 0 ]]; then slow_runs=1; fi

install_missing() {
    local packages=()
    command -v cc >/dev/null || packages+=(build-essential)
    if [[ -z ${TEST_POSTGRES_URL-} ]] && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
        packages+=(postgresql)
    fi
    # What papers are read back with, by programs that are not ours.
    command -v pdftoppm >/dev/null || packages+=(poppler-utils)
    command -v zbarimg >/dev/null || packages+=(zbar-tools)
    # Reads e-mail and CSV, as somebody else would.
    command -v python3 >/dev/null || packages+=(python3-minimal libpython3-stdlib)
    command -v rsvg-convert >/dev/null || packages+=(librsvg2-bin)
    # Runs those who judge the API from outside (tests/js).
    command -v npm >/dev/null || packages+=(nodejs npm)
    if [[ -n $slow_runs ]]; then
        command -v jq >/dev/null || packages+=(jq)
        python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
    fi
    if [[ ${#packages[@]} -gt 0 ]]; then
        echo "installing: ${packages[*]}"
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${packages[@]}"
    fi
    # A minimal Rust installation comes without these two.
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    if [[ -n $slow_runs ]]; then
        # This major version: what it calls a mutant decides what the share of the caught ones means.
        cargo mutants --version >/dev/null 2>&1 || cargo install --locked --debug cargo-mutants --version '^27'
    fi
}

command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
command -v cargo >/dev/null || {
    echo "test.sh: cargo not found; install Rust first" >&2
    exit 1
}

install_missing

# PostgreSQL first: its script starts the server and runs this one again inside, with TEST_POSTGRES_URL set.
if [[ -z ${TEST_POSTGRES_URL-} ]]; then
    exec .ci/postgres.sh run ./test.sh "${arguments[@]}"
fi

export REQUIRED_BACKENDS=sqlite,postgres
export REQUIRED_TOOLS=1
MOTCUA_BIN=$(realpath --no-symlinks "${CARGO_TARGET_DIR:-target}")/debug/motcua
export MOTCUA_BIN

stage "format" cargo fmt --all --check
stage "lints" cargo clippy --workspace --all-targets -- -D warnings
# All targets in one go: `--package api` would select other features than the tests do and compile the tree twice.
stage "build" cargo build --workspace --all-targets
[[ -x $MOTCUA_BIN ]] || {
    echo "test.sh: the build left no $MOTCUA_BIN" >&2
    exit 1
}
stage "judges" npm ci --prefix tests/js
stage "tests" cargo test --workspace "$@"
if [[ -n $slow_runs ]]; then
    stage "fuzz" .ci/fuzz.sh
    stage "oracle" .ci/oracle.sh
    stage "mutants" .ci/mutants.sh
fi
