//! The contract of the event log, on every back end: what it promises (ARCHITECTURE I1 to I6), what it refuses, and what
//! happens when the database goes away.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::identity::{AppendId, NAMESPACE};
use domain::recorded::{Position, Version};
use infrastructure::clock::Clock;
use infrastructure::db::DbError;
use infrastructure::event_store::{
    APPEND_EVENTS_MAX, Append, Appended, EVENT_BYTES_MAX, EventStore, Expected, NewEvent, PageLimit,
    StoreError, StoredRow,
};
use infrastructure::location::DbUrl;
use infrastructure::on_db;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::{
    Backend, Choices, Place, administer, assert_sound, instant, not_run, on_each_backend, run, whole_log,
};

on_each_backend!(
    events_read_back_in_order_as_they_were_written,
    data_and_metadata_come_back_byte_for_byte,
    a_nul_is_refused_in_every_text,
    after_is_exclusive,
    a_page_as_one_text_holds_the_same_events,
    a_page_says_whether_it_is_the_last,
    a_stale_version_is_refused,
    version_zero_on_an_existing_stream_is_refused,
    a_future_version_is_refused,
    an_append_of_many_events_is_atomic,
    a_failing_request_fails_alone_in_its_batch,
    requests_of_one_batch_see_one_another,
    the_same_append_again_gets_the_first_answer,
    the_same_append_racing_in_one_batch_is_written_once,
    the_same_append_racing_from_two_stores_is_written_once,
    an_append_whose_caller_went_away_is_not_written_again,
    one_of_many_wins_an_expected_version,
    positions_have_no_holes_after_conflicts,
    the_recorded_time_never_falls,
    business_times_of_every_age_are_kept,
    an_event_is_never_changed,
    what_is_too_large_or_empty_is_refused,
    what_is_just_small_enough_is_taken,
    streams_with_odd_names_are_kept_apart,
    versions_of_a_code_stream_are_given_once,
    a_live_reader_skips_nothing_while_sixteen_write,
    the_head_is_known_before_an_append_is_answered,
    the_head_of_another_process_becomes_known,
    a_log_bound_to_other_keys_is_refused,
    two_processes_open_a_new_log_at_once,
    a_newer_schema_is_refused,
    a_full_disk_is_a_typed_error_and_loses_nothing,
    a_read_only_log_is_a_typed_error_and_loses_nothing,
    a_writer_waits_for_another_one,
);

fn append_id(name: &str) -> AppendId {
    AppendId(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
}

fn exactly(version: i64) -> Expected {
    Expected::Exactly(Version(version))
}

fn event(data: impl Into<String>) -> NewEvent {
    NewEvent { type_name: "test.happened.v1", data: data.into() }
}

/// An append of `{}` events. Its name is its identity.
fn append(name: &str, stream: &str, expected: Expected, events: usize) -> Append {
    Append {
        id: append_id(name),
        stream: stream.to_owned(),
        expected,
        events: vec![event("{}"); events],
        metadata: format!("metadata of {name}"),
        occurred_at: instant("2024-04-26T02:00:00Z"),
    }
}

fn assert_conflict(outcome: Result<Appended, StoreError>, expected: i64, actual: i64) {
    match outcome {
        Err(StoreError::Conflict { stream: _, expected: saw, actual: is }) => {
            assert_eq!((saw, is), (Version(expected), Version(actual)));
        }
        other => panic!("expected a conflict, got {other:?}"),
    }
}

async fn head(store: &EventStore) -> i64 {
    store.head().await.unwrap().0
}

async fn events_read_back_in_order_as_they_were_written(backend: Backend) {
    let place = Place::new(backend).await;
    let now = instant("2024-04-26T02:00:00.123456Z");
    let store = place.open_at(Clock::fixed(now)).await;
    let mut expected: Vec<StoredRow> = Vec::new();
    for (n, stream) in ["a", "b", "a", "c", "b", "a"].into_iter().enumerate() {
        let version = expected.iter().filter(|row| row.stream == stream).count();
        let mut append = append(&format!("append {n}"), stream, exactly(i64::try_from(version).unwrap()), 2);
        append.events = vec![event(format!("first of {n}")), event(format!("second of {n}"))];
        let appended = store.append(append.clone()).await.unwrap();
        for (event_id, event) in (0..).map(|n| append.id.event(n)).zip(&append.events) {
            let version = expected.iter().filter(|row| row.stream == stream).count() + 1;
            expected.push(StoredRow {
                position: i64::try_from(expected.len() + 1).unwrap(),
                stream: stream.to_owned(),
                version: i64::try_from(version).unwrap(),
                event_id: event_id.0,
                type_name: event.type_name.to_owned(),
                data: event.data.clone(),
                metadata: append.metadata.clone(),
                occurred_at: append.occurred_at.timestamp_micros(),
                recorded_at: now.timestamp_micros(),
            });
        }
        let last = expected.last().unwrap();
        let answer = Appended {
            stream: stream.to_owned(),
            position: Position(last.position),
            version: Version(last.version),
            recorded_at: now,
            repeated: false,
        };
        assert_eq!(appended, answer);
    }
    assert_eq!(whole_log(&store).await, expected);
    for stream in ["a", "b", "c", "nowhere"] {
        let own: Vec<_> = expected.iter().filter(|row| row.stream == stream).cloned().collect();
        assert_eq!(store.read_stream(stream, Version(0)).await.unwrap(), own);
    }
    assert_eq!(whole_log(&place.open().await).await, expected, "the same after reopening");
}

/// Texts that careless storage changes.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " leading and trailing ",
        "\t\r\n",
        "Đặng Thị Hường, tổ 5 khu phố 3",
        "e\u{301} and \u{e9}, A\u{30a} and \u{212b}",
        "quotes ' '' \" \"\" ` backslashes \\ \\\\ \\u0041 \\n",
        "$1 ? :name @p {} {0} %s %% _",
        "🏯 👩‍👩‍👧‍👦 🇻🇳 \u{1f3f4}\u{e0067}\u{e0062}\u{e007f}",
        "line\u{2028}separator, paragraph\u{2029}separator, nel\u{85}",
        "\u{feff}byte order mark, \u{202e}right to left\u{202c}, zero\u{200b}width",
        "\u{1}\u{2}\u{7f}\u{9f} \u{ffff}\u{fffe}\u{fffd}\u{10ffff}",
        "null",
        "NULL",
        "1e400",
        "0123",
        "-0",
        "18446744073709551616",
        r#"{"b":1,"a":2,"a":3,"n":1.0,"e":1E2,"big":12345678901234567890.123456789,"u":"\u00e9\u0000"}"#,
        "[1, 2 ,\n3]",
        "{ not JSON at all",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("phần ".repeat(200 * 1024 / "phần ".len()));
    texts
}

