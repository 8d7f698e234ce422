use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use proptest::prelude::*;

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

proptest! {
    /// Whatever passes can be parsed without going deeper than a thread's stack: the parser answers.
    #[test]
    fn what_passes_is_parsed(text in "[\\[\\](){}a:\"$!@.# \\\\,\n]{0,400}") {
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
