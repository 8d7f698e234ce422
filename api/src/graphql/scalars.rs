//! Scalars of our own.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::recorded::Position;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionText(pub Position);

impl PositionText {
    pub fn encode(self) -> String {
        // Room for the second number of a position of EventStoreDB.
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.0.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (commit, prepare) = bytes.split_at(8);
        let commit = i64::from_be_bytes(commit.try_into().ok()?);
        (0 <= commit && prepare == [0; 8]).then_some(Self(Position(commit)))
    }
}

/// Vị trí trong nhật ký sự kiện. A place in the event log, opaque to clients: pass what a mutation returned as
/// `minPosition` to read your own write. Only the server orders positions.
#[Scalar(name = "Position", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc4648#section-5")]
impl ScalarType for PositionText {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                Self::decode(text).ok_or_else(|| InputValueError::custom("not a position of this server"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_and_others_are_refused() {
        let position = PositionText(Position(42));
        assert_eq!(PositionText::decode(&position.encode()), Some(position));
        for bad in ["", "42", "AAAA", &URL_SAFE_NO_PAD.encode((-1_i128).to_be_bytes())] {
            assert_eq!(PositionText::decode(bad), None, "{bad}");
        }
    }
}
