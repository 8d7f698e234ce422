//! The command path: look the command up, load, compare the client's version, authorise, decide, seal, append. The
//! only place where the two halves of a command meet. docs/adr/0002

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use domain::access::{Denial, Principal};
use domain::account::Account;
use domain::agency::Agency;
use domain::calendar_book::CalendarBook;
use domain::code_book;
use domain::codes::{AgencyCode, DossierCode};
use domain::decider::{Decider, StoredEvent};
use domain::disclosure::Disclosure;
use domain::dossier::Dossier;
use domain::identity::{AppendId, CommandId, DossierId, KeyId};
use domain::notice::Notices;
use domain::payment::Order;
use domain::permission_group::PermissionGroup;
use domain::private::KeyOwner;
use domain::procedure::Procedure;
use domain::read_model::Skips;
use domain::recorded::{Metadata, Position, Version, Via};
use domain::synchronisation::Synchronisation;
use domain::time::{Instant, local_date};
use moka::sync::Cache;

use crate::clock::Clock;
use crate::event_store::{Append, EventStore, Expected, NewEvent, StoreError, StoredRow, instant};
use crate::keys::{KeyError, Keys};
use crate::lane::APPEND_EVENTS_MAX;

/// How often a command without an expected version is decided again after somebody was faster.
const TRIES_MAX: u32 = 5;
/// Folded states kept in memory, per aggregate.
const CACHED_STATES_MAX: u64 = 20_000;
/// Clocks of two machines differ; a live command this little behind the dossier's last event takes that event's time.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

/// Everything a command needs around it. Clones share caches, lane and keys.
#[derive(Clone)]
pub struct Executor {
    pub store: EventStore,
    pub keys: Keys,
    pub clock: Clock,
    caches: Arc<Caches>,
}

/// Who asks for what, under which identity.
#[derive(Clone, Debug)]
pub struct Request {
    pub command: CommandId,
    /// Of the canonical request: tells a retry from a reused key.
    pub mac: String,
    pub principal: Principal,
    pub via: Via,
    pub traceparent: Option<String>,
    /// What the client saw; a mismatch is a conflict and is not retried.
    pub expected: Option<Version>,
    /// Business time: given for what is taken over from elsewhere, else now.
    pub at: Option<Instant>,
}

/// Where a command ended up. A repeated command gets the answer of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub stream: String,
    pub version: Version,
    pub position: Position,
    /// Events were written now, rather than by an earlier try or not at all because nothing changes.
    pub written: bool,
}

/// The number that a new dossier has, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub code: DossierCode,
    /// The business time of its entry.
    pub at: Instant,
}

/// Whether an earlier try of a request has a number already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    With(Entry),
    Not(UsedUp),
}

/// Earlier tries that came when all numbers of the day were given. What they were refused on one day, they may get on
/// the next: so each has an append identity of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedUp {
    tries: u32,
    last: Option<NaiveDate>,
}

impl UsedUp {
    fn append_id(self, request: &Request) -> AppendId {
        match self.tries {
            0 => request.command.append_for("code"),
            n => request.command.append_for(&format!("code:{n}")),
        }
    }
}

/// Why a state does not allow something: the person may not, or the act may not.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal<R> {
    Denied(Denial),
    Rejected(R),
}

/// Somebody else's event that the client had not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Since {
    pub version: Version,
    pub type_name: String,
    pub metadata: Metadata,
    pub occurred_at: Instant,
}

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error + 'static> {
    #[error("refused")]
    Rejected(#[source] R),
    #[error("denied")]
    Denied(#[source] Denial),
    #[error("the client saw version {expected}, but the stream is at {actual}")]
    VersionConflict { expected: Version, actual: Version, since: Vec<Since> },
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("others kept changing the stream; try again")]
    Contended,
    #[error("the receiving agency has given all {} codes of {date}", DossierCode::NUMBERS_PER_DAY)]
    CodesExhausted { date: NaiveDate },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl<R: std::error::Error + 'static> From<Refusal<R>> for ExecuteError<R> {
    fn from(refusal: Refusal<R>) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::Denied(denial),
            Refusal::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

/// A state as of a version of its stream.
#[derive(Debug)]
pub struct Folded<D> {
    pub state: D,
    pub version: Version,
    pub position: Position,
    /// Business time of the latest event, the epoch for an empty stream.
    pub last_at: Instant,
}

/// An aggregate whose states are cached, and whose private values know their keys.
pub trait Cached: Decider {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>>;

    /// The key that seals for this owner, once the events are folded in.
    fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        let _ = owner;
        None
    }
}

