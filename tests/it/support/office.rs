//! An office that can take dossiers: agencies, a procedure, people who act, and the codes it gave.

use std::collections::{HashMap, HashSet};

use api::development_token;
use api::http::{Settings, router};
use api::input::{
    AcceptDossierInput, ApplicantInput, ApplicantKind, Channel, CompleteStepInput, EstablishAgencyInput,
    ForwardDossierInput, OnDossier, RegisterDossierInput, SendDossierInput, SubmitDossierInput,
};
use api::service::{Accepted, Caller, Part, ProgressBy, ProgressQuestion, Published, Service};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::access::Purpose;
use domain::code_book;
use domain::codes::ProcedureCode;
use domain::dossier;
use domain::identity::{DossierId, NAMESPACE};
use domain::recorded::Via;
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use infrastructure::event_store::StoredRow;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::Place;

/// The receiving agency.
pub(crate) const AGENCY: &str = "000.00.16.H42";
pub(crate) const OTHER_AGENCY: &str = "000.00.17.H42";
/// A term of five working days, and the tasks `THU_LY` and `KY`.
pub(crate) const PROCEDURE: &str = "DT01";

pub(crate) const ADMIN: &str = "dev:admin:quan-tri@000.00.16.H42";
pub(crate) const CITIZEN: &str = "dev:citizen:dan@000.00.16.H42";
pub(crate) const INTAKE: &str = "dev:intake:tiep-nhan@000.00.16.H42";
pub(crate) const LEADER: &str = "dev:leader:lanh-dao@000.00.16.H42";
pub(crate) const LAN: &str = "dev:officer:lan@000.00.16.H42";
/// Of the other agency.
pub(crate) const MAI: &str = "dev:officer:mai@000.00.17.H42";
pub(crate) const HUNG: &str = "dev:officer:hung@000.00.16.H42";

/// Opens the whole system, as one process does.
pub(crate) async fn open(place: &Place, clock: Clock) -> Service {
    Service::open(&place.location(), clock, Entropy::System).await.unwrap()
}

/// Establishes the agencies and publishes the procedure.
pub(crate) async fn establish(service: &Service) {
    for code in [AGENCY, OTHER_AGENCY] {
        let name = format!("UBND {code}");
        let input = EstablishAgencyInput::new(key(code), code, name);
        service.establish_agency(&caller(ADMIN), &input).await.unwrap();
    }
    let definition = serde_json::from_value(json!({
        "name": "Cấp giấy xác nhận",
        "term": {"fixed": {"working_days": 5}},
        "steps": [{
            "name": "Giải quyết",
            "group": "CHUYEN_MON",
            "tasks": [
                {"code": "THU_LY", "name": "Thụ lý", "next": "KY"},
                {"code": "KY", "name": "Ký"},
            ],
        }],
    }));
    let code = ProcedureCode::parse(PROCEDURE).unwrap();
    let published = service.publish_procedure(&caller(ADMIN), &code, &definition.unwrap(), &[]).await;
    assert_eq!(published.unwrap(), Published::Version(1));
}

/// A service over a place with an office in it.
pub(crate) async fn established(place: &Place, clock: Clock) -> Service {
    let service = open(place, clock).await;
    establish(&service).await;
    service
}

/// Who a development token names.
pub(crate) fn caller(token: &str) -> Caller {
    let principal = development_token::parse(token).unwrap();
    Caller { principal, via: Via::Graphql, traceparent: None, purpose: Purpose::default(), at: None }
}

/// The data of a query through the router, as whoever the token names; it has no errors.
pub(crate) async fn ask(service: &Service, token: &str, query: &str, variables: Value) -> Value {
    let request = Request::post("/graphql").header("authorization", format!("Bearer {token}"));
    answer(service, request, json!({"query": query, "variables": variables})).await
}

/// The same by nobody in particular.
pub(crate) async fn ask_openly(service: &Service, query: &str) -> Value {
    answer(service, Request::post("/graphql"), json!({"query": query})).await
}

async fn answer(service: &Service, request: axum::http::request::Builder, body: Value) -> Value {
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
    let router = router(
        service.clone(),
        Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
    );
    let response = router.oneshot(request.unwrap()).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"].clone()
}

