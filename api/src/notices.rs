//! Reminders: whoever has to act on a dossier is told that it is due soon, due today or overdue, and the head of the agency
//! when it stays overdue. The head is told of each break-glass as well. docs/adr/0018, 0024
//!
//! One process of all carries them. A round looks at the deadline board, and at what was disclosed, for what nobody was told
//! yet, writes down who is to be told (`notice.raised.v1`, `notice.disclosure_raised.v1`), then tries what waits and writes
//! down what came of it. All it needs to know is in the log, so it can stop at any moment; a message may go out twice then,
//! under the same id, and never not at all.

mod settings;
mod wording;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use domain::dossier::Stage;
use domain::identity::{AgencyId, DossierId};
use domain::notice::{Addressee, Command, DeliveryFailure, Occasion, Way, Withdrawal};
use domain::recorded::Position;
use domain::time::{Instant, VIETNAM};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use infrastructure::carrier::{Address, Carrier, CarrierError, Message, NotTaken, Taken};
use infrastructure::event_store::{instant, micros};
use projections::Model;
use projections::deadline_board::Item;
use projections::disclosure::{self, Disclosure};
use projections::dossier_summary::DossierSummary;
use projections::notice::{self, About, Notice, START};
use projections::read_side::{Follower, SOLE_RENEW_EVERY, Sole, WAIT_MAX};
use uuid::Uuid;

pub(crate) use self::settings::read_secret;
pub use self::settings::{EXAMPLE, Settings, SettingsError};
use self::wording::{Told, Wording};
use crate::problem::{Problem, ServiceError};
use crate::service::{Names, NoticeBounds, Service};

/// Of the lease.
pub const NAME: &str = "notices";
const MODELS: &[Model] = &[Model::DossierSummary, Model::DeadlineBoard, Model::Disclosure, Model::Notice];
/// Between two rounds.
const EVERY: Duration = Duration::from_secs(15);
const PAGE: i64 = 500;
/// Messages that are carried at the same time.
const AT_ONCE: usize = 8;
/// Notices that are written down at the same time: the lane takes them together.
const RECORDED_AT_ONCE: usize = 64;
/// After so many silences in a row a carrier is left alone until the next round.
const SILENT: u32 = 5;
/// Minutes after each try that came to nothing. After the last one it is given up.
const AGAIN_AFTER_MINUTES: [i64; 7] = [1, 5, 15, 60, 240, 720, 1_440];

/// Carries notices. Clones are cheap.
#[derive(Clone)]
pub struct Notifier {
    service: Service,
    settings: Arc<Settings>,
    carriers: Arc<HashMap<Way, Carrier>>,
    holder: String,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Dossiers of which somebody is to be told.
    pub raised: u64,
    pub delivered: u64,
    /// Tries that came to nothing.
    pub failed: u64,
    /// Messages that are not needed any more.
    pub withdrawn: u64,
    /// Messages that wait for the morning, or for a carrier that does not answer.
    pub waiting: u64,
}

/// What becomes of a message now.
enum Fate {
    Send(Box<Message>, Box<Carrier>, Address),
    Withdraw(Withdrawal),
    NotSetUp,
    Wait,
}

/// A round as of an instant.
struct Now {
    at: Instant,
    is_day_off: bool,
    /// Which deadlines each occasion is about, the gravest first. They do not overlap.
    ranges: Vec<(Occasion, (i64, i64))>,
    names: Arc<Names>,
    /// By their codes of today.
    agencies: HashMap<String, AgencyId>,
    /// How often in a row nobody answered, by where it went.
    silent: Mutex<HashMap<Place, u32>>,
}

/// What answers or does not: a mail server, a gateway, or somebody's webhook.
type Place = (Way, Option<Uuid>);

impl Notifier {
    pub fn new(service: Service, settings: Settings) -> Result<Self, CarrierError> {
        let carriers = settings.carriers(service.clock())?;
        let holder = service.read_side.holder();
        Ok(Self { service, settings: Arc::new(settings), carriers: Arc::new(carriers), holder })
    }

