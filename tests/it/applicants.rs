//! Applicants, and those who act for them: what they do with their own dossiers, and that they see nothing else.

use std::collections::BTreeSet;

use api::http::{Settings, router};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::access::Purpose;
use domain::dossier;
use domain::identity::{DossierId, PrincipalId};
use infrastructure::read_log::{Read, Which};
use serde_json::{Value, json};

use crate::graphql::{Answer, answer_of};
use crate::payments::Office;
use crate::read_models::told_anew_they_say_the_same;
use crate::support::office::{ADMIN, AGENCY, CITIZEN, INTAKE, LAN, LEADER, PROCEDURE, caller, key};
use crate::support::{Backend, instant, on_each_backend};

on_each_backend!(
    an_applicant_goes_all_the_way_from_filing_to_the_result,
    what_is_another_applicants_is_as_if_it_were_not_there,
    one_acts_for_an_applicant_as_long_as_the_applicant_says_so,
    what_a_delegate_sees_is_written_down_and_what_an_applicant_sees_is_not,
    who_files_online_does_not_say_who_they_are_and_a_counter_does,
    nobody_at_the_counter_lets_themselves_see,
    whoever_works_at_a_counter_files_elsewhere_as_anybody_does,
    what_the_office_has_done_is_not_told_by_a_conflict,
    who_acts_for_somebody_no_more_sees_nothing_whatever_the_read_model_says,
    staff_see_what_was_handed_in_and_what_was_written,
);

/// The citizen, who works at the counter as well.
const CITIZEN_AT_WORK: &str = "dev:intake:dan@000.00.16.H42";
/// Somebody else who has filed something of their own.
const OTHER: &str = "dev:citizen:binh@000.00.17.H42";
/// Somebody who acts for others.
const FRIEND: &str = "dev:citizen:ban@000.00.17.H42";
const NAME: &str = "MẪU Nguyễn Thị Mơ";
const FRIENDS_NAME: &str = "MẪU Phạm Văn Được";
const MINE: &str = "query($id: UUID!) { myDossier(id: $id) {
    id code role stage stageName nationalCode outstanding delivery outcome version allowedActions
    application { applicant { name phone idNumber email address accountId } applicantKind delegate { name accountId }
        subject form papers }
    messages { about reason papers answerBy dueAt } files { id purpose paper name }
    procedure { code } receivingAgency { code } } }";

fn account(token: &str) -> PrincipalId {
    caller(token).principal.id
}

fn submission(name: &str, delegate: Value) -> Value {
    json!({
        "idempotencyKey": key(name), "procedure": PROCEDURE, "receivingAgency": AGENCY,
        "applicant": {"kind": "CITIZEN", "name": NAME, "phone": "0912345678", "idNumber": "035185000123"},
        "delegate": delegate, "subject": "MẪU xin xác nhận", "form": {"soThua": "12"}, "papers": ["DON_DE_NGHI"],
    })
}

fn friend(account_id: Value) -> Value {
    json!({"name": FRIENDS_NAME, "phone": "0987654321", "accountId": account_id})
}

fn on(name: &str, dossier: DossierId) -> Value {
    json!({"on": {"idempotencyKey": key(name), "dossierId": dossier}})
}

