//! Random worlds: what was done to agencies, permission groups, an account and a dossier, and what has become of it by the
//! instant of the question. What became of it is told here in plain fields, by rules of its own: nothing is asked of the
//! aggregates under test.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, TimeDelta};
use domain::access::Function;
use domain::account::{LockReason, Over};
use domain::decider::{Decider, fold};
use domain::dossier::{Act, Command, Event, FilePurpose, Holder};
use domain::identity::{AgencyId, GrantId, PrincipalId};
use domain::testing::{
    agency, at, competent, delegate, dossier_histories, officer, receiving, request_opinion, send,
};
use domain::time::{Instant, local_date};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;

pub(crate) const GROUPS: usize = 3;
/// Officers who can be assigned something: those of the histories.
const OFFICERS: u8 = 8;
/// Accounts of those who act for applicants in the histories; here they have filed something, too.
const CITIZENS: std::ops::Range<u8> = 100..103;
const HOURS: i64 = 120;

/// Everything that was done, and who asks when.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) agencies: Vec<Agency>,
    /// Of each permission group what was said and when, in order; nothing where it was retired.
    pub(crate) groups: Vec<Words>,
    pub(crate) account: PrincipalId,
    /// Where it was opened, and when.
    pub(crate) opened: (Instant, AgencyId),
    pub(crate) done: Vec<(Instant, Done)>,
    pub(crate) history: Vec<(Instant, Event)>,
    pub(crate) now: Instant,
}

/// What was said of a permission group, and when.
pub(crate) type Words = Vec<(Instant, Option<BTreeSet<Function>>)>;

/// An agency as of today. Its parent and its heirs stand before it in the list, so that there is no circle.
#[derive(Clone, Debug)]
pub(crate) struct Agency {
    pub(crate) id: AgencyId,
    pub(crate) parent: Option<AgencyId>,
    /// Who has its place, if it is gone.
    pub(crate) heirs: Vec<AgencyId>,
}

/// What was done to the account.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    Place(AgencyId),
    Grant { grant: GrantId, group: usize, over: Over, from: NaiveDate, until: Option<NaiveDate> },
    Revoke(GrantId),
    Lock(LockReason),
    Unlock,
}

/// What is so of a dossier after its last event.
#[derive(Clone, Debug)]
pub(crate) struct Dossier {
    pub(crate) supporting: Option<AgencyId>,
    pub(crate) receiving: AgencyId,
    pub(crate) competent: AgencyId,
    pub(crate) holder: Option<Holder>,
    pub(crate) handed_over_by: Option<Holder>,
    pub(crate) transit: Option<AgencyId>,
    /// By number.
    pub(crate) consulted: BTreeMap<u32, AgencyId>,
    /// Whose it is, by account, and who acts for them now.
    pub(crate) applicant: Option<PrincipalId>,
    pub(crate) delegate: Option<PrincipalId>,
    /// The function by which the last event was done, if that can be a mistake.
    pub(crate) last_done_by: Option<Function>,
}

/// A grant with what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) group: usize,
    pub(crate) over: Over,
    pub(crate) since: Instant,
    pub(crate) revoked: Option<Instant>,
    pub(crate) from: NaiveDate,
    pub(crate) until: Option<NaiveDate>,
}

/// A word about a permission group, until the next.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) group: usize,
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) functions: BTreeSet<Function>,
}

impl World {
    pub(crate) fn today(&self) -> NaiveDate {
        local_date(self.now)
    }

    pub(crate) fn place(&self) -> AgencyId {
        let moved = self.done.iter().rev().find_map(|(at, done)| match done {
            Done::Place(place) if *at <= self.now => Some(*place),
            _ => None,
        });
        moved.unwrap_or(self.opened.1)
    }

    pub(crate) fn grants(&self) -> Vec<Grant> {
        // What is not granted yet cannot be revoked.
        let revoked = |id: GrantId, rest: &[(Instant, Done)]| {
            rest.iter().find_map(|(at, done)| match done {
                Done::Revoke(grant) if *grant == id => Some(*at),
                _ => None,
            })
        };
        let grant = |(nth, (since, done)): (usize, &(Instant, Done))| match done {
            Done::Grant { grant, group, over, from, until } => Some(Grant {
                group: *group,
                over: *over,
                since: *since,
                revoked: revoked(*grant, &self.done[nth..]),
                from: *from,
                until: *until,
            }),
            _ => None,
        };
        self.done.iter().enumerate().filter_map(grant).collect()
    }