    /// Carries notices until it is stopped, as far as no other process does.
    pub fn follow(&self) -> Follower {
        let notifier = self.clone();
        Follower::start(|mut stopped| async move {
            let mut sole = None;
            while !*stopped.borrow() {
                let pause = match notifier.turn(&mut sole).await {
                    Ok(true) => EVERY,
                    Ok(false) => SOLE_RENEW_EVERY,
                    Err(ServiceError::Problem(Problem::Behind(behind))) => {
                        tracing::info!(
                            model = behind.model,
                            lag = behind.lag,
                            "notices wait for a read model"
                        );
                        SOLE_RENEW_EVERY
                    }
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "notices are not carried; trying again"
                        );
                        EVERY
                    }
                };
                tokio::select! {
                    () = keep(&mut sole, pause) => {}
                    _ = stopped.changed() => {}
                }
            }
            if let Some(sole) = sole
                && let Err(error) = sole.release().await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "a lease was not given back");
            }
        })
    }

    /// One round, if it is this process that carries notices.
    async fn turn(&self, sole: &mut Option<Sole>) -> Result<bool, ServiceError> {
        if sole.is_none() {
            *sole = self.service.read_side.sole(NAME, &self.holder).await?;
        }
        let Some(held) = &*sole else { return Ok(false) };
        let round = tokio::select! {
            round = self.round() => Some(round?),
            // What is under way is dropped: whoever has the lease now tries it again.
            () = lost(held) => None,
        };
        match round {
            Some(round) => {
                if round != Round::default() {
                    let Round { raised, delivered, failed, withdrawn, waiting } = round;
                    tracing::info!(raised, delivered, failed, withdrawn, waiting, "notices");
                }
                Ok(true)
            }
            None => {
                tracing::warn!("the lease of the notices is lost");
                *sole = None;
                Ok(false)
            }
        }
    }

    /// One round by itself; nothing if another process carries notices.
    pub async fn once(&self) -> Result<Option<Round>, ServiceError> {
        let Some(sole) = self.service.read_side.sole(NAME, &self.holder).await? else { return Ok(None) };
        let round = self.round().await;
        sole.release().await?;
        round.map(Some)
    }

    async fn round(&self) -> Result<Round, ServiceError> {
        // What another process has done is seen before anything is done again.
        let head = self.service.store().head().await?;
        self.service.read_side.wait_for(MODELS, Some(head), WAIT_MAX).await?;
        let at = self.service.clock().now();
        let Settings { due_soon_working_days, escalate_after_working_days, .. } = &*self.settings;
        let bounds =
            self.service.notice_bounds(at, *due_soon_working_days, *escalate_after_working_days).await?;
        let mut agencies = HashMap::new();
        for code in self.settings.agencies() {
            match self.service.agency_of_today(code, at).await {
                Ok(agency) => {
                    agencies.insert(code.to_owned(), agency);
                }
                Err(ServiceError::Problem(problem)) => {
                    tracing::warn!(code, reason = %problem, "an agency of the settings is not there: its heads are not told");
                }
                Err(failure) => return Err(failure),
            }
        }
        let ranges = ranges(micros(at), self.settings.since(), &bounds);
        let names = self.service.names().await?;
        let now =
            Now { at, is_day_off: bounds.is_day_off, ranges, names, agencies, silent: Mutex::default() };
        let mut round = Round::default();
        let mut raised_at = None;
        for (occasion, range) in &now.ranges {
            raised_at = raised_at.max(self.raise(&now, *occasion, *range, &mut round).await?);
        }
        raised_at = raised_at.max(self.raise_disclosures(&now, &mut round).await?);
        self.service.read_side.wait_for(&[Model::Notice], raised_at, WAIT_MAX).await?;
        self.deliver(&now, &mut round).await?;
        Ok(round)
    }

    async fn raise(
        &self,
        now: &Now,
        occasion: Occasion,
        range: (i64, i64),
        round: &mut Round,
    ) -> Result<Option<Position>, ServiceError> {
        let mut after = (i64::MIN, Uuid::nil());
        let mut raised_at = None;
        loop {
            let items =
                notice::not_told(self.service.read_side.database(), occasion, range, after, PAGE).await?;
            let Some(last) = items.last() else { return Ok(raised_at) };
            after = (last.due_at, last.dossier_id);
            let summaries = self.service.summaries(items.iter().map(|item| item.dossier_id)).await?;
            let mut raising = Vec::new();
            for item in items {
                if let Some(summary) = summaries.get(&item.dossier_id) {
                    raising.push(self.raise_one(now, occasion, item, summary).boxed());
                }
            }
            raised_at = raised_at.max(recorded(raising, round).await?);
        }
    }

    /// Of each break-glass the heads are told once, whatever became of it meanwhile; but for the one who did it.
    async fn raise_disclosures(
        &self,
        now: &Now,
        round: &mut Round,
    ) -> Result<Option<Position>, ServiceError> {
        let (database, since) = (self.service.read_side.database(), self.settings.since());
        let (mut after, mut raised_at) = (disclosure::START, None);
        loop {
            let rows = disclosure::not_told(database, since, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(raised_at) };
            after = last.place();
            let summaries = self.service.summaries(rows.iter().map(|row| row.dossier_id)).await?;
            let mut raising = Vec::new();
            for row in &rows {
                if let Some(summary) = summaries.get(&row.dossier_id) {
                    raising.push(self.raise_disclosure(now, row, summary).boxed());
                }
            }
            raised_at = raised_at.max(recorded(raising, round).await?);
        }
    }

    async fn raise_disclosure(
        &self,
        now: &Now,
        row: &Disclosure,
        summary: &DossierSummary,
    ) -> Result<Position, ServiceError> {
        let holder = holder_of(summary);
        let mut heads = self.heads(now, &[holder]);
        heads.retain(|head| head.to.map(|to| to.0) != Some(row.principal));
        let to = or_the_log(heads).into_iter().collect();
        let disclosure = row.disclosure();
        let command = Command::RaiseDisclosure { disclosure, holder, to };
        self.service.record_notice(row.dossier(), holder, &disclosure.to_string(), command).await
    }

    async fn raise_one(
        &self,
        now: &Now,
        occasion: Occasion,
        item: Item,
        summary: &DossierSummary,
    ) -> Result<Position, ServiceError> {
        let dossier = DossierId(item.dossier_id);
        let holder = holder_of(summary);
        let to = self.addressees(now, occasion, summary, holder).into_iter().collect();
        let key = format!("{}:{}", occasion.name(), item.due_at);
        let command = Command::Raise { dossier, occasion, due_at: instant(item.due_at), holder, to };
        self.service.record_notice(dossier, holder, &key, command).await
    }

    /// Who is told: whoever has the dossier in hand, else the heads of the agency that has it; of what stays overdue the
    /// heads, also those of the competent agency. Where nobody is set up, the log of the program.
    fn addressees(
        &self,
        now: &Now,
        occasion: Occasion,
        summary: &DossierSummary,
        holder: AgencyId,
    ) -> BTreeSet<Addressee> {
        or_the_log(match occasion {
            Occasion::DueSoon | Occasion::DueToday | Occasion::Overdue => {
                let assignee = summary.assignee;
                let told = self.settings.ways(|person| Some(person.id) == assignee);
                if told.is_empty() { self.heads(now, &[holder]) } else { told }
            }
            Occasion::Escalated => self.heads(now, &[holder, AgencyId(summary.competent_agency)]),
        })
    }

    fn heads(&self, now: &Now, agencies: &[AgencyId]) -> BTreeSet<Addressee> {
        self.settings.ways(|person| {
            person.head && now.agencies.get(&person.agency).is_some_and(|agency| agencies.contains(agency))
        })
    }

    async fn deliver(&self, now: &Now, round: &mut Round) -> Result<(), ServiceError> {
        let mut after = START;
        // Later than what was just raised.
        let by_now = micros(self.service.clock().now());
        loop {
            let database = self.service.read_side.database();
            let rows = notice::to_send(database, by_now, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.place();
            let summaries = self.service.summaries(rows.iter().map(|row| row.dossier_id)).await?;
            let disclosed: Vec<Uuid> = rows.iter().filter_map(|row| row.disclosure).collect();
            let disclosures = disclosure::by_ids(database, &disclosed).await?;
            let mut tries = Vec::new();
            for row in &rows {
                let disclosure = disclosures.iter().find(|known| Some(known.disclosure_id) == row.disclosure);
                tries.push(self.try_one(now, row, summaries.get(&row.dossier_id), disclosure).boxed());
            }
            let mut tried = stream::iter(tries).buffer_unordered(AT_ONCE);
            while let Some(outcome) = tried.next().await {
                let counted = unless_of_one_stream(outcome)?.unwrap_or_default();
                round.delivered += counted.delivered;
                round.failed += counted.failed;
                round.withdrawn += counted.withdrawn;
                round.waiting += counted.waiting;
            }
        }
    }

    async fn try_one(
        &self,
        now: &Now,
        row: &Notice,
        summary: Option<&DossierSummary>,
        disclosure: Option<&Disclosure>,
    ) -> Result<Round, ServiceError> {
        let delivery = row.delivery();
        let outcome = match self.fate(now, row, summary, disclosure) {
            Fate::Wait => return Ok(Round { waiting: 1, ..Round::default() }),
            Fate::Withdraw(why) => {
                let command = Command::Withdraw { delivery, why };
                self.service
                    .record_notice(row.dossier(), row.holder(), &delivery.to_string(), command)
                    .await?;
                return Ok(Round { withdrawn: 1, ..Round::default() });
            }
            Fate::NotSetUp => Err(NotTaken::not_set_up()),
            Fate::Send(message, carrier, address) => {
                let outcome = carrier.carry(&message, &address).await;
                now.note(place(row), &outcome);
                outcome
            }
        };
        match outcome {
            Ok(Taken { receipt }) => {
                let command = Command::Deliver { delivery, receipt };
                self.service
                    .record_notice(row.dossier(), row.holder(), &delivery.to_string(), command)
                    .await?;
                Ok(Round { delivered: 1, ..Round::default() })
            }
            Err(not_taken) => {
                let attempt = u32::try_from(row.attempts).unwrap_or(u32::MAX).saturating_add(1);
                let again_at = self.again_at(&not_taken, row.attempts);
                tracing::warn!(%delivery, way = row.way.0.name(), failure = ?not_taken.failure, ?again_at, "a notice was not delivered");
                let command = Command::Fail { delivery, attempt, failure: not_taken.failure, again_at };
                let key = format!("{delivery}:{attempt}");
                self.service.record_notice(row.dossier(), row.holder(), &key, command).await?;
                Ok(Round { failed: 1, ..Round::default() })
            }
        }
    }

    /// When it is tried again, if it is, after so many tries before this one.
    fn again_at(&self, not_taken: &NotTaken, attempts: i64) -> Option<Instant> {
        if not_taken.is_final {
            return None;
        }
        let minutes = usize::try_from(attempts).ok().and_then(|nth| AGAIN_AFTER_MINUTES.get(nth))?;
        let asked = not_taken.not_before.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default();
        Some(self.service.clock().now() + TimeDelta::minutes(*minutes).max(asked))
    }

    fn fate(
        &self,
        now: &Now,
        row: &Notice,
        summary: Option<&DossierSummary>,
        disclosure: Option<&Disclosure>,
    ) -> Fate {
        let (summary, told) = match row.about() {
            Some(About::Deadline(occasion, due_at)) => {
                let Some(summary) = summary.filter(|summary| is_due_at(summary, due_at)) else {
                    return Fate::Withdraw(Withdrawal::NoLongerDue);
                };
                if now.is_overtaken(occasion, due_at) {
                    return Fate::Withdraw(Withdrawal::Overtaken);
                }
                (summary, Told::Deadline(occasion, due_at))
            }
            // What was opened was opened: the heads are told in any case.
            Some(About::Disclosure(_)) => match (summary, disclosure) {
                (Some(summary), Some(disclosure)) => (summary, Told::Disclosure(disclosure)),
                (None, _) | (_, None) => return Fate::Wait,
            },
            None => return Fate::NotSetUp,
        };
        let way = row.way.0;
        let person = row.recipient.and_then(|id| self.settings.person(id));
        let address = match (way, person) {
            (Way::Log, _) => Some(Address::new("")),
            (Way::Email | Way::Sms | Way::Webhook, Some(person)) => person.address(way),
            (Way::Email | Way::Sms | Way::Webhook, None) => None,
        };
        let (Some(address), Some(carrier)) = (address, self.carriers.get(&way)) else {
            return Fate::NotSetUp;
        };
        let disturbs = matches!(way, Way::Email | Way::Sms) && person.is_some_and(|person| person.quiet);
        if disturbs && self.settings.is_quiet(now.at.with_timezone(&VIETNAM).time(), now.is_day_off) {
            return Fate::Wait;
        }
        if now.is_silent(place(row)) {
            return Fate::Wait;
        }
        let wording = Wording { row, told, summary, names: &now.names, settings: &self.settings };
        Fate::Send(Box::new(wording.message()), Box::new(carrier.clone()), address)
    }
}

