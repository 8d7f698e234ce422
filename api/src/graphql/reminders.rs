//! Reminders of a dossier's deadlines.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::notice::{Occasion, Way};
use projections::notice::{DeliveryState, Notice};
use uuid::Uuid;

use super::objects::local_micros;

/// Loại nhắc việc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderOccasion {
    /// Sắp đến hạn.
    DueSoon,
    /// Đến hạn hôm nay.
    DueToday,
    /// Quá hạn.
    Overdue,
    /// Quá hạn kéo dài: the head of the agency is told.
    Escalated,
}

/// Kênh nhắc việc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderWay {
    /// Nobody is set up to be told: it is in the log of the program.
    Log,
    Email,
    Sms,
    Webhook,
}

/// Tình trạng gửi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderState {
    /// Chờ gửi.
    Pending,
    /// Đã gửi.
    Delivered,
    /// Không gửi được.
    GivenUp,
    /// Không cần gửi nữa.
    Withdrawn,
}

/// Nhắc việc: one message to one official by one way.
#[derive(SimpleObject)]
pub struct Reminder {
    pub id: Uuid,
    pub occasion: ReminderOccasion,
    /// The deadline that it is about.
    pub due_at: DateTime<FixedOffset>,
    /// The official; null where nobody was set up.
    pub recipient: Option<Uuid>,
    pub way: ReminderWay,
    pub state: ReminderState,
    pub raised_at: DateTime<FixedOffset>,
    pub attempts: i64,
    /// When it was delivered, given up or withdrawn.
    pub settled_at: Option<DateTime<FixedOffset>>,
    /// Why the last try came to nothing.
    pub failure: Option<String>,
}

impl Reminder {
    /// Nothing of a message that is about no deadline.
    pub(super) fn of(row: Notice) -> Option<Self> {
        Some(Self {
            id: row.delivery_id,
            occasion: match row.occasion()? {
                Occasion::DueSoon => ReminderOccasion::DueSoon,
                Occasion::DueToday => ReminderOccasion::DueToday,
                Occasion::Overdue => ReminderOccasion::Overdue,
                Occasion::Escalated => ReminderOccasion::Escalated,
            },
            due_at: local_micros(row.due_at?),
            recipient: row.recipient,
            way: match row.way.0 {
                Way::Log => ReminderWay::Log,
                Way::Email => ReminderWay::Email,
                Way::Sms => ReminderWay::Sms,
                Way::Webhook => ReminderWay::Webhook,
            },
            state: match row.state {
                DeliveryState::Pending => ReminderState::Pending,
                DeliveryState::Delivered => ReminderState::Delivered,
                DeliveryState::GivenUp => ReminderState::GivenUp,
                DeliveryState::Withdrawn => ReminderState::Withdrawn,
            },
            raised_at: local_micros(row.raised_at),
            attempts: row.attempts,
            settled_at: row.settled_at.map(local_micros),
            failure: row.failure,
        })
    }
}
