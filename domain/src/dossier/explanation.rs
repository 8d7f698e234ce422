//! Why a dossier is due when it is: the whole way from the receipt over every pause and extension, day by day, in words
//! that an officer and a citizen can follow.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    Clock, Dossier, Event, Filed, Pause, PauseReason, Phase, Received, Resumed, SupplementReceived,
    Timeliness,
};
use crate::calendar::{Calendar, CalendarVersion, Day};
use crate::decider::Decider;
use crate::time::{Instant, local, local_date};
use crate::working_time::{self, OfficeHours, Reason, Resume, Term, What};

/// Days of one pause that are told one by one; a longer one is told by its ends.
const PAUSE_DAYS_TOLD_MAX: usize = 120;

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The local day it is about.
    pub on: NaiveDate,
    pub vietnamese: String,
    pub english: String,
}

/// The way to the due instant of a dossier, from its events, each told with the version of the calendar that it was
/// computed with. Empty before receipt. What a calendar that is not loaded would have to tell is left out; the due
/// instants themselves are those that were written.
pub fn explain<'a>(
    history: impl IntoIterator<Item = (Instant, &'a Event)>,
    calendars: &dyn Fn(&CalendarVersion) -> Arc<Calendar>,
) -> Vec<Explained> {
    let mut story = Story { calendars, told: Vec::new() };
    let mut dossier = Dossier::default();
    for (at, event) in history {
        let before = dossier.filed().map(|filed| filed.phase.clone());
        dossier = dossier.evolve(at, event);
        if let Some(filed) = dossier.filed() {
            story.tell(at, event, before.as_ref(), filed);
        }
    }
    story.told
}

struct Story<'a> {
    calendars: &'a dyn Fn(&CalendarVersion) -> Arc<Calendar>,
    told: Vec<Explained>,
}

