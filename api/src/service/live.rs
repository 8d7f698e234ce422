//! What happens to dossiers, as it happens. One reader per process reads what is new in the log, and everybody who listens is
//! told of it. Whoever comes later, or cannot keep up, reads the log itself from where they are: nothing is kept for them,
//! and nobody waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::identity::{DossierId, PrincipalId};
use domain::recorded::{Position, Version};
use domain::time::Instant;
use infrastructure::event_store::{PageLimit, StoredRow, instant};
use projections::Model;
use projections::dossier_summary::{self, DossierSummary};
use projections::read_side::{WAIT_MAX, WaitError};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::places::{Held, Places};
use super::queries::sees;
use super::{Caller, Service};
use crate::problem::{Failure, Problem, ServiceError};

/// Events that are kept for those who are a little behind; shared by all.
const RECENT_EVENTS: usize = 1_024;
const PAGE: PageLimit = PageLimit::rows(200);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// Streams and sockets of one principal, and of all together.
const STREAMS_OF_ONE_MAX: usize = 20;
const STREAMS_MAX: usize = 2_000;

/// An event of a dossier, with the dossier as it was known when the event was passed on: not before the event.
#[derive(Clone, Debug)]
pub struct DossierEvent {
    pub position: Position,
    pub version: Version,
    /// `dossier.received.v1`
    pub type_name: String,
    pub occurred_at: Instant,
    pub recorded_at: Instant,
    pub dossier: DossierSummary,
}

/// Events of dossiers, and how far in the log they reach.
struct LivePage {
    events: Vec<Arc<DossierEvent>>,
    next: Position,
    at_end: bool,
}

/// The one reader. It reads as long as anybody holds it.
struct Reader {
    news: broadcast::Sender<Arc<DossierEvent>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who listens. Clones share it.
#[derive(Clone)]
pub struct Live {
    reader: Arc<Mutex<Weak<Reader>>>,
    open: Places,
    stopping: Arc<watch::Sender<bool>>,
    origins: Arc<[String]>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            reader: Arc::default(),
            open: Places::new(STREAMS_OF_ONE_MAX, STREAMS_MAX),
            stopping: Arc::new(watch::channel(false).0),
            origins: Arc::new([]),
        }
    }
}

impl Live {
    /// A place for another stream of somebody; none if there are too many already.
    pub fn open(&self, principal: PrincipalId) -> Option<Held> {
        self.open.take(principal)
    }

    /// How many streams and sockets are open.
    pub fn count(&self) -> usize {
        *self.open.count().borrow()
    }

    /// Tells everybody who listens that this is the end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// True from when the end is told on.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Waits until nobody listens.
    pub async fn ended(&self) {
        let _ = self.open.count().wait_for(|count| *count == 0).await;
    }

    /// Pages of other hosts that may open a socket.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    fn reader(&self, service: &Service) -> Arc<Reader> {
        let mut kept = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = kept.upgrade() {
            return reader;
        }
        let (news, _) = broadcast::channel(RECENT_EVENTS);
        // From here: whoever reads the log after this has what was there before.
        let head = service.store().watch_head();
        let at = *head.borrow();
        let task = tokio::spawn(read(service.clone(), (head, at), news.clone()));
        let reader = Arc::new(Reader { news, task });
        *kept = Arc::downgrade(&reader);
        reader
    }
}

