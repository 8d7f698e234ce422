//! What the national portal has said yes to: up to which version of a dossier, and when.

use domain::recorded::Event;
use domain::synchronisation::Event as Synchronisation;
use infrastructure::event_store::micros;
use uuid::Uuid;

use crate::read_model::{FoldError, Occurrence, ReadModel};
use crate::table::{Cell, Cells, Table, WrongCell, int, uuid};

/// An answer of the portal. Each goes further than the one before it: that is what the log writes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalAcknowledgement {
    pub dossier_id: Uuid,
    /// A version of the dossier's stream.
    pub up_to: i64,
    pub acknowledged_at: i64,
}

impl ReadModel for PortalAcknowledgement {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "portal_acknowledgement",
        key: &[uuid("dossier_id"), int("up_to")],
        values: &[int("acknowledged_at")],
    };

    fn partition(occurrence: &Occurrence) -> Option<Uuid> {
        match &occurrence.event {
            Event::Synchronisation(_) => occurrence.id("synchronisation"),
            Event::Dossier(_)
            | Event::Code(_)
            | Event::Procedure(_)
            | Event::Agency(_)
            | Event::Calendar(_)
            | Event::Notice(_)
            | Event::Payment(_)
            | Event::Account(_)
            | Event::PermissionGroup(_)
            | Event::Disclosure(_)
            | Event::ReadModel(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError> {
        let Event::Synchronisation(event) = &occurrence.event else { return Ok(()) };
        let Some(dossier_id) = Self::partition(occurrence) else { return Ok(()) };
        match event {
            Synchronisation::Acknowledged(acknowledged) => rows.push(Self {
                dossier_id,
                up_to: acknowledged.up_to.0,
                acknowledged_at: micros(occurrence.occurred_at),
            }),
            Synchronisation::Sent(_) | Synchronisation::Declined(_) => {}
        }
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell<'_>> {
        vec![self.dossier_id.into(), self.up_to.into(), self.acknowledged_at.into()]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self { dossier_id: cells.uuid()?, up_to: cells.int()?, acknowledged_at: cells.int()? })
    }
}
