//! Sealing: what the text of a sealed value is made of, and how it opens. Written for ever: docs/adr/0004.
//!
//! ```text
//! sealed.1.<key id>.<event id>.<field>.<nonce>.<ciphertext>
//! ```
//!
//! - AES-256-GCM with a nonce of 12 random bytes; `ciphertext` ends with the tag of 16 bytes.
//! - Key id, event id, nonce and ciphertext are base64url without padding (16, 16, 12 and n + 16 bytes); other
//!   spellings of the same bytes are malformed, so that one value has one text.
//! - `field` is the field's name as it is. It may contain dots and nothing else here can, so a token is read from both
//!   ends: the first four dots and the last two are separators.
//! - The associated data, which a token opens with and only with, is `"motcua.sealed.1"` ‖ key id ‖ event id ‖
//!   len·field ‖ len·stream ‖ len·type: ids as 16 bytes, lengths as big-endian u32, text as UTF-8.
//!
//! Stream and type are not in the token: whoever opens it says where it was found. This module must not know where keys
//! are kept.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::identity::{EventId, KeyId};
use domain::private::{SealedToken, Secret};
use uuid::Uuid;

pub const NONCE_BYTES: usize = 12;
pub const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

const PREFIX: &str = "sealed";
const VERSION: &str = "1";
const DOMAIN: &[u8] = b"motcua.sealed.1";
const FIELD_BYTES_MAX: usize = 128;

/// 32 random bytes that seal. Kept as the cipher made of them, which is wiped from memory when dropped.
pub struct SealingKey(Box<Aes256Gcm>);

/// The bytes of a key on their way between entropy, wrapping and cipher. Overwritten when dropped, as far as safe Rust
/// can see to it.
pub(crate) struct KeyBytes(pub(crate) [u8; KEY_BYTES]);

/// Where a value belongs. A field's name occurs once in an event.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub stream: &'a str,
    pub type_name: &'a str,
    pub event_id: EventId,
    pub field: &'a str,
}

/// A sealed value, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    key_id: KeyId,
    event_id: EventId,
    field: String,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

/// A value that cannot be sealed or opened. No variant holds any of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("this is not a sealed value")]
    Malformed,
    #[error("a sealed value of version {0} is unknown to this program")]
    UnknownVersion(u32),
    #[error("the key does not open this value, or the value was not sealed for this place")]
    WrongKeyOrPlace,
    #[error(
        "{0:?} cannot name a sealed field: 1 to {FIELD_BYTES_MAX} ASCII letters, digits, dots, hyphens, underscores"
    )]
    Field(String),
    #[error("the value or the name of its place is too long to be sealed")]
    TooLong,
}

impl SealingKey {
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(Box::new(Aes256Gcm::new(bytes.into())))
    }

    /// Ciphertext and tag.
    pub(crate) fn encrypt(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.0.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad }).map_err(|_| SealError::TooLong)
    }

    pub(crate) fn decrypt(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.0
            .decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad })
            .map_err(|_| SealError::WrongKeyOrPlace)
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealingKey(…)")
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites. The black box keeps the compiler from seeing that nobody reads the zeros.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

/// Seals a value for one place. A nonce must never be used twice with the same key.
pub fn seal(
    key_id: KeyId,
    key: &SealingKey,
    place: &Place<'_>,
    nonce: [u8; NONCE_BYTES],
    plain: &Secret,
) -> Result<SealedToken, SealError> {
    if !can_name_a_field(place.field) {
        return Err(SealError::Field(place.field.to_owned()));
    }
    let aad = associated(key_id, place)?;
    let ciphertext = key.encrypt(nonce, &aad, plain.expose().as_bytes())?;
    let token = Token { key_id, event_id: place.event_id, field: place.field.to_owned(), nonce, ciphertext };
    Ok(token.to_sealed())
}

/// Opens a token that was found in this stream, in an event of this type. Event and field are those the token names:
/// whoever must know that it lies where it belongs asks [`Token::belongs_to`] as well.
pub fn open(key: &SealingKey, token: &Token, stream: &str, type_name: &str) -> Result<Secret, SealError> {
    let place = Place { stream, type_name, event_id: token.event_id, field: &token.field };
    let plain = key.decrypt(token.nonce, &associated(token.key_id, &place)?, &token.ciphertext)?;
    String::from_utf8(plain).map(Secret::new).map_err(|error| {
        wipe(&mut error.into_bytes());
        SealError::Malformed
    })
}

