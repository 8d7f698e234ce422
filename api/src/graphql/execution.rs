//! What the specification of GraphQL says about errors and the library does not do: a field that fails is null, and where it
//! may not be null, so is what is around it, up to what may be (spec §6.4.4). The library leaves such fields out.
//!
//! Of an item of a list the library says that it may not be null, whatever the schema says: what the type of the list says
//! goes here. No list is within another.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
};
use async_graphql::indexmap::IndexMap;
use async_graphql::{QueryPathNode, QueryPathSegment, Response, ServerError, ServerResult, Value};
use domain::identity::DossierId;

use crate::service::{Exposed, PersonalField, Shown};

/// What happened to a request on its way: given along with it, and asked when the answer is there.
#[derive(Clone, Debug, Default)]
pub struct Execution(Arc<Happened>);

#[derive(Debug, Default)]
struct Happened {
    has_begun: AtomicBool,
    /// Of fields that are null because of them, and may be.
    errors: Mutex<Vec<ServerError>>,
    /// Whether there is any path below: nearly always there is none.
    has_nulls: AtomicBool,
    /// Paths of objects that have a null where none may be.
    nulls: Mutex<HashSet<String>>,
    /// Paths of lists whose items may be null.
    lists: Mutex<HashSet<String>>,
    /// Personal data in plain.
    exposed: Mutex<Exposed>,
}

/// The path of the answer as a whole.
const ROOT: &str = "";

impl Execution {
    /// The answer as it was executed. It has errors and no data, if it was not.
    pub fn finish(&self, mut response: Response) -> Result<Response, Vec<ServerError>> {
        if !self.0.has_begun.load(Ordering::Acquire) {
            return Err(response.errors);
        }
        response.errors.append(&mut lock(&self.0.errors));
        if self.is_null_because_of_a_part(None) {
            response.data = Value::Null;
        }
        Ok(response)
    }

    /// The answer shows a field of a dossier in plain.
    pub fn expose(&self, dossier: DossierId, by: Shown, field: PersonalField) {
        lock(&self.0.exposed).add(dossier, by, [field]);
    }

    /// What was exposed since this was asked last: by the one answer, or by one event of a subscription.
    pub fn take_exposed(&self) -> Exposed {
        std::mem::take(&mut *lock(&self.0.exposed))
    }

    fn may_be_null(&self, info: &ResolveInfo<'_>) -> bool {
        match (info.path_node.segment, info.path_node.parent) {
            (QueryPathSegment::Index(_), Some(list)) => lock(&self.0.lists).contains(&list.to_string()),
            _ => {
                let items = info.return_type.trim_end_matches('!').strip_suffix(']');
                if items.is_some_and(|item| !item.ends_with('!')) {
                    lock(&self.0.lists).insert(info.path_node.to_string());
                }
                !info.return_type.ends_with('!')
            }
        }
    }

    fn null_around(&self, path: &QueryPathNode<'_>) {
        let around = path.parent.map_or_else(|| ROOT.to_owned(), ToString::to_string);
        lock(&self.0.nulls).insert(around);
        self.0.has_nulls.store(true, Ordering::Release);
    }

