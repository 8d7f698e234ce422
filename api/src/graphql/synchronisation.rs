//! What the national portal has of a dossier.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::recorded::Version;
use domain::synchronisation as domain_synchronisation;
use domain::synchronisation::SynchronisationState as DomainState;

use super::ContextExt;
use super::objects::local;
use super::payload::{SynchronisationPayload, of_synchronisation};
use crate::input::RecordSynchronisationInput;

#[derive(Default)]
pub struct SynchronisationMutation;

#[Object]
impl SynchronisationMutation {
    /// Ghi nhận đồng bộ với Cổng Dịch vụ công quốc gia. A message about a dossier went out, or the portal answered.
    /// For the machine that carries the messages.
    async fn record_synchronisation(
        &self,
        ctx: &Context<'_>,
        input: RecordSynchronisationInput,
    ) -> Result<SynchronisationPayload> {
        let outcome = ctx.service().record_synchronisation(ctx.caller()?, &input).await;
        of_synchronisation(ctx, outcome).await
    }
}

/// Trạng thái đồng bộ. What the portal has, measured by the dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SynchronisationState {
    /// Chưa đồng bộ. The portal was told nothing.
    NotSent,
    /// Đã gửi, chờ phản hồi. The portal has not answered yet.
    Sent,
    /// Đã đồng bộ. The portal has the dossier as it is.
    Synchronised,
    /// Có thay đổi chưa gửi. The portal has the dossier as it was.
    Behind,
    /// Cổng từ chối. The last message was not taken.
    Declined,
}

/// Đồng bộ với Cổng Dịch vụ công quốc gia. What the portal has of a dossier. It says nothing about the dossier's own
/// state: a result whose message was lost is issued all the same.
#[derive(Clone, Debug, SimpleObject)]
pub struct Synchronisation {
    /// Trạng thái đồng bộ. Derived from the messages and the dossier's own version.
    pub state: SynchronisationState,
    /// Phiên bản đã gửi. The version up to which messages went out, 0 before the first.
    pub sent_version: i64,
    /// Phiên bản cổng đã nhận. The version that the portal has, 0 before its first yes.
    pub acknowledged_version: i64,
    /// Thời điểm gửi. When the last message went out; null before the first.
    pub sent_at: Option<DateTime<FixedOffset>>,
    /// Thời điểm cổng phản hồi. When the last answer came; null before the first.
    pub answered_at: Option<DateTime<FixedOffset>>,
    /// Mã phản hồi của cổng (error_code). Of the answer that was no; null where the last one was not.
    pub answer: Option<String>,
    /// Số lần gửi chưa được xác nhận. Messages since the portal said yes last.
    pub tries: u32,
}

impl Synchronisation {
    pub(super) fn new(of: domain_synchronisation::Synchronisation, dossier_at: Version) -> Self {
        Self {
            state: match of.state(dossier_at) {
                DomainState::NotSent => SynchronisationState::NotSent,
                DomainState::Sent => SynchronisationState::Sent,
                DomainState::Synchronised => SynchronisationState::Synchronised,
                DomainState::Behind => SynchronisationState::Behind,
                DomainState::Declined => SynchronisationState::Declined,
            },
            sent_version: of.sent.0,
            acknowledged_version: of.acknowledged.0,
            sent_at: of.sent_at.map(local),
            answered_at: of.answered_at.map(local),
            answer: of.declined.map(|declined| declined.answer.to_string()),
            tries: of.tries,
        }
    }
}
