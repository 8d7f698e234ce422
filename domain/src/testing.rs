//! The language of the tests of the write side, values to speak about, and histories to check properties on. For tests
//! of this crate and, with the feature `testing`, of others.
//!
//! ```
//! use domain::dossier::{Dossier, Event, Rejection};
//! use domain::testing::{at, given, refuse, submitted};
//!
//! let submitted = Event::Submitted(submitted(1, at("2024-05-06 09:00")));
//! given::<Dossier>([(at("2024-05-06 09:00"), submitted)])
//!     .when(at("2024-05-06 08:59"), refuse())
//!     .rejected(Rejection::BeforePrevious { previous: at("2024-05-06 09:00") });
//! ```
//!
//! Persons here are invented and say so: their names begin with MẪU (specimen).

mod histories;

use std::sync::{Arc, LazyLock};

use chrono::NaiveDateTime;
use uuid::Uuid;

pub use histories::*;

use crate::access::{ActingAs, Function, Powers, Principal, Scope};
use crate::calendar::Calendar;
use crate::codes::{
    AgencyCode, Digest, DossierCode, MediaType, OrderCode, PaperCode, ProcedureCode, StepCode, UnitCode,
};
use crate::decider::{Decider, StoredEvent, fold};
use crate::dossier::{
    Agencies, Answer, Applicant, ApplicantKind, Appointment, Channel, CodeRule, Command, CompleteStep,
    Delegate, Extend, FileAttached, FilePurpose, Holder, ImportedFrom, Notice, NoticeChannel, ObligationKind,
    Outcome, PauseReason, PaymentMethod, ProcedureRef, Receive, RecordPayment, Register, RequestObligation,
    ReturnMethod, Submit, Submitted, SupplementRequest, WorkingTime,
};
use crate::identity::{AgencyId, CommandId, DossierId, KeyId, PrincipalId, ProcedureId};
use crate::private::{Private, SealedToken};
use crate::procedure::{Definition, EndOfProcessing, ProcedureTerm, Step, Task};
use crate::time::{Instant, VIETNAM, local_date};
use crate::working_time::{OfficeHours, Term};

/// A state that a history led to.
#[derive(Debug)]
pub struct Given<D>(D);

/// What was decided on it.
#[derive(Debug)]
pub struct Decided<D: Decider>(Result<Vec<D::Event>, D::Rejection>);

/// Folds the history, oldest first.
pub fn given<D: Decider>(history: impl IntoIterator<Item = (Instant, D::Event)>) -> Given<D> {
    Given(history.into_iter().fold(D::default(), |state, (at, event)| state.evolve(at, &event)))
}

impl<D: Decider> Given<D> {
    pub fn when(&self, at: Instant, command: D::Command) -> Decided<D> {
        Decided(self.0.decide(at, &command))
    }

    pub fn state(self) -> D {
        self.0
    }
}

impl<D: Decider> Decided<D> {
    /// These events, and no others. None: accepted, and nothing changes.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = D::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    #[track_caller]
    pub fn rejected(self, rejection: D::Rejection) {
        assert_eq!(self.0, Err(rejection));
    }
}

/// The history that these commands make. Panics at the first refusal.
#[track_caller]
pub fn decided<D: Decider>(
    commands: impl IntoIterator<Item = (Instant, D::Command)>,
) -> Vec<(Instant, D::Event)> {
    let mut history: Vec<(Instant, D::Event)> = Vec::new();
    for (at, command) in commands {
        let state: D = fold(history.iter().map(|(at, event)| (*at, event)));
        match state.decide(at, &command) {
            Ok(events) => history.extend(events.into_iter().map(|event| (at, event))),
            Err(rejection) => panic!("refused at {at}: {rejection}"),
        }
    }
    history
}

/// Puts a token in the place of every open value, so that the event encodes. Nothing is encrypted.
pub fn seal_for_test(event: &mut impl StoredEvent) {
    event.each_private(&mut |field, _, value| {
        if let Private::Open(_) = value {
            *value = Private::Sealed(SealedToken::from_text(format!("sealed.1.test.{field}")));
        }
    });
}