async fn data_and_metadata_come_back_byte_for_byte(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let texts = odd_texts();
    for (n, text) in texts.iter().enumerate() {
        let as_data = Append {
            events: vec![event(text.as_str())],
            ..append(&format!("data {n}"), "data", Expected::Any, 1)
        };
        let as_metadata = Append {
            metadata: text.clone(),
            ..append(&format!("metadata {n}"), "metadata", Expected::Any, 1)
        };
        store.append(as_data).await.unwrap();
        store.append(as_metadata).await.unwrap();
    }
    let store = place.open().await;
    let data = store.read_stream("data", Version(0)).await.unwrap();
    let metadata = store.read_stream("metadata", Version(0)).await.unwrap();
    assert_eq!((data.len(), metadata.len()), (texts.len(), texts.len()));
    for ((data, metadata), text) in data.iter().zip(&metadata).zip(&texts) {
        assert_eq!(data.data.as_bytes(), text.as_bytes(), "data changed: {text:.80?}");
        assert_eq!(metadata.metadata.as_bytes(), text.as_bytes(), "metadata changed: {text:.80?}");
    }
}

/// PostgreSQL cannot store it and SQLite cuts texts at it, so the log takes it nowhere, rather than here and there.
async fn a_nul_is_refused_in_every_text(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let good = append("nul", "stream", exactly(0), 1);
    for (what, bad) in [
        ("stream", Append { stream: "str\0eam".to_owned(), ..good.clone() }),
        ("data", Append { events: vec![event("{}"), event("a\0b")], ..good.clone() }),
        ("metadata", Append { metadata: "\0".to_owned(), ..good.clone() }),
    ] {
        let outcome = store.append(bad).await;
        assert!(matches!(outcome, Err(StoreError::Nul)), "{what}: {outcome:?}");
    }
    assert_eq!(head(&store).await, 0);
    store.append(good).await.unwrap();
}

/// What folds read is what everybody else reads, however odd the texts.
async fn a_page_as_one_text_holds_the_same_events(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let odd = ["", " ", "7 8 9", "Đ ẩ'\"\\", "\n\t0", "🇻🇳 1 2"];
    for (n, (stream, data)) in
        odd.iter().flat_map(|stream| odd.iter().map(move |data| (stream, data))).enumerate()
    {
        let mut append = append(&format!("odd {n}"), &format!("s{stream}"), Expected::Any, 1);
        append.events[0].data = (*data).to_owned();
        store.append(append).await.unwrap();
    }
    let limit = PageLimit::rows(7);
    let mut after = Position(0);
    loop {
        let (page, text) =
            (store.read_all(after, limit).await.unwrap(), store.read_text(after, limit).await.unwrap());
        assert_eq!((text.len(), text.at_end), (page.rows.len(), page.at_end));
        let events: Vec<_> = text.iter().map(Result::unwrap).collect();
        for (event, row) in events.iter().zip(&page.rows) {
            assert_eq!((event.position.0, event.version.0), (row.position, row.version));
            let texts = (event.stream, event.type_name, event.data);
            assert_eq!(texts, (row.stream.as_str(), row.type_name.as_str(), row.data.as_str()));
            assert_eq!(
                (event.occurred_at.timestamp_micros(), event.recorded_at.timestamp_micros()),
                (row.occurred_at, row.recorded_at)
            );
        }
        after = page.next;
        if page.at_end {
            break;
        }
    }
    assert_eq!(after, Position(36));
    let beyond = store.read_text(after, limit).await.unwrap();
    assert!(beyond.is_empty() && beyond.at_end && beyond.iter().next().is_none());

    // By bytes as well: pages are small then, none is empty before the end, and all together are the log. Small ones now and
    // then, as a few large events make them, do not stay small.
    for bytes in [1, 50, 200] {
        let (mut after, mut pages) = (Position(0), 0);
        loop {
            let page = store.read_text(after, PageLimit { rows: 100, bytes }).await.unwrap();
            let events: Vec<_> = page.iter().map(Result::unwrap).collect();
            let positions: Vec<i64> = events.iter().map(|event| event.position.0).collect();
            assert_eq!(positions, (after.0 + 1..).take(positions.len()).collect::<Vec<_>>());
            let before_last: usize = events.iter().rev().skip(1).map(|event| event.data.len()).sum();
            assert!(before_last as i64 <= bytes, "{before_last} bytes before the last of a page of {bytes}");
            after = positions.last().map_or(after, |last| Position(*last));
            pages += 1;
            if page.at_end {
                break;
            }
            assert!(!positions.is_empty(), "a page of {bytes} bytes after {after}");
        }
        assert_eq!(after, Position(36), "{bytes} bytes");
        assert!(1 < pages, "{pages} pages of {bytes} bytes");
    }
    let mut largest = 0;
    for _ in 0..8 {
        largest = store.read_text(Position(0), PageLimit::rows(36)).await.unwrap().len().max(largest);
    }
    assert_eq!(largest, 36);
}