impl Token {
    /// Any name of a field is taken: whether it is the right one is found out when the token is opened.
    pub fn parse(sealed: &SealedToken) -> Result<Self, SealError> {
        let (prefix, rest) = sealed.as_str().split_once('.').ok_or(SealError::Malformed)?;
        let (version, rest) = rest.split_once('.').ok_or(SealError::Malformed)?;
        if prefix != PREFIX {
            return Err(SealError::Malformed);
        }
        if version != VERSION {
            let number: u32 = version.parse().map_err(|_| SealError::Malformed)?;
            let canonical = number.to_string() == version;
            return Err(if canonical { SealError::UnknownVersion(number) } else { SealError::Malformed });
        }
        let (key_id, rest) = rest.split_once('.').ok_or(SealError::Malformed)?;
        let (event_id, rest) = rest.split_once('.').ok_or(SealError::Malformed)?;
        let (rest, ciphertext) = rest.rsplit_once('.').ok_or(SealError::Malformed)?;
        let (field, nonce) = rest.rsplit_once('.').ok_or(SealError::Malformed)?;
        let ciphertext = BASE64.decode(ciphertext).map_err(|_| SealError::Malformed)?;
        if field.is_empty() || ciphertext.len() < TAG_BYTES {
            return Err(SealError::Malformed);
        }
        Ok(Self {
            key_id: KeyId(Uuid::from_bytes(exactly(key_id)?)),
            event_id: EventId(Uuid::from_bytes(exactly(event_id)?)),
            field: field.to_owned(),
            nonce: exactly(nonce)?,
            ciphertext,
        })
    }

    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether it was sealed for this field of this event. True only says so once the token has opened.
    pub fn belongs_to(&self, event_id: EventId, field: &str) -> bool {
        self.event_id == event_id && self.field == field
    }

    fn to_sealed(&self) -> SealedToken {
        let (key_id, event_id) = (BASE64.encode(self.key_id.0), BASE64.encode(self.event_id.0));
        let (nonce, ciphertext) = (BASE64.encode(self.nonce), BASE64.encode(&self.ciphertext));
        let field = &self.field;
        SealedToken::from_text(format!("{PREFIX}.{VERSION}.{key_id}.{event_id}.{field}.{nonce}.{ciphertext}"))
    }
}

fn exactly<const N: usize>(text: &str) -> Result<[u8; N], SealError> {
    BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(SealError::Malformed)
}

