//! Days from and to, as clients write them: a day or a whole month.

use chrono::{Months, NaiveDate};

use crate::problem::Problem;

/// The days of a period, both included. `2026-11` stands for all days of the month.
pub(crate) fn days(from: &str, to: &str) -> Result<(NaiveDate, NaiveDate), Problem> {
    let (from, _) = bounds("period.from", from)?;
    let (_, to) = bounds("period.to", to)?;
    if to < from {
        return Err(Problem::invalid("period", "ends before it begins"));
    }
    Ok((from, to))
}

fn bounds(field: &'static str, text: &str) -> Result<(NaiveDate, NaiveDate), Problem> {
    let invalid = || Problem::invalid(field, "neither a day such as 2026-11-24 nor a month such as 2026-11");
    // `parse` would take signs and short years as well.
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    match shape.collect::<Vec<u8>>().as_slice() {
        b"0000-00-00" => {
            let day = text.parse().map_err(|_| invalid())?;
            Ok((day, day))
        }
        b"0000-00" => {
            let first: NaiveDate = format!("{text}-01").parse().map_err(|_| invalid())?;
            let next = first.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt());
            Ok((first, next.ok_or_else(invalid)?))
        }
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_stands_for_its_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(days("2024-02", "2024-02").unwrap(), (day("2024-02-01"), day("2024-02-29")));
        assert_eq!(days("2023-12-01", "2024-02").unwrap(), (day("2023-12-01"), day("2024-02-29")));
        assert_eq!(days("2024-03-05", "2024-03-05").unwrap(), (day("2024-03-05"), day("2024-03-05")));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "2024", "2024-13", "2024-00", "2024-02-30", "+024-01", "2024-1", "24-01-01", "2024-01-01T00"]
        {
            assert!(days(text, "2024-05").is_err(), "{text}");
            assert!(days("2000-01", text).is_err(), "{text}");
        }
        assert!(days("2024-03-02", "2024-03-01").is_err());
    }
}
