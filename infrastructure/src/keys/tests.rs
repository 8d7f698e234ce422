use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use domain::decider::DecodeError;

use super::*;
use crate::environment;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("motcua-keys-{}", Entropy::System.uuid().unwrap()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs a test on an empty key store of each back end: SQLite, and PostgreSQL where `TEST_POSTGRES_URL` is set.
async fn on_each_back_end(test: impl AsyncFn(DbUrl)) {
    let folder = Folder::new();
    test(DbUrl::Sqlite(folder.0.join("keys.db"))).await;
    let Some(server) = environment::variable("TEST_POSTGRES_URL") else {
        let required = environment::variable("REQUIRED_BACKENDS").unwrap_or_default();
        assert!(!required.contains("postgres"), "postgres is required and TEST_POSTGRES_URL is not set");
        writeln!(std::io::stdout(), "not run: postgres").unwrap();
        return;
    };
    let name = format!("keys_{}", Entropy::System.uuid().unwrap().simple());
    let admin = sqlx::PgPool::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
    let base = server.rsplit_once('/').unwrap().0;
    test(DbUrl::parse(&format!("{base}/{name}")).unwrap()).await;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&admin).await.unwrap();
}

fn master() -> MasterKey {
    MasterKey::new([1; 32])
}

async fn open(url: &DbUrl) -> Keys {
    Keys::open(url, master(), Entropy::System, Clock::System).await.unwrap()
}

async fn stored_keys(url: &DbUrl) -> i64 {
    let database = Database::open(url, Contents::Keys).await.unwrap();
    let count = on_db!(&database.readers, pool => {
        sqlx::query_scalar("SELECT COUNT(*) FROM sealing_key").fetch_one(pool).await
    });
    database.close().await;
    count.unwrap()
}

async fn stored_key(url: &DbUrl, id: KeyId) -> Option<(Option<Vec<u8>>, Option<i64>)> {
    let database = Database::open(url, Contents::Keys).await.unwrap();
    let row = on_db!(&database.readers, pool => {
        let row = "SELECT wrapped, destroyed_at FROM sealing_key WHERE key_id = $1";
        sqlx::query_as(row).bind(id.0).fetch_optional(pool).await
    });
    database.close().await;
    row.unwrap()
}

/// An event of a name and a note.
#[derive(Clone, Debug, PartialEq)]
struct Noted {
    name: Private,
    note: Private,
}

const STREAM: &str = "dossier-1";
const TYPE: &str = "dossier.noted.v1";

impl Noted {
    fn open() -> Self {
        Self { name: Private::open("Nguyễn Văn An"), note: Private::open("Thiếu bản sao") }
    }
}

impl StoredEvent for Noted {
    fn type_name(&self) -> &'static str {
        TYPE
    }

    fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&[&self.name, &self.note])
    }

    fn decode(type_name: &str, _: &str) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownType(type_name.to_owned()))
    }

    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        visit("applicant.name", KeyOwner::Applicant, &mut self.name);
        visit("note", KeyOwner::Dossier, &mut self.note);
    }
}

