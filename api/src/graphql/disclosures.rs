//! Break-glass: opening the personal data of a dossier to oneself, and looking at who did.

use async_graphql::connection::{OpaqueCursor, query_with};
use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::identity::DossierId;
use projections::Model;
use projections::disclosure::{Disclosure as Row, END};
use uuid::Uuid;

use super::dossier::Dossier;
use super::execution::Execution;
use super::objects::{Agency, local, local_micros};
use super::payload::{Problem, problems};
use super::query::{checked_cursor, checked_page, page_size};
use super::searched::SearchedPage;
use super::{ContextExt, PAGE_DEFAULT, PositionText, of_failure};
use crate::input::{AcknowledgeDisclosureInput, BreakGlassInput, DisclosureFinding, DisclosureReason};
use crate::problem::{Failure, ServiceError};
use crate::service::{Names, PersonalField, Searched, Shown};

const OPENED: &str = "disclosure.opened.v1";
const ACKNOWLEDGED: &str = "disclosure.acknowledged.v1";

#[derive(Default)]
pub struct DisclosureMutation;

#[Object]
impl DisclosureMutation {
    /// Mở dữ liệu cá nhân của một hồ sơ trong trường hợp khẩn cấp. From the answer on it is plain to the caller, for a bounded
    /// time; each read is recorded, the heads of the agency are told where notices are set up, and an auditor looks at it.
    async fn break_glass(&self, ctx: &Context<'_>, input: BreakGlassInput) -> Result<BreakGlassPayload> {
        match ctx.service().break_glass(ctx.caller()?, &input).await {
            Ok(broken) => Ok(BreakGlassPayload {
                disclosure_id: Some(broken.disclosure.0),
                until: Some(local(broken.until)),
                position: Some(PositionText(broken.done.position)),
                problems: Vec::new(),
                dossier_id: Some(broken.dossier),
            }),
            Err(ServiceError::Problem(found)) => Ok(BreakGlassPayload {
                disclosure_id: None,
                until: None,
                position: None,
                problems: problems(ctx, found).await?,
                dossier_id: None,
            }),
            Err(ServiceError::Failure(failure)) => Err(of_failure(&failure)),
        }
    }

    /// Kết luận về một lần mở dữ liệu khẩn cấp, một lần và không phải bởi người đã mở. For who audits the agencies of the dossier.
    async fn acknowledge_disclosure(
        &self,
        ctx: &Context<'_>,
        input: AcknowledgeDisclosureInput,
    ) -> Result<AcknowledgeDisclosurePayload> {
        let (position, problems) = match ctx.service().acknowledge_disclosure(ctx.caller()?, &input).await {
            Ok(done) => (Some(PositionText(done.position)), Vec::new()),
            Err(ServiceError::Problem(found)) => (None, problems(ctx, found).await?),
            Err(ServiceError::Failure(failure)) => return Err(of_failure(&failure)),
        };
        Ok(AcknowledgeDisclosurePayload { position, problems })
    }
}

/// Kết quả mở dữ liệu khẩn cấp. What was opened.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct BreakGlassPayload {
    /// Mã lần mở dữ liệu. Every read by it is recorded under this id.
    pub disclosure_id: Option<Uuid>,
    /// Mở đến thời điểm này. It is masked again from then on.
    pub until: Option<DateTime<FixedOffset>>,
    /// Vị trí trong nhật ký. Pass it as `minPosition` to read what was written.
    pub position: Option<PositionText>,
    /// Vì sao không thực hiện. Empty when it was done.
    pub problems: Vec<Problem>,
    #[graphql(skip)]
    dossier_id: Option<DossierId>,
}

#[ComplexObject]
impl BreakGlassPayload {
    /// Hồ sơ vừa mở. In plain to the caller.
    async fn dossier(&self, ctx: &Context<'_>) -> Result<Option<Dossier>> {
        let Some(id) = self.dossier_id else { return Ok(None) };
        let row = ctx.service().dossier_by_id(ctx.caller()?, id).await;
        row.map(|row| row.map(Dossier::new)).map_err(|error| ctx.error(error))
    }
}

/// Kết quả kết luận. Where it was written.
#[derive(SimpleObject)]
pub struct AcknowledgeDisclosurePayload {
    /// Vị trí trong nhật ký. Pass it as `minPosition` to `disclosures`.
    pub position: Option<PositionText>,
    /// Vì sao không thực hiện. Empty when it was done.
    pub problems: Vec<Problem>,
}

