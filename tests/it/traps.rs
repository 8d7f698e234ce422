//! Traps of figures and dates that other systems fell into, as one would meet them at a counter.

use api::input::{FinishProcessingInput, Outcome, ReturnMethod, ReturnResultInput};
use api::service::Service;
use domain::identity::DossierId;
use infrastructure::clock::Clock;
use projections::progress::Progress;

use crate::support::office::{ADMIN, INTAKE, LEADER, caller, established, key, month_of, on, registered};
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    the_small_hours_belong_to_the_local_day,
    a_result_ready_early_and_collected_late_was_early,
    the_report_of_a_past_month_is_what_it_was_at_its_end,
);

const APRIL: &str = "2024-04";
const MAY: &str = "2024-05";

async fn office(place: &Place, at: &str) -> (Service, Clock) {
    let clock = Clock::fixed(instant(at));
    (established(place, clock.clone()).await, clock)
}

async fn figures(service: &Service, month: &str) -> Progress {
    service.read_side.catch_up().await.unwrap();
    service.progress(&caller(ADMIN), &month_of(month)).await.unwrap().total
}

async fn finish(service: &Service, dossier: DossierId) {
    let outcome = Outcome::Granted;
    let input =
        FinishProcessingInput { on: on(key(&format!("finish {dossier}")), dossier), outcome, note: None };
    service.finish_processing(&caller(LEADER), &input).await.unwrap();
}

/// 00:30 on 1/5 in Việt Nam is 17:30 on 30/4 in Greenwich.
async fn the_small_hours_belong_to_the_local_day(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, _) = office(&place, "2024-05-01T00:30:00+07:00").await;
    let accepted = registered(&service, "at night").await;
    assert_eq!(accepted.code.as_str(), "000.00.16.H42-240501-0001");
    assert_eq!((figures(&service, APRIL).await.received, figures(&service, MAY).await.received), (0, 1));
    // 1/5 is off, so it counts as received on Thursday 2/5: 3/5, the make-up Saturday 4/5, 6/5, 7/5 and 8/5.
    let row = service.dossier_by_id(&caller(ADMIN), accepted.dossier_id).await.unwrap().unwrap();
    let due_at = infrastructure::event_store::instant(row.due_at.unwrap());
    assert_eq!(due_at, instant("2024-05-08T17:00:00+07:00"));
}

async fn a_result_ready_early_and_collected_late_was_early(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-04-22T09:00:00+07:00").await;
    let dossier = registered(&service, "early").await.dossier_id;
    clock.set(instant("2024-04-24T09:00:00+07:00"));
    finish(&service, dossier).await;
    let april = figures(&service, APRIL).await;
    assert_eq!((april.early, april.late, april.pending()), (1, 0, 0));
    clock.set(instant("2024-05-31T09:00:00+07:00"));
    let collect =
        ReturnResultInput { on: on(key("collect"), dossier), method: ReturnMethod::Counter, note: None };
    service.return_result(&caller(INTAKE), &collect).await.unwrap();
    assert_eq!(figures(&service, APRIL).await, april);
    let may = figures(&service, MAY).await;
    assert_eq!((may.resolved(), may.late, may.carried_over), (0, 0, 0));
}

async fn the_report_of_a_past_month_is_what_it_was_at_its_end(backend: Backend) {
    let place = Place::new(backend).await;
    let (service, clock) = office(&place, "2024-04-15T09:00:00+07:00").await;
    // Due on Tuesday 23/4 (18/4 is off), and nobody has finished it by the end of April.
    let overdue = registered(&service, "overdue").await.dossier_id;
    clock.set(instant("2024-04-26T09:00:00+07:00"));
    let not_due = registered(&service, "not due").await.dossier_id;
    clock.set(instant("2024-04-30T23:59:59+07:00"));
    let then = figures(&service, APRIL).await;
    assert_eq!((then.received, then.resolved(), then.overdue, then.not_due), (2, 0, 1, 1));
    assert_eq!(then.on_time_share(), None, "nothing was resolved");
    clock.set(instant("2024-05-06T09:00:00+07:00"));
    finish(&service, overdue).await;
    finish(&service, not_due).await;
    clock.set(instant("2026-01-05T09:00:00+07:00"));
    assert_eq!(figures(&service, APRIL).await, then);
    let may = figures(&service, MAY).await;
    assert_eq!((may.carried_over, may.resolved(), may.late, may.pending()), (2, 2, 1, 0));
    assert_eq!(may.on_time_share().unwrap().percent(), 50.0);
}
