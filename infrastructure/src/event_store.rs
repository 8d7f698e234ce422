//! The event log: append-only, one global order. What is written stays as it was written, byte for byte.

mod copy_out;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::decider::DecodeError;
use domain::identity::{AppendId, EventId};
use domain::recorded::{Event, Metadata, Position, Recorded, Version};
use domain::time::Instant;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

pub use crate::lane::{APPEND_EVENTS_MAX, Append, Appended, EVENT_BYTES_MAX, Expected, NewEvent};

use crate::clock::Clock;
use crate::db::{Contents, Database, Db, DbError, Trouble, trouble};
use crate::lane::{self, Outcome, Waiting};
use crate::location::DbUrl;
use crate::on_db;

/// How often the log is asked whether another process has appended. Within this process nothing is polled.
const OTHER_PROCESSES_EVERY: Duration = Duration::from_millis(100);
/// The longest stream name.
const STREAM_BYTES_MAX: usize = 200;

/// A failure of the log: not a refusal, but something that could not be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("stream {stream} is at version {actual}, expected {expected}")]
    Conflict { stream: String, expected: Version, actual: Version },
    #[error("the {type_name} event at position {position} cannot be read")]
    Undecodable {
        position: Position,
        type_name: String,
        #[source]
        source: Arc<DecodeError>,
    },
    #[error("the metadata of the event at position {position} cannot be read")]
    UndecodableMetadata {
        position: Position,
        #[source]
        source: Arc<serde_json::Error>,
    },
    #[error("the record {seq} of a read of personal data cannot be read")]
    UndecodableRead {
        seq: i64,
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The database has put a page together otherwise than it was told to.
    #[error("the page of the event log after position {after} cannot be taken apart")]
    Garbled { after: Position },
    #[error("an append is too large: {what}")]
    TooLarge { what: &'static str },
    #[error("a text of an append holds a NUL")]
    Nul,
    #[error("the event cannot be written")]
    Unencodable(#[source] Arc<serde_json::Error>),
    #[error("the disk of the event log is full")]
    DiskFull(#[source] Arc<sqlx::Error>),
    #[error("the event log is read-only")]
    ReadOnly(#[source] Arc<sqlx::Error>),
    #[error("the event log is unavailable")]
    Unavailable(#[source] Arc<sqlx::Error>),
    #[error("the event log has been closed")]
    Closed,
    #[error("this log is sealed with the keys of another key store ({log}, not {keys}); give its --keys")]
    OtherKeys { log: Uuid, keys: Uuid },
}

impl From<Arc<sqlx::Error>> for StoreError {
    fn from(error: Arc<sqlx::Error>) -> Self {
        match trouble(&error) {
            Trouble::DiskFull => Self::DiskFull(error),
            Trouble::ReadOnly => Self::ReadOnly(error),
            Trouble::Passing | Trouble::Lasting => Self::Unavailable(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(Arc::new(error))
    }
}

/// The log of one installation. Clones share the lane.
#[derive(Clone)]
pub struct EventStore {
    database: Database,
    lane: mpsc::Sender<Waiting>,
    head: watch::Receiver<Position>,
    /// Events of a page for folding that came within its bytes lately (PostgreSQL).
    fitting: Arc<AtomicU32>,
}

/// An event as the log holds it, not yet decoded.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredRow {
    pub position: i64,
    pub stream: String,
    pub version: i64,
    pub event_id: Uuid,
    #[sqlx(rename = "type")]
    pub type_name: String,
    pub data: String,
    pub metadata: String,
    /// Microseconds since the epoch, business time.
    pub occurred_at: i64,
    /// Microseconds since the epoch, server time.
    pub recorded_at: i64,
}

/// The most that one page holds. There is always one event in it, however large, if there is one at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    pub rows: u32,
    /// Of data and metadata together, as far as they are read.
    pub bytes: i64,
}

/// Some events in order as one text, for those who read the whole log: a row of its own for each event costs more in the
/// drivers than everything else about it. Without what no table is made of: who did it, and on which command.
#[derive(Debug)]
pub struct PageText {
    content: Content,
    events: usize,
    after: Position,
    /// Nothing more was there when this page was read.
    pub at_end: bool,
}

/// What a database makes least work of.
#[derive(Debug)]
enum Content {
    /// SQLite: an aggregate over the page.
    Text(String),
    /// PostgreSQL: rows as a binary `COPY` sends them, without its header.
    Copied(Vec<u8>),
}

/// An event of a [`PageText`], not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawEvent<'a> {
    pub position: Position,
    pub stream: &'a str,
    pub version: Version,
    pub type_name: &'a str,
    pub data: &'a str,
    pub occurred_at: Instant,
    pub recorded_at: Instant,
}

/// Some events in order.
#[derive(Debug)]
pub struct Page {
    pub rows: Vec<StoredRow>,
    /// Where to go on reading.
    pub next: Position,
    /// Nothing more was there when this page was read.
    pub at_end: bool,
}

/// The events of a page: $1 after, $2 rows, $3 bytes. Both databases know the length of a text without reading it.
macro_rules! on_page {
    () => {
        "FROM event WHERE position > $1 AND position <= (
            SELECT MAX(position) FROM (
                SELECT position,
                       SUM(bytes) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) - bytes AS bytes_before
                FROM (SELECT position, octet_length(data) + octet_length(metadata) AS bytes
                      FROM event WHERE position > $1 ORDER BY position LIMIT $2) AS sizes) AS sums
            WHERE bytes_before < $3)
        ORDER BY position"
    };
}
const READ_ALL: &str = concat!(
    "SELECT position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at ",
    on_page!()
);
// Numbers first, then the texts, with their lengths among the numbers. They come in the order of the page, for which
// neither database sorts; an ORDER BY within the aggregate would make both sort. That it is so is looked at in the end.
const READ_TEXT: &str = concat!(
    "SELECT COUNT(*), COALESCE(SUM(bytes), 0), COALESCE(string_agg(
         position || ' ' || version || ' ' || occurred_at || ' ' || recorded_at || ' ' || octet_length(stream) || ' '
         || octet_length(type) || ' ' || octet_length(data) || ' ' || stream || type || data,
         ''), '')
     FROM (SELECT position, version, occurred_at, recorded_at, stream, type, data,
                  octet_length(data) + octet_length(metadata) AS bytes ",
    on_page!(),
    ") AS page"
);
/// What a page is made of on PostgreSQL, in the order in which [`copy_out`] takes it apart.
const COPIED: &str = "SELECT position, version, occurred_at, recorded_at, stream, type, data FROM event";
const RECORDED_AFTER: &str = "SELECT recorded_at FROM event WHERE position > $1 ORDER BY position LIMIT 1";
const READ_STREAM: &str = "
    SELECT position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at
    FROM event WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3";
/// Which streams, and in which order, is said behind it.
const READ_STREAMS: &str = "
    SELECT position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at FROM event WHERE";
const FIND_EVENT: &str = "SELECT stream, version FROM event WHERE event_id = $1";
const HEAD: &str = "SELECT position FROM log_head WHERE id = 1";
const KEYS_ID: &str = "SELECT keys_id FROM log_keys WHERE id = 1";
const SET_KEYS_ID: &str = "INSERT INTO log_keys (id, keys_id) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

/// Every statement here that both dialects share; a test prepares each on both.
pub const SQL: &[&str] =
    &[READ_ALL, READ_TEXT, COPIED, RECORDED_AFTER, READ_STREAM, FIND_EVENT, HEAD, KEYS_ID, SET_KEYS_ID];

/// Bytes of a page: some ten thousand usual events, or some hundred of the largest.
const PAGE_BYTES: i64 = 32 * 1024 * 1024;
/// Streams that are asked for in one statement: a page of dossiers.
const STREAMS_TOGETHER: usize = 100;
/// Streams are folded in pages of this many events.
const STREAM_PAGE: i64 = 1_000;

impl EventStore {
    /// Opens the log, creating it if it is not there.
    pub async fn open(url: &DbUrl, clock: Clock) -> Result<Self, DbError> {
        let database = Database::open(url, Contents::Log).await?;
        let failed = |source| DbError::Open { url: url.clone(), source };
        let at: i64 = on_db!(&database.readers, pool => sqlx::query_scalar(HEAD).fetch_one(pool).await)
            .map_err(failed)?;
        let (head_sender, head) = watch::channel(Position(at));
        tokio::spawn(watch_other_processes(database.clone(), head_sender.clone()));
        let (lane, _) = lane::start(database.clone(), clock, head_sender);
        Ok(Self { database, lane, head, fitting: Arc::new(AtomicU32::new(u32::MAX)) })
    }

    /// Binds the log to the key store that seals it, once and for ever.
    pub async fn bind_keys(&self, keys: Uuid) -> Result<(), StoreError> {
        on_db!(&self.database.writer, pool => sqlx::query(SET_KEYS_ID).bind(keys).execute(pool).await.map(|_| ()))?;
        let log: Uuid =
            on_db!(&self.database.writer, pool => sqlx::query_scalar(KEYS_ID).fetch_one(pool).await)?;
        if log != keys {
            return Err(StoreError::OtherKeys { log, keys });
        }
        Ok(())
    }

    /// Appends, all or nothing. The same append again gets the first answer, whatever it expects, and writes nothing.
    pub async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        validate(&append)?;
        let (id, stream, expected, count) =
            (append.id, append.stream.clone(), append.expected, append.events.len());
        let (answer, answered) = oneshot::channel();
        self.lane.send(Waiting { append, answer }).await.map_err(|_| StoreError::Closed)?;
        match answered.await.map_err(|_| StoreError::Closed)?? {
            Outcome::Appended(appended) => Ok(appended),
            Outcome::Repeated => {
                let rows = self.find_append(id, count).await?;
                rows.last().map(StoredRow::repeated).ok_or(StoreError::Closed)
            }
            Outcome::Conflict { actual } => {
                let expected = match expected {
                    Expected::Exactly(version) => version,
                    Expected::Any => Version(0),
                };
                Err(StoreError::Conflict { stream, expected, actual })
            }
        }
    }

    /// The events of an append that is in the log already, at most `count_max`; none if it is not.
    pub async fn find_append(&self, id: AppendId, count_max: usize) -> Result<Vec<StoredRow>, StoreError> {
        let first = id.event(0).0;
        let found: Option<(String, i64)> = on_db!(&self.database.readers, pool => {
            sqlx::query_as(FIND_EVENT).bind(first).fetch_optional(pool).await
        })?;
        let Some((stream, version)) = found else { return Ok(Vec::new()) };
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let mut rows = self.read_stream_page(&stream, Version(version - 1), limit).await?;
        let own = (0..).zip(&rows).take_while(|(n, row)| row.event_id == id.event(*n).0).count();
        rows.truncate(own);
        Ok(rows)
    }

    /// Events of a stream after a version, oldest first.
    pub async fn read_stream(&self, stream: &str, after: Version) -> Result<Vec<StoredRow>, StoreError> {
        let mut rows = Vec::new();
        let mut after = after;
        loop {
            let page = self.read_stream_page(stream, after, STREAM_PAGE).await?;
            let full = page.len() as i64 == STREAM_PAGE;
            rows.extend(page);
            match rows.last() {
                Some(last) if full => after = Version(last.version),
                Some(_) | None => return Ok(rows),
            }
        }
    }

    /// Events of some streams, each after a version: stream by stream, in the order of each.
    pub async fn read_streams(&self, wanted: &[(&str, Version)]) -> Result<Vec<StoredRow>, StoreError> {
        let mut rows = Vec::new();
        for wanted in wanted.chunks(STREAMS_TOGETHER) {
            let places =
                (0..wanted.len()).map(|n| format!("(stream = ${} AND version > ${})", 2 * n + 1, 2 * n + 2));
            let sql = format!(
                "{READ_STREAMS} {} ORDER BY stream, version",
                places.collect::<Vec<_>>().join(" OR ")
            );
            let found: Vec<StoredRow> = on_db!(&self.database.readers, pool => {
                let query = sqlx::query_as(AssertSqlSafe(sql));
                let query = wanted.iter().fold(query, |query, (stream, after)| {
                    query.bind((*stream).to_owned()).bind(after.0)
                });
                query.fetch_all(pool).await
            })?;
            rows.extend(found);
        }
        Ok(rows)
    }

    async fn read_stream_page(
        &self,
        stream: &str,
        after: Version,
        limit: i64,
    ) -> Result<Vec<StoredRow>, StoreError> {
        Ok(on_db!(&self.database.readers, pool => {
            sqlx::query_as(READ_STREAM).bind(stream).bind(after.0).bind(limit).fetch_all(pool).await
        })?)
    }

    /// Events of all streams after a position, in the one global order.
    pub async fn read_all(&self, after: Position, limit: PageLimit) -> Result<Page, StoreError> {
        let rows: Vec<StoredRow> = on_db!(&self.database.readers, pool => {
            sqlx::query_as(READ_ALL)
                .bind(after.0).bind(i64::from(limit.rows)).bind(limit.bytes).fetch_all(pool).await
        })?;
        let next = rows.last().map_or(after, |row| Position(row.position));
        let bytes: usize = rows.iter().map(|row| row.data.len() + row.metadata.len()).sum();
        let at_end = rows.len() < limit.rows as usize && (bytes as i64) < limit.bytes;
        Ok(Page { rows, next, at_end })
    }

    /// Events of all streams after a position, in the one global order, for folding.
    pub async fn read_text(&self, after: Position, limit: PageLimit) -> Result<PageText, StoreError> {
        match &self.database.readers {
            Db::Sqlite(pool) => {
                let (events, bytes, text): (i64, i64, String) = sqlx::query_as(READ_TEXT)
                    .bind(after.0)
                    .bind(i64::from(limit.rows))
                    .bind(limit.bytes)
                    .fetch_one(pool)
                    .await?;
                let at_end = events < i64::from(limit.rows) && bytes < limit.bytes;
                let events = usize::try_from(events).unwrap_or_default();
                Ok(PageText { content: Content::Text(text), events, after, at_end })
            }
            Db::Postgres(pool) => Ok(self.copy_page(pool, after, limit).await?),
        }
    }

    /// A page as one `COPY`. What is beyond the bytes of a page is passed over, and fewer rows are asked for next time.
    async fn copy_page(&self, pool: &PgPool, after: Position, limit: PageLimit) -> sqlx::Result<PageText> {
        let fitting = self.fitting.load(Ordering::Relaxed);
        let asked = limit.rows.min(fitting);
        // Numbers of ours: a COPY takes no values.
        let sql = format!(
            "COPY ({COPIED} WHERE position > {} ORDER BY position LIMIT {asked}) TO STDOUT (FORMAT binary)",
            after.0
        );
        let mut connection = pool.acquire().await?;
        let mut rows = connection.copy_out_raw(&sql).await?;
        let (mut bytes, mut events, mut is_full, mut is_first) = (Vec::new(), 0, false, true);
        let bytes_max = usize::try_from(limit.bytes).unwrap_or(usize::MAX);
        // One message for each row and one for the end; the header is with the first of them.
        while let Some(message) = rows.try_next().await? {
            let row = if is_first { copy_out::after_header(&message) } else { &message };
            is_first = false;
            if row == copy_out::END {
                continue;
            }
            is_full |= 0 < events && bytes_max <= bytes.len();
            if !is_full {
                bytes.extend_from_slice(row);
                events += 1;
            }
        }
        drop(rows);
        let next = if is_full {
            u32::try_from(events).unwrap_or(u32::MAX)
        } else if asked < limit.rows {
            fitting.saturating_mul(2)
        } else {
            fitting
        };
        self.fitting.store(next, Ordering::Relaxed);
        let at_end = !is_full && events < asked as usize;
        Ok(PageText { content: Content::Copied(bytes), events, after, at_end })
    }

    /// When the first event after a position was recorded, if there is one.
    pub async fn recorded_after(&self, position: Position) -> Result<Option<Instant>, StoreError> {
        let at: Option<i64> = on_db!(&self.database.readers, pool => {
            sqlx::query_scalar(RECORDED_AFTER).bind(position.0).fetch_optional(pool).await
        })?;
        Ok(at.map(instant))
    }

    /// The end of the log, asked of the database.
    pub async fn head(&self) -> Result<Position, StoreError> {
        let position: i64 =
            on_db!(&self.database.readers, pool => sqlx::query_scalar(HEAD).fetch_one(pool).await)?;
        Ok(Position(position))
    }

    /// The end of the log as far as this process knows; changes wake a reader without polling.
    pub fn watch_head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// Refuses what would hurt everybody in the lane.
fn validate(append: &Append) -> Result<(), StoreError> {
    if append.stream.is_empty() || STREAM_BYTES_MAX < append.stream.len() {
        return Err(StoreError::TooLarge { what: "the stream name" });
    }
    if append.events.is_empty() || APPEND_EVENTS_MAX < append.events.len() {
        return Err(StoreError::TooLarge { what: "the number of events" });
    }
    if append.events.iter().any(|event| EVENT_BYTES_MAX < event.data.len() + append.metadata.len()) {
        return Err(StoreError::TooLarge { what: "an event" });
    }
    // PostgreSQL refuses it, and SQLite would cut the text there without a word.
    let data = append.events.iter().map(|event| &event.data);
    if data.chain([&append.stream, &append.metadata]).any(|text| text.contains('\0')) {
        return Err(StoreError::Nul);
    }
    Ok(())
}

/// Appends of other processes become known within [`OTHER_PROCESSES_EVERY`]. Ends when nobody listens any more.
async fn watch_other_processes(database: Database, head: watch::Sender<Position>) {
    let mut every = tokio::time::interval(OTHER_PROCESSES_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = head.closed() => return,
            _ = every.tick() => {}
        }
        let at: sqlx::Result<i64> =
            on_db!(&database.readers, pool => sqlx::query_scalar(HEAD).fetch_one(pool).await);
        match at {
            Ok(at) => {
                head.send_if_modified(|known| {
                    let moved = known.0 < at;
                    known.0 = known.0.max(at);
                    moved
                });
            }
            Err(sqlx::Error::PoolClosed) => return,
            Err(error) => tracing::warn!(%error, "the end of the log could not be asked"),
        }
    }
}

