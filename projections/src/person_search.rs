//! Finding people by name, telephone or identity number, for those who may know them. docs/adr/0017
//!
//! It is no read model: it opens names, so that the words they are made of can be found again, and it forgets whom a
//! destroyed key has made unreadable. What it keeps are MACs of folded words under a key that is in no database: whole
//! words, not parts of words, so that a table in wrong hands cannot be spelt out letter by letter.

mod terms;

use std::time::Duration;

use chrono::TimeDelta;
use domain::access::Scope;
use domain::decider::{Decider, StoredEvent};
use domain::dossier::{self, Dossier};
use domain::identity::KeyId;
use domain::private::Private;
use domain::recorded::{Event, Position, Version};
use domain::time::Instant;
use infrastructure::db::{Database, Tx};
use infrastructure::event_store::{PageLimit, StoreError, micros};
use infrastructure::keys::{CACHE_TIME, KeyError, Keys};
use infrastructure::{on_db, on_tx};
use tokio::sync::watch;
use uuid::Uuid;

pub use self::terms::PersonMatch;
use self::terms::{Term, sought, terms_of};
use crate::batch;
use crate::dossier_summary::answering;
use crate::folder::{self, Parked};
use crate::lease::{self, Advance, Lease, RENEW_EVERY, Taken};
use crate::page::{Decoded, Seen};
use crate::read_model::Occurrence;
use crate::read_side::{Behind, Follower, ReadSide, Status, WAIT_POLL, WaitError};
use crate::runner::{RunError, per_second};
use crate::statement::Statement;
use crate::table::{Cell, Dialect, OnConflict, Statements, Table, int, uuid, write_all};

/// Of the checkpoint and the table.
pub const NAME: &str = "person_search";
/// Counts up when people are found under something else; a table of another version is filled anew.
pub(crate) const VERSION: i64 = 1;
pub const TABLE: Table = Table {
    name: NAME,
    key: &[uuid("key_id"), uuid("term")],
    values: &[uuid("dossier_id"), int("submitted_at")],
};

/// Each event of it that is a submission costs a key.
const PAGE: PageLimit = PageLimit::rows(2_000);
/// Longer than a process may go on using a destroyed key, and clocks differ.
const PURGE_OVERLAP: Duration = Duration::from_secs(2 * CACHE_TIME.as_secs());
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Beyond this a word is as common as any other.
const COMMON: i64 = 2_000;

const CLEAR: &str = "DELETE FROM person_search";
const PURGE: &str = "DELETE FROM person_search WHERE key_id = $1";
const SECURE_DELETE: &str = "PRAGMA secure_delete = ON";
const HOW_COMMON: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM person_search WHERE term = $1 LIMIT $2) AS found";

pub(crate) const SQL: &[&str] = &[CLEAR, PURGE, HOW_COMMON];

/// The people of one installation. Clones are cheap.
#[derive(Clone)]
pub struct PersonSearch {
    read_side: ReadSide,
    keys: Keys,
    holder: String,
}

/// A dossier whose applicant was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub dossier_id: Uuid,
    pub by: PersonMatch,
}

/// Why people cannot be made findable.
#[derive(Debug, thiserror::Error)]
pub enum PersonSearchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the table of people is unavailable")]
    Unavailable(#[from] sqlx::Error),
    #[error("the table of people is fed by somebody else")]
    HeldUp,
}

/// Whoever feeds the table, and how far it is.
struct Turn {
    lease: Lease,
    at: Position,
    /// Keys destroyed before are purged.
    purged_to: Instant,
}

impl PersonSearch {
    pub fn new(read_side: &ReadSide, keys: Keys) -> Self {
        Self { read_side: read_side.clone(), keys, holder: read_side.holder() }
    }

    fn database(&self) -> &Database {
        self.read_side.database()
    }

    fn now(&self) -> Instant {
        self.read_side.clock().now()
    }

    /// How far it is, who feeds it, and what it goes on without.
    pub async fn status(&self, now: Instant) -> Result<Vec<Status>, RunError> {
        self.read_side.status_of(&[(NAME, VERSION)], now).await
    }

    /// Follows the log, as far as no other process does.
    pub fn follow(&self) -> Follower {
        let people = self.clone();
        Follower::start(|mut stopped| async move {
            while !*stopped.borrow() {
                let mut turn = None;
                if let Err(error) = people.feed(&mut turn, &mut stopped).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "people are not made findable; starting again"
                    );
                    if let Some(Turn { lease, .. }) = &turn {
                        let _ = lease.stop(people.database(), &error.to_string()).await;
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
                if let Some(Turn { lease, .. }) = turn
                    && let Err(error) = lease.release(people.database()).await
                {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a lease was not given back");
                }
            }
        })
    }

