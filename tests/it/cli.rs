//! The command line as an operator meets it: the real binary, its output, its exit code, its files.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use api::input::{LockAccountInput, LockReason, RetirePermissionGroupInput, RevokeGrantInput};
use api::service::Service;
use domain::private::Secret;
use domain::recorded::Position;
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use infrastructure::keys::credentials::{CredentialPolicy, Shown};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::support::{Backend, Place, backends, binary, is_long, real_input};

/// Runs the binary in a folder, as far away from the project as it gets.
pub(crate) async fn motcua(folder: &Path, arguments: &[String]) -> Output {
    told(folder, arguments, "").await
}

/// With a text on its standard input.
async fn told(folder: &Path, arguments: &[String], text: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("XDG_DATA_HOME")
        .env_remove("MOTCUA_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Who does not listen has closed it.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes()).await;
    let run = child.wait_with_output();
    tokio::time::timeout(Duration::from_secs(300), run).await.expect("the binary ends").unwrap()
}

/// With where this test keeps its data.
pub(crate) fn stored(place: &Place, arguments: &[&str]) -> Vec<String> {
    let mut all = words(arguments);
    let master = place.folder.join("motcua-master.key").display().to_string();
    all.extend(words(&["--store", &place.store(), "--keys", &place.keys(), "--master-key", &master]));
    all
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The one object of `--json`: one line, and nothing else on stdout.
#[track_caller]
pub(crate) fn json_of(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
    let text = stdout(output);
    assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true), "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    assert!(value.is_object(), "{text}");
    value
}

/// Ends with this code, says why on stderr and nothing on stdout.
#[track_caller]
fn fails(output: &Output, code: i32, reason: &str) {
    let (said, printed) = (stderr(output), stdout(output));
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(reason), "{reason:?} is not in {said:?}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(printed, "");
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).display().to_string()
}

async fn open(place: &Place) -> Service {
    Service::open(&place.location(), Clock::System, Entropy::System).await.unwrap()
}