fn can_name_a_field(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=FIELD_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn associated(key_id: KeyId, place: &Place<'_>) -> Result<Vec<u8>, SealError> {
    let texts = [place.field, place.stream, place.type_name];
    let size = DOMAIN.len() + 32 + texts.iter().map(|text| 4 + text.len()).sum::<usize>();
    let mut aad = Vec::with_capacity(size);
    aad.extend_from_slice(DOMAIN);
    aad.extend_from_slice(key_id.0.as_bytes());
    aad.extend_from_slice(place.event_id.0.as_bytes());
    for text in texts {
        let len = u32::try_from(text.len()).map_err(|_| SealError::TooLong)?;
        aad.extend_from_slice(&len.to_be_bytes());
        aad.extend_from_slice(text.as_bytes());
    }
    Ok(aad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    /// The inputs and the one right token; another program can check it from this file alone.
    const GOLDEN: &str = include_str!("../../tests/golden/sealed-token.1.txt");

    const PLACE: Place<'_> = Place {
        stream: "dossier-018f3c1e-0000-7000-8000-00000000000a",
        type_name: "dossier.submitted.v1",
        event_id: EventId(Uuid::from_u128(0x018f_3c1e_0000_7000_8000_0000_0000_000b)),
        field: "applicant.name",
    };
    const KEY_ID: KeyId = KeyId(Uuid::from_u128(0x018f_3c1e_0000_7000_8000_0000_0000_000c));

    fn key(byte: u8) -> SealingKey {
        SealingKey::new(&[byte; KEY_BYTES])
    }

    fn sealed(text: &str) -> SealedToken {
        seal(KEY_ID, &key(1), &PLACE, [7; NONCE_BYTES], &Secret::new(text)).unwrap()
    }

    fn open_text(key: &SealingKey, text: &str, stream: &str, type_name: &str) -> Result<String, SealError> {
        let token = Token::parse(&SealedToken::from_text(text))?;
        open(key, &token, stream, type_name).map(|secret| secret.expose().to_owned())
    }

    fn open_here(text: &str) -> Result<String, SealError> {
        open_text(&key(1), text, PLACE.stream, PLACE.type_name)
    }

    fn golden(name: &str) -> &'static str {
        let found = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("the golden file has no {name}"))
    }

    fn from_hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_bytes_of_a_token_are_pinned() {
        let key = SealingKey::new(&from_hex(golden("key")).try_into().unwrap());
        let place = Place {
            stream: golden("stream"),
            type_name: golden("type"),
            event_id: golden("event id").parse().unwrap(),
            field: golden("field"),
        };
        let (key_id, nonce) =
            (golden("key id").parse().unwrap(), from_hex(golden("nonce")).try_into().unwrap());
        let aad: String =
            associated(key_id, &place).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(aad, golden("associated data"));
        let token = seal(key_id, &key, &place, nonce, &Secret::new(golden("plain"))).unwrap();
        assert_eq!(token.as_str(), golden("token"));
        let opened = open_text(&key, golden("token"), place.stream, place.type_name);
        assert_eq!(opened.as_deref(), Ok(golden("plain")));
    }

    #[test]
    fn a_token_says_what_opens_it() {
        let token = Token::parse(&sealed("Nguyễn Văn An")).unwrap();
        assert_eq!((token.key_id(), token.event_id(), token.field()), (KEY_ID, PLACE.event_id, PLACE.field));
        assert!(token.belongs_to(PLACE.event_id, PLACE.field));
        assert!(!token.belongs_to(PLACE.event_id, "applicant.phone"));
        assert!(!token.belongs_to(EventId(Uuid::nil()), PLACE.field));
    }

    #[test]
    fn any_text_comes_back_and_has_one_spelling() {
        let entropy = Entropy::seeded(1);
        for length in 0..400_usize {
            let text: String = (0..length % 100)
                .filter_map(|_| {
                    let [plane, high, low] = entropy.bytes::<3>().unwrap();
                    // Half of them ASCII, the rest from all planes.
                    let plane =
                        if plane < 128 { return char::from_u32(u32::from(low & 0x7f)) } else { plane % 17 };
                    char::from_u32(u32::from_be_bytes([0, plane, high, low]))
                })
                .collect();
            let field = ["subject", "applicant.name", "a.b.c", "..", "X-1_"][length % 5];
            let place = Place { field, ..PLACE };
            let token =
                seal(KEY_ID, &key(1), &place, entropy.bytes().unwrap(), &Secret::new(text.as_str())).unwrap();
            let parsed = Token::parse(&token).unwrap();
            assert_eq!((parsed.field(), parsed.to_sealed()), (field, token.clone()));
            assert_eq!(open_here(token.as_str()), Ok(text));
        }
    }

    #[test]
    fn a_token_opens_only_where_it_was_sealed() {
        let token = sealed("Nguyễn Văn An");
        let refused = Err(SealError::WrongKeyOrPlace);
        assert_eq!(open_text(&key(2), token.as_str(), PLACE.stream, PLACE.type_name), refused);
        assert_eq!(open_text(&key(1), token.as_str(), "dossier-other", PLACE.type_name), refused);
        assert_eq!(open_text(&key(1), token.as_str(), PLACE.stream, "dossier.refused.v1"), refused);
        assert_eq!(open_here(&token.as_str().replace("applicant.name", "applicant.phone")), refused);
        for wrong in [
            Token { event_id: EventId(Uuid::nil()), ..Token::parse(&token).unwrap() },
            Token { key_id: KeyId(Uuid::nil()), ..Token::parse(&token).unwrap() },
            Token { nonce: [8; NONCE_BYTES], ..Token::parse(&token).unwrap() },
        ] {
            assert_eq!(open_here(wrong.to_sealed().as_str()), refused);
        }
    }

    #[test]
    fn neighbouring_texts_of_a_place_cannot_flow_into_each_other() {
        let one = Place { field: "a", stream: "bc", ..PLACE };
        let other = Place { field: "ab", stream: "c", ..PLACE };
        assert_ne!(associated(KEY_ID, &one), associated(KEY_ID, &other));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let text = sealed("An").as_str().to_owned();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(open_here(&changed).is_err(), "{changed}");
            }
        }
        for cut in 0..text.len() {
            assert!(open_here(&text[..cut]).is_err());
            assert!(open_here(&text[cut + 1..]).is_err());
        }
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let token = sealed("An");
        let text = token.as_str();
        let nonce = format!(".{}.", BASE64.encode([7; NONCE_BYTES]));
        for wrong in [
            String::new(),
            "Nguyễn Văn An".to_owned(),
            "sealed".to_owned(),
            "sealed.1".to_owned(),
            "sealed.1.....".to_owned(),
            text.replace("sealed", "Sealed"),
            text.replace("sealed.1.", "sealed.01."),
            text.replace("sealed.1.", "sealed.+2."),
            text.replace("sealed.1.", "sealed.02."),
            text.replace("sealed.1.", "sealed.x."),
            text.replace(".applicant.name.", ".."),
            text.replace(&nonce, ".AAAA."),
            format!("{text}="),
            format!("{text} "),
        ] {
            assert_eq!(open_here(&wrong), Err(SealError::Malformed), "{wrong}");
        }
        assert_eq!(open_here(&text.replace("sealed.1.", "sealed.2.")), Err(SealError::UnknownVersion(2)));
    }

    #[test]
    fn a_field_has_a_plain_name() {
        for wrong in ["", "họ tên", "a b", "a:b", "a\n", &"x".repeat(FIELD_BYTES_MAX + 1)] {
            let place = Place { field: wrong, ..PLACE };
            let refused = seal(KEY_ID, &key(1), &place, [7; NONCE_BYTES], &Secret::new("An"));
            assert_eq!(refused, Err(SealError::Field(wrong.to_owned())));
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", key(1)), "SealingKey(…)");
    }
}
