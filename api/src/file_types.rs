//! What a file may be: what counters scan and applicants bring. docs/adr/0013.
//!
//! A type is on the list, and the first bytes of the content agree with it. That keeps a program from being filed as a
//! form; it is no proof that the rest is sound, which is for a scanner and for whoever opens the file to find out.

use std::sync::LazyLock;

use domain::codes::MediaType;

/// How much of a file is looked at. What follows is not kept back for it.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// A kind of file that is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileType {
    pub(crate) media_type: &'static str,
    /// Of the name it is handed out under.
    pub(crate) extension: &'static str,
    is_so: fn(&[u8]) -> bool,
}

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const ODT: &str = "application/vnd.oasis.opendocument.text";
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";

const TYPES: &[FileType] = &[
    FileType { media_type: "application/pdf", extension: "pdf", is_so: |head| head.starts_with(b"%PDF-") },
    FileType { media_type: "image/jpeg", extension: "jpg", is_so: |head| head.starts_with(b"\xff\xd8\xff") },
    FileType {
        media_type: "image/png",
        extension: "png",
        is_so: |head| head.starts_with(b"\x89PNG\r\n\x1a\n"),
    },
    FileType { media_type: "image/tiff", extension: "tif", is_so: is_tiff },
    FileType { media_type: DOCX, extension: "docx", is_so: |head| has_entry(head, b"word/") },
    FileType { media_type: XLSX, extension: "xlsx", is_so: |head| has_entry(head, b"xl/") },
    FileType { media_type: ODT, extension: "odt", is_so: |head| is_open_document(head, ODT) },
    FileType { media_type: ODS, extension: "ods", is_so: |head| is_open_document(head, ODS) },
    // Signed XML: invoices, tax receipts, declarations.
    FileType { media_type: "application/xml", extension: "xml", is_so: is_xml },
    FileType { media_type: "text/xml", extension: "xml", is_so: is_xml },
    FileType { media_type: "text/plain", extension: "txt", is_so: is_text },
];

/// The kind of this media type, if it is taken.
pub(crate) fn of(media_type: &MediaType) -> Option<FileType> {
    TYPES.iter().find(|known| known.media_type == media_type.as_str()).copied()
}

/// The media types that are taken, for people.
pub(crate) static ALLOWED: LazyLock<String> =
    LazyLock::new(|| TYPES.iter().map(|known| known.media_type).collect::<Vec<_>>().join(", "));

impl FileType {
    /// Whether content that begins like this can be such a file.
    pub(crate) fn agrees_with(self, head: &[u8]) -> bool {
        (self.is_so)(head)
    }
}

fn is_tiff(head: &[u8]) -> bool {
    head.starts_with(b"II*\0") || head.starts_with(b"MM\0*")
}

const ZIP_ENTRY: &[u8] = b"PK\x03\x04";

/// A ZIP one of whose first entries is named so. Office programs differ in the order; all of them put the parts of the
/// document itself near the beginning.
fn has_entry(head: &[u8], name: &[u8]) -> bool {
    const NAME_AT: usize = 30;
    let is_named = |at: usize| head[at..].get(NAME_AT..).is_some_and(|rest| rest.starts_with(name));
    head.starts_with(ZIP_ENTRY) && (0..head.len()).any(|at| head[at..].starts_with(ZIP_ENTRY) && is_named(at))
}

/// A ZIP whose first entry, not compressed, is the media type (ODF 1.2, part 3).
fn is_open_document(head: &[u8], media_type: &str) -> bool {
    let mimetype = [b"mimetype", media_type.as_bytes()].concat();
    head.starts_with(ZIP_ENTRY) && head.get(30..).is_some_and(|rest| rest.starts_with(&mimetype))
}

fn is_xml(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.trim_ascii_start().starts_with(b"<?xml") && is_text(head)
}

/// UTF-8 without control characters; the head may end within a character.
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() == HEAD_BYTES,
    };
    is_utf8 && head.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || b"\t\n\r\x0c".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries {
            bytes.extend_from_slice(ZIP_ENTRY);
            bytes.extend_from_slice(&[0; 26]);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(content.as_bytes());
        }
        bytes
    }

    fn kind(media_type: &str) -> FileType {
        of(&MediaType::parse(media_type).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_is_told_by_its_first_bytes_and_no_other() {
        let docx = zip(&[("[Content_Types].xml", "…"), ("_rels/.rels", "…"), ("word/document.xml", "…")]);
        let xlsx = zip(&[("[Content_Types].xml", "…"), ("xl/workbook.xml", "…")]);
        let samples: [(&str, &[u8]); 10] = [
            ("application/pdf", b"%PDF-1.7\n%\xe2\xe3"),
            ("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0"),
            ("image/tiff", b"II*\0\x08\0"),
            (DOCX, &docx),
            (XLSX, &xlsx),
            (ODT, &zip(&[("mimetype", ODT), ("content.xml", "…")])),
            (ODS, &zip(&[("mimetype", ODS), ("content.xml", "…")])),
            ("application/xml", "\u{feff}<?xml version=\"1.0\"?><HDon/>".as_bytes()),
            ("image/tiff", b"MM\0*\0\0"),
        ];
        for (media_type, head) in samples {
            for known in TYPES {
                let same = known.media_type == media_type
                    || media_type == "application/xml" && matches!(known.extension, "xml" | "txt");
                assert_eq!(known.agrees_with(head), same, "{media_type} as {}", known.media_type);
            }
        }
    }

    #[test]
    fn text_is_text_also_where_the_head_cuts_a_letter() {
        let text = kind("text/plain");
        assert!(text.agrees_with("Đơn đề nghị\r\n\tcấp".as_bytes()));
        for binary in [&b"a\0b"[..], b"\x7fELF", b"MZ\x90\0", b"\xff\xfea\0", "đ".as_bytes().split_at(1).0] {
            assert!(!text.agrees_with(binary), "{binary:?}");
        }
        let mut long = vec![b'a'; HEAD_BYTES - 1];
        long.push("đ".as_bytes()[0]);
        assert!(text.agrees_with(&long));
    }

    #[test]
    fn programs_and_scripts_are_on_no_list() {
        for media_type in [
            "text/html",
            "image/svg+xml",
            "application/octet-stream",
            "application/zip",
            "application/msword",
        ] {
            assert!(of(&MediaType::parse(media_type).unwrap()).is_none(), "{media_type}");
        }
        assert!(!kind(DOCX).agrees_with(b"PK\x05\x06"));
        assert!(!kind("application/pdf").agrees_with(b""));
    }
}
