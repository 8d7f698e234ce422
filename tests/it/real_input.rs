//! Real input through the real binary: what it counts is what the files hold, and the boards say the same.

use api::development_token;
use api::service::{BoardQuestion, Caller, ProgressQuestion, SearchInput, Service};
use chrono::DateTime;
use domain::recorded::{Position, Via};
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use serde_json::json;

use crate::cli::{json_of, motcua, stored};
use crate::support::office::month_of;
use crate::support::{Place, backends, real_input};

async fn open(place: &Place) -> Service {
    Service::open(&place.location(), Clock::System, Entropy::System).await.unwrap()
}

async fn head(place: &Place) -> Position {
    open(place).await.store().head().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workflows_of_a_real_product_are_imported_once() {
    let Some(input) = real_input() else { return };
    let workflows = input.join("workflows").display().to_string();
    for backend in backends() {
        let place = Place::new(backend).await;
        let arguments = stored(&place, &["import", "procedures", &workflows, "--json"]);
        let first = json_of(&motcua(&place.folder, &arguments).await, 0);
        let counts = |report: &serde_json::Value| {
            let defects = report["defects"].as_array().unwrap().len();
            json!([report["read"], report["published"], report["drafts"], report["unreadable"], defects])
        };
        // 103 of the workflows, 73 of the forms beside them.
        assert_eq!(counts(&first), json!([91, 81, 10, 0, 103 + 73]));
        let after = head(&place).await;
        // Each is drafted, and the sound ones are published.
        assert_eq!(after, Position(91 + 81));
        let again = json_of(&motcua(&place.folder, &arguments).await, 0);
        assert_eq!(again, first);
        assert_eq!(head(&place).await, after);

        // What is in force survives the way out and in again.
        let export = stored(&place, &["export", "procedures", "out", "--json"]);
        assert_eq!(json_of(&motcua(&place.folder, &export).await, 0)["written"], 81);
        let import = stored(&place, &["import", "procedures", "out", "--json"]);
        let back = counts(&json_of(&motcua(&place.folder, &import).await, 0));
        assert_eq!([&back[0], &back[1], &back[2], &back[3]], [81, 81, 0, 0].map(|n| json!(n)).each_ref());
        assert_eq!(head(&place).await, after, "the second import published something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dossiers_of_a_real_municipality_count_the_same_everywhere() {
    let Some(input) = real_input() else { return };
    let file = input.join("receipt.xes.gz").display().to_string();
    for backend in backends() {
        let place = Place::new(backend).await;
        let arguments = stored(&place, &["import", "xes", &file, "--json"]);
        let started = std::time::Instant::now();
        let first = json_of(&motcua(&place.folder, &arguments).await, 0);
        println!("{backend:?}: imported in {:.1} s", started.elapsed().as_secs_f64());
        // Every dossier is submitted and received; every activity and every end is an event.
        let expected = json!({
            "dossiers": 1434, "events": 2 * 1434 + 8577 + 1329, "activities": 8577, "ended": 1329, "onTime": 952,
            "late": 377, "open": 105, "anomalies": 117 + 180 + 2 + 12, "tracesRead": 1434, "defects": [],
        });
        assert_eq!(first, expected);
        let after = head(&place).await;
        // Beside those: a code for each, the agency, and the procedure drafted and published.
        assert_eq!(after, Position(2 * 1434 + 8577 + 1329 + 1434 + 3));
        let again = json_of(&motcua(&place.folder, &arguments).await, 0);
        assert_eq!(again, expected);
        assert_eq!(head(&place).await, after);

        let service = open(&place).await;
        let caller = Caller {
            principal: development_token::parse("dev:auditor:thu@000.00.00.H25").unwrap(),
            via: Via::Graphql,
            traceparent: None,
            purpose: domain::access::Purpose::default(),
            at: None,
        };
        let late = DateTime::parse_from_rfc3339("2026-11-24T09:00:00+07:00").unwrap().to_utc();
        let question = BoardQuestion { as_of: Some(late), ..BoardQuestion::default() };
        let board = service.deadline_board(&caller, &question).await.unwrap().counts;
        let open = board.overdue + board.due_today + board.due_soon + board.on_time + board.paused;
        assert_eq!(open, 105);
        assert_eq!(service.count_dossiers(&caller, &SearchInput::default()).await.unwrap(), 1434);

        let days = ("2000-01-01".parse().unwrap(), "2026-11-30".parse().unwrap());
        let question = ProgressQuestion { days, ..month_of("2000-01") };
        let progress = service.progress(&caller, &question).await.unwrap();
        assert_eq!(progress.rows.len(), 1);
        let figures = &progress.total;
        assert_eq!((figures.early + figures.on_time, figures.late), (952, 377));
        assert_eq!((figures.carried_over, figures.received), (0, 1434));
        assert_eq!((figures.pending(), figures.paused, figures.withdrawn, figures.refused), (105, 0, 0, 0));
        assert_eq!((figures.received_online, figures.received_post), (1250, 53));
    }
}
