//! What applicants, and those who act for them, see of their own dossiers and do with them; nothing else is theirs to see.
//! docs/adr/0027

use domain::access::Function;
use domain::codes::PaperCode;
use domain::dossier::{
    self, Applicant, ApplicantKind, Command, Delegate, Dossier, Event, FileAttached, FilePurpose, Filed,
    Phase,
};
use domain::identity::{DossierId, PrincipalId};
use domain::private::Private;
use domain::recorded;
use domain::time::Instant;
use projections::applicant_dossier;
use projections::dossier_summary::{self, Cursor, DossierSummary};
use uuid::Uuid;

use super::dossiers::{NAME_CHARS_MAX, optional, required};
use super::{Accepted, Caller, DossierPage, Exposed, HistoryEntry, PersonalField, Service, Shown};
use crate::input::{
    ApplicantInput, CollectResultInput, DelegateInput, NameDelegateInput, RemoveDelegateInput,
};
use crate::problem::{Problem, ServiceError};

/// What an applicant has handed in, and who acts for them now.
#[derive(Clone, Debug)]
pub struct Application {
    pub applicant: Person,
    pub kind: ApplicantKind,
    pub delegate: Option<Person>,
    pub subject: Option<Private>,
    pub form: Option<Private>,
    pub public_form: Option<serde_json::Value>,
    pub papers: Vec<PaperCode>,
}

/// Somebody as a dossier's event tells of them.
#[derive(Clone, Debug)]
pub struct Person {
    /// Type of the event.
    pub told_in: &'static str,
    pub account: Option<PrincipalId>,
    /// Name, number of a paper, phone, e-mail, address; each with what its being shown is written down as.
    pub particulars: [(PersonalField, Option<Private>); 5],
}

/// How somebody sees the personal data of a dossier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    shown: Shown,
    /// Nothing is written down of what somebody sees of themselves.
    is_of_themselves: bool,
}

impl Sight {
    pub(super) fn is_own(self) -> bool {
        self.shown == Shown::Own
    }

    pub(super) fn expose(
        self,
        exposed: &mut Exposed,
        id: DossierId,
        fields: impl IntoIterator<Item = PersonalField>,
    ) {
        if !self.is_of_themselves {
            exposed.add(id, self.shown, fields);
        }
    }
}

/// What the office told the applicant.
#[derive(Clone, Debug)]
pub struct Told {
    pub at: Instant,
    pub about: TellsOf,
    /// Type of the event.
    pub told_in: &'static str,
    pub reason: Private,
    pub papers: Vec<PaperCode>,
    pub answer_by: Option<Instant>,
    pub due_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellsOf {
    SupplementRequested,
    Refused,
    Stopped,
    Extended,
}

impl Person {
    fn applicant(applicant: &Applicant, told_in: &'static str) -> Self {
        use PersonalField::{
            ApplicantAddress, ApplicantEmail, ApplicantIdNumber, ApplicantName, ApplicantPhone,
        };
        Self {
            told_in,
            account: applicant.account,
            particulars: [
                (ApplicantName, Some(applicant.name.clone())),
                (ApplicantIdNumber, applicant.id_number.clone()),
                (ApplicantPhone, applicant.phone.clone()),
                (ApplicantEmail, applicant.email.clone()),
                (ApplicantAddress, applicant.address.clone()),
            ],
        }
    }