impl Now {
    /// Whether a graver occasion has come meanwhile.
    fn is_overtaken(&self, occasion: Occasion, due_at: i64) -> bool {
        let is_in = |(graver, (from, before)): &(Occasion, (i64, i64))| {
            occasion < *graver && (*from..*before).contains(&due_at)
        };
        self.ranges.iter().any(is_in)
    }

    fn note(&self, place: Place, outcome: &Result<Taken, NotTaken>) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let times = silent.entry(place).or_default();
        *times = match outcome {
            Err(NotTaken { failure: DeliveryFailure::Unreachable | DeliveryFailure::TimedOut, .. }) => {
                *times + 1
            }
            Ok(_) | Err(_) => 0,
        };
    }

    /// Whoever did not answer so often is left alone until the next round, and holds up nobody else's messages.
    fn is_silent(&self, place: Place) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(&place).is_some_and(|times| SILENT <= *times)
    }
}

/// Writes down who is to be told, and counts it.
async fn recorded(
    raising: Vec<BoxFuture<'_, Result<Position, ServiceError>>>,
    round: &mut Round,
) -> Result<Option<Position>, ServiceError> {
    let mut raised = stream::iter(raising).buffer_unordered(RECORDED_AT_ONCE);
    let mut raised_at = None;
    while let Some(outcome) = raised.next().await {
        if let Some(position) = unless_of_one_stream(outcome)? {
            round.raised += 1;
            raised_at = raised_at.max(Some(position));
        }
    }
    Ok(raised_at)
}

