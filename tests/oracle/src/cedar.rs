//! How Cedar decides: what is so becomes entities, and each grant that holds links the templates of its functions.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression as Value, Schema, SlotId, Template, ValidationMode, Validator,
};
use chrono::NaiveDate;
use domain::access::Function;
use domain::account::Over;
use domain::dossier::{Act, Holder};
use domain::identity::{AgencyId, PrincipalId};
use domain::time::Instant;

use crate::world::{self, World};

pub(crate) const POLICIES: &str = include_str!("../policies/access.cedar");
const SCHEMA: &str = include_str!("../policies/access.cedarschema");

/// The policies, read and found to make sense.
pub(crate) struct Law {
    policies: PolicySet,
    schema: Schema,
}

impl Law {
    pub(crate) fn read(text: &str) -> Self {
        let (schema, warnings) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        assert_eq!(warnings.count(), 0);
        let parsed: PolicySet = text.parse().unwrap();
        let validated = Validator::new(schema.clone()).validate(&parsed, ValidationMode::Strict);
        assert!(validated.validation_passed(), "{validated}");
        Self { policies: parsed, schema }
    }
}

/// Cedar in one world.
pub(crate) struct Cedar<'a> {
    law: &'a Law,
    policies: PolicySet,
    entities: Entities,
    account: EntityUid,
    dossier: EntityUid,
    personal_data: EntityUid,
    what: world::Dossier,
}

fn uid(kind: &str, id: impl std::fmt::Display) -> EntityUid {
    format!("{kind}::\"{id}\"").parse().unwrap()
}

fn agency(id: AgencyId) -> EntityUid {
    uid("Agency", id)
}

fn entity(uid: EntityUid, attributes: Vec<(&str, Value)>, parents: HashSet<EntityUid>) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
    Entity::new(uid, attributes.collect(), parents).unwrap()
}

fn one(uid: EntityUid) -> Value {
    Value::new_entity_uid(uid)
}

fn instant(at: Instant) -> Value {
    Value::new_long(at.timestamp_micros())
}

fn day(day: NaiveDate) -> Value {
    Value::new_long(day.signed_duration_since(NaiveDate::default()).num_days())
}

