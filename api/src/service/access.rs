//! Who may do what, and who could: accounts, permission groups and grants. Nobody grants to themselves, and nobody
//! grants over more than what they manage.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use domain::access::{ActingAs, Function, Powers, Principal, Scope};
use domain::account::{self, Account, AccountKind, Granted, Identity, Known, Over, SecondFactor};
use domain::codes::{LoginName, PermissionGroupCode, UnitCode};
use domain::identity::{AgencyId, CommandId, GrantId, PermissionGroupId, PrincipalId};
use domain::permission_group::{self, Defined, PermissionGroup};
use domain::private::{Private, SealedToken, Secret};
use domain::recorded::{Recorded, Version};
use domain::time::{Instant, day_start, local_date};
use infrastructure::event_store::StoredRow;
use infrastructure::execute::Folded;
use infrastructure::keys::KeyError;
use infrastructure::keys::credentials::{KeyFunctions, MachineKey, NotIssued};
use projections::account_directory::{self, AccountDirectory};
use projections::permission_group_directory::{self, PermissionGroupDirectory};
use uuid::Uuid;

use super::dossiers::plain;
use super::queries::ERASED;
use super::{Caller, Done, Names, Service};
use crate::input::{
    DefinePermissionGroupInput, GrantInput, GrantOver, IssueMachineKeyInput, LockAccountInput,
    OpenAccountInput, PlaceAccountInput, PlaceInput, RetirePermissionGroupInput, RevokeGrantInput,
    RevokeMachineKeyInput, SetPasswordInput, UnlockAccountInput,
};
use crate::problem::{Problem, ServiceError};

const NAME_CHARS_MAX: usize = 200;
const TITLE_CHARS_MAX: usize = 100;
const ISSUER_CHARS_MAX: usize = 500;
const SUBJECT_CHARS_MAX: usize = 255;
const KEY_DAYS_MAX: TimeDelta = TimeDelta::days(366);
const ACCOUNT_OPENED: &str = "account.opened.v1";

/// That somebody may do something: by which grant of which group.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    pub account: PrincipalId,
    pub acting_as: ActingAs,
    pub granted: Granted,
    pub group: Defined,
}

/// What was done to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDone {
    pub account: PrincipalId,
    pub grant: Option<GrantId>,
    pub done: Done,
}

type Groups = HashMap<PermissionGroupId, Arc<Folded<PermissionGroup>>>;