fn with(mut input: Value, more: Value) -> Value {
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn acts(dossier: &Value) -> BTreeSet<&str> {
    dossier["allowedActions"].as_array().unwrap().iter().map(|act| act.as_str().unwrap()).collect()
}

impl Office {
    /// What a mutation comes to: its payload.
    async fn tell(&self, token: &str, mutation: &str, kind: &str, input: Value) -> Value {
        let document = format!(
            "mutation($input: {kind}!) {{ {mutation}(input: $input) {{
                dossierId position problems {{ code }} }} }}"
        );
        let answer = self.ask(token, &document, json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{mutation}: {answer}");
        self.service.read_side.catch_up().await.unwrap();
        answer["data"][mutation].clone()
    }

    async fn done(&self, token: &str, mutation: &str, kind: &str, input: Value) -> DossierId {
        let payload = self.tell(token, mutation, kind, input).await;
        assert_eq!(payload["problems"], json!([]), "{mutation}");
        payload["dossierId"].as_str().unwrap().parse().unwrap()
    }

    async fn code(&self, token: &str, mutation: &str, kind: &str, input: Value) -> String {
        let before = self.log().await.len();
        let payload = self.tell(token, mutation, kind, input).await;
        assert_eq!(self.log().await.len(), before, "{mutation} was refused and written");
        payload["problems"][0]["code"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    }

    async fn filed(&self, token: &str, name: &str) -> DossierId {
        self.done(token, "submitDossier", "SubmitDossierInput", submission(name, Value::Null)).await
    }

    async fn mine(&self, token: &str, dossier: DossierId) -> Value {
        let answer = self.ask(token, MINE, json!({"id": dossier})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["myDossier"].clone()
    }

    /// The dossiers of somebody, the newest first.
    async fn list(&self, token: &str) -> Vec<DossierId> {
        let query = "query($after: String) { myDossiers(first: 1, after: $after) {
            nodes { id } pageInfo { hasNextPage endCursor } } }";
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = self.ask(token, query, json!({"after": after})).await;
            assert_eq!(answer.get("errors"), None, "{answer}");
            let page = &answer["data"]["myDossiers"];
            for node in page["nodes"].as_array().unwrap() {
                found.push(node["id"].as_str().unwrap().parse().unwrap());
            }
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                return found;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let settings = Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() };
        answer_of(&router(self.service.clone(), settings), request).await
    }

    async fn upload(&self, token: &str, name: &str, dossier: DossierId, about: &str) -> Answer {
        let request = Request::post(format!("/dossiers/{dossier}/files?{about}"))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key(name).to_string())
            .header("content-type", "application/pdf")
            .header("x-file-name", format!("{name}.pdf"));
        let answer = self.send(request.body(Body::from("%PDF-1.7\n")).unwrap()).await;
        self.service.read_side.catch_up().await.unwrap();
        answer
    }

    async fn download(&self, token: &str, dossier: DossierId, file: &str) -> Answer {
        let request = Request::get(format!("/dossiers/{dossier}/files/{file}"))
            .header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn reads_of(&self, token: &str) -> Vec<(Option<Purpose>, BTreeSet<String>)> {
        let who = Which { principal: Some(account(token)), ..Which::default() };
        let records = self.service.reads.before(who, i64::MAX, 100).await.unwrap().records;
        let fields = |read: Read| read.dossiers.into_values().map(move |fields| (read.purpose, fields));
        records.into_iter().flat_map(|record| fields(record.read)).collect()
    }
}

