//! What clients see by an id, and how instants are told.

use async_graphql::{ID, Interface, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::time::{Instant, VIETNAM};
use infrastructure::event_store::instant;
use uuid::Uuid;

use super::dossier::Dossier;
use crate::service::Names;

pub(super) fn local(at: Instant) -> DateTime<FixedOffset> {
    at.with_timezone(&VIETNAM)
}

pub(super) fn local_micros(at: i64) -> DateTime<FixedOffset> {
    local(instant(at))
}

/// Đối tượng có mã định danh. What `node` finds by an id that an earlier answer gave. Ids are UUIDs, and no two
/// things share one.
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "id", ty = "&ID", desc = "Mã định danh trong hệ thống. Pass it to `node`."))]
#[expect(clippy::large_enum_variant, reason = "one of a request")]
pub enum Node {
    Agency(Agency),
    Procedure(Procedure),
    Dossier(Dossier),
}

/// Cơ quan, đơn vị. An office that supports, receives or is competent, as it is named and coded now.
#[derive(Clone, Debug, SimpleObject)]
pub struct Agency {
    /// Mã định danh trong hệ thống. Id for `node`: it stays when the code or the name changes.
    pub id: ID,
    /// Mã định danh cơ quan theo QCVN 102:2016/BTTTT. Such as `000.00.16.H42`; empty where the read model does not
    /// know it yet.
    pub code: String,
    /// Mã định danh theo QĐ 20/2020/QĐ-TTg. Such as `H42.16`; null where none was given.
    pub national_code: Option<String>,
    /// Tên cơ quan (TENDONVI). In Vietnamese; empty where the read model does not know it yet.
    pub name: String,
    /// Cơ quan chủ quản. Id of the agency above it; null at the top.
    pub parent_id: Option<Uuid>,
    /// Còn hoạt động. It is not known to end: no other has its place.
    pub lasts: bool,
}

impl Agency {
    pub(super) fn of(row: &projections::agency_directory::AgencyDirectory) -> Self {
        Self {
            id: row.agency_id.into(),
            code: row.code.clone(),
            national_code: row.national_code.clone(),
            name: row.name.clone(),
            parent_id: row.parent_id,
            lasts: row.lasts(),
        }
    }

    /// By id; an agency that the directory does not know yet has neither code nor name.
    pub(super) fn named(names: &Names, id: Uuid) -> Self {
        match names.agencies.get(&id) {
            Some(row) => Self::of(row),
            None => Self {
                id: id.into(),
                code: String::new(),
                national_code: None,
                name: String::new(),
                parent_id: None,
                lasts: true,
            },
        }
    }
}

/// Thủ tục hành chính. What can be applied for, as it is named now.
#[derive(Clone, Debug, SimpleObject)]
pub struct Procedure {
    /// Mã định danh trong hệ thống. Id for `node`; what people read is `code`.
    pub id: ID,
    /// Mã thủ tục hành chính (MaTTHC). Such as `1.000948.H38`; empty where the read model does not know it yet.
    pub code: String,
    /// Tên thủ tục hành chính (TenTTHC). Empty where the read model does not know it yet.
    pub name: String,
    /// Tên lĩnh vực (TenLinhVuc). Field of procedures; null where none was given.
    pub field: Option<String>,
    /// Phiên bản đang áp dụng. Version in force; null while there are drafts only.
    pub version: Option<i64>,
}

impl Procedure {
    pub(super) fn named(names: &Names, id: Uuid) -> Self {
        match names.procedures.get(&id) {
            Some(row) => Self {
                id: id.into(),
                code: row.code.clone(),
                name: row.name.clone(),
                field: row.field.clone(),
                version: row.version,
            },
            None => {
                Self { id: id.into(), code: String::new(), name: String::new(), field: None, version: None }
            }
        }
    }
}
