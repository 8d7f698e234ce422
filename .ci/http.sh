#!/usr/bin/env bash
# Latency over HTTP at 64 connections: a bare handler, a look-up, a work list and a mutation, one after the other on one server
# with a generated province.   .ci/http.sh [sqlite|postgres] [SECONDS EACH, 10 if absent]
#
# Wants wrk (apt-get install wrk) and a release build; for postgres, TEST_POSTGRES_URL (.ci/postgres.sh run .ci/http.sh postgres).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
back_end=${1:-sqlite} seconds=${2:-10}
binary=${MOTCUA_BIN:-target/release/motcua}
folder=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
case $back_end in
sqlite) store=(--store "sqlite:$folder/http.db") ;;
postgres) store=(--store "$TEST_POSTGRES_URL" --keys "sqlite:$folder/keys.db") ;;
*) echo "http.sh: sqlite or postgres" >&2; exit 2 ;;
esac
MOTCUA_LOG=warn,motcua=info,api=info "$binary" demo --seed 1 --listen 127.0.0.1:0 "${store[@]}" --master-key "$folder/master.key" \
    --files "$folder/files" >"$folder/said" 2>"$folder/log" &
server=$!
address=
for _ in $(seq 1200); do
    address=$(sed -n 's#.*listening on http://\([0-9.:]*\).*#\1#p' "$folder/log" "$folder/said" | head -1)
    [[ -z $address ]] || break
    kill -0 "$server" || { cat "$folder/log" >&2; exit 1; }
    sleep 0.5
done
[[ -n $address ]] || { echo "http.sh: no address after ten minutes" >&2; cat "$folder/log" >&2; exit 1; }

cat >"$folder/look-up.graphql" <<'GRAPHQL'
query Q($code: String!) { publicStatus(code: $code) { code stage stageName receivedAt dueAt procedure { name } receivingAgency { name } } }
GRAPHQL
cat >"$folder/mutation.graphql" <<'GRAPHQL'
mutation M($input: RecordSynchronisationInput!) { recordSynchronisation(input: $input) { position problems { code } } }
GRAPHQL
python3 - "$address" "$folder" <<'PYTHON'
import json, sys, urllib.request

address, folder = sys.argv[1:]


def ask(query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer dev:admin:demo@000.00.00.H25"}
    request = urllib.request.Request(f"http://{address}/graphql", body, headers)
    answer = json.load(urllib.request.urlopen(request))
    assert "errors" not in answer, answer
    return answer["data"]


ids, codes, after = [], [], None
while len(ids) < 5000:
    page = ask("query Q($after: String) { dossiers(first: 100, after: $after) { pageInfo { endCursor hasNextPage } nodes { id code } } }", {"after": after})["dossiers"]
    ids += [node["id"] for node in page["nodes"]]
    codes += [node["code"] for node in page["nodes"]]
    after = page["pageInfo"]["endCursor"]
    if not page["pageInfo"]["hasNextPage"]:
        break
open(f"{folder}/ids", "w").write("\n".join(ids) + "\n")
open(f"{folder}/codes", "w").write("\n".join(codes) + "\n")
groups = ask("{ deadlineBoard { groups(by: HOLDER_AGENCY) { agency { code } onTime } } }")["deadlineBoard"]["groups"]
busiest = max((group for group in groups if group["agency"]), key=lambda group: group["onTime"])
open(f"{folder}/agency", "w").write(busiest["agency"]["code"])
PYTHON
agency=$(cat "$folder/agency")

# What is refused is quicker than what is done: one wrong answer, and the figures are of something else.
measure() {
    local what=$1 said
    shift
    said=$(wrk --threads 1 --connections 64 --duration "${seconds}s" --timeout 10s "$@" | grep requests,)
    printf '%-10s %s\n' "$what" "$said"
    [[ $said == *", 0 wrong" && $said != "0 requests"* ]] || { echo "http.sh: $what was not answered as it should be" >&2; exit 1; }
}
ask=tests/http/ask.lua url="http://$address/graphql"
echo "$back_end, 64 connections, $seconds s each"
measure bare -s $ask "http://$address/livez"
measure look-up -s $ask "$url" -- "$folder/look-up.graphql" dev:auditor:x@000.00.00.H25 '{"code":"ID"}' "$folder/codes"
measure worklist -s $ask "$url" -- docs/portal/work-list.graphql "dev:officer:x@$agency" '{"of":"AGENCY","first":20}'
measure mutation -s $ask "$url" -- "$folder/mutation.graphql" dev:relay:x@000.00.00.H25 \
    '{"input":{"idempotencyKey":"KEY","dossierId":"ID","outcome":"SENT","version":1}}' "$folder/ids"
