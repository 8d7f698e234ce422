//! Keys that seal: made in bulk, durable before they are handed out, destroyed one by one. docs/adr/0004.
//!
//! It owns the key store, which is never the log's database, and the master key's file. It must not know who a key is
//! about: owners and dossiers name their keys, never the other way round.
//!
//! **What destroying means here.** The wrapped key is gone from the key store and from this process. Another process
//! that had it in its cache may open values with it for [`CACHE_TIME`] more. Copies in old pages of a write-ahead log
//! or of PostgreSQL, and in backups, go when those are recycled and pruned.

pub mod credentials;
mod master;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::decider::StoredEvent;
use domain::identity::{EventId, KeyId};
use domain::private::{KeyOwner, Private, SealedToken, Secret};
use domain::time::Instant;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

pub use self::master::MasterKey;
use crate::clock::Clock;
use crate::db::{Contents, Database, DbError};
use crate::entropy::{Entropy, NoEntropy};
use crate::location::DbUrl;
use crate::on_db;
use crate::seal::{self, KeyBytes, Place, SealError, SealingKey, Token};

/// Keys that are asked for in one statement.
const KEYS_TOGETHER: usize = 200;
/// How many keys are made at once.
const BATCH_KEYS: u32 = 1024;
/// Below this many keys in hand the next batch is made in the background.
const POOL_LOW: usize = 512;
/// How long an intake waits for its turn to have keys made.
const TAKE_WAIT_MAX: Duration = Duration::from_secs(10);
/// A cached key is about 1 KiB.
const CACHE_KEYS_MAX: u64 = 20_000;
/// How long a key may be used after another process has destroyed it.
pub const CACHE_TIME: Duration = Duration::from_secs(60);

const KEY_STORE: &str = "SELECT keys_id, proof FROM key_store WHERE id = 1";
const CREATE_KEY_STORE: &str =
    "INSERT INTO key_store (id, keys_id, proof) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING";
const WRAPPED_KEY: &str = "SELECT wrapped FROM sealing_key WHERE key_id = $1";
/// Which ones is said behind it.
const WRAPPED_KEYS: &str = "SELECT key_id, wrapped FROM sealing_key WHERE key_id IN";
const DESTROY_KEY: &str = "
    UPDATE sealing_key SET wrapped = NULL, destroyed_at = COALESCE(destroyed_at, $2) WHERE key_id = $1";
const DESTROYED_SINCE: &str = "SELECT key_id FROM sealing_key WHERE destroyed_at >= $1 ORDER BY destroyed_at";
/// One statement for a whole batch: `$1` is the time, then an id and a wrapped key for each row.
static CREATE_KEYS: LazyLock<String> = LazyLock::new(|| {
    let rows: Vec<_> =
        (0..BATCH_KEYS).map(|row| format!("(${}, ${}, $1)", 2 * row + 2, 2 * row + 3)).collect();
    format!("INSERT INTO sealing_key (key_id, wrapped, created_at) VALUES {}", rows.join(", "))
});

/// The key store of one installation. Clones share pool and cache.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    database: Database,
    identity: Uuid,
    master: MasterKey,
    /// For nonces of sealed values.
    entropy: Entropy,
    /// For keys: batches are made in the background, and must not shift what the others draw from a seeded source.
    key_entropy: Entropy,
    clock: Clock,
    pool: Mutex<VecDeque<NewKey>>,
    /// Whoever holds it makes the next batch.
    making: Arc<tokio::sync::Mutex<()>>,
    cache: Cache<KeyId, Arc<SealingKey>>,
    /// How many keys this process has destroyed.
    destroyed: AtomicU64,
    /// Passwords that are hashed at a time: each takes 19 MiB and a core.
    hashing: tokio::sync::Semaphore,
}

/// A durable key that nobody has taken yet.
struct NewKey {
    id: KeyId,
    key: Arc<SealingKey>,
}

