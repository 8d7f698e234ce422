//! Histories that grow by deciding random commands, never by drawing random events: what a property meets is what can
//! be in a log.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

use super::{
    at_the_counter, competent, counter, definition, desk_of, dossier_id, imported, law, missing_papers,
    missing_papers_brought, officer, open, receipt_under, receiving, step_code, submitted,
};
use crate::access::ActingAs;
use crate::decider::Decider;
use crate::dossier::{
    self, Answer, AnswerWithin, Appointment, Channel, Command, CompleteStep, Dossier, Event, Extend, Holder,
    Notice, NoticeChannel, ObligationKind, Outcome, PauseReason, Receive, Register, ReturnMethod, Submit,
    Submitted, SupplementRequest,
};
use crate::identity::{CommandId, DossierId, PrincipalId};
use crate::procedure::{Definition, ProcedureTerm};
use crate::recorded::{self, Metadata, Position, Recorded, Version, Via};
use crate::time::{Instant, VIETNAM};
use crate::working_time::{DayTermDue, DuePolicy, LateReceipt, Resume, Term};

/// The life that somebody means a dossier to have: how it enters, under which procedure, and what is then tried.
#[derive(Clone, Debug)]
pub struct Plan {
    pub number: u32,
    pub opened_at: Instant,
    pub entry: Entry,
    pub procedure: Arc<Definition>,
    pub intents: Vec<Intent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Online,
    AtTheCounter,
    ByPost,
    /// Taken over from another system, where times may be odd.
    Imported,
}

/// Something tried on a dossier, a while after what was done before.
#[derive(Clone, Debug)]
pub struct Intent {
    act: Act,
    /// Whoever insists does the next thing that can be done instead.
    insists: bool,
    /// Below nothing it lies before what was done before.
    minutes: i64,
    /// Decides every detail of the command.
    choice: u8,
}

macro_rules! acts {
    ($($name:ident),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Act { $($name),+ }

        impl Act {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The one after it, round and round.
            fn next(self) -> Self {
                let at = Self::ALL.iter().position(|act| *act == self).map_or(0, |at| at + 1);
                Self::ALL[at % Self::ALL.len()]
            }
        }
    };
}

// In an order in which one thing leads to another.
acts! {
    Submit, Register, RequestIntakeSupplement, SupplyIntakeSupplement, Receive, Forward, Recall, Send, SendBack,
    Accept, CompleteStep, RequestOpinion, GiveOpinion, RequestSupplement, ReceiveSupplement, RequestObligation,
    RecordPayment, Waive, Pause, Resume, Extend, Propose, RequestRework, Approve, Sign, Issue, FinishProcessing,
    Notify, AttachFile, NameDelegate, RemoveDelegate, Collect, ReturnResult, Correct, Refund, CarryOver, Stop, Withdraw, Refuse,
}

impl Plan {
    /// How the dossier enters.
    pub fn opening(&self) -> Command {
        let submitted = self.submitted();
        match self.entry {
            Entry::Online => {
                let answer_within = Some(AnswerWithin { working_hours: 8, rules: law() });
                Command::Submit(Submit { submitted, answer_within })
            }
            Entry::AtTheCounter | Entry::ByPost | Entry::Imported => {
                let receive = self.receive(self.opened_at, false);
                Command::Register(Register { submitted, receive })
            }
        }
    }

    /// When and what the intent asks for, after `previous`.
    pub fn command(&self, previous: Instant, intent: &Intent) -> (Instant, Command) {
        let at = previous.checked_add_signed(TimeDelta::minutes(intent.minutes)).unwrap_or(previous);
        (at, self.command_at(at, intent.act, intent.choice))
    }

    /// The events of the opening and of every intent that is not refused.
    pub fn grow(&self) -> Vec<(Instant, Event)> {
        let mut dossier = Dossier::default();
        let mut history = Vec::new();
        let mut previous = self.opened_at;
        let mut step = |at: Instant, command: &Command| {
            let Ok(events) = dossier.decide(at, command) else { return false };
            let something = !events.is_empty();
            for event in events {
                dossier = std::mem::take(&mut dossier).evolve(at, &event);
                history.push((at, event));
            }
            something
        };
        step(self.opened_at, &self.opening());
        for intent in &self.intents {
            let (at, command) = self.command(previous, intent);
            let mut done = step(at, &command);
            let mut act = intent.act.next();
            while intent.insists && !done && act != intent.act {
                done = step(at, &self.command_at(at, act, intent.choice));
                act = act.next();
            }
            if done {
                previous = at;
            }
        }
        history
    }

