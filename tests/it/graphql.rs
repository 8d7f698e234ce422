//! The API as clients see it: through the router, in process, under a clock that the test moves.

use std::collections::BTreeSet;

use api::development_token::{self, principal_id};
use api::graphql::PositionText;
use api::http::{Settings, router};
use api::messages::{Language, sentence};
use api::service::{Caller, Published, Service};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::DateTime;
use domain::codes::{ProcedureCode, StepCode};
use domain::dossier::Stage;
use domain::procedure::{Definition, ProcedureTerm, Step, Task};
use domain::recorded::{Position, Via};
use domain::working_time::Term;
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use infrastructure::on_db;
use projections::read_side::Follower;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::support::{Backend, Place, backends};

/// Receives.
const A: &str = "000.00.16.H42";
/// Decides.
const B: &str = "000.00.17.H42";
/// Has nothing to do with either.
const C: &str = "000.00.18.H42";

pub(crate) const ADMIN: &str = "dev:admin:quan@000.00.16.H42";
const CITIZEN: &str = "dev:citizen:minh@000.00.16.H42";
pub(crate) const INTAKE: &str = "dev:intake:hoa@000.00.16.H42";
const OFFICER_A: &str = "dev:officer:nam@000.00.16.H42";
const LEADER_A: &str = "dev:leader:an@000.00.16.H42";
pub(crate) const OFFICER_B: &str = "dev:officer:lan@000.00.17.H42";
const OTHER_OFFICER_B: &str = "dev:officer:binh@000.00.17.H42";
const LEADER_B: &str = "dev:leader:lan@000.00.17.H42";
pub(crate) const STRANGER: &str = "dev:officer:la@000.00.18.H42";
const STRANGE_INTAKE: &str = "dev:intake:xa@000.00.18.H42";
const STRANGE_LEADER: &str = "dev:leader:xa@000.00.18.H42";
pub(crate) const AUDITOR: &str = "dev:auditor:thu@000.00.18.H42";

const NAME: &str = "Nguyễn Văn Ánh";
const PHONE: &str = "0912345678";

const OUTCOME: &str = "
    dossierId version position
    problems {
        __typename code message
        ... on VersionConflict { expected actual since { version eventType actor actingFor { code } } }
        ... on InvalidTransition { stage command }
        ... on InvalidInput { field }
    }";

