//! Nobody sees outside their scope, whatever they ask (I14). A random province with agencies that are gone, dossiers anywhere
//! in their lives, accounts with random grants, citizens, and dossiers that somebody has opened to themselves; every root
//! field of the schema and every way to take something away is asked as each of them, and what comes back is held to a judge
//! that knows only the events and the grants.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::time::Duration;

use api::input::{
    AccountKind, DecisionInput, Function as FunctionInput, GrantOver, IssueMachineKeyInput, OnAgency,
    SucceedAgencyInput, SuccessorInput,
};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use calamine::{Reader, Xlsx};
use domain::access::Function;
use domain::codes::AgencyCode;
use domain::decider::fold;
use domain::dossier::{self, Dossier, Filed, Stage};
use domain::identity::{AgencyId, PrincipalId};
use domain::time::Instant;
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::access::{account, granting, group};
use crate::graphql::{Answer, System, answer_of};
use crate::guards::{Given, Schema};
use crate::support::office::{caller, key};
use crate::support::{Backend, Choices, instant, is_long, on_each_backend, whole_log};

on_each_backend!(
    nobody_sees_outside_their_scope_whatever_they_ask,
    who_works_somewhere_sees_there_what_they_are_granted,
    a_person_is_not_found_through_an_agency_that_sees_them_masked,
    what_went_to_another_successor_is_counted_and_not_listed,
);

const ADMIN: &str = "dev:admin:quan@000.00.20.H42";
const NOW: &str = "2026-03-02T08:00:00+07:00";
/// A department, two agencies below it, one by itself, and one that is split between the first two on the sixth.
const AGENCIES: [&str; 5] = [TOP, A, B, ALONE, GONE];
const TOP: &str = "000.00.20.H42";
const A: &str = "000.00.21.H42";
const B: &str = "000.00.22.H42";
const ALONE: &str = "000.00.23.H42";
const GONE: &str = "000.00.24.H42";
const ABSENT: &str = "000.00.99.H42";
const LAND: &str = "H42-LV07";
const PERIOD: &str = "period: {from: \"2026-03-01\", to: \"2026-03-31\"}";

fn id_of(code: &str) -> AgencyId {
    AgencyId::of(&AgencyCode::parse(code).unwrap())
}

/// Agencies by grant, from the tree as it is after the split: told here, not asked of the service.
fn covered(over: GrantOver, agency: &str) -> Option<BTreeSet<AgencyId>> {
    let with_the_gone = |codes: &[&str]| codes.iter().map(|code| id_of(code)).collect();
    Some(match (over, agency) {
        (GrantOver::Province, _) => return None,
        (GrantOver::Subtree, TOP) => with_the_gone(&[TOP, A, B, GONE]),
        (_, A | B) => with_the_gone(&[agency, GONE]),
        (_, agency) => with_the_gone(&[agency]),
    })
}

/// What an account may do; over the whole province where there is nothing to narrow.
type Powers = BTreeMap<Function, Option<BTreeSet<AgencyId>>>;

struct Account {
    id: PrincipalId,
    token: String,
    place: &'static str,
    powers: Powers,
    /// Without an account here: an issuer says who they are.
    is_citizen: bool,
    /// Dossiers whose personal data they have opened to themselves.
    opened: BTreeSet<String>,
}

/// A dossier as its events tell it.
struct Known {
    id: String,
    code: String,
    filed: Box<Filed>,
    version: i64,
    /// What only those who may read personal data see.
    secrets: Vec<String>,
    file: Option<String>,
}

/// A break-glass, as its answer told it.
struct Opened {
    disclosure: String,
    dossier: usize,
    by: PrincipalId,
    note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    Nothing,
    Masked,
    Plain,
}

impl Known {
    fn answering(&self) -> Vec<AgencyId> {
        let holder = self.filed.holder.as_ref().map(|holder| holder.agency);
        let agencies = &self.filed.agencies;
        [Some(agencies.receiving), Some(agencies.competent), holder].into_iter().flatten().collect()
    }

    /// Those whose lists it is in.
    fn having_part(&self) -> Vec<AgencyId> {
        let mut agencies = self.answering();
        agencies.extend(self.filed.agencies.supporting.into_iter().chain(self.filed.transit));
        agencies
    }

    /// Whose it is, and who acts for them.
    fn people(&self) -> Vec<PrincipalId> {
        let delegate = self.filed.delegate.and_then(|delegate| delegate.account);
        self.filed.applicant.into_iter().chain(delegate).collect()
    }

    fn concerned(&self) -> Vec<AgencyId> {
        let consulted = self.filed.opinions.iter().map(|opinion| opinion.from);
        self.having_part().into_iter().chain(consulted).collect()
    }
}

impl Account {
    fn may(&self, function: Function, agencies: &[AgencyId]) -> bool {
        match self.powers.get(&function) {
            None => false,
            Some(None) => true,
            Some(Some(own)) => agencies.iter().any(|agency| own.contains(agency)),
        }
    }

    fn files(&self) -> bool {
        self.powers.contains_key(&Function::File)
    }

    fn is_theirs(&self, dossier: &Known) -> bool {
        self.files() && dossier.people().contains(&self.id)
    }

    fn sight(&self, dossier: &Known) -> Sight {
        match self.sight_by_right(dossier) {
            Sight::Masked if self.opened.contains(&dossier.id) => Sight::Plain,
            sight => sight,
        }
    }

    fn may_open(&self, dossier: &Known) -> bool {
        self.sight_by_right(dossier) == Sight::Masked && self.may(Function::BreakGlass, &dossier.concerned())
    }

    /// By what they are granted.
    fn sight_by_right(&self, dossier: &Known) -> Sight {
        if !self.may(Function::ReadDossiers, &dossier.concerned()) {
            Sight::Nothing
        } else if self.may(Function::ReadPersonalData, &dossier.answering()) {
            Sight::Plain
        } else {
            Sight::Masked
        }
    }

    /// Whether they may know that it is there: by any function that is over agencies, or because it is theirs.
    fn knows(&self, dossier: &Known) -> bool {
        let over_nothing = [Function::File, Function::AdHocQueries];
        let mut functions = self.powers.keys().filter(|function| !over_nothing.contains(function));
        functions.any(|function| self.may(*function, &dossier.concerned())) || self.is_theirs(dossier)
    }

    fn lists(&self, dossier: &Known) -> bool {
        self.may(Function::ReadDossiers, &dossier.having_part())
    }

    fn agencies(&self, function: Function) -> Vec<&'static str> {
        AGENCIES.into_iter().filter(|code| self.may(function, &[id_of(code)])).collect()
    }

    fn reads(&self) -> bool {
        self.powers.contains_key(&Function::ReadDossiers)
    }
}

struct World {
    system: System,
    dossiers: Vec<Known>,
    accounts: Vec<Account>,
    disclosures: Vec<Opened>,
    /// The root fields that were asked.
    asked: BTreeSet<String>,
}

fn on(name: &str, dossier: &str) -> Value {
    json!({"idempotencyKey": key(name), "dossierId": dossier})
}

/// `procedure`: of land, which goes to another successor, or not.
fn filing(nth: usize, procedure: &str, receiving: &str, competent: &str, supporting: Option<&str>) -> Value {
    json!({
        "idempotencyKey": key(&format!("file {nth}")), "procedure": procedure, "receivingAgency": receiving,
        "competentAgency": competent, "supportingAgency": supporting,
        "applicant": {"kind": "CITIZEN", "name": name_of(nth), "phone": phone_of(nth)},
        "subject": format!("MẪU việc{nth}riêng"), "form": {"mau": format!("đơn{nth}riêng")},
    })
}

/// Somebody who acts for the applicant.
fn acting(nth: usize, account: Option<PrincipalId>) -> Value {
    json!({"name": format!("MẪU Được{nth}thay"), "accountId": account})
}

fn name_of(nth: usize) -> String {
    format!("MẪU Bưởi{nth}hồng")
}

fn phone_of(nth: usize) -> String {
    format!("09{nth:03}77331")
}

fn admin_at(agency: &str) -> String {
    format!("dev:admin:quan@{agency}")
}

