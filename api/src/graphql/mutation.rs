//! What can be done. Every mutation has an idempotency key; those on a dossier may say which version the client saw.

use async_graphql::{Context, Object, Result};

use super::ContextExt;
use super::payload::{AgencyPayload, DossierPayload, of_agency, of_dossier};
use crate::input::{
    AnswerInput, CompleteStepInput, EstablishAgencyInput, FinishProcessingInput, ForwardDossierInput,
    ReceiveDossierInput, RefuseDossierInput, RegisterDossierInput, ReturnResultInput, SubmitDossierInput,
    SupplementInput, WithdrawDossierInput,
};

pub struct Mutation;

#[Object]
impl Mutation {
    /// Nộp hồ sơ trực tuyến. The dossier gets its code; no clock runs yet.
    async fn submit_dossier(&self, ctx: &Context<'_>, input: SubmitDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().submit_dossier(ctx.caller()?, &input, None).await;
        of_dossier(ctx, outcome).await
    }

    /// Tiếp nhận hồ sơ nộp trực tiếp hoặc qua bưu chính: the dossier enters and is received in one act.
    async fn register_dossier(
        &self,
        ctx: &Context<'_>,
        input: RegisterDossierInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().register_dossier(ctx.caller()?, &input, None).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu bổ sung trước khi tiếp nhận: there is no clock to stop.
    async fn request_intake_supplement(
        &self,
        ctx: &Context<'_>,
        input: SupplementInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().request_intake_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận bổ sung trước khi tiếp nhận.
    async fn supply_intake_supplement(
        &self,
        ctx: &Context<'_>,
        input: AnswerInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().supply_intake_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Từ chối tiếp nhận.
    async fn refuse_dossier(&self, ctx: &Context<'_>, input: RefuseDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().refuse_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Tiếp nhận và hẹn trả: the clock starts.
    async fn receive_dossier(&self, ctx: &Context<'_>, input: ReceiveDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().receive_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Chuyển hồ sơ, phân công. The clock does not restart.
    async fn forward_dossier(&self, ctx: &Context<'_>, input: ForwardDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().forward_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Hoàn thành một công việc của quy trình.
    async fn complete_step(&self, ctx: &Context<'_>, input: CompleteStepInput) -> Result<DossierPayload> {
        let outcome = ctx.service().complete_step(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu bổ sung giấy tờ sau khi tiếp nhận: the clock stops.
    async fn request_supplement(&self, ctx: &Context<'_>, input: SupplementInput) -> Result<DossierPayload> {
        let outcome = ctx.service().request_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận bổ sung sau khi tiếp nhận: the clock runs again, and the due instant moves by the time it stood still.
    async fn receive_supplement(&self, ctx: &Context<'_>, input: AnswerInput) -> Result<DossierPayload> {
        let outcome = ctx.service().receive_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Kết thúc xử lý: on time or late is measured here.
    async fn finish_processing(
        &self,
        ctx: &Context<'_>,
        input: FinishProcessingInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().finish_processing(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Trả kết quả.
    async fn return_result(&self, ctx: &Context<'_>, input: ReturnResultInput) -> Result<DossierPayload> {
        let outcome = ctx.service().return_result(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Công dân rút hồ sơ.
    async fn withdraw_dossier(
        &self,
        ctx: &Context<'_>,
        input: WithdrawDossierInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().withdraw_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Khai báo cơ quan.
    async fn establish_agency(
        &self,
        ctx: &Context<'_>,
        input: EstablishAgencyInput,
    ) -> Result<AgencyPayload> {
        let outcome = ctx.service().establish_agency(ctx.caller()?, &input).await;
        of_agency(ctx, outcome).await
    }
}
