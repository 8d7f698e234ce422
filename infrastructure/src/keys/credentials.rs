//! How somebody shows who they are: passwords with a second factor, keys of machines, sessions. What is kept of each is a
//! hash; nothing here is a fact for the log.

use std::collections::BTreeSet;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use domain::access::Function;
use domain::identity::{CommandId, PrincipalId};
use domain::private::Secret;
use domain::time::Instant;
use sha2::{Digest, Sha256};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;
use totp_rs::{Builder, Totp};
use uuid::Uuid;

use super::{KeyError, Keys};
use crate::on_db;
use crate::seal::SealError;

/// OWASP's recommendation for argon2id: 19 MiB, two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// More would let whoever guesses passwords take all memory: the others wait.
pub(super) const HASHED_TOGETHER: usize = 4;
/// How long somebody waits for that. Who waits longer comes again.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
const TOTP_SECRET_BYTES: usize = 20;
/// One step of 30 seconds before and after, for clocks that differ.
const TOTP_SKEW: u16 = 1;
/// What an API key begins with, so that one that leaked is recognised for what it is.
pub const MACHINE_KEY_PREFIX: &str = "mck_";
/// The last use of a key and of a session is written down this often at most.
const SEEN_EVERY: TimeDelta = TimeDelta::seconds(60);

// A try counts as a wrong one before it is judged: of many that come together no more are judged than of those that come one by
// one.
const BEGIN_TRY: &str = "
    UPDATE password SET failures = failures + 1,
        locked_until = CASE WHEN failures + 1 >= $2 THEN $3 ELSE locked_until END
    WHERE principal_id = $1 AND locked_until <= $4
    RETURNING hash, must_change, changed_at, failures, totp, totp_step";
const SET_PASSWORD: &str = "
    INSERT INTO password (principal_id, hash, must_change, changed_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (principal_id) DO UPDATE SET hash = excluded.hash, must_change = excluded.must_change,
        changed_at = excluded.changed_at, failures = 0, locked_until = 0";
const FORGET_FAILURES: &str = "UPDATE password SET failures = 0, locked_until = 0 WHERE principal_id = $1";
// Of two requests with one code, one changes a row.
const USE_STEP: &str = "UPDATE password SET totp_step = $2 WHERE principal_id = $1 AND totp_step < $2";
const HAS_TOTP: &str = "SELECT COUNT(*) FROM password WHERE principal_id = $1 AND totp IS NOT NULL";
const SET_TOTP: &str = "UPDATE password SET totp = $2, totp_step = 0 WHERE principal_id = $1";
const CREATE_KEY: &str = "
    INSERT INTO machine_key (key_id, principal_id, hash, created_at, expires_at, functions)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (key_id) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at
    WHERE machine_key.principal_id = excluded.principal_id AND machine_key.expires_at = excluded.expires_at
        AND COALESCE(machine_key.functions, '') = COALESCE(excluded.functions, '')
        AND machine_key.last_used_at IS NULL AND machine_key.revoked_at IS NULL";
const KEY: &str = "
    SELECT principal_id, hash, expires_at, revoked_at, last_used_at, functions FROM machine_key WHERE key_id = $1";
const KEYS: &str = "
    SELECT key_id, created_at, expires_at, revoked_at, last_used_at, functions FROM machine_key
    WHERE principal_id = $1 ORDER BY created_at, key_id";
const KEY_USED: &str = "UPDATE machine_key SET last_used_at = $2 WHERE key_id = $1";
const REVOKE_KEY: &str = "
    UPDATE machine_key SET revoked_at = $3 WHERE key_id = $1 AND principal_id = $2 AND revoked_at IS NULL";
// Holds on to the row, if it is what was shown: whoever sets another password comes before, or ends what is begun here.
const HOLD_AS_SHOWN: &str = "
    UPDATE password SET hash = hash WHERE principal_id = $1 AND hash = $2 AND totp IS NOT DISTINCT FROM $3";
const BEGIN_SESSION: &str = "
    INSERT INTO session (hash, principal_id, strong, seen_at, ends_at) VALUES ($1, $2, $3, $4, $5)";
const SESSION: &str = "SELECT principal_id, strong, seen_at, ends_at FROM session WHERE hash = $1";
const SESSION_SEEN: &str = "UPDATE session SET seen_at = $2 WHERE hash = $1";
const END_SESSION: &str = "DELETE FROM session WHERE hash = $1";
const END_SESSIONS: &str = "DELETE FROM session WHERE principal_id = $1";
const SWEEP_SESSIONS: &str = "DELETE FROM session WHERE ends_at <= $1 OR seen_at <= $2";

/// What is asked of passwords and sessions (QĐ 742/QĐ-BTTTT, part 3; the figures are a policy).
#[derive(Clone, Copy, Debug)]
pub struct CredentialPolicy {
    /// Wrong passwords in a row before the account is closed for a while.
    pub failures_max: i64,
    pub closed_for: TimeDelta,
    /// After this long a password has to be changed.
    pub password_age_max: TimeDelta,
    pub session_idle_max: TimeDelta,
    pub session_max: TimeDelta,
}

impl Default for CredentialPolicy {
    fn default() -> Self {
        Self {
            failures_max: 5,
            closed_for: TimeDelta::minutes(15),
            password_age_max: TimeDelta::days(90),
            session_idle_max: TimeDelta::minutes(30),
            session_max: TimeDelta::hours(10),
        }
    }
}

/// What a password, with a code where there is a second factor, comes to.
#[derive(Debug)]
pub enum Shown {
    /// They are who they say.
    Right(Verified),
    /// The password is right, and has to be changed first.
    MustChange,
    /// Wrong, closed for a while, or there is none: nobody outside learns which.
    Wrong,
}

/// What is kept of a password.
pub struct HashedPassword(String);

/// That somebody has shown who they are, by what was kept of it then.
pub struct Verified {
    pub principal: PrincipalId,
    /// A second factor was shown.
    pub strong: bool,
    hash: String,
    totp: Option<Vec<u8>>,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Verified({}, strong: {})", self.principal, self.strong)
    }
}