async fn head(place: &Place) -> Position {
    open(place).await.store().head().await.unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_command_has_help_and_every_mistake_is_usage() {
    let place = Place::new(Backend::Sqlite).await;
    let folder = &place.folder;
    for (command, names) in [
        (
            &[][..],
            &[
                "demo",
                "simulate",
                "serve",
                "import",
                "replay",
                "rebuild",
                "projections",
                "accounts",
                "payments",
                "schema",
                "due",
                "bench",
                "Exit codes",
            ][..],
        ),
        (&["demo"], &["Usage: motcua demo"]),
        (
            &["serve"],
            &[
                "--listen <ADDR>",
                "--development-tokens",
                "--issuers <FILE>",
                "--administration-in-office-hours",
                "--administration-on-admin-listener",
                "--administration-from <CIDR>",
                "--documents <DIR|FILE>",
                "--session-client <CLIENT>",
                "--origin <ORIGIN>",
                "--file-bytes-max <BYTES>",
                "--scanner <COMMAND>",
                "--payments <FILE>",
                "--break-glass-minutes <MINUTES>",
                "--files <DIR>",
                "--store <URL>",
                "--keys <URL>",
                "--master-key <FILE>",
            ],
        ),
        (&["import"], &["procedures", "xes"]),
        (&["import", "procedures"], &["<DIR>", "--store <URL>", "--json"]),
        (&["export", "procedures"], &["<DIR>", "--store <URL>", "--json"]),
        (&["import", "xes"], &["<FILE>", "--agency <CODE>", "--procedure <CODE>", "--store <URL>", "--json"]),
        (&["replay"], &["<CODE>", "--store <URL>", "--json"]),
        (&["rebuild"], &["[NAMES]...", "dossier_summary", "--store <URL>", "--json"]),
        (&["projections"], &["retry", "skip", "--store <URL>", "--json"]),
        (&["projections", "retry"], &["<NAME>", "<STREAM>", "--store <URL>"]),
        (
            &["projections", "skip"],
            &["<NAME>", "<STREAM>", "<VERSION>", "--reason <REASON>", "--store <URL>"],
        ),
        (&["accounts"], &["administrator"]),
        (
            &["accounts", "administrator"],
            &[
                "--login <NAME>",
                "--name <NAME>",
                "--agency <CODE>",
                "--agency-name <NAME>",
                "--store <URL>",
                "--json",
            ],
        ),
        (&["files"], &["collect", "verify"]),
        (
            &["files", "collect"],
            &["--older-than <AGE>", "--dry-run", "--files <DIR>", "--store <URL>", "--json"],
        ),
        (&["files", "verify"], &["--files <DIR>", "--store <URL>", "--json"]),
        (&["payments"], &["reconcile", "list", "example"]),
        (
            &["payments", "reconcile"],
            &["--settings <FILE>", "--day <DAY>", "--gateway <CODE>", "--store <URL>", "--json"],
        ),
        (&["payments", "list"], &["--store <URL>", "--json"]),
        (&["reads"], &["verify"]),
        (&["reads", "verify"], &["--store <URL>", "--json"]),
        (&["reads", "prune"], &["--before <DATE>", "--store <URL>", "--json"]),
        (&["schema"], &["Usage: motcua schema"]),
        (
            &["due"],
            &[
                "--received",
                "--working-days",
                "--half-days",
                "--hours",
                "--calendar-days",
                "--calendar",
                "--json",
            ],
        ),
        (&["bench"], &["append", "rebuild", "read", "visible"]),
        (&["bench", "read"], &["--dossiers", "1000000", "--open", "--samples", "--keep"]),
        (&["bench", "visible"], &["--rate", "1000", "--seconds"]),
        (&["bench", "append"], &["--clients", "1,16,64,256", "--seconds", "--store <URL>", "--json"]),
        (&["bench", "rebuild"], &["--events", "200000", "--open", "--portion", "--store <URL>", "--json"]),
    ] {
        let mut arguments = words(command);
        arguments.push("--help".to_owned());
        let output = motcua(folder, &arguments).await;
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{command:?}");
        for name in names {
            assert!(stdout(&output).contains(name), "{name} is not in the help of {command:?}");
        }
    }
    let version = motcua(folder, &words(&["--version"])).await;
    assert_eq!(stdout(&version), format!("motcua {}\n", env!("CARGO_PKG_VERSION")));
    for (wrong, reason) in [
        (&[][..], "Usage: motcua"),
        (&["fly"], "unrecognized subcommand"),
        (&["schema", "--fast"], "unexpected argument"),
        (&["serve", "--listen", "nowhere"], "--listen"),
        (&["serve", "--break-glass-minutes", "1441"], "--break-glass-minutes"),
        (&["serve", "--scanner", "true"], "the scanner does not find the EICAR test file"),
        (&["serve", "--administration-on-admin-listener"], "--admin <ADDR>"),
        (&["serve", "--administration-from", "10.1.0.0/16,somewhere"], "write a network as 10.1.0.0/16"),
        (&["serve", "--documents", "nowhere.json"], "nowhere.json: it cannot be read"),
        (&["import", "xes"], "<FILE>"),
        (&["import", "xes", "x.xes", "--agency", "H42"], "an agency code such as"),
        (&["import", "xes", "x.xes", "--procedure", "ố"], "a procedure code"),
        (&["bench", "append", "--clients", "few"], "--clients"),
        (&["serve", "--store", "mysql://u:hunter2@h/d"], "this URL has another scheme"),
        (&["replay", "000.00.16.H42-190805-0001", "--store", "motcua.db"], "this URL has another scheme"),
        (&["rebuild", "--store", "sqlite:"], "needs a path"),
        (&["rebuild", "--keys", "file:x"], "this URL has another scheme"),
        (&["bench", "append", "--store", "x"], "this URL has another scheme"),
    ] {
        let output = motcua(folder, &words(wrong)).await;
        fails(&output, 2, reason);
        assert!(!stderr(&output).contains("hunter2"));
    }
    assert_eq!(files(folder), Vec::<String>::new(), "a mistake leaves nothing behind");
}

async fn due(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = words(&["due"]);
    all.extend(words(arguments));
    motcua(folder, &all).await
}

#[tokio::test]
async fn due_tells_the_instant_and_every_day_of_the_way() {
    let place = Place::new(Backend::Sqlite).await;
    let folder = &place.folder;
    let arguments = ["--received", "2024-04-26T09:00:00+07:00", "--working-days", "5", "--json"];
    let answer = json_of(&due(folder, &arguments).await, 0);
    assert_eq!(answer["due"], "2024-05-07T17:00:00+07:00");
    let why = answer["why"].as_array().unwrap();
    for reason in why {
        let keys: Vec<_> = reason.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["date", "en", "vi"]);
    }
    let days: Vec<_> = why.iter().map(|reason| reason["date"].as_str().unwrap()).collect();
    let mut expected = vec!["2024-04-26"; 2];
    expected.extend(["2024-04-27", "2024-04-28", "2024-04-29", "2024-04-30"]);
    expected.extend(["2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04", "2024-05-05", "2024-05-06"]);
    expected.extend(["2024-05-07"; 2]);
    assert_eq!(days, expected);
    assert_eq!(why[0]["en"], "Friday 26 April 2024: received at 09:00.");
    assert_eq!(why[0]["vi"], "Thứ Sáu 26/04/2024: tiếp nhận lúc 09:00.");
    assert_eq!(why[13]["en"], "Tuesday 7 May 2024: due at 17:00, the end of the working day.");
    assert!(answer["calendar"].as_str().unwrap().starts_with("vn-2017-2027"), "{answer}");

    // For people the same, in Vietnamese.
    let output = due(folder, &arguments[..4]).await;
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<_> = stdout(&output).lines().collect();
    assert_eq!((lines[0], lines.len()), ("2024-05-07T17:00:00+07:00", 15));

    // The other terms, and receipts out of hours; the same instant in another offset.
    for (received, term, n, expected) in [
        ("2024-04-26T09:00:00+07:00", "--half-days", "0", "2024-04-26T11:30:00+07:00"),
        ("2024-04-26T09:00:00+07:00", "--half-days", "1", "2024-04-26T17:00:00+07:00"),
        ("2024-04-26T09:00:00+07:00", "--half-days", "2", "2024-05-02T11:30:00+07:00"),
        ("2024-04-26T14:00:00+07:00", "--half-days", "1", "2024-05-02T11:30:00+07:00"),
        ("2024-04-26T09:00:00+07:00", "--half-days", "3", "2024-05-02T17:00:00+07:00"),
        ("2024-04-26T09:00:00+07:00", "--hours", "2", "2024-04-26T11:00:00+07:00"),
        ("2024-04-26T09:00:00+07:00", "--hours", "4", "2024-04-26T15:00:00+07:00"),
        ("2024-04-26T07:00:00+07:00", "--hours", "8", "2024-04-26T17:00:00+07:00"),
        ("2024-04-26T16:00:00+07:00", "--hours", "2", "2024-05-02T08:00:00+07:00"),
        ("2024-04-22T09:00:00+07:00", "--calendar-days", "3", "2024-04-25T17:00:00+07:00"),
        ("2024-04-24T09:00:00+07:00", "--calendar-days", "3", "2024-05-02T17:00:00+07:00"),
        ("2024-04-26T16:30:00+07:00", "--working-days", "0", "2024-04-26T17:00:00+07:00"),
        ("2024-04-26T18:00:00+07:00", "--working-days", "0", "2024-05-02T17:00:00+07:00"),
        ("2024-04-26T02:00:00Z", "--working-days", "5", "2024-05-07T17:00:00+07:00"),
    ] {
        let answer = json_of(&due(folder, &["--received", received, term, n, "--json"]).await, 0);
        assert_eq!(answer["due"], expected, "{received} {term} {n}");
    }

    let received = "2024-04-26T09:00:00+07:00";
    for (wrong, code, reason) in [
        (&["--received", received][..], 2, "required"),
        (&["--received", received, "--hours", "1", "--half-days", "1"], 2, "cannot be used with"),
        (&["--received", received, "--working-days", "-1"], 2, ""),
        (&["--received", received, "--working-days", "five"], 2, "--working-days"),
        (&["--received", "2024-04-26", "--working-days", "5"], 2, "--received"),
        (&["--working-days", "5"], 2, "--received"),
        (&["--received", "2031-04-26T09:00:00+07:00", "--working-days", "5", "--json"], 3, "2031"),
        (&["--received", "2027-12-31T09:00:00+07:00", "--working-days", "1", "--json"], 3, "2028"),
        (&["--received", "2016-12-30T09:00:00+07:00", "--hours", "8"], 3, "2016"),
        (&["--received", received, "--calendar-days", "4294967295"], 3, "not loaded"),
        (&["--received", received, "--hours", "1", "--calendar", "absent.csv"], 4, "absent.csv"),
    ] {
        fails(&due(folder, wrong).await, code, reason);
    }
    assert_eq!(files(folder), Vec::<String>::new());
}