    fn submitted(&self) -> Submitted {
        let mut submitted = match self.entry {
            Entry::Online => submitted(self.number, self.opened_at),
            Entry::AtTheCounter => at_the_counter(self.number, self.opened_at),
            Entry::ByPost => {
                Submitted { channel: Channel::Post, ..at_the_counter(self.number, self.opened_at) }
            }
            Entry::Imported => imported(self.number, self.opened_at),
        };
        // Some follow theirs online.
        submitted.applicant.account =
            self.number.is_multiple_of(3).then(|| PrincipalId(Uuid::from_u128(u128::from(self.number))));
        submitted
    }

    fn receive(&self, at: Instant, careless: bool) -> Receive {
        let days = i64::from(self.number % 40);
        let later = at.checked_add_signed(TimeDelta::days(days)).unwrap_or(at);
        let appointment = match (self.entry, &self.procedure.term) {
            _ if careless => Appointment::At(at - TimeDelta::minutes(1)),
            // The source may say that it was due before it was received.
            (Entry::Imported, _) if days == 0 => Appointment::At(at - TimeDelta::days(2)),
            (Entry::Imported, _) | (_, ProcedureTerm::SetAtReceipt) if days % 5 == 1 => Appointment::None,
            (Entry::Imported, _) | (_, ProcedureTerm::SetAtReceipt) => Appointment::At(later),
            (Entry::Online | Entry::AtTheCounter | Entry::ByPost, ProcedureTerm::Fixed(_)) => {
                Appointment::ByProcedure
            }
        };
        Receive { appointment, ..receipt_under(&self.procedure) }
    }

    fn command_at(&self, at: Instant, act: Act, choice: u8) -> Command {
        let note = choice.is_multiple_of(3).then(|| open("Ghi chú nội bộ"));
        let later = || Some(at + TimeDelta::days(7));
        let answer_by = match choice % 16 {
            0 => Some(at - TimeDelta::minutes(1)),
            1..4 => later(),
            _ => None,
        };
        let answer_within = Some(AnswerWithin { working_hours: 8, rules: law() });
        let request = || SupplementRequest { answer_by, ..missing_papers() };
        let supply = || Answer { note: note.clone(), ..missing_papers_brought() };
        match act {
            Act::Submit => Command::Submit(Submit { submitted: self.submitted(), answer_within }),
            Act::Register => {
                Command::Register(Register { submitted: self.submitted(), receive: self.receive(at, false) })
            }
            Act::RequestIntakeSupplement => Command::RequestIntakeSupplement { request: request() },
            Act::SupplyIntakeSupplement => {
                Command::SupplyIntakeSupplement { supply: supply(), answer_within }
            }
            Act::Refuse => Command::Refuse { reason: open("Không thuộc thẩm quyền") },
            Act::Receive => Command::Receive(self.receive(at, choice.is_multiple_of(16))),
            Act::Forward => Command::Forward { to: holder(choice), note },
            Act::Recall => Command::Recall { reason: note },
            Act::Send => Command::Send { to: holder(choice).agency, note },
            Act::SendBack if choice.is_multiple_of(3) => super::send_back(),
            Act::SendBack | Act::Accept => Command::Accept { holder: holder(choice) },
            Act::CompleteStep => Command::CompleteStep(CompleteStep {
                step: step_code(
                    ["BAN_GIAO", "THU_LY", "XET_DUYET", "KY_DUYET", "LA"][usize::from(choice % 5)],
                ),
                note,
                procedure: Arc::clone(&self.procedure),
            }),
            Act::RequestOpinion => Command::RequestOpinion {
                from: super::agency(choice % 4 + 1),
                question: open("Có phù hợp quy hoạch không?"),
                answer_by: later(),
            },
            Act::GiveOpinion => super::give_opinion(u32::from(choice % 3 + 1)),
            Act::RequestSupplement => Command::RequestSupplement { request: request() },
            Act::ReceiveSupplement => Command::ReceiveSupplement { supply: supply(), rules: law() },
            Act::Pause => {
                let reasons = [
                    PauseReason::FinancialObligation,
                    PauseReason::PublicPosting,
                    PauseReason::OtherAgency,
                    PauseReason::Suspension,
                ];
                Command::Pause { reason: reasons[usize::from(choice % 4)], note, until: later() }
            }
            Act::Resume => Command::Resume { note, rules: law() },
            Act::Extend => Command::Extend(Extend {
                due_at: at + TimeDelta::days(i64::from(choice % 100)),
                extensions_max: u32::from(choice % 3),
                reason: open("Phải xác minh thêm"),
                signed_by: open("MẪU Lê Văn Chủ tịch"),
            }),
            Act::Propose => Command::Propose { outcome: outcome(choice), note },
            Act::RequestRework if choice.is_multiple_of(3) => super::request_rework(),
            Act::RequestRework | Act::Approve => Command::Approve { note },
            Act::Sign => Command::Sign { note },
            Act::Issue => super::issue(),
            Act::FinishProcessing => Command::FinishProcessing { outcome: outcome(choice), note },
            Act::ReturnResult => {
                let methods = [ReturnMethod::Counter, ReturnMethod::Post, ReturnMethod::Online];
                Command::ReturnResult { method: methods[usize::from(choice % 3)], note }
            }
            Act::RequestObligation | Act::RecordPayment | Act::Waive | Act::Refund => money(act, choice),
            Act::Notify => {
                let about =
                    [Notice::ResultReady, Notice::Received, Notice::Extended][usize::from(choice % 3)];
                let by = [NoticeChannel::Sms, NoticeChannel::Portal][usize::from(choice % 2)];
                Command::Notify { about, by, note }
            }
            Act::AttachFile if choice.is_multiple_of(3) => super::attach(super::result_file(choice.into())),
            Act::AttachFile => super::attach(super::file(choice.into())),
            Act::NameDelegate => {
                Command::NameDelegate(super::delegate(choice % 3, Some(officer(100 + choice % 3))))
            }
            Act::RemoveDelegate => Command::RemoveDelegate,
            Act::Collect => Command::Collect,
            Act::Correct => super::correct(),
            Act::CarryOver => {
                let agencies = [receiving(), competent(), super::agency(1), super::agency(40)];
                let pick = |n: u8| agencies[usize::from(n % 4)];
                Command::CarryOver { from: pick(choice), to: pick(choice / 4) }
            }
            Act::Stop => super::stop(),
            Act::Withdraw => Command::Withdraw { reason: note },
        }
    }
}