async fn after_is_exclusive(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("first", "a", exactly(0), 2)).await.unwrap();
    store.append(append("second", "b", exactly(0), 1)).await.unwrap();
    for (after, expected) in [(0, vec![1, 2, 3]), (1, vec![2, 3]), (2, vec![3]), (3, vec![]), (9, vec![])] {
        let page = store.read_all(Position(after), PageLimit::rows(100)).await.unwrap();
        let positions: Vec<_> = page.rows.iter().map(|row| row.position).collect();
        assert_eq!(positions, expected, "all after {after}");
    }
    for (after, expected) in [(0, vec![1, 2]), (1, vec![2]), (2, vec![]), (9, vec![])] {
        let rows = store.read_stream("a", Version(after)).await.unwrap();
        let versions: Vec<_> = rows.iter().map(|row| row.version).collect();
        assert_eq!(versions, expected, "the stream after {after}");
    }
}

async fn a_page_says_whether_it_is_the_last(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("five", "a", exactly(0), 5)).await.unwrap();
    for (after, limit, next, at_end) in [
        (0, 2, 2, false),
        (2, 2, 4, false),
        (4, 2, 5, true),
        (5, 2, 5, true),
        (0, 5, 5, false),
        (0, 6, 5, true),
    ] {
        let page = store.read_all(Position(after), PageLimit::rows(limit)).await.unwrap();
        assert_eq!((page.next, page.at_end), (Position(next), at_end), "after {after}, at most {limit}");
    }
    // By bytes as well: what is over the limit is left for the next page, but never the first event.
    let rows = store.read_all(Position(0), PageLimit::rows(6)).await.unwrap().rows;
    let bytes = |row: &StoredRow| i64::try_from(row.data.len() + row.metadata.len()).unwrap();
    let two = bytes(&rows[0]) + bytes(&rows[1]);
    for (after, bytes, next, at_end) in [
        (0, 1, 1, false),
        (0, two, 2, false),
        (0, two + 1, 3, false),
        (4, 1, 5, false),
        (5, 1, 5, true),
        (0, 10 * two, 5, true),
    ] {
        let page = store.read_all(Position(after), PageLimit { rows: 6, bytes }).await.unwrap();
        assert_eq!(
            (page.next, page.at_end),
            (Position(next), at_end),
            "after {after}, at most {bytes} bytes"
        );
    }
}

async fn a_stale_version_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("first", "a", exactly(0), 3)).await.unwrap();
    for stale in [1, 2] {
        assert_conflict(store.append(append("stale", "a", exactly(stale), 1)).await, stale, 3);
    }
    assert_eq!(head(&store).await, 3, "a refused append wrote something");
    let appended = store.append(append("stale", "a", exactly(3), 1)).await.unwrap();
    assert_eq!((appended.position, appended.version), (Position(4), Version(4)));
    assert!(!appended.repeated, "a refused append is not remembered");
}

async fn version_zero_on_an_existing_stream_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("first", "a", exactly(0), 1)).await.unwrap();
    assert_conflict(store.append(append("again", "a", exactly(0), 1)).await, 0, 1);
    assert_eq!(head(&store).await, 1);
}

async fn a_future_version_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    assert_conflict(store.append(append("too early", "a", exactly(1), 1)).await, 1, 0);
    store.append(append("first", "a", exactly(0), 1)).await.unwrap();
    for future in [2, i64::MAX] {
        assert_conflict(store.append(append("too early", "a", exactly(future), 1)).await, future, 1);
    }
    assert_conflict(store.append(append("negative", "a", exactly(-1), 1)).await, -1, 1);
    assert_eq!(head(&store).await, 1);
}

async fn an_append_of_many_events_is_atomic(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    place.refuse_insert("NEW.data = 'poison'", "P0001").await;
    let poisoned = Append {
        events: vec![event("{}"), event("{}"), event("poison"), event("{}")],
        ..append("poisoned", "a", exactly(0), 1)
    };
    let outcome = store.append(poisoned.clone()).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(head(&store).await, 0);
    assert_eq!(whole_log(&store).await, [], "half an append is in the log");
    place.allow_insert().await;
    let appended = store.append(poisoned).await.unwrap();
    assert_eq!((appended.position, appended.version), (Position(4), Version(4)));
}

