//! The SQL statements that some work makes the program execute, as the driver itself tells of them.

use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::instrument::Instrument;
use tracing::span::Id;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Does the work and says what was executed for it, in order: by this task, and by the driver's threads for it.
pub(crate) async fn executed<T>(work: impl Future<Output = T>) -> (T, Vec<String>) {
    static IS_LISTENING: LazyLock<()> = LazyLock::new(|| {
        let targets = Targets::new().with_target("sqlx::query", LevelFilter::DEBUG);
        let targets = targets.with_target("statements", LevelFilter::DEBUG);
        let subscriber = tracing_subscriber::registry().with(Statements.with_filter(targets));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LazyLock::force(&IS_LISTENING);
    let span = tracing::debug_span!(target: "statements", "executed");
    let found = Arc::new(Mutex::new(Vec::new()));
    FOUND.lock().unwrap().push((span.id().unwrap(), Arc::clone(&found)));
    let done = work.instrument(span.clone()).await;
    FOUND.lock().unwrap().retain(|(id, _)| Some(id) != span.id().as_ref());
    let found = std::mem::take(&mut *found.lock().unwrap());
    (done, found)
}

type Found = (Id, Arc<Mutex<Vec<String>>>);

static FOUND: Mutex<Vec<Found>> = Mutex::new(Vec::new());

struct Statements;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let Some(scope) = ctx.event_scope(event) else { return };
        for span in scope {
            let of_span = FOUND.lock().unwrap().iter().find(|(id, _)| *id == span.id()).cloned();
            if let Some((_, found)) = of_span {
                let mut statement = Statement::default();
                event.record(&mut statement);
                found.lock().unwrap().push(statement.text());
            }
        }
    }
}

/// The statement, of which short ones are told as a summary only.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Statement {
    fn text(self) -> String {
        if self.whole.is_empty() { self.summary } else { self.whole.trim().to_owned() }
    }
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
