//! Who may do what: function × scope × relation. Pure, and called from the service layer only, so that GraphQL, the
//! command line and an import are held to the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::{AgencyId, DisclosureId, PrincipalId};

/// What a principal acts as, as of then: written into every event's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActingAs {
    pub agency: AgencyId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_title: Option<String>,
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// A thing one can be allowed to do. Every mutation and every query of non-public data has exactly one. Permission
        /// groups name them in events: a name stays for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Function { $($(#[$doc])* #[serde(rename = $text)] $name,)+ }

        impl Function {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name that events and clients see.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

functions! {
    /// File a dossier online, and act on one's own: over no agency's dossiers.
    File => "FILE",
    /// Check, receive, refuse, register at the counter, return results.
    Intake => "INTAKE",
    /// Complete steps, request supplements, forward.
    Process => "PROCESS",
    /// Forward or reassign what another holds.
    Assign => "ASSIGN",
    /// End the processing of a dossier.
    Approve => "APPROVE",
    /// See dossiers, masked.
    ReadDossiers => "READ_DOSSIERS",
    /// See personal data unmasked.
    ReadPersonalData => "READ_PERSONAL_DATA",
    /// Write down what the national portal was sent and what it answered: a machine's.
    Synchronise => "SYNCHRONISE",
    /// Change procedures, agencies and calendars; import.
    Administer => "ADMINISTER",
    /// Open accounts, define permission groups, grant and revoke.
    ManageAccess => "MANAGE_ACCESS",
    /// See who may do what, who could, and who read personal data.
    Audit => "AUDIT",
    /// Open the personal data of one dossier to oneself, for a stated reason and a bounded time.
    BreakGlass => "BREAK_GLASS",
    /// Ask with documents of one's own, where others send those that are known: an integrator's.
    AdHocQueries => "AD_HOC_QUERIES",
}

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// Why personal data is read. Written into the records of reads: a name stays for ever.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Purpose {
            $($(#[$doc])* $name,)+
            /// Nobody names this one: it is so where a disclosure is what lets somebody see something.
            BreakGlass(DisclosureId),
            /// Nor this one: who acts for an applicant looks at the dossier that is theirs to act on.
            OwnDossier,
        }

        impl Purpose {
            /// Those that who asks can name.
            pub const NAMED: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name that clients see.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::BreakGlass(_) => "BREAK_GLASS",
                    Self::OwnDossier => "OWN_DOSSIER",
                }
            }
        }
    };
}

// Which there are is a policy: docs/adr/0024.
purposes! {
    /// The agency in charge handles the dossier.
    #[default]
    Handling => "HANDLING",
    /// The applicant asks about it.
    Enquiry => "ENQUIRY",
    /// A complaint or a denunciation is dealt with.
    Complaint => "COMPLAINT",
    /// An inspection, an audit or the supervision of officials.
    Inspection => "INSPECTION",
    /// Somebody asks about their data, or has it corrected or erased.
    DataSubjectRequest => "DATA_SUBJECT_REQUEST",
    /// A court, an investigator or another competent authority asks.
    AuthorityRequest => "AUTHORITY_REQUEST",
}

impl Purpose {
    /// Of a name that who asks can give.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().copied().find(|purpose| purpose.name() == name)
    }
}

/// Whose dossiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole province.
    Province,
    /// The dossiers that one of the agencies supports, receives, is competent for or holds.
    Agencies(Arc<BTreeSet<AgencyId>>),
}

impl Scope {
    pub fn of(agency: AgencyId) -> Self {
        Self::Agencies(Arc::new(BTreeSet::from([agency])))
    }

    /// No agency's.
    pub fn nothing() -> Self {
        Self::Agencies(Arc::default())
    }

    /// Whether something that concerns these agencies is in it.
    pub fn covers(&self, agencies: impl IntoIterator<Item = AgencyId>) -> bool {
        match self {
            Self::Province => true,
            Self::Agencies(own) => agencies.into_iter().any(|agency| own.contains(&agency)),
        }
    }

    /// What is in one of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Agencies(one), Self::Agencies(other)) => {
                Self::Agencies(Arc::new(one.union(&other).copied().collect()))
            }
            (Self::Province, _) | (_, Self::Province) => Self::Province,
        }
    }
}

/// What somebody may do, and for each thing whose dossiers with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Powers(BTreeMap<Function, Scope>);

impl Powers {
    /// The same scope for all.
    pub fn over(functions: &[Function], scope: &Scope) -> Self {
        let mut powers = Self::default();
        for function in functions {
            powers.add(*function, scope.clone());
        }
        powers
    }

    /// A scope beside those that are there.
    pub fn add(&mut self, function: Function, scope: Scope) {
        let known = self.0.remove(&function);
        self.0.insert(function, known.map_or(scope.clone(), |known| known.and(scope)));
    }

    /// All but some functions.
    #[must_use]
    pub fn without(&self, functions: &[Function]) -> Self {
        let kept = self.0.iter().filter(|(function, _)| !functions.contains(function));
        Self(kept.map(|(function, scope)| (*function, scope.clone())).collect())
    }

    /// No more than some functions.
    #[must_use]
    pub fn only(&self, functions: &BTreeSet<Function>) -> Self {
        let kept = self.0.iter().filter(|(function, _)| functions.contains(function));
        Self(kept.map(|(function, scope)| (*function, scope.clone())).collect())
    }

    pub fn of(&self, function: Function) -> Option<&Scope> {
        self.0.get(&function)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Function, &Scope)> {
        self.0.iter().map(|(function, scope)| (*function, scope))
    }
}

