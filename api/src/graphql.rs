//! The schema. Resolvers translate and delegate: what may be done is decided in `service`.

pub mod access;
pub mod administration;
pub mod applicants;
pub mod boards;
pub mod bulk;
pub mod checker;
mod descriptions;
pub mod disclosures;
pub mod dossier;
pub mod execution;
pub mod files;
pub mod history;
pub mod indicators;
pub mod limits;
pub mod live;
pub mod loaders;
pub mod mutation;
pub mod objects;
pub mod obligations;
pub mod payload;
pub mod payments;
pub mod procedures;
pub mod projections;
pub mod public_status;
pub mod query;
pub mod reads;
pub mod reminders;
pub mod scalars;
pub mod searched;
pub mod stage;
pub mod synchronisation;

use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{ErrorExtensions, MergedObject, Schema, SchemaBuilder};
use infrastructure::entropy::Entropy;
use tokio::sync::OnceCell;

use access::{AccessMutation, AccessQuery};
use administration::{AdministrationMutation, AdministrationQuery};
use applicants::ApplicantQuery;
use boards::BoardQuery;
use bulk::BulkMutation;
use descriptions::Descriptions;
use disclosures::{DisclosureMutation, DisclosureQuery};
use execution::Executions;
use indicators::IndicatorQuery;
use limits::Limits;
use live::{RenewedContexts, SubscriptionRoot};
use loaders::{Loaders, Loads, Shared, loaders};
use mutation::DossierMutation;
use payments::{PaymentMutation, PaymentQuery};
use procedures::{ProcedureMutation, ProcedureQuery};
use projections::{ProjectionMutation, ProjectionQuery};
use query::{DossierQuery, checked_page};
use reads::ReadQuery;
pub use scalars::PositionText;
use synchronisation::SynchronisationMutation;

use crate::messages::{self, Language};
use crate::problem::{Failure, Problem, ServiceError};
use crate::service::{Caller, Names, Service};

pub type Api = Schema<QueryRoot, MutationRoot, SubscriptionRoot>;

/// Các truy vấn. What can be asked: what the caller may not know of looks like what is not there.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct QueryRoot(
    DossierQuery,
    BoardQuery,
    IndicatorQuery,
    AdministrationQuery,
    AccessQuery,
    ProcedureQuery,
    ProjectionQuery,
    PaymentQuery,
    ReadQuery,
    ApplicantQuery,
    DisclosureQuery,
);

/// Các thao tác. What can be done: refusals are in `problems`, with a stable code each.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct MutationRoot(
    DossierMutation,
    BulkMutation,
    AdministrationMutation,
    AccessMutation,
    ProcedureMutation,
    SynchronisationMutation,
    ProjectionMutation,
    PaymentMutation,
    DisclosureMutation,
);

/// The most rows of a page.
const PAGE_MAX: i32 = 100;
const PAGE_DEFAULT: i32 = 20;

fn builder() -> SchemaBuilder<QueryRoot, MutationRoot, SubscriptionRoot> {
    Schema::build(QueryRoot::default(), MutationRoot::default(), SubscriptionRoot)
        .register_input_type::<Descriptions>()
}

/// The schema over a running system.
pub fn schema(service: Service) -> Api {
    builder()
        .extension(Limits)
        .extension(Executions)
        .extension(RenewedContexts)
        // Names of fields are for those who may see the schema.
        .disable_suggestions()
        .data(service)
        .finish()
}

/// The schema as text, with a line end.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .include_specified_by()
        .sorted_fields()
        .sorted_enum_items()
        .sorted_arguments();
    let sdl = builder().finish().sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}

/// What a request brings along besides its document.
pub struct RequestContext {
    pub caller: Option<Caller>,
    pub language: Language,
    names: OnceCell<Arc<Names>>,
    loaders: Option<Loaders>,
}

impl RequestContext {
    pub fn new(service: &Service, caller: Option<Caller>, language: Language) -> Self {
        let loaders = caller.clone().map(|caller| loaders(service.clone(), caller));
        Self { caller, language, names: OnceCell::new(), loaders }
    }
}

/// Shorthands over the two kinds of context data.
pub(crate) trait ContextExt {
    fn service(&self) -> &Service;
    fn request(&self) -> &RequestContext;
    /// Who asks; nobody is an error.
    fn caller(&self) -> async_graphql::Result<&Caller>;
    /// Names of agencies and procedures, read at most once per request.
    async fn names(&self) -> async_graphql::Result<Arc<Names>>;
    /// What one dossier is asked, asked of all of a page together.
    async fn load<K, V>(&self, key: K) -> async_graphql::Result<Option<V>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        V: Clone + Send + Sync + 'static,
        Loads: Loader<K, Value = Result<V, Shared>, Error = Shared>;
    /// The top-level error of a query.
    fn error(&self, error: ServiceError) -> async_graphql::Error {
        self.shared_error(&error)
    }
    fn shared_error(&self, error: &ServiceError) -> async_graphql::Error;
}

impl ContextExt for async_graphql::Context<'_> {
    fn service(&self) -> &Service {
        self.data_unchecked()
    }

    fn request(&self) -> &RequestContext {
        self.data_unchecked()
    }

    fn caller(&self) -> async_graphql::Result<&Caller> {
        self.request().caller.as_ref().ok_or_else(unauthenticated)
    }

    async fn load<K, V>(&self, key: K) -> async_graphql::Result<Option<V>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        V: Clone + Send + Sync + 'static,
        Loads: Loader<K, Value = Result<V, Shared>, Error = Shared>,
    {
        let loaders = self.request().loaders.as_ref().ok_or_else(unauthenticated)?;
        let loaded = loaders.load_one(key).await.and_then(Option::transpose);
        loaded.map_err(|error| self.shared_error(&error))
    }

    async fn names(&self) -> async_graphql::Result<Arc<Names>> {
        self.request()
            .names
            .get_or_try_init(|| self.service().names())
            .await
            .cloned()
            .map_err(|error| self.error(error))
    }

    fn shared_error(&self, error: &ServiceError) -> async_graphql::Error {
        of_error(error, self.request().language)
    }
}

fn of_error(error: &ServiceError, language: Language) -> async_graphql::Error {
    match error {
        ServiceError::Problem(problem) => of_problem(problem, language),
        ServiceError::Failure(failure) => of_failure(failure),
    }
}

pub(crate) fn unauthenticated() -> async_graphql::Error {
    async_graphql::Error::new("Cần đăng nhập. / Authentication is required.")
        .extend_with(|_, extensions| extensions.set("code", "UNAUTHENTICATED"))
}

pub(crate) fn of_problem(problem: &Problem, language: Language) -> async_graphql::Error {
    let lag = if let Problem::Behind(behind) = problem { Some(behind.lag) } else { None };
    async_graphql::Error::new(messages::of(problem, language)).extend_with(|_, extensions| {
        extensions.set("code", problem.code());
        if let Some(lag) = lag {
            extensions.set("lag", lag);
        }
    })
}

/// The chain goes to the log under an incident id; the client gets the id.
pub(crate) fn of_failure(failure: &Failure) -> async_graphql::Error {
    let incident = Entropy::System.uuid().map(|id| id.simple().to_string()).unwrap_or_default();
    tracing::error!(incident, error = failure as &dyn std::error::Error, "a request failed");
    let message = format!("Hệ thống gặp sự cố {incident}. / An incident occurred: {incident}.");
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", "INTERNAL");
        extensions.set("incident", incident.as_str());
    })
}
