use proptest::prelude::*;
use serde_json::json;

use super::*;

fn form(schema: Value) -> Form {
    Form { schema, ui: Value::Null }
}

/// A name that is public, a number that is not, and a house of which only the street is.
fn mixed() -> Form {
    form(json!({
        "$schema": DIALECT,
        "type": "object",
        "required": ["work"],
        "properties": {
            "work": {"type": "string", "minLength": 1, "x-public": true},
            "idNumber": {"type": "string", "pattern": "^[0-9]{9,12}$"},
            "day": {"type": "string", "format": "date"},
            "mail": {"type": "string", "format": "email"},
            "house": {
                "type": "object",
                "x-public": true,
                "properties": {"street": {"x-public": true}, "owner": {}}
            },
            "family": {"type": "object", "properties": {"children": {"type": "integer"}}},
            "floors": {"type": "array", "items": {"type": "integer"}, "x-public": true}
        }
    }))
}

fn shown(form: &Form) -> Vec<String> {
    let show = |defect: Defect| format!("{:?} {}: {}", defect.severity, defect.element, defect.reason);
    form.check().into_iter().map(show).collect()
}

fn errors(value: &Value) -> Vec<(String, String)> {
    mixed().validate(value).unwrap_err().into_iter().map(|error| (error.path, error.reason)).collect()
}

#[test]
fn a_sound_form_has_no_defect() {
    assert_eq!(mixed().check(), []);
    let shared = json!({
        "type": "object",
        "$defs": {"place": {"type": "string"}},
        "properties": {"from": {"$ref": "#/$defs/place"}, "to": {"$ref": "#/$defs/place"}}
    });
    assert_eq!(form(shared.clone()).check(), []);
    assert!(form(shared).validate(&json!({"from": 1})).is_err());
}

#[test]
fn every_defect_of_a_form_is_reported_at_once() {
    let several = json!({
        "type": "object",
        "properties": {"số nhà": {}, "1st": {}, "a": {"x-public": "yes"}, "b": {"$id": "x"}},
    });
    let code = "not a field code: a letter, then up to 63 letters, digits, '_' or '-'";
    assert_eq!(
        shown(&form(several)),
        [
            format!("Error form/properties/1st: {code}"),
            "Error form/properties/a/x-public: x-public is neither true nor false".to_owned(),
            "Error form/properties/b/$id: $id is not accepted".to_owned(),
            format!("Error form/properties/số nhà: {code}"),
        ]
    );
    for (schema, expected) in [
        (json!([]), "Error form: the schema is not an object"),
        (json!({"type": "string"}), "Error form: the schema is not one of an object"),
        (json!({"type": "object", "properties": []}), "Error form: not a JSON Schema: "),
        (json!({"type": "object", "properties": {"a": {"type": "text"}}}), "Error form: not a JSON Schema: "),
        (json!({"type": "object", "properties": {"a": {"pattern": "("}}}), "Error form: not a JSON Schema: "),
        (
            json!({"type": "object", "properties": {"a": {"pattern": "^(?=x)"}}}),
            "Error form: not a JSON Schema: ",
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}),
            "Error form/$schema: the dialect is not ",
        ),
    ] {
        let found = shown(&form(schema));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn references_to_outside_are_refused() {
    for target in [
        json!("https://example.org/schema.json"),
        json!("http://127.0.0.1/x"),
        json!("file:///etc/hostname"),
        json!("other.json#/a"),
        json!("#/properties/b"),
        json!("#"),
        json!("#/$defs/missing"),
        json!(DIALECT),
        json!(1),
    ] {
        let outside = form(json!({"type": "object", "properties": {"a": {"$ref": target}, "b": {}}}));
        let expected = "Error form/properties/a/$ref: a reference leads to #/$defs/* of the same schema and nowhere else";
        assert_eq!(shown(&outside), [expected], "{target}");
        assert!(outside.validate(&json!({})).is_err(), "{target}");
    }
    // Not by our own look alone: the library is not given the means either.
    let outside = form(json!({"type": "object", "$ref": "https://example.org/schema.json"}));
    assert!(outside.compile().is_err());
    let dynamic = form(json!({"type": "object", "properties": {"a": {"$dynamicRef": "#node"}}}));
    assert_eq!(shown(&dynamic), ["Error form/properties/a/$dynamicRef: $dynamicRef is not accepted"]);
}

#[test]
fn a_schema_cannot_grow_without_bounds() {
    let circle = json!({
        "type": "object",
        "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}},
        "properties": {"x": {"$ref": "#/$defs/a"}}
    });
    let mut doubling = Map::new();
    doubling.insert("d0".to_owned(), json!({"type": "string"}));
    for level in 1..40 {
        let below = json!({"$ref": format!("#/$defs/d{}", level - 1)});
        doubling.insert(format!("d{level}"), json!({"allOf": [below, below]}));
    }
    let doubling = json!({"type": "object", "$defs": doubling, "properties": {"x": {"$ref": "#/$defs/d39"}}});
    for schema in [circle, doubling] {
        let found = shown(&form(schema.clone()));
        assert!(found.len() == 1 && found[0].contains("in a circle, or written out"), "{found:?}");
        assert!(form(schema).validate(&json!({"x": [[]]})).is_err());
    }
    let mut deep = json!({});
    for _ in 0..SCHEMA_DEPTH_MAX {
        deep = json!({"not": deep});
    }
    let deep = json!({"type": "object", "properties": {"a": deep}});
    assert_eq!(shown(&form(deep)), ["Error form: nested deeper than 32"]);
    let long = json!({"type": "object", "title": "x".repeat(SCHEMA_BYTES_MAX)});
    assert_eq!(shown(&form(long)), ["Error form: larger than 262144 bytes"]);
    let hints = Form { ui: json!("x".repeat(SCHEMA_BYTES_MAX)), ..mixed() };
    assert_eq!(shown(&hints), ["Error form/ui: larger than 262144 bytes"]);
}

#[test]
fn a_form_is_accepted_as_its_schema_says() {
    let sound = json!({
        "work": "Nhà ở", "idNumber": "035000000000", "day": "2024-05-06", "mail": "a@example.org",
        "unknown": true, "family": {"children": 2}, "floors": [1, 2]
    });
    assert_eq!(mixed().validate(&sound), Ok(()));
    let wrong = json!({"idNumber": "x", "day": "6/5/2024", "mail": "a", "family": {"children": "two"}});
    let found = errors(&wrong);
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths.len(), 5, "{found:?}");
    for path in ["", "/idNumber", "/day", "/mail", "/family/children"] {
        assert!(paths.contains(&path), "{path} is not in {found:?}");
    }
    assert_eq!(mixed().validate(&json!("text")).unwrap_err().len(), 1);
}

