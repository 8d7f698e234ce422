//! Files of dossiers: taken in as they stream, listed, and handed out again. docs/adr/0013.

mod intake;

use std::sync::Arc;

use axum::body::Bytes;
use domain::codes::{DossierCode, MediaType, PaperCode};
use domain::decider::Decider;
use domain::dossier::{self, Act, Dossier, Event, FileAttached, FilePurpose, Rejection};
use domain::identity::{CommandId, DossierId, FileId, KeyId};
use domain::private::{KeyOwner, Private};
use domain::recorded::{self, Version};
use domain::time::Instant;
use futures::Stream;
use infrastructure::content_store::{Content, ContentStore, FilePlace, ObjectName, Stored};
use infrastructure::execute::{ExecuteError, Refusal};
use infrastructure::keys::KeyError;
use infrastructure::scanner::Scanner;
use infrastructure::seal::SealingKey;
use serde::Serialize;
use uuid::Uuid;

use super::applicants::is_given_to_applicant;
use super::dossiers::{NAME_CHARS_MAX, plain};
use super::places::{Held, Places};
use super::queries::events_of;
use super::{Caller, Done, Exposed, HistoryEntry, PersonalField, ReadThrough, Service, Shown};
use crate::file_types::{self, FileType};
use crate::problem::{Problem, ServiceError};

const OPERATION: &str = "attachFile";
/// The pinned name of the event.
pub(crate) const FILE_ATTACHED: &str = "dossier.file_attached.v1";
/// 50 MiB: a scanned plan fits.
pub const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Uploads under way at once, of all and of one principal. Each holds some chunks in memory, and perhaps a scanner. A browser
/// opens six connections to a host; whoever sends slowly and often keeps nobody else out.
const UPLOADS_MAX: usize = 64;
const UPLOADS_OF_ONE_MAX: usize = 6;

/// The content store, and what is taken into it.
#[derive(Clone)]
pub struct Files {
    pub store: ContentStore,
    policy: Arc<FilePolicy>,
    uploads: Places,
}

/// What the operator lets in.
#[derive(Clone, Debug)]
pub struct FilePolicy {
    pub bytes_max: u64,
    /// Without one nothing is scanned.
    pub scanner: Option<Scanner>,
}

impl Default for FilePolicy {
    fn default() -> Self {
        Self { bytes_max: FILE_BYTES_MAX, scanner: None }
    }
}

impl Files {
    pub(super) fn new(store: ContentStore, policy: FilePolicy) -> Self {
        Self { store, policy: Arc::new(policy), uploads: Places::new(UPLOADS_OF_ONE_MAX, UPLOADS_MAX) }
    }

    fn place_of(&self, caller: &Caller) -> Result<Held, Problem> {
        let busy = || refused("TOO_MANY_UPLOADS", "as many uploads as there may be are under way");
        self.uploads.take(caller.principal.id).ok_or_else(busy)
    }
}

/// What is sent along with the bytes of a file. With their SHA-256 it is what a retry is told by.
#[derive(Clone, Debug, Serialize)]
pub struct FileInput {
    pub idempotency_key: Uuid,
    pub dossier: DossierId,
    pub purpose: FilePurpose,
    /// Code of the paper.
    pub paper: Option<String>,
    pub media_type: String,
    /// As the sender calls it: personal data.
    pub name: Option<String>,
}

/// The same, parsed.
struct Asked {
    purpose: FilePurpose,
    paper: Option<PaperCode>,
    media_type: MediaType,
    kind: FileType,
    name: Option<String>,
}

/// A file that is attached, now or by an earlier try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub file: FileReceipt,
    pub done: Done,
    /// By this try.
    pub is_new: bool,
}

/// What the first answer says of a file, and every later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReceipt {
    pub id: FileId,
    pub sha256: domain::codes::Digest,
    pub size: u64,
}

/// A file of a list.
#[derive(Clone, Debug)]
pub struct ListedFile {
    pub attached: FileAttached,
    pub at: Instant,
    /// For who may read personal data.
    pub name: Option<String>,
}

/// A file on its way out.
#[derive(Debug)]
pub struct Download {
    pub code: DossierCode,
    pub attached: FileAttached,
    pub extension: &'static str,
    pub name: Option<String>,
    pub content: Content,
}

impl Service {
    /// With this policy from here on.
    #[must_use]
    pub fn taking_files(self, policy: FilePolicy) -> Self {
        Self { files: Files::new(self.files.store.clone(), policy), ..self }
    }

