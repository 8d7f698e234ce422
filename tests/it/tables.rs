//! Tables to take away, as clients get them: through the router, read back by a library by others.

use std::io::Cursor;

use api::http::{Settings, router};
use api::input::{FinishProcessingInput, Outcome};
use api::service::{Accepted, Service};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use calamine::{Data, Reader, Xlsx};
use infrastructure::clock::Clock;
use tower::ServiceExt;

use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, INTAKE, LAN, LEADER, MAI, ask, caller, complete, established, forward_to, key,
    on, registered,
};
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    figures_are_what_the_interface_answers,
    indicators_and_times_of_tasks_are_what_the_interface_answers,
    overdue_dossiers_with_the_working_days_they_are_late,
    a_table_is_for_who_sees_its_dossiers,
);

async fn get(service: &Service, path: &str, token: Option<&str>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get(format!("/tables/{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let router = router(
        service.clone(),
        Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
    );
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

/// The lines of a CSV whose fields hold neither quotes nor line ends.
async fn csv(service: &Service, path: &str) -> Vec<Vec<String>> {
    let (status, headers, body) = get(service, path, Some(ADMIN)).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8; header=present");
    let text = text.strip_prefix('\u{feff}').unwrap();
    assert!(!text.contains('"') && text.ends_with("\r\n"), "{text}");
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The lines of an XLSX from the head of its table on, with the lines above it.
async fn xlsx(service: &Service, path: &str, first_column: &str) -> (Vec<String>, Vec<Vec<Data>>) {
    let (status, headers, body) = get(service, path, Some(ADMIN)).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!(headers["content-type"], media_type);
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(body)).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    let lines: Vec<Vec<Data>> = sheet.rows().map(<[Data]>::to_vec).collect();
    let head = lines.iter().position(|line| line[0] == Data::String(first_column.to_owned())).unwrap();
    (lines[..head].iter().map(|line| line[0].to_string()).collect(), lines[head..].to_vec())
}

/// What a cell of the sheet says, as the CSV does.
fn said(cell: &Data) -> String {
    match cell {
        Data::DateTime(at) => at.as_datetime().unwrap().format("%Y-%m-%d %H:%M:%S").to_string(),
        Data::Float(number) if number.fract() != 0.0 => format!("{number:.2}"),
        other => other.to_string(),
    }
}

async fn office(place: &Place, at: &str) -> (Service, Clock) {
    let clock = Clock::fixed(instant(at));
    (established(place, clock.clone()).await, clock)
}

async fn finish(service: &Service, dossier: &Accepted) {
    let on = on(key(&format!("finish {}", dossier.dossier_id)), dossier.dossier_id);
    let input = FinishProcessingInput { on, outcome: Outcome::Granted, note: None };
    service.finish_processing(&caller(LEADER), &input).await.unwrap();
}

/// Three received on Monday 6/5/2024 and due on the 13th; one finished early, one late, and one is open.
async fn three(service: &Service, clock: &Clock) -> [Accepted; 3] {
    let early = registered(service, "early").await;
    let late = registered(service, "late").await;
    let open = registered(service, "open").await;
    clock.set(instant("2024-05-08T09:00:00+07:00"));
    finish(service, &early).await;
    clock.set(instant("2024-05-15T09:00:00+07:00"));
    finish(service, &late).await;
    service.read_side.catch_up().await.unwrap();
    [early, late, open]
}

/// The lines of a CSV, by an independent reader.
async fn read_by_python(service: &Service, path: &str) -> Vec<Vec<String>> {
    const READ: &str = "import sys, csv, io, json
print(json.dumps(list(csv.reader(io.StringIO(sys.stdin.buffer.read().decode('utf-8-sig'), newline='')))))";
    let (status, _, body) = get(service, path, Some(ADMIN)).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let mut python = tokio::process::Command::new("python3")
        .args(["-c", READ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 reads CSV");
    tokio::io::AsyncWriteExt::write_all(&mut python.stdin.take().unwrap(), &body).await.unwrap();
    let output = python.wait_with_output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn indicators_and_times_of_tasks_are_what_the_interface_answers(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-05-06T09:00:00+07:00").await;
    let worked = registered(&service, "worked on").await.dossier_id;
    let forwarding = forward_to(LAN, key("to Lan"), worked);
    service.forward_dossier(&caller(LEADER), &forwarding).await.unwrap();
    clock.set(instant("2024-05-07T10:30:00+07:00"));
    service.complete_step(&caller(LAN), &complete(key("done"), worked)).await.unwrap();
    three(&service, &clock).await;
    let query = "{ indicators(period: {from: \"2024-05\", to: \"2024-05\"}) { indicators {
            number name numerator denominator percent workingDays definition } }
        stepTimes(period: {from: \"2024-05\", to: \"2024-05\"}, part: {procedure: \"DT01\"}) {
            step count medianHours ninthDecileHours longestHours } }";
    let answer = ask(&service, ADMIN, query, serde_json::json!({})).await;
    // As the table writes it.
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap()),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    let rows = |value: &serde_json::Value, fields: &[&str]| -> Vec<Vec<String>> {
        let rows = value.as_array().unwrap().iter();
        rows.map(|row| fields.iter().map(|field| text(&row[*field])).collect()).collect()
    };
    let path = "indicators.csv?from=2024-05&to=2024-05";
    let lines = read_by_python(&service, path).await;
    assert_eq!(
        lines[0][..6],
        ["Chỉ số", "Tên chỉ số", "Tử số", "Mẫu số", "Tỷ lệ (%)", "Trung bình (ngày làm việc)"]
    );
    let numbers: Vec<&str> = lines[1..].iter().map(|line| line[0].as_str()).collect();
    assert_eq!(numbers, ["1.4", "2.1", "2.2", "3.1", "3.3", "3.6", "4.1", "4.2"]);
    let fields = ["number", "name", "numerator", "denominator", "percent", "workingDays", "definition"];
    assert_eq!(lines[1..], rows(&answer["indicators"]["indicators"], &fields));
    // On time: one. One was finished late, and two were due on the 13th and are open.
    assert_eq!(lines[2][2..5], ["1", "4", "25.00"]);
    let (above, sheet) = xlsx(&service, "indicators.xlsx?from=2024-05&to=2024-05", "Chỉ số").await;
    assert!(above[1].contains("01/05/2024") && above[2].contains("15/05/2024"), "{above:?}");
    assert_eq!(sheet.len(), lines.len());
    for (line, expected) in sheet.iter().zip(&lines) {
        let same = |(cell, text): (&Data, &String)| {
            said(cell) == *text || said(cell).parse::<f64>().is_ok_and(|number| text.parse() == Ok(number))
        };
        assert!(line.iter().zip(expected).all(same), "{line:?} {expected:?}");
    }

    let path = "step-times.csv?from=2024-05&to=2024-05&procedure=DT01";
    let lines = read_by_python(&service, path).await;
    let fields = ["step", "count", "medianHours", "ninthDecileHours", "longestHours"];
    assert_eq!(lines[1..], rows(&answer["stepTimes"], &fields));
    assert_eq!(lines[1][..2], ["THU_LY", "1"]);
    for odd in [
        "step-times.csv?from=2024-05&to=2024-05",
        "indicators.csv?from=2024-05",
        "indicators.csv?from=2024-05&to=2024-05&by=agency",
        "step-times.csv?asOf=2024-05-06T09:00:00%2B07:00",
    ] {
        assert_eq!(get(&service, odd, Some(ADMIN)).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{odd}");
    }
    assert_eq!(
        get(&service, "indicators.csv?from=2024-05&to=2024-05", None).await.0,
        StatusCode::UNAUTHORIZED
    );
}

async fn figures_are_what_the_interface_answers(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-05-06T09:00:00+07:00").await;
    three(&service, &clock).await;
    let query = "{ progress(period: {from: \"2024-05\", to: \"2024-05\"}) { rows {
        received toProcess resolved early late onTimePercent pending overdue
    } } }";
    let answer = ask(&service, ADMIN, query, serde_json::json!({})).await;
    let figures = &answer["progress"]["rows"][0];

    let path = "progress.csv?from=2024-05&to=2024-05";
    let lines = csv(&service, path).await;
    assert_eq!(lines.len(), 3, "the head, one agency, and the sum");
    let cell = |line: usize, title: &str| {
        let column = lines[0].iter().position(|column| column == title);
        lines[line][column.unwrap_or_else(|| panic!("{title}: {:?}", lines[0]))].clone()
    };
    for line in [1, 2] {
        for (title, field) in [
            ("Tiếp nhận trong kỳ", "received"),
            ("Phải giải quyết", "toProcess"),
            ("Đã giải quyết", "resolved"),
            ("Trước hạn", "early"),
            ("Quá hạn", "late"),
            ("Đang giải quyết", "pending"),
            ("Đang giải quyết quá hạn", "overdue"),
        ] {
            assert_eq!(cell(line, title), figures[field].to_string(), "{title}");
        }
        assert_eq!(cell(line, "Tỷ lệ trước và đúng hạn (%)"), "50.00");
    }
    assert_eq!((cell(1, "Mã"), cell(2, "Tên")), (AGENCY.to_owned(), "Tổng số".to_owned()));

    // The sheet says the same, as numbers.
    let (above, sheet) = xlsx(&service, "progress.xlsx?from=2024-05&to=2024-05", "Mã").await;
    assert_eq!(above[0], "Tình hình giải quyết hồ sơ thủ tục hành chính");
    assert!(above[2].contains("09:00 ngày 15/05/2024"), "{above:?}");
    let texts = |line: &Vec<Data>| line.iter().map(said).collect::<Vec<_>>();
    assert_eq!(texts(&sheet[0]), lines[0]);
    for (line, expected) in sheet[1..].iter().zip(&lines[1..]) {
        let numbers =
            line.iter().skip(2).filter(|cell| matches!(cell, Data::Float(_) | Data::Int(_))).count();
        assert_eq!(numbers, line.len() - 2, "{line:?}");
        for (cell, text) in line.iter().zip(expected) {
            let same = said(cell) == *text || said(cell).parse::<f64>().ok() == text.parse().ok();
            assert!(same, "{cell:?} {text}");
        }
    }
    assert_eq!(sheet.len(), lines.len());
}