    fn delegate(delegate: &Delegate, told_in: &'static str) -> Self {
        use PersonalField::{DelegateAddress, DelegateEmail, DelegateIdNumber, DelegateName, DelegatePhone};
        Self {
            told_in,
            account: delegate.account,
            particulars: [
                (DelegateName, Some(delegate.name.clone())),
                (DelegateIdNumber, delegate.id_number.clone()),
                (DelegatePhone, delegate.phone.clone()),
                (DelegateEmail, delegate.email.clone()),
                (DelegateAddress, delegate.address.clone()),
            ],
        }
    }
}

/// What was handed in, as the dossier's events tell.
pub fn application(history: &[HistoryEntry]) -> Option<Application> {
    let mut application = None;
    for entry in history {
        let recorded::Event::Dossier(event) = &entry.recorded.event else { continue };
        let told_in = entry.recorded.event.type_name();
        match (event, &mut application) {
            (Event::Submitted(submitted), none @ None) => {
                *none = Some(Application {
                    applicant: Person::applicant(&submitted.applicant, told_in),
                    kind: submitted.applicant.kind,
                    delegate: submitted.delegate.as_ref().map(|known| Person::delegate(known, told_in)),
                    subject: submitted.subject.clone(),
                    form: submitted.form.clone(),
                    public_form: submitted.public_form.clone(),
                    papers: submitted.papers.clone(),
                });
            }
            (Event::DelegateNamed(named), Some(known)) => {
                known.delegate = Some(Person::delegate(&named.delegate, told_in));
            }
            (Event::DelegateRemoved(_), Some(known)) => known.delegate = None,
            _ => {}
        }
    }
    application
}

/// What the office told the applicant, less what it has taken back.
pub fn told(history: &[HistoryEntry]) -> Vec<Told> {
    let happened = history.iter().filter_map(|entry| match &entry.recorded.event {
        recorded::Event::Dossier(event) => Some((entry, event)),
        _ => None,
    });
    let told = dossier::standing(happened, |(_, event)| event).into_iter().filter_map(|(entry, event)| {
        let nothing = (Vec::new(), None, None);
        let (about, reason, (papers, answer_by, due_at)) = match event {
            Event::IntakeSupplementRequested(dossier::IntakeSupplementRequested { request })
            | Event::SupplementRequested(dossier::SupplementRequested { request }) => {
                let wanted = (request.papers.clone(), request.answer_by, None);
                (TellsOf::SupplementRequested, request.reason.clone(), wanted)
            }
            Event::Refused(refused) => (TellsOf::Refused, refused.reason.clone(), nothing),
            Event::Stopped(stopped) => (TellsOf::Stopped, stopped.reason.clone(), nothing),
            Event::Extended(extended) => {
                (TellsOf::Extended, extended.reason.clone(), (Vec::new(), None, Some(extended.due_at)))
            }
            _ => return None,
        };
        let (at, told_in) = (entry.recorded.occurred_at, entry.recorded.event.type_name());
        Some(Told { at, about, told_in, reason, papers, answer_by, due_at })
    });
    told.collect()
}

/// Whether an applicant may have a file of their dossier: any paper, and the result once it is theirs.
pub(super) fn is_given_to_applicant(filed: &Filed, file: &FileAttached) -> bool {
    match file.purpose {
        FilePurpose::Paper => true,
        FilePurpose::Result => matches!(filed.phase, Phase::Returned { .. }),
    }
}

impl Service {
    /// Hồ sơ của tôi: the newest first.
    pub async fn my_dossiers(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        first: i64,
    ) -> Result<DossierPage, ServiceError> {
        caller.principal.require(Function::File).map_err(Problem::from)?;
        let after = after.unwrap_or(Cursor::START);
        let rows = applicant_dossier::of(self.database(), caller.principal.id, after, first + 1).await?;
        let (mut rows, has_more) = super::boards::page(rows, first);
        // What the read model has not heard of yet: that it is theirs no more.
        let streams: Vec<String> =
            rows.iter().map(|row| dossier::stream(DossierId(row.dossier_id))).collect();
        let known = self.executor.load_all::<Dossier>(&streams).await?;
        rows.retain(|row| match known.get(&dossier::stream(DossierId(row.dossier_id))) {
            Some(Ok(known)) => known.state.filed().is_some_and(|filed| filed.is_theirs(&caller.principal)),
            // Nothing personal can be read of it, and its error is told of it alone.
            Some(Err(_)) | None => true,
        });
        Ok(DossierPage { rows, has_more })
    }

    /// One of them, by what the log says now. Nothing where it is another's.
    pub async fn my_dossier(
        &self,
        caller: &Caller,
        id: DossierId,
    ) -> Result<Option<DossierSummary>, ServiceError> {
        caller.principal.require(Function::File).map_err(Problem::from)?;
        let known = self.executor.load::<Dossier>(&dossier::stream(id)).await?;
        if !known.state.filed().is_some_and(|filed| filed.is_theirs(&caller.principal)) {
            return Ok(None);
        }
        Ok(dossier_summary::by_id(self.database(), id.0).await?)
    }

