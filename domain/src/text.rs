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

#[cfg(test)]
mod tests {
    use super::fold;

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
