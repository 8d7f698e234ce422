//! Procedure definitions in our own format: one JSON file each, `DT01.procedure.json`. Written by `motcua export
//! procedures`, read beside the files of other products. Pretty, keys in a fixed order, so that two versions compare
//! line by line.
//!
//! Strict where the log is lenient: a field that this program does not know is an error, since it would be lost, and so
//! is a format version that is not this one.

use domain::codes::ProcedureCode;
use domain::procedure::{Defect, Definition, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::procedure_files::{DEFECTS_MAX, ParsedProcedure, quote, unreadable};

pub const FILE_SUFFIX: &str = ".procedure.json";
/// A form has up to half a megabyte.
pub(super) const FILE_BYTES_MAX: u64 = 4 << 20;
const FORMAT: &str = "motcua.procedure";
/// Raised when a file of this program would be misread by the one before.
const FORMAT_VERSION: u32 = 1;

#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    format_version: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Body<C, D> {
    format: String,
    format_version: u32,
    code: C,
    definition: D,
}

/// The text of the file.
pub fn write(code: &ProcedureCode, definition: &Definition) -> Result<String, serde_json::Error> {
    let body = Body { format: FORMAT.to_owned(), format_version: FORMAT_VERSION, code, definition };
    serde_json::to_string_pretty(&body).map(|text| text + "\n")
}

/// Reads one file.
pub fn parse(file_name: &str, json: &[u8]) -> ParsedProcedure {
    if FILE_BYTES_MAX < json.len() as u64 {
        return unreadable(file_name, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
    }
    match read(json) {
        Ok((code, definition, unknown)) => accept(file_name, &code, definition, &unknown),
        Err(reason) => unreadable(file_name, reason),
    }
}

fn read(json: &[u8]) -> Result<(String, Definition, Vec<String>), String> {
    // The head first: what a newer format holds need not be readable here.
    let head: Head = serde_json::from_slice(json).map_err(|error| format!("not a JSON object: {error}"))?;
    if head.format.as_deref() != Some(FORMAT) {
        return Err(format!("format is not {FORMAT:?}"));
    }
    match head.format_version {
        Some(FORMAT_VERSION) => {}
        Some(newer) if FORMAT_VERSION < newer => {
            return Err(format!(
                "format_version is {newer}: written by a newer program; this one reads {FORMAT_VERSION}"
            ));
        }
        _ => return Err(format!("format_version is not {FORMAT_VERSION}")),
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut unknown = Vec::new();
    let note = |path: serde_ignored::Path| unknown.push(path.to_string());
    let body: Body<String, Definition> = serde_ignored::deserialize(&mut deserializer, note)
        .map_err(|error| format!("not a definition: {error}"))?;
    Ok((body.code, body.definition, unknown))
}

/// Why a definition cannot be read, and where: `steps.0.tasks.1.half_days`, empty for the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub path: String,
    pub reason: String,
}

/// Reads a definition that comes without a file around it. Names the first thing that is not what it has to be, else all
/// fields that would be lost.
pub fn definition(json: &Value) -> Result<Definition, Vec<Unreadable>> {
    if !json.is_object() {
        return Err(vec![Unreadable { path: String::new(), reason: "not a JSON object".to_owned() }]);
    }
    let mut unknown = Vec::new();
    let note = |path: serde_ignored::Path| {
        if unknown.len() < DEFECTS_MAX {
            let reason = "this field is not known to this program".to_owned();
            unknown.push(Unreadable { path: parts(&path).join("."), reason });
        }
    };
    let mut track = serde_path_to_error::Track::new();
    let followed = serde_path_to_error::Deserializer::new(json, &mut track);
    match serde_ignored::deserialize(followed, note) {
        Ok(definition) if unknown.is_empty() => Ok(definition),
        Ok(_) => Err(unknown),
        Err(error) => {
            let path = track.path();
            let parts: Vec<String> = path.iter().map(part).collect();
            Err(vec![Unreadable { path: parts.join("."), reason: error.to_string() }])
        }
    }
}

fn parts(path: &serde_ignored::Path) -> Vec<String> {
    use serde_ignored::Path;
    let (parent, own) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        // A level of Rust, not of JSON.
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            (parent, None)
        }
    };
    let mut parts = parts(parent);
    parts.extend(own);
    parts
}

fn part(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    }
}

fn accept(file: &str, code: &str, definition: Definition, unknown: &[String]) -> ParsedProcedure {
    let mut defects = Vec::new();
    let mut found = |severity, element: &str, reason| {
        defects.push(Defect { severity, element: element.to_owned(), reason });
    };
    let parsed = ProcedureCode::parse(code);
    if let Err(invalid) = &parsed {
        found(Severity::Error, "process", format!("code: {invalid}"));
    } else if file.strip_suffix(FILE_SUFFIX) != Some(code) {
        found(Severity::Warning, "file", format!("the file is not named after the code {}", quote(code)));
    }
    for path in unknown.iter().take(DEFECTS_MAX) {
        found(Severity::Error, "file", format!("the field {} is not known to this program", quote(path)));
    }
    let defects = definition.defects_with(&defects);
    ParsedProcedure { file: file.to_owned(), code: parsed.ok(), definition: Some(definition), defects }
}

#[cfg(test)]
mod tests;
