use async_graphql::Value;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

fn counted(document: &str) -> Result<Counted, TooMuch> {
    Counted::of(&parse_query(document).unwrap())
}

#[test]
fn a_text_is_measured_without_being_parsed() {
    assert_eq!(check_text(""), Ok(()));
    assert_eq!(check_text(&"a ".repeat(TOKENS_MAX)), Ok(()));
    assert_eq!(check_text(&"a ".repeat(TOKENS_MAX + 1)), Err(TooMuch::Tokens));
    assert_eq!(check_text(&format!("{{ a # {}\n }}", "{".repeat(1_000))), Ok(()));
    assert_eq!(check_text(&format!("{{ a(b: \"{}\\\"{{\") }}", "{".repeat(1_000))), Ok(()));
    assert_eq!(check_text(&format!("{{ a(b: \"\"\"{}\\\"\"\" \" {{\"\"\") }}", "{".repeat(1_000))), Ok(()));
    assert_eq!(check_text(&"{a".repeat(NESTING_MAX)), Ok(()));
    assert_eq!(check_text(&"{a".repeat(NESTING_MAX + 1)), Err(TooMuch::Nesting));
    assert_eq!(check_text(&format!("{{a(b:{}", "[".repeat(NESTING_MAX))), Err(TooMuch::Nesting));
    let bytes = BYTES_MAX + 1;
    assert_eq!(check_text(&" ".repeat(bytes)), Err(TooMuch::Bytes { bytes }));
}

#[test]
fn aliases_and_directives_are_counted_wherever_they_are() {
    let document = "query($a: Boolean!) @x { one: b @skip(if: $a) { ...F } ... on C @y { two: d } }
                    fragment F on B @z { three: e __typename }";
    let expected = Counted { aliases: 3, directives: 4, asks_for_schema: false };
    assert_eq!(counted(document), Ok(expected));
    let many = |n: usize| (0..n).map(|n| format!("a{n}: b ")).collect::<String>();
    assert!(counted(&format!("{{ {} }}", many(ALIASES_MAX))).is_ok());
    let aliases = ALIASES_MAX + 1;
    assert_eq!(counted(&format!("{{ {} }}", many(aliases))), Err(TooMuch::Aliases { aliases }));
    let directives = DIRECTIVES_MAX + 1;
    let too_many = format!("{{ a {} }}", "@skip(if: true) ".repeat(directives));
    assert_eq!(counted(&too_many), Err(TooMuch::Directives { directives }));
}

#[test]
fn who_asks_for_the_schema_is_seen_also_through_a_fragment() {
    for document in ["{ __schema { description } }", "{ a: __type(name: \"Query\") { name } }"] {
        assert!(counted(document).unwrap().asks_for_schema);
    }
    assert!(
        counted("{ ...F } fragment F on Query { ... { __schema { description } } }").unwrap().asks_for_schema
    );
    assert!(!counted("{ __typename }").unwrap().asks_for_schema);
}

#[test]
fn the_operation_that_is_meant_is_found_by_its_name() {
    let kind = |document, name| operation(document, name).map(|operation| operation.node.ty);
    let one = parse_query("mutation { a }").unwrap();
    assert_eq!(kind(&one, None), Some(OperationType::Mutation));
    assert_eq!(kind(&one, Some("A")), None);
    let two = parse_query("query A { a } mutation B { b }").unwrap();
    assert_eq!(kind(&two, Some("A")), Some(OperationType::Query));
    assert_eq!(kind(&two, Some("B")), Some(OperationType::Mutation));
    assert_eq!(kind(&two, Some("C")), None);
    assert_eq!(kind(&two, None), None);
}

#[test]
fn what_only_looks_like_a_string_or_a_word_hides_nothing() {
    let deep = "[".repeat(60_000);
    // Three quotes that are not closed are an empty string and the beginning of another.
    for hidden in ["\"\"\"x\"", "\"\"\"\\\"\"\"\"", "\"\"\"\"\"x\""] {
        let document = format!("{{a(b:[{hidden}{deep}");
        assert_eq!(check_text(&document), Err(TooMuch::Nesting), "{hidden}");
    }
    for (between, count) in
        [("\u{feff}a", 15_000), ("0", 60_000), ("-1", 30_000), ("1-0", 20_000), ("\"\"", 30_000)]
    {
        let document = format!("{{a(b:[{}])}}", between.repeat(count));
        assert!(parse_query(&document).is_ok(), "{between}");
        assert_eq!(check_text(&document), Err(TooMuch::Tokens), "{between}");
    }
    // What is so long for good reasons is one token.
    let long = format!("{{a(b:[1{} \"{}\" {}])}}", "2".repeat(5_000), "3".repeat(5_000), "c".repeat(5_000));
    assert_eq!(check_text(&long), Ok(()));
}

