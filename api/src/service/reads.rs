//! Reads of personal data are written down before the answer goes out: who saw it, of which dossiers and which fields. An
//! answer whose record cannot be written is not given. docs/adr/0023

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{Function, Purpose};
use domain::identity::DossierId;
use futures::future::try_join_all;
use infrastructure::read_log::{Found, Numbered, Read, Which};
use projections::dossier_summary;
use uuid::Uuid;

use super::queries::ERASED;
use super::{Caller, Service, Shown};
use crate::papers::{Applicant, Content, Transfer};
use crate::problem::{Failure, Problem, ServiceError};

/// A field of personal data. The names stand in the records: they are never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonalField {
    ApplicantName,
    ApplicantIdNumber,
    ApplicantAddress,
    ApplicantPhone,
    ApplicantEmail,
    DelegateName,
    DelegateIdNumber,
    DelegateAddress,
    DelegatePhone,
    DelegateEmail,
    /// The answers to the form that it does not mark as public.
    Form,
    Subject,
    /// Why something was asked for, refused, stopped or put off.
    Reason,
    Note,
    /// What another agency was asked, and what it said.
    Question,
    Answer,
    DecisionNumber,
    Signer,
    FileName,
    FileContent,
    /// What was said of a break-glass.
    DisclosureNote,
}

impl PersonalField {
    pub fn name(self) -> &'static str {
        match self {
            Self::ApplicantName => "applicant.name",
            Self::ApplicantIdNumber => "applicant.idNumber",
            Self::ApplicantAddress => "applicant.address",
            Self::ApplicantPhone => "applicant.phone",
            Self::ApplicantEmail => "applicant.email",
            Self::DelegateName => "delegate.name",
            Self::DelegateIdNumber => "delegate.idNumber",
            Self::DelegateAddress => "delegate.address",
            Self::DelegatePhone => "delegate.phone",
            Self::DelegateEmail => "delegate.email",
            Self::Form => "form",
            Self::Subject => "subject",
            Self::Reason => "reason",
            Self::Note => "note",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::DecisionNumber => "decisionNumber",
            Self::Signer => "signer",
            Self::FileName => "file.name",
            Self::FileContent => "file.content",
            Self::DisclosureNote => "disclosure.note",
        }
    }
}

impl PersonalField {
    /// What a private field of an event of a dossier is, where it was written with an act. What is handed in with the dossier
    /// is not.
    pub fn written_as(field: &str) -> Option<Self> {
        Some(match field {
            "reason" => Self::Reason,
            "note" => Self::Note,
            "question" => Self::Question,
            "answer" => Self::Answer,
            "number" => Self::DecisionNumber,
            "signed_by" => Self::Signer,
            "name" => Self::FileName,
            _ => return None,
        })
    }
}

/// Through what personal data was shown.
#[derive(Clone, Debug)]
pub enum ReadThrough {
    /// The operation, if it has a name.
    Graphql(Option<String>),
    Paper(&'static str),
    Register,
    File,
}

type Fields = BTreeMap<DossierId, BTreeSet<PersonalField>>;

/// What one answer shows in plain, by what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed(BTreeMap<Shown, Fields>);

impl Exposed {
    pub fn add(&mut self, dossier: DossierId, by: Shown, fields: impl IntoIterator<Item = PersonalField>) {
        let mut fields = fields.into_iter().peekable();
        if fields.peek().is_some() {
            self.0.entry(by).or_default().entry(dossier).or_default().extend(fields);
        }
    }
}

/// What was found of a list in which what is not the caller's is passed over, and after which place there may be more. A
/// search ends after so many pages: it may have found less than was asked for, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched<T, P> {
    pub rows: Vec<T>,
    pub next: Option<P>,
}

