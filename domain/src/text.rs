//! Text as people search for it: without diacritics, so that `dang` finds `Đặng`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, no diacritics, đ as d, one space between words. Databases cannot do it: SQLite lowers ASCII only, and no
/// decomposition splits đ.
pub fn fold(text: &str) -> String {
    let plain: String = text
        .nfd()
        .filter(|character| !is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'đ' { 'd' } else { character })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without diacritics and in ASCII, but otherwise as it is: for carriers that take no other letters. What has no like in
/// ASCII becomes a question mark.
pub fn ascii(text: &str) -> String {
    text.nfd()
        .filter(|character| !is_combining_mark(*character))
        .map(|character| match character {
            'đ' => 'd',
            'Đ' => 'D',
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' | '«' | '»' => '"',
            character if character.is_whitespace() => ' ',
            character if character.is_ascii_graphic() => character,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ascii, fold};

    #[test]
    fn ascii_keeps_case_and_loses_what_has_no_like() {
        assert_eq!(ascii("Hồ sơ quá hạn – “Đất đai”\n5 ngày"), "Ho so qua han - \"Dat dai\" 5 ngay");
        assert_eq!(ascii("€ 10 ☎"), "? 10 ?");
        assert_eq!(ascii("Hoa\u{0300}"), "Hoa");
    }

    #[test]
    fn vietnamese_is_found_without_diacritics() {
        assert_eq!(fold("Nguyễn Thị  Đặng Hồng"), "nguyen thi dang hong");
        assert_eq!(fold("PHỦ LÝ"), "phu ly");
        assert_eq!(fold("Trần Văn Đức"), "tran van duc");
        assert_eq!(fold("Cấp giấy phép xây dựng"), "cap giay phep xay dung");
        // The same word decomposed, as macOS types it.
        assert_eq!(fold("Hoa\u{0300}"), fold("Hoà"));
    }
}
