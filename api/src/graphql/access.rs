//! Accounts, permission groups and grants.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset, NaiveDate};
use domain::access::Scope;
use domain::account::{self, Grant, Granted, Over};
use domain::identity::PrincipalId;
use domain::permission_group::Defined;
use domain::recorded::{Event, Recorded};
use infrastructure::execute::Folded;
use projections::Model;
use projections::account_directory::AccountDirectory;
use projections::permission_group_directory::PermissionGroupDirectory;
use uuid::Uuid;

use super::objects::{Agency, local, local_micros};
use super::payload::{
    AccountPayload, CredentialPayload, MachineKeyPayload, PermissionGroupPayload, of_account, of_credential,
    of_machine_key, of_permission_group,
};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::{
    AccountKind, DefinePermissionGroupInput, Function, GrantInput, GrantOver, IssueMachineKeyInput,
    LockAccountInput, LockReason, OpenAccountInput, PlaceAccountInput, RetirePermissionGroupInput,
    RevokeGrantInput, RevokeMachineKeyInput, SetPasswordInput, UnlockAccountInput,
};
use crate::problem::Failure;
use crate::service::{self, Names};

#[derive(Default)]
pub struct AccessMutation;

#[Object]
impl AccessMutation {
    /// Quy định nhóm quyền. What it allows from now on, to all who are granted it.
    async fn define_permission_group(
        &self,
        ctx: &Context<'_>,
        input: DefinePermissionGroupInput,
    ) -> Result<PermissionGroupPayload> {
        let outcome = ctx.service().define_permission_group(ctx.caller()?, &input).await;
        of_permission_group(ctx, outcome).await
    }

    /// Bãi bỏ nhóm quyền. Grants of it stay, and allow nothing.
    async fn retire_permission_group(
        &self,
        ctx: &Context<'_>,
        input: RetirePermissionGroupInput,
    ) -> Result<PermissionGroupPayload> {
        let outcome = ctx.service().retire_permission_group(ctx.caller()?, &input).await;
        of_permission_group(ctx, outcome).await
    }

