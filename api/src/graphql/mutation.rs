//! What can be done. Every mutation has an idempotency key; those on a dossier may say which version the client saw.

use async_graphql::{Context, Object, Result};

use super::ContextExt;
use super::payload::{DossierPayload, of_dossier};
use crate::input::{
    AcceptDossierInput, AnswerInput, CollectResultInput, CompleteStepInput, ExtendDossierInput,
    FinishProcessingInput, ForwardDossierInput, GiveOpinionInput, IssueDecisionInput, NameDelegateInput,
    NoteInput, NotifyApplicantInput, PauseDossierInput, ProposeOutcomeInput, ReasonInput,
    ReceiveDossierInput, RecordPaymentInput, RefundPaymentInput, RefuseDossierInput, RegisterDossierInput,
    RemoveDelegateInput, RequestObligationInput, RequestOpinionInput, ReturnResultInput, SendDossierInput,
    SubmitDossierInput, SupplementInput, WaiveObligationInput, WithdrawDossierInput,
};

#[derive(Default)]
pub struct DossierMutation;

#[Object]
impl DossierMutation {
    /// Nộp hồ sơ trực tuyến. The dossier gets its code; no clock runs yet.
    async fn submit_dossier(&self, ctx: &Context<'_>, input: SubmitDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().submit_dossier(ctx.caller()?, &input, None).await;
        of_dossier(ctx, outcome).await
    }

