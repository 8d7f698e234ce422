//! Who may call what: a walk over every root field of the schema, with arguments made from their types.

use std::collections::BTreeMap;

use api::input::{AccountKind, Function, GrantOver, IssueMachineKeyInput, OpenAccountInput};
use serde_json::{Value, json};

use crate::access::{account, granting, group};
use crate::graphql::System;
use crate::live::refused_as;
use crate::support::Backend;
use crate::support::office::{ADMIN, AGENCY, caller};

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

struct Schema {
    types: BTreeMap<String, Value>,
    queries: Vec<Value>,
    mutations: Vec<Value>,
    subscriptions: Vec<Value>,
}

impl Schema {
    async fn of(system: &System) -> Self {
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
        let mut arguments: Vec<String> = self.needed(&field["args"]);
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

    fn needed(&self, inputs: &Value) -> Vec<String> {
        let is_needed =
            |input: &&Value| input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
        let written =
            |input: &Value| format!("{}: {}", input["name"].as_str().unwrap(), self.value(&input["type"]));
        inputs.as_array().unwrap().iter().filter(is_needed).map(written).collect()
    }

    fn value(&self, of: &Value) -> String {
        match of["kind"].as_str().unwrap() {
            "NON_NULL" => self.value(&of["ofType"]),
            "LIST" => format!("[{}]", self.value(&of["ofType"])),
            "ENUM" => {
                let of = &self.types[of["name"].as_str().unwrap()];
                of["enumValues"][0]["name"].as_str().unwrap().to_owned()
            }
            "INPUT_OBJECT" => {
                let of = &self.types[of["name"].as_str().unwrap()];
                format!("{{{}}}", self.needed(&of["inputFields"]).join(", "))
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

/// The root fields that somebody is not refused, of those that are not public.
async fn taken(system: &System, token: &str) -> Vec<String> {
    let schema = Schema::of(system).await;
    let mut taken = Vec::new();
    for (operation, fields) in [("query", &schema.queries), ("mutation", &schema.mutations)] {
        for field in fields.iter().filter(|field| !PUBLIC.contains(&field["name"].as_str().unwrap())) {
            let name = field["name"].as_str().unwrap();
            let document = schema.call(operation, field);
            let document = document.replace("{ __typename }", "{ __typename ...P }");
            let payload = field["type"]["ofType"]["name"].as_str().unwrap_or_default().to_owned();
            // Of several at once, each is refused by itself.
            let items = if payload == "DossiersPayload" { "items { problems { code } }" } else { "" };
            let document = if operation == "mutation" {
                format!("{document} fragment P on {payload} {{ {items} problems {{ code }} }}")
            } else {
                document.replace(" ...P", "")
            };
            let answer = system.ask_in(token, "en", &document, &json!({})).await;
            let error = answer["errors"][0]["extensions"]["code"].as_str();
            let payload = &answer["data"][name];
            let problem = payload["problems"][0]["code"].as_str();
            let problem = problem.or(payload["items"][0]["problems"][0]["code"].as_str());
            match error.or(problem) {
                Some(code) if REFUSALS.contains(&code) => {}
                Some(_) | None => taken.push(name.to_owned()),
            }
        }
    }
    taken.sort();
    taken
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