#[tokio::test]
async fn due_takes_a_calendar_of_ones_own_when_it_is_sound() {
    let place = Place::new(Backend::Sqlite).await;
    let header = "date,day,kind,name\n2030-01-01,off,holiday,Tết Dương lịch\n";
    let write = |name: &str, text: &str| std::fs::write(place.folder.join(name), text).unwrap();
    write(
        "good.csv",
        &format!("{header}2030-01-03,off,holiday,Ngày riêng\n2030-01-05,working,make_up,Làm bù\n"),
    );
    let arguments =
        ["--received", "2030-01-02T09:00:00+07:00", "--working-days", "2", "--json", "--calendar"];
    let ask = async |name: &str| {
        let mut all = arguments.to_vec();
        all.push(name);
        due(&place.folder, &all).await
    };
    // Thursday is off; Friday and the Saturday that is worked count.
    let answer = json_of(&ask("good.csv").await, 0);
    assert_eq!(answer["due"], "2030-01-05T17:00:00+07:00");
    for (text, line) in [
        (format!("{header}2030-13-40,off,holiday,x\n"), "line 3"),
        (format!("{header}2030-02-01,off\n"), "line 3"),
        (format!("{header}# a note\n\n2030-02-01,away,holiday,x\n"), "line 5"),
        (format!("{header}2030-02-01,working,holiday,x\n"), "line 3"),
        (format!("{header}2030-02-01,off,party,x\n"), "line 3"),
        (format!("{header}2030-01-01,off,holiday,twice\n"), "line 3"),
        ("2030-01-01,off,holiday,x\n".to_owned(), "line 1"),
        (String::new(), "line 1"),
    ] {
        write("bad.csv", &text);
        let output = ask("bad.csv").await;
        fails(&output, 3, line);
        assert!(stderr(&output).contains("bad.csv"), "{}", stderr(&output));
    }
    std::fs::write(place.folder.join("bad.csv"), b"date,day,kind,name\n\xff\xfe\n").unwrap();
    fails(&ask("bad.csv").await, 3, "bad.csv");
}

