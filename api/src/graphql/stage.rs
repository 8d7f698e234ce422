//! Where a dossier stands, as clients name it.

use async_graphql::Enum;
use domain::dossier::Stage as DomainStage;

/// Trạng thái nghiệp vụ của hồ sơ. Where a dossier stands; in brackets the national code (TrangThaiHoSo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DossierStage {
    /// Mới đăng ký (1). It waits for the office to take it in.
    Submitted,
    /// Chờ bổ sung trước tiếp nhận (1). The applicant was asked for what is missing before receipt.
    AwaitingIntakeSupplement,
    /// Không được tiếp nhận (3). It was refused at intake.
    Refused,
    /// Được tiếp nhận (2). The clock runs, and it has not been handed over yet.
    Received,
    /// Đang xử lý (4). It is being processed.
    InProgress,
    /// Yêu cầu bổ sung giấy tờ (5). The clock stands still until it is brought.
    AwaitingSupplement,
    /// Yêu cầu thực hiện nghĩa vụ tài chính (6). The clock stands still until it is paid.
    AwaitingPayment,
    /// Đang xử lý, tạm dừng tính thời hạn (4). Public posting, or another agency's part.
    OnHold,
    /// Tạm dừng theo quyết định (8). It goes on later.
    Suspended,
    /// Dừng xử lý (8). Processing ended without a result.
    Stopped,
    /// Đã xử lý xong (9). The outcome is decided, and the result waits for the applicant.
    Finished,
    /// Đã trả kết quả (10). The applicant has the result.
    Returned,
    /// Công dân yêu cầu rút hồ sơ (7). The applicant took it back.
    Withdrawn,
}

macro_rules! stages {
    ($($variant:ident),+) => {
        impl From<DomainStage> for DossierStage {
            fn from(stage: DomainStage) -> Self {
                match stage { $(DomainStage::$variant => Self::$variant,)+ }
            }
        }

        impl From<DossierStage> for DomainStage {
            fn from(stage: DossierStage) -> Self {
                match stage { $(DossierStage::$variant => Self::$variant,)+ }
            }
        }
    };
}

stages!(
    Submitted,
    AwaitingIntakeSupplement,
    Refused,
    Received,
    InProgress,
    AwaitingSupplement,
    AwaitingPayment,
    OnHold,
    Suspended,
    Stopped,
    Finished,
    Returned,
    Withdrawn
);