pub struct Caches {
    dossiers: Cache<String, Arc<Folded<Dossier>>>,
    procedures: Cache<String, Arc<Folded<Procedure>>>,
    agencies: Cache<String, Arc<Folded<Agency>>>,
    calendars: Cache<String, Arc<Folded<CalendarBook>>>,
    synchronisations: Cache<String, Arc<Folded<Synchronisation>>>,
    read_models: Cache<String, Arc<Folded<Skips>>>,
    notices: Cache<String, Arc<Folded<Notices>>>,
    payments: Cache<String, Arc<Folded<Order>>>,
    accounts: Cache<String, Arc<Folded<Account>>>,
    permission_groups: Cache<String, Arc<Folded<PermissionGroup>>>,
    disclosures: Cache<String, Arc<Folded<Disclosure>>>,
}

impl Cached for Dossier {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.dossiers
    }

    fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        Dossier::key(self, owner)
    }
}

impl Cached for Procedure {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.procedures
    }
}

impl Cached for Agency {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.agencies
    }
}

impl Cached for CalendarBook {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.calendars
    }
}

impl Cached for Synchronisation {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.synchronisations
    }
}

impl Cached for Skips {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.read_models
    }
}

impl Cached for Notices {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.notices
    }
}

impl Cached for Order {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.payments
    }

    fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        match owner {
            KeyOwner::Dossier => self.placed.as_ref().map(|placed| placed.dossier_key),
            KeyOwner::Applicant | KeyOwner::Delegate | KeyOwner::Account | KeyOwner::Disclosure => None,
        }
    }
}

impl Cached for Account {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.accounts
    }

    fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        match owner {
            KeyOwner::Account => self.known().map(|known| known.key),
            KeyOwner::Dossier | KeyOwner::Applicant | KeyOwner::Delegate | KeyOwner::Disclosure => None,
        }
    }
}

impl Cached for PermissionGroup {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.permission_groups
    }
}

impl Cached for Disclosure {
    fn cache(caches: &Caches) -> &Cache<String, Arc<Folded<Self>>> {
        &caches.disclosures
    }

    fn key(&self, owner: KeyOwner) -> Option<KeyId> {
        match owner {
            KeyOwner::Disclosure => self.opened().map(|opened| opened.key),
            KeyOwner::Dossier | KeyOwner::Applicant | KeyOwner::Delegate | KeyOwner::Account => None,
        }
    }
}

impl Executor {
    pub fn new(store: EventStore, keys: Keys, clock: Clock) -> Self {
        let caches = Arc::new(Caches {
            dossiers: Cache::new(CACHED_STATES_MAX),
            procedures: Cache::new(CACHED_STATES_MAX),
            agencies: Cache::new(CACHED_STATES_MAX),
            calendars: Cache::new(CACHED_STATES_MAX),
            synchronisations: Cache::new(CACHED_STATES_MAX),
            read_models: Cache::new(CACHED_STATES_MAX),
            notices: Cache::new(CACHED_STATES_MAX),
            payments: Cache::new(CACHED_STATES_MAX),
            accounts: Cache::new(CACHED_STATES_MAX),
            permission_groups: Cache::new(CACHED_STATES_MAX),
            disclosures: Cache::new(CACHED_STATES_MAX),
        });
        Self { store, keys, clock, caches }
    }