/// Tokens that a value cannot be written with fewer of, and how deep its brackets nest.
fn least(value: &Value) -> (usize, usize) {
    let of = |own: usize, inner: Vec<(usize, usize)>| {
        let tokens = inner.iter().map(|(tokens, _)| tokens).sum::<usize>();
        (own + tokens, 1 + inner.iter().map(|(_, nesting)| *nesting).max().unwrap_or(0))
    };
    match value {
        Value::List(values) => of(2, values.iter().map(least).collect()),
        Value::Object(fields) => of(2 + 2 * fields.len(), fields.values().map(least).collect()),
        _ => (1, 0),
    }
}

/// What is counted in the text is never less than what the parser finds there, however quotes, brackets and numbers meet.
#[test]
fn nothing_is_parsed_that_was_not_counted() {
    let piece = proptest::sample::select(vec![
        "[", "]", "[", "]", "{", "}", "c:", "(", ")", "\"\"\"", "\"", "\"\"", "\\\"", "\\", "#", "\n", " ",
        "\u{feff}", "a", "0", "12", "-1", "1.5", "e3", "$v", ",", "é",
    ]);
    let pieces = proptest::collection::vec(piece, 0..60);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut parsed, mut deepest) = (0, 0);
    for _ in 0..20_000 {
        let mut text: String = "{a(b:[".to_owned();
        text.extend(pieces.new_tree(&mut runner).unwrap().current());
        // What is left open is closed, as the text itself looks: else hardly anything could be parsed.
        let open = text.matches('[').count().saturating_sub(text.matches(']').count());
        text.push_str(&"]".repeat(open));
        text.push_str(")}");
        let Ok(document) = parse_query(&text) else { continue };
        let Some(operation) = operation(&document, None) else { continue };
        let (tokens, nesting) = measure(&text, usize::MAX, usize::MAX).unwrap();
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else { continue };
        let values = field.node.arguments.iter().map(|(_, value)| value.node.clone());
        let values = values.filter_map(|value| value.into_const_with(|_| Ok::<_, ()>(Value::Null)).ok());
        let least: Vec<_> = values.map(|value| least(&value)).collect();
        let least_tokens = 5 + least.iter().map(|(tokens, _)| 2 + tokens).sum::<usize>();
        let least_nesting = 2 + least.iter().map(|(_, nesting)| *nesting).max().unwrap_or(0);
        assert!(least_tokens <= tokens && least_nesting <= nesting, "{text:?}: {tokens}, {nesting}");
        parsed += 1;
        deepest = deepest.max(nesting);
    }
    assert!(500 < parsed && 5 < deepest, "{parsed} were parsed, {deepest} deep: that says little");
}

proptest! {
    /// The parser answers whatever passes, however long: it goes no deeper than a thread's stack.
    #[test]
    fn what_passes_is_parsed(text in "[\\[\\](){}a:\"$!@.# \\\\,\n]{0,400}", times in 1_usize..160) {
        let text = format!("{{a(b:[{}", text.repeat(times));
        if check_text(&text).is_ok() {
            let _ = parse_query(&text);
        }
    }
}

#[test]
fn a_subscription_has_one_field() {
    for (document, is_so) in [
        ("subscription { a }", true),
        ("subscription { one: a(x: 1) { b c } }", true),
        ("subscription { a b }", false),
        ("subscription { a a }", false),
        ("subscription { a @include(if: true) }", false),
        ("subscription { ... { a } }", false),
        ("subscription { ...F } fragment F on Subscription { a }", false),
    ] {
        let document = parse_query(document).unwrap();
        assert_eq!(operation(&document, None).is_some_and(|one| has_one_field(&one.node)), is_so);
    }
}