    /// Mở tài khoản. Nothing is allowed until something is granted.
    async fn open_account(&self, ctx: &Context<'_>, input: OpenAccountInput) -> Result<AccountPayload> {
        let outcome = ctx.service().open_account(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }

    /// Điều chuyển công tác. What is granted stays as it is.
    async fn place_account(&self, ctx: &Context<'_>, input: PlaceAccountInput) -> Result<AccountPayload> {
        let outcome = ctx.service().place_account(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }

    /// Gán nhóm quyền cho người dùng. Nobody grants to themselves, nor over more than they manage.
    async fn grant(&self, ctx: &Context<'_>, input: GrantInput) -> Result<AccountPayload> {
        let outcome = ctx.service().grant(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }

    /// Thu hồi nhóm quyền. What it allowed is not allowed from the next request on.
    async fn revoke_grant(&self, ctx: &Context<'_>, input: RevokeGrantInput) -> Result<AccountPayload> {
        let outcome = ctx.service().revoke_grant(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }

    /// Khóa tài khoản. Nothing is allowed from the next request on.
    async fn lock_account(&self, ctx: &Context<'_>, input: LockAccountInput) -> Result<AccountPayload> {
        let outcome = ctx.service().lock_account(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }

    /// Đặt mật khẩu. For somebody who has none or forgot it: they change it before anything else.
    async fn set_password(&self, ctx: &Context<'_>, input: SetPasswordInput) -> Result<CredentialPayload> {
        let outcome = ctx.service().set_password(ctx.caller()?, input).await;
        of_credential(ctx, outcome).await
    }

    /// Cấp khóa cho hệ thống khác. Beside those that it has; the key is shown in the answer and never again.
    async fn issue_machine_key(
        &self,
        ctx: &Context<'_>,
        input: IssueMachineKeyInput,
    ) -> Result<MachineKeyPayload> {
        let outcome = ctx.service().issue_machine_key(ctx.caller()?, &input).await;
        of_machine_key(ctx, outcome).await
    }

    /// Thu hồi khóa của hệ thống khác. It is not taken from the next request on.
    async fn revoke_machine_key(
        &self,
        ctx: &Context<'_>,
        input: RevokeMachineKeyInput,
    ) -> Result<CredentialPayload> {
        let outcome = ctx.service().revoke_machine_key(ctx.caller()?, &input).await;
        of_credential(ctx, outcome).await
    }

    /// Mở khóa tài khoản. What is granted is allowed again.
    async fn unlock_account(&self, ctx: &Context<'_>, input: UnlockAccountInput) -> Result<AccountPayload> {
        let outcome = ctx.service().unlock_account(ctx.caller()?, &input).await;
        of_account(ctx, outcome).await
    }
}

#[derive(Default)]
pub struct AccessQuery;

type AccountConnection = Connection<OpaqueCursor<(i64, Uuid)>, Account>;

#[Object]
impl AccessQuery {
    /// Tài khoản của tôi. Who the request is from, and what they may do.
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        let (caller, names) = (ctx.caller()?, ctx.names().await?);
        let acting_as = &caller.principal.acting_as;
        let power = |(function, scope): (domain::access::Function, &Scope)| Power {
            function: function.into(),
            agencies: match scope {
                Scope::Province => None,
                Scope::Agencies(agencies) => {
                    Some(agencies.iter().map(|agency| Agency::named(&names, agency.0)).collect())
                }
            },
        };
        Ok(Me {
            principal_id: caller.principal.id.0,
            agency: Agency::named(&names, acting_as.agency.0),
            unit: acting_as.unit.clone(),
            position_title: acting_as.position_title.clone(),
            powers: caller.principal.powers.iter().map(power).collect(),
        })
    }

    /// Danh mục nhóm quyền. For who manages access or audits it.
    async fn permission_groups(
        &self,
        ctx: &Context<'_>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<PermissionGroup>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let models = [Model::PermissionGroupDirectory];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            service.permission_groups(caller).await
        };
        let rows = load.await.map_err(|error| ctx.error(error))?;
        rows.iter()
            .map(PermissionGroup::of)
            .collect::<Result<_, _>>()
            .map_err(|error| ctx.error(error.into()))
    }

    /// Danh sách tài khoản. The oldest first. For who manages access or audits it, of their agencies.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        min_position: Option<PositionText>,
    ) -> Result<AccountConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let wait = service.wait_for(&[Model::AccountDirectory], min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let found = service.accounts(caller, after, first).await;
                let (found, has_more) = found.map_err(|error| ctx.error(error))?;
                let names = ctx.names().await?;
                let mut connection: AccountConnection = Connection::new(after.is_some(), has_more);
                for (row, account) in found {
                    let cursor = OpaqueCursor((row.opened_at, row.principal_id));
                    let account = Account::new(&names, row, &account);
                    connection.edges.push(Edge::with_additional_fields(cursor, account, EmptyFields));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }

    /// Ai được làm gì, vào lúc nào. Who can or could do something at an instant, and by which grants.
    async fn access_as_of(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Chức năng. What is or was allowed.")] function: Function,
        #[graphql(desc = "Mã cơ quan. Over the dossiers of this agency; over any if absent.")] agency: Option<
            String,
        >,
        #[graphql(desc = "Thời điểm. Now if absent.")] at: Option<DateTime<FixedOffset>>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<AccessEntry>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let models = [Model::AccountDirectory, Model::AgencyDirectory];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            let at = at.map(|at| at.to_utc());
            service.access_as_of(caller, function.into(), agency.as_deref(), at).await
        };
        let found = load.await.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        Ok(found.into_iter().map(|access| AccessEntry::new(&names, access)).collect())
    }
}

/// Tài khoản của tôi. Who a request is from.
#[derive(SimpleObject)]
pub struct Me {
    /// Mã định danh tài khoản. Id of the account.
    pub principal_id: Uuid,
    /// Cơ quan công tác. The agency that they act for.
    pub agency: Agency,
    /// Mã phòng, bộ phận. Code of the unit where they work; null where they belong to none.
    pub unit: Option<String>,
    /// Chức danh (ChucDanh). The position as printed; null where none was given.
    pub position_title: Option<String>,
    /// Các quyền. What they may do now, and over whose dossiers.
    pub powers: Vec<Power>,
}

/// Quyền. A function, with whose dossiers.
#[derive(SimpleObject)]
pub struct Power {
    /// Chức năng. What is allowed.
    pub function: Function,
    /// Các cơ quan thuộc phạm vi. Whose dossiers it is about; null: those of the whole province.
    pub agencies: Option<Vec<Agency>>,
}

/// Nhóm quyền. Functions under a name; accounts are granted it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct PermissionGroup {
    /// Mã nhóm quyền. The code to grant it by.
    pub code: String,
    /// Tên nhóm quyền. As shown to people.
    pub name: String,
    /// Các chức năng. What it allows.
    pub functions: Vec<Function>,
    /// Đã bãi bỏ. It allows nothing any more.
    pub retired: bool,
}

#[ComplexObject]
impl PermissionGroup {
    /// Phiên bản luồng sự kiện. How often it was defined and retired, up to now: `expectedVersion` of what changes it next.
    #[graphql(complexity = 10)]
    async fn stream_version(&self, ctx: &Context<'_>) -> Result<i64> {
        let version = ctx.service().permission_group_version(&self.code).await;
        version.map(|version| version.0).map_err(|error| ctx.error(error))
    }
}

impl PermissionGroup {
    fn of(row: &PermissionGroupDirectory) -> Result<Self, Failure> {
        let functions: Vec<domain::access::Function> =
            serde_json::from_str(&row.functions).map_err(|_| Failure::Row(row.functions.clone()))?;
        Ok(Self {
            code: row.code.clone(),
            name: row.name.clone(),
            functions: functions.into_iter().map(Into::into).collect(),
            retired: row.retired != 0,
        })
    }

