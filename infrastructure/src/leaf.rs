//! The bytes of an event that the ledger will hash. Written for ever: docs/adr/0003, golden file
//! `tests/golden/leaf.txt`.
//!
//! `"motcua.event.1" ‖ event_id ‖ len·stream ‖ u64 version ‖ len·type ‖ i64 µs occurred ‖ i64 µs recorded ‖
//! len·metadata ‖ len·data`, big-endian, lengths as u32. The position is not in it: a log copied elsewhere keeps its
//! leaves.

use crate::event_store::StoredRow;

const TAG: &[u8] = b"motcua.event.1";

/// An event too long for the leaf's u32 lengths. The lane refuses events far below that.
#[derive(Debug, thiserror::Error)]
#[error("the event is too long for a leaf")]
pub struct TooLong;

pub fn leaf(row: &StoredRow) -> Result<Vec<u8>, TooLong> {
    let texts = row.stream.len() + row.type_name.len() + row.metadata.len() + row.data.len();
    let mut bytes = Vec::with_capacity(TAG.len() + 16 + 3 * 8 + 4 * 4 + texts);
    bytes.extend_from_slice(TAG);
    bytes.extend_from_slice(row.event_id.as_bytes());
    text(&mut bytes, &row.stream)?;
    bytes.extend_from_slice(&row.version.to_be_bytes());
    text(&mut bytes, &row.type_name)?;
    bytes.extend_from_slice(&row.occurred_at.to_be_bytes());
    bytes.extend_from_slice(&row.recorded_at.to_be_bytes());
    text(&mut bytes, &row.metadata)?;
    text(&mut bytes, &row.data)?;
    Ok(bytes)
}

fn text(bytes: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    let length = u32::try_from(text.len()).map_err(|_| TooLong)?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}
