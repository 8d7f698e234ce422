//! What anybody may see of a dossier.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use projections::public_status::PublicStatus as PublicRow;

use super::ContextExt;
use super::objects::{Agency, Procedure, local_micros};
use super::stage::DossierStage;
use crate::messages::stage_name;

/// Tình trạng công khai của hồ sơ. What anybody may see; nothing about a person.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct PublicStatus {
    /// Mã số hồ sơ (MaHoSo). What it was looked up by.
    pub code: String,
    /// Trạng thái hồ sơ. Where it stands.
    pub stage: DossierStage,
    /// Mã trạng thái hồ sơ quốc gia (TrangThaiHoSo). From 1 to 10.
    pub national_code: u8,
    /// Tên trạng thái hồ sơ. The national name of the state, in Vietnamese.
    pub stage_name: &'static str,
    /// Ngày nộp hồ sơ (NgayNopHoSo). When it entered the system.
    pub submitted_at: DateTime<FixedOffset>,
    /// Ngày tiếp nhận (NgayTiepNhan). Null before.
    pub received_at: Option<DateTime<FixedOffset>>,
    /// Ngày hẹn trả (NgayHenTra). As promised now; null before receipt, and without an appointment.
    pub due_at: Option<DateTime<FixedOffset>>,
    /// Ngày kết thúc xử lý (NgayKetThucXuLy). Null before.
    pub ended_at: Option<DateTime<FixedOffset>>,
    /// Ngày trả kết quả (NgayTra). Null before.
    pub returned_at: Option<DateTime<FixedOffset>>,
    /// Đã xin lỗi, gia hạn. `dueAt` is the new appointment.
    pub extended: bool,
    #[graphql(skip)]
    row: PublicRow,
}

impl PublicStatus {
    pub(super) fn new(row: PublicRow) -> Self {
        let stage = row.stage;
        Self {
            code: row.code.clone(),
            stage: stage.into(),
            national_code: stage.national_code(),
            stage_name: stage_name(stage),
            submitted_at: local_micros(row.submitted_at),
            received_at: row.received_at.map(local_micros),
            due_at: row.due_at.map(local_micros),
            ended_at: row.ended_at.map(local_micros),
            returned_at: row.returned_at.map(local_micros),
            extended: row.legal_due_at != row.due_at,
            row,
        }
    }
}

#[ComplexObject]
impl PublicStatus {
    /// Thủ tục hành chính. What was applied for.
    async fn procedure(&self, ctx: &Context<'_>) -> Result<Procedure> {
        Ok(Procedure::named(&*ctx.names().await?, self.row.procedure_id))
    }

    /// Nơi tiếp nhận. The agency that takes it in and hands the result out.
    async fn receiving_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.receiving_agency))
    }

    /// Cơ quan có thẩm quyền giải quyết. The agency that decides.
    async fn competent_agency(&self, ctx: &Context<'_>) -> Result<Agency> {
        Ok(Agency::named(&*ctx.names().await?, self.row.competent_agency))
    }
}
