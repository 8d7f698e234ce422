//! Procedures as an administrator drafts, checks, compares and publishes them, through the router.

use api::development_token::principal_id;
use api::graphql::PositionText;
use domain::recorded::Position;
use serde_json::{Value, json};

use crate::graphql::{ADMIN, AUDITOR, INTAKE, OFFICER_B, System, key, submission};
use crate::read_models::told_anew_they_say_the_same;
use crate::support::{Backend, instant, on_each_backend};

on_each_backend!(
    from_a_draft_to_a_version_and_on_to_the_next,
    a_dossier_stays_under_the_version_under_which_it_was_filed,
    a_draft_with_errors_is_kept_and_not_published,
    what_cannot_be_read_is_refused_by_its_place,
    who_saw_another_version_is_told_who_did_what,
    a_repeated_request_gets_the_first_answer,
    drafts_are_for_administrators,
    a_long_history_comes_in_pages,
);

const OTHER_ADMIN: &str = "dev:admin:dung@000.00.18.H42";
const LEADER: &str = "dev:leader:an@000.00.16.H42";
const RELAY: &str = "dev:relay:lien-thong@000.00.16.H42";
const CITIZEN: &str = "dev:citizen:minh@000.00.16.H42";

const PAYLOAD: &str = "
    streamVersion position
    procedure { code streamVersion draft { ...Draft } published { ...Version } }
    problems {
        __typename code message
        ... on VersionConflict { expected actual since { version eventType actor actingFor { code } } }
        ... on InvalidInput { field }
        ... on UnreadableDefinition { places { path reason } }
        ... on DraftHasErrors { defects { severity element reason } }
    }";
const PARTS: &str = "
    fragment Draft on ProcedureDraft { name publishable definition defects { severity element reason } }
    fragment Version on ProcedureVersion { number name publishedAt definition }";
const VALIDATE: &str = "query Q($code: String!, $definition: JSON!) {
    validateProcedure(code: $code, definition: $definition) {
        publishable defects { severity element reason }
        problems {
            __typename code ... on InvalidInput { field } ... on UnreadableDefinition { places { path reason } }
        }
    }
}";
const COMPARE: &str = "query Q($code: String!, $from: Int!, $to: Int) {
    compareProcedure(code: $code, from: $from, to: $to) {
        hasMore differences { path change before after }
    }
}";

async fn system(backend: Backend) -> System {
    System::new(backend, "2024-04-22T09:00:00+07:00").await
}

/// Three working days, and two tasks that take a day and a half each.
fn definition() -> Value {
    json!({
        "name": "Cấp giấy xác nhận",
        "term": {"fixed": {"working_days": 3}},
        "due_policy": {"day_term_due": "end_of_day", "late_receipt": "next_day"},
        "steps": [{"name": "Giải quyết", "group": "CHUYEN_MON", "half_days": 6, "tasks": [
            {"code": "THU_LY", "name": "Thụ lý", "half_days": 3, "next": "KY"},
            {"code": "KY", "name": "Ký", "half_days": 3},
        ]}],
        "form": {"schema": {"type": "object", "properties": {"dien-tich": {"type": "number"}}}},
        "end_of_processing": {"task": "KY"},
    })
}

/// With a task between the two, and a day more.
fn longer() -> Value {
    let mut longer = definition();
    longer["term"]["fixed"]["working_days"] = json!(4);
    longer["steps"][0]["half_days"] = json!(8);
    longer["steps"][0]["tasks"][0]["next"] = json!("THAM_DINH");
    let inserted = json!({"code": "THAM_DINH", "name": "Thẩm định", "half_days": 2, "next": "KY"});
    longer["steps"][0]["tasks"].as_array_mut().unwrap().insert(1, inserted);
    longer
}

/// The next task is nowhere, and the form is none.
fn faulty() -> Value {
    let mut faulty = definition();
    faulty["steps"][0]["tasks"][0]["next"] = json!("KHONG_CO");
    faulty["form"]["schema"]["properties"]["dien-tich"]["type"] = json!("so");
    faulty
}

fn draft(name: &str, expected: Option<i64>, code: &str, definition: &Value) -> Value {
    json!({
        "idempotencyKey": key(name), "expectedVersion": expected, "code": code, "definition": definition,
    })
}