#[tokio::test]
async fn due_agrees_with_every_row_of_the_table() {
    let place = Place::new(Backend::Sqlite).await;
    let table = match real_input() {
        Some(folder) => std::fs::read_to_string(folder.join("calendar/due-dates.csv")).unwrap(),
        None => std::fs::read_to_string(fixture("due-dates.csv")).unwrap(),
    };
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let [received, days, expected, why] = line.splitn(4, ',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let received = format!("{received}T09:00:00+07:00");
        let arguments = ["--received", &received, "--working-days", days, "--json"];
        let answer = json_of(&due(&place.folder, &arguments).await, 0);
        assert_eq!(answer["due"], format!("{expected}T17:00:00+07:00"), "{why}");
        rows += 1;
    }
    assert!(3 <= rows, "the table has {rows} rows");
}

#[tokio::test]
async fn the_schema_is_printed_as_it_is_committed() {
    let place = Place::new(Backend::Sqlite).await;
    let golden = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/schema.graphql"));
    let output = motcua(&place.folder, &words(&["schema"])).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert!(stdout(&output) == golden.unwrap(), "`motcua schema` is not tests/golden/schema.graphql");
}

#[tokio::test(flavor = "multi_thread")]
async fn procedures_are_imported_with_every_defect_and_only_once() {
    let golden = fixture("workflows_report.json");
    for backend in backends() {
        let place = Place::new(backend).await;
        let workflows = fixture("workflows");
        let arguments = stored(&place, &["import", "procedures", &workflows, "--json"]);
        let output = motcua(&place.folder, &arguments).await;
        let report = json_of(&output, 0);
        if infrastructure::environment::variable("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, serde_json::to_string_pretty(&report).unwrap() + "\n").unwrap();
        }
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(&golden).unwrap()).unwrap();
        assert_eq!(report, expected);
        for defect in report["defects"].as_array().unwrap() {
            let keys: Vec<_> = defect.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["element", "file", "reason", "severity"]);
            assert!(defect["severity"] == "error" || defect["severity"] == "warning", "{defect}");
        }
        let figure = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(figure("read"), figure("published") + figure("drafts") + figure("unreadable"));
        let after = head(&place).await;
        assert_eq!(after.0.unsigned_abs(), 2 * figure("published") + figure("drafts"));
        assert_eq!(json_of(&motcua(&place.folder, &arguments).await, 0), report);
        assert_eq!(head(&place).await, after, "the second run published something");

        for (folder, code) in [("absent", 4), ("empty", 3)] {
            std::fs::create_dir_all(place.folder.join("empty")).unwrap();
            let output =
                motcua(&place.folder, &stored(&place, &["import", "procedures", folder, "--json"])).await;
            fails(&output, code, folder);
        }
        assert_eq!(head(&place).await, after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_procedures_are_imported_unchanged() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let workflows = fixture("workflows");
        let report = json_of(
            &motcua(&place.folder, &stored(&place, &["import", "procedures", &workflows, "--json"])).await,
            0,
        );
        let before = head(&place).await;
        let export = stored(&place, &["export", "procedures", "out", "--json"]);
        let exported = json_of(&motcua(&place.folder, &export).await, 0);
        assert_eq!(exported["written"], report["published"]);
        let import = ["import", "procedures", "out", "--json"];
        let again = json_of(&motcua(&place.folder, &stored(&place, &import)).await, 0);
        assert_eq!(
            [&again["read"], &again["published"], &again["drafts"], &again["unreadable"]],
            [&report["published"], &report["published"], &json!(0), &json!(0)]
        );
        assert_eq!(head(&place).await, before, "the files that were written published something");
        // Into an empty store, and out again: the same bytes.
        let other = Place::new(backend).await;
        let out = place.folder.join("out").display().to_string();
        let taken = motcua(&other.folder, &stored(&other, &["import", "procedures", &out, "--json"])).await;
        assert_eq!(json_of(&taken, 0)["published"], report["published"]);
        assert_eq!(
            json_of(
                &motcua(&other.folder, &stored(&other, &["export", "procedures", "out", "--json"])).await,
                0
            ),
            exported
        );
        for name in exported["files"].as_array().unwrap() {
            let read =
                |place: &Place| std::fs::read(place.folder.join("out").join(name.as_str().unwrap())).unwrap();
            assert!(read(&place) == read(&other), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dossiers_are_imported_once_and_a_broken_file_not_at_all() {
    for backend in backends() {
        let place = Place::new(backend).await;
        for (name, reason) in [
            ("cut_short", "not well-formed: line"),
            ("document_type", "not well-formed: line"),
            ("empty", "not well-formed"),
            ("undefined_entity", "not well-formed: line"),
            ("wrong_end_tag", "not well-formed: line"),
            ("not_a_log", "its root element is \"process\", not log"),
        ] {
            let file = fixture(&format!("xes/{name}.xes"));
            let output = motcua(&place.folder, &stored(&place, &["import", "xes", &file, "--json"])).await;
            fails(&output, 3, reason);
        }
        let absent = motcua(&place.folder, &stored(&place, &["import", "xes", "absent.xes", "--json"])).await;
        fails(&absent, 4, "absent.xes");
        // A channel that nobody knows is a defect of the file: found before anything is written.
        let sound = std::fs::read_to_string(fixture("xes/sound.xes")).unwrap();
        let strange = sound.replace("value=\"Post\"", "value=\"Pigeon\"");
        assert_ne!(strange, sound);
        std::fs::write(place.folder.join("strange.xes"), strange).unwrap();
        let output =
            motcua(&place.folder, &stored(&place, &["import", "xes", "strange.xes", "--json"])).await;
        fails(&output, 3, "Pigeon");
        assert_eq!(head(&place).await, Position(0), "a refused import has written");

        let file = fixture("xes/sound.xes");
        let arguments = stored(&place, &["import", "xes", &file, "--json"]);
        // Ended at the due instant, and a millisecond after it; two are open.
        let expected = json!({
            "dossiers": 4, "events": 4 * 2 + 3 + 2, "activities": 3, "ended": 2, "onTime": 1, "late": 1, "open": 2,
            "anomalies": 0, "tracesRead": 4, "defects": [],
        });
        assert_eq!(json_of(&motcua(&place.folder, &arguments).await, 0), expected);
        let after = head(&place).await;
        assert_eq!(after, Position(13 + 4 + 3));
        assert_eq!(json_of(&motcua(&place.folder, &arguments).await, 0), expected);
        assert_eq!(head(&place).await, after);

        // Under another procedure they are other dossiers. One before its start; one before its first activity, which
        // so lies after the end; two after the end; one activity before the receipt, one before its predecessor.
        let file = fixture("xes/anomalies.xes");
        let other = ["import", "xes", &file, "--procedure", "KHAC", "--agency", "000.00.01.H25", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &other)).await, 0);
        assert_eq!(
            report,
            json!({
                "dossiers": 5, "events": 10 + 7 + 3, "activities": 7, "ended": 3, "onTime": 3, "late": 0, "open": 2,
                "anomalies": 1 + 2 + 2 + 1 + 1, "tracesRead": 5, "defects": [],
            })
        );
        let file = fixture("xes/defects.xes");
        let defects = ["import", "xes", &file, "--procedure", "LOI", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &defects)).await, 0);
        let left_out: std::collections::BTreeSet<_> = report["defects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|defect| {
                let keys: Vec<_> = defect.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["case", "element", "line", "reason", "trace"]);
                defect["trace"].as_u64().unwrap()
            })
            .collect();
        let read = report["tracesRead"].as_u64().unwrap();
        assert_eq!(report["dossiers"].as_u64().unwrap() + left_out.len() as u64, read);
        assert!(!left_out.is_empty());
    }
}