/// Whether somebody asks, or the server looks again by itself at what somebody asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It keeps a session awake, and is the last use of a key.
    Request,
    Again,
}

#[derive(sqlx::FromRow)]
struct PasswordRow {
    hash: String,
    must_change: i64,
    changed_at: i64,
    failures: i64,
    totp: Option<Vec<u8>>,
    totp_step: i64,
}

/// What a key may be used for; all that its account may do if absent.
pub type KeyFunctions = Option<BTreeSet<Function>>;

/// An API key as it is listed: without what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineKey {
    pub key_id: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub functions: KeyFunctions,
}

#[derive(sqlx::FromRow)]
struct ListedKeyRow {
    key_id: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    functions: Option<String>,
}

/// A name that this program does not know may be one that it must not pass over.
fn key_functions(key: &str, text: Option<&str>) -> Result<KeyFunctions, KeyError> {
    let functions = text.map(serde_json::from_str).transpose();
    functions.map_err(|_| KeyError::UnknownFunctions(key.to_owned()))
}

fn function_names(functions: &KeyFunctions) -> Option<String> {
    let names = functions.as_ref()?.iter().map(|function| function.name());
    Some(serde_json::Value::from_iter(names).to_string())
}

/// A key that is to be a machine's.
pub struct NewMachineKey {
    pub name: String,
    /// Shown once.
    pub whole: Secret,
    hash: Vec<u8>,
}

/// Why a key was not issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotIssued {
    /// Somebody has it, or had it until it was revoked.
    InUse,
    /// The command was for another account, end or functions.
    Otherwise,
}

/// A key that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    pub principal: PrincipalId,
    pub until: Instant,
    pub functions: KeyFunctions,
}

#[derive(sqlx::FromRow)]
struct MachineKeyRow {
    principal_id: Uuid,
    hash: Vec<u8>,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    functions: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    principal_id: Uuid,
    strong: i64,
    seen_at: i64,
    ends_at: i64,
}

/// Somebody who signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub principal: PrincipalId,
    /// A second factor was shown.
    pub strong: bool,
    pub ends_at: Instant,
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Slow on purpose: for a thread that may block.
fn verify(password: &Secret, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| argon2().verify_password(password.expose().as_bytes(), &hash).is_ok())
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// In a time that does not depend on where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differences == 0
}

fn instant(micros: i64) -> Instant {
    Instant::from_timestamp_micros(micros).unwrap_or(Instant::MAX_UTC)
}

impl Keys {
    fn micros(&self) -> i64 {
        self.0.clock.now().timestamp_micros()
    }

    /// Whoever has it may hash.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, KeyError> {
        let turn = timeout(TURN_WAIT_MAX, self.0.hashing.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(KeyError::NoTurn)
    }