    /// From when until when the account was locked. Who is locked is not locked again.
    pub(crate) fn locks(&self) -> Vec<(Instant, Option<Instant>)> {
        let mut locks: Vec<(Instant, Option<Instant>)> = Vec::new();
        for (at, done) in &self.done {
            let open = locks.last_mut().filter(|(_, until)| until.is_none());
            match (done, open) {
                (Done::Lock(_), None) => locks.push((*at, None)),
                (Done::Unlock, Some(lock)) => lock.1 = Some(*at),
                _ => {}
            }
        }
        locks
    }

    pub(crate) fn said(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for (group, words) in self.groups.iter().enumerate() {
            let ends = words.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]);
            for ((since, functions), until) in words.iter().zip(ends) {
                if let Some(functions) = functions.clone() {
                    said.push(Said { group, since: *since, until, functions });
                }
            }
        }
        said
    }

    pub(crate) fn dossier(&self) -> Dossier {
        let (first, rest) = self.history.split_first().unwrap();
        let Event::Submitted(submitted) = &first.1 else { panic!("a dossier begins with its submission") };
        let mut dossier = Dossier {
            supporting: submitted.agencies.supporting,
            receiving: submitted.agencies.receiving,
            competent: submitted.agencies.competent,
            holder: None,
            handed_over_by: None,
            transit: None,
            consulted: BTreeMap::new(),
            applicant: submitted.applicant.account,
            delegate: submitted.delegate.as_ref().and_then(|delegate| delegate.account),
            last_done_by: None,
        };
        for (_, event) in rest {
            dossier.after(event);
        }
        dossier
    }
}

impl Dossier {
    fn after(&mut self, event: &Event) {
        // What is brought, and who acts for the applicant, changes nothing of what the office can take back.
        match event {
            Event::DelegateNamed(named) => return self.delegate = named.delegate.account,
            Event::DelegateRemoved(_) => return self.delegate = None,
            Event::FileAttached(attached) if attached.purpose == FilePurpose::Paper => return,
            _ => {}
        }
        // Somebody has begun with it: what was handed over stays where it is, unless it merely goes to a successor.
        let handed_over_by = self.handed_over_by.take();
        self.last_done_by = match event {
            Event::Refused(_) | Event::ResultReturned(_) | Event::Withdrawn(_) => Some(Function::Intake),
            Event::StepCompleted(_) => Some(Function::Process),
            Event::ProcessingFinished(_) | Event::Stopped(_) => Some(Function::Approve),
            _ => None,
        };
        match event {
            Event::Received(received) => self.holder = Some(received.holder.clone()),
            Event::Forwarded(forwarded) => self.handed_over_by = self.holder.replace(forwarded.to.clone()),
            Event::Sent(sent) => self.transit = Some(sent.to),
            Event::Accepted(accepted) => {
                self.transit = None;
                self.holder = Some(accepted.holder.clone());
            }
            Event::SentBack(_) => self.transit = None,
            Event::Recalled(_) if self.transit.is_some() => self.transit = None,
            Event::Recalled(_) => self.holder = handed_over_by,
            Event::OpinionRequested(asked) => {
                self.consulted.insert(asked.opinion, asked.from);
            }
            Event::OpinionGiven(given) => {
                self.consulted.remove(&given.opinion);
            }
            Event::CarriedOver(carried) => {
                self.handed_over_by = handed_over_by;
                self.carried_over(carried.from, carried.to);
            }
            _ => {}
        }
    }

    /// One agency in the place of another, whatever it was.
    fn carried_over(&mut self, from: AgencyId, to: AgencyId) {
        let holders = [&mut self.holder, &mut self.handed_over_by].into_iter().flatten();
        let agencies = holders.map(|holder| &mut holder.agency);
        let agencies = agencies.chain(self.supporting.as_mut()).chain(self.transit.as_mut());
        let agencies = agencies.chain([&mut self.receiving, &mut self.competent]);
        for agency in agencies.chain(self.consulted.values_mut()) {
            if *agency == from {
                *agency = to;
            }
        }
        // From an agency to itself there is no way.
        if self.transit.is_some() && self.transit == self.holder.as_ref().map(|holder| holder.agency) {
            self.transit = None;
        }
    }

