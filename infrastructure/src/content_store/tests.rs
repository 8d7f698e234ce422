use std::path::PathBuf;
use std::sync::Arc;

use domain::time::Instant;
use futures::TryStreamExt;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::seal::{KeyBytes, SealingKey};

/// The inputs and the one right object, made by another program.
const GOLDEN: &str = include_str!("../../../tests/golden/file-object.1.txt");

/// Around one chunk and two.
const SIZES: [usize; 9] = [0, 1, 15, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000];

const PLACE: FilePlace = FilePlace {
    file: FileId(Uuid::from_u128(0x018f_3c1e_0000_7000_8000_0000_0000_000d)),
    dossier: DossierId(Uuid::from_u128(0x018f_3c1e_0000_7000_8000_0000_0000_000a)),
    key: KeyId(Uuid::from_u128(0x018f_3c1e_0000_7000_8000_0000_0000_000c)),
};

fn key(byte: u8) -> Arc<SealingKey> {
    Arc::new(SealingKey::new(&[byte; 32]))
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("motcua-content-{}", Entropy::System.uuid().unwrap().simple());
        Self(std::env::temp_dir().join(name))
    }

    fn store(&self) -> ContentStore {
        ContentStore::new(&self.0, Uuid::from_u128(7), Entropy::System)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_folder_belongs_to_one_installation() {
    let folder = Folder::new();
    let ours = folder.store();
    let object = stored(&ours, b"ours", 4).await;
    let others = ContentStore::new(&folder.0, Uuid::from_u128(8), Entropy::System);
    let is_others = |error: ContentError| matches!(error, ContentError::OthersFolder(_));
    assert!(others.begin(PLACE, &key(1)).await.is_err_and(is_others), "nothing is written into it");
    let old = Instant::MAX_UTC;
    assert!(others.older_than(old).await.is_err_and(is_others), "and nothing is collected from it");
    assert_eq!(ours.older_than(old).await.unwrap().objects.len(), 1);
    // A folder that has lost the note of whose it is: not for a guess.
    std::fs::remove_file(folder.0.join("owner")).unwrap();
    assert!(ours.older_than(old).await.is_err_and(is_others));
    assert!(ours.begin(PLACE, &key(1)).await.is_err_and(is_others));
    assert_eq!(read(&ours, &object, key(1), (0, 4)).await.unwrap(), b"ours", "it can still be read");
    let empty = Folder::new();
    assert!(empty.store().older_than(old).await.unwrap().objects.is_empty());
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

async fn stored(store: &ContentStore, content: &[u8], piece: usize) -> Stored {
    let mut incoming = store.begin(PLACE, &key(1)).await.unwrap();
    for piece in content.chunks(piece) {
        incoming.push(piece).await.unwrap();
    }
    incoming.finish().await.unwrap()
}

async fn read(
    store: &ContentStore,
    stored: &Stored,
    key: Arc<SealingKey>,
    (from, until): (u64, u64),
) -> Result<Vec<u8>, ContentError> {
    let content = store.open(PLACE, &stored.sha256, stored.size, key).await?;
    content.range(from, until).try_concat().await
}

async fn whole(store: &ContentStore, stored: &Stored) -> Result<Vec<u8>, ContentError> {
    read(store, stored, key(1), (0, u64::MAX)).await
}

fn golden(name: &str) -> &'static str {
    let found = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("the golden file has no {name}"))
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_bytes_of_an_object_are_pinned() {
    let dossier_key = SealingKey::new(&from_hex(golden("dossier key")).try_into().unwrap());
    let file_key = KeyBytes(from_hex(golden("file key")).try_into().unwrap());
    let nonce = from_hex(golden("nonce")).try_into().unwrap();
    let place = FilePlace {
        file: golden("file id").parse().unwrap(),
        dossier: golden("dossier id").parse().unwrap(),
        key: golden("key id").parse().unwrap(),
    };
    let header = format::header(&place, &dossier_key, nonce, &file_key).unwrap();
    let key = SealingKey::new(&file_key.0);
    let object = |content: &[u8]| {
        let mut object = header.clone();
        let chunks: Vec<&[u8]> =
            if content.is_empty() { vec![&[]] } else { content.chunks(65_536).collect() };
        for (n, chunk) in (0..).zip(&chunks) {
            let is_last = n + 1 == chunks.len() as u64;
            object.extend(format::seal_chunk(&key, n, is_last, chunk).unwrap());
        }
        object
    };
    assert_eq!(object(golden("content").as_bytes()), from_hex(golden("object")));
    assert_eq!(object(b""), from_hex(golden("object of nothing")));
    let large = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        object(&content(65_537)),
    ));
    let said = golden("sha-256 of the object of 65537 bytes, byte n being n modulo 251");
    assert_eq!(write::hex(&large).unwrap().as_str(), said);
    assert!(format::open_header(&header.try_into().unwrap(), &place, &dossier_key).is_ok());
}

