//! Who has seen personal data.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::identity::{DossierId, PrincipalId};
use infrastructure::read_log::{Numbered, Which};
use uuid::Uuid;

use super::objects::{Agency, local};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT};
use crate::service::Names;

#[derive(Default)]
pub struct ReadQuery;

/// Một lần dữ liệu cá nhân được xem: an answer that showed some in plain. Names of fields, never values.
#[derive(Clone, Debug, SimpleObject)]
pub struct PersonalDataRead {
    pub read_at: DateTime<FixedOffset>,
    pub principal_id: Uuid,
    pub acting_for: Agency,
    pub unit: Option<String>,
    /// `graphql`, `paper`, `register`, `file`
    pub channel: String,
    /// Which operation or which paper. Of a trusted document its identifier, as far as its first 16 digits, and the operation.
    pub name: Option<String>,
    pub traceparent: Option<String>,
    /// Those that the caller audits.
    pub dossiers: Vec<ReadDossier>,
}

/// What was shown of a dossier.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReadDossier {
    pub id: Uuid,
    /// `applicant.name`
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
            dossiers: dossiers
                .map(|(id, fields)| ReadDossier { id: id.0, fields: fields.into_iter().collect() })
                .collect(),
        }
    }
}

type ReadConnection = Connection<OpaqueCursor<(i64, Uuid)>, PersonalDataRead>;

#[Object]
impl ReadQuery {
    /// Ai đã xem dữ liệu cá nhân, mới nhất trước. For who audits the agencies of the dossiers.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn personal_data_reads(
        &self,
        ctx: &Context<'_>,
        dossier: Option<Uuid>,
        principal: Option<Uuid>,
        from: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "Without this instant itself.")] to: Option<DateTime<FixedOffset>>,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<ReadConnection> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let which = Which {
            dossier: dossier.map(DossierId),
            principal: principal.map(PrincipalId),
            from: from.map(|at| at.to_utc()),
            to: to.map(|at| at.to_utc()),
        };
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let before = after.map(|OpaqueCursor((seq, _))| seq);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let found = service.personal_data_reads(caller, which, before, first).await;
                let (found, has_more) = found.map_err(|error| ctx.error(error))?;
                let names = ctx.names().await?;
                let mut connection: ReadConnection = Connection::new(before.is_some(), has_more);
                for record in found {
                    let cursor = OpaqueCursor((record.seq, record.read.principal.0));
                    let read = PersonalDataRead::new(&names, record);
                    connection.edges.push(Edge::with_additional_fields(cursor, read, EmptyFields));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }
}
