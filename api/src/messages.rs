//! Sentences for people, in Vietnamese and English, by stable code.

use crate::problem::Problem;

/// Which sentence to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Vietnamese,
    English,
}

impl Language {
    /// English where the client prefers it; else Vietnamese.
    pub fn from_accept_language(header: Option<&str>) -> Self {
        match header.and_then(|header| header.split(',').next()) {
            Some(first) if first.trim().to_ascii_lowercase().starts_with("en") => Self::English,
            Some(_) | None => Self::Vietnamese,
        }
    }
}

/// Code, Vietnamese, English. A test holds that every code that a rule can give is here.
const SENTENCES: &[(&str, &str, &str)] = &[
    ("BAD_USER_INPUT", "Dữ liệu nhập không hợp lệ.", "The input is not valid."),
    ("NOT_FOUND", "Không tìm thấy.", "It was not found."),
    ("NO_FUNCTION", "Bạn không được giao chức năng này.", "You do not have this function."),
    (
        "NOT_ASSIGNEE",
        "Hồ sơ đang được phân công cho người khác.",
        "The dossier is assigned to somebody else.",
    ),
    ("NOT_HOLDER", "Hồ sơ đang ở cơ quan khác.", "Another agency holds the dossier."),
    (
        "INVALID_TRANSITION",
        "Không thể thực hiện việc này ở trạng thái hiện tại của hồ sơ.",
        "This cannot be done in the dossier's present state.",
    ),
    (
        "VERSION_CONFLICT",
        "Hồ sơ vừa được người khác cập nhật; hãy tải lại.",
        "Somebody else has just changed the dossier; load it again.",
    ),
    (
        "IDEMPOTENCY_KEY_REUSED",
        "Khóa chống trùng đã được dùng cho một yêu cầu khác.",
        "The idempotency key was used for another request.",
    ),
    (
        "CONTENDED",
        "Nhiều người đang cập nhật cùng lúc; hãy thử lại.",
        "Many are changing this at once; try again.",
    ),
    (
        "CODES_EXHAUSTED",
        "Cơ quan đã cấp hết 9.999 mã hồ sơ trong ngày.",
        "The agency has given all 9,999 dossier codes of the day.",
    ),
    (
        "READ_MODEL_BEHIND",
        "Dữ liệu đang được cập nhật; hãy thử lại sau giây lát.",
        "The data is being brought up to date; try again in a moment.",
    ),
    ("DOSSIER_ALREADY_FILED", "Hồ sơ đã được nộp.", "The dossier has been filed already."),
    (
        "TIME_BEFORE_PREVIOUS",
        "Thời điểm sớm hơn thao tác trước đó của hồ sơ.",
        "The time lies before the dossier's previous event.",
    ),
    ("SUPPLEMENT_PENDING", "Đang chờ người nộp bổ sung hồ sơ.", "A supplement is being waited for."),
    ("UNKNOWN_STEP", "Quy trình không có công việc này.", "The procedure has no such task."),
    (
        "APPOINTMENT_MISSING",
        "Thủ tục này yêu cầu cán bộ nhập ngày hẹn trả.",
        "For this procedure the officer must set the appointment.",
    ),
    (
        "APPOINTMENT_FIXED",
        "Ngày hẹn trả của thủ tục này do hệ thống tính, không nhập tay.",
        "This procedure's appointment is computed, not set.",
    ),
    (
        "APPOINTMENT_BEFORE_RECEIPT",
        "Ngày hẹn trả sớm hơn thời điểm tiếp nhận.",
        "The appointment lies before the receipt.",
    ),
    (
        "ANSWER_BEFORE_REQUEST",
        "Hạn bổ sung sớm hơn thời điểm yêu cầu bổ sung.",
        "The answer is expected before it was asked for.",
    ),
    ("ALREADY_THERE", "Hồ sơ đã ở nơi nhận.", "The dossier is there already."),
    (
        "CALENDAR_UNKNOWN",
        "Chưa có lịch làm việc của năm cần tính ngày hẹn trả.",
        "The working calendar of the year in question has not been entered.",
    ),
    ("NOTHING_TO_PUBLISH", "Không có bản thảo để công bố.", "There is no draft to publish."),
    ("DRAFT_HAS_ERRORS", "Bản thảo còn lỗi, chưa thể công bố.", "The draft still has errors."),
    ("OTHER_PROCEDURE_CODE", "Mã thủ tục không khớp.", "The procedure code does not match."),
    ("AGENCY_NOT_ESTABLISHED", "Cơ quan chưa được khai báo.", "The agency has not been established."),
    (
        "AGENCY_ALREADY_ESTABLISHED",
        "Đã có cơ quan dùng mã này với thông tin khác.",
        "An agency with this code exists already, with other particulars.",
    ),
    ("AGENCY_NAME_EMPTY", "Tên cơ quan không được để trống.", "The agency's name cannot be empty."),
];

/// The sentence of a code, if it has one.
pub fn sentence(code: &str, language: Language) -> Option<&'static str> {
    SENTENCES.iter().find(|(known, _, _)| *known == code).map(|(_, vietnamese, english)| match language {
        Language::Vietnamese => *vietnamese,
        Language::English => *english,
    })
}

/// What to tell a person about a problem. Input errors name the field and the reason.
pub fn of(problem: &Problem, language: Language) -> String {
    let sentence = sentence(problem.code(), language).unwrap_or_default();
    match problem {
        Problem::InvalidInput { field, reason } => format!("{sentence} ({field}: {reason})"),
        Problem::Refused { reason, .. } if sentence.is_empty() => reason.clone(),
        _ => sentence.to_owned(),
    }
}
