//! Codes that people read, print and scan. Strict at the door (`parse`), lenient on replay: a stored code is taken as
//! it is, so that a rule tightened tomorrow cannot make history unreadable.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// Why a text is not the code it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct InvalidCode {
    pub text: String,
    pub expected: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident is $expected:literal when $check:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, InvalidCode> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidCode { text: text.chars().take(80).collect(), expected: $expected })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
    )+};
}

codes! {
    /// Identifier of an agency, `000.00.16.H42` (QCVN 102:2016/BTTTT): unit, subordinate, agency, province.
    AgencyCode is "an agency code such as 000.00.16.H42" when |text| shape(text, "ddd.dd.dd.Ldd");

    /// The newer identifier of an agency, `H25.01` (QĐ 20/2020/QĐ-TTg): province or ministry first, at most 35 characters.
    NationalAgencyCode is "an agency code of QĐ 20/2020/QĐ-TTg such as H25.01" when national;

    /// A calendar of days off, `VN` for the national one.
    CalendarCode is "a calendar code: 1 to 20 letters, digits, '.', '_' or '-'" when
        |text| word(text, 20) && !text.contains(':');

    /// Dossier code, `000.00.16.H42-190805-0001` (TT 01/2018/TT-VPCP, Art. 19): agency, local date, number of the day.
    DossierCode is "a dossier code such as 000.00.16.H42-190805-0001" when
        |text| shape(text, "ddd.dd.dd.Ldd-dddddd-dddd");

    /// Procedure code: national (`1.000948.H38`) or local (`DT01`).
    ProcedureCode is "a procedure code: 1 to 64 letters, digits, '.', '_' or '-'" when |text| word(text, 64);

    /// Field of procedures (lĩnh vực), `G03-GD10`.
    FieldCode is "a field code: 1 to 64 letters, digits, '.', '_' or '-'" when |text| word(text, 64);

    /// Kind of result, `KQ.G15.000031`.
    ResultCode is "a result code: 1 to 64 letters, digits, '.', '_' or '-'" when |text| word(text, 64);

    /// A step or task within a procedure, `THU_LY`.
    StepCode is "a step code: 1 to 64 letters, digits, '.', '_', ':' or '-'" when |text| word(text, 64);

    /// A unit inside an agency, as workflow files name groups: `PHONG_QUAN_LY_DO_THI`.
    UnitCode is "a unit code: 1 to 64 letters, digits, '.', '_', ':' or '-'" when |text| word(text, 64);

    /// A payment order, as the gateway or the cash desk numbers it.
    OrderCode is "a payment order: 1 to 64 letters, digits, '.', '_', ':' or '-'" when |text| word(text, 64);

    /// What a gateway calls money that it took.
    TransactionCode is "a transaction: 1 to 64 letters, digits, '.', '_', ':' or '-'" when |text| word(text, 64);

    /// A payment gateway, as whoever runs this names it.
    GatewayCode is "a payment gateway: 1 to 20 letters, digits, '.', '_' or '-'" when
        |text| word(text, 20) && !text.contains(':');

    /// What the national portal answered, its `error_code`: `0`, `-3`.
    PortalAnswer is "an answer code: 1 to 20 letters, digits, '.', '_' or '-'" when
        |text| word(text, 20) && !text.contains(':');

    /// A permission group (nhóm quyền), `BP_MOT_CUA`.
    PermissionGroupCode is "a permission group's code: 1 to 64 letters, digits, '.', '_', ':' or '-'" when
        |text| word(text, 64);

    /// The name under which somebody or a machine signs in. In small letters, so that nobody is confused with another.
    LoginName is "a login name: 3 to 64 small letters, digits, '.', '_' or '-'" when
        |text| 3 <= text.len() && word(text, 64) && !text.contains(':') && !text.bytes().any(|byte| byte.is_ascii_uppercase());

    /// A paper of a dossier, as the procedure names it.
    PaperCode is "a paper code: 1 to 64 letters, digits, '.', '_', ':' or '-'" when |text| word(text, 64);

    /// What a file is: `application/pdf`. In small letters, without parameters.
    MediaType is "a media type such as application/pdf" when media_type;

    /// A SHA-256.
    Digest is "a SHA-256: 64 hex digits in small letters" when
        |text| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
}

