//! Who may call what: a walk over every root field of the schema, with arguments made from their types.

use std::collections::BTreeMap;

use api::input::{
    AccountKind, BreakGlassInput, DisclosureReason, Function, GrantOver, IssueMachineKeyInput,
    OpenAccountInput,
};
use serde_json::{Value, json};

use crate::access::{account, granting, group};
use crate::graphql::{INTAKE, System, key, submission};
use crate::live::refused_as;
use crate::support::office::{ADMIN, AGENCY, LEADER, OTHER_AGENCY, caller};
use crate::support::{Backend, on_each_backend, whole_log};

on_each_backend!(nobody_changes_what_is_not_theirs, who_only_reads_changes_nothing);

/// What anybody may ask, and why there is nothing about a person in it.
const PUBLIC: &[&str] = &[
    "agencies",       // who the offices are
    "calendar",       // which days are worked
    "node",           // agencies and procedures; a dossier is null
    "procedures",     // what can be applied for
    "publicProgress", // how much is on time, by agency and field
    "publicStatus",   // the state of one dossier by its code
];

/// What somebody is refused who may do nothing but file.
const REFUSALS: &[&str] = &["NO_FUNCTION", "NOT_FOUND"];

const CITIZEN: &str = "dev:citizen:dan@000.00.16.H42";

const INTROSPECTION: &str = "{ __schema {
    queryType { fields { ...Field } } mutationType { fields { ...Field } }
    subscriptionType { fields { ...Field } }
    types { name kind inputFields { name defaultValue type { ...Ref } } enumValues { name } }
} }
fragment Field on __Field { name args { name defaultValue type { ...Ref } } type { ...Ref } }
fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

pub(crate) struct Schema {
    types: BTreeMap<String, Value>,
    pub(crate) queries: Vec<Value>,
    pub(crate) mutations: Vec<Value>,
    pub(crate) subscriptions: Vec<Value>,
}

/// What stands for fields of inputs, by their names: a literal.
pub(crate) type Given = BTreeMap<&'static str, String>;

impl Schema {
    pub(crate) async fn of(system: &System) -> Self {
        let schema = system.ask("", INTROSPECTION, json!({})).await["__schema"].clone();
        let named = |kind: &Value| (kind["name"].as_str().unwrap().to_owned(), kind.clone());
        Self {
            types: schema["types"].as_array().unwrap().iter().map(named).collect(),
            queries: schema["queryType"]["fields"].as_array().unwrap().clone(),
            mutations: schema["mutationType"]["fields"].as_array().unwrap().clone(),
            subscriptions: schema["subscriptionType"]["fields"].as_array().unwrap().clone(),
        }
    }

    /// A document that calls a field with what it needs and asks for as little as can be.
    fn call(&self, operation: &str, field: &Value) -> String {
        self.call_with(operation, field, &Given::new())
    }

    /// The same with these values, and nobody's or nothing's for all others.
    pub(crate) fn call_with(&self, operation: &str, field: &Value, given: &Given) -> String {
        let mut arguments: Vec<String> = self.needed(&field["args"], given);
        if field["name"] == "dossier" {
            // One of two is needed, which a type cannot say.
            arguments.push("id: \"00000000-0000-4000-8000-000000000001\"".to_owned());
        }
        let arguments =
            if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let selection = match kind_of(&field["type"]).as_str() {
            "OBJECT" | "INTERFACE" | "UNION" => "{ __typename }",
            _ => "",
        };
        format!("{operation} {{ {}{arguments} {selection} }}", field["name"].as_str().unwrap())
    }

    fn needed(&self, inputs: &Value, given: &Given) -> Vec<String> {
        let is_needed =
            |input: &&Value| input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
        let written = |input: &Value| {
            let name = input["name"].as_str().unwrap();
            let value = given.get(name).filter(|_| is_scalar(&input["type"])).cloned();
            format!("{name}: {}", value.unwrap_or_else(|| self.value(&input["type"], given)))
        };
        inputs.as_array().unwrap().iter().filter(is_needed).map(written).collect()
    }

