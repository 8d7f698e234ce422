//! The shape of a read model, and the closed set of them.

use domain::decider::DecodeError;
use domain::recorded::{Event, Position, Recorded, Version};
use domain::time::Instant;
use infrastructure::event_store::RawEvent;
use uuid::Uuid;

use crate::account_directory::AccountDirectory;
use crate::agency_directory::AgencyDirectory;
use crate::applicant_dossier::ApplicantDossier;
use crate::deadline_board::DeadlineBoard;
use crate::disclosure::Disclosure;
use crate::dossier_summary::DossierSummary;
use crate::notice::Notice;
use crate::payment_order::PaymentOrder;
use crate::permission_group_directory::PermissionGroupDirectory;
use crate::portal_acknowledgement::PortalAcknowledgement;
use crate::procedure_catalogue::ProcedureCatalogue;
use crate::public_status::PublicStatus;
use crate::table::{Cell, Cells, Table, WrongCell};

/// What a fold sees of an event. Not who did it, and on which command: that is for the auditor who reads the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    pub position: Position,
    pub stream: String,
    pub version: Version,
    pub event: Event,
    /// Business time.
    pub occurred_at: Instant,
    /// Server time.
    pub recorded_at: Instant,
    /// At the end of the stream's name.
    id: Option<Uuid>,
}

impl Occurrence {
    /// Of an event that is in no log, recorded as it happened.
    pub fn new(position: Position, stream: String, version: Version, event: Event, at: Instant) -> Self {
        Self { id: id_at_end(&stream), position, stream, version, event, occurred_at: at, recorded_at: at }
    }

    pub(crate) fn decode(raw: &RawEvent<'_>) -> Result<Self, DecodeError> {
        let RawEvent { position, stream, version, type_name, data, occurred_at, recorded_at } = *raw;
        let event = Event::decode(type_name, data)?;
        let (id, stream) = (id_at_end(stream), stream.to_owned());
        Ok(Self { position, stream, version, event, occurred_at, recorded_at, id })
    }

    /// The aggregate's id in a stream name such as `dossier-<uuid>`.
    pub(crate) fn id(&self, category: &str) -> Option<Uuid> {
        self.id.filter(|_| self.stream.starts_with(category))
    }
}

impl From<Recorded> for Occurrence {
    fn from(recorded: Recorded) -> Self {
        let Recorded { position, stream, version, event, occurred_at, recorded_at, .. } = recorded;
        Self { id: id_at_end(&stream), position, stream, version, event, occurred_at, recorded_at }
    }
}

fn id_at_end(stream: &str) -> Option<Uuid> {
    stream.split_once('-')?.1.parse().ok()
}

/// A table that is a pure fold over the log. The rows of one partition, which is what one stream is about, are folded
/// together; the partition's id is the first column of the key. Rows are added and changed, never removed.
pub trait ReadModel: Clone + PartialEq + Send + Sync + 'static {
    /// Counts up when the fold changes; a table of another version is built anew at start.
    const VERSION: i64;
    const TABLE: Table;
    /// Rows that a partition usually comes to.
    const ROWS: usize = 1;
    /// Counters that this model's rows feed.
    const TALLY: Option<Table> = None;

    /// The partition that the event touches, if any: none but this stream's events do.
    fn partition(occurrence: &Occurrence) -> Option<Uuid>;

    /// Folds one event into the rows of its partition. An error parks the stream, and leaves the rows as they were.
    fn fold(rows: &mut Vec<Self>, occurrence: &Occurrence) -> Result<(), FoldError>;

    /// In the order of [`Table::columns`].
    fn to_cells(&self) -> Vec<Cell<'_>>;

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell>;

    /// What the row adds to the counters: key and values in the order of the tally's columns.
    fn tally(&self, add: &mut dyn FnMut(Vec<Cell<'static>>, &[i64])) {
        let _ = add;
    }
}

/// An event that makes no sense where it stands, such as a step of a dossier that was never submitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{event} of an unknown {of}")]
pub struct FoldError {
    pub event: &'static str,
    pub of: &'static str,
}

macro_rules! models {
    ($($model:ident is $name:literal,)+) => {
        /// The read models there are, in the order in which they are locked and fed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Model { $($model,)+ }

        impl Model {
            pub const ALL: &'static [Self] = &[$(Self::$model,)+];

            /// Also the name of the table.
            pub fn name(self) -> &'static str {
                match self { $(Self::$model => $name,)+ }
            }

            pub fn version(self) -> i64 {
                match self { $(Self::$model => <$model as ReadModel>::VERSION,)+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|model| model.name() == name)
            }

            /// The table and, if it has one, its tally's.
            pub fn tables(self) -> (Table, Option<Table>) {
                match self { $(Self::$model => ($model::TABLE, $model::TALLY),)+ }
            }
        }

        /// The folder of some model: a closed set, so an enum.
        pub(crate) enum AnyFolder { $($model(crate::folder::Folder<$model>),)+ }

        impl AnyFolder {
            pub(crate) fn new(model: Model, slot: crate::shadow::Slot) -> Self {
                match model { $(Model::$model => Self::$model(crate::folder::Folder::new(model, slot)),)+ }
            }
        }

        /// Type-checks the body once per model.
        macro_rules! on_folder {
            ($any:expr, $folder:ident => $body:expr) => {
                match $any { $($crate::read_model::AnyFolder::$model($folder) => $body,)+ }
            };
        }
        pub(crate) use on_folder;
    };
}

models! {
    AgencyDirectory is "agency_directory",
    ProcedureCatalogue is "procedure_catalogue",
    DossierSummary is "dossier_summary",
    DeadlineBoard is "deadline_board",
    PublicStatus is "public_status",
    Notice is "notice",
    PortalAcknowledgement is "portal_acknowledgement",
    AccountDirectory is "account_directory",
    PermissionGroupDirectory is "permission_group_directory",
    PaymentOrder is "payment_order",
    ApplicantDossier is "applicant_dossier",
    Disclosure is "disclosure",
}