fn publish(name: &str, expected: Option<i64>, code: &str) -> Value {
    json!({"idempotencyKey": key(name), "expectedVersion": expected, "code": code})
}

async fn sent(system: &System, who: &str, mutation: &str, input: &Value) -> Value {
    let kind = if mutation == "draftProcedure" { "DraftProcedureInput" } else { "PublishProcedureInput" };
    let query =
        format!("mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ {PAYLOAD} }} }} {PARTS}");
    let answer = system.ask_in(who, "en", &query, &json!({"input": input})).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"][mutation].clone()
}

/// A mutation that is done.
async fn done(system: &System, mutation: &str, input: &Value) -> Value {
    let done = sent(system, ADMIN, mutation, input).await;
    assert_eq!(done["problems"], json!([]), "{mutation}: {done}");
    done
}

/// A mutation that is not: it answers its one problem and writes nothing.
async fn refused(system: &System, who: &str, mutation: &str, input: &Value) -> Value {
    let before = head(system).await;
    let refused = sent(system, who, mutation, input).await;
    assert_eq!(head(system).await, before, "{mutation} was refused and written");
    for field in ["streamVersion", "position", "procedure"] {
        assert_eq!(refused[field], Value::Null, "{refused}");
    }
    assert_eq!(refused["problems"].as_array().unwrap().len(), 1, "{refused}");
    refused["problems"][0].clone()
}

async fn head(system: &System) -> Position {
    system.service.store().head().await.unwrap()
}

async fn validated(system: &System, code: &str, definition: &Value) -> Value {
    let before = head(system).await;
    let variables = json!({"code": code, "definition": definition});
    let answer = system.ask(ADMIN, VALIDATE, variables).await["validateProcedure"].clone();
    assert_eq!(head(system).await, before);
    answer
}

async fn compared(system: &System, from: i64, to: Option<i64>) -> Value {
    let variables = json!({"code": "XN", "from": from, "to": to});
    let answer = system.ask(ADMIN, COMPARE, variables).await["compareProcedure"].clone();
    assert_eq!(answer["hasMore"], json!(false));
    answer["differences"].clone()
}

async fn from_a_draft_to_a_version_and_on_to_the_next(backend: Backend) {
    let system = system(backend).await;
    let sound = json!({"publishable": true, "defects": [], "problems": []});
    assert_eq!(validated(&system, "XN", &definition()).await, sound);

    let drafted = done(&system, "draftProcedure", &draft("one", Some(0), "XN", &definition())).await;
    let as_drafted = json!({
        "name": "Cấp giấy xác nhận", "publishable": true, "defects": [], "definition": definition(),
    });
    let position = PositionText(head(&system).await).encode();
    assert_eq!((&drafted["streamVersion"], &drafted["position"]), (&json!(1), &json!(position)));
    assert_eq!(
        drafted["procedure"],
        json!({"code": "XN", "streamVersion": 1, "draft": as_drafted, "published": []})
    );
    // Nothing to compare it with.
    let (code, _) = system.error(ADMIN, COMPARE, json!({"code": "XN", "from": 1})).await;
    assert_eq!(code, "NOT_FOUND");

    let published = done(&system, "publishProcedure", &publish("publish one", Some(1), "XN")).await;
    let first = json!({
        "number": 1, "name": "Cấp giấy xác nhận", "publishedAt": "2024-04-22T09:00:00+07:00",
        "definition": definition(),
    });
    assert_eq!(
        published["procedure"],
        json!({"code": "XN", "streamVersion": 2, "draft": null, "published": [first]})
    );
    // What is in force already is nothing new.
    let same = done(&system, "draftProcedure", &draft("the same", Some(2), "XN", &definition())).await;
    assert_eq!(same["streamVersion"], 2);

    system.clock.set(instant("2024-05-02T08:00:00+07:00"));
    let drafted = done(&system, "draftProcedure", &draft("two", Some(2), "XN", &longer())).await;
    assert_eq!(drafted["procedure"]["published"], json!([first]));
    let steps = "steps[Giải quyết]";
    let inserted = longer()["steps"][0]["tasks"][1].clone();
    let differences = json!([
        {"path": format!("{steps}.half_days"), "change": "CHANGED", "before": 6, "after": 8},
        {
            "path": format!("{steps}.tasks[THU_LY].next"), "change": "CHANGED", "before": "KY",
            "after": "THAM_DINH",
        },
        {"path": format!("{steps}.tasks[THAM_DINH]"), "change": "ADDED", "before": null, "after": inserted},
        {"path": "term.fixed.working_days", "change": "CHANGED", "before": 3, "after": 4},
    ]);
    assert_eq!(compared(&system, 1, None).await, differences);
    assert_eq!(compared(&system, 1, Some(1)).await, json!([]));

    let published = done(&system, "publishProcedure", &publish("publish two", Some(3), "XN")).await;
    let second = json!({
        "number": 2, "name": "Cấp giấy xác nhận", "publishedAt": "2024-05-02T08:00:00+07:00",
        "definition": longer(),
    });
    assert_eq!(published["procedure"]["published"], json!([second, first]));
    assert_eq!(compared(&system, 1, Some(2)).await, differences);
    let back = compared(&system, 2, Some(1)).await;
    assert_eq!((back.as_array().unwrap().len(), &back[2]["change"]), (4, &json!("REMOVED")), "{back}");

    let query = "query Q($at: Position) { procedures(minPosition: $at) { code version } }";
    let listed = system.ask("", query, json!({"at": published["position"]})).await;
    let listed = listed["procedures"].as_array().unwrap();
    assert!(listed.contains(&json!({"code": "XN", "version": 2})), "{listed:?}");
    told_anew_they_say_the_same(&system.service.read_side, &["procedure_catalogue"]).await;
    system.stop().await;
}