    fn value(&self, of: &Value, given: &Given) -> String {
        match of["kind"].as_str().unwrap() {
            "NON_NULL" => self.value(&of["ofType"], given),
            "LIST" => format!("[{}]", self.value(&of["ofType"], given)),
            "ENUM" => {
                let of = &self.types[of["name"].as_str().unwrap()];
                of["enumValues"][0]["name"].as_str().unwrap().to_owned()
            }
            "INPUT_OBJECT" => {
                let of = &self.types[of["name"].as_str().unwrap()];
                format!("{{{}}}", self.needed(&of["inputFields"], given).join(", "))
            }
            _ => match of["name"].as_str().unwrap() {
                "Boolean" => "false",
                "Int" | "Float" | "Vnd" => "1",
                "UUID" | "ID" => "\"00000000-0000-4000-8000-000000000001\"",
                "DateTime" => "\"2024-04-22T09:00:00+07:00\"",
                "NaiveDate" => "\"2024-04-22\"",
                "NaiveTime" => "\"07:30:00\"",
                "String" => "\"2024-04\"",
                "JSON" => "{}",
                other => panic!("a value of {other}"),
            }
            .to_owned(),
        }
    }
}

fn is_scalar(of: &Value) -> bool {
    of["kind"] == "SCALAR" || (of["kind"] == "NON_NULL" && is_scalar(&of["ofType"]))
}

