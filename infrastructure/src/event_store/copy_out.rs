//! Rows of events as PostgreSQL's binary `COPY` sends them: the number of fields, then each with its length before it.

use domain::recorded::{Position, Version};

use super::{RawEvent, instant};

/// Signature and flags; then the length of what else is in the header.
const FIXED_HEADER: usize = 15;
const FIELDS: i16 = 7;
/// After the last row.
pub(super) const END: &[u8] = &(-1_i16).to_be_bytes();

/// The rows of what was sent; nothing where there is no header.
pub(super) fn after_header(sent: &[u8]) -> &[u8] {
    let mut rest = sent.get(FIXED_HEADER..).unwrap_or_default();
    let length = length(&mut rest).unwrap_or_default();
    rest.get(length..).unwrap_or_default()
}

/// The next row; nothing if it is not what was asked for.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<RawEvent<'a>> {
    let (count, after) = rest.split_first_chunk()?;
    *rest = after;
    if i16::from_be_bytes(*count) != FIELDS {
        return None;
    }
    let (position, version) = (Position(number(rest)?), Version(number(rest)?));
    let (occurred_at, recorded_at) = (instant(number(rest)?), instant(number(rest)?));
    let (stream, type_name, data) = (text(rest)?, text(rest)?, text(rest)?);
    Some(RawEvent { position, stream, version, type_name, data, occurred_at, recorded_at })
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(i32::from_be_bytes(*length)).ok()
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(rest)?;
    let (field, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(field)
}

fn number(rest: &mut &[u8]) -> Option<i64> {
    field(rest)?.try_into().ok().map(i64::from_be_bytes)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    str::from_utf8(field(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Vec<u8> {
        let mut sent = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x02ab".to_vec();
        sent.extend(FIELDS.to_be_bytes());
        for number in [7_i64, 1, 5, 6] {
            sent.extend([0, 0, 0, 8]);
            sent.extend(number.to_be_bytes());
        }
        for text in ["dossier-1", "dossier.received.v1", "{\"ă\":1}"] {
            sent.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
            sent.extend(text.as_bytes());
        }
        sent
    }

    #[test]
    fn a_row_is_taken_apart() {
        let sent = sent();
        let mut rest = after_header(&sent);
        let event = take(&mut rest).unwrap();
        assert_eq!((event.position, event.version, event.occurred_at), (Position(7), Version(1), instant(5)));
        assert_eq!(
            (event.stream, event.type_name, event.data),
            ("dossier-1", "dossier.received.v1", "{\"ă\":1}")
        );
        assert!(rest.is_empty() && take(&mut rest).is_none());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_no_row() {
        let sent = sent();
        for length in 0..sent.len() {
            assert_eq!(take(&mut after_header(&sent[..length])), None, "{length}");
        }
        let header = sent.len() - after_header(&sent).len();
        for (at, byte) in [(header + 1, 6), (header + 5, 7), (header + 2, 255), (sent.len() - 3, 255)] {
            let mut other = sent.clone();
            other[at] = byte;
            assert_eq!(take(&mut after_header(&other)), None, "{at}");
        }
    }
}
