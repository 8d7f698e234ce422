use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn listed(before: &Value, after: &Value) -> Vec<(String, Change, Value, Value)> {
    let comparison = Comparison::of(before, after);
    assert!(!comparison.has_more);
    let plain = |value: Option<Value>| value.unwrap_or_else(|| json!("nothing"));
    let differences = comparison.differences.into_iter();
    differences.map(|found| (found.path, found.change, plain(found.before), plain(found.after))).collect()
}

fn definition() -> Value {
    json!({
        "name": "Cấp giấy xác nhận",
        "term": {"fixed": {"working_days": 5}},
        "steps": [{"name": "Giải quyết", "group": "CHUYEN_MON", "tasks": [
            {"code": "THU_LY", "name": "Thụ lý", "half_days": 2, "next": "KY"},
            {"code": "KY", "name": "Ký"},
        ]}],
    })
}

#[test]
fn a_task_put_between_others_is_one_addition() {
    let mut after = definition();
    let tasks = after["steps"][0]["tasks"].as_array_mut().unwrap();
    tasks[0]["half_days"] = json!(4);
    tasks[0]["next"] = json!("THAM_DINH");
    let inserted = json!({"code": "THAM_DINH", "name": "Thẩm định", "next": "KY"});
    tasks.insert(1, inserted.clone());
    after["fee_vnd"] = json!(50_000);
    let at = |path: &str| path.to_owned();
    let nothing = || json!("nothing");
    assert_eq!(
        listed(&definition(), &after),
        [
            (at("fee_vnd"), Change::Added, nothing(), json!(50_000)),
            (at("steps[Giải quyết].tasks[THU_LY].half_days"), Change::Changed, json!(2), json!(4)),
            (at("steps[Giải quyết].tasks[THU_LY].next"), Change::Changed, json!("KY"), json!("THAM_DINH")),
            (at("steps[Giải quyết].tasks[THAM_DINH]"), Change::Added, nothing(), inserted),
        ]
    );
    let back = Comparison::of(&after, &definition());
    assert_eq!(back.differences[0].change, Change::Removed);
    assert_eq!((&back.differences[0].before, &back.differences[0].after), (&Some(json!(50_000)), &None));
}

#[test]
fn what_changes_places_is_told_without_what_comes_and_goes() {
    let list = |codes: &[&str]| codes.iter().map(|code| json!({"code": code})).collect::<Value>();
    let (before, after) =
        (json!({"papers": list(&["A", "B", "C"])}), json!({"papers": list(&["D", "C", "A"])}));
    assert_eq!(
        listed(&before, &after),
        [
            ("papers[B]".to_owned(), Change::Removed, json!({"code": "B"}), json!("nothing")),
            ("papers[D]".to_owned(), Change::Added, json!("nothing"), json!({"code": "D"})),
            ("papers".to_owned(), Change::Reordered, json!(["A", "C"]), json!(["C", "A"])),
        ]
    );
}

#[test]
fn items_have_a_path_of_their_own_whatever_they_are_called() {
    for (before, after, path) in [
        // Two of one name, by number; the fees of two channels are called the same.
        (
            json!([{"name": "x", "a": 1}, {"name": "x", "a": 2}]),
            json!([{"name": "x", "a": 1}, {"name": "x", "a": 3}]),
            "[x #2].a",
        ),
        // Without a name, by number.
        (json!([[1], {"a": 1}]), json!([[1], {"a": 2}]), "[#2].a"),
        // By the day from which it holds, and by what it stands for in a form.
        (
            json!([{"from": "2024-01-01", "level": "full"}]),
            json!([{"from": "2024-01-01", "level": "partial"}]),
            "[2024-01-01].level",
        ),
        (json!([{"const": 1, "title": "a"}]), json!([{"const": 1, "title": "b"}]), "[1].title"),
        // Plain ones by themselves.
        (json!(["a", true, null]), json!(["a", true]), "[null]"),
    ] {
        let paths: Vec<_> = listed(&before, &after).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, [path]);
    }
    let long = "ă".repeat(1_000);
    let path = Comparison::of(&json!([]), &json!([{ "code": long }])).differences[0].path.clone();
    assert_eq!(path.chars().count(), NAME_CHARS_MAX + 2);
}

#[test]
fn null_is_told_from_nothing() {
    let found = &Comparison::of(&json!({"a": null}), &json!({})).differences[0];
    assert_eq!((found.change, &found.before, &found.after), (Change::Removed, &Some(Value::Null), &None));
}

