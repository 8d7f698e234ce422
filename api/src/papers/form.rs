//! Which forms there are. Numbers 05 and 06 changed their meaning in 2025: a form is named by kind and circular, and its
//! number is only printed.

use chrono::NaiveDate;

/// What a paper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Giấy tiếp nhận hồ sơ và hẹn trả kết quả.
    Receipt,
    /// Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ.
    SupplementRequest,
    /// Phiếu từ chối tiếp nhận giải quyết hồ sơ.
    Refusal,
    /// Phiếu xin lỗi và hẹn lại ngày trả kết quả; from 2025 văn bản xin lỗi và đề nghị gia hạn.
    Apology,
    /// Thông báo dừng giải quyết hồ sơ.
    StopNotice,
    /// Phiếu kiểm soát quá trình giải quyết hồ sơ.
    ControlSheet,
    /// Sổ theo dõi hồ sơ.
    Register,
    /// Giấy bàn giao hồ sơ: in no circular, printed by the systems in use.
    HandOver,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Receipt,
        Self::SupplementRequest,
        Self::Refusal,
        Self::Apology,
        Self::StopNotice,
        Self::ControlSheet,
        Self::Register,
        Self::HandOver,
    ];

    /// The name in addresses and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::SupplementRequest => "supplement-request",
            Self::Refusal => "refusal",
            Self::Apology => "apology",
            Self::StopNotice => "stop-notice",
            Self::ControlSheet => "control-sheet",
            Self::Register => "register",
            Self::HandOver => "hand-over",
        }
    }

    /// Whether it is addressed to the applicant; the others stay in the office.
    pub fn is_to_applicant(self) -> bool {
        match self {
            Self::Receipt | Self::SupplementRequest | Self::Refusal | Self::Apology | Self::StopNotice => {
                true
            }
            Self::ControlSheet | Self::Register | Self::HandOver => false,
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whose forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Circular {
    /// Thông tư 01/2018/TT-VPCP.
    Tt01Of2018,
    /// Thông tư 03/2025/TT-VPCP.
    Tt03Of2025,
}

/// The first day of TT 03/2025/TT-VPCP.
const TT_03_OF_2025_FROM: Option<NaiveDate> = NaiveDate::from_ymd_opt(2025, 9, 15);

impl Circular {
    pub const ALL: [Self; 2] = [Self::Tt01Of2018, Self::Tt03Of2025];

    /// The circular whose forms an act of this local day is written on. Before 2018 other forms were used; they are not
    /// built, and the older circular stands in for them.
    pub fn in_force(date: NaiveDate) -> Self {
        if TT_03_OF_2025_FROM.is_some_and(|first| first <= date) {
            Self::Tt03Of2025
        } else {
            Self::Tt01Of2018
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Tt01Of2018 => "Thông tư số 01/2018/TT-VPCP",
            Self::Tt03Of2025 => "Thông tư số 03/2025/TT-VPCP",
        }
    }
}

/// Kind and circular do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} has no form {}", .circular.name(), .kind.name())]
pub struct NoSuchForm {
    pub kind: Kind,
    pub circular: Circular,
}

/// A form that exists. Number and title are what is printed, never what it is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub kind: Kind,
    pub circular: Circular,
    pub number: Option<&'static str>,
    pub title: &'static str,
}

const fn form(kind: Kind, circular: Circular, number: Option<&'static str>, title: &'static str) -> Form {
    Form { kind, circular, number, title }
}

use Circular::{Tt01Of2018, Tt03Of2025};

const FORMS: &[Form] = &[
    form(Kind::Receipt, Tt01Of2018, Some("01"), "Giấy tiếp nhận hồ sơ và hẹn trả kết quả"),
    form(Kind::Receipt, Tt03Of2025, Some("01"), "Giấy tiếp nhận hồ sơ và hẹn trả kết quả"),
    form(Kind::SupplementRequest, Tt01Of2018, Some("02"), "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ"),
    form(Kind::SupplementRequest, Tt03Of2025, Some("02"), "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ"),
    form(Kind::Refusal, Tt01Of2018, Some("03"), "Phiếu từ chối tiếp nhận giải quyết hồ sơ"),
    form(Kind::Refusal, Tt03Of2025, Some("03"), "Phiếu từ chối tiếp nhận giải quyết hồ sơ"),
    form(Kind::Apology, Tt01Of2018, Some("04"), "Phiếu xin lỗi và hẹn lại ngày trả kết quả"),
    form(Kind::Apology, Tt03Of2025, Some("04"), "Văn bản xin lỗi và đề nghị gia hạn thời gian giải quyết"),
    form(Kind::StopNotice, Tt03Of2025, Some("05"), "Thông báo dừng giải quyết hồ sơ"),
    form(Kind::ControlSheet, Tt01Of2018, Some("05"), "Phiếu kiểm soát quá trình giải quyết hồ sơ"),
    form(Kind::ControlSheet, Tt03Of2025, Some("06"), "Phiếu kiểm soát quá trình giải quyết hồ sơ"),
    form(Kind::Register, Tt01Of2018, Some("06"), "Sổ theo dõi hồ sơ"),
    form(Kind::Register, Tt03Of2025, Some("07"), "Sổ theo dõi hồ sơ"),
    form(Kind::HandOver, Tt01Of2018, None, "Giấy bàn giao hồ sơ"),
    form(Kind::HandOver, Tt03Of2025, None, "Giấy bàn giao hồ sơ"),
];

impl Form {
    pub fn of(kind: Kind, circular: Circular) -> Result<Self, NoSuchForm> {
        let mut forms = FORMS.iter().copied();
        forms.find(|form| form.kind == kind && form.circular == circular).ok_or(NoSuchForm { kind, circular })
    }

    /// Which form it is, for the corner of the paper.
    pub(super) fn note(self) -> Option<String> {
        self.number.map(|number| format!("Mẫu số {number} – {}", self.circular.name()))
    }
}
