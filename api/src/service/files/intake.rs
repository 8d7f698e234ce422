//! The bytes of a file on their way in: counted, hashed, looked at, scanned and sealed as they come, with some chunks in
//! memory however large the file is.

use std::time::Duration;

use axum::body::Bytes;
use domain::codes::Digest;
use futures::{Stream, StreamExt};
use infrastructure::content_store::{FilePlace, Incoming, Stored};
use infrastructure::scanner::{Scan, ScannerError, Verdict};
use infrastructure::seal::SealingKey;
use serde::Serialize;
use sha2::Digest as _;

use super::{Files, refused};
use crate::file_types::{FileType, HEAD_BYTES};
use crate::problem::{Problem, ServiceError};

/// How long the next bytes may take.
const BYTES_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a whole upload may take.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// What was sent, to tell a retry from another file under the same key. It goes into the request's MAC, and nowhere else:
/// the hash of a form that has few possible contents would give it away.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    size: u64,
    sha256: String,
}

/// A file that is coming in.
struct Intake {
    incoming: Incoming,
    scan: Option<Scan>,
    sent: sha2::Sha256,
    kind: FileType,
    head: Vec<u8>,
    /// The head agreed with the kind.
    is_checked: bool,
}

impl Files {
    pub(super) fn too_large(&self) -> Problem {
        refused("FILE_TOO_LARGE", format!("the most is {} bytes", self.policy.bytes_max))
    }

    /// Stands in while a file is decided before it is there.
    pub(super) fn no_digest(&self) -> Result<Digest, Problem> {
        Digest::parse(&"0".repeat(64)).map_err(Problem::code_of("sha256"))
    }

    /// Reads a file that an earlier try has stored, to compare it.
    pub(super) async fn hashed<E: std::error::Error + 'static>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<Sent, ServiceError> {
        let mut hash = sha2::Sha256::new();
        let mut body = Body { files: self, body, size: 0 };
        let read = async {
            while let Some(piece) = body.next().await? {
                hash.update(&piece);
            }
            Ok(())
        };
        in_time(read).await?;
        Ok(Sent { size: body.size, sha256: hex(hash) })
    }

    /// Stores a file. On disk when this returns; nothing is left of it when this fails.
    pub(super) async fn take_in<E: std::error::Error + 'static>(
        &self,
        place: FilePlace,
        key: &SealingKey,
        kind: FileType,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<(Stored, Sent), ServiceError> {
        let scan = self.policy.scanner.as_ref().map(|scanner| scanner.start().map_err(|e| unknown(&e)));
        let mut intake = Intake {
            scan: scan.transpose()?,
            incoming: self.store.begin(place, key).await?,
            sent: sha2::Sha256::new(),
            kind,
            head: Vec::new(),
            is_checked: false,
        };
        let mut body = Body { files: self, body, size: 0 };
        let read = async {
            while let Some(piece) = body.next().await? {
                intake.push(&piece).await?;
            }
            Ok(())
        };
        in_time(read).await?;
        intake.finish().await
    }
}

impl Intake {
    async fn push(&mut self, piece: &[u8]) -> Result<(), ServiceError> {
        self.sent.update(piece);
        if !self.is_checked {
            let room = HEAD_BYTES - self.head.len();
            self.head.extend_from_slice(&piece[..piece.len().min(room)]);
            if self.head.len() == HEAD_BYTES {
                self.check()?;
            }
        }
        if let Some(scan) = &mut self.scan {
            scan.push(piece).await.map_err(|error| unknown(&error))?;
        }
        Ok(self.incoming.push(piece).await?)
    }

    fn check(&mut self) -> Result<(), Problem> {
        if !self.kind.agrees_with(&self.head) {
            let reason = format!("the content is not {}", self.kind.media_type);
            return Err(refused("FILE_TYPE_MISMATCH", reason));
        }
        self.is_checked = true;
        self.head = Vec::new();
        Ok(())
    }

    async fn finish(mut self) -> Result<(Stored, Sent), ServiceError> {
        if self.incoming.size() == 0 {
            return Err(refused("FILE_EMPTY", "the file is empty").into());
        }
        if !self.is_checked {
            self.check()?;
        }
        if let Some(scan) = self.scan {
            match scan.verdict().await.map_err(|error| unknown(&error))? {
                Verdict::Clean => {}
                Verdict::Infected => {
                    tracing::warn!("the scanner calls an upload infected");
                    return Err(refused("FILE_INFECTED", "the scanner calls it infected").into());
                }
            }
        }
        let stored = self.incoming.finish().await?;
        let sent = Sent { size: stored.size, sha256: hex(self.sent) };
        Ok((stored, sent))
    }
}

/// What is not known to be clean is not taken.
fn unknown(error: &ScannerError) -> Problem {
    let error: &(dyn std::error::Error + 'static) = error;
    tracing::error!(error, "an upload cannot be scanned");
    refused("SCANNER_UNAVAILABLE", "the file cannot be scanned now")
}

/// A body that ends where it is too large or too slow.
struct Body<'a, B> {
    files: &'a Files,
    body: B,
    size: u64,
}

impl<E: std::error::Error + 'static, B: Stream<Item = Result<Bytes, E>> + Send + Unpin> Body<'_, B> {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let next = tokio::time::timeout(BYTES_WAIT_MAX, self.body.next());
        let Some(piece) = next.await.map_err(|_| stalled())? else { return Ok(None) };
        let piece = piece.map_err(|error| {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::debug!(error, "an upload broke off");
            refused("UPLOAD_BROKEN", "the upload broke off")
        })?;
        self.size += piece.len() as u64;
        if self.files.policy.bytes_max < self.size {
            return Err(self.files.too_large());
        }
        Ok(Some(piece))
    }
}

fn stalled() -> Problem {
    refused("UPLOAD_STALLED", "the upload took too long")
}

async fn in_time(read: impl Future<Output = Result<(), ServiceError>>) -> Result<(), ServiceError> {
    tokio::time::timeout(UPLOAD_TIME_MAX, read).await.unwrap_or_else(|_| Err(stalled().into()))
}

fn hex(hash: sha2::Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