async fn an_applicant_goes_all_the_way_from_filing_to_the_result(backend: Backend) {
    let office = Office::new(backend).await;
    let filing =
        "mutation($input: SubmitDossierInput!) { submitDossier(input: $input) { dossierId dossier { id } } }";
    let answer = office.ask(CITIZEN, filing, json!({"input": submission("mine", Value::Null)})).await;
    assert_eq!(answer["data"]["submitDossier"]["dossier"], Value::Null, "what staff see of it is not theirs");
    let dossier = office.filed(CITIZEN, "mine").await;
    assert_eq!(answer, json!({"data": {"submitDossier": {"dossierId": dossier, "dossier": null}}}));
    let before = office.mine(CITIZEN, dossier).await;
    assert_eq!((&before["role"], &before["stage"]), (&json!("APPLICANT"), &json!("SUBMITTED")));
    assert_eq!(acts(&before), ["ATTACH_PAPER", "NAME_DELEGATE", "WITHDRAW"].into());
    let application = &before["application"];
    assert_eq!(application["applicant"]["name"], NAME);
    assert_eq!(application["applicant"]["accountId"], json!(account(CITIZEN)));
    assert_eq!(
        (&application["form"], &application["subject"]),
        (&json!({"soThua": "12"}), &json!("MẪU xin xác nhận"))
    );
    assert_eq!((&application["papers"], &application["delegate"]), (&json!(["DON_DE_NGHI"]), &Value::Null));
    assert_eq!(office.list(CITIZEN).await, [dossier]);

    // Something is missing: the applicant reads what, brings it, and is received.
    let missing =
        json!({"reason": "MẪU thiếu bản vẽ", "papers": ["BAN_VE"], "answerBy": "2026-03-10T17:00:00+07:00"});
    office
        .done(INTAKE, "requestIntakeSupplement", "SupplementInput", with(on("missing", dossier), missing))
        .await;
    let waiting = office.mine(CITIZEN, dossier).await;
    assert_eq!(
        waiting["messages"],
        json!([{"about": "SUPPLEMENT_REQUESTED", "reason": "MẪU thiếu bản vẽ", "papers": ["BAN_VE"],
            "answerBy": "2026-03-10T17:00:00+07:00", "dueAt": null}])
    );
    assert!(acts(&waiting).contains("SUPPLY_INTAKE_SUPPLEMENT"));
    let drawing = office.upload(CITIZEN, "drawing", dossier, "purpose=paper&paper=BAN_VE").await;
    assert_eq!(drawing.status, StatusCode::CREATED, "{}", drawing.body);
    let brought = with(on("brought", dossier), json!({"papers": ["BAN_VE"]}));
    office.done(CITIZEN, "supplyIntakeSupplement", "AnswerInput", brought).await;
    office.done(INTAKE, "receiveDossier", "ReceiveDossierInput", on("receive", dossier)).await;

    // What is addressed to them is theirs to print; what is the office's is not.
    let paper = async |token: &str, kind: &str| {
        let request = Request::get(format!("/papers/{dossier}/{kind}.html"));
        let request = request.header("authorization", format!("Bearer {token}"));
        office.send(request.body(Body::empty()).unwrap()).await
    };
    let receipt = paper(CITIZEN, "receipt").await;
    assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.body);
    assert!(receipt.body.contains(NAME), "{}", receipt.body);
    assert_eq!(paper(CITIZEN, "control-sheet").await.status, StatusCode::NOT_FOUND);
    assert_eq!(paper(OTHER, "receipt").await.status, StatusCode::NOT_FOUND);

    // After receipt as well: the clock runs again with the applicant's answer.
    let more = json!({"reason": "MẪU thiếu chữ ký"});
    office.done(LAN, "requestSupplement", "SupplementInput", with(on("more", dossier), more)).await;
    office.clock.set(instant("2026-03-03T09:00:00+07:00"));
    assert!(acts(&office.mine(CITIZEN, dossier).await).contains("RECEIVE_SUPPLEMENT"));
    office.done(CITIZEN, "receiveSupplement", "AnswerInput", on("more, brought", dossier)).await;

    // Paid through the gateway.
    let fee = json!({"kind": "FEE", "amount": "150000", "stopsClock": false});
    office.done(INTAKE, "requestObligation", "RequestObligationInput", with(on("fee", dossier), fee)).await;
    assert_eq!(office.mine(CITIZEN, dossier).await["outstanding"], "150000");
    let result = office.upload(LAN, "result", dossier, "purpose=result").await;
    assert_eq!(result.status, StatusCode::CREATED, "{}", result.body);
    let result = result.json()["file"].as_str().unwrap().to_owned();
    let granted = json!({"outcome": "GRANTED"});
    office
        .done(LEADER, "finishProcessing", "FinishProcessingInput", with(on("finish", dossier), granted))
        .await;
    let collect = || on("collect", dossier);
    assert_eq!(office.code(CITIZEN, "collectResult", "CollectResultInput", collect()).await, "PAYMENT_DUE");
    let started = office.start(CITIZEN, "pay", dossier).await;
    assert_eq!(started["problems"], json!([]), "{started}");
    let money = office.gateway.pay(started["order"].as_str().unwrap());
    assert_eq!(office.told(&money).await, "recorded");
    office.service.read_side.catch_up().await.unwrap();

    // The result is not theirs before it is returned, by name or by content.
    let ready = office.mine(CITIZEN, dossier).await;
    assert_eq!((&ready["delivery"], &ready["outstanding"]), (&json!("READY"), &json!("0")));
    let names = |dossier: &Value| -> Vec<String> {
        let files = dossier["files"].as_array().unwrap();
        files.iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&ready), ["drawing.pdf"]);
    assert_eq!(office.download(CITIZEN, dossier, &result).await.status, StatusCode::NOT_FOUND);
    // That the dossier is theirs takes nothing from what somebody of the office sees.
    assert_eq!(office.download(CITIZEN_AT_WORK, dossier, &result).await.status, StatusCode::OK);
    assert!(acts(&ready).contains("COLLECT"));
    // The counter hands out, and does not take for somebody.
    assert_eq!(office.code(INTAKE, "collectResult", "CollectResultInput", collect()).await, "NOT_APPLICANT");
    office.done(CITIZEN, "collectResult", "CollectResultInput", collect()).await;
    let returned = office.mine(CITIZEN, dossier).await;
    assert_eq!((&returned["stage"], &returned["delivery"]), (&json!("RETURNED"), &json!("RETURNED")));
    assert_eq!(names(&returned), ["drawing.pdf", "result.pdf"]);
    let content = office.download(CITIZEN, dossier, &result).await;
    assert_eq!((content.status, content.body.as_str()), (StatusCode::OK, "%PDF-1.7\n"));
    let rows = office.log().await;
    let last = rows.iter().rfind(|row| row.type_name == "dossier.result_returned.v1").unwrap();
    assert_eq!(last.decode_metadata().unwrap().actor, account(CITIZEN));
    assert!(!rows.iter().any(|row| row.data.contains("MẪU") || row.data.contains("0912345678")));
}

