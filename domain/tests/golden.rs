//! Every version of every event ever written, as it lies in some log: one file per pinned type name in `golden/events`.
//! Files are added, never changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use domain::decider::DecodeError;
use domain::recorded::Event;
use domain::{agency, code_book, decider::StoredEvent, dossier, procedure};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/events")
}

fn files() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let type_name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap();
            (type_name.to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn type_names() -> BTreeSet<String> {
    [
        dossier::Event::TYPE_NAMES,
        code_book::Event::TYPE_NAMES,
        procedure::Event::TYPE_NAMES,
        agency::Event::TYPE_NAMES,
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn encode(event: &Event) -> String {
    match event {
        Event::Dossier(event) => event.encode(),
        Event::Code(event) => event.encode(),
        Event::Procedure(event) => event.encode(),
        Event::Agency(event) => event.encode(),
    }
    .unwrap()
}

#[test]
fn every_type_name_has_a_file_and_every_file_a_type_name() {
    let files: BTreeSet<_> = files().into_iter().map(|(type_name, _)| type_name).collect();
    assert_eq!(files, type_names());
}

#[test]
fn every_event_ever_written_still_decodes_and_encodes_to_the_same() {
    for (type_name, text) in files() {
        let event = Event::decode(&type_name, &text).unwrap_or_else(|error| panic!("{type_name}: {error:?}"));
        assert_eq!(event.type_name(), type_name);
        let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
        let again: serde_json::Value = serde_json::from_str(&encode(&event)).unwrap();
        assert_eq!(again, golden, "{type_name}");
    }
}

#[test]
fn a_field_that_a_newer_program_added_does_not_hinder() {
    for (type_name, text) in files() {
        let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
        newer.as_object_mut().unwrap().insert("addedLater".to_owned(), 1.into());
        let event = Event::decode(&type_name, &newer.to_string()).unwrap();
        assert_eq!(event, Event::decode(&type_name, &text).unwrap());
    }
}

#[test]
fn an_unknown_type_is_not_corruption() {
    for unknown in ["dossier.received.v2", "dossier", "code.released.v1", "payment.received.v1", ""] {
        match Event::decode(unknown, "{}") {
            Err(DecodeError::UnknownType(name)) => assert_eq!(name, unknown),
            other => panic!("{unknown}: {other:?}"),
        }
    }
}

#[test]
fn malformed_content_is_corruption_and_says_where() {
    for type_name in type_names() {
        for malformed in
            ["", "{", "[1]", "null", r#"{"name":1,"note":[],"reason":{},"method":"fax","outcome":0}"#]
        {
            // Nothing in it is required: an object of unknown fields is an answer or a withdrawal without any.
            match Event::decode(&type_name, malformed) {
                Err(DecodeError::Malformed { type_name: named, source }) => {
                    assert_eq!(named, type_name);
                    assert!(!source.to_string().is_empty());
                }
                other => panic!("{type_name} {malformed}: {other:?}"),
            }
        }
    }
}