/// Appends that the lane finds waiting all at once, so that they share a batch, and their answers.
async fn in_one_batch(
    place: &Place,
    store: &EventStore,
    appends: Vec<Append>,
) -> Vec<Result<Appended, StoreError>> {
    let lock = place.lock_log().await;
    let busy = tokio::spawn({
        let store = store.clone();
        let name = format!("busy with {:?}", appends.first().unwrap().id);
        async move { store.append(append(&name, "busy", Expected::Any, 1)).await.unwrap() }
    });
    // The lane now waits for the lock with one append; the others gather behind it, in this order.
    tokio::time::sleep(Duration::from_millis(150)).await;
    let mut waiting = Vec::new();
    for append in appends {
        let store = store.clone();
        waiting.push(tokio::spawn(async move { store.append(append).await }));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock.release().await;
    busy.await.unwrap();
    let mut answers = Vec::new();
    for answer in waiting {
        answers.push(answer.await.unwrap());
    }
    answers
}

async fn a_failing_request_fails_alone_in_its_batch(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    place.refuse_insert("NEW.data = 'poison'", "P0001").await;
    let poisoned =
        Append { events: vec![event("{}"), event("poison")], ..append("poisoned", "b", exactly(0), 1) };
    let answers = in_one_batch(
        &place,
        &store,
        vec![append("before", "a", exactly(0), 2), poisoned, append("after", "c", exactly(0), 1)],
    )
    .await;
    assert!(matches!(answers[1], Err(StoreError::Unavailable(_))), "{:?}", answers[1]);
    assert_eq!(answers[0].as_ref().unwrap().position, Position(3));
    assert_eq!(answers[2].as_ref().unwrap().position, Position(4));
    let rows = whole_log(&store).await;
    assert_sound(&rows);
    assert_eq!(rows.iter().map(|row| row.stream.as_str()).collect::<Vec<_>>(), ["busy", "a", "a", "c"]);
}

async fn requests_of_one_batch_see_one_another(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let mut answers = in_one_batch(
        &place,
        &store,
        vec![
            append("first", "a", exactly(0), 2),
            append("late", "a", exactly(0), 1),
            append("second", "a", exactly(2), 1),
            append("any", "a", Expected::Any, 1),
        ],
    )
    .await;
    let versions: Vec<_> = [0, 2, 3].map(|n| answers[n].as_ref().unwrap().version.0).to_vec();
    assert_eq!(versions, [2, 3, 4]);
    assert_conflict(answers.remove(1), 0, 2);
    assert_sound(&whole_log(&store).await);
}

async fn the_same_append_again_gets_the_first_answer(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2024-04-26T02:00:00Z"));
    let store = place.open_at(clock.clone()).await;
    let original = append("original", "a", exactly(0), 3);
    let first = store.append(original.clone()).await.unwrap();
    assert!(!first.repeated);
    let again = Appended { repeated: true, ..first.clone() };
    clock.set(instant("2024-04-27T02:00:00Z"));

    assert_eq!(store.append(original.clone()).await.unwrap(), again, "at once");
    store.append(append("next", "a", exactly(3), 1)).await.unwrap();
    store.append(append("elsewhere", "b", exactly(0), 1)).await.unwrap();
    assert_eq!(store.append(original.clone()).await.unwrap(), again, "with a version that is stale by now");
    let stale = Append { expected: exactly(7), ..original.clone() };
    assert_eq!(store.append(stale).await.unwrap(), again, "whatever it expects");
    let store = place.open_at(clock).await;
    assert_eq!(store.append(original.clone()).await.unwrap(), again, "after reopening");
    assert_eq!(head(&store).await, 5, "a repeat wrote something");

    let found = store.find_append(original.id, APPEND_EVENTS_MAX).await.unwrap();
    let positions: Vec<_> = found.iter().map(|row| row.position).collect();
    assert_eq!(positions, [1, 2, 3], "the events of the append, and not the next one's");
    assert_eq!(store.find_append(append_id("unknown"), APPEND_EVENTS_MAX).await.unwrap(), []);
}

fn assert_written_once(answers: Vec<Result<Appended, StoreError>>) {
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let written = answers.iter().filter(|answer| !answer.repeated).count();
    assert_eq!(written, 1, "{answers:?}");
    for answer in &answers {
        assert_eq!(
            Appended { repeated: false, ..answer.clone() },
            Appended { repeated: false, ..answers[0].clone() }
        );
    }
}

async fn the_same_append_racing_in_one_batch_is_written_once(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let same = append("same", "a", exactly(0), 2);
    let any = append("any", "b", Expected::Any, 1);
    assert_written_once(in_one_batch(&place, &store, vec![same.clone(), same.clone(), same]).await);
    assert_written_once(in_one_batch(&place, &store, vec![any.clone(), any]).await);
    assert_eq!(head(&store).await, 2 + 2 + 1, "two appends that kept the lane busy, and one of each");
    assert_sound(&whole_log(&store).await);
}

async fn the_same_append_racing_from_two_stores_is_written_once(backend: Backend) {
    let place = Place::new(backend).await;
    let (one, two) = (place.open().await, place.open().await);
    for round in 0..20 {
        let expected = if round % 2 == 0 { exactly(0) } else { Expected::Any };
        let same = append(&format!("same {round}"), &format!("stream {round}"), expected, 2);
        let (first, second, third, fourth) = tokio::join!(
            one.append(same.clone()),
            two.append(same.clone()),
            two.append(same.clone()),
            one.append(same)
        );
        assert_written_once(vec![first, second, third, fourth]);
    }
    assert_eq!(head(&one).await, 40);
    assert_sound(&whole_log(&two).await);
}

async fn an_append_whose_caller_went_away_is_not_written_again(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let lock = place.lock_log().await;
    let abandoned = append("abandoned", "a", exactly(0), 1);
    let waiting = tokio::time::timeout(Duration::from_millis(100), store.append(abandoned.clone())).await;
    assert!(waiting.is_err(), "nobody can append while the log is locked");
    lock.release().await;
    let answer = store.append(abandoned).await.unwrap();
    assert_eq!((answer.position, answer.repeated), (Position(1), true));
    assert_eq!(head(&store).await, 1);
}

async fn one_of_many_wins_an_expected_version(backend: Backend) {
    let place = Place::new(backend).await;
    let stores = [place.open().await, place.open().await];
    for round in 0..5 {
        let mut racing = Vec::new();
        for n in 0..32 {
            let store = stores[n % 2].clone();
            let append = append(&format!("{round}: {n}"), "a", exactly(round), 1);
            racing.push(tokio::spawn(async move { store.append(append).await }));
        }
        let mut winners = 0;
        for answer in racing {
            match answer.await.unwrap() {
                Ok(appended) => {
                    assert_eq!(appended.version, Version(round + 1));
                    winners += 1;
                }
                conflict => assert_conflict(conflict, round, round + 1),
            }
        }
        assert_eq!(winners, 1);
    }
    assert_eq!(head(&stores[0]).await, 5);
    assert_sound(&whole_log(&stores[1]).await);
}

async fn positions_have_no_holes_after_conflicts(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let mut appends = Vec::new();
    for n in 0..40 {
        // Every other one expects what is not so.
        let expected = exactly(if n % 2 == 0 { 0 } else { 5 });
        appends.push(append(&format!("append {n}"), &format!("stream {n}"), expected, 1 + n % 3));
    }
    let answers = in_one_batch(&place, &store, appends).await;
    let written: usize = (0..40).step_by(2).map(|n| 1 + n % 3).sum();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
    let rows = whole_log(&store).await;
    assert_eq!(rows.len(), written + 1);
    assert_sound(&rows);
    assert_eq!(head(&store).await, i64::try_from(rows.len()).unwrap());
}

async fn the_recorded_time_never_falls(backend: Backend) {
    let place = Place::new(backend).await;
    let noon = instant("2024-04-26T05:00:00.000001Z");
    let clock = Clock::fixed(noon);
    let store = place.open_at(clock.clone()).await;
    let behind = place.open_at(Clock::fixed(instant("1999-01-01T00:00:00Z"))).await;
    let recorded = |appended: Appended| appended.recorded_at;
    assert_eq!(recorded(store.append(append("1", "a", exactly(0), 1)).await.unwrap()), noon);
    clock.set(instant("2024-04-26T04:00:00Z"));
    assert_eq!(recorded(store.append(append("2", "b", exactly(0), 1)).await.unwrap()), noon, "back an hour");
    assert_eq!(
        recorded(behind.append(append("3", "c", exactly(0), 1)).await.unwrap()),
        noon,
        "another clock"
    );
    let later = instant("2024-04-26T05:00:00.000002Z");
    clock.set(later);
    assert_eq!(recorded(store.append(append("4", "d", exactly(0), 1)).await.unwrap()), later);
    assert_eq!(recorded(behind.append(append("5", "e", exactly(0), 1)).await.unwrap()), later);
    let rows = whole_log(&store).await;
    let times: Vec<_> = rows.iter().map(|row| row.recorded_at - noon.timestamp_micros()).collect();
    assert_eq!(times, [0, 0, 0, 1, 1]);
}

async fn business_times_of_every_age_are_kept(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let times = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    for time in times {
        store
            .append(Append { occurred_at: instant(time), ..append(time, "a", Expected::Any, 1) })
            .await
            .unwrap();
    }
    let rows = whole_log(&store).await;
    let stored: Vec<_> = rows.iter().map(|row| row.occurred_at).collect();
    assert_eq!(stored, [-62_135_596_800_000_000, -1, 0, 253_402_300_799_999_999]);
}

async fn an_event_is_never_changed(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("first", "a", exactly(0), 2)).await.unwrap();
    let before = whole_log(&store).await;
    let mut statements = vec![
        "UPDATE event SET data = 'forged'",
        "UPDATE event SET position = position + 100",
        "UPDATE event SET data = data WHERE position = 1",
        "DELETE FROM event WHERE position = 2",
        "DELETE FROM event",
    ];
    statements.extend(match backend {
        Backend::Postgres => vec![
            "TRUNCATE event",
            "TRUNCATE event CASCADE",
            "INSERT INTO event SELECT * FROM event ON CONFLICT (position) DO UPDATE SET data = 'forged'",
        ],
        Backend::Sqlite => vec![
            "INSERT OR REPLACE INTO event SELECT position, stream, version, event_id, type, 'forged', metadata,
             occurred_at, recorded_at FROM event",
            "REPLACE INTO event SELECT position + 100, 'b', version, event_id, type, 'forged', metadata,
             occurred_at, recorded_at FROM event",
            "REPLACE INTO event SELECT position + 100, stream, version, randomblob(16), type, 'forged', metadata,
             occurred_at, recorded_at FROM event",
            "UPDATE OR REPLACE event SET position = 2 WHERE position = 1",
        ],
    });
    for statement in statements {
        // From inside the program, and by whoever else has a connection.
        let writer = &store.database().writer;
        let inside = on_db!(writer, pool => sqlx::raw_sql(statement).execute(pool).await.map(|_| ()));
        for outcome in [inside, place.sql(statement).await] {
            let error = outcome.expect_err(statement);
            assert!(error.to_string().contains("events are immutable"), "{statement}: {error}");
        }
        assert_eq!(whole_log(&store).await, before, "{statement}");
    }
    store.append(append("second", "a", exactly(2), 1)).await.unwrap();
}

