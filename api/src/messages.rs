//! Sentences for people, in Vietnamese and English, by stable code.

use domain::dossier::Stage;

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

/// How the share of what was on time is computed: others divide by all that was to be processed.
pub const FORMULA: &str = "(trước hạn + đúng hạn) / đã giải quyết";

/// The national name of a stage (TrangThaiHoSo).
pub fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Submitted | Stage::AwaitingIntakeSupplement => "Mới đăng ký",
        Stage::Refused => "Không được tiếp nhận",
        Stage::Received => "Được tiếp nhận",
        Stage::InProgress | Stage::OnHold => "Đang xử lý",
        Stage::AwaitingSupplement => "Yêu cầu bổ sung giấy tờ",
        Stage::AwaitingPayment => "Yêu cầu thực hiện nghĩa vụ tài chính",
        Stage::Suspended | Stage::Stopped => "Dừng xử lý",
        Stage::Finished => "Đã xử lý xong",
        Stage::Returned => "Đã trả kết quả",
        Stage::Withdrawn => "Công dân yêu cầu rút hồ sơ",
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
    ("NOT_APPLICANT", "Chỉ chủ hồ sơ mới được thực hiện.", "Only the applicant can do this."),
    (
        "NO_RESULT_FILE",
        "Kết quả chưa có bản điện tử; nhận tại nơi tiếp nhận hoặc qua bưu chính.",
        "The result is not here as a file; it is handed out at the counter or by post.",
    ),
    ("NO_DELEGATE", "Hồ sơ không có người được ủy quyền.", "Nobody acts for the applicant."),
    (
        "INVALID_TRANSITION",
        "Không thể thực hiện việc này ở trạng thái hiện tại của hồ sơ.",
        "This cannot be done in the dossier's present state.",
    ),
    (
        "VERSION_CONFLICT",
        "Người khác vừa cập nhật; hãy tải lại.",
        "Somebody else has just changed it; load it again.",
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
        "IN_TRANSIT",
        "Hồ sơ đang trên đường chuyển sang cơ quan khác.",
        "The dossier is on its way to another agency.",
    ),
    (
        "NOT_IN_TRANSIT",
        "Hồ sơ không ở trạng thái đang chuyển sang cơ quan khác.",
        "The dossier is not on its way to another agency.",
    ),
    ("WRONG_RECIPIENT", "Hồ sơ được chuyển cho cơ quan khác.", "The dossier was sent to another agency."),
    (
        "OTHER_AGENCY",
        "Chuyển sang cơ quan khác phải dùng chức năng chuyển liên cơ quan; cơ quan nhận phải tiếp nhận.",
        "Another agency has to be sent the dossier, and to accept it.",
    ),
    (
        "NOTHING_TO_RECALL",
        "Hồ sơ chưa được chuyển hoặc người nhận đã xử lý, không thể thu hồi.",
        "It was not handed over, or somebody has begun since: it cannot be recalled.",
    ),
    ("OPINION_PENDING", "Đang chờ ý kiến của cơ quan này.", "This agency's opinion is being waited for."),
    (
        "UNKNOWN_OPINION",
        "Không có yêu cầu cho ý kiến đang chờ với số này.",
        "No opinion of this number is being waited for.",
    ),
    (
        "APPROVAL_NOT_THERE",
        "Hồ sơ chưa đến hoặc đã qua bước trình, duyệt, ký này.",
        "The decision has not come to this step, or is beyond it.",
    ),
    (
        "OUTCOME_DIFFERS",
        "Kết quả khác với kết quả đã được duyệt.",
        "The outcome is not the one that was approved.",
    ),
    (
        "OBLIGATION_PENDING",
        "Còn một khoản cùng loại chưa nộp.",
        "An obligation of this kind is still to be paid.",
    ),
    ("UNKNOWN_OBLIGATION", "Hồ sơ không có khoản phải nộp này.", "The dossier has no such obligation."),
    ("NOTHING_DUE", "Khoản này không còn phải nộp.", "Nothing is to be paid for this obligation."),
    ("AMOUNT_MISSING", "Số tiền phải lớn hơn 0.", "The amount has to be more than nothing."),
    (
        "ORDER_DIFFERS",
        "Mã giao dịch đã được ghi nhận với số tiền hoặc khoản nộp khác.",
        "The order was recorded with another amount or for another obligation.",
    ),
    ("UNKNOWN_ORDER", "Chưa ghi nhận giao dịch này.", "No such order was recorded."),
    ("ALREADY_REFUNDED", "Giao dịch đã được hoàn trả.", "The order was refunded already."),
    (
        "PAYMENT_DUE",
        "Hồ sơ còn khoản chưa nộp, chưa thể trả kết quả.",
        "Something is still to be paid: the result cannot be handed out.",
    ),
    (
        "NO_APPOINTMENT",
        "Hồ sơ không có ngày hẹn trả để gia hạn.",
        "The dossier has no appointment that could be extended.",
    ),
    (
        "EXTENSION_NOT_LATER",
        "Ngày hẹn lại phải sau ngày hẹn cũ và sau thời điểm hiện tại.",
        "The new appointment has to be later than the old one and than now.",
    ),
    (
        "EXTENDED_ALREADY",
        "Hồ sơ đã được gia hạn đủ số lần cho phép.",
        "It was extended as often as the procedure allows.",
    ),
    (
        "DECIDED",
        "Đã ký quyết định, không thể dừng giải quyết.",
        "A decision is signed: it can no longer be stopped.",
    ),
    (
        "NOTHING_TO_CORRECT",
        "Đã có thao tác khác sau đó, không thể đính chính.",
        "Something has happened since, or there is nothing to take back.",
    ),
    (
        "PAPER_NOT_NAMED",
        "Phải cho biết tệp tin là thành phần hồ sơ nào.",
        "A digitised paper has to say which paper it is.",
    ),
    ("TOO_MANY_FILES", "Hồ sơ đã có số tệp tin tối đa.", "The dossier has as many files as there may be."),
    ("TABLE_TOO_LONG", "Bảng quá dài; hãy chọn một cơ quan.", "The table is too long; choose an agency."),
    ("FILE_TOO_LARGE", "Tệp tin vượt quá dung lượng cho phép.", "The file is too large."),
    ("FILE_EMPTY", "Tệp tin rỗng.", "The file is empty."),
    ("FILE_TYPE_NOT_ALLOWED", "Định dạng tệp tin không được chấp nhận.", "Files of this type are not taken."),
    (
        "FILE_TYPE_MISMATCH",
        "Nội dung tệp tin không đúng với định dạng đã khai báo.",
        "The content is not of the type that was said.",
    ),
    ("FILE_INFECTED", "Tệp tin bị phát hiện có mã độc.", "Malicious software was found in the file."),
    (
        "SCANNER_UNAVAILABLE",
        "Chưa kiểm tra được mã độc của tệp tin; hãy thử lại sau.",
        "The file cannot be scanned now; try again later.",
    ),
    (
        "FILE_GONE",
        "Tệp tin đã bị hủy, không còn đọc được.",
        "The file was destroyed and cannot be read any more.",
    ),
    (
        "TOO_MANY_UPLOADS",
        "Hệ thống đang nhận quá nhiều tệp tin; hãy thử lại sau giây lát.",
        "Too many files are coming in; try again in a moment.",
    ),
    ("UPLOAD_BROKEN", "Việc tải tệp tin lên bị ngắt giữa chừng.", "The upload broke off."),
    ("UPLOAD_STALLED", "Việc tải tệp tin lên quá lâu.", "The upload took too long."),
    (
        "WRONG_CHANNEL",
        "Kênh nộp không phù hợp với cách tiếp nhận này.",
        "A dossier of this channel does not enter this way.",
    ),
    (
        "CALENDAR_UNKNOWN",
        "Chưa có lịch làm việc của năm cần tính ngày hẹn trả.",
        "The working calendar of the year in question has not been entered.",
    ),
    ("NOTHING_TO_PUBLISH", "Không có bản thảo để công bố.", "There is no draft to publish."),
    ("DRAFT_HAS_ERRORS", "Bản thảo còn lỗi, chưa thể công bố.", "The draft still has errors."),
    ("OTHER_PROCEDURE_CODE", "Mã thủ tục không khớp.", "The procedure code does not match."),
    (
        "BRANCH_PENDING",
        "Còn nhánh xử lý song song chưa hoàn thành.",
        "A branch that runs beside it has not come to its end.",
    ),
    ("AGENCY_NOT_ESTABLISHED", "Cơ quan chưa được khai báo.", "The agency has not been established."),
    (
        "AGENCY_ALREADY_ESTABLISHED",
        "Đã có cơ quan dùng mã này với thông tin khác.",
        "An agency with this code exists already, with other particulars.",
    ),
    ("PERMISSION_GROUP_NOT_DEFINED", "Nhóm quyền không tồn tại.", "The permission group does not exist."),
    ("OTHER_PERMISSION_GROUP_CODE", "Mã nhóm quyền không khớp.", "The permission group has another code."),
    (
        "PERMISSION_GROUP_NAME_EMPTY",
        "Tên nhóm quyền không được để trống.",
        "The permission group's name cannot be empty.",
    ),
    (
        "PERMISSION_GROUP_ALLOWS_NOTHING",
        "Nhóm quyền phải có ít nhất một chức năng; nếu không dùng nữa, hãy bãi bỏ.",
        "A permission group allows something; retire it to take that away.",
    ),
    ("ACCOUNT_NOT_OPENED", "Tài khoản không tồn tại.", "The account does not exist."),
    ("ACCOUNT_ALREADY_OPENED", "Tài khoản đã tồn tại.", "The account exists already."),
    ("NO_SUCH_GRANT", "Tài khoản không có nhóm quyền được gán này.", "The account has no such grant."),
    (
        "GRANT_ENDS_BEFORE_IT_BEGINS",
        "Ngày kết thúc trước ngày bắt đầu.",
        "A grant does not end before it begins.",
    ),
    ("GRANT_TOO_WIDE", "Vượt quá phạm vi bạn được giao quản trị.", "It reaches beyond what you manage."),
    ("OWN_ACCOUNT", "Không ai tự thay đổi tài khoản của chính mình.", "Nobody changes their own account."),
    ("AGENCY_NAME_EMPTY", "Tên cơ quan không được để trống.", "The agency's name cannot be empty."),
    (
        "AGENCY_NOT_YET_ESTABLISHED",
        "Ngày hiệu lực trước ngày thành lập cơ quan.",
        "The agency did not exist on that day yet.",
    ),
    (
        "AGENCY_SUCCEEDED",
        "Cơ quan đã có cơ quan kế thừa từ ngày này.",
        "Others have the agency's place from that day on.",
    ),
    (
        "AGENCY_NOT_SUCCEEDED",
        "Cơ quan chưa có cơ quan kế thừa.",
        "Nobody has the agency's place: it is there.",
    ),
    (
        "DOSSIER_UNREADABLE",
        "Không đọc được dữ liệu của hồ sơ; nhật ký của máy chủ cho biết lý do.",
        "The dossier's events cannot be read; the server's log says why.",
    ),
    (
        "MACHINE_KEY_IN_USE",
        "Khóa này đã được sử dụng hoặc đã bị thu hồi; hãy cấp khóa khác với khóa chống lặp mới.",
        "This key was used or revoked already; issue another with a new idempotency key.",
    ),
    (
        "TOO_MANY_INPUTS",
        "Quá nhiều hồ sơ trong một lần thực hiện; tối đa 50.",
        "Too many dossiers in one call; at most 50.",
    ),
    (
        "AGENCY_TREE_HAS_A_CIRCLE",
        "Cơ quan không thể trực thuộc chính nó hoặc đơn vị cấp dưới của nó.",
        "An agency cannot be above itself.",
    ),
    (
        "AGENCY_SUCCESSORS_UNCLEAR",
        "Phải có đúng một cơ quan kế thừa nhận phần còn lại, và mỗi lĩnh vực chỉ giao cho một cơ quan khác.",
        "Exactly one successor takes what no other takes, and each field goes to one of them.",
    ),
    (
        "AGENCY_CODE_TAKEN",
        "Mã định danh đang được cơ quan khác sử dụng.",
        "The code is that of another agency.",
    ),
    (
        "READ_MODEL_REASON_MISSING",
        "Phải nêu lý do bỏ qua sự kiện.",
        "An event is not skipped without a reason.",
    ),
    (
        "STREAM_STILL_PARKED",
        "Luồng sự kiện vẫn không đọc được.",
        "The stream stays parked: its event can still not be read.",
    ),
    ("CALENDAR_NOT_OPENED", "Lịch làm việc này chưa được mở.", "This calendar has not been opened."),
    (
        "CALENDAR_ALREADY_OPENED",
        "Đã có lịch dùng mã này với tên khác.",
        "A calendar with this code exists already, under another name.",
    ),
    (
        "CALENDAR_NOT_NATIONAL",
        "Chỉ lịch quốc gia nhận toàn bộ bảng lịch, và không mở lại lịch quốc gia.",
        "Only the national calendar takes a whole table, and it is not opened by a place.",
    ),
    ("CALENDAR_NAME_EMPTY", "Tên lịch không được để trống.", "The calendar's name cannot be empty."),
    ("CALENDAR_DECISION_UNNAMED", "Quyết định phải có số, ký hiệu.", "The decision has no number."),
    ("CALENDAR_NOTHING_DECIDED", "Quyết định không thay đổi ngày nào.", "The decision changes no day."),
    (
        "CALENDAR_YEARS_LOST",
        "Bảng lịch mới thiếu năm đã có trong lịch hiện hành.",
        "The new table lacks years that the calendar has now.",
    ),
    ("PAYMENT_NOT_SET_UP", "Chưa thiết lập cổng thanh toán trực tuyến.", "No payment gateway is set up."),
    (
        "PAYMENT_GATEWAY_UNAVAILABLE",
        "Cổng thanh toán không phản hồi; hãy thử lại.",
        "The payment gateway does not answer; try again.",
    ),
    (
        "PAYMENT_ORDER_EXPIRED",
        "Đơn thanh toán đã hết hạn; hãy bắt đầu lại.",
        "The payment order has expired; start again.",
    ),
    (
        "TOO_MANY_PAYMENT_ORDERS",
        "Đã có quá nhiều đơn thanh toán cho khoản này.",
        "There were too many payment orders for this obligation.",
    ),
    (
        "PAYMENT_INCOMPLETE",
        "Giao dịch chưa được ghi nhận đầy đủ; hãy đối soát với cổng thanh toán rồi thử lại.",
        "The payment is not recorded to its end: reconcile with the gateway, then try again.",
    ),
    ("PAYMENT_NEVER_ORDERED", "Không có đơn thanh toán này.", "There is no such payment order."),
    (
        "PAYMENT_ORDERED_OTHERWISE",
        "Đơn thanh toán đã được đặt với nội dung khác.",
        "The payment order was placed otherwise.",
    ),
    (
        "PAYMENT_TAKEN_OTHERWISE",
        "Đơn đã được thanh toán bằng giao dịch khác.",
        "The order is paid by another transaction.",
    ),
    ("NOTHING_PAID", "Chưa có khoản nào được thanh toán.", "Nothing was paid."),
    (
        "REFUND_PENDING",
        "Đang chờ cổng thanh toán hoàn tiền.",
        "The payment gateway is being asked for the refund.",
    ),
    ("UNKNOWN_REFUND", "Không có yêu cầu hoàn tiền này.", "No such refund was requested."),
    ("UNKNOWN_DISCREPANCY", "Không có sai lệch này.", "There is no such discrepancy."),
    ("SYNCHRONISATION_NO_SUCH_VERSION", "Hồ sơ không có phiên bản này.", "The dossier has no such version."),
    (
        "SYNCHRONISATION_NEVER_SENT",
        "Chưa gửi bản tin nào đến phiên bản này.",
        "No message with that version went out.",
    ),
    (
        "SYNCHRONISATION_ALREADY_ACKNOWLEDGED",
        "Cổng đã xác nhận phiên bản này.",
        "The portal has acknowledged that version already.",
    ),
    ("DISCLOSURE_NOT_OPENED", "Không có lần mở dữ liệu này.", "There is no such disclosure."),
    (
        "DISCLOSURE_ALREADY_OPENED",
        "Lần mở dữ liệu này đã được ghi nhận.",
        "This disclosure was opened already.",
    ),
    (
        "DISCLOSURE_TIME_OUT_OF_BOUNDS",
        "Thời gian mở dữ liệu không hợp lệ, nhiều nhất 24 giờ.",
        "Personal data is opened for 24 hours at most.",
    ),
    (
        "OWN_DISCLOSURE",
        "Không ai tự kết luận về lần mở dữ liệu của chính mình.",
        "Nobody finds their own disclosure justified.",
    ),
    (
        "DISCLOSURE_ALREADY_ACKNOWLEDGED",
        "Lần mở dữ liệu này đã có kết luận.",
        "Somebody has looked at this disclosure already.",
    ),
    (
        "DISCLOSURE_NOT_NEEDED",
        "Bạn được xem dữ liệu cá nhân của hồ sơ này, không cần mở khẩn cấp.",
        "You may read the personal data of this dossier: there is no glass to break.",
    ),
    ("PERSISTED_QUERY_NOT_FOUND", "Không có văn bản truy vấn này.", "There is no such document."),
    (
        "PERSISTED_QUERY_ID_REQUIRED",
        "Máy chủ chỉ nhận các văn bản truy vấn đã đăng ký, theo mã văn bản.",
        "Only registered documents are taken, by their identifiers.",
    ),
    (
        "DOCUMENT_ID_MISMATCH",
        "Mã văn bản không phải là của văn bản truy vấn được gửi.",
        "The identifier is not that of the document that came with it.",
    ),
    ("CALENDAR_INVALID", "Bảng lịch không hợp lệ.", "That is not a valid calendar."),
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
        Problem::UnreadableDefinition { places } => {
            let places: Vec<_> =
                places.iter().map(|place| format!("{}: {}", place.path, place.reason)).collect();
            format!("{sentence} ({})", places.join("; "))
        }
        Problem::Refused { reason, .. } if sentence.is_empty() => reason.clone(),
        _ => sentence.to_owned(),
    }
}