impl Story<'_> {
    fn say(&mut self, on: NaiveDate, vietnamese: String, english: String) {
        self.told.push(Explained { on, vietnamese, english });
    }

    fn say_reasons(&mut self, reasons: Vec<Reason>) {
        for reason in reasons {
            self.say(reason.on, reason.vietnamese(), reason.english());
        }
    }

    fn tell(&mut self, at: Instant, event: &Event, before: Option<&Phase>, filed: &Filed) {
        match (event, before) {
            (Event::Received(received), _) => self.receipt(at, received),
            (
                Event::SupplementReceived(SupplementReceived { clock: resumption, .. })
                | Event::Resumed(Resumed { clock: resumption, .. }),
                Some(Phase::Paused { clock: stood, since, reason }),
            ) => {
                if let Some(clock) = filed.clock() {
                    let calendar = (self.calendars)(&resumption.calendar);
                    self.pause(&calendar, (*since, at), *reason, stood, clock);
                }
            }
            (Event::Extended(extended), Some(Phase::InProgress { clock, .. })) => {
                let (old, new) = (clock.due_at, extended.due_at);
                self.say(
                    local_date(at),
                    format!(
                        "{}: xin lỗi và gia hạn, hẹn trả {} thay cho {}; đánh giá đúng hạn vẫn theo {}.",
                        day(at),
                        moment(new),
                        old.map_or_else(|| "không có".to_owned(), moment),
                        clock.legal_due_at.map_or_else(|| "không có".to_owned(), moment),
                    ),
                    format!(
                        "{}: extended, due {} instead of {}; on time is still measured by {}.",
                        day(at),
                        moment(new),
                        old.map_or_else(|| "none".to_owned(), moment),
                        clock.legal_due_at.map_or_else(|| "none".to_owned(), moment),
                    ),
                );
            }
            (Event::ProcessingFinished(_), _) => {
                let Some(clock) = filed.clock() else { return };
                let (vietnamese, english) = match Timeliness::of(at, clock.legal_due_at) {
                    Timeliness::Early => ("trước hạn", "early"),
                    Timeliness::OnTime => ("đúng hạn", "on time"),
                    Timeliness::Late => ("quá hạn", "late"),
                };
                self.say(
                    local_date(at),
                    format!("{}: kết thúc xử lý lúc {}, {vietnamese}.", day(at), time(at)),
                    format!("{}: processing ended at {}, {english}.", day(at), time(at)),
                );
            }
            // What a dossier that has ended takes back is its end.
            (Event::Corrected(_), Some(Phase::Finished { .. })) => {
                self.say(
                    local_date(at),
                    format!("{}: đính chính, hồ sơ chưa kết thúc xử lý.", day(at)),
                    format!("{}: corrected, processing had not ended.", day(at)),
                );
            }
            _ => {}
        }
    }

    fn receipt(&mut self, at: Instant, received: &Received) {
        let (hours, policy) = (&received.office_hours, &received.due_policy);
        let calendar = (self.calendars)(&received.calendar);
        match working_time::due(at, &received.term, &calendar, hours, policy) {
            Ok(due) => self.say_reasons(due.why),
            // Taken over from elsewhere, or a calendar that this program does not have.
            Err(_) => {
                let due = received.due_at.map_or_else(|| "-".to_owned(), moment);
                self.say(
                    local_date(at),
                    format!("{}: tiếp nhận lúc {}, hẹn trả {due} theo hồ sơ gốc.", day(at), time(at)),
                    format!("{}: received at {}, due {due} as recorded.", day(at), time(at)),
                );
            }
        }
    }

    fn pause(
        &mut self,
        calendar: &Calendar,
        (since, until): (Instant, Instant),
        reason: Pause,
        stood: &Clock,
        clock: &Clock,
    ) {
        let (vietnamese, english) = reason_words(reason);
        self.say(
            local_date(since),
            format!("{}: tạm dừng từ {} ({vietnamese}).", day(since), time(since)),
            format!("{}: the clock stops at {} ({english}).", day(since), time(since)),
        );
        let days: Vec<_> =
            local_date(since).iter_days().take_while(|date| *date < local_date(until)).collect();
        if days.len() <= PAUSE_DAYS_TOLD_MAX {
            days.into_iter().for_each(|date| self.day_of_pause(calendar, date));
        }
        self.say(
            local_date(until),
            format!("{}: tiếp tục từ {}.", day(until), time(until)),
            format!("{}: the clock runs again from {}.", day(until), time(until)),
        );
        match clock.policy.resume {
            Resume::Restart => {
                let hours = OfficeHours::default();
                let again = working_time::due(until, &clock.term, calendar, &hours, &clock.policy);
                self.say(
                    local_date(until),
                    format!("{}: thời hạn tính lại từ đầu.", day(until)),
                    format!("{}: the whole term runs again.", day(until)),
                );
                // The written due instant counts; the days are told where they lead to it.
                if let Ok(due) = again
                    && due.at == clock.due_at
                {
                    self.say_reasons(due.why);
                    return;
                }
            }
            Resume::Shift => self.shifted_days(calendar, stood, clock),
            Resume::StatisticsOnly => {
                self.say(
                    local_date(until),
                    format!(
                        "{}: ngày hẹn trả giữ nguyên, thời gian tạm dừng không tính khi đánh giá.",
                        day(until)
                    ),
                    format!(
                        "{}: the appointment stays, the pause does not count in the measure.",
                        day(until)
                    ),
                );
                return;
            }
        }
        if let (Some(old), Some(new)) = (stood.due_at, clock.due_at) {
            self.say(
                local_date(new),
                format!("{}: hẹn trả {} thay cho {}.", day(new), moment(new), moment(old)),
                format!("{}: due {} instead of {}.", day(new), moment(new), moment(old)),
            );
        }
    }

    /// A working day of the pause; what is off is off in any case.
    fn day_of_pause(&mut self, calendar: &Calendar, date: NaiveDate) {
        match calendar.day(date) {
            Ok(Day::Working | Day::MakeUp(_)) => {
                let on = date.format("%d/%m/%Y");
                self.say(
                    date,
                    format!("{on}: tạm dừng, không tính."),
                    format!("{on}: stood still, not counted."),
                );
            }
            Ok(Day::Weekend) => self.say_reasons(vec![Reason { on: date, what: What::Weekend }]),
            Ok(Day::Off(off)) => {
                self.say_reasons(vec![Reason { on: date, what: What::DayOff(off.clone()) }]);
            }
            Err(_) => {}
        }
    }

    /// The working days after the old due day that the pause gave back.
    fn shifted_days(&mut self, calendar: &Calendar, stood: &Clock, clock: &Clock) {
        let by_days = match clock.term {
            Term::WorkingDays(_) | Term::CalendarDays(_) | Term::Given(_) => true,
            Term::HalfDays(_) | Term::WorkingHours(_) | Term::Open => false,
        };
        let (Some(old), Some(new), true) = (stood.due_at, clock.due_at, by_days) else { return };
        let (old, new) = (local_date(old), local_date(new));
        for (nth, date) in (1..).zip(
            old.iter_days()
                .skip(1)
                .take_while(|date| *date <= new)
                .filter(|date| calendar.is_working_day(*date).unwrap_or(false))
                .collect::<Vec<_>>(),
        ) {
            let on = date.format("%d/%m/%Y");
            self.say(
                date,
                format!("{on}: bù ngày tạm dừng thứ {nth}."),
                format!("{on}: makes up for paused day {nth}."),
            );
        }
    }
}

fn reason_words(reason: Pause) -> (&'static str, &'static str) {
    match reason {
        Pause::Supplement => ("chờ bổ sung hồ sơ", "waiting for a supplement"),
        Pause::Other(PauseReason::FinancialObligation) => {
            ("chờ thực hiện nghĩa vụ tài chính", "waiting for a payment")
        }
        Pause::Other(PauseReason::PublicPosting) => ("niêm yết công khai", "public posting"),
        Pause::Other(PauseReason::OtherAgency) => ("chờ cơ quan khác", "another agency's part"),
        Pause::Other(PauseReason::Suspension) => ("tạm dừng theo quyết định", "suspended by decision"),
    }
}

fn day(at: Instant) -> String {
    local(at).format("%d/%m/%Y").to_string()
}

fn time(at: Instant) -> String {
    local(at).format("%H:%M").to_string()
}

fn moment(at: Instant) -> String {
    local(at).format("%H:%M %d/%m/%Y").to_string()
}