/// The attributes that are there.
fn some<'a>(attributes: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Vec<(&'a str, Value)> {
    attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// An agency stands in those whose place it had; in an area also in the agency above it.
fn agencies(world: &World) -> impl Iterator<Item = Entity> {
    world.agencies.iter().flat_map(|known| {
        let heirs = |kind| known.heirs.iter().map(move |heir| uid(kind, heir));
        let above = known.parent.map(|parent| uid("Area", parent));
        [
            entity(agency(known.id), Vec::new(), HashSet::new()),
            entity(uid("Place", known.id), Vec::new(), heirs("Place").collect()),
            entity(uid("Area", known.id), Vec::new(), heirs("Area").chain(above).collect()),
        ]
    })
}

fn dossier(uid_of: EntityUid, what: &world::Dossier) -> Entity {
    let account = |id: PrincipalId| one(uid("Account", id));
    let at = |holder: Option<&Holder>| holder.map(|holder| one(agency(holder.agency)));
    let in_hand_of = |holder: Option<&Holder>| holder.and_then(|holder| holder.assignee).map(account);
    let (holder, sender) = (what.holder.as_ref(), what.sender());
    let attributes = some([
        ("receiving", Some(one(agency(what.receiving)))),
        ("competent", Some(one(agency(what.competent)))),
        ("holder", at(holder)),
        ("assignee", in_hand_of(holder)),
        ("sender", at(sender)),
        ("sending", in_hand_of(sender)),
        ("transit", what.transit.map(|to| one(agency(to)))),
        ("consulted", Some(Value::new_set(what.consulted.values().map(|from| one(agency(*from)))))),
        ("applicant", what.applicant.map(account)),
        ("delegate", what.delegate.map(account)),
    ]);
    entity(uid_of, attributes, places(&what.concerned()))
}

/// Where something is that concerns these agencies.
fn places(agencies: &BTreeSet<AgencyId>) -> HashSet<EntityUid> {
    let places = agencies.iter().flat_map(|id| [uid("Place", id), uid("Area", id)]);
    places.chain([uid("Province", "H42")]).collect()
}

impl<'a> Cedar<'a> {
    pub(crate) fn of(law: &'a Law, world: &World) -> Self {
        let account = uid("Account", world.account);
        let group = |number: usize| uid("Group", number);
        let grants = world.grants();
        let said = world.said();
        let locks = world.locks();
        let mut facts: Vec<Entity> = agencies(world).collect();
        facts.push(entity(uid("Province", "H42"), Vec::new(), HashSet::new()));
        facts.extend((0..world::GROUPS).map(|number| entity(group(number), Vec::new(), HashSet::new())));
        facts.extend(grants.iter().enumerate().map(|(number, grant)| {
            let attributes = some([
                ("account", Some(one(account.clone()))),
                ("group", Some(one(group(grant.group)))),
                ("since", Some(instant(grant.since))),
                ("revoked", grant.revoked.map(instant)),
                ("first_day", Some(day(grant.from))),
                ("last_day", grant.until.map(day)),
            ]);
            entity(uid("Grant", number), attributes, HashSet::new())
        }));
        facts.extend(said.iter().enumerate().map(|(number, said)| {
            let attributes = some([
                ("group", Some(one(group(said.group)))),
                ("since", Some(instant(said.since))),
                ("until", said.until.map(instant)),
            ]);
            entity(uid("Said", number), attributes, HashSet::new())
        }));
        facts.extend(locks.iter().enumerate().map(|(number, (since, until))| {
            let attributes = some([
                ("account", Some(one(account.clone()))),
                ("since", Some(instant(*since))),
                ("until", until.map(instant)),
            ]);
            entity(uid("Lock", number), attributes, HashSet::new())
        }));
        let what = world.dossier();
        let (this, personal_data) = (uid("Dossier", "this"), uid("PersonalData", "this"));
        facts.push(dossier(this.clone(), &what));
        facts.push(entity(personal_data.clone(), Vec::new(), places(&what.answering())));
        let officers =
            [what.holder.as_ref(), what.sender()].into_iter().flatten().filter_map(|holder| holder.assignee);
        let citizens = [what.applicant, what.delegate].into_iter().flatten();
        let others: BTreeSet<PrincipalId> =
            officers.chain(citizens).filter(|other| *other != world.account).collect();
        let person = |id: PrincipalId, is_locked: bool, place: AgencyId| {
            let attributes = vec![("agency", one(agency(place))), ("is_locked", Value::new_bool(is_locked))];
            entity(uid("Account", id), attributes, HashSet::new())
        };
        facts.extend(others.into_iter().map(|id| person(id, false, what.receiving)));

        let mut cedar = Self {
            law,
            policies: law.policies.clone(),
            entities: Entities::from_entities(
                facts.iter().cloned().chain([person(world.account, false, world.place())]),
                Some(&law.schema),
            )
            .unwrap(),
            account,
            dossier: this,
            personal_data,
            what,
        };
        let now = [("now".to_owned(), instant(world.now))];
        let is_locked =
            (0..locks.len()).any(|number| cedar.decides("LOCKS", uid("Lock", number), now.clone()));
        let mut held: Vec<(BTreeSet<Function>, Over)> = Vec::new();
        for (number, grant) in grants.iter().enumerate() {
            for (word, said) in said.iter().enumerate() {
                let context = now.clone().into_iter().chain([
                    ("today".to_owned(), day(world.today())),
                    ("said".to_owned(), one(uid("Said", word))),
                ]);
                if cedar.decides("HOLDS", uid("Grant", number), context) {
                    held.push((said.functions.clone(), grant.over));
                }
            }
        }
        cedar.link(&held);
        facts.push(person(world.account, is_locked, world.place()));
        cedar.entities = Entities::from_entities(facts, Some(&law.schema)).unwrap();
        cedar
    }

    fn link(&mut self, held: &[(BTreeSet<Function>, Over)]) {
        let templates: Vec<Template> = self.policies.templates().cloned().collect();
        for (number, (functions, over)) in held.iter().enumerate() {
            let scope = match over {
                Over::Province => uid("Province", "H42"),
                Over::Agency(id) => uid("Place", id),
                Over::Subtree(id) => uid("Area", id),
            };
            for template in &templates {
                let names = |annotation| template.annotation(annotation).unwrap_or_default().split(' ');
                let is_of = |function: &Function| match template.annotation("function") {
                    None => panic!("{template}: whose?"),
                    Some("any") => names("but").all(|name| name != function.name()),
                    Some(_) => names("function").any(|name| name == function.name()),
                };
                let province_only = template.annotation("over") == Some("province");
                if functions.iter().any(is_of) && (!province_only || *over == Over::Province) {
                    let id = PolicyId::new(format!("{} by {number}", template.id()));
                    let values =
                        [(SlotId::principal(), self.account.clone()), (SlotId::resource(), scope.clone())];
                    let has_place = |slot: &SlotId| template.slots().any(|place| place == slot);
                    let slots = values.into_iter().filter(|(slot, _)| has_place(slot)).collect();
                    self.policies.link(template.id().clone(), id, slots).unwrap();
                }
            }
        }
    }

    fn decides(
        &self,
        action: &str,
        resource: EntityUid,
        context: impl IntoIterator<Item = (String, Value)>,
    ) -> bool {
        let context = Context::from_pairs(context).unwrap();
        let action = uid("Action", action);
        let request =
            Request::new(self.account.clone(), action, resource, context, Some(&self.law.schema)).unwrap();
        let response = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        assert_eq!(errors, [""; 0]);
        response.decision() == Decision::Allow
    }

    fn allows(&self, action: &str) -> bool {
        self.decides(action, self.dossier.clone(), [])
    }

    pub(crate) fn knows(&self) -> bool {
        self.allows("KNOW")
    }

    pub(crate) fn has(&self, function: Function) -> bool {
        let action = format!("FUNCTION/{}", function.name());
        match function {
            Function::ReadPersonalData => self.decides(&action, self.personal_data.clone(), []),
            Function::File | Function::AdHocQueries => self.decides(&action, uid("Province", "H42"), []),
            _ => self.allows(&action),
        }
    }

    pub(crate) fn may(&self, act: Act) -> bool {
        match act {
            // Two functions that may come from two grants, where a policy is linked for one.
            Act::NameDelegate => {
                let by_the_counter =
                    self.allows("NAME_DELEGATE/COUNTER") && self.has(Function::ReadPersonalData);
                self.allows("NAME_DELEGATE") || by_the_counter
            }
            act => self.allows(&self.what.action(act)),
        }
    }
}