    /// The agencies whose people may see it: those that have, or are offered, a part in it.
    pub(crate) fn concerned(&self) -> BTreeSet<AgencyId> {
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        let agencies = [self.supporting, Some(self.receiving), Some(self.competent), holder, self.transit];
        agencies.into_iter().flatten().chain(self.consulted.values().copied()).collect()
    }

    /// The agencies that take it in, decide it or hold it.
    pub(crate) fn answering(&self) -> BTreeSet<AgencyId> {
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        [self.receiving, self.competent].into_iter().chain(holder).collect()
    }

    /// Who takes it back: who handed it over last, else who has it.
    pub(crate) fn sender(&self) -> Option<&Holder> {
        self.handed_over_by.as_ref().or(self.holder.as_ref())
    }

    /// What Cedar is asked for an act.
    pub(crate) fn action(&self, act: Act) -> String {
        match (act, self.last_done_by) {
            // Where there is nothing to take back, that is for who works on it to hear.
            (Act::Correct, by) => format!("CORRECT/{}", by.unwrap_or(Function::Process).name()),
            _ => act.name().to_owned(),
        }
    }
}

/// The agencies that the histories know, and two above them.
fn universe() -> Vec<AgencyId> {
    let mut agencies = vec![receiving(), competent()];
    agencies.extend([1, 2, 3, 4, 40, 50, 51].map(agency));
    agencies
}

/// Those that many dossiers are about, more often than others.
fn some_agency() -> impl Strategy<Value = AgencyId> {
    prop_oneof![2 => Just(receiving()), 2 => Just(competent()), 3 => select(universe())]
}

fn start() -> Instant {
    at("2026-03-02 00:00")
}

fn hours() -> impl Strategy<Value = Instant> {
    (0..HOURS).prop_map(|hour| start() + TimeDelta::hours(hour))
}

fn agencies() -> impl Strategy<Value = Vec<Agency>> {
    let order = Just(universe()).prop_shuffle();
    let edges = vec((option::weighted(0.7, any::<prop::sample::Index>()), heirs()), universe().len());
    (order, edges).prop_map(|(order, edges)| {
        let agency =
            |(place, (parent, heirs)): (usize, (Option<prop::sample::Index>, Vec<prop::sample::Index>))| {
                let before = &order[..place];
                let pick = |index: prop::sample::Index| {
                    (!before.is_empty()).then(|| before[index.index(before.len())])
                };
                Agency {
                    id: order[place],
                    parent: parent.and_then(pick),
                    heirs: heirs.into_iter().filter_map(pick).collect(),
                }
            };
        edges.into_iter().enumerate().map(agency).collect()
    })
}

fn heirs() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<prop::sample::Index>(), 1..3)]
}

fn words() -> impl Strategy<Value = Words> {
    let few = btree_set(select(Function::ALL), 1..4);
    let many =
        subsequence(Function::ALL, 5..=Function::ALL.len()).prop_map(|some| some.into_iter().collect());
    let functions = option::weighted(0.8, prop_oneof![3 => few, 1 => many]);
    let early = vec(functions.clone(), 1..2).prop_map(|said| vec![(start(), said[0].clone())]);
    (early, vec((hours(), functions), 0..3)).prop_map(|(mut words, mut later)| {
        later.sort_by_key(|(at, _)| *at);
        words.append(&mut later);
        // A group that was never defined is not retired.
        let defined = words.iter().position(|(_, said)| said.is_some()).unwrap_or(words.len());
        words.split_off(defined)
    })
}