impl Service {
    pub async fn define_permission_group(
        &self,
        caller: &Caller,
        input: &DefinePermissionGroupInput,
    ) -> Result<Done, ServiceError> {
        whole_province(caller)?;
        let code = PermissionGroupCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        let defined = Defined {
            name: plain("name", &input.name, NAME_CHARS_MAX)?,
            functions: input.functions.iter().map(|function| (*function).into()).collect(),
            code,
        };
        let stream = permission_group::stream(PermissionGroupId::of(&defined.code));
        let mut request = self.request(caller, "definePermissionGroup", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        let command = permission_group::Command::Define(defined);
        self.decide::<PermissionGroup>(&stream, &request, command).await
    }

    pub async fn retire_permission_group(
        &self,
        caller: &Caller,
        input: &RetirePermissionGroupInput,
    ) -> Result<Done, ServiceError> {
        whole_province(caller)?;
        let code = PermissionGroupCode::parse(&input.code).map_err(Problem::code_of("code"))?;
        let stream = permission_group::stream(PermissionGroupId::of(&code));
        let mut request = self.request(caller, "retirePermissionGroup", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        self.decide::<PermissionGroup>(&stream, &request, permission_group::Command::Retire).await
    }

    pub async fn open_account(
        &self,
        caller: &Caller,
        input: &OpenAccountInput,
    ) -> Result<AccountDone, ServiceError> {
        caller.principal.require(Function::ManageAccess).map_err(Problem::from)?;
        let (id, identity) = self.identity(input)?;
        let acting_as = self.place(caller, &input.place).await?;
        let name = plain("name", &input.name, NAME_CHARS_MAX)?;
        if name.is_empty() {
            return Err(Problem::invalid("name", "is empty").into());
        }
        let opened = account::Opened {
            kind: input.kind.into(),
            identity,
            key: self.executor.keys.take().await?,
            name: Private::open(name),
            acting_as,
        };
        let request = self.request(caller, "openAccount", input.idempotency_key, input)?;
        let command = account::Command::Open(opened);
        let done = self.decide::<Account>(&account::stream(id), &request, command).await?;
        Ok(AccountDone { account: id, grant: None, done })
    }

    /// Which account it is to be: that of a login name, or of what an issuer calls somebody.
    fn identity(&self, input: &OpenAccountInput) -> Result<(PrincipalId, Identity), Problem> {
        match (&input.login, &input.issuer, &input.subject) {
            (Some(login), None, None) => {
                let login = LoginName::parse(login).map_err(Problem::code_of("login"))?;
                Ok((PrincipalId::of(&login), Identity::Login(login)))
            }
            (None, Some(issuer), Some(subject)) if !issuer.is_empty() && !subject.is_empty() => {
                let issuer = plain("issuer", issuer, ISSUER_CHARS_MAX)?;
                let subject = plain("subject", subject, SUBJECT_CHARS_MAX)?;
                let id = self.principal_of_subject(&issuer, &subject);
                Ok((id, Identity::Issuer(issuer)))
            }
            _ => Err(Problem::invalid("login", "either a login, or an issuer with a subject")),
        }
    }

    /// Who an issuer means. A subject may be the number of an identity card, so no one can tell it from the id.
    pub fn principal_of_subject(&self, issuer: &str, subject: &str) -> PrincipalId {
        PrincipalId(self.executor.keys.subject_mac(issuer, subject))
    }

    /// Whose account a login name is.
    pub fn account_of_login(&self, login: &str) -> Result<PrincipalId, Problem> {
        Ok(PrincipalId::of(&LoginName::parse(login).map_err(Problem::code_of("login"))?))
    }

    async fn place(&self, caller: &Caller, input: &PlaceInput) -> Result<ActingAs, ServiceError> {
        let (agency, _) = self.agency_on("agency", &input.agency, self.today(caller)).await?;
        let unit =
            input.unit.as_deref().map(UnitCode::parse).transpose().map_err(Problem::code_of("unit"))?;
        let title = input.position_title.as_deref().unwrap_or_default();
        let title = plain("positionTitle", title, TITLE_CHARS_MAX)?;
        manages(caller, [agency])?;
        Ok(ActingAs {
            agency,
            unit: unit.map(|unit| unit.to_string()),
            position_title: Some(title).filter(|title| !title.is_empty()),
        })
    }

    pub async fn place_account(
        &self,
        caller: &Caller,
        input: &PlaceAccountInput,
    ) -> Result<AccountDone, ServiceError> {
        let id = self.managed(caller, input.account_id).await?;
        let acting_as = self.place(caller, &input.place).await?;
        let mut request = self.request(caller, "placeAccount", input.idempotency_key, input)?;
        request.expected = input.expected_version.map(Version);
        let command = account::Command::Place(account::Placed { acting_as });
        let done = self.decide::<Account>(&account::stream(id), &request, command).await?;
        Ok(AccountDone { account: id, grant: None, done })
    }

    pub async fn grant(&self, caller: &Caller, input: &GrantInput) -> Result<AccountDone, ServiceError> {
        let id = self.managed(caller, input.account_id).await?;
        let code = PermissionGroupCode::parse(&input.group).map_err(Problem::code_of("group"))?;
        let group = PermissionGroupId::of(&code);
        let known = self.executor.load::<PermissionGroup>(&permission_group::stream(group)).await?;
        let defined = known.state.latest().ok_or(Problem::NotFound { what: "group" })?;
        let over = match (input.over, &input.agency) {
            (GrantOver::Province, None) => Over::Province,
            (GrantOver::Agency | GrantOver::Subtree, Some(code)) => {
                let (agency, _) = self.agency_on("agency", code, self.today(caller)).await?;
                if input.over == GrantOver::Agency { Over::Agency(agency) } else { Over::Subtree(agency) }
            }
            (GrantOver::Province, Some(_)) => {
                return Err(Problem::invalid("agency", "the province has no agency code").into());
            }
            (GrantOver::Agency | GrantOver::Subtree, None) => {
                return Err(Problem::invalid("agency", "an agency code is needed").into());
            }
        };
        let names = self.names().await?;
        if !could_grant(caller, &names, over, Some(defined)) {
            return Err(too_wide("the grant reaches beyond what the caller manages").into());
        }
        let request = self.request(caller, "grant", input.idempotency_key, input)?;
        let grant = request.command.grant();
        let from = input.from.unwrap_or_else(|| self.today(caller));
        let granted = Granted { grant, group, over, from, until: input.until };
        let command = account::Command::Grant(granted);
        let done = self.decide::<Account>(&account::stream(id), &request, command).await?;
        Ok(AccountDone { account: id, grant: Some(grant), done })
    }

    pub async fn revoke_grant(
        &self,
        caller: &Caller,
        input: &RevokeGrantInput,
    ) -> Result<AccountDone, ServiceError> {
        let (id, known) = self.managed_account(caller, input.account_id).await?;
        let grant = GrantId(input.grant_id);
        let named = known.grants().iter().map(|known| &known.granted).filter(|known| known.grant == grant);
        self.could_have_granted(caller, named).await?;
        let command = account::Command::Revoke { grant };
        self.change_account(caller, "revokeGrant", input.idempotency_key, input, id, command).await
    }

    pub async fn lock_account(
        &self,
        caller: &Caller,
        input: &LockAccountInput,
    ) -> Result<AccountDone, ServiceError> {
        let (id, _) = self.managed_whole(caller, input.account_id).await?;
        let command = account::Command::Lock { reason: input.reason.into() };
        self.change_account(caller, "lockAccount", input.idempotency_key, input, id, command).await
    }

    pub async fn unlock_account(
        &self,
        caller: &Caller,
        input: &UnlockAccountInput,
    ) -> Result<AccountDone, ServiceError> {
        let (id, _) = self.managed_whole(caller, input.account_id).await?;
        let command = account::Command::Unlock;
        self.change_account(caller, "unlockAccount", input.idempotency_key, input, id, command).await
    }

    /// Gives somebody a password that they have to change.
    pub async fn set_password(
        &self,
        caller: &Caller,
        input: SetPasswordInput,
    ) -> Result<PrincipalId, ServiceError> {
        let (id, known) = self.managed_whole(caller, input.account_id).await?;
        if !matches!(known.identity, Identity::Login(_)) {
            return Err(Problem::invalid("accountId", "an issuer of tokens says who this is").into());
        }
        check_password(&input.password).map_err(|reason| Problem::invalid("password", reason))?;
        let keys = &self.executor.keys;
        let password = keys.hash_password(Secret::new(input.password)).await?;
        self.write_down(caller, id, account::Command::SetPassword { to_be_changed: true }).await?;
        keys.set_password(id, &password, true).await?;
        if input.without_second_factor && keys.has_second_factor(id).await? {
            let command = account::Command::RemoveSecondFactor { kind: SecondFactor::Totp };
            self.write_down(caller, id, command).await?;
            keys.take_second_factor_away(id).await?;
        }
        Ok(id)
    }

    /// Of whom the caller is.
    pub async fn change_password(&self, caller: &Caller, password: Secret) -> Result<(), ServiceError> {
        let id = caller.principal.id;
        let password = self.executor.keys.hash_password(password).await?;
        self.write_down(caller, id, account::Command::SetPassword { to_be_changed: false }).await?;
        Ok(self.executor.keys.set_password(id, &password, false).await?)
    }

    /// Of whom the caller is: the secret, to be put into their device.
    pub async fn set_second_factor(&self, caller: &Caller) -> Result<Option<Secret>, ServiceError> {
        let id = caller.principal.id;
        let command = account::Command::SetSecondFactor { kind: SecondFactor::Totp };
        self.write_down(caller, id, command).await?;
        Ok(self.executor.keys.set_second_factor(id).await?)
    }

    /// That somebody signs in with something else from now on. It is written down before it is so: passwords and keys are in
    /// another database than the log, and whatever happens between the two, nothing is changed of which the log knows nothing.
    async fn write_down(
        &self,
        caller: &Caller,
        id: PrincipalId,
        command: account::Command,
    ) -> Result<(), ServiceError> {
        let fresh = self.executor.keys.new_id()?;
        self.change_account(caller, "changeCredentials", fresh, &id.0, id, command).await.map(drop)
    }

    /// A new key of a machine, beside those that it has: so one follows another without a gap. Shown this once.
    pub async fn issue_machine_key(
        &self,
        caller: &Caller,
        input: &IssueMachineKeyInput,
    ) -> Result<(String, Secret, Instant), ServiceError> {
        let (id, known) = self.managed_whole(caller, input.account_id).await?;
        if known.kind != AccountKind::Machine {
            return Err(Problem::invalid("accountId", "people sign in by themselves").into());
        }
        let today = self.today(caller);
        if input.until < today || today + KEY_DAYS_MAX < input.until {
            return Err(Problem::invalid("until", "lies between today and a year from now").into());
        }
        let functions = input.functions.as_ref();
        let functions: KeyFunctions =
            functions.map(|functions| functions.iter().copied().map(Into::into).collect());
        if functions.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(Problem::invalid("functions", "a key is for something").into());
        }
        let expires_at = input.until.succ_opt().map_or(Instant::MAX_UTC, day_start);
        let keys = &self.executor.keys;
        let command =
            input.idempotency_key.map(|key| CommandId::derive(caller.principal.id, "issueMachineKey", key));
        let key = keys.make_machine_key(command)?;
        let refused = |why| match why {
            NotIssued::Otherwise => Problem::KeyReused,
            NotIssued::InUse => {
                let reason = "the key was used or revoked since".to_owned();
                Problem::Refused { code: "MACHINE_KEY_IN_USE", reason }
            }
        };
        keys.can_keep_machine_key(id, &key, expires_at, &functions).await?.map_err(refused)?;
        let issued = account::MachineKeyIssued {
            machine_key: key.name.clone(),
            expires_at,
            functions: functions.clone(),
        };
        self.write_down(caller, id, account::Command::IssueMachineKey(issued)).await?;
        keys.keep_machine_key(id, &key, expires_at, &functions).await?.map_err(refused)?;
        Ok((key.name, key.whole, expires_at))
    }

    pub async fn revoke_machine_key(
        &self,
        caller: &Caller,
        input: &RevokeMachineKeyInput,
    ) -> Result<PrincipalId, ServiceError> {
        let (id, _) = self.managed_whole(caller, input.account_id).await?;
        let keys = &self.executor.keys;
        let has_it = |key: &MachineKey| key.key_id == input.key_id && key.revoked_at.is_none();
        if !keys.machine_keys(id).await?.iter().any(has_it) {
            return Err(Problem::NotFound { what: "keyId" }.into());
        }
        let command = account::Command::RevokeMachineKey { machine_key: input.key_id.clone() };
        self.write_down(caller, id, command).await?;
        keys.revoke_machine_key(id, &input.key_id).await?;
        Ok(id)
    }

    /// The keys of an account, without what they are made of.
    pub async fn machine_keys(&self, id: PrincipalId) -> Result<Vec<MachineKey>, ServiceError> {
        Ok(self.executor.keys.machine_keys(id).await?)
    }

    async fn change_account(
        &self,
        caller: &Caller,
        operation: &str,
        idempotency_key: Uuid,
        canonical: &impl serde::Serialize,
        id: PrincipalId,
        command: account::Command,
    ) -> Result<AccountDone, ServiceError> {
        let request = self.request(caller, operation, idempotency_key, canonical)?;
        let done = self.decide::<Account>(&account::stream(id), &request, command).await?;
        Ok(AccountDone { account: id, grant: None, done })
    }

    /// An account that the caller may change: of an agency that they manage, and not their own.
    async fn managed(&self, caller: &Caller, id: Uuid) -> Result<PrincipalId, ServiceError> {
        Ok(self.managed_account(caller, id).await?.0)
    }

    async fn managed_account(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<(PrincipalId, Box<Known>), ServiceError> {
        caller.principal.require(Function::ManageAccess).map_err(Problem::from)?;
        let id = PrincipalId(id);
        let account = self.executor.load::<Account>(&account::stream(id)).await?;
        let known = account.state.known().ok_or(Problem::NotFound { what: "account" })?;
        if !caller.principal.may(Function::ManageAccess, [known.latest_place().agency]) {
            return Err(Problem::NotFound { what: "account" }.into());
        }
        if id == caller.principal.id {
            let reason = "nobody changes their own account".to_owned();
            return Err(Problem::Refused { code: "OWN_ACCOUNT", reason }.into());
        }
        Ok((id, Box::new(known.clone())))
    }

    /// One whose credentials and locks the caller may change as well: it reaches nowhere that they could not have granted. Who
    /// gives somebody a password can sign in as them, and who locks somebody takes all from them.
    async fn managed_whole(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<(PrincipalId, Box<Known>), ServiceError> {
        let (id, known) = self.managed_account(caller, id).await?;
        self.could_have_granted(caller, known.grants_from(self.today(caller))).await?;
        Ok((id, known))
    }

    async fn could_have_granted(
        &self,
        caller: &Caller,
        grants: impl Iterator<Item = &Granted>,
    ) -> Result<(), ServiceError> {
        let grants: Vec<&Granted> = grants.collect();
        let groups = self.groups(grants.iter().map(|granted| granted.group).collect()).await?;
        let names = self.names().await?;
        let could = |granted: &&Granted| {
            let defined = groups.get(&granted.group).and_then(|group| group.state.latest());
            could_grant(caller, &names, granted.over, defined)
        };
        if grants.iter().all(could) {
            Ok(())
        } else {
            Err(too_wide("the account is granted something beyond what the caller manages").into())
        }
    }

    /// Who has the account, with what they may do now. `None` where there is no account, or it is locked.
    pub async fn principal(&self, id: PrincipalId) -> Result<Option<Principal>, ServiceError> {
        Ok(self.account_holder(id).await?.map(|(principal, _)| principal))
    }

    /// The same, and how they are known.
    pub async fn account_holder(
        &self,
        id: PrincipalId,
    ) -> Result<Option<(Principal, Identity)>, ServiceError> {
        let account = self.executor.load::<Account>(&account::stream(id)).await?;
        let Some(known) = account.state.known().filter(|known| known.lock().is_none()) else {
            return Ok(None);
        };
        let now = self.clock().now();
        let wanted = known.grants_at(now).map(|granted| granted.group);
        let groups = self.groups(wanted.collect()).await?;
        let names = self.names().await?;
        let powers = powers_at(known, now, &groups, &names);
        let principal = Principal { id, acting_as: known.latest_place().clone(), powers };
        Ok(Some((principal, known.identity.clone())))
    }

    /// How often a permission group was defined and retired.
    pub async fn permission_group_version(&self, code: &str) -> Result<Version, ServiceError> {
        let code = PermissionGroupCode::parse(code).map_err(Problem::code_of("code"))?;
        let stream = permission_group::stream(PermissionGroupId::of(&code));
        Ok(self.executor.load::<PermissionGroup>(&stream).await?.version)
    }

    async fn groups(&self, wanted: BTreeSet<PermissionGroupId>) -> Result<Groups, ServiceError> {
        let streams: Vec<String> = wanted.iter().map(|id| permission_group::stream(*id)).collect();
        let mut loaded = self.executor.load_all::<PermissionGroup>(&streams).await?;
        let of = |(id, stream): (&PermissionGroupId, &String)| Some((*id, loaded.remove(stream)?));
        let found = wanted.iter().zip(&streams).filter_map(of);
        found.map(|(id, group)| Ok((id, group?))).collect()
    }

    /// The permission groups that there are, by code.
    pub async fn permission_groups(
        &self,
        caller: &Caller,
    ) -> Result<Vec<PermissionGroupDirectory>, ServiceError> {
        looks_into_access(caller)?;
        Ok(permission_group_directory::all(self.database()).await?)
    }

    /// The accounts of the agencies that the caller manages or audits, the oldest first.
    pub async fn accounts(
        &self,
        caller: &Caller,
        after: Option<(i64, Uuid)>,
        first: i64,
    ) -> Result<(Vec<(AccountDirectory, Arc<Folded<Account>>)>, bool), ServiceError> {
        let scope = looks_into_access(caller)?;
        let rows = account_directory::all(self.database()).await?.into_iter();
        let rows = rows
            .filter(|row| scope.covers([AgencyId(row.agency_id)]))
            .filter(|row| after.is_none_or(|after| after < (row.opened_at, row.principal_id)))
            .take(usize::try_from(first + 1).unwrap_or(usize::MAX));
        let (rows, has_more) = super::boards::page(rows.collect(), first);
        let mut states = self.account_states(rows.iter().map(|row| PrincipalId(row.principal_id))).await?;
        let found = rows.into_iter().filter_map(|row| {
            let state = states.remove(&PrincipalId(row.principal_id))?;
            Some((row, state))
        });
        Ok((found.collect(), has_more))
    }

    async fn account_states(
        &self,
        ids: impl Iterator<Item = PrincipalId>,
    ) -> Result<HashMap<PrincipalId, Arc<Folded<Account>>>, ServiceError> {
        let ids: Vec<(PrincipalId, String)> = ids.map(|id| (id, account::stream(id))).collect();
        let streams: Vec<String> = ids.iter().map(|(_, stream)| stream.clone()).collect();
        let mut loaded = self.executor.load_all::<Account>(&streams).await?;
        let of = |(id, stream): (PrincipalId, String)| Some((id, loaded.remove(&stream)?));
        let found = ids.into_iter().filter_map(of);
        found.map(|(id, folded)| Ok((id, folded?))).collect()
    }

    /// What a person or machine is called. For who looks into access.
    pub async fn account_name(&self, row: &AccountDirectory) -> Result<String, ServiceError> {
        let token = SealedToken::from_text(row.name.as_str());
        let stream = account::stream(PrincipalId(row.principal_id));
        match self.executor.keys.open_value(&token, &stream, ACCOUNT_OPENED).await {
            Ok(name) => Ok(name.expose().to_owned()),
            Err(KeyError::Destroyed(_)) => Ok(ERASED.to_owned()),
            Err(error) => Err(error.into()),
        }
    }

    /// All that was done to an account, the oldest first. For who looks into access, of whom they have found.
    pub async fn account_history(&self, id: PrincipalId) -> Result<Vec<Recorded>, ServiceError> {
        let rows = self.store().read_stream(&account::stream(id), Version(0)).await?;
        Ok(rows.into_iter().map(StoredRow::decode).collect::<Result<_, _>>()?)
    }

    /// Who could do something at an instant, and by which grant: over one agency, or over any.
    pub async fn access_as_of(
        &self,
        caller: &Caller,
        function: Function,
        agency: Option<&str>,
        at: Option<Instant>,
    ) -> Result<Vec<Access>, ServiceError> {
        let scope = looks_into_access(caller)?;
        let at = at.unwrap_or_else(|| self.clock().now());
        let agency = match agency {
            Some(code) => Some(self.agency_ever("agency", code, local_date(at)).await?),
            None => None,
        };
        let names = self.names().await?;
        let rows = account_directory::all(self.database()).await?;
        let states = self.account_states(rows.iter().map(|row| PrincipalId(row.principal_id))).await?;
        let known = states.values().filter_map(|account| account.state.known());
        let groups = known.flat_map(|known| known.grants_at(at)).map(|granted| granted.group).collect();
        let groups = self.groups(groups).await?;
        let mut found = Vec::new();
        for row in rows {
            let id = PrincipalId(row.principal_id);
            let Some(known) = states.get(&id).and_then(|account| account.state.known()) else { continue };
            let Some(acting_as) = known.place_at(at).filter(|place| scope.covers([place.agency])) else {
                continue;
            };
            for granted in known.grants_at(at) {
                let group = groups.get(&granted.group).and_then(|group| group.state.at(at));
                let Some(group) = group.filter(|group| group.functions.contains(&function)) else { continue };
                if agency.is_none_or(|agency| names.scope_of(granted.over).covers([agency])) {
                    found.push(Access {
                        account: id,
                        acting_as: acting_as.clone(),
                        granted: granted.clone(),
                        group: group.clone(),
                    });
                }
            }
        }
        Ok(found)
    }
}

/// What an account may do at an instant, over the agencies of today's tree.
fn powers_at(known: &Known, at: Instant, groups: &Groups, names: &Names) -> Powers {
    known.powers_at(at, |id| groups.get(&id).map(|group| &group.state), |over| names.scope_of(over))
}

/// Whose accounts the caller may look at.
fn looks_into_access(caller: &Caller) -> Result<Scope, Problem> {
    let powers = &caller.principal.powers;
    match (powers.of(Function::ManageAccess), powers.of(Function::Audit)) {
        (Some(one), Some(other)) => Ok(one.clone().and(other.clone())),
        (Some(scope), None) | (None, Some(scope)) => Ok(scope.clone()),
        (None, None) => Ok(caller.principal.require(Function::Audit)?.clone()),
    }
}

/// Nobody grants over more than they manage; what lets somebody grant on is for who manages the whole province.
fn could_grant(caller: &Caller, names: &Names, over: Over, group: Option<&Defined>) -> bool {
    match caller.principal.powers.of(Function::ManageAccess) {
        Some(Scope::Province) => true,
        Some(_) if group.is_some_and(|group| group.functions.contains(&Function::ManageAccess)) => false,
        Some(Scope::Agencies(managed)) => match names.scope_of(over) {
            Scope::Agencies(asked) => asked.is_subset(managed),
            Scope::Province => false,
        },
        None => false,
    }
}

fn too_wide(reason: &str) -> Problem {
    Problem::Refused { code: "GRANT_TOO_WIDE", reason: reason.to_owned() }
}

/// Permission groups hold for everybody.
fn whole_province(caller: &Caller) -> Result<(), Problem> {
    match caller.principal.require(Function::ManageAccess)? {
        Scope::Province => Ok(()),
        Scope::Agencies(_) => Err(too_wide("permission groups are defined for the whole province")),
    }
}

fn manages(caller: &Caller, agencies: [AgencyId; 1]) -> Result<(), Problem> {
    let may = caller.principal.may(Function::ManageAccess, agencies);
    if may { Ok(()) } else { Err(Problem::NotFound { what: "agency" }) }
}

/// Twelve characters of three kinds at least (QĐ 742/QĐ-BTTTT, part 3; the figures are a policy), and no more than anybody
/// types: a hash is made of all of it.
pub fn check_password(password: &str) -> Result<(), &'static str> {
    const CHARS: std::ops::RangeInclusive<usize> = 12..=256;
    const KINDS_MIN: usize = 3;
    let has = |is: fn(char) -> bool| usize::from(password.chars().any(is));
    let other = |character: char| !character.is_alphanumeric();
    let kinds = has(char::is_lowercase) + has(char::is_uppercase) + has(char::is_numeric) + has(other);
    if !CHARS.contains(&password.chars().count()) {
        return Err("a password has 12 to 256 characters");
    }
    if kinds < KINDS_MIN {
        return Err("a password mixes three of: small letters, capital letters, digits, others");
    }
    Ok(())
}
