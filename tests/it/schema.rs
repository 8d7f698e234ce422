//! The schema as others read it: Relay's rules, a generated client, what would break clients, refetching by id.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::graphql::{ADMIN, AUDITOR, OFFICER_B, STRANGER, System, submission};
use crate::support::{Backend, TempFolder};

/// The folder of the programs by others that judge from outside, installed as its lock file says.
pub(crate) fn judges() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    assert!(folder.join("node_modules").is_dir(), "run npm ci in tests/js, as ./test.sh does");
    folder
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// Runs one of them, from the folder above; what it prints.
async fn node(arguments: &[&str]) -> (bool, String) {
    let judges = judges();
    let output = Command::new("node").args(arguments).current_dir(judges.parent().unwrap()).output().await;
    let output = output.expect("node runs the judges");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

async fn breaking(older: &Path, newer: &Path) -> Vec<String> {
    let (done, said) = node(&["js/breaking.mjs", older.to_str().unwrap(), newer.to_str().unwrap()]).await;
    assert!(done, "{said}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn connections_are_those_of_relay() {
    let (done, said) = node(&[
        "js/node_modules/eslint/bin/eslint.js",
        "-c",
        "js/eslint.config.mjs",
        "golden/schema.graphql",
    ])
    .await;
    assert!(done, "{said}");
    assert!(!said.contains("ignored"), "{said}");
}

#[tokio::test]
async fn a_generated_client_of_the_portals_pages_compiles() {
    let judges = judges();
    let run = async |program: &str, arguments: &[&str]| {
        let program = judges.join("node_modules/.bin").join(program);
        let output = Command::new(program).args(arguments).current_dir(&judges).output().await.unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run("graphql-codegen", &["--config", "codegen.mjs"]).await;
    run("tsc", &["-p", "."]).await;
}

/// Clients were built for what was released last: `golden/released.graphql`. A change that breaks them needs a new release,
/// which says so in the changelog.
#[tokio::test]
async fn nothing_breaks_the_clients_of_the_last_release() {
    let (released, current) = (golden("released.graphql"), golden("schema.graphql"));
    assert_eq!(breaking(&released, &current).await, Vec::<String>::new());

    let folder = TempFolder::new();
    let broken = folder.join("broken.graphql");
    let sdl = std::fs::read_to_string(&current).unwrap();
    let without = sdl.replace("\tworkingDaysLate: Int\n", "\tlate: Int\n");
    assert_ne!(sdl, without);
    std::fs::write(&broken, without).unwrap();
    assert_eq!(breaking(&released, &broken).await, ["BoardEntry.workingDaysLate was removed."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_found_again_by_its_id() {
    let system = System::new(Backend::Sqlite, "2024-04-22T09:00:00+07:00").await;
    let filed = system.act(ADMIN, "submitDossier", &submission("node")).await;
    system.service.read_side.catch_up().await.unwrap();
    let lists = system.ask("", "{ agencies { id code } procedures { id code } }", json!({})).await;
    let node = "query Q($id: ID!) { node(id: $id) { __typename id ... on Agency { code } ... on Procedure { code } ... on Dossier { stage } } }";
    for (list, kind) in [("agencies", "Agency"), ("procedures", "Procedure")] {
        let first = &lists[list][0];
        // Anybody may know these.
        let found = system.ask("", node, json!({"id": first["id"]})).await;
        let expected = json!({"__typename": kind, "id": first["id"], "code": first["code"]});
        assert_eq!(found["node"], expected);
    }
    let id = json!({"id": filed.id});
    for who in [AUDITOR, OFFICER_B] {
        let found = system.ask(who, node, id.clone()).await;
        assert_eq!(
            found["node"],
            json!({"__typename": "Dossier", "id": filed.id, "stage": "SUBMITTED"}),
            "{who}"
        );
    }
    // Who may not know of it, and what is not there, get the same answer.
    let absent = json!({"id": "00000000-0000-0000-0000-00000000dead"});
    for (who, id) in [(STRANGER, &id), ("", &id), (AUDITOR, &absent), (AUDITOR, &json!({"id": "x"}))] {
        assert_eq!(system.ask(who, node, id.clone()).await, json!({"node": Value::Null}), "{who} {id}");
    }
    system.stop().await;
}