async fn what_is_too_large_or_empty_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let good = append("good", "a", exactly(0), 1);
    let full = EVENT_BYTES_MAX - good.metadata.len();
    for (bad, reason) in [
        (Append { stream: String::new(), ..good.clone() }, "the stream name"),
        (Append { stream: "s".repeat(201), ..good.clone() }, "the stream name"),
        (Append { stream: "đ".repeat(101), ..good.clone() }, "the stream name"),
        (Append { events: Vec::new(), ..good.clone() }, "the number of events"),
        (Append { events: vec![event("{}"); APPEND_EVENTS_MAX + 1], ..good.clone() }, "the number of events"),
        (Append { events: vec![event("x".repeat(full + 1))], ..good.clone() }, "an event"),
        (Append { events: vec![event("{}"), event("x".repeat(full + 1))], ..good.clone() }, "an event"),
        (Append { metadata: "x".repeat(EVENT_BYTES_MAX), ..good.clone() }, "an event"),
    ] {
        match store.append(bad).await {
            Err(StoreError::TooLarge { what }) => assert_eq!(what, reason),
            other => panic!("expected a refusal of {reason}, got {other:?}"),
        }
    }
    assert_eq!(head(&store).await, 0);
    store.append(good).await.unwrap();
}

async fn what_is_just_small_enough_is_taken(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let many = append("many", &"s".repeat(200), exactly(0), APPEND_EVENTS_MAX);
    assert_eq!(store.append(many).await.unwrap().position, Position(256));
    let mut large = append("large", &"đ".repeat(100), exactly(0), 1);
    large.events = vec![event("x".repeat(EVENT_BYTES_MAX - large.metadata.len())); 3];
    store.append(large.clone()).await.unwrap();
    let rows = store.read_stream(&large.stream, Version(0)).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.data.as_str()).collect::<Vec<_>>(),
        [large.events[0].data.as_str(); 3]
    );
}