impl PageLimit {
    /// What a page holds where nothing else is asked for.
    pub const fn rows(rows: u32) -> Self {
        Self { rows, bytes: PAGE_BYTES }
    }
}

impl PageText {
    pub fn len(&self) -> usize {
        self.events
    }

    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// The events one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Result<RawEvent<'_>, StoreError>> {
        let mut rest = match &self.content {
            Content::Text(text) => Rest::Text(text),
            Content::Copied(bytes) => Rest::Copied(bytes),
        };
        let mut last = self.after;
        (0..self.events).map(move |_| {
            let event = rest.take().filter(|event| last < event.position);
            let event = event.ok_or(StoreError::Garbled { after: last })?;
            last = event.position;
            Ok(event)
        })
    }
}

/// What is left of a page.
enum Rest<'a> {
    Text(&'a str),
    Copied(&'a [u8]),
}

impl<'a> Rest<'a> {
    fn take(&mut self) -> Option<RawEvent<'a>> {
        match self {
            Self::Text(text) => RawEvent::take(text),
            Self::Copied(bytes) => copy_out::take(bytes),
        }
    }
}

impl<'a> RawEvent<'a> {
    fn take(rest: &mut &'a str) -> Option<Self> {
        let mut number = || {
            let (number, after) = rest.split_once(' ')?;
            *rest = after;
            number.parse::<i64>().ok()
        };
        let (position, version) = (Position(number()?), Version(number()?));
        let (occurred_at, recorded_at) = (instant(number()?), instant(number()?));
        let lengths = [number()?, number()?, number()?];
        let mut text = |length: i64| {
            let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = after;
            Some(text)
        };
        let (stream, type_name, data) = (text(lengths[0])?, text(lengths[1])?, text(lengths[2])?);
        Some(Self { position, stream, version, type_name, data, occurred_at, recorded_at })
    }
}

