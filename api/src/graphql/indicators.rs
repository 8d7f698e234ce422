//! Indicators of QĐ 766/QĐ-TTg, times of tasks, and what anybody may see of the figures.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::Share;
use projections::Model;
use uuid::Uuid;

use super::boards::{PartInput, PeriodInput, ProgressBy, ProgressFigures, ProgressPart};
use super::dossier::Dossier;
use super::objects::{Procedure, local, local_micros};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::period;
use crate::messages::FORMULA;
use crate::service::{self, Figures, Measured, ProgressQuestion, StepTime, hours};

#[derive(Default)]
pub struct IndicatorQuery;

type IndicatorConnection = Connection<OpaqueCursor<(i64, Uuid)>, IndicatorEntry>;

fn question(
    period: &PeriodInput,
    by: ProgressBy,
    part: Option<PartInput>,
) -> Result<ProgressQuestion, crate::problem::Problem> {
    let days = period::days(&period.from, &period.to)?;
    Ok(ProgressQuestion { days, known_at: None, by: by.into(), part: part.unwrap_or_default().into() })
}

#[Object]
impl IndicatorQuery {
    /// Bộ chỉ số theo QĐ 766/QĐ-TTg. Of the dossiers received in a period, as of its end.
    async fn indicators(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        part: Option<PartInput>,
        min_position: Option<PositionText>,
    ) -> Result<Indicators> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let question = question(&period, ProgressBy::Agency, part)?;
            let models = [
                Model::DeadlineBoard,
                Model::DossierSummary,
                Model::PortalAcknowledgement,
                Model::ProcedureCatalogue,
            ];
            service.wait_for(&models, min_position.map(|position| position.0)).await?;
            let figures = service.progress(caller, &question).await?;
            let measured = service.indicators(&figures).await?;
            Ok((figures, measured))
        };
        let (figures, measured) = load.await.map_err(|error| ctx.error(error))?;
        let as_of = local(figures.as_of);
        Ok(Indicators { as_of, indicators: measured.iter().map(IndicatorValue::new).collect(), figures })
    }

    /// Thời gian xử lý từng bước. Of the tasks of one procedure that were done in a period.
    async fn step_times(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(desc = "Phạm vi hồ sơ. It has to have the code of a procedure.")] part: PartInput,
        min_position: Option<PositionText>,
    ) -> Result<Vec<TaskTime>> {
        let (caller, service) = (ctx.caller()?, ctx.service());
        let load = async {
            let question = question(&period, ProgressBy::Procedure, Some(part))?;
            service.wait_for(&[Model::DeadlineBoard], min_position.map(|position| position.0)).await?;
            let figures = service.progress(caller, &question).await?;
            service.step_times(caller, &figures).await
        };
        let times = load.await.map_err(|error| ctx.error(error))?;
        Ok(times.into_iter().map(TaskTime::new).collect())
    }

    /// Công khai tình hình giải quyết. Anybody may ask; nothing about a person or a single dossier.
    async fn public_progress(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(
            default_with = "ProgressBy::Agency",
            desc = "Tiêu chí tổng hợp. What the rows are added up by."
        )]
        by: ProgressBy,
        part: Option<PartInput>,
    ) -> Result<PublicProgress> {
        let service = ctx.service();
        let load = async { service.public_progress(&question(&period, by, part)?).await };
        let figures = load.await.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        Ok(PublicProgress {
            as_of: local(figures.as_of),
            formula: FORMULA,
            rows: figures.rows.iter().map(|row| ProgressPart::new(&names, row)).collect(),
            total: ProgressFigures::new(&figures.total),
        })
    }
}

/// Tình hình giải quyết. As it is published.
#[derive(SimpleObject)]
pub struct PublicProgress {
    /// Thời điểm của số liệu. The instant that the figures hold for.
    pub as_of: DateTime<FixedOffset>,
    /// Công thức tính tỷ lệ đúng hạn. What `onTimePercent` is, in Vietnamese.
    pub formula: &'static str,
    /// Số liệu từng phần. One row for each part in which there is something.
    pub rows: Vec<ProgressPart>,
    /// Tổng cộng. Of all of them, each dossier once.
    pub total: ProgressFigures,
}

/// Bộ chỉ số của một kỳ. The indicators of the dossiers received in a period.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Indicators {
    /// Thời điểm của số liệu. The instant that they hold for. Payments and files are those that are known now.
    pub as_of: DateTime<FixedOffset>,
    /// Các chỉ số. Each with its value, by number.
    pub indicators: Vec<IndicatorValue>,
    #[graphql(skip)]
    figures: Figures,
}

/// Chỉ số theo QĐ 766/QĐ-TTg. An indicator, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Indicator {
    /// Tỷ lệ hồ sơ đồng bộ lên Cổng Dịch vụ công quốc gia. Number 1.4.
    Synchronised,
    /// Tỷ lệ hồ sơ giải quyết đúng hạn. Number 2.1.
    OnTime,
    /// Thời gian giải quyết trung bình. Number 2.2.
    ResolutionTime,
    /// Tỷ lệ thủ tục hành chính cung cấp trực tuyến. Number 3.1: it counts procedures.
    OnlineProvision,
    /// Tỷ lệ hồ sơ nộp trực tuyến. Number 3.3.
    OnlineFiling,
    /// Tỷ lệ hồ sơ thanh toán trực tuyến. Number 3.6.
    OnlinePayment,
    /// Tỷ lệ cấp kết quả điện tử. Number 4.1.
    ElectronicResult,
    /// Tỷ lệ số hóa hồ sơ. Number 4.2.
    Digitised,
}

