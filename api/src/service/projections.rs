//! Read models as administrators see them: how far each is and who feeds it; and what is done about streams that a read
//! model could not take.

use ::projections::Model;
use ::projections::read_side::Status;
use ::projections::runner::RunError;
use domain::access::Function;
use domain::read_model::{self, Command, Event, Skips, StreamSkipped};
use domain::recorded::Version;

use super::dossiers::plain;
use super::{Caller, Done, Service};
use crate::input::SkipParkedStreamInput;
use crate::problem::{Problem, ServiceError};

/// The longest reason for a skip.
const REASON_CHARS_MAX: usize = 1_000;

/// A read model, and what it goes on without by decision.
#[derive(Clone, Debug)]
pub struct Projection {
    pub status: Status,
    pub skipped: Vec<StreamSkipped>,
}

impl Service {
    /// All read models.
    pub async fn projections(&self, caller: &Caller) -> Result<Vec<Projection>, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let mut projections = Vec::new();
        for status in self.status().await? {
            let stream = read_model::stream(status.name);
            let mut skipped = Vec::new();
            for row in self.store().read_stream(&stream, Version(0)).await? {
                let Event::StreamSkipped(event) = row.decode_as()?;
                skipped.push(event);
            }
            projections.push(Projection { status, skipped });
        }
        Ok(projections)
    }

    /// Lets a read model go on without the event at which it has parked a stream. That is a fact, and so in the log.
    pub async fn skip_parked_stream(
        &self,
        caller: &Caller,
        input: &SkipParkedStreamInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        let model = model(&input.model)?;
        let reason = plain("reason", &input.reason, REASON_CHARS_MAX)?;
        let own_stream = read_model::stream(model.name());
        // What was skipped is parked no more; the same request still gets its answer.
        let skips = self.executor.load::<Skips>(&own_stream).await?;
        let is_skipped = skips.state.contains(&input.stream, Version(input.version));
        if !is_skipped && !self.is_parked(model, &input.stream, input.version).await? {
            return Err(Problem::NotFound { what: "parked stream" }.into());
        }
        let skipped = StreamSkipped { stream: input.stream.clone(), version: input.version, reason };
        let request = self.request(caller, "skipParkedStream", input.idempotency_key, input)?;
        self.decide::<Skips>(&own_stream, &request, Command::Skip(skipped)).await
    }

    /// Folds a parked stream again, for a program that can do what an earlier one could not.
    pub async fn retry_parked_stream(
        &self,
        caller: &Caller,
        model_name: &str,
        stream: &str,
    ) -> Result<(), ServiceError> {
        caller.principal.require_everywhere(Function::Administer).map_err(Problem::from)?;
        match self.read_side.retry(model(model_name)?, stream).await {
            Err(RunError::NotParked { .. }) => Err(Problem::NotFound { what: "parked stream" }.into()),
            Err(error @ RunError::StillParked { .. }) => {
                Err(Problem::Refused { code: "STREAM_STILL_PARKED", reason: error.to_string() }.into())
            }
            outcome => Ok(outcome?),
        }
    }

    async fn is_parked(&self, model: Model, stream: &str, version: i64) -> Result<bool, ServiceError> {
        let status = self.read_side.status(self.clock().now()).await?;
        let mut parked =
            status.iter().filter(|status| status.name == model.name()).flat_map(|status| &status.parked);
        Ok(parked.any(|parked| parked.stream == stream && parked.version == version))
    }
}

fn model(name: &str) -> Result<Model, Problem> {
    Model::from_name(name).ok_or(Problem::NotFound { what: "read model" })
}
