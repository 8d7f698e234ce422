//! Public status: what anybody may see of a dossier who has its code. Codes are easily guessed, so the type has no
//! place for anything about a person.

use domain::dossier::{Event as Dossier, Stage};
use domain::recorded::{Event, Recorded};
use infrastructure::db::Database;
use infrastructure::event_store::micros;
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, ReadModel, stream_id};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct PublicStatus {
    pub dossier_id: Uuid,
    pub code: String,
    pub stage: String,
    pub procedure_id: Uuid,
    pub receiving_agency: Uuid,
    pub competent_agency: Uuid,
    pub submitted_at: i64,
    pub received_at: Option<i64>,
    pub due_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub returned_at: Option<i64>,
}

impl PublicStatus {
    fn apply(&mut self, at: i64, event: &Dossier) {
        let stage = match event {
            Dossier::Submitted(_) => return,
            Dossier::IntakeSupplementRequested(_) => Stage::AwaitingIntakeSupplement,
            Dossier::IntakeSupplementReceived(_) => Stage::Submitted,
            Dossier::Refused(_) => Stage::Refused,
            Dossier::Received(received) => {
                self.received_at = Some(at);
                self.due_at = received.due_at.map(micros);
                Stage::Received
            }
            Dossier::Forwarded(_) | Dossier::StepCompleted(_) => Stage::InProgress,
            Dossier::SupplementRequested(_) => Stage::AwaitingSupplement,
            Dossier::SupplementReceived(received) => {
                self.due_at = received.due_at.map(micros);
                Stage::InProgress
            }
            Dossier::ProcessingFinished(_) => {
                self.ended_at = Some(at);
                Stage::Finished
            }
            Dossier::ResultReturned(_) => {
                self.returned_at = Some(at);
                Stage::Returned
            }
            Dossier::Withdrawn(_) => Stage::Withdrawn,
        };
        stage.name().clone_into(&mut self.stage);
    }
}

impl ReadModel for PublicStatus {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "public_status",
        key: &[uuid("dossier_id")],
        values: &[
            text("code"),
            text("stage"),
            uuid("procedure_id"),
            uuid("receiving_agency"),
            uuid("competent_agency"),
            int("submitted_at"),
            int("received_at"),
            int("due_at"),
            int("ended_at"),
            int("returned_at"),
        ],
    };

    fn partition(recorded: &Recorded) -> Option<Uuid> {
        match &recorded.event {
            Event::Dossier(_) => stream_id(&recorded.stream, "dossier"),
            Event::Code(_) | Event::Procedure(_) | Event::Agency(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError> {
        let Event::Dossier(event) = &recorded.event else { return Ok(()) };
        if let Some(row) = rows.first_mut() {
            row.apply(micros(recorded.occurred_at), event);
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(recorded)) else {
            return Err(FoldError { event: recorded.event.type_name(), of: "dossier" });
        };
        rows.push(Self {
            dossier_id,
            code: submitted.code.to_string(),
            stage: Stage::Submitted.name().to_owned(),
            procedure_id: submitted.procedure.id.0,
            receiving_agency: submitted.agencies.receiving.0,
            competent_agency: submitted.agencies.competent.0,
            submitted_at: micros(recorded.occurred_at),
            received_at: None,
            due_at: None,
            ended_at: None,
            returned_at: None,
        });
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell> {
        vec![
            self.dossier_id.into(),
            self.code.as_str().into(),
            self.stage.as_str().into(),
            self.procedure_id.into(),
            self.receiving_agency.into(),
            self.competent_agency.into(),
            self.submitted_at.into(),
            self.received_at.into(),
            self.due_at.into(),
            self.ended_at.into(),
            self.returned_at.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            code: cells.text()?,
            stage: cells.text()?,
            procedure_id: cells.uuid()?,
            receiving_agency: cells.uuid()?,
            competent_agency: cells.uuid()?,
            submitted_at: cells.int()?,
            received_at: cells.int_or_null()?,
            due_at: cells.int_or_null()?,
            ended_at: cells.int_or_null()?,
            returned_at: cells.int_or_null()?,
        })
    }
}

const BY_CODE: &str = "
    SELECT dossier_id, code, stage, procedure_id, receiving_agency, competent_agency, submitted_at, received_at, due_at,
           ended_at, returned_at
    FROM public_status WHERE code = $1";

pub(crate) const SQL: &[&str] = &[BY_CODE];

pub async fn by_code(database: &Database, code: &str) -> sqlx::Result<Option<PublicStatus>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_CODE).bind(code).fetch_optional(pool).await)
}
