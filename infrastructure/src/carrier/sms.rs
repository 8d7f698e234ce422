//! Texts for telephones: in ASCII, because many carriers refuse anything else under a brand name, and as many parts as
//! somebody has to pay for.

use domain::text::ascii;

/// Characters of a message that is one part (3GPP TS 23.038: 140 bytes of 7 bits), and of each part of a longer one.
const ALONE: usize = 160;
const OF_SEVERAL: usize = 153;
/// These take two places in the alphabet of telephones.
const DOUBLE: &str = "^{}\\[~]|";
const CUT: &str = "...";

fn places(character: char) -> usize {
    if DOUBLE.contains(character) { 2 } else { 1 }
}

/// How many parts a text of ASCII has. What takes two places is not torn apart.
pub fn parts(text: &str) -> usize {
    if text.chars().map(places).sum::<usize>() <= ALONE {
        return 1;
    }
    let (mut parts, mut filled) = (1, 0);
    for places in text.chars().map(places) {
        if OF_SEVERAL < filled + places {
            parts += 1;
            filled = 0;
        }
        filled += places;
    }
    parts
}

/// A text for a telephone, cut where it would have more parts than that.
pub fn short(text: &str, parts_max: usize) -> String {
    // The back tick is not in that alphabet.
    let text = ascii(text).replace('`', "'");
    if parts(&text) <= parts_max {
        return text;
    }
    let mut cut = text;
    while parts_max < parts(&format!("{cut}{CUT}")) && cut.pop().is_some() {}
    format!("{}{CUT}", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_as_they_are_paid() {
        for (length, expected) in [(0, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4)] {
            assert_eq!(parts(&"a".repeat(length)), expected, "{length}");
        }
        assert_eq!(parts(&"[".repeat(80)), 1);
        assert_eq!(parts(&"[".repeat(81)), 2);
        // 153 places hold 76 of them, and one is left empty.
        assert_eq!(parts(&"[".repeat(152)), 2);
        assert_eq!(parts(&"[".repeat(153)), 3);
    }

    #[test]
    fn a_long_text_is_cut_to_what_may_be_paid() {
        let text = short(&"Hồ sơ quá hạn ".repeat(30), 2);
        assert!(text.starts_with("Ho so qua han Ho so") && text.ends_with("..."), "{text}");
        assert_eq!(parts(&text), 2);
        assert!(300 < text.len());
        assert_eq!(short("Đến hạn", 1), "Den han");
    }
}
