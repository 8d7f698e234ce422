"""Asks a server of the demo what there is, and writes it down for the fuzzer.   known.py ADDRESS FILE"""

import json
import sys
import urllib.request

address, file = sys.argv[1:]
TOKEN = "dev:admin:demo@000.00.00.H25"


def ask(query):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(f"http://{address}/graphql", json.dumps({"query": query}).encode(), headers)
    answer = json.load(urllib.request.urlopen(request, timeout=30))
    assert "errors" not in answer, answer
    return answer["data"]


dossiers = ask("""{ dossiers(first: 100) { nodes { id code procedure { id code } holder { assignee } } } }""")["dossiers"]["nodes"]
agencies = ask("{ agencies { id code } }")["agencies"]
groups = ask("{ permissionGroups { code } }")["permissionGroups"]
accounts = ask("{ accounts(first: 100) { nodes { accountId } } }")["accounts"]["nodes"]
procedures = sorted({dossier["procedure"]["code"] for dossier in dossiers})
steps = set()
for code in procedures[:5]:
    versions = ask(f'{{ procedureVersions(code: "{code}") {{ published {{ definition }} }} }}')["procedureVersions"]["published"]
    steps |= {task["code"] for version in versions for step in version["definition"]["steps"] for task in step["tasks"]}
people = {(dossier["holder"] or {}).get("assignee") for dossier in dossiers} - {None}
known = {
    "accounts": sorted(people | {account["accountId"] for account in accounts}),
    "agencies": [agency["code"] for agency in agencies],
    "codes": [dossier["code"] for dossier in dossiers],
    "dossiers": [dossier["id"] for dossier in dossiers],
    "fields": ["Xây dựng", "H25-LV01"],
    "groups": [group["code"] for group in groups] or ["QUAN_TRI_HE_THONG"],
    "nodes": [of["id"] for of in agencies + dossiers] + [dossier["procedure"]["id"] for dossier in dossiers],
    "procedures": procedures,
    "steps": sorted(steps),
}
assert all(known.values()), {name: len(values) for name, values in known.items()}
json.dump(known, open(file, "w"))