    /// By what the caller sees all of a dossier's personal data: scope first, then the function to see the dossier, then that
    /// to read personal data; or it is theirs.
    pub(super) async fn sight(
        &self,
        caller: &Caller,
        id: DossierId,
        filed: &Filed,
    ) -> Result<Sight, ServiceError> {
        let by_right = match filed.authorise(&caller.principal, Function::ReadDossiers.into()) {
            Ok(()) => self.reads_personal_data(caller, id, filed).await,
            Err(denied) => Err(Problem::from(denied).into()),
        };
        match by_right {
            Err(ServiceError::Problem(_)) if filed.is_theirs(&caller.principal) => {
                let is_of_themselves = filed.applicant == Some(caller.principal.id);
                Ok(Sight { shown: Shown::Own, is_of_themselves })
            }
            by_right => {
                let shown = by_right?.map_or(Shown::Plain, Shown::Disclosed);
                Ok(Sight { shown, is_of_themselves: false })
            }
        }
    }

    /// Nhận kết quả trực tuyến.
    pub async fn collect_result(
        &self,
        caller: &Caller,
        input: &CollectResultInput,
    ) -> Result<Accepted, ServiceError> {
        self.act(caller, "collectResult", &input.on, input, Command::Collect).await
    }

    /// Ủy quyền.
    pub async fn name_delegate(
        &self,
        caller: &Caller,
        input: &NameDelegateInput,
    ) -> Result<Accepted, ServiceError> {
        in_no_name_of_their_own(caller.principal.id, input.delegate.account_id)?;
        let command = Command::NameDelegate(self.delegate(&input.delegate, None).await?);
        self.act(caller, "nameDelegate", &input.on, input, command).await
    }

    /// Chấm dứt ủy quyền.
    pub async fn remove_delegate(
        &self,
        caller: &Caller,
        input: &RemoveDelegateInput,
    ) -> Result<Accepted, ServiceError> {
        self.act(caller, "removeDelegate", &input.on, input, Command::RemoveDelegate).await
    }

    /// `filer`: who files online is the applicant, or acts for them, and says nothing of accounts. Whoever takes in for
    /// others (`by`) says nothing of their own.
    pub(super) async fn people(
        &self,
        by: PrincipalId,
        filer: Option<PrincipalId>,
        applicant: &ApplicantInput,
        delegate: Option<&DelegateInput>,
    ) -> Result<(Applicant, Option<Delegate>), ServiceError> {
        let said = [applicant.account_id, delegate.and_then(|delegate| delegate.account_id)];
        if filer.is_some() && said.iter().any(Option::is_some) {
            let reason = "who files online is who it is";
            return Err(Problem::invalid("accountId", reason).into());
        }
        for account in said {
            in_no_name_of_their_own(by, account)?;
        }
        let delegate = match delegate {
            Some(delegate) => Some(self.delegate(delegate, filer).await?),
            None => None,
        };
        let filer = filer.filter(|_| delegate.is_none());
        let text = |field, text: &Option<String>| optional(field, text.as_deref(), NAME_CHARS_MAX);
        let applicant = Applicant {
            kind: applicant.kind.into(),
            account: filer.or(applicant.account_id.map(PrincipalId)),
            name: required("applicant.name", &applicant.name, NAME_CHARS_MAX)?,
            id_number: text("applicant.idNumber", &applicant.id_number)?,
            phone: text("applicant.phone", &applicant.phone)?,
            email: text("applicant.email", &applicant.email)?,
            address: text("applicant.address", &applicant.address)?,
            key: self.executor.keys.take().await?,
        };
        Ok((applicant, delegate))
    }

    async fn delegate(
        &self,
        input: &DelegateInput,
        filer: Option<PrincipalId>,
    ) -> Result<Delegate, ServiceError> {
        let text = |field, text: &Option<String>| optional(field, text.as_deref(), NAME_CHARS_MAX);
        Ok(Delegate {
            account: filer.or(input.account_id.map(PrincipalId)),
            name: required("delegate.name", &input.name, NAME_CHARS_MAX)?,
            id_number: text("delegate.idNumber", &input.id_number)?,
            phone: text("delegate.phone", &input.phone)?,
            email: text("delegate.email", &input.email)?,
            address: text("delegate.address", &input.address)?,
            key: self.executor.keys.take().await?,
        })
    }
}

/// Nobody lets themselves see (docs/adr/0030).
fn in_no_name_of_their_own(by: PrincipalId, account: Option<Uuid>) -> Result<(), Problem> {
    if account == Some(by.0) {
        return Err(Problem::invalid("accountId", "is that of who says it"));
    }
    Ok(())
}

impl Person {
    /// What somebody sees of themselves is no reading of somebody else's data, and is not written down.
    pub fn is(&self, caller: &Caller) -> bool {
        self.account == Some(caller.principal.id)
    }
}
