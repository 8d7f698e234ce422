//! The administrator's view of the read models.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::payload::{ProjectionPayload, of_projection};
use super::{ContextExt, PositionText};
use crate::input::SkipParkedStreamInput;
use crate::service::Projection as Found;

#[derive(Default)]
pub struct ProjectionMutation;

#[Object]
impl ProjectionMutation {
    /// Bỏ qua sự kiện không đọc được: a read model goes on without the event at which it has parked a stream.
    async fn skip_parked_stream(
        &self,
        ctx: &Context<'_>,
        input: SkipParkedStreamInput,
    ) -> Result<ProjectionPayload> {
        let outcome = ctx.service().skip_parked_stream(ctx.caller()?, &input).await;
        of_projection(ctx, outcome).await
    }
}

#[derive(Default)]
pub struct ProjectionQuery;

#[Object]
impl ProjectionQuery {
    /// Các bảng tra cứu: how far each read model is, who feeds it, and what it goes on without.
    async fn projections(&self, ctx: &Context<'_>) -> Result<Vec<Projection>> {
        let found = ctx.service().projections(ctx.caller()?).await;
        found.map(|all| all.into_iter().map(Projection::from).collect()).map_err(|error| ctx.error(error))
    }
}

/// Bảng tra cứu, folded from the event log.
#[derive(SimpleObject)]
pub struct Projection {
    pub name: String,
    /// Of the table; a program of a later version builds it again.
    pub version: i64,
    /// How far it has read.
    pub position: PositionText,
    /// Events that it has not seen, and how long ago the first of them was recorded.
    pub lag_events: i64,
    pub lag_seconds: i64,
    /// Events per second of the last page.
    pub events_per_second: i64,
    /// Machine and number of the process that feeds it, if any does.
    pub holder: Option<String>,
    /// Why it stands still, while it does.
    pub stopped: Option<String>,
    pub parked: Vec<ParkedStream>,
    pub skipped: Vec<SkippedStream>,
    /// The one that is built beside it, or was begun.
    pub rebuild: Option<ProjectionRebuild>,
}

/// Luồng sự kiện bị tạm dừng: a stream that the read model goes on without since an event that it cannot take.
#[derive(SimpleObject)]
pub struct ParkedStream {
    pub stream: String,
    /// Of the event in its stream; 0 if that was not kept.
    pub version: i64,
    pub position: PositionText,
    pub reason: String,
}

/// Sự kiện đã được bỏ qua by decision.
#[derive(SimpleObject)]
pub struct SkippedStream {
    pub stream: String,
    pub version: i64,
    pub reason: String,
}

/// Lần dựng lại.
#[derive(SimpleObject)]
pub struct ProjectionRebuild {
    pub position: PositionText,
    pub events_per_second: i64,
    /// Nobody if it was interrupted.
    pub holder: Option<String>,
}

impl From<Found> for Projection {
    fn from(Found { status, skipped }: Found) -> Self {
        Self {
            name: status.name.to_owned(),
            version: status.version,
            position: PositionText(status.at),
            lag_events: status.lag_events,
            lag_seconds: status.lag_seconds,
            events_per_second: status.per_second,
            holder: status.holder,
            stopped: status.stopped,
            parked: status
                .parked
                .into_iter()
                .map(|parked| ParkedStream {
                    position: PositionText(domain::recorded::Position(parked.position)),
                    stream: parked.stream,
                    version: parked.version,
                    reason: parked.reason,
                })
                .collect(),
            skipped: skipped
                .into_iter()
                .map(|skipped| SkippedStream {
                    stream: skipped.stream,
                    version: skipped.version,
                    reason: skipped.reason,
                })
                .collect(),
            rebuild: status.rebuild.map(|rebuild| ProjectionRebuild {
                position: PositionText(rebuild.at),
                events_per_second: rebuild.per_second,
                holder: rebuild.holder,
            }),
        }
    }
}