impl<T, P> Searched<T, P> {
    /// The first of what was found; the rest is found again after them.
    pub(super) fn page(mut found: Vec<T>, first: i64, place: impl Fn(&T) -> P, next: Option<P>) -> Self {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        if found.len() <= first {
            return Self { rows: found, next };
        }
        found.truncate(first);
        let next = found.last().map(place);
        Self { rows: found, next }
    }
}

/// Pages that are looked at for one answer, which others wait for as well.
pub(super) const PAGES_MAX: usize = 20;

/// The longest name of an operation that is written down: what clients make up need not have an end.
const NAME_CHARS_MAX: usize = 64;
const RECORDS_TOGETHER: i64 = 100;

fn shortened(name: String) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

impl Service {
    /// Writes down what an answer shows; nothing for one that shows nothing. The answer waits for it. What is shown by a
    /// disclosure, or because it is the caller's own dossier, has a record of its own.
    pub async fn record_read(
        &self,
        caller: &Caller,
        through: ReadThrough,
        exposed: Exposed,
    ) -> Result<(), Failure> {
        if exposed.0.is_empty() {
            return Ok(());
        }
        let (channel, name) = match through {
            ReadThrough::Graphql(operation) => ("graphql", operation),
            ReadThrough::Paper(kind) => ("paper", Some(kind.to_owned())),
            ReadThrough::Register => ("register", None),
            ReadThrough::File => ("file", None),
        };
        let names = |fields: BTreeSet<PersonalField>| {
            fields.into_iter().map(|field| field.name().to_owned()).collect()
        };
        let (at, name) = (self.clock().now(), name.map(shortened));
        let purpose = |by| match by {
            Shown::Disclosed(disclosure) => Purpose::BreakGlass(disclosure),
            Shown::Own => Purpose::OwnDossier,
            Shown::Plain | Shown::Masked => caller.purpose,
        };
        let read = |(by, dossiers): (Shown, Fields)| Read {
            at,
            principal: caller.principal.id,
            acting_as: caller.principal.acting_as.clone(),
            channel: channel.to_owned(),
            name: name.clone(),
            traceparent: caller.traceparent.clone(),
            purpose: Some(purpose(by)),
            dossiers: dossiers.into_iter().map(|(id, fields)| (id, names(fields))).collect(),
        };
        let reads: Vec<Read> = exposed.0.into_iter().map(read).collect();
        try_join_all(reads.iter().map(|read| self.reads.append(read))).await?;
        Ok(())
    }
}

impl Service {
    /// Who has seen personal data, the newest first: of dossiers that an agency takes in, decides or holds which the caller
    /// audits. Of a record with others as well, nothing is told about those.
    pub async fn personal_data_reads(
        &self,
        caller: &Caller,
        which: Which,
        is_meant: impl Fn(&Read) -> bool,
        before: Option<i64>,
        first: i64,
    ) -> Result<Searched<Numbered, i64>, ServiceError> {
        caller.principal.require(Function::Audit).map_err(Problem::from)?;
        let (mut found, mut next) = (Vec::new(), Some(before.unwrap_or(i64::MAX)));
        for _ in 0..PAGES_MAX {
            let Some(seq) = next.filter(|_| 0 < first && found.len() as i64 <= first) else { break };
            let Found { records, next: after } = self.reads.before(which, seq, RECORDS_TOGETHER).await?;
            next = after;
            let ids = records.iter().flat_map(|record| record.read.dossiers.keys());
            let ids: BTreeSet<Uuid> = match which.dossier {
                Some(dossier) => [dossier.0].into(),
                None => ids.map(|id| id.0).collect(),
            };
            let audited = self.audited(caller, &ids.into_iter().collect::<Vec<_>>()).await?;
            for mut record in records.into_iter().filter(|record| is_meant(&record.read)) {
                record.read.dossiers.retain(|id, _| audited.contains(id));
                if !record.read.dossiers.is_empty() {
                    found.push(record);
                }
            }
        }
        Ok(Searched::page(found, first, |record| record.seq, next))
    }