impl World {
    /// The province before the split, without dossiers and accounts.
    async fn new(backend: Backend) -> Self {
        let system = System::new(backend, NOW).await;
        for code in AGENCIES {
            let mut input =
                json!({"idempotencyKey": key(code), "code": code, "name": format!("Cơ quan {code}")});
            if [A, B].contains(&code) {
                input["parent"] = json!(TOP);
            }
            let done = system.establish(ADMIN, &input).await;
            assert_eq!(done["problems"], json!([]), "{done}");
            system.service.read_side.catch_up().await.unwrap();
        }
        for (code, field) in [("DAT", Some(LAND)), ("KHAC", None)] {
            let definition = json!({
                "name": format!("Thủ tục {code}"), "field": code, "field_code": field,
                "term": {"fixed": {"working_days": 2}},
                "steps": [{"name": "Giải quyết", "group": "X", "tasks": [
                    {"code": "THU_LY", "name": "Thụ lý", "next": "KY"}, {"code": "KY", "name": "Ký"},
                ]}],
            });
            let code = domain::codes::ProcedureCode::parse(code).unwrap();
            let definition = serde_json::from_value(definition).unwrap();
            system.service.publish_procedure(&caller(ADMIN), &code, &definition, &[]).await.unwrap();
        }
        system.service.read_side.catch_up().await.unwrap();
        let (dossiers, accounts, disclosures) = (Vec::new(), Vec::new(), Vec::new());
        Self { system, dossiers, accounts, disclosures, asked: BTreeSet::new() }
    }

    fn later(&self, minutes: i64) {
        self.system.clock.set(self.system.clock.now() + chrono::TimeDelta::minutes(minutes));
    }

    /// Tries something; what is refused changes nothing.
    async fn attempt(&self, who: &str, mutation: &str, kind: &str, input: &Value) -> Value {
        let query = format!(
            "mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ dossierId problems {{ code }} }} }}"
        );
        self.later(7);
        let answer = self.system.ask_in(who, "", &query, &json!({"input": input})).await;
        assert_eq!(answer.get("errors"), None, "{mutation} {input}\n{answer}");
        answer["data"][mutation]["dossierId"].clone()
    }

    /// Online by somebody, else at the counter.
    async fn file(&mut self, filing: &Value, online: Option<&str>) -> String {
        let id = match online {
            Some(token) => self.attempt(token, "submitDossier", "SubmitDossierInput", filing).await,
            None => {
                let input = json!({"submit": filing, "channel": "COUNTER"});
                self.attempt(ADMIN, "registerDossier", "RegisterDossierInput", &input).await
            }
        };
        id.as_str().unwrap_or_else(|| panic!("{filing} is refused")).to_owned()
    }

    /// Something that may happen to a dossier. Who does it acts for whatever agency it takes.
    async fn happens(&self, choices: &mut Choices, filed: &[String], nth: usize) {
        let number = usize::try_from(choices.below(filed.len() as u64)).unwrap();
        let dossier = filed[number].as_str();
        let on = || on(&format!("{dossier} {nth}"), dossier);
        let other = *choices.pick(&AGENCIES[..4]);
        let officer = self.accounts.get(usize::try_from(choices.below(8)).unwrap());
        let officer = officer.filter(|account| !account.is_citizen).map(|account| account.id.0);
        let somebody = choices.pick(&self.accounts).id;
        let reason = || format!("Thiếu lý{number}do");
        let (mutation, kind, input) = match choices.below(17) {
            0 | 1 => ("receiveDossier", "ReceiveDossierInput", json!({"on": on()})),
            2 => ("requestIntakeSupplement", "SupplementInput", json!({"on": on(), "reason": reason()})),
            3 => ("forwardDossier", "ForwardDossierInput", json!({"on": on(), "assignee": officer})),
            4 | 5 => ("sendDossier", "SendDossierInput", json!({"on": on(), "agency": other})),
            6 => ("acceptDossier", "AcceptDossierInput", json!({"on": on(), "assignee": officer})),
            7 => (
                "requestOpinion",
                "RequestOpinionInput",
                json!({"on": on(), "agency": other, "question": "Có được không?"}),
            ),
            8 => ("completeStep", "CompleteStepInput", json!({"on": on(), "step": "THU_LY"})),
            9 => ("requestSupplement", "SupplementInput", json!({"on": on(), "reason": reason()})),
            10 => ("pauseDossier", "PauseDossierInput", json!({"on": on(), "reason": "OTHER_AGENCY"})),
            11 => ("finishProcessing", "FinishProcessingInput", json!({"on": on(), "outcome": "GRANTED"})),
            12 => ("returnResult", "ReturnResultInput", json!({"on": on(), "method": "COUNTER"})),
            13 => ("withdrawDossier", "WithdrawDossierInput", json!({"on": on()})),
            14 => ("removeDelegate", "RemoveDelegateInput", json!({"on": on()})),
            _ => (
                "nameDelegate",
                "NameDelegateInput",
                json!({"on": on(), "delegate": acting(number, Some(somebody))}),
            ),
        };
        for agency in AGENCIES {
            if self.attempt(&admin_at(agency), mutation, kind, &input).await != Value::Null {
                break;
            }
        }
    }

    /// The agency is gone from the sixth on, and what it had open goes to its heirs.
    async fn split(&self) {
        let decision = Some(DecisionInput {
            reference: "1664/NQ-UBTVQH15".to_owned(),
            decided_on: "2026-02-16".parse().ok(),
        });
        let from = "2026-03-06".parse().unwrap();
        let on = OnAgency {
            idempotency_key: key("split"),
            expected_version: None,
            agency: GONE.to_owned(),
            from,
            decision,
        };
        let heir = |agency: &str, fields| SuccessorInput { agency: agency.to_owned(), fields };
        let by = vec![heir(A, Some(vec![LAND.to_owned()])), heir(B, None)];
        let service = &self.system.service;
        service.succeed_agency(&caller(ADMIN), &SucceedAgencyInput { on, by }).await.unwrap();
        self.system.clock.set(instant("2026-03-06T08:00:00+07:00"));
        service.read_side.catch_up().await.unwrap();
        let input = api::input::CarryOverInput { agency: GONE.to_owned(), limit: None };
        service.carry_over(&caller(ADMIN), &input).await.unwrap();
        service.read_side.catch_up().await.unwrap();
    }