async fn streams_with_odd_names_are_kept_apart(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let names = [
        "a",
        "A",
        "a ",
        " a",
        "a\t",
        "a\n",
        "%",
        "_",
        "a%",
        "a_",
        "a'b",
        "a\"b",
        "a\\b",
        "a;--",
        "{a,\"b\"}",
        "[\"a\"]",
        "null",
        "1",
        "01",
        "1.0",
        "\u{e9}",
        "e\u{301}",
        "đ",
        "Đ",
        "d\u{335}",
        "🏯",
        "\u{2028}",
        "\u{200b}",
        "ß",
        "ss",
    ];
    // All of them in one batch, then one by one.
    let first: Vec<_> =
        names.iter().map(|name| append(&format!("first of {name}"), name, exactly(0), 1)).collect();
    for answer in in_one_batch(&place, &store, first).await {
        assert_eq!(answer.unwrap().version, Version(1));
    }
    for name in names {
        let second = append(&format!("second of {name}"), name, exactly(1), 1);
        assert_eq!(store.append(second).await.unwrap().version, Version(2), "{name:?}");
    }
    for name in names {
        let rows = store.read_stream(name, Version(0)).await.unwrap();
        let metadata: Vec<_> = rows.iter().map(|row| row.metadata.clone()).collect();
        let own = [format!("metadata of first of {name}"), format!("metadata of second of {name}")];
        assert_eq!(metadata, own, "{name:?}");
    }
}

async fn versions_of_a_code_stream_are_given_once(backend: Backend) {
    let place = Place::new(backend).await;
    let stores = [place.open().await, place.open().await];
    let mut racing = Vec::new();
    for n in 0..200 {
        let store = stores[n % 2].clone();
        let append = append(&format!("code {n}"), "code-000.00.16.H42-240426", Expected::Any, 1);
        racing.push(tokio::spawn(async move { store.append(append).await.unwrap().version.0 }));
    }
    let mut numbers = Vec::new();
    for number in racing {
        numbers.push(number.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_sound(&whole_log(&stores[0]).await);
}

/// Reads as a read model does, until it has seen as many events as there are to be; panics at the first one that it
/// skipped.
async fn follow(store: EventStore, total: Arc<AtomicI64>) -> Vec<Uuid> {
    let mut head = store.watch_head();
    let mut at = Position(0);
    let mut seen = Vec::new();
    while at.0 < total.load(Ordering::SeqCst) {
        let told = *head.wait_for(|head| at < *head).await.unwrap();
        loop {
            let page = match store.read_all(at, PageLimit::rows(7)).await {
                Ok(page) => page,
                // Cut off: the next try reads on from where it was.
                Err(StoreError::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                Err(other) => panic!("{other:?}"),
            };
            for row in &page.rows {
                assert_eq!(row.position, at.0 + 1, "the reader skipped an event");
                at = Position(row.position);
                seen.push(row.event_id);
            }
            if page.at_end {
                break;
            }
        }
        assert!(told <= at, "the reader was told of {told} and could read to {at} only");
    }
    seen
}

async fn a_live_reader_skips_nothing_while_sixteen_write(backend: Backend) {
    const WRITERS: u64 = 16;
    const APPENDS: u64 = 40;
    let place = Place::new(backend).await;
    let stores = [place.open().await, place.open().await];
    let mut choices = Choices::seeded("sixteen writers");
    let mut writers = Vec::new();
    let mut total = 0;
    for writer in 0..WRITERS {
        let store = stores[usize::try_from(writer % 2).unwrap()].clone();
        let sizes: Vec<_> = (0..APPENDS).map(|_| 1 + usize::try_from(choices.below(3)).unwrap()).collect();
        total += sizes.iter().sum::<usize>();
        writers.push(async move {
            let mut ids = Vec::new();
            let own = format!("own stream of {writer}");
            let mut version = 0;
            for (n, size) in sizes.into_iter().enumerate() {
                let name = format!("{writer}: {n}");
                let to_own = n % 2 == 0;
                // Conflicts in between, so that batches hold requests that get no position.
                assert!(
                    store
                        .append(append(&format!("{name} stale"), &own, exactly(version + 1), 1))
                        .await
                        .is_err()
                );
                let append = match to_own {
                    true => append(&name, &own, exactly(version), size),
                    false => append(&name, "everybody's", Expected::Any, size),
                };
                ids.extend((0..).take(size).map(|n| append.id.event(n).0));
                let appended = store.append(append).await.unwrap();
                if to_own {
                    version = appended.version.0;
                }
            }
            ids
        });
    }
    let total = i64::try_from(total).unwrap();
    let readers = stores.clone().map(|store| tokio::spawn(follow(store, Arc::new(AtomicI64::new(total)))));
    let writers: Vec<_> = writers.into_iter().map(tokio::spawn).collect();
    let mut written = HashSet::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    for reader in readers {
        let seen = reader.await.unwrap();
        assert_eq!(i64::try_from(seen.len()).unwrap(), total);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>(), written);
    }
    assert_sound(&whole_log(&stores[0]).await);
}

/// A reader in the same process is woken by the append itself: no poll can be that fast.
async fn the_head_is_known_before_an_append_is_answered(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let mut head = store.watch_head();
    assert_eq!(*head.borrow_and_update(), Position(0));
    for n in 0..20 {
        let appended = store.append(append(&format!("{n}"), "a", exactly(n), 1)).await.unwrap();
        assert!(head.has_changed().unwrap());
        assert_eq!(*head.borrow_and_update(), appended.position);
    }
    assert_eq!(
        *place.open().await.watch_head().borrow(),
        Position(20),
        "a store starts at the end of its log"
    );
}

async fn the_head_of_another_process_becomes_known(backend: Backend) {
    let place = Place::new(backend).await;
    let (here, there) = (place.open().await, place.open().await);
    let mut head = here.watch_head();
    for n in 0..5 {
        let appended = there.append(append(&format!("{n}"), "a", exactly(n), 1)).await.unwrap();
        let known = head.wait_for(|head| appended.position <= *head);
        let known = tokio::time::timeout(Duration::from_secs(5), known).await.expect("nobody told").unwrap();
        assert_eq!(*known, appended.position);
    }
}

async fn a_log_bound_to_other_keys_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let store = place.open().await;
    store.bind_keys(ours).await.unwrap();
    store.bind_keys(ours).await.unwrap();
    for store in [store, place.open().await] {
        match store.bind_keys(theirs).await {
            Err(StoreError::OtherKeys { log, keys }) => assert_eq!((log, keys), (ours, theirs)),
            other => panic!("expected OtherKeys, got {other:?}"),
        }
        store.bind_keys(ours).await.unwrap();
    }
}

async fn two_processes_open_a_new_log_at_once(backend: Backend) {
    for _ in 0..10 {
        let place = Place::new(backend).await;
        let url = place.log_url();
        let opening: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { EventStore::open(&url, Clock::System).await })
            })
            .collect();
        for (n, store) in opening.into_iter().enumerate() {
            let store = store.await.unwrap().unwrap();
            let appended = store.append(append(&format!("{n}"), "a", Expected::Any, 1)).await.unwrap();
            assert_eq!(appended.position.0, i64::try_from(n + 1).unwrap());
        }
    }
}