/// The codes of what has been imported, oldest first.
async fn codes(place: &Place) -> Vec<String> {
    let service = open(place).await;
    let caller = api::service::Caller {
        principal: api::development_token::parse("dev:auditor:thu@000.00.00.H25").unwrap(),
        via: domain::recorded::Via::CommandLine,
        traceparent: None,
        purpose: domain::access::Purpose::default(),
        at: None,
    };
    let page = service.dossiers(&caller, &api::service::SearchInput::default(), None, 100).await.unwrap();
    let mut codes: Vec<_> = page.rows.into_iter().map(|row| row.code).collect();
    codes.sort();
    codes
}

/// A year through the real commands: nothing is refused but the mistakes that are meant, every national state is
/// reached, and the figures of every month add up.
#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_year_meets_no_refusal_that_is_not_meant() {
    let dossiers = if is_long() { "5000" } else { "2500" };
    for backend in backends() {
        let place = Place::new(backend).await;
        let arguments = ["simulate", "--dossiers", dossiers, "--at", "2026-06-30T16:00:00+07:00", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &arguments)).await, 0);
        assert_eq!(report["unexpectedRefusals"], 0);
        assert_eq!(report["nationalCodes"], json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "{report}");
        assert_eq!(report["monthsWhoseFiguresAddUp"], 13);
        let meant = report["refusals"].as_object().unwrap();
        let expected = ["DECIDED", "EXTENDED_ALREADY", "INVALID_TRANSITION", "IN_TRANSIT", "PAYMENT_DUE"];
        assert_eq!(meant.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(meant.values().all(|count| 0 < count.as_u64().unwrap()), "{report}");
        // Only into an empty store.
        fails(&motcua(&place.folder, &stored(&place, &arguments)).await, 3, "holds something already");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_and_rebuild_tell_the_same_story() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let file = fixture("xes/sound.xes");
        let import = stored(&place, &["import", "xes", &file, "--json"]);
        let counted = json_of(&motcua(&place.folder, &import).await, 0);
        let before = codes(&place).await;
        let expected: Vec<_> = (1..=4).map(|n| format!("000.00.00.H25-240304-{n:04}")).collect();
        assert_eq!(before, expected);

        let mut types = Vec::new();
        for code in &before {
            let story =
                json_of(&motcua(&place.folder, &stored(&place, &["replay", code, "--json"])).await, 0);
            assert_eq!(story["code"], json!(code));
            let events = story["events"].as_array().unwrap();
            let versions: Vec<_> = events.iter().map(|event| event["version"].as_u64().unwrap()).collect();
            assert_eq!(versions, (1..=events.len() as u64).collect::<Vec<_>>());
            assert_eq!(events[0]["stage"], "SUBMITTED");
            assert_eq!(events[1]["stage"], "RECEIVED");
            types.extend(events.iter().map(|event| event["type"].as_str().unwrap().to_owned()));
            let people = motcua(&place.folder, &stored(&place, &["replay", code])).await;
            assert_eq!(people.status.code(), Some(0));
            assert_eq!(stdout(&people).lines().next(), Some(code.as_str()));
            assert_eq!(stdout(&people).lines().count(), events.len() + 1);
            // Personal data stays sealed.
            assert!(!stdout(&people).contains("Hồ sơ mau"), "{}", stdout(&people));
        }
        types.sort();
        assert_eq!(types.iter().filter(|kind| *kind == "dossier.step_completed.v1").count(), 3);
        assert_eq!(types.len(), 13);
        for command in [&["replay", "000.00.00.H25-240304-0001"][..], &["rebuild"]] {
            let mistyped = [command, &["--store", "sqlite:motcau.db"]].concat();
            fails(&motcua(&place.folder, &words(&mistyped)).await, 4, "there is no store at motcau.db");
            assert!(!place.folder.join("motcau.db").exists());
        }
        let unknown = stored(&place, &["replay", "000.00.00.H25-240304-0005", "--json"]);
        fails(&motcua(&place.folder, &unknown).await, 3, "NOT_FOUND");
        for malformed in ["H25", "000.00.00.H25-240304-5", ""] {
            let output = motcua(&place.folder, &stored(&place, &["replay", malformed])).await;
            fails(&output, 2, "a dossier code such as");
        }

        let head = head(&place).await;
        let all: Vec<_> = projections::Model::ALL.iter().map(|model| model.name()).collect();
        let mut runs = vec![(vec![], all.clone())];
        runs.extend(all.iter().map(|name| (vec![*name], vec![*name])));
        runs.push((vec![all[2], all[3]], vec![all[2], all[3]]));
        for (names, models) in runs {
            let arguments = [&["rebuild"], &names[..], &["--json"]].concat();
            let output = motcua(&place.folder, &stored(&place, &arguments)).await;
            let mut report = json_of(&output, 0);
            assert!(report["seconds"].take().is_number());
            assert_eq!(
                report,
                json!({"models": models, "from": 0, "position": head.0, "head": head.0, "seconds": null,
                    "interrupted": false})
            );
            assert_eq!(codes(&place).await, before);
            assert_eq!(json_of(&motcua(&place.folder, &import).await, 0), counted);
        }
        fails(&motcua(&place.folder, &stored(&place, &["rebuild", "everything"])).await, 2, "everything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_unavailable_and_a_password_is_never_said() {
    let place = Place::new(Backend::Sqlite).await;
    let secret = "hunter2secret";
    let file = fixture("xes/sound.xes");
    let nowhere = format!("postgres://motcua:{secret}@127.0.0.1:1/motcua");
    let strange = format!("postgres://motcua:{secret}@127.0.0.1:port/motcua");
    let other = format!("mysql://motcua:{secret}@127.0.0.1/motcua");
    for (url, code) in [(&nowhere, 4), (&strange, 4), (&other, 2)] {
        for command in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["import", "xes", &file, "--json"],
            &["replay", "000.00.16.H42-190805-0001", "--json"],
            &["rebuild", "--json"],
            &["bench", "append", "--clients", "1", "--seconds", "1", "--json"],
        ] {
            for option in ["--store", "--keys"] {
                if command[0] == "bench" && option == "--keys" {
                    continue;
                }
                let mut arguments = words(command);
                arguments.extend(words(&[option, url]));
                let output = Command::new(binary())
                    .args(&arguments)
                    .current_dir(&place.folder)
                    .env("HOME", &place.folder)
                    .env("MOTCUA_LOG", "trace")
                    .stdin(Stdio::null())
                    .kill_on_drop(true)
                    .output();
                let output = tokio::time::timeout(Duration::from_secs(60), output).await.unwrap().unwrap();
                assert_eq!(output.status.code(), Some(code), "{command:?}: {}", stderr(&output));
                assert!(!stderr(&output).contains(secret), "{command:?} {option}: {}", stderr(&output));
                assert_eq!(stdout(&output), "", "{command:?}");
            }
        }
    }
    // A folder is no database.
    let folder = format!("sqlite:{}", place.folder.display());
    let output = motcua(&place.folder, &words(&["rebuild", "--store", &folder])).await;
    fails(&output, 4, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn benchmarks_print_their_figures_and_leave_nothing_behind() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let kind = if backend == Backend::Sqlite { "sqlite" } else { "postgres" };
        let append = ["bench", "append", "--clients", "1,4", "--seconds", "1", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &append)).await, 0);
        assert_eq!((&report["store"], &report["seconds"]), (&json!(kind), &json!(1)));
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["clients"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 4]);
        for row in rows {
            let rate = |name: &str| row[name].as_f64().unwrap();
            assert!(0.0 < rate("lane_per_second") && 0.0 < rate("plain_per_second"), "{row}");
            assert!(
                (rate("ratio") - rate("lane_per_second") / rate("plain_per_second")).abs() < 1e-9,
                "{row}"
            );
        }
        let rebuild = ["bench", "rebuild", "--events", "800", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &rebuild)).await, 0);
        assert_eq!(report["store"], kind);
        let rows = report["rows"].as_array().unwrap();
        let mut expected = vec!["all, one pass"];
        expected.extend(projections::Model::ALL.iter().map(|model| model.name()));
        assert_eq!(rows.iter().map(|row| row["models"].as_str().unwrap()).collect::<Vec<_>>(), expected);
        assert!(rows.iter().all(|row| row["events"] == 800 && 0.0 < row["per_second"].as_f64().unwrap()));
        let read = ["bench", "read", "--dossiers", "700", "--open", "700", "--samples", "20", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &read)).await, 0);
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 13);
        // What is asked is there: a question without an answer would be fast.
        assert!(rows.iter().all(|row| 0.0 < row["rows"].as_f64().unwrap()), "{report}");
        assert!(rows.iter().all(|row| row["p50_ms"].as_f64() <= row["p99_ms"].as_f64()), "{report}");
        let visible = ["bench", "visible", "--rate", "50", "--seconds", "1", "--events", "800", "--json"];
        let report = json_of(&motcua(&place.folder, &stored(&place, &visible)).await, 0);
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| &row["what"]).collect::<Vec<_>>(), ["alone", "beside a rebuild"]);
        assert!(
            rows.iter().all(|row| row["appends"] == 50 && 0.0 < row["p99_ms"].as_f64().unwrap()),
            "{report}"
        );
        assert_eq!(files(&place.folder), Vec::<String>::new(), "{kind}");
    }
}