#[test]
fn no_more_are_listed_than_can_be_read() {
    let many = |count: usize| (0..count).collect::<Vec<_>>().into();
    let all = Comparison::of(&json!([]), &many(DIFFERENCES_MAX));
    assert_eq!((all.differences.len(), all.has_more), (DIFFERENCES_MAX, false));
    let more = Comparison::of(&json!([]), &many(DIFFERENCES_MAX + 1));
    assert_eq!((more.differences.len(), more.has_more), (DIFFERENCES_MAX, true));
}

fn values() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("A"), Just("B"), Just("C"), Just("D")];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        name.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let member = prop_oneof![Just("code"), Just("name"), Just("x"), Just("y")];
        prop_oneof![
            proptest::collection::btree_map(member.prop_map(str::to_owned), inner.clone(), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec((name.clone(), inner), 0..5).prop_map(|items| {
                items.into_iter().map(|(code, of)| json!({"code": code, "of": of})).collect()
            }),
        ]
    })
}

/// A value, and the same with a few places changed; or another one.
fn pairs() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (values(), values()),
        (values(), proptest::collection::vec((any::<prop::sample::Index>(), values()), 0..4)).prop_map(
            |(before, changes)| {
                let mut after = before.clone();
                for (index, to) in changes {
                    let mut pointers = Vec::new();
                    pointers_into("", &after, &mut pointers);
                    *after.pointer_mut(index.get::<String>(&pointers)).unwrap() = to;
                }
                (before, after)
            }
        ),
    ]
}

fn pointers_into(at: &str, value: &Value, found: &mut Vec<String>) {
    found.push(at.to_owned());
    for (name, value) in value.as_object().into_iter().flatten() {
        pointers_into(&format!("{at}/{name}"), value, found);
    }
    for (place, value) in value.as_array().into_iter().flatten().enumerate() {
        pointers_into(&format!("{at}/{place}"), value, found);
    }
}

/// Every leaf below a place, by its path.
fn leaves(at: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                leaves(&at, value, found);
            }
        }
        Value::Array(items) => {
            for (label, value) in labels(items).iter().zip(items) {
                leaves(&format!("{at}[{label}]"), value, found);
            }
        }
        leaf => assert_eq!(found.insert(at.to_owned(), leaf.clone()), None, "{at} is there twice"),
    }
}

fn all_leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    leaves("", value, &mut found);
    found
}

proptest! {
    #[test]
    fn there_is_no_difference_exactly_where_nothing_differs((before, after) in pairs()) {
        prop_assert_eq!(Comparison::of(&before, &before), Comparison::default());
        prop_assert_eq!(Comparison::of(&before, &after) == Comparison::default(), before == after);
    }

    /// What the differences list, leaf by leaf, is what one of the values has and the other has not, or otherwise.
    #[test]
    fn every_leaf_that_differs_is_listed_and_nothing_else((before, after) in pairs()) {
        let (old, new) = (all_leaves(&before), all_leaves(&after));
        let (mut removed, mut added) = (BTreeMap::new(), BTreeMap::new());
        let comparison = Comparison::of(&before, &after);
        for found in comparison.differences.iter().filter(|found| found.change != Change::Reordered) {
            // A leaf that is listed twice panics.
            found.before.iter().for_each(|value| leaves(&found.path, value, &mut removed));
            found.after.iter().for_each(|value| leaves(&found.path, value, &mut added));
        }
        let only = |these: &BTreeMap<String, Value>, those: &BTreeMap<String, Value>| -> BTreeMap<_, _> {
            these.iter().filter(|(path, leaf)| those.get(*path) != Some(*leaf))
                .map(|(path, leaf)| (path.clone(), leaf.clone())).collect()
        };
        prop_assert_eq!(removed, only(&old, &new));
        prop_assert_eq!(added, only(&new, &old));
    }

    #[test]
    fn the_way_back_is_the_same_differences_the_other_way_round((before, after) in pairs()) {
        let sorted = |one: &Value, other: &Value, back: bool| {
            let turned = |found: Difference| match (found.change, back) {
                (Change::Added, true) => Difference { change: Change::Removed, before: found.after, after: None, ..found },
                (Change::Removed, true) => Difference { change: Change::Added, after: found.before, before: None, ..found },
                (_, true) => Difference { before: found.after, after: found.before, ..found },
                (_, false) => found,
            };
            let mut all: Vec<_> = Comparison::of(one, other).differences.into_iter().map(turned).collect();
            all.sort_by_key(|found| format!("{found:?}"));
            all
        };
        prop_assert_eq!(sorted(&before, &after, false), sorted(&after, &before, true));
    }
}
