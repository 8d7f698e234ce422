//! Tables to take away: figures of agencies, indicators, times of tasks, and the dossiers behind a number of the deadline board.

use std::collections::HashMap;
use std::sync::Arc;

use domain::calendar::Calendar;
use domain::dossier::{FinancialState, Share};
use domain::identity::AgencyId;
use domain::time::{Instant, local, local_date};
use infrastructure::event_store::instant;
use projections::deadline_board::Class;
use projections::progress::Progress;
use uuid::Uuid;

use super::indicators::hours;
use super::{
    Board, BoardItem, BoardQuestion, Caller, Figures, GroupKey, Measured, Names, ProgressQuestion, Service,
};
use crate::messages::{FORMULA, stage_name};
use crate::problem::{Problem, ServiceError};
use crate::tables::{Cell, Column, Table};

/// Dossiers of one table: more than anybody reads, and less than holds up a server.
const DOSSIERS_MAX: usize = 20_000;
const PAGE: i64 = 500;

/// Of working time.
const HOURS_OF_A_DAY: f64 = 8.0;

const fn column(title: &'static str, width: u16) -> Column {
    Column { title, width }
}

const PROGRESS: &[Column] = &[
    column("Mã", 18),
    column("Tên", 40),
    column("Kỳ trước chuyển sang", 12),
    column("Tiếp nhận trong kỳ", 12),
    column("Trong đó: trực tuyến", 12),
    column("Trong đó: bưu chính", 12),
    column("Nhận từ cơ quan được kế thừa", 14),
    column("Chuyển cho cơ quan kế thừa", 14),
    column("Phải giải quyết", 12),
    column("Đã giải quyết", 12),
    column("Trước hạn", 10),
    column("Đúng hạn", 10),
    column("Quá hạn", 10),
    column("Đang giải quyết", 12),
    column("Chưa đến hạn", 10),
    column("Đang giải quyết quá hạn", 12),
    column("Tạm dừng", 10),
    column("Công dân rút", 10),
    column("Dừng giải quyết", 10),
    column("Từ chối tiếp nhận", 10),
    column("Tỷ lệ trước và đúng hạn (%)", 12),
];

const DOSSIERS: &[Column] = &[
    column("Mã hồ sơ", 28),
    column("Thủ tục hành chính", 48),
    column("Cơ quan có thẩm quyền", 32),
    column("Cơ quan đang giữ", 32),
    column("Ngày tiếp nhận", 17),
    column("Hạn trả kết quả", 17),
    column("Trạng thái", 24),
    column("Nghĩa vụ tài chính", 16),
    column("Số ngày làm việc quá hạn", 12),
];

const INDICATORS: &[Column] = &[
    column("Chỉ số", 8),
    column("Tên chỉ số", 40),
    column("Tử số", 10),
    column("Mẫu số", 10),
    column("Tỷ lệ (%)", 10),
    column("Trung bình (ngày làm việc)", 12),
    column("Cách tính", 90),
];

const STEP_TIMES: &[Column] = &[
    column("Bước", 24),
    column("Số lần thực hiện", 12),
    column("Trung vị (giờ làm việc)", 12),
    column("90 % không quá (giờ làm việc)", 14),
    column("Lâu nhất (giờ làm việc)", 12),
];

impl Service {
    /// Các chỉ số theo QĐ 766/QĐ-TTg, over the dossiers received in the period of the question.
    pub async fn indicators_table(
        &self,
        caller: &Caller,
        question: &ProgressQuestion,
    ) -> Result<Table, ServiceError> {
        let figures = self.progress(caller, question).await?;
        let rows = self.indicators(&figures).await?.into_iter().map(|measured| {
            let Measured { indicator, numerator, denominator, average } = measured;
            vec![
                indicator.number().into(),
                indicator.name().into(),
                Cell::Count(i64::try_from(numerator).unwrap_or(i64::MAX)),
                Cell::Count(i64::try_from(denominator).unwrap_or(i64::MAX)),
                measured.share().map(Share::percent).map_or(Cell::Empty, Cell::Decimal),
                average.map_or(Cell::Empty, |average| Cell::Decimal(hours(average) / HOURS_OF_A_DAY)),
                indicator.definition().into(),
            ]
        });
        Ok(Table {
            title: "Chỉ số phục vụ người dân, doanh nghiệp (QĐ 766/QĐ-TTg)".to_owned(),
            notes: period_notes(&figures),
            columns: INDICATORS.to_vec(),
            rows: rows.collect(),
        })
    }

