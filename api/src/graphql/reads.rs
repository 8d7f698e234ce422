//! Who has seen personal data.

use async_graphql::connection::{OpaqueCursor, query_with};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::access::Purpose;
use domain::identity::{DossierId, PrincipalId};
use infrastructure::read_log::{Numbered, Read, Which};
use uuid::Uuid;

use super::objects::{Agency, local};
use super::query::{checked_cursor, checked_page, page_size};
use super::searched::SearchedPage;
use super::{ContextExt, PAGE_DEFAULT};
use crate::service::{Names, Searched};

#[derive(Default)]
pub struct ReadQuery;

/// Mục đích xem dữ liệu cá nhân. Who asks says it in the header `Motcua-Purpose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReadPurpose {
    /// Giải quyết hồ sơ. The agency in charge handles it; so it is where nothing else is said.
    Handling,
    /// Trả lời người nộp hồ sơ. The applicant asks about it.
    Enquiry,
    /// Giải quyết khiếu nại, tố cáo. A complaint or a denunciation.
    Complaint,
    /// Thanh tra, kiểm tra, giám sát. An inspection, an audit or supervision.
    Inspection,
    /// Yêu cầu của chủ thể dữ liệu. Somebody asks about their data, or has it corrected or erased.
    DataSubjectRequest,
    /// Yêu cầu của cơ quan có thẩm quyền. A court, an investigator or another authority asks.
    AuthorityRequest,
    /// Mở dữ liệu khẩn cấp. By the disclosure that is named beside it.
    BreakGlass,
    /// Người được ủy quyền xem hồ sơ của mình. Who acts for the applicant looks at the dossier they act on.
    OwnDossier,
}

impl From<Purpose> for ReadPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Handling => Self::Handling,
            Purpose::Enquiry => Self::Enquiry,
            Purpose::Complaint => Self::Complaint,
            Purpose::Inspection => Self::Inspection,
            Purpose::DataSubjectRequest => Self::DataSubjectRequest,
            Purpose::AuthorityRequest => Self::AuthorityRequest,
            Purpose::BreakGlass(_) => Self::BreakGlass,
            Purpose::OwnDossier => Self::OwnDossier,
        }
    }
}

/// Một lần dữ liệu cá nhân được xem. An answer that showed some in plain. Names of fields, never values.
#[derive(Clone, Debug, SimpleObject)]
pub struct PersonalDataRead {
    /// Thời điểm xem. When it was shown.
    pub read_at: DateTime<FixedOffset>,
    /// Tài khoản của người xem. Id of who read it.
    pub principal_id: Uuid,
    /// Cơ quan của người xem. For which agency they acted.
    pub acting_for: Agency,
    /// Mã phòng, bộ phận của người xem. Code of the unit where they worked; null where they belonged to none.
    pub unit: Option<String>,
    /// Kênh truy cập. By which way: `graphql`, `paper`, `register` or `file`.
    pub channel: String,
    /// Tên thao tác hoặc biểu mẫu. Which operation or which paper; null of an operation without a name. Of a trusted document
    /// its identifier, as far as its first 16 digits, and the operation.
    pub name: Option<String>,
    /// Mã truy vết. `traceparent` of the request; null where it had none.
    pub traceparent: Option<String>,
    /// Mục đích. Why it was read; null where nobody was asked yet.
    pub purpose: Option<ReadPurpose>,
    /// Mã lần mở dữ liệu khẩn cấp. The disclosure by which it was shown.
    pub disclosure_id: Option<Uuid>,
    /// Các hồ sơ. Those that the caller audits.
    pub dossiers: Vec<ReadDossier>,
}

/// Dữ liệu đã xem của một hồ sơ. What was shown of a dossier.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReadDossier {
    /// Mã định danh hồ sơ. Which dossier it was.
    pub id: Uuid,
    /// Các trường đã hiển thị. Names such as `applicant.name`, never values.
    pub fields: Vec<String>,
}

impl PersonalDataRead {
    fn new(names: &Names, Numbered { read, .. }: Numbered) -> Self {
        let dossiers = read.dossiers.into_iter();
        Self {
            read_at: local(read.at),
            principal_id: read.principal.0,
            acting_for: Agency::named(names, read.acting_as.agency.0),
            unit: read.acting_as.unit,
            channel: read.channel,
            name: read.name,
            traceparent: read.traceparent,
            purpose: read.purpose.map(Into::into),
            disclosure_id: match read.purpose {
                Some(Purpose::BreakGlass(disclosure)) => Some(disclosure.0),
                _ => None,
            },
            dossiers: dossiers
                .map(|(id, fields)| ReadDossier { id: id.0, fields: fields.into_iter().collect() })
                .collect(),
        }
    }
}

#[Object]
impl ReadQuery {
    /// Ai đã xem dữ liệu cá nhân, mới nhất trước. For who audits the agencies of the dossiers. One answer looks at 2,000 records at
    /// most: a page may be short, or empty, and have a next one; go on after its `endCursor`.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn personal_data_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã định danh hồ sơ. Only reads of this dossier; of any if absent.")]
        dossier: Option<Uuid>,
        #[graphql(desc = "Tài khoản của người xem. Only reads by this account; by any if absent.")]
        principal: Option<Uuid>,
        #[graphql(desc = "Từ thời điểm. From this instant on; from the first if absent.")] from: Option<
            DateTime<FixedOffset>,
        >,
        #[graphql(desc = "Đến trước thời điểm. Without this instant itself; to the last if absent.")]
        to: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "Mục đích. Only what was read for this purpose.")] purpose: Option<ReadPurpose>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<SearchedPage<PersonalDataRead>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let which = Which {
            dossier: dossier.map(DossierId),
            principal: principal.map(PrincipalId),
            from: from.map(|at| at.to_utc()),
            to: to.map(|at| at.to_utc()),
        };
        let is_meant = move |read: &Read| {
            purpose.is_none_or(|meant| read.purpose.is_some_and(|is| ReadPurpose::from(is) == meant))
        };
        query_with(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let before = after.map(|(seq, _)| seq);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let found = service.personal_data_reads(caller, which, is_meant, before, first).await;
                let Searched { rows, next } = found.map_err(|error| ctx.error(error))?;
                let names = ctx.names().await?;
                let place = |record: &Numbered| (record.seq, record.read.principal.0);
                let rows = rows.into_iter().map(|row| (place(&row), PersonalDataRead::new(&names, row)));
                let next = next.map(|seq| (seq, Uuid::nil()));
                Ok::<_, async_graphql::Error>(SearchedPage::new(rows, after, next))
            },
        )
        .await
    }
}
