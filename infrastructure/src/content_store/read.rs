//! The way out: any range, each chunk verified before a byte of it is given.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::codes::Digest;
use domain::identity::FileId;
use futures::Stream;
use sha2::Digest as _;

use super::format::{self, HEADER_BYTES, Layout};
use super::write::hex;
use super::{ContentError, ContentStore, FilePlace, blocking, io};
use crate::seal::SealingKey;

/// A file that can be read. Its header has opened, and its length is what it was stored with.
#[derive(Debug)]
pub struct Content(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: FileId,
    path: PathBuf,
    file: File,
    key: SealingKey,
    size: u64,
}

impl ContentStore {
    /// Opens the object that the event names, as long as the event says.
    pub async fn open(
        &self,
        place: FilePlace,
        sha256: &Digest,
        size: u64,
        dossier_key: Arc<SealingKey>,
    ) -> Result<Content, ContentError> {
        let path = self.path(place.file, sha256)?;
        blocking(&path.clone(), move || {
            let file = open(&path, place.file)?;
            let length = file.metadata().map_err(io(&path))?.len();
            if length != Layout::of(size).object_bytes() {
                return Err(ContentError::Damaged(place.file));
            }
            let mut header = [0; HEADER_BYTES];
            file.read_exact_at(&mut header, 0).map_err(io(&path))?;
            let key = format::open_header(&header, &place, &dossier_key)?;
            Ok(Content(Arc::new(Inner { id: place.file, path, file, key, size })))
        })
        .await
    }

    /// The SHA-256 that an object has now. Needs no key.
    pub async fn digest(&self, file: FileId, sha256: &Digest) -> Result<Digest, ContentError> {
        let path = self.path(file, sha256)?;
        blocking(&path.clone(), move || {
            let mut object = open(&path, file)?;
            let mut hash = sha2::Sha256::new();
            let mut buffer = vec![0; format::CHUNK_BYTES];
            loop {
                let read = object.read(&mut buffer).map_err(io(&path))?;
                if read == 0 {
                    return hex(&hash.finalize());
                }
                hash.update(&buffer[..read]);
            }
        })
        .await
    }
}

fn open(path: &Path, id: FileId) -> Result<File, ContentError> {
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ContentError::Missing(id),
        _ => io(path)(error),
    })
}

impl Content {
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The content from one byte up to and without another, in pieces of at most a chunk. An error ends it.
    pub fn range(
        &self,
        from: u64,
        until: u64,
    ) -> impl Stream<Item = Result<Vec<u8>, ContentError>> + Send + 'static {
        let inner = Arc::clone(&self.0);
        let until = until.min(inner.size);
        futures::stream::try_unfold(from, move |at| {
            let inner = Arc::clone(&inner);
            async move {
                if until <= at {
                    return Ok(None);
                }
                let path = inner.path.clone();
                let piece = blocking(&path, move || inner.piece(at, until)).await?;
                let next = at + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        })
    }
}

impl Inner {
    /// What the chunk of this byte holds from it on, up to the end that is asked for.
    fn piece(&self, at: u64, until: u64) -> Result<Vec<u8>, ContentError> {
        let damaged = || ContentError::Damaged(self.id);
        let layout = Layout::of(self.size);
        let chunk = Layout::chunk_of(at);
        let (offset, length) = layout.place(chunk);
        let mut sealed = vec![0; length];
        self.file.read_exact_at(&mut sealed, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged(),
            _ => io(&self.path)(error),
        })?;
        let is_last = chunk + 1 == layout.chunks();
        let mut plain = format::open_chunk(&self.key, chunk, is_last, &sealed).ok_or_else(damaged)?;
        let begin = Layout::begin(chunk);
        let inside = |byte: u64| usize::try_from(byte - begin).unwrap_or(usize::MAX).min(plain.len());
        let (from, end) = (inside(at), inside(until));
        plain.truncate(end);
        plain.drain(..from);
        if plain.is_empty() { Err(damaged()) } else { Ok(plain) }
    }
}
