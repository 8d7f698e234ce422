//! A page of the log, decoded.

use std::sync::Arc;

use domain::decider::DecodeError;
use domain::recorded::{Position, Version};
use infrastructure::event_store::{EventStore, PageLimit, PageText, RawEvent, StoreError};

use crate::read_model::Occurrence;

/// An event as the runner sees it.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are readable; a box would be one more allocation each"
)]
pub(crate) enum Seen {
    Readable(Occurrence),
    /// Does not decode: its stream is parked.
    Poison {
        stream: String,
        version: Version,
        position: Position,
        reason: String,
    },
}

/// A decoded page. It ends before the first event that a newer program wrote.
pub(crate) struct Decoded {
    pub(crate) events: Vec<Seen>,
    pub(crate) next: Position,
    pub(crate) at_end: bool,
    /// The type that this program does not know.
    pub(crate) newer: Option<(Position, String)>,
}

impl Decoded {
    pub(crate) async fn read(
        store: &EventStore,
        after: Position,
        limit: PageLimit,
    ) -> Result<Self, StoreError> {
        let page = store.read_text(after, limit).await?;
        tokio::task::spawn_blocking(move || Self::from_text(&page, after)).await.unwrap_or_else(|panic| {
            // A panic in a decoder is a bug; the runner must not go on as if the page were empty.
            std::panic::resume_unwind(panic.into_panic())
        })
    }

    fn from_text(page: &PageText, after: Position) -> Result<Self, StoreError> {
        let mut decoded =
            Self { events: Vec::with_capacity(page.len()), next: after, at_end: page.at_end, newer: None };
        for raw in page.iter() {
            let raw = raw?;
            match Occurrence::decode(&raw) {
                Ok(occurrence) => decoded.events.push(Seen::Readable(occurrence)),
                Err(DecodeError::UnknownType(type_name)) => {
                    decoded.newer = Some((raw.position, type_name));
                    break;
                }
                Err(source) => {
                    let RawEvent { position, stream, version, type_name, .. } = raw;
                    let (type_name, source) = (type_name.to_owned(), Arc::new(source));
                    let error = StoreError::Undecodable { position, type_name, source };
                    let (stream, reason) = (stream.to_owned(), error.to_string());
                    decoded.events.push(Seen::Poison { stream, version, position, reason });
                }
            }
            decoded.next = raw.position;
        }
        Ok(decoded)
    }
}

/// Reads one page ahead of whoever applies them, and no more: a writer that is slow slows the reader down.
pub(crate) struct Pages {
    store: EventStore,
    limit: PageLimit,
    ahead: Option<(Position, tokio::task::JoinHandle<Result<Decoded, StoreError>>)>,
}

impl Pages {
    pub(crate) fn new(store: EventStore, limit: PageLimit) -> Self {
        Self { store, limit, ahead: None }
    }

    /// The page after a position.
    pub(crate) async fn after(&mut self, position: Position) -> Result<Decoded, StoreError> {
        let decoded = match self.ahead.take() {
            Some((after, reading)) if after == position => match reading.await {
                Ok(read) => {
                    let read = read?;
                    // What was read ahead was the end of the log then; it may have grown since.
                    Decoded { at_end: false, ..read }
                }
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
            Some(_) | None => Decoded::read(&self.store, position, self.limit).await?,
        };
        if !decoded.at_end && !decoded.events.is_empty() && decoded.newer.is_none() {
            let (store, next, limit) = (self.store.clone(), decoded.next, self.limit);
            let reading = tokio::spawn(async move { Decoded::read(&store, next, limit).await });
            self.ahead = Some((next, reading));
        }
        Ok(decoded)
    }

    /// The page after a position that goes no further than another.
    pub(crate) async fn between(&self, position: Position, last: Position) -> Result<Decoded, StoreError> {
        let rows = u32::try_from(last.0 - position.0).unwrap_or(u32::MAX).min(self.limit.rows);
        Decoded::read(&self.store, position, PageLimit { rows, ..self.limit }).await
    }
}
