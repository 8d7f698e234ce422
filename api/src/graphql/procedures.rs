//! The administrator's side: procedures and their forms, from draft to published version.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, Json, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::procedure::{self, Definition};
use serde_json::Value;

use super::ContextExt;
use super::objects::local;
use super::payload::{Problem, ProcedurePayload, of_procedure, problems};
use super::query::{checked_page, page_size};
use crate::input::{DraftProcedureInput, PublishProcedureInput};
use crate::problem::{Problem as ServiceProblem, ServiceError};
use crate::service::{self, Change, Difference};

/// Of looking for defects: a form of the largest size keeps a processor busy for half a second.
const CHECK_COST: usize = 500;

#[derive(Default)]
pub struct ProcedureMutation;

#[Object]
impl ProcedureMutation {
    /// Soạn thảo quy trình của một thủ tục. Defects do not keep it from being a draft; they are with `procedure.draft`. The
    /// definition that is there already changes nothing.
    async fn draft_procedure(
        &self,
        ctx: &Context<'_>,
        input: DraftProcedureInput,
    ) -> Result<ProcedurePayload> {
        let outcome = ctx.service().draft_procedure(ctx.caller()?, &input).await;
        of_procedure(ctx, outcome).await
    }

    /// Công bố bản thảo. It is in force from now on, for dossiers that enter from now on. Those that are there keep
    /// their version.
    async fn publish_procedure(
        &self,
        ctx: &Context<'_>,
        input: PublishProcedureInput,
    ) -> Result<ProcedurePayload> {
        let outcome = ctx.service().publish_draft(ctx.caller()?, &input).await;
        of_procedure(ctx, outcome).await
    }
}

#[derive(Default)]
pub struct ProcedureQuery;

#[Object]
impl ProcedureQuery {
    /// Kiểm tra trước khi lưu bản thảo. What is wrong with a definition and its form. Nothing is written.
    #[graphql(complexity = "CHECK_COST + child_complexity")]
    async fn validate_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã thủ tục hành chính (MaTTHC). Procedure code.")] code: String,
        #[graphql(desc = "Định nghĩa quy trình. As `draftProcedure` takes it.")] definition: Json<Value>,
    ) -> Result<ProcedureValidation> {
        let found = ctx.service().validate_procedure(ctx.caller()?, &code, &definition.0);
        match found {
            Ok(defects) => Ok(ProcedureValidation {
                publishable: !procedure::has_errors(&defects),
                problems: Vec::new(),
                defects: defects.into_iter().map(ProcedureDefect::from).collect(),
            }),
            Err(ServiceError::Problem(
                found @ (ServiceProblem::InvalidInput { .. } | ServiceProblem::UnreadableDefinition { .. }),
            )) => Ok(ProcedureValidation {
                publishable: false,
                problems: problems(ctx, found).await?,
                defects: Vec::new(),
            }),
            Err(error) => Err(ctx.error(error)),
        }
    }

    /// Các phiên bản của một thủ tục. Read from the log: a write is seen at once. For who works with dossiers; the
    /// draft is for administrators. Null where nothing was published that the caller may know of.
    async fn procedure_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã thủ tục hành chính (MaTTHC). Procedure code.")] code: String,
    ) -> Result<Option<ProcedureVersions>> {
        let found = ctx.service().procedure_versions(ctx.caller()?, &code).await;
        found.map(|found| found.map(ProcedureVersions)).map_err(|error| ctx.error(error))
    }

    /// So sánh hai phiên bản. Or a version with the draft, which is for administrators.
    #[graphql(complexity = "100 + child_complexity")]
    async fn compare_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mã thủ tục hành chính (MaTTHC). Procedure code.")] code: String,
        #[graphql(desc = "Phiên bản trước. Number of a published version.")] from: u32,
        #[graphql(desc = "Phiên bản sau. Number of a published version; the draft if absent.")] to: Option<
            u32,
        >,
    ) -> Result<ProcedureComparison> {
        let found = ctx.service().compare_procedure(ctx.caller()?, &code, from, to).await;
        let found = found.map_err(|error| ctx.error(error))?;
        let differences = found.differences.into_iter().map(ProcedureDifference::from).collect();
        Ok(ProcedureComparison { differences, has_more: found.has_more })
    }
}

pub struct ProcedureVersions(pub service::ProcedureVersions);

/// Các phiên bản của một thủ tục. All that was published, and what would be the next.
#[Object]
impl ProcedureVersions {
    /// Mã thủ tục hành chính (MaTTHC). Procedure code.
    async fn code(&self) -> &str {
        self.0.code.as_str()
    }

    /// Phiên bản luồng sự kiện. How often it was laid down and published. Pass it as `expectedVersion`. For
    /// administrators, as the draft is.
    async fn stream_version(&self) -> Option<i64> {
        self.0.stream_version.map(|version| version.0)
    }

    /// Bản thảo. What was laid down last; null where that was published, and unless the caller administers
    /// procedures.
    #[graphql(complexity = "CHECK_COST + child_complexity")]
    async fn draft(&self) -> Option<ProcedureDraft> {
        self.0.draft.as_ref().map(|draft| {
            let defects = draft.all_defects();
            ProcedureDraft {
                publishable: !procedure::has_errors(&defects),
                defects: defects.into_iter().map(ProcedureDefect::from).collect(),
                of: Arc::clone(&draft.definition),
            }
        })
    }

