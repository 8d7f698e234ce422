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

    /// Công bố bản thảo: it is in force from now on, for dossiers that enter from now on. Those that are there keep their
    /// version.
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
    /// Kiểm tra trước khi lưu bản thảo: what is wrong with a definition and its form. Nothing is written.
    #[graphql(complexity = "CHECK_COST + child_complexity")]
    async fn validate_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "MaTTHC.")] code: String,
        #[graphql(desc = "As `draftProcedure` takes it.")] definition: Json<Value>,
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

    /// Các phiên bản của một thủ tục, read from the log: a write is seen at once. For who works with dossiers; the draft is
    /// for administrators. Null where nothing was published that the caller may know of.
    async fn procedure_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "MaTTHC.")] code: String,
    ) -> Result<Option<ProcedureVersions>> {
        let found = ctx.service().procedure_versions(ctx.caller()?, &code).await;
        found.map(|found| found.map(ProcedureVersions)).map_err(|error| ctx.error(error))
    }

    /// So sánh hai phiên bản, or a version with the draft, which is for administrators.
    #[graphql(complexity = "100 + child_complexity")]
    async fn compare_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "MaTTHC.")] code: String,
        #[graphql(desc = "Number of a published version.")] from: u32,
        #[graphql(desc = "Number of a published version; the draft if absent.")] to: Option<u32>,
    ) -> Result<ProcedureComparison> {
        let found = ctx.service().compare_procedure(ctx.caller()?, &code, from, to).await;
        let found = found.map_err(|error| ctx.error(error))?;
        let differences = found.differences.into_iter().map(ProcedureDifference::from).collect();
        Ok(ProcedureComparison { differences, has_more: found.has_more })
    }
}

pub struct ProcedureVersions(pub service::ProcedureVersions);

/// Các phiên bản của một thủ tục, and what would be the next.
#[Object]
impl ProcedureVersions {
    /// MaTTHC.
    async fn code(&self) -> &str {
        self.0.code.as_str()
    }

    /// How often it was laid down and published. Pass it as `expectedVersion`. For administrators, as the draft is.
    async fn stream_version(&self) -> Option<i64> {
        self.0.stream_version.map(|version| version.0)
    }

    /// Bản thảo.
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

    /// Đã công bố, the newest first: that one is in force.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn published(
        &self,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
        #[graphql(desc = "Only those with a smaller number.")] before: Option<u32>,
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

/// Phiên bản đã công bố: it never changes.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedureVersion {
    /// From 1.
    pub number: u32,
    pub published_at: DateTime<FixedOffset>,
    #[graphql(skip)]
    of: Arc<Definition>,
}

#[ComplexObject]
impl ProcedureVersion {
    /// TenTTHC.
    async fn name(&self) -> &str {
        &self.of.name
    }

    /// As under `definition` of the files that `motcua export procedures` writes.
    #[graphql(complexity = "20")]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        json(ctx, &self.of)
    }
}

/// Bản thảo.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ProcedureDraft {
    /// No defect is an error.
    pub publishable: bool,
    pub defects: Vec<ProcedureDefect>,
    #[graphql(skip)]
    of: Arc<Definition>,
}

#[ComplexObject]
impl ProcedureDraft {
    /// TenTTHC.
    async fn name(&self) -> &str {
        &self.of.name
    }

    /// As under `definition` of the files that `motcua export procedures` writes.
    #[graphql(complexity = "20")]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        json(ctx, &self.of)
    }
}

fn json(ctx: &Context<'_>, definition: &Definition) -> Result<Json<Value>> {
    serde_json::to_value(definition).map(Json).map_err(|error| ctx.error(error.into()))
}

/// Kết quả kiểm tra.
#[derive(SimpleObject)]
pub struct ProcedureValidation {
    /// Why it cannot be read, place by place: `draftProcedure` would refuse it. Empty when it can.
    pub problems: Vec<Problem>,
    pub defects: Vec<ProcedureDefect>,
    /// It can be read, and no defect is an error.
    pub publishable: bool,
}

/// Lỗi của quy trình hoặc biểu mẫu.
#[derive(Clone, SimpleObject)]
pub struct ProcedureDefect {
    pub severity: DefectSeverity,
    /// Where: `process`, `step[2]`, `step[2]/task[THU_LY]`, `form/properties/dien-tich`.
    pub element: String,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DefectSeverity {
    /// Lỗi: it stays a draft.
    Error,
    /// Cảnh báo: it can be published.
    Warning,
}

/// Kết quả so sánh.
#[derive(SimpleObject)]
pub struct ProcedureComparison {
    /// In the order of the names of members, and of the items of a list.
    pub differences: Vec<ProcedureDifference>,
    /// There are more than 1,000, and the rest is not listed.
    pub has_more: bool,
}

/// Một điểm khác nhau. Steps, tasks, papers and results are matched by code or name, not by their place: one of another
/// name is removed and added, and where something was put is not told.
#[derive(SimpleObject)]
pub struct ProcedureDifference {
    /// For people: `steps[Giải quyết].tasks[THU_LY].half_days`.
    pub path: String,
    pub change: ProcedureChange,
    /// Absent of what was added. Of what changed places: the order in which it was.
    pub before: Option<Json<Value>>,
    /// Absent of what was removed. Of what changed places: the order in which it is.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ProcedureChange {
    /// Thêm.
    Added,
    /// Bỏ.
    Removed,
    /// Sửa.
    Changed,
    /// Đổi thứ tự.
    Reordered,
}