/// A server on a port of its own, and what it says.
struct Server {
    child: tokio::process::Child,
    address: String,
    stderr: BufReader<tokio::process::ChildStderr>,
}

async fn serve(place: &Place) -> Server {
    let mut arguments = words(&["serve", "--listen", "127.0.0.1:0", "--development-tokens"]);
    arguments.extend(stored(place, &[]));
    let mut child = Command::new(binary())
        .args(&arguments)
        .current_dir(&place.folder)
        .env("HOME", &place.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let address = loop {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(60), stderr.read_line(&mut line)).await.unwrap();
        assert_ne!(read.unwrap(), 0, "the server ended: {said}");
        said.push_str(&line);
        if let Some(address) = line.trim().strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    assert!(said.contains("development tokens are taken"), "{said}");
    Server { child, address, stderr }
}

/// One request, one answer, over the wire.
async fn request(address: &str, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_and_stops_when_it_is_asked_to() {
    for backend in backends() {
        for signal in ["TERM", "INT"] {
            let place = Place::new(backend).await;
            let mut server = serve(&place).await;
            let alive = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let answer = request(&server.address, alive).await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"),
                "{answer}"
            );
            let body = r#"{"query": "{ agencies { code } }"}"#;
            let post = format!(
                "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 authorization: Bearer dev:auditor:thu@000.00.16.H42\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = request(&server.address, &post).await;
            assert!(answer.ends_with(r#"{"data":{"agencies":[]}}"#), "{answer}");
            // A port that is taken is said so.
            let mut taken = words(&["serve", "--listen", &server.address]);
            taken.extend(stored(&place, &[]));
            if backend == Backend::Postgres {
                fails(&motcua(&place.folder, &taken).await, 4, "cannot be listened on");
            }
            let pid = server.child.id().unwrap().to_string();
            let killed = Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap();
            assert!(killed.success());
            let ended = tokio::time::timeout(Duration::from_secs(20), server.child.wait()).await;
            assert_eq!(ended.expect("it stops").unwrap().code(), Some(0), "{signal}");
            let mut rest = String::new();
            server.stderr.read_to_string(&mut rest).await.unwrap();
            assert!(!rest.contains("ERROR") && !rest.contains("panicked"), "{rest}");
            let mut printed = String::new();
            server.child.stdout.take().unwrap().read_to_string(&mut printed).await.unwrap();
            assert_eq!(printed, "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_gets_an_account() {
    let place = Place::new(Backend::Sqlite).await;
    let service = open(&place).await;
    crate::support::office::establish(&service).await;
    let administrator = |agency: &str| {
        let arguments = [
            "accounts",
            "administrator",
            "--login",
            "quan-tri",
            "--name",
            "MẪU Quản trị",
            "--agency",
            agency,
            "--json",
        ];
        stored(&place, &arguments)
    };
    let agency = crate::support::office::AGENCY;
    fails(&told(&place.folder, &administrator("000.00.99.H42"), "Mat-khau-dau-1").await, 3, "NOT_FOUND");
    fails(&told(&place.folder, &administrator(agency), "").await, 2, "standard input");
    fails(&told(&place.folder, &administrator(agency), "ngan").await, 3, "password");
    for password in ["Mat-khau-dau-1\n", "Mat-khau-khac-2"] {
        let done = told(&place.folder, &administrator(agency), password).await;
        assert!(done.status.success(), "{}", stderr(&done));
        let id = serde_json::from_str::<serde_json::Value>(stdout(&done)).unwrap()["accountId"].clone();
        let id = domain::identity::PrincipalId(serde_json::from_value::<uuid::Uuid>(id).unwrap());
        let principal = service.principal(id).await.unwrap().unwrap();
        assert_eq!(
            principal.powers.of(domain::access::Function::ManageAccess),
            Some(&domain::access::Scope::Province)
        );
        let (policy, typed) = (CredentialPolicy::default(), Secret::new(password.trim_end()));
        let shown = service.executor.keys.show_password(id, typed, None, &policy).await.unwrap();
        assert!(matches!(shown, Shown::MustChange), "{shown:?}");
        assert!(!stderr(&done).contains(password.trim_end()));
    }
    // What became of it since then is not what it says: it does what it says.
    let admin = crate::support::office::caller(crate::support::office::ADMIN);
    let id = service.account_of_login("quan-tri").unwrap();
    let held = async || {
        let state =
            service.executor.load::<domain::account::Account>(&domain::account::stream(id)).await.unwrap();
        let known = state.state.known().unwrap();
        let today = domain::time::local_date(service.clock().now());
        known.grants_from(today).map(|granted| granted.grant).collect::<Vec<_>>()
    };
    let [grant] = held().await[..] else { panic!("one grant, however often it is run") };
    let (grant_id, account_id) = (grant.0, id.0);
    let revoke = RevokeGrantInput { idempotency_key: uuid::Uuid::from_u128(1), account_id, grant_id };
    service.revoke_grant(&admin, &revoke).await.unwrap();
    let lock =
        LockAccountInput { idempotency_key: uuid::Uuid::from_u128(2), account_id, reason: LockReason::Left };
    service.lock_account(&admin, &lock).await.unwrap();
    for _ in 0..2 {
        let done = told(&place.folder, &administrator(agency), "Mat-khau-khac-2").await;
        assert!(done.status.success(), "{}", stderr(&done));
        let principal = service.principal(id).await.unwrap().expect("it is not locked");
        assert!(
            principal.powers.of(domain::access::Function::ManageAccess)
                == Some(&domain::access::Scope::Province),
            "it is granted again"
        );
        assert_eq!(held().await.len(), 1);
    }
    let retire = RetirePermissionGroupInput {
        idempotency_key: uuid::Uuid::from_u128(3),
        expected_version: None,
        code: "QUAN_TRI".to_owned(),
    };
    service.retire_permission_group(&admin, &retire).await.unwrap();
    fails(&told(&place.folder, &administrator(agency), "Mat-khau-khac-2").await, 3, "MANAGE_ACCESS");
    // Where there is nothing at all yet.
    let fresh = Place::new(Backend::Sqlite).await;
    let mut begin =
        stored(&fresh, &["accounts", "administrator", "--login", "quan-tri", "--name", "MẪU Quản trị"]);
    begin.extend(words(&["--agency", agency]));
    let refused = told(&fresh.folder, &begin, "Mat-khau-dau-1").await;
    assert!(!refused.status.success(), "{}", stdout(&refused));
    begin.extend(words(&["--agency-name", "UBND tỉnh", "--json"]));
    for _ in 0..2 {
        let done = told(&fresh.folder, &begin, "Mat-khau-dau-1").await;
        assert!(done.status.success(), "{}", stderr(&done));
    }
    let agencies = open(&fresh).await;
    agencies.read_side.catch_up().await.unwrap();
    assert_eq!(agencies.agencies_on(None).await.unwrap()[0].name, "UBND tỉnh");
}
