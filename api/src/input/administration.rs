//! What an administrator sends: agencies and calendars, with the decision behind each change and the day from which it
//! holds; procedures.

use async_graphql::{Enum, InputObject};
use chrono::{NaiveDate, NaiveTime};
use domain::calendar;
use domain::working_time::{InvalidOfficeHours, OfficeHours, Session};
use serde::Serialize;
use uuid::Uuid;

use super::Json;

/// Văn bản, quyết định làm căn cứ.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DecisionInput {
    /// Số, ký hiệu.
    pub reference: String,
    /// The day it was taken.
    pub decided_on: Option<NaiveDate>,
}

/// Giờ làm việc: a morning and an afternoon, in whole minutes.
#[derive(Clone, Copy, Debug, Serialize, InputObject)]
pub struct OfficeHoursInput {
    pub morning_opens: NaiveTime,
    pub morning_closes: NaiveTime,
    pub afternoon_opens: NaiveTime,
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

/// Khai báo cơ quan, đơn vị hoặc điểm tiếp nhận.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct EstablishAgencyInput {
    pub idempotency_key: Uuid,
    /// QCVN 102:2016/BTTTT, `000.00.16.H42`.
    pub code: String,
    pub name: String,
    /// Code of the agency above it.
    pub parent: Option<String>,
    /// QĐ 20/2020/QĐ-TTg, `H42.16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub national_code: Option<String>,
    /// 07:00-11:30 and 13:30-17:00 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office_hours: Option<OfficeHoursInput>,
    /// Code of a calendar of its own; the national one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// Its first day; it was always there if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
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

/// Which agency something is about, from which day on, and by which decision.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OnAgency {
    pub idempotency_key: Uuid,
    /// Its code, today or when it last had one.
    pub agency: String,
    /// The first day on which it holds.
    pub from: NaiveDate,
    pub decision: Option<DecisionInput>,
}

/// Đổi tên cơ quan.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RenameAgencyInput {
    pub on: OnAgency,
    pub name: String,
}

/// Đổi mã định danh: both are given, also the one that stays.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RecodeAgencyInput {
    pub on: OnAgency,
    pub code: String,
    pub national_code: Option<String>,
}

/// Chuyển cơ quan chủ quản.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct MoveAgencyInput {
    pub on: OnAgency,
    /// Code of the agency above it; none if absent.
    pub parent: Option<String>,
}

/// Quy định giờ làm việc.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SetOfficeHoursInput {
    pub on: OnAgency,
    pub office_hours: OfficeHoursInput,
}

/// Chọn lịch làm việc.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct ChooseCalendarInput {
    pub on: OnAgency,
    /// Code of a calendar; the national one if absent.
    pub calendar: Option<String>,
}

/// Sáp nhập, chia tách, giải thể: others take its place. It needs a decision.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SucceedAgencyInput {
    pub on: OnAgency,
    pub by: Vec<SuccessorInput>,
}

/// Cơ quan kế thừa.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SuccessorInput {
    /// Its code.
    pub agency: String,
    /// Codes of the fields of procedures whose dossiers it takes; exactly one successor has none and takes the rest.
    pub fields: Option<Vec<String>>,
}

/// Chuyển giao hồ sơ đang giải quyết cho cơ quan kế thừa.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CarryOverInput {
    /// Code of the agency that is there no more.
    pub agency: String,
    /// How many at most in this call, up to 1,000.
    pub limit: Option<i32>,
}

/// Công nhận toàn bộ bảng lịch quốc gia.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct AdoptCalendarInput {
    pub idempotency_key: Uuid,
    /// A table as `motcua due --calendar` takes it; the one built into this program if absent.
    pub table: Option<String>,
}

/// Mở lịch riêng của một nơi.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OpenCalendarInput {
    pub idempotency_key: Uuid,
    pub code: String,
    pub name: String,
}

/// Là ngày gì.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum CalendarDayKind {
    /// Nghỉ lễ, Tết.
    Holiday,
    /// Nghỉ bù.
    Substitute,
    /// Nghỉ hoán đổi.
    Swap,
    /// Làm bù.
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

#[derive(Clone, Debug, Serialize, InputObject)]
pub struct CalendarDayInput {
    pub date: NaiveDate,
    pub kind: CalendarDayKind,
    /// In Vietnamese, as shown to people.
    pub name: String,
}

/// Quyết định về ngày nghỉ, ngày làm bù. Later than that it moves no dossier by itself.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DecideCalendarInput {
    pub idempotency_key: Uuid,
    /// Code of the calendar; the national one if absent.
    pub calendar: Option<String>,
    pub decision: DecisionInput,
    pub days: Option<Vec<CalendarDayInput>>,
    /// Plain days again.
    pub withdrawn: Option<Vec<NaiveDate>>,
    /// Years whose days off were expected, and are decided now.
    pub settled: Option<Vec<i32>>,
}

/// Soạn thảo quy trình của một thủ tục.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DraftProcedureInput {
    /// The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    /// The `streamVersion` that the client saw, 0 of a procedure that is new; another one is a conflict that says who did
    /// what since.
    pub expected_version: Option<i64>,
    /// MaTTHC.
    pub code: String,
    /// As under `definition` of the files that `motcua export procedures` writes, at most 768 KiB. A field that this server
    /// does not know is refused: it would be lost.
    pub definition: Json<serde_json::Value>,
}

/// Công bố bản thảo.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PublishProcedureInput {
    /// The same key again gets the first answer and writes nothing.
    pub idempotency_key: Uuid,
    /// The `streamVersion` of the draft that the client saw; another one is a conflict that says who did what since.
    pub expected_version: Option<i64>,
    /// MaTTHC.
    pub code: String,
}

/// Bỏ qua sự kiện không đọc được: what `projections { parked }` shows.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct SkipParkedStreamInput {
    pub idempotency_key: Uuid,
    /// Name of the read model.
    pub model: String,
    pub stream: String,
    /// Of the event in its stream.
    pub version: i64,
    /// For auditors. It names nobody: it is not sealed.
    pub reason: String,
}
