//! Rules and terms have their rows, and the rows tell the truth.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use domain::{
    agency, calendar_book, code_book, disclosure, dossier, notice, payment, procedure, read_model,
    synchronisation,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every source file below the folder, path and text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), read(&path)));
        }
    }
    found
}

fn domain_sources() -> Vec<(String, String)> {
    sources(&root().join("domain/src"))
}

/// The cells of a table's row.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(row.split(" | ").collect())
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// `R-07`, wherever it stands.
fn rule_numbers(text: &str) -> BTreeSet<String> {
    text.match_indices("R-")
        .filter_map(|(at, _)| text.get(at..at + 4))
        .filter(|name| name[2..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

struct Rule {
    number: String,
    function: String,
    tests: Vec<String>,
}

fn rules() -> Vec<Rule> {
    let document = read(root().join("docs/legal/rules.md"));
    let rules: Vec<_> = document
        .lines()
        .filter_map(cells)
        .filter(|cells| cells[0].contains("</a>R-"))
        .map(|cells| {
            let [rule, _, source, function, tests] = cells[..] else { panic!("five cells: {cells:?}") };
            assert!(!source.trim().is_empty(), "{rule} has no source");
            Rule {
                number: rule.rsplit("</a>").next().unwrap().to_owned(),
                function: quoted(function)[0].to_owned(),
                tests: quoted(tests).into_iter().map(str::to_owned).collect(),
            }
        })
        .collect();
    assert!(!rules.is_empty());
    rules
}

#[test]
fn every_rule_named_in_the_code_has_one_row() {
    let rows: Vec<_> = rules().into_iter().map(|rule| rule.number).collect();
    let distinct: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), distinct.len(), "a rule has two rows");
    for (path, text) in domain_sources() {
        for number in rule_numbers(&text) {
            assert!(distinct.contains(&number), "{number} of {path} has no row in docs/legal/rules.md");
        }
    }
}

#[test]
fn every_function_of_the_rules_has_a_number_and_a_row() {
    let rows: BTreeSet<_> = rules().into_iter().map(|rule| (rule.function, rule.number)).collect();
    let text = read(root().join("domain/src/dossier/rules.rs"));
    let mut documentation = String::new();
    for line in text.lines() {
        if line.starts_with("///") {
            documentation += line;
            continue;
        }
        if let Some(signature) = line.strip_prefix("pub(super) fn ") {
            let name = signature.split(['(', '<']).next().unwrap();
            let first = rule_numbers(&documentation).into_iter().next();
            let number = first.unwrap_or_else(|| panic!("{name} has no number"));
            let row = (format!("rules::{name}"), number);
            assert!(rows.contains(&row), "{row:?} is not in docs/legal/rules.md");
        }
        documentation.clear();
    }
}

#[test]
fn every_function_and_test_named_in_the_rules_exists() {
    let sources = domain_sources();
    let exists = |name: &str| {
        let (call, generic) = (format!("fn {name}("), format!("fn {name}<"));
        sources.iter().any(|(_, text)| text.contains(&call) || text.contains(&generic))
    };
    for rule in rules() {
        let function = rule.function.rsplit("::").next().unwrap();
        assert!(exists(function), "{}: no function {function}", rule.number);
        assert!(!rule.tests.is_empty(), "{} has no test", rule.number);
        for test in &rule.tests {
            assert!(exists(test), "{}: no test {test}", rule.number);
        }
    }
}

#[test]
fn every_test_named_in_the_security_tables_exists() {
    let sources: Vec<_> = ["tests/it", "tests/oracle/src", "api/src", "infrastructure/src", "domain/src"]
        .into_iter()
        .flat_map(|folder| self::sources(&root().join(folder)))
        .collect();
    let text = read(root().join("docs/security.md"));
    let is_name = |name: &&str| {
        name.contains('_') && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    let names: BTreeSet<&str> = quoted(&text).into_iter().filter(is_name).collect();
    assert!(20 < names.len());
    for name in names {
        let call = format!("fn {name}(");
        assert!(sources.iter().any(|(_, text)| text.contains(&call)), "no test {name}");
    }
}

#[test]
fn every_trap_has_tests_that_exist() {
    let mut sources = domain_sources();
    sources.extend(self::sources(&root().join("tests/it")));
    let text = read(root().join("docs/legal/rules.md"));
    let (_, traps) = text.split_once("\n## Traps\n").unwrap();
    let (traps, _) = traps.split_once("\n## ").unwrap();
    let rows: Vec<_> = traps.lines().filter_map(cells).filter(|cells| cells[1].contains('`')).collect();
    assert_eq!(rows.len(), 18, "the traps of our facts");
    for row in rows {
        for test in quoted(row[1]) {
            let exists = sources.iter().any(|(_, text)| text.contains(&format!("fn {test}(")));
            assert!(exists, "{}: no test {test}", row[0]);
        }
    }
}

/// What the first cells of the glossary name.
fn terms() -> BTreeSet<String> {
    let glossary = read(root().join("docs/glossary.md"));
    let terms: Vec<_> =
        glossary.lines().filter_map(cells).filter(|cells| cells[0].contains("</a>")).collect();
    for cells in &terms {
        assert_eq!(cells.len(), 5, "{cells:?}");
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{cells:?}");
    }
    terms.iter().flat_map(|cells| quoted(cells[0])).map(str::to_owned).collect()
}

#[test]
fn every_event_is_in_the_glossary() {
    let terms = terms();
    let events = [
        dossier::Event::TYPE_NAMES,
        code_book::Event::TYPE_NAMES,
        procedure::Event::TYPE_NAMES,
        agency::Event::TYPE_NAMES,
        calendar_book::Event::TYPE_NAMES,
        synchronisation::Event::TYPE_NAMES,
        read_model::Event::TYPE_NAMES,
        notice::Event::TYPE_NAMES,
        payment::Event::TYPE_NAMES,
        disclosure::Event::TYPE_NAMES,
    ];
    for type_name in events.concat() {
        assert!(terms.contains(type_name), "{type_name} has no row in docs/glossary.md");
    }
}

#[test]
fn every_public_type_is_in_the_glossary() {
    let terms = terms();
    for (path, text) in domain_sources() {
        if path.contains("testing") || path.ends_with("tests.rs") {
            continue;
        }
        for name in text.lines().filter_map(public_type) {
            // Why a text or a table cannot be read is said by the type itself; it is no term of the law.
            let is_error = name.ends_with("Error") || name.starts_with("Invalid") || name == "TableFault";
            assert!(is_error || terms.contains(name), "{name} of {path} has no row in docs/glossary.md");
        }
    }
}

/// The name that a line declares, by itself or through `codes!` or `ids!`.
fn public_type(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let declared = ["pub struct ", "pub enum ", "pub trait ", "pub type "]
        .iter()
        .find_map(|keyword| line.strip_prefix(keyword))
        .or_else(|| line.contains(" is \"").then_some(line))
        .or_else(|| line.ends_with("Id,").then_some(line))?;
    let name = declared.split(|character: char| !character.is_ascii_alphanumeric()).next()?;
    name.starts_with(|first: char| first.is_ascii_uppercase()).then_some(name)
}
