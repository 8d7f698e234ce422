//! Values about a person. They are sealed before they reach the log, and this is enforced by the type: an open value
//! does not serialise.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Plain text about a person, on its way in from a client. It has no `Display`, no `Serialize`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: call it where the value is sealed or shown to somebody who may see it, nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A sealed value as the log keeps it: `sealed.1.<key id>.<event id>.<field>.<nonce>.<ciphertext>`. Folds carry it
/// along unread; only `infrastructure` opens it, at the edge, after authorisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedToken(String);

impl SealedToken {
    /// Takes any text: whether it opens is found out when it is opened.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A private value: open between client and lane, sealed for ever after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Private {
    Open(Secret),
    Sealed(SealedToken),
}

impl Private {
    pub fn open(text: impl Into<String>) -> Self {
        Self::Open(Secret::new(text))
    }

    /// The token, when sealed.
    pub fn token(&self) -> Option<&SealedToken> {
        match self {
            Self::Sealed(token) => Some(token),
            Self::Open(_) => None,
        }
    }
}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sealed(token) => token.serialize(serializer),
            Self::Open(_) => {
                Err(serde::ser::Error::custom("a private value must be sealed before it is written"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Private {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SealedToken::deserialize(deserializer).map(Self::Sealed)
    }
}

/// Whose key seals a value: erasing a person destroys the person's keys, the end of a dossier's retention destroys
/// the dossier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    Dossier,
    Applicant,
    /// Who acts for the applicant in this dossier.
    Delegate,
    /// Somebody who signs in.
    Account,
    /// A break-glass: what was said of it.
    Disclosure,
}

/// Content that may hold private values. The default is none.
pub trait HasPrivate {
    fn each_private(&mut self, visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private)) {
        let _ = visit;
    }
}

/// Shows an optional private value.
pub(crate) fn show(
    visit: &mut dyn FnMut(&'static str, KeyOwner, &mut Private),
    field: &'static str,
    owner: KeyOwner,
    value: &mut Option<Private>,
) {
    if let Some(value) = value {
        visit(field, owner, value);
    }
}
