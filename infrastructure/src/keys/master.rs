//! The master key: one file outside every database. It wraps the keys that seal, and proves that a key store is its
//! own.
//!
//! - A wrapped key is nonce (12 bytes) ‖ AES-256-GCM of the key's 32 bytes ‖ tag (16); associated data
//!   `"motcua.key.1"` ‖ key id.
//! - The proof of a key store is the same of the text `"motcua.keys"`; associated data `"motcua.keys.1"` ‖ keys id.
//! - The key of request macs is HMAC-SHA-256(master key, `"motcua.request-mac.1"`).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::identity::{KeyId, PrincipalId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::KeyError;
use crate::entropy::Entropy;
use crate::seal::{KEY_BYTES, KeyBytes, NONCE_BYTES, SealError, SealingKey, wipe};

const WRAP_DOMAIN: &[u8] = b"motcua.key.1";
const PROOF_DOMAIN: &[u8] = b"motcua.keys.1";
const PROOF_TEXT: &[u8] = b"motcua.keys";
const MAC_DOMAIN: &[u8] = b"motcua.request-mac.1";
const SEARCH_DOMAIN: &[u8] = b"motcua.person-search.1";
const TOTP_DOMAIN: &[u8] = b"motcua.totp.1";
const SUBJECT_DOMAIN: &[u8] = b"motcua.subject.1";
const READ_DOMAIN: &[u8] = b"motcua.personal-read.1";
const PRUNE_DOMAIN: &[u8] = b"motcua.personal-read-pruned.1";

/// A file of a key is 64 hex digits and a line end; whoever reads more than this reads another file.
const FILE_BYTES_MAX: u64 = 256;

/// The key that wraps every other key. Whoever has it and the key store can read everything, so they are kept apart.
pub struct MasterKey {
    wrap: SealingKey,
    request_mac: Hmac<Sha256>,
    search_mac: Hmac<Sha256>,
    subject_mac: Hmac<Sha256>,
    read_mac: Hmac<Sha256>,
    prune_mac: Hmac<Sha256>,
}

