//! What is measured beside deadlines: the indicators of QĐ 766/QĐ-TTg that this system can tell, and how long tasks took.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use domain::calendar::Calendar;
use domain::dossier::{PaymentMethod, Share};
use domain::identity::ProcedureId;
use domain::procedure::{self, OnlineLevel, Procedure};
use domain::time::local_date;
use domain::working_time::{OfficeHours, office_time};
use infrastructure::event_store::instant;
use projections::deadline_board::{self, State, Stretch};
use projections::dossier_summary::DossierSummary;
use projections::indicators::{self, Received, Run};
use uuid::Uuid;

use super::boards::page;
use super::{Caller, Figures, Service};
use crate::problem::{Problem, ServiceError};

/// Rows that are looked at for one answer.
const ROWS_MAX: i64 = 300_000;

/// An indicator, by its number in QĐ 766/QĐ-TTg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Indicator {
    /// 1.4
    Synchronised,
    /// 2.1
    OnTime,
    /// 2.2
    ResolutionTime,
    /// 3.1
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

impl Indicator {
    pub const ALL: [Self; 8] = [
        Self::Synchronised,
        Self::OnTime,
        Self::ResolutionTime,
        Self::OnlineProvision,
        Self::OnlineFiling,
        Self::OnlinePayment,
        Self::ElectronicResult,
        Self::Digitised,
    ];

    pub fn number(self) -> &'static str {
        match self {
            Self::Synchronised => "1.4",
            Self::OnTime => "2.1",
            Self::ResolutionTime => "2.2",
            Self::OnlineProvision => "3.1",
            Self::OnlineFiling => "3.3",
            Self::OnlinePayment => "3.6",
            Self::ElectronicResult => "4.1",
            Self::Digitised => "4.2",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Synchronised => "Tỷ lệ hồ sơ đồng bộ lên Cổng Dịch vụ công quốc gia",
            Self::OnTime => "Tỷ lệ hồ sơ giải quyết đúng hạn",
            Self::ResolutionTime => "Thời gian giải quyết trung bình",
            Self::OnlineProvision => "Tỷ lệ thủ tục hành chính cung cấp trực tuyến",
            Self::OnlineFiling => "Tỷ lệ hồ sơ nộp trực tuyến",
            Self::OnlinePayment => "Tỷ lệ hồ sơ thanh toán trực tuyến",
            Self::ElectronicResult => "Tỷ lệ cấp kết quả điện tử",
            Self::Digitised => "Tỷ lệ số hóa hồ sơ",
        }
    }

    /// How it is computed, for people.
    pub fn definition(self) -> &'static str {
        match self {
            Self::Synchronised => {
                "Hồ sơ mà Cổng Dịch vụ công quốc gia đã xác nhận có, kể cả việc tiếp nhận, đến cuối kỳ, trên tổng số hồ sơ \
                 tiếp nhận trong kỳ theo hệ thống này."
            }
            Self::OnTime => {
                "Hồ sơ tiếp nhận trong kỳ có ngày kết thúc xử lý không sau ngày hẹn trả, trên tổng số hồ sơ tiếp nhận trong \
                 kỳ. Chưa kết thúc thì tính đến cuối kỳ; đang chờ bổ sung lần đầu thì tính đến lúc yêu cầu bổ sung; yêu \
                 cầu bổ sung quá một lần là quá hạn."
            }
            Self::ResolutionTime => {
                "Thời gian làm việc trung bình từ khi tiếp nhận đến khi xử lý xong, trừ thời gian tạm dừng, của hồ sơ tiếp \
                 nhận trong kỳ và đã có kết quả đến cuối kỳ; đơn vị: ngày làm việc 8 giờ."
            }
            Self::OnlineProvision => {
                "Thủ tục hành chính cung cấp trực tuyến toàn trình hoặc một phần vào ngày cuối kỳ, trên tổng số thủ tục \
                 đang áp dụng. Chỉ tính cho toàn tỉnh: danh mục không ghi cơ quan thực hiện."
            }
            Self::OnlineFiling => "Hồ sơ nộp trực tuyến trên tổng số hồ sơ tiếp nhận trong kỳ.",
            Self::OnlinePayment => {
                "Hồ sơ có thanh toán trực tuyến trên số hồ sơ có phí, lệ phí hoặc thuế phải nộp, trong số hồ sơ tiếp nhận \
                 trong kỳ."
            }
            Self::ElectronicResult => {
                "Hồ sơ có tệp kết quả điện tử trên số hồ sơ tiếp nhận trong kỳ đã có kết quả đến cuối kỳ."
            }
            Self::Digitised => "Hồ sơ có thành phần hồ sơ được số hóa trên tổng số hồ sơ tiếp nhận trong kỳ.",
        }
    }

    /// Whether a dossier belongs to what is divided by, and if so whether to what is counted.
    fn counts(self, dossier: &Received, end: i64) -> Option<bool> {
        match self {
            Self::Synchronised => Some(dossier.portal_has_it),
            Self::OnlineProvision => None,
            Self::OnTime => Some(dossier.measure().is_on_time(instant(end))),
            Self::ResolutionTime => dossier.resolved_at().map(|_| true),
            Self::OnlineFiling => Some(dossier.is_online()),
            Self::OnlinePayment => {
                let obligations = &dossier.finance.0.obligations;
                let mut payments = obligations.iter().flat_map(|obligation| &obligation.payments);
                (!obligations.is_empty()).then(|| {
                    payments.any(|payment| match payment.method {
                        PaymentMethod::NationalGateway | PaymentMethod::LocalGateway => !payment.refunded,
                        PaymentMethod::Cash | PaymentMethod::BankTransfer => false,
                    })
                })
            }
            Self::ElectronicResult => dossier.resolved_at().map(|_| 0 < dossier.result_files),
            Self::Digitised => Some(0 < dossier.paper_files),
        }
    }
}