    /// Thời gian từng bước: how long the tasks of one procedure took.
    pub async fn step_times_table(
        &self,
        caller: &Caller,
        question: &ProgressQuestion,
    ) -> Result<Table, ServiceError> {
        let figures = self.progress(caller, question).await?;
        let rows = self.step_times(caller, &figures).await?.into_iter().map(|time| {
            vec![
                time.step.as_str().into(),
                Cell::Count(i64::try_from(time.count).unwrap_or(i64::MAX)),
                Cell::Decimal(hours(time.median)),
                Cell::Decimal(hours(time.ninth_decile)),
                Cell::Decimal(hours(time.longest)),
            ]
        });
        let mut notes = period_notes(&figures);
        notes.push("Từ bước trước hoặc từ khi tiếp nhận, trừ thời gian tạm dừng".to_owned());
        Ok(Table {
            title: "Thời gian giải quyết từng bước".to_owned(),
            notes,
            columns: STEP_TIMES.to_vec(),
            rows: rows.collect(),
        })
    }

    /// Tình hình giải quyết hồ sơ: the figures of [`Service::progress`], a line for each part, and for all of them.
    pub async fn progress_table(
        &self,
        caller: &Caller,
        question: &ProgressQuestion,
    ) -> Result<Table, ServiceError> {
        let figures = self.progress(caller, question).await?;
        let names = self.names().await?;
        let mut named: Vec<((String, String), &Progress)> =
            figures.rows.iter().map(|(key, row)| (part_of(&names, key), row)).collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut rows: Vec<Vec<Cell>> = named
            .into_iter()
            .map(|((code, name), row)| figures_of(code.as_str().into(), &name, row))
            .collect();
        rows.push(figures_of(Cell::Empty, "Tổng số", &figures.total));
        let mut notes = period_notes(&figures);
        notes.extend([
            "Phải giải quyết = kỳ trước chuyển sang + tiếp nhận trong kỳ + nhận kế thừa − chuyển kế thừa"
                .to_owned(),
            format!("Tỷ lệ = {FORMULA}; để trống khi chưa giải quyết hồ sơ nào"),
        ]);
        Ok(Table {
            title: "Tình hình giải quyết hồ sơ thủ tục hành chính".to_owned(),
            notes,
            columns: PROGRESS.to_vec(),
            rows,
        })
    }

    /// The dossiers behind a number of the board as of an instant, the earliest due first.
    pub async fn board_table(
        &self,
        caller: &Caller,
        class: Class,
        question: &BoardQuestion,
    ) -> Result<Table, ServiceError> {
        let board = self.deadline_board(caller, question).await?;
        let names = self.names().await?;
        let mut lateness = Lateness { service: self, at: board.at, calendars: HashMap::new() };
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let (items, has_more) = self.board_items(&board, class, after, PAGE).await?;
            if DOSSIERS_MAX < rows.len() + items.len() {
                let reason = format!("more than {DOSSIERS_MAX} dossiers: choose an agency");
                return Err(Problem::Refused { code: "TABLE_TOO_LONG", reason }.into());
            }
            after = items.last().map(|item| (item.item.due_at, item.item.dossier_id));
            for item in items {
                rows.push(dossier(&names, &mut lateness, &item).await?);
            }
            if !has_more || after.is_none() {
                break;
            }
        }
        Ok(Table {
            title: title(class).to_owned(),
            notes: vec![format!("Tính đến {}", moment(board.at)), format!("{} hồ sơ", rows.len())],
            columns: DOSSIERS.to_vec(),
            rows,
        })
    }

    /// Working days that a dossier of the board has been overdue: those after its due day, to the day of the board, by
    /// the calendar of the receiving agency. `None` where it is not overdue, or no calendar says.
    pub async fn working_days_late(
        &self,
        board: &Board,
        items: &[BoardItem],
    ) -> Result<Vec<Option<i64>>, ServiceError> {
        let mut lateness = Lateness { service: self, at: board.at, calendars: HashMap::new() };
        let mut days = Vec::with_capacity(items.len());
        for item in items {
            days.push(lateness.of(item).await?);
        }
        Ok(days)
    }
}

fn title(class: Class) -> &'static str {
    match class {
        Class::Overdue => "Hồ sơ quá hạn",
        Class::DueToday => "Hồ sơ đến hạn hôm nay",
        Class::DueSoon => "Hồ sơ sắp đến hạn",
        Class::OnTime => "Hồ sơ chưa đến hạn",
        Class::Paused => "Hồ sơ tạm dừng",
        Class::IntakeWaiting => "Hồ sơ trực tuyến chờ trả lời",
        Class::IntakeOverdue => "Hồ sơ trực tuyến quá hạn trả lời",
        Class::Unanswered => "Hồ sơ quá hạn bổ sung",
    }
}

