//! The shape of a read model, and the closed set of them.

use domain::recorded::Recorded;
use uuid::Uuid;

use crate::agency_directory::AgencyDirectory;
use crate::deadline_board::DeadlineBoard;
use crate::dossier_summary::DossierSummary;
use crate::procedure_catalogue::ProcedureCatalogue;
use crate::public_status::PublicStatus;
use crate::table::{Cell, Cells, Table, WrongCell};

/// A table that is a pure fold over the log. The rows of one partition, usually one dossier, are folded together; the
/// partition's id is the first column of the key. Rows are added and changed, never removed.
pub trait ReadModel: Clone + PartialEq + Send + Sync + 'static {
    /// Counts up when the fold changes; a table of another version is built anew at start.
    const VERSION: i64;
    const TABLE: Table;
    /// Counters that this model's rows feed.
    const TALLY: Option<Table> = None;

    /// The partition that the event touches, if any.
    fn partition(recorded: &Recorded) -> Option<Uuid>;

    /// Folds one event into the rows of its partition. An error parks the stream, and leaves the rows as they were.
    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError>;

    /// In the order of [`Table::columns`].
    fn to_cells(&self) -> Vec<Cell>;

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell>;

    /// What the row adds to the counters: key and values in the order of the tally's columns.
    fn tally(&self, add: &mut dyn FnMut(Vec<Cell>, &[i64])) {
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

/// The aggregate's id in a stream name such as `dossier-<uuid>`.
pub fn stream_id(stream: &str, category: &str) -> Option<Uuid> {
    stream.strip_prefix(category)?.strip_prefix('-')?.parse().ok()
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
}