#[tokio::test]
async fn every_size_comes_back_however_it_came() {
    let folder = Folder::new();
    let store = folder.store();
    for size in SIZES {
        for piece in [7_000, 65_536, 1 << 20] {
            let content = content(size);
            let stored = stored(&store, &content, piece).await;
            assert_eq!(stored.size, size as u64);
            assert!(whole(&store, &stored).await.unwrap() == content, "{size} in pieces of {piece}");
            let digest = store.digest(PLACE.file, &stored.sha256).await.unwrap();
            assert_eq!(digest, stored.sha256);
        }
    }
    assert_eq!(std::fs::read_dir(folder.0.join("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn two_tries_of_one_upload_are_two_objects() {
    let folder = Folder::new();
    let store = folder.store();
    let (one, two) = (stored(&store, b"a", 1).await, stored(&store, b"b", 1).await);
    assert_ne!(one.sha256, stored(&store, b"a", 1).await.sha256, "a key and nonces of its own");
    assert_eq!(whole(&store, &one).await.unwrap(), b"a");
    assert_eq!(whole(&store, &two).await.unwrap(), b"b");
}

#[tokio::test]
async fn nothing_plain_is_on_disk_and_nothing_unfinished_stays() {
    let folder = Folder::new();
    let store = folder.store();
    let secret = b"MAU Nguyen Thi Mo 012345678901".repeat(5_000);
    let mut incoming = store.begin(PLACE, &key(1)).await.unwrap();
    incoming.push(&secret).await.unwrap();
    let half: Vec<_> = std::fs::read_dir(folder.0.join("incoming")).unwrap().collect();
    assert_eq!(half.len(), 1);
    let bytes = std::fs::read(half[0].as_ref().unwrap().path()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"Nguyen"));
    drop(incoming);
    assert_eq!(std::fs::read_dir(folder.0.join("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn only_its_own_dossier_opens_a_file() {
    let folder = Folder::new();
    let store = folder.store();
    let stored = stored(&store, b"abc", 3).await;
    let damaged = |outcome: Result<Vec<u8>, ContentError>| {
        assert!(matches!(outcome, Err(ContentError::Damaged(_))), "{outcome:?}");
    };
    damaged(read(&store, &stored, key(2), (0, 3)).await);
    for place in [
        FilePlace { dossier: DossierId(Uuid::nil()), ..PLACE },
        FilePlace { key: KeyId(Uuid::nil()), ..PLACE },
    ] {
        let opened = store.open(place, &stored.sha256, 3, key(1)).await;
        assert!(matches!(opened, Err(ContentError::Damaged(_))), "{opened:?}");
    }
    // Under the name of another file.
    let other = FilePlace { file: FileId(Uuid::from_u128(0x018f_0000 << 96)), ..PLACE };
    let from = store.path(PLACE.file, &stored.sha256).unwrap();
    let to = store.path(other.file, &stored.sha256).unwrap();
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
    let opened = store.open(other, &stored.sha256, 3, key(1)).await;
    assert!(matches!(opened, Err(ContentError::Damaged(_))), "{opened:?}");
    let absent = store.open(PLACE, &Digest::parse(&"0".repeat(64)).unwrap(), 3, key(1)).await;
    assert!(matches!(absent, Err(ContentError::Missing(_))), "{absent:?}");
}

type Change = fn(&mut Vec<u8>);

/// Changes an object, and says what reading it as it was stored gives then.
async fn tampered(size: usize, change: impl Fn(&mut Vec<u8>)) -> Result<Vec<u8>, ContentError> {
    let folder = Folder::new();
    let store = folder.store();
    let stored = stored(&store, &content(size), 65_536).await;
    let path = store.path(PLACE.file, &stored.sha256).unwrap();
    let mut object = std::fs::read(&path).unwrap();
    change(&mut object);
    std::fs::write(&path, object).unwrap();
    assert_ne!(store.digest(PLACE.file, &stored.sha256).await.unwrap(), stored.sha256);
    whole(&store, &stored).await
}

#[tokio::test]
async fn no_change_goes_unnoticed() {
    const CHUNK: usize = 65_536 + 16;
    for size in [1_usize, 65_536, 140_000] {
        let length = 104 + size + 16 * size.div_ceil(65_536);
        for at in [0, 11, 12, 28, 44, 56, 88, 103, 104, length / 2, length - 17, length - 1] {
            let outcome = tampered(size, |object| object[at] ^= 1).await;
            let noticed =
                matches!(outcome, Err(ContentError::Damaged(_) | ContentError::UnknownVersion { .. }));
            assert!(noticed, "byte {at} of {size}: {outcome:?}");
        }
    }
    let changes: [(&str, Change); 5] = [
        ("cut by a byte", |object| object.truncate(object.len() - 1)),
        ("cut by a chunk", |object| object.truncate(104 + CHUNK)),
        ("one byte more", |object| object.push(0)),
        ("two chunks in the other order", |object| {
            let (first, second) = object[104..].split_at_mut(CHUNK);
            first.swap_with_slice(&mut second[..CHUNK]);
        }),
        ("one chunk twice", |object| object.copy_within(104..104 + CHUNK, 104 + CHUNK)),
    ];
    for (what, change) in changes {
        let outcome = tampered(3 * 65_536, change).await;
        assert!(matches!(outcome, Err(ContentError::Damaged(_))), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_shorter_length_than_the_true_one_is_not_the_file() {
    let folder = Folder::new();
    let store = folder.store();
    let stored = stored(&store, &content(2 * 65_536), 65_536).await;
    let path = store.path(PLACE.file, &stored.sha256).unwrap();
    let mut object = std::fs::read(&path).unwrap();
    object.truncate(104 + 65_536 + 16);
    std::fs::write(&path, object).unwrap();
    // The end cannot be cut off even by who changes the size as well.
    let cut = Stored { size: 65_536, ..stored };
    assert!(matches!(whole(&store, &cut).await, Err(ContentError::Damaged(_))));
}

#[tokio::test]
async fn what_is_old_is_found_by_its_name_and_taken_out() {
    let folder = Folder::new();
    let store = folder.store();
    let stored = stored(&store, b"abc", 3).await;
    let incoming = store.begin(PLACE, &key(1)).await.unwrap();
    std::fs::write(folder.0.join("incoming/notes.txt"), "").unwrap();
    let shelf = store.shelf(PLACE.file);
    std::fs::write(shelf.join("readme"), "").unwrap();
    let long_ago = store.older_than(Instant::UNIX_EPOCH).await.unwrap();
    assert!(long_ago.objects.is_empty() && long_ago.incoming.is_empty() && long_ago.unknown.is_empty());
    let found = store.older_than(Instant::MAX_UTC).await.unwrap();
    let name = ObjectName::new(PLACE.file, &stored.sha256).unwrap();
    assert_eq!(found.objects, [name].into_iter().collect());
    assert_eq!((found.incoming.len(), found.unknown.len()), (1, 2));
    assert_eq!(store.remove(name).await.unwrap(), 104 + 3 + 16);
    assert_eq!(store.remove(name).await.unwrap(), 0);
    assert!(store.remove_incoming(&found.incoming[0]).await.unwrap() > 0);
    drop(incoming);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_range_is_that_slice(size in 1..200_000_usize, from in 0..200_000_u64, length in 0..200_000_u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = Folder::new();
            let store = folder.store();
            let content = content(size);
            let stored = stored(&store, &content, 65_536).await;
            let until = from.saturating_add(length);
            let range = read(&store, &stored, key(1), (from, until)).await.unwrap();
            let inside = |at: u64| usize::try_from(at).unwrap().min(size);
            prop_assert!(range == content[inside(from)..inside(until)]);
            Ok(())
        })?;
    }
}