fn kind_of(of: &Value) -> String {
    match of["kind"].as_str().unwrap() {
        "NON_NULL" | "LIST" => kind_of(&of["ofType"]),
        kind => kind.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_root_field_is_guarded_or_marked_as_public() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let schema = Schema::of(&system).await;
    let (queries, mutations) = (schema.queries.len(), schema.mutations.len());
    assert!(15 < queries && 40 < mutations, "{queries} queries, {mutations} mutations");
    let mut open = Vec::new();
    for (operation, fields) in [("query", &schema.queries), ("mutation", &schema.mutations)] {
        for field in fields {
            let document = schema.call(operation, field);
            let answer = system.ask_in("", "en", &document, &json!({})).await;
            match answer["errors"][0]["extensions"]["code"].as_str() {
                Some("UNAUTHENTICATED") => {}
                // Nothing was refused for what was asked, so the guard comes first.
                None => open.push(field["name"].as_str().unwrap().to_owned()),
                Some(code) => panic!("{document}: {code}: {answer}"),
            }
        }
    }
    open.sort();
    assert_eq!(open, PUBLIC);
    system.stop().await;
}

/// What somebody is answered by a field: the code of the error or of the first problem; none if it is done.
async fn answered(
    system: &System,
    token: &str,
    operation: &str,
    field: &Value,
    document: &str,
) -> Option<String> {
    let name = field["name"].as_str().unwrap();
    let document = match operation {
        "mutation" => {
            let payload = field["type"]["ofType"]["name"].as_str().unwrap();
            let document = document.replace("{ __typename }", "{ __typename ...P }");
            // Of several at once, each is refused by itself.
            let items = if payload == "DossiersPayload" { "items { problems { code } }" } else { "" };
            format!("{document} fragment P on {payload} {{ {items} problems {{ code }} }}")
        }
        _ => document.to_owned(),
    };
    let answer = system.ask_in(token, "en", &document, &json!({})).await;
    let error = answer["errors"][0]["extensions"]["code"].as_str();
    let payload = &answer["data"][name];
    let of_item = payload["items"][0]["problems"][0]["code"].as_str();
    error.or(payload["problems"][0]["code"].as_str()).or(of_item).map(str::to_owned)
}

/// The root fields that somebody is not refused, of those that are not public.
async fn taken(system: &System, token: &str) -> Vec<String> {
    let schema = Schema::of(system).await;
    let mut taken = Vec::new();
    for (operation, fields) in [("query", &schema.queries), ("mutation", &schema.mutations)] {
        for field in fields.iter().filter(|field| !PUBLIC.contains(&field["name"].as_str().unwrap())) {
            match answered(system, token, operation, field, &schema.call(operation, field)).await.as_deref() {
                Some(code) if REFUSALS.contains(&code) => {}
                Some(_) | None => taken.push(field["name"].as_str().unwrap().to_owned()),
            }
        }
    }
    taken.sort();
    taken
}

/// A dossier, an account with a grant and a key, money and a disclosure of others: what mutations are about.
async fn things_of_others(system: &System) -> Given {
    let (service, admin) = (&system.service, caller(ADMIN));
    let filing = json!({"submit": submission("others'"), "channel": "COUNTER"});
    let dossier = system.act(INTAKE, "registerDossier", &filing).await.id;
    let on = |name: &str| json!({"idempotencyKey": key(name), "dossierId": dossier});
    let fee = json!({"on": on("fee"), "kind": "FEE", "amount": 50_000});
    system.act(INTAKE, "requestObligation", &fee).await;
    let paid = json!({"on": on("paid"), "obligation": 1, "order": "BL-1", "amount": 1_000, "method": "CASH"});
    system.act(INTAKE, "recordPayment", &paid).await;
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may.khac", AGENCY) };
    let id = service.open_account(&admin, &machine).await.unwrap().account;
    service.define_permission_group(&admin, &group("NHOM_KHAC", &[Function::Process])).await.unwrap();
    let granted = granting(id, "NHOM_KHAC", GrantOver::Agency, Some(AGENCY));
    let grant = service.grant(&admin, &granted).await.unwrap().grant.unwrap();
    let until = "2024-05-22".parse().unwrap();
    let issue = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
    let machine_key = service.issue_machine_key(&admin, &issue).await.unwrap().0;
    let breaking = BreakGlassInput {
        idempotency_key: key("break"),
        dossier_id: dossier,
        reason: DisclosureReason::Danger,
        note: LONG_ENOUGH.to_owned(),
    };
    let disclosure = service.break_glass(&caller(DUTY), &breaking).await.unwrap().disclosure;
    let quoted = |value: &dyn std::fmt::Display| format!("\"{value}\"");
    Given::from([
        ("idempotencyKey", quoted(&key("walk"))),
        ("dossierId", quoted(&dossier)),
        ("accountId", quoted(&id)),
        ("grantId", quoted(&grant)),
        ("keyId", quoted(&machine_key)),
        ("disclosureId", quoted(&disclosure)),
        ("order", quoted(&"BL-1")),
        ("agency", quoted(&OTHER_AGENCY)),
        ("receivingAgency", quoted(&AGENCY)),
        ("procedure", quoted(&"FIVE")),
        ("group", quoted(&"NHOM_KHAC")),
        ("step", quoted(&"THU_LY")),
        ("note", quoted(&LONG_ENOUGH)),
        ("reason", quoted(&LONG_ENOUGH)),
    ])
}

const DUTY: &str = "dev:duty:truc@000.00.16.H42";
const LONG_ENOUGH: &str = "MẪU một lý do đủ dài để được ghi lại";
/// What somebody is refused who sees the dossier.
const DENIALS: &[&str] = &["NO_FUNCTION", "NOT_APPLICANT", "NOT_ASSIGNEE", "NOT_HOLDER"];

/// Of each mutation but those that are left out: what somebody is answered who calls it about the things of others.
async fn called_about(
    system: &System,
    token: &str,
    given: &Given,
    but: &[&str],
) -> BTreeMap<String, Option<String>> {
    let schema = Schema::of(system).await;
    let mut codes = BTreeMap::new();
    for field in &schema.mutations {
        let name = field["name"].as_str().unwrap();
        if !but.contains(&name) {
            let document = schema.call_with("mutation", field, given);
            codes.insert(name.to_owned(), answered(system, token, "mutation", field, &document).await);
        }
    }
    codes
}

/// Things that are there, and that somebody has nothing to do with: nothing is written, and nothing is told but that.
async fn nobody_changes_what_is_not_theirs(backend: Backend) {
    let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
    let given = things_of_others(&system).await;
    let before = whole_log(system.service.store()).await.len();
    let codes = called_about(&system, CITIZEN, &given, &["submitDossier"]).await;
    assert!(60 < codes.len(), "{codes:?}");
    for (name, code) in &codes {
        assert!(code.as_deref().is_some_and(|code| REFUSALS.contains(&code)), "{name}: {code:?}");
    }
    assert_eq!(whole_log(system.service.store()).await.len(), before);
    system.stop().await;
}

/// Who may see a dossier and nothing else is told that by each mutation about it, and not that it is not there.
async fn who_only_reads_changes_nothing(backend: Backend) {
    let system = System::new(backend, "2024-04-22T09:00:00+07:00").await;
    let given = things_of_others(&system).await;
    let (service, admin) = (&system.service, caller(ADMIN));
    service.define_permission_group(&admin, &group("CHI_XEM", &[Function::ReadDossiers])).await.unwrap();
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may.xem", AGENCY) };
    let id = service.open_account(&admin, &machine).await.unwrap().account;
    service.grant(&admin, &granting(id, "CHI_XEM", GrantOver::Agency, Some(AGENCY))).await.unwrap();
    let until = "2024-05-22".parse().unwrap();
    let issue = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
    let token = service.issue_machine_key(&admin, &issue).await.unwrap().1;
    let seen = format!("{{ dossier(id: {}) {{ code }} }}", given["dossierId"]);
    assert!(system.ask(token.expose(), &seen, json!({})).await["dossier"]["code"].is_string());
    let before = whole_log(system.service.store()).await.len();
    for (name, code) in called_about(&system, token.expose(), &given, &[]).await {
        assert!(code.as_deref().is_some_and(|code| DENIALS.contains(&code)), "{name}: {code:?}");
    }
    assert_eq!(whole_log(system.service.store()).await.len(), before);
    // That they are denied is for who they are: who works on it gets further with the same words.
    let codes = called_about(&system, LEADER, &given, &[]).await;
    let is_denied = |code: &str| DENIALS.contains(&code) || REFUSALS.contains(&code);
    let further = codes.values().filter(|code| !code.as_deref().is_some_and(is_denied)).count();
    assert!(20 < further, "{codes:?}");
    assert!(before < whole_log(system.service.store()).await.len());
    system.stop().await;
}

/// Somebody with a token, who may file dossiers and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_file_is_refused_everything_else() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    // What is theirs; and who they are is told to everybody who is somebody.
    assert_eq!(taken(&system, CITIZEN).await, ["me", "myDossier", "myDossiers", "submitDossier"]);
    system.stop().await;
}