/// A running system with three agencies and three procedures: `FIVE` of five working days, `DAYS.n` of n, and `HAND`,
/// whose appointment the officer sets.
pub(crate) struct System {
    pub(crate) service: Service,
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    pub(crate) follower: Follower,
    pub(crate) place: Place,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(crate) async fn answer_of(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

impl System {
    pub(crate) async fn new(backend: Backend, at: &str) -> Self {
        let place = Place::new(backend).await;
        let clock = Clock::fixed(instant(at));
        let service = Service::open(&place.location(), clock.clone(), Entropy::System).await.unwrap();
        let follower = service.read_side.follow();
        let router = router(
            service.clone(),
            Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
        );
        let system = Self { service, router, clock, follower, place };
        for (code, name) in [(A, "Ủy ban nhân dân phường Đặng Xá"), (B, "Sở Xây dựng 100%"), (C, "Sở Y tế")]
        {
            let input = json!({"idempotencyKey": key(code), "code": code, "name": name});
            let done = system.establish(ADMIN, &input).await;
            assert_eq!(done["problems"], json!([]), "{done}");
        }
        system.publish("FIVE", "Cấp giấy phép xây dựng", Term::WorkingDays(5)).await;
        system.publish("HAND", "Cấp lại thẻ_bìa", ProcedureTerm::SetAtReceipt).await;
        system
    }

    async fn publish(&self, code: &str, name: &str, term: impl Into<TermOf>) {
        let caller = Caller {
            principal: development_token::parse(ADMIN).unwrap(),
            via: Via::Import,
            traceparent: None,
            purpose: domain::access::Purpose::default(),
            at: None,
        };
        let task = |code: &str| Task::new(StepCode::parse(code).unwrap(), code);
        let steps = vec![Step::new("Thụ lý", "PHONG", vec![task("THU_LY"), task("XET_DUYET")])];
        let definition = Definition {
            field: Some("Xây dựng".to_owned()),
            ..Definition::new(name, term.into().0, steps)
        };
        let code = ProcedureCode::parse(code).unwrap();
        let published = self.service.publish_procedure(&caller, &code, &definition, &[]).await.unwrap();
        assert_eq!(published, Published::Version(1));
    }

    fn at(&self, at: &str) {
        self.clock.set(instant(at));
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer_of(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn ask_in(&self, who: &str, language: &str, query: &str, variables: &Value) -> Value {
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        if !language.is_empty() {
            request = request.header("accept-language", language);
        }
        let body = json!({"query": query, "variables": variables}).to_string();
        let answer = self.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
        answer.json()
    }

    /// The data of a query that succeeds.
    pub(crate) async fn ask(&self, who: &str, query: &str, variables: Value) -> Value {
        let answer = self.ask_in(who, "", query, &variables).await;
        assert_eq!(answer.get("errors"), None, "{query}\n{answer}");
        answer["data"].clone()
    }

    /// The code and the message of the error of a query that does not.
    pub(crate) async fn error(&self, who: &str, query: &str, variables: Value) -> (String, String) {
        let answer = self.ask_in(who, "en", query, &variables).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no error: {answer}"));
        assert_eq!(errors.len(), 1, "{answer}");
        let code = errors[0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
        (code, errors[0]["message"].as_str().unwrap().to_owned())
    }

    async fn act_in(&self, who: &str, language: &str, mutation: &str, input: &Value) -> Value {
        let kind = match mutation {
            "submitDossier" => "SubmitDossierInput",
            "registerDossier" => "RegisterDossierInput",
            "requestIntakeSupplement" | "requestSupplement" => "SupplementInput",
            "supplyIntakeSupplement" | "receiveSupplement" => "AnswerInput",
            "refuseDossier" => "RefuseDossierInput",
            "receiveDossier" => "ReceiveDossierInput",
            "forwardDossier" => "ForwardDossierInput",
            "completeStep" => "CompleteStepInput",
            "finishProcessing" => "FinishProcessingInput",
            "returnResult" => "ReturnResultInput",
            "withdrawDossier" => "WithdrawDossierInput",
            "sendDossier" => "SendDossierInput",
            "acceptDossier" => "AcceptDossierInput",
            "sendDossierBack" | "requestRework" | "stopDossier" | "correctLast" => "ReasonInput",
            "recallDossier" | "approveProposal" | "signDecision" | "resumeDossier" => "NoteInput",
            "requestOpinion" => "RequestOpinionInput",
            "giveOpinion" => "GiveOpinionInput",
            "proposeOutcome" => "ProposeOutcomeInput",
            "issueDecision" => "IssueDecisionInput",
            "pauseDossier" => "PauseDossierInput",
            "requestObligation" => "RequestObligationInput",
            "recordPayment" => "RecordPaymentInput",
            "waiveObligation" => "WaiveObligationInput",
            "refundPayment" => "RefundPaymentInput",
            "extendDossier" => "ExtendDossierInput",
            "notifyApplicant" => "NotifyApplicantInput",
            other => panic!("{other}"),
        };
        let query = format!("mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ {OUTCOME} }} }}");
        let answer = self.ask_in(who, language, &query, &json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{mutation} {input}\n{answer}");
        answer["data"][mutation].clone()
    }

    /// Sent to another agency, and taken there for `more`: unit and assignee.
    async fn hand_over(
        &self,
        by: &str,
        (to, agency): (&str, &str),
        name: &str,
        dossier: &Done,
        more: Value,
    ) -> Done {
        let send = and(on(name, dossier), json!({"agency": agency}));
        let sent = self.act(by, "sendDossier", &send).await;
        self.act(to, "acceptDossier", &and(on(&format!("{name}, taken"), &sent), more)).await
    }

    /// A mutation that is done.
    pub(crate) async fn act(&self, who: &str, mutation: &str, input: &Value) -> Done {
        let done = self.act_in(who, "", mutation, input).await;
        assert_eq!(done["problems"], json!([]), "{mutation} {input}");
        Done {
            id: done["dossierId"].as_str().unwrap().parse().unwrap(),
            version: done["version"].as_i64().unwrap(),
            position: done["position"].as_str().unwrap().to_owned(),
        }
    }

    /// A mutation that is not: it answers nothing else and writes nothing.
    async fn refused(&self, who: &str, mutation: &str, input: &Value) -> Value {
        let before = self.head().await;
        let done = self.act_in(who, "en", mutation, input).await;
        assert_eq!(self.head().await, before, "{mutation} was refused and written");
        for field in ["dossierId", "version", "position"] {
            assert_eq!(done[field], Value::Null, "{done}");
        }
        let problems = done["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{mutation} {input}\n{done}");
        let code = problems[0]["code"].as_str().unwrap();
        let english = sentence(code, Language::English).unwrap_or_else(|| panic!("{code} has no sentence"));
        assert!(problems[0]["message"].as_str().unwrap().starts_with(english), "{done}");
        problems[0].clone()
    }

    /// The same, of the type for which a code says everything.
    async fn refused_as(&self, who: &str, mutation: &str, input: &Value, code: &str) {
        let problem = self.refused(who, mutation, input).await;
        assert_eq!(
            (&problem["__typename"], &problem["code"]),
            (&json!("Refusal"), &json!(code)),
            "{problem}"
        );
    }

    async fn invalid(&self, who: &str, mutation: &str, input: &Value, field: &str) {
        let problem = self.refused(who, mutation, input).await;
        assert_eq!(
            (&problem["__typename"], &problem["code"], &problem["field"]),
            (&json!("InvalidInput"), &json!("BAD_USER_INPUT"), &json!(field)),
            "{problem}"
        );
    }

    pub(crate) async fn establish(&self, who: &str, input: &Value) -> Value {
        let query = "mutation M($input: EstablishAgencyInput!) {
            establishAgency(input: $input) {
                agencyId position problems { __typename code ... on InvalidInput { field } }
            }
        }";
        self.ask(who, query, json!({"input": input})).await["establishAgency"].clone()
    }

    async fn head(&self) -> Position {
        self.service.store().head().await.unwrap()
    }

    /// What a worklist shows, as ids, and how much waits.
    async fn waiting(&self, who: &str, of: &str) -> (Vec<Uuid>, i64) {
        let query = "query Q($of: WorkListOf!, $at: Position) {
            workList(of: $of, first: 100, minPosition: $at) { totalCount nodes { dossier { id } } }
        }";
        let at = PositionText(self.head().await).encode();
        let data = self.ask(who, query, json!({"of": of, "at": at})).await;
        let nodes = data["workList"]["nodes"].as_array().unwrap();
        let ids = nodes.iter().map(|node| node["dossier"]["id"].as_str().unwrap().parse().unwrap()).collect();
        (ids, data["workList"]["totalCount"].as_i64().unwrap())
    }

    /// What a list shows, as ids.
    async fn listed(&self, who: &str, filter: Value) -> (Vec<Uuid>, i64) {
        let query = "query Q($filter: DossierFilter, $at: Position) {
            dossiers(first: 100, filter: $filter, minPosition: $at) { totalCount nodes { id } }
        }";
        let at = PositionText(self.head().await).encode();
        let data = self.ask(who, query, json!({"filter": filter, "at": at})).await;
        (ids(&data["dossiers"]["nodes"]), data["dossiers"]["totalCount"].as_i64().unwrap())
    }

    async fn board(&self, who: &str, at: &str, agency: Option<&str>) -> Value {
        let query = "query Q($asOf: DateTime, $agency: String, $at: Position) {
            deadlineBoard(asOf: $asOf, part: {agency: $agency}, minPosition: $at) {
                overdue dueToday dueSoon onTime paused
            }
        }";
        let position = PositionText(self.head().await).encode();
        let variables = json!({"asOf": at, "agency": agency, "at": position});
        self.ask(who, query, variables).await["deadlineBoard"].clone()
    }

    pub(crate) async fn stop(self) {
        self.follower.stop().await;
    }
}

struct TermOf(ProcedureTerm);

impl From<Term> for TermOf {
    fn from(term: Term) -> Self {
        Self(ProcedureTerm::Fixed(term))
    }
}

impl From<ProcedureTerm> for TermOf {
    fn from(term: ProcedureTerm) -> Self {
        Self(term)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) id: Uuid,
    version: i64,
    position: String,
}

fn instant(text: &str) -> domain::time::Instant {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// An idempotency key that a test can name.
pub(crate) fn key(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

fn ids(nodes: &Value) -> Vec<Uuid> {
    nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().parse().unwrap()).collect()
}

pub(crate) fn submission(name: &str) -> Value {
    json!({
        "idempotencyKey": key(name),
        "procedure": "FIVE",
        "receivingAgency": A,
        "competentAgency": B,
        "applicant": {"kind": "CITIZEN", "name": NAME, "idNumber": "035099000001", "phone": PHONE},
        "subject": "Nhà ở riêng lẻ",
        "form": {"area": 120},
        "papers": ["BAN_VE"],
    })
}

/// With one field changed.
fn with(mut value: Value, pointer: &str, to: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[field] = to;
    value
}

fn on(name: &str, dossier: &Done) -> Value {
    json!({"on": {"idempotencyKey": key(name), "dossierId": dossier.id, "expectedVersion": dossier.version}})
}

fn and(mut value: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    value.as_object_mut().unwrap().extend(more);
    value
}

const DETAIL: &str = "query Q($id: UUID!, $at: Position) {
    dossier(id: $id, minPosition: $at) {
        id code stage nationalCode channel applicantKind procedureVersion version activities anomalies
        submittedAt receivedAt dueAtOriginal dueAt pausedSince endedAt returnedAt outcome timeliness
        procedure { code name version } receivingAgency { code name } competentAgency { code }
        supportingAgency { code } holder { agency { code } unit assignee } applicantName subject
        history { version eventType occurredAt actor actingFor { code } stage dueAt }
    }
}";

#[tokio::test(flavor = "multi_thread")]
async fn the_main_line_from_submission_to_result() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let lan = principal_id("lan").0;

        let submitted = system.act(CITIZEN, "submitDossier", &submission("main")).await;
        assert_eq!(submitted.version, 1);
        system.at("2024-04-22T09:10:00+07:00");
        let request = and(on("m1", &submitted), json!({"reason": "Thiếu bản vẽ", "papers": ["BAN_VE"]}));
        let requested = system.act(INTAKE, "requestIntakeSupplement", &request).await;
        system.at("2024-04-22T09:20:00+07:00");
        let supplied = and(on("m2", &requested), json!({"note": "Đã nộp", "papers": ["BAN_VE"]}));
        let supplied = system.act(INTAKE, "supplyIntakeSupplement", &supplied).await;
        system.at("2024-04-22T10:00:00+07:00");
        let received = system.act(INTAKE, "receiveDossier", &on("m3", &supplied)).await;
        system.at("2024-04-22T10:30:00+07:00");
        let desk = json!({"unit": "PHONG_1", "assignee": lan});
        let forwarded = system.hand_over(LEADER_A, (LEADER_B, B), "m4", &received, desk).await;
        system.at("2024-04-23T08:00:00+07:00");
        let step = and(on("m5", &forwarded), json!({"step": "THU_LY", "note": "Xong"}));
        let stepped = system.act(OFFICER_B, "completeStep", &step).await;
        system.at("2024-04-24T08:00:00+07:00");
        let supplement = and(on("m6", &stepped), json!({"reason": "Thiếu chữ ký"}));
        let paused = system.act(OFFICER_B, "requestSupplement", &supplement).await;
        let standing = system.ask(OFFICER_B, DETAIL, json!({"id": paused.id, "at": paused.position})).await;
        assert_eq!(standing["dossier"]["stage"], "AWAITING_SUPPLEMENT");
        assert_eq!(standing["dossier"]["pausedSince"], "2024-04-24T08:00:00+07:00");
        system.at("2024-04-26T15:00:00+07:00");
        let resumed = system.act(INTAKE, "receiveSupplement", &on("m7", &paused)).await;
        system.at("2024-05-03T16:00:00+07:00");
        let finish = and(on("m8", &resumed), json!({"outcome": "GRANTED"}));
        let finished = system.act(LEADER_B, "finishProcessing", &finish).await;
        system.at("2024-05-06T08:00:00+07:00");
        let give = and(on("m9", &finished), json!({"method": "COUNTER"}));
        let returned = system.act(INTAKE, "returnResult", &give).await;
        assert_eq!(returned.version, 11);

        let read = system.ask(OFFICER_B, DETAIL, json!({"id": returned.id, "at": returned.position})).await;
        let dossier = &read["dossier"];
        let at = |time: &str| json!(format!("{time}+07:00"));
        // 23, 24, 25, 26 April; 27/4 to 1/5 are off; 2 May is the fifth. Two working days stood still: 3 and 4 May,
        // a Saturday that is worked.
        let expected = json!({
            "id": submitted.id, "code": "000.00.16.H42-240422-0001", "stage": "RETURNED", "nationalCode": 10,
            "channel": "ONLINE", "applicantKind": "CITIZEN", "procedureVersion": 1, "version": 11,
            "activities": 1, "anomalies": 0,
            "submittedAt": at("2024-04-22T09:00:00"), "receivedAt": at("2024-04-22T10:00:00"),
            "dueAtOriginal": at("2024-05-02T17:00:00"), "dueAt": at("2024-05-04T17:00:00"),
            "pausedSince": null, "endedAt": at("2024-05-03T16:00:00"), "returnedAt": at("2024-05-06T08:00:00"),
            "outcome": "GRANTED", "timeliness": "EARLY",
            "procedure": {"code": "FIVE", "name": "Cấp giấy phép xây dựng", "version": 1},
            "receivingAgency": {"code": A, "name": "Ủy ban nhân dân phường Đặng Xá"},
            "competentAgency": {"code": B}, "supportingAgency": null,
            "holder": {"agency": {"code": B}, "unit": "PHONG_1", "assignee": lan},
            "applicantName": NAME, "subject": "Nhà ở riêng lẻ",
            "history": dossier["history"],
        });
        assert_eq!(*dossier, expected);

        let (first, moved) = (at("2024-05-02T17:00:00"), at("2024-05-04T17:00:00"));
        let none = Value::Null;
        let expected = [
            ("dossier.submitted.v1", "2024-04-22T09:00:00", "minh", A, "SUBMITTED", &none),
            (
                "dossier.intake_supplement_requested.v1",
                "2024-04-22T09:10:00",
                "hoa",
                A,
                "AWAITING_INTAKE_SUPPLEMENT",
                &none,
            ),
            ("dossier.intake_supplement_received.v1", "2024-04-22T09:20:00", "hoa", A, "SUBMITTED", &none),
            ("dossier.received.v1", "2024-04-22T10:00:00", "hoa", A, "RECEIVED", &first),
            ("dossier.sent.v1", "2024-04-22T10:30:00", "an", A, "RECEIVED", &first),
            ("dossier.accepted.v1", "2024-04-22T10:30:00", "lan", B, "IN_PROGRESS", &first),
            ("dossier.step_completed.v1", "2024-04-23T08:00:00", "lan", B, "IN_PROGRESS", &first),
            (
                "dossier.supplement_requested.v1",
                "2024-04-24T08:00:00",
                "lan",
                B,
                "AWAITING_SUPPLEMENT",
                &first,
            ),
            ("dossier.supplement_received.v1", "2024-04-26T15:00:00", "hoa", A, "IN_PROGRESS", &moved),
            ("dossier.processing_finished.v1", "2024-05-03T16:00:00", "lan", B, "FINISHED", &moved),
            ("dossier.result_returned.v1", "2024-05-06T08:00:00", "hoa", A, "RETURNED", &moved),
        ];
        let expected: Vec<Value> = (1..)
            .zip(expected)
            .map(|(version, (kind, occurred, actor, agency, stage, due))| {
                json!({
                    "version": version, "eventType": kind, "occurredAt": at(occurred),
                    "actor": principal_id(actor).0, "actingFor": {"code": agency}, "stage": stage, "dueAt": due,
                })
            })
            .collect();
        assert_eq!(dossier["history"], json!(expected));

        // By its code it is the same dossier; by both, by neither or by no code at all it is not asked for.
        let by_code = "query Q($code: String!) { dossier(code: $code) { id } }";
        let found = system.ask(OFFICER_B, by_code, json!({"code": dossier["code"]})).await;
        assert_eq!(found["dossier"]["id"], json!(submitted.id));
        for wrong in [
            "{ dossier { id } }".to_owned(),
            format!("{{ dossier(id: \"{}\", code: \"x\") {{ id }} }}", submitted.id),
            "{ dossier(code: \"H42\") { id } }".to_owned(),
        ] {
            assert_eq!(system.error(OFFICER_B, &wrong, json!({})).await.0, "BAD_USER_INPUT", "{wrong}");
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_answers_with_the_dossier_it_left_behind() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let query = "mutation M($input: SubmitDossierInput!) {
            submitDossier(input: $input) { dossierId code dossier { id code stage applicantName subject } problems { code } }
        }";
        // A clerk of the same agency reads it in the answer, open; the applicant's account has no list to read.
        let read = system.ask(INTAKE, query, json!({"input": submission("own")})).await;
        let payload = &read["submitDossier"];
        assert_eq!(
            payload["dossier"],
            json!({
                "id": payload["dossierId"], "code": "000.00.16.H42-240422-0001", "stage": "SUBMITTED", "applicantName": NAME, "subject": "Nhà ở riêng lẻ",
            })
        );
        assert_eq!(payload["code"], payload["dossier"]["code"]);
        // An applicant learns the code here: nothing else is theirs to read. A repeat tells it again.
        let query = "mutation M($input: SubmitDossierInput!) {
            submitDossier(input: $input) { code problems { code } }
        }";
        for _ in 0..2 {
            let read = system.ask(CITIZEN, query, json!({"input": submission("citizen's")})).await;
            let expected = json!({"code": "000.00.16.H42-240422-0002", "problems": []});
            assert_eq!(read["submitDossier"], expected);
        }
        // A leader sees the case, not the person.
        let masked = "query Q($id: UUID!) { dossier(id: $id) { applicantName subject } }";
        let masked = system.ask(LEADER_A, masked, json!({"id": payload["dossierId"]})).await;
        assert_eq!(
            masked["dossier"],
            json!({"applicantName": "N*** V*** Á***", "subject": "N*** ở*** r*** l***"})
        );
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_or_postal_dossier_is_entered_and_received_in_one_act() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-26T09:00:00+07:00").await;
        for (channel, number) in [("COUNTER", 1), ("POST", 2)] {
            let input = json!({"submit": submission(channel), "channel": channel});
            let done = system.act(INTAKE, "registerDossier", &input).await;
            assert_eq!(done.version, 2);
            let read = system.ask(INTAKE, DETAIL, json!({"id": done.id, "at": done.position})).await;
            let dossier = &read["dossier"];
            assert_eq!(dossier["code"], json!(format!("{A}-240426-{number:04}")));
            assert_eq!((&dossier["stage"], &dossier["channel"]), (&json!("RECEIVED"), &json!(channel)));
            assert_eq!(dossier["dueAt"], "2024-05-07T17:00:00+07:00");
            assert_eq!(dossier["holder"], json!({"agency": {"code": A}, "unit": null, "assignee": null}));
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_can_be_refused_or_withdrawn() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let refused = system.act(CITIZEN, "submitDossier", &submission("refused")).await;
        let withdrawn = system.act(CITIZEN, "submitDossier", &submission("withdrawn")).await;
        system.at("2024-04-22T10:00:00+07:00");
        let input = and(on("r", &refused), json!({"reason": "Không thuộc thẩm quyền"}));
        let done = system.act(INTAKE, "refuseDossier", &input).await;
        let withdraw = and(on("w", &withdrawn), json!({"reason": null}));
        let gone = system.act(INTAKE, "withdrawDossier", &withdraw).await;
        let read = "query Q($id: UUID!, $at: Position) {
            dossier(id: $id, minPosition: $at) { stage nationalCode refusedAt withdrawnAt dueAt timeliness }
        }";
        let at = "2024-04-22T10:00:00+07:00";
        let one = system.ask(INTAKE, read, json!({"id": done.id, "at": gone.position})).await;
        assert_eq!(
            one["dossier"],
            json!({"stage": "REFUSED", "nationalCode": 3, "refusedAt": at, "withdrawnAt": null, "dueAt": null,
                "timeliness": null})
        );
        let other = system.ask(INTAKE, read, json!({"id": gone.id, "at": gone.position})).await;
        assert_eq!(
            other["dossier"],
            json!({"stage": "WITHDRAWN", "nationalCode": 7, "refusedAt": null, "withdrawnAt": at, "dueAt": null,
                "timeliness": null})
        );
        // Both are final.
        for (name, dossier, stage) in [("r", &done, "REFUSED"), ("w", &gone, "WITHDRAWN")] {
            let problem = system.refused(INTAKE, "receiveDossier", &on(&format!("{name}2"), dossier)).await;
            assert_eq!(
                (&problem["__typename"], &problem["stage"], &problem["command"]),
                (&json!("InvalidTransition"), &json!(stage), &json!("RECEIVE"))
            );
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_typed_and_speak_the_callers_language() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let submitted = system.act(CITIZEN, "submitDossier", &submission("one")).await;

        // The same refusal in two languages, by the client's wish.
        let finish = and(on("f", &submitted), json!({"outcome": "GRANTED"}));
        let vietnamese = "Không thể thực hiện việc này ở trạng thái hiện tại của hồ sơ.";
        let english = "This cannot be done in the dossier's present state.";
        for (language, message) in [
            ("", vietnamese),
            ("vi-VN,en;q=0.5", vietnamese),
            ("fr", vietnamese),
            ("en", english),
            ("en-GB,vi;q=0.9", english),
        ] {
            let done = system.act_in(ADMIN, language, "finishProcessing", &finish).await;
            assert_eq!(
                done["problems"],
                json!([{
                    "__typename": "InvalidTransition", "code": "INVALID_TRANSITION", "message": message,
                    "stage": "SUBMITTED", "command": "FINISH_PROCESSING",
                }])
            );
        }

        // Somebody else was faster; who and what is in the answer.
        system.at("2024-04-22T10:00:00+07:00");
        let received = system.act(INTAKE, "receiveDossier", &on("rcv", &submitted)).await;
        let stale = and(on("stale", &submitted), json!({"reason": "Muộn"}));
        let problem = system.refused(INTAKE, "refuseDossier", &stale).await;
        assert_eq!(
            problem,
            json!({
                "__typename": "VersionConflict", "code": "VERSION_CONFLICT",
                "message": "Somebody else has just changed it; load it again.",
                "expected": 1, "actual": 2,
                "since": [{
                    "version": 2, "eventType": "dossier.received.v1", "actor": principal_id("hoa").0,
                    "actingFor": {"code": A},
                }],
            })
        );
        // A version from the future is one as well.
        let future = with(stale.clone(), "/on/expectedVersion", json!(9));
        let problem = system.refused(INTAKE, "refuseDossier", &future).await;
        assert_eq!(
            (&problem["expected"], &problem["actual"], &problem["since"]),
            (&json!(9), &json!(2), &json!([]))
        );

        // Functions: each group may do its own part.
        let reason = json!({"reason": "Vì sao"});
        for (who, mutation, more) in [
            (CITIZEN, "refuseDossier", reason.clone()),
            (OFFICER_A, "withdrawDossier", json!({})),
            (OFFICER_A, "finishProcessing", json!({"outcome": "GRANTED"})),
            (INTAKE, "completeStep", json!({"step": "THU_LY"})),
            (INTAKE, "forwardDossier", json!({})),
            (INTAKE, "sendDossier", json!({"agency": B})),
            (INTAKE, "proposeOutcome", json!({"outcome": "GRANTED"})),
            (OFFICER_A, "approveProposal", json!({})),
            (OFFICER_A, "signDecision", json!({})),
            (
                INTAKE,
                "extendDossier",
                json!({"reason": "x", "dueAt": "2024-06-01T17:00:00+07:00", "signedBy": "x"}),
            ),
            (INTAKE, "stopDossier", reason.clone()),
            (
                OFFICER_A,
                "recordPayment",
                json!({"obligation": 1, "order": "1", "amount": 1, "method": "CASH"}),
            ),
            (INTAKE, "waiveObligation", json!({"obligation": 1, "reason": "x"})),
            (INTAKE, "refundPayment", json!({"order": "1", "reason": "x"})),
            (INTAKE, "requestSupplement", reason.clone()),
            (LEADER_A, "receiveSupplement", json!({})),
            (LEADER_A, "returnResult", json!({"method": "POST"})),
            (OFFICER_A, "receiveDossier", json!({})),
        ] {
            let input = and(on(mutation, &received), more);
            system.refused_as(who, mutation, &input, "NO_FUNCTION").await;
        }
        system.refused_as(OFFICER_A, "submitDossier", &submission("x"), "NO_FUNCTION").await;
        let register = json!({"submit": submission("x"), "channel": "COUNTER"});
        system.refused_as(CITIZEN, "registerDossier", &register, "NO_FUNCTION").await;

        // The relation to the dossier: the agency that holds it, and in it the person it is assigned to.
        let step = and(on("s", &received), json!({"step": "THU_LY"}));
        system.refused_as(OFFICER_B, "completeStep", &step, "NOT_HOLDER").await;
        let to_lan = json!({"assignee": principal_id("lan").0});
        let assigned = system.hand_over(LEADER_A, (LEADER_B, B), "as", &received, to_lan.clone()).await;
        let step = and(on("s", &assigned), json!({"step": "THU_LY"}));
        system.refused_as(OTHER_OFFICER_B, "completeStep", &step, "NOT_ASSIGNEE").await;
        system.refused_as(OFFICER_A, "completeStep", &step, "NOT_HOLDER").await;
        let again = and(on("as2", &assigned), to_lan);
        system.refused_as(LEADER_B, "forwardDossier", &again, "ALREADY_THERE").await;
        let unknown = and(on("s2", &assigned), json!({"step": "KHONG_CO"}));
        system.refused_as(OFFICER_B, "completeStep", &unknown, "UNKNOWN_STEP").await;

        // A supplement before receipt is asked for once, and nothing is received meanwhile.
        let waiting = system.act(CITIZEN, "submitDossier", &submission("two")).await;
        let ask = and(on("a1", &waiting), reason.clone());
        let waiting = system.act(INTAKE, "requestIntakeSupplement", &ask).await;
        let ask = and(on("a2", &waiting), reason.clone());
        system.refused_as(INTAKE, "requestIntakeSupplement", &ask, "SUPPLEMENT_PENDING").await;
        system.refused_as(INTAKE, "receiveDossier", &on("a3", &waiting), "SUPPLEMENT_PENDING").await;

        // A clock that is far behind what has been recorded does not make history.
        system.at("2024-04-22T08:00:00+07:00");
        let early = on("a4", &waiting);
        system.refused_as(INTAKE, "supplyIntakeSupplement", &early, "TIME_BEFORE_PREVIOUS").await;
        system.stop().await;
    }
}