async fn a_newer_schema_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("first", "a", exactly(0), 1)).await.unwrap();
    let (now, yes, checksum) = match backend {
        Backend::Sqlite => ("'2030-01-01'", "1", "x'00'"),
        Backend::Postgres => ("now()", "true", "'\\x00'"),
    };
    let newer = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (9999, 'of the future', {now}, {yes}, {checksum}, 0)"
    );
    place.sql(&newer).await.unwrap();
    match EventStore::open(&place.log_url(), Clock::System).await {
        Err(DbError::NewerSchema { url, version }) => assert_eq!((url, version), (place.log_url(), 9999)),
        Err(other) => panic!("expected NewerSchema, got {other:?}"),
        Ok(_) => panic!("a log with a newer schema was opened"),
    }
    place.sql("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
    assert_eq!(head(&place.open().await).await, 1);
}

/// A large event until the disk is full, then small ones of which none may be lost.
async fn a_full_disk_is_a_typed_error_and_loses_nothing(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("before", "a", exactly(0), 3)).await.unwrap();
    match (backend, &store.database().writer) {
        (Backend::Sqlite, infrastructure::db::Db::Sqlite(writer)) => {
            // No page more than there are now.
            let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
                .execute(writer)
                .await
                .unwrap();
        }
        _ => place.refuse_insert("100000 < length(NEW.data)", "53100").await,
    }
    let large = Append { events: vec![event("x".repeat(200_000))], ..append("large", "a", exactly(3), 1) };
    let outcome = store.append(large.clone()).await;
    assert!(matches!(outcome, Err(StoreError::DiskFull(_))), "{outcome:?}");
    let both =
        in_one_batch(&place, &store, vec![large.clone(), Append { id: append_id("twin"), ..large.clone() }]);
    for outcome in both.await {
        assert!(matches!(outcome, Err(StoreError::DiskFull(_))), "{outcome:?}");
    }
    let rows = whole_log(&store).await;
    assert_sound(&rows);
    assert_eq!(rows.len(), 4, "three from before, and one that kept the lane busy and had room");

    match (backend, &store.database().writer) {
        (Backend::Sqlite, infrastructure::db::Db::Sqlite(writer)) => {
            sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(writer).await.unwrap();
        }
        _ => place.allow_insert().await,
    }
    assert_eq!(store.append(large).await.unwrap().position, Position(5));
    assert_sound(&whole_log(&place.open().await).await);
}

async fn a_read_only_log_is_a_typed_error_and_loses_nothing(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    store.append(append("before", "a", exactly(0), 3)).await.unwrap();
    let set_read_only = async |on: bool| match &store.database().writer {
        infrastructure::db::Db::Sqlite(writer) => {
            let text = if on { "PRAGMA query_only = ON" } else { "PRAGMA query_only = OFF" };
            sqlx::raw_sql(text).execute(writer).await.unwrap();
        }
        infrastructure::db::Db::Postgres(_) => {
            let database = place.database();
            let set = if on {
                "SET default_transaction_read_only = on"
            } else {
                "RESET default_transaction_read_only"
            };
            administer(vec![format!("ALTER DATABASE {database} {set}"), cut_connections(database)])
                .await
                .unwrap();
        }
    };
    set_read_only(true).await;
    for n in 0..3 {
        let outcome = store.append(append(&format!("refused {n}"), "a", exactly(3), 1)).await;
        assert!(matches!(outcome, Err(StoreError::ReadOnly(_))), "{outcome:?}");
    }
    assert_eq!(whole_log(&store).await.len(), 3, "a read-only log can be read");
    if backend == Backend::Postgres {
        let opened = EventStore::open(&place.log_url(), Clock::System).await;
        assert!(matches!(opened, Err(DbError::Open { .. } | DbError::Migrate { .. })));
    }
    set_read_only(false).await;
    let after = store.append(append("refused 0", "a", exactly(3), 1)).await.unwrap();
    assert_eq!((after.position, after.repeated), (Position(4), false));
    assert_sound(&whole_log(&store).await);
}

async fn a_writer_waits_for_another_one(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open().await;
    let lock = place.lock_log().await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.append(append("waiting", "a", exactly(0), 1)).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished(), "the lock of another writer was ignored");
    assert_eq!(whole_log(&store).await, [], "reading waits for nobody");
    lock.release().await;
    assert_eq!(waiting.await.unwrap().unwrap().position, Position(1));
}

/// Ends every connection of the program to a database, as a restart of the server or a firewall does.
fn cut_connections(database: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{database}' AND application_name = 'motcua'"
    )
}

