//! Whose dossier it is, and who acts for them: of dossiers whose applicant, or delegate, is somebody who signs in.

use domain::dossier::Event as Dossier;
use domain::identity::PrincipalId;
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::on_db;
use uuid::Uuid;

use crate::dossier_summary::{Cursor, DossierSummary, columns};
use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, uuid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicantDossier {
    pub dossier_id: Uuid,
    pub applicant: Option<Uuid>,
    pub delegate: Option<Uuid>,
}

impl ReadModel for ApplicantDossier {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "applicant_dossier",
        key: &[uuid("dossier_id")],
        values: &[uuid("applicant"), uuid("delegate")],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Dossier(Dossier::DelegateNamed(_) | Dossier::DelegateRemoved(_)) => {
                occurrence.id("dossier")
            }
            // What nobody follows online costs nothing.
            Event::Dossier(Dossier::Submitted(submitted)) => {
                let delegate = submitted.delegate.as_ref().and_then(|delegate| delegate.account);
                submitted.applicant.account.or(delegate).and_then(|_| occurrence.id("dossier"))
            }
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Synchronisation(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Some(dossier_id) = Self::partition(occurrence) else { return Ok(()) };
        let Event::Dossier(event) = &occurrence.event else { return Ok(()) };
        if rows.is_empty() {
            rows.push(Self { dossier_id, applicant: None, delegate: None });
        }
        let id = |account: Option<PrincipalId>| account.map(|account| account.0);
        for row in rows {
            if let Dossier::Submitted(submitted) = event {
                row.applicant = id(submitted.applicant.account);
                row.delegate = id(submitted.delegate.as_ref().and_then(|delegate| delegate.account));
            } else if let Dossier::DelegateNamed(named) = event {
                row.delegate = id(named.delegate.account);
            } else if let Dossier::DelegateRemoved(_) = event {
                row.delegate = None;
            }
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![self.dossier_id.into(), self.applicant.into(), self.delegate.into()]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            applicant: cells.uuid_or_null()?,
            delegate: cells.uuid_or_null()?,
        })
    }
}

const THEIRS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dossier_summary
      WHERE dossier_id IN (SELECT o.dossier_id FROM applicant_dossier o WHERE o.applicant = $1
                           UNION SELECT o.dossier_id FROM applicant_dossier o WHERE o.delegate = $1)
        AND (submitted_at, dossier_id) < ($2, $3)
      ORDER BY submitted_at DESC, dossier_id DESC LIMIT $4"
);

pub(crate) const SQL: &[&str] = &[THEIRS];

/// The dossiers of somebody, the newest first.
pub async fn of(
    database: &Database,
    account: PrincipalId,
    after: Cursor,
    limit: i64,
) -> sqlx::Result<Vec<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(THEIRS)
        .bind(account.0).bind(after.submitted_at).bind(after.dossier_id).bind(limit).fetch_all(pool).await)
}
