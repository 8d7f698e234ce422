//! What a procedure says besides how it runs: online service, papers, fees, results, policies.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::codes::{PaperCode, ResultCode, StepCode};

/// From a day on the procedure is offered online to this extent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineService {
    pub from: NaiveDate,
    pub level: OnlineLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnlineLevel {
    /// Toàn trình: nobody has to come for anything.
    Full,
    /// Một phần.
    Partial,
    /// Cung cấp thông tin: what is needed can be read, nothing can be filed.
    Information,
}

/// A paper that a dossier is made of. A count of 0 says that none of the kind is asked for, or that the source is
/// silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    pub code: PaperCode,
    pub name: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub originals: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copies: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digital: u32,
    /// Kept for the applicant's later dossiers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reusable: bool,
    /// Without it the dossier is not complete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fee {
    pub channel: FeeChannel,
    pub kind: FeeKind,
    pub name: String,
    pub amount_vnd: u64,
}

/// Channels whose fees may differ (KENH of the national catalogue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeChannel {
    Counter,
    Online,
    Post,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeKind {
    /// Phí: covers the cost of a service.
    Fee,
    /// Lệ phí: a fixed charge by law.
    Charge,
}

/// What the applicant gets: a licence, a certificate, a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultKind {
    pub code: ResultCode,
    pub name: String,
}

/// What a procedure may choose beyond the due instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policies {
    /// how often the appointment may be put off. Source: docs/legal/rules.md#r-78
    pub extensions_max: u32,
    /// within how many hours of office time a filing online is answered. Source: docs/legal/rules.md#r-79
    pub answer_within_working_hours: u32,
    /// The task after which the tax notice is due: land dossiers have two appointments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_after: Option<StepCode>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { extensions_max: 1, answer_within_working_hours: 8, notice_after: None }
    }
}

impl Policies {
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
