//! What somebody sends who manages access: permission groups, accounts, grants.

use async_graphql::{Enum, InputObject};
use chrono::NaiveDate;
use domain::{access, account};
use serde::Serialize;
use uuid::Uuid;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Chức năng. A thing one can be allowed to do.
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
    /// Nộp hồ sơ trực tuyến. To file dossiers online.
    File,
    /// Tiếp nhận, từ chối, trả kết quả. To receive, to refuse and to hand results out.
    Intake,
    /// Thụ lý. To process dossiers.
    Process,
    /// Phân công, phân công lại. To assign dossiers, and to assign them anew.
    Assign,
    /// Phê duyệt, kết thúc xử lý. To approve proposals and to end the processing.
    Approve,
    /// Xem hồ sơ. To read dossiers, with personal data masked.
    ReadDossiers,
    /// Xem dữ liệu cá nhân. To read personal data in plain.
    ReadPersonalData,
    /// Đồng bộ với Cổng Dịch vụ công quốc gia. To write down what became of messages to the portal: a machine's.
    Synchronise,
    /// Quản trị thủ tục, cơ quan, lịch làm việc. To administer procedures, agencies and calendars.
    Administer,
    /// Quản trị tài khoản và nhóm quyền. To manage accounts and permission groups.
    ManageAccess,
    /// Kiểm tra. To see who may and could do what, and who read personal data.
    Audit,
    /// Mở dữ liệu cá nhân khẩn cấp. Open the personal data of one dossier to oneself, for a reason and a bounded time.
    BreakGlass,
    /// Truy vấn tự do. Ask with documents of one's own, where the server otherwise takes only those that are registered: an integrator's.
    AdHocQueries,
}

/// Quy định nhóm quyền. What it allows from now on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct DefinePermissionGroupInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Mã nhóm quyền. A code that is new makes a group, a known one changes it.
    pub code: String,
    /// Tên nhóm quyền. As shown to people.
    pub name: String,
    /// Các chức năng. All that the group allows; what is left out is allowed no more.
    pub functions: Vec<Function>,
}

/// Bãi bỏ nhóm quyền. It allows nothing from now on.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RetirePermissionGroupInput {
    pub idempotency_key: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Mã nhóm quyền. Code of the permission group.
    pub code: String,
}

/// Loại tài khoản. Who signs in with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "account::AccountKind")]
pub enum AccountKind {
    /// Cán bộ, công chức, viên chức. Somebody on the staff.
    Person,
    /// Hệ thống khác. Another system; it signs in with keys.
    Machine,
}

/// Mở tài khoản. By a login name of this system's own, or by the subject that an issuer of tokens calls them.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct OpenAccountInput {
    pub idempotency_key: Uuid,
    /// Loại tài khoản. A person or a machine.
    pub kind: AccountKind,
    /// Tên đăng nhập. A name of this system's own, in the place of `issuer` and `subject`.
    pub login: Option<String>,
    /// Nơi cấp định danh điện tử. `iss` of its tokens; with `subject`, in the place of `login`.
    pub issuer: Option<String>,
    /// Định danh tại nơi cấp. `sub` of its tokens; it is not kept.
    pub subject: Option<String>,
    /// Họ và tên. The whole name; sealed before it is written.
    pub name: String,
    /// Nơi công tác. Where they work.
    pub place: PlaceInput,
}

/// Nơi công tác. Where somebody on the staff works, and as what.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PlaceInput {
    /// Mã cơ quan. Agency code.
    pub agency: String,
    /// Mã phòng, bộ phận. Code of the unit inside the agency; none if absent.
    pub unit: Option<String>,
    /// Chức danh (ChucDanh). The position, as printed.
    pub position_title: Option<String>,
}

/// Điều chuyển công tác. Grants stay as they are.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct PlaceAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    /// Phiên bản đã xem. The `streamVersion` that the client saw; another one is a conflict that says who did what since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Nơi công tác mới. Where they work from now on.
    pub place: PlaceInput,
}

/// Phạm vi dữ liệu. Whose dossiers a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
pub enum GrantOver {
    /// Toàn tỉnh. The whole province.
    Province,
    /// Một cơ quan. One agency alone.
    Agency,
    /// Một cơ quan và các cơ quan trực thuộc. An agency with all below it, as the tree is then.
    Subtree,
}

/// Gán nhóm quyền cho người dùng. A permission group, over something, for days.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct GrantInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    /// Mã nhóm quyền. Code of the permission group.
    pub group: String,
    /// Phạm vi dữ liệu. Whose dossiers it is about.
    pub over: GrantOver,
    /// Mã cơ quan thuộc phạm vi. Agency code; not for the province.
    pub agency: Option<String>,
    /// Ngày bắt đầu hiệu lực. The first day; today if absent.
    pub from: Option<NaiveDate>,
    /// Ngày cuối cùng còn hiệu lực. The last day; until it is revoked if absent.
    pub until: Option<NaiveDate>,
}

/// Thu hồi nhóm quyền. One grant holds no more.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct RevokeGrantInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    /// Lần gán nhóm quyền. Id of the grant, as `Account.grants` has it.
    pub grant_id: Uuid,
}

/// Lý do khóa tài khoản. Why an account is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "account::LockReason")]
pub enum LockReason {
    /// Thôi việc, chuyển công tác. They do not work there any more.
    Left,
    /// Tạm vắng. They are away for some time.
    Absent,
    /// Nghi bị lộ. Somebody else may know what they sign in with.
    Suspected,
}

/// Khóa tài khoản. Nothing is allowed until it is unlocked.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct LockAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
    /// Lý do khóa. Why it is locked.
    pub reason: LockReason,
}

/// Đặt mật khẩu. A first one, or one in the place of one that was forgotten. It has to be changed before anything
/// else.
#[derive(Clone, InputObject)]
pub struct SetPasswordInput {
    pub account_id: Uuid,
    /// Mật khẩu tạm. Twelve characters of three kinds at least. Tell it to them on another way than this one.
    pub password: String,
    /// Bỏ yếu tố xác thực thứ hai. Take away the second factor: the device was lost.
    #[graphql(default)]
    pub without_second_factor: bool,
}

/// Cấp khóa cho hệ thống khác. A key beside those that the machine has.
#[derive(Clone, Debug, InputObject)]
pub struct IssueMachineKeyInput {
    /// Khóa chống lặp. The same key again makes another secret in the place of the one whose answer was lost, so that there is one
    /// key of it; MACHINE_KEY_IN_USE once it was used or revoked. Without it each call makes a key.
    pub idempotency_key: Option<Uuid>,
    pub account_id: Uuid,
    /// Ngày cuối cùng còn hiệu lực. The last day on which it is taken, a year from now at most.
    pub until: NaiveDate,
    /// Các chức năng của khóa; tất cả của tài khoản nếu không nêu. What the key may be used for, as far as the account may do it; all
    /// that the account may do if absent. It is not taken over from a key before: say it again.
    pub functions: Option<Vec<Function>>,
}

/// Thu hồi khóa của hệ thống khác. It is not taken from the next request on.
#[derive(Clone, Debug, InputObject)]
pub struct RevokeMachineKeyInput {
    pub account_id: Uuid,
    /// Mã khóa. Id of the key, as `Account.machineKeys` has it.
    pub key_id: String,
}

/// Mở khóa tài khoản. What is granted is allowed again.
#[derive(Clone, Debug, Serialize, InputObject)]
pub struct UnlockAccountInput {
    pub idempotency_key: Uuid,
    pub account_id: Uuid,
}