    async fn feed(
        &self,
        turn: &mut Option<Turn>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<(), PersonSearchError> {
        let mut head = self.read_side.store().watch_head();
        while !*stopped.borrow_and_update() {
            head.mark_unchanged();
            if turn.is_none() {
                *turn = self.take().await?;
            }
            if let Some(taken) = turn {
                match self.step(taken).await? {
                    Some(true) => {}
                    Some(false) => continue,
                    None => *turn = None,
                }
            }
            tokio::select! {
                _ = tokio::time::timeout(RENEW_EVERY, head.changed()) => {}
                _ = stopped.changed() => {}
            }
        }
        Ok(())
    }

    /// Brings the table to the log's end as of now.
    pub async fn catch_up(&self) -> Result<Position, PersonSearchError> {
        let mut turn = self.take().await?.ok_or(PersonSearchError::HeldUp)?;
        loop {
            match self.step(&mut turn).await? {
                Some(true) => break,
                Some(false) => {}
                None => return Err(PersonSearchError::HeldUp),
            }
        }
        turn.lease.release(self.database()).await?;
        Ok(turn.at)
    }

    /// Takes the lease if it is free. A table of an older version, or ahead of the log, is filled anew; what could not be
    /// read is tried again.
    async fn take(&self) -> Result<Option<Turn>, PersonSearchError> {
        let mut tx = self.database().begin_write().await?;
        let taken = Lease::take(&mut tx, NAME, VERSION, &self.holder, self.now()).await?;
        let Some(Taken { lease, mut position, version }) = taken else { return Ok(None) };
        if VERSION < version {
            // Left to the newer program.
            tx.rollback().await?;
            return Ok(None);
        }
        if version < VERSION || self.read_side.store().head().await? < position {
            on_tx!(&mut tx, connection => sqlx::query(CLEAR).execute(connection).await.map(|_| ()))?;
            folder::unpark_all(&mut tx, NAME).await?;
            lease.begin_again(&mut tx, VERSION).await?;
            position = Position(0);
        }
        tx.commit().await?;
        let turn = Turn { lease, at: position, purged_to: Instant::UNIX_EPOCH };
        self.try_parked(&turn).await?;
        Ok(Some(turn))
    }

    async fn try_parked(&self, turn: &Turn) -> Result<(), PersonSearchError> {
        let parked = folder::parked(self.database()).await?;
        for parked in parked.into_iter().filter(|parked| parked.name == NAME) {
            let row = self
                .read_side
                .store()
                .read_stream(&parked.stream, Version(parked.version - 1))
                .await?
                .into_iter()
                .next();
            let Some(Ok(recorded)) = row.map(|row| row.decode()) else { continue };
            let Ok(rows) = self.rows_of(&Occurrence::from(recorded)).await? else { continue };
            let mut tx = self.database().begin_write().await?;
            if turn.lease.hold(&mut tx, self.now()).await?.is_some() {
                self.write(&mut tx, &rows).await?;
                batch::unpark(&mut tx, NAME, &parked.stream).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Writes a page and purges; says whether that was the last page, and nothing if the lease is lost.
    async fn step(&self, turn: &mut Turn) -> Result<Option<bool>, PersonSearchError> {
        let started = tokio::time::Instant::now();
        let page = Decoded::read(self.read_side.store(), turn.at, PAGE).await?;
        self.keys.fetch(page.events.iter().filter_map(applicant_key)).await?;
        let mut rows = Vec::new();
        let mut parked = Vec::new();
        for seen in &page.events {
            match seen {
                Seen::Readable(occurrence) => match self.rows_of(occurrence).await? {
                    Ok(found) => rows.extend(found),
                    Err(error) => parked.push(Parked {
                        name: NAME.to_owned(),
                        stream: occurrence.stream.clone(),
                        version: occurrence.version.0,
                        position: occurrence.position.0,
                        reason: error.to_string(),
                    }),
                },
                // Nothing but the first event of a dossier is about its applicant.
                Seen::Poison { stream, version: Version(1), position, reason }
                    if stream.starts_with(Dossier::CATEGORY) =>
                {
                    parked.push(Parked {
                        name: NAME.to_owned(),
                        stream: stream.clone(),
                        version: 1,
                        position: position.0,
                        reason: reason.clone(),
                    });
                }
                Seen::Poison { .. } => {}
            }
        }
        let now = self.now();
        // Read after the names: what was opened with a key that is destroyed meanwhile goes again at once.
        let destroyed = self.keys.destroyed_since(turn.purged_to).await?;
        let mut tx = self.database().begin_write().await?;
        match turn.lease.hold(&mut tx, now).await? {
            Some((position, _)) if position == turn.at => {}
            Some(_) | None => return Ok(None),
        }
        self.write(&mut tx, &rows).await?;
        for parked in &parked {
            batch::park(&mut tx, parked).await?;
        }
        purge(&mut tx, &destroyed).await?;
        if turn.at < page.next {
            let per_second = per_second(page.events.len(), started.elapsed());
            let advance = Advance { to: page.next, per_second, has_changes: true };
            turn.lease.advance(&mut tx, advance, self.now()).await?;
        }
        tx.commit().await?;
        turn.at = page.next;
        turn.purged_to = now - TimeDelta::from_std(PURGE_OVERLAP).unwrap_or_default();
        Ok(Some(page.at_end || page.newer.is_some()))
    }

    /// Makes people of no log findable, for measuring what is asked of them: key, dossier, time, name and telephone.
    pub async fn fill(&self, people: &[(KeyId, Uuid, i64, String, String)]) -> sqlx::Result<()> {
        let mut rows = Vec::new();
        for (key, dossier_id, submitted_at, name, phone) in people {
            rows.extend(terms_of(name, Some(phone), None).iter().map(|term| Row {
                key_id: key.0,
                term: self.mac(term),
                dossier_id: *dossier_id,
                submitted_at: *submitted_at,
            }));
        }
        let mut tx = self.database().begin_write().await?;
        self.write(&mut tx, &rows).await?;
        tx.commit().await
    }

    /// What the applicant of a submitted dossier is found under; nothing once the key is destroyed. The inner error is
    /// about this event, the outer about everything.
    async fn rows_of(&self, occurrence: &Occurrence) -> Result<Result<Vec<Row>, KeyError>, KeyError> {
        let Event::Dossier(event @ dossier::Event::Submitted(submitted)) = &occurrence.event else {
            return Ok(Ok(Vec::new()));
        };
        let Some(dossier_id) = occurrence.id(Dossier::CATEGORY) else { return Ok(Ok(Vec::new())) };
        let applicant = &submitted.applicant;
        let mut opened = [None, None, None];
        let fields = [Some(&applicant.name), applicant.phone.as_ref(), applicant.id_number.as_ref()];
        for (open, field) in opened.iter_mut().zip(fields) {
            let Some(Private::Sealed(token)) = field else { continue };
            match self.keys.open_value(token, &occurrence.stream, event.type_name()).await {
                Ok(secret) => *open = Some(secret),
                Err(KeyError::Destroyed(_)) => return Ok(Ok(Vec::new())),
                Err(error @ (KeyError::Seal(_) | KeyError::NotFound(_) | KeyError::Corrupt(_))) => {
                    return Ok(Err(error));
                }
                Err(error) => return Err(error),
            }
        }
        let [name, phone, id_number] = &opened;
        let text = |secret: &Option<domain::private::Secret>| {
            secret.as_ref().map(|secret| secret.expose().to_owned())
        };
        let terms =
            terms_of(&text(name).unwrap_or_default(), text(phone).as_deref(), text(id_number).as_deref());
        let rows = terms.iter().map(|term| Row {
            key_id: applicant.key.0,
            term: self.mac(term),
            dossier_id,
            submitted_at: micros(occurrence.occurred_at),
        });
        Ok(Ok(rows.collect()))
    }

    fn mac(&self, term: &Term) -> Uuid {
        self.keys.search_mac(term.kind(), term.text())
    }

    async fn write(&self, tx: &mut Tx, rows: &[Row]) -> sqlx::Result<()> {
        let statements = Statements::new(TABLE, NAME, OnConflict::Replace);
        let cells: Vec<Vec<Cell<'_>>> = rows.iter().map(Row::to_cells).collect();
        let prepared = statements.upserts(Dialect::of(tx), &cells);
        write_all(tx, prepared).await
    }

    /// Waits, bounded, until a position was seen.
    pub async fn wait_for(&self, position: Option<Position>, longest: Duration) -> Result<(), WaitError> {
        let Some(position) = position else { return Ok(()) };
        let deadline = tokio::time::Instant::now() + longest;
        loop {
            let checkpoints = lease::checkpoints(self.database()).await?;
            let at = checkpoints.get(NAME).map_or(0, |checkpoint| checkpoint.position);
            if position.0 <= at {
                return Ok(());
            }
            if deadline <= tokio::time::Instant::now() {
                return Err(Behind { model: NAME, lag: position.0 - at }.into());
            }
            tokio::time::sleep(WAIT_POLL).await;
        }
    }

    /// Dossiers whose applicant a text names: by number if it is one, else by the whole name, then by all its words in any
    /// order. Newest first within each, where an agency of the scope takes it in, decides or holds it.
    pub async fn find(&self, text: &str, scope: &Scope, limit: i64) -> sqlx::Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        for (by, terms) in sought(text) {
            let missing = limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if missing <= 0 {
                break;
            }
            let mut macs: Vec<Uuid> = terms.iter().map(|term| self.mac(term)).collect();
            self.rarest_first(&mut macs).await?;
            // Some of them may be there already.
            for dossier_id in self.with_all(&macs, scope, limit).await? {
                if !found.iter().any(|found| found.dossier_id == dossier_id) {
                    found.push(Found { dossier_id, by });
                }
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }

    /// One person in three is called Nguyễn: the search begins with what few are called.
    async fn rarest_first(&self, macs: &mut [Uuid]) -> sqlx::Result<()> {
        if macs.len() < 2 {
            return Ok(());
        }
        let mut counted = Vec::with_capacity(macs.len());
        for mac in &*macs {
            let count: i64 = on_db!(&self.database().readers, pool => sqlx::query_scalar(HOW_COMMON)
                .bind(*mac).bind(COMMON).fetch_one(pool).await)?;
            counted.push((count, *mac));
        }
        counted.sort_by_key(|(count, _)| *count);
        for (mac, (_, sorted)) in macs.iter_mut().zip(counted) {
            *mac = sorted;
        }
        Ok(())
    }

    async fn with_all(&self, macs: &[Uuid], scope: &Scope, limit: i64) -> sqlx::Result<Vec<Uuid>> {
        let Some((first, others)) = macs.split_first() else { return Ok(Vec::new()) };
        let mut statement = Statement::default();
        // CROSS: SQLite keeps to the order, and begins with the term.
        statement.push(
            "SELECT p.dossier_id FROM person_search p CROSS JOIN dossier_summary d
             WHERE d.dossier_id = p.dossier_id AND p.term = ",
        );
        let place = statement.bind(*first);
        statement.push(&place);
        for other in others {
            let place = statement.bind(*other);
            statement.push(&format!(
                " AND EXISTS (SELECT 1 FROM person_search q WHERE q.key_id = p.key_id AND q.term = {place})"
            ));
        }
        if let Some(agencies) = statement.scope(scope) {
            statement.push(&answering("d.", &agencies));
        }
        let limit = statement.bind(limit);
        statement.push(&format!(" ORDER BY p.submitted_at DESC, p.dossier_id DESC LIMIT {limit}"));
        let rows: Vec<(Uuid,)> = statement.fetch_all(self.database()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

/// What opens the applicant of a dossier that is submitted.
fn applicant_key(seen: &Seen) -> Option<KeyId> {
    match seen {
        Seen::Readable(Occurrence {
            event: Event::Dossier(dossier::Event::Submitted(submitted)), ..
        }) => Some(submitted.applicant.key),
        Seen::Readable(_) | Seen::Poison { .. } => None,
    }
}

struct Row {
    key_id: Uuid,
    term: Uuid,
    dossier_id: Uuid,
    submitted_at: i64,
}

impl Row {
    /// In the order of [`TABLE`].
    fn to_cells(&self) -> Vec<Cell<'static>> {
        vec![self.key_id.into(), self.term.into(), self.dossier_id.into(), self.submitted_at.into()]
    }
}

async fn purge(tx: &mut Tx, keys: &[KeyId]) -> sqlx::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    if let Tx::Sqlite(tx) = &mut *tx {
        // What is deleted is overwritten, not only forgotten where it was.
        sqlx::query(SECURE_DELETE).execute(&mut **tx).await?;
    }
    for key in keys {
        on_tx!(&mut *tx, connection => sqlx::query(PURGE).bind(key.0).execute(connection).await.map(|_| ()))?;
    }
    Ok(())
}
