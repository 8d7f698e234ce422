#!/usr/bin/env bash
# Runs a command beside a throwaway PostgreSQL:
#
#   .ci/postgres.sh run COMMAND [ARG…]
#
# COMMAND finds the server in TEST_POSTGRES_URL (a superuser: it may create databases) and gets no stdin. The server
# keeps its data in a new folder, syncs every commit, and listens on 127.0.0.1 and on a socket in that folder only.
# However COMMAND ends, and also on Ctrl-C, SIGTERM or SIGHUP, the server is stopped by its pid and the folder removed.
# After kill -9 of this script itself the kernel stops the server (setpriv --pdeathsig); COMMAND and the folder stay.
# The exit code is COMMAND's. Needs the server binaries (Debian: postgresql, 15 or later), but installs nothing.
set -euo pipefail

fail() {
    echo "postgres.sh: $*" >&2
    exit 1
}

[[ ${1-} == run && $# -ge 2 ]] || fail "usage: $0 run COMMAND [ARG…]"
shift

bin=$(find /usr/lib/postgresql/*/bin -name initdb -printf '%h\n' 2>/dev/null | sort --version-sort | tail -n 1)
[[ -n $bin ]] || fail "no PostgreSQL server in /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql)"

# The server refuses to run as root.
as_owner=()
owner=$(id -un)
if [[ $(id -u) == 0 ]]; then
    owner=postgres
    getent passwd "$owner" >/dev/null || owner=nobody
    as_owner=(setpriv "--reuid=$(id -u "$owner")" "--regid=$(id -g "$owner")" --clear-groups)
fi

command_pid=
server_pid=
folder=

stop() {
    trap '' INT TERM HUP
    if [[ -n $command_pid ]]; then
        kill -TERM -- "-$command_pid" 2>/dev/null || true
    fi
    if [[ -n $server_pid ]]; then
        kill -INT "$server_pid" 2>/dev/null || true # fast shutdown: does not wait for clients
        for _ in {1..200}; do
            kill -0 "$server_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -QUIT "$server_pid" 2>/dev/null || true # still there after 20 s: immediate shutdown
        wait "$server_pid" 2>/dev/null || true
    fi
    if [[ -n $folder ]]; then
        rm -rf -- "$folder"
    fi
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

folder=$(mktemp -d "${TMPDIR:-/tmp}/motcua-postgres.XXXXXX")
chown "$owner" "$folder"
if ! "${as_owner[@]}" test -w "$folder"; then # TMPDIR lies where only root can go
    rmdir "$folder"
    folder=$(mktemp -d /tmp/motcua-postgres.XXXXXX)
    chown "$owner" "$folder"
fi
cd "$folder"

"${as_owner[@]}" "$bin/initdb" --pgdata="$folder/data" --username=postgres --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2; fail "initdb failed"; }

is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

is_up() {
    "$bin/psql" --no-psqlrc --quiet --host="$folder" --port="$port" --username=postgres --command='' postgres
}

# Server and command are started under `set -m`, so each has a process group of its own: Ctrl-C reaches this script
# alone, which then ends them in order.
for _ in {1..10}; do
    port=$((20000 + RANDOM % 12000)) # below the ephemeral ports
    is_free "$port" || continue
    set -m
    "${as_owner[@]}" setpriv --pdeathsig INT "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" \
        -c listen_addresses=127.0.0.1 -c max_connections=200 \
        -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
        >"$folder/server.log" 2>&1 </dev/null &
    server_pid=$!
    set +m
    for _ in {1..600}; do
        kill -0 "$server_pid" 2>/dev/null || break
        is_up 2>/dev/null && break 2
        sleep 0.1
    done
    # Not up: somebody took the port meanwhile, or worse. Its log is shown if no other port works either.
    kill -QUIT "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
done
[[ -n $server_pid ]] || { cat "$folder/server.log" >&2; fail "PostgreSQL does not start"; }
cd "$OLDPWD"

export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
echo "postgres.sh: $("$bin/postgres" --version), pid $server_pid, $TEST_POSTGRES_URL" >&2

set -m
"$@" </dev/null &
command_pid=$!
set +m
wait "$command_pid"