    /// An account for each of these grants: functions, over what.
    async fn open(&mut self, place: &'static str, grants: &[(Vec<Function>, GrantOver, &'static str)]) {
        let (service, admin) = (&self.system.service, caller(ADMIN));
        let login = format!("nguoi{}", self.accounts.len());
        let mut input = account(&login, place);
        input.kind = AccountKind::Machine;
        let id = service.open_account(&admin, &input).await.unwrap().account;
        let mut powers = Powers::new();
        for (nth, (functions, over, agency)) in grants.iter().enumerate() {
            let code = format!("{}_{nth}", login.to_uppercase());
            let inputs: Vec<FunctionInput> = FUNCTIONS
                .iter()
                .filter(|(function, _)| functions.contains(function))
                .map(|(_, input)| *input)
                .collect();
            service.define_permission_group(&admin, &group(&code, &inputs)).await.unwrap();
            let agency_of = (*over != GrantOver::Province).then_some(*agency);
            service.grant(&admin, &granting(id, &code, *over, agency_of)).await.unwrap();
            for function in functions {
                let known = powers.entry(*function).or_insert_with(|| Some(BTreeSet::new()));
                *known = match (known.take(), covered(*over, agency)) {
                    (Some(known), Some(more)) => Some(known.union(&more).copied().collect()),
                    _ => None,
                };
            }
        }
        let until = "2026-12-31".parse().unwrap();
        let issue = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
        let (_, token, _) = service.issue_machine_key(&admin, &issue).await.unwrap();
        let (token, opened) = (token.expose().to_owned(), BTreeSet::new());
        self.accounts.push(Account { id, token, place, powers, is_citizen: false, opened });
    }

    /// Somebody who may file, and nothing else.
    fn citizen(&mut self, place: &'static str) {
        let token = format!("dev:citizen:dan{}@{place}", self.accounts.len());
        let id = caller(&token).principal.id;
        let powers = Powers::from([(Function::File, Some(BTreeSet::from([id_of(place)])))]);
        let opened = BTreeSet::new();
        self.accounts.push(Account { id, token, place, powers, is_citizen: true, opened });
    }

    /// What the log says of each dossier, in the order of their filing.
    async fn learn(&mut self, filed: &[String]) {
        let log = whole_log(self.system.service.store()).await;
        for (nth, id) in filed.iter().enumerate() {
            let rows = log.iter().filter(|row| row.stream == format!("dossier-{id}"));
            let events: Vec<(Instant, dossier::Event)> = rows
                .map(|row| (infrastructure::event_store::instant(row.occurred_at), row.decode_as().unwrap()))
                .collect();
            let version = i64::try_from(events.len()).unwrap();
            let state: Dossier = fold(events.iter().map(|(at, event)| (*at, event)));
            let Dossier::Filed(filed) = state else { panic!("{id} is filed") };
            let file = filed.files.first().map(|file| file.0.to_string());
            let secrets = vec![
                format!("Bưởi{nth}hồng"),
                phone_of(nth),
                format!("việc{nth}riêng"),
                format!("tep{nth}rieng"),
                format!("đơn{nth}riêng"),
                format!("Được{nth}thay"),
                format!("lý{nth}do"),
            ];
            let code = filed.code.to_string();
            self.dossiers.push(Known { id: id.clone(), code, filed, version, secrets, file });
        }
        self.system.service.read_side.catch_up().await.unwrap();
        self.system.service.people.catch_up().await.unwrap();
    }

    async fn random(backend: Backend, choices: &mut Choices) -> Self {
        let mut world = Self::new(backend).await;
        for _ in 0..4 {
            let place = *choices.pick(&AGENCIES[..4]);
            let grants: Vec<_> = (0..=choices.below(3)).map(|_| random_grant(choices)).collect();
            world.open(place, &grants).await;
        }
        for _ in 0..2 {
            let place = *choices.pick(&AGENCIES[..4]);
            world.citizen(place);
        }
        let (mut filed, mut nth) = (Vec::new(), 0);
        let count = 12;
        for number in 0..count {
            if number == count - 3 {
                world.split().await;
            }
            let there = if number < count - 3 { &AGENCIES[..] } else { &AGENCIES[..4] };
            let procedure = *choices.pick(&["DAT", "KHAC"]);
            let supporting = (choices.below(3) == 0).then(|| *choices.pick(there));
            let (receiving, competent) = (*choices.pick(there), *choices.pick(there));
            let mut input = filing(number, procedure, receiving, competent, supporting);
            // Citizens for themselves or for others; the office for whoever came, whose account it may know.
            let is_citizens = choices.below(3) == 0;
            let online = match choices.below(3) {
                _ if is_citizens => Some(world.accounts[world.accounts.len() - 1 - number % 2].token.clone()),
                0 => Some(ADMIN.to_owned()),
                _ => None,
            };
            if online.is_none() && choices.below(2) == 0 {
                input["applicant"]["accountId"] = json!(choices.pick(&world.accounts).id);
            }
            if choices.below(3) == 0 {
                let named = online.is_none().then(|| choices.pick(&world.accounts).id);
                input["delegate"] = acting(number, named);
            }
            let id = world.file(&input, online.as_deref()).await;
            filed.push(id.clone());
            for _ in 0..choices.below(7) {
                nth += 1;
                world.happens(choices, &filed, nth).await;
            }
            if choices.below(2) == 0 {
                let what = *choices.pick(&["paper&paper=DON_DE_NGHI", "result"]);
                world.attach(&id, number, receiving, what).await;
            }
        }
        world.system.clock.set(instant("2026-03-09T10:00:00+07:00"));
        world.learn(&filed).await;
        world
    }

    /// What is too early or too late is refused.
    async fn attach(&self, dossier: &str, nth: usize, agency: &str, what: &str) {
        let request = Request::post(format!("/dossiers/{dossier}/files?purpose={what}"))
            .header("authorization", format!("Bearer {}", admin_at(agency)))
            .header("idempotency-key", key(&format!("file of {dossier}")).to_string())
            .header("content-type", "application/pdf")
            .header("x-file-name", format!("tep{nth}rieng.pdf"));
        let answer = self.system.send(request.body(Body::from("%PDF-1.7\n")).unwrap()).await;
        let is_refused = answer.body.contains("INVALID_TRANSITION");
        assert!(is_refused || answer.status == StatusCode::CREATED, "{}", answer.body);
    }

    /// Nothing is in the text of what is not to be seen.
    #[track_caller]
    fn holds_nothing_else(&self, body: &str, what: &str, sight: impl Fn(&Known) -> Sight) {
        // Of a break-glass it is told in one place.
        let told = self.disclosures.iter().find(|opened| body.contains(&opened.note));
        assert!(told.is_none() || what == "disclosures", "{what}: {body}");
        for dossier in &self.dossiers {
            let sight = sight(dossier);
            let marks = [&dossier.id, &dossier.code].into_iter().filter(|_| sight == Sight::Nothing);
            let secrets = dossier.secrets.iter().filter(|_| sight < Sight::Plain);
            for text in marks.chain(secrets) {
                assert!(!body.contains(text), "{what} shows {text} of {} ({sight:?}): {body}", dossier.code);
            }
        }
    }

    async fn send(&self, token: &str, request: axum::http::request::Builder, body: Body) -> Answer {
        let request = if token.is_empty() {
            request
        } else {
            request.header("authorization", format!("Bearer {token}"))
        };
        answer_of(&self.system.router, request.body(body).unwrap()).await
    }

    /// What is written in a table.
    async fn table(&self, token: &str, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let response =
            self.system.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        if status != StatusCode::OK || !path.ends_with(".xlsx") {
            return (status, String::from_utf8_lossy(&body).into_owned());
        }
        let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(body)).unwrap();
        let sheets = book.worksheets();
        let cells =
            sheets.iter().flat_map(|(_, sheet)| sheet.cells()).map(|(_, _, cell)| format!("{cell}\n"));
        (status, cells.collect())
    }

    async fn query(&mut self, token: &str, root: &str, rest: &str) -> Answer {
        self.asked.insert(root.to_owned());
        let body = json!({"query": format!("{{ {root}{rest} }}")}).to_string();
        let request = Request::post("/graphql").header("content-type", "application/json");
        self.send(token, request, Body::from(body)).await
    }

    /// A root field with its arguments and selection, as an account: whatever comes back holds what they see, at most.
    async fn ask(&mut self, nth: usize, root: &str, rest: &str) -> (Answer, Value) {
        let token = self.accounts[nth].token.clone();
        let answer = self.query(&token, root, rest).await;
        self.holds_nothing_else(&answer.body, &format!("{root}{rest}"), |dossier| {
            self.accounts[nth].sight(dossier)
        });
        let data = answer.json()["data"][root].clone();
        (answer, data)
    }

    /// The same as who sees everything.
    async fn all(&mut self, root: &str, rest: &str) -> Value {
        let answer = self.query(ADMIN, root, rest).await.json();
        assert_eq!(answer.get("errors"), None, "{root}{rest}: {answer}");
        answer["data"][root].clone()
    }

    fn ids(&self, shown: impl Fn(&Known) -> bool) -> BTreeSet<String> {
        self.dossiers.iter().filter(|dossier| shown(dossier)).map(|dossier| dossier.id.clone()).collect()
    }
}

const FUNCTIONS: [(Function, FunctionInput); 11] = [
    (Function::ReadDossiers, FunctionInput::ReadDossiers),
    (Function::ReadPersonalData, FunctionInput::ReadPersonalData),
    (Function::Process, FunctionInput::Process),
    (Function::Intake, FunctionInput::Intake),
    (Function::Administer, FunctionInput::Administer),
    (Function::ManageAccess, FunctionInput::ManageAccess),
    (Function::Audit, FunctionInput::Audit),
    (Function::Approve, FunctionInput::Approve),
    (Function::File, FunctionInput::File),
    (Function::BreakGlass, FunctionInput::BreakGlass),
    (Function::AdHocQueries, FunctionInput::AdHocQueries),
];

