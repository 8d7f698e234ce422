//! Indicators of QĐ 766/QĐ-TTg, times of tasks, and what anybody may see of the figures.

use async_graphql::connection::{Connection, Edge, EmptyFields, OpaqueCursor, query};
use async_graphql::{ComplexObject, Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, FixedOffset};
use domain::dossier::Share;
use projections::Model;
use uuid::Uuid;

use super::boards::{FORMULA, PartInput, PeriodInput, ProgressBy, ProgressFigures, ProgressPart};
use super::objects::{Dossier, Procedure, local, local_micros};
use super::query::{checked_cursor, checked_page, page_size};
use super::{ContextExt, PAGE_DEFAULT, PositionText};
use crate::input::period;
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
    /// Bộ chỉ số QĐ 766/QĐ-TTg, of the dossiers received in a period, as of its end.
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

    /// Thời gian xử lý từng bước: of the tasks of one procedure that were done in a period.
    async fn step_times(
        &self,
        ctx: &Context<'_>,
        period: PeriodInput,
        #[graphql(desc = "With the code of a procedure.")] part: PartInput,
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
        #[graphql(default_with = "ProgressBy::Agency")] by: ProgressBy,
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

/// Tình hình giải quyết, as it is published.
#[derive(SimpleObject)]
pub struct PublicProgress {
    /// The instant that the figures hold for.
    pub as_of: DateTime<FixedOffset>,
    /// What `onTimePercent` is.
    pub formula: &'static str,
    pub rows: Vec<ProgressPart>,
    /// Of all of them, each dossier once.
    pub total: ProgressFigures,
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Indicators {
    /// The instant that they hold for. Payments and files are those that are known now.
    pub as_of: DateTime<FixedOffset>,
    pub indicators: Vec<IndicatorValue>,
    #[graphql(skip)]
    figures: Figures,
}

/// An indicator, by its number in QĐ 766/QĐ-TTg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Indicator {
    /// 1.4
    Synchronised,
    /// 2.1
    OnTime,
    /// 2.2
    ResolutionTime,
    /// 3.1: counts procedures.
    OnlineProvision,
    /// 3.3
    OnlineFiling,
    /// 3.6
    OnlinePayment,
    /// 4.1
    ElectronicResult,
    /// 4.2
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

#[derive(SimpleObject)]
pub struct IndicatorValue {
    pub indicator: Indicator,
    /// 2.1
    pub number: &'static str,
    pub name: &'static str,
    /// How it is computed.
    pub definition: &'static str,
    pub numerator: u64,
    pub denominator: u64,
    /// Per cent with two decimals. Null of nothing, and of 2.2.
    pub percent: Option<f64>,
    /// Of 2.2: working days of eight hours.
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

/// A dossier behind an indicator.
#[derive(SimpleObject)]
pub struct IndicatorEntry {
    pub dossier: Dossier,
    pub received_at: DateTime<FixedOffset>,
}

#[ComplexObject]
impl Indicators {
    /// The procedures that 3.1 counts, or with `counted: false` the others that it divides by.
    async fn procedures(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = true)] counted: bool,
    ) -> Result<Vec<Procedure>> {
        let offered = ctx.service().procedures_offered(&self.figures).await;
        let offered = offered.map_err(|error| ctx.error(error))?;
        let names = ctx.names().await?;
        let listed = offered.iter().filter(|offered| offered.is_online == counted);
        Ok(listed.map(|offered| Procedure::named(&names, offered.procedure_id)).collect())
    }

    /// The dossiers that an indicator counts, or with `counted: false` the others that it divides by.
    #[graphql(complexity = "1 + page_size(first) * child_complexity")]
    async fn dossiers(
        &self,
        ctx: &Context<'_>,
        indicator: Indicator,
        #[graphql(default = true)] counted: bool,
        #[graphql(desc = "At most 100; 20 if absent.")] first: Option<i32>,
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

/// How long a task took, in working hours without pauses: from the task before it, or from the receipt.
#[derive(SimpleObject)]
pub struct TaskTime {
    pub step: String,
    /// How often it was done.
    pub count: usize,
    pub median_hours: f64,
    /// Nine of ten took no longer.
    pub ninth_decile_hours: f64,
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
