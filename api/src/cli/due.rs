//! `motcua due`: the working-time engine by hand.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset};
use clap::Args;
use domain::calendar::Calendar;
use domain::time::{VIETNAM, truncate};
use domain::working_time::{self, Due as Answer, DuePolicy, OfficeHours, Term};
use serde_json::json;

use super::{CliError, output};

#[derive(Debug, Args)]
pub(super) struct Due {
    /// When it was received, with offset: 2024-04-26T09:00:00+07:00
    #[arg(long, value_name = "INSTANT")]
    received: DateTime<FixedOffset>,
    #[command(flatten)]
    term: TermArgs,
    /// A calendar of your own: date,day,kind,name [default: the built-in one, 2017-2027]
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct TermArgs {
    /// Working days; the day of receipt does not count
    #[arg(long, value_name = "N")]
    working_days: Option<u32>,
    /// Half working days: received in the morning, due in the morning or afternoon
    #[arg(long, value_name = "N")]
    half_days: Option<u32>,
    /// Working hours
    #[arg(long, value_name = "N")]
    hours: Option<u32>,
    /// Calendar days; a day off moves it on
    #[arg(long, value_name = "N")]
    calendar_days: Option<u32>,
}

impl TermArgs {
    fn term(&self) -> Result<Term, CliError> {
        match (self.working_days, self.half_days, self.hours, self.calendar_days) {
            (Some(days), None, None, None) => Ok(Term::WorkingDays(days)),
            (None, Some(halves), None, None) => Ok(Term::HalfDays(halves)),
            (None, None, Some(hours), None) => Ok(Term::WorkingHours(hours)),
            (None, None, None, Some(days)) => Ok(Term::CalendarDays(days)),
            // The parser has seen to it already.
            _ => Err(CliError::Usage("give exactly one term".to_owned())),
        }
    }
}

impl Due {
    pub(super) fn run(self) -> Result<(), CliError> {
        let own = match &self.calendar {
            Some(path) => {
                let what = format!("the calendar {} cannot be read", path.display());
                let bytes = std::fs::read(path).map_err(CliError::io(what))?;
                let text = String::from_utf8(bytes).map_err(|error| {
                    CliError::Refused(format!("the calendar {} is not UTF-8: {error}", path.display()))
                })?;
                Some(Calendar::parse(&text).map_err(|error| {
                    CliError::Refused(format!("the calendar {} is not sound: {error}", path.display()))
                })?)
            }
            None => None,
        };
        let calendar = own.as_ref().unwrap_or_else(|| Calendar::built_in());
        let received = truncate(self.received.to_utc());
        let term = self.term.term()?;
        let answer =
            working_time::due(received, &term, calendar, &OfficeHours::default(), &DuePolicy::default())
                .map_err(|error| CliError::Refused(error.to_string()))?;
        self.print(&answer, calendar)
    }

    fn print(&self, answer: &Answer, calendar: &Calendar) -> Result<(), CliError> {
        let due = answer.at.map(|at| at.with_timezone(&VIETNAM).to_rfc3339());
        if self.json {
            let why: Vec<_> = answer
                .why
                .iter()
                .map(|reason| json!({"date": reason.on, "vi": reason.vietnamese(), "en": reason.english()}))
                .collect();
            return output::json(&json!({"due": due, "calendar": calendar.version(), "why": why}));
        }
        let mut text = format!("{}\n", due.unwrap_or_else(|| "không có ngày hẹn trả".to_owned()));
        for reason in &answer.why {
            text.push_str(&format!("  {}  {}\n", reason.on.format("%d/%m/%Y"), reason.vietnamese()));
        }
        output::text(&text)
    }
}