const STATES: &str = "query Q($id: UUID!, $at: Position) {
    dossier(id: $id, minPosition: $at) {
        stage nationalCode approval financialState delivery dueAt legalDueAt answerBy pausedSince supplements extensions
        transitAgency { code } pendingOpinions { number from { code } } outstanding onTimeByDecision766 timeliness
        timelinessAsPromised obligations { number kind amount outstanding waived payments { order amount method refunded } }
    }
}";

/// Every act beside the main line, once, with what it leaves behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_land_dossier_takes_the_long_way() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let states = async |who: &str, dossier: &Done| {
            let read = system.ask(who, STATES, json!({"id": dossier.id, "at": dossier.position})).await;
            read["dossier"].clone()
        };
        let at = |time: &str| json!(format!("{time}+07:00"));
        let submitted = system.act(CITIZEN, "submitDossier", &submission("land")).await;
        let waiting = states(INTAKE, &submitted).await;
        assert_eq!(waiting["answerBy"], at("2024-04-23T09:00:00"), "eight working hours");
        system.at("2024-04-22T10:00:00+07:00");
        let received = system.act(INTAKE, "receiveDossier", &on("l1", &submitted)).await;
        let told = and(on("l2", &received), json!({"about": "RECEIVED", "by": "SMS"}));
        let told = system.act(INTAKE, "notifyApplicant", &told).await;

        // Sent by mistake and recalled; sent and not taken; sent and taken.
        let sent = system.act(LEADER_A, "sendDossier", &and(on("l3", &told), json!({"agency": C}))).await;
        assert_eq!(states(STRANGER, &sent).await["transitAgency"], json!({"code": C}));
        assert_eq!(system.waiting(STRANGER, "INCOMING").await, (vec![sent.id], 1));
        assert_eq!(system.waiting(OFFICER_A, "INCOMING").await, (vec![], 0));
        let recalled = system.act(LEADER_A, "recallDossier", &on("l4", &sent)).await;
        assert_eq!(states(STRANGER, &recalled).await, Value::Null);
        let sent = system.act(LEADER_A, "sendDossier", &and(on("l5", &recalled), json!({"agency": B}))).await;
        let back = and(on("l6", &sent), json!({"reason": "Thiếu bản giấy"}));
        let back = system.act(LEADER_B, "sendDossierBack", &back).await;
        let mine = json!({"assignee": principal_id("lan").0});
        let taken = system.hand_over(LEADER_A, (LEADER_B, B), "l7", &back, mine).await;

        // An opinion from the commune.
        let ask = and(on("l8", &taken), json!({"agency": C, "question": "Có tranh chấp không?"}));
        let asked = system.act(OFFICER_B, "requestOpinion", &ask).await;
        let pending = json!([{"number": 1, "from": {"code": C}}]);
        assert_eq!(states(STRANGER, &asked).await["pendingOpinions"], pending);
        assert_eq!(system.waiting(STRANGER, "CONSULTED").await, (vec![asked.id], 1));
        assert_eq!(system.listed(STRANGER, json!({})).await, (vec![], 0), "not in its own lists");
        assert_eq!(system.waiting(OFFICER_B, "CONSULTED").await, (vec![], 0));
        let answer = and(on("l9", &asked), json!({"opinion": 1, "answer": "Không"}));
        let answered = system.act(STRANGER, "giveOpinion", &answer).await;
        assert_eq!(states(STRANGER, &answered).await, Value::Null, "who was asked sees it no more");
        assert_eq!(system.waiting(STRANGER, "CONSULTED").await, (vec![], 0));

        // Posted for two working days.
        let post = and(on("l10", &answered), json!({"reason": "PUBLIC_POSTING"}));
        let posted = system.act(OFFICER_B, "pauseDossier", &post).await;
        let standing = states(OFFICER_B, &posted).await;
        assert_eq!((&standing["stage"], &standing["nationalCode"]), (&json!("ON_HOLD"), &json!(4)));
        system.at("2024-04-24T08:00:00+07:00");
        let resumed = system.act(OFFICER_B, "resumeDossier", &on("l11", &posted)).await;
        assert_eq!(states(OFFICER_B, &resumed).await["dueAt"], at("2024-05-04T17:00:00"));

        // The tax notice, in the clock; paid in two parts, the second one twice.
        let tax = json!({"kind": "TAX", "amount": "3000000000", "stopsClock": true});
        let tax = system.act(INTAKE, "requestObligation", &and(on("l12", &resumed), tax)).await;
        let standing = states(OFFICER_B, &tax).await;
        assert_eq!((&standing["stage"], &standing["nationalCode"]), (&json!("AWAITING_PAYMENT"), &json!(6)));
        assert_eq!(
            (&standing["financialState"], &standing["outstanding"]),
            (&json!("DUE"), &json!("3000000000"))
        );
        let pay = |name: &str, dossier: &Done, order: &str, amount: &str| {
            let payment =
                json!({"obligation": 1, "order": order, "amount": amount, "method": "NATIONAL_GATEWAY"});
            and(on(name, dossier), payment)
        };
        let half = system.act(INTAKE, "recordPayment", &pay("l13", &tax, "O-1", "1000000000")).await;
        system.at("2024-04-25T08:00:00+07:00");
        let paid = system.act(INTAKE, "recordPayment", &pay("l14", &half, "O-2", "2000000000")).await;
        assert_eq!(paid.version, half.version + 2, "the payment, and the clock that runs again");
        let again = system.act(INTAKE, "recordPayment", &pay("l15", &paid, "O-2", "2000000000")).await;
        assert_eq!(again.version, paid.version);
        let running = states(OFFICER_B, &paid).await;
        assert_eq!(
            running["obligations"][0]["payments"][1],
            json!({
                "order": "O-2", "amount": "2000000000", "method": "NATIONAL_GATEWAY", "refunded": false,
            })
        );
        assert_eq!(
            (&running["stage"], &running["dueAt"]),
            (&json!("IN_PROGRESS"), &at("2024-05-06T17:00:00"))
        );

        // Apology, and the law's measure beside it.
        let extend = json!({"reason": "Phải đo lại", "dueAt": "2024-05-10T17:00:00+07:00", "signedBy": "MẪU Lê Văn C"});
        let extended = system.act(LEADER_B, "extendDossier", &and(on("l16", &paid), extend.clone())).await;
        system
            .refused_as(LEADER_B, "extendDossier", &and(on("l17", &extended), extend), "EXTENDED_ALREADY")
            .await;
        // Proposed, sent back, proposed, approved, signed, issued.
        let propose = json!({"outcome": "GRANTED"});
        let proposed =
            system.act(OFFICER_B, "proposeOutcome", &and(on("l18", &extended), propose.clone())).await;
        let rework = and(on("l19", &proposed), json!({"reason": "Thiếu trích lục"}));
        let rework = system.act(LEADER_B, "requestRework", &rework).await;
        let proposed = system.act(OFFICER_B, "proposeOutcome", &and(on("l20", &rework), propose)).await;
        system.refused_as(LEADER_B, "signDecision", &on("l21", &proposed), "APPROVAL_NOT_THERE").await;
        let approved = system.act(LEADER_B, "approveProposal", &on("l22", &proposed)).await;
        let signed = system.act(LEADER_B, "signDecision", &on("l23", &approved)).await;
        let issue = and(on("l24", &signed), json!({"number": "12/QĐ-UBND"}));
        let issued = system.act(LEADER_B, "issueDecision", &issue).await;
        assert_eq!(states(OFFICER_B, &issued).await["approval"], "ISSUED");
        let stop = and(on("l25", &issued), json!({"reason": "Không"}));
        system.refused_as(LEADER_B, "stopDossier", &stop, "DECIDED").await;

        // Ended by mistake, corrected, ended; a fee is due before the result is handed out.
        system.at("2024-05-07T08:00:00+07:00");
        let granted = json!({"outcome": "GRANTED"});
        let ended = system.act(LEADER_B, "finishProcessing", &and(on("l26", &issued), granted.clone())).await;
        let after = states(OFFICER_B, &ended).await;
        assert_eq!((&after["timeliness"], &after["timelinessAsPromised"]), (&json!("LATE"), &json!("EARLY")));
        assert_eq!((&after["onTimeByDecision766"], &after["delivery"]), (&json!(false), &json!("READY")));
        let correct = and(on("l27", &ended), json!({"reason": "Bấm nhầm"}));
        let corrected = system.act(LEADER_B, "correctLast", &correct).await;
        let open = states(OFFICER_B, &corrected).await;
        assert_eq!((&open["stage"], &open["timeliness"]), (&json!("IN_PROGRESS"), &Value::Null));
        let ended = system.act(LEADER_B, "finishProcessing", &and(on("l28", &corrected), granted)).await;
        let fee = json!({"kind": "FEE", "amount": 20000});
        let fee = system.act(INTAKE, "requestObligation", &and(on("l29", &ended), fee)).await;
        let ready = and(on("l30", &fee), json!({"about": "RESULT_READY", "by": "PORTAL"}));
        let ready = system.act(INTAKE, "notifyApplicant", &ready).await;
        assert_eq!(states(OFFICER_B, &ready).await["delivery"], "ANNOUNCED");
        let give = json!({"method": "POST"});
        system.refused_as(INTAKE, "returnResult", &and(on("l31", &ready), give.clone()), "PAYMENT_DUE").await;
        let waive = and(on("l32", &ready), json!({"obligation": 2, "reason": "Hộ nghèo"}));
        let waived = system.act(LEADER_B, "waiveObligation", &waive).await;
        let given = system.act(INTAKE, "returnResult", &and(on("l33", &waived), give)).await;
        let refund = and(on("l34", &given), json!({"order": "O-1", "reason": "Thu thừa"}));
        let refunded = system.act(LEADER_B, "refundPayment", &refund).await;
        let done = states(OFFICER_B, &refunded).await;
        assert_eq!((&done["stage"], &done["delivery"]), (&json!("RETURNED"), &json!("RETURNED")));

        // The tasks of its version: this procedure gives them no time, and none was done.
        let schedule =
            "query Q($id: UUID!) { dossier(id: $id) { schedule { task group dueAt doneAt isNotice } } }";
        let read = system.ask(OFFICER_B, schedule, json!({"id": given.id})).await;
        let planned = read["dossier"]["schedule"].as_array().unwrap().clone();
        assert!(
            !planned.is_empty()
                && planned.iter().all(|task| task["dueAt"].is_null() && task["doneAt"].is_null())
        );

        // What is told of the deadline, in either language.
        let explain = "query Q($id: UUID!) { dossier(id: $id) { explainDeadline { on text } } }";
        let told = system.ask(OFFICER_B, explain, json!({"id": given.id})).await;
        let told = told["dossier"]["explainDeadline"].as_array().unwrap();
        let texts: Vec<_> = told.iter().map(|step| step["text"].as_str().unwrap()).collect();
        for part in
            ["(niêm yết công khai)", "(chờ thực hiện nghĩa vụ tài chính)", "xin lỗi và gia hạn", "quá hạn."]
        {
            assert!(texts.iter().any(|text| text.contains(part)), "{part}: {texts:?}");
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_shows_what_waits_for_whom() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let counts = async |at: &str| {
            let query = format!(
                "{{ deadlineBoard(asOf: \"{at}+07:00\") {{ intakeWaiting intakeOverdue unanswered }} }}"
            );
            let board = &system.ask(OFFICER_A, &query, json!({})).await["deadlineBoard"];
            ["intakeWaiting", "intakeOverdue", "unanswered"].map(|name| board[name].as_i64().unwrap())
        };
        let late = system.act(CITIZEN, "submitDossier", &submission("late")).await;
        let asked = system.act(CITIZEN, "submitDossier", &submission("asked")).await;
        let reason = json!({"reason": "Thiếu", "answerBy": "2024-04-24T17:00:00+07:00"});
        system.at("2024-04-22T10:00:00+07:00");
        let asked =
            system.act(INTAKE, "requestIntakeSupplement", &and(on("a", &asked), reason.clone())).await;
        let received = system.act(CITIZEN, "submitDossier", &submission("received")).await;
        let received = system.act(INTAKE, "receiveDossier", &on("r", &received)).await;
        let paused = system.act(OFFICER_A, "requestSupplement", &and(on("p", &received), reason)).await;
        let settled = json!({"id": paused.id, "at": paused.position});
        system
            .ask(
                OFFICER_A,
                "query Q($id: UUID!, $at: Position) { dossier(id: $id, minPosition: $at) { id } }",
                settled,
            )
            .await;
        assert_eq!(counts("2024-04-22T09:30:00").await, [2, 0, 0]);
        assert_eq!(counts("2024-04-23T09:00:00").await, [1, 0, 0]);
        assert_eq!(counts("2024-04-23T09:00:01").await, [1, 1, 0]);
        assert_eq!(counts("2024-04-24T17:00:01").await, [1, 1, 2]);
        let listed = async |class: &str| {
            let query = format!(
                "{{ deadlineBoard(asOf: \"2024-04-25T08:00:00+07:00\") {{ dossiers(class: {class}) {{
                    nodes {{ dossier {{ id }} dueAt }} }} }} }}"
            );
            let read = system.ask(OFFICER_A, &query, json!({})).await;
            let nodes = read["deadlineBoard"]["dossiers"]["nodes"].as_array().unwrap().clone();
            nodes
                .iter()
                .map(|node| node["dossier"]["id"].as_str().unwrap().parse().unwrap())
                .collect::<BTreeSet<Uuid>>()
        };
        assert_eq!(listed("INTAKE_WAITING").await, BTreeSet::from([late.id]));
        assert_eq!(listed("INTAKE_OVERDUE").await, BTreeSet::from([late.id]));
        assert_eq!(listed("UNANSWERED").await, BTreeSet::from([asked.id, paused.id]));
        // Nothing moves by itself: reminders are for people.
        assert_eq!(system.head().await.0, system.service.store().head().await.unwrap().0);
        system.stop().await;
    }
}