/// An idempotency key by name.
pub(crate) fn key(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

pub(crate) fn submission(key: Uuid) -> SubmitDossierInput {
    SubmitDossierInput {
        idempotency_key: key,
        procedure: PROCEDURE.to_owned(),
        receiving_agency: AGENCY.to_owned(),
        competent_agency: None,
        supporting_agency: None,
        applicant: ApplicantInput {
            kind: ApplicantKind::Citizen,
            account_id: None,
            name: "MẪU Nguyễn Thị Mơ".to_owned(),
            id_number: None,
            phone: None,
            email: None,
            address: None,
        },
        delegate: None,
        subject: None,
        form: None,
        papers: None,
    }
}

pub(crate) fn registration(key: Uuid) -> RegisterDossierInput {
    RegisterDossierInput {
        submit: submission(key),
        channel: Channel::Counter,
        appointment: None,
        without_appointment: false,
    }
}

pub(crate) fn on(key: Uuid, dossier: DossierId) -> OnDossier {
    OnDossier { idempotency_key: key, dossier_id: dossier.0, expected_version: None }
}

/// To whoever the token names, where the dossier is now.
pub(crate) fn forward_to(token: &str, key: Uuid, dossier: DossierId) -> ForwardDossierInput {
    let assignee = Some(caller(token).principal.id.0);
    ForwardDossierInput { on: on(key, dossier), unit: None, assignee, note: None }
}

pub(crate) fn sending(agency: &str, name: &str, dossier: DossierId) -> SendDossierInput {
    SendDossierInput { on: on(key(name), dossier), agency: agency.to_owned(), note: None }
}

/// Sent to another agency, and taken there by who the token names.
pub(crate) async fn hand_over(
    service: &Service,
    by: &str,
    agency: &str,
    to: &str,
    name: &str,
    dossier: DossierId,
) -> Accepted {
    service.send_dossier(&caller(by), &sending(agency, name, dossier)).await.unwrap();
    take(service, to, name, dossier).await
}

pub(crate) async fn take(service: &Service, by: &str, name: &str, dossier: DossierId) -> Accepted {
    let assignee = Some(caller(by).principal.id.0);
    let taking = AcceptDossierInput { on: on(key(&format!("{name}, taken")), dossier), unit: None, assignee };
    service.accept_dossier(&caller(by), &taking).await.unwrap()
}

pub(crate) fn complete(key: Uuid, dossier: DossierId) -> CompleteStepInput {
    CompleteStepInput { on: on(key, dossier), step: "THU_LY".to_owned(), note: None }
}

/// A dossier taken in at the counter.
pub(crate) async fn registered(service: &Service, name: &str) -> Accepted {
    let input = registration(key(name));
    service.register_dossier(&caller(INTAKE), &input, None).await.unwrap()
}

/// The codes in a log: those that dossiers have, and those that were given and never used, with whom they were for.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    pub(crate) used: HashMap<DossierId, String>,
    pub(crate) unused: HashMap<String, DossierId>,
}

/// Reads the codes of a log. Each must be the one allocated to its dossier, with the entry time of the allocation, and
/// no dossier has two.
#[track_caller]
pub(crate) fn codes(rows: &[StoredRow]) -> Codes {
    let mut allocated = HashMap::new();
    let mut codes = Codes::default();
    for row in rows {
        if let Some(day) = row.stream.strip_prefix("code-") {
            let code_book::Event::Allocated(event) = row.decode_as().unwrap();
            if 9_999 < row.version {
                continue; // no code: the day's numbers are given
            }
            let code = format!("{day}-{:04}", row.version);
            let twice = allocated.insert(event.dossier_id, (code.clone(), event.entered_at));
            assert_eq!(twice, None, "two numbers for {}", event.dossier_id);
            codes.unused.insert(code, event.dossier_id);
        } else if row.type_name == "dossier.submitted.v1" {
            let dossier::Event::Submitted(event) = row.decode_as().unwrap() else { unreachable!() };
            let id: DossierId = row.stream.strip_prefix("dossier-").unwrap().parse().unwrap();
            let (code, entered_at) =
                allocated.get(&id).unwrap_or_else(|| panic!("{id} has a code of its own"));
            assert_eq!(event.code.as_str(), code, "{id} has another's code");
            assert_eq!(
                row.occurred_at,
                entered_at.timestamp_micros(),
                "{id} entered at another time than its code"
            );
            assert!(codes.unused.remove(code).is_some(), "{code} is used twice");
            assert_eq!(codes.used.insert(id, code.clone()), None, "{id} was submitted twice");
        }
    }
    let distinct: HashSet<&String> = codes.used.values().collect();
    assert_eq!(distinct.len(), codes.used.len(), "one code for two dossiers");
    codes
}

/// Figures of a month, such as `2024-05`, agency by agency.
pub(crate) fn month_of(month: &str) -> ProgressQuestion {
    let first: chrono::NaiveDate = format!("{month}-01").parse().unwrap();
    let next = first.checked_add_months(chrono::Months::new(1)).unwrap();
    ProgressQuestion {
        days: (first, next.pred_opt().unwrap()),
        known_at: None,
        by: ProgressBy::Agency,
        part: Part::default(),
    }
}
