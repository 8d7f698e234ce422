//! Who sent a message, and that nobody has changed it: HMAC-SHA256 over id, time and body, as
//! <https://www.standardwebhooks.com> says.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use domain::private::Secret;
use domain::time::Instant;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

const VERSION: &str = "v1,";
/// More signatures than keys that are valid at once would be somebody's guesses.
const SIGNATURES_MAX: usize = 8;
const ID_BYTES_MAX: usize = 200;

/// The headers that say who sent a message.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub timestamp: &'a str,
    /// One or more, with blanks between.
    pub signature: &'a str,
}

/// Why a message is not believed. Not told to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    #[error("it is not signed")]
    Unsigned,
    #[error("it was signed at another time")]
    AnotherTime,
    #[error("it was signed by somebody else, or changed on the way")]
    AnotherHand,
}

/// What a message is signed with; nothing if the secret cannot be a key.
pub fn sign(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let signature = mac(secret, id, timestamp, body)?.finalize().into_bytes();
    Some(format!("{VERSION}{}", BASE64.encode(signature)))
}

/// Whether one of the keys signed exactly this, within the tolerance of now. Compared in constant time.
pub fn verify(
    secrets: &[Secret],
    signed: Signed<'_>,
    body: &[u8],
    now: Instant,
    tolerance: Duration,
) -> Result<(), NotBelieved> {
    let Signed { id, timestamp, signature } = signed;
    // A dot in an id would let another message have the same signature.
    if id.is_empty() || ID_BYTES_MAX < id.len() || id.contains('.') {
        return Err(NotBelieved::Unsigned);
    }
    let seconds: i64 = timestamp.parse().map_err(|_| NotBelieved::Unsigned)?;
    let at = DateTime::from_timestamp(seconds, 0).ok_or(NotBelieved::Unsigned)?;
    let apart = now.signed_duration_since(at).abs().to_std().map_err(|_| NotBelieved::AnotherTime)?;
    if tolerance < apart {
        return Err(NotBelieved::AnotherTime);
    }
    let given = signature.split(' ').take(SIGNATURES_MAX).filter_map(|one| one.strip_prefix(VERSION));
    let given: Vec<Vec<u8>> = given.filter_map(|encoded| BASE64.decode(encoded).ok()).collect();
    let is_ours = |secret: &Secret| {
        let mac = mac(secret, id, timestamp, body);
        mac.is_some_and(|mac| given.iter().any(|given| mac.clone().verify_slice(given).is_ok()))
    };
    if secrets.iter().any(is_ours) { Ok(()) } else { Err(NotBelieved::AnotherHand) }
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // As that standard writes secrets; another text is the secret itself.
    let key = match secret.expose().strip_prefix("whsec_") {
        Some(encoded) => BASE64.decode(encoded).ok()?,
        None => secret.expose().as_bytes().to_vec(),
    };
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    Some(mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"test\": 2432232314}";

    fn now() -> Instant {
        DateTime::from_timestamp(1_674_087_231, 0).unwrap()
    }

    fn check(secrets: &[&str], signed: Signed<'_>, body: &[u8]) -> Result<(), NotBelieved> {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        verify(&secrets, signed, body, now(), Duration::from_secs(300))
    }

    /// The value comes from another implementation (Python's `hmac`).
    #[test]
    fn a_signature_is_what_the_standard_says() {
        let signature = sign(&Secret::new("geheim"), "msg_1", "1674087231", BODY);
        let encoded = sign(&Secret::new("whsec_Z2VoZWlt"), "msg_1", "1674087231", BODY);
        assert_eq!(encoded, signature);
        assert_eq!(signature.as_deref(), Some("v1,f5IkwwdJu1bH/Q8Rrm2TtpDaNjyg6IlRDVnIMTJboCk="));
    }

    #[test]
    fn what_was_signed_is_believed_and_nothing_else_is() {
        const GOOD: &str = "v1,f5IkwwdJu1bH/Q8Rrm2TtpDaNjyg6IlRDVnIMTJboCk=";
        let signed = Signed { id: "msg_1", timestamp: "1674087231", signature: GOOD };
        assert_eq!(check(&["geheim"], signed, BODY), Ok(()));
        // While keys change there are two, on either side.
        assert_eq!(check(&["neu", "geheim"], signed, BODY), Ok(()));
        let two = format!("v1,AAAA {GOOD}");
        assert_eq!(check(&["geheim"], Signed { signature: &two, ..signed }, BODY), Ok(()));
        use NotBelieved::{AnotherHand, AnotherTime, Unsigned};
        for (odd, why) in [
            (Signed { id: "msg_2", ..signed }, AnotherHand),
            (Signed { id: "", ..signed }, Unsigned),
            (Signed { id: "msg_1.1", ..signed }, Unsigned),
            (Signed { timestamp: "1674087230", ..signed }, AnotherHand),
            (Signed { timestamp: "1674086930", ..signed }, AnotherTime),
            (Signed { timestamp: "1674087532", ..signed }, AnotherTime),
            (Signed { timestamp: "gestern", ..signed }, Unsigned),
            (Signed { timestamp: "9223372036854775807", ..signed }, Unsigned),
            (Signed { signature: "", ..signed }, AnotherHand),
            (Signed { signature: "v1,", ..signed }, AnotherHand),
            (Signed { signature: &GOOD[3..], ..signed }, AnotherHand),
            (Signed { signature: &GOOD.replace("v1", "v2"), ..signed }, AnotherHand),
        ] {
            assert_eq!(check(&["geheim"], odd, BODY), Err(why), "{odd:?}");
        }
        assert_eq!(check(&["geheim"], signed, b"{\"test\": 2432232315}"), Err(AnotherHand));
        assert_eq!(check(&["anders"], signed, BODY), Err(AnotherHand));
        assert_eq!(check(&[], signed, BODY), Err(AnotherHand));
    }
}