/// The agency that has the dossier, or else decides it.
fn holder_of(summary: &DossierSummary) -> AgencyId {
    AgencyId(summary.holder_agency.unwrap_or(summary.competent_agency))
}

/// Where nobody is set up, the log of the program is told.
fn or_the_log(mut told: BTreeSet<Addressee>) -> BTreeSet<Addressee> {
    if told.is_empty() {
        told.insert(Addressee { to: None, by: Way::Log });
    }
    told
}

fn place(row: &Notice) -> Place {
    let way = row.way.0;
    (way, row.recipient.filter(|_| way == Way::Webhook))
}

/// What is wrong with one dossier's stream holds up no other's: it is said, and comes again in the next round.
fn unless_of_one_stream<T>(outcome: Result<T, ServiceError>) -> Result<Option<T>, ServiceError> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_about_one_stream() => {
            tracing::error!(error = &error as &dyn std::error::Error, "a notice is passed over");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Nobody is told of what was due before notices began.
fn ranges(at: i64, since: i64, bounds: &NoticeBounds) -> Vec<(Occasion, (i64, i64))> {
    let NoticeBounds { day_end, soon_end, escalate_before, .. } = *bounds;
    let escalate_before = escalate_before.unwrap_or(i64::MIN).max(since);
    let mut ranges = vec![
        (Occasion::Escalated, (since, escalate_before)),
        (Occasion::Overdue, (escalate_before, at)),
        (Occasion::DueToday, (at.max(since), day_end)),
    ];
    match soon_end {
        Some(soon_end) => ranges.push((Occasion::DueSoon, (day_end.max(since), soon_end))),
        None => tracing::warn!("no calendar is loaded for the days to come: nobody is told what is due soon"),
    }
    ranges.retain(|(_, (from, before))| from < before);
    ranges
}

/// Its clock runs, and it is due at that instant.
fn is_due_at(summary: &DossierSummary, due_at: i64) -> bool {
    let runs = match summary.stage {
        Stage::Received | Stage::InProgress => true,
        Stage::Submitted
        | Stage::AwaitingIntakeSupplement
        | Stage::Refused
        | Stage::AwaitingSupplement
        | Stage::AwaitingPayment
        | Stage::OnHold
        | Stage::Suspended
        | Stage::Finished
        | Stage::Returned
        | Stage::Withdrawn
        | Stage::Stopped => false,
    };
    runs && summary.due_at == Some(due_at)
}

/// Ends when the right is lost.
async fn lost(sole: &Sole) {
    while sole.renew().await.unwrap_or(false) {
        tokio::time::sleep(SOLE_RENEW_EVERY).await;
    }
}

/// Holds on to the right for a while.
async fn keep(sole: &mut Option<Sole>, pause: Duration) {
    let until = tokio::time::Instant::now() + pause;
    while tokio::time::Instant::now() < until {
        tokio::time::sleep(SOLE_RENEW_EVERY.min(pause)).await;
        if let Some(held) = &*sole
            && !held.renew().await.unwrap_or(false)
        {
            *sole = None;
            return;
        }
    }
}
