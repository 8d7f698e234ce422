//! Files of dossiers: `POST /dossiers/{id}/files` streams one in, `GET /dossiers/{id}/files/{file}` out, or a range of it.
//! The name of a file is about a person: it comes in a header, never in an address that others log.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::dossier::FilePurpose;
use domain::identity::{DossierId, FileId};
use futures::{StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::authentication::Somebody;
use super::{Server, header, json_response, refuse};
use crate::graphql::PositionText;
use crate::messages::{self, Language};
use crate::problem::{Failure, Problem, ServiceError};
use crate::service::{Attached, Download, FileInput};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Percent-encoded UTF-8.
const FILE_NAME: HeaderName = HeaderName::from_static("x-file-name");
/// A file is for saving. Should a browser show it all the same, it does nothing there.
const CSP: &str = "sandbox; default-src 'none'";
/// What RFC 8187 lets stand as it is.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[derive(Debug, Deserialize)]
pub(super) struct About {
    purpose: String,
    paper: Option<String>,
}

pub(super) async fn upload(
    State(server): State<Server>,
    Path(dossier): Path<String>,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
    Somebody(caller): Somebody,
    body: Body,
) -> Response {
    let language = language(&headers);
    let input = match input(&dossier, about, &headers) {
        Ok(input) => input,
        Err(reason) => return problem(&reason, language),
    };
    let length = header(&headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    match server.service.attach_file(&caller, &input, length, body.into_data_stream()).await {
        Ok(attached) => receipt(&attached),
        Err(ServiceError::Problem(reason)) => problem(&reason, language),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

fn receipt(attached: &Attached) -> Response {
    let status = if attached.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let file = &attached.file;
    let answer = json!({
        "file": file.id,
        "sha256": file.sha256,
        "size": file.size,
        "version": attached.done.version.0,
        "position": PositionText(attached.done.position).encode(),
    });
    json_response(status, &answer)
}

fn input(
    dossier: &str,
    about: Result<Query<About>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<FileInput, Problem> {
    let dossier = Uuid::parse_str(dossier).map_err(|_| Problem::NotFound { what: "dossier" })?;
    let Query(about) = about.map_err(|error| Problem::invalid("purpose", error.body_text()))?;
    let purpose = match about.purpose.as_str() {
        "paper" => FilePurpose::Paper,
        "result" => FilePurpose::Result,
        _ => return Err(Problem::invalid("purpose", "is paper or result")),
    };
    let key = header(headers, &IDEMPOTENCY_KEY).and_then(|key| Uuid::parse_str(key).ok());
    Ok(FileInput {
        idempotency_key: key.ok_or_else(|| Problem::invalid("Idempotency-Key", "is a UUID"))?,
        dossier: DossierId(dossier),
        purpose,
        paper: about.paper,
        media_type: header(headers, &CONTENT_TYPE).unwrap_or_default().to_owned(),
        name: headers.get(&FILE_NAME).map(|name| file_name(name.as_bytes())).transpose()?,
    })
}

fn file_name(encoded: &[u8]) -> Result<String, Problem> {
    let invalid = || Problem::invalid("X-File-Name", "is percent-encoded UTF-8");
    let encoded = std::str::from_utf8(encoded).map_err(|_| invalid())?;
    Ok(percent_decode_str(encoded).decode_utf8().map_err(|_| invalid())?.into_owned())
}

pub(super) async fn download(
    State(server): State<Server>,
    Path((dossier, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    Somebody(caller): Somebody,
) -> Response {
    let language = language(&headers);
    let (Ok(dossier), Ok(file)) = (Uuid::parse_str(&dossier), Uuid::parse_str(&file)) else {
        return problem(&Problem::NotFound { what: "file" }, language);
    };
    match server.service.file(&caller, DossierId(dossier), FileId(file)).await {
        Ok(file) => content(&file, &method, &headers).await.unwrap_or_else(|failure| failed(&failure)),
        Err(ServiceError::Problem(reason)) => problem(&reason, language),
        Err(ServiceError::Failure(failure)) => failed(&failure),
    }
}

async fn content(file: &Download, method: &Method, headers: &HeaderMap) -> Result<Response, Failure> {
    let size = file.content.size();
    let tag = format!("\"{}\"", file.attached.sha256);
    let (status, from, until) = match asked_for(headers, method, &tag, size) {
        Asked::Whole => (StatusCode::OK, 0, size),
        Asked::Range(from, until) => (StatusCode::PARTIAL_CONTENT, from, until),
        Asked::Nothing => {
            let range = [(CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    // The first piece before the status: what is damaged there is an error, and not an answer that breaks off.
    let mut pieces = Box::pin(file.content.range(from, until));
    let first = pieces.try_next().await?;
    let pieces = futures::stream::iter(first.map(Ok)).chain(pieces).inspect_err(|error| {
        let error: &(dyn std::error::Error + 'static) = error;
        tracing::error!(error, "a file breaks off while it is read");
    });
    let headers = [
        (CONTENT_TYPE, file.attached.media_type.to_string()),
        (CONTENT_LENGTH, (until - from).to_string()),
        (CONTENT_DISPOSITION, disposition(file)),
        (CONTENT_SECURITY_POLICY, CSP.to_owned()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (ETAG, tag),
    ];
    let mut answer = (status, headers, Body::from_stream(pieces)).into_response();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = format!("bytes {from}-{}/{size}", until - 1).parse()
    {
        answer.headers_mut().insert(CONTENT_RANGE, range);
    }
    Ok(answer)
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    /// From a byte up to and without another.
    Range(u64, u64),
    /// Only what lies behind the end.
    Nothing,
}

/// One range; several, and what is no range of bytes, are answered with the whole (RFC 9110, 14.2).
fn asked_for(headers: &HeaderMap, method: &Method, tag: &str, size: u64) -> Asked {
    let Some(range) = header(headers, &RANGE).filter(|_| *method == Method::GET) else {
        return Asked::Whole;
    };
    // A part of what the client has the rest of, unless it is another file by now.
    if headers.get(&IF_RANGE).is_some_and(|known| known.as_bytes() != tag.as_bytes()) {
        return Asked::Whole;
    }
    let Ok(parsed) = http_range_header::parse_range_header(range) else { return Asked::Whole };
    if parsed.len() != 1 {
        return Asked::Whole;
    }
    match parsed.validate(size) {
        Ok(ranges) => match ranges.first() {
            Some(range) => Asked::Range(*range.start(), (range.end() + 1).min(size)),
            None => Asked::Nothing,
        },
        Err(_) => Asked::Nothing,
    }
}

/// Under its own name where it has one, and one that any client can read.
fn disposition(file: &Download) -> String {
    let code: String =
        file.code.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
    let plain = format!("{code}-{}.{}", file.attached.file, file.extension);
    match &file.name {
        Some(name) => {
            let name = utf8_percent_encode(name, ATTR_CHAR);
            format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{name}")
        }
        None => format!("attachment; filename=\"{plain}\""),
    }
}

fn language(headers: &HeaderMap) -> Language {
    Language::from_accept_language(header(headers, &ACCEPT_LANGUAGE))
}

fn problem(problem: &Problem, language: Language) -> Response {
    let status = match problem.code() {
        "NOT_FOUND" => StatusCode::NOT_FOUND,
        "BAD_USER_INPUT" | "UPLOAD_BROKEN" => StatusCode::BAD_REQUEST,
        "UPLOAD_STALLED" => StatusCode::REQUEST_TIMEOUT,
        "IDEMPOTENCY_KEY_REUSED" | "CONTENDED" | "INVALID_TRANSITION" => StatusCode::CONFLICT,
        "FILE_GONE" => StatusCode::GONE,
        "FILE_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        "FILE_TYPE_NOT_ALLOWED" | "FILE_TYPE_MISMATCH" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "SCANNER_UNAVAILABLE" | "TOO_MANY_UPLOADS" => StatusCode::SERVICE_UNAVAILABLE,
        _ if matches!(problem, Problem::Denied(_)) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    refuse(status, problem.code(), &messages::of(problem, language))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a file cannot be taken or given");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the file cannot be taken or given")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&str>) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            headers.insert(IF_RANGE, tag.parse().unwrap());
        }
        asked_for(&headers, &Method::GET, "\"tag\"", 100)
    }

    #[test]
    fn one_range_is_given_and_anything_odd_is_answered_with_the_whole() {
        for (range, from, until) in [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=90-", 90, 100),
            ("bytes=-7", 93, 100),
            ("bytes=50-999", 50, 100),
        ] {
            assert_eq!(asked(range, None), Asked::Range(from, until), "{range}");
        }
        for range in ["bytes=0-1,5-6", "lines=0-1", "bytes", "bytes=a-b", "bytes=5-2"] {
            assert_eq!(asked(range, None), Asked::Whole, "{range}");
        }
        for range in ["bytes=100-", "bytes=200-300"] {
            assert_eq!(asked(range, None), Asked::Nothing, "{range}");
        }
        assert_eq!(asked("bytes=0-0", Some("\"tag\"")), Asked::Range(0, 1));
        for other in ["\"other\"", "W/\"tag\"", "Mon, 06 May 2024 09:00:00 GMT"] {
            assert_eq!(asked("bytes=0-0", Some(other)), Asked::Whole, "{other}");
        }
    }

    #[test]
    fn a_name_is_decoded_once_and_has_to_be_utf_8() {
        assert_eq!(file_name("%C4%90%C6%A1n%20%2525.pdf".as_bytes()).unwrap(), "Đơn %25.pdf");
        assert!(file_name(b"%ff").is_err() && file_name(b"\xff").is_err());
    }
}