/// Civil time of Việt Nam: `2024-05-06 09:00`.
#[track_caller]
pub fn at(text: &str) -> Instant {
    let local = must(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"));
    (local - VIETNAM).and_utc()
}

/// Both `unwrap` and `expect` are for code inside `#[test]`.
#[track_caller]
fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

/// `000.00.07.H42` for 7.
pub fn agency_code(number: u8) -> AgencyCode {
    must(AgencyCode::parse(&format!("000.00.{:02}.H42", number % 100)))
}

pub fn agency(number: u8) -> AgencyId {
    AgencyId::of(&agency_code(number))
}

pub fn officer(number: u8) -> PrincipalId {
    PrincipalId(Uuid::from_u128(0x0ff1_ce00 + u128::from(number)))
}

/// Of the whole province's dossiers or of the agency's own; acts for the agency.
pub fn principal(id: PrincipalId, agency: AgencyId, functions: &[Function], scope: Scope) -> Principal {
    let acting_as = ActingAs { agency, unit: None, position_title: None };
    Principal { id, acting_as, powers: Powers::over(functions, &scope) }
}

pub fn dossier_id(number: u32) -> DossierId {
    CommandId::derive(officer(0), "submitDossier", Uuid::from_u128(u128::from(number))).dossier()
}

/// The agency that takes in the dossiers of these tests.
pub fn receiving() -> AgencyId {
    agency(16)
}

/// The agency that decides them.
pub fn competent() -> AgencyId {
    agency(7)
}

pub fn step_code(code: &str) -> StepCode {
    must(StepCode::parse(code))
}

pub fn paper(code: &str) -> PaperCode {
    must(PaperCode::parse(code))
}

/// Cấp giấy phép xây dựng nhà ở riêng lẻ đô thị, shortened: three steps with four tasks.
pub fn definition(term: ProcedureTerm) -> Definition {
    let task = |code: &str, name: &str, half_days, next: Option<&str>| Task {
        half_days: Some(half_days),
        next: next.map(step_code),
        ..Task::new(step_code(code), name)
    };
    let step = |name: &str, group: &str, half_days, tasks| Step {
        name: name.to_owned(),
        group: group.to_owned(),
        half_days: Some(half_days),
        no_chain: false,
        tasks,
    };
    let steps = vec![
        step("Tiếp nhận", "BP_MOT_CUA", 1, vec![task("BAN_GIAO", "Bàn giao", 1, Some("THU_LY"))]),
        step(
            "Thụ lý",
            "PHONG_QUAN_LY_DO_THI",
            17,
            vec![
                task("THU_LY", "Thụ lý", 15, Some("XET_DUYET")),
                task("XET_DUYET", "Xét duyệt", 2, Some("KY_DUYET")),
            ],
        ),
        step("Ký duyệt", "LANH_DAO_DON_VI", 2, vec![task("KY_DUYET", "Ký duyệt", 2, None)]),
    ];
    let name = "Cấp giấy phép xây dựng nhà ở riêng lẻ đô thị";
    Definition {
        field: Some("Xây dựng".to_owned()),
        fee_vnd: Some(50_000),
        end_of_processing: Some(EndOfProcessing { task: step_code("KY_DUYET"), assumed: false }),
        ..Definition::new(name, term, steps)
    }
}

/// A procedure of ten working days.
pub fn ten_days() -> Arc<Definition> {
    Arc::new(definition(ProcedureTerm::Fixed(Term::WorkingDays(10))))
}

/// The built-in calendar and the default office hours.
pub fn law() -> WorkingTime {
    static CALENDAR: LazyLock<Arc<Calendar>> = LazyLock::new(|| Arc::new(Calendar::built_in().clone()));
    WorkingTime { calendar: Arc::clone(&CALENDAR), office_hours: OfficeHours::default() }
}

pub fn open(text: &str) -> Private {
    Private::open(text)
}

/// The number's dossier, online, its private values still open.
pub fn submitted(number: u32, at: Instant) -> Submitted {
    let key = |purpose: u128| KeyId(Uuid::from_u128((purpose << 64) + u128::from(number)));
    let code = must("1.000948.H38".parse::<ProcedureCode>());
    Submitted {
        code: DossierCode::new(&agency_code(16), local_date(at), u64::from(number % 9_999) + 1)
            .unwrap_or_else(|| DossierCode::placeholder(&agency_code(16), local_date(at))),
        code_rule: CodeRule::AtSubmission,
        procedure: ProcedureRef { id: ProcedureId::of(&code), code, version: 1 },
        agencies: Agencies { supporting: None, receiving: receiving(), competent: competent() },
        channel: Channel::Online,
        dossier_key: key(1),
        applicant: Applicant {
            key: key(2),
            kind: ApplicantKind::Citizen,
            account: None,
            name: open(&format!("MẪU Trần Thị Bưởi {number}")),
            id_number: Some(open("035000000000")),
            phone: Some(open("0900000000")),
            email: None,
            address: Some(open("Phường Minh Khai, thành phố Phủ Lý")),
        },
        delegate: None,
        subject: Some(open("Xin cấp phép xây nhà ở ba tầng")),
        form: Some(open(r#"{"dienTich":"80"}"#)),
        public_form: None,
        papers: vec![paper("DON_DE_NGHI"), paper("BAN_VE")],
        answer_by: None,
        imported: None,
    }
}

/// The same at the counter.
pub fn at_the_counter(number: u32, at: Instant) -> Submitted {
    Submitted { code_rule: CodeRule::AtReceipt, channel: Channel::Counter, ..submitted(number, at) }
}

/// The same, taken over from another system.
pub fn imported(number: u32, at: Instant) -> Submitted {
    let from = ImportedFrom { source: "receipt.xes.gz".to_owned(), case: format!("case-{number}") };
    Submitted { imported: Some(from), ..at_the_counter(number, at) }
}

/// The receiving agency as a whole.
pub fn counter() -> Holder {
    Holder { agency: receiving(), unit: None, assignee: None }
}

/// An officer of the competent agency.
pub fn desk_of(assignee: PrincipalId) -> Holder {
    let unit = Some(must(UnitCode::parse("PHONG_QUAN_LY_DO_THI")));
    Holder { agency: competent(), unit, assignee: Some(assignee) }
}

pub fn submit(submitted: Submitted) -> Command {
    Command::Submit(Submit { submitted, answer_within: None })
}

pub fn register(submitted: Submitted, receive: Receive) -> Command {
    Command::Register(Register { submitted, receive })
}

/// What a receipt under the procedure needs, the appointment left to the procedure.
pub fn receipt_under(procedure: &Arc<Definition>) -> Receive {
    Receive {
        procedure: Arc::clone(procedure),
        appointment: Appointment::ByProcedure,
        rules: law(),
        holder: counter(),
    }
}

pub fn receive(procedure: &Arc<Definition>) -> Command {
    Command::Receive(receipt_under(procedure))
}

pub fn missing_papers() -> SupplementRequest {
    SupplementRequest {
        reason: open("Thiếu bản vẽ mặt cắt"), papers: vec![paper("BAN_VE")], answer_by: None
    }
}

pub fn missing_papers_brought() -> Answer {
    Answer { note: Some(open("Đã nộp tại quầy số 2")), papers: vec![paper("BAN_VE")] }
}

pub fn request_intake_supplement() -> Command {
    Command::RequestIntakeSupplement { request: missing_papers() }
}

pub fn supply_intake_supplement() -> Command {
    Command::SupplyIntakeSupplement { supply: missing_papers_brought(), answer_within: None }
}

pub fn refuse() -> Command {
    Command::Refuse { reason: open("Không thuộc thẩm quyền") }
}

pub fn forward(to: Holder) -> Command {
    Command::Forward { to, note: None }
}

pub fn complete_step(code: &str, procedure: &Arc<Definition>) -> Command {
    Command::CompleteStep(CompleteStep {
        step: step_code(code),
        note: None,
        procedure: Arc::clone(procedure),
    })
}

pub fn request_supplement() -> Command {
    Command::RequestSupplement { request: missing_papers() }
}

pub fn receive_supplement() -> Command {
    Command::ReceiveSupplement { supply: missing_papers_brought(), rules: law() }
}

pub fn finish_processing() -> Command {
    Command::FinishProcessing { outcome: Outcome::Granted, note: None }
}

pub fn return_result() -> Command {
    Command::ReturnResult { method: ReturnMethod::Counter, note: None }
}

pub fn send(to: AgencyId) -> Command {
    Command::Send { to, note: None }
}

pub fn accept(holder: Holder) -> Command {
    Command::Accept { holder }
}

pub fn send_back() -> Command {
    Command::SendBack { reason: open("Không đúng thẩm quyền") }
}

pub fn recall() -> Command {
    Command::Recall { reason: None }
}

pub fn pause(reason: PauseReason) -> Command {
    Command::Pause { reason, note: None, until: None }
}

pub fn resume() -> Command {
    Command::Resume { note: None, rules: law() }
}

pub fn propose(outcome: Outcome) -> Command {
    Command::Propose { outcome, note: None }
}

pub fn approve() -> Command {
    Command::Approve { note: None }
}

pub fn request_rework() -> Command {
    Command::RequestRework { reason: open("Chưa đủ căn cứ") }
}

pub fn sign() -> Command {
    Command::Sign { note: None }
}

pub fn issue() -> Command {
    Command::Issue { number: open("123/GPXD") }
}

pub fn request_opinion(from: AgencyId) -> Command {
    Command::RequestOpinion { from, question: open("Có phù hợp quy hoạch không?"), answer_by: None }
}

pub fn give_opinion(opinion: u32) -> Command {
    Command::GiveOpinion { opinion, answer: open("Phù hợp") }
}

pub fn ask_for_money(kind: ObligationKind, amount_vnd: u64, stops_clock: bool) -> Command {
    Command::RequestObligation(RequestObligation { kind, amount_vnd, note: None, pay_by: None, stops_clock })
}

pub fn pay(obligation: u32, order: &str, amount_vnd: u64) -> Command {
    pay_by(PaymentMethod::NationalGateway, obligation, order, amount_vnd)
}

pub fn pay_by(method: PaymentMethod, obligation: u32, order: &str, amount_vnd: u64) -> Command {
    Command::RecordPayment(RecordPayment {
        obligation,
        order: order_code(order),
        amount_vnd,
        method,
        rules: law(),
    })
}

pub fn order_code(order: &str) -> OrderCode {
    must(OrderCode::parse(order))
}

pub fn waive(obligation: u32) -> Command {
    Command::Waive { obligation, reason: open("Hộ nghèo"), rules: law() }
}

pub fn refund(order: &str) -> Command {
    Command::Refund { order: order_code(order), reason: open("Nộp hai lần") }
}

/// With the default of one extension.
pub fn extend(due_at: Instant) -> Command {
    Command::Extend(Extend {
        reason: open("Phải xác minh thêm"),
        due_at,
        signed_by: open("MẪU Lê Văn Chủ tịch"),
        extensions_max: 1,
    })
}

pub fn stop() -> Command {
    Command::Stop { reason: open("Chủ hồ sơ đề nghị dừng") }
}

pub fn notify(about: Notice) -> Command {
    Command::Notify { about, by: NoticeChannel::Sms, note: None }
}

/// The number's file: a digitised form.
pub fn file(number: u32) -> FileAttached {
    let key = Uuid::from_u128(u128::from(number));
    FileAttached {
        file: CommandId::derive(officer(1), "attachFile", key).file(),
        purpose: FilePurpose::Paper,
        paper: Some(must(PaperCode::parse("DON_DE_NGHI"))),
        media_type: must(MediaType::parse("application/pdf")),
        size: 70_000,
        sha256: must(Digest::parse(&format!("{number:064x}"))),
        key: KeyId(Uuid::from_u128(1)),
        name: Some(open("don MẪU Nguyễn Thị Mơ.pdf")),
    }
}

/// Somebody who acts for the applicant.
pub fn delegate(number: u8, account: Option<PrincipalId>) -> Delegate {
    Delegate {
        key: KeyId(Uuid::from_u128((3 << 64) + u128::from(number))),
        account,
        name: open(&format!("MẪU Phạm Văn Được {number}")),
        id_number: Some(open("035000000001")),
        phone: Some(open("0900000001")),
        email: Some(open("duoc@example.org")),
        address: Some(open("Phường Châu Sơn")),
    }
}

/// The number's file: a result.
pub fn result_file(number: u32) -> FileAttached {
    FileAttached { purpose: FilePurpose::Result, paper: None, ..file(number) }
}

pub fn attach(file: FileAttached) -> Command {
    Command::AttachFile(file)
}

pub fn correct() -> Command {
    Command::Correct { reason: open("Bấm nhầm hồ sơ") }
}

pub fn carry_over(from: AgencyId, to: AgencyId) -> Command {
    Command::CarryOver { from, to }
}

pub fn withdraw() -> Command {
    Command::Withdraw { reason: Some(open("Thay đổi thiết kế")) }
}
