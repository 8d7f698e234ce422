//! What can be listened to, over either transport (`http/live.rs`).

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Context, Data, Response, Result, SimpleObject, Subscription};
use chrono::{DateTime, FixedOffset};
use domain::identity::DossierId;
use domain::recorded::Position;
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::watch;
use uuid::Uuid;

use super::dossier::Dossier;
use super::objects::local;
use super::{ContextExt, PositionText, RequestContext};
use crate::problem::{Problem, ServiceError};
use crate::service;

pub struct SubscriptionRoot;

/// Một sự kiện của hồ sơ. An event of a dossier, as it happens.
#[derive(SimpleObject)]
pub struct DossierEvent {
    /// Vị trí trong nhật ký. Pass it as `after` to go on from here.
    pub position: PositionText,
    /// Phiên bản của hồ sơ. The version of the dossier with it.
    pub version: i64,
    /// Loại sự kiện. The pinned name, such as `dossier.received.v1`.
    pub event_type: String,
    /// Thời điểm thực hiện. When it happened.
    pub occurred_at: DateTime<FixedOffset>,
    /// Thời điểm ghi nhận. When the log took it.
    pub recorded_at: DateTime<FixedOffset>,
    /// Hồ sơ. The dossier as it is known now: not before the event, maybe after later ones.
    pub dossier: Dossier,
}

impl From<&service::DossierEvent> for DossierEvent {
    fn from(event: &service::DossierEvent) -> Self {
        Self {
            position: PositionText(event.position),
            version: event.version.0,
            event_type: event.type_name.clone(),
            occurred_at: local(event.occurred_at),
            recorded_at: local(event.recorded_at),
            dossier: Dossier::new(event.dossier.clone()),
        }
    }
}

/// How far one subscription has got: given along with it, and asked by the transport.
#[derive(Clone, Debug)]
pub struct Progress(Arc<watch::Sender<Reached>>);

#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    /// Everything up to here was told, or is not for the subscriber to know.
    pub passed: Option<Position>,
    /// The event that is being told.
    pub told: Option<Position>,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(watch::channel(Reached::default()).0))
    }
}

impl Progress {
    pub fn watch(&self) -> watch::Receiver<Reached> {
        self.0.subscribe()
    }

    fn passed(&self, at: Position) {
        self.0.send_if_modified(|reached| reached.passed.replace(at) != Some(at));
    }

    fn told(&self, at: Position) {
        self.0.send_modify(|reached| reached.told = Some(at));
    }
}

/// Where the transport says that the client was, before it says anything itself.
#[derive(Clone, Copy, Debug)]
pub struct ResumeAfter(pub Position);

/// Các luồng theo dõi. What can be listened to, over SSE or WebSocket.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Sự kiện của hồ sơ, theo thứ tự trong nhật ký. Of all dossiers that the caller may see, or of one.
    async fn dossier_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Sau vị trí này. Those after this position; those from now on if absent. Over SSE, \
                    Last-Event-ID goes before it."
        )]
        after: Option<PositionText>,
        #[graphql(desc = "Mã số hồ sơ (MaHoSo). For the events of one dossier; give either this or `id`.")]
        code: Option<String>,
        #[graphql(desc = "Mã định danh hồ sơ. For the events of one dossier; give either this or `code`.")]
        id: Option<Uuid>,
    ) -> Result<impl Stream<Item = Result<DossierEvent>> + use<>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let resumed = ctx.data_opt::<ResumeAfter>().map(|resume| resume.0);
        let subscribe = async {
            let row = match (id, &code) {
                (None, None) => None,
                (Some(id), None) => Some(service.dossier_by_id(caller, DossierId(id)).await?),
                (None, Some(code)) => Some(service.dossier_by_code(caller, code).await?),
                (Some(_), Some(_)) => {
                    return Err(Problem::invalid("dossier", "give either code or id").into());
                }
            };
            let only = match row {
                None => None,
                Some(Some(row)) => Some(DossierId(row.dossier_id)),
                // It is not there, or the caller may not know of it.
                Some(None) => return Err(Problem::NotFound { what: "dossier" }.into()),
            };
            service.subscribe(caller, resumed.or(after.map(|after| after.0)), only).await
        };
        let subscriber = subscribe.await.map_err(|error: ServiceError| ctx.error(error))?;
        let progress = ctx.data_opt::<Progress>().cloned().unwrap_or_default();
        let language = ctx.request().language;
        Ok(unfold(Some((subscriber, progress)), move |listening| async move {
            let (mut subscriber, progress) = listening?;
            match subscriber.next(|at| progress.passed(at)).await {
                Ok(event) => {
                    progress.told(event.position);
                    Some((Ok(DossierEvent::from(&*event)), Some((subscriber, progress))))
                }
                // Whoever listens goes on from where they were, with another subscription.
                Err(error) => Some((Err(super::of_error(&error, language)), None)),
            }
        }))
    }
}

/// Gives each event of a subscription a context of its own. One for the whole subscription would keep the names of agencies
/// and procedures as they were when it began.
pub struct RenewedContexts;

impl ExtensionFactory for RenewedContexts {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(RenewedContexts)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for RenewedContexts {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let (Some(_), Some(request), Some(service)) = (
            ctx.data_opt::<Progress>(),
            ctx.data_opt::<RequestContext>(),
            ctx.data_opt::<service::Service>(),
        ) else {
            return next.run(ctx, operation_name).await;
        };
        let mut data = Data::default();
        data.insert(RequestContext::new(service, request.caller.clone(), request.language));
        next.run_with_data(ctx, operation_name, data).await
    }
}
