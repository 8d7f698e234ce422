//! One act on several dossiers, answered item by item (docs/adr/0028). An item is what the single mutation takes and is
//! answered as that answers; what becomes of one is nothing to the others.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::ContextExt;
use super::payload::{DossierPayload, Problem, of_dossier, problems};
use crate::input::{
    AcceptDossierInput, CompleteStepInput, FinishProcessingInput, ForwardDossierInput, NotifyApplicantInput,
    ReceiveDossierInput, ReturnResultInput, SendDossierInput,
};
use crate::problem::{Problem as ServiceProblem, ServiceError};
use crate::service::Accepted;

/// Dossiers of one call.
const INPUTS_MAX: usize = 50;
/// Of an item, besides what is asked of it: each of them is a command. About 150 of them go into a document.
const ITEM_COST: usize = 20;

#[derive(Default)]
pub struct BulkMutation;

/// Kết quả thao tác với nhiều hồ sơ. What became of each of them.
#[derive(SimpleObject)]
pub struct DossiersPayload {
    /// Kết quả của từng hồ sơ. One for each input, in the same order, with problems of its own; null where the system could not
    /// do it, which `errors` tells under the path of the item. Empty where `problems` says why nothing was begun.
    pub items: Vec<Option<Result<DossierPayload>>>,
    pub problems: Vec<Problem>,
}

#[Object]
impl BulkMutation {
    /// Tiếp nhận và hẹn trả nhiều hồ sơ. `receiveDossier` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn receive_dossiers(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<ReceiveDossierInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.receive_dossier(caller, input))).await
    }

    /// Phân công, chuyển nhiều hồ sơ trong cơ quan. `forwardDossier` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn forward_dossiers(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<ForwardDossierInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.forward_dossier(caller, input))).await
    }

    /// Chuyển nhiều hồ sơ sang cơ quan khác. `sendDossier` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn send_dossiers(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<SendDossierInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.send_dossier(caller, input))).await
    }

    /// Nhận nhiều hồ sơ cơ quan khác chuyển đến. `acceptDossier` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn accept_dossiers(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<AcceptDossierInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.accept_dossier(caller, input))).await
    }

    /// Hoàn thành công việc của nhiều hồ sơ. `completeStep` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn complete_steps(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<CompleteStepInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.complete_step(caller, input))).await
    }

    /// Kết thúc xử lý nhiều hồ sơ. `finishProcessing` of each, with an outcome of its own.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn finish_dossiers(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<FinishProcessingInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.finish_processing(caller, input))).await
    }

    /// Trả kết quả của nhiều hồ sơ. `returnResult` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn return_results(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<ReturnResultInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.return_result(caller, input))).await
    }

    /// Ghi nhận đã thông báo cho nhiều người nộp. `notifyApplicant` of each.
    #[graphql(complexity = "cost(inputs.len(), child_complexity)")]
    async fn notify_applicants(
        &self,
        ctx: &Context<'_>,
        inputs: Vec<NotifyApplicantInput>,
    ) -> Result<DossiersPayload> {
        let (service, caller) = (ctx.service(), ctx.caller()?);
        one_by_one(ctx, inputs.iter().map(|input| service.notify_applicant(caller, input))).await
    }
}

/// What is too long is refused, however much of it there is.
fn cost(inputs: usize, child_complexity: usize) -> usize {
    1 + inputs.min(INPUTS_MAX) * (ITEM_COST + child_complexity)
}

/// In the order of the list, which the log keeps: the same dossier may be in it twice.
async fn one_by_one<F>(
    ctx: &Context<'_>,
    commands: impl ExactSizeIterator<Item = F> + Send,
) -> Result<DossiersPayload>
where
    F: Future<Output = Result<Accepted, ServiceError>> + Send,
{
    if INPUTS_MAX < commands.len() {
        let reason = format!("{} dossiers in one call; at most {INPUTS_MAX}", commands.len());
        let found = ServiceProblem::Refused { code: "TOO_MANY_INPUTS", reason };
        return Ok(DossiersPayload { items: Vec::new(), problems: problems(ctx, found).await? });
    }
    let mut items = Vec::with_capacity(commands.len());
    for command in commands {
        items.push(Some(of_dossier(ctx, command.await).await));
    }
    Ok(DossiersPayload { items, problems: Vec::new() })
}
