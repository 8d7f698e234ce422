//! Form (biểu mẫu điện tử tương tác): what an applicant fills in, as JSON Schema (draft 2020-12), with hints for
//! drawing it. Term: docs/glossary.md#form
//!
//! A schema is data that somebody wrote, so it is bounded before it is used: it refers to nothing outside itself, its
//! references do not go in a circle, written out it stays below [`SCHEMA_NODES_MAX`], and its patterns run in linear
//! time.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::procedure::{Defect, Severity};

/// The only dialect.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Of a schema and of the hints, each.
pub const SCHEMA_BYTES_MAX: usize = 1 << 18;
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// With every reference written out.
pub const SCHEMA_NODES_MAX: usize = 50_000;
pub const VALUE_BYTES_MAX: usize = 1 << 17;
pub const VALUE_DEPTH_MAX: usize = 16;
/// Beyond it nothing more is said about a value.
pub const ERRORS_MAX: usize = 50;
/// Of the text of one error.
const REASON_CHARS_MAX: usize = 300;
/// Of one compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 18;
const DEFINITIONS: &str = "#/$defs/";
/// Marks a property that the public may see.
const PUBLIC: &str = "x-public";

/// What an applicant fills in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// JSON Schema of an object. A property marked `"x-public": true` is public, all else is private.
    pub schema: Value,
    /// How to draw it: lines, columns, widgets. Nothing is decided by it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub ui: Value,
}

/// What is wrong with a filled-in form. Never repeats what was filled in: it may be about a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct FormError {
    /// JSON pointer into the value; empty for the whole of it.
    pub path: String,
    pub reason: String,
}

impl Form {
    /// Everything that keeps the form from being used.
    pub fn check(&self) -> Vec<Defect> {
        let mut found = self.shape();
        if let Err(reason) = within(&self.ui, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX) {
            found.push(error("form/ui".to_owned(), reason));
        }
        if found.iter().all(|defect| defect.severity == Severity::Warning)
            && let Err(reason) = self.compile()
        {
            found.push(error("form".to_owned(), reason));
        }
        found
    }

