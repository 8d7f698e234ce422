//! The demo province: the same everywhere, whole after a kill, and in every state.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use infrastructure::clock::Clock;
use infrastructure::event_store::EventStore;
use projections::public_status::PublicStatus;
use projections::read_model::ReadModel;
use projections::table::{Cell, rows};
use projections::{Model, ReadSide};

use crate::support::{Backend, Place, backends, binary};

fn demo(place: &Place) -> Command {
    let mut command = Command::new(binary());
    command
        .args([
            "demo",
            "--no-serve",
            "--json",
            "--dossiers",
            "400",
            "--seed",
            "7",
            "--at",
            "2026-11-24T10:00:00+07:00",
        ])
        .args(["--store", &place.store(), "--keys", &place.keys()])
        .arg("--master-key")
        .arg(place.folder.join("motcua-master.key"))
        .current_dir(Path::new("/"))
        .stderr(Stdio::null());
    command
}

fn make(place: &Place) -> serde_json::Value {
    let output = demo(place).output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

async fn public_status(place: &Place) -> Vec<Vec<Cell<'static>>> {
    let location = place.location();
    let store = EventStore::open(&location.log, Clock::System).await.unwrap();
    let read_side = ReadSide::open(&location.read, store).await.unwrap();
    read_side.catch_up().await.unwrap();
    rows(read_side.database(), PublicStatus::TABLE).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_makes_the_same_province_on_every_back_end_also_after_a_kill() {
    let reference = Place::new(Backend::Sqlite).await;
    let made = make(&reference);
    assert_eq!((&made["made"], &made["dossiers"]), (&true.into(), &400.into()));
    let expected = public_status(&reference).await;
    assert_eq!(expected.len(), 400);

    let stages: BTreeSet<&Cell> = expected.iter().map(|row| &row[2]).collect();
    assert!(6 <= stages.len(), "the demo reaches only {stages:?}");

    for backend in backends() {
        let place = Place::new(backend).await;
        // Killed half way, then made again: the rest is added, and nothing twice.
        let mut child = demo(&place).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(900));
        child.kill().unwrap();
        child.wait().unwrap();
        let again = make(&place);
        assert_eq!(again["events"], made["events"], "{backend:?}");
        assert_eq!(public_status(&place).await, expected, "{backend:?}");
        let third = make(&place);
        assert_eq!(third["made"], false, "{backend:?}");

        let location = place.location();
        let store = EventStore::open(&location.log, Clock::System).await.unwrap();
        let head = store.head().await.unwrap().0;
        assert_eq!(serde_json::Value::from(head), made["events"], "{backend:?}: the plan counts every event");
        let read_side = ReadSide::open(&location.read, store).await.unwrap();
        read_side.rebuild(Model::ALL, |_| true).await.unwrap();
        assert_eq!(public_status(&place).await, expected, "{backend:?}: rebuilt");
    }
}