/// Một lần mở dữ liệu cá nhân khẩn cấp. Somebody opened the personal data of a dossier to themselves.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Disclosure {
    /// Mã lần mở dữ liệu. The records of reads name it.
    pub id: Uuid,
    /// Hồ sơ. The dossier.
    pub dossier_id: Uuid,
    /// Người mở. The account.
    pub opened_by: Uuid,
    /// Cơ quan của người mở. The agency that they acted for.
    pub acting_for: Agency,
    /// Lý do. Why it could not wait.
    pub reason: DisclosureReason,
    /// Thời điểm mở. When it was opened.
    pub opened_at: DateTime<FixedOffset>,
    /// Mở đến thời điểm này. Masked again from then on.
    pub until: DateTime<FixedOffset>,
    /// Thời điểm kết luận. Null while nobody has looked at it.
    pub acknowledged_at: Option<DateTime<FixedOffset>>,
    /// Người kết luận. Somebody else.
    pub acknowledged_by: Option<Uuid>,
    /// Kết luận. Whether it was justified.
    pub finding: Option<DisclosureFinding>,
    #[graphql(skip)]
    row: Row,
}

#[ComplexObject]
impl Disclosure {
    /// Ghi chú của người mở. It may name people: that it is shown is recorded.
    async fn note(&self, ctx: &Context<'_>) -> Result<String> {
        self.opened(ctx, OPENED, &self.row.note).await
    }

    /// Ghi chú của người kết luận. It may name people: that it is shown is recorded.
    async fn finding_note(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        match &self.row.finding_note {
            Some(note) => self.opened(ctx, ACKNOWLEDGED, note).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Disclosure {
    fn new(names: &Names, row: Row) -> Result<Self, Failure> {
        let reason = row.reason().ok_or_else(|| Failure::Row(row.reason.clone()))?;
        Ok(Self {
            id: row.disclosure_id,
            dossier_id: row.dossier_id,
            opened_by: row.principal,
            acting_for: Agency::named(names, row.agency),
            reason: reason.into(),
            opened_at: local_micros(row.opened_at),
            until: local_micros(row.until_at),
            acknowledged_at: row.acknowledged_at.map(local_micros),
            acknowledged_by: row.acknowledged_by,
            finding: row.finding().map(Into::into),
            row,
        })
    }

    async fn opened(&self, ctx: &Context<'_>, type_name: &str, token: &str) -> Result<String> {
        let note = ctx.service().disclosure_note(self.row.disclosure(), type_name, token).await;
        let (note, is_plain) = note.map_err(|error| ctx.error(error))?;
        if is_plain {
            ctx.data::<Execution>()?.expose(self.row.dossier(), Shown::Plain, PersonalField::DisclosureNote);
        }
        Ok(note)
    }
}

#[derive(Default)]
pub struct DisclosureQuery;

#[Object]
impl DisclosureQuery {
    /// Các lần mở dữ liệu cá nhân khẩn cấp, mới nhất trước. For who audits the agencies of the dossiers. One answer looks at 2,000 of
    /// them at most: a page may be short, or empty, and have a next one; go on after its `endCursor`.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn disclosures(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Chỉ những lần chưa có kết luận. Only those that nobody has looked at; all if absent or false."
        )]
        unacknowledged: Option<bool>,
        #[graphql(desc = "Số dòng, nhiều nhất 100. At most 100; 20 if absent.")] first: Option<i32>,
        #[graphql(desc = "Sau vị trí này. A cursor of the page before.")] after: Option<String>,
        #[graphql(desc = "Dữ liệu ít nhất đến vị trí này. The position that a mutation returned.")]
        min_position: Option<PositionText>,
    ) -> Result<SearchedPage<Disclosure>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let wait = service.wait_for(&[Model::Disclosure], min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        query_with(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let unacknowledged = unacknowledged.unwrap_or_default();
                let found = service.disclosures(caller, unacknowledged, after.unwrap_or(END), first).await;
                let Searched { rows, next } = found.map_err(|error| ctx.error(error))?;
                let names = ctx.names().await?;
                let shown = |row: Row| Ok((row.place(), Disclosure::new(&names, row)?));
                let rows: Result<Vec<_>, Failure> = rows.into_iter().map(shown).collect();
                let rows = rows.map_err(|error| ctx.error(error.into()))?;
                Ok::<_, async_graphql::Error>(SearchedPage::new(rows, after, next))
            },
        )
        .await
    }
}
