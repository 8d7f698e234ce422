//! Words to lines.

use crate::papers::font::{Fonts, Weight};

/// A stretch of a line in one weight.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) weight: Weight,
    pub(super) text: String,
    pub(super) width: f32,
}

pub(super) type Line = Vec<Piece>;

pub(super) fn width(line: &Line) -> f32 {
    line.iter().map(|piece| piece.width).sum()
}

/// Breaks texts, one after the other, into lines no wider than this. A word that is wider by itself is broken too. A line
/// that goes on in the next ends in a space, so that its words stay apart when the text is taken out.
pub(super) fn wrap(fonts: &Fonts, texts: &[(Weight, &str)], size: f32, width_max: f32) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    let mut used = 0.0;
    let mut space_before = false;
    for (weight, text) in texts {
        let face = fonts.face(*weight);
        for (index, paragraph) in face.printable_lines(text).into_iter().enumerate() {
            if index != 0 {
                lines.push(Line::new());
                used = 0.0;
            }
            for word in paragraph.split(' ') {
                if word.is_empty() {
                    space_before = true;
                    continue;
                }
                let space = if space_before && used != 0.0 { face.width(" ", size) } else { 0.0 };
                let word_width = face.width(word, size);
                if used != 0.0 && width_max < used + space + word_width {
                    append(&mut lines, *weight, " ", 0.0);
                    lines.push(Line::new());
                    used = 0.0;
                } else if space != 0.0 {
                    append(&mut lines, *weight, " ", space);
                    used += space;
                }
                if width_max < word_width {
                    for character in word.chars() {
                        let character = character.to_string();
                        let character_width = face.width(&character, size);
                        if used != 0.0 && width_max < used + character_width {
                            lines.push(Line::new());
                            used = 0.0;
                        }
                        append(&mut lines, *weight, &character, character_width);
                        used += character_width;
                    }
                } else {
                    append(&mut lines, *weight, word, word_width);
                    used += word_width;
                }
                space_before = true;
            }
            space_before = paragraph.ends_with(' ');
        }
    }
    lines
}

fn append(lines: &mut [Line], weight: Weight, text: &str, width: f32) {
    let Some(line) = lines.last_mut() else { return };
    match line.last_mut() {
        Some(piece) if piece.weight == weight || text == " " => {
            piece.text.push_str(text);
            piece.width += width;
        }
        _ => line.push(Piece { weight, text: text.to_owned(), width }),
    }
}
