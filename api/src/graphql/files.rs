//! Files of a dossier, as clients see them.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier;
use uuid::Uuid;

use super::objects::local;
use crate::service::ListedFile;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum FilePurpose {
    /// Thành phần hồ sơ: a paper that was handed in, digitised.
    Paper,
    /// Kết quả giải quyết.
    Result,
}

/// Tệp tin đính kèm.
#[derive(Clone, Debug, SimpleObject)]
pub struct AttachedFile {
    pub id: Uuid,
    pub purpose: FilePurpose,
    /// MaThanhPhanHoSo.
    pub paper: Option<String>,
    /// `application/pdf`
    pub media_type: String,
    /// In bytes; digits, as it may exceed 32 bits.
    pub size: String,
    /// Of the stored, encrypted object, in hex: the entity tag of the content.
    pub sha256: String,
    pub attached_at: DateTime<FixedOffset>,
    /// As the sender calls it; null unless the caller may read personal data.
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
