//! Events of dossiers that nobody filed, as many as are asked for.

use chrono::TimeDelta;
use domain::calendar::Calendar;
use domain::codes::{AgencyCode, DossierCode, ProcedureCode, StepCode};
use domain::decider::StoredEvent;
use domain::dossier::{self as events, Event};
use domain::identity::{AgencyId, AppendId, KeyId, NAMESPACE, PrincipalId, ProcedureId};
use domain::private::{Private, SealedToken};
use domain::recorded::Version;
use domain::time::{Instant, VIETNAM};
use domain::working_time::{DuePolicy, OfficeHours, Term};
use infrastructure::event_store::{Append, EventStore, Expected, NewEvent};
use uuid::Uuid;

use super::{CliError, output};

const WRITERS: usize = 128;

/// Of an event of some 300 bytes, envelope included.
pub(super) fn sample() -> (String, String) {
    let metadata = format!(
        r#"{{"command":"{id}","mac":"{mac}","actor":"{id}","acting_as":{{"agency":"{id}"}},"channel":"demo"}}"#,
        id = NAMESPACE,
        mac = "m".repeat(43),
    );
    (format!(r#"{{"dossier_id":"{NAMESPACE}","entered_at":"2026-11-24T02:00:00Z"}}"#), metadata)
}

/// Dossiers of eight events each, thousands of them open at once, as a province has them. Values are sealed tokens of
/// the usual length; nothing opens them here.
pub(super) async fn generate(store: &EventStore, events: u64, open: u64) -> Result<(), CliError> {
    let mut progress = output::Progress::new("generating events", events);
    let dossiers = events.div_ceil(8);
    let mut done = 0;
    for first in (0..dossiers).step_by(usize::try_from(open).unwrap_or(usize::MAX).max(1)) {
        let group = first..dossiers.min(first + open);
        for nth in 0..8_usize {
            let mut tasks = tokio::task::JoinSet::new();
            for writer in 0..WRITERS {
                let (store, group) = (store.clone(), group.clone());
                tasks.spawn(async move {
                    for dossier in group.skip(writer).step_by(WRITERS) {
                        store.append(generated(dossier, nth)?).await?;
                    }
                    Ok::<(), CliError>(())
                });
            }
            while let Some(task) = tasks.join_next().await {
                task.map_err(|error| CliError::Refused(error.to_string()))??;
            }
            done += group.end - group.start;
            progress.set(done);
        }
    }
    progress.finish();
    Ok(())
}

pub(super) fn generated(dossier: u64, nth: usize) -> Result<Append, CliError> {
    // One hour after the other, four dossiers in each.
    let life = Life { dossier, is_open: false };
    let (event, _) = life.event(nth)?;
    let hours = i64::try_from(dossier / 4 + 9 * nth as u64).unwrap_or(0);
    let (_, metadata) = sample();
    Ok(Append {
        id: AppendId(Uuid::new_v5(&life.id(), &nth.to_be_bytes())),
        stream: format!("dossier-{}", life.id()),
        expected: Expected::Exactly(Version(i64::try_from(nth).unwrap_or(0))),
        events: vec![NewEvent { type_name: event.type_name(), data: event.encode()? }],
        metadata,
        occurred_at: Instant::UNIX_EPOCH + TimeDelta::hours(400_000 + hours),
    })
}

/// Hà Nam's plan of 2018: 27 departments and 116 communes.
pub(super) const AGENCIES: u64 = 143;
pub(super) const OFFICERS: u64 = 20;
/// Days over which the closed dossiers of a [`Life`] are spread.
const DAYS: u64 = 1_000;
/// Those that are open were received within so many days, and are due fifteen days after.
const DAYS_OPEN: u64 = 18;

pub(super) fn agency(nth: u64) -> AgencyId {
    AgencyId(Uuid::from_u128(u128::from(nth % AGENCIES) + 1))
}

pub(super) fn officer(agency: u64, nth: u64) -> Uuid {
    Uuid::from_u128(u128::from(agency % AGENCIES * OFFICERS + nth % OFFICERS) + 1_000_000)
}

/// One dossier of a province: eight events when it is closed, six while it is open.
pub(super) struct Life {
    pub(super) dossier: u64,
    pub(super) is_open: bool,
}

impl Life {
    pub(super) fn now() -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    pub(super) fn id(&self) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("bench dossier {}", self.dossier).as_bytes())
    }

    pub(super) fn events(&self) -> usize {
        if self.is_open { 6 } else { 8 }
    }

    fn received_at(&self) -> Instant {
        // Mixed up, but the same in every run.
        let minutes = |days: u64| self.dossier.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (days * 1_440);
        let ago = if self.is_open { minutes(DAYS_OPEN) } else { DAYS_OPEN * 1_440 + minutes(DAYS) };
        Self::now() - TimeDelta::minutes(i64::try_from(ago).unwrap_or(0))
    }

    pub(super) fn code(&self) -> Result<DossierCode, CliError> {
        let code = AgencyCode::parse("000.00.16.H42").map_err(usage)?;
        let first = Instant::UNIX_EPOCH.with_timezone(&VIETNAM).date_naive();
        let day = first + chrono::Days::new(16_000 + self.dossier / 9_000);
        DossierCode::new(&code, day, self.dossier % 9_000 + 1)
            .ok_or_else(|| CliError::Usage("too many dossiers".to_owned()))
    }

    /// An event of this dossier, and when it happens.
    pub(super) fn event(&self, nth: usize) -> Result<(Event, Instant), CliError> {
        let sealed = |length: usize| Private::Sealed(SealedToken::from_text("x".repeat(length)));
        let agency_number = self.dossier % AGENCIES;
        let agency = agency(agency_number);
        let assignee = Some(PrincipalId(officer(agency_number, self.dossier / AGENCIES)));
        let holder = events::Holder { agency, unit: None, assignee };
        let received_at = self.received_at();
        let procedure = format!("DT{:02}", self.dossier % 60 + 1);
        let step = |code: &str| -> Result<Event, CliError> {
            let step = StepCode::parse(code).map_err(usage)?;
            Ok(Event::StepCompleted(events::StepCompleted { step, note: None, anomalies: Vec::new() }))
        };
        let event = match nth {
            0 => {
                let procedure = ProcedureCode::parse(&procedure).map_err(usage)?;
                Event::Submitted(events::Submitted {
                    code: self.code()?,
                    code_rule: events::CodeRule::AtSubmission,
                    procedure: events::ProcedureRef {
                        id: ProcedureId::of(&procedure),
                        code: procedure,
                        version: 1,
                    },
                    agencies: events::Agencies { supporting: None, receiving: agency, competent: agency },
                    channel: events::Channel::Online,
                    dossier_key: KeyId(NAMESPACE),
                    applicant: events::Applicant {
                        key: KeyId(NAMESPACE),
                        kind: events::ApplicantKind::Citizen,
                        account: None,
                        name: sealed(160),
                        id_number: Some(sealed(150)),
                        phone: Some(sealed(150)),
                        email: None,
                        address: Some(sealed(200)),
                    },
                    delegate: None,
                    subject: Some(sealed(220)),
                    form: None,
                    public_form: None,
                    papers: Vec::new(),
                    answer_by: None,
                    imported: None,
                })
            }
            1 => Event::Received(events::Received {
                term: Term::WorkingDays(15),
                due_at: Some(received_at + TimeDelta::days(15)),
                calendar: Calendar::built_in().version().clone(),
                office_hours: OfficeHours::default(),
                due_policy: DuePolicy::default(),
                holder,
            }),
            2 => step("BAN_GIAO")?,
            3 => Event::Forwarded(events::Forwarded { to: holder, note: None }),
            4 => step("THU_LY")?,
            5 => step("XET_DUYET")?,
            6 => Event::ProcessingFinished(events::ProcessingFinished {
                outcome: events::Outcome::Granted,
                note: None,
                anomalies: Vec::new(),
            }),
            _ => Event::ResultReturned(events::ResultReturned {
                method: events::ReturnMethod::Counter,
                note: None,
            }),
        };
        let hours = if nth < 6 { nth } else { 200 + nth };
        Ok((event, received_at + TimeDelta::hours(i64::try_from(hours).unwrap_or(0))))
    }
}

fn usage(error: domain::codes::InvalidCode) -> CliError {
    CliError::Usage(error.to_string())
}
