//! What a person is found under, and what a text that somebody types looks for.

use domain::text::fold;

/// A name longer than this is found by its first words. Each two of them are kept, so it is not many.
const WORDS_MAX: usize = 10;
/// Fewer digits are no telephone number and no identity number.
const DIGITS_MIN: usize = 8;

/// What an applicant was found by; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonMatch {
    IdNumber,
    Phone,
    /// The whole name, without regard to case and diacritics.
    Name,
    /// All words of it, in any order.
    Words,
}

/// One thing that somebody is found under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Name(String),
    Word(String),
    /// Two words of a name, in the order of the alphabet: few people share two that one in ten has.
    Pair(String),
    Phone(String),
    IdNumber(String),
}

impl Term {
    /// Part of the MAC, and so kept for as long as [`super::VERSION`].
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Name(_) => b'n',
            Self::Word(_) => b'w',
            Self::Pair(_) => b'2',
            Self::Phone(_) => b'p',
            Self::IdNumber(_) => b'i',
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Name(text)
            | Self::Word(text)
            | Self::Pair(text)
            | Self::Phone(text)
            | Self::IdNumber(text) => text,
        }
    }
}

pub(super) fn terms_of(name: &str, phone: Option<&str>, id_number: Option<&str>) -> Vec<Term> {
    let words = words(name);
    let mut terms = Vec::new();
    if 1 < words.len() {
        terms.push(Term::Name(words.join(" ")));
    }
    let words = distinct(&words);
    for (nth, one) in words.iter().enumerate() {
        terms.extend(words[..nth].iter().map(|other| pair(one, other)));
    }
    terms.extend(words.into_iter().map(Term::Word));
    terms.extend(phone.map(phone_digits).filter(|digits| !digits.is_empty()).map(Term::Phone));
    terms.extend(id_number.map(id_text).filter(|text| !text.is_empty()).map(Term::IdNumber));
    terms
}

/// What a text may mean, the surest first: each with terms that all have to be there.
pub(super) fn sought(text: &str) -> Vec<(PersonMatch, Vec<Term>)> {
    let words = words(text);
    let mut sought = Vec::new();
    let is_number = DIGITS_MIN <= text.chars().filter(char::is_ascii_digit).count();
    if is_number {
        sought.push((PersonMatch::IdNumber, vec![Term::IdNumber(id_text(text))]));
        sought.push((PersonMatch::Phone, vec![Term::Phone(phone_digits(text))]));
    }
    if 1 < words.len() {
        sought.push((PersonMatch::Name, vec![Term::Name(words.join(" "))]));
    }
    let words = distinct(&words);
    match &words[..] {
        [] => {}
        [word] => sought.push((PersonMatch::Words, vec![Term::Word(word.clone())])),
        // Each word is in one of them.
        words => {
            let pairs = words.windows(2).map(|two| pair(&two[0], &two[1]));
            sought.push((PersonMatch::Words, pairs.collect()));
        }
    }
    sought
}

fn pair(one: &str, other: &str) -> Term {
    let (first, last) = if one <= other { (one, other) } else { (other, one) };
    Term::Pair(format!("{first} {last}"))
}

/// Punctuation separates: `Công ty TNHH An-Bình` is found by `binh an`.
fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    folded
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(str::to_owned)
        .collect()
}

fn distinct(words: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for word in words {
        if !distinct.contains(word) {
            distinct.push(word.clone());
        }
    }
    distinct
}

/// As it is dialled within the country: `+84 912 345 678` is `0912345678`.
fn phone_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let abroad = if text.trim_start().starts_with('+') {
        digits.strip_prefix("84")
    } else {
        digits.strip_prefix("0084")
    };
    abroad.map_or(digits.clone(), |rest| format!("0{rest}"))
}

/// Letters and digits: a passport has both.
fn id_text(text: &str) -> String {
    let text = text.chars().filter(char::is_ascii_alphanumeric);
    text.map(|character| character.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Term {
        Term::Word(text.to_owned())
    }

    #[test]
    fn a_person_is_found_under_the_name_its_words_and_numbers() {
        let terms = terms_of("Đặng Thị  Thị Hồng", Some("+84 912.345.678"), Some("c1234567"));
        assert_eq!(
            terms,
            [
                Term::Name("dang thi thi hong".to_owned()),
                pair("dang", "thi"),
                pair("dang", "hong"),
                pair("hong", "thi"),
                word("dang"),
                word("thi"),
                word("hong"),
                Term::Phone("0912345678".to_owned()),
                Term::IdNumber("C1234567".to_owned()),
            ]
        );
        assert_eq!(terms_of("An", None, Some(" - ")), [word("an")]);
        assert_eq!(terms_of("", Some(""), None), []);
    }

    #[test]
    fn a_number_is_looked_for_as_a_number_first() {
        let by = |text| sought(text).into_iter().map(|(by, _)| by).collect::<Vec<_>>();
        assert_eq!(by("0084912345678"), [PersonMatch::IdNumber, PersonMatch::Phone, PersonMatch::Words]);
        assert_eq!(by("hồng đặng"), [PersonMatch::Name, PersonMatch::Words]);
        assert_eq!(by("1234567"), [PersonMatch::Words]);
        assert_eq!(by(" .,- "), []);
        let two = sought("Hồng Thị Đặng").pop().unwrap();
        assert_eq!(two, (PersonMatch::Words, vec![pair("thi", "hong"), pair("dang", "thi")]));
        assert_eq!(sought("Hồng")[0].1, [word("hong")]);
        let numbers = sought("0084 912 345 678");
        assert_eq!(numbers[1].1, [Term::Phone("0912345678".to_owned())]);
    }

    /// Of a kind of its own: a number that somebody is called by is nobody's telephone.
    #[test]
    fn kinds_differ() {
        let text = || "7".to_owned();
        let kinds: std::collections::HashSet<u8> = [
            Term::Name(text()),
            Term::Word(text()),
            Term::Pair(text()),
            Term::Phone(text()),
            Term::IdNumber(text()),
        ]
        .iter()
        .map(Term::kind)
        .collect();
        assert_eq!(kinds.len(), 5);
    }
}