#[test]
fn cut_connections_lose_nothing_and_write_nothing_twice() {
    run(Backend::Postgres, |backend| async move {
        const WRITERS: usize = 8;
        const CUTS: usize = 60;
        let place = Place::new(backend).await;
        let store = place.open().await;
        let total = Arc::new(AtomicI64::new(i64::MAX));
        let reader = tokio::spawn(follow(store.clone(), Arc::clone(&total)));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let (store, stopped) = (store.clone(), stopped.clone());
            writers.push(tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                let mut failures = 0;
                for version in 0.. {
                    let append = append(
                        &format!("{writer}: {version}"),
                        &format!("stream {writer}"),
                        exactly(version),
                        1,
                    );
                    let answer = loop {
                        match store.append(append.clone()).await {
                            Ok(answer) => break answer,
                            // Whether it was written is not known. The same again is what a client does.
                            Err(StoreError::Unavailable(_)) => failures += 1,
                            Err(other) => panic!("{other:?}"),
                        }
                    };
                    assert_eq!(answer.version, Version(version + 1));
                    acknowledged.push((answer.position, append.id.event(0).0));
                    if *stopped.borrow() {
                        break;
                    }
                }
                (acknowledged, failures)
            }));
        }
        for _ in 0..CUTS {
            administer(vec![cut_connections(place.database())]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        stop.send(true).unwrap();
        let mut acknowledged = Vec::new();
        let mut failures = 0;
        for writer in writers {
            let (own, failed) = writer.await.unwrap();
            acknowledged.extend(own);
            failures += failed;
        }
        // The reader was cut as well. It has everything, and one more that wakes it a last time.
        total.store(head(&store).await + 1, Ordering::SeqCst);
        let last = append("last", "last", exactly(0), 1);
        let answer = store.append(last.clone()).await.unwrap();
        acknowledged.push((answer.position, last.id.event(0).0));
        let seen = reader.await.unwrap();
        let rows = whole_log(&store).await;
        assert_sound(&rows);
        assert!(WRITERS * 10 < acknowledged.len(), "the writers got nowhere: {}", acknowledged.len());
        acknowledged.sort_unstable();
        assert_eq!(seen, rows.iter().map(|row| row.event_id).collect::<Vec<_>>());
        let in_log: Vec<_> = rows.iter().map(|row| (Position(row.position), row.event_id)).collect();
        assert_eq!(in_log, acknowledged, "the log holds what was acknowledged, once each, and nothing else");
        eprintln!("{CUTS} cuts, {} appends, {failures} failed and were sent again", rows.len());
    });
}

#[test]
fn a_place_that_holds_no_log_is_a_typed_error() {
    run(Backend::Sqlite, |backend| async move {
        let place = Place::new(backend).await;
        let folder = &place.folder;
        std::fs::write(folder.join("garbage.db"), "this is not a database ".repeat(1_000)).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        std::fs::create_dir(folder.join("folder.db")).unwrap();
        let open = |name: &str| {
            let url = DbUrl::Sqlite(folder.join(name));
            async move { EventStore::open(&url, Clock::System).await.map(|_| ()) }
        };
        let error = open("garbage.db").await.unwrap_err();
        assert!(matches!(error, DbError::Open { .. }), "a file that is no database: {error:?}");
        let error = open("folder.db").await.unwrap_err();
        assert!(matches!(error, DbError::Open { .. }), "a folder: {error:?}");
        let error = open("file/motcua.db").await.unwrap_err();
        assert!(matches!(error, DbError::Folder { .. }), "a folder that is a file: {error:?}");
        open("new/folders/motcua.db").await.unwrap();
    });
    run(Backend::Postgres, |backend| async move {
        let place = Place::new(backend).await;
        let url = place.store().replace(place.database(), "no_such_database");
        let opened = EventStore::open(&DbUrl::parse(&url).unwrap(), Clock::System).await;
        let error = opened.map(|_| ()).unwrap_err();
        assert!(matches!(error, DbError::Open { .. }), "a database that is not there: {error:?}");
    });
}

/// The file system itself is full: what SQLite makes of it is not the same as reaching a limit of its own.
#[test]
fn a_full_file_system_is_a_typed_error_and_loses_nothing() {
    run(Backend::Sqlite, |backend| async move {
        let place = Place::new(backend).await;
        let Some(small) = SmallDisk::mount(&place.folder.join("small")) else {
            return not_run("a full file system: mounting a small one needs root");
        };
        let url = DbUrl::Sqlite(small.0.join("motcua.db"));
        let store = EventStore::open(&url, Clock::System).await.unwrap();
        let mut acknowledged = 0;
        let error = loop {
            let events = vec![event("x".repeat(10_000))];
            match store
                .append(Append {
                    events,
                    ..append(&format!("{acknowledged}"), "a", exactly(acknowledged), 1)
                })
                .await
            {
                Ok(appended) => acknowledged = appended.version.0,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
        assert!(10 < acknowledged);
        assert_eq!(i64::try_from(whole_log(&store).await.len()).unwrap(), acknowledged);
        std::fs::remove_file(small.0.join("ballast")).unwrap();
        let again = append(&format!("{acknowledged}"), "a", exactly(acknowledged), 1);
        assert_eq!(store.append(again).await.unwrap().version.0, acknowledged + 1);
        let store = EventStore::open(&url, Clock::System).await.unwrap();
        let rows = whole_log(&store).await;
        assert_sound(&rows);
        assert_eq!(i64::try_from(rows.len()).unwrap(), acknowledged + 1);
        on_db!(&store.database().writer, pool => pool.close().await);
    });
}

/// A file system of two megabytes, of which a file named `ballast` takes one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &std::path::Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(path).stderr(std::process::Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let disk = Self(path.to_owned());
        std::fs::write(path.join("ballast"), vec![1; 1 << 20]).unwrap();
        Some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: connections may still hold its files.
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
