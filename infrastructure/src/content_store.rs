//! The content store: the files of dossiers in a directory, each sealed under the key of its dossier. docs/adr/0013.
//! What an object is made of is written for ever.
//!
//! ```text
//! <dir>/owner                             the identity of the keys: whose files these are
//! <dir>/incoming/<random>.tmp             while it is written
//! <dir>/objects/<ab>/<file>-<sha256>      once it is whole and on disk; `ab` begins the file id
//! ```
//!
//! An object is a header of 104 bytes and chunks.
//!
//! | bytes | header |
//! | --- | --- |
//! | 12 | `motcua.file` and the version, the byte 1 |
//! | 16 | file id |
//! | 16 | id of the dossier key that wraps |
//! | 12 | nonce of the wrapping |
//! | 48 | the file's own key, wrapped: ciphertext and tag |
//!
//! - Ciphers are AES-256-GCM. The file's own key is random. Its wrapping has the associated data `"motcua.file.1"` ‖
//!   file id ‖ dossier id ‖ key id, ids as 16 bytes: it opens only for this file of this dossier.
//! - A chunk is the ciphertext of 65,536 bytes of content, and its tag of 16 bytes; the last chunk has what is left over,
//!   at least one byte unless the content is empty. There is no associated data.
//! - The nonce of chunk n, from 0, is n as 11 bytes, big-endian, and one byte that is 1 for the last chunk, else 0
//!   (STREAM). So chunks can be neither moved, dropped, added nor taken from another file unnoticed, the end cannot be cut
//!   off, and any chunk opens without those before it.
//! - The SHA-256 in an object's name and in its event is that of the whole object. It is different each time the same
//!   content is stored, so that two tries of an upload never meet in one object, and can be verified without any key.
//!
//! The plain content never touches the disk. This module must not know where keys are kept, nor who may read.

mod format;
mod objects;
mod owner;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};

use domain::codes::Digest;
use domain::identity::{DossierId, FileId, KeyId};

use uuid::Uuid;

use crate::entropy::{Entropy, NoEntropy};

pub use objects::{Leftovers, ObjectName};
pub use read::Content;
pub use write::{Incoming, Stored};

/// A directory of objects. Nothing is made before the first file is written.
#[derive(Clone, Debug)]
pub struct ContentStore {
    root: PathBuf,
    owner: Uuid,
    entropy: Entropy,
}

/// Where a file belongs, and the dossier key that wraps its own.
#[derive(Clone, Copy, Debug)]
pub struct FilePlace {
    pub file: FileId,
    pub dossier: DossierId,
    pub key: KeyId,
}

/// What keeps a file from being written or read. No variant holds any of its content.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("{} of the content store cannot be used", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("file {0} is not in the content store")]
    Missing(FileId),
    /// Corruption, or another key than the one that sealed it.
    #[error("file {0} does not open as what it was stored as")]
    Damaged(FileId),
    #[error("file {file} has format {version}, which is unknown to this program")]
    UnknownVersion { file: FileId, version: u8 },
    #[error("{} holds the files of another installation, or of nobody that is known", .0.display())]
    OthersFolder(PathBuf),
    #[error("a file is too large to be sealed")]
    TooLarge,
    #[error("no key can be made")]
    NoEntropy(#[from] NoEntropy),
}

impl ContentStore {
    /// `owner` is the identity of the keys that wrap those of the files.
    pub fn new(root: &Path, owner: Uuid, entropy: Entropy) -> Self {
        Self { root: root.to_owned(), owner, entropy }
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Where an object lies, if a digest from a log is one: it becomes a part of a path.
    fn path(&self, file: FileId, sha256: &Digest) -> Result<PathBuf, ContentError> {
        let sha256 = Digest::parse(sha256.as_str()).map_err(|_| ContentError::Missing(file))?;
        Ok(self.shelf(file).join(format!("{file}-{sha256}")))
    }

    fn shelf(&self, file: FileId) -> PathBuf {
        self.objects().join(&file.to_string()[..2])
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ContentError {
    let path = path.to_owned();
    move |source| ContentError::Io { path, source }
}

/// Blocking work, away from the threads that serve.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, ContentError> + Send + 'static,
) -> Result<T, ContentError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|stopped| Err(io(path)(std::io::Error::other(stopped))))
}