fn moment(at: Instant) -> String {
    local(at).format("%H:%M ngày %d/%m/%Y").to_string()
}

fn agency_of(names: &Names, id: Uuid) -> (String, String) {
    match names.agencies.get(&id) {
        Some(row) => (row.code.clone(), row.name.clone()),
        None => (id.to_string(), String::new()),
    }
}

/// Code and name of what figures are about.
fn part_of(names: &Names, key: &GroupKey) -> (String, String) {
    match (key.agency, key.procedure) {
        (Some(agency), _) => agency_of(names, agency),
        (None, Some(procedure)) => match names.procedures.get(&procedure) {
            Some(row) => (row.code.clone(), row.name.clone()),
            None => (procedure.to_string(), String::new()),
        },
        (None, None) => (String::new(), key.field.clone().unwrap_or_else(|| "Chưa rõ lĩnh vực".to_owned())),
    }
}

fn figures_of(code: Cell, name: &str, row: &Progress) -> Vec<Cell> {
    let mut cells = vec![code, name.into()];
    let counts = [
        row.carried_over,
        row.received,
        row.received_online,
        row.received_post,
        row.taken_over,
        row.passed_on,
        row.to_process(),
        row.resolved(),
        row.early,
        row.on_time,
        row.late,
        row.pending(),
        row.not_due,
        row.overdue,
        row.paused,
        row.withdrawn,
        row.stopped,
        row.refused,
    ];
    cells.extend(counts.map(Cell::Count));
    cells.push(row.on_time_share().map(Share::percent).map_or(Cell::Empty, Cell::Decimal));
    cells
}

async fn dossier(
    names: &Names,
    lateness: &mut Lateness<'_>,
    item: &BoardItem,
) -> Result<Vec<Cell>, ServiceError> {
    let row = &item.summary;
    let procedure = names.procedures.get(&row.procedure_id).map(|row| row.name.as_str());
    Ok(vec![
        row.code.as_str().into(),
        procedure.into(),
        agency_of(names, row.competent_agency).1.as_str().into(),
        row.holder_agency.map(|id| agency_of(names, id).1).as_deref().into(),
        row.received_at.map(instant).into(),
        item.item.due().map(instant).into(),
        stage_name(row.stage).into(),
        financial(row.finance.0.state()).into(),
        lateness.of(item).await?.into(),
    ])
}

/// Which days, as of when and as known when.
fn period_notes(figures: &Figures) -> Vec<String> {
    let (from, to) = (figures.period.days.from, figures.period.days.to);
    vec![
        format!("Từ ngày {} đến ngày {}", from.format("%d/%m/%Y"), to.format("%d/%m/%Y")),
        format!("Tính đến {}; theo dữ liệu đến {}", moment(figures.as_of), moment(figures.known_at)),
    ]
}

fn financial(state: FinancialState) -> Option<&'static str> {
    match state {
        FinancialState::None => None,
        FinancialState::Due => Some("Chưa nộp"),
        FinancialState::Settled => Some("Đã nộp"),
        FinancialState::Refunded => Some("Đã hoàn trả"),
    }
}

/// How late, by the calendars of the receiving agencies.
struct Lateness<'a> {
    service: &'a Service,
    at: Instant,
    calendars: HashMap<Uuid, Arc<Calendar>>,
}

impl Lateness<'_> {
    async fn of(&mut self, item: &BoardItem) -> Result<Option<i64>, ServiceError> {
        let Some(due_at) = item.item.due().map(instant).filter(|due_at| *due_at < self.at) else {
            return Ok(None);
        };
        let calendar = self.calendar(item.summary.receiving_agency).await?;
        let (after_due, after_today) = (local_date(due_at).succ_opt(), local_date(self.at).succ_opt());
        let (Some(from), Some(to)) = (after_due, after_today) else { return Ok(None) };
        Ok(calendar.working_days_between(from, to).ok())
    }

    async fn calendar(&mut self, agency: Uuid) -> Result<Arc<Calendar>, ServiceError> {
        if let Some(known) = self.calendars.get(&agency) {
            return Ok(Arc::clone(known));
        }
        let known = self.service.known(AgencyId(agency), "receivingAgency").await?;
        let calendar = self.service.calendar(known.on(local_date(self.at)).calendar).await?;
        self.calendars.insert(agency, Arc::clone(&calendar));
        Ok(calendar)
    }
}