fn outcome(choice: u8) -> Outcome {
    if choice.is_multiple_of(8) { Outcome::Declined } else { Outcome::Granted }
}

fn money(act: Act, choice: u8) -> Command {
    let number = u32::from(choice % 2 + 1);
    let amount_vnd = u64::from(choice % 4) * 25_000;
    let order = format!("ORDER-{}", choice % 4);
    if act == Act::RecordPayment {
        super::pay(number, &order, amount_vnd)
    } else if act == Act::Waive {
        super::waive(number)
    } else if act == Act::Refund {
        super::refund(&order)
    } else {
        let kind = [ObligationKind::Tax, ObligationKind::Fee][usize::from(choice % 2)];
        super::ask_for_money(kind, amount_vnd, choice.is_multiple_of(2))
    }
}

fn holder(choice: u8) -> Holder {
    match choice % 5 {
        0 => counter(),
        1 => Holder { agency: competent(), unit: None, assignee: None },
        2 => Holder { assignee: Some(officer(choice % 8)), ..counter() },
        _ => desk_of(officer(choice % 8)),
    }
}

/// Lives of dossiers: mostly live and in office hours, some imported, some at times that no calendar knows.
pub fn plans() -> impl Strategy<Value = Plan> {
    let entry = prop_oneof![
        4 => Just(Entry::Online),
        3 => Just(Entry::AtTheCounter),
        1 => Just(Entry::ByPost),
        2 => Just(Entry::Imported),
    ];
    (0..9_999_u32, opening_times(), entry, procedures(), vec(intents(), 0..24)).prop_map(
        |(number, opened_at, entry, procedure, intents)| Plan {
            number,
            opened_at,
            entry,
            procedure,
            intents,
        },
    )
}

/// What may be tried next on any dossier.
pub fn intents() -> impl Strategy<Value = Intent> {
    let act = prop_oneof![
        1 => select(vec![Act::Submit, Act::Register, Act::Refuse, Act::Withdraw, Act::Stop]),
        9 => select(Act::ALL),
        3 => select(vec![Act::Propose, Act::Approve, Act::Sign, Act::Issue]),
        2 => select(vec![Act::RequestOpinion, Act::GiveOpinion, Act::RequestObligation, Act::RecordPayment, Act::Refund]),
    ];
    let minutes = prop_oneof![6 => 0..6_000_i64, 1 => Just(0), 1 => -4_000..0_i64];
    (act, any::<bool>(), minutes, any::<u8>()).prop_map(|(act, insists, minutes, choice)| Intent {
        act,
        insists,
        minutes,
        choice,
    })
}