async fn a_dossier_stays_under_the_version_under_which_it_was_filed(backend: Backend) {
    let system = system(backend).await;
    done(&system, "draftProcedure", &draft("one", None, "XN", &definition())).await;
    done(&system, "publishProcedure", &publish("publish one", None, "XN")).await;
    let filed = async |name: &str| {
        let mut input = submission(name);
        input["procedure"] = json!("XN");
        input["form"] = json!({});
        system.act(CITIZEN, "submitDossier", &input).await.id
    };
    let before = filed("before").await;
    done(&system, "draftProcedure", &draft("two", None, "XN", &longer())).await;
    // A draft moves nobody.
    let meanwhile = filed("meanwhile").await;
    done(&system, "publishProcedure", &publish("publish two", None, "XN")).await;
    let after = filed("after").await;

    let query = "query Q($id: UUID!, $at: Position) {
        dossier(id: $id, minPosition: $at) { procedureVersion dueAt }
    }";
    // All are received after the second version was published: three days, and four.
    for (id, version, due_at) in [
        (before, 1, "2024-04-25T17:00:00+07:00"),
        (meanwhile, 1, "2024-04-25T17:00:00+07:00"),
        (after, 2, "2024-04-26T17:00:00+07:00"),
    ] {
        let on = json!({"on": {"idempotencyKey": key(&id.to_string()), "dossierId": id}});
        system.act(INTAKE, "receiveDossier", &on).await;
        let at = PositionText(head(&system).await).encode();
        let dossier = system.ask(INTAKE, query, json!({"id": id, "at": at})).await["dossier"].clone();
        assert_eq!(dossier, json!({"procedureVersion": version, "dueAt": due_at}));
    }
    system.stop().await;
}

