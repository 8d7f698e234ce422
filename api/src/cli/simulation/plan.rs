//! What happens in the simulated year, decided before anything is written: a pure function of seed, size and start instant.

use chrono::{Days, NaiveDate, TimeDelta};
use domain::calendar::{Calendar, CalendarError};
use domain::codes::{InvalidCode, ProcedureCode, StepCode};
use domain::procedure::{Definition, EndOfProcessing, ProcedureTerm, Step, Task};
use domain::time::{Instant, VIETNAM, local_date};
use domain::working_time::{self, DueError, DuePolicy, OfficeHours, Term};

use super::REGISTER_CHANNELS;
use super::random::Random;
use crate::input::{Channel, Notice, ObligationKind, Outcome, PauseReason, ReturnMethod};

/// The time before the start instant that is filled.
pub(in crate::cli) const YEAR: TimeDelta = TimeDelta::days(366);

const INTAKE: &str = "tiep-nhan";
const OFFICERS: [&str; 3] = ["chuyen-vien-1", "chuyen-vien-2", "chuyen-vien-3"];
const LEADER: &str = "lanh-dao";
/// The number that the tax has within a dossier: it is the first that is asked for.
pub(super) const TAX: u32 = 1;

#[derive(Debug)]
pub(in crate::cli) struct Plan {
    pub(in crate::cli) end: Instant,
    pub(in crate::cli) agencies: Vec<Agency>,
    pub(in crate::cli) procedures: Vec<Procedure>,
    pub(in crate::cli) dossiers: Vec<Dossier>,
}

#[derive(Debug)]
pub(in crate::cli) struct Agency {
    pub(in crate::cli) code: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) parent: Option<usize>,
}

#[derive(Debug)]
pub(in crate::cli) struct Procedure {
    pub(in crate::cli) code: ProcedureCode,
    pub(in crate::cli) definition: Definition,
}

#[derive(Clone, Debug)]
pub(in crate::cli) struct Dossier {
    pub(in crate::cli) number: u32,
    pub(in crate::cli) agency: usize,
    pub(in crate::cli) procedure: ProcedureCode,
    pub(in crate::cli) applicant: String,
    /// Set by the officer, where the procedure leaves it open.
    pub(in crate::cli) appointment: Option<Instant>,
    /// In order of time; those after the start instant have not happened yet and are left out.
    pub(in crate::cli) acts: Vec<(Instant, Act)>,
}

#[derive(Clone, Debug)]
pub(in crate::cli) enum Act {
    Submit,
    Register(Channel),
    RequestIntakeSupplement,
    SupplyIntakeSupplement,
    Refuse,
    Receive,
    Notify(Notice),
    Forward {
        from: &'static str,
        to: &'static str,
    },
    CompleteStep {
        by: &'static str,
        step: StepCode,
    },
    RequestSupplement {
        by: &'static str,
    },
    ReceiveSupplement,
    /// By the leader, to the agency with this code.
    Send {
        to: String,
    },
    SendBack {
        at: String,
    },
    Recall,
    RequestOpinion {
        by: &'static str,
        from: String,
    },
    GiveOpinion {
        at: String,
    },
    Propose {
        by: &'static str,
        outcome: Outcome,
    },
    RequestRework,
    Approve,
    Sign,
    Issue,
    Pause {
        by: &'static str,
        reason: PauseReason,
    },
    Resume {
        by: &'static str,
    },
    AskForMoney {
        kind: ObligationKind,
        amount: u64,
        stops_clock: bool,
    },
    /// The clock runs again with it.
    PayTax {
        amount: u64,
    },
    WaiveTax,
    PayFee {
        obligation: u32,
        amount: u64,
    },
    Extend(Instant),
    Stop,
    Finish {
        outcome: Outcome,
    },
    Return(ReturnMethod),
    Withdraw,
    Correct {
        group: &'static str,
        by: &'static str,
    },
    /// A mistake of somebody's, that the rules meet with this code.
    Refused {
        act: Box<Act>,
        code: &'static str,
    },
}