fn done() -> impl Strategy<Value = Vec<(Instant, Done)>> {
    let over = prop_oneof![
        1 => Just(Over::Province),
        3 => some_agency().prop_map(Over::Agency),
        3 => some_agency().prop_map(Over::Subtree),
    ];
    let first = start().date_naive();
    let days = (0..4_u64, option::weighted(0.5, 0..5_u64));
    let granted = (0..5_u128, 0..GROUPS, over, days).prop_map(move |(grant, group, over, (from, lasts))| {
        let from = first + Days::new(from);
        let until = lasts.map(|days| from + Days::new(days));
        Done::Grant { grant: GrantId(Uuid::from_u128(grant)), group, over, from, until }
    });
    let act = prop_oneof![
        10 => granted,
        2 => (0..5_u128).prop_map(|grant| Done::Revoke(GrantId(Uuid::from_u128(grant)))),
        2 => some_agency().prop_map(Done::Place),
        1 => Just(Done::Lock(LockReason::Absent)),
        2 => Just(Done::Unlock),
    ];
    vec((hours(), act), 1..8).prop_map(|mut done| {
        done.sort_by_key(|(at, _)| *at);
        // A grant is given once: the same again is no news.
        let mut given = BTreeSet::new();
        done.retain(|(_, done)| match done {
            Done::Grant { grant, .. } => given.insert(*grant),
            _ => true,
        });
        done
    })
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let account = prop_oneof![2 => 0..OFFICERS, 1 => CITIZENS].prop_map(officer);
    let opened = some_agency().prop_map(|place| (start(), place));
    let parts = (option::weighted(0.4, some_agency()), some_agency(), option::weighted(0.2, some_agency()));
    let last = prop_oneof![
        2 => Just(None),
        2 => (1..=4_u8).prop_map(|number| Some(request_opinion(agency(number)))),
        1 => (1..=4_u8).prop_map(|number| Some(send(agency(number)))),
        1 => Just(Some(Command::RemoveDelegate)),
    ];
    // Staff file something of their own, too.
    let somebody = || option::weighted(0.5, prop_oneof![2 => CITIZENS, 1 => 0..OFFICERS].prop_map(officer));
    let people = (somebody(), somebody());
    let history =
        (dossier_histories(), parts, people, last).prop_map(|(mut history, parts, people, last)| {
            let (supporting, other, receiving) = parts;
            // The histories have the same two agencies, and nobody's account; here others help, decide and take in as well, and
            // somebody may have filed it.
            if let Some((_, Event::Submitted(submitted))) = history.first_mut() {
                submitted.applicant.account = people.0;
                submitted.delegate = people.1.map(|account| Box::new(delegate(9, Some(account))));
                let agencies = &mut submitted.agencies;
                agencies.supporting = supporting;
                agencies.receiving = receiving.unwrap_or(agencies.receiving);
                if supporting.is_some() {
                    agencies.competent = other;
                }
            }
            let state: domain::dossier::Dossier = fold(history.iter().map(|(at, event)| (*at, event)));
            // Few of the histories end so; what is refused is left out.
            if let (Some(filed), Some(command)) = (state.filed(), last) {
                let at = filed.last_at;
                history.extend(state.decide(at, &command).into_iter().flatten().map(|event| (at, event)));
            }
            history
        });
    let groups = vec(words(), GROUPS);
    let late = (HOURS / 4..HOURS + 24).prop_map(|hour| start() + TimeDelta::hours(hour));
    // It is theirs: they are the applicant, or act for them.
    let theirs = option::weighted(0.4, any::<bool>());
    let near = (any::<prop::sample::Index>(), prop::bool::weighted(0.7), prop::bool::weighted(0.5), theirs);
    // Often something holds from this very instant on, or no more.
    let just = option::weighted(0.3, any::<prop::sample::Index>());
    let asked = (account, opened, done(), (late, just), near);
    (agencies(), groups, asked, history).prop_map(
        |(
            agencies,
            groups,
            (account, opened, done, (late, just), (part, works_near, granted_near, theirs)),
            history,
        )| {
            let now = just.map_or(late, |just| done[just.index(done.len())].0);
            let mut world = World { agencies, groups, account, opened, done, history, now };
            let concerned: Vec<AgencyId> = world.dossier().concerned().into_iter().collect();
            let near = concerned[part.index(concerned.len())];
            if let (Some(is_applicant), Some((_, Event::Submitted(submitted)))) =
                (theirs, world.history.first_mut())
            {
                if is_applicant {
                    submitted.applicant.account = Some(account);
                } else {
                    submitted.delegate = Some(Box::new(delegate(9, Some(account))));
                }
            }
            if works_near {
                world.opened.1 = near;
            }
            if granted_near {
                for (_, done) in &mut world.done {
                    if let Done::Grant { over: Over::Agency(over), .. } = done {
                        *over = near;
                    }
                }
            }
            world
        },
    )
}
