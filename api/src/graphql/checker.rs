//! What is wrong with a document, said without executing anything of it: before anybody sends it.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::parser::types::{BaseType, ExecutableDocument, OperationDefinition};
use async_graphql::{Name, Request, Response, Schema, ServerError, Value, Variables};

use super::limits::Limits;
use super::live::SubscriptionRoot;
use super::{Api, MutationRoot, PAGE_DEFAULT, QueryRoot};

/// The schema, over nothing.
pub struct Checker(Api);

impl Default for Checker {
    fn default() -> Self {
        let schema = Schema::build(QueryRoot::default(), MutationRoot::default(), SubscriptionRoot);
        Self(schema.extension(Limits).extension(Unexecuted).disable_suggestions().finish())
    }
}

impl Checker {
    /// All that the schema and the limits say of the operations of a document. What a variable says of the length of a list is
    /// not known yet: it counts as the length that a list has when nobody says anything.
    pub async fn check(&self, document: &ExecutableDocument) -> Vec<ServerError> {
        let mut errors = Vec::new();
        for (name, operation) in document.operations.iter() {
            let mut request = Request::new("").variables(usual(&operation.node));
            request.operation_name = name.map(ToString::to_string);
            request.set_parsed_query(document.clone());
            for error in self.0.execute(request).await.errors {
                if !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
        errors
    }
}

fn usual(operation: &OperationDefinition) -> Variables {
    let mut variables = Variables::default();
    for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
        let is_number = matches!(&definition.var_type.node.base, BaseType::Named(name) if name == "Int");
        if is_number && definition.default_value.is_none() {
            variables.insert(Name::new(&definition.name.node), Value::from(PAGE_DEFAULT));
        }
    }
    variables
}

/// Stands where execution would begin.
struct Unexecuted;

impl ExtensionFactory for Unexecuted {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Unexecuted)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Unexecuted {
    async fn execute(&self, _: &ExtensionContext<'_>, _: Option<&str>, _: NextExecute<'_>) -> Response {
        Response::new(Value::Null)
    }
}