    /// a form is accepted as its schema says, with every reason why not, up to [`ERRORS_MAX`].
    /// Source: docs/legal/rules.md#r-76
    pub fn validate(&self, value: &Value) -> Result<(), Vec<FormError>> {
        let of_the_whole = |reason| vec![FormError { path: String::new(), reason }];
        within(value, VALUE_BYTES_MAX, VALUE_DEPTH_MAX).map_err(of_the_whole)?;
        if let Some(defect) = self.shape().into_iter().find(|defect| defect.severity == Severity::Error) {
            return Err(of_the_whole(format!("the form cannot be used: {}", defect.reason)));
        }
        let validator =
            self.compile().map_err(|reason| of_the_whole(format!("the form cannot be used: {reason}")))?;
        let errors: Vec<_> = validator
            .iter_errors(value)
            .take(ERRORS_MAX)
            .map(|error| FormError {
                path: error.instance_path().to_string(),
                reason: shortened(&error.masked().to_string()),
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// only what the schema marks is public; all else, also what it does not know and what lies within something
    /// private, is private. [`merge`] puts both parts together again. Source: docs/legal/rules.md#r-77
    pub fn split(&self, value: &Value) -> (Value, Value) {
        let nothing = || Value::Object(Map::new());
        let Some(object) = value.as_object() else { return (nothing(), value.clone()) };
        let (public, private) = split_object(&self.schema, object);
        (Value::Object(public), Value::Object(private))
    }

    /// What can be seen without compiling: limits, references, names of fields.
    fn shape(&self) -> Vec<Defect> {
        if let Err(reason) = within(&self.schema, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX) {
            return vec![error("form".to_owned(), reason)];
        }
        let Some(root) = self.schema.as_object() else {
            return vec![error("form".to_owned(), "the schema is not an object".to_owned())];
        };
        let mut found = Vec::new();
        if root.get("type") != Some(&Value::from("object")) {
            found.push(error("form".to_owned(), "the schema is not one of an object".to_owned()));
        }
        if root.get("$schema").is_some_and(|dialect| *dialect != DIALECT) {
            found.push(error("form/$schema".to_owned(), format!("the dialect is not {DIALECT}")));
        }
        let definitions = root.get("$defs").and_then(Value::as_object);
        look_at_object("form", root, definitions, &mut found);
        if found.is_empty() && written_out(&self.schema, definitions).is_none() {
            let reason = format!(
                "its references go in a circle, or written out it has more than {SCHEMA_NODES_MAX} parts"
            );
            found.push(error("form".to_owned(), reason));
        }
        report_marks_without_effect("form", &self.schema, true, &mut found);
        found
    }

    fn compile(&self) -> Result<Validator, String> {
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .offline()
            .build(&self.schema)
            .map_err(|error| {
                format!("not a JSON Schema: {}: {}", error.instance_path(), shortened(&error.to_string()))
            })
    }
}

/// Puts together what [`Form::split`] took apart. Where both say something, the private part counts.
pub fn merge(public: Value, private: Value) -> Value {
    match (public, private) {
        (Value::Object(mut merged), Value::Object(private)) => {
            for (name, private) in private {
                let whole = match merged.remove(&name) {
                    Some(public) => merge(public, private),
                    None => private,
                };
                merged.insert(name, whole);
            }
            Value::Object(merged)
        }
        (_, private) => private,
    }
}

/// The fields of a list are one person's as a whole, so a list with objects in it is never public.
fn split_object(schema: &Value, object: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut public, mut private) = (Map::new(), Map::new());
    for (name, value) in object {
        let property = property(schema, name).filter(|property| is_public(property));
        let plain = |value: &Value| !value.is_object() && !value.is_array();
        match (property, value.as_object(), value.as_array()) {
            (None, ..) => drop(private.insert(name.clone(), value.clone())),
            (Some(property), Some(object), _) => {
                let (seen, hidden) = split_object(property, object);
                if !seen.is_empty() || hidden.is_empty() {
                    public.insert(name.clone(), Value::Object(seen));
                }
                if !hidden.is_empty() {
                    private.insert(name.clone(), Value::Object(hidden));
                }
            }
            (Some(_), None, Some(list)) if !list.iter().all(plain) => {
                private.insert(name.clone(), value.clone());
            }
            (Some(_), None, _) => drop(public.insert(name.clone(), value.clone())),
        }
    }
    (public, private)
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

fn is_public(property: &Value) -> bool {
    property.get(PUBLIC) == Some(&Value::Bool(true))
}

/// A field's code: what clients, templates and searches name it by.
pub fn is_field_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn error(element: String, reason: String) -> Defect {
    Defect { severity: Severity::Error, element, reason }
}

fn shortened(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

type Definitions<'a> = Option<&'a Map<String, Value>>;

fn look_at(place: &str, value: &Value, definitions: Definitions, found: &mut Vec<Defect>) {
    if let Some(object) = value.as_object() {
        look_at_object(place, object, definitions, found);
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        look_at(&format!("{place}/{number}"), item, definitions, found);
    }
}

fn look_at_object(
    place: &str,
    object: &Map<String, Value>,
    definitions: Definitions,
    found: &mut Vec<Defect>,
) {
    const BASES: [&str; 7] = [
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$recursiveAnchor",
        "$recursiveRef",
        "$vocabulary",
    ];
    for (key, value) in object {
        let at = format!("{place}/{key}");
        match key.as_str() {
            "$ref" => {
                let name = value.as_str().and_then(|target| target.strip_prefix(DEFINITIONS));
                let known =
                    name.is_some_and(|name| definitions.is_some_and(|known| known.contains_key(name)));
                if !known {
                    let reason =
                        format!("a reference leads to {DEFINITIONS}* of the same schema and nowhere else");
                    found.push(error(at, reason));
                }
            }
            "$schema" if place != "form" => {
                found.push(error(at, "a dialect within the schema is not accepted".to_owned()));
            }
            base if BASES.contains(&base) => {
                found.push(error(at, format!("{base} is not accepted")));
            }
            PUBLIC if !value.is_boolean() => {
                found.push(error(at, format!("{PUBLIC} is neither true nor false")));
            }
            "properties" | "$defs" => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    let at = format!("{at}/{}", shortened(name));
                    if !is_field_code(name) {
                        let reason = "not a field code: a letter, then up to 63 letters, digits, '_' or '-'"
                            .to_owned();
                        found.push(error(at.clone(), reason));
                    }
                    look_at(&at, property, definitions, found);
                }
            }
            _ => look_at(&at, value, definitions, found),
        }
    }
}

/// How many parts the schema has with every reference written out; `None` beyond [`SCHEMA_NODES_MAX`] or in a circle.
fn written_out(schema: &Value, definitions: Definitions) -> Option<usize> {
    fn parts<'a>(
        value: &'a Value,
        definitions: Definitions<'a>,
        known: &mut HashMap<&'a str, Option<usize>>,
    ) -> Option<usize> {
        let mut sum: usize = 1;
        for (key, value) in value.as_object().into_iter().flatten() {
            let target = value.as_str().filter(|_| key == "$ref");
            if let Some(name) = target.and_then(|target| target.strip_prefix(DEFINITIONS)) {
                sum = sum.checked_add(parts_of(name, definitions, known)?)?;
            }
            sum = sum.checked_add(parts(value, definitions, known)?)?;
        }
        for value in value.as_array().into_iter().flatten() {
            sum = sum.checked_add(parts(value, definitions, known)?)?;
        }
        (sum <= SCHEMA_NODES_MAX).then_some(sum)
    }
    fn parts_of<'a>(
        name: &'a str,
        definitions: Definitions<'a>,
        known: &mut HashMap<&'a str, Option<usize>>,
    ) -> Option<usize> {
        if let Some(known) = known.get(name) {
            return *known;
        }
        // Found again before it is known: a circle.
        known.insert(name, None);
        let sum = parts(definitions?.get(name)?, definitions, known);
        known.insert(name, sum);
        sum
    }
    parts(schema, definitions, &mut HashMap::new())
}

