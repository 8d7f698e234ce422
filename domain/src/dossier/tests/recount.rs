//! Due instants under another calendar than the one they were counted with.

use super::*;
use crate::calendar::{Amendment, CalendarVersion, DayKind, DeclaredDay};
use crate::testing::dossier_histories;

fn events(history: &History) -> impl Iterator<Item = (Instant, &Event)> {
    history.iter().map(|(at, event)| (*at, event))
}

/// Everything counted with this calendar.
fn due<'a>(history: impl Iterator<Item = (Instant, &'a Event)>, calendar: Arc<Calendar>) -> Option<Instant> {
    due_under(history, &|_| Some(Arc::clone(&calendar)))
}

/// The built-in calendar with one more day off.
fn with_a_day_off(date: &str) -> Arc<Calendar> {
    let date = date.parse().unwrap();
    let day = DeclaredDay { date, kind: DayKind::Holiday, name: "Nghỉ do bão".to_owned(), decision: None };
    let amendment = Amendment { days: vec![day], ..Amendment::default() };
    Arc::new(law().calendar.amended(&amendment).unwrap())
}

#[test]
fn a_day_off_decided_later_moves_what_is_counted_over_it() {
    let received = received_on_monday();
    let before = Some(at("2024-05-20 17:00"));
    assert_eq!(due(events(&received), law().calendar), before);
    assert_eq!(due(events(&received), with_a_day_off("2024-05-14")), Some(at("2024-05-21 17:00")));
    assert_eq!(due(events(&received), with_a_day_off("2024-05-20")), Some(at("2024-05-21 17:00")));
    // Had the office been closed on the day of receipt, it would count as received the day after.
    assert_eq!(due(events(&received), with_a_day_off("2024-05-06")), Some(at("2024-05-21 17:00")));
    // What lies behind the due day is not looked at.
    assert_eq!(due(events(&received), with_a_day_off("2024-05-21")), before);
}

#[test]
fn a_pause_is_counted_again_as_well() {
    // Asked on Thursday 9/5, answered on Tuesday 14/5: three working days, so due on Thursday 23/5.
    let paused = then(
        received_on_monday(),
        [("2024-05-09 15:00", request_supplement()), ("2024-05-14 08:00", receive_supplement())],
    );
    assert_eq!(due(events(&paused), law().calendar), Some(at("2024-05-23 17:00")));
    // A day off within the pause takes one from the pause and adds one to the term.
    assert_eq!(due(events(&paused), with_a_day_off("2024-05-10")), Some(at("2024-05-23 17:00")));
    assert_eq!(due(events(&paused), with_a_day_off("2024-05-22")), Some(at("2024-05-24 17:00")));
}

#[test]
fn what_was_set_by_hand_stays_and_what_no_calendar_reaches_is_not_told() {
    assert_eq!(due(events(&online()), law().calendar), None, "before receipt");
    let by_hand = then(imported_on_monday(), []);
    let set = filed(by_hand.clone()).clock().unwrap().legal_due_at;
    assert_eq!(due(events(&by_hand), with_a_day_off("2024-05-07")), set);
    let years = Arc::new(Calendar::new("short", 2020..=2021, [], []).unwrap());
    assert_eq!(due(events(&received_on_monday()), years), None);
}

#[test]
fn each_count_has_a_calendar_of_its_own() {
    let calendar = with_a_day_off("2024-05-22");
    let rules = WorkingTime { calendar: Arc::clone(&calendar), ..law() };
    // Three working days stood still, so due on Thursday 23/5, and on Friday where 22/5 is off.
    let resumed = then(
        received_on_monday(),
        [
            ("2024-05-09 15:00", pause(PauseReason::OtherAgency)),
            ("2024-05-14 08:00", Command::Resume { note: None, rules }),
        ],
    );
    let versions: Vec<_> = resumed.iter().filter_map(|(_, event)| version_of(event)).collect();
    assert_eq!(versions, [law().calendar.version(), calendar.version()]);
    let written = filed(resumed.clone()).clock().unwrap().legal_due_at;
    assert_eq!(written, Some(at("2024-05-24 17:00")));
    let as_used = |version: &CalendarVersion| {
        [law().calendar, Arc::clone(&calendar)].into_iter().find(|known| known.version() == version)
    };
    assert_eq!(due_under(events(&resumed), &as_used), written);
    assert_eq!(due_under(events(&resumed), &|_| None), written, "what is not known stays as it was written");
    assert_eq!(due(events(&resumed), law().calendar), Some(at("2024-05-23 17:00")));
}

proptest! {
    /// With the calendar that everything was counted with, the count comes to what was written.
    #[test]
    fn counted_again_with_the_same_calendar_nothing_moves(history in dossier_histories()) {
        let state = state_of(&history);
        let written = state.filed().and_then(|filed| filed.clock()).and_then(|clock| clock.legal_due_at);
        prop_assert_eq!(due(events(&history), law().calendar), written);
    }
}
