//! What an administrator sends: agencies and calendars, with the decision behind each change and the day from which it
//! holds; procedures.

use async_graphql::{Enum, InputObject};
use chrono::{NaiveDate, NaiveTime};
use domain::calendar;
use domain::working_time::{InvalidOfficeHours, OfficeHours, Session};
use serde::Serialize;
use uuid::Uuid;

use super::Json;

/// Văn bản, quyết định làm căn cứ. The document that something is based on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DecisionInput {
    /// Số, ký hiệu văn bản. Number and mark of the document.
    pub reference: String,
    /// Ngày ban hành. The day it was taken.
    pub decided_on: Option<NaiveDate>,
}

/// Giờ làm việc. A morning and an afternoon, in whole minutes.
#[derive(Clone, Copy, Debug, Serialize, InputObject)]
pub struct OfficeHoursInput {
    /// Giờ bắt đầu buổi sáng. When the morning begins, local time.
    pub morning_opens: NaiveTime,
    /// Giờ kết thúc buổi sáng. When the morning ends, local time.
    pub morning_closes: NaiveTime,
    /// Giờ bắt đầu buổi chiều. When the afternoon begins, local time.
    pub afternoon_opens: NaiveTime,
    /// Giờ kết thúc buổi chiều. When the afternoon ends, local time.
    pub afternoon_closes: NaiveTime,
}

impl TryFrom<OfficeHoursInput> for OfficeHours {
    type Error = InvalidOfficeHours;

    fn try_from(input: OfficeHoursInput) -> Result<Self, InvalidOfficeHours> {
        let morning = Session { opens: input.morning_opens, closes: input.morning_closes };
        let afternoon = Session { opens: input.afternoon_opens, closes: input.afternoon_closes };
        Self::new(morning, afternoon)
    }
}

/// Khai báo cơ quan, đơn vị hoặc điểm tiếp nhận. An agency exists in the system, under this code.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct EstablishAgencyInput {
    pub idempotency_key: Uuid,
    /// Mã định danh cơ quan theo QCVN 102:2016/BTTTT. Such as `000.00.16.H42`.
    pub code: String,
    /// Tên cơ quan. In Vietnamese, as shown to people.
    pub name: String,
    /// Mã cơ quan chủ quản. Code of the agency above it; none if absent.
    pub parent: Option<String>,
    /// Mã định danh theo QĐ 20/2020/QĐ-TTg. Such as `H42.16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub national_code: Option<String>,
    /// Giờ làm việc. 07:00-11:30 and 13:30-17:00 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office_hours: Option<OfficeHoursInput>,
    /// Mã lịch riêng. Code of a calendar of its own; the national one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// Ngày bắt đầu hoạt động. Its first day; it was always there if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Quyết định thành lập. The document behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionInput>,
}

impl EstablishAgencyInput {
    /// Says no more than it must.
    pub fn new(idempotency_key: Uuid, code: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            idempotency_key,
            code: code.into(),
            name: name.into(),
            parent: None,
            national_code: None,
            office_hours: None,
            calendar: None,
            from: None,
            decision: None,
        }
    }
}

/// Cơ quan, ngày hiệu lực và căn cứ. Which agency something is about, from which day on, and by which decision.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OnAgency {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Mã cơ quan. Its code, today or when it last had one.
    pub agency: String,
    /// Ngày bắt đầu hiệu lực. The first day on which it holds.
    pub from: NaiveDate,
    /// Văn bản làm căn cứ. The document behind the change.
    pub decision: Option<DecisionInput>,
}

/// Đổi tên cơ quan. It stays the same agency.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RenameAgencyInput {
    pub on: OnAgency,
    /// Tên mới. In Vietnamese, as shown to people.
    pub name: String,
}

/// Đổi mã định danh. Both are given, also the one that stays.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecodeAgencyInput {
    pub on: OnAgency,
    /// Mã định danh theo QCVN 102:2016/BTTTT. Such as `000.00.16.H42`.
    pub code: String,
    /// Mã định danh theo QĐ 20/2020/QĐ-TTg. Such as `H42.16`; none if absent.
    pub national_code: Option<String>,
}

/// Chuyển cơ quan chủ quản. The agency belongs to another one from a day on, or to none.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct MoveAgencyInput {
    pub on: OnAgency,
    /// Mã cơ quan chủ quản mới. Code of the agency above it; none if absent.
    pub parent: Option<String>,
}

/// Quy định giờ làm việc. The agency is open at other hours from a day on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SetOfficeHoursInput {
    pub on: OnAgency,
    /// Giờ làm việc mới. From the first day on.
    pub office_hours: OfficeHoursInput,
}

/// Chọn lịch làm việc. The agency keeps the days off of this calendar from a day on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ChooseCalendarInput {
    pub on: OnAgency,
    /// Mã lịch. Code of a calendar; the national one if absent.
    pub calendar: Option<String>,
}

/// Sáp nhập, chia tách, giải thể. Others take its place. It needs a decision.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SucceedAgencyInput {
    pub on: OnAgency,
    /// Các cơ quan kế thừa. Who takes its place, and for which fields.
    pub by: Vec<SuccessorInput>,
}