impl StoredRow {
    /// The answer to a repeated append whose last event this is.
    pub fn repeated(&self) -> Appended {
        Appended {
            stream: self.stream.clone(),
            position: Position(self.position),
            version: Version(self.version),
            recorded_at: instant(self.recorded_at),
            repeated: true,
        }
    }

    pub fn decode_metadata(&self) -> Result<Metadata, StoreError> {
        serde_json::from_str(&self.metadata).map_err(|source| StoreError::UndecodableMetadata {
            position: Position(self.position),
            source: Arc::new(source),
        })
    }

    /// The content, decoded as an event of one aggregate.
    pub fn decode_as<E: domain::decider::StoredEvent>(&self) -> Result<E, StoreError> {
        E::decode(&self.type_name, &self.data).map_err(|source| self.undecodable(source))
    }

    /// The whole event, decoded.
    pub fn decode(self) -> Result<Recorded, StoreError> {
        let event = Event::decode(&self.type_name, &self.data).map_err(|source| self.undecodable(source))?;
        let metadata = self.decode_metadata()?;
        Ok(Recorded {
            position: Position(self.position),
            stream: self.stream,
            version: Version(self.version),
            event_id: EventId(self.event_id),
            event,
            metadata,
            occurred_at: instant(self.occurred_at),
            recorded_at: instant(self.recorded_at),
        })
    }

    fn undecodable(&self, source: DecodeError) -> StoreError {
        StoreError::Undecodable {
            position: Position(self.position),
            type_name: self.type_name.clone(),
            source: Arc::new(source),
        }
    }
}

/// Microseconds since the epoch.
pub fn micros(instant: Instant) -> i64 {
    instant.timestamp_micros()
}

/// The instant of stored microseconds. Beyond chrono's range (year 262143) lies no dossier.
pub fn instant(micros: i64) -> Instant {
    Instant::from_timestamp_micros(micros).unwrap_or(Instant::MAX_UTC)
}