macro_rules! indicators {
    ($($variant:ident),+) => {
        impl From<Indicator> for service::Indicator {
            fn from(indicator: Indicator) -> Self {
                match indicator { $(Indicator::$variant => Self::$variant,)+ }
            }
        }

        impl From<service::Indicator> for Indicator {
            fn from(indicator: service::Indicator) -> Self {
                match indicator { $(service::Indicator::$variant => Self::$variant,)+ }
            }
        }
    };
}

indicators!(
    Synchronised,
    OnTime,
    ResolutionTime,
    OnlineProvision,
    OnlineFiling,
    OnlinePayment,
    ElectronicResult,
    Digitised
);

/// Giá trị của một chỉ số. What an indicator came to.
#[derive(SimpleObject)]
pub struct IndicatorValue {
    /// Chỉ số. Which one it is.
    pub indicator: Indicator,
    /// Số của chỉ số trong QĐ 766/QĐ-TTg. Such as `2.1`.
    pub number: &'static str,
    /// Tên chỉ số. In Vietnamese, as it is published.
    pub name: &'static str,
    /// Cách tính. How it is computed, in Vietnamese.
    pub definition: &'static str,
    /// Tử số. What is counted.
    pub numerator: u64,
    /// Mẫu số. What is divided by.
    pub denominator: u64,
    /// Tỷ lệ phần trăm. With two decimals; null of nothing, and of 2.2.
    pub percent: Option<f64>,
    /// Số ngày làm việc trung bình. Of 2.2: working days of eight hours; null of the others.
    pub working_days: Option<f64>,
}

impl IndicatorValue {
    fn new(measured: &Measured) -> Self {
        let indicator = measured.indicator;
        Self {
            indicator: indicator.into(),
            number: indicator.number(),
            name: indicator.name(),
            definition: indicator.definition(),
            numerator: measured.numerator,
            denominator: measured.denominator,
            percent: measured.share().map(Share::percent),
            working_days: measured.average.map(|average| (hours(average) / 8.0 * 100.0).round() / 100.0),
        }
    }
}

/// Một hồ sơ trong chỉ số. A dossier behind an indicator.
#[derive(SimpleObject)]
pub struct IndicatorEntry {
    /// Hồ sơ. As it is known now.
    pub dossier: Dossier,
    /// Ngày tiếp nhận (NgayTiepNhan). When it was received, which is in the period.
    pub received_at: DateTime<FixedOffset>,
}

#[ComplexObject]
impl Indicators {
    /// Các thủ tục của chỉ số 3.1. The procedures that 3.1 counts, or with `counted: false` the others that it
    /// divides by.
    async fn procedures(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = true,
            desc = "Thuộc tử số hay phần còn lại của mẫu số. Whether those that are counted are listed, or the others."
        )]
        counted: bool,
    ) -> Result<Vec<Procedure>> {
        let offered = ctx.service().procedures_offered(&self.figures).await;
        let offered = offered.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        let listed = offered.iter().filter(|offered| offered.is_online == counted);
        Ok(listed.map(|offered| Procedure::named(&names, offered.procedure_id)).collect())
    }

    /// Các hồ sơ của một chỉ số. The dossiers that an indicator counts, or with `counted: false` the others that it
    /// divides by.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Chỉ số nào. Which indicator's dossiers are listed.")] indicator: Indicator,
        #[graphql(
            default = true,
            desc = "Thuộc tử số hay phần còn lại của mẫu số. Whether those that are counted are listed, or the others."
        )]
        counted: bool,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<IndicatorConnection> {
        query(
            checked_cursor(after)?,
            None,
            Some(checked_page(first)?),
            None,
            |after, _, first, _| async move {
                let after = after.map(|OpaqueCursor(place)| place);
                let first = first.map_or(i64::from(PAGE_DEFAULT), |first: usize| first as i64);
                let (figures, indicator) = (&self.figures, indicator.into());
                let found = ctx.service().indicator_items(figures, indicator, counted, after, first).await;
                let (items, has_more) = found.map_err(|error| ctx.error(error))?;
                let mut connection: IndicatorConnection = Connection::new(after.is_some(), has_more);
                for (received_at, summary) in items {
                    let cursor = OpaqueCursor((received_at, summary.dossier_id));
                    let received_at = local_micros(received_at);
                    let entry = IndicatorEntry { dossier: Dossier::new(summary), received_at };
                    connection.edges.push(Edge::with_additional_fields(cursor, entry, EmptyFields));
                }
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }
}

/// Thời gian thực hiện một công việc. In working hours without pauses: from the task before it, or from the receipt.
#[derive(SimpleObject)]
pub struct TaskTime {
    /// Mã công việc. Code of the task.
    pub step: String,
    /// Số lần thực hiện. How often it was done.
    pub count: usize,
    /// Trung vị. Half of them took no longer, in working hours.
    pub median_hours: f64,
    /// Thập phân vị thứ chín. Nine of ten took no longer, in working hours.
    pub ninth_decile_hours: f64,
    /// Thời gian dài nhất. The longest of them, in working hours.
    pub longest_hours: f64,
}

impl TaskTime {
    fn new(time: StepTime) -> Self {
        let rounded = |time| (hours(time) * 100.0).round() / 100.0;
        Self {
            step: time.step,
            count: time.count,
            median_hours: rounded(time.median),
            ninth_decile_hours: rounded(time.ninth_decile),
            longest_hours: rounded(time.longest),
        }
    }
}