async fn what_is_another_applicants_is_as_if_it_were_not_there(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    let others = office.filed(OTHER, "others").await;
    let uploaded = office.upload(CITIZEN, "paper", dossier, "purpose=paper&paper=DON_DE_NGHI").await;
    let file = uploaded.json()["file"].as_str().unwrap().to_owned();
    assert_eq!(office.list(CITIZEN).await, [dossier]);
    assert_eq!(office.list(OTHER).await, [others]);
    assert_eq!(office.list(FRIEND).await, []);
    let absent = DossierId(key("absent"));
    let asked = async |id: DossierId| {
        let answer = office.ask(OTHER, MINE, json!({"id": id})).await;
        answer.to_string()
    };
    assert_eq!(asked(dossier).await, asked(absent).await);
    for (mutation, kind, more) in [
        ("withdrawDossier", "WithdrawDossierInput", json!({})),
        ("supplyIntakeSupplement", "AnswerInput", json!({})),
        ("receiveSupplement", "AnswerInput", json!({})),
        ("collectResult", "CollectResultInput", json!({})),
        ("nameDelegate", "NameDelegateInput", json!({"delegate": friend(json!(account(FRIEND)))})),
        ("removeDelegate", "RemoveDelegateInput", json!({})),
        ("receiveDossier", "ReceiveDossierInput", json!({})),
        ("finishProcessing", "FinishProcessingInput", json!({"outcome": "GRANTED"})),
    ] {
        for id in [dossier, absent] {
            let input = with(on(&format!("{mutation} {id}"), id), more.clone());
            assert_eq!(office.code(OTHER, mutation, kind, input).await, "NOT_FOUND", "{mutation}");
        }
    }
    for id in [dossier, absent] {
        assert_eq!(office.start(OTHER, &format!("pay {id}"), id).await["problems"][0]["code"], "NOT_FOUND");
        let sent = office.upload(OTHER, &format!("up {id}"), id, "purpose=paper&paper=BAN_VE").await;
        assert_eq!(sent.status, StatusCode::NOT_FOUND, "{}", sent.body);
    }
    let (theirs, none) =
        (office.download(OTHER, dossier, &file).await, office.download(OTHER, absent, &file).await);
    assert_eq!((theirs.status, &theirs.body), (StatusCode::NOT_FOUND, &none.body));
    // What is an officer's to do is refused to the applicant as well, and what is an officer's to see.
    let refuse = with(on("refuse", dossier), json!({"reason": "MẪU"}));
    assert_eq!(office.code(CITIZEN, "refuseDossier", "RefuseDossierInput", refuse).await, "NO_FUNCTION");
    let result = office.upload(CITIZEN, "own result", dossier, "purpose=result").await;
    assert_eq!(result.status, StatusCode::FORBIDDEN, "{}", result.body);
    for query in ["{ dossiers { nodes { id } } }", "{ workList(of: AGENCY) { nodes { dueAt } } }"] {
        let answer = office.ask(CITIZEN, query, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NO_FUNCTION", "{query}");
    }
    let node = office.ask(CITIZEN, "query($id: ID!) { node(id: $id) { id } }", json!({"id": dossier})).await;
    assert_eq!(node["data"]["node"], Value::Null);
    // Nobody has filed what came over the counter.
    let counter = json!({"submit": submission("counter", Value::Null), "channel": "COUNTER"});
    let counter = office.done(INTAKE, "registerDossier", "RegisterDossierInput", counter).await;
    assert_eq!(office.mine(CITIZEN, counter).await, Value::Null);
    assert_eq!(
        office.mine(INTAKE, dossier).await,
        Value::Null,
        "staff have no dossiers of their own by that"
    );
}

async fn one_acts_for_an_applicant_as_long_as_the_applicant_says_so(backend: Backend) {
    let office = Office::new(backend).await;
    // Filed by somebody for another: the delegate follows it, and passes it on to nobody.
    let filed = submission("for another", friend(Value::Null));
    let first = office.done(FRIEND, "submitDossier", "SubmitDossierInput", filed).await;
    let theirs = office.mine(FRIEND, first).await;
    assert_eq!(theirs["role"], "DELEGATE");
    assert_eq!(
        theirs["application"]["delegate"],
        json!({"name": FRIENDS_NAME, "accountId": account(FRIEND)})
    );
    assert_eq!(theirs["application"]["applicant"]["accountId"], Value::Null);
    assert_eq!(acts(&theirs), ["ATTACH_PAPER", "WITHDRAW"].into());
    let named = || json!({"delegate": friend(json!(account(OTHER)))});
    let name = |key: &str, id| with(on(key, id), named());
    let refused = office.code(FRIEND, "nameDelegate", "NameDelegateInput", name("pass on", first)).await;
    assert_eq!(refused, "NOT_APPLICANT");
    office.done(FRIEND, "withdrawDossier", "WithdrawDossierInput", on("withdraw", first)).await;

    // Named by the applicant, replaced, and removed.
    let second = office.filed(CITIZEN, "mine").await;
    assert_eq!(office.mine(FRIEND, second).await, Value::Null);
    let to_friend = with(on("name", second), json!({"delegate": friend(json!(account(FRIEND)))}));
    office.done(CITIZEN, "nameDelegate", "NameDelegateInput", to_friend).await;
    assert_eq!(office.mine(FRIEND, second).await["role"], "DELEGATE");
    assert_eq!(office.list(FRIEND).await.iter().collect::<BTreeSet<_>>(), [&first, &second].into());
    office.done(CITIZEN, "nameDelegate", "NameDelegateInput", name("replace", second)).await;
    assert_eq!(office.mine(FRIEND, second).await, Value::Null);
    assert_eq!(office.list(FRIEND).await, [first]);
    assert_eq!(office.mine(OTHER, second).await["role"], "DELEGATE");
    let remove = |key: &str| on(key, second);
    assert_eq!(
        office.code(OTHER, "removeDelegate", "RemoveDelegateInput", remove("by themselves")).await,
        "NOT_APPLICANT"
    );
    office.done(CITIZEN, "removeDelegate", "RemoveDelegateInput", remove("remove")).await;
    assert_eq!(office.mine(OTHER, second).await, Value::Null);
    assert_eq!(
        office.code(OTHER, "withdrawDossier", "WithdrawDossierInput", on("late", second)).await,
        "NOT_FOUND"
    );
    assert_eq!(
        office.code(CITIZEN, "removeDelegate", "RemoveDelegateInput", remove("again")).await,
        "NO_DELEGATE"
    );
    // The counter says it for who comes with the paper.
    office.done(INTAKE, "nameDelegate", "NameDelegateInput", name("at the counter", second)).await;
    assert_eq!(office.mine(OTHER, second).await["role"], "DELEGATE");
    assert_eq!(office.mine(CITIZEN, second).await["role"], "APPLICANT");
}

async fn what_a_delegate_sees_is_written_down_and_what_an_applicant_sees_is_not(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    let to_friend = with(on("name", dossier), json!({"delegate": friend(json!(account(FRIEND)))}));
    office.done(CITIZEN, "nameDelegate", "NameDelegateInput", to_friend).await;
    let paper = office.upload(CITIZEN, "paper", dossier, "purpose=paper&paper=DON_DE_NGHI").await;
    let file = paper.json()["file"].as_str().unwrap().to_owned();
    let own = |fields: &[&str]| {
        let fields: BTreeSet<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        (Some(Purpose::OwnDossier), fields)
    };
    office.mine(CITIZEN, dossier).await;
    assert_eq!(office.download(CITIZEN, dossier, &file).await.status, StatusCode::OK);
    // Of themselves nothing; the delegate is somebody else.
    assert_eq!(office.reads_of(CITIZEN).await, [own(&["delegate.name"])]);
    office.mine(FRIEND, dossier).await;
    let seen = ["applicant.name", "applicant.idNumber", "applicant.phone", "subject", "form", "file.name"];
    assert_eq!(office.reads_of(FRIEND).await, [own(&seen)]);
    let ids = "query($id: UUID!) { myDossier(id: $id) { files { id } } }";
    office.ask(FRIEND, ids, json!({"id": dossier})).await;
    assert_eq!(office.reads_of(FRIEND).await.len(), 1, "no name was asked for");
    assert_eq!(office.download(FRIEND, dossier, &file).await.status, StatusCode::OK);
    assert_eq!(office.reads_of(FRIEND).await, [own(&["file.content", "file.name"]), own(&seen)]);
}

async fn who_files_online_does_not_say_who_they_are_and_a_counter_does(backend: Backend) {
    let office = Office::new(backend).await;
    let mut other = submission("other", Value::Null);
    other["applicant"]["accountId"] = json!(account(OTHER));
    assert_eq!(office.code(CITIZEN, "submitDossier", "SubmitDossierInput", other).await, "BAD_USER_INPUT");
    let another = submission("another", friend(json!(account(OTHER))));
    assert_eq!(office.code(CITIZEN, "submitDossier", "SubmitDossierInput", another).await, "BAD_USER_INPUT");
    let nameless = submission("nameless", json!({"name": "  "}));
    assert_eq!(office.code(CITIZEN, "submitDossier", "SubmitDossierInput", nameless).await, "BAD_USER_INPUT");
    let mut submit = submission("counter", friend(json!(account(FRIEND))));
    submit["applicant"]["accountId"] = json!(account(CITIZEN));
    let counter = json!({"submit": submit, "channel": "COUNTER"});
    let dossier = office.done(INTAKE, "registerDossier", "RegisterDossierInput", counter).await;
    assert_eq!(office.mine(CITIZEN, dossier).await["role"], "APPLICANT");
    assert_eq!(office.mine(FRIEND, dossier).await["role"], "DELEGATE");
    // Staff who file online for somebody at the counter are not the applicant.
    let helped = office.filed(INTAKE, "helped").await;
    assert_eq!(office.mine(INTAKE, helped).await, Value::Null);
    let known = office.service.executor.load::<dossier::Dossier>(&dossier::stream(helped)).await.unwrap();
    assert_eq!(known.state.filed().unwrap().applicant, None);
    let tables = ["applicant_dossier", "agency_directory", "procedure_catalogue", "dossier_summary"];
    told_anew_they_say_the_same(&office.service.read_side, &tables).await;
    assert_eq!(office.mine(FRIEND, dossier).await["role"], "DELEGATE");
}

async fn nobody_at_the_counter_lets_themselves_see(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    let themselves = friend(json!(account(INTAKE)));
    let name = with(on("name themselves", dossier), json!({"delegate": themselves.clone()}));
    assert_eq!(office.code(INTAKE, "nameDelegate", "NameDelegateInput", name).await, "BAD_USER_INPUT");
    let counter = |submit: Value| json!({"submit": submit, "channel": "COUNTER"});
    let as_delegate = counter(submission("as delegate", themselves));
    assert_eq!(
        office.code(INTAKE, "registerDossier", "RegisterDossierInput", as_delegate).await,
        "BAD_USER_INPUT"
    );
    let mut submit = submission("as applicant", Value::Null);
    submit["applicant"]["accountId"] = json!(account(INTAKE));
    assert_eq!(
        office.code(INTAKE, "registerDossier", "RegisterDossierInput", counter(submit)).await,
        "BAD_USER_INPUT"
    );
    assert_eq!(office.list(INTAKE).await, []);
    // Who sees the dossier masked is not told whose account it is: it would join all that somebody has filed.
    let account_id = "query($id: UUID!) { dossier(id: $id) { application { applicant { accountId } } } }";
    let asked = async |token: &str| {
        let answer = office.ask(token, account_id, json!({"id": dossier})).await;
        answer["data"]["dossier"]["application"]["applicant"]["accountId"].clone()
    };
    assert_eq!(asked(LEADER).await, Value::Null);
    assert_eq!(asked(INTAKE).await, json!(account(CITIZEN)));
}

async fn whoever_works_at_a_counter_files_elsewhere_as_anybody_does(backend: Backend) {
    let office = Office::new(backend).await;
    let elsewhere = "dev:intake:dan@000.00.17.H42";
    let dossier = office.filed(elsewhere, "as a citizen").await;
    assert_eq!(office.mine(elsewhere, dossier).await["role"], "APPLICANT");
    let counter = json!({"submit": submission("counter", Value::Null), "channel": "COUNTER"});
    let refused = office.code(elsewhere, "registerDossier", "RegisterDossierInput", counter).await;
    assert_eq!(refused, "NOT_FOUND", "they take in for their own agency only");
}

async fn what_the_office_has_done_is_not_told_by_a_conflict(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    office.done(INTAKE, "receiveDossier", "ReceiveDossierInput", on("receive", dossier)).await;
    let withdraw = "mutation($input: WithdrawDossierInput!) { withdrawDossier(input: $input) {
        problems { __typename code ... on VersionConflict { expected actual since { eventType actor } } } } }";
    let conflict = async |token: &str| {
        let on = json!({"idempotencyKey": key("withdraw"), "dossierId": dossier, "expectedVersion": 0});
        let answer = office.ask(token, withdraw, json!({"input": {"on": on}})).await;
        answer["data"]["withdrawDossier"]["problems"][0].clone()
    };
    let theirs = conflict(CITIZEN).await;
    assert_eq!(
        theirs,
        json!({"__typename": "VersionConflict", "code": "VERSION_CONFLICT", "expected": 0, "actual": 2, "since": []})
    );
    let offices = conflict(INTAKE).await;
    let told: Vec<&Value> =
        offices["since"].as_array().unwrap().iter().map(|since| &since["eventType"]).collect();
    assert_eq!(told, ["dossier.submitted.v1", "dossier.received.v1"]);
}