async fn a_draft_with_errors_is_kept_and_not_published(backend: Backend) {
    let system = system(backend).await;
    let found = validated(&system, "XN", &faulty()).await;
    assert_eq!((&found["publishable"], &found["problems"]), (&json!(false), &json!([])));
    let errors: Vec<&str> = found["defects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|defect| defect["severity"] == "ERROR")
        .map(|defect| defect["element"].as_str().unwrap())
        .collect();
    assert!(errors.contains(&"form") && errors.contains(&"step[1]/task[THU_LY]"), "{found}");

    let drafted = done(&system, "draftProcedure", &draft("one", Some(0), "XN", &faulty())).await;
    let kept = &drafted["procedure"]["draft"];
    assert_eq!((&kept["publishable"], &kept["defects"]), (&json!(false), &found["defects"]));
    assert_eq!(kept["definition"], faulty());
    let problem = refused(&system, ADMIN, "publishProcedure", &publish("too early", Some(1), "XN")).await;
    assert_eq!(
        problem,
        json!({
            "__typename": "DraftHasErrors", "code": "DRAFT_HAS_ERRORS",
            "message": "The draft still has errors.", "defects": found["defects"],
        })
    );
    done(&system, "draftProcedure", &draft("corrected", Some(1), "XN", &definition())).await;
    // The key is free: what was refused was not written.
    let published = done(&system, "publishProcedure", &publish("too early", Some(2), "XN")).await;
    assert_eq!(published["procedure"]["published"][0]["definition"], definition());

    // Warnings keep nothing back.
    let mut warned = definition();
    warned["steps"][0]["half_days"] = json!(5);
    let drafted = done(&system, "draftProcedure", &draft("warned", Some(3), "XN", &warned)).await;
    let severities = |defects: &Value| -> Vec<String> {
        let defects = defects.as_array().unwrap().iter();
        defects.map(|defect| defect["severity"].as_str().unwrap().to_owned()).collect()
    };
    let kept = &drafted["procedure"]["draft"];
    assert!(severities(&kept["defects"]).iter().all(|severity| severity == "WARNING"), "{kept}");
    assert_eq!((kept["defects"] == json!([]), &kept["publishable"]), (false, &json!(true)));
    done(&system, "publishProcedure", &publish("publish warned", Some(4), "XN")).await;
    system.stop().await;
}

async fn what_cannot_be_read_is_refused_by_its_place(backend: Backend) {
    let system = system(backend).await;
    let with = |pointer: &str, field: &str, to: Value| {
        let mut changed = definition();
        changed.pointer_mut(pointer).unwrap()[field] = to;
        changed
    };
    for (nth, (wrong, path)) in [
        (with("/steps/0/tasks/1", "half_day", json!(3)), "steps.0.tasks.1.half_day"),
        (with("/form", "scheme", json!({})), "form.scheme"),
        (with("/steps/0/tasks/1", "half_days", json!("3")), "steps.0.tasks.1.half_days"),
        (with("", "term", json!({"fixed": {"weeks": 3}})), "term.fixed"),
        (json!({"name": "Chỉ có tên"}), ""),
        (json!("{\"name\": "), ""),
        (json!(7), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let input = draft(&format!("unreadable {nth}"), Some(0), "XN", &wrong);
        let problem = refused(&system, ADMIN, "draftProcedure", &input).await;
        assert_eq!(
            (&problem["__typename"], &problem["code"]),
            (&json!("UnreadableDefinition"), &json!("BAD_USER_INPUT")),
            "{problem}"
        );
        assert_eq!(problem["places"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["places"][0]["path"], path, "{problem}");
        let found = validated(&system, "XN", &wrong).await;
        assert_eq!((&found["publishable"], &found["defects"]), (&json!(false), &json!([])));
        assert_eq!(found["problems"][0]["places"], problem["places"], "{found}");
    }

    let large = with("", "name", json!("a".repeat(768 << 10)));
    for (code, wrong, field) in
        [("XN", &large, "definition"), ("x n", &definition(), "code"), ("", &definition(), "code")]
    {
        let problem = refused(&system, ADMIN, "draftProcedure", &draft(code, Some(0), code, wrong)).await;
        assert_eq!(
            (&problem["__typename"], &problem["code"], &problem["field"]),
            (&json!("InvalidInput"), &json!("BAD_USER_INPUT"), &json!(field))
        );
        let found = validated(&system, code, wrong).await;
        assert_eq!(found["problems"][0]["field"], field, "{found}");
    }
    let problem = refused(&system, ADMIN, "publishProcedure", &publish("bad", None, "x n")).await;
    assert_eq!(problem["field"], "code");
    for query in [
        "{ procedureVersions(code: \"x n\") { code } }",
        "{ compareProcedure(code: \"x n\", from: 1) { hasMore } }",
    ] {
        assert_eq!(system.error(ADMIN, query, json!({})).await.0, "BAD_USER_INPUT");
    }
    assert_eq!(
        system.ask(ADMIN, "{ procedureVersions(code: \"XN\") { code } }", json!({})).await["procedureVersions"],
        Value::Null
    );
    system.stop().await;
}

async fn who_saw_another_version_is_told_who_did_what(backend: Backend) {
    let system = system(backend).await;
    let nothing = refused(&system, ADMIN, "publishProcedure", &publish("nothing", Some(0), "XN")).await;
    assert_eq!((&nothing["__typename"], &nothing["code"]), (&json!("Refusal"), &json!("NOTHING_TO_PUBLISH")));
    done(&system, "draftProcedure", &draft("one", Some(0), "XN", &definition())).await;
    let input = draft("theirs", Some(1), "XN", &longer());
    assert_eq!(sent(&system, OTHER_ADMIN, "draftProcedure", &input).await["problems"], json!([]));

    // Neither is another draft overwritten nor one published that nobody has looked at.
    let conflict = json!({
        "__typename": "VersionConflict", "code": "VERSION_CONFLICT",
        "message": "Somebody else has just changed it; load it again.",
        "expected": 1, "actual": 2,
        "since": [{
            "version": 2, "eventType": "procedure.drafted.v1", "actor": principal_id("dung").0,
            "actingFor": {"code": "000.00.18.H42"},
        }],
    });
    let mine = draft("mine", Some(1), "XN", &faulty());
    assert_eq!(refused(&system, ADMIN, "draftProcedure", &mine).await, conflict);
    assert_eq!(refused(&system, ADMIN, "publishProcedure", &publish("mine", Some(1), "XN")).await, conflict);
    // Also where the draft is what it says already.
    let same = draft("the same", Some(1), "XN", &longer());
    assert_eq!(refused(&system, ADMIN, "draftProcedure", &same).await, conflict);

    done(&system, "publishProcedure", &publish("publish", Some(2), "XN")).await;
    let nothing = refused(&system, ADMIN, "publishProcedure", &publish("again", Some(3), "XN")).await;
    assert_eq!(nothing["code"], "NOTHING_TO_PUBLISH");
    system.stop().await;
}

async fn a_repeated_request_gets_the_first_answer(backend: Backend) {
    let system = system(backend).await;
    let first = draft("draft", Some(0), "XN", &definition());
    let drafted = done(&system, "draftProcedure", &first).await;
    let publishing = publish("publish", Some(1), "XN");
    let published = done(&system, "publishProcedure", &publishing).await;
    done(&system, "draftProcedure", &draft("two", Some(2), "XN", &longer())).await;
    let before = head(&system).await;
    for (mutation, input, answer) in
        [("draftProcedure", &first, &drafted), ("publishProcedure", &publishing, &published)]
    {
        let again = done(&system, mutation, input).await;
        assert_eq!(
            (&again["streamVersion"], &again["position"]),
            (&answer["streamVersion"], &answer["position"])
        );
        // As it is by now.
        assert_eq!(again["procedure"]["streamVersion"], 3);
    }
    assert_eq!(head(&system).await, before);
    for (mutation, other) in [
        ("draftProcedure", draft("draft", Some(0), "XN", &longer())),
        ("draftProcedure", draft("draft", Some(3), "XN", &definition())),
        ("draftProcedure", draft("draft", Some(0), "XN2", &definition())),
        ("publishProcedure", publish("publish", Some(3), "XN")),
        ("publishProcedure", publish("publish", Some(1), "XN2")),
    ] {
        let problem = refused(&system, ADMIN, mutation, &other).await;
        assert_eq!(problem["code"], "IDEMPOTENCY_KEY_REUSED", "{other}");
    }
    system.stop().await;
}

async fn drafts_are_for_administrators(backend: Backend) {
    let system = system(backend).await;
    let versions = format!(
        "query Q($code: String!) {{ procedureVersions(code: $code) {{
            streamVersion draft {{ ...Draft }} published {{ ...Version }}
        }} }} {PARTS}"
    );
    done(&system, "draftProcedure", &draft("other", None, "MOI", &definition())).await;
    done(&system, "draftProcedure", &draft("one", None, "XN", &definition())).await;
    done(&system, "publishProcedure", &publish("publish one", None, "XN")).await;
    let with_draft = done(&system, "draftProcedure", &draft("two", None, "XN", &longer())).await;
    let (xn, new) = (json!({"code": "XN"}), json!({"code": "MOI"}));
    let two = json!({"code": "XN", "from": 1, "to": 1});
    let to_draft = json!({"code": "XN", "from": 1});
    let validation = json!({"code": "XN", "definition": definition()});
    for who in [INTAKE, OFFICER_B, LEADER, AUDITOR, RELAY] {
        for (mutation, input) in [
            ("draftProcedure", draft("mine", None, "XN", &faulty())),
            // The function comes before whatever else is wrong.
            ("draftProcedure", draft("mine", Some(9), "x n", &json!(1))),
            ("publishProcedure", publish("mine", Some(9), "XN")),
        ] {
            assert_eq!(refused(&system, who, mutation, &input).await["code"], "NO_FUNCTION", "{who}");
        }
        assert_eq!(system.error(who, VALIDATE, validation.clone()).await.0, "NO_FUNCTION", "{who}");
        let seen = system.ask(who, &versions, xn.clone()).await["procedureVersions"].clone();
        assert_eq!(
            seen,
            json!({"streamVersion": null, "draft": null, "published": with_draft["procedure"]["published"]})
        );
        // Not even that there is one.
        let seen = system.ask(who, &versions, new.clone()).await;
        assert_eq!(seen["procedureVersions"], Value::Null);
        for variables in
            [to_draft.clone(), json!({"code": "FIVE", "from": 1}), json!({"code": "X", "from": 1})]
        {
            assert_eq!(system.error(who, COMPARE, variables).await.0, "NO_FUNCTION", "{who}");
        }
        let same = system.ask(who, COMPARE, two.clone()).await;
        assert_eq!(same["compareProcedure"], json!({"hasMore": false, "differences": []}));
    }
    // Who may only file sees what is offered, and not how it runs; who is nobody, neither.
    for (who, code) in [(CITIZEN, "NO_FUNCTION"), ("", "UNAUTHENTICATED")] {
        assert_eq!(system.error(who, &versions, xn.clone()).await.0, code);
        assert_eq!(system.error(who, COMPARE, two.clone()).await.0, code);
        assert_eq!(system.error(who, VALIDATE, validation.clone()).await.0, code);
    }
    for missing in [
        json!({"code": "XN", "from": 0}),
        json!({"code": "XN", "from": 2}),
        json!({"code": "XN", "from": 1, "to": 2}),
        json!({"code": "FIVE", "from": 1}),
        json!({"code": "KHONG_CO", "from": 1, "to": 1}),
    ] {
        assert_eq!(system.error(ADMIN, COMPARE, missing.clone()).await.0, "NOT_FOUND", "{missing}");
    }
    system.stop().await;
}

