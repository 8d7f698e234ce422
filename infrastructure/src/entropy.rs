//! The only place that asks for randomness: keys, nonces, identities of stores.

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Where randomness comes from. A seeded source is for tests that compare histories byte for byte, never for keys
/// that protect a person.
#[derive(Clone, Debug, Default)]
pub enum Entropy {
    #[default]
    System,
    Seeded(Arc<Mutex<Seeded>>),
}

/// SHA-256 of seed and counter.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    counter: u64,
}

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness: {0}")]
pub struct NoEntropy(String);

impl Entropy {
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(Seeded { seed, counter: 0 })))
    }

    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
            Self::System => getrandom::fill(&mut bytes).map_err(|error| NoEntropy(error.to_string()))?,
            Self::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(32) {
                    state.counter += 1;
                    let mut hash = Sha256::new();
                    hash.update(state.seed.to_be_bytes());
                    hash.update(state.counter.to_be_bytes());
                    let block = hash.finalize();
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
        Ok(bytes)
    }

    pub fn uuid(&self) -> Result<uuid::Uuid, NoEntropy> {
        self.bytes().map(|bytes| uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}