/// A measured indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub indicator: Indicator,
    pub numerator: u64,
    pub denominator: u64,
    /// Of 2.2 only.
    pub average: Option<TimeDelta>,
}

impl Measured {
    /// `None` of nothing, and of 2.2.
    pub fn share(&self) -> Option<Share> {
        match self.indicator {
            Indicator::ResolutionTime => None,
            _ => Share::of(self.numerator, self.denominator),
        }
    }
}

/// A procedure that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    pub procedure_id: Uuid,
    /// At least in part.
    pub is_online: bool,
}

/// How long a task took, in working time without pauses: from the task before it, or from the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTime {
    pub step: String,
    pub count: usize,
    pub median: TimeDelta,
    /// Nine of ten took no longer.
    pub ninth_decile: TimeDelta,
    pub longest: TimeDelta,
}

impl Service {
    /// The indicators over the dossiers of some figures: those received in the period.
    pub async fn indicators(&self, figures: &Figures) -> Result<Vec<Measured>, ServiceError> {
        let received = self.received(figures).await?;
        let range = (figures.period.start, figures.period.end);
        let runs = indicators::runs(self.database(), range, &figures.within).await?;
        let average = self.average(&received, &runs, figures.period.end).await?;
        let procedures = self.procedures_offered(figures).await?;
        let measure = |indicator: Indicator| {
            let dossiers = received.iter().filter_map(|row| indicator.counts(row, figures.period.end));
            let procedures = procedures.iter().filter(|_| indicator == Indicator::OnlineProvision);
            let (mut numerator, mut denominator) = (0, 0);
            for is_counted in dossiers.chain(procedures.map(|offered| offered.is_online)) {
                denominator += 1;
                numerator += u64::from(is_counted);
            }
            let average = average.filter(|_| indicator == Indicator::ResolutionTime);
            Measured { indicator, numerator, denominator, average }
        };
        Ok(Indicator::ALL.into_iter().map(measure).collect())
    }

    /// The procedures in force at the end of the period, by code. None for an agency: the catalogue does not say who
    /// handles what.
    pub async fn procedures_offered(&self, figures: &Figures) -> Result<Vec<Offered>, ServiceError> {
        let within = &figures.within;
        if within.agency.is_some() {
            return Ok(Vec::new());
        }
        let names = self.names().await?;
        let ids = names.procedures.keys().filter(|id| within.procedure.is_none_or(|wanted| wanted == **id));
        let streams: Vec<(Uuid, String)> = ids.map(|id| (*id, procedure::stream(ProcedureId(*id)))).collect();
        let wanted: Vec<String> = streams.iter().map(|(_, stream)| stream.clone()).collect();
        let mut loaded = self.executor.load_all::<Procedure>(&wanted).await?;
        let day = local_date(figures.as_of);
        let mut offered = Vec::new();
        for (procedure_id, stream) in streams {
            let Some(procedure) = loaded.remove(&stream).transpose()? else { continue };
            let Some(in_force) = procedure.state.in_force_at(figures.as_of) else { continue };
            if within.field.is_some() && within.field != in_force.definition.field {
                continue;
            }
            let is_online = match in_force.definition.online_level(day) {
                Some(OnlineLevel::Full | OnlineLevel::Partial) => true,
                Some(OnlineLevel::Information) | None => false,
            };
            offered.push((in_force.code, Offered { procedure_id, is_online }));
        }
        offered.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(offered.into_iter().map(|(_, offered)| offered).collect())
    }

    /// The dossiers that an indicator counts, or those of the rest that it divides by; in the order of their receipt.
    pub async fn indicator_items(
        &self,
        figures: &Figures,
        indicator: Indicator,
        is_counted: bool,
        after: Option<(i64, Uuid)>,
        first: i64,
    ) -> Result<(Vec<(i64, DossierSummary)>, bool), ServiceError> {
        let received = self.received(figures).await?;
        let rows = received
            .into_iter()
            .filter(|row| row.is_seen)
            .filter(|row| after.is_none_or(|after| after < (row.received_at, row.dossier_id)))
            .filter(|row| indicator.counts(row, figures.period.end) == Some(is_counted))
            .take(usize::try_from(first + 1).unwrap_or(usize::MAX))
            .collect();
        let (rows, has_more): (Vec<Received>, bool) = page(rows, first);
        let mut summaries = self.summaries(rows.iter().map(|row| row.dossier_id)).await?;
        let found = rows
            .into_iter()
            .filter_map(|row| summaries.remove(&row.dossier_id).map(|summary| (row.received_at, summary)));
        Ok((found.collect(), has_more))
    }

