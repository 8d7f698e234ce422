//! `GET /tables/progress.{csv|xlsx}?from=2024-01&to=2024-03-15&by={agency|agency-tree|field|procedure}`, `indicators` and
//! `step-times` with the same days (the latter with a `procedure`), and `GET
//! /tables/{overdue|due-today|due-soon|not-due|paused|intake-waiting|intake-overdue|unanswered}.{csv|xlsx}?asOf=…`, both
//! with `knownAt`, `agency`, `withSubordinates`, `procedure` and `field`: what the API answers, as a table to take away.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, FixedOffset};
use domain::time::local_date;
use projections::deadline_board::Class;
use serde::Deserialize;

use super::authentication::Somebody;
use super::{Server, failed, problem};
use crate::input::period;
use crate::problem::{Problem, ServiceError};
use crate::service::{self, BoardQuestion, Caller, ProgressBy, ProgressQuestion, Service};
use crate::tables::Table;

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Xlsx,
}

#[derive(Clone, Copy)]
enum What {
    Progress,
    Indicators,
    StepTimes,
    Board(Class),
}

/// Which part of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Part {
    from: Option<String>,
    to: Option<String>,
    by: Option<By>,
    as_of: Option<DateTime<FixedOffset>>,
    known_at: Option<DateTime<FixedOffset>>,
    agency: Option<String>,
    #[serde(default)]
    with_subordinates: bool,
    procedure: Option<String>,
    field: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Agency,
    AgencyTree,
    Field,
    Procedure,
}

impl From<By> for ProgressBy {
    fn from(by: By) -> Self {
        match by {
            By::Agency => Self::Agency,
            By::AgencyTree => Self::AgencyTree,
            By::Field => Self::Field,
            By::Procedure => Self::Procedure,
        }
    }
}

/// `overdue.xlsx`
fn parse(file: &str) -> Option<(What, Format)> {
    let (what, extension) = file.split_once('.')?;
    let what = match what {
        "progress" => What::Progress,
        "indicators" => What::Indicators,
        "step-times" => What::StepTimes,
        "overdue" => What::Board(Class::Overdue),
        "due-today" => What::Board(Class::DueToday),
        "due-soon" => What::Board(Class::DueSoon),
        "not-due" => What::Board(Class::OnTime),
        "paused" => What::Board(Class::Paused),
        "intake-waiting" => What::Board(Class::IntakeWaiting),
        "intake-overdue" => What::Board(Class::IntakeOverdue),
        "unanswered" => What::Board(Class::Unanswered),
        _ => return None,
    };
    let format = match extension {
        "csv" => Format::Csv,
        "xlsx" => Format::Xlsx,
        _ => return None,
    };
    Some((what, format))
}

pub(super) async fn table(
    State(server): State<Server>,
    Path(file): Path<String>,
    Somebody(caller): Somebody,
    part: Result<Query<Part>, QueryRejection>,
) -> Response {
    let Some((what, format)) = parse(&file) else { return problem(&Problem::NotFound { what: "table" }) };
    let part = match part {
        Ok(Query(part)) => part,
        Err(error) => return problem(&Problem::invalid("query", error.body_text())),
    };
    match table_of(&server.service, &caller, what, &part).await {
        Ok(table) => {
            let today = local_date(server.service.clock().now());
            answer(format!("{}-{today}", file.split('.').next().unwrap_or_default()), table, format).await
        }
        Err(ServiceError::Problem(reason)) => problem(&reason),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

async fn table_of(
    service: &Service,
    caller: &Caller,
    what: What,
    part: &Part,
) -> Result<Table, ServiceError> {
    let known_at = part.known_at.map(|at| at.to_utc());
    let whose = service::Part {
        agency: part.agency.clone(),
        with_subordinates: part.with_subordinates,
        procedure: part.procedure.clone(),
        field: part.field.clone(),
    };
    match (what, part) {
        (What::Progress, Part { from: Some(from), to: Some(to), as_of: None, by, .. }) => {
            let by = by.map_or(ProgressBy::Agency, Into::into);
            let days = period::days(from, to)?;
            service.progress_table(caller, &ProgressQuestion { days, known_at, by, part: whose }).await
        }
        (
            What::Indicators | What::StepTimes,
            Part { from: Some(from), to: Some(to), as_of: None, by: None, .. },
        ) => {
            let days = period::days(from, to)?;
            let question = ProgressQuestion { days, known_at, by: ProgressBy::Agency, part: whose };
            if matches!(what, What::Indicators) {
                service.indicators_table(caller, &question).await
            } else {
                service.step_times_table(caller, &question).await
            }
        }
        (What::Progress | What::Indicators | What::StepTimes, _) => {
            Err(Problem::invalid("from, to", "the first day or month and the last, as in 2024-01").into())
        }
        (What::Board(class), Part { from: None, to: None, by: None, as_of, .. }) => {
            let as_of = as_of.map(|at| at.to_utc());
            service.board_table(caller, class, &BoardQuestion { as_of, known_at, part: whose }).await
        }
        (What::Board(_), _) => Err(Problem::invalid("from, to", "a board is as of an instant: asOf").into()),
    }
}

/// Making a table takes a processor's time: other requests do not wait for it.
async fn answer(name: String, table: Table, format: Format) -> Response {
    let made = tokio::task::spawn_blocking(move || match format {
        Format::Csv => table.csv(),
        Format::Xlsx => table.xlsx(),
    });
    let (media_type, extension) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    };
    match made.await {
        Ok(Ok(content)) => {
            let disposition = format!("attachment; filename=\"{name}.{extension}\"");
            ([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)], content)
                .into_response()
        }
        Ok(Err(error)) => failed(&error),
        // A panic in here is a bug; it ends this request and no other.
        Err(panic) => failed(&panic),
    }
}