async fn overdue_dossiers_with_the_working_days_they_are_late(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-05-06T09:00:00+07:00").await;
    let [_, _, open] = three(&service, &clock).await;
    let board = "query Q($at: DateTime!) { deadlineBoard(asOf: $at) { overdue dossiers(class: OVERDUE) { edges { node {
        workingDaysLate dueAt dossier { code } } } } } }";
    // Due on Monday the 13th at 17:00. On Monday night it is late, and no working day has passed; Saturday counts none.
    clock.set(instant("2024-05-20T08:00:00+07:00"));
    for (at, days) in [
        ("2024-05-13T17:00:01+07:00", 0),
        ("2024-05-14T07:00:00+07:00", 1),
        ("2024-05-18T12:00:00+07:00", 4),
        ("2024-05-20T08:00:00+07:00", 5),
    ] {
        let answer = ask(&service, ADMIN, board, serde_json::json!({"at": at})).await;
        let node = &answer["deadlineBoard"]["dossiers"]["edges"][0]["node"];
        assert_eq!(node["workingDaysLate"], days, "{at}");
        let lines = csv(&service, &format!("overdue.csv?asOf={}", at.replace('+', "%2B"))).await;
        let line = lines.iter().find(|line| line[0] == open.code.as_str()).unwrap();
        assert_eq!((line[5].as_str(), &line[8]), ("2024-05-13 17:00:00", &days.to_string()), "{at}");
        // The one that was finished on the 15th was overdue until then.
        assert_eq!(lines.len(), if at < "2024-05-15" { 3 } else { 2 }, "{at}");
    }
    // As of an instant before, it was not overdue: the head alone.
    assert_eq!(csv(&service, "overdue.csv?asOf=2024-05-13T17:00:00%2B07:00").await.len(), 1);
    assert_eq!(csv(&service, "due-today.csv?asOf=2024-05-13T08:00:00%2B07:00").await.len(), 3);
    let (above, sheet) = xlsx(&service, "overdue.xlsx", "Mã hồ sơ").await;
    assert_eq!((above[0].as_str(), sheet.len()), ("Hồ sơ quá hạn", 2));
    assert!(matches!(sheet[1][5], Data::DateTime(_)), "a moment is one: {:?}", sheet[1][5]);
    assert_eq!(said(&sheet[1][5]), "2024-05-13 17:00:00", "in local time");
}

