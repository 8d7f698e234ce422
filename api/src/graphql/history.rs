//! What happened to a dossier, event by event.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::decider::StoredEvent;
use domain::recorded;
use uuid::Uuid;

use super::applicants::Of;
use super::objects::{Agency, local};
use super::stage::DossierStage;
use crate::service::{HistoryEntry, Names, PersonalField};

/// Một bước trong quá trình giải quyết. One event of a dossier.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct HistoryEvent {
    /// Phiên bản sau thao tác. The version of the dossier with it.
    pub version: i64,
    /// Loại sự kiện. The pinned name, such as `dossier.received.v1`.
    pub event_type: String,
    /// Thời điểm xử lý (ThoiDiemXuLy). When it happened.
    pub occurred_at: DateTime<FixedOffset>,
    /// Thời điểm ghi nhận. When the log took it.
    pub recorded_at: DateTime<FixedOffset>,
    /// Tài khoản của người xử lý. Id of who did it.
    pub actor: Uuid,
    /// Cơ quan của người xử lý. For which agency they acted.
    pub acting_for: Agency,
    /// Trạng thái sau thao tác. The state after it.
    pub stage: Option<DossierStage>,
    /// Ngày hẹn trả sau thao tác. The due instant after it; null where there was none.
    pub due_at: Option<DateTime<FixedOffset>>,
    #[graphql(skip)]
    of: Of,
    /// The events that it is one of, and which.
    #[graphql(skip)]
    history: (Arc<Vec<HistoryEntry>>, usize),
}

/// Nội dung bằng chữ của một sự kiện. What somebody wrote with an act.
#[derive(Clone, Debug, SimpleObject)]
pub struct EventText {
    /// Loại nội dung. `reason`, `note`, `question`, `answer`, `decisionNumber`, `signer` or `file.name`.
    pub name: &'static str,
    /// Nội dung. Masked unless the caller may read personal data.
    pub text: String,
}

#[ComplexObject]
impl HistoryEvent {
    /// Nội dung bằng chữ. What was written with the act: reasons, notes, questions and answers. What was handed in with the
    /// dossier is in `application`.
    #[graphql(complexity = "1 + child_complexity")]
    async fn texts(&self, ctx: &Context<'_>) -> Result<Option<Vec<EventText>>> {
        let (history, at) = &self.history;
        let mut event = history[*at].recorded.event.clone();
        let (told_in, mut written) = (event.type_name(), Vec::new());
        if let recorded::Event::Dossier(event) = &mut event {
            event.each_private(&mut |field, _, value| {
                written.extend(PersonalField::written_as(field).map(|field| (field, value.clone())));
            });
        }
        let mut texts = Vec::with_capacity(written.len());
        for (field, value) in written {
            if let Some(text) = self.of.text(ctx, told_in, Some(&value), field).await? {
                texts.push(EventText { name: field.name(), text });
            }
        }
        Ok(Some(texts))
    }
}

impl HistoryEvent {
    pub(super) fn new(names: &Names, history: &Arc<Vec<HistoryEntry>>, at: usize, of: Of) -> Self {
        let HistoryEntry { recorded, stage, due_at } = &history[at];
        Self {
            version: recorded.version.0,
            event_type: recorded.event.type_name().to_owned(),
            occurred_at: local(recorded.occurred_at),
            recorded_at: local(recorded.recorded_at),
            actor: recorded.metadata.actor.0,
            acting_for: Agency::named(names, recorded.metadata.acting_as.agency.0),
            stage: stage.map(Into::into),
            due_at: due_at.map(local),
            of,
            history: (Arc::clone(history), at),
        }
    }
}