    fn then(defined: &Defined) -> Self {
        Self {
            code: defined.code.to_string(),
            name: defined.name.clone(),
            functions: defined.functions.iter().map(|function| (*function).into()).collect(),
            retired: false,
        }
    }
}

/// Tài khoản của cán bộ hoặc của một hệ thống khác. It may sign in; what it may do is granted to it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Account {
    /// Mã định danh tài khoản. Id of the account, the same for life.
    pub account_id: Uuid,
    /// Loại tài khoản. A person or a machine; null where the account's events do not say.
    pub kind: Option<AccountKind>,
    /// Tên đăng nhập. Null where an issuer of tokens says who it is.
    pub login: Option<String>,
    /// Nơi cấp định danh điện tử. `iss` of the tokens by which they sign in; null where they sign in by `login`, and
    /// of machines.
    pub issuer: Option<String>,
    /// Cơ quan công tác. The agency where they work now.
    pub agency: Agency,
    /// Mã phòng, bộ phận công tác. Code of the unit where they work; null where they belong to none.
    pub unit: Option<String>,
    /// Chức danh (ChucDanh). The position as printed; null where none was given.
    pub position_title: Option<String>,
    /// Thời điểm mở tài khoản. When the account was opened.
    pub opened_at: DateTime<FixedOffset>,
    /// Lý do đang bị khóa. Null where the account is not locked.
    pub locked: Option<LockReason>,
    /// Các lần gán nhóm quyền. All grants ever, oldest first.
    pub grants: Vec<AccountGrant>,
    /// Phiên bản luồng sự kiện. How often it was changed: `expectedVersion` of `placeAccount`.
    pub stream_version: i64,
    #[graphql(skip)]
    row: AccountDirectory,
}

