//! A paper before it has a format. HTML and PDF are made of the same sheet, so they say the same.

use domain::time::Instant;
use unicode_normalization::UnicodeNormalization;

/// Paper sizes in millimetres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// 148 × 210 upright.
    A5,
    /// 297 × 210 lying.
    A4Landscape,
}

/// All texts are clean: NFC, no control and no invisible characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sheet {
    pub(super) size: Size,
    pub(super) title: String,
    /// Which form it is.
    pub(super) note: Option<String>,
    /// Who issues it, line by line; the last one is bold.
    pub(super) issuer: Vec<String>,
    /// Its number, and where and when it was issued.
    pub(super) number: Option<String>,
    pub(super) place_and_date: String,
    /// The dossier code, for people and scanners.
    pub(super) code: Option<String>,
    pub(super) issued_at: Instant,
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    Text(String),
    /// `None` is a dotted line.
    Field {
        label: String,
        value: Option<String>,
    },
    Table(Table),
    Signatures(Vec<Signature>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    /// As many cells as columns.
    pub(super) rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// How wide, against the other columns.
    pub(super) weight: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signature {
    pub(super) role: &'static str,
    pub(super) hint: &'static str,
    pub(super) name: Option<String>,
}

/// What the head of every paper says.
pub(super) const STATE: &str = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM";
pub(super) const MOTTO: &str = "Độc lập - Tự do - Hạnh phúc";
/// What a dotted line is called where it cannot be seen.
pub(super) const BLANK: &str = "(để trống)";

pub(super) fn code_label(code: &str) -> String {
    format!("Mã hồ sơ: {code}")
}

/// NFC, so that a mark and its letter are one character of the font; no controls, and nothing invisible that would turn
/// the text around or hide in it. Line ends stay.
pub(super) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.trim()
        .nfc()
        .filter(|character| !is_invisible(*character))
        .map(|character| match character {
            '\n' => '\n',
            space if space.is_whitespace() => ' ',
            // Private use: no two fonts agree on what it is.
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

fn is_invisible(character: char) -> bool {
    let is_control = character.is_control() && !character.is_whitespace();
    is_control
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{fffe}' | '\u{ffff}')
}

impl Block {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(clean(text))
    }

    pub(super) fn field(label: &str, value: Option<&str>) -> Self {
        let value = value.map(clean).filter(|value| !value.is_empty());
        Self::Field { label: label.to_owned(), value }
    }
}