    /// Đã công bố. The newest first: that one is in force.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn published(
        &self,
        first: Option<i32>,
        #[graphql(desc = "Chỉ các phiên bản trước. Only those with a smaller number.")] before: Option<u32>,
    ) -> Result<Vec<ProcedureVersion>> {
        let first = usize::try_from(checked_page(first)?).unwrap_or(0);
        let wanted = self.0.published.iter();
        let wanted = wanted.filter(|version| before.is_none_or(|before| version.version < before));
        let version = |version: &procedure::InForce| ProcedureVersion {
            number: version.version,
            published_at: local(version.published_at),
            of: Arc::clone(&version.definition),
        };
        Ok(wanted.take(first).map(version).collect())
    }
}

/// Phiên bản đã công bố. It never changes.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedureVersion {
    /// Số phiên bản. From 1.
    pub number: u32,
    /// Thời điểm công bố. Since when it was in force.
    pub published_at: DateTime<FixedOffset>,
    #[graphql(skip)]
    of: Arc<Definition>,
}

#[ComplexObject]
impl ProcedureVersion {
    /// Tên thủ tục hành chính (TenTTHC). As this version has it.
    async fn name(&self) -> &str {
        &self.of.name
    }

    /// Định nghĩa quy trình. As under `definition` of the files that `motcua export procedures` writes.
    #[graphql(complexity = "20")]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        json(ctx, &self.of)
    }
}

/// Bản thảo. What would be the next version.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedureDraft {
    /// Có thể công bố. No defect is an error.
    pub publishable: bool,
    /// Các lỗi. Everything that is wrong with it, warnings as well.
    pub defects: Vec<ProcedureDefect>,
    #[graphql(skip)]
    of: Arc<Definition>,
}

#[ComplexObject]
impl ProcedureDraft {
    /// Tên thủ tục hành chính (TenTTHC). As the draft has it.
    async fn name(&self) -> &str {
        &self.of.name
    }

    /// Định nghĩa quy trình. As under `definition` of the files that `motcua export procedures` writes.
    #[graphql(complexity = "20")]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        json(ctx, &self.of)
    }
}

fn json(ctx: &Context<'_>, definition: &Definition) -> Result<Json<Value>> {
    serde_json::to_value(definition).map(Json).map_err(|error| ctx.error(error.into()))
}

/// Kết quả kiểm tra. What is wrong with a definition that was not written.
#[derive(SimpleObject)]
pub struct ProcedureValidation {
    /// Lý do không đọc được. Why it cannot be read, place by place: `draftProcedure` would refuse it. Empty when it
    /// can.
    pub problems: Vec<Problem>,
    /// Các lỗi. Everything that is wrong with it, warnings as well; empty where it cannot be read.
    pub defects: Vec<ProcedureDefect>,
    /// Có thể công bố. It can be read, and no defect is an error.
    pub publishable: bool,
}

/// Lỗi của quy trình hoặc biểu mẫu. Something wrong in a definition or its form.
#[derive(Clone, SimpleObject)]
pub struct ProcedureDefect {
    /// Mức độ. Whether it can be published all the same.
    pub severity: DefectSeverity,
    /// Vị trí lỗi. Where: `process`, `step[2]`, `step[2]/task[THU_LY]`, `form/properties/dien-tich`.
    pub element: String,
    /// Nội dung lỗi. What is wrong, in words.
    pub reason: String,
}

impl From<procedure::Defect> for ProcedureDefect {
    fn from(defect: procedure::Defect) -> Self {
        let procedure::Defect { severity, element, reason } = defect;
        let severity = match severity {
            procedure::Severity::Error => DefectSeverity::Error,
            procedure::Severity::Warning => DefectSeverity::Warning,
        };
        Self { severity, element, reason }
    }
}

/// Mức độ của lỗi. Whether a definition with the defect can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DefectSeverity {
    /// Lỗi. It stays a draft.
    Error,
    /// Cảnh báo. It can be published.
    Warning,
}

/// Kết quả so sánh. What differs between two versions, or a version and the draft.
#[derive(SimpleObject)]
pub struct ProcedureComparison {
    /// Các điểm khác nhau. In the order of the names of members, and of the items of a list.
    pub differences: Vec<ProcedureDifference>,
    /// Còn điểm khác chưa liệt kê. There are more than 1,000, and the rest is not listed.
    pub has_more: bool,
}

/// Một điểm khác nhau. Steps, tasks, papers and results are matched by code or name, not by their place: one of another
/// name is removed and added, and where something was put is not told.
#[derive(SimpleObject)]
pub struct ProcedureDifference {
    /// Vị trí thay đổi. For people: `steps[Giải quyết].tasks[THU_LY].half_days`.
    pub path: String,
    /// Loại thay đổi. What became of it.
    pub change: ProcedureChange,
    /// Giá trị trước. Absent of what was added. Of what changed places: the order in which it was.
    pub before: Option<Json<Value>>,
    /// Giá trị sau. Absent of what was removed. Of what changed places: the order in which it is.
    pub after: Option<Json<Value>>,
}

impl From<Difference> for ProcedureDifference {
    fn from(difference: Difference) -> Self {
        let Difference { path, change, before, after } = difference;
        let change = match change {
            Change::Added => ProcedureChange::Added,
            Change::Removed => ProcedureChange::Removed,
            Change::Changed => ProcedureChange::Changed,
            Change::Reordered => ProcedureChange::Reordered,
        };
        Self { path, change, before: before.map(Json), after: after.map(Json) }
    }
}

/// Loại thay đổi. What became of a part of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProcedureChange {
    /// Thêm. It was not there before.
    Added,
    /// Bỏ. It is not there any more.
    Removed,
    /// Sửa. It holds something else.
    Changed,
    /// Đổi thứ tự. It is the same, in another order.
    Reordered,
}