    fn is_null_because_of_a_part(&self, path: Option<&QueryPathNode<'_>>) -> bool {
        self.0.has_nulls.load(Ordering::Acquire)
            && lock(&self.0.nulls).contains(&path.map_or_else(|| ROOT.to_owned(), ToString::to_string))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps an [`Execution`].
pub struct Executions;

impl ExtensionFactory for Executions {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Executions)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Executions {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        if let Some(Execution(happened)) = ctx.data_opt::<Execution>() {
            // Each event of a subscription is executed by itself.
            if happened.has_nulls.swap(false, Ordering::AcqRel) {
                lock(&happened.nulls).clear();
            }
            happened.has_begun.store(true, Ordering::Release);
        }
        next.run(ctx, operation_name).await
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(execution) = ctx.data_opt::<Execution>() else { return next.run(ctx, info).await };
        let (path, may_be_null) = (info.path_node, execution.may_be_null(&info));
        match next.run(ctx, info).await {
            Err(error) if may_be_null => {
                lock(&execution.0.errors).push(error);
                Ok(Some(Value::Null))
            }
            Err(error) => {
                execution.null_around(path);
                Err(error)
            }
            Ok(_) if execution.is_null_because_of_a_part(Some(path)) => {
                if !may_be_null {
                    execution.null_around(path);
                }
                Ok(Some(Value::Null))
            }
            // An object of which nothing is asked, such as a problem of another type than those that were named: it is there all
            // the same.
            Ok(Some(Value::Null)) if !may_be_null => Ok(Some(Value::Object(IndexMap::new()))),
            resolved => resolved,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Result, Schema};
    use serde_json::{Value, json};

    use super::*;

    struct Query;

    /// Fails as deep as it is told, through fields that may be null and others that may not.
    #[Object]
    impl Query {
        async fn fine(&self) -> u32 {
            1
        }
        async fn failing(&self) -> Result<u32> {
            Err("no".into())
        }
        async fn failing_or_null(&self) -> Result<Option<u32>> {
            Err("no".into())
        }
        async fn part(&self) -> Query {
            Query
        }
        async fn part_or_null(&self) -> Option<Query> {
            Some(Query)
        }
        async fn parts(&self) -> Vec<Query> {
            vec![Query, Query]
        }
        async fn parts_or_null(&self) -> Option<Vec<Query>> {
            Some(vec![Query, Query])
        }
        async fn some_parts(&self) -> Vec<Option<Result<Query>>> {
            vec![Some(Ok(Query)), Some(Err("no".into())), None]
        }
    }

    async fn answer(document: &str) -> (Value, Vec<Value>) {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(Executions).finish();
        let execution = Execution::default();
        let response = schema.execute(Request::new(document).data(execution.clone())).await;
        let response = serde_json::to_value(execution.finish(response).unwrap()).unwrap();
        let errors = response.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
        (response["data"].clone(), errors.into_iter().map(|error| error["path"].clone()).collect())
    }

    #[tokio::test]
    async fn a_field_that_fails_is_null_up_to_what_may_be() {
        for (document, data, path) in [
            ("{ fine failingOrNull }", json!({"fine": 1, "failingOrNull": null}), json!(["failingOrNull"])),
            ("{ fine failing }", Value::Null, json!(["failing"])),
            ("{ fine part { fine failing } }", Value::Null, json!(["part", "failing"])),
            (
                "{ fine partOrNull { fine p: part { fine failing } } }",
                json!({"fine": 1, "partOrNull": null}),
                json!(["partOrNull", "p", "failing"]),
            ),
            (
                "{ fine partOrNull { fine failingOrNull } }",
                json!({"fine": 1, "partOrNull": {"fine": 1, "failingOrNull": null}}),
                json!(["partOrNull", "failingOrNull"]),
            ),
            (
                "{ partsOrNull { fine failing } fine }",
                json!({"partsOrNull": null, "fine": 1}),
                json!(["partsOrNull", 0, "failing"]),
            ),
            (
                "{ partOrNull { parts { fine failing } } fine }",
                json!({"partOrNull": null, "fine": 1}),
                json!(["partOrNull", "parts", 0, "failing"]),
            ),
            (
                "{ someParts { fine } fine }",
                json!({"someParts": [{"fine": 1}, null, null], "fine": 1}),
                json!(["someParts", 1]),
            ),
            (
                "{ part { someParts { fine failing } fine } }",
                json!({"part": {"someParts": [null, null, null], "fine": 1}}),
                json!(["part", "someParts", 0, "failing"]),
            ),
        ] {
            let (answered, paths) = answer(document).await;
            assert_eq!(answered, data, "{document}");
            assert!(paths.contains(&path), "{document}: {paths:?}");
        }
        assert_eq!(
            answer("{ parts { ... on Query @skip(if: true) { fine } } fine }").await,
            (json!({"parts": [{}, {}], "fine": 1}), vec![])
        );
        assert_eq!(
            answer("{ fine partOrNull { fine } }").await,
            (json!({"fine": 1, "partOrNull": {"fine": 1}}), vec![])
        );
    }

    #[test]
    fn no_list_is_within_another() {
        let sdl = crate::graphql::sdl();
        assert!(sdl.contains(": [DossierPayload]!") && !sdl.contains(": [["));
    }

    #[tokio::test]
    async fn what_is_not_valid_was_not_executed() {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(Executions).finish();
        let execution = Execution::default();
        let response = schema.execute(Request::new("{ nothing }").data(execution.clone())).await;
        assert_eq!(execution.finish(response).unwrap_err().len(), 1);
    }
}