/// What an administrator changes holds for all: to administer one agency is to administer nothing of that.
#[tokio::test(flavor = "multi_thread")]
async fn who_administers_one_agency_changes_nothing_for_all() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let (service, admin) = (&system.service, caller(ADMIN));
    let functions = [Function::Administer];
    service.define_permission_group(&admin, &group("MOT_NOI", &functions)).await.unwrap();
    let machine = OpenAccountInput { kind: AccountKind::Machine, ..account("may.mot.noi", AGENCY) };
    let id = service.open_account(&admin, &machine).await.unwrap().account;
    let over_one = granting(id, "MOT_NOI", GrantOver::Agency, Some(AGENCY));
    service.grant(&admin, &over_one).await.unwrap();
    let until = "2024-05-22".parse().unwrap();
    let key = IssueMachineKeyInput { idempotency_key: None, account_id: id.0, until, functions: None };
    let (_, key, _) = service.issue_machine_key(&admin, &key).await.unwrap();
    // Which versions there are changes nothing.
    assert_eq!(taken(&system, key.expose()).await, ["me", "procedureVersions"]);
    let everywhere = granting(id, "MOT_NOI", GrantOver::Province, None);
    service.grant(&admin, &everywhere).await.unwrap();
    let taken = taken(&system, key.expose()).await;
    for name in ["establishAgency", "openCalendar", "publishProcedure", "projections"] {
        assert!(taken.contains(&name.to_owned()), "{name}: {taken:?}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subscription_is_guarded() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let schema = Schema::of(&system).await;
    assert!(!schema.subscriptions.is_empty());
    for field in &schema.subscriptions {
        let document = schema.call("subscription", field);
        assert_eq!(refused_as(&system.router, "", &document).await, "UNAUTHENTICATED", "{document}");
        assert_eq!(refused_as(&system.router, CITIZEN, &document).await, "NO_FUNCTION", "{document}");
    }
    system.stop().await;
}