fn random_grant(choices: &mut Choices) -> (Vec<Function>, GrantOver, &'static str) {
    let mut functions = vec![Function::ReadDossiers];
    if choices.below(6) == 0 {
        functions.clear();
    }
    for (function, _) in &FUNCTIONS[1..] {
        if choices.below(3) == 0 || functions.is_empty() {
            functions.push(*function);
        }
    }
    let over =
        [GrantOver::Agency, GrantOver::Agency, GrantOver::Subtree, GrantOver::Subtree, GrantOver::Province];
    (functions, *choices.pick(&over), *choices.pick(&AGENCIES))
}

/// Ids of dossiers in an answer, wherever.
fn ids_in(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(ids_in).collect(),
        Value::Object(fields) => {
            let own = fields.get("dossierKey").or_else(|| fields.get("id")).and_then(Value::as_str);
            own.map(str::to_owned).into_iter().chain(fields.values().flat_map(ids_in)).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is a number"))
}

const CLASSES: [(&str, &str, &str); 8] = [
    ("OVERDUE", "overdue", "overdue"),
    ("DUE_TODAY", "dueToday", "due-today"),
    ("DUE_SOON", "dueSoon", "due-soon"),
    ("ON_TIME", "onTime", "not-due"),
    ("PAUSED", "paused", "paused"),
    ("INTAKE_WAITING", "intakeWaiting", "intake-waiting"),
    ("INTAKE_OVERDUE", "intakeOverdue", "intake-overdue"),
    ("UNANSWERED", "unanswered", "unanswered"),
];

const FIGURES: [(&str, &str); 14] = [
    ("CARRIED_OVER", "carriedOver"),
    ("EARLY", "early"),
    ("LATE", "late"),
    ("NOT_DUE", "notDue"),
    ("ON_TIME", "onTime"),
    ("OVERDUE", "overdue"),
    ("PAUSED", "paused"),
    ("PENDING", "pending"),
    ("RECEIVED", "received"),
    ("REFUSED", "refused"),
    ("RESOLVED", "resolved"),
    ("STOPPED", "stopped"),
    ("TAKEN_OVER", "takenOver"),
    ("WITHDRAWN", "withdrawn"),
];

const INDICATORS: [&str; 7] = [
    "DIGITISED",
    "ELECTRONIC_RESULT",
    "ONLINE_FILING",
    "ONLINE_PAYMENT",
    "ON_TIME",
    "RESOLUTION_TIME",
    "SYNCHRONISED",
];

const EVERYTHING: &str =
    "{ id code stage applicantName subject allowedActions version history { eventType actor texts { name text } }
    application { applicant { name phone accountId } delegate { name accountId } subject form papers }
    files { name id } holder { agency { code } } transitAgency { code } pendingOpinions { from { code } }
    at { stage } schedule { task } explainDeadline { text } reminders { id } synchronisation { state }
    obligations { number } }";

const MINE: &str =
    "{ id code role stage outstanding allowedActions receivingAgency { code } obligations { number }
    application { applicant { name phone accountId } delegate { name accountId } subject form papers }
    messages { about reason } files { id name } }";

