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
    /// Bỏ qua sự kiện không đọc được. A read model goes on without the event at which it has parked a stream.
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
    /// Các bảng tra cứu. How far each read model is, who feeds it, and what it goes on without.
    async fn projections(&self, ctx: &Context<'_>) -> Result<Vec<Projection>> {
        let found = ctx.service().projections(ctx.caller()?).await;
        found.map(|all| all.into_iter().map(Projection::from).collect()).map_err(|error| ctx.error(error))
    }
}

/// Bảng tra cứu. A read model, folded from the event log.
#[derive(SimpleObject)]
pub struct Projection {
    /// Tên bảng tra cứu. The name that `skipParkedStream` takes.
    pub name: String,
    /// Phiên bản của bảng. A program of a later version builds it again.
    pub version: i64,
    /// Vị trí đã đọc. How far it has read.
    pub position: PositionText,
    /// Số sự kiện chưa xử lý. Events that it has not seen.
    pub lag_events: i64,
    /// Độ trễ. How many seconds ago the first of the events that it has not seen was recorded; 0 where there is none.
    pub lag_seconds: i64,
    /// Tốc độ xử lý. Events per second of the last page.
    pub events_per_second: i64,
    /// Tiến trình đang cập nhật. Machine and number of the process that feeds it; null where none does.
    pub holder: Option<String>,
    /// Lý do đứng lại. Why it stands still; null while it does not.
    pub stopped: Option<String>,
    /// Các luồng bị tạm dừng. Streams that it goes on without, since an event that it cannot take.
    pub parked: Vec<ParkedStream>,
    /// Các sự kiện đã bỏ qua. Events that it goes on without by decision.
    pub skipped: Vec<SkippedStream>,
    /// Lần dựng lại. The one that is built beside it, or was begun.
    pub rebuild: Option<ProjectionRebuild>,
}

/// Luồng sự kiện bị tạm dừng. A stream that the read model goes on without since an event that it cannot take.
#[derive(SimpleObject)]
pub struct ParkedStream {
    /// Tên luồng sự kiện. Name of the stream, of which later events wait as well.
    pub stream: String,
    /// Phiên bản của sự kiện. Of the event in its stream; 0 if that was not kept.
    pub version: i64,
    /// Vị trí trong nhật ký. Of the event that it cannot take.
    pub position: PositionText,
    /// Lý do. Why it cannot take the event.
    pub reason: String,
}

/// Sự kiện đã được bỏ qua. By decision: the read model goes on without it.
#[derive(SimpleObject)]
pub struct SkippedStream {
    /// Tên luồng sự kiện. Name of the stream.
    pub stream: String,
    /// Phiên bản của sự kiện. Of the event in its stream.
    pub version: i64,
    /// Lý do bỏ qua. As it was given then.
    pub reason: String,
}

/// Lần dựng lại. A table that is built from the beginning, beside the one that is read.
#[derive(SimpleObject)]
pub struct ProjectionRebuild {
    /// Vị trí đã đọc. How far it has read.
    pub position: PositionText,
    /// Tốc độ xử lý. Events per second of the last page.
    pub events_per_second: i64,
    /// Tiến trình đang dựng. Machine and number of the process; null if it was interrupted.
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
