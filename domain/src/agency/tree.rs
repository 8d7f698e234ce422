//! Which agencies stand below which, and who has whose place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::access::Scope;
use crate::account::Over;
use crate::identity::AgencyId;

/// The agencies of a day, as grants see them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The agencies directly below an agency.
    below: HashMap<AgencyId, Vec<AgencyId>>,
    /// The agencies whose place an agency has.
    before: HashMap<AgencyId, Vec<AgencyId>>,
}

impl Tree {
    pub fn put_below(&mut self, parent: AgencyId, agency: AgencyId) {
        self.below.entry(parent).or_default().push(agency);
    }

    /// The heir has the place of an agency that is gone, alone or with others.
    pub fn put_in_the_place_of(&mut self, gone: AgencyId, heir: AgencyId) {
        self.before.entry(heir).or_default().push(gone);
    }

    /// The agencies that a grant comes to. Who has the place of others has their dossiers too.
    pub fn scope_of(&self, over: Over) -> Scope {
        let (root, whole) = match over {
            Over::Province => return Scope::Province,
            Over::Agency(agency) => (agency, false),
            Over::Subtree(agency) => (agency, true),
        };
        let (mut agencies, mut ahead) = (BTreeSet::new(), vec![root]);
        while let Some(next) = ahead.pop() {
            if !agencies.insert(next) {
                continue;
            }
            let below = self.below.get(&next).filter(|_| whole).into_iter().flatten();
            let before = self.before.get(&next).into_iter().flatten();
            ahead.extend(below.chain(before));
        }
        Scope::Agencies(Arc::new(agencies))
    }
}