    /// The hash of a password, with a salt of its own.
    async fn hashed(&self, password: Secret, _turn: &SemaphorePermit<'_>) -> Result<String, KeyError> {
        let salt: [u8; 16] = self.0.entropy.bytes()?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hash: Result<PasswordHash, _> =
                argon2().hash_password_with_salt(password.expose().as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
        });
        hashed.await.ok().and_then(Result::ok).ok_or(KeyError::NotHashed)
    }

    /// What is kept of a password.
    pub async fn hash_password(&self, password: Secret) -> Result<HashedPassword, KeyError> {
        Ok(HashedPassword(self.hashed(password, &self.turn().await?).await?))
    }

    /// Gives somebody a password. All their sessions end, also one that begins meanwhile with the password before.
    pub async fn set_password(
        &self,
        principal: PrincipalId,
        HashedPassword(hash): &HashedPassword,
        must_change: bool,
    ) -> Result<(), KeyError> {
        let now = self.micros();
        Ok(on_db!(&self.0.database.writer, pool => {
            let mut transaction = pool.begin().await?;
            sqlx::query(SET_PASSWORD).bind(principal.0).bind(hash).bind(i64::from(must_change)).bind(now)
                .execute(&mut *transaction).await?;
            sqlx::query(END_SESSIONS).bind(principal.0).execute(&mut *transaction).await?;
            transaction.commit().await
        })?)
    }

    /// Whether a password, with a code where a second factor is set up, is somebody's. Takes as long for nobody.
    pub async fn show_password(
        &self,
        principal: PrincipalId,
        password: Secret,
        code: Option<&str>,
        policy: &CredentialPolicy,
    ) -> Result<Shown, KeyError> {
        let turn = self.turn().await?;
        let now = self.micros();
        let until = now + policy.closed_for.num_microseconds().unwrap_or(0);
        let row: Option<PasswordRow> = on_db!(&self.0.database.writer, pool => {
            sqlx::query_as(BEGIN_TRY).bind(principal.0).bind(policy.failures_max).bind(until).bind(now)
                .fetch_optional(pool).await
        })?;
        let Some(row) = row else {
            self.hashed(password, &turn).await?;
            return Ok(Shown::Wrong);
        };
        let hash = row.hash.clone();
        let is_right = tokio::task::spawn_blocking(move || verify(&password, &hash)).await.unwrap_or(false);
        drop(turn);
        let strong = match (&row.totp, code) {
            (Some(wrapped), Some(code)) if is_right => {
                self.use_code(principal, wrapped, row.totp_step, code).await?
            }
            _ => false,
        };
        if !is_right || (row.totp.is_some() && !strong) {
            let is_closed = policy.failures_max <= row.failures;
            tracing::warn!(account = %principal, failures = row.failures, is_closed, "a password or a code was wrong");
            return Ok(Shown::Wrong);
        }
        on_db!(&self.0.database.writer, pool => sqlx::query(FORGET_FAILURES).bind(principal.0)
            .execute(pool).await.map(drop))?;
        let age_max = policy.password_age_max.num_microseconds().unwrap_or(i64::MAX);
        if row.must_change != 0 || age_max < now - row.changed_at {
            return Ok(Shown::MustChange);
        }
        Ok(Shown::Right(Verified { principal, strong, hash: row.hash, totp: row.totp }))
    }

    /// A code is good for its step and once.
    async fn use_code(
        &self,
        principal: PrincipalId,
        wrapped: &[u8],
        last: i64,
        code: &str,
    ) -> Result<bool, KeyError> {
        let secret =
            self.0.master.unwrap_totp(principal, wrapped).ok_or(KeyError::Seal(SealError::Malformed))?;
        let now = u64::try_from(self.0.clock.now().timestamp()).unwrap_or(0);
        let step = totp(secret).check(code, now).and_then(|step| i64::try_from(step).ok());
        let Some(step) = step.filter(|step| last < *step) else { return Ok(false) };
        let used = on_db!(&self.0.database.writer, pool => sqlx::query(USE_STEP).bind(principal.0).bind(step)
            .execute(pool).await.map(|done| done.rows_affected()))?;
        Ok(used == 1)
    }

    /// A second factor for who has a password: the secret, in base32, to be put into their device. From now on a code is
    /// needed. All their sessions end.
    pub async fn set_second_factor(&self, principal: PrincipalId) -> Result<Option<Secret>, KeyError> {
        let bytes: [u8; TOTP_SECRET_BYTES] = self.0.entropy.bytes()?;
        let wrapped = self.0.master.wrap_totp(principal, self.0.entropy.bytes()?, &bytes)?;
        let set = self.keep_second_factor(principal, Some(wrapped)).await?;
        Ok((set == 1).then(|| Secret::new(totp_rs::Secret::from(bytes.as_slice()).to_base32())))
    }

    pub async fn has_second_factor(&self, principal: PrincipalId) -> Result<bool, KeyError> {
        let (count,): (i64,) = on_db!(&self.0.database.readers, pool => {
            sqlx::query_as(HAS_TOTP).bind(principal.0).fetch_one(pool).await
        })?;
        Ok(count != 0)
    }

    /// All their sessions end.
    pub async fn take_second_factor_away(&self, principal: PrincipalId) -> Result<(), KeyError> {
        self.keep_second_factor(principal, None).await.map(drop)
    }

    async fn keep_second_factor(
        &self,
        principal: PrincipalId,
        wrapped: Option<Vec<u8>>,
    ) -> Result<u64, KeyError> {
        Ok(on_db!(&self.0.database.writer, pool => {
            let mut transaction = pool.begin().await?;
            let set = sqlx::query(SET_TOTP).bind(principal.0).bind(wrapped).execute(&mut *transaction).await?;
            sqlx::query(END_SESSIONS).bind(principal.0).execute(&mut *transaction).await?;
            transaction.commit().await.map(|()| set.rows_affected())
        })?)
    }

    /// A new key of a machine, which is not taken before it is kept. The same command names the same key.
    pub fn make_machine_key(&self, command: Option<CommandId>) -> Result<NewMachineKey, KeyError> {
        let (random, secret): ([u8; 9], [u8; 32]) = (self.0.entropy.bytes()?, self.0.entropy.bytes()?);
        let name = match command {
            Some(CommandId(id)) => BASE64.encode(&sha256(id.as_bytes())[..random.len()]),
            None => BASE64.encode(random),
        };
        let secret = BASE64.encode(secret);
        let whole = Secret::new(format!("{MACHINE_KEY_PREFIX}{name}.{secret}"));
        Ok(NewMachineKey { name, whole, hash: sha256(secret.as_bytes()) })
    }

    /// Whether a key can be kept: it is new, or the answer to the same command was lost and nobody has used the key.
    pub async fn can_keep_machine_key(
        &self,
        principal: PrincipalId,
        key: &NewMachineKey,
        expires_at: Instant,
        functions: &KeyFunctions,
    ) -> Result<Result<(), NotIssued>, KeyError> {
        let row: Option<MachineKeyRow> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_as(KEY).bind(&key.name).fetch_optional(pool).await
        })?;
        let Some(row) = row else { return Ok(Ok(())) };
        let asked = (principal.0, expires_at.timestamp_micros(), function_names(functions));
        Ok(if (row.principal_id, row.expires_at, row.functions) != asked {
            Err(NotIssued::Otherwise)
        } else if row.last_used_at.is_some() || row.revoked_at.is_some() {
            Err(NotIssued::InUse)
        } else {
            Ok(())
        })
    }

    /// From now on the key is taken. Kept again, it has another secret in the place of the one that nobody has.
    pub async fn keep_machine_key(
        &self,
        principal: PrincipalId,
        key: &NewMachineKey,
        expires_at: Instant,
        functions: &KeyFunctions,
    ) -> Result<Result<(), NotIssued>, KeyError> {
        let kept = on_db!(&self.0.database.writer, pool => sqlx::query(CREATE_KEY).bind(&key.name)
            .bind(principal.0).bind(&key.hash).bind(self.micros()).bind(expires_at.timestamp_micros())
            .bind(function_names(functions)).execute(pool).await.map(|done| done.rows_affected()))?;
        // Where it was free a moment ago, somebody has begun to use it.
        Ok(if kept == 0 { Err(NotIssued::InUse) } else { Ok(()) })
    }

    /// Whose key it is, until when it holds and what for.
    pub async fn show_machine_key(&self, key: &str, look: Look) -> Result<Option<ShownKey>, KeyError> {
        let Some((name, secret)) = key.strip_prefix(MACHINE_KEY_PREFIX).and_then(|key| key.split_once('.'))
        else {
            return Ok(None);
        };
        let row: Option<MachineKeyRow> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_as(KEY).bind(name).fetch_optional(pool).await
        })?;
        let now = self.micros();
        let holds = |row: &MachineKeyRow| {
            same(&row.hash, &sha256(secret.as_bytes())) && row.revoked_at.is_none() && now < row.expires_at
        };
        let Some(row) = row.filter(holds) else { return Ok(None) };
        let is_long_ago = |at: i64| SEEN_EVERY.num_microseconds().unwrap_or(0) < now - at;
        if look == Look::Request && row.last_used_at.is_none_or(is_long_ago) {
            on_db!(&self.0.database.writer, pool => sqlx::query(KEY_USED).bind(name).bind(now)
                .execute(pool).await.map(drop))?;
        }
        let functions = key_functions(name, row.functions.as_deref())?;
        let (principal, until) = (PrincipalId(row.principal_id), instant(row.expires_at));
        Ok(Some(ShownKey { principal, until, functions }))
    }

    pub async fn machine_keys(&self, principal: PrincipalId) -> Result<Vec<MachineKey>, KeyError> {
        let rows: Vec<ListedKeyRow> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_as(KEYS).bind(principal.0).fetch_all(pool).await
        })?;
        let listed = |row: ListedKeyRow| {
            let functions = key_functions(&row.key_id, row.functions.as_deref())?;
            let ListedKeyRow { key_id, created_at, expires_at, revoked_at, last_used_at, .. } = row;
            Ok(MachineKey { key_id, created_at, expires_at, revoked_at, last_used_at, functions })
        };
        rows.into_iter().map(listed).collect()
    }

    /// Whether there was one to revoke.
    pub async fn revoke_machine_key(&self, principal: PrincipalId, name: &str) -> Result<bool, KeyError> {
        let now = self.micros();
        let revoked = on_db!(&self.0.database.writer, pool => sqlx::query(REVOKE_KEY).bind(name).bind(principal.0)
            .bind(now).execute(pool).await.map(|done| done.rows_affected()))?;
        Ok(revoked == 1)
    }

    /// Begins a session: its token, which only who signed in has. `None` where what was shown is not what is kept any more.
    pub async fn begin_session(
        &self,
        shown: &Verified,
        policy: &CredentialPolicy,
    ) -> Result<Option<(Secret, Session)>, KeyError> {
        let Verified { principal, strong, .. } = *shown;
        let token = BASE64.encode(self.0.entropy.bytes::<32>()?);
        let now = self.0.clock.now();
        let ends_at = now + policy.session_max;
        let idle = (now - policy.session_idle_max).timestamp_micros();
        let held = on_db!(&self.0.database.writer, pool => {
            let mut transaction = pool.begin().await?;
            let held = sqlx::query(HOLD_AS_SHOWN).bind(principal.0).bind(&shown.hash).bind(&shown.totp)
                .execute(&mut *transaction).await?.rows_affected();
            if held == 1 {
                sqlx::query(SWEEP_SESSIONS).bind(now.timestamp_micros()).bind(idle).execute(&mut *transaction).await?;
                sqlx::query(BEGIN_SESSION).bind(sha256(token.as_bytes())).bind(principal.0).bind(i64::from(strong))
                    .bind(now.timestamp_micros()).bind(ends_at.timestamp_micros()).execute(&mut *transaction).await?;
            }
            transaction.commit().await.map(|()| held)
        })?;
        Ok((held == 1).then(|| (Secret::new(token), Session { principal, strong, ends_at })))
    }

    /// The session of a token, if it goes on.
    pub async fn session(
        &self,
        token: &str,
        policy: &CredentialPolicy,
        look: Look,
    ) -> Result<Option<Session>, KeyError> {
        let hash = sha256(token.as_bytes());
        let row: Option<SessionRow> = on_db!(&self.0.database.readers, pool => {
            sqlx::query_as(SESSION).bind(&hash).fetch_optional(pool).await
        })?;
        let now = self.micros();
        let idle_max = policy.session_idle_max.num_microseconds().unwrap_or(i64::MAX);
        let Some(row) = row.filter(|row| now < row.ends_at && now - row.seen_at < idle_max) else {
            return Ok(None);
        };
        if look == Look::Request && SEEN_EVERY.num_microseconds().unwrap_or(0) < now - row.seen_at {
            on_db!(&self.0.database.writer, pool => sqlx::query(SESSION_SEEN).bind(&hash).bind(now)
                .execute(pool).await.map(drop))?;
        }
        Ok(Some(Session {
            principal: PrincipalId(row.principal_id),
            strong: row.strong != 0,
            ends_at: instant(row.ends_at),
        }))
    }

    pub async fn end_session(&self, token: &str) -> Result<(), KeyError> {
        Ok(on_db!(&self.0.database.writer, pool => sqlx::query(END_SESSION).bind(sha256(token.as_bytes()))
            .execute(pool).await.map(drop))?)
    }
}

fn totp(secret: Vec<u8>) -> Totp {
    let secret = totp_rs::Secret::from(secret.as_slice());
    // What every authenticator app does: SHA-1, six digits, 30 seconds. The secret has the length that RFC 4226 asks for.
    Builder::new().with_secret(secret).with_skew(TOTP_SKEW).build_noncompliant()
}
