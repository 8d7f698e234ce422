//! The shape of the project, held by tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names under `[dependencies]` of a crate's manifest.
fn dependencies(krate: &str) -> BTreeSet<String> {
    let manifest = read(&root().join(krate).join("Cargo.toml"));
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_crates_stand_in_a_straight_line() {
    let line = ["domain", "infrastructure", "projections", "api"];
    for (place, krate) in line.iter().enumerate() {
        let used = dependencies(krate);
        assert!(!used.is_empty(), "no dependencies found for {krate}");
        for later in &line[place..] {
            assert!(!used.contains(*later), "{krate} must not use {later}");
        }
    }
    for (krate, outsiders) in [
        ("domain", &["tokio", "sqlx", "axum", "async-graphql", "eventstore"][..]),
        ("infrastructure", &["axum", "async-graphql"]),
        ("projections", &["axum", "async-graphql", "eventstore"]),
        ("api", &["eventstore"]),
    ] {
        for outsider in outsiders {
            assert!(!dependencies(krate).contains(*outsider), "{krate} must not use {outsider}");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// SQL text belongs to infrastructure and projections.
#[test]
fn the_api_writes_no_sql() {
    let mut found = Vec::new();
    sources(&root().join("api/src"), &mut found);
    assert!(10 < found.len());
    for path in found {
        let text = read(&path);
        for word in ["SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE "] {
            assert!(!text.contains(word), "{} holds {word:?}", path.display());
        }
    }
}

/// No statement changes or removes an event; the log's only UPDATE moves its head.
#[test]
fn no_code_changes_an_event() {
    let mut found = Vec::new();
    for krate in ["infrastructure/src", "projections/src", "api/src"] {
        sources(&root().join(krate), &mut found);
    }
    for path in found {
        let text = read(&path);
        for statement in ["UPDATE event", "DELETE FROM event", "TRUNCATE"] {
            assert!(!text.contains(statement), "{} holds {statement:?}", path.display());
        }
    }
}

#[test]
fn migrations_come_in_pairs() {
    for set in ["log", "read", "keys"] {
        let names = |dialect: &str| -> BTreeSet<String> {
            std::fs::read_dir(root().join("migrations").join(set).join(dialect))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect()
        };
        assert!(!names("sqlite").is_empty());
        assert_eq!(names("sqlite"), names("postgres"), "migrations/{set}");
    }
}

/// Every link of the documents leads somewhere.
#[test]
fn links_lead_somewhere() {
    let mut documents: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).into();
    for folder in ["docs", "docs/adr", "docs/legal", "docs/portal", "docs/runbooks"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        documents.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "md")),
        );
    }
    let mut links = 0;
    for document in documents {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            links += 1;
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{} links to {target}, which is not there", document.display());
        }
    }
    assert!(10 < links);
    assert!(read(&root().join("README.md")).lines().count() <= 100, "README is longer than 100 lines");
}
