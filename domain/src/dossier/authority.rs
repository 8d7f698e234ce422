//! Who stands how to a dossier, and what they may do for it.

use super::{Correctable, Filed, Holder};
use crate::access::{Denial, Function, Principal, Scope};
use crate::identity::AgencyId;

/// How somebody has to stand to a dossier to do something with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Whoever has the function, standing to the dossier as the function asks for.
    Has(Function),
    /// Who handed it over, or assigns what others hold: to take it back.
    Sender,
    /// The agency that it was sent to.
    Recipient,
    /// An agency whose opinion was asked for.
    Consulted(u32),
    /// The counter, where it may see what it lets another see.
    Entrusting,
    /// The applicant, or who acts for them.
    Applicant,
    /// The applicant, and nobody in their place.
    Principal,
}

impl From<Function> for Relation {
    fn from(function: Function) -> Self {
        Self::Has(function)
    }
}

impl Filed {
    /// The function that takes back the last event: the one that did it.
    pub fn correction_needs(&self) -> Function {
        match self.correctable.as_ref().map(|(what, _)| *what) {
            Some(Correctable::Refused | Correctable::ResultReturned | Correctable::Withdrawn) => {
                Function::Intake
            }
            Some(Correctable::ProcessingFinished | Correctable::Stopped) => Function::Approve,
            Some(Correctable::StepCompleted) | None => Function::Process,
        }
    }

    /// The agencies whose people may see the dossier.
    pub fn concerned(&self) -> impl Iterator<Item = AgencyId> + Clone {
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        let agencies = &self.agencies;
        [agencies.supporting, Some(agencies.receiving), Some(agencies.competent), holder, self.transit]
            .into_iter()
            .flatten()
            .chain(self.opinions.iter().map(|opinion| opinion.from))
    }

    /// an applicant files, supplements, pays, withdraws and collects; so does who acts for them.
    pub fn is_theirs(&self, principal: &Principal) -> bool {
        let delegate = self.delegate.and_then(|delegate| delegate.account);
        principal.has(Function::File) && [self.applicant, delegate].contains(&Some(principal.id))
    }

    /// Whether somebody learns that the dossier is there: because it concerns their agencies, or is theirs.
    pub fn is_known_to(&self, principal: &Principal) -> bool {
        principal.sees(self.concerned()) || self.is_theirs(principal)
    }

    /// Scope first, so that who may not know of the dossier learns nothing from the other answers; then the function;
    /// then the relation to the dossier.
    pub fn authorise(&self, principal: &Principal, relation: Relation) -> Result<(), Denial> {
        if !self.is_known_to(principal) {
            return Err(Denial::OutOfScope);
        }
        match relation {
            Relation::Applicant => theirs(self.is_theirs(principal)),
            Relation::Principal => theirs(self.is_theirs(principal) && self.applicant == Some(principal.id)),
            Relation::Has(function) => self.authorise_function(principal, function),
            Relation::Entrusting => {
                self.authorise_function(principal, Function::Intake)?;
                self.authorise_function(principal, Function::ReadPersonalData)
            }
            Relation::Sender => {
                let assigns = self.authorise_function(principal, Function::Assign);
                if assigns.is_ok() || (principal.has(Function::Assign) && !principal.has(Function::Process)) {
                    return assigns;
                }
                principal.require_over(Function::Process, self.concerned())?;
                let before = self.handed_over_by.as_ref().or(self.holder.as_ref());
                before.map_or(Err(Denial::NotHolder), |before| in_hand_of(before, principal))
            }
            Relation::Recipient => {
                let assigns = principal.may(Function::Assign, self.concerned());
                if !assigns {
                    principal.require_over(Function::Process, self.concerned())?;
                }
                at(principal, self.transit)
            }
            Relation::Consulted(number) => {
                principal.require_over(Function::Process, self.concerned())?;
                let asked = self.opinions.iter().find(|opinion| opinion.number == number);
                at(principal, asked.map(|opinion| opinion.from))
            }
        }
    }

    fn authorise_function(&self, principal: &Principal, function: Function) -> Result<(), Denial> {
        match function {
            // Who helped to file it, or is asked for an opinion, sees it masked.
            Function::ReadPersonalData => return principal.require_over(function, self.answering()),
            Function::File
            | Function::Intake
            | Function::Process
            | Function::Assign
            | Function::Approve
            | Function::ReadDossiers
            | Function::Synchronise
            | Function::Administer
            | Function::ManageAccess
            | Function::Audit
            | Function::BreakGlass
            | Function::AdHocQueries => principal.require_over(function, self.concerned())?,
        }
        match (function, &self.holder) {
            (Function::Process, Some(holder)) => in_hand_of(holder, principal),
            // Who approves does so for the agency that holds it, whoever of its people has it in hand.
            (Function::Approve, Some(holder)) => at(principal, Some(holder.agency)),
            // Who merely helped to file sees the dossier, and acts on it no more.
            (Function::Intake | Function::Assign, _) | (Function::Process | Function::Approve, None) => {
                self.answered_for_by(principal, function)
            }
            (
                Function::File
                | Function::ReadDossiers
                | Function::ReadPersonalData
                | Function::Synchronise
                | Function::Administer
                | Function::ManageAccess
                | Function::Audit
                | Function::BreakGlass
                | Function::AdHocQueries,
                _,
            ) => Ok(()),
        }
    }

    /// The receiving, the competent and the holding agency: those whose people see its personal data.
    pub fn answering(&self) -> impl Iterator<Item = AgencyId> + Clone {
        let holder = self.holder.as_ref().map(|holder| holder.agency);
        [Some(self.agencies.receiving), Some(self.agencies.competent), holder].into_iter().flatten()
    }

    /// Who acts for one of those agencies, or does this for the whole province.
    fn answered_for_by(&self, principal: &Principal, function: Function) -> Result<(), Denial> {
        let everywhere = principal.powers.of(function) == Some(&Scope::Province);
        let acting = principal.acting_as.agency;
        if everywhere || self.answering().any(|agency| agency == acting) {
            Ok(())
        } else {
            Err(Denial::NotHolder)
        }
    }
}

/// The holder acts: the assignee where there is one, else anybody of the holding agency.
fn in_hand_of(holder: &Holder, principal: &Principal) -> Result<(), Denial> {
    if holder.agency != principal.acting_as.agency {
        return Err(Denial::NotHolder);
    }
    match holder.assignee {
        Some(assignee) if assignee != principal.id => Err(Denial::NotAssignee),
        Some(_) | None => Ok(()),
    }
}

fn theirs(is_so: bool) -> Result<(), Denial> {
    if is_so { Ok(()) } else { Err(Denial::NotApplicant) }
}

fn at(principal: &Principal, agency: Option<AgencyId>) -> Result<(), Denial> {
    if agency == Some(principal.acting_as.agency) { Ok(()) } else { Err(Denial::NotHolder) }
}
