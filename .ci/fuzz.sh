#!/usr/bin/env bash
# Fuzzes the GraphQL API of a running demo, as an administrator and as nobody, with schemathesis, which makes its requests
# from the schema and of what is there (tests/fuzz). It fails on a 5xx, on an error without a code, on one whose code is INTERNAL,
# and when it hardly reaches anything.
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

token=dev:admin:demo@000.00.00.H25
python3 tests/fuzz/known.py "$address" "$folder/known.json"

# As whom, and what is given to schemathesis.
fuzz() {
    local as=$1
    shift
    (cd "$folder" && FUZZ_AS=$as FUZZ_KNOWN=known.json FUZZ_REACHED=reached.json PYTHONPATH=$OLDPWD/tests/fuzz SCHEMATHESIS_HOOKS=hooks \
        ./python/bin/schemathesis run "http://$address/graphql" \
        --checks errors_have_codes --phases fuzzing --max-examples "$examples" --seed 1 --no-color "$@")
}
# A run that is refused everywhere finds nothing: at least so many of 100 answers have no errors, and of an administrator's mutations
# so many are done.
reached() {
    python3 - "$folder/reached.json" "$@" <<'PYTHON'
import json, sys

path, fine, done = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
reached = json.load(open(path))
print("reached:", json.dumps(reached, sort_keys=True))
answers, mutations = reached["answers"], reached.get("done", 0) + reached.get("refused", 0)
assert fine * answers <= 100 * reached.get("without errors", 0), "too few answers without errors"
assert done * mutations <= 100 * reached.get("done", 0) and bool(done) == bool(mutations), "too few mutations were done"
PYTHON
}
fuzz admin --mode positive --header "Authorization: Bearer $token"
reached 50 2
fuzz nobody
reached 1 0
if grep -q 'a request failed' "$folder/log"; then
    grep 'a request failed' "$folder/log" >&2
    exit 1
fi
# That it would be there: a table is gone, and a request fails.
python3 - "$folder/fuzz-read.db" "$address" <<'PYTHON'
import json, sqlite3, sys, urllib.request

database = sqlite3.connect(sys.argv[1], timeout=30)
database.execute("DROP TABLE public_status")
database.commit()
body = json.dumps({"query": '{ publicStatus(code: "000.00.01.H25-260302-0001") { stage } }'}).encode()
request = urllib.request.Request(f"http://{sys.argv[2]}/graphql", body, {"content-type": "application/json"})
assert "INTERNAL" in urllib.request.urlopen(request, timeout=30).read().decode(), "a table is gone, and nothing failed"
PYTHON
grep -q 'a request failed' "$folder/log" || { echo "fuzz.sh: a request that fails is not in the log" >&2; exit 1; }
