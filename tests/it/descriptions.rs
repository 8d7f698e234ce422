//! What the schema says of itself: everything in it in Vietnamese and English, and what its scalars are.

use serde_json::{Value, json};

use crate::graphql::System;
use crate::support::Backend;

const INTROSPECTION: &str = "{ __schema { types {
    kind name description specifiedByURL
    fields(includeDeprecated: true) {
        name description deprecationReason
        args(includeDeprecated: true) { name description deprecationReason }
    }
    inputFields(includeDeprecated: true) { name description deprecationReason }
    enumValues(includeDeprecated: true) { name description deprecationReason }
} } }";

/// Every type of this schema: what GraphQL itself defines is described by GraphQL, in English.
fn own_types(schema: &Value) -> impl Iterator<Item = &Value> {
    let built_in = |name: &str| ["Boolean", "Float", "ID", "Int", "String"].contains(&name);
    let types = schema["__schema"]["types"].as_array().unwrap().iter();
    types.filter(move |ty| !text(ty, "name").starts_with("__") && !built_in(text(ty, "name")))
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_default()
}

fn members<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    of[member].as_array().into_iter().flatten()
}

/// `Type`, `Type.field`, `Type.field(argument:)`, `Input.field`, `Enum.VALUE`.
fn coordinates(schema: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for ty in own_types(schema) {
        let name = text(ty, "name");
        all.push((name.to_owned(), ty));
        for field in members(ty, "fields") {
            let field_name = text(field, "name");
            all.push((format!("{name}.{field_name}"), field));
            let argument = |argument| (format!("{name}.{field_name}({}:)", text(argument, "name")), argument);
            all.extend(members(field, "args").map(argument));
        }
        for member in members(ty, "inputFields").chain(members(ty, "enumValues")) {
            all.push((format!("{name}.{}", text(member, "name")), member));
        }
    }
    all
}

/// A letter that English does not have.
fn is_vietnamese(letter: char) -> bool {
    letter.is_alphabetic() && !letter.is_ascii()
}

/// What is wrong with a description: it is "Tiếng Việt. English.", and what stands in backquotes is neither.
fn flaw(description: &str) -> Option<&'static str> {
    if description.is_empty() {
        return Some("is not described");
    }
    let plain: String = description.split('`').step_by(2).collect::<Vec<_>>().join("x");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if !plain.ends_with('.') {
        return Some("does not end with a full stop");
    }
    let mut sentences = plain.split_inclusive(". ");
    let first = sentences.next().unwrap_or_default();
    if !first.contains(is_vietnamese) {
        return Some("does not begin in Vietnamese");
    }
    if first.split(' ').any(|word| ["the", "of", "and", "is", "it"].contains(&word)) {
        return Some("begins in two languages at once");
    }
    let is_word = |word: &str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        1 < word.len() && word.chars().skip(1).all(|c| c.is_ascii_lowercase())
    };
    let mut english = sentences.filter(|sentence| !sentence.contains(is_vietnamese));
    let is_said = english.any(|sentence| {
        !sentence.starts_with(|c: char| c.is_ascii_lowercase() && c != 'x')
            && sentence.split(' ').any(is_word)
    });
    (!is_said).then_some("has no sentence in English")
}

/// A day as in `2026-12-31`: from when on what is deprecated may be gone.
fn names_a_day(reason: &str) -> bool {
    reason.split(' ').any(|word| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() == "2026-12-31".len() && word.parse::<chrono::NaiveDate>().is_ok()
    })
}

/// Everything that is wrong, each with its coordinate.
fn flaws(schema: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    for (name, of) in coordinates(schema) {
        flaws.extend(flaw(text(of, "description")).map(|flaw| format!("{name} {flaw}")));
        if of["kind"] == "SCALAR" && !text(of, "specifiedByURL").starts_with("http") {
            flaws.push(format!("{name} is a scalar without a specification"));
        }
        if of["deprecationReason"].as_str().is_some_and(|reason| !names_a_day(reason)) {
            flaws.push(format!("{name} is deprecated without a day"));
        }
    }
    flaws
}

#[tokio::test]
async fn everything_in_the_schema_is_described_in_both_languages() {
    let system = System::new(Backend::Sqlite, "2026-03-02T01:00:00Z").await;
    let schema = system.ask("", INTROSPECTION, json!({})).await;
    assert!(1_300 < coordinates(&schema).len());
    let found = flaws(&schema);
    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_is_not_described_is_found_wherever_it_is() {
    let good = "Hồ sơ. A dossier.";
    let schema = json!({"__schema": {"types": [
        {"kind": "SCALAR", "name": "Int"},
        {"kind": "OBJECT", "name": "__Type"},
        {"kind": "SCALAR", "name": "Told", "description": good, "specifiedByURL": "https://example.org"},
        {"kind": "SCALAR", "name": "Untold", "description": good, "specifiedByURL": null},
        {"kind": "OBJECT", "name": "Dossier", "description": null, "fields": [
            {"name": "code", "description": good, "args": [], "deprecationReason": "Use `id`."},
            {"name": "at", "description": "Thời điểm.", "args": [{"name": "asOf", "description": "An instant."}],
             "deprecationReason": "Use `history`; gone from 2027-01-01."},
        ]},
        {"kind": "INPUT_OBJECT", "name": "Filter", "description": good, "inputFields": [{"name": "stage"}]},
        {"kind": "ENUM", "name": "Stage", "description": good, "enumValues": [{"name": "NEW", "description": "New."}]},
    ]}});
    assert_eq!(
        flaws(&schema),
        [
            "Untold is a scalar without a specification",
            "Dossier is not described",
            "Dossier.code is deprecated without a day",
            "Dossier.at has no sentence in English",
            "Dossier.at(asOf:) does not begin in Vietnamese",
            "Filter.stage is not described",
            "Stage.NEW does not begin in Vietnamese",
        ]
    );
}

#[test]
fn a_description_is_a_sentence_in_vietnamese_and_one_in_english() {
    for good in [
        "Hồ sơ. A dossier.",
        "Mã số hồ sơ (MaHoSo). Such as `000.00.16.H42-190805-0001`.",
        "Nơi cấp. `iss` of its tokens.",
        "Giờ làm việc. 07:00-11:30 if absent.",
        "Từ khóa tìm kiếm. Without regard to diacritics:\n`dang` finds `Đặng`.",
    ] {
        assert_eq!(flaw(good), None, "{good}");
    }
    for (bad, why) in [
        ("", "is not described"),
        ("Hồ sơ. A dossier", "does not end with a full stop"),
        ("MaHoSo.", "does not begin in Vietnamese"),
        ("A dossier. Hồ sơ.", "does not begin in Vietnamese"),
        ("`Đặng`. A name.", "does not begin in Vietnamese"),
        ("Số điện thoại of the applicant. As written.", "begins in two languages at once"),
        ("Hồ sơ.", "has no sentence in English"),
        ("Mã số hồ sơ. MaHoSo.", "has no sentence in English"),
        ("Chỉ số. 2.1.", "has no sentence in English"),
        ("Hồ sơ. Một hồ sơ.", "has no sentence in English"),
    ] {
        assert_eq!(flaw(bad), Some(why), "{bad}");
    }
}
