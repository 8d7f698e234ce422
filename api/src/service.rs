//! What can be done and asked, with authorisation. GraphQL, the command line, the import and the demo all go through
//! here, so all are held to the same rules.

mod access;
mod agencies;
mod applicants;
mod boards;
mod calendars;
mod catalogue;
mod disclosures;
mod dossiers;
mod files;
mod indicators;
mod life_cycle;
mod live;
mod notices;
mod papers;
mod payments;
mod places;
mod projections;
mod queries;
mod reads;
mod search;
mod synchronisation;
mod tables;

pub use access::{Access, AccountDone, check_password};
pub use agencies::{CarriedOver, NotCarried};
pub use applicants::{Application, Person, TellsOf, Told, application, told};
pub use boards::{
    Board, BoardGroupBy, BoardItem, BoardQuestion, Figure, FigureItem, Figures, GroupKey, Part, ProgressBy,
    ProgressQuestion,
};
pub use calendars::{Days, Impact, ImpactQuestion, Touched};
pub use catalogue::{Change, Comparison, Difference, ProcedureVersions, Published};
pub use disclosures::{BrokenGlass, DisclosurePolicy, may_have_opened};
pub use dossiers::Accepted;
pub(crate) use files::FILE_ATTACHED;
pub use files::{Attached, Download, FILE_BYTES_MAX, FileInput, FilePolicy, FileReceipt, Files, ListedFile};
pub(crate) use indicators::hours;
pub use indicators::{Indicator, Measured, StepTime};
pub use live::{DossierEvent, Live, Subscriber};
pub(crate) use notices::NoticeBounds;
pub use papers::{Book, Printed};
pub use payments::{PaymentOutcome, Reconciled, RefundOutcome, StartedPayment, principal_of};
pub use places::Held;
pub use projections::Projection;
use queries::KeptNames;
pub use queries::{DossierPage, HistoryEntry, Names, Opened, SearchInput, Shown, WorkListOf};
pub use reads::{Exposed, PersonalField, ReadThrough, Searched};
pub use search::{Hit, SearchMatch};

use std::sync::{Arc, Mutex};

use ::projections::ReadSide;
use ::projections::person_search::PersonSearch;
use ::projections::read_side::Status;
use ::projections::runner::RunError;
use domain::access::{Principal, Purpose};
use domain::identity::CommandId;
use domain::recorded::{Position, Version, Via};
use domain::time::{Instant, truncate};
use infrastructure::clock::Clock;
use infrastructure::content_store::ContentStore;
use infrastructure::entropy::Entropy;
use infrastructure::event_store::EventStore;
use infrastructure::execute::{Executor, Request};
use infrastructure::keys::{Keys, MasterKey};
use infrastructure::location::Location;
use infrastructure::read_log::ReadLog;
use serde::Serialize;

use crate::payments::Gateways;
use crate::problem::{Failure, ServiceError};

/// The whole system behind its interfaces. Clones are cheap.
#[derive(Clone)]
pub struct Service {
    pub executor: Executor,
    pub read_side: ReadSide,
    pub people: PersonSearch,
    pub files: Files,
    /// Who has seen personal data.
    pub reads: ReadLog,
    /// Those who listen.
    pub live: Live,
    pub gateways: Gateways,
    disclosures: DisclosurePolicy,
    names: Arc<Mutex<Option<KeptNames>>>,
}

/// Who asks, and through what.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub via: Via,
    pub traceparent: Option<String>,
    /// Why personal data is read.
    pub purpose: Purpose,
    /// Business time, where it is not now: for what is taken over from elsewhere. Clients cannot set it.
    pub at: Option<Instant>,
}

/// Where a command ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub version: Version,
    pub position: Position,
}

impl Service {
    /// Opens log, keys and read models. Nothing is fed yet: `read_side.follow()` or `catch_up()` does that.
    pub async fn open(location: &Location, clock: Clock, entropy: Entropy) -> Result<Self, Failure> {
        let store = EventStore::open(&location.log, clock.clone()).await?;
        let master = MasterKey::load_or_create(&location.master_key, &entropy)?;
        let keys = Keys::open(&location.keys, master, entropy.clone(), clock.clone()).await?;
        store.bind_keys(keys.identity()).await?;
        let files = ContentStore::new(&location.files, keys.identity(), entropy);
        let read_side = ReadSide::open(&location.read, store.clone()).await?;
        let files = Files::new(files, FilePolicy::default());
        let reads = ReadLog::start(&store, keys.clone());
        let people = PersonSearch::new(&read_side, keys.clone());
        Ok(Self {
            executor: Executor::new(store, keys, clock),
            read_side,
            people,
            files,
            reads,
            live: Live::default(),
            gateways: Gateways::default(),
            disclosures: DisclosurePolicy::default(),
            names: Arc::default(),
        })
    }

    /// How the read models are doing, and the table of people.
    pub async fn status(&self) -> Result<Vec<Status>, RunError> {
        let now = self.clock().now();
        let mut status = self.read_side.status(now).await?;
        status.extend(self.people.status(now).await?);
        Ok(status)
    }

    pub fn store(&self) -> &EventStore {
        &self.executor.store
    }

    pub fn clock(&self) -> &Clock {
        &self.executor.clock
    }

    /// The request's identity, from who asks for what under which key; and its MAC, over everything that was sent.
    fn request(
        &self,
        caller: &Caller,
        operation: &str,
        idempotency_key: uuid::Uuid,
        canonical: &impl Serialize,
    ) -> Result<Request, ServiceError> {
        let canonical = serde_json::to_vec(&(operation, canonical))?;
        Ok(Request {
            command: CommandId::derive(caller.principal.id, operation, idempotency_key),
            mac: self.executor.keys.request_mac(&canonical),
            principal: caller.principal.clone(),
            via: caller.via,
            traceparent: caller.traceparent.clone(),
            expected: None,
            at: caller.at.map(truncate),
        })
    }
}