#[test]
fn an_error_does_not_repeat_what_was_filled_in() {
    let secret =
        json!({"work": 1, "idNumber": "SECRET", "day": "SECRET", "mail": "SECRET", "floors": ["SECRET"]});
    let found = errors(&secret);
    assert_eq!(found.len(), 5);
    assert!(
        found.iter().all(|(path, reason)| !path.contains("SECRET") && !reason.contains("SECRET")),
        "{found:?}"
    );
}

#[test]
fn validation_is_bounded() {
    let large = json!({"work": "x".repeat(VALUE_BYTES_MAX)});
    assert_eq!(errors(&large), [(String::new(), "larger than 131072 bytes".to_owned())]);
    let mut deep = json!({});
    for _ in 0..VALUE_DEPTH_MAX {
        deep = json!({"a": deep});
    }
    assert_eq!(errors(&deep), [(String::new(), "nested deeper than 16".to_owned())]);
    let many = json!({"work": "x", "floors": vec!["x"; 200]});
    assert_eq!(errors(&many).len(), ERRORS_MAX);
}

#[test]
fn a_pattern_runs_in_linear_time() {
    let slow = form(json!({"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}));
    assert_eq!(slow.check(), []);
    assert!(slow.validate(&json!({"a": format!("{}!", "a".repeat(50_000))})).is_err());
}

#[test]
fn only_what_is_marked_is_public() {
    let value = json!({
        "work": "Nhà ở", "idNumber": "035", "unknown": 1,
        "house": {"street": "Lê Lợi", "owner": "Bưởi", "unknown": {"street": "x"}},
        "family": {"children": 2}, "floors": [1, 2]
    });
    let (public, private) = mixed().split(&value);
    assert_eq!(public, json!({"work": "Nhà ở", "house": {"street": "Lê Lợi"}, "floors": [1, 2]}));
    let hidden = json!({
        "idNumber": "035", "unknown": 1, "house": {"owner": "Bưởi", "unknown": {"street": "x"}},
        "family": {"children": 2}
    });
    assert_eq!(private, hidden);
    assert_eq!(merge(public, private), value);
    // What the schema did not expect is not public either.
    let odd = json!({"work": {"name": "Bưởi"}, "floors": [{"name": "Bưởi"}], "house": {"owner": 1}});
    assert_eq!(mixed().split(&odd), (json!({}), odd));
    assert_eq!(mixed().split(&json!([1])), (json!({}), json!([1])));
}

#[test]
fn a_mark_within_something_private_has_no_effect_and_is_shown() {
    let nested = form(json!({
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {"b": {"x-public": true}}}}
    }));
    let expected =
        "Warning form/properties/a/properties/b: x-public has no effect within a field that is not public";
    assert_eq!(shown(&nested), [expected]);
    assert_eq!(nested.split(&json!({"a": {"b": 1}})).0, json!({}));
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![any::<bool>().prop_map(Value::from), (0..9_u8).prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = any::<bool>().prop_map(|public| json!({"x-public": public}));
    leaf.prop_recursive(4, 40, 4, |inner| {
        (any::<bool>(), prop::collection::btree_map(names(), inner, 0..4))
            .prop_map(|(public, properties)| json!({"x-public": public, "properties": properties}))
    })
}

/// Every leaf of the public part is marked all the way down.
fn only_marked(schema: &Value, public: &Value) -> bool {
    public.as_object().into_iter().flatten().all(|(name, value)| {
        let marked = property(schema, name).filter(|property| is_public(property));
        let nested =
            value.as_array().is_some_and(|list| list.iter().any(|item| item.is_object() || item.is_array()));
        marked.is_some_and(|property| !nested && only_marked(property, value))
    })
}

proptest! {
    #[test]
    fn both_parts_together_are_the_whole_and_nothing_private_is_public(schema in schemas(), value in values()) {
        let form = form(schema);
        let (public, private) = form.split(&value);
        prop_assert!(only_marked(&form.schema, &public));
        // What the private part still holds is held there only.
        prop_assert_eq!(form.split(&public), (public.clone(), json!({})));
        prop_assert_eq!(merge(public, private), value);
    }

    #[test]
    fn no_value_and_no_schema_makes_it_panic(schema in values(), value in values()) {
        let form = form(schema);
        let usable = form.check().iter().all(|defect| defect.severity == Severity::Warning);
        let accepted = form.validate(&value);
        prop_assert!(usable || accepted.is_err());
    }
}