/// Somebody who acts, with what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub id: PrincipalId,
    pub acting_as: ActingAs,
    pub powers: Powers,
}

/// A refusal to a person, as opposed to a refusal of the act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("the principal does not have the function {function:?}")]
    NoFunction { function: Function },
    /// Answered like an absent dossier: who may not know of it does not learn that it exists.
    #[error("the dossier is outside the principal's scope")]
    OutOfScope,
    #[error("the dossier is assigned to somebody else")]
    NotAssignee,
    #[error("another agency holds the dossier")]
    NotHolder,
    #[error("the dossier is another applicant's, or the applicant has to do it themselves")]
    NotApplicant,
}

impl Denial {
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFunction { .. } => "NO_FUNCTION",
            Self::OutOfScope => "NOT_FOUND",
            Self::NotAssignee => "NOT_ASSIGNEE",
            Self::NotHolder => "NOT_HOLDER",
            Self::NotApplicant => "NOT_APPLICANT",
        }
    }
}

impl Principal {
    pub fn has(&self, function: Function) -> bool {
        self.powers.of(function).is_some()
    }

    /// The scope of the function, for who has it.
    pub fn require(&self, function: Function) -> Result<&Scope, Denial> {
        self.powers.of(function).ok_or(Denial::NoFunction { function })
    }

    /// Denies where the function is not over the whole province: what it changes holds for all.
    pub fn require_everywhere(&self, function: Function) -> Result<(), Denial> {
        match self.require(function)? {
            Scope::Province => Ok(()),
            Scope::Agencies(_) => Err(Denial::NoFunction { function }),
        }
    }

    /// Whether the function covers something that concerns these agencies.
    pub fn may(&self, function: Function, agencies: impl IntoIterator<Item = AgencyId>) -> bool {
        self.powers.of(function).is_some_and(|scope| scope.covers(agencies))
    }

    /// Denies where the function does not cover something that concerns these agencies.
    pub fn require_over(
        &self,
        function: Function,
        agencies: impl IntoIterator<Item = AgencyId>,
    ) -> Result<(), Denial> {
        if self.may(function, agencies) { Ok(()) } else { Err(Denial::NoFunction { function }) }
    }

    /// Whether they may know of something that concerns these agencies: any of their functions covers it. That somebody may
    /// file says nothing about what others have filed, and how they may ask is no reason to know.
    pub fn sees(&self, agencies: impl IntoIterator<Item = AgencyId> + Clone) -> bool {
        let looks = |function| !matches!(function, Function::File | Function::AdHocQueries);
        let mut powers = self.powers.iter().filter(|(function, _)| looks(*function));
        powers.any(|(_, scope)| scope.covers(agencies.clone()))
    }

    /// Whether they may do more than file: citizens may not.
    pub fn is_staff(&self) -> bool {
        self.powers.iter().any(|(function, _)| function != Function::File)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn agency(n: u128) -> AgencyId {
        AgencyId(Uuid::from_u128(n))
    }

    fn functions() -> impl Strategy<Value = BTreeSet<Function>> {
        proptest::collection::btree_set(proptest::sample::select(Function::ALL), 0..5)
    }

    #[test]
    fn a_purpose_is_named_by_its_own_name_and_some_by_nobody() {
        for purpose in Purpose::NAMED {
            assert_eq!(Purpose::named(purpose.name()), Some(*purpose));
        }
        for purpose in [Purpose::BreakGlass(DisclosureId(Uuid::nil())), Purpose::OwnDossier] {
            assert_eq!(Purpose::named(purpose.name()), None);
        }
    }

    #[test]
    fn what_holds_for_all_is_for_who_has_it_everywhere() {
        let over = |scope| Principal {
            id: PrincipalId(Uuid::nil()),
            acting_as: ActingAs { agency: agency(1), unit: None, position_title: None },
            powers: Powers::over(&[Function::Administer], &scope),
        };
        let denied = Err(Denial::NoFunction { function: Function::Administer });
        assert_eq!(over(Scope::Province).require_everywhere(Function::Administer), Ok(()));
        assert_eq!(over(Scope::of(agency(1))).require_everywhere(Function::Administer), denied);
        let audit = Err(Denial::NoFunction { function: Function::Audit });
        assert_eq!(over(Scope::Province).require_everywhere(Function::Audit), audit);
    }

    proptest! {
        #[test]
        fn what_is_cut_down_is_what_both_allow(has in functions(), only in functions()) {
            let mut powers = Powers::default();
            for (n, function) in has.iter().enumerate() {
                powers.add(*function, Scope::of(agency(n as u128)));
            }
            let (cut, others) = (powers.only(&only), powers.without(&only.iter().copied().collect::<Vec<_>>()));
            for function in Function::ALL {
                let (kept, left) = if only.contains(function) { (&cut, &others) } else { (&others, &cut) };
                prop_assert_eq!(kept.of(*function), powers.of(*function));
                prop_assert_eq!(left.of(*function), None);
            }
        }
    }

    #[test]
    fn how_somebody_may_ask_is_no_reason_to_know() {
        let somebody = |function| Principal {
            id: PrincipalId(Uuid::nil()),
            acting_as: ActingAs { agency: agency(1), unit: None, position_title: None },
            powers: Powers::over(&[function], &Scope::Province),
        };
        for function in Function::ALL {
            let somebody = somebody(*function);
            let looks = !matches!(function, Function::File | Function::AdHocQueries);
            assert_eq!(somebody.sees([agency(1)]), looks, "{function:?}");
            assert_eq!(somebody.is_staff(), *function != Function::File, "{function:?}");
        }
    }
}
