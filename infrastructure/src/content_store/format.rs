//! The bytes of an object. See the head of the module above: they are written for ever.

use domain::identity::{FileId, KeyId};
use uuid::Uuid;

use super::{ContentError, FilePlace};
use crate::seal::{KEY_BYTES, KeyBytes, NONCE_BYTES, SealingKey, wipe};

/// Of content, in one chunk.
pub(super) const CHUNK_BYTES: usize = 65_536;
const TAG_BYTES: usize = 16;
pub(super) const HEADER_BYTES: usize = 104;
const MAGIC: &[u8; 11] = b"motcua.file";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"motcua.file.1";

fn associated(place: &FilePlace) -> Vec<u8> {
    let ids = [place.file.0, place.dossier.0, place.key.0];
    let mut aad = DOMAIN.to_vec();
    ids.iter().for_each(|id| aad.extend_from_slice(id.as_bytes()));
    aad
}

pub(super) fn header(
    place: &FilePlace,
    dossier_key: &SealingKey,
    nonce: [u8; NONCE_BYTES],
    file_key: &KeyBytes,
) -> Result<Vec<u8>, ContentError> {
    let wrapped = dossier_key.encrypt(nonce, &associated(place), &file_key.0);
    let wrapped = wrapped.map_err(|_| ContentError::TooLarge)?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.push(VERSION);
    header.extend_from_slice(place.file.0.as_bytes());
    header.extend_from_slice(place.key.0.as_bytes());
    header.extend_from_slice(&nonce);
    header.extend_from_slice(&wrapped);
    Ok(header)
}

/// The file's own key, if the header is that of this file of this dossier.
pub(super) fn open_header(
    header: &[u8; HEADER_BYTES],
    place: &FilePlace,
    dossier_key: &SealingKey,
) -> Result<SealingKey, ContentError> {
    let damaged = ContentError::Damaged(place.file);
    let (magic, rest) = header.split_at(MAGIC.len());
    let (version, rest) = rest.split_at(1);
    let (file, rest) = rest.split_at(16);
    let (key, rest) = rest.split_at(16);
    let (nonce, wrapped) = rest.split_at(NONCE_BYTES);
    if magic != MAGIC {
        return Err(damaged);
    }
    if version[0] != VERSION {
        return Err(ContentError::UnknownVersion { file: place.file, version: version[0] });
    }
    let is_here = Uuid::from_slice(file).is_ok_and(|id| FileId(id) == place.file)
        && Uuid::from_slice(key).is_ok_and(|id| KeyId(id) == place.key);
    let (true, Ok(nonce)) = (is_here, nonce.try_into()) else { return Err(damaged) };
    let Ok(mut bytes) = dossier_key.decrypt(nonce, &associated(place), wrapped) else {
        return Err(damaged);
    };
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(KeyBytes);
    wipe(&mut bytes);
    key.map(|key| SealingKey::new(&key.0)).map_err(|_| damaged)
}

fn nonce(chunk: u64, is_last: bool) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[3..11].copy_from_slice(&chunk.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

pub(super) fn seal_chunk(
    key: &SealingKey,
    chunk: u64,
    is_last: bool,
    plain: &[u8],
) -> Result<Vec<u8>, ContentError> {
    key.encrypt(nonce(chunk, is_last), &[], plain).map_err(|_| ContentError::TooLarge)
}

pub(super) fn open_chunk(key: &SealingKey, chunk: u64, is_last: bool, sealed: &[u8]) -> Option<Vec<u8>> {
    key.decrypt(nonce(chunk, is_last), &[], sealed).ok()
}

/// Where the chunks of a content of this size lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    size: u64,
}

impl Layout {
    const CHUNK: u64 = CHUNK_BYTES as u64;
    const SEALED: u64 = Self::CHUNK + TAG_BYTES as u64;

    pub(super) fn of(size: u64) -> Self {
        Self { size }
    }

    /// An empty content has one chunk as well: it too has an end that can be verified.
    pub(super) fn chunks(self) -> u64 {
        self.size.div_ceil(Self::CHUNK).max(1)
    }

    pub(super) fn object_bytes(self) -> u64 {
        HEADER_BYTES as u64 + self.size + self.chunks() * TAG_BYTES as u64
    }

    /// Which chunk a byte of the content is in.
    pub(super) fn chunk_of(byte: u64) -> u64 {
        byte / Self::CHUNK
    }

    /// Where the content of a chunk begins.
    pub(super) fn begin(chunk: u64) -> u64 {
        chunk * Self::CHUNK
    }

    /// Where a chunk begins in the object, and how many bytes it has there.
    pub(super) fn place(self, chunk: u64) -> (u64, usize) {
        let plain = self.size.saturating_sub(Self::begin(chunk)).min(Self::CHUNK);
        let sealed = usize::try_from(plain).map_or(usize::MAX, |plain| plain + TAG_BYTES);
        (HEADER_BYTES as u64 + chunk * Self::SEALED, sealed)
    }
}
