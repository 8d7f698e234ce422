//! What can be asked. Every query takes `minPosition`: it waits, bounded, until what it reads has seen that position.

use async_graphql::connection::{Connection, CursorType, Edge, OpaqueCursor, query};
use async_graphql::{Context, Enum, ErrorExtensions, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset, NaiveDate};
use domain::identity::DossierId;
use projections::Model;
use projections::dossier_summary::{Cursor, Waiting};
use uuid::Uuid;

use super::dossier::Dossier;
use super::execution::Execution;
use super::objects::{Agency, Node, Procedure, local_micros};
use super::public_status::PublicStatus;
use super::stage::DossierStage;
use super::{ContextExt, PAGE_DEFAULT, PAGE_MAX, PositionText};
use crate::input::Channel;
use crate::problem::{Problem, ServiceError};
use crate::service::{self, Hit, SearchInput, Shown};

#[derive(Default)]
pub struct DossierQuery;

/// Điều kiện lọc danh sách. What to list; every part is optional, and all that are given have to hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DossierFilter {
    /// Mã cơ quan. Agency code, in any role.
    pub agency: Option<String>,
    /// Trạng thái hồ sơ. Where the dossier stands now.
    pub stage: Option<DossierStage>,
    /// Mã thủ tục hành chính (MaTTHC). Procedure code.
    pub procedure: Option<String>,
    /// Kênh thực hiện (KenhThucHien). The way the dossier came in.
    pub channel: Option<Channel>,
    /// Từ khóa tìm kiếm. Looked for in codes, procedures and agencies, without regard to case and diacritics: `dang`
    /// finds `Đặng`.
    pub search: Option<String>,
}

/// Các danh sách công việc. What waits for the caller, the unit or the agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WorkListOf {
    /// Việc của tôi. What is assigned to the caller.
    Mine,
    /// Việc của bộ phận. What the caller's unit has in hand; an error where the caller acts for no unit.
    Unit,
    /// Việc của cơ quan. What the caller's agency has in hand.
    Agency,
    /// Chờ tiếp nhận. Not received and not refused yet.
    Intake,
    /// Chờ trả kết quả. The result waits for the applicant.
    ToReturn,
    /// Hồ sơ đến. Sent to it, and not taken or sent back yet.
    Incoming,
    /// Chờ cho ý kiến. An opinion of the caller's agency is waited for.
    Consulted,
}

impl From<WorkListOf> for service::WorkListOf {
    fn from(of: WorkListOf) -> Self {
        match of {
            WorkListOf::Mine => Self::Mine,
            WorkListOf::Unit => Self::Unit,
            WorkListOf::Agency => Self::Agency,
            WorkListOf::Intake => Self::Intake,
            WorkListOf::ToReturn => Self::ToReturn,
            WorkListOf::Incoming => Self::Incoming,
            WorkListOf::Consulted => Self::Consulted,
        }
    }
}

/// Tiêu chí tìm thấy. What a dossier was found by; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SearchMatch {
    /// Mã số hồ sơ. Typed or scanned.
    Code,
    /// Số định danh (SoDinhDanh). Of the applicant.
    IdNumber,
    /// Số điện thoại (SoDienThoai). Of the applicant.
    Phone,
    /// Họ tên. The whole name, without regard to case and diacritics.
    Name,
    /// Các từ trong họ tên. All words of the name, in any order.
    NameWords,
    /// Một phần mã hồ sơ. As it was typed.
    PartOfCode,
    /// Thủ tục hoặc cơ quan. Their names or codes.
    Text,
}

impl From<service::SearchMatch> for SearchMatch {
    fn from(by: service::SearchMatch) -> Self {
        match by {
            service::SearchMatch::Code => Self::Code,
            service::SearchMatch::IdNumber => Self::IdNumber,
            service::SearchMatch::Phone => Self::Phone,
            service::SearchMatch::Name => Self::Name,
            service::SearchMatch::Words => Self::NameWords,
            service::SearchMatch::PartOfCode => Self::PartOfCode,
            service::SearchMatch::Text => Self::Text,
        }
    }
}

/// Kết quả tìm kiếm. A dossier, and what it was found by.
#[derive(SimpleObject)]
pub struct SearchHit {
    /// Hồ sơ. As it is known now.
    pub dossier: Dossier,
    /// Tìm thấy theo. The surest of what it was found by.
    pub matched_by: SearchMatch,
}