    /// Số hóa: attaches a file whose bytes stream in. Who may not do it is told before a byte of it is read, and who
    /// sends it again gets the first answer.
    pub async fn attach_file<E: std::error::Error + 'static>(
        &self,
        caller: &Caller,
        input: &FileInput,
        length: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<Attached, ServiceError> {
        let asked = Asked::parse(input)?;
        let command = CommandId::derive(caller.principal.id, OPERATION, input.idempotency_key);
        let was_done = !self.store().find_append(command.append(), 1).await?.is_empty();
        if length.is_some_and(|length| self.files.policy.bytes_max < length) {
            return Err(self.files.too_large().into());
        }
        if was_done {
            let _held = self.files.place_of(caller)?;
            let sent = self.files.hashed(body).await?;
            let request = self.request(caller, OPERATION, input.idempotency_key, &(input, sent))?;
            let stream = dossier::stream(input.dossier);
            let before = self.executor.done_before::<Rejection>(&request, &stream).await?;
            let done = before.ok_or(Problem::KeyReused)?;
            return self.attached(command, done).await;
        }
        let place = self.place_for(caller, input, &asked, command).await?;
        let key = self.file_key(place.key).await?;
        let _held = self.files.place_of(caller)?;
        let (stored, sent) = self.files.take_in(place, &key, asked.kind, body).await?;
        let file = asked.file(place, &stored);
        let request = self.request(caller, OPERATION, input.idempotency_key, &(input, sent))?;
        let decide = |state: &Dossier, at: Instant| {
            authorised(state, caller, asked.purpose)?;
            state.decide(at, &dossier::Command::AttachFile(file.clone())).map_err(Refusal::Rejected)
        };
        let done = self.executor.execute(&dossier::stream(input.dossier), &request, decide).await;
        match done {
            Ok(done) => {
                let attached = self.attached(command, done).await?;
                // Another try was faster: its object is the file, this one is nobody's.
                if attached.file.sha256 != stored.sha256 {
                    self.discard(place.file, &stored).await;
                }
                Ok(attached)
            }
            Err(error) => {
                // Where nobody can say whether it was written, the object stays: it is collected if it was not.
                if !matches!(error, ExecuteError::Store(_) | ExecuteError::Keys(_)) {
                    self.discard(place.file, &stored).await;
                }
                Err(error.into())
            }
        }
    }

    /// Whether the caller may attach it to the dossier as it is now, and under which key. What is decided here is
    /// decided again once the bytes are in.
    async fn place_for(
        &self,
        caller: &Caller,
        input: &FileInput,
        asked: &Asked,
        command: CommandId,
    ) -> Result<FilePlace, ServiceError> {
        let known = self.executor.load::<Dossier>(&dossier::stream(input.dossier)).await?;
        let refused = |refusal| match refusal {
            Refusal::Denied(denial) => Problem::from(denial),
            Refusal::Rejected(rejection) => Problem::from(rejection),
        };
        authorised(&known.state, caller, asked.purpose).map_err(refused)?;
        let key = known.state.key(KeyOwner::Dossier).ok_or(Problem::NotFound { what: "dossier" })?;
        let place = FilePlace { file: command.file(), dossier: input.dossier, key };
        let nothing = Stored { size: 0, sha256: self.files.no_digest()? };
        let command = dossier::Command::AttachFile(asked.file(place, &nothing));
        let at = caller.at.unwrap_or_else(|| self.clock().now()).max(known.last_at);
        known.state.decide(at, &command).map_err(Problem::from)?;
        Ok(place)
    }

    /// The answer: what the event says, whichever try wrote it.
    async fn attached(
        &self,
        command: CommandId,
        done: infrastructure::execute::Done,
    ) -> Result<Attached, ServiceError> {
        let rows = self.store().find_append(command.append(), 1).await?;
        let row = rows.first().ok_or(Problem::Contended)?;
        let Event::FileAttached(file) = row.decode_as()? else { return Err(Problem::KeyReused.into()) };
        Ok(Attached {
            file: FileReceipt { id: file.file, sha256: file.sha256, size: file.size },
            done: Done { version: done.version, position: done.position },
            is_new: done.written,
        })
    }

