//! Reminders of a dossier's deadlines.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::notice::{Occasion, Way};
use projections::notice::{DeliveryState, Notice};
use uuid::Uuid;

use super::objects::local_micros;

/// Loại nhắc việc. What a reminder is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderOccasion {
    /// Sắp đến hạn. It is due within some days.
    DueSoon,
    /// Đến hạn hôm nay. It is due today.
    DueToday,
    /// Quá hạn. The due instant has passed.
    Overdue,
    /// Quá hạn kéo dài. The head of the agency is told.
    Escalated,
}

/// Kênh nhắc việc. By which way somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderWay {
    /// Nhật ký của chương trình. Nobody is set up to be told: it is in the log of the program.
    Log,
    /// Thư điện tử. By e-mail.
    Email,
    /// Tin nhắn SMS. By text message.
    Sms,
    /// Gọi sang hệ thống khác (webhook). By a call to another system.
    Webhook,
}

/// Tình trạng gửi. How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReminderState {
    /// Chờ gửi. It is going to be tried.
    Pending,
    /// Đã gửi. It was taken by whoever carries it further.
    Delivered,
    /// Không gửi được. It was tried often enough.
    GivenUp,
    /// Không cần gửi nữa. It is not needed any more, and is not sent.
    Withdrawn,
}

/// Nhắc việc. One message to one official by one way.
#[derive(SimpleObject)]
pub struct Reminder {
    /// Mã lượt gửi. Id of the message, the same for every try.
    pub id: Uuid,
    /// Loại nhắc việc. What it is about.
    pub occasion: ReminderOccasion,
    /// Thời hạn được nhắc. The deadline that it is about.
    pub due_at: DateTime<FixedOffset>,
    /// Cán bộ được nhắc. Id of the official; null where nobody was set up.
    pub recipient: Option<Uuid>,
    /// Kênh nhắc việc. By which way they are told.
    pub way: ReminderWay,
    /// Tình trạng gửi. Whether it reached them.
    pub state: ReminderState,
    /// Thời điểm phát sinh. When somebody was to be told.
    pub raised_at: DateTime<FixedOffset>,
    /// Số lần đã gửi. How often it was tried.
    pub attempts: i64,
    /// Thời điểm kết thúc. When it was delivered, given up or withdrawn; null before.
    pub settled_at: Option<DateTime<FixedOffset>>,
    /// Lý do gửi không thành. Why the last try came to nothing, as a code; null where it did not.
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