    /// The state of a stream as of now.
    pub async fn load<D: Cached>(&self, stream: &str) -> Result<Arc<Folded<D>>, StoreError> {
        let known = self.cached(stream);
        self.refresh(stream, known).await
    }

    /// The states of some streams as of now, by stream. One that cannot be read holds up no other.
    pub async fn load_all<D: Cached>(
        &self,
        streams: &[String],
    ) -> Result<HashMap<String, Result<Arc<Folded<D>>, StoreError>>, StoreError> {
        let known: HashMap<String, Arc<Folded<D>>> =
            streams.iter().map(|stream| (stream.clone(), self.cached(stream))).collect();
        let wanted: Vec<(&str, Version)> =
            known.iter().map(|(stream, folded)| (stream.as_str(), folded.version)).collect();
        let rows = self.store.read_streams(&wanted).await?;
        let mut loaded = HashMap::new();
        for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
            let stream = &rows[0].stream;
            let before = known.get(stream).cloned().unwrap_or_default();
            loaded.insert(stream.clone(), self.fold_on(stream, &before, rows));
        }
        for (stream, folded) in known {
            loaded.entry(stream).or_insert(Ok(folded));
        }
        Ok(loaded)
    }

    /// The state as last seen by this process: possibly old, and without any I/O when it is there. For what never
    /// changes once written, such as a published version of a procedure.
    pub async fn load_cached<D: Cached>(&self, stream: &str) -> Result<Arc<Folded<D>>, StoreError> {
        match D::cache(&self.caches).get(stream) {
            Some(folded) => Ok(folded),
            None => self.refresh(stream, Arc::default()).await,
        }
    }

    /// Runs a command. `decide` is called with the state, the business time and nothing else; it authorises first.
    pub async fn execute<D: Cached>(
        &self,
        stream: &str,
        request: &Request,
        decide: impl Fn(&D, Instant) -> Result<Vec<D::Event>, Refusal<D::Rejection>>,
    ) -> Result<Done, ExecuteError<D::Rejection>> {
        if let Some(done) = self.done_before(request, stream).await? {
            return Ok(done);
        }
        let mut folded = self.cached::<D>(stream);
        // Whatever writes nothing is final only after the tail of the stream has been read, and only if it was not
        // another try of this very command, under way at the same time, that changed the state.
        let mut is_current = false;
        for _ in 0..TRIES_MAX {
            let at = self.business_time(request, &folded);
            let conflicting = request.expected.filter(|expected| *expected != folded.version);
            // In a conflict too: it tells who did what, and not to somebody who may not act.
            let decided = decide(&folded.state, at);
            let events = match decided {
                Ok(events) if conflicting.is_none() && !events.is_empty() => events,
                Ok(_) | Err(_) if !is_current => {
                    folded = self.refresh(stream, folded).await?;
                    is_current = true;
                    continue;
                }
                nothing => {
                    if let Some(done) = self.done_before(request, stream).await? {
                        return Ok(done);
                    }
                    return match (nothing, conflicting) {
                        (Err(Refusal::Denied(denial)), _) => Err(ExecuteError::Denied(denial)),
                        (_, Some(expected)) => {
                            Err(self.version_conflict(stream, expected, folded.version).await?)
                        }
                        (Err(refusal), None) => Err(refusal.into()),
                        (Ok(_), None) => {
                            let (version, position) = (folded.version, folded.position);
                            Ok(Done { stream: stream.to_owned(), version, position, written: false })
                        }
                    };
                }
            };
            let append_id = request.command.append();
            match self.append(stream, &folded, append_id, at, events, request).await {
                Err(ExecuteError::Store(StoreError::Conflict { .. })) => {
                    // Another process may have run this very command.
                    if let Some(done) = self.done_before(request, stream).await? {
                        return Ok(done);
                    }
                    folded = self.refresh(stream, folded).await?;
                    is_current = true;
                }
                outcome => return outcome,
            }
        }
        Err(ExecuteError::Contended)
    }

    /// What earlier tries of a request that creates a dossier were given. Also when that was yesterday: the entry time
    /// of the number, not the clock, is the dossier's.
    pub async fn entered_before<R: std::error::Error + 'static>(
        &self,
        request: &Request,
    ) -> Result<Entered, ExecuteError<R>> {
        let mut used_up = UsedUp::default();
        loop {
            let stored = self.store.find_append(used_up.append_id(request), 1).await?;
            let Some(stored) = stored.first() else { return Ok(Entered::Not(used_up)) };
            // Another request under the same key must not carry the number elsewhere.
            if stored.decode_metadata()?.mac != request.mac {
                return Err(ExecuteError::KeyReused);
            }
            let code_book::Event::Allocated(allocated) = stored.decode_as()?;
            let at = allocated.entered_at;
            match code_book::code(&stored.stream, stored.version) {
                Some(code) => return Ok(Entered::With(Entry { code, at })),
                None => used_up = UsedUp { tries: used_up.tries + 1, last: Some(local_date(at)) },
            }
        }
    }

    /// The number of the day for a dossier that enters. A repeat gets its own number back.
    pub async fn allocate_code<R: std::error::Error + 'static>(
        &self,
        request: &Request,
        used_up: UsedUp,
        agency: &AgencyCode,
        dossier_id: DossierId,
        at: Instant,
    ) -> Result<Entry, ExecuteError<R>> {
        let date = local_date(at);
        if used_up.last == Some(date) {
            return Err(ExecuteError::CodesExhausted { date });
        }
        let event = code_book::Event::Allocated(code_book::Allocated { dossier_id, entered_at: at });
        let append = Append {
            id: used_up.append_id(request),
            stream: code_book::stream(agency, date),
            expected: Expected::Any,
            events: vec![encode(&event)?],
            metadata: metadata(request)?,
            occurred_at: at,
        };
        let appended = self.store.append(append).await?;
        if appended.repeated {
            // Another try of this request was faster.
            return match self.entered_before(request).await? {
                Entered::With(entry) => Ok(entry),
                Entered::Not(_) => Err(ExecuteError::CodesExhausted { date }),
            };
        }
        let code = code_book::code(&appended.stream, appended.version.0);
        Ok(Entry { code: code.ok_or(ExecuteError::CodesExhausted { date })?, at })
    }

    fn cached<D: Cached>(&self, stream: &str) -> Arc<Folded<D>> {
        D::cache(&self.caches).get(stream).unwrap_or_default()
    }

    /// Reads the tail of the stream and folds it in.
    async fn refresh<D: Cached>(
        &self,
        stream: &str,
        known: Arc<Folded<D>>,
    ) -> Result<Arc<Folded<D>>, StoreError> {
        let rows = self.store.read_stream(stream, known.version).await?;
        if rows.is_empty() { Ok(known) } else { self.fold_on(stream, &known, &rows) }
    }

    fn fold_on<D: Cached>(
        &self,
        stream: &str,
        known: &Folded<D>,
        rows: &[StoredRow],
    ) -> Result<Arc<Folded<D>>, StoreError> {
        let mut folded = Folded {
            state: known.state.clone(),
            version: known.version,
            position: known.position,
            last_at: known.last_at,
        };
        for row in rows {
            let event: D::Event = row.decode_as()?;
            folded = folded.then(row, &event);
        }
        Ok(self.remember(stream, folded))
    }

    fn remember<D: Cached>(&self, stream: &str, folded: Folded<D>) -> Arc<Folded<D>> {
        let folded = Arc::new(folded);
        D::cache(&self.caches).insert(stream.to_owned(), Arc::clone(&folded));
        folded
    }

    fn business_time<D>(&self, request: &Request, folded: &Folded<D>) -> Instant {
        request.at.unwrap_or_else(|| {
            let now = self.clock.now();
            let behind = folded.last_at.signed_duration_since(now).to_std().unwrap_or_default();
            if behind <= CLOCK_SKEW_MAX { now.max(folded.last_at) } else { now }
        })
    }

    /// The answer of an earlier try of the same request.
    pub async fn done_before<R: std::error::Error + 'static>(
        &self,
        request: &Request,
        stream: &str,
    ) -> Result<Option<Done>, ExecuteError<R>> {
        let rows = self.store.find_append(request.command.append(), APPEND_EVENTS_MAX).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        if last.stream != stream || last.decode_metadata()?.mac != request.mac {
            return Err(ExecuteError::KeyReused);
        }
        let appended = last.repeated();
        Ok(Some(Done {
            stream: appended.stream,
            version: appended.version,
            position: appended.position,
            written: false,
        }))
    }

    async fn append<D: Cached>(
        &self,
        stream: &str,
        before: &Folded<D>,
        id: AppendId,
        at: Instant,
        mut events: Vec<D::Event>,
        request: &Request,
    ) -> Result<Done, ExecuteError<D::Rejection>> {
        // Keys come from the state after the events: the first event of a dossier names them.
        let after = events.iter().fold(before.state.clone(), |state, event| state.evolve(at, event));
        for (n, event) in (0..).zip(&mut events) {
            self.keys.seal_event(event, stream, id.event(n), |owner| after.key(owner)).await?;
        }
        let append = Append {
            id,
            stream: stream.to_owned(),
            expected: Expected::Exactly(before.version),
            events: events.iter().map(encode).collect::<Result<_, _>>()?,
            metadata: metadata(request)?,
            occurred_at: at,
        };
        let ours = Version(before.version.0 + i64::try_from(events.len()).unwrap_or(i64::MAX));
        let appended = self.store.append(append).await?;
        if appended.repeated {
            // Another try of this request was faster. What was decided here was never written, keys included: the
            // answer is the first one's, if it is the same request.
            return self.done_before(request, stream).await?.ok_or(ExecuteError::Contended);
        }
        if appended.version == ours {
            let last_at = before.last_at.max(at);
            let (version, position) = (appended.version, appended.position);
            self.remember(stream, Folded { state: after, version, position, last_at });
        }
        Ok(Done {
            stream: appended.stream,
            version: appended.version,
            position: appended.position,
            written: true,
        })
    }

    /// Who did what since the client looked.
    pub async fn version_conflict<R: std::error::Error + 'static>(
        &self,
        stream: &str,
        expected: Version,
        actual: Version,
    ) -> Result<ExecuteError<R>, ExecuteError<R>> {
        let rows = self.store.read_stream(stream, expected.min(actual)).await?;
        let since = rows
            .into_iter()
            .map(|row| {
                Ok(Since {
                    version: Version(row.version),
                    metadata: row.decode_metadata()?,
                    occurred_at: instant(row.occurred_at),
                    type_name: row.type_name,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(ExecuteError::VersionConflict { expected, actual, since })
    }
}

impl<D: Decider> Folded<D> {
    fn then(self, row: &StoredRow, event: &D::Event) -> Self {
        let at = instant(row.occurred_at);
        Self {
            state: self.state.evolve(at, event),
            version: Version(row.version),
            position: Position(row.position),
            last_at: self.last_at.max(at),
        }
    }
}

impl<D: Default> Default for Folded<D> {
    fn default() -> Self {
        Self {
            state: D::default(),
            version: Version::default(),
            position: Position::default(),
            last_at: Instant::UNIX_EPOCH,
        }
    }
}

fn encode<E: StoredEvent>(event: &E) -> Result<NewEvent, StoreError> {
    let data = event.encode().map_err(|source| StoreError::Unencodable(Arc::new(source)))?;
    Ok(NewEvent { type_name: event.type_name(), data })
}

fn metadata(request: &Request) -> Result<String, StoreError> {
    let metadata = Metadata {
        command: request.command,
        mac: request.mac.clone(),
        causation: None,
        correlation: None,
        actor: request.principal.id,
        acting_as: request.principal.acting_as.clone(),
        on_behalf_of: None,
        channel: request.via,
        traceparent: request.traceparent.clone(),
    };
    serde_json::to_string(&metadata).map_err(|source| StoreError::Unencodable(Arc::new(source)))
}