/// `d` is a digit, `L` a capital letter, anything else itself.
fn shape(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, place)| match place {
            b'd' => byte.is_ascii_digit(),
            b'L' => byte.is_ascii_uppercase(),
            _ => byte == place,
        })
}

/// Groups of digits and capital letters with a dot between.
fn national(text: &str) -> bool {
    (1..=35).contains(&text.len())
        && text.split('.').all(|group| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
}

fn word(text: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

fn media_type(text: &str) -> bool {
    let part = |part: &str| {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$&^_.+-".contains(&byte);
        (1..=127).contains(&part.len()) && part.bytes().all(plain)
    };
    text.split_once('/').is_some_and(|(kind, name)| part(kind) && part(name))
}

impl DossierCode {
    /// The most numbers an agency can give on one day. Beyond it there is a refusal: never a wrap, never five digits.
    pub const NUMBERS_PER_DAY: u64 = 9_999;

    /// The code with this number of the day, from 1; `None` above [`Self::NUMBERS_PER_DAY`].
    pub fn new(agency: &AgencyCode, date: NaiveDate, number: u64) -> Option<Self> {
        Self::of_the_day(&format!("{agency}-{}", yymmdd(date)), number)
    }

    /// As [`Self::new`], with agency and date as they stand in the code: `000.00.16.H42-190805`.
    pub(crate) fn of_the_day(agency_and_date: &str, number: u64) -> Option<Self> {
        (1..=Self::NUMBERS_PER_DAY).contains(&number).then(|| Self(format!("{agency_and_date}-{number:04}")))
    }

    /// Stands in while a command is decided before its number is known.
    pub fn placeholder(agency: &AgencyCode, date: NaiveDate) -> Self {
        Self(format!("{agency}-{}-0000", yymmdd(date)))
    }
}

/// The date part of a code: `190805`.
pub fn yymmdd(date: NaiveDate) -> String {
    format!("{:02}{:02}{:02}", date.year().rem_euclid(100), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_law_parse_and_others_do_not() {
        for good in ["000.00.16.H42", "001.02.03.G09"] {
            assert_eq!(AgencyCode::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "000.00.16.h42", "000.00.16.H4", "000-00.16.H42", "000.00.16.H42 ", "００0.00.16.H42"]
        {
            assert!(AgencyCode::parse(bad).is_err(), "{bad}");
        }
        assert!(DossierCode::parse("000.00.16.H42-190805-0001").is_ok());
        for bad in ["000.00.16.H42-190805-001", "000.00.16.H42-190805-00001", "000.00.16.H42_190805-0001"] {
            assert!(DossierCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_newer_agency_code_has_groups_and_an_end() {
        let longest = "A".repeat(35);
        for good in ["G09.20", "H25", "H25.01.02", &longest] {
            assert!(NationalAgencyCode::parse(good).is_ok(), "{good}");
        }
        let too_long = "A".repeat(36);
        for bad in ["", ".", "H25.", ".H25", "h25", "H25..01", "H25-01", &too_long] {
            assert!(NationalAgencyCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_media_type_has_no_parameters() {
        for good in ["application/pdf", "application/vnd.oasis.opendocument.text", "image/svg+xml"] {
            assert!(MediaType::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "pdf", "text/", "/plain", "Text/plain", "text/plain;charset=utf-8", "a/b/c", "a/b\r\nc: d"]
        {
            assert!(MediaType::parse(bad).is_err(), "{bad}");
        }
        assert!(Digest::parse(&"0a".repeat(32)).is_ok());
        for bad in ["0A".repeat(32), "0a".repeat(31), "../".repeat(21) + "a"] {
            assert!(Digest::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_code_is_agency_date_and_number() {
        let agency = AgencyCode::parse("000.00.16.H42").unwrap();
        let day = NaiveDate::from_ymd_opt(2019, 8, 5).unwrap();
        assert_eq!(DossierCode::new(&agency, day, 1).unwrap().as_str(), "000.00.16.H42-190805-0001");
        assert_eq!(DossierCode::new(&agency, day, 9_999).unwrap().as_str(), "000.00.16.H42-190805-9999");
        assert_eq!(DossierCode::new(&agency, day, 0), None);
        assert_eq!(DossierCode::new(&agency, day, 10_000), None);
    }
}