    /// Tiếp nhận hồ sơ nộp trực tiếp hoặc qua bưu chính. The dossier enters and is received in one act.
    async fn register_dossier(
        &self,
        ctx: &Context<'_>,
        input: RegisterDossierInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().register_dossier(ctx.caller()?, &input, None).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu bổ sung trước khi tiếp nhận. There is no clock to stop.
    async fn request_intake_supplement(
        &self,
        ctx: &Context<'_>,
        input: SupplementInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().request_intake_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận bổ sung trước khi tiếp nhận. The dossier can be checked again.
    async fn supply_intake_supplement(
        &self,
        ctx: &Context<'_>,
        input: AnswerInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().supply_intake_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Từ chối tiếp nhận. Before receipt, for a reason that the applicant is told.
    async fn refuse_dossier(&self, ctx: &Context<'_>, input: RefuseDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().refuse_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Tiếp nhận và hẹn trả. The clock starts.
    async fn receive_dossier(&self, ctx: &Context<'_>, input: ReceiveDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().receive_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Phân công, chuyển trong cơ quan. The clock does not restart.
    async fn forward_dossier(&self, ctx: &Context<'_>, input: ForwardDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().forward_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Hoàn thành một công việc của quy trình. By whoever has the dossier in hand.
    async fn complete_step(&self, ctx: &Context<'_>, input: CompleteStepInput) -> Result<DossierPayload> {
        let outcome = ctx.service().complete_step(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu bổ sung giấy tờ sau khi tiếp nhận. The clock stops.
    async fn request_supplement(&self, ctx: &Context<'_>, input: SupplementInput) -> Result<DossierPayload> {
        let outcome = ctx.service().request_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận bổ sung sau khi tiếp nhận. The clock runs again, and the due instant moves by the time it stood still.
    async fn receive_supplement(&self, ctx: &Context<'_>, input: AnswerInput) -> Result<DossierPayload> {
        let outcome = ctx.service().receive_supplement(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Kết thúc xử lý. On time or late is measured here.
    async fn finish_processing(
        &self,
        ctx: &Context<'_>,
        input: FinishProcessingInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().finish_processing(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Trả kết quả. The applicant has it.
    async fn return_result(&self, ctx: &Context<'_>, input: ReturnResultInput) -> Result<DossierPayload> {
        let outcome = ctx.service().return_result(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận kết quả trực tuyến. The applicant, or who acts for them, takes the result: the dossier is returned, and the
    /// file of the result is theirs to download.
    async fn collect_result(&self, ctx: &Context<'_>, input: CollectResultInput) -> Result<DossierPayload> {
        let outcome = ctx.service().collect_result(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Ủy quyền cho người khác. The applicant, or the counter for them, says who acts in their place from now on.
    async fn name_delegate(&self, ctx: &Context<'_>, input: NameDelegateInput) -> Result<DossierPayload> {
        let outcome = ctx.service().name_delegate(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Chấm dứt ủy quyền. Nobody acts in the applicant's place any more.
    async fn remove_delegate(&self, ctx: &Context<'_>, input: RemoveDelegateInput) -> Result<DossierPayload> {
        let outcome = ctx.service().remove_delegate(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Công dân rút hồ sơ. The applicant takes it back.
    async fn withdraw_dossier(
        &self,
        ctx: &Context<'_>,
        input: WithdrawDossierInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().withdraw_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Chuyển hồ sơ sang cơ quan khác. The sender holds it until it is accepted there. The clock goes on.
    async fn send_dossier(&self, ctx: &Context<'_>, input: SendDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().send_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Nhận hồ sơ cơ quan khác chuyển đến. It is in the hands of this agency from now on.
    async fn accept_dossier(&self, ctx: &Context<'_>, input: AcceptDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().accept_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Không nhận, trả lại cơ quan chuyển. The dossier stays with the sender.
    async fn send_dossier_back(&self, ctx: &Context<'_>, input: ReasonInput) -> Result<DossierPayload> {
        let outcome = ctx.service().send_dossier_back(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Thu hồi hồ sơ đã chuyển hoặc phân công. Only before anybody has begun with it.
    async fn recall_dossier(&self, ctx: &Context<'_>, input: NoteInput) -> Result<DossierPayload> {
        let outcome = ctx.service().recall_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Lấy ý kiến cơ quan khác. The dossier stays, the clock goes on.
    async fn request_opinion(&self, ctx: &Context<'_>, input: RequestOpinionInput) -> Result<DossierPayload> {
        let outcome = ctx.service().request_opinion(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Cho ý kiến. By the agency that was asked.
    async fn give_opinion(&self, ctx: &Context<'_>, input: GiveOpinionInput) -> Result<DossierPayload> {
        let outcome = ctx.service().give_opinion(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Trình duyệt. The officer proposes how to decide.
    async fn propose_outcome(&self, ctx: &Context<'_>, input: ProposeOutcomeInput) -> Result<DossierPayload> {
        let outcome = ctx.service().propose_outcome(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Xét duyệt. A leader agrees to what was proposed.
    async fn approve_proposal(&self, ctx: &Context<'_>, input: NoteInput) -> Result<DossierPayload> {
        let outcome = ctx.service().approve_proposal(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu thụ lý lại. A leader does not agree: it is processed again.
    async fn request_rework(&self, ctx: &Context<'_>, input: ReasonInput) -> Result<DossierPayload> {
        let outcome = ctx.service().request_rework(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Ký duyệt. The decision is signed, and can be issued.
    async fn sign_decision(&self, ctx: &Context<'_>, input: NoteInput) -> Result<DossierPayload> {
        let outcome = ctx.service().sign_decision(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Phát hành. The signed document gets its number and stamp.
    async fn issue_decision(&self, ctx: &Context<'_>, input: IssueDecisionInput) -> Result<DossierPayload> {
        let outcome = ctx.service().issue_decision(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Tạm dừng tính thời hạn. The clock stands still for a reason of the list.
    async fn pause_dossier(&self, ctx: &Context<'_>, input: PauseDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().pause_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Tiếp tục giải quyết. The clock runs again.
    async fn resume_dossier(&self, ctx: &Context<'_>, input: NoteInput) -> Result<DossierPayload> {
        let outcome = ctx.service().resume_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Yêu cầu thực hiện nghĩa vụ tài chính. The clock stands still for it only where that is asked.
    async fn request_obligation(
        &self,
        ctx: &Context<'_>,
        input: RequestObligationInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().request_obligation(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Ghi nhận thanh toán. The same order again writes nothing; the last of it lets a clock run again that stood still for it.
    async fn record_payment(&self, ctx: &Context<'_>, input: RecordPaymentInput) -> Result<DossierPayload> {
        let outcome = ctx.service().record_payment(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Miễn, giảm. What is due of the obligation is due no more.
    async fn waive_obligation(
        &self,
        ctx: &Context<'_>,
        input: WaiveObligationInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().waive_obligation(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Hoàn trả. What came through a gateway goes back through it: the payment is `refunded` once the gateway says so.
    async fn refund_payment(&self, ctx: &Context<'_>, input: RefundPaymentInput) -> Result<DossierPayload> {
        let outcome = ctx.service().refund_payment(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Xin lỗi và gia hạn thời gian giải quyết. The law goes on measuring by the old appointment.
    async fn extend_dossier(&self, ctx: &Context<'_>, input: ExtendDossierInput) -> Result<DossierPayload> {
        let outcome = ctx.service().extend_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Dừng giải quyết hồ sơ. As long as no decision is signed.
    async fn stop_dossier(&self, ctx: &Context<'_>, input: ReasonInput) -> Result<DossierPayload> {
        let outcome = ctx.service().stop_dossier(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Ghi nhận đã thông báo cho người nộp. It writes down that it was done, and sends nothing.
    async fn notify_applicant(
        &self,
        ctx: &Context<'_>,
        input: NotifyApplicantInput,
    ) -> Result<DossierPayload> {
        let outcome = ctx.service().notify_applicant(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }

    /// Đính chính thao tác vừa thực hiện. Only as long as nothing else has happened since.
    async fn correct_last(&self, ctx: &Context<'_>, input: ReasonInput) -> Result<DossierPayload> {
        let outcome = ctx.service().correct_last(ctx.caller()?, &input).await;
        of_dossier(ctx, outcome).await
    }
}
