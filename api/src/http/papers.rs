//! `GET /papers/{dossier id}/{kind}.{html|pdf}`: a paper of a dossier, for who may read personal data. `GET
//! /registers/{agency code}/register.{html|pdf}?from=2024-05-01&to=2024-05-31&volume=1`: the book of a counter.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use domain::identity::DossierId;
use serde::Deserialize;
use uuid::Uuid;

use super::authentication::Somebody;
use super::{Server, failed, problem};
use crate::papers::{Kind, Paper, PaperError, content_security_policy};
use crate::problem::{Problem, ServiceError};
use crate::service::{Book, Printed};

#[derive(Clone, Copy)]
enum Format {
    Html,
    Pdf,
}

/// `receipt.pdf`
fn parse(file: &str) -> Option<(Kind, Format)> {
    let (kind, extension) = file.split_once('.')?;
    let format = match extension {
        "html" => Format::Html,
        "pdf" => Format::Pdf,
        _ => return None,
    };
    Some((Kind::from_name(kind)?, format))
}

pub(super) async fn paper(
    State(server): State<Server>,
    Path((dossier, file)): Path<(String, String)>,
    Somebody(caller): Somebody,
) -> Response {
    let (Some((kind, format)), Ok(id)) = (parse(&file), Uuid::parse_str(&dossier)) else {
        return problem(&Problem::NotFound { what: "paper" });
    };
    match server.service.paper(&caller, DossierId(id), kind).await {
        Ok(Printed { code, paper }) => answer(format!("{code}-{}", kind.name()), paper, format).await,
        Err(ServiceError::Problem(reason)) => problem(&reason),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

/// Which stretch of a book.
#[derive(Deserialize)]
pub(super) struct Stretch {
    from: NaiveDate,
    to: NaiveDate,
    #[serde(default = "first_volume")]
    volume: u32,
}

fn first_volume() -> u32 {
    1
}

pub(super) async fn register(
    State(server): State<Server>,
    Path((agency, file)): Path<(String, String)>,
    Somebody(caller): Somebody,
    stretch: Result<Query<Stretch>, QueryRejection>,
) -> Response {
    let Some((Kind::Register, format)) = parse(&file) else {
        return problem(&Problem::NotFound { what: "paper" });
    };
    let Ok(Query(Stretch { from, to, volume })) = stretch else {
        return problem(&Problem::invalid("from, to, volume", "two days such as 2024-05-01, and a number"));
    };
    let name = format!("{agency}-{}-{from}-{to}-{volume}", Kind::Register.name());
    match server.service.register_book(&caller, &Book { agency, from, to, volume }).await {
        Ok(paper) => answer(name, paper, format).await,
        Err(ServiceError::Problem(reason)) => problem(&reason),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

/// Setting a paper takes a processor's time: other requests do not wait for it.
async fn answer(name: String, paper: Paper, format: Format) -> Response {
    match tokio::task::spawn_blocking(move || set(&name, &paper, format)).await {
        Ok(response) => response.unwrap_or_else(|error| failed(&error)),
        // A panic in here is a bug; it ends this request and no other.
        Err(panic) => failed(&panic),
    }
}

fn set(name: &str, paper: &Paper, format: Format) -> Result<Response, PaperError> {
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
    let disposition = |extension: &str| format!("inline; filename=\"{name}.{extension}\"");
    Ok(match format {
        Format::Html => {
            let headers = [
                (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (CONTENT_DISPOSITION, disposition("html")),
                (CONTENT_SECURITY_POLICY, content_security_policy().to_owned()),
            ];
            (headers, paper.html()?).into_response()
        }
        Format::Pdf => {
            let headers =
                [(CONTENT_TYPE, "application/pdf".to_owned()), (CONTENT_DISPOSITION, disposition("pdf"))];
            (headers, paper.pdf()?).into_response()
        }
    })
}
