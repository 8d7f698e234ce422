//! What of each event is personal or free text, and whose key seals it. An event that is not listed here does not compile.

use super::*;
use crate::private::{HasPrivate, KeyOwner, show};

type Visit<'a> = &'a mut dyn FnMut(&'static str, KeyOwner, &mut Private);

impl HasPrivate for Submitted {
    fn each_private(&mut self, visit: Visit) {
        let applicant = &mut self.applicant;
        visit("applicant.name", KeyOwner::Applicant, &mut applicant.name);
        show(visit, "applicant.id_number", KeyOwner::Applicant, &mut applicant.id_number);
        show(visit, "applicant.phone", KeyOwner::Applicant, &mut applicant.phone);
        show(visit, "applicant.email", KeyOwner::Applicant, &mut applicant.email);
        show(visit, "applicant.address", KeyOwner::Applicant, &mut applicant.address);
        if let Some(delegate) = &mut self.delegate {
            delegate.each_private(visit);
        }
        show(visit, "subject", KeyOwner::Dossier, &mut self.subject);
        show(visit, "form", KeyOwner::Applicant, &mut self.form);
    }
}

impl HasPrivate for Delegate {
    fn each_private(&mut self, visit: Visit) {
        visit("delegate.name", KeyOwner::Delegate, &mut self.name);
        show(visit, "delegate.id_number", KeyOwner::Delegate, &mut self.id_number);
        show(visit, "delegate.phone", KeyOwner::Delegate, &mut self.phone);
        show(visit, "delegate.email", KeyOwner::Delegate, &mut self.email);
        show(visit, "delegate.address", KeyOwner::Delegate, &mut self.address);
    }
}

impl HasPrivate for DelegateNamed {
    fn each_private(&mut self, visit: Visit) {
        self.delegate.each_private(visit);
    }
}

impl HasPrivate for DelegateRemoved {}

impl HasPrivate for IntakeSupplementRequested {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.request.reason);
    }
}

impl HasPrivate for IntakeSupplementReceived {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.supply.note);
    }
}

impl HasPrivate for Received {}

impl HasPrivate for SupplementRequested {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.request.reason);
    }
}

impl HasPrivate for SupplementReceived {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "note", KeyOwner::Dossier, &mut self.supply.note);
    }
}

impl HasPrivate for Withdrawn {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "reason", KeyOwner::Dossier, &mut self.reason);
    }
}

macro_rules! private_note {
    ($($name:ty),+) => {$(
        impl HasPrivate for $name {
            fn each_private(&mut self, visit: Visit) {
                show(visit, "note", KeyOwner::Dossier, &mut self.note);
            }
        }
    )+};
}

private_note!(
    Forwarded,
    StepCompleted,
    ProcessingFinished,
    ResultReturned,
    Paused,
    Resumed,
    Sent,
    Proposed,
    Approved,
    Signed,
    ObligationRequested,
    ApplicantNotified
);

macro_rules! private_reason {
    ($($name:ty),+) => {$(
        impl HasPrivate for $name {
            fn each_private(&mut self, visit: Visit) {
                visit("reason", KeyOwner::Dossier, &mut self.reason);
            }
        }
    )+};
}

private_reason!(Refused, SentBack, ReworkRequested, ObligationWaived, PaymentRefunded, Stopped, Corrected);

impl HasPrivate for Accepted {}
impl HasPrivate for Recalled {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "reason", KeyOwner::Dossier, &mut self.reason);
    }
}
impl HasPrivate for PaymentRecorded {}
impl HasPrivate for CarriedOver {}

impl HasPrivate for FileAttached {
    fn each_private(&mut self, visit: Visit) {
        show(visit, "name", KeyOwner::Dossier, &mut self.name);
    }
}

impl HasPrivate for OpinionRequested {
    fn each_private(&mut self, visit: Visit) {
        visit("question", KeyOwner::Dossier, &mut self.question);
    }
}

impl HasPrivate for OpinionGiven {
    fn each_private(&mut self, visit: Visit) {
        visit("answer", KeyOwner::Dossier, &mut self.answer);
    }
}

impl HasPrivate for Issued {
    fn each_private(&mut self, visit: Visit) {
        visit("number", KeyOwner::Dossier, &mut self.number);
    }
}

impl HasPrivate for Extended {
    fn each_private(&mut self, visit: Visit) {
        visit("reason", KeyOwner::Dossier, &mut self.reason);
        visit("signed_by", KeyOwner::Dossier, &mut self.signed_by);
    }
}