/// What keeps a value from being sealed or opened. No variant holds a key or any text of a value.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the master key's file {} cannot be used", path.display())]
    MasterKeyFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the master key's file {} does not hold 64 hex digits", path.display())]
    MasterKeyMalformed { path: PathBuf },
    #[error("the master key's file {} is open to others (mode {mode:03o}): make it mode 600", path.display())]
    MasterKeyExposed { path: PathBuf, mode: u32 },
    #[error("this master key is not the one of the key store")]
    WrongMasterKey,
    #[error("the key store cannot be opened")]
    Open(#[from] DbError),
    #[error("the key store is unavailable")]
    Unavailable(#[from] sqlx::Error),
    #[error("no key can be made")]
    NoEntropy(#[from] NoEntropy),
    #[error("no new key was ready in time")]
    NoKeyInTime,
    #[error("key {0} is not in the key store")]
    NotFound(KeyId),
    #[error("key {0} was destroyed: what it sealed is gone")]
    Destroyed(KeyId),
    /// Corruption: the proof of the master key holds, and this key does not unwrap.
    #[error("key {0} does not open under the master key")]
    Corrupt(KeyId),
    #[error("the {0:?} of this event has no key")]
    NoKeyOf(KeyOwner),
    #[error("what the machine's key {0} may be used for is not understood")]
    UnknownFunctions(String),
    #[error("a password cannot be hashed")]
    NotHashed,
    #[error("too many passwords wait to be hashed")]
    NoTurn,
    #[error("a value cannot be sealed or opened")]
    Seal(#[from] SealError),
}

impl Keys {
    /// An id that nobody has had.
    pub fn new_id(&self) -> Result<Uuid, KeyError> {
        Ok(self.0.entropy.uuid()?)
    }

    /// Opens the key store, creating it where there is none. Makes no keys yet.
    pub async fn open(
        url: &DbUrl,
        master: MasterKey,
        entropy: Entropy,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let database = Database::open(url, Contents::Keys).await?;
        let identity = identify(&database, &master, &entropy).await?;
        let key_entropy = fork(&entropy)?;
        let cache = Cache::builder()
            .max_capacity(CACHE_KEYS_MAX)
            // The newest entry is always let in: it is the one about to be used.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(CACHE_TIME)
            .build();
        Ok(Self(Arc::new(Inner {
            database,
            identity,
            master,
            entropy,
            key_entropy,
            clock,
            pool: Mutex::default(),
            making: Arc::default(),
            cache,
            destroyed: AtomicU64::new(0),
            hashing: tokio::sync::Semaphore::new(credentials::HASHED_TOGETHER),
        })))
    }

    /// The same for every process that opens this key store.
    pub fn identity(&self) -> Uuid {
        self.0.identity
    }

    /// Waits for a batch being made, then closes the database.
    pub async fn close(&self) {
        let _making = self.0.making.lock().await;
        self.0.database.close().await;
    }

    /// A key that nobody else has and that is already on disk. What a stopped process had in hand is never handed out.
    pub async fn take(&self) -> Result<KeyId, KeyError> {
        if let Some(id) = self.take_ready() {
            return Ok(id);
        }
        let turn = tokio::time::timeout(TAKE_WAIT_MAX, self.0.making.lock()).await;
        let _making = turn.map_err(|_| KeyError::NoKeyInTime)?;
        if let Some(id) = self.take_ready() {
            return Ok(id);
        }
        let mut batch = self.make_keys(self.0.clock.now()).await?;
        // Before the rest is there for all: whoever made them must not go away empty-handed.
        let own = batch.pop_front().ok_or(KeyError::NoKeyInTime)?;
        self.pool().extend(batch);
        Ok(self.hand_out(own))
    }

    fn take_ready(&self) -> Option<KeyId> {
        let (new, left) = {
            let mut pool = self.pool();
            (pool.pop_front()?, pool.len())
        };
        if left < POOL_LOW
            && let Ok(making) = Arc::clone(&self.0.making).try_lock_owned()
        {
            // The time is read here, so that a moving test clock gives the same ids whenever the task runs.
            let (keys, now) = (self.clone(), self.0.clock.now());
            tokio::spawn(async move {
                let _making = making;
                match keys.make_keys(now).await {
                    Ok(batch) => keys.pool().extend(batch),
                    Err(error) => {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        tracing::warn!(error, "no new keys could be made ahead of need");
                    }
                }
            });
        }
        Some(self.hand_out(new))
    }

    /// Sealing with it right away needs no SQL.
    fn hand_out(&self, new: NewKey) -> KeyId {
        self.0.cache.insert(new.id, new.key);
        new.id
    }

    /// Returns when they are on disk.
    async fn make_keys(&self, now: Instant) -> Result<VecDeque<NewKey>, KeyError> {
        let inner = &*self.0;
        // Ids ascend with time, so that a batch touches few pages of the index.
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let mut batch = VecDeque::new();
        let mut rows = Vec::new();
        for _ in 0..BATCH_KEYS {
            let random = inner.key_entropy.bytes()?;
            let id = KeyId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid());
            let bytes = KeyBytes(inner.key_entropy.bytes()?);
            rows.push((id, inner.master.wrap(id, inner.key_entropy.bytes()?, &bytes)?));
            batch.push_back(NewKey { id, key: Arc::new(SealingKey::new(&bytes.0)) });
        }
        on_db!(&inner.database.writer, pool => {
            let mut insert = sqlx::query(AssertSqlSafe(CREATE_KEYS.as_str())).bind(now.timestamp_micros());
            for (id, wrapped) in rows {
                insert = insert.bind(id.0).bind(wrapped);
            }
            insert.execute(pool).await.map(|_| ())
        })?;
        Ok(batch)
    }

    fn pool(&self) -> MutexGuard<'_, VecDeque<NewKey>> {
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn key(&self, id: KeyId) -> Result<Arc<SealingKey>, KeyError> {
        if let Some(key) = self.0.cache.get(&id) {
            return Ok(key);
        }
        let destroyed_before = self.0.destroyed.load(Ordering::SeqCst);
        let found: Option<Option<Vec<u8>>> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_scalar(WRAPPED_KEY).bind(id.0).fetch_optional(pool).await
        })?;
        let wrapped = found.ok_or(KeyError::NotFound(id))?.ok_or(KeyError::Destroyed(id))?;
        let key = self.0.master.unwrap_key(id, &wrapped).map(Arc::new).ok_or(KeyError::Corrupt(id))?;
        self.remember(id, Arc::clone(&key), destroyed_before);
        Ok(key)
    }

    /// Brings keys into the cache together, as far as they are there and whole: what is opened next asks nothing more. What
    /// is wrong with one is told to whoever opens something with it.
    pub async fn fetch(&self, ids: impl IntoIterator<Item = KeyId>) -> Result<(), KeyError> {
        let missing: HashSet<KeyId> = ids.into_iter().filter(|id| !self.0.cache.contains_key(id)).collect();
        let missing: Vec<KeyId> = missing.into_iter().collect();
        for ids in missing.chunks(KEYS_TOGETHER) {
            let destroyed_before = self.0.destroyed.load(Ordering::SeqCst);
            let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
            let sql = format!("{WRAPPED_KEYS} ({})", places.join(", "));
            let rows: Vec<(Uuid, Option<Vec<u8>>)> = on_db!(&self.0.database.readers, pool => {
                let query = sqlx::query_as(AssertSqlSafe(sql));
                ids.iter().fold(query, |query, id| query.bind(id.0)).fetch_all(pool).await
            })?;
            for (id, wrapped) in rows {
                let (id, Some(wrapped)) = (KeyId(id), wrapped) else { continue };
                if let Some(key) = self.0.master.unwrap_key(id, &wrapped) {
                    self.remember(id, Arc::new(key), destroyed_before);
                }
            }
        }
        Ok(())
    }

    fn remember(&self, id: KeyId, key: Arc<SealingKey>, destroyed_before: u64) {
        self.0.cache.insert(id, key);
        if self.0.destroyed.load(Ordering::SeqCst) != destroyed_before {
            // It may have been this one, after it was read and before it was cached.
            self.0.cache.invalidate(&id);
        }
    }

    /// Destroys a key: see the head of this module for what that reaches. Once more changes nothing.
    pub async fn destroy(&self, id: KeyId) -> Result<(), KeyError> {
        let at = self.0.clock.now().timestamp_micros();
        let rows = on_db!(&self.0.database.writer, pool => {
            sqlx::query(DESTROY_KEY).bind(id.0).bind(at).execute(pool).await.map(|done| done.rows_affected())
        })?;
        if rows == 0 {
            return Err(KeyError::NotFound(id));
        }
        self.0.destroyed.fetch_add(1, Ordering::SeqCst);
        self.pool().retain(|new| new.id != id);
        self.0.cache.invalidate(&id);
        // Invalidated entries linger in memory until the cache tidies up.
        self.0.cache.run_pending_tasks();
        Ok(())
    }

    /// The mac of a request in its canonical form: the same for every process with this master key.
    pub fn request_mac(&self, canonical: &[u8]) -> String {
        self.0.master.request_mac(canonical)
    }

    /// The mac of a record of a read, bound to the one before.
    pub(crate) fn read_mac(&self, previous: &str, seq: i64, record: &str) -> String {
        self.0.master.read_mac(previous, seq, record)
    }

    /// That the records of reads were taken out by this program, up to one of them.
    pub(crate) fn prune_mac(&self, seq: i64, record_mac: &str) -> String {
        self.0.master.prune_mac(seq, record_mac)
    }

    /// What somebody is found under: the mac of a kind of text and the text, under a key of its own. The same for every
    /// process with this master key.
    pub fn search_mac(&self, kind: u8, text: &str) -> Uuid {
        Uuid::from_bytes(self.0.master.search_mac(kind, text))
    }

    /// Who an issuer of tokens means by a subject: the same for every process with this master key, and nobody without it
    /// can try subjects until one fits.
    pub fn subject_mac(&self, issuer: &str, subject: &str) -> Uuid {
        Uuid::from_bytes(self.0.master.subject_mac(issuer, subject))
    }

    /// The keys that anybody has destroyed since then. Clocks of processes differ: whoever asks again and again goes back
    /// a little each time.
    pub async fn destroyed_since(&self, at: Instant) -> Result<Vec<KeyId>, KeyError> {
        let ids: Vec<Uuid> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_scalar(DESTROYED_SINCE).bind(at.timestamp_micros()).fetch_all(pool).await
        })?;
        Ok(ids.into_iter().map(KeyId).collect())
    }

    /// Seals every open value of an event with the key of its owner. All of them or, on error, none.
    pub async fn seal_event<E: StoredEvent>(
        &self,
        event: &mut E,
        stream: &str,
        event_id: EventId,
        key_of: impl Fn(KeyOwner) -> Option<KeyId>,
    ) -> Result<(), KeyError> {
        let ids = key_ids(event, key_of)?;
        if ids.is_empty() {
            return Ok(());
        }
        let mut keys = HashMap::new();
        for (owner, id) in ids {
            keys.insert(owner, (id, self.key(id).await?));
        }
        let type_name = event.type_name();
        let mut tokens = Vec::new();
        each_open(event, &mut |field, owner, secret| {
            let (id, key) = keys.get(&owner).ok_or(KeyError::NoKeyOf(owner))?;
            let place = Place { stream, type_name, event_id, field };
            tokens.push(seal::seal(*id, key, &place, self.0.entropy.bytes()?, secret)?);
            Ok(())
        })?;
        let mut tokens = tokens.into_iter();
        event.each_private(&mut |_, _, value| {
            if let Private::Open(_) = value
                && let Some(token) = tokens.next()
            {
                *value = Private::Sealed(token);
            }
        });
        Ok(())
    }

    /// Opens a token found in this stream, in an event of this type. For the edge, after authorisation.
    pub async fn open_value(
        &self,
        token: &SealedToken,
        stream: &str,
        type_name: &str,
    ) -> Result<Secret, KeyError> {
        let token = Token::parse(token)?;
        let key = self.key(token.key_id()).await?;
        Ok(seal::open(&key, &token, stream, type_name)?)
    }
}