/// Một việc đang chờ. A dossier that waits. What the caller can do with it is in `dossier.allowedActions`.
#[derive(SimpleObject)]
pub struct WorkItem {
    /// Hồ sơ. As it is known now.
    pub dossier: Dossier,
    /// Hạn gần nhất. When something about it is due next; null where nobody says when.
    pub due_at: Option<DateTime<FixedOffset>>,
}

impl From<DossierFilter> for SearchInput {
    fn from(filter: DossierFilter) -> Self {
        Self {
            agency: filter.agency,
            stage: filter.stage.map(Into::into),
            procedure: filter.procedure,
            channel: filter.channel.map(Into::into),
            text: filter.search,
        }
    }
}

#[derive(SimpleObject)]
pub struct DossierConnectionFields {
    /// Tổng số hồ sơ. Of the whole list, not of this page.
    total_count: i64,
}

type WorkConnection = Connection<OpaqueCursor<(i64, Uuid)>, WorkItem, DossierConnectionFields>;
type DossierConnection = Connection<OpaqueCursor<(i64, Uuid)>, Dossier, DossierConnectionFields>;

#[Object]
impl DossierQuery {
    /// Một hồ sơ theo mã hoặc id. Null as well where the caller may not know of it.
    async fn dossier(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã số hồ sơ (MaHoSo). Give either this or `id`.")] code: Option<String>,
        #[graphql(desc = "Mã định danh hồ sơ. Give either this or `code`.")] id: Option<Uuid>,
        min_position: Option<PositionText>,
    ) -> Result<Option<Dossier>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            service.wait_for(&[Model::DossierSummary], min_position.map(|position| position.0)).await?;
            let row = match (id, code) {
                (Some(id), None) => service.dossier_by_id(caller, DossierId(id)).await?,
                (None, Some(code)) => service.dossier_by_code(caller, &code).await?,
                _ => return Err(Problem::invalid("dossier", "give either code or id").into()),
            };
            Ok(row.map(Dossier::new))
        };
        load.await.map_err(|error| ctx.error(error))
    }

    /// Đối tượng theo id. What Relay's clients refetch by. Null as well where the caller may not know of it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã định danh. The `id` that an earlier answer gave.")] id: ID,
    ) -> Result<Option<Node>> {
        let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
        let names = ctx.names().await?;
        if names.agencies.contains_key(&id) {
            return Ok(Some(Node::Agency(Agency::named(&names, id))));
        }
        if names.procedures.contains_key(&id) {
            return Ok(Some(Node::Procedure(Procedure::named(&names, id))));
        }
        // Nobody learns from an error that there is such a dossier.
        let Some(caller) = &ctx.request().caller else { return Ok(None) };
        match ctx.service().dossier_by_id(caller, DossierId(id)).await {
            Ok(row) => Ok(row.map(|row| Node::Dossier(Dossier::new(row)))),
            Err(ServiceError::Problem(Problem::Denied(_))) => Ok(None),
            Err(error) => Err(ctx.error(error)),
        }
    }

    /// Danh sách hồ sơ, mới nhất trước. The dossiers that the caller may see, the newest first.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        #[graphql(desc = "Điều kiện lọc. What to list; all if absent.")] filter: Option<DossierFilter>,
        min_position: Option<PositionText>,
    ) -> Result<DossierConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let search: SearchInput = filter.unwrap_or_default().into();
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after =
                    after.map(|OpaqueCursor((submitted_at, dossier_id))| Cursor { submitted_at, dossier_id });
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let load = async {
                    service
                        .wait_for(&[Model::DossierSummary], min_position.map(|position| position.0))
                        .await?;
                    let page = service.dossiers(caller, &search, after, first).await?;
                    let total_count = service.count_dossiers(caller, &search).await?;
                    let mut connection = Connection::with_additional_fields(
                        after.is_some(),
                        page.has_more,
                        DossierConnectionFields { total_count },
                    );
                    for row in page.rows {
                        let cursor = OpaqueCursor((row.submitted_at, row.dossier_id));
                        connection.edges.push(Edge::new(cursor, Dossier::new(row)));
                    }
                    Ok(connection)
                };
                load.await.map_err(|error| ctx.error(error))
            },
        )
        .await
    }

    /// Tìm kiếm. By code, scanned code, part of a code, applicant (name, telephone, identity number; for those who
    /// may read personal data), procedure or agency; without regard to case and diacritics. The surest first, then
    /// the newest.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Từ khóa. A code or a part of one, a name, a telephone or identity number, a procedure or an agency."
        )]
        text: String,
        first: Option<i32>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<SearchHit>> {
        let first = i64::from(checked_page(first)?);
        let position = min_position.map(|position| position.0);
        let hits = ctx.service().search(ctx.caller()?, &text, first, position).await;
        let hits = hits.map_err(|error| ctx.error(error))?;
        // Whoever finds a dossier by a person knows about the person what was looked for.
        for (dossier, field) in hits.iter().filter_map(Hit::exposes) {
            ctx.data::<Execution>()?.expose(dossier, Shown::Plain, field);
        }
        Ok(hits
            .into_iter()
            .map(|hit| SearchHit { dossier: Dossier::new(hit.row), matched_by: hit.by.into() })
            .collect())
    }

    /// Danh sách công việc, đến hạn trước xếp trước. What is due first comes first.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn work_list(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Danh sách nào. Which list.")] of: WorkListOf,
        first: Option<i32>,
        after: Option<String>,
        min_position: Option<PositionText>,
    ) -> Result<WorkConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let load = async {
                    service
                        .wait_for(&[Model::DossierSummary], min_position.map(|position| position.0))
                        .await?;
                    service.work_list(caller, of.into(), after, first).await
                };
                let (rows, has_more, total_count) = load.await.map_err(|error| ctx.error(error))?;
                let fields = DossierConnectionFields { total_count };
                let mut connection = Connection::with_additional_fields(after.is_some(), has_more, fields);
                for Waiting { next_due, summary } in rows {
                    let cursor = OpaqueCursor((next_due, summary.dossier_id));
                    let due_at = (next_due != i64::MAX).then(|| local_micros(next_due));
                    connection
                        .edges
                        .push(Edge::new(cursor, WorkItem { dossier: Dossier::new(summary), due_at }));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }

    /// Tra cứu công khai theo mã hồ sơ. Anybody may ask; nothing about a person.
    async fn public_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã số hồ sơ (MaHoSo). As printed on the receipt.")] code: String,
        min_position: Option<PositionText>,
    ) -> Result<Option<PublicStatus>> {
        let service = ctx.service();
        let load = async {
            service.wait_for(&[Model::PublicStatus], min_position.map(|position| position.0)).await?;
            Ok(service.public_status(&code).await?.map(PublicStatus::new))
        };
        load.await.map_err(|error| ctx.error(error))
    }

    /// Danh mục thủ tục hành chính. Also those that have drafts only.
    async fn procedures(
        &self,
        ctx: &Context<'_>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<Procedure>> {
        let wait =
            ctx.service().wait_for(&[Model::ProcedureCatalogue], min_position.map(|position| position.0));
        wait.await.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        let mut rows: Vec<Procedure> =
            names.procedures.keys().map(|id| Procedure::named(&names, *id)).collect();
        rows.sort_by(|one, other| one.code.cmp(&other.code));
        Ok(rows)
    }

    /// Danh mục cơ quan. The tree as of a day, without those that others have the place of.
    async fn agencies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ngày. As they were on that day; today if absent.")] as_of: Option<NaiveDate>,
        min_position: Option<PositionText>,
    ) -> Result<Vec<Agency>> {
        let load = async {
            let position = min_position.map(|position| position.0);
            ctx.service().wait_for(&[Model::AgencyDirectory], position).await?;
            ctx.service().agencies_on(as_of).await
        };
        let rows = load.await.map_err(|error| ctx.error(error))?;
        Ok(rows.into_iter().map(|row| Agency::of(&row)).collect())
    }
}

pub(super) fn page_size(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(PAGE_DEFAULT)).unwrap_or(0)
}

pub(super) fn checked_page(first: Option<i32>) -> Result<i32> {
    let first = first.unwrap_or(PAGE_DEFAULT);
    if (0..=PAGE_MAX).contains(&first) {
        return Ok(first);
    }
    Err(bad_input(format!("`first` lies between 0 and {PAGE_MAX}")))
}

/// The cursor, if this server made it.
pub(super) fn checked_cursor(after: Option<String>) -> Result<Option<String>> {
    match &after {
        Some(cursor) if OpaqueCursor::<(i64, Uuid)>::decode_cursor(cursor).is_err() => {
            Err(bad_input("`after` is not a cursor of this server".to_owned()))
        }
        Some(_) | None => Ok(after),
    }
}

fn bad_input(message: String) -> async_graphql::Error {
    async_graphql::Error::new(message).extend_with(|_, extensions| extensions.set("code", "BAD_USER_INPUT"))
}
