"""Values of the scalars that the fuzzer does not know, good and bad; and what an answer has to be."""

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

# A position that mutations return, and texts that are none.
positions = st.sampled_from(["AAAAAAAAAAEAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA", "", "x"])

schemathesis.graphql.scalar("NaiveDate", st.dates().map(lambda day: nodes.String(day.isoformat())))
schemathesis.graphql.scalar("NaiveTime", st.times().map(lambda time: nodes.String(time.isoformat())))
schemathesis.graphql.scalar("Position", positions.map(nodes.String))
schemathesis.graphql.scalar("Vnd", st.integers(min_value=-1, max_value=2**63).map(lambda vnd: nodes.String(str(vnd))))
schemathesis.graphql.scalar("JSON", st.text().map(nodes.String))


@schemathesis.check
def errors_have_codes(ctx, response, case):
    """An answer is none of a server that failed, and each of its errors has a code that a client can branch on."""
    assert response.status_code < 500, response.status_code
    for error in response.json().get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code and code != "INTERNAL", error
