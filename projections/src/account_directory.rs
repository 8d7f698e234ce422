//! Accounts: who is on the staff and which machines there are. What they may do is asked of their streams, which know it
//! as of any instant.

use domain::access::ActingAs;
use domain::account::{Event as Account, Identity};
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AccountDirectory {
    pub principal_id: Uuid,
    /// Of this system's own; `None` where somebody else says who it is.
    pub login: Option<String>,
    pub issuer: Option<String>,
    /// A sealed token.
    pub name: String,
    pub agency_id: Uuid,
    pub unit: Option<String>,
    pub position_title: Option<String>,
    pub opened_at: i64,
    /// 1 while it is locked.
    pub locked: i64,
}

impl AccountDirectory {
    fn place(&mut self, acting_as: &ActingAs) {
        self.agency_id = acting_as.agency.0;
        self.unit.clone_from(&acting_as.unit);
        self.position_title.clone_from(&acting_as.position_title);
    }
}

impl ReadModel for AccountDirectory {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "account_directory",
        key: &[uuid("principal_id")],
        values: &[
            text("login"),
            text("issuer"),
            text("name"),
            uuid("agency_id"),
            text("unit"),
            text("position_title"),
            int("opened_at"),
            int("locked"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Account(_) => occurrence.id("account"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Account(event) = &occurrence.event else { return Ok(()) };
        let nonsense = FoldError { event: occurrence.event.type_name(), of: "account" };
        let Some(principal_id) = Self::partition(occurrence) else { return Err(nonsense) };
        if let Account::Opened(opened) = event {
            let (login, issuer) = match &opened.identity {
                Identity::Login(login) => (Some(login.to_string()), None),
                Identity::Issuer(issuer) => (None, Some(issuer.clone())),
            };
            let Some(name) = opened.name.token() else { return Err(nonsense) };
            let mut row = Self {
                principal_id,
                login,
                issuer,
                name: name.as_str().to_owned(),
                agency_id: Uuid::nil(),
                unit: None,
                position_title: None,
                opened_at: micros(occurrence.occurred_at),
                locked: 0,
            };
            row.place(&opened.acting_as);
            rows.push(row);
            return Ok(());
        }
        let Some(row) = rows.first_mut() else { return Err(nonsense) };
        match event {
            Account::Opened(_)
            | Account::Granted(_)
            | Account::Revoked(_)
            | Account::PasswordSet(_)
            | Account::SecondFactorSet(_)
            | Account::SecondFactorRemoved(_)
            | Account::MachineKeyIssued(_)
            | Account::MachineKeyRevoked(_) => {}
            Account::Placed(placed) => row.place(&placed.acting_as),
            Account::Locked(_) => row.locked = 1,
            Account::Unlocked(_) => row.locked = 0,
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.principal_id.into(),
            self.login.as_ref().into(),
            self.issuer.as_ref().into(),
            self.name.as_str().into(),
            self.agency_id.into(),
            self.unit.as_ref().into(),
            self.position_title.as_ref().into(),
            self.opened_at.into(),
            self.locked.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            principal_id: cells.uuid()?,
            login: cells.text_or_null()?,
            issuer: cells.text_or_null()?,
            name: cells.text()?,
            agency_id: cells.uuid()?,
            unit: cells.text_or_null()?,
            position_title: cells.text_or_null()?,
            opened_at: cells.int()?,
            locked: cells.int()?,
        })
    }
}

macro_rules! columns {
    () => {
        "principal_id, login, issuer, name, agency_id, unit, position_title, opened_at, locked"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM account_directory ORDER BY opened_at, principal_id");

pub(crate) const SQL: &[&str] = &[ALL];

/// All accounts, the oldest first: some hundreds to ten thousand rows.
pub async fn all(database: &Database) -> sqlx::Result<Vec<AccountDirectory>> {
    on_db!(&database.readers, pool => sqlx::query_as(ALL).fetch_all(pool).await)
}
