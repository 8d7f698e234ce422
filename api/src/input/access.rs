//! What somebody sends who manages access: permission groups, accounts, grants.

use async_graphql::{Enum, InputObject};
use chrono::NaiveDate;
use domain::{access, account};
use serde::Serialize;
use uuid::Uuid;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Chức năng: a thing one can be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
        pub enum Function { $($(#[$doc])* $name,)+ }

        impl From<Function> for access::Function {
            fn from(function: Function) -> Self {
                match function { $(Function::$name => Self::$name,)+ }
            }
        }

        impl From<access::Function> for Function {
            fn from(function: access::Function) -> Self {
                match function { $(access::Function::$name => Self::$name,)+ }
            }
        }
    };
}

functions! {
    /// Nộp hồ sơ trực tuyến.
    File,
    /// Tiếp nhận, từ chối, trả kết quả.
    Intake,
    /// Thụ lý.
    Process,
    /// Phân công, phân công lại.
    Assign,
    /// Phê duyệt, kết thúc xử lý.
    Approve,
    /// Xem hồ sơ, with personal data masked.
    ReadDossiers,
    /// Xem dữ liệu cá nhân.
    ReadPersonalData,
    /// Đồng bộ với Cổng Dịch vụ công quốc gia: a machine's.
    Synchronise,
    /// Quản trị thủ tục, cơ quan, lịch làm việc.
    Administer,
    /// Quản trị tài khoản và nhóm quyền.
    ManageAccess,
    /// Kiểm tra: who may and could do what, and who read personal data.
    Audit,
    /// Truy vấn tự do: với văn bản GraphQL của riêng mình, khi máy chủ chỉ nhận các văn bản đã đăng ký. Ask with documents of one's own,
    /// where the server otherwise takes only those that are registered: an integrator's.
    AdHocQueries,
}

/// Quy định nhóm quyền: what it allows from now on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DefinePermissionGroupInput {
    pub idempotency_key: Uuid,
    /// Mã nhóm quyền.
    pub code: String,
    pub name: String,
    pub functions: Vec<Function>,
}

/// Bãi bỏ nhóm quyền.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RetirePermissionGroupInput {
    pub idempotency_key: Uuid,
    pub code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "account::AccountKind")]
pub enum AccountKind {
    /// Cán bộ, công chức, viên chức.
    Person,
    /// Hệ thống khác.
    Machine,
}

/// Mở tài khoản. By a login name of this system's own, or by the subject that an issuer of tokens calls them.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OpenAccountInput {
    pub idempotency_key: Uuid,
    pub kind: AccountKind,
    /// Tên đăng nhập.
    pub login: Option<String>,
    /// `iss` of its tokens.
    pub issuer: Option<String>,
    /// `sub` of its tokens. It is not kept.
    pub subject: Option<String>,
    /// Họ và tên.
    pub name: String,
    /// Where they work.
    pub place: PlaceInput,
}

/// Nơi công tác.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PlaceInput {
    /// Agency code.
    pub agency: String,
    /// Đơn vị trong cơ quan.
    pub unit: Option<String>,
    /// Chức danh.
    pub position_title: Option<String>,
}

/// Điều chuyển công tác. Grants stay as they are.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PlaceAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    pub place: PlaceInput,
}

/// Whose dossiers a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum GrantOver {
    /// Toàn tỉnh.
    Province,
    /// Một cơ quan.
    Agency,
    /// Một cơ quan và các cơ quan trực thuộc.
    Subtree,
}

/// Gán nhóm quyền cho người dùng.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct GrantInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    /// Code of the permission group.
    pub group: String,
    pub over: GrantOver,
    /// Agency code; not for the province.
    pub agency: Option<String>,
    /// Today if absent.
    pub from: Option<NaiveDate>,
    /// The last day; until it is revoked if absent.
    pub until: Option<NaiveDate>,
}

/// Thu hồi nhóm quyền.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RevokeGrantInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    pub grant_id: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "account::LockReason")]
pub enum LockReason {
    /// Thôi việc, chuyển công tác.
    Left,
    /// Tạm vắng.
    Absent,
    /// Nghi bị lộ.
    Suspected,
}

/// Khóa tài khoản.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct LockAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    pub reason: LockReason,
}

/// Đặt mật khẩu: a first one, or one in the place of one that was forgotten. It has to be changed before anything else.
#[derive(Clone, InputObject)]
pub struct SetPasswordInput {
    pub account_id: Uuid,
    /// Twelve characters of three kinds at least. Tell it to them on another way than this one.
    pub password: String,
    /// Take away the second factor: the device was lost.
    #[graphql(default)]
    pub without_second_factor: bool,
}

/// Cấp khóa cho hệ thống khác.
#[derive(Clone, Debug, InputObject)]
pub struct IssueMachineKeyInput {
    pub account_id: Uuid,
    /// The last day on which it is taken, a year from now at most.
    pub until: NaiveDate,
    /// Các chức năng của khóa; tất cả của tài khoản nếu không nêu. What the key may be used for, as far as the account may do it; all
    /// that the account may do if absent. It is not taken over from a key before: say it again.
    pub functions: Option<Vec<Function>>,
}

/// Thu hồi khóa của hệ thống khác.
#[derive(Clone, Debug, InputObject)]
pub struct RevokeMachineKeyInput {
    pub account_id: Uuid,
    pub key_id: String,
}

/// Mở khóa tài khoản.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct UnlockAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
}
