//! Files of a dossier, as clients see them.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier;
use uuid::Uuid;

use super::objects::local;
use crate::service::ListedFile;

/// Loại tệp tin. What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum FilePurpose {
    /// Thành phần hồ sơ. A paper that was handed in, digitised.
    Paper,
    /// Kết quả giải quyết. What the applicant gets.
    Result,
}

/// Tệp tin đính kèm. A file of a dossier; its content is at `/dossiers/{dossier id}/files/{file id}`.
#[derive(Clone, Debug, SimpleObject)]
pub struct AttachedFile {
    /// Mã định danh tệp tin. Id of the file within the dossier, as in the address of its content.
    pub id: Uuid,
    /// Thành phần hồ sơ hay kết quả giải quyết. What the file is.
    pub purpose: FilePurpose,
    /// Mã thành phần hồ sơ (MaThanhPhanHoSo). The paper that it is a copy of; null of a result, and where it was not
    /// said.
    pub paper: Option<String>,
    /// Định dạng tệp tin. A media type such as `application/pdf`.
    pub media_type: String,
    /// Dung lượng. In bytes; digits, as it may exceed 32 bits.
    pub size: String,
    /// Mã băm SHA-256. Of the stored, encrypted object, in hex: the entity tag of the content.
    pub sha256: String,
    /// Thời điểm đính kèm. When it was attached.
    pub attached_at: DateTime<FixedOffset>,
    /// Tên tệp tin (TenTepDinhKem). As the sender calls it; null unless the caller may read personal data.
    pub name: Option<String>,
}

impl From<ListedFile> for AttachedFile {
    fn from(file: ListedFile) -> Self {
        let ListedFile { attached, at, name } = file;
        Self {
            id: attached.file.0,
            purpose: match attached.purpose {
                dossier::FilePurpose::Paper => FilePurpose::Paper,
                dossier::FilePurpose::Result => FilePurpose::Result,
            },
            paper: attached.paper.map(|paper| paper.to_string()),
            media_type: attached.media_type.to_string(),
            size: attached.size.to_string(),
            sha256: attached.sha256.to_string(),
            attached_at: local(at),
            name,
        }
    }
}
