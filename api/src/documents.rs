//! Trusted documents: what each client may ask, told beforehand. A manifest is a JSON object of hash and text, as the client
//! preset of GraphQL Code Generator writes it (`persistedDocuments`, with `hashAlgorithm: 'sha256'`); the name of its file is
//! the client. Each document is parsed once, and held to the schema and to the limits before the server starts.
//! docs/adr/0025

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use async_graphql::parser::types::ExecutableDocument;
use sha2::{Digest, Sha256};

use crate::graphql::checker::Checker;
use crate::graphql::limits::{self, Counted};

/// The client of those who do not say who they are. What anybody may ask, everybody may.
pub const PUBLIC: &str = "public";
/// Before the hash, in an identifier (GraphQL over HTTP, appendix A).
const PREFIX: &str = "sha256:";
/// A hash as short as is told where the name of an operation is. No name has a colon, so nobody else's reads like it.
const SHORT: usize = PREFIX.len() + 16;

/// A document that a client may send by its identifier.
#[derive(Debug)]
pub struct Document {
    pub id: String,
    pub text: String,
    pub parsed: ExecutableDocument,
    pub counted: Counted,
}

impl Document {
    /// What an operation of it is called where it is written down who asked what.
    pub fn name_of(&self, operation: Option<&str>) -> String {
        let id = self.id.get(..SHORT).unwrap_or(&self.id);
        operation.map_or_else(|| id.to_owned(), |operation| format!("{id} {operation}"))
    }
}

/// By client, then by identifier.
#[derive(Debug, Default)]
pub struct Documents(BTreeMap<String, HashMap<String, Document>>);

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub file: PathBuf,
    /// Of the document, as the file has it; none if it is the file.
    pub hash: Option<String>,
    pub reason: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: ", self.file.display())?;
        if let Some(hash) = &self.hash {
            write!(formatter, "{hash}: ")?;
        }
        formatter.write_str(&self.reason)
    }
}

/// All that is wrong, not only what is met first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the documents are not taken:{}", .0.iter().map(|wrong| format!("\n  {wrong}")).collect::<String>())]
pub struct InvalidDocuments(pub Vec<Wrong>);

impl Documents {
    /// From a manifest, or from all `*.json` in a folder.
    pub async fn load(path: &Path) -> Result<Self, InvalidDocuments> {
        let (mut documents, mut wrong) = (Self::default(), Vec::new());
        let files = manifests(path).unwrap_or_else(|reason| {
            wrong.push(of_file(path, reason));
            Vec::new()
        });
        let checker = Checker::default();
        for file in files {
            let Some(client) = file.file_stem().and_then(|name| name.to_str()) else {
                wrong.push(of_file(&file, "the name of the file is no client's"));
                continue;
            };
            match read(&file) {
                Ok(manifest) => {
                    let mut of_client = HashMap::new();
                    for (hash, text) in manifest {
                        match document(&checker, &hash, text).await {
                            Ok(document) => drop(of_client.insert(document.id.clone(), document)),
                            Err(reasons) => wrong.extend(reasons.into_iter().map(|reason| Wrong {
                                file: file.clone(),
                                hash: Some(hash.clone()),
                                reason,
                            })),
                        }
                    }
                    documents.0.insert(client.to_owned(), of_client);
                }
                Err(reason) => wrong.push(of_file(&file, reason)),
            }
        }
        if wrong.is_empty() { Ok(documents) } else { Err(InvalidDocuments(wrong)) }
    }

    /// Each client with how many documents it has.
    pub fn clients(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(client, documents)| (client.as_str(), documents.len()))
    }

    /// What a client means by an identifier. Another client's is not there.
    pub fn find(&self, client: Option<&str>, id: &str) -> Option<&Document> {
        let of = |client: &str| self.0.get(client).and_then(|documents| documents.get(id));
        client.and_then(of).or_else(|| of(PUBLIC))
    }
}

/// The identifier of a text.
pub fn id_of(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{PREFIX}{hex}")
}

fn of_file(file: &Path, reason: impl ToString) -> Wrong {
    Wrong { file: file.to_owned(), hash: None, reason: reason.to_string() }
}

fn manifests(path: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err("there is no *.json in it".to_owned()) } else { Ok(files) }
}

fn read(file: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("it cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("it is no object of hashes and texts: {error}"))
}

/// The client preset leaves the prefix to the client that sends the hash.
async fn document(checker: &Checker, hash: &str, text: String) -> Result<Document, Vec<String>> {
    let id = id_of(&text);
    if hash.strip_prefix(PREFIX).unwrap_or(hash) != &id[PREFIX.len()..] {
        return Err(vec![format!("the SHA-256 of its text is {}", &id[PREFIX.len()..])]);
    }
    let (parsed, counted) = limits::parse(&text).map_err(|error| vec![error.to_string()])?;
    let errors = checker.check(&parsed).await;
    if errors.is_empty() {
        Ok(Document { id, text, parsed, counted })
    } else {
        Err(errors.iter().map(ToString::to_string).collect())
    }
}