#[ComplexObject]
impl Account {
    /// Họ và tên. Sealed where it is kept, and opened for whoever manages or audits access.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        ctx.service().account_name(&self.row).await.map_err(|error| ctx.error(error))
    }

    /// Khóa của hệ thống khác. Oldest first. What they are made of is shown to nobody.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn machine_keys(&self, ctx: &Context<'_>) -> Result<Vec<MachineKey>> {
        let keys = ctx.service().machine_keys(PrincipalId(self.account_id)).await;
        let keys = keys.map_err(|error| ctx.error(error))?;
        Ok(keys.into_iter().map(MachineKey::new).collect())
    }

    /// Lịch sử tài khoản. All that was done to the account, oldest first: also that a password, a second factor or a key was
    /// changed, never what it is.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<AccountEvent>> {
        let history = ctx.service().account_history(PrincipalId(self.account_id)).await;
        let history = history.map_err(|error| ctx.error(error))?;
        Ok(history.iter().map(AccountEvent::new).collect())
    }
}

impl Account {
    fn new(names: &Names, row: AccountDirectory, account: &Folded<domain::account::Account>) -> Self {
        let known = account.state.known();
        Self {
            account_id: row.principal_id,
            kind: known.map(|known| known.kind.into()),
            login: row.login.clone(),
            issuer: row.issuer.clone(),
            agency: Agency::named(names, row.agency_id),
            unit: row.unit.clone(),
            position_title: row.position_title.clone(),
            opened_at: local_micros(row.opened_at),
            locked: known.and_then(|known| known.lock()).map(|lock| lock.reason.into()),
            grants: known
                .iter()
                .flat_map(|known| known.grants())
                .map(|grant| AccountGrant::new(names, grant))
                .collect(),
            stream_version: account.version.0,
            row,
        }
    }
}

/// Sự kiện của tài khoản. Something that was done to an account.
#[derive(SimpleObject)]
pub struct AccountEvent {
    /// Loại sự kiện. Such as `account.password_set.v1`.
    pub event_type: String,
    /// Thời điểm xảy ra. When it was done.
    pub occurred_at: DateTime<FixedOffset>,
    /// Tài khoản thực hiện. Id of the account that did it; the account's own where they did it themselves.
    pub actor: Uuid,
    /// Mã khóa của hệ thống khác. Id of the key that was issued or revoked; null in other events.
    pub machine_key_id: Option<String>,
}

impl AccountEvent {
    fn new(recorded: &Recorded) -> Self {
        let machine_key_id = match &recorded.event {
            Event::Account(account::Event::MachineKeyIssued(issued)) => Some(&issued.machine_key),
            Event::Account(account::Event::MachineKeyRevoked(revoked)) => Some(&revoked.machine_key),
            _ => None,
        };
        Self {
            event_type: recorded.event.type_name().to_owned(),
            occurred_at: local(recorded.occurred_at),
            actor: recorded.metadata.actor.0,
            machine_key_id: machine_key_id.cloned(),
        }
    }
}

/// Khóa của hệ thống khác. What another system signs in with; what it is made of is shown to nobody.
#[derive(SimpleObject)]
pub struct MachineKey {
    /// Mã khóa. Id of the key, which is no secret.
    pub key_id: String,
    /// Thời điểm cấp. When it was issued.
    pub created_at: DateTime<FixedOffset>,
    /// Thời điểm hết hạn. From when on it is not taken.
    pub expires_at: DateTime<FixedOffset>,
    /// Thời điểm thu hồi. Null where it was not revoked.
    pub revoked_at: Option<DateTime<FixedOffset>>,
    /// Lần dùng gần nhất. To the minute; null where it was never used.
    pub last_used_at: Option<DateTime<FixedOffset>>,
    /// Các chức năng của khóa. What it may be used for; null: all that its account may do.
    pub functions: Option<Vec<Function>>,
}

