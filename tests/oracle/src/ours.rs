//! How the domain decides.

use std::collections::HashMap;

use chrono::TimeDelta;
use domain::access::{Denial, Function, Powers, Principal, Scope};
use domain::account::{self, Account, AccountKind, Granted, Identity, Opened, Over, Placed};
use domain::agency::Tree;
use domain::codes::{LoginName, PermissionGroupCode};
use domain::decider::{Decider, fold};
use domain::dossier::{Act, Dossier, Event, Filed, Relation};
use domain::identity::{KeyId, PermissionGroupId};
use domain::permission_group::{self, Defined, PermissionGroup};
use domain::private::{Private, SealedToken};
use domain::testing::principal;
use domain::time::Instant;
use uuid::Uuid;

use crate::world::{Done, Words, World};

/// The domain as it is, or with one thing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    AsItIs,
    /// A subtree is its agency alone.
    WithoutTheTree,
    /// Nobody has anybody's place.
    WithoutSuccession,
    /// What held an hour ago still does.
    AnHourLate,
    /// Permission groups allow what they allowed at first.
    WithGroupsAsAtFirst,
    /// Whoever has the function is as good as who has the dossier in hand.
    WithoutRelations,
    /// Whoever has some function over the dossier has every one of theirs.
    WithOneScopeForAll,
    /// Whoever files, and however somebody asks, may know what the agencies have.
    WithEveryFunctionAReasonToKnow,
    /// Whose it is acts on it without being allowed to file.
    WithoutFiling,
    /// Who acts for an applicant does so for ever.
    WithDelegatesForEver,
    /// The counter lets others see what it does not see itself.
    WithABlindCounter,
    /// Who acts for an applicant passes it on.
    WithDelegatesAsApplicants,
}

pub(crate) struct Ours {
    principal: Principal,
    filed: Box<Filed>,
    domain: Domain,
}

fn code(group: usize) -> PermissionGroupCode {
    PermissionGroupCode::parse(&format!("NHOM_{group}")).unwrap()
}

/// What deciding these commands leads to. What is refused changes nothing.
fn decided<D: Decider>(commands: impl IntoIterator<Item = (Instant, D::Command)>) -> D {
    commands.into_iter().fold(D::default(), |state, (at, command)| {
        let events = state.decide(at, &command).unwrap_or_default();
        events.iter().fold(state, |state, event| state.evolve(at, event))
    })
}

fn account(world: &World) -> Account {
    let acting_as = |place| principal(world.account, place, &[], Scope::nothing()).acting_as;
    let opened = Opened {
        kind: AccountKind::Person,
        identity: Identity::Login(LoginName::parse("lan").unwrap()),
        key: KeyId(Uuid::nil()),
        name: Private::Sealed(SealedToken::from_text("sealed")),
        acting_as: acting_as(world.opened.1),
    };
    let done = world.done.iter().map(|(at, done)| {
        let command = match done.clone() {
            Done::Place(place) => account::Command::Place(Placed { acting_as: acting_as(place) }),
            Done::Grant { grant, group, over, from, until } => {
                let group = PermissionGroupId::of(&code(group));
                account::Command::Grant(Granted { grant, group, over, from, until })
            }
            Done::Revoke(grant) => account::Command::Revoke { grant },
            Done::Lock(reason) => account::Command::Lock { reason },
            Done::Unlock => account::Command::Unlock,
        };
        (*at, command)
    });
    decided([(world.opened.0, account::Command::Open(opened))].into_iter().chain(done))
}

fn groups(world: &World, domain: Domain) -> HashMap<PermissionGroupId, PermissionGroup> {
    let group = |(group, words): (usize, &Words)| {
        let kept = if domain == Domain::WithGroupsAsAtFirst { 1 } else { words.len() };
        let said = words.iter().take(kept).map(|(at, functions)| {
            let command = match functions.clone() {
                Some(functions) => permission_group::Command::Define(Defined {
                    code: code(group),
                    name: "MẪU".to_owned(),
                    functions,
                }),
                None => permission_group::Command::Retire,
            };
            (*at, command)
        });
        (PermissionGroupId::of(&code(group)), decided(said))
    };
    world.groups.iter().enumerate().map(group).collect()
}

fn tree(world: &World, domain: Domain) -> Tree {
    let mut tree = Tree::default();
    for agency in &world.agencies {
        if let Some(parent) = agency.parent {
            tree.put_below(parent, agency.id);
        }
        if domain != Domain::WithoutSuccession {
            agency.heirs.iter().for_each(|heir| tree.put_in_the_place_of(agency.id, *heir));
        }
    }
    tree
}

impl Ours {
    pub(crate) fn of(world: &World, domain: Domain) -> Self {
        let account = account(world);
        let known = account.known().unwrap();
        let groups = groups(world, domain);
        let tree = tree(world, domain);
        let scope_of = |over| match over {
            Over::Subtree(root) if domain == Domain::WithoutTheTree => tree.scope_of(Over::Agency(root)),
            over => tree.scope_of(over),
        };
        let at = if domain == Domain::AnHourLate { world.now - TimeDelta::hours(1) } else { world.now };
        let mut powers = known.powers_at(at, |id| groups.get(&id), scope_of);
        if domain == Domain::WithOneScopeForAll {
            let all = powers.iter().map(|(_, scope)| scope.clone()).reduce(Scope::and);
            let functions: Vec<Function> = powers.iter().map(|(function, _)| function).collect();
            powers = all.map(|all| Powers::over(&functions, &all)).unwrap_or_default();
        }
        if domain == Domain::WithoutFiling {
            powers.add(Function::File, Scope::nothing());
        }
        let acting_as = known.place_at(world.now).unwrap().clone();
        let is_kept = |event: &Event| match event {
            Event::DelegateRemoved(_) => domain != Domain::WithDelegatesForEver,
            _ => true,
        };
        let history = world.history.iter().filter(|(_, event)| is_kept(event));
        let state: Dossier = fold(history.map(|(at, event)| (*at, event)));
        let Dossier::Filed(filed) = state else { panic!("a history has a dossier") };
        Self { principal: Principal { id: world.account, acting_as, powers }, filed, domain }
    }

    pub(crate) fn knows(&self) -> bool {
        let covers = |scope: &Scope| scope.covers(self.filed.concerned());
        if self.domain == Domain::WithEveryFunctionAReasonToKnow
            && self.principal.powers.iter().any(|(_, scope)| covers(scope))
        {
            return true;
        }
        let denied = self.filed.authorise(&self.principal, Relation::Has(Function::ReadDossiers)).err();
        denied != Some(Denial::OutOfScope)
    }

    pub(crate) fn has(&self, function: Function) -> bool {
        match function {
            // Over nothing.
            Function::File | Function::AdHocQueries => self.principal.has(function),
            _ => self.allows(Relation::Has(function)),
        }
    }

    pub(crate) fn may(&self, act: Act) -> bool {
        self.allows(act.relation(&self.filed, &self.principal))
    }

    fn allows(&self, relation: Relation) -> bool {
        match relation {
            Relation::Has(function) if self.domain == Domain::WithoutRelations => {
                self.principal.may(function, self.filed.concerned())
            }
            Relation::Entrusting if self.domain == Domain::WithABlindCounter => {
                self.allows(Relation::Has(Function::Intake))
            }
            Relation::Principal if self.domain == Domain::WithDelegatesAsApplicants => {
                self.allows(Relation::Applicant)
            }
            relation => self.filed.authorise(&self.principal, relation).is_ok(),
        }
    }
}