/// Who held a dossier for a while is not shown it on the board of that time; who takes it in or decides it is, always.
#[tokio::test(flavor = "multi_thread")]
async fn the_board_of_the_past_shows_what_one_may_see_today() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let submit = with(submission("there and back"), "/competentAgency", json!(A));
        let received =
            system.act(INTAKE, "registerDossier", &json!({"submit": submit, "channel": "COUNTER"})).await;
        let one = json!({"overdue": 0, "dueToday": 0, "dueSoon": 0, "onTime": 1, "paused": 0});
        let none = with(one.clone(), "/onTime", json!(0));
        let listed = async |who: &str, at: &str| {
            let query = format!(
                "{{ deadlineBoard(asOf: \"{at}\") {{ dossiers(class: ON_TIME, first: 1) {{
                    nodes {{ dossier {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
            );
            let read = system.ask(who, &query, json!({})).await;
            let page = read["deadlineBoard"]["dossiers"].clone();
            assert_eq!(page["pageInfo"]["hasNextPage"], json!(false));
            page["nodes"].as_array().unwrap().len()
        };
        system.at("2024-04-22T10:00:00+07:00");
        let there = system.hand_over(LEADER_A, (STRANGE_LEADER, C), "there", &received, json!({})).await;
        let then = "2024-04-22T11:00:00+07:00";
        for who in [STRANGER, OFFICER_A] {
            assert_eq!(
                (system.board(who, then, None).await, listed(who, then).await),
                (one.clone(), 1),
                "{who}"
            );
        }
        system.at("2024-04-22T14:00:00+07:00");
        system.hand_over(STRANGE_LEADER, (LEADER_A, A), "back", &there, json!({})).await;
        assert_eq!(
            (system.board(STRANGER, then, None).await, listed(STRANGER, then).await),
            (none.clone(), 0)
        );
        for who in [OFFICER_A, AUDITOR] {
            assert_eq!(
                (system.board(who, then, None).await, listed(who, then).await),
                (one.clone(), 1),
                "{who}"
            );
        }
        // Whose it was then is still what the board tells of that time.
        assert_eq!(system.board(AUDITOR, then, Some(C)).await, one);
        assert_eq!(system.board(AUDITOR, "2024-04-22T15:00:00+07:00", Some(C)).await, none);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_know_of_a_dossier_learns_nothing() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let submitted = system.act(CITIZEN, "submitDossier", &submission("secret")).await;
        let received = system.act(INTAKE, "receiveDossier", &on("r", &submitted)).await;
        let absent = Done { id: key("absent"), ..received.clone() };
        let outdated = Done { version: 1, ..received.clone() };
        let absent_too = Done { version: 7, ..absent.clone() };
        let reason = json!({"reason": "Vì sao"});
        for (n, (who, mutation, more)) in [
            (STRANGE_INTAKE, "requestIntakeSupplement", reason.clone()),
            (STRANGE_INTAKE, "supplyIntakeSupplement", json!({})),
            (STRANGE_INTAKE, "refuseDossier", reason.clone()),
            (STRANGE_INTAKE, "receiveDossier", json!({})),
            (STRANGER, "forwardDossier", json!({})),
            (STRANGE_LEADER, "forwardDossier", json!({})),
            (STRANGE_LEADER, "sendDossier", json!({"agency": C})),
            (STRANGE_LEADER, "acceptDossier", json!({})),
            (STRANGE_LEADER, "sendDossierBack", reason.clone()),
            (STRANGE_LEADER, "recallDossier", json!({})),
            (STRANGER, "requestOpinion", json!({"agency": B, "question": "?"})),
            (STRANGER, "giveOpinion", json!({"opinion": 1, "answer": "x"})),
            (STRANGER, "proposeOutcome", json!({"outcome": "GRANTED"})),
            (STRANGE_LEADER, "approveProposal", json!({})),
            (STRANGE_LEADER, "requestRework", reason.clone()),
            (STRANGE_LEADER, "signDecision", json!({})),
            (STRANGE_LEADER, "issueDecision", json!({"number": "1"})),
            (STRANGER, "pauseDossier", json!({"reason": "SUSPENSION"})),
            (STRANGER, "resumeDossier", json!({})),
            (STRANGE_INTAKE, "requestObligation", json!({"kind": "FEE", "amount": 1})),
            (
                STRANGE_INTAKE,
                "recordPayment",
                json!({"obligation": 1, "order": "1", "amount": 1, "method": "CASH"}),
            ),
            (STRANGE_LEADER, "waiveObligation", json!({"obligation": 1, "reason": "x"})),
            (STRANGE_LEADER, "refundPayment", json!({"order": "1", "reason": "x"})),
            (
                STRANGE_LEADER,
                "extendDossier",
                json!({"reason": "x", "dueAt": "2024-06-01T17:00:00+07:00", "signedBy": "x"}),
            ),
            (STRANGE_LEADER, "stopDossier", reason.clone()),
            (STRANGE_INTAKE, "notifyApplicant", json!({"about": "RECEIVED", "by": "SMS"})),
            (STRANGER, "correctLast", reason.clone()),
            (STRANGER, "completeStep", json!({"step": "THU_LY"})),
            (STRANGER, "requestSupplement", reason.clone()),
            (STRANGE_INTAKE, "receiveSupplement", json!({})),
            (STRANGE_LEADER, "finishProcessing", json!({"outcome": "GRANTED"})),
            (STRANGE_INTAKE, "returnResult", json!({"method": "POST"})),
            (STRANGE_INTAKE, "withdrawDossier", json!({})),
            // Not even that a function is missing.
            (STRANGER, "finishProcessing", json!({"outcome": "GRANTED"})),
            (STRANGER, "receiveDossier", json!({})),
        ]
        .into_iter()
        .enumerate()
        {
            for (m, dossier) in [&received, &outdated, &absent, &absent_too].into_iter().enumerate() {
                let mut input = and(on(&format!("{n}.{m}"), dossier), more.clone());
                system.refused_as(who, mutation, &input, "NOT_FOUND").await;
                input["on"]["expectedVersion"] = Value::Null;
                system.refused_as(who, mutation, &input, "NOT_FOUND").await;
            }
        }
        // Reading is no different: absent and foreign are one answer.
        for id in [received.id, absent.id] {
            let read = system.ask(STRANGER, DETAIL, json!({"id": id, "at": received.position})).await;
            assert_eq!(read, json!({"dossier": null}));
        }
        let by_code = "{ dossier(code: \"000.00.16.H42-240422-0001\") { id } }";
        assert_eq!(system.ask(STRANGER, by_code, json!({})).await, json!({"dossier": null}));
        assert_ne!(system.ask(AUDITOR, by_code, json!({})).await, json!({"dossier": null}));
        for filter in [
            json!({}),
            json!({"agency": A}),
            json!({"agency": B}),
            json!({"agency": C}),
            json!({"stage": "RECEIVED"}),
            json!({"procedure": "FIVE"}),
            json!({"channel": "ONLINE"}),
            json!({"search": "0001"}),
            json!({"search": "dang"}),
            json!({"agency": A, "stage": "RECEIVED", "procedure": "FIVE", "channel": "ONLINE", "search": "dang"}),
        ] {
            assert_eq!(system.listed(STRANGER, filter.clone()).await, (vec![], 0), "{filter}");
            let seen = if filter["agency"] == C { vec![] } else { vec![received.id] };
            let count = i64::try_from(seen.len()).unwrap();
            for who in [INTAKE, OFFICER_B, AUDITOR] {
                assert_eq!(system.listed(who, filter.clone()).await, (seen.clone(), count), "{who} {filter}");
            }
        }
        let empty = json!({"overdue": 0, "dueToday": 0, "dueSoon": 0, "onTime": 0, "paused": 0});
        let late = "2024-05-10T12:00:00+07:00";
        for agency in [None, Some(A), Some(B), Some(C)] {
            assert_eq!(system.board(STRANGER, late, agency).await, empty, "{agency:?}");
        }
        let one = with(empty.clone(), "/overdue", json!(1));
        assert_eq!(system.board(AUDITOR, late, None).await, one);
        let progress = "{ progress(period: {from: \"2024-04\", to: \"2024-04\"}) { rows { received } } }";
        assert_eq!(system.ask(STRANGER, progress, json!({})).await["progress"]["rows"], json!([]));
        assert_eq!(
            system.ask(OFFICER_B, progress, json!({})).await["progress"]["rows"],
            json!([{"received": 1}])
        );
        // A clerk takes in for nobody else.
        let foreign = json!({"submit": submission("foreign"), "channel": "COUNTER"});
        system.refused_as(STRANGE_INTAKE, "registerDossier", &foreign, "NOT_FOUND").await;
        // Without the function there is no list at all.
        let list = "{ dossiers { totalCount } }";
        assert_eq!(system.error(CITIZEN, list, json!({})).await.0, "NO_FUNCTION");
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_input_is_refused_by_the_name_of_the_field() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let long = "x".repeat(301);
        for (pointer, value, field) in [
            ("/procedure", json!("cấp phép"), "procedure"),
            ("/procedure", json!(""), "procedure"),
            ("/receivingAgency", json!("H42"), "receivingAgency"),
            ("/competentAgency", json!("000.00.16.h42"), "competentAgency"),
            ("/supportingAgency", json!(" "), "supportingAgency"),
            ("/applicant/name", json!("  "), "applicant.name"),
            ("/applicant/name", json!("A\u{0}B"), "applicant.name"),
            ("/applicant/name", json!(long), "applicant.name"),
            ("/applicant/idNumber", json!(long), "applicant.idNumber"),
            ("/applicant/phone", json!(long), "applicant.phone"),
            ("/applicant/email", json!(long), "applicant.email"),
            ("/applicant/address", json!("A\u{0}"), "applicant.address"),
            ("/subject", json!("x".repeat(1_001)), "subject"),
            ("/form", json!([1]), "form"),
            ("/form", json!({"x": "y".repeat(65_536)}), "form"),
            ("/papers", json!(["BẢN VẼ"]), "papers"),
            ("/papers", json!(vec!["P"; 101]), "papers"),
        ] {
            let input = with(submission("bad"), pointer, value);
            system.invalid(CITIZEN, "submitDossier", &input, field).await;
        }
        // At the limits it is taken.
        let input = with(submission("limit"), "/subject", json!("ố".repeat(1_000)));
        let input = with(input, "/applicant/name", json!("Ố".repeat(300)));
        let input = with(input, "/papers", json!(vec!["P"; 100]));
        let done = system.act(CITIZEN, "submitDossier", &input).await;
        let read = system.ask(INTAKE, DETAIL, json!({"id": done.id, "at": done.position})).await;
        assert_eq!(read["dossier"]["applicantName"], json!("Ố".repeat(300)));

        // What is well-formed and not there.
        for (pointer, value) in [
            ("/procedure", json!("KHONG-CO")),
            ("/receivingAgency", json!("000.00.99.H42")),
            ("/competentAgency", json!("000.00.99.H42")),
            ("/supportingAgency", json!("000.00.99.H42")),
        ] {
            let input = with(submission("unknown"), pointer, value);
            system.refused_as(CITIZEN, "submitDossier", &input, "NOT_FOUND").await;
        }

        let long = "x".repeat(4_001);
        for (who, mutation, more, field) in [
            (INTAKE, "requestIntakeSupplement", json!({"reason": ""}), "reason"),
            (INTAKE, "requestIntakeSupplement", json!({"reason": "x", "papers": [""]}), "papers"),
            (INTAKE, "refuseDossier", json!({"reason": long}), "reason"),
            (INTAKE, "supplyIntakeSupplement", json!({"note": long}), "note"),
            (INTAKE, "withdrawDossier", json!({"reason": "\u{0}x"}), "reason"),
            (ADMIN, "completeStep", json!({"step": "thụ lý"}), "step"),
            (ADMIN, "sendDossier", json!({"agency": "H42"}), "agency"),
            (ADMIN, "acceptDossier", json!({"unit": "Phòng 1"}), "unit"),
            (ADMIN, "requestOpinion", json!({"agency": B, "question": " "}), "question"),
            (ADMIN, "requestOpinion", json!({"agency": "H42", "question": "?"}), "agency"),
            (ADMIN, "giveOpinion", json!({"opinion": 1, "answer": ""}), "answer"),
            (ADMIN, "issueDecision", json!({"number": ""}), "number"),
            (
                ADMIN,
                "recordPayment",
                json!({"obligation": 1, "order": "a b", "amount": 1, "method": "CASH"}),
                "order",
            ),
            (ADMIN, "refundPayment", json!({"order": "", "reason": "x"}), "order"),
            (ADMIN, "waiveObligation", json!({"obligation": 1, "reason": ""}), "reason"),
            (ADMIN, "stopDossier", json!({"reason": ""}), "reason"),
            (ADMIN, "correctLast", json!({"reason": " "}), "reason"),
            (
                ADMIN,
                "extendDossier",
                json!({"reason": "x", "dueAt": "2024-06-01T17:00:00+07:00", "signedBy": ""}),
                "signedBy",
            ),
            (ADMIN, "forwardDossier", json!({"unit": "x".repeat(65)}), "unit"),
            (ADMIN, "forwardDossier", json!({"unit": "Phòng 1"}), "unit"),
            (
                INTAKE,
                "receiveDossier",
                json!({"appointment": "2024-05-02T09:00:00+07:00", "withoutAppointment": true}),
                "appointment",
            ),
        ] {
            let input = and(on(mutation, &done), more);
            system.invalid(who, mutation, &input, field).await;
        }
        let strange = and(on("fwd", &done), json!({"agency": "000.00.99.H42"}));
        system.refused_as(ADMIN, "sendDossier", &strange, "NOT_FOUND").await;

        // Agencies.
        for (input, problem) in [
            (
                json!({"code": "H42", "name": "x"}),
                json!({"__typename": "InvalidInput", "code": "BAD_USER_INPUT", "field": "code"}),
            ),
            (
                json!({"code": "000.00.20.H42", "name": "A\u{0}B"}),
                json!({"__typename": "InvalidInput", "code": "BAD_USER_INPUT", "field": "name"}),
            ),
            (
                json!({"code": "000.00.20.H42", "name": "x", "parent": "000.00.99.H42"}),
                json!({"__typename": "Refusal", "code": "NOT_FOUND"}),
            ),
            (
                json!({"code": A, "name": "Khác"}),
                json!({"__typename": "Refusal", "code": "AGENCY_ALREADY_ESTABLISHED"}),
            ),
            (
                json!({"code": "000.00.20.H42", "name": " "}),
                json!({"__typename": "Refusal", "code": "AGENCY_NAME_EMPTY"}),
            ),
        ] {
            let input = and(json!({"idempotencyKey": key(&input.to_string())}), input);
            let done = system.establish(ADMIN, &input).await;
            assert_eq!(done, json!({"agencyId": null, "position": null, "problems": [problem]}), "{input}");
        }
        let input = json!({"idempotencyKey": key("no"), "code": "000.00.20.H42", "name": "x"});
        let done = system.establish(LEADER_A, &input).await;
        assert_eq!(done["problems"], json!([{"__typename": "Refusal", "code": "NO_FUNCTION"}]));
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_set_by_hand_exactly_where_the_procedure_says_so() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let by_hand = |name: &str, more: Value| {
            let submit = with(submission(name), "/procedure", json!("HAND"));
            and(json!({"submit": submit, "channel": "COUNTER"}), more)
        };
        let fixed = |more: Value| and(json!({"submit": submission("fixed"), "channel": "COUNTER"}), more);
        let at = "2024-05-01T10:00:00+07:00";
        system.refused_as(INTAKE, "registerDossier", &by_hand("no", json!({})), "APPOINTMENT_MISSING").await;
        let past = json!({"appointment": "2024-04-22T08:59:59+07:00"});
        system
            .refused_as(INTAKE, "registerDossier", &by_hand("no", past), "APPOINTMENT_BEFORE_RECEIPT")
            .await;
        for more in [json!({"appointment": at}), json!({"withoutAppointment": true})] {
            system.refused_as(INTAKE, "registerDossier", &fixed(more), "APPOINTMENT_FIXED").await;
        }
        // A term that reaches into a year without a calendar.
        system.publish("LONG", "Rất lâu", Term::WorkingDays(2_000)).await;
        let long = with(fixed(json!({})), "/submit/procedure", json!("LONG"));
        system.refused_as(INTAKE, "registerDossier", &long, "CALENDAR_UNKNOWN").await;

        let due = "query Q($id: UUID!, $at: Position) { dossier(id: $id, minPosition: $at) { code dueAt } }";
        // A refusal costs no number: the first that is taken is 0001. A day off is kept as the officer set it.
        for (n, (more, expected)) in [
            (json!({"appointment": at}), json!(at)),
            (json!({"appointment": "2024-04-22T09:00:00+07:00"}), json!("2024-04-22T09:00:00+07:00")),
            (json!({"withoutAppointment": true}), Value::Null),
        ]
        .into_iter()
        .enumerate()
        {
            let input = by_hand(&format!("yes {n}"), more);
            let done = system.act(INTAKE, "registerDossier", &input).await;
            let read = system.ask(INTAKE, due, json!({"id": done.id, "at": done.position})).await;
            let code = format!("{A}-240422-{:04}", n + 1);
            assert_eq!(read["dossier"], json!({"code": code, "dueAt": expected}));
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_mutation_gets_the_first_answer_and_changes_nothing() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let first = system.act(CITIZEN, "submitDossier", &submission("again")).await;
        let receive = on("receive", &first);
        let received = system.act(INTAKE, "receiveDossier", &receive).await;
        let to_c = and(on("to c", &received), json!({"agency": C}));
        let sent = system.act(LEADER_A, "sendDossier", &to_c).await;
        let at_c = system.act(STRANGER, "acceptDossier", &on("at c", &sent)).await;
        let step = and(on("step", &at_c), json!({"step": "THU_LY"}));
        let stepped = system.act(STRANGER, "completeStep", &step).await;
        let to_b = and(on("to b", &stepped), json!({"agency": B}));
        let sent_on = system.act(STRANGER, "sendDossier", &to_b).await;
        let at_b = system.act(LEADER_B, "acceptDossier", &on("at b", &sent_on)).await;
        let head = system.head().await;
        system.at("2024-04-25T09:00:00+07:00");
        // The agency that passed the dossier on sees it no more, and still gets its own answers.
        for (who, mutation, input, done) in [
            (CITIZEN, "submitDossier", submission("again"), &first),
            (INTAKE, "receiveDossier", receive.clone(), &received),
            (LEADER_A, "sendDossier", to_c, &sent),
            (STRANGER, "completeStep", step, &stepped),
            (STRANGER, "sendDossier", to_b, &sent_on),
        ] {
            assert_eq!(system.act(who, mutation, &input).await, *done, "{mutation}");
        }
        assert_eq!(system.head().await, head);

        // Another request under the key of an old one.
        let other = with(submission("again"), "/subject", json!("Khác"));
        system.refused_as(CITIZEN, "submitDossier", &other, "IDEMPOTENCY_KEY_REUSED").await;
        let other = and(on("receive", &at_b), json!({"withoutAppointment": false}));
        system.refused_as(INTAKE, "receiveDossier", &other, "IDEMPOTENCY_KEY_REUSED").await;
        // Keys belong to who uses them: another person's same key is another request.
        let theirs = system.act("dev:citizen:mai@000.00.16.H42", "submitDossier", &submission("again")).await;
        assert_ne!(theirs.id, first.id);

        // Agencies are established once.
        let input =
            json!({"idempotencyKey": key("dept"), "code": "000.00.20.H42", "name": "Sở Mới", "parent": A});
        let one = system.establish(ADMIN, &input).await;
        let head = system.head().await;
        assert_eq!(system.establish(ADMIN, &input).await, one);
        let same = with(input, "/idempotencyKey", json!(key("another key")));
        assert_eq!(system.establish(ADMIN, &same).await, one);
        assert_eq!(system.head().await, head);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_waits_for_the_position_it_names() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let stages = "query Q($at: Position) {
            dossiers(minPosition: $at) { totalCount }
            progress(period: {from: \"2024-04\", to: \"2024-04\"}, minPosition: $at) { rows { received } }
        }";
        for n in 1..=5 {
            let done = system.act(CITIZEN, "submitDossier", &submission(&format!("{n}"))).await;
            let done = system.act(INTAKE, "receiveDossier", &on(&format!("r{n}"), &done)).await;
            let read = system.ask(AUDITOR, stages, json!({"at": done.position})).await;
            assert_eq!(read["dossiers"]["totalCount"], json!(n));
            assert_eq!(read["progress"]["rows"], json!([{"received": n}]));
        }
        // Every query says so when it is asked for what has not happened; and it does not wait for ever.
        let head = system.head().await;
        let beyond = PositionText(Position(head.0 + 7)).encode();
        for query in [
            "query Q($at: Position) { dossier(code: \"000.00.16.H42-240422-0001\", minPosition: $at) { id } }",
            "query Q($at: Position) { dossiers(minPosition: $at) { totalCount } }",
            "query Q($at: Position) { deadlineBoard(minPosition: $at) { overdue } }",
            "query Q($at: Position) { publicStatus(code: \"000.00.16.H42-240422-0001\", minPosition: $at) { code } }",
            "query Q($at: Position) { progress(period: {from: \"2024-04\", to: \"2024-04\"}, minPosition: $at) { asOf } }",
            "query Q($at: Position) { procedures(minPosition: $at) { code } }",
            "query Q($at: Position) { agencies(minPosition: $at) { code } }",
        ] {
            let started = std::time::Instant::now();
            let answer = system.ask_in(AUDITOR, "en", query, &json!({"at": beyond})).await;
            let waited = started.elapsed();
            let extensions = &answer["errors"][0]["extensions"];
            assert_eq!(*extensions, json!({"code": "READ_MODEL_BEHIND", "lag": 7}), "{query}\n{answer}");
            let message = "The data is being brought up to date; try again in a moment.";
            assert_eq!(answer["errors"][0]["message"], message);
            assert!(1.9 < waited.as_secs_f64() && waited.as_secs_f64() < 5.0, "{waited:?}");
        }
        for bad in [json!("42"), json!(""), json!(42), json!("AAAA")] {
            let query = "query Q($at: Position) { dossiers(minPosition: $at) { totalCount } }";
            let answer = system.ask_in(AUDITOR, "", query, &json!({"at": bad})).await;
            assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{bad}: {answer}");
            assert_eq!(answer["data"], Value::Null, "{bad}: {answer}");
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_without_gap_or_repeat() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let mut newest_first = Vec::new();
        for n in 0..23 {
            // Several of one instant: the order among them is by id, and a page may end there.
            if n % 4 == 0 {
                system.at(&format!("2024-04-22T09:{n:02}:00+07:00"));
            }
            newest_first.push(system.act(CITIZEN, "submitDossier", &submission(&format!("{n}"))).await);
        }
        let query = "query Q($first: Int, $after: String, $at: Position) {
            dossiers(first: $first, after: $after, minPosition: $at) {
                totalCount edges { cursor } nodes { id submittedAt } pageInfo { hasNextPage hasPreviousPage endCursor }
            }
        }";
        let at = newest_first.last().unwrap().position.clone();
        let whole = system.ask(INTAKE, query, json!({"first": 100, "at": at})).await;
        let all = ids(&whole["dossiers"]["nodes"]);
        assert_eq!(
            all.iter().collect::<BTreeSet<_>>(),
            newest_first.iter().map(|done| &done.id).collect::<BTreeSet<_>>()
        );
        let times: Vec<_> = whole["dossiers"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (node["submittedAt"].as_str().unwrap(), node["id"].as_str().unwrap()))
            .collect();
        assert!(times.is_sorted_by(|one, next| one > next), "{times:?}");

        for (first, size) in [(json!(1), 1), (json!(5), 5), (json!(7), 7), (Value::Null, 20), (json!(23), 23)]
        {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let page = system.ask(INTAKE, query, json!({"first": first, "after": after})).await;
                let page = &page["dossiers"];
                assert_eq!(page["totalCount"], 23);
                let nodes = ids(&page["nodes"]);
                assert_eq!(nodes.len(), size.min(23 - seen.len()));
                assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(!seen.is_empty()));
                seen.extend(nodes);
                assert_eq!(page["pageInfo"]["hasNextPage"], json!(seen.len() < 23));
                after = page["pageInfo"]["endCursor"].clone();
                assert_eq!(after, page["edges"].as_array().unwrap().last().unwrap()["cursor"]);
                if seen.len() == 23 {
                    break;
                }
            }
            assert_eq!(seen, all, "first: {first}");
        }
        // Nothing on a page is a page; what is no page is refused.
        let none = system.ask(INTAKE, query, json!({"first": 0})).await;
        assert_eq!((&none["dossiers"]["nodes"], &none["dossiers"]["totalCount"]), (&json!([]), &json!(23)));
        for first in [101, 1_000_000, -1] {
            let (code, message) = system
                .error(
                    INTAKE,
                    "query Q($first: Int) { dossiers(first: $first) { totalCount } }",
                    json!({"first": first}),
                )
                .await;
            let by_complexity = code == "QUERY_TOO_COMPLEX" && message.contains("ask for fewer rows");
            assert!(code == "BAD_USER_INPUT" || by_complexity, "{first}: {code} {message}");
        }
        for cursor in ["x", "eyJ9", "WzEsMl0"] {
            let (_, message) = system.error(INTAKE, query, json!({"after": cursor})).await;
            assert!(!message.is_empty() && !message.contains("incident"), "{cursor}: {message}");
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_search_find_what_they_say() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let online = system.act(CITIZEN, "submitDossier", &submission("online")).await;
        let hand = with(submission("hand"), "/procedure", json!("HAND"));
        let hand = with(with(hand, "/receivingAgency", json!(B)), "/supportingAgency", json!(C));
        let counter = json!({"submit": hand, "channel": "COUNTER", "withoutAppointment": true});
        let counter = system.act(ADMIN, "registerDossier", &counter).await;
        let post = with(submission("post"), "/competentAgency", Value::Null);
        let post = system.act(INTAKE, "registerDossier", &json!({"submit": post, "channel": "POST"})).await;
        let [o, c, p] = [online.id, counter.id, post.id];
        let all = || vec![o, c, p];
        for (filter, expected) in [
            (json!({}), all()),
            (json!(null), all()),
            (json!({"agency": A}), vec![o, p]),
            (json!({"agency": B}), vec![o, c]),
            (json!({"agency": C}), vec![c]),
            (json!({"stage": "SUBMITTED"}), vec![o]),
            (json!({"stage": "RECEIVED"}), vec![c, p]),
            (json!({"stage": "RETURNED"}), vec![]),
            (json!({"procedure": "FIVE"}), vec![o, p]),
            (json!({"procedure": "HAND"}), vec![c]),
            (json!({"procedure": "NONE"}), vec![]),
            (json!({"channel": "ONLINE"}), vec![o]),
            (json!({"channel": "COUNTER"}), vec![c]),
            (json!({"channel": "POST"}), vec![p]),
            (json!({"channel": "POST", "procedure": "HAND"}), vec![]),
            // Agencies, with and without diacritics, as one types.
            (json!({"search": "dang"}), vec![o, p]),
            (json!({"search": "Đặng"}), vec![o, p]),
            (json!({"search": "ĐẶNG XÁ"}), vec![o, p]),
            (json!({"search": "Đặng  Xá "}), vec![o, p]),
            (json!({"search": "so xay dung"}), vec![o, c]),
            // Procedures.
            (json!({"search": "giay phep"}), vec![o, p]),
            (json!({"search": "cap lai"}), vec![c]),
            (json!({"search": "HAND"}), vec![c]),
            // Parts of a code, of a dossier or an agency.
            (json!({"search": "h42-240422-0001"}), vec![o, c]),
            (json!({"search": "0002"}), vec![p]),
            (json!({"search": "000.00.17"}), vec![o, c]),
            // Nothing has a special meaning.
            (json!({"search": "100%"}), vec![o, c]),
            (json!({"search": "%"}), vec![o, c]),
            (json!({"search": "_"}), vec![c]),
            (json!({"search": "the_bia"}), vec![c]),
            (json!({"search": "the bia"}), vec![]),
            (json!({"search": "\\"}), vec![]),
            (json!({"search": "' OR 1=1 --"}), vec![]),
            (json!({"search": "  "}), all()),
            (json!({"search": ""}), all()),
            // Personal data is no way to find a dossier.
            (json!({"search": "Ánh"}), vec![]),
            (json!({"search": PHONE}), vec![]),
            (json!({"search": "Nhà ở"}), vec![]),
        ] {
            let (found, count) = system.listed(AUDITOR, filter.clone()).await;
            let expected: BTreeSet<_> = expected.into_iter().collect();
            assert_eq!(count, i64::try_from(expected.len()).unwrap(), "{filter}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{filter}");
        }
        let query = "query Q($filter: DossierFilter) { dossiers(filter: $filter) { totalCount } }";
        for filter in [
            json!({"agency": "H42"}),
            json!({"agency": ""}),
            json!({"procedure": "cấp"}),
            json!({"search": "a\u{0}b"}),
            json!({"search": "x".repeat(100_000)}),
        ] {
            let (code, _) = system.error(AUDITOR, query, json!({"filter": filter})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{}", filter.to_string().chars().take(40).collect::<String>());
        }
        // The two directories, in the order of their codes.
        let read =
            system.ask(CITIZEN, "{ agencies { code name } procedures { code version } }", json!({})).await;
        assert_eq!(
            read,
            json!({
                "agencies": [
                    {"code": A, "name": "Ủy ban nhân dân phường Đặng Xá"}, {"code": B, "name": "Sở Xây dựng 100%"},
                    {"code": C, "name": "Sở Y tế"},
                ],
                "procedures": [{"code": "FIVE", "version": 1}, {"code": "HAND", "version": 1}],
            })
        );
        system.stop().await;
    }
}

/// Dossiers of one day with terms of different length; one stands still, one ends in time and one late. At the counter
/// of `A`, which decides them as well.
async fn board(system: &System) -> [Done; 8] {
    for days in [1, 2, 3] {
        system.publish(&format!("DAYS.{days}"), "Kỳ hạn", Term::WorkingDays(days)).await;
    }
    let enter = async |name: &str, procedure: &str, more: Value| {
        let submit = with(submission(name), "/procedure", json!(procedure));
        let submit = with(submit, "/competentAgency", json!(A));
        let input = and(json!({"submit": submit, "channel": "COUNTER"}), more);
        system.act(INTAKE, "registerDossier", &input).await
    };
    system.at("2024-05-06T09:00:00+07:00");
    let one = enter("d1", "DAYS.1", json!({})).await;
    let two = enter("d2", "DAYS.2", json!({})).await;
    let three = enter("d3", "DAYS.3", json!({})).await;
    let five = enter("d5", "FIVE", json!({})).await;
    let open = enter("open", "HAND", json!({"withoutAppointment": true})).await;
    let paused = enter("paused", "DAYS.1", json!({})).await;
    let ended = enter("ended", "DAYS.1", json!({})).await;
    let late = enter("late", "DAYS.1", json!({})).await;
    system.at("2024-05-06T10:00:00+07:00");
    let stop = and(on("stop", &paused), json!({"reason": "Thiếu"}));
    let paused = system.act(OFFICER_A, "requestSupplement", &stop).await;
    system.at("2024-05-07T17:00:00+07:00");
    let finish = and(on("end", &ended), json!({"outcome": "GRANTED"}));
    let ended = system.act(LEADER_A, "finishProcessing", &finish).await;
    system.at("2024-05-08T08:00:00+07:00");
    let finish = and(on("late", &late), json!({"outcome": "DECLINED"}));
    let late = system.act(LEADER_A, "finishProcessing", &finish).await;
    [one, two, three, five, open, paused, ended, late]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_board_as_of_any_instant() {
    for backend in backends() {
        let system = System::new(backend, "2024-05-06T08:00:00+07:00").await;
        let [one, two, three, five, open, paused, ended, late] = board(&system).await.map(|done| done.id);
        let none = Vec::new;
        type Lists = [Vec<Uuid>; 5];
        // Overdue, due today, due soon, on time, paused.
        let cases: [(&str, Lists); 8] = [
            ("2024-05-06T08:59:59.999999+07:00", [none(), none(), none(), none(), none()]),
            (
                "2024-05-06T09:00:00+07:00",
                [none(), none(), vec![one, two, ended, late, paused], vec![three, five, open], none()],
            ),
            (
                "2024-05-06T12:00:00+07:00",
                [none(), none(), vec![one, two, ended, late], vec![three, five, open], vec![paused]],
            ),
            // The due instant itself is in time, and so is an end at it.
            (
                "2024-05-07T17:00:00+07:00",
                [none(), vec![one, late], vec![two, three], vec![five, open], vec![paused]],
            ),
            (
                "2024-05-07T17:00:00.000001+07:00",
                [vec![one, late], none(), vec![two, three], vec![five, open], vec![paused]],
            ),
            (
                "2024-05-08T12:00:00+07:00",
                [vec![one], vec![two], vec![three], vec![five, open], vec![paused]],
            ),
            // Saturday: Monday and Tuesday are the next two working days.
            (
                "2024-05-11T12:00:00+07:00",
                [vec![one, two, three], none(), vec![five], vec![open], vec![paused]],
            ),
            // The last instant of a local day, and another offset than ours.
            (
                "2024-05-13T09:59:59.999999Z",
                [vec![one, two, three], vec![five], none(), vec![open], vec![paused]],
            ),
        ];
        let classes = ["OVERDUE", "DUE_TODAY", "DUE_SOON", "ON_TIME", "PAUSED"];
        for (at, lists) in cases {
            let counts = json!({
                "overdue": lists[0].len(), "dueToday": lists[1].len(), "dueSoon": lists[2].len(),
                "onTime": lists[3].len(), "paused": lists[4].len(),
            });
            for (who, agency) in [(OFFICER_A, None), (AUDITOR, None), (AUDITOR, Some(A))] {
                assert_eq!(system.board(who, at, agency).await, counts, "{at} {who}");
            }
            let nothing = system.board(AUDITOR, at, Some(C)).await;
            assert!(nothing.as_object().unwrap().values().all(|count| *count == 0), "{nothing}");
            for (class, expected) in classes.iter().zip(&lists) {
                let query = "query Q($asOf: DateTime!, $class: DeadlineClass!, $first: Int, $after: String) {
                    deadlineBoard(asOf: $asOf) { dossiers(class: $class, first: $first, after: $after) {
                        nodes { dossier { id } dueAt } pageInfo { hasNextPage endCursor }
                    } }
                }";
                // Whole, and dossier by dossier.
                for size in [100, 1] {
                    let (mut seen, mut dues, mut after) = (Vec::new(), Vec::new(), Value::Null);
                    loop {
                        let variables = json!({"asOf": at, "class": class, "first": size, "after": after});
                        let read = system.ask(OFFICER_A, query, variables).await;
                        let page = &read["deadlineBoard"]["dossiers"];
                        for node in page["nodes"].as_array().unwrap() {
                            let id: Uuid = node["dossier"]["id"].as_str().unwrap().parse().unwrap();
                            dues.push(node["dueAt"].as_str().unwrap_or("never").to_owned());
                            seen.push(id);
                        }
                        after = page["pageInfo"]["endCursor"].clone();
                        if page["pageInfo"]["hasNextPage"] == json!(false) {
                            break;
                        }
                    }
                    assert!(dues.is_sorted(), "{dues:?}");
                    assert_eq!(seen.len(), expected.len(), "{at} {class} {size}");
                    assert_eq!(
                        seen.into_iter().collect::<BTreeSet<_>>(),
                        expected.iter().copied().collect::<BTreeSet<_>>(),
                        "{at} {class} {size}"
                    );
                }
            }
        }
        // Without an instant it is now; outside the calendar there is no "soon", and everything else there is.
        let read = system.ask(OFFICER_A, "{ deadlineBoard { asOf overdue } }", json!({})).await;
        assert_eq!(read["deadlineBoard"], json!({"asOf": "2024-05-08T08:00:00+07:00", "overdue": 1}));
        let late = "2031-01-01T07:00:00+07:00";
        let counts = json!({"overdue": 4, "dueToday": 0, "dueSoon": null, "onTime": 1, "paused": 1});
        assert_eq!(system.board(OFFICER_A, late, None).await, counts);
        for (class, outcome) in
            [("DUE_SOON", Err("CALENDAR_UNKNOWN")), ("ON_TIME", Ok(json!([{"dueAt": null}])))]
        {
            let query = format!(
                "{{ deadlineBoard(asOf: \"{late}\") {{ dossiers(class: {class}) {{ nodes {{ dueAt }} }} }} }}"
            );
            match outcome {
                Err(code) => assert_eq!(system.error(OFFICER_A, &query, json!({})).await.0, code),
                Ok(nodes) => {
                    let read = system.ask(OFFICER_A, &query, json!({})).await;
                    assert_eq!(read["deadlineBoard"]["dossiers"]["nodes"], nodes);
                }
            }
        }
        let unknown = "{ deadlineBoard(part: {agency: \"H42\"}) { overdue } }";
        assert_eq!(system.error(OFFICER_A, unknown, json!({})).await.0, "BAD_USER_INPUT");
        let many = "{ deadlineBoard { dossiers(class: PAUSED, first: 101) { nodes { dueAt } } } }";
        assert_eq!(system.error(OFFICER_A, many, json!({})).await.0, "BAD_USER_INPUT");
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_has_a_list_of_its_own() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let input =
            json!({"submit": with(submission("unit"), "/competentAgency", json!(A)), "channel": "COUNTER"});
        let filed = system.act(INTAKE, "registerDossier", &input).await;
        let desk = and(on("to the unit", &filed), json!({"unit": "PHONG_1"}));
        let there = system.act(LEADER_A, "forwardDossier", &desk).await;
        let [first, second] =
            ["dev:officer:nam/PHONG_1@000.00.16.H42", "dev:officer:nam/PHONG_2@000.00.16.H42"];
        assert_eq!(system.waiting(first, "UNIT").await, (vec![there.id], 1));
        assert_eq!(system.waiting(second, "UNIT").await, (vec![], 0));
        // A unit of another agency may have the same code.
        assert_eq!(system.waiting("dev:officer:la/PHONG_1@000.00.18.H42", "UNIT").await, (vec![], 0));
        let query = "{ workList(of: UNIT) { totalCount } }";
        assert_eq!(system.error(OFFICER_A, query, json!({})).await.0, "BAD_USER_INPUT");
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_adds_up() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        // April: one carried over; one refused; one withdrawn after receipt; one that nobody has received.
        let carried =
            json!({"submit": with(submission("c"), "/competentAgency", json!(A)), "channel": "POST"});
        system.act(INTAKE, "registerDossier", &carried).await;
        let mut waiting = Vec::new();
        for name in ["refused", "withdrawn", "waiting"] {
            let input = with(submission(name), "/competentAgency", json!(A));
            waiting.push(system.act(CITIZEN, "submitDossier", &input).await);
        }
        let refuse = and(on("r", &waiting[0]), json!({"reason": "Sai"}));
        system.act(INTAKE, "refuseDossier", &refuse).await;
        let received = system.act(INTAKE, "receiveDossier", &on("w1", &waiting[1])).await;
        system.act(INTAKE, "withdrawDossier", &on("w2", &received)).await;
        let [.., last] = board(&system).await;
        system.at("2024-05-09T12:00:00+07:00");
        let query = "query Q($from: String!, $to: String!, $agency: String, $at: Position) {
            progress(period: {from: $from, to: $to}, part: {agency: $agency}, minPosition: $at) {
                asOf rows {
                    agency { code } carriedOver received receivedOnline receivedPost toProcess refused withdrawn
                    resolved early onTime late pending notDue overdue paused
                }
            }
        }";
        let row = |figures: [i64; 15]| {
            let names = [
                "carriedOver",
                "received",
                "receivedOnline",
                "receivedPost",
                "toProcess",
                "refused",
                "withdrawn",
                "resolved",
                "early",
                "onTime",
                "late",
                "pending",
                "notDue",
                "overdue",
                "paused",
            ];
            let mut row: serde_json::Map<_, _> =
                names.iter().zip(figures).map(|(name, figure)| ((*name).to_owned(), json!(figure))).collect();
            row.insert("agency".to_owned(), json!({"code": A}));
            Value::Object(row)
        };
        for (from, to, as_of, figures) in [
            // At the end of April.
            (
                "2024-04",
                "2024-04",
                "2024-04-30T23:59:59.999999+07:00",
                [0, 2, 1, 1, 2, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0],
            ),
            // May lasts: as of now the carried one (2 May), d1 (7) and d2 (8 May) are overdue.
            (
                "2024-05",
                "2024-05",
                "2024-05-09T12:00:00+07:00",
                [1, 8, 0, 0, 9, 0, 0, 2, 0, 1, 1, 6, 3, 3, 1],
            ),
            (
                "2024-04",
                "2024-05",
                "2024-05-09T12:00:00+07:00",
                [0, 10, 1, 1, 10, 1, 1, 2, 0, 1, 1, 6, 3, 3, 1],
            ),
            (
                "2024-01",
                "2024-12",
                "2024-05-09T12:00:00+07:00",
                [0, 10, 1, 1, 10, 1, 1, 2, 0, 1, 1, 6, 3, 3, 1],
            ),
        ] {
            let at = &last.position;
            for (who, agency) in [(OFFICER_A, None), (AUDITOR, None), (AUDITOR, Some(A))] {
                let read =
                    system.ask(who, query, json!({"from": from, "to": to, "agency": agency, "at": at})).await;
                let progress = &read["progress"];
                assert_eq!(*progress, json!({"asOf": as_of, "rows": [row(figures)]}), "{from} {to}");
                let figure = |name: &str| progress["rows"][0][name].as_i64().unwrap();
                assert_eq!(figure("carriedOver") + figure("received"), figure("toProcess"));
                assert_eq!(figure("early") + figure("onTime") + figure("late"), figure("resolved"));
                assert_eq!(figure("notDue") + figure("overdue"), figure("pending"));
                let settled = figure("resolved") + figure("pending") + figure("withdrawn") + figure("paused");
                assert_eq!(settled, figure("toProcess"), "{from} {to}");
            }
        }
        for agency in [B, C] {
            let read = system
                .ask(AUDITOR, query, json!({"from": "2024-04", "to": "2024-05", "agency": agency}))
                .await;
            assert_eq!(read["progress"]["rows"], json!([]));
        }
        for (from, to) in [
            ("2024-13", "2024-13"),
            ("2024-00", "2024-01"),
            ("2024-1", "2024-2"),
            ("2024", "2024"),
            ("", ""),
            ("+024-01", "2024-01"),
            ("2024-+1", "2024-01"),
            ("2024-01", "２０２４-01"),
            ("2024-05", "2024-04"),
        ] {
            let (code, _) = system.error(AUDITOR, query, json!({"from": from, "to": to})).await;
            assert_eq!(code, "BAD_USER_INPUT", "{from} {to}");
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_ask_for_the_public_status_and_learns_nothing_of_a_person() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let done = system.act(CITIZEN, "submitDossier", &submission("public")).await;
        let done = system.act(INTAKE, "receiveDossier", &on("r", &done)).await;
        let query = "query Q($code: String!, $at: Position) {
            publicStatus(code: $code, minPosition: $at) {
                code stage nationalCode stageName submittedAt receivedAt dueAt endedAt returnedAt extended
                procedure { code name field } receivingAgency { code name } competentAgency { code name }
            }
        }";
        let code = "000.00.16.H42-240422-0001";
        let at = "2024-04-22T09:00:00+07:00";
        let expected = json!({
            "code": code, "stage": "RECEIVED", "nationalCode": 2, "stageName": "Được tiếp nhận", "submittedAt": at,
            "receivedAt": at, "dueAt": "2024-05-02T17:00:00+07:00", "endedAt": null, "returnedAt": null, "extended": false,
            "procedure": {"code": "FIVE", "name": "Cấp giấy phép xây dựng", "field": "Xây dựng"},
            "receivingAgency": {"code": A, "name": "Ủy ban nhân dân phường Đặng Xá"},
            "competentAgency": {"code": B, "name": "Sở Xây dựng 100%"},
        });
        for (who, asked) in [("", code), (STRANGER, code), (CITIZEN, " 000.00.16.H42-240422-0001 ")] {
            let read = system.ask(who, query, json!({"code": asked, "at": done.position})).await;
            assert_eq!(read["publicStatus"], expected);
        }
        for absent in ["000.00.16.H42-240422-0002", "0001", "", "%", "x' OR '1'='1", "\u{0}"] {
            let read = system.ask("", query, json!({"code": absent})).await;
            assert_eq!(read, json!({"publicStatus": null}), "{absent}");
        }
        // Its type has no place for a person: a new field must be thought about here.
        let read = system.ask("", "{ __type(name: \"PublicStatus\") { fields { name } } }", json!({})).await;
        let fields: BTreeSet<_> = read["__type"]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect();
        let expected: BTreeSet<_> = expected.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, expected);

        // Everything else asks who it is.
        for query in [
            "{ dossiers { totalCount } }",
            "{ dossier(code: \"000.00.16.H42-240422-0001\") { id } }",
            "{ deadlineBoard { overdue } }",
            "{ progress(period: {from: \"2024-04\", to: \"2024-04\"}) { asOf } }",
        ] {
            let (code, message) = system.error("", query, json!({})).await;
            assert_eq!(code, "UNAUTHENTICATED", "{query}");
            assert_eq!(message, "Cần đăng nhập. / Authentication is required.");
        }
        let query = "mutation M($input: SubmitDossierInput!) { submitDossier(input: $input) { version } }";
        let (code, _) = system.error("", query, json!({"input": submission("anonymous")})).await;
        assert_eq!(code, "UNAUTHENTICATED");
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_whole_or_refused() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let send = async |router: &Router, authorization: &[u8]| {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("authorization", authorization)
            .body(Body::from(r#"{"query": "{ __typename }"}"#))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let good = format!("Bearer {INTAKE}");
    assert_eq!(send(&system.router, good.as_bytes()).await.0, StatusCode::OK);
    for bad in [
        &b""[..],
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        b"Basic dXNlcjpwYXNz",
        b"Bearer dev:king:lan@000.00.16.H42",
        b"Bearer dev:officer:lan@nowhere",
        b"Bearer dev:officer:@000.00.16.H42",
        b"dev:officer:lan@000.00.16.H42",
        b"Bearer dev:officer:\xff@000.00.16.H42",
    ] {
        let (status, body) = send(&system.router, bad).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", String::from_utf8_lossy(bad));
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }
    // Where they are off, no development token is one.
    let closed = router(system.service.clone(), Settings::default());
    let (status, body) = send(&closed, good.as_bytes()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(body["errors"][0]["message"], "this server takes no development tokens");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_how_far_the_read_models_are_and_not_to_the_public() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let head = system.head().await;
        system.service.wait_for(projections::Model::ALL, Some(head)).await.unwrap();
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = api::http::admin_router(system.service.clone(), Settings::default())
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()["content-type"],
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let lines: BTreeSet<&str> = text.lines().collect();
        assert!(lines.contains(format!("motcua_log_head_position {}", head.0).as_str()), "{text}");
        for model in projections::Model::ALL {
            let of = |gauge: &str, value: i64| format!("motcua_{gauge}{{name=\"{}\"}} {value}", model.name());
            for line in [
                of("projection_position", head.0),
                of("projection_lag_events", 0),
                of("projection_stopped", 0),
            ] {
                assert!(lines.contains(line.as_str()), "{line} in\n{text}");
            }
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert_eq!(system.get("/metrics").await.status, StatusCode::NOT_FOUND);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_graphiql_are_served_without_another_host() {
    for backend in backends() {
        let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
        let alive = system.get("/livez").await;
        assert_eq!((alive.status, alive.body.as_str()), (StatusCode::OK, "ok\n"));
        system.service.wait_for(projections::Model::ALL, Some(system.head().await)).await.unwrap();
        system.service.people.catch_up().await.unwrap();
        let ready = system.get("/readyz").await;
        assert_eq!(ready.status, StatusCode::OK);
        let names = projections::Model::ALL.iter().map(|model| model.name());
        let models: Vec<_> = names
            .chain([projections::person_search::NAME])
            .map(|name| json!({"name": name, "lag": 0, "parked": 0, "stopped": false, "missing": false}))
            .collect();
        assert_eq!(ready.json(), json!({"ready": true, "models": models, "newerWriter": null}));

        let emptied = "UPDATE checkpoint SET version = 0 WHERE name = 'deadline_board'";
        on_db!(&system.service.read_side.database().writer, pool => {
            sqlx::query(emptied).execute(pool).await.map(|_| ())
        })
        .unwrap();
        let unready = system.get("/readyz").await;
        assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(unready.json()["ready"], false);
        let missing: Vec<_> = unready.json()["models"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|model| model["missing"] == true)
            .cloned()
            .collect();
        assert_eq!(missing.iter().map(|model| model["name"].clone()).collect::<Vec<_>>(), ["deadline_board"]);

        for path in ["/graphql", "/graphiql"] {
            let request = Request::get(path).header("accept", "text/html").body(Body::empty()).unwrap();
            let moved = system.send(request).await;
            assert_eq!(
                (moved.status, &moved.headers["location"]),
                (StatusCode::SEE_OTHER, &"/graphiql/".parse().unwrap())
            );
        }
        let page = system.get("/graphiql/").await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        let assets: Vec<_> = page
            .body
            .split(['"', '\''])
            .filter(|text| text.starts_with("/graphiql/"))
            .map(str::to_owned)
            .collect();
        assert_eq!(assets.len(), 6, "{assets:?}");
        assert!(!page.body.contains("://"), "the page names another host");
        for path in assets.iter().map(String::as_str).chain(["/graphiql/", "/graphiql/index.html"]) {
            let asset = system.get(path).await;
            assert_eq!(asset.status, StatusCode::OK, "{path}");
            let policy = asset.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'self';"), "{policy}");
            assert!(
                !policy.contains("://") && !policy.contains('*') && !policy.contains("unsafe-eval"),
                "{policy}"
            );
            assert_eq!(asset.headers["x-content-type-options"], "nosniff");
            let kind = asset.headers["content-type"].to_str().unwrap();
            let expected = match path.rsplit('.').next().unwrap() {
                "css" => "text/css; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                _ => "text/html; charset=utf-8",
            };
            assert_eq!(kind, expected, "{path}");
        }
        // What this project wrote loads nothing from elsewhere.
        for path in ["/graphiql/start.js", "/graphiql/start.css"] {
            let text = system.get(path).await.body;
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
        }
        for path in
            ["/graphiql/absent.js", "/graphiql/../Cargo.toml", "/graphiql/%2e%2e/Cargo.toml", "/nothing"]
        {
            assert_eq!(system.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        system.stop().await;
    }
}

#[test]
fn every_code_of_a_rule_has_a_sentence_in_both_languages() {
    use domain::access::{Denial, Function};
    use domain::decider::Rejection as _;
    use domain::{
        account, agency, calendar_book, disclosure, dossier, payment, permission_group, procedure,
        read_model, synchronisation,
    };
    let unknown = domain::working_time::DueError::GivenBeforeReceipt {
        given: instant("2024-01-01T00:00:00Z"),
        received: instant("2024-01-02T00:00:00Z"),
    };
    // A new variant goes into these five lists; the matches below do not compile until it is in.
    let dossiers = [
        dossier::Rejection::NotFiled,
        dossier::Rejection::AlreadyFiled,
        dossier::Rejection::WrongStage { command: "RECEIVE", stage: Stage::Refused },
        dossier::Rejection::BeforePrevious { previous: instant("2024-01-01T00:00:00Z") },
        dossier::Rejection::SupplementPending,
        dossier::Rejection::UnknownStep { step: StepCode::parse("X").unwrap() },
        dossier::Rejection::AppointmentMissing,
        dossier::Rejection::AppointmentFixed,
        dossier::Rejection::AppointmentBeforeReceipt,
        dossier::Rejection::AnswerBeforeRequest,
        dossier::Rejection::AlreadyThere,
        dossier::Rejection::NoDueInstant(unknown),
        dossier::Rejection::InTransit,
        dossier::Rejection::NotInTransit,
        dossier::Rejection::WrongRecipient,
        dossier::Rejection::BranchPending { awaited: StepCode::parse("THAM_DINH").unwrap() },
        dossier::Rejection::OtherAgency,
        dossier::Rejection::NothingToRecall,
        dossier::Rejection::OpinionPending,
        dossier::Rejection::UnknownOpinion { opinion: 1 },
        dossier::Rejection::ApprovalNotThere { is: "NONE", has_to_be: "PROPOSED" },
        dossier::Rejection::OutcomeDiffers { proposed: dossier::Outcome::Granted },
        dossier::Rejection::ObligationPending,
        dossier::Rejection::UnknownObligation { obligation: 1 },
        dossier::Rejection::NothingDue { obligation: 1 },
        dossier::Rejection::AmountMissing,
        dossier::Rejection::OrderDiffers,
        dossier::Rejection::UnknownOrder,
        dossier::Rejection::AlreadyRefunded,
        dossier::Rejection::PaymentDue { amount_vnd: 1 },
        dossier::Rejection::NoAppointment,
        dossier::Rejection::ExtensionNotLater { due_at: instant("2024-05-06T09:00:00+07:00") },
        dossier::Rejection::ExtendedAlready { extensions: 1 },
        dossier::Rejection::Decided,
        dossier::Rejection::NothingToCorrect,
        dossier::Rejection::NoResultFile,
        dossier::Rejection::NoDelegate,
        dossier::Rejection::PaperNotNamed,
        dossier::Rejection::TooManyFiles { most: 300 },
        dossier::Rejection::WrongChannel { channel: dossier::Channel::Post },
    ];
    let procedures = [
        procedure::Rejection::NothingToPublish,
        procedure::Rejection::DraftHasErrors { defects: Vec::new() },
        procedure::Rejection::OtherCode { code: ProcedureCode::parse("X").unwrap() },
    ];
    let agencies = [
        agency::Rejection::NotEstablished,
        agency::Rejection::AlreadyEstablished,
        agency::Rejection::NameEmpty,
        agency::Rejection::BeforeEstablished { since: chrono::NaiveDate::default() },
        agency::Rejection::AlreadySucceeded { from: chrono::NaiveDate::default() },
        agency::Rejection::OwnParent,
        agency::Rejection::SuccessorsUnclear,
    ];
    let calendars = [
        calendar_book::Rejection::NotOpened,
        calendar_book::Rejection::AlreadyOpened,
        calendar_book::Rejection::NotNational,
        calendar_book::Rejection::NameEmpty,
        calendar_book::Rejection::DecisionUnnamed,
        calendar_book::Rejection::NothingDecided,
        calendar_book::Rejection::YearsLost { first: 2017, last: 2027 },
        calendar_book::Rejection::Invalid(domain::calendar::InvalidCalendar::YearsNotARange {
            first: 1,
            last: 0,
        }),
    ];
    let synchronisations = [
        synchronisation::Rejection::NoSuchVersion { dossier_at: domain::recorded::Version(1) },
        synchronisation::Rejection::NeverSent { sent: domain::recorded::Version(1) },
        synchronisation::Rejection::AlreadyAcknowledged,
    ];
    let accounts = [
        account::Rejection::NotOpened,
        account::Rejection::AlreadyOpened,
        account::Rejection::NoSuchGrant,
        account::Rejection::EndsBeforeItBegins,
    ];
    let code = domain::codes::PermissionGroupCode::parse("KHAC").unwrap();
    let groups = [
        permission_group::Rejection::NotDefined,
        permission_group::Rejection::OtherCode { code },
        permission_group::Rejection::NameEmpty,
        permission_group::Rejection::AllowsNothing,
    ];
    let denials = [
        Denial::NoFunction { function: Function::File },
        Denial::OutOfScope,
        Denial::NotAssignee,
        Denial::NotHolder,
        Denial::NotApplicant,
    ];
    for rejection in &dossiers {
        match rejection {
            dossier::Rejection::NotFiled
            | dossier::Rejection::NoResultFile
            | dossier::Rejection::NoDelegate
            | dossier::Rejection::AlreadyFiled
            | dossier::Rejection::WrongStage { .. }
            | dossier::Rejection::BeforePrevious { .. }
            | dossier::Rejection::SupplementPending
            | dossier::Rejection::UnknownStep { .. }
            | dossier::Rejection::BranchPending { .. }
            | dossier::Rejection::AppointmentMissing
            | dossier::Rejection::AppointmentFixed
            | dossier::Rejection::AppointmentBeforeReceipt
            | dossier::Rejection::AnswerBeforeRequest
            | dossier::Rejection::AlreadyThere
            | dossier::Rejection::InTransit
            | dossier::Rejection::NotInTransit
            | dossier::Rejection::WrongRecipient
            | dossier::Rejection::OtherAgency
            | dossier::Rejection::NothingToRecall
            | dossier::Rejection::OpinionPending
            | dossier::Rejection::UnknownOpinion { .. }
            | dossier::Rejection::ApprovalNotThere { .. }
            | dossier::Rejection::OutcomeDiffers { .. }
            | dossier::Rejection::ObligationPending
            | dossier::Rejection::UnknownObligation { .. }
            | dossier::Rejection::NothingDue { .. }
            | dossier::Rejection::AmountMissing
            | dossier::Rejection::OrderDiffers
            | dossier::Rejection::UnknownOrder
            | dossier::Rejection::AlreadyRefunded
            | dossier::Rejection::PaymentDue { .. }
            | dossier::Rejection::NoAppointment
            | dossier::Rejection::ExtensionNotLater { .. }
            | dossier::Rejection::ExtendedAlready { .. }
            | dossier::Rejection::Decided
            | dossier::Rejection::NothingToCorrect
            | dossier::Rejection::PaperNotNamed
            | dossier::Rejection::TooManyFiles { .. }
            | dossier::Rejection::WrongChannel { .. }
            | dossier::Rejection::NoDueInstant(_) => {}
        }
    }
    for rejection in &procedures {
        match rejection {
            procedure::Rejection::NothingToPublish
            | procedure::Rejection::DraftHasErrors { .. }
            | procedure::Rejection::OtherCode { .. } => {}
        }
    }
    for rejection in &agencies {
        match rejection {
            agency::Rejection::NotEstablished
            | agency::Rejection::AlreadyEstablished
            | agency::Rejection::NameEmpty
            | agency::Rejection::BeforeEstablished { .. }
            | agency::Rejection::AlreadySucceeded { .. }
            | agency::Rejection::OwnParent
            | agency::Rejection::SuccessorsUnclear => {}
        }
    }
    for rejection in &calendars {
        match rejection {
            calendar_book::Rejection::NotOpened
            | calendar_book::Rejection::AlreadyOpened
            | calendar_book::Rejection::NotNational
            | calendar_book::Rejection::NameEmpty
            | calendar_book::Rejection::DecisionUnnamed
            | calendar_book::Rejection::NothingDecided
            | calendar_book::Rejection::YearsLost { .. }
            | calendar_book::Rejection::Invalid(_) => {}
        }
    }
    for rejection in &synchronisations {
        match rejection {
            synchronisation::Rejection::NoSuchVersion { .. }
            | synchronisation::Rejection::NeverSent { .. }
            | synchronisation::Rejection::AlreadyAcknowledged => {}
        }
    }
    for rejection in &accounts {
        match rejection {
            account::Rejection::NotOpened
            | account::Rejection::AlreadyOpened
            | account::Rejection::NoSuchGrant
            | account::Rejection::EndsBeforeItBegins => {}
        }
    }
    for rejection in &groups {
        match rejection {
            permission_group::Rejection::NotDefined
            | permission_group::Rejection::OtherCode { .. }
            | permission_group::Rejection::NameEmpty
            | permission_group::Rejection::AllowsNothing => {}
        }
    }
    let payments = [
        payment::Rejection::NeverPlaced,
        payment::Rejection::PlacedOtherwise,
        payment::Rejection::TakenOtherwise,
        payment::Rejection::NothingTaken,
        payment::Rejection::RefundPending,
        payment::Rejection::AlreadyRefunded,
        payment::Rejection::UnknownRefund,
        payment::Rejection::UnknownDiscrepancy { discrepancy: 1 },
    ];
    for rejection in &payments {
        match rejection {
            payment::Rejection::NeverPlaced
            | payment::Rejection::PlacedOtherwise
            | payment::Rejection::TakenOtherwise
            | payment::Rejection::NothingTaken
            | payment::Rejection::RefundPending
            | payment::Rejection::AlreadyRefunded
            | payment::Rejection::UnknownRefund
            | payment::Rejection::UnknownDiscrepancy { .. } => {}
        }
    }
    let disclosures = [
        disclosure::Rejection::NotOpened,
        disclosure::Rejection::AlreadyOpened,
        disclosure::Rejection::TimeOutOfBounds,
        disclosure::Rejection::Own,
        disclosure::Rejection::AlreadyAcknowledged,
    ];
    for rejection in &disclosures {
        match rejection {
            disclosure::Rejection::NotOpened
            | disclosure::Rejection::AlreadyOpened
            | disclosure::Rejection::TimeOutOfBounds
            | disclosure::Rejection::Own
            | disclosure::Rejection::AlreadyAcknowledged => {}
        }
    }
    for denial in &denials {
        match denial {
            Denial::NoFunction { .. }
            | Denial::OutOfScope
            | Denial::NotAssignee
            | Denial::NotHolder
            | Denial::NotApplicant => {}
        }
    }
    let codes = dossiers.iter().map(|rejection| rejection.code());
    let codes = codes.chain(procedures.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(agencies.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(calendars.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(synchronisations.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(accounts.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(groups.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(payments.iter().map(|rejection| rejection.code()));
    let codes = codes.chain(disclosures.iter().map(|rejection| rejection.code()));
    let codes = codes.chain([read_model::Rejection::ReasonMissing.code()]);
    let codes = codes.chain(denials.iter().map(Denial::code));
    // What is not a rule of the domain: see `Problem::code`.
    let codes = codes.chain([
        "BAD_USER_INPUT",
        "VERSION_CONFLICT",
        "IDEMPOTENCY_KEY_REUSED",
        "CONTENDED",
        "CODES_EXHAUSTED",
        "READ_MODEL_BEHIND",
        "AGENCY_CODE_TAKEN",
        "GRANT_TOO_WIDE",
        "OWN_ACCOUNT",
        "DISCLOSURE_NOT_NEEDED",
        "AGENCY_NOT_SUCCEEDED",
        "DOSSIER_UNREADABLE",
        "TOO_MANY_INPUTS",
        "MACHINE_KEY_IN_USE",
        "TABLE_TOO_LONG",
        "FILE_TOO_LARGE",
        "FILE_EMPTY",
        "FILE_TYPE_NOT_ALLOWED",
        "FILE_TYPE_MISMATCH",
        "FILE_INFECTED",
        "SCANNER_UNAVAILABLE",
        "FILE_GONE",
        "TOO_MANY_UPLOADS",
        "UPLOAD_BROKEN",
        "UPLOAD_STALLED",
        "PAYMENT_NOT_SET_UP",
        "PAYMENT_GATEWAY_UNAVAILABLE",
        "PAYMENT_ORDER_EXPIRED",
        "TOO_MANY_PAYMENT_ORDERS",
        "PAYMENT_INCOMPLETE",
        "PERSISTED_QUERY_NOT_FOUND",
        "PERSISTED_QUERY_ID_REQUIRED",
        "DOCUMENT_ID_MISMATCH",
    ]);
    for code in codes {
        let vietnamese = sentence(code, Language::Vietnamese).unwrap_or_else(|| panic!("{code}"));
        let english = sentence(code, Language::English).unwrap_or_else(|| panic!("{code}"));
        assert!(vietnamese.ends_with('.') && english.ends_with('.') && vietnamese != english, "{code}");
    }
}

#[test]
fn the_schema_is_the_committed_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/schema.graphql");
    let sdl = api::graphql::sdl();
    if infrastructure::environment::variable("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &sdl).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == sdl, "the schema has changed: UPDATE_GOLDEN=1 writes it, CHANGELOG says it");
}