/// Somebody who marks a field within a private one expects it to be seen.
fn report_marks_without_effect(place: &str, schema: &Value, around: bool, found: &mut Vec<Defect>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{place}/properties/{}", shortened(name));
        if is_public(property) && !around {
            let reason = format!("{PUBLIC} has no effect within a field that is not public");
            found.push(Defect { severity: Severity::Warning, element: at.clone(), reason });
        }
        report_marks_without_effect(&at, property, around && is_public(property), found);
    }
}

/// Whether the value keeps within both limits; bytes as they would be written, roughly.
fn within(value: &Value, bytes_max: usize, depth_max: usize) -> Result<(), String> {
    fn bytes(value: &Value, depth_left: usize, bytes_left: &mut usize) -> Result<(), bool> {
        let mut take = |size: usize| {
            *bytes_left = bytes_left.checked_sub(size).ok_or(false)?;
            Ok(())
        };
        take(1 + value.as_str().map_or(4, str::len))?;
        if !value.is_object() && !value.is_array() {
            return Ok(());
        }
        let deeper = depth_left.checked_sub(1).ok_or(true)?;
        for (name, value) in value.as_object().into_iter().flatten() {
            *bytes_left = bytes_left.checked_sub(name.len() + 3).ok_or(false)?;
            bytes(value, deeper, bytes_left)?;
        }
        for value in value.as_array().into_iter().flatten() {
            bytes(value, deeper, bytes_left)?;
        }
        Ok(())
    }
    let mut bytes_left = bytes_max;
    bytes(value, depth_max, &mut bytes_left).map_err(|deep| match deep {
        true => format!("nested deeper than {depth_max}"),
        false => format!("larger than {bytes_max} bytes"),
    })
}