fn opening_times() -> impl Strategy<Value = Instant> {
    let days = prop_oneof![30 => 2017..2027_i32, 1 => 2014..2030_i32];
    (days, 1..=365_u32, 0..24 * 60_u32, 0..60_u32).prop_map(|(year, day, minute, second)| {
        let date = NaiveDate::from_yo_opt(year, day).unwrap_or_default();
        let time = NaiveTime::from_num_seconds_from_midnight_opt(minute * 60 + second, 0).unwrap_or_default();
        (date.and_time(time) - VIETNAM).and_utc()
    })
}

fn procedures() -> impl Strategy<Value = Arc<Definition>> {
    let term = prop_oneof![
        5 => (0..30_u32).prop_map(Term::WorkingDays),
        2 => (0..20_u32).prop_map(Term::HalfDays),
        1 => (0..40_u32).prop_map(Term::WorkingHours),
        1 => (0..60_u32).prop_map(Term::CalendarDays),
        1 => Just(Term::Open),
    ];
    let term = prop_oneof![5 => term.prop_map(ProcedureTerm::Fixed), 1 => Just(ProcedureTerm::SetAtReceipt)];
    let policy = (
        select(vec![DayTermDue::EndOfDay, DayTermDue::SameClockTime, DayTermDue::EndOfHalfDay]),
        select(vec![LateReceipt::NextDay, LateReceipt::SameDay]),
        select(vec![Resume::Shift, Resume::Restart, Resume::StatisticsOnly]),
    );
    (term, policy).prop_map(|(term, (day_term_due, late_receipt, resume))| {
        let due_policy = DuePolicy { day_term_due, late_receipt, resume };
        Arc::new(Definition { due_policy, ..definition(term) })
    })
}

/// What can be in the stream of one dossier, oldest first. Private values are open: see
/// [`super::seal_for_test`].
pub fn dossier_histories() -> impl Strategy<Value = Vec<(Instant, Event)>> {
    plans().prop_map(|plan| plan.grow()).prop_filter("never filed", |history| !history.is_empty())
}

/// Up to `dossiers_max` dossiers in the order of one log. Times ascend within a live dossier, not between dossiers.
pub fn interleaved_histories(dossiers_max: usize) -> impl Strategy<Value = Vec<(DossierId, Instant, Event)>> {
    let turns = vec(any::<Index>(), dossiers_max * 26);
    (vec(plans(), 1..=dossiers_max), turns).prop_map(|(plans, turns)| {
        let mut streams: Vec<_> = (1_u32..)
            .zip(plans)
            .map(|(number, plan)| {
                let plan = Plan { number: number * 101 + plan.number % 100, ..plan };
                (dossier_id(plan.number), plan.grow().into_iter())
            })
            .collect();
        let mut log = Vec::new();
        for turn in &turns {
            if streams.is_empty() {
                break;
            }
            let next = turn.index(streams.len());
            let (id, events) = &mut streams[next];
            match events.next() {
                Some((at, event)) => log.push((*id, at, event)),
                None => drop(streams.swap_remove(next)),
            }
        }
        // What the turns have left over, dossier by dossier.
        for (id, events) in streams {
            log.extend(events.map(|(at, event)| (id, at, event)));
        }
        log
    })
}

/// The same as the log gives it back: sealed, with positions, versions and metadata. Recorded times ascend by a second
/// from the latest business time on.
pub fn recorded(log: impl IntoIterator<Item = (DossierId, Instant, Event)>) -> Vec<Recorded> {
    let log: Vec<_> = log.into_iter().collect();
    let latest = log.iter().map(|(_, at, _)| *at).max().unwrap_or_default();
    let mut versions = std::collections::HashMap::new();
    (1_i64..)
        .zip(log)
        .map(|(position, (id, occurred_at, mut event))| {
            let version: &mut i64 = versions.entry(id).or_default();
            *version += 1;
            super::seal_for_test(&mut event);
            Recorded {
                position: Position(position),
                stream: dossier::stream(id),
                version: Version(*version),
                event_id: CommandId(id.0).append().event(u32::try_from(*version).unwrap_or(u32::MAX)),
                event: recorded::Event::Dossier(event),
                metadata: metadata(id, position),
                occurred_at,
                recorded_at: latest + TimeDelta::seconds(position),
            }
        })
        .collect()
}

fn metadata(id: DossierId, position: i64) -> Metadata {
    let key = Uuid::from_u128(u128::from(position.unsigned_abs()));
    Metadata {
        command: CommandId::derive(officer(1), "test", key),
        mac: "dGVzdA".to_owned(),
        causation: None,
        correlation: Some(id.0),
        actor: officer(1),
        acting_as: ActingAs { agency: receiving(), unit: None, position_title: None },
        on_behalf_of: None,
        channel: Via::Demo,
        traceparent: None,
    }
}
