//! `GET /papers/{dossier id}/{kind}.{html|pdf}`: a paper of a dossier, for who may read personal data.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::identity::DossierId;
use uuid::Uuid;

use super::{Server, caller, refuse};
use crate::messages::{self, Language};
use crate::papers::{Kind, PaperError, content_security_policy};
use crate::problem::{Problem, ServiceError};
use crate::service::Printed;

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
    headers: HeaderMap,
) -> Response {
    let caller = match caller(&headers, server.settings) {
        Ok(Some(caller)) => caller,
        Ok(None) => return refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "a bearer token is needed"),
        Err(reason) => return refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", reason),
    };
    let (Some((kind, format)), Ok(id)) = (parse(&file), Uuid::parse_str(&dossier)) else {
        return problem(&Problem::NotFound { what: "paper" });
    };
    match server.service.paper(&caller, DossierId(id), kind).await {
        Ok(printed) => answer(&printed, kind, format).unwrap_or_else(|error| failed(&error)),
        Err(ServiceError::Problem(reason)) => problem(&reason),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

fn answer(printed: &Printed, kind: Kind, format: Format) -> Result<Response, PaperError> {
    let code: String =
        printed.code.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
    let disposition = |extension: &str| format!("inline; filename=\"{code}-{}.{extension}\"", kind.name());
    Ok(match format {
        Format::Html => {
            let headers = [
                (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (CONTENT_DISPOSITION, disposition("html")),
                (CONTENT_SECURITY_POLICY, content_security_policy().to_owned()),
            ];
            (headers, printed.paper.html()?).into_response()
        }
        Format::Pdf => {
            let headers =
                [(CONTENT_TYPE, "application/pdf".to_owned()), (CONTENT_DISPOSITION, disposition("pdf"))];
            (headers, printed.paper.pdf()?).into_response()
        }
    })
}

fn problem(problem: &Problem) -> Response {
    let status = match problem {
        Problem::NotFound { .. } => StatusCode::NOT_FOUND,
        Problem::Denied(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refuse(status, problem.code(), &messages::of(problem, Language::Vietnamese))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a paper cannot be made");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the paper cannot be made")
}
