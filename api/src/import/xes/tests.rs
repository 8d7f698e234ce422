//! Fixtures are ours: tests/fixtures/xes. Names of persons are made up and carry MẪU (sample).

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::{fixtures, real_input};
use super::*;

const SMALL: Limits = Limits { bytes_max: 64 << 10, token_bytes_max: 32 << 10, depth_max: 8 };

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures("xes").join(name)).unwrap()
}

fn read(name: &str) -> Result<Xes, XesError> {
    read_xes(bytes(name).as_slice())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn at(text: &str) -> Instant {
    parse_instant(text).unwrap()
}

#[test]
fn a_trace_becomes_a_dossier_with_its_activities() {
    let log = read("sound.xes").unwrap();
    assert_eq!((log.traces_read, log.defects.as_slice()), (4, &[] as &[XesDefect]));
    let text = |text: &str| Some(text.to_owned());
    let expected = Trace {
        index: 0,
        line: 12,
        case: "mau-1".to_owned(),
        start: at("2024-03-04T01:00:00Z"),
        end: Some(at("2024-03-15T09:00:00Z")),
        deadline: Some(at("2024-03-15T09:00:00Z")),
        channel: "Internet".to_owned(),
        department: text("Phòng mẫu"),
        group: text("Nhóm 1"),
        responsible: text("MẪU Nguyễn & Trần"),
        activities: vec![
            Activity {
                name: "Confirmation of receipt".to_owned(),
                at: at("2024-03-04T01:30:15.123456Z"),
                resource: text("MẪU Cán bộ 1"),
                group: text("Nhóm 1"),
                instance: text("task-1"),
            },
            Activity {
                name: "T02 Check confirmation of receipt".to_owned(),
                at: at("2024-03-04T02:00:00Z"),
                resource: None,
                group: None,
                instance: None,
            },
        ],
    };
    assert_eq!(log.traces[0], expected);
    let rest: Vec<_> = log.traces[1..]
        .iter()
        .map(|trace| (trace.index, trace.end.is_some(), trace.deadline.is_some()))
        .collect();
    assert_eq!(rest, [(1, true, true), (2, false, true), (3, false, false)]);
    assert_eq!(
        log.traces[1].end.unwrap() - log.traces[1].deadline.unwrap(),
        chrono::Duration::milliseconds(1)
    );
}

#[test]
fn gzip_is_told_by_its_first_bytes() {
    let plain = bytes("sound.xes");
    let log = read("sound.xes").unwrap();
    assert_eq!(read_xes(gzip(&plain).as_slice()).unwrap(), log);
    // Two members, as `cat a.gz b.gz` makes them.
    let (front, back) = plain.split_at(plain.len() / 2);
    assert_eq!(read_xes([gzip(front), gzip(back)].concat().as_slice()).unwrap(), log);
}

#[test]
fn odd_times_are_read_as_they_are() {
    let log = read("anomalies.xes").unwrap();
    assert_eq!(log.defects, []);
    let count = |odd: &dyn Fn(&Trace) -> usize| log.traces.iter().map(odd).collect::<Vec<_>>();
    assert_eq!(count(&odd::ended_before_start), [1, 0, 0, 0, 0]);
    assert_eq!(count(&odd::ended_before_first_activity), [0, 1, 0, 0, 0]);
    assert_eq!(count(&odd::activities_after_end), [0, 1, 2, 0, 0]);
    assert_eq!(count(&odd::activities_before_start), [0, 0, 0, 1, 0]);
    assert_eq!(count(&odd::activities_before_predecessor), [0, 0, 0, 0, 1]);
}

#[test]
fn every_defect_names_its_trace_and_reason() {
    let log = read("defects.xes").unwrap();
    let sound: Vec<_> = log.traces.iter().map(|trace| (trace.index, trace.case.as_str())).collect();
    assert_eq!(sound, [(0, "sound-1"), (17, "sound-2")]);
    assert_eq!(log.traces_read, 18);
    let shown: Vec<_> = log
        .defects
        .iter()
        .map(|defect| {
            let case = defect.case.as_deref().unwrap_or("?");
            format!("{} line {} {case} {}: {}", defect.trace, defect.line, defect.element, defect.reason)
        })
        .collect();
    let expected = [
        "1 line 23 ? trace: concept:name is missing",
        "2 line 33 sound-1 trace: the case is also that of the trace at line 12",
        "3 line 44 no-start trace: startdate is missing",
        r#"4 line 49 start-without-offset trace: startdate "2024-03-04T08:00:00" is not a date with time and offset"#,
        r#"5 line 55 start-unreadable trace: startdate "04/03/2024" is not a date with time and offset"#,
        r#"6 line 61 end-of-no-month trace: enddate "2024-13-04T08:00:00+07:00" is not a date with time and offset"#,
        "7 line 68 no-channel trace: channel is missing",
        "8 line 73 channel-empty trace: channel is missing",
        r#"9 line 79 start-is-text trace: startdate is of the type "string", not date"#,
        "10 line 85 start-twice trace: startdate is there twice",
        "11 line 92 activity-without-name event[2]: concept:name is missing",
        "12 line 107 activity-without-time event[1]: time:timestamp is missing",
        r#"13 line 122 activity-time-unreadable event[3]: time:timestamp "yesterday" is not a date with time and offset"#,
        r#"14 line 143 activity-not-complete event[1]: lifecycle:transition is "start", and only complete is imported"#,
        "15 line 154 several trace: channel is missing",
        r#"15 line 154 several trace: startdate "x" is not a date with time and offset"#,
        "15 line 154 several event[1]: concept:name is missing",
        "15 line 154 several event[1]: time:timestamp is missing",
        "16 line 167 text-too-long trace: channel is longer than 1000 characters",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_broken_file_is_a_typed_error() {
    let malformed = [
        ("cut_short.xes", "line 50, byte 2297: the file ends before its elements do, 2 are open"),
        ("document_type.xes", "line 3, byte 100: a document type declaration is not accepted"),
        ("undefined_entity.xes", "line 13, byte 610: at 1..2: unrecognized entity `a`"),
        (
            "wrong_end_tag.xes",
            "line 31, byte 1572: ill-formed document: expected `</event>`, but `</evnt>` was found",
        ),
        ("empty.xes", "line 1, byte 0: the file has no element"),
    ];
    for (name, expected) in malformed {
        let error = read(name).unwrap_err();
        assert!(matches!(error, XesError::Malformed { .. }), "{name}");
        assert_eq!(error.to_string(), format!("the file is not well-formed: {expected}"), "{name}");
    }
    let not_a_log = read("not_a_log.xes").unwrap_err();
    assert!(matches!(&not_a_log, XesError::NotALog { root } if root == "process"));

    let whole = gzip(&bytes("sound.xes"));
    let cut = read_xes(&whole[..whole.len() - 20]).unwrap_err();
    assert!(
        matches!(&cut, XesError::Read(source) if source.kind() == io::ErrorKind::UnexpectedEof),
        "{cut:?}"
    );
    assert_eq!(cut.to_string(), "the file cannot be read");
    assert!(cut.source().is_some());
    let mut damaged = whole;
    let middle = damaged.len() / 2;
    damaged[middle..middle + 16].fill(0);
    assert!(read_xes(damaged.as_slice()).is_err());
    assert!(read_xes(&[0x1f_u8][..]).is_err() && read_xes(GZIP_MAGIC.as_slice()).is_err());
}

#[test]
fn limits_hold() {
    let refused = |input: &[u8], what: &str| match read_within(input, SMALL) {
        Err(XesError::TooLarge { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{what}: {other:?}"),
    };
    // 100 MB in 100 KB: refused after the first buffers, whether spread over many tags or within one.
    let bomb =
        |filling: &[u8]| gzip(&[b"<log>".as_slice(), &filling.repeat(100_000_000 / filling.len())].concat());
    refused(&bomb(b"<a/> "), "the file in bytes");
    refused(&bomb(b"<!-- -->"), "the file in bytes");
    refused(&bomb(b" "), "one tag or text in bytes");
    let long = format!("<log a='{}'/>", " ".repeat(60_000));
    refused(long.as_bytes(), "one tag or text in bytes");

    let deep = format!("<log>{}{}</log>", "<a>".repeat(8), "</a>".repeat(8));
    let error = read_within(deep.as_bytes(), SMALL).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is not well-formed: line 1, byte 26: elements are nested deeper than 8"
    );

    let defects = format!("<log>{}</log>", "<trace/>".repeat(DEFECTS_MAX));
    assert!(matches!(
        read_xes(defects.as_bytes()),
        Err(XesError::TooLarge { what: "the number of defects", .. })
    ));
    let events = format!("<log><trace>{}</trace></log>", "<event/>".repeat(EVENTS_PER_TRACE_MAX + 1));
    let error = read_xes(events.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the number of events in one trace is larger than 100000");
}

#[test]
fn no_damage_makes_it_panic() {
    let sound = bytes("sound.xes");
    for position in 0..sound.len() {
        let _ = read_xes(&sound[..position]);
        for byte in [0, b'<', b'>', b'&', b'"', b'-', b'9', 0xff] {
            let mut damaged = sound.clone();
            damaged[position] = byte;
            let _ = read_xes(damaged.as_slice());
        }
    }
}

#[test]
fn channels_are_known_by_the_words_of_the_log() {
    assert_eq!(channel("Internet"), Some(Channel::Online));
    assert_eq!(channel("Desk"), Some(Channel::Counter));
    assert_eq!(channel("Post"), Some(Channel::Post));
    assert_eq!(channel("e-mail"), Some(Channel::Email));
    assert_eq!(channel("Intern"), Some(Channel::Internal));
    assert_eq!(channel("UNKNOWN"), None);
}

#[test]
fn names_of_activities_become_stable_codes() {
    for (name, code) in [
        ("T02 Check confirmation of receipt", "T02"),
        ("T07-1 Draft intern advice aspect 1", "T07-1"),
        ("Confirmation of receipt", "CONFIRMATION_OF_RECEIPT"),
        ("  pay: the (fee) ", "PAY_THE_FEE"),
        ("T-1 call", "T_1_CALL"),
        ("Tiếp nhận hồ sơ", "TI_P_NH_N_H_S-ECAA4065C611"),
        ("登録", "STEP-316E65237927"),
        ("", "STEP-0A68EB57C88A"),
    ] {
        assert_eq!(step_code(name).as_str(), code, "{name}");
    }
    let long = "x".repeat(5_000);
    assert_eq!(step_code(&long).as_str().len(), STEP_CODE_LEN_MAX);
    assert_ne!(step_code(&long), step_code(&format!("{long}y")));
    assert_ne!(step_code("Ký duyệt"), step_code("Ky duyệt"));
    assert_eq!(step_code(&format!("T{}", "1".repeat(100))).as_str().len(), STEP_CODE_LEN_MAX);
}

#[test]
fn the_facts_of_the_real_file_reproduce() {
    let Some(path) = real_input("receipt.xes.gz") else { return };
    let log = read_xes(File::open(path).unwrap()).unwrap();
    assert_eq!((log.traces_read, log.traces.len(), log.defects.len()), (1_434, 1_434, 0));
    let sum = |count: &dyn Fn(&Trace) -> usize| log.traces.iter().map(count).sum::<usize>();
    let traces = |count: &dyn Fn(&Trace) -> usize| log.traces.iter().filter(|trace| 0 < count(trace)).count();
    assert_eq!(sum(&|trace| trace.activities.len()), 8_577);
    assert!(log.traces.iter().all(|trace| !trace.activities.is_empty() && trace.deadline.is_some()));

    let ended = || log.traces.iter().filter_map(|trace| trace.end.zip(trace.deadline));
    assert_eq!(ended().count(), 1_329);
    assert_eq!(ended().filter(|(end, deadline)| end <= deadline).count(), 952);
    assert_eq!(ended().filter(|(end, deadline)| deadline < end).count(), 377);
    assert_eq!(log.traces.iter().filter(|trace| trace.end.is_none()).count(), 105);
    let by = |wanted| log.traces.iter().filter(|trace| channel(&trace.channel) == Some(wanted)).count();
    let channels = [Channel::Online, Channel::Counter, Channel::Post, Channel::Email, Channel::Internal];
    assert_eq!(channels.map(by), [1_250, 109, 53, 21, 1]);

    assert_eq!(sum(&odd::ended_before_start), 2);
    assert_eq!(sum(&odd::ended_before_first_activity), 117);
    assert_eq!((sum(&odd::activities_after_end), traces(&odd::activities_after_end)), (180, 145));
    assert_eq!((sum(&odd::activities_before_start), traces(&odd::activities_before_start)), (12, 2));
    assert_eq!(sum(&odd::activities_before_predecessor), 0);

    let names: BTreeSet<_> = log
        .traces
        .iter()
        .flat_map(|trace| &trace.activities)
        .map(|activity| activity.name.as_str())
        .collect();
    let codes: BTreeSet<_> = names.iter().map(|name| step_code(name)).collect();
    assert_eq!((names.len(), codes.len()), (27, 27));
}

/// What the importer counts, on the file itself.
mod odd {
    use super::Trace;

    pub(super) fn ended_before_start(trace: &Trace) -> usize {
        usize::from(trace.end.is_some_and(|end| end < trace.start))
    }

    pub(super) fn ended_before_first_activity(trace: &Trace) -> usize {
        let first = trace.activities.iter().map(|activity| activity.at).min();
        usize::from(trace.end.zip(first).is_some_and(|(end, first)| end < first))
    }

    pub(super) fn activities_after_end(trace: &Trace) -> usize {
        trace.activities.iter().filter(|activity| trace.end.is_some_and(|end| end < activity.at)).count()
    }

    pub(super) fn activities_before_start(trace: &Trace) -> usize {
        trace.activities.iter().filter(|activity| activity.at < trace.start).count()
    }

    pub(super) fn activities_before_predecessor(trace: &Trace) -> usize {
        trace.activities.windows(2).filter(|pair| pair[1].at < pair[0].at).count()
    }
}