fn event_id(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

/// Seals with both keys and gives the tokens of name and note.
async fn seal_noted(keys: &Keys, applicant: KeyId, dossier: KeyId) -> (SealedToken, SealedToken) {
    let mut event = Noted::open();
    let key_of = |owner| match owner {
        KeyOwner::Applicant => Some(applicant),
        KeyOwner::Dossier => Some(dossier),
        KeyOwner::Delegate | KeyOwner::Account | KeyOwner::Disclosure => None,
    };
    keys.seal_event(&mut event, STREAM, event_id(1), key_of).await.unwrap();
    (event.name.token().unwrap().clone(), event.note.token().unwrap().clone())
}

async fn opened(keys: &Keys, token: &SealedToken) -> Result<String, KeyError> {
    keys.open_value(token, STREAM, TYPE).await.map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn an_event_is_sealed_and_opens_after_a_restart() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let (applicant, dossier) = (keys.take().await.unwrap(), keys.take().await.unwrap());
        assert_ne!(applicant, dossier);
        let (name, note) = seal_noted(&keys, applicant, dossier).await;
        assert_eq!(Token::parse(&name).unwrap().key_id(), applicant);
        assert_eq!(Token::parse(&note).unwrap().key_id(), dossier);
        assert_eq!(opened(&keys, &name).await.unwrap(), "Nguyễn Văn An");
        keys.close().await;

        let keys = open(&url).await;
        assert_eq!(opened(&keys, &name).await.unwrap(), "Nguyễn Văn An");
        assert_eq!(opened(&keys, &note).await.unwrap(), "Thiếu bản sao");
        let elsewhere = keys.open_value(&name, "dossier-2", TYPE).await;
        assert!(matches!(elsewhere, Err(KeyError::Seal(SealError::WrongKeyOrPlace))));
        let elsewhere = keys.open_value(&name, STREAM, "dossier.other.v1").await;
        assert!(matches!(elsewhere, Err(KeyError::Seal(SealError::WrongKeyOrPlace))));
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn sealed_values_are_left_alone_and_a_missing_key_seals_nothing() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let id = keys.take().await.unwrap();
        let mut event = Noted::open();
        let only_dossier = |owner| (owner == KeyOwner::Dossier).then_some(id);
        let refused = keys.seal_event(&mut event, STREAM, event_id(1), only_dossier).await;
        assert!(matches!(refused, Err(KeyError::NoKeyOf(KeyOwner::Applicant))));
        assert_eq!(event, Noted::open());
        let unknown = keys.seal_event(&mut event, STREAM, event_id(1), |_| Some(KeyId(Uuid::nil()))).await;
        assert!(matches!(unknown, Err(KeyError::NotFound(_))));
        assert_eq!(event, Noted::open());

        let name = Private::Sealed(SealedToken::from_text("sealed before"));
        let mut event = Noted { name: name.clone(), ..Noted::open() };
        keys.seal_event(&mut event, STREAM, event_id(1), only_dossier).await.unwrap();
        assert_eq!(event.name, name);
        assert!(event.encode().is_ok());
        let once = event.clone();
        keys.seal_event(&mut event, STREAM, event_id(2), |_| None).await.unwrap();
        assert_eq!(event, once);
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_on_disk_before_they_are_handed_out() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        assert_eq!(stored_keys(&url).await, 0, "opening makes no keys");
        for _ in 0..3 {
            let id = keys.take().await.unwrap();
            let (wrapped, destroyed_at) = stored_key(&url, id).await.unwrap();
            assert_eq!((wrapped.unwrap().len(), destroyed_at), (12 + 32 + 16, None));
        }
        assert_eq!(stored_keys(&url).await, i64::from(BATCH_KEYS));
        keys.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_larger_than_the_pool_gets_a_key_each() {
    on_each_back_end(async |url| {
        let (one, other) = (open(&url).await, open(&url).await);
        let takers: Vec<_> = (0..3000)
            .map(|n| {
                let keys = if n % 3 == 0 { other.clone() } else { one.clone() };
                tokio::spawn(async move { keys.take().await.unwrap() })
            })
            .collect();
        let mut taken = HashSet::new();
        for taker in takers {
            assert!(taken.insert(taker.await.unwrap()));
        }
        // Now one by one: what is made in the background comes into use.
        for _ in 0..BATCH_KEYS {
            assert!(taken.insert(one.take().await.unwrap()));
        }
        one.close().await;
        other.close().await;
        let keys = open(&url).await;
        for id in taken {
            keys.key(id).await.unwrap();
        }
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_next_batch_is_made_ahead_of_need() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let takes_to_low = usize::try_from(BATCH_KEYS).unwrap() - POOL_LOW;
        for _ in 0..takes_to_low {
            keys.take().await.unwrap();
        }
        assert_eq!(keys.pool().len(), POOL_LOW);
        keys.take().await.unwrap();
        drop(keys.0.making.lock().await);
        assert_eq!(keys.pool().len(), POOL_LOW - 1 + usize::try_from(BATCH_KEYS).unwrap());
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_reopened_store_never_hands_out_a_key_again() {
    on_each_back_end(async |url| {
        let mut taken = HashSet::new();
        for _ in 0..3 {
            let keys = open(&url).await;
            let left_over: Vec<_> = {
                taken.insert(keys.take().await.unwrap());
                keys.pool().iter().map(|new| new.id).collect()
            };
            keys.close().await;
            assert!(left_over.into_iter().all(|id| taken.insert(id)));
        }
        assert_eq!(taken.len(), 3 * usize::try_from(BATCH_KEYS).unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_open_a_store_agree_who_it_is() {
    on_each_back_end(async |url| {
        // The schema first: only the identity is raced for here.
        Database::open(&url, Contents::Keys).await.unwrap().close().await;
        let openers: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { open(&url).await })
            })
            .collect();
        let mut seen = HashSet::new();
        for opener in openers {
            let keys = opener.await.unwrap();
            seen.insert(keys.identity());
            keys.close().await;
        }
        let again = open(&url).await;
        seen.insert(again.identity());
        again.close().await;
        assert_eq!(seen.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_master_key_is_noticed_at_once() {
    on_each_back_end(async |url| {
        open(&url).await.close().await;
        let wrong = Keys::open(&url, MasterKey::new([2; 32]), Entropy::System, Clock::System).await;
        assert!(matches!(wrong, Err(KeyError::WrongMasterKey)));
        open(&url).await.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_destroyed_key_sealed_is_gone() {
    on_each_back_end(async |url| {
        let at = "2026-03-02T01:00:00Z".parse().unwrap();
        let clock = Clock::fixed(at);
        let keys = Keys::open(&url, master(), Entropy::System, clock.clone()).await.unwrap();
        let (applicant, dossier) = (keys.take().await.unwrap(), keys.take().await.unwrap());
        let (name, note) = seal_noted(&keys, applicant, dossier).await;
        keys.destroy(applicant).await.unwrap();
        assert_eq!(stored_key(&url, applicant).await, Some((None, Some(at.timestamp_micros()))));
        assert!(matches!(opened(&keys, &name).await, Err(KeyError::Destroyed(id)) if id == applicant));
        assert_eq!(opened(&keys, &note).await.unwrap(), "Thiếu bản sao");
        clock.set("2027-01-01T00:00:00Z".parse().unwrap());
        keys.destroy(applicant).await.unwrap();
        assert_eq!(stored_key(&url, applicant).await, Some((None, Some(at.timestamp_micros()))));
        keys.close().await;
        let keys = open(&url).await;
        assert!(matches!(keys.key(applicant).await, Err(KeyError::Destroyed(_))));
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_in_hand_that_is_destroyed_is_not_handed_out() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        keys.take().await.unwrap();
        let next = keys.pool().front().unwrap().id;
        keys.destroy(next).await.unwrap();
        assert_ne!(keys.take().await.unwrap(), next);
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let id = KeyId(Uuid::from_u128(7));
        assert!(matches!(keys.key(id).await, Err(KeyError::NotFound(found)) if found == id));
        assert!(matches!(keys.destroy(id).await, Err(KeyError::NotFound(found)) if found == id));
        assert_eq!(stored_keys(&url).await, 0);
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_moved_to_another_id_is_corruption() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let (one, other) = (keys.take().await.unwrap(), keys.take().await.unwrap());
        on_db!(&keys.0.database.writer, pool => {
            let swap = "UPDATE sealing_key SET wrapped = (SELECT k.wrapped FROM sealing_key k WHERE k.key_id = $1) \
                WHERE key_id = $2";
            sqlx::query(swap).bind(one.0).bind(other.0).execute(pool).await.map(|_| ())
        })
        .unwrap();
        keys.0.cache.invalidate_all();
        keys.key(one).await.unwrap();
        assert!(matches!(keys.key(other).await, Err(KeyError::Corrupt(id)) if id == other));
        keys.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_mac_of_a_request_outlives_the_process() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let mac = keys.request_mac(b"canonical");
        assert_ne!(mac, keys.request_mac(b"canonical2"));
        keys.close().await;
        let keys = open(&url).await;
        assert_eq!(keys.request_mac(b"canonical"), mac);
        keys.close().await;
        assert_ne!(MasterKey::new([2; 32]).request_mac(b"canonical"), mac);
    })
    .await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_keys_and_tokens() {
    let seen = Mutex::new(HashSet::new());
    for _ in 0..2 {
        on_each_back_end(async |url| {
            let clock = Clock::fixed("2026-03-02T01:00:00Z".parse().unwrap());
            let keys = Keys::open(&url, master(), Entropy::seeded(1), clock.clone()).await.unwrap();
            let mut last = (keys.take().await.unwrap(), keys.take().await.unwrap());
            for n in 0..2000 {
                last = (last.1, keys.take().await.unwrap());
                if n == 1000 {
                    clock.set("2026-03-03T01:00:00Z".parse().unwrap());
                }
            }
            let tokens = seal_noted(&keys, last.0, last.1).await;
            seen.lock().unwrap().insert((keys.identity(), last, tokens));
            keys.close().await;
        })
        .await;
    }
    assert_eq!(seen.into_inner().unwrap().len(), 1);
}

/// Callers await it inside tasks, behind traits.
#[test]
fn sealing_can_move_between_threads() {
    fn sealing(
        keys: &Keys,
        event: &mut Noted,
        id: KeyId,
    ) -> impl Future<Output = Result<(), KeyError>> + Send {
        keys.seal_event(event, STREAM, event_id(1), move |_| Some(id))
    }
    let _ = sealing;
}

fn load(path: &Path) -> Result<MasterKey, KeyError> {
    MasterKey::load_or_create(path, &Entropy::System)
}

#[test]
fn the_master_key_is_made_once() {
    let folder = Folder::new();
    let path = folder.0.join("below").join("motcua-master.key");
    let mac = load(&path).unwrap().request_mac(b"");
    assert_eq!(load(&path).unwrap().request_mac(b""), mac);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((text.len(), text.ends_with('\n')), (65, true));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    std::fs::write(&path, text.trim_end().to_uppercase()).unwrap();
    assert_eq!(load(&path).unwrap().request_mac(b""), mac);
}

#[test]
fn processes_that_start_at_once_agree_on_the_master_key() {
    let folder = Folder::new();
    let path = folder.0.join("motcua-master.key");
    for _ in 0..20 {
        let macs: HashSet<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| load(&path).unwrap().request_mac(b""))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(macs.len(), 1);
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_no_master_key_is_refused() {
    let folder = Folder::new();
    let path = folder.0.join("motcua-master.key");
    load(&path).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    for wrong in
        ["", "\n", &good[..63], &format!("{}0", good.trim_end()), &"g".repeat(64), &"0".repeat(10_000)]
    {
        std::fs::write(&path, wrong).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, KeyError::MasterKeyMalformed { .. }), "{wrong}");
        assert!(wrong.len() < 10 || !format!("{error:?} {error}").contains(wrong));
    }
    assert!(matches!(load(&path.join("below")), Err(KeyError::MasterKeyFile { .. })));
    assert_eq!(format!("{:?}", master()), "MasterKey(…)");
}

#[cfg(unix)]
#[test]
fn a_master_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.0.join("motcua-master.key");
    load(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for (mode, fits) in [(0o400, true), (0o640, false), (0o604, false), (0o644, false), (0o600, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match load(&path) {
            Ok(_) => assert!(fits, "{mode:o}"),
            Err(error) => {
                assert!(!fits, "{mode:o}");
                assert!(
                    error
                        .to_string()
                        .ends_with(&format!("is open to others (mode {mode:03o}): make it mode 600"))
                );
            }
        }
    }
}

#[test]
fn wrapped_key_proof_and_mac_are_pinned() {
    let golden = include_str!("../../../tests/golden/master-key.1.txt");
    let master = MasterKey::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let id: Uuid = "018f3c1e-5b7a-7c3d-9e2f-1a2b3c4d5e6f".parse().unwrap();
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let nonce = *b"0123456789ab";
    let now = format!(
        "wrapped: {}\nproof: {}\nrequest mac: {}\n",
        hex(master.wrap(KeyId(id), nonce, &KeyBytes([7; 32])).unwrap()),
        hex(master.prove(id, nonce).unwrap()),
        master.request_mac("yêu cầu".as_bytes()),
    );
    assert_eq!(now, golden);
}

#[tokio::test]
async fn nobody_waits_for_ever_for_a_turn_to_hash() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        let principal = domain::identity::PrincipalId(Uuid::from_u128(1));
        let policy = credentials::CredentialPolicy::default();
        let show =
            async || keys.show_password(principal, Secret::new("Cua-rieng-toi-2"), None, &policy).await;
        let together = u32::try_from(credentials::HASHED_TOGETHER).unwrap();
        let turns = keys.0.hashing.acquire_many(together).await.unwrap();
        assert!(matches!(show().await, Err(KeyError::NoTurn)));
        drop(turns);
        assert!(matches!(show().await, Ok(credentials::Shown::Wrong)));
    })
    .await;
}

/// RFC 9106's argon2id, as much of it as OWASP recommends, with a salt of its own.
#[tokio::test]
async fn of_a_password_a_slow_hash_is_kept() {
    on_each_back_end(async |url| {
        let keys = open(&url).await;
        for number in 1..=2 {
            let password = keys.hash_password(Secret::new("Cua-rieng-toi-2")).await.unwrap();
            let principal = domain::identity::PrincipalId(Uuid::from_u128(number));
            keys.set_password(principal, &password, false).await.unwrap();
        }
        let hashes: Vec<String> = on_db!(&keys.0.database.readers, pool => {
            sqlx::query_scalar("SELECT hash FROM password").fetch_all(pool).await
        })
        .unwrap();
        assert_eq!(hashes.len(), 2);
        assert_ne!(hashes[0], hashes[1]);
        assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{hashes:?}");
    })
    .await;
}
