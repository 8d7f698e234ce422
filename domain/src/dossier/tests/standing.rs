//! A dossier as of an instant.

use super::*;
use crate::testing::dossier_histories;

fn events(history: &History) -> impl Iterator<Item = (Instant, &Event)> {
    history.iter().map(|(at, event)| (*at, event))
}

fn stage_as_of(history: &History, when: &str) -> Option<Stage> {
    as_of(events(history), at(when)).filed().map(Filed::stage)
}

#[test]
fn as_of_an_instant_it_is_what_it_was_then() {
    let paused = then(received_on_monday(), [("2024-05-09 09:00", request_supplement())]);
    assert_eq!(stage_as_of(&paused, "2024-05-05 09:00"), None);
    assert_eq!(stage_as_of(&paused, "2024-05-08 09:00"), Some(Stage::Received));
    assert_eq!(stage_as_of(&paused, "2024-05-09 09:00"), Some(Stage::AwaitingSupplement));
}

#[test]
fn a_mistake_that_is_known_never_was() {
    let ended = then(received_on_monday(), [("2024-05-09 09:00", finish_processing())]);
    let corrected = then(ended.clone(), [("2024-05-13 09:00", correct())]);
    assert_eq!(stage_as_of(&ended, "2024-05-10 09:00"), Some(Stage::Finished));
    assert_eq!(stage_as_of(&corrected, "2024-05-10 09:00"), Some(Stage::Received));
    assert_eq!(standing(events(&corrected), |(_, event)| event).len(), corrected.len() - 2);
    // Only the mistake itself, not the same thing done right before or after.
    let again = then(corrected, [("2024-05-14 09:00", finish_processing())]);
    assert_eq!(stage_as_of(&again, "2024-05-13 12:00"), Some(Stage::Received));
    assert_eq!(stage_as_of(&again, "2024-05-14 09:00"), Some(Stage::Finished));
}

proptest! {
    /// What stands leads where everything leads.
    #[test]
    fn as_of_the_end_it_is_what_it_is(history in dossier_histories()) {
        let whole: Dossier = fold(events(&history));
        let standing = as_of(events(&history), Instant::MAX_UTC);
        let seen = |dossier: &Dossier| dossier.filed().map(|filed| {
            (filed.stage(), filed.clock().cloned(), filed.holder.clone(), filed.supplements, filed.extensions)
        });
        prop_assert_eq!(seen(&whole), seen(&standing));
    }
}
