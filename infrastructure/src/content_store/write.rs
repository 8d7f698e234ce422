//! The way in: sealed chunk by chunk, on disk before it has its name.

use std::path::{Path, PathBuf};

use domain::codes::Digest;
use sha2::Digest as _;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::format::{self, CHUNK_BYTES};
use super::{ContentError, ContentStore, FilePlace, blocking, io};
use crate::seal::{KeyBytes, SealingKey, wipe};

/// A file that is being written. Dropped before it is finished, it leaves nothing behind.
pub struct Incoming {
    store: ContentStore,
    place: FilePlace,
    file: File,
    path: TemporaryPath,
    key: SealingKey,
    hash: sha2::Sha256,
    /// What is not sealed yet. The last chunk has a nonce of its own, so a full one waits until something follows it.
    pending: Pending,
    chunk: u64,
    size: u64,
}

/// A file that is on disk, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the content.
    pub size: u64,
    /// Of the object.
    pub sha256: Digest,
}

/// Plain content on its way into a chunk.
struct Pending(Vec<u8>);

impl Drop for Pending {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Removed when dropped, unless it has another name by then.
struct TemporaryPath(PathBuf);

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let path = self.0.display();
                tracing::warn!(%error, %path, "an incoming file stays until it is collected");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl ContentStore {
    /// Begins a file, under a key of its own that the dossier's key wraps.
    pub async fn begin(&self, place: FilePlace, dossier_key: &SealingKey) -> Result<Incoming, ContentError> {
        let file_key = KeyBytes(self.entropy.bytes()?);
        let header = format::header(&place, dossier_key, self.entropy.bytes()?, &file_key)?;
        make_folder(&self.root).await?;
        self.claim().await?;
        let folder = self.incoming();
        make_folder(&folder).await?;
        let path = folder.join(format!("{}.tmp", self.entropy.uuid()?.simple()));
        let mut options = tokio::fs::OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let file = options.open(&path).await.map_err(io(&path))?;
        let mut incoming = Incoming {
            store: self.clone(),
            place,
            file,
            path: TemporaryPath(path),
            key: SealingKey::new(&file_key.0),
            hash: sha2::Sha256::new(),
            pending: Pending(Vec::with_capacity(CHUNK_BYTES)),
            chunk: 0,
            size: 0,
        };
        incoming.write(&header).await?;
        Ok(incoming)
    }
}

impl Incoming {
    /// How much of the content is here so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub async fn push(&mut self, mut content: &[u8]) -> Result<(), ContentError> {
        while !content.is_empty() {
            if self.pending.0.len() == CHUNK_BYTES {
                self.seal_pending(false).await?;
            }
            let (now, later) = content.split_at(content.len().min(CHUNK_BYTES - self.pending.0.len()));
            self.pending.0.extend_from_slice(now);
            self.size += now.len() as u64;
            content = later;
        }
        Ok(())
    }

    /// Returns when the object is on disk under its name, and would be after a power cut.
    pub async fn finish(mut self) -> Result<Stored, ContentError> {
        self.seal_pending(true).await?;
        let temporary = self.path.0.clone();
        self.file.flush().await.map_err(io(&temporary))?;
        self.file.sync_all().await.map_err(io(&temporary))?;
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize())?;
        let object = self.store.path(self.place.file, &sha256)?;
        let shelf = self.store.shelf(self.place.file);
        make_folder(&shelf).await?;
        tokio::fs::rename(&temporary, &object).await.map_err(io(&object))?;
        // Every folder on the way, and the one that has the first of them: another process may have made one and not come
        // to this.
        let root = &self.store.root;
        for folder in [Some(shelf.as_path()), Some(&self.store.objects()), Some(root), root.parent()] {
            match folder {
                Some(folder) if !folder.as_os_str().is_empty() => sync_folder(folder).await?,
                Some(_) | None => {}
            }
        }
        Ok(Stored { size: self.size, sha256 })
    }

    async fn seal_pending(&mut self, is_last: bool) -> Result<(), ContentError> {
        let sealed = format::seal_chunk(&self.key, self.chunk, is_last, &self.pending.0)?;
        self.chunk += 1;
        wipe(&mut self.pending.0);
        self.pending.0.clear();
        self.write(&sealed).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        self.hash.update(bytes);
        self.file.write_all(bytes).await.map_err(io(&self.path.0))
    }
}

pub(super) fn hex(bytes: &[u8]) -> Result<Digest, ContentError> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::parse(&text).map_err(|error| io(Path::new("a digest"))(std::io::Error::other(error)))
}

/// Only this user reads it: names of objects say which dossier had a file when.
async fn make_folder(folder: &Path) -> Result<(), ContentError> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).await.map_err(io(folder))
}

async fn sync_folder(folder: &Path) -> Result<(), ContentError> {
    let path = folder.to_owned();
    blocking(folder, move || {
        std::fs::File::open(&path).and_then(|folder| folder.sync_all()).map_err(io(&path))
    })
    .await
}
