//! What the national portal has of a dossier, as whoever carries messages to it tells.

use std::collections::HashMap;

use domain::access::Function;
use domain::codes::PortalAnswer;
use domain::dossier::{self, Dossier};
use domain::identity::DossierId;
use domain::recorded::Version;
use domain::synchronisation::{self, Command, Synchronisation};

use super::{Caller, Done, Service};
use crate::input::{MessageOutcome, RecordSynchronisationInput};
use crate::problem::{Problem, ServiceError};

impl Service {
    /// Writes down that a message about a dossier went to the national portal, or what the portal answered.
    pub async fn record_synchronisation(
        &self,
        caller: &Caller,
        input: &RecordSynchronisationInput,
    ) -> Result<Done, ServiceError> {
        caller.principal.require(Function::Synchronise).map_err(Problem::from)?;
        let dossier_id = DossierId(input.dossier_id);
        let dossier_at = self.version_in_scope(caller, dossier_id).await?;
        let up_to = Version(input.version);
        let answer = input.answer.as_deref().map(PortalAnswer::parse).transpose();
        let answer = answer.map_err(Problem::code_of("answer"))?;
        let command = match (input.outcome, answer) {
            (MessageOutcome::Sent, None) => Command::Send { up_to, dossier_at },
            (MessageOutcome::Acknowledged, None) => Command::Acknowledge { up_to },
            (MessageOutcome::Declined, Some(answer)) => Command::Decline { up_to, answer },
            (MessageOutcome::Declined, None) => {
                return Err(Problem::invalid("answer", "what was declined has an answer code").into());
            }
            (MessageOutcome::Sent | MessageOutcome::Acknowledged, Some(_)) => {
                return Err(Problem::invalid("answer", "only what was declined has an answer code").into());
            }
        };
        let request = self.request(caller, "recordSynchronisation", input.idempotency_key, input)?;
        self.decide::<Synchronisation>(&synchronisation::stream(dossier_id), &request, command).await
    }

    /// How far the messages about some dossiers have come. The caller sees the dossiers: they are its parents in the
    /// graph.
    pub async fn synchronisations_of(
        &self,
        dossiers: &[DossierId],
    ) -> Result<HashMap<DossierId, Result<Synchronisation, ServiceError>>, ServiceError> {
        let streams: Vec<String> = dossiers.iter().map(|id| synchronisation::stream(*id)).collect();
        let mut loaded = self.executor.load_all::<Synchronisation>(&streams).await?;
        let of = |(id, stream): (&DossierId, &String)| {
            let loaded = loaded.remove(stream)?;
            Some((*id, loaded.map(|folded| folded.state.clone()).map_err(ServiceError::from)))
        };
        Ok(dossiers.iter().zip(&streams).filter_map(of).collect())
    }

    async fn version_in_scope(&self, caller: &Caller, id: DossierId) -> Result<Version, ServiceError> {
        let dossier = self.executor.load::<Dossier>(&dossier::stream(id)).await?;
        match dossier.state.filed() {
            Some(filed) if caller.principal.may(Function::Synchronise, filed.concerned()) => {
                Ok(dossier.version)
            }
            Some(_) | None => Err(Problem::NotFound { what: "dossier" }.into()),
        }
    }
}