impl World {
    /// Who may breaks the glass over some dossiers; everybody else opens nothing, and learns nothing of what they do not know.
    async fn open_some(&mut self, choices: &mut Choices) {
        let absent_id = key("nobody filed this").to_string();
        for nth in 0..self.accounts.len() {
            for at in 0..self.dossiers.len() {
                let (id, token) = (self.dossiers[at].id.clone(), self.accounts[nth].token.clone());
                let note = format!("MẪU ngất tại quầy, cần báo ghi{nth}chú{at}ngay");
                let attempt = async |id: &str| {
                    let query = "mutation M($input: BreakGlassInput!) { breakGlass(input: $input) {
                        disclosureId problems { code message } dossier { id applicantName } } }";
                    let input = json!({"idempotencyKey": key(&note), "dossierId": id, "reason": "DANGER", "note": note});
                    let body = json!({"query": query, "variables": {"input": input}}).to_string();
                    let request = Request::post("/graphql").header("content-type", "application/json");
                    self.send(&token, request, Body::from(body)).await
                };
                let may_open = self.accounts[nth].may_open(&self.dossiers[at]);
                if choices.below(2) == 0 {
                    continue;
                }
                let answer = attempt(&id).await;
                let opened = answer.json()["data"]["breakGlass"]["disclosureId"].clone();
                assert_eq!(opened.is_string(), may_open, "{}", answer.body);
                if !self.accounts[nth].knows(&self.dossiers[at]) {
                    let absent = attempt(&absent_id).await;
                    assert_eq!((answer.status, &answer.body), (absent.status, &absent.body));
                }
                if let Some(disclosure) = opened.as_str() {
                    let (by, disclosure) = (self.accounts[nth].id, disclosure.to_owned());
                    self.accounts[nth].opened.insert(id);
                    self.disclosures.push(Opened { disclosure, dossier: at, by, note });
                }
                self.holds_nothing_else(&answer.body, "breakGlass", |dossier| {
                    self.accounts[nth].sight(dossier)
                });
            }
        }
    }

    /// What is theirs, in plain and all of it; and nobody's else.
    async fn mine(&mut self, nth: usize, choices: &mut Choices) {
        let (token, files) = (self.accounts[nth].token.clone(), self.accounts[nth].files());
        let absent_id = key("nobody filed this").to_string();
        for at in 0..self.dossiers.len() {
            let id = self.dossiers[at].id.clone();
            let answer = self.query(&token, "myDossier", &format!("(id: \"{id}\") {MINE}")).await;
            let (account, known) = (&self.accounts[nth], &self.dossiers[at]);
            if account.is_theirs(known) {
                let found = &answer.json()["data"]["myDossier"];
                let role = if known.filed.applicant == Some(account.id) { "APPLICANT" } else { "DELEGATE" };
                assert_eq!((&found["id"], &found["role"]), (&json!(id), &json!(role)), "{}", answer.body);
                assert!(answer.body.contains(&known.secrets[0]), "{}", answer.body);
            }
            self.holds_nothing_else(&answer.body, "myDossier", |dossier| {
                if dossier.id == id && account.is_theirs(dossier) { Sight::Plain } else { Sight::Nothing }
            });
            if !account.is_theirs(known) {
                let rest = format!("(id: \"{absent_id}\") {MINE}");
                let absent = self.query(&token, "myDossier", &rest).await;
                assert_eq!((answer.status, &answer.body), (absent.status, &absent.body));
            }
        }
        let expected = self.ids(|dossier| self.accounts[nth].is_theirs(dossier));
        let (mut found, mut after) = (Vec::new(), "null".to_owned());
        let first = 1 + choices.below(3);
        loop {
            let rest = format!(
                "(first: {first}, after: {after}) {{ pageInfo {{ hasNextPage endCursor }} nodes {MINE} }}"
            );
            let answer = self.query(&token, "myDossiers", &rest).await;
            self.holds_nothing_else(&answer.body, "myDossiers", |dossier| {
                if self.accounts[nth].is_theirs(dossier) { Sight::Plain } else { Sight::Nothing }
            });
            let page = answer.json()["data"]["myDossiers"].clone();
            assert_eq!(page.is_object(), files, "{}", answer.body);
            let nodes = page["nodes"].as_array().into_iter().flatten();
            found.extend(nodes.map(|node| node["id"].as_str().unwrap().to_owned()));
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = format!("\"{}\"", page["pageInfo"]["endCursor"].as_str().unwrap());
        }
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    /// Who broke the glass over what is told to who audits the agencies that answer for it.
    async fn broken_glass(&mut self, nth: usize) {
        let token = self.accounts[nth].token.clone();
        let audits =
            |world: &Self, dossier: &Known| world.accounts[nth].may(Function::Audit, &dossier.answering());
        let (mut found, mut after) = (BTreeSet::new(), "null".to_owned());
        loop {
            let rest = format!(
                "(first: 3, after: {after}) {{ pageInfo {{ hasNextPage endCursor }}
                nodes {{ id dossierId openedBy note finding }} }}"
            );
            let answer = self.query(&token, "disclosures", &rest).await;
            self.holds_nothing_else(&answer.body, "disclosures", |dossier| {
                if audits(self, dossier) { Sight::Masked } else { Sight::Nothing }
            });
            let page = answer.json()["data"]["disclosures"].clone();
            let has_it = self.accounts[nth].powers.contains_key(&Function::Audit);
            assert_eq!(page.is_object(), has_it, "{}", answer.body);
            for node in page["nodes"].as_array().into_iter().flatten() {
                let text = |name: &str| node[name].as_str().unwrap().to_owned();
                found.insert((text("id"), text("dossierId"), text("openedBy"), text("note")));
            }
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = format!("\"{}\"", page["pageInfo"]["endCursor"].as_str().unwrap());
        }
        let audited = self.disclosures.iter().filter(|opened| audits(self, &self.dossiers[opened.dossier]));
        let told = |opened: &Opened| {
            let (dossier, by) = (self.dossiers[opened.dossier].id.clone(), opened.by.0.to_string());
            (opened.disclosure.clone(), dossier, by, opened.note.clone())
        };
        assert_eq!(found, audited.map(told).collect());
        let acknowledge = async |id: &str| {
            let query =
                "mutation M($input: AcknowledgeDisclosureInput!) { acknowledgeDisclosure(input: $input) {
                problems { code message } } }";
            let input =
                json!({"idempotencyKey": key("not to be"), "disclosureId": id, "finding": "JUSTIFIED"});
            let body = json!({"query": query, "variables": {"input": input}}).to_string();
            let request = Request::post("/graphql").header("content-type", "application/json");
            self.send(&token, request, Body::from(body)).await
        };
        for opened in &self.disclosures {
            if !audits(self, &self.dossiers[opened.dossier]) {
                let absent = acknowledge(&key("nobody opened this").to_string()).await;
                let there = acknowledge(&opened.disclosure).await;
                assert_eq!((there.status, &there.body), (absent.status, &absent.body));
            }
        }
    }

    /// One dossier at a time, by everything that names one. What is not to be known of is not there, byte for byte.
    async fn one_by_one(&mut self, nth: usize) {
        let token = self.accounts[nth].token.clone();
        let absent_id = key("nobody filed this").to_string();
        for at in 0..self.dossiers.len() {
            let (id, code) = (self.dossiers[at].id.clone(), self.dossiers[at].code.clone());
            let sight = self.accounts[nth].sight(&self.dossiers[at]);
            let knows = self.accounts[nth].knows(&self.dossiers[at]);
            let absent_code = format!("{}9999", &code[..code.len() - 4]);
            for (root, rest) in [
                ("dossier", format!("(id: \"ID\") {EVERYTHING}")),
                ("dossier", "(code: \"CODE\") { id code subject }".to_owned()),
                ("node", "(id: \"ID\") { id ... on Dossier { code applicantName } }".to_owned()),
                ("search", "(text: \"CODE\") { matchedBy dossier { id applicantName } }".to_owned()),
            ] {
                let (answer, data) =
                    self.ask(nth, root, &rest.replace("ID", &id).replace("CODE", &code)).await;
                let absent = rest.replace("ID", &absent_id).replace("CODE", &absent_code);
                let (absent, _) = self.ask(nth, root, &absent).await;
                if sight == Sight::Nothing {
                    assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{root}{rest}");
                } else {
                    assert!(ids_in(&data).contains(&id), "{root}{rest} of {code}: {}", answer.body);
                    let is_plain = answer.body.contains(&self.dossiers[at].secrets[0]);
                    let asks = rest.contains("applicantName");
                    assert_eq!(is_plain, asks && sight == Sight::Plain, "{root}{rest}: {}", answer.body);
                }
            }
            let mut paths = vec!["/papers/ID/receipt.html".to_owned(), "/papers/ID/receipt.pdf".to_owned()];
            paths.extend(self.dossiers[at].file.as_ref().map(|file| format!("/dossiers/ID/files/{file}")));
            for path in paths {
                let answer = self.send(&token, Request::get(path.replace("ID", &id)), Body::empty()).await;
                let (account, known) = (&self.accounts[nth], &self.dossiers[at]);
                let is_file = path.contains("files");
                // The receipt, any paper that was handed in, and the result once it is returned.
                let is_given = account.is_theirs(known)
                    && (!is_file || !known.filed.has_result_file || known.filed.stage() == Stage::Returned);
                self.holds_nothing_else(&answer.body, &path, |dossier| {
                    if dossier.id == id && is_given { Sight::Plain } else { account.sight(dossier) }
                });
                if !knows {
                    let path = path.replace("ID", &absent_id);
                    let absent = self.send(&token, Request::get(&path), Body::empty()).await;
                    assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{path}");
                }
                let has_paper = is_file || self.dossiers[at].filed.clock().is_some();
                assert_eq!(
                    answer.status == StatusCode::OK,
                    (sight == Sight::Plain || is_given) && has_paper,
                    "{path} {}",
                    answer.body
                );
            }
            // Nor is it acted on.
            if !knows {
                for (mutation, kind) in
                    [("withdrawDossier", "WithdrawDossierInput"), ("signDecision", "NoteInput")]
                {
                    let attempt = async |id: &str| {
                        let query = format!(
                            "mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ dossierId problems {{ code message }} }} }}"
                        );
                        let body =
                            json!({"query": query, "variables": {"input": {"on": on("not to be", id)}}});
                        let request = Request::post("/graphql").header("content-type", "application/json");
                        self.send(&token, request, Body::from(body.to_string())).await
                    };
                    let (there, absent) = (attempt(&id).await, attempt(&absent_id).await);
                    assert_eq!((there.status, &there.body), (absent.status, &absent.body), "{mutation}");
                }
                // Nor in a list of several.
                let inputs = [&id, &absent_id].map(|id| on("not to be", id)).map(|on| json!({"on": on}));
                let query =
                    "mutation M($inputs: [ReceiveDossierInput!]!) { receiveDossiers(inputs: $inputs) {
                    items { dossierId problems { code message } } } }";
                let answer = self.system.ask(&token, query, json!({"inputs": inputs})).await;
                let items = &answer["receiveDossiers"]["items"];
                assert_eq!((&items[0], &items[0]["dossierId"]), (&items[1], &Value::Null));
            }
        }
    }

    /// Lists with filters, in pages of a few.
    async fn lists(&mut self, nth: usize, choices: &mut Choices) {
        let reads = self.accounts[nth].reads();
        for _ in 0..6 {
            let agency = (choices.below(2) == 0).then(|| *choices.pick(&AGENCIES));
            let stage = (choices.below(3) == 0).then(|| choices.pick(&self.dossiers).filed.stage());
            let procedure = (choices.below(3) == 0).then(|| *choices.pick(&["DAT", "KHAC"]));
            let expected = self.ids(|dossier| {
                self.accounts[nth].lists(dossier)
                    && agency.is_none_or(|code| dossier.having_part().contains(&id_of(code)))
                    && stage.is_none_or(|stage| dossier.filed.stage() == stage)
                    && procedure.is_none_or(|code| dossier.filed.procedure.code.as_str() == code)
            });
            let text = |value: Option<&str>| value.map_or("null".to_owned(), |value| format!("\"{value}\""));
            let stage = stage.map_or("null", |stage| stage.name());
            let filter =
                format!("{{agency: {}, stage: {stage}, procedure: {}}}", text(agency), text(procedure));
            let (mut found, mut after) = (BTreeSet::new(), "null".to_owned());
            let first = 1 + choices.below(7);
            loop {
                let rest = format!(
                    "(first: {first}, after: {after}, filter: {filter}) {{ totalCount pageInfo {{ hasNextPage endCursor }}
                      nodes {{ id code applicantName subject }} }}"
                );
                let (answer, page) = self.ask(nth, "dossiers", &rest).await;
                if !reads {
                    assert_eq!(page, Value::Null, "{}", answer.body);
                    break;
                }
                assert_eq!(number(&page["totalCount"]), i64::try_from(expected.len()).unwrap(), "{filter}");
                found.extend(ids_in(&page["nodes"]));
                if page["pageInfo"]["hasNextPage"] != true {
                    break;
                }
                after = format!("\"{}\"", page["pageInfo"]["endCursor"].as_str().unwrap());
            }
            assert!(!reads || found == expected, "{filter}: {found:?}, not {expected:?}");
        }
        for of in ["MINE", "AGENCY", "INTAKE", "TO_RETURN", "INCOMING", "CONSULTED"] {
            let rest =
                format!("(of: {of}, first: 100) {{ totalCount nodes {{ dossier {{ id applicantName }} }} }}");
            let place = self.accounts[nth].place;
            let whole = self.query(&admin_at(place), "workList", &rest).await.json();
            let whole = ids_in(&whole["data"]["workList"]["nodes"]);
            let (_, found) = self.ask(nth, "workList", &rest).await;
            if reads && of != "MINE" {
                let account = &self.accounts[nth];
                let covers = account.may(Function::ReadDossiers, &[id_of(place)]);
                let expected =
                    self.ids(|dossier| whole.contains(&dossier.id) && (covers || account.lists(dossier)));
                assert_eq!(ids_in(&found["nodes"]), expected, "{of}");
                assert_eq!(number(&found["totalCount"]), i64::try_from(expected.len()).unwrap(), "{of}");
            } else if reads {
                let count = i64::try_from(ids_in(&found["nodes"]).len()).unwrap();
                assert_eq!(number(&found["totalCount"]), count, "{of}");
            }
        }
        for at in 0..self.dossiers.len() {
            for text in [name_of(at), phone_of(at)] {
                let (_, hits) = self
                    .ask(
                        nth,
                        "search",
                        &format!("(text: \"{text}\", first: 100) {{ matchedBy dossier {{ id }} }}"),
                    )
                    .await;
                let is_found = ids_in(&hits).contains(&self.dossiers[at].id);
                assert_eq!(
                    is_found,
                    self.accounts[nth].sight_by_right(&self.dossiers[at]) == Sight::Plain,
                    "{text}: {hits}"
                );
            }
        }
        let listed = self.ids(|dossier| self.accounts[nth].lists(dossier));
        for text in ["H42-26", "Thủ tục"] {
            let (_, hits) = self
                .ask(nth, "search", &format!("(text: \"{text}\", first: 100) {{ dossier {{ id subject }} }}"))
                .await;
            assert!(!reads || ids_in(&hits) == listed, "{text}: {hits}");
        }
    }

    /// The board and what is behind its numbers, in GraphQL and as tables.
    async fn boards(&mut self, nth: usize) {
        let reads = self.accounts[nth].reads();
        let token = self.accounts[nth].token.clone();
        for (class, count, table) in CLASSES {
            for (when, is_now) in [("", true), ("(asOf: \"2026-03-05T12:00:00+07:00\")", false)] {
                let rest = format!(
                    "{when} {{ {count} dossiers(class: {class}, first: 100) {{ nodes {{ dossier {{ id applicantName }} }} }}
                      groups(by: COMPETENT_AGENCY) {{ agency {{ code }} {count} }} }}"
                );
                let whole = ids_in(&self.all("deadlineBoard", &rest).await["dossiers"]);
                let (answer, board) = self.ask(nth, "deadlineBoard", &rest).await;
                if !reads {
                    assert_eq!(board, Value::Null, "{}", answer.body);
                    continue;
                }
                let found = ids_in(&board["dossiers"]);
                if is_now {
                    let expected = self.ids(|dossier| {
                        whole.contains(&dossier.id)
                            && self.accounts[nth].may(Function::ReadDossiers, &dossier.answering())
                    });
                    assert_eq!(found, expected, "{class}");
                    assert_eq!(number(&board[count]), i64::try_from(expected.len()).unwrap(), "{class}");
                } else {
                    assert!(
                        found.is_subset(&whole)
                            && i64::try_from(found.len()).unwrap() <= number(&board[count])
                    );
                }
            }
            for extension in ["csv", "xlsx"] {
                let path = format!("/tables/{table}.{extension}");
                let (status, text) = self.table(&token, &path).await;
                assert_eq!(status == StatusCode::OK, reads, "{path}: {text}");
                self.holds_nothing_else(&text, &path, |dossier| self.accounts[nth].sight(dossier));
                let account = &self.accounts[nth];
                if reads {
                    let rest = format!(
                        " {{ dossiers(class: {class}, first: 100) {{ nodes {{ dossier {{ id }} }} }} }}"
                    );
                    let expected =
                        self.ids(|dossier| account.may(Function::ReadDossiers, &dossier.answering()));
                    let whole = ids_in(&self.all("deadlineBoard", &rest).await);
                    for dossier in &self.dossiers {
                        let is_there = whole.contains(&dossier.id) && expected.contains(&dossier.id);
                        assert_eq!(text.contains(&dossier.code), is_there, "{path}: {text}");
                    }
                }
            }
        }
    }

    /// Figures are the sum of those of the agencies in scope; behind them are the dossiers that are seen.
    async fn figures(&mut self, nth: usize) {
        let reads = self.accounts[nth].reads();
        let token = self.accounts[nth].token.clone();
        let own = self.accounts[nth].agencies(Function::ReadDossiers);
        for (figure, field) in FIGURES {
            let rest = |part: &str| {
                format!("({PERIOD}, by: AGENCY{part}) {{ total {{ {field} }} rows {{ agency {{ code }} {field} }}
                    dossiers(figure: {figure}, first: 100) {{ nodes {{ dossier {{ id applicantName }} }} }} }}")
            };
            let (mut total, mut behind) = (0, BTreeSet::new());
            for agency in &own {
                let whole = self.all("progress", &rest(&format!(", part: {{agency: \"{agency}\"}}"))).await;
                total += number(&whole["total"][field]);
                behind.extend(ids_in(&whole["dossiers"]));
            }
            let (answer, found) = self.ask(nth, "progress", &rest("")).await;
            if !reads {
                assert_eq!(found, Value::Null, "{}", answer.body);
                continue;
            }
            assert_eq!(number(&found["total"][field]), total, "{figure}");
            let expected =
                self.ids(|dossier| behind.contains(&dossier.id) && self.accounts[nth].lists(dossier));
            assert_eq!(ids_in(&found["dossiers"]), expected, "{figure}");
            for row in found["rows"].as_array().unwrap() {
                assert!(own.contains(&row["agency"]["code"].as_str().unwrap()), "{row}");
            }
        }
        for indicator in INDICATORS {
            for counted in [true, false] {
                let rest = |part: &str| {
                    format!("({PERIOD}{part}) {{ indicators {{ indicator numerator denominator }}
                        dossiers(indicator: {indicator}, counted: {counted}, first: 100) {{ nodes {{ dossier {{ id subject }} }} }} }}")
                };
                let of = |value: &Value, what: &str| {
                    let values = value["indicators"].as_array().unwrap().iter();
                    values
                        .filter(|value| value["indicator"] == indicator)
                        .map(|value| number(&value[what]))
                        .sum::<i64>()
                };
                let (mut sums, mut behind) = ((0, 0), BTreeSet::new());
                for agency in &own {
                    let whole =
                        self.all("indicators", &rest(&format!(", part: {{agency: \"{agency}\"}}"))).await;
                    sums = (sums.0 + of(&whole, "numerator"), sums.1 + of(&whole, "denominator"));
                    behind.extend(ids_in(&whole["dossiers"]));
                }
                let (_, found) = self.ask(nth, "indicators", &rest("")).await;
                if reads {
                    assert_eq!((of(&found, "numerator"), of(&found, "denominator")), sums, "{indicator}");
                    let expected =
                        self.ids(|dossier| behind.contains(&dossier.id) && self.accounts[nth].lists(dossier));
                    assert_eq!(ids_in(&found["dossiers"]), expected, "{indicator} {counted}");
                }
            }
        }
        for procedure in ["DAT", "KHAC"] {
            let rest = |part: &str| {
                format!("({PERIOD}, part: {{procedure: \"{procedure}\"{part}}}) {{ step count }}")
            };
            let count = |times: &Value| {
                times.as_array().unwrap().iter().map(|time| number(&time["count"])).sum::<i64>()
            };
            let mut sum = 0;
            for agency in &own {
                sum += count(&self.all("stepTimes", &rest(&format!(", agency: \"{agency}\""))).await);
            }
            let (_, found) = self.ask(nth, "stepTimes", &rest("")).await;
            assert!(!reads || count(&found) == sum, "{found}");
        }
        for table in ["progress", "indicators", "step-times"] {
            let path = format!("/tables/{table}.csv?from=2026-03&to=2026-03&procedure=DAT");
            let answer = self.send(&token, Request::get(&path), Body::empty()).await;
            assert_eq!(answer.status == StatusCode::OK, reads, "{path}: {}", answer.body);
            self.holds_nothing_else(&answer.body, &path, |_| Sight::Nothing);
        }
        for agency in AGENCIES {
            let path =
                |agency: &str| format!("/registers/{agency}/register.html?from=2026-03-01&to=2026-03-31");
            let answer = self.send(&token, Request::get(path(agency)), Body::empty()).await;
            let account = &self.accounts[nth];
            let needed = [Function::ReadDossiers, Function::ReadPersonalData];
            let has_it = needed.iter().all(|function| account.may(*function, &[id_of(agency)]));
            assert_eq!(answer.status == StatusCode::OK, has_it, "{agency}: {}", answer.body);
            if !has_it {
                let absent = self.send(&token, Request::get(path(ABSENT)), Body::empty()).await;
                assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{agency}");
            }
        }
    }

    /// What is told as it happens: all of what is seen, in order, and nothing else.
    async fn events(&mut self, nth: usize) {
        self.asked.insert("dossierEvents".to_owned());
        let query =
            "subscription { dossierEvents(after: \"0\") { version dossier { id code applicantName } } }";
        let query = query.replace(
            "\"0\"",
            &format!("\"{}\"", api::graphql::PositionText(domain::recorded::Position(0)).encode()),
        );
        let request = Request::post("/graphql")
            .header("authorization", format!("Bearer {}", self.accounts[nth].token))
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(Body::from(json!({"query": query}).to_string()));
        let response = self.system.router.clone().oneshot(request.unwrap()).await.unwrap();
        let mut stream = response.into_body().into_data_stream();
        let expected: i64 = self
            .dossiers
            .iter()
            .filter(|dossier| self.accounts[nth].sight(dossier) > Sight::Nothing)
            .map(|dossier| dossier.version)
            .sum();
        let (mut body, mut wait) = (String::new(), Duration::from_secs(20));
        loop {
            let told = i64::try_from(body.matches("\"dossierEvents\":{").count()).unwrap();
            if expected <= told {
                // And then nothing more comes.
                wait = Duration::from_millis(20);
            }
            match tokio::time::timeout(wait, stream.next()).await {
                Ok(Some(Ok(bytes))) => body.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(_) | Err(_) => break,
            }
        }
        self.holds_nothing_else(&body, "dossierEvents", |dossier| self.accounts[nth].sight(dossier));
        for dossier in &self.dossiers {
            let is_seen = self.accounts[nth].sight(dossier) > Sight::Nothing;
            let count = i64::try_from(body.matches(&format!("\"id\":\"{}\"", dossier.id)).count()).unwrap();
            assert_eq!(count, if is_seen { dossier.version } else { 0 }, "{}", dossier.code);
        }
    }

    /// What is not about dossiers, or only by another function.
    async fn the_rest(&mut self, nth: usize) {
        let token = self.accounts[nth].token.clone();
        for (root, rest) in [
            ("me", " { principalId powers { function } }"),
            ("agencies", " { code name }"),
            ("procedures", " { code name version }"),
            ("permissionGroups", " { code functions }"),
            ("projections", " { name }"),
            ("calendar", "(year: 2026) { __typename }"),
            ("administeredAgency", "(code: \"000.00.21.H42\") { agency { code } }"),
            ("procedureVersions", "(code: \"DAT\") { code published { number } }"),
            ("compareProcedure", "(code: \"DAT\", from: 1, to: 1) { hasMore }"),
            ("validateProcedure", "(code: \"DAT\", definition: {}) { __typename }"),
            ("paymentDiscrepancies", "(first: 100) { nodes { dossierId } }"),
        ] {
            let answer = self.query(&token, root, rest).await;
            assert_eq!(answer.status, StatusCode::OK, "{root}{rest}: {}", answer.body);
            self.holds_nothing_else(&answer.body, root, |_| Sight::Nothing);
        }
        let impact = "(from: \"2026-03-01\", to: \"2026-04-30\", first: 100) { dossiers { dossierId code } }";
        let answer = self.query(&token, "calendarImpact", impact).await;
        self.holds_nothing_else(&answer.body, "calendarImpact", |dossier| {
            let is_told = self.accounts[nth].may(Function::Administer, &dossier.having_part());
            if is_told { Sight::Masked } else { Sight::Nothing }
        });
        let looks_into = |world: &Self, agency: &str| {
            let account = &world.accounts[nth];
            [Function::ManageAccess, Function::Audit]
                .iter()
                .any(|function| account.may(*function, &[id_of(agency)]))
        };
        for (root, rest) in [
            ("accounts", "(first: 100) { nodes { accountId name } }"),
            ("accessAsOf", "(function: READ_DOSSIERS) { accountId }"),
        ] {
            let answer = self.query(&token, root, rest).await;
            self.holds_nothing_else(&answer.body, root, |_| Sight::Nothing);
            for other in self.accounts.iter().filter(|other| !other.is_citizen) {
                let is_there = answer.body.contains(&other.id.0.to_string());
                let may_be = looks_into(self, other.place);
                let must_be = may_be && (root == "accounts" || other.reads());
                assert_eq!(is_there, must_be, "{root}: {}", answer.body);
            }
        }
        for at in 0..self.dossiers.len() {
            let code = self.dossiers[at].code.clone();
            for token in ["", &token] {
                let rest = format!(
                    "(code: \"{code}\") {{ code stage procedure {{ name }} competentAgency {{ code }} }}"
                );
                let answer = self.query(token, "publicStatus", &rest).await;
                assert!(answer.body.contains(&code), "{}", answer.body);
                self.holds_nothing_else(&answer.body, "publicStatus", |dossier| {
                    if dossier.code == code { Sight::Masked } else { Sight::Nothing }
                });
                assert!(!answer.body.contains(&self.dossiers[at].id), "{}", answer.body);
            }
        }
        for by in ["AGENCY", "PROCEDURE"] {
            let rest = format!("({PERIOD}, by: {by}) {{ total {{ received }} rows {{ received }} }}");
            let answer = self.query("", "publicProgress", &rest).await;
            self.holds_nothing_else(&answer.body, "publicProgress", |_| Sight::Nothing);
        }
    }

    /// Who has seen what is told to who audits the dossiers.
    async fn records(&mut self, nth: usize) {
        let read_by = async |world: &mut Self, token: &str| {
            let (mut bodies, mut after) = (String::new(), "null".to_owned());
            loop {
                let rest = format!(
                    "(first: 100, after: {after}) {{ pageInfo {{ hasNextPage endCursor }}
                    nodes {{ dossiers {{ id }} }} }}"
                );
                let answer = world.query(token, "personalDataReads", &rest).await;
                bodies.push_str(&answer.body);
                let page = answer.json()["data"]["personalDataReads"]["pageInfo"].clone();
                if page["hasNextPage"] != true {
                    return bodies;
                }
                after = format!("\"{}\"", page["endCursor"].as_str().unwrap());
            }
        };
        let token = self.accounts[nth].token.clone();
        let (whole, own) = (read_by(self, ADMIN).await, read_by(self, &token).await);
        for dossier in &self.dossiers {
            let is_told =
                whole.contains(&dossier.id) && self.accounts[nth].may(Function::Audit, &dossier.answering());
            assert_eq!(own.contains(&dossier.id), is_told, "{}", dossier.code);
        }
    }

    /// Whatever changes something, of a dossier that the account may not know of: it is not there, and nothing of it is in
    /// the answer. How often a dossier was asked for.
    async fn changes(&mut self, nth: usize) -> usize {
        let schema = Schema::of(&self.system).await;
        let token = self.accounts[nth].token.clone();
        let unknown = self.dossiers.iter().filter(|dossier| !self.accounts[nth].knows(dossier));
        let mut dossiers: Vec<String> = unknown.take(2).map(|dossier| dossier.id.clone()).collect();
        if dossiers.is_empty() {
            dossiers.push(key("absent").to_string());
        }
        let mut asked = 0;
        for dossier in &dossiers {
            let quoted = |value: &str| format!("\"{value}\"");
            let given = Given::from([
                ("idempotencyKey", quoted(&key(&format!("{nth} changes {dossier}")).to_string())),
                ("dossierId", quoted(dossier)),
                ("step", quoted("THU_LY")),
                ("order", quoted("BL-1")),
                ("note", quoted("một lý do đủ dài để được ghi lại")),
            ]);
            for field in &schema.mutations {
                let name = field["name"].as_str().unwrap();
                let more = match field["type"]["ofType"]["name"].as_str().unwrap() {
                    "DossierPayload" => "dossierId code version dossier { id code applicantName subject }",
                    "DossiersPayload" => {
                        "items { problems { __typename code message } dossierId code version dossier { id code subject } }"
                    }
                    "BreakGlassPayload" => "dossier { id code applicantName subject }",
                    _ => "",
                };
                let selection = format!("{{ problems {{ __typename code message }} {more} }}");
                let document =
                    schema.call_with("mutation", field, &given).replace("{ __typename }", &selection);
                self.asked.insert(name.to_owned());
                let request = Request::post("/graphql").header("content-type", "application/json");
                let body = Body::from(json!({"query": document}).to_string());
                let answer = self.send(&token, request, body).await;
                self.holds_nothing_else(&answer.body, name, |dossier| self.accounts[nth].sight(dossier));
                if document.contains(dossier) {
                    let payload = answer.json()["data"][name].clone();
                    let of_one = payload["items"][0]["problems"][0]["code"].clone();
                    let problem =
                        if of_one.is_null() { payload["problems"][0]["code"].clone() } else { of_one };
                    assert!(
                        ["NOT_FOUND", "NO_FUNCTION"].map(|code| json!(code)).contains(&problem),
                        "{document}: {}",
                        answer.body
                    );
                    asked += 1;
                }
            }
        }
        asked
    }

    /// Every root field of the schema was asked.
    async fn nothing_is_left_out(&self) {
        let schema = Schema::of(&self.system).await;
        let names = [&schema.queries, &schema.mutations, &schema.subscriptions].into_iter().flatten();
        let names: BTreeSet<String> = names.map(|field| field["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(self.asked, names, "a root field that nobody asks may show anything");
    }
}

async fn nobody_sees_outside_their_scope_whatever_they_ask(backend: Backend) {
    let mut choices = Choices::seeded("nobody_sees_outside_their_scope_whatever_they_ask");
    let (mut sights, mut theirs, mut opened, mut changes) = (BTreeMap::new(), 0, 0, 0);
    for _ in 0..if is_long() { 25 } else { 1 } {
        let mut world = World::random(backend, &mut choices).await;
        world.open_some(&mut choices).await;
        opened += world.disclosures.len();
        for nth in 0..world.accounts.len() {
            for dossier in &world.dossiers {
                *sights.entry(world.accounts[nth].sight(dossier)).or_insert(0) += 1;
                theirs += usize::from(world.accounts[nth].is_theirs(dossier));
            }
            world.one_by_one(nth).await;
            world.mine(nth, &mut choices).await;
            world.broken_glass(nth).await;
            world.lists(nth, &mut choices).await;
            world.boards(nth).await;
            world.figures(nth).await;
            world.events(nth).await;
            world.the_rest(nth).await;
        }
        for nth in 0..world.accounts.len() {
            world.records(nth).await;
        }
        // Last: what an account does may change what others see.
        for nth in 0..world.accounts.len() {
            changes += world.changes(nth).await;
        }
        world.nothing_is_left_out().await;
        world.system.stop().await;
    }
    println!("{sights:?}, {theirs} of one's own, {opened} opened, {changes} changes asked for");
    assert!(100 < changes, "{changes}");
    let is_everything = sights.len() == 3 && 0 < theirs && 0 < opened;
    assert!(!is_long() || is_everything, "{sights:?}, {theirs}, {opened}: not everything was tried");
}

const READS: [Function; 1] = [Function::ReadDossiers];

async fn who_works_somewhere_sees_there_what_they_are_granted(backend: Backend) {
    let mut world = World::new(backend).await;
    world.open(A, &[(READS.to_vec(), GrantOver::Agency, ALONE)]).await;
    let elsewhere = world.file(&filing(0, "KHAC", A, A, None), None).await;
    let of_both = world.file(&filing(1, "KHAC", A, ALONE, None), None).await;
    world.learn(&[elsewhere, of_both.clone()]).await;
    let (_, list) = world.ask(0, "workList", "(of: AGENCY) { totalCount nodes { dossier { id } } }").await;
    assert_eq!((number(&list["totalCount"]), ids_in(&list["nodes"])), (1, [of_both].into()));
    world.system.stop().await;
}

async fn a_person_is_not_found_through_an_agency_that_sees_them_masked(backend: Backend) {
    let mut world = World::new(backend).await;
    let reads = vec![Function::ReadDossiers, Function::ReadPersonalData];
    world.open(ALONE, &[(reads.clone(), GrantOver::Agency, ALONE)]).await;
    // Of a register, too, both functions are needed over the same agency.
    world
        .open(B, &[(reads[1..].to_vec(), GrantOver::Agency, A), (READS.to_vec(), GrantOver::Agency, B)])
        .await;
    let helped = world.file(&filing(0, "KHAC", A, A, Some(ALONE)), None).await;
    world.attach(&helped, 0, A, "paper&paper=DON_DE_NGHI").await;
    world.learn(std::slice::from_ref(&helped)).await;
    let (answer, dossier) =
        world.ask(0, "dossier", &format!("(id: \"{helped}\") {{ id applicantName }}")).await;
    assert_eq!(dossier["id"], json!(helped), "{}", answer.body);
    let (_, hits) =
        world.ask(0, "search", &format!("(text: \"{}\") {{ dossier {{ id }} }}", name_of(0))).await;
    assert_eq!(hits, json!([]));
    let file = world.dossiers[0].file.clone().unwrap();
    for path in [format!("/papers/{helped}/receipt.html"), format!("/dossiers/{helped}/files/{file}")] {
        let answer = world.send(&world.accounts[0].token, Request::get(&path), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
    }
    let path = format!("/registers/{A}/register.html?from=2026-03-01&to=2026-03-31");
    let answer = world.send(&world.accounts[1].token, Request::get(&path), Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
    world.system.stop().await;
}

async fn what_went_to_another_successor_is_counted_and_not_listed(backend: Backend) {
    let mut world = World::new(backend).await;
    world.open(B, &[(READS.to_vec(), GrantOver::Agency, B)]).await;
    let to_a = world.file(&filing(0, "DAT", GONE, GONE, None), None).await;
    let to_b = world.file(&filing(1, "KHAC", GONE, GONE, None), None).await;
    world.split().await;
    world.learn(&[to_a, to_b.clone()]).await;
    let rest = format!(
        "({PERIOD}) {{ total {{ received }} dossiers(figure: RECEIVED) {{ nodes {{ dossier {{ id }} }} }} }}"
    );
    let (_, figures) = world.ask(0, "progress", &rest).await;
    assert_eq!(
        (number(&figures["total"]["received"]), ids_in(&figures["dossiers"])),
        (2, [to_b.clone()].into())
    );
    let rest =
        "(asOf: \"2026-03-03T09:00:00+07:00\") { dossiers(class: DUE_SOON) { nodes { dossier { id } } } }";
    let (_, board) = world.ask(0, "deadlineBoard", rest).await;
    assert_eq!(ids_in(&board["dossiers"]), [to_b.clone()].into());
    let rest = format!(
        "({PERIOD}) {{ dossiers(indicator: DIGITISED, counted: false) {{ nodes {{ dossier {{ id }} }} }} }}"
    );
    let (_, indicators) = world.ask(0, "indicators", &rest).await;
    assert_eq!(ids_in(&indicators["dossiers"]), [to_b].into());
    world.system.stop().await;
}