    /// Takes out an object that no event names. What fails here is left to the collection.
    async fn discard(&self, file: FileId, stored: &Stored) {
        let Some(name) = ObjectName::new(file, &stored.sha256) else { return };
        if let Err(error) = self.files.store.remove(name).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, %file, "an object that no event names stays until it is collected");
        }
    }

    async fn file_key(&self, id: KeyId) -> Result<Arc<SealingKey>, ServiceError> {
        match self.executor.keys.key(id).await {
            Err(KeyError::Destroyed(_)) => Err(gone().into()),
            outcome => Ok(outcome?),
        }
    }

    /// The files of a dossier that the caller sees.
    pub async fn files_of(
        &self,
        id: DossierId,
        history: &[HistoryEntry],
        shown: Shown,
    ) -> Result<Vec<ListedFile>, ServiceError> {
        let mut files = Vec::new();
        for entry in history {
            let recorded::Event::Dossier(Event::FileAttached(attached)) = &entry.recorded.event else {
                continue;
            };
            let name = match shown {
                Shown::Plain | Shown::Disclosed(_) | Shown::Own => self.file_name(id, attached).await?,
                Shown::Masked => None,
            };
            files.push(ListedFile { attached: attached.clone(), at: entry.recorded.occurred_at, name });
        }
        Ok(files)
    }

    /// Those that are an applicant's to have, who has been found to be the applicant or to act for them.
    pub async fn files_of_applicant(
        &self,
        id: DossierId,
        history: &[HistoryEntry],
    ) -> Result<Vec<ListedFile>, ServiceError> {
        let state: Dossier = domain::decider::fold(events_of(history));
        let mut files = self.files_of(id, history, Shown::Own).await?;
        files.retain(|file| state.filed().is_some_and(|filed| is_given_to_applicant(filed, &file.attached)));
        Ok(files)
    }

    /// None once its key is destroyed.
    async fn file_name(&self, id: DossierId, file: &FileAttached) -> Result<Option<String>, ServiceError> {
        let Some(token) = file.name.as_ref().and_then(Private::token) else { return Ok(None) };
        match self.executor.keys.open_value(token, &dossier::stream(id), FILE_ATTACHED).await {
            Ok(name) => Ok(Some(name.expose().to_owned())),
            Err(KeyError::Destroyed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A file, opened for reading. It shows personal data: see [`Service::sight`].
    pub async fn file(&self, caller: &Caller, id: DossierId, file: FileId) -> Result<Download, ServiceError> {
        let stream = dossier::stream(id);
        let known = self.executor.load::<Dossier>(&stream).await?;
        let filed = known.state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        let sight = self.sight(caller, id, filed).await?;
        let mut attached = None;
        for row in self.store().read_stream(&stream, Version(0)).await? {
            if row.type_name == FILE_ATTACHED
                && let Event::FileAttached(event) = row.decode_as()?
                && event.file == file
            {
                attached = Some(event);
            }
        }
        let is_given = |file: &FileAttached| !sight.is_own() || is_given_to_applicant(filed, file);
        let attached = attached.filter(is_given).ok_or(Problem::NotFound { what: "file" })?;
        let key = self.file_key(attached.key).await?;
        let place = FilePlace { file, dossier: id, key: attached.key };
        let content = self.files.store.open(place, &attached.sha256, attached.size, key).await?;
        let name = self.file_name(id, &attached).await?;
        let extension = file_types::of(&attached.media_type).map_or("bin", |kind| kind.extension);
        let mut exposed = Exposed::default();
        let named = name.is_some().then_some(PersonalField::FileName);
        sight.expose(&mut exposed, id, [PersonalField::FileContent].into_iter().chain(named));
        self.record_read(caller, ReadThrough::File, exposed).await.map_err(ServiceError::Failure)?;
        Ok(Download { code: filed.code.clone(), attached, extension, name, content })
    }
}

fn authorised(state: &Dossier, caller: &Caller, purpose: FilePurpose) -> Result<(), Refusal<Rejection>> {
    let filed = state.filed().ok_or(Refusal::Rejected(Rejection::NotFiled))?;
    let relation = Act::attach(purpose).relation(filed, &caller.principal);
    filed.authorise(&caller.principal, relation).map_err(Refusal::Denied)
}

/// The key of the dossier is destroyed, and with it what was under it.
fn gone() -> Problem {
    refused("FILE_GONE", "the key of the dossier was destroyed")
}

fn refused(code: &'static str, reason: impl std::fmt::Display) -> Problem {
    Problem::Refused { code, reason: reason.to_string() }
}

impl Asked {
    fn parse(input: &FileInput) -> Result<Self, Problem> {
        let not_allowed = || {
            let allowed = &*file_types::ALLOWED;
            refused("FILE_TYPE_NOT_ALLOWED", format!("{:?} is not one of {allowed}", input.media_type))
        };
        let media_type = input.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let media_type = MediaType::parse(&media_type).map_err(|_| not_allowed())?;
        let kind = file_types::of(&media_type).ok_or_else(not_allowed)?;
        let paper = input.paper.as_deref().map(PaperCode::parse).transpose();
        Ok(Self {
            purpose: input.purpose,
            paper: paper.map_err(Problem::code_of("paper"))?,
            media_type,
            kind,
            name: input.name.as_deref().map(file_name).transpose()?.filter(|name| !name.is_empty()),
        })
    }

    fn file(&self, place: FilePlace, stored: &Stored) -> FileAttached {
        FileAttached {
            file: place.file,
            purpose: self.purpose,
            paper: self.paper.clone(),
            media_type: self.media_type.clone(),
            size: stored.size,
            sha256: stored.sha256.clone(),
            key: place.key,
            name: self.name.as_deref().map(Private::open),
        }
    }
}

/// A name and no path; and nothing that makes another name of it on a screen.
fn file_name(name: &str) -> Result<String, Problem> {
    let name = plain("name", name, NAME_CHARS_MAX)?;
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\') || turns(c)) {
        return Err(Problem::invalid("name", "holds a separator of paths or a control character"));
    }
    Ok(name)
}