impl Act {
    /// How many events it leaves behind, beside the code of a dossier that enters.
    fn events(&self) -> u64 {
        match self {
            // Entering and being received; asking and stopping the clock; paying the tax, and the clock that runs again.
            Self::Register(_)
            | Self::AskForMoney { stops_clock: true, .. }
            | Self::PayTax { .. }
            | Self::WaiveTax => 2,
            Self::Refused { .. } => 0,
            _ => 1,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PlanError {
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    #[error(transparent)]
    Due(#[from] DueError),
    #[error(transparent)]
    Code(#[from] InvalidCode),
}

impl Plan {
    pub(in crate::cli) fn new(
        seed: u64,
        dossiers: u32,
        end: Instant,
        calendar: &Calendar,
    ) -> Result<Self, PlanError> {
        let agencies = agencies();
        let procedures = procedures()?;
        let maker = Maker { end, calendar, procedures: &procedures, agencies: &agencies };
        // Those without a parent only coordinate; the others take dossiers in.
        let receiving: Vec<usize> = (1..agencies.len()).collect();
        let dossiers = (1..=dossiers)
            .map(|number| maker.dossier(&mut Random::new(seed, u64::from(number)), number, &receiving))
            .collect::<Result<_, _>>()?;
        Ok(Self { end, agencies, procedures, dossiers })
    }

    /// Everything that one agency does, in order of time.
    pub(in crate::cli) fn acts_of(&self, agency: usize) -> Vec<(Dossier, Instant, Act, usize)> {
        let mut acts: Vec<_> = self
            .dossiers
            .iter()
            .filter(|dossier| dossier.agency == agency)
            .flat_map(|dossier| {
                let acts = dossier.acts.iter().enumerate();
                acts.map(move |(nth, (at, act))| (dossier.clone(), *at, act.clone(), nth))
            })
            .collect();
        acts.sort_by_key(|(dossier, at, _, nth)| (*at, dossier.number, *nth));
        acts
    }

    pub(in crate::cli) fn acts(&self) -> u64 {
        self.dossiers.iter().map(|dossier| dossier.acts.len() as u64).sum()
    }

    /// Events of the whole plan: every dossier also takes a code, a registration is two events, a procedure is drafted
    /// and published.
    pub(in crate::cli) fn events(&self) -> u64 {
        let acts = self.dossiers.iter().flat_map(|dossier| &dossier.acts);
        let acts: u64 = acts.map(|(_, act)| act.events()).sum();
        let catalogue = self.agencies.len() + 2 * self.procedures.len();
        let entered = self.dossiers.iter().filter(|dossier| !dossier.acts.is_empty()).count();
        acts + entered as u64 + catalogue as u64
    }
}

struct Maker<'a> {
    end: Instant,
    calendar: &'a Calendar,
    procedures: &'a [Procedure],
    agencies: &'a [Agency],
}

impl Maker<'_> {
    fn dossier(&self, random: &mut Random, number: u32, receiving: &[usize]) -> Result<Dossier, PlanError> {
        let agency = random.pick(receiving).unwrap_or(1);
        let procedure =
            &self.procedures[random.below(u32::try_from(self.procedures.len()).unwrap_or(1)) as usize];
        let days_ago = random.between(0, 364);
        let date = local_date(self.end) - Days::new(u64::from(days_ago));
        let mut entered = self.in_office(random, date)?;
        if self.end < entered {
            // Later today has not happened yet.
            entered = self.in_office(random, date - Days::new(1))?;
        }
        let mut dossier = Dossier {
            number,
            agency,
            procedure: procedure.code.clone(),
            applicant: applicant(random),
            appointment: None,
            acts: Vec::new(),
        };
        self.live(random, &mut dossier, procedure, entered)?;
        dossier.acts.retain(|(at, _)| *at <= self.end);
        Ok(dossier)
    }

    /// The whole life of a dossier.
    fn live(
        &self,
        random: &mut Random,
        dossier: &mut Dossier,
        procedure: &Procedure,
        entered: Instant,
    ) -> Result<(), PlanError> {
        let mut at = entered;
        let acts = &mut dossier.acts;
        if random.percent(45) {
            acts.push((at, Act::Submit));
            if random.percent(6) {
                at = self.later(random, at, 1, 4)?;
                acts.push((at, Act::RequestIntakeSupplement));
                at = self.later(random, at, 4, 40)?;
                acts.push((at, Act::SupplyIntakeSupplement));
            }
            at = self.later(random, at, 0, 7)?;
            if random.percent(3) {
                acts.push((at, Act::Refuse));
                if random.percent(90) {
                    return Ok(());
                }
                // The wrong dossier: taken back, and received.
                acts.push((at, Act::Correct { group: "intake", by: INTAKE }));
            }
            acts.push((at, Act::Receive));
            if random.percent(30) {
                acts.push((at, Act::Notify(Notice::Received)));
            }
        } else {
            let channel = random.pick(&REGISTER_CHANNELS).unwrap_or(Channel::Counter);
            acts.push((at, Act::Register(channel)));
        }
        let due = match &procedure.definition.term {
            ProcedureTerm::Fixed(term) => working_time::due_at(
                at,
                term,
                self.calendar,
                &OfficeHours::default(),
                &procedure.definition.due_policy,
            )?,
            ProcedureTerm::SetAtReceipt => {
                dossier.appointment = Some(self.later(random, at, 40, 120)?);
                dossier.appointment
            }
        };
        self.process(random, dossier, procedure, at, due.unwrap_or(at))
    }

    fn process(
        &self,
        random: &mut Random,
        dossier: &mut Dossier,
        procedure: &Procedure,
        received: Instant,
        due: Instant,
    ) -> Result<(), PlanError> {
        let officer = random.pick(&OFFICERS).unwrap_or(OFFICERS[0]);
        let other = self.another_agency(random, dossier.agency);
        let acts = &mut dossier.acts;
        // Nine in ten end in time; the others up to twelve days late.
        let end = if random.percent(90) {
            received + (due - received) * i32::try_from(random.between(40, 99)).unwrap_or(50) / 100
        } else {
            due + TimeDelta::hours(i64::from(random.between(2, 12 * 24)))
        };
        let total = (end - received).max(TimeDelta::hours(1));
        let part = |percent: i32| received + total * percent / 100;
        let refused = |act, code| Act::Refused { act: Box::new(act), code };
        acts.push((part(5), Act::Forward { from: INTAKE, to: officer }));
        self.between_agencies(random, acts, part(6), officer, &other);
        if random.percent(2) {
            acts.push((part(20), Act::Withdraw));
            return Ok(());
        }
        let mut shift = TimeDelta::zero();
        if random.percent(10) {
            acts.push((part(25), Act::RequestSupplement { by: officer }));
            if random.percent(20) {
                acts.push((part(25), Act::Notify(Notice::SupplementNeeded)));
                // Somebody goes on although the clock stands still.
                let act = Act::Finish { outcome: Outcome::Granted };
                acts.push((part(25), refused(act, "INVALID_TRANSITION")));
            }
            let answered = self.later(random, part(25), 8, 120)?;
            shift = answered - part(25);
            if random.percent(4) {
                // Some applicants never come back, and some withdraw.
                acts.push((answered, Act::Withdraw));
                return Ok(());
            }
            acts.push((answered, Act::ReceiveSupplement));
        }
        let land = procedure.definition.field.as_deref() == Some("Đất đai");
        let pauses = [
            (land && random.percent(25), PauseReason::PublicPosting),
            (random.percent(1), PauseReason::Suspension),
        ];
        for (_, reason) in pauses.into_iter().filter(|(happens, _)| *happens) {
            acts.push((part(30) + shift, Act::Pause { by: officer, reason }));
            let goes_on = self.later(random, part(30) + shift, 8, 80)?;
            shift = goes_on - part(30);
            acts.push((goes_on, Act::Resume { by: officer }));
        }
        let tasks = procedure.definition.steps.iter().flat_map(|step| &step.tasks);
        for (nth, task) in (0..).zip(tasks) {
            let at = part(40 + 20 * nth) + shift;
            acts.push((at, Act::CompleteStep { by: officer, step: task.code.clone() }));
            if random.percent(1) {
                acts.push((at, Act::Correct { group: "officer", by: officer }));
                acts.push((at, Act::CompleteStep { by: officer, step: task.code.clone() }));
            }
        }
        if random.percent(1) {
            acts.push((part(62) + shift, Act::Stop));
            return Ok(());
        }
        if land {
            let amount = u64::from(random.between(1, 90)) * 500_000;
            let kind = ObligationKind::Tax;
            acts.push((part(65) + shift, Act::AskForMoney { kind, amount, stops_clock: true }));
            let paid = self.later(random, part(65) + shift, 4, 160)?;
            shift = paid - part(65);
            if random.percent(3) {
                return Ok(()); // never paid: the clock stands still
            }
            let act = if random.percent(6) { Act::WaiveTax } else { Act::PayTax { amount } };
            acts.push((paid, act));
        }
        self.decide(random, acts, officer, due, (part(70), part(90), part(100)), shift);
        let ended = part(100) + shift;
        let fee = if random.percent(30) { Some(u64::from(random.between(1, 20)) * 5_000) } else { None };
        if let Some(amount) = fee {
            let kind = ObligationKind::Fee;
            acts.push((ended, Act::AskForMoney { kind, amount, stops_clock: false }));
        }
        if random.percent(60) {
            acts.push((ended, Act::Notify(Notice::ResultReady)));
        }
        let methods =
            [ReturnMethod::Counter, ReturnMethod::Counter, ReturnMethod::Online, ReturnMethod::Post];
        let method = random.pick(&methods).unwrap_or(ReturnMethod::Counter);
        let collected = self.later(random, ended, 1, 60)?;
        if let Some(amount) = fee {
            let obligation = if land { TAX + 1 } else { TAX };
            if random.percent(10) {
                acts.push((collected, refused(Act::Return(method), "PAYMENT_DUE")));
            }
            acts.push((collected, Act::PayFee { obligation, amount }));
        }
        acts.push((collected, Act::Return(method)));
        Ok(())
    }

    /// Opinions, hand-overs that come back, and one that was a mistake.
    fn between_agencies(
        &self,
        random: &mut Random,
        acts: &mut Vec<(Instant, Act)>,
        at: Instant,
        officer: &'static str,
        other: &str,
    ) {
        let there = || other.to_owned();
        if random.percent(5) {
            acts.push((at, Act::RequestOpinion { by: officer, from: there() }));
            acts.push((at, Act::GiveOpinion { at: there() }));
        }
        match random.between(0, 99) {
            0 => {
                acts.push((at, Act::Send { to: there() }));
                acts.push((at, Act::SendBack { at: there() }));
            }
            1 => {
                acts.push((at, Act::Send { to: there() }));
                let act = Act::RequestSupplement { by: officer };
                acts.push((at, Act::Refused { act: Box::new(act), code: "IN_TRANSIT" }));
                acts.push((at, Act::Recall));
            }
            _ => {}
        }
    }

    /// Proposal to signature where a procedure has them, an apology where it is late, and the end of processing.
    fn decide(
        &self,
        random: &mut Random,
        acts: &mut Vec<(Instant, Act)>,
        officer: &'static str,
        due: Instant,
        (proposed, signed, ended): (Instant, Instant, Instant),
        shift: TimeDelta,
    ) {
        let outcome = if random.percent(95) { Outcome::Granted } else { Outcome::Declined };
        let (proposed, signed, ended) = (proposed + shift, signed + shift, ended + shift);
        if random.percent(60) {
            acts.push((proposed, Act::Propose { by: officer, outcome }));
            if random.percent(4) {
                acts.push((proposed, Act::RequestRework));
                acts.push((proposed, Act::Propose { by: officer, outcome }));
            }
            acts.push((proposed, Act::Approve));
            acts.push((signed, Act::Sign));
            acts.push((signed, Act::Issue));
            if random.percent(1) {
                acts.push((signed, Act::Refused { act: Box::new(Act::Stop), code: "DECIDED" }));
            }
        } else {
            acts.push((signed, Act::Forward { from: officer, to: LEADER }));
        }
        if due + shift < ended && random.percent(40) {
            // Later than the old appointment wherever the pauses have moved it.
            let promised = ended + TimeDelta::days(60);
            acts.push((signed, Act::Extend(promised)));
            if random.percent(10) {
                let again = Act::Extend(promised + TimeDelta::days(7));
                acts.push((signed, Act::Refused { act: Box::new(again), code: "EXTENDED_ALREADY" }));
            }
        }
        acts.push((ended, Act::Finish { outcome }));
        if random.percent(1) {
            acts.push((ended, Act::Correct { group: "leader", by: LEADER }));
            acts.push((ended, Act::Finish { outcome }));
        }
    }

    /// The code of an agency that takes dossiers in, and is not this one.
    fn another_agency(&self, random: &mut Random, agency: usize) -> String {
        let others = u32::try_from(self.agencies.len() - 2).unwrap_or(1).max(1);
        let nth = random.below(others) as usize + 1;
        let nth = if nth < agency { nth } else { nth + 1 };
        self.agencies.get(nth).unwrap_or(&self.agencies[0]).code.clone()
    }

    /// Some working hours later, within office hours.
    fn later(&self, random: &mut Random, at: Instant, least: u32, most: u32) -> Result<Instant, PlanError> {
        let hours = Term::WorkingHours(random.between(least, most));
        let due =
            working_time::due_at(at, &hours, self.calendar, &OfficeHours::default(), &DuePolicy::default())?;
        let minutes = TimeDelta::minutes(i64::from(random.between(1, 29)));
        Ok(due.unwrap_or(at).max(at) + minutes)
    }

    /// A moment of the working day at or before a date.
    fn in_office(&self, random: &mut Random, date: NaiveDate) -> Result<Instant, PlanError> {
        let date = self.calendar.working_day_on_or_before(date)?;
        let minute = i64::from(random.between(0, 8 * 60 - 1));
        // From seven to half past eleven, and from half past one.
        let minute = if minute < 270 { 420 + minute } else { 540 + minute };
        let midnight = date.and_hms_opt(0, 0, 0).and_then(|time| time.and_local_timezone(VIETNAM).single());
        let midnight = midnight.map_or(self.end, |midnight| midnight.to_utc());
        Ok(midnight + TimeDelta::minutes(minute) + TimeDelta::seconds(i64::from(random.below(60))))
    }
}

/// Generated, and marked as such.
fn applicant(random: &mut Random) -> String {
    const FAMILY: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Đặng", "Vũ", "Đỗ"];
    const MIDDLE: [&str; 6] = ["Văn", "Thị", "Đức", "Minh", "Ngọc", "Thu"];
    const GIVEN: [&str; 10] = ["An", "Bình", "Chi", "Dũng", "Hạnh", "Hồng", "Lan", "Nam", "Phúc", "Yến"];
    let name = [random.pick(&FAMILY), random.pick(&MIDDLE), random.pick(&GIVEN)];
    format!("{} (MẪU)", name.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// Three levels: the province, its departments and districts, communes. Names of places are those of Hà Nam before 2025.
fn agencies() -> Vec<Agency> {
    const DEPARTMENTS: [&str; 6] = [
        "Sở Xây dựng",
        "Sở Tài nguyên và Môi trường",
        "Sở Tư pháp",
        "Sở Kế hoạch và Đầu tư",
        "Sở Lao động - Thương binh và Xã hội",
        "Sở Giáo dục và Đào tạo",
    ];
    const DISTRICTS: [(&str, [&str; 4]); 6] = [
        ("Thành phố Phủ Lý", ["Quang Trung", "Lương Khánh Thiện", "Lê Hồng Phong", "Minh Khai"]),
        ("Thị xã Duy Tiên", ["Đồng Văn", "Hòa Mạc", "Châu Giang", "Bạch Thượng"]),
        ("Huyện Kim Bảng", ["Quế", "Ba Sao", "Nhật Tân", "Đồng Hóa"]),
        ("Huyện Thanh Liêm", ["Kiện Khê", "Tân Thanh", "Liêm Phong", "Thanh Hà"]),
        ("Huyện Bình Lục", ["Bình Mỹ", "Tràng An", "Đồng Du", "An Đổ"]),
        ("Huyện Lý Nhân", ["Vĩnh Trụ", "Nhân Chính", "Đạo Lý", "Hợp Lý"]),
    ];
    let mut agencies = vec![Agency {
        code: "000.00.00.H25".to_owned(),
        name: "UBND tỉnh Hà Nam (dữ liệu mẫu)".to_owned(),
        parent: None,
    }];
    let mut add = |code: String, name: String, parent: usize| {
        agencies.push(Agency { code, name, parent: Some(parent) });
        agencies.len() - 1
    };
    for (nth, name) in (1..).zip(DEPARTMENTS) {
        add(format!("000.00.{nth:02}.H25"), name.to_owned(), 0);
    }
    for (nth, (district, communes)) in (21..).zip(DISTRICTS) {
        let parent = add(format!("000.00.{nth:02}.H25"), format!("UBND {district}"), 0);
        for (commune, name) in (1..).zip(communes) {
            add(format!("000.{commune:02}.{nth:02}.H25"), format!("UBND {name}, {district}"), parent);
        }
    }
    agencies
}

fn procedures() -> Result<Vec<Procedure>, PlanError> {
    let all = [
        ("MAU.01", "Cấp giấy phép xây dựng nhà ở riêng lẻ", "Đô thị", Some(Term::WorkingDays(15))),
        ("MAU.02", "Chứng thực bản sao từ bản chính", "Tư pháp", Some(Term::HalfDays(0))),
        ("MAU.03", "Đăng ký khai sinh", "Tư pháp", Some(Term::HalfDays(2))),
        ("MAU.04", "Đăng ký thành lập hộ kinh doanh", "Tài chính - kế hoạch", Some(Term::WorkingDays(3))),
        ("MAU.05", "Cấp đổi giấy chứng nhận quyền sử dụng đất", "Đất đai", Some(Term::WorkingDays(7))),
        ("MAU.06", "Chuyển mục đích sử dụng đất", "Đất đai", Some(Term::WorkingDays(20))),
        ("MAU.07", "Trợ cấp xã hội hằng tháng", "Lao động", Some(Term::CalendarDays(15))),
        ("MAU.08", "Xác nhận tình trạng hôn nhân", "Tư pháp", Some(Term::WorkingHours(16))),
        ("MAU.09", "Giải quyết hồ sơ người có công", "Lao động", None),
        ("MAU.10", "Cấp phép hoạt động giáo dục", "Giáo dục", Some(Term::WorkingDays(10))),
    ];
    all.into_iter()
        .map(|(code, name, field, term)| {
            let task = |code: &str, name: &str, next: Option<&str>| {
                let next = next.map(StepCode::parse).transpose()?;
                Ok::<_, InvalidCode>(Task { next, ..Task::new(StepCode::parse(code)?, name) })
            };
            let tasks =
                vec![task("THU_LY", "Thụ lý", Some("XET_DUYET"))?, task("XET_DUYET", "Xét duyệt", None)?];
            let steps = vec![Step::new("Thụ lý", "CHUYEN_VIEN", tasks)];
            let end = EndOfProcessing { task: StepCode::parse("XET_DUYET")?, assumed: false };
            Ok(Procedure {
                code: ProcedureCode::parse(code)?,
                definition: Definition {
                    field: Some(field.to_owned()),
                    end_of_processing: Some(end),
                    ..Definition::new(
                        name,
                        term.map_or(ProcedureTerm::SetAtReceipt, ProcedureTerm::Fixed),
                        steps,
                    )
                },
            })
        })
        .collect()
}