async fn who_acts_for_somebody_no_more_sees_nothing_whatever_the_read_model_says(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    let to_friend = with(on("name", dossier), json!({"delegate": friend(json!(account(FRIEND)))}));
    office.done(CITIZEN, "nameDelegate", "NameDelegateInput", to_friend).await;
    office.done(CITIZEN, "withdrawDossier", "WithdrawDossierInput", on("withdraw", dossier)).await;
    assert_eq!(office.list(FRIEND).await, [dossier], "also when it has ended");
    let remove =
        "mutation($input: RemoveDelegateInput!) { removeDelegate(input: $input) { problems { code } } }";
    let answer = office.ask(CITIZEN, remove, json!({"input": on("remove", dossier)})).await;
    assert_eq!(answer, json!({"data": {"removeDelegate": {"problems": []}}}));
    // Nothing has been folded yet.
    assert_eq!(office.list(FRIEND).await, []);
    assert_eq!(office.mine(FRIEND, dossier).await, Value::Null);
    office.service.read_side.catch_up().await.unwrap();
    assert_eq!(office.list(FRIEND).await, []);
    assert_eq!(office.list(CITIZEN).await, [dossier]);
}

async fn staff_see_what_was_handed_in_and_what_was_written(backend: Backend) {
    let office = Office::new(backend).await;
    let dossier = office.filed(CITIZEN, "mine").await;
    let missing = json!({"reason": "MẪU thiếu bản vẽ"});
    office
        .done(INTAKE, "requestIntakeSupplement", "SupplementInput", with(on("missing", dossier), missing))
        .await;
    let query = "query($id: UUID!) { dossier(id: $id) {
        application { applicant { name phone email } applicantKind delegate { name } subject form papers }
        history { eventType texts { name text } } } }";
    let ask = async |token: &str| {
        let answer = office.ask(token, query, json!({"id": dossier})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["dossier"].clone()
    };
    let plain = ask(INTAKE).await;
    assert_eq!(
        plain["application"],
        json!({"applicant": {"name": NAME, "phone": "0912345678", "email": null}, "applicantKind": "CITIZEN",
            "delegate": null, "subject": "MẪU xin xác nhận", "form": {"soThua": "12"}, "papers": ["DON_DE_NGHI"]})
    );
    let history = plain["history"].as_array().unwrap();
    assert_eq!(history[0]["texts"], json!([]));
    assert_eq!(history[1]["texts"], json!([{"name": "reason", "text": "MẪU thiếu bản vẽ"}]));
    let seen = ["applicant.name", "applicant.phone", "subject", "form", "reason"].map(str::to_owned);
    assert_eq!(office.reads_of(INTAKE).await, [(Some(Purpose::Handling), seen.into())]);
    let masked = ask("dev:leader:lanh-dao@000.00.16.H42").await;
    assert_eq!(masked["application"]["applicant"]["name"], "M*** N*** T*** M***");
    assert_eq!(
        (&masked["application"]["form"], &masked["application"]["applicant"]["phone"]),
        (&Value::Null, &json!("0***"))
    );
    assert_eq!(masked["history"][1]["texts"], json!([{"name": "reason", "text": "M*** t*** b*** v***"}]));
    assert!(office.reads_of(LEADER).await.is_empty());
    assert_eq!(ask(ADMIN).await["application"]["applicant"]["name"], NAME);
}
