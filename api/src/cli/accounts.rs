//! `motcua accounts`

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};
use domain::access::{self, Scope};
use domain::account::{self, Account, Granted, Over};
use domain::codes::PermissionGroupCode;
use domain::identity::{NAMESPACE, PermissionGroupId, PrincipalId};
use domain::recorded::Via;
use domain::time::local_date;
use serde_json::json;
use uuid::Uuid;

use super::import::default_operator;
use super::{CliError, StoreArgs, output};
use crate::input::{
    AccountKind, DefinePermissionGroupInput, EstablishAgencyInput, Function, GrantInput, GrantOver,
    OpenAccountInput, PlaceInput, SetPasswordInput, UnlockAccountInput,
};
use crate::problem::{Failure, Problem, ServiceError};
use crate::service::{Caller, Service};

const GROUP: &str = "QUAN_TRI";
/// A password and a line end.
const STDIN_BYTES_MAX: u64 = 4096;

#[derive(Debug, Subcommand)]
pub(super) enum Accounts {
    /// Open an account that administers the whole province, or give it another password, which is read from standard input
    Administrator(Administrator),
}

#[derive(Debug, Args)]
pub(super) struct Administrator {
    /// Login name, in small letters
    #[arg(long, value_name = "NAME")]
    login: String,
    /// What the person is called
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Code of the agency where they work
    #[arg(long, value_name = "CODE")]
    agency: String,
    /// Establish the agency under this name, where there is none with the code
    #[arg(long, value_name = "NAME")]
    agency_name: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Accounts {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Administrator(administrator) => administrator.run().await,
        }
    }
}

/// The same command twice is one: whoever runs it again gives the account another password.
fn key(what: &str, login: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("accounts administrator:{what}:{login}").as_bytes())
}

impl Administrator {
    async fn run(self) -> Result<(), CliError> {
        let password = password()?;
        // A mistyped path is not a new store, unless somebody begins one.
        let service = match self.agency_name {
            Some(_) => self.store.open().await?,
            None => self.store.open_existing().await?,
        };
        let operator = default_operator(Via::CommandLine)?;
        if let Some(name) = &self.agency_name {
            let establish = EstablishAgencyInput::new(key("agency", &self.agency), &self.agency, name);
            match service.establish_agency(&operator, &establish).await {
                Ok(_)
                | Err(ServiceError::Problem(
                    Problem::KeyReused
                    | Problem::Refused { code: "AGENCY_ALREADY_ESTABLISHED" | "AGENCY_CODE_TAKEN", .. },
                )) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Who looks at everything and decides nothing about a dossier, before there are pages for it as well.
        let functions = vec![
            Function::ReadDossiers,
            Function::Administer,
            Function::ManageAccess,
            Function::Audit,
            Function::AdHocQueries,
        ];
        let group = DefinePermissionGroupInput {
            idempotency_key: key("group", ""),
            expected_version: None,
            code: GROUP.to_owned(),
            name: "Quản trị hệ thống".to_owned(),
            functions,
        };
        // Once: what was said of it since then stays, and what an older program said.
        match service.define_permission_group(&operator, &group).await {
            Ok(_) | Err(ServiceError::Problem(Problem::KeyReused)) => {}
            Err(error) => return Err(error.into()),
        }
        let open = OpenAccountInput {
            idempotency_key: key("open", &self.login),
            kind: AccountKind::Person,
            login: Some(self.login.clone()),
            issuer: None,
            subject: None,
            name: self.name.clone(),
            place: PlaceInput { agency: self.agency.clone(), unit: None, position_title: None },
        };
        let account = match service.open_account(&operator, &open).await {
            Ok(opened) => opened.account,
            // It was opened before, maybe with another name.
            Err(ServiceError::Problem(
                Problem::KeyReused | Problem::Refused { code: "ACCOUNT_ALREADY_OPENED", .. },
            )) => service.account_of_login(&self.login)?,
            Err(error) => return Err(error.into()),
        };
        self.open_the_way(&service, &operator, account).await?;
        let set = SetPasswordInput { account_id: account.0, password, without_second_factor: true };
        service.set_password(&operator, set).await?;
        let principal = service.principal(account).await?;
        let may = |function| {
            let scope = principal.as_ref().and_then(|principal| principal.powers.of(function));
            scope == Some(&Scope::Province)
        };
        if ![access::Function::Administer, access::Function::ManageAccess].into_iter().all(may) {
            let (login, code) = (&self.login, GROUP);
            return Err(CliError::Refused(format!(
                "{login} has the password and the permission group {code}, which does not allow ADMINISTER and MANAGE_ACCESS any \
                 more: whoever manages access over the province says what it allows"
            )));
        }
        if self.json {
            return output::json(&json!({"accountId": account.0, "login": self.login, "group": GROUP}));
        }
        output::text(&format!(
            "{} administers the province once the password is changed (POST /session/password) and a second factor is \
             set up (POST /session/second-factor): see docs/runbooks/accounts.md\n",
            self.login
        ))
    }
}

impl Administrator {
    /// As things are: what was granted once may have been revoked, and the account locked.
    async fn open_the_way(
        &self,
        service: &Service,
        operator: &Caller,
        account: PrincipalId,
    ) -> Result<(), CliError> {
        let fresh = || service.executor.keys.new_id().map_err(Failure::from);
        let folded =
            service.executor.load::<Account>(&account::stream(account)).await.map_err(Failure::from)?;
        let Some(known) = folded.state.known() else { return Ok(()) };
        if known.lock().is_some() {
            let unlock = UnlockAccountInput { idempotency_key: fresh()?, account_id: account.0 };
            service.unlock_account(operator, &unlock).await?;
        }
        let code = PermissionGroupCode::parse(GROUP).map_err(|error| CliError::Usage(error.to_string()))?;
        let group = PermissionGroupId::of(&code);
        let today = local_date(service.clock().now());
        let holds = |granted: &Granted| {
            granted.group == group
                && granted.over == Over::Province
                && granted.from <= today
                && granted.until.is_none()
        };
        if !known.grants_from(today).any(holds) {
            let grant = GrantInput {
                idempotency_key: fresh()?,
                account_id: account.0,
                group: GROUP.to_owned(),
                over: GrantOver::Province,
                agency: None,
                from: None,
                until: None,
            };
            service.grant(operator, &grant).await?;
        }
        Ok(())
    }
}

/// From standard input and nowhere else: an argument is seen by everybody on the machine.
fn password() -> Result<String, CliError> {
    if std::io::stdin().is_terminal() {
        output::note("type the password, then Enter and Ctrl-D");
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_string(&mut text);
    read.map_err(CliError::io("the password cannot be read"))?;
    let password = text.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err(CliError::Usage("no password came from standard input".to_owned()));
    }
    Ok(password)
}