    pub(super) async fn audited(
        &self,
        caller: &Caller,
        ids: &[Uuid],
    ) -> Result<BTreeSet<DossierId>, ServiceError> {
        let mut audited = BTreeSet::new();
        for row in dossier_summary::by_ids(self.database(), ids).await? {
            if caller.principal.may(Function::Audit, row.answering()) {
                audited.insert(DossierId(row.dossier_id));
            }
        }
        Ok(audited)
    }
}

/// What is printed of the dossier on a paper of one dossier. A register and a slip show less of the applicant than the
/// others.
pub(super) fn printed_fields(content: &Content, shows_subject: bool) -> BTreeSet<PersonalField> {
    use PersonalField::{ApplicantName, Note, Reason, Signer};
    let letter = |applicant: &Applicant, more: &[PersonalField]| {
        let subject = shows_subject.then_some(PersonalField::Subject);
        fields_of(applicant).into_iter().chain(subject).chain(more.iter().copied()).collect()
    };
    let reason = |reason: &str| if is_shown(reason) { vec![Reason] } else { vec![] };
    match content {
        Content::Receipt(receipt) => letter(&receipt.applicant, &[]),
        Content::SupplementRequest(request) => letter(&request.applicant, &reason(&request.reason)),
        Content::Refusal(refusal) => letter(&refusal.applicant, &reason(&refusal.reason)),
        Content::StopNotice(notice) => letter(&notice.applicant, &reason(&notice.reason)),
        Content::Apology(apology) => {
            let mut more = reason(&apology.reason);
            if apology.earlier.iter().any(|earlier| earlier.reason.as_deref().is_some_and(is_shown)) {
                more.push(Reason);
            }
            more.extend(apology.signer.as_deref().is_some_and(is_shown).then_some(Signer));
            letter(&apology.applicant, &more)
        }
        Content::ControlSheet(sheet) => {
            let shown = [ApplicantName, PersonalField::ApplicantAddress];
            let mut fields: BTreeSet<_> =
                fields_of(&sheet.applicant).into_iter().filter(|field| shown.contains(field)).collect();
            let is_noted = |transfer: &Transfer| transfer.note.as_deref().is_some_and(is_shown);
            fields.extend(sheet.transfers.iter().any(is_noted).then_some(Note));
            fields
        }
        Content::Register(register) => {
            register.entries.iter().flat_map(|entry| line_fields(&entry.applicant)).collect()
        }
        Content::HandOver(slip) => {
            let is_named = slip.dossiers.iter().any(|dossier| is_shown(&dossier.applicant));
            is_named.then_some(ApplicantName).into_iter().collect()
        }
    }
}

/// What a line of the register shows.
pub(super) fn line_fields(applicant: &Applicant) -> Vec<PersonalField> {
    use PersonalField::{ApplicantAddress, ApplicantName, ApplicantPhone};
    let shown = [ApplicantName, ApplicantAddress, ApplicantPhone];
    fields_of(applicant).into_iter().filter(|field| shown.contains(field)).collect()
}

fn fields_of(applicant: &Applicant) -> Vec<PersonalField> {
    use PersonalField::{ApplicantAddress, ApplicantEmail, ApplicantIdNumber, ApplicantName, ApplicantPhone};
    let texts = [
        (ApplicantName, Some(&applicant.name)),
        (ApplicantIdNumber, applicant.id_number.as_ref()),
        (ApplicantAddress, applicant.address.as_ref()),
        (ApplicantPhone, applicant.phone.as_ref()),
        (ApplicantEmail, applicant.email.as_ref()),
    ];
    let shown = texts.into_iter().filter(|(_, text)| text.is_some_and(|text| is_shown(text)));
    shown.map(|(field, _)| field).collect()
}

/// Whether a text says something of somebody: not where nothing stands, or that it was erased.
pub(super) fn is_shown(text: &str) -> bool {
    !text.is_empty() && text != ERASED
}