impl MasterKey {
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = KeyBytes(bytes);
        let derived = |domain| {
            let derived = hmac_sha256(&bytes.0).chain_update(domain).finalize();
            hmac_sha256(&KeyBytes(derived.into_bytes().into()).0)
        };
        Self {
            wrap: SealingKey::new(&bytes.0),
            request_mac: derived(MAC_DOMAIN),
            search_mac: derived(SEARCH_DOMAIN),
            subject_mac: derived(SUBJECT_DOMAIN),
            read_mac: derived(READ_DOMAIN),
            prune_mac: derived(PRUNE_DOMAIN),
        }
    }

    /// Reads the file, or creates it where there is none: 64 hex digits, for its owner only. Of several processes that
    /// start at once one creates it and all read the same key.
    pub fn load_or_create(path: &Path, entropy: &Entropy) -> Result<Self, KeyError> {
        let failed = |source| KeyError::MasterKeyFile { path: path.to_owned(), source };
        if let Some(found) = Self::load(path)? {
            return Ok(found);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        // The file appears under its name with its content on disk, or not at all.
        let new = NewFile::write(folder, &KeyBytes(entropy.bytes()?), entropy.uuid()?).map_err(failed)?;
        match std::fs::hard_link(&new.0, path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        drop(new);
        sync_folder(folder).map_err(failed)?;
        Self::load(path)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
    }

    fn load(path: &Path) -> Result<Option<Self>, KeyError> {
        let failed = |source| KeyError::MasterKeyFile { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        is_private(path, &file)?;
        let mut text = Vec::with_capacity(256);
        file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
        let bytes = from_hex(text.trim_ascii());
        wipe(&mut text);
        let bytes = bytes.ok_or_else(|| KeyError::MasterKeyMalformed { path: path.to_owned() })?;
        Ok(Some(Self::new(bytes.0)))
    }

    pub(super) fn wrap(
        &self,
        id: KeyId,
        nonce: [u8; NONCE_BYTES],
        key: &KeyBytes,
    ) -> Result<Vec<u8>, SealError> {
        self.encrypt(nonce, &[WRAP_DOMAIN, id.0.as_bytes()].concat(), &key.0)
    }

    pub(super) fn unwrap_key(&self, id: KeyId, wrapped: &[u8]) -> Option<SealingKey> {
        let mut plain = self.decrypt(&[WRAP_DOMAIN, id.0.as_bytes()].concat(), wrapped)?;
        let bytes = plain.as_slice().try_into().ok().map(KeyBytes);
        wipe(&mut plain);
        bytes.map(|bytes| SealingKey::new(&bytes.0))
    }

    pub(super) fn prove(&self, keys: Uuid, nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, SealError> {
        self.encrypt(nonce, &[PROOF_DOMAIN, keys.as_bytes()].concat(), PROOF_TEXT)
    }

    pub(super) fn is_proven_by(&self, keys: Uuid, proof: &[u8]) -> bool {
        self.decrypt(&[PROOF_DOMAIN, keys.as_bytes()].concat(), proof).is_some_and(|text| text == PROOF_TEXT)
    }

    pub(super) fn wrap_totp(
        &self,
        principal: PrincipalId,
        nonce: [u8; NONCE_BYTES],
        secret: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.encrypt(nonce, &[TOTP_DOMAIN, principal.0.as_bytes()].concat(), secret)
    }

    pub(super) fn unwrap_totp(&self, principal: PrincipalId, wrapped: &[u8]) -> Option<Vec<u8>> {
        self.decrypt(&[TOTP_DOMAIN, principal.0.as_bytes()].concat(), wrapped)
    }

    pub(super) fn request_mac(&self, canonical: &[u8]) -> String {
        BASE64.encode(self.request_mac.clone().chain_update(canonical).finalize().into_bytes())
    }

    /// The first 16 bytes: two words in a province do not meet there by chance.
    pub(super) fn search_mac(&self, kind: u8, text: &str) -> [u8; 16] {
        first_16(self.search_mac.clone().chain_update([kind]).chain_update(text))
    }

    /// `len·issuer ‖ subject`. It names whoever acts in every event, so it is never changed.
    pub(super) fn subject_mac(&self, issuer: &str, subject: &str) -> [u8; 16] {
        let length = u32::try_from(issuer.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mac = self.subject_mac.clone().chain_update(length).chain_update(issuer).chain_update(subject);
        first_16(mac)
    }

    /// `len·previous ‖ seq ‖ record`
    pub(super) fn read_mac(&self, previous: &str, seq: i64, record: &str) -> String {
        let length = u32::try_from(previous.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mac = self.read_mac.clone().chain_update(length).chain_update(previous);
        let mac = mac.chain_update(seq.to_be_bytes()).chain_update(record);
        BASE64.encode(mac.finalize().into_bytes())
    }

    /// `seq ‖ mac of the record`
    pub(super) fn prune_mac(&self, seq: i64, record_mac: &str) -> String {
        let mac = self.prune_mac.clone().chain_update(seq.to_be_bytes()).chain_update(record_mac);
        BASE64.encode(mac.finalize().into_bytes())
    }

    fn encrypt(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = nonce.to_vec();
        sealed.extend(self.wrap.encrypt(nonce, aad, plain)?);
        Ok(sealed)
    }

    fn decrypt(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk()?;
        self.wrap.decrypt(*nonce, aad, ciphertext).ok()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey(…)")
    }
}

fn hmac_sha256(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    let mut block = hmac::digest::block_api::Block::<Sha256>::default();
    block[..KEY_BYTES].copy_from_slice(key);
    // A key shorter than a block is filled up with zeros: HMAC by definition.
    let mac = Hmac::new(&block);
    wipe(&mut block);
    mac
}

/// A complete file under a name of its own, removed when dropped.
struct NewFile(PathBuf);

impl NewFile {
    fn write(folder: &Path, key: &KeyBytes, id: Uuid) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let path = folder.join(format!(".{id}.key"));
        let mut file = options.open(&path)?;
        let new = Self(path);
        let mut text = to_hex(key);
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        wipe(&mut text);
        written.map(|()| new)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), error = %error, "a temporary file of a key was not removed");
        }
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
fn is_private(path: &Path, file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::MetadataExt;
    let failed = |source| KeyError::MasterKeyFile { path: path.to_owned(), source };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::MasterKeyExposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn is_private(_: &Path, _: &File) -> Result<(), KeyError> {
    Ok(())
}

fn to_hex(key: &KeyBytes) -> Vec<u8> {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let mut text = Vec::with_capacity(2 * KEY_BYTES + 1);
    text.extend(key.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
    text.push(b'\n');
    text
}

fn from_hex(text: &[u8]) -> Option<KeyBytes> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut key = KeyBytes([0; KEY_BYTES]);
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != KEY_BYTES {
        return None;
    }
    for (byte, [high, low]) in key.0.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

fn first_16(mac: Hmac<Sha256>) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    first
}