async fn a_long_history_comes_in_pages(backend: Backend) {
    let system = system(backend).await;
    for number in 1..=5 {
        let mut next = definition();
        next["fee_vnd"] = json!(number);
        done(&system, "draftProcedure", &draft(&format!("{number}"), None, "XN", &next)).await;
        done(&system, "publishProcedure", &publish(&format!("publish {number}"), None, "XN")).await;
    }
    let query = "query Q($first: Int, $before: Int) {
        procedureVersions(code: \"XN\") { published(first: $first, before: $before) { number } }
    }";
    for (first, before, expected) in [
        (None, None, &[5, 4, 3, 2, 1][..]),
        (Some(2), None, &[5, 4]),
        (Some(2), Some(4), &[3, 2]),
        (Some(2), Some(2), &[1]),
        (Some(2), Some(1), &[]),
        (Some(0), None, &[]),
    ] {
        let page = system.ask(ADMIN, query, json!({"first": first, "before": before})).await;
        let page = page["procedureVersions"]["published"].as_array().unwrap();
        let numbers: Vec<_> = page.iter().map(|version| version["number"].as_i64().unwrap()).collect();
        assert_eq!(numbers, expected, "{first:?} {before:?}");
    }
    let variables = json!({"first": 101});
    assert_eq!(system.error(ADMIN, query, variables).await.0, "BAD_USER_INPUT");
    system.stop().await;
}