/// Passes on what is appended after a position. What was there before is read by those who want it.
async fn read(
    service: Service,
    (mut head, mut at): (watch::Receiver<Position>, Position),
    news: broadcast::Sender<Arc<DossierEvent>>,
) {
    loop {
        head.mark_unchanged();
        match service.live_page(at).await {
            Ok(page) => {
                at = page.next;
                for event in page.events {
                    // Nobody may be there just now.
                    let _ = news.send(event);
                }
                if page.at_end && head.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the reader for those who listen failed; reading again"
                );
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

/// Somebody who listens: where they are, and what they are told.
pub struct Subscriber {
    service: Service,
    caller: Caller,
    only: Option<Uuid>,
    at: Position,
    /// Read, and not yet passed on.
    ready: VecDeque<Arc<DossierEvent>>,
    /// The log has more than what was told since.
    is_behind: bool,
    news: broadcast::Receiver<Arc<DossierEvent>>,
    /// Reads as long as this is held.
    reader: Arc<Reader>,
}

impl Subscriber {
    /// The next event that the subscriber may see. `passed` is told how far they have got: whoever goes on from there misses
    /// nothing.
    pub async fn next(&mut self, passed: impl Fn(Position)) -> Result<Arc<DossierEvent>, ServiceError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if self.is_told(&event) {
                    return Ok(event);
                }
            }
            passed(self.at);
            if self.is_behind {
                // First this, then the page: what is passed on in between is in both, and recognised by its position.
                self.news = self.reader.news.subscribe();
                let page = self.service.live_page(self.at).await?;
                self.at = page.next;
                self.is_behind = !page.at_end;
                self.ready.extend(page.events);
                continue;
            }
            match self.news.recv().await {
                Ok(event) if event.position <= self.at => {}
                Ok(event) => {
                    self.at = event.position;
                    self.ready.push_back(event);
                }
                Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => {
                    self.is_behind = true;
                }
            }
        }
    }

    fn is_told(&self, event: &DossierEvent) -> bool {
        self.only.is_none_or(|only| only == event.dossier.dossier_id) && sees(&self.caller, &event.dossier)
    }
}

impl Service {
    /// Taking sockets that pages of these origins open as well.
    #[must_use]
    pub fn taking_origins(self, origins: Vec<String>) -> Self {
        Self { live: Live { origins: origins.into(), ..self.live }, ..self }
    }

    /// Whether there is anything that the caller may listen to.
    pub fn may_listen(caller: &Caller) -> Result<(), Problem> {
        Self::scope(caller).map(|_| ())
    }

    /// Listens to the events of all dossiers that the caller may see, or of one: those after a position, or from now on.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        after: Option<Position>,
        only: Option<DossierId>,
    ) -> Result<Subscriber, ServiceError> {
        Self::may_listen(caller)?;
        let head = self.store().head().await?;
        if after.is_some_and(|after| head < after) {
            return Err(Problem::invalid("after", "the log does not reach that far").into());
        }
        let reader = self.live.reader(self);
        Ok(Subscriber {
            service: self.clone(),
            caller: caller.clone(),
            only: only.map(|id| id.0),
            at: after.unwrap_or(head),
            ready: VecDeque::new(),
            is_behind: true,
            news: reader.news.subscribe(),
            reader,
        })
    }

    /// Some events after a position, once the read model that shows their dossiers has seen them.
    async fn live_page(&self, after: Position) -> Result<LivePage, ServiceError> {
        let page = self.store().read_all(after, PAGE).await?;
        let ids: HashMap<i64, Uuid> =
            page.rows.iter().filter_map(|row| Some((row.position, dossier_of(row)?))).collect();
        if ids.is_empty() {
            return Ok(LivePage { events: Vec::new(), next: page.next, at_end: page.at_end });
        }
        self.seen_by_summary(page.next).await?;
        let mut wanted: Vec<Uuid> = ids.values().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = dossier_summary::by_ids(self.database(), &wanted).await?;
        let dossiers: HashMap<Uuid, DossierSummary> =
            found.into_iter().map(|row| (row.dossier_id, row)).collect();
        let event = |row: StoredRow| {
            // A dossier that the read model cannot show has no agency that may see it.
            let dossier = dossiers.get(ids.get(&row.position)?)?.clone();
            Some(Arc::new(DossierEvent {
                position: Position(row.position),
                version: Version(row.version),
                type_name: row.type_name,
                occurred_at: instant(row.occurred_at),
                recorded_at: instant(row.recorded_at),
                dossier,
            }))
        };
        let events = page.rows.into_iter().filter_map(event).collect();
        Ok(LivePage { events, next: page.next, at_end: page.at_end })
    }

    /// Waits as long as it takes: an event that is late is better than one that is lost.
    async fn seen_by_summary(&self, position: Position) -> Result<(), ServiceError> {
        loop {
            match self.read_side.wait_for(&[Model::DossierSummary], Some(position), WAIT_MAX).await {
                Ok(()) => return Ok(()),
                Err(WaitError::Behind(_)) => tokio::time::sleep(PAUSE_AFTER_FAILURE).await,
                Err(WaitError::Unavailable(error)) => return Err(Failure::from(error).into()),
            }
        }
    }
}

/// The dossier that an event belongs to, if it is one of a dossier.
fn dossier_of(row: &StoredRow) -> Option<Uuid> {
    row.stream.strip_prefix("dossier-")?.parse().ok()
}