/// Which key opens a value; nothing of what is no sealed value.
pub fn key_of(token: &SealedToken) -> Option<KeyId> {
    Token::parse(token).ok().map(|token| token.key_id())
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keys({})", self.0.identity)
    }
}

/// Reads the identity, or gives one; of several processes that start at once one does.
async fn identify(database: &Database, master: &MasterKey, entropy: &Entropy) -> Result<Uuid, KeyError> {
    let read = || async {
        on_db!(&database.writer, pool => sqlx::query_as::<_, (Uuid, Vec<u8>)>(KEY_STORE).fetch_optional(pool).await)
    };
    let found = match read().await? {
        Some(found) => found,
        None => {
            let keys = entropy.uuid()?;
            let proof = master.prove(keys, entropy.bytes()?)?;
            on_db!(&database.writer, pool => {
                sqlx::query(CREATE_KEY_STORE).bind(keys).bind(proof).execute(pool).await.map(|_| ())
            })?;
            read().await?.ok_or(sqlx::Error::RowNotFound)?
        }
    };
    let (keys, proof) = found;
    if master.is_proven_by(keys, &proof) { Ok(keys) } else { Err(KeyError::WrongMasterKey) }
}

/// A source of its own that follows from the other.
fn fork(entropy: &Entropy) -> Result<Entropy, NoEntropy> {
    Ok(match entropy {
        Entropy::System => Entropy::System,
        Entropy::Seeded(_) => Entropy::seeded(u64::from_be_bytes(entropy.bytes()?)),
    })
}

fn each_open<E: StoredEvent>(
    event: &mut E,
    visit: &mut dyn FnMut(&'static str, KeyOwner, &Secret) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let mut outcome = Ok(());
    event.each_private(&mut |field, owner, value| {
        if let Private::Open(secret) = value
            && outcome.is_ok()
        {
            outcome = visit(field, owner, secret);
        }
    });
    outcome
}

/// The keys that the open values of an event need.
fn key_ids<E: StoredEvent>(
    event: &mut E,
    key_of: impl Fn(KeyOwner) -> Option<KeyId>,
) -> Result<HashMap<KeyOwner, KeyId>, KeyError> {
    let mut ids = HashMap::new();
    each_open(event, &mut |_, owner, _| {
        ids.insert(owner, key_of(owner).ok_or(KeyError::NoKeyOf(owner))?);
        Ok(())
    })?;
    Ok(ids)
}

#[cfg(test)]
mod tests;
