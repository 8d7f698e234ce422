//! The dossier code for scanners: Code 128 (ISO/IEC 15417) and QR (ISO/IEC 18004), with quiet zones and module sizes
//! that a cheap scanner at a counter reads from a worn print. Code 128 is by hand: one table and a sum.

use qrcode::{Color, EcLevel, QrCode};

/// A narrow bar: 0.33 mm, the size that the trade calls 100 %. A dossier code of 25 characters is 95 mm long.
pub(super) const BAR_MM: f32 = 0.33;
/// Ten narrow bars of white on either side, 3.3 mm, as the standard demands.
pub(super) const BAR_QUIET: usize = 10;
/// The standard's least height, 15 % of the length, rounded up.
pub(super) const BAR_HEIGHT_MM: f32 = 15.0;
/// A module of the QR: twice what a telephone at arm's length needs. With the quiet zone the square is 19.8 mm.
pub(super) const QR_MM: f32 = 0.6;
/// Four modules of white all round, as the standard demands.
pub(super) const QR_QUIET: usize = 4;

/// The text cannot be put into a barcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dossier code has characters that a barcode cannot hold, or too many")]
pub struct NotEncodable;

/// Black runs along a line or in a square, in modules, quiet zone included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modules {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
}

/// Widths of the bars and spaces of each symbol, from 0 to 105; 106 is the stop.
const PATTERNS: [&str; 107] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213",
    "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132",
    "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",
    "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313",
    "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331",
    "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
    "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
    "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",
    "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141",
    "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
];
const TO_C: usize = 99;
const TO_B: usize = 100;
const START_B: usize = 104;
const STOP: usize = 106;
/// A dossier code takes 25. More would not fit beside the QR on A5.
const SYMBOLS_MAX: usize = 25;

/// Code set B for characters, code set C for pairs of digits where at least four digits follow.
fn symbols(text: &str) -> Result<Vec<usize>, NotEncodable> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err(NotEncodable);
    }
    let mut symbols = vec![START_B];
    let mut is_c = false;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest {
            [tens @ b'0'..=b'9', units @ b'0'..=b'9', ..] if is_c || 4 <= digits => {
                if !is_c {
                    symbols.push(TO_C);
                    is_c = true;
                }
                symbols.push(usize::from(tens - b'0') * 10 + usize::from(units - b'0'));
                at += 2;
            }
            [byte @ b' '..=b'~', ..] => {
                if is_c {
                    symbols.push(TO_B);
                    is_c = false;
                }
                symbols.push(usize::from(byte - b' '));
                at += 1;
            }
            _ => return Err(NotEncodable),
        }
    }
    let weighted: usize = symbols.iter().enumerate().map(|(index, symbol)| index.max(1) * symbol).sum();
    symbols.push(weighted % 103);
    if SYMBOLS_MAX < symbols.len() {
        return Err(NotEncodable);
    }
    symbols.push(STOP);
    Ok(symbols)
}

/// Bars of one module in height.
pub(super) fn code_128(text: &str) -> Result<Modules, NotEncodable> {
    let mut runs = Vec::new();
    let mut x = BAR_QUIET;
    for pattern in symbols(text)?.into_iter().filter_map(|symbol| PATTERNS.get(symbol)) {
        for (index, digit) in pattern.bytes().enumerate() {
            let width = usize::from(digit - b'0');
            if index % 2 == 0 {
                runs.push(Run { x, y: 0, width });
            }
            x += width;
        }
    }
    Ok(Modules { width: x + BAR_QUIET, height: 1, runs })
}

/// Error correction Q: a quarter of the symbol may be lost.
pub(super) fn qr(text: &str) -> Result<Modules, NotEncodable> {
    let code = QrCode::with_error_correction_level(text, EcLevel::Q).map_err(|_| NotEncodable)?;
    let side = code.width();
    let colors = code.to_colors();
    let mut runs: Vec<Run> = Vec::new();
    for (y, row) in colors.chunks(side).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let (x, y) = (x + QR_QUIET, y + QR_QUIET);
            match runs.last_mut() {
                Some(run) if run.y == y && run.x + run.width == x => run.width += 1,
                _ => runs.push(Run { x, y, width: 1 }),
            }
        }
    }
    let size = side + 2 * QR_QUIET;
    Ok(Modules { width: size, height: size, runs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_in_pairs_and_the_check_symbol_is_right() {
        // The standard's example of the check: START B, "PJJ123C" -> 55.
        let symbols = symbols("PJJ123C").unwrap();
        assert_eq!(symbols, [104, 48, 42, 42, 17, 18, 19, 35, 55, 106]);
        let paired = super::symbols("H42-190805-0001").unwrap();
        assert_eq!(paired[1..=4], [40, 20, 18, 13]);
        assert_eq!(paired[5..=13], [99, 19, 8, 5, 100, 13, 99, 0, 1]);
    }

    #[test]
    fn every_symbol_is_eleven_modules_and_the_stop_thirteen() {
        for (index, pattern) in PATTERNS.iter().enumerate() {
            let width: u32 = pattern.bytes().map(|digit| u32::from(digit - b'0')).sum();
            assert_eq!(width, if index == STOP { 13 } else { 11 }, "{index}");
        }
    }

    #[test]
    fn a_dossier_code_fits_the_paper() {
        let code = "000.00.16.H42-190805-0001";
        let bars = code_128(code).unwrap();
        assert_eq!(bars.width, 308);
        assert_eq!(qr(code).unwrap().width, 33);
    }

    #[test]
    fn what_no_barcode_holds_is_refused() {
        assert_eq!(code_128(""), Err(NotEncodable));
        assert_eq!(code_128("hồ sơ"), Err(NotEncodable));
        assert_eq!(code_128(&"0".repeat(49)), Err(NotEncodable));
    }
}
