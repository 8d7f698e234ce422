"""What the fuzzer asks with, and what an answer has to be.

Ids and codes come from the server that is asked, which `known.py` wrote down, besides random ones: where an argument is called `agency`,
three times in four it names one that is there. `FUZZ_KNOWN` is that file, `FUZZ_REACHED` the one for how far it came, and `FUZZ_AS` says
who asks: `admin`, or nobody.
"""

import atexit
import dataclasses
import json
import os
import uuid
from collections import Counter

import graphql
import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

KNOWN = json.load(open(os.environ["FUZZ_KNOWN"]))

# A position that mutations return, and texts that are none.
positions = st.sampled_from(["AAAAAAAAAAEAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA", "", "x"])
instants = st.sampled_from(["2026-03-02T08:00:00+07:00", "2026-12-31T17:00:00Z", "0001-01-01T00:00:00Z", "yesterday"])
ids = st.sampled_from(sorted({id for ids in KNOWN.values() for id in ids if len(id) == 36}))

schemathesis.graphql.scalar("NaiveDate", st.dates().map(lambda day: nodes.String(day.isoformat())))
schemathesis.graphql.scalar("NaiveTime", st.times().map(lambda time: nodes.String(time.isoformat())))
schemathesis.graphql.scalar("DateTime", instants.map(nodes.String))
schemathesis.graphql.scalar("Position", positions.map(nodes.String))
schemathesis.graphql.scalar("UUID", (ids | st.uuids().map(str)).map(nodes.String))
schemathesis.graphql.scalar("Vnd", st.integers(min_value=-1, max_value=2**63).map(lambda vnd: nodes.String(str(vnd))))
schemathesis.graphql.scalar("JSON", st.text().map(nodes.String))

# What an argument or an input field of a name takes.
CALLED = {
    "accountId": "accounts",
    "agency": "agencies",
    "assignee": "accounts",
    "by": "agencies",
    "competentAgency": "agencies",
    "dossierId": "dossiers",
    "field": "fields",
    "group": "groups",
    "parent": "agencies",
    "procedure": "procedures",
    "receivingAgency": "agencies",
    "step": "steps",
    "supportingAgency": "agencies",
}
# The same where the root field says what it is of.
CALLED_IN = {
    ("administeredAgency", "code"): "agencies",
    ("compareProcedure", "code"): "procedures",
    ("dossier", "code"): "codes",
    ("dossier", "id"): "dossiers",
    ("dossierEvents", "code"): "codes",
    ("myDossier", "id"): "dossiers",
    ("node", "id"): "nodes",
    ("procedureVersions", "code"): "procedures",
    ("publicStatus", "code"): "codes",
    ("search", "text"): "codes",
    ("validateProcedure", "code"): "procedures",
}


PROBLEMS = graphql.parse("{ problems { code } }").definitions[0].selection_set.selections[0]


class Naming(graphql.Visitor):
    """Puts what is there in the place of random texts, mostly."""

    def __init__(self, root, random):
        super().__init__()
        self.root, self.random = root, random

    def named(self, node, *_):
        name = node.name.value
        if name == "idempotencyKey":
            return dataclasses.replace(node, value=nodes.String(str(uuid.UUID(int=self.random.getrandbits(128), version=4))))
        kind = CALLED_IN.get((self.root, name)) or CALLED.get(name)
        if 0.75 < self.random.random():
            return None
        if isinstance(node.value, graphql.StringValueNode) and kind:
            return dataclasses.replace(node, value=nodes.String(self.random.choice(KNOWN[kind])))
        # A random version is a conflict, and a random length no page: neither gets any further.
        if isinstance(node.value, graphql.IntValueNode) and name in ("expectedVersion", "first"):
            return dataclasses.replace(node, value=nodes.Null if name == "expectedVersion" else nodes.Int(5))
        return None

    enter_argument = enter_object_field = named

    def leave_operation_definition(self, operation, *_):
        """Of a mutation it is always asked whether it was done."""
        if operation.operation != graphql.OperationType.MUTATION:
            return None
        root = operation.selection_set.selections[0]
        asked = dataclasses.replace(root.selection_set, selections=(*root.selection_set.selections, PROBLEMS))
        root = dataclasses.replace(root, selection_set=asked)
        return dataclasses.replace(operation, selection_set=dataclasses.replace(operation.selection_set, selections=(root,)))


@schemathesis.hook
def flatmap_body(context, body):
    root = next((of.selection_set.selections[0].name.value for of in body.definitions), None)

    return st.randoms(use_true_random=False).map(lambda random: graphql.visit(body, Naming(root, random)))


reached = Counter()


@atexit.register
def write_down():
    if "FUZZ_REACHED" in os.environ:
        with open(os.environ["FUZZ_REACHED"], "w") as file:
            json.dump(reached, file, indent=1, sort_keys=True)


@schemathesis.check
def errors_have_codes(ctx, response, case):
    """An answer is none of a server that failed, each of its errors has a code that a client can branch on, and an administrator
    is never taken for nobody."""
    assert response.status_code < 500, response.status_code
    answer = response.json()
    reached["answers"] += 1
    for error in answer.get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code and code != "INTERNAL", error
        assert code != "UNAUTHENTICATED" or os.environ.get("FUZZ_AS") != "admin", error
        reached[f"error {code}"] += 1
    if "errors" not in answer:
        reached["without errors"] += 1
        if not json.loads(response.request.body)["query"].lstrip().startswith("mutation"):
            return
        for payload in answer["data"].values():
            reached["done" if payload["problems"] == [] else "refused"] += 1
            for problem in payload["problems"]:
                assert problem["code"], payload
                reached[f"problem {problem['code']}"] += 1