impl MachineKey {
    fn new(key: infrastructure::keys::credentials::MachineKey) -> Self {
        Self {
            key_id: key.key_id,
            created_at: local_micros(key.created_at),
            expires_at: local_micros(key.expires_at),
            revoked_at: key.revoked_at.map(local_micros),
            last_used_at: key.last_used_at.map(local_micros),
            functions: key.functions.map(|functions| functions.into_iter().map(Into::into).collect()),
        }
    }
}

/// Nhóm quyền được gán. A permission group granted to an account, over something, for days.
#[derive(SimpleObject)]
pub struct AccountGrant {
    /// Mã định danh lần gán. Id to revoke it by.
    pub grant_id: Uuid,
    /// Nhóm quyền. Id of the permission group.
    pub group_id: Uuid,
    /// Phạm vi dữ liệu. Whose dossiers it is about.
    pub over: GrantOver,
    /// Cơ quan thuộc phạm vi. The agency that it is over, or the top of the subtree; null for the province.
    pub agency: Option<Agency>,
    /// Ngày bắt đầu hiệu lực. The first day on which it holds.
    pub from: NaiveDate,
    /// Ngày cuối cùng còn hiệu lực. The last day on which it holds; null where it holds until it is revoked.
    pub until: Option<NaiveDate>,
    /// Thời điểm gán. When it was granted.
    pub granted_at: DateTime<FixedOffset>,
    /// Thời điểm thu hồi. When it was revoked; null where it was not.
    pub revoked_at: Option<DateTime<FixedOffset>>,
}

impl AccountGrant {
    fn new(names: &Names, grant: &Grant) -> Self {
        let Granted { grant: id, group, over, from, until } = &grant.granted;
        let (over, agency) = over_what(names, *over);
        Self {
            grant_id: id.0,
            group_id: group.0,
            over,
            agency,
            from: *from,
            until: *until,
            granted_at: local(grant.granted_at),
            revoked_at: grant.revoked_at.map(local),
        }
    }
}

fn over_what(names: &Names, over: Over) -> (GrantOver, Option<Agency>) {
    match over {
        Over::Province => (GrantOver::Province, None),
        Over::Agency(agency) => (GrantOver::Agency, Some(Agency::named(names, agency.0))),
        Over::Subtree(agency) => (GrantOver::Subtree, Some(Agency::named(names, agency.0))),
    }
}

/// Một người được hoặc đã được làm một việc. That somebody can or could do something, by one grant.
#[derive(SimpleObject)]
pub struct AccessEntry {
    /// Tài khoản được làm việc đó. Id of the account that can do it.
    pub account_id: Uuid,
    /// Nơi công tác lúc đó. Where they worked then.
    pub agency: Agency,
    /// Lần gán nhóm quyền. Id of the grant by which it is allowed.
    pub grant_id: Uuid,
    /// Nhóm quyền, theo quy định lúc đó. As it was defined then.
    pub group: PermissionGroup,
    /// Phạm vi dữ liệu. Whose dossiers the grant is about.
    pub over: GrantOver,
    /// Cơ quan thuộc phạm vi. The agency that it is over, or the top of the subtree; null for the province.
    pub over_agency: Option<Agency>,
    /// Ngày bắt đầu hiệu lực. The first day on which the grant holds.
    pub from: NaiveDate,
    /// Ngày cuối cùng còn hiệu lực. The last day on which the grant holds; null where it holds until it is revoked.
    pub until: Option<NaiveDate>,
}

impl AccessEntry {
    fn new(names: &Names, access: service::Access) -> Self {
        let service::Access { account: PrincipalId(account_id), acting_as, granted, group } = access;
        let (over, over_agency) = over_what(names, granted.over);
        Self {
            account_id,
            agency: Agency::named(names, acting_as.agency.0),
            grant_id: granted.grant.0,
            group: PermissionGroup::then(&group),
            over,
            over_agency,
            from: granted.from,
            until: granted.until,
        }
    }
}
