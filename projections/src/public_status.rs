//! Public status: what anybody may see of a dossier who has its code. Codes are easily guessed, so the type has no
//! place for anything about a person.

use domain::dossier::{Correctable, Event as Dossier, Resumption, Stage};
use domain::recorded::Event;
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct PublicStatus {
    pub dossier_id: Uuid,
    pub code: String,
    #[sqlx(try_from = "String")]
    pub stage: Stage,
    /// Before the last event: where a correction leads back to.
    #[sqlx(try_from = "String")]
    pub stage_before: Stage,
    pub procedure_id: Uuid,
    pub receiving_agency: Uuid,
    pub competent_agency: Uuid,
    pub submitted_at: i64,
    pub received_at: Option<i64>,
    /// What is promised now.
    pub due_at: Option<i64>,
    /// What it was before an apology, if there was one.
    pub legal_due_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub returned_at: Option<i64>,
}

impl PublicStatus {
    fn apply(&mut self, at: i64, event: &Dossier) {
        match event {
            Dossier::Received(received) => {
                self.received_at = Some(at);
                self.due_at = received.due_at.map(micros);
                self.legal_due_at = self.due_at;
            }
            Dossier::SupplementReceived(received) => self.resume(&received.clock),
            Dossier::Resumed(resumed) => self.resume(&resumed.clock),
            Dossier::Extended(extended) => self.due_at = Some(micros(extended.due_at)),
            Dossier::ProcessingFinished(_) => self.ended_at = Some(at),
            Dossier::ResultReturned(_) => self.returned_at = Some(at),
            Dossier::CarriedOver(carried) => {
                let there = |agency| if agency == carried.from.0 { carried.to.0 } else { agency };
                self.receiving_agency = there(self.receiving_agency);
                self.competent_agency = there(self.competent_agency);
            }
            Dossier::Corrected(corrected) => match corrected.what {
                Correctable::ProcessingFinished => self.ended_at = None,
                Correctable::ResultReturned => self.returned_at = None,
                Correctable::Refused
                | Correctable::StepCompleted
                | Correctable::Stopped
                | Correctable::Withdrawn => {}
            },
            Dossier::Submitted(_)
            | Dossier::IntakeSupplementRequested(_)
            | Dossier::IntakeSupplementReceived(_)
            | Dossier::Refused(_)
            | Dossier::Forwarded(_)
            | Dossier::StepCompleted(_)
            | Dossier::SupplementRequested(_)
            | Dossier::Withdrawn(_)
            | Dossier::Paused(_)
            | Dossier::Sent(_)
            | Dossier::Accepted(_)
            | Dossier::SentBack(_)
            | Dossier::Recalled(_)
            | Dossier::OpinionRequested(_)
            | Dossier::OpinionGiven(_)
            | Dossier::Proposed(_)
            | Dossier::Approved(_)
            | Dossier::ReworkRequested(_)
            | Dossier::Signed(_)
            | Dossier::Issued(_)
            | Dossier::ObligationRequested(_)
            | Dossier::PaymentRecorded(_)
            | Dossier::ObligationWaived(_)
            | Dossier::PaymentRefunded(_)
            | Dossier::Stopped(_)
            | Dossier::ApplicantNotified(_)
            | Dossier::FileAttached(_)
            | Dossier::DelegateNamed(_)
            | Dossier::DelegateRemoved(_) => {}
        }
        (self.stage_before, self.stage) = Stage::after((self.stage_before, self.stage), event);
    }

    fn resume(&mut self, clock: &Resumption) {
        self.due_at = clock.due_at.map(micros);
        self.legal_due_at = clock.legal_due_at.or(clock.due_at).map(micros);
    }
}

impl ReadModel for PublicStatus {
    const VERSION: i64 = 4;
    const TABLE: Table = Table {
        name: "public_status",
        key: &[uuid("dossier_id")],
        values: &[
            text("code"),
            text("stage"),
            text("stage_before"),
            uuid("procedure_id"),
            uuid("receiving_agency"),
            uuid("competent_agency"),
            int("submitted_at"),
            int("received_at"),
            int("due_at"),
            int("legal_due_at"),
            int("ended_at"),
            int("returned_at"),
        ],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Dossier(_) => occurrence.id("dossier"),
            Event::Code(_)
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
        let Event::Dossier(event) = &occurrence.event else { return Ok(()) };
        if let Some(row) = rows.first_mut() {
            row.apply(micros(occurrence.occurred_at), event);
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(occurrence)) else {
            return Err(FoldError { event: occurrence.event.type_name(), of: "dossier" });
        };
        rows.push(Self {
            dossier_id,
            code: submitted.code.to_string(),
            stage: Stage::Submitted,
            stage_before: Stage::Submitted,
            procedure_id: submitted.procedure.id.0,
            receiving_agency: submitted.agencies.receiving.0,
            competent_agency: submitted.agencies.competent.0,
            submitted_at: micros(occurrence.occurred_at),
            received_at: None,
            due_at: None,
            legal_due_at: None,
            ended_at: None,
            returned_at: None,
        });
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![
            self.dossier_id.into(),
            self.code.as_str().into(),
            self.stage.name().into(),
            self.stage_before.name().into(),
            self.procedure_id.into(),
            self.receiving_agency.into(),
            self.competent_agency.into(),
            self.submitted_at.into(),
            self.received_at.into(),
            self.due_at.into(),
            self.legal_due_at.into(),
            self.ended_at.into(),
            self.returned_at.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            code: cells.text()?,
            stage: cells.text()?.try_into().map_err(|_| WrongCell)?,
            stage_before: cells.text()?.try_into().map_err(|_| WrongCell)?,
            procedure_id: cells.uuid()?,
            receiving_agency: cells.uuid()?,
            competent_agency: cells.uuid()?,
            submitted_at: cells.int()?,
            received_at: cells.int_or_null()?,
            due_at: cells.int_or_null()?,
            legal_due_at: cells.int_or_null()?,
            ended_at: cells.int_or_null()?,
            returned_at: cells.int_or_null()?,
        })
    }
}

const BY_CODE: &str = "
    SELECT dossier_id, code, stage, stage_before, procedure_id, receiving_agency, competent_agency, submitted_at,
           received_at, due_at, legal_due_at, ended_at, returned_at
    FROM public_status WHERE code = $1";

pub(crate) const SQL: &[&str] = &[BY_CODE];

pub async fn by_code(database: &Database, code: &str) -> sqlx::Result<Option<PublicStatus>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_CODE).bind(code).fetch_optional(pool).await)
}
