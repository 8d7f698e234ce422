//! Liberation Serif, which has every Vietnamese letter: <https://github.com/liberationfonts>, SIL OFL 1.1, unchanged in
//! `assets/fonts`. Letters are set one by one, without kerning or ligatures: what is measured is what is drawn.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::PaperError;

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/LiberationSerif-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/LiberationSerif-Bold.ttf");
/// Stands for what the font does not have.
const REPLACEMENT: char = '?';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

pub(super) struct Face {
    pub(super) font: Font,
    bytes: FontRef<'static>,
    units_per_em: f32,
}

impl Face {
    fn read(bytes: &'static [u8]) -> Option<Self> {
        let font = Font::new(bytes.into(), 0)?;
        let units_per_em = font.units_per_em();
        Some(Self { font, bytes: FontRef::new(bytes).ok()?, units_per_em })
    }

    /// The text with a replacement for every character that the font does not have.
    pub(super) fn printable(&self, text: &str) -> String {
        let characters = self.bytes.charmap();
        let has = |character: char| characters.map(character).is_some_and(|glyph| glyph.to_u32() != 0);
        text.chars().map(|character| if has(character) { character } else { REPLACEMENT }).collect()
    }

    /// The same, line by line.
    pub(super) fn printable_lines(&self, text: &str) -> Vec<String> {
        text.split('\n').map(|line| self.printable(line)).collect()
    }

    /// The width of a printable text.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        self.glyphs(text).iter().map(|glyph| glyph.x_advance * size).sum()
    }

    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let characters = self.bytes.charmap();
        let metrics = self.bytes.glyph_metrics(Size::unscaled(), LocationRef::default());
        text.char_indices()
            .filter_map(|(at, character)| {
                let glyph = characters.map(character)?;
                let advance = metrics.advance_width(glyph).unwrap_or_default() / self.units_per_em;
                let range = at..at + character.len_utf8();
                Some(KrillaGlyph::new(GlyphId::new(glyph.to_u32()), advance, 0.0, 0.0, 0.0, range, None))
            })
            .collect()
    }
}

pub(super) struct Fonts {
    regular: Face,
    bold: Face,
}

impl Fonts {
    pub(super) fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

/// The fonts, read once.
pub(super) fn fonts() -> Result<&'static Fonts, PaperError> {
    static FONTS: LazyLock<Option<Fonts>> =
        LazyLock::new(|| Some(Fonts { regular: Face::read(REGULAR)?, bold: Face::read(BOLD)? }));
    FONTS.as_ref().ok_or_else(|| PaperError::Pdf("the fonts of the program cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fonts_have_every_vietnamese_letter() {
        let base = "aăâeêioôơuưy";
        let marks = ["", "\u{300}", "\u{301}", "\u{303}", "\u{309}", "\u{323}"];
        let letters = base.chars().flat_map(|letter| marks.map(|mark| format!("{letter}{mark}")));
        let text: String = letters.chain(["đ–…“”’₫".to_owned()]).collect();
        let text = super::super::sheet::clean(&format!("{text}{}", text.to_uppercase()));
        for weight in [Weight::Regular, Weight::Bold] {
            assert_eq!(fonts().unwrap().face(weight).printable(&text), text);
        }
    }
}
