#!/usr/bin/env bash
# Fuzzes the GraphQL API of a running demo, as an administrator and as nobody, with schemathesis, which makes its requests
# from the schema. It fails on a 5xx, on an error without a code, and on one whose code is INTERNAL.
#
#   .ci/fuzz.sh [EXAMPLES PER OPERATION, 50 if absent]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
examples=${1:-50}
binary=${MOTCUA_BIN:-target/debug/motcua}
folder=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT

python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement tests/fuzz/requirements.txt

"$binary" demo --dossiers 200 --seed 1 --listen 127.0.0.1:0 --store "sqlite:$folder/fuzz.db" >"$folder/said" 2>"$folder/log" &
server=$!
address=
for _ in $(seq 600); do
    address=$(sed -n 's#.*listening on http://\([0-9.:]*\).*#\1#p' "$folder/log" "$folder/said" | head -1)
    [[ -z $address ]] || break
    kill -0 "$server" || { cat "$folder/log" >&2; exit 1; }
    sleep 0.2
done
[[ -n $address ]] || { cat "$folder/log" >&2; exit 1; }

fuzz() {
    (cd "$folder" && PYTHONPATH=$OLDPWD/tests/fuzz SCHEMATHESIS_HOOKS=hooks ./python/bin/schemathesis run "http://$address/graphql" \
        --checks errors_have_codes --phases fuzzing --max-examples "$examples" --seed 1 --no-color "$@")
}
fuzz --header 'Authorization: Bearer dev:admin:demo@000.00.00.H25'
fuzz
if grep -q 'a request failed' "$folder/log"; then
    grep 'a request failed' "$folder/log" >&2
    exit 1
fi