async fn a_table_is_for_who_sees_its_dossiers(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-05-06T09:00:00+07:00").await;
    three(&service, &clock).await;
    for (path, token, status) in [
        ("overdue.csv", None, StatusCode::UNAUTHORIZED),
        ("overdue.csv", Some("dev:king:x@nowhere"), StatusCode::UNAUTHORIZED),
        ("overdue.csv", Some(CITIZEN), StatusCode::FORBIDDEN),
        ("progress.csv?from=2024-05&to=2024-05", Some(CITIZEN), StatusCode::FORBIDDEN),
        ("overdue.pdf", Some(LAN), StatusCode::NOT_FOUND),
        ("secrets.csv", Some(LAN), StatusCode::NOT_FOUND),
        ("progress.csv", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
        ("progress.csv?from=2024-13&to=2024-05", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
        ("progress.csv?from=2024-06&to=2024-05", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
        ("overdue.csv?from=2024-05", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
        ("overdue.csv?asOf=yesterday", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
        ("overdue.csv?who=everybody", Some(LAN), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (found, _, body) = get(&service, path, token).await;
        assert_eq!(found, status, "{path} {token:?}: {}", String::from_utf8_lossy(&body));
    }
    // Somebody of another agency gets a table of nothing, under whatever filter.
    for path in ["overdue.csv".to_owned(), format!("overdue.csv?agency={AGENCY}")] {
        let (status, headers, body) = get(&service, &path, Some(MAI)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(String::from_utf8(body).unwrap().lines().count(), 1, "{path}");
        let (_, _, body) = get(&service, &path, Some(INTAKE)).await;
        assert_eq!(String::from_utf8(body).unwrap().lines().count(), 2, "{path}");
    }
}