/// Cơ quan kế thừa. Who takes the place of an agency, and for what.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SuccessorInput {
    /// Mã cơ quan kế thừa. Its code.
    pub agency: String,
    /// Mã các lĩnh vực (MaLinhVuc). Codes of the fields of procedures whose dossiers it takes; exactly one successor
    /// has none and takes the rest.
    pub fields: Option<Vec<String>>,
}

/// Chuyển giao hồ sơ đang giải quyết cho cơ quan kế thừa. Some dossiers at a time; repeat it until none remain.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CarryOverInput {
    /// Mã cơ quan đã được kế thừa. Code of the agency that is there no more.
    pub agency: String,
    /// Số hồ sơ tối đa. How many at most in this call, up to 1,000; 1,000 if absent.
    pub limit: Option<i32>,
}

/// Công nhận toàn bộ bảng lịch quốc gia. A whole table of days off becomes the national calendar.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AdoptCalendarInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Bảng ngày nghỉ, ngày làm bù. A table as `motcua due --calendar` takes it; the one built into this program if
    /// absent.
    pub table: Option<String>,
}

/// Mở lịch riêng của một nơi. It keeps days of its own beside the national ones.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OpenCalendarInput {
    pub idempotency_key: Uuid,
    /// Mã lịch. A code that no other calendar has.
    pub code: String,
    /// Tên lịch. In Vietnamese, as shown to people.
    pub name: String,
}

/// Loại ngày nghỉ, ngày làm bù. What kind of day was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum CalendarDayKind {
    /// Nghỉ lễ, Tết. A public holiday.
    Holiday,
    /// Nghỉ bù. Off because a holiday falls on a weekly day off.
    Substitute,
    /// Nghỉ hoán đổi. A working day that is off, and made up for on another day.
    Swap,
    /// Làm bù. A weekly day off that is worked, for a day that was swapped.
    MakeUp,
}

impl From<CalendarDayKind> for calendar::DayKind {
    fn from(kind: CalendarDayKind) -> Self {
        match kind {
            CalendarDayKind::Holiday => Self::Holiday,
            CalendarDayKind::Substitute => Self::Substitute,
            CalendarDayKind::Swap => Self::Swap,
            CalendarDayKind::MakeUp => Self::MakeUp,
        }
    }
}

impl From<calendar::DayKind> for CalendarDayKind {
    fn from(kind: calendar::DayKind) -> Self {
        match kind {
            calendar::DayKind::Holiday => Self::Holiday,
            calendar::DayKind::Substitute => Self::Substitute,
            calendar::DayKind::Swap => Self::Swap,
            calendar::DayKind::MakeUp => Self::MakeUp,
        }
    }
}

/// Ngày nghỉ hoặc ngày làm bù. A day that the decision declares.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CalendarDayInput {
    /// Ngày. The local day.
    pub date: NaiveDate,
    /// Loại ngày. What kind of day it is.
    pub kind: CalendarDayKind,
    /// Tên gọi. In Vietnamese, as shown to people.
    pub name: String,
}

/// Quyết định về ngày nghỉ, ngày làm bù. It moves no dossier by itself: what is due keeps the calendar it was
/// computed with.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DecideCalendarInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Mã lịch. Code of the calendar; the national one if absent.
    pub calendar: Option<String>,
    /// Văn bản làm căn cứ. The document behind it.
    pub decision: DecisionInput,
    /// Các ngày nghỉ, ngày làm bù. Days that are declared.
    pub days: Option<Vec<CalendarDayInput>>,
    /// Các ngày trở lại bình thường. Declared days that are plain days again.
    pub withdrawn: Option<Vec<NaiveDate>>,
    /// Các năm được xác định. Years whose days off were expected, and are decided now.
    pub settled: Option<Vec<i32>>,
}

/// Soạn thảo quy trình của một thủ tục. A definition is laid down; it is in force when it is published.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DraftProcedureInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw, 0 of a procedure that is new; another one is a
    /// conflict that says who did what since.
    pub expected_version: Option<i64>,
    /// Mã thủ tục hành chính (MaTTHC). Procedure code; one that is new makes a procedure.
    pub code: String,
    /// Định nghĩa quy trình. As under `definition` of the files that `motcua export procedures` writes, at most 768
    /// KiB. A field that this server does not know is refused: it would be lost.
    pub definition: Json<serde_json::Value>,
}

/// Công bố bản thảo. The last draft is in force from now on, as the next version.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PublishProcedureInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` of the draft that the client saw; another one is a conflict that says
    /// who did what since.
    pub expected_version: Option<i64>,
    /// Mã thủ tục hành chính (MaTTHC). Procedure code.
    pub code: String,
}

/// Bỏ qua sự kiện không đọc được. What `projections { parked }` shows.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SkipParkedStreamInput {
    pub idempotency_key: Uuid,
    /// Tên bảng tra cứu. Name of the read model.
    pub model: String,
    /// Tên luồng sự kiện. Name of the stream.
    pub stream: String,
    /// Phiên bản của sự kiện. Of the event in its stream.
    pub version: i64,
    /// Lý do bỏ qua. For auditors. It names nobody: it is not sealed.
    pub reason: String,
}