    async fn received(&self, figures: &Figures) -> Result<Vec<Received>, ServiceError> {
        let range = (figures.period.start, figures.period.end);
        let rows = indicators::received(self.database(), range, &figures.within, ROWS_MAX).await?;
        bounded(rows)
    }

    /// Working time from receipt to end, over the stretches in which the clock ran.
    async fn average(
        &self,
        received: &[Received],
        runs: &[Run],
        end: i64,
    ) -> Result<Option<TimeDelta>, ServiceError> {
        let resolved: HashMap<Uuid, i64> = received
            .iter()
            .filter_map(|row| row.resolved_at().map(|at| (row.dossier_id, at.min(end))))
            .collect();
        let calendar = self.calendar(None).await?;
        let mut sum = TimeDelta::zero();
        for run in runs {
            if let Some(ended_at) = resolved.get(&run.dossier_id) {
                sum += working_time(&calendar, run.from_at, run.until_at.min(*ended_at))?;
            }
        }
        let count = i32::try_from(resolved.len()).unwrap_or(i32::MAX);
        Ok((0 < count).then(|| sum / count))
    }

    /// How long the tasks of a procedure took that were done in the period: where dossiers wait.
    pub async fn step_times(
        &self,
        caller: &Caller,
        figures: &Figures,
    ) -> Result<Vec<StepTime>, ServiceError> {
        Self::scope(caller)?;
        let Some(procedure) = figures.within.procedure else {
            return Err(Problem::invalid("part.procedure", "tasks are those of one procedure").into());
        };
        let range = (figures.period.start, figures.period.end.saturating_add(1));
        let lives =
            deadline_board::lives(self.database(), procedure, range, &figures.within, ROWS_MAX).await?;
        let lives = bounded(lives)?;
        let calendar = self.calendar(None).await?;
        let mut times: BTreeMap<String, Vec<TimeDelta>> = BTreeMap::new();
        for life in lives.chunk_by(|one, next| one.dossier_id == next.dossier_id) {
            for (step, at, time) in passages(life, &calendar)? {
                if (range.0..range.1).contains(&at) {
                    times.entry(step).or_default().push(time);
                }
            }
        }
        Ok(times.into_iter().filter_map(|(step, times)| StepTime::of(step, times)).collect())
    }
}

impl StepTime {
    fn of(step: String, mut times: Vec<TimeDelta>) -> Option<Self> {
        times.sort_unstable();
        // The smallest that so many tenths do not exceed.
        let tenths =
            |tenths: usize| times.get((times.len() * tenths).div_ceil(10).saturating_sub(1)).copied();
        Some(Self {
            step,
            count: times.len(),
            median: tenths(5)?,
            ninth_decile: tenths(9)?,
            longest: times.last().copied()?,
        })
    }
}

/// Tasks of one dossier: which, when it was done, and the working time since the one before it.
fn passages(
    life: &[Stretch],
    calendar: &Arc<Calendar>,
) -> Result<Vec<(String, i64, TimeDelta)>, ServiceError> {
    let (mut passages, mut time) = (Vec::new(), TimeDelta::zero());
    for stretch in life {
        if stretch.step_done
            && let Some(step) = &stretch.step
        {
            passages.push((step.clone(), stretch.from_at, std::mem::take(&mut time)));
        }
        if stretch.state == State::Running && stretch.until_at != deadline_board::FOR_EVER {
            time += working_time(calendar, stretch.from_at, stretch.until_at)?;
        }
    }
    Ok(passages)
}

/// By the national calendar and the usual office hours: figures of many agencies have one measure. A policy.
fn working_time(calendar: &Calendar, from: i64, until: i64) -> Result<TimeDelta, Problem> {
    office_time(instant(from), instant(until), calendar, &OfficeHours::default())
        .map_err(|error| Problem::Refused { code: "CALENDAR_UNKNOWN", reason: error.to_string() })
}

/// Hours, in whole minutes.
#[expect(clippy::cast_precision_loss, reason = "minutes of dossiers fit")]
pub(crate) fn hours(time: TimeDelta) -> f64 {
    time.num_minutes() as f64 / 60.0
}

fn bounded<T>(rows: Vec<T>) -> Result<Vec<T>, ServiceError> {
    if ROWS_MAX < rows.len() as i64 {
        let reason = format!("more than {ROWS_MAX} rows: choose fewer days or an agency");
        return Err(Problem::Refused { code: "TABLE_TOO_LONG", reason }.into());
    }
    Ok(rows)
}
