//! Every version of every event ever written, as it lies in some log: one file per pinned type name in `golden/events`,
//! and more, `<type>+<what>.json`, where optional fields came later. Files are added, never changed.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use domain::decider::DecodeError;
use domain::recorded::Event;
use domain::{
    account, agency, calendar_book, code_book, decider::StoredEvent, disclosure, dossier, notice, payment,
    permission_group, procedure, read_model, synchronisation,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/events")
}

fn files() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap();
            (name.split('+').next().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
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
        calendar_book::Event::TYPE_NAMES,
        synchronisation::Event::TYPE_NAMES,
        read_model::Event::TYPE_NAMES,
        notice::Event::TYPE_NAMES,
        payment::Event::TYPE_NAMES,
        account::Event::TYPE_NAMES,
        permission_group::Event::TYPE_NAMES,
        disclosure::Event::TYPE_NAMES,
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
        Event::Calendar(event) => event.encode(),
        Event::Synchronisation(event) => event.encode(),
        Event::ReadModel(event) => event.encode(),
        Event::Notice(event) => event.encode(),
        Event::Payment(event) => event.encode(),
        Event::Account(event) => event.encode(),
        Event::PermissionGroup(event) => event.encode(),
        Event::Disclosure(event) => event.encode(),
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
            ["", "{", "7", "null", r#"{"name":1,"note":[],"reason":{},"method":"fax","outcome":0}"#]
        {
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

#[test]
fn what_is_optional_may_be_absent() {
    let key = "00000000-0000-0000-0000-000000000001";
    let submitted = format!(
        r#"{{"code":"000.00.16.H42-190805-0001","code_rule":"at_submission","channel":"online","dossier_key":"{key}",
            "procedure":{{"id":"{key}","code":"DT01","version":1}},
            "agencies":{{"receiving":"{key}","competent":"{key}"}},
            "applicant":{{"key":"{key}","kind":"enterprise","name":"sealed.1"}}}}"#
    );
    let hours =
        r#"{"opens":"07:00:00","closes":"11:30:00"},"afternoon":{"opens":"13:30:00","closes":"17:00:00"}"#;
    let received = format!(
        r#"{{"term":"open","calendar":"vn-2017-2027.1+2cc20c7e4536689b","office_hours":{{"morning":{hours}}},
            "due_policy":{{}},"holder":{{"agency":"{key}"}}}}"#
    );
    let forwarded = format!(r#"{{"to":{{"agency":"{key}"}}}}"#);
    let sent = format!(r#"{{"to":"{key}"}}"#);
    let accepted = format!(r#"{{"holder":{{"agency":"{key}"}}}}"#);
    let opinion_requested = format!(r#"{{"opinion":1,"from":"{key}","question":"sealed.1"}}"#);
    let file_attached = format!(
        r#"{{"file":"{key}","purpose":"result","media_type":"image/png","size":1,"sha256":"","key":"{key}"}}"#
    );
    let least = [
        ("dossier.submitted.v1", submitted.as_str()),
        ("dossier.intake_supplement_requested.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.intake_supplement_received.v1", "{}"),
        ("dossier.refused.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.received.v1", received.as_str()),
        ("dossier.forwarded.v1", forwarded.as_str()),
        ("dossier.step_completed.v1", r#"{"step":"THU_LY"}"#),
        ("dossier.supplement_requested.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.supplement_received.v1", r#"{"calendar":"vn-2017-2027.1+2cc20c7e4536689b"}"#),
        ("dossier.processing_finished.v1", r#"{"outcome":"declined"}"#),
        ("dossier.result_returned.v1", r#"{"method":"online"}"#),
        ("dossier.withdrawn.v1", "{}"),
        ("dossier.paused.v1", r#"{"reason":"suspension"}"#),
        ("dossier.resumed.v1", r#"{"calendar":"vn-2017-2027.1+2cc20c7e4536689b"}"#),
        ("dossier.sent.v1", sent.as_str()),
        ("dossier.accepted.v1", accepted.as_str()),
        ("dossier.sent_back.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.recalled.v1", r#"{}"#),
        ("dossier.opinion_requested.v1", opinion_requested.as_str()),
        ("dossier.opinion_given.v1", r#"{"opinion":1,"answer":"sealed.1"}"#),
        ("dossier.proposed.v1", r#"{"outcome":"declined"}"#),
        ("dossier.approved.v1", r#"{}"#),
        ("dossier.rework_requested.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.signed.v1", r#"{}"#),
        ("dossier.issued.v1", r#"{"number":"sealed.1"}"#),
        ("dossier.obligation_requested.v1", r#"{"obligation":1,"kind":"fee","amount_vnd":1}"#),
        ("dossier.payment_recorded.v1", r#"{"obligation":1,"order":"1","amount_vnd":1,"method":"cash"}"#),
        ("dossier.obligation_waived.v1", r#"{"obligation":1,"reason":"sealed.1"}"#),
        ("dossier.payment_refunded.v1", r#"{"order":"1","reason":"sealed.1"}"#),
        (
            "dossier.extended.v1",
            r#"{"reason":"sealed.1","due_at":"2019-09-02T10:00:00Z","signed_by":"sealed.1"}"#,
        ),
        ("dossier.stopped.v1", r#"{"reason":"sealed.1"}"#),
        ("dossier.applicant_notified.v1", r#"{"about":"stopped","by":"letter"}"#),
        ("dossier.corrected.v1", r#"{"what":"refused","reason":"sealed.1"}"#),
        ("dossier.file_attached.v1", file_attached.as_str()),
        (
            "procedure.drafted.v1",
            r#"{"code":"DT01","definition":{"name":"","term":"set_at_receipt","steps":[]}}"#,
        ),
        ("agency.established.v1", r#"{"code":"000.00.16.H42","name":"Sở Tư pháp"}"#),
        ("agency.recoded.v1", r#"{"code":"000.00.16.H42","from":"2025-07-01"}"#),
        ("agency.moved.v1", r#"{"from":"2025-07-01"}"#),
        ("agency.calendar_chosen.v1", r#"{"from":"2025-07-01"}"#),
        ("agency.succeeded.v1", r#"{"by":[],"from":"2025-07-01","decision":{"reference":"01/QĐ"}}"#),
        ("calendar.adopted.v1", r#"{"label":"vn","first_year":2025,"last_year":2025,"days":[]}"#),
        ("calendar.decided.v1", r#"{"decision":{"reference":"01/QĐ"}}"#),
        ("read_model.stream_skipped.v1", r#"{"stream":"dossier-x","version":1,"reason":"hỏng"}"#),
    ];
    for (type_name, text) in least {
        Event::decode(type_name, text).unwrap_or_else(|error| panic!("{type_name}: {error:?}"));
    }
}
