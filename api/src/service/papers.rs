//! The papers of a dossier, filled in from its events. What was taken back as a mistake is on no paper.

use chrono::NaiveDate;
use domain::access::Function;
use domain::codes::DossierCode;
use domain::decider::Decider;
use domain::dossier::{self, Agencies, Dossier, Event, Filed, Holder, ReturnMethod, Submitted, Timeliness};
use domain::identity::{AgencyId, DossierId};
use domain::private::Private;
use domain::procedure::{self, Procedure};
use domain::recorded::{self, Recorded, Version};
use domain::time::{Instant, local_date};
use domain::working_time::Term;
use infrastructure::keys::KeyError;
use projections::dossier_summary;

use super::queries::{ERASED, end_of, start_of};
use super::reads::{is_shown, line_fields, printed_fields};
use super::{Caller, Exposed, ReadThrough, Service, Shown};
use crate::messages::stage_name;
use crate::papers::{
    Apology, Applicant, Circular, Content, ControlSheet, Entry, Extension, HandOver, HandedOver, Issuer,
    Item, Kind, Paper, Receipt, Refusal, Register, StopNotice, SupplementRequest, Timing, Transfer,
};
use crate::problem::{Problem, ServiceError};

/// What is not there to be printed.
const NO_PAPER: Problem = Problem::NotFound { what: "paper" };
/// Dossiers of one volume of a book: each is read from its events.
const BOOK_LINES_MAX: usize = 1_000;
const BOOK_VOLUMES_MAX: u32 = 100;
const COUNTER: &str = "Bộ phận tiếp nhận và trả kết quả";

/// A paper with the code of its dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed {
    pub code: DossierCode,
    pub paper: Paper,
}

/// Which volume of which book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Code of the agency whose counter keeps it.
    pub agency: String,
    /// Local days of receipt, both inclusive.
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub volume: u32,
}

/// A dossier's events, with what every paper says.
struct File<'a> {
    service: &'a Service,
    stream: String,
    filed: &'a Filed,
    submitted: &'a Submitted,
    events: &'a [(Recorded, Event)],
    procedure: String,
    applicant: Applicant,
    /// What is asked for.
    request: String,
    /// In the words of who asks.
    shows_subject: bool,
}

impl Service {
    /// The paper of this kind, as of the last event that calls for one. It shows personal data in full: see
    /// [`Service::sight`]. An applicant gets what is addressed to them.
    pub async fn paper(&self, caller: &Caller, id: DossierId, kind: Kind) -> Result<Printed, ServiceError> {
        let (state, events) = self.uncorrected(id).await?;
        let filed = state.filed().ok_or(Problem::NotFound { what: "dossier" })?;
        let sight = self.sight(caller, id, filed).await?;
        if sight.is_own() && !kind.is_to_applicant() {
            return Err(NO_PAPER.into());
        }
        let file = File::open(self, id, filed, &events).await?;
        let (on, content) = file.content(kind).await?;
        let paper = Paper::new(Circular::in_force(local_date(on)), &content).map_err(|_| NO_PAPER)?;
        let mut exposed = Exposed::default();
        sight.expose(&mut exposed, id, printed_fields(&content, file.shows_subject));
        let recorded = self.record_read(caller, ReadThrough::Paper(kind.name()), exposed);
        recorded.await.map_err(ServiceError::Failure)?;
        Ok(Printed { code: filed.code.clone(), paper })
    }

    /// Sổ theo dõi hồ sơ: what an agency received in a stretch of days, in the order of receipt, as it stands now. A book
    /// is in volumes of 1,000 dossiers, counted from 1; one of an agency that is gone may hold fewer.
    pub async fn register_book(&self, caller: &Caller, book: &Book) -> Result<Paper, ServiceError> {
        caller.principal.require(Function::ReadDossiers).map_err(Problem::from)?;
        caller.principal.require(Function::ReadPersonalData).map_err(Problem::from)?;
        if book.to < book.from {
            return Err(Problem::invalid("to", "before the first day").into());
        }
        if !(1..=BOOK_VOLUMES_MAX).contains(&book.volume) {
            return Err(Problem::invalid("volume", format!("lies between 1 and {BOOK_VOLUMES_MAX}")).into());
        }
        let agency = self.agency_ever("agency", &book.agency, book.to).await?;
        let needed = [Function::ReadDossiers, Function::ReadPersonalData];
        if !needed.iter().all(|function| caller.principal.may(*function, [agency])) {
            return Err(Problem::NotFound { what: "agency" }.into());
        }
        let (database, days) = (self.read_side.database(), (start_of(book.from), end_of(book.to)));
        let before = (book.volume - 1) as usize * BOOK_LINES_MAX;
        let mut received = Vec::new();
        // What was carried over since is found with the successor, and stands in the book of who received it.
        for heir in self.heirs_of(agency).await? {
            let most = (before + BOOK_LINES_MAX) as i64;
            received.extend(dossier_summary::received_in(database, heir.0, days, most).await?);
        }
        received.sort_unstable();
        let now = self.clock().now();
        let (mut entries, mut exposed) = (Vec::new(), Exposed::default());
        for (_, _, id) in received.into_iter().skip(before).take(BOOK_LINES_MAX) {
            let (state, events) = self.uncorrected(DossierId(id)).await?;
            let Some(filed) = state.filed() else { continue };
            let file = File::open(self, DossierId(id), filed, &events).await?;
            let (received_at, _) = file.received()?;
            if file.agencies(received_at).receiving == agency {
                let entry = file.entry(now).await?;
                exposed.add(DossierId(id), Shown::Plain, line_fields(&entry.applicant));
                entries.push(entry);
            }
        }
        let issuer = Issuer {
            agency: self.known(agency, "agency").await?.on(book.to).name,
            counter: Some(COUNTER.to_owned()),
            number: None,
            place: None,
            issued_at: now,
        };
        let day = |day: NaiveDate| day.format("%d/%m/%Y");
        let period = format!("từ ngày {} đến ngày {}", day(book.from), day(book.to));
        let content = Content::Register(Register {
            issuer,
            book: Some(book.volume.to_string()),
            period: Some(period),
            entries,
        });
        let paper = Paper::new(Circular::in_force(book.to), &content).map_err(|_| NO_PAPER)?;
        let recorded = self.record_read(caller, ReadThrough::Register, exposed);
        recorded.await.map_err(ServiceError::Failure)?;
        Ok(paper)
    }

    /// A dossier with its events, less those that were taken back as mistakes.
    async fn uncorrected(&self, id: DossierId) -> Result<(Dossier, Vec<(Recorded, Event)>), ServiceError> {
        let mut state = Dossier::default();
        let mut events = Vec::new();
        for row in self.store().read_stream(&dossier::stream(id), Version(0)).await? {
            let recorded = row.decode()?;
            if let recorded::Event::Dossier(event) = recorded.event.clone() {
                state = state.evolve(recorded.occurred_at, &event);
                events.push((recorded, event));
            }
        }
        Ok((state, dossier::standing(events, |(_, event)| event)))
    }

    /// As it was called then: a paper of last year does not change its head when the agency is renamed.
    async fn agency_name(&self, id: AgencyId, at: Instant) -> Result<String, ServiceError> {
        Ok(self.known(id, "agency").await?.on(local_date(at)).name)
    }

    /// What nobody can open any more is printed as that.
    async fn opened(
        &self,
        stream: &str,
        type_name: &str,
        value: Option<&Private>,
    ) -> Result<Option<String>, ServiceError> {
        let Some(token) = value.and_then(Private::token) else { return Ok(None) };
        match self.executor.keys.open_value(token, stream, type_name).await {
            Err(KeyError::Destroyed(_)) => Ok(Some(ERASED.to_owned())),
            secret => Ok(Some(secret?.expose().to_owned())),
        }
    }
}

impl<'a> File<'a> {
    async fn open(
        service: &'a Service,
        id: DossierId,
        filed: &'a Filed,
        events: &'a [(Recorded, Event)],
    ) -> Result<Self, ServiceError> {
        let Some((_, Event::Submitted(submitted))) = events.first() else { return Err(NO_PAPER.into()) };
        let stream = dossier::stream(id);
        let known = service.executor.load::<Procedure>(&procedure::stream(filed.procedure.id)).await?;
        let version = known.state.version(filed.procedure.version);
        let procedure = version
            .map_or_else(|| filed.procedure.code.to_string(), |version| version.definition.name.clone());
        let type_name = "dossier.submitted.v1";
        let text = async |value| service.opened(&stream, type_name, value).await;
        let of = &submitted.applicant;
        let applicant = Applicant {
            name: text(Some(&of.name)).await?.unwrap_or_default(),
            id_number: text(of.id_number.as_ref()).await?,
            address: text(of.address.as_ref()).await?,
            phone: text(of.phone.as_ref()).await?,
            email: text(of.email.as_ref()).await?,
        };
        let subject = text(submitted.subject.as_ref()).await?;
        let shows_subject = subject.as_deref().is_some_and(is_shown);
        let request = match subject {
            Some(subject) => format!("{procedure}: {subject}"),
            None => procedure.clone(),
        };
        Ok(Self { service, stream, filed, submitted, events, procedure, applicant, request, shows_subject })
    }

    /// The content, and the moment that says which circular it is written under.
    async fn content(&self, kind: Kind) -> Result<(Instant, Content), ServiceError> {
        match kind {
            Kind::Receipt => self.receipt().await,
            Kind::SupplementRequest => self.supplement_request().await,
            Kind::Refusal => self.refusal().await,
            Kind::ControlSheet => self.control_sheet().await,
            Kind::HandOver => self.hand_over().await,
            Kind::Register => self.register().await,
            Kind::Apology => self.apology().await,
            Kind::StopNotice => self.stop_notice().await,
        }
    }

    /// The last event that this takes something from.
    fn last<T>(&self, take: impl Fn(&'a Event) -> Option<T>) -> Option<(&'a Recorded, T)> {
        let mut newest_first = self.events.iter().rev();
        newest_first.find_map(|(recorded, event)| take(event).map(|taken| (recorded, taken)))
    }

    fn received(&self) -> Result<(Instant, &'a dossier::Received), Problem> {
        let received = self.last(|event| match event {
            Event::Received(received) => Some(received),
            _ => None,
        });
        received.map(|(recorded, received)| (recorded.occurred_at, received)).ok_or(NO_PAPER)
    }

    /// The agencies of the dossier as of then, before successors took their places.
    fn agencies(&self, at: Instant) -> Agencies {
        let Some((_, Event::Submitted(submitted))) = self.events.first() else { return self.filed.agencies };
        self.events.iter().take_while(|(recorded, _)| recorded.occurred_at <= at).fold(
            submitted.agencies,
            |agencies, (_, event)| match event {
                Event::CarriedOver(carried) => agencies.carried_over(carried.from, carried.to),
                _ => agencies,
            },
        )
    }

    /// The receiving agency, whose counter hands the paper out.
    async fn issuer(&self, issued_at: Instant) -> Result<Issuer, ServiceError> {
        let agency = self.service.agency_name(self.agencies(issued_at).receiving, issued_at).await?;
        Ok(Issuer { agency, counter: Some(COUNTER.to_owned()), number: None, place: None, issued_at })
    }

    async fn holder(&self, holder: &Holder, at: Instant) -> Result<String, ServiceError> {
        let agency = self.service.agency_name(holder.agency, at).await?;
        Ok(match &holder.unit {
            Some(unit) => format!("{agency} ({unit})"),
            None => agency,
        })
    }

    fn papers(codes: &[domain::codes::PaperCode]) -> Vec<Item> {
        codes.iter().map(|code| Item { name: code.to_string(), ..Item::default() }).collect()
    }

    /// When the tax notice was to be there, as of the receipt; only where the procedure has one.
    async fn notice_at(&self, received_at: Instant) -> Result<Option<Instant>, ServiceError> {
        let definition = self.service.definition(self.filed).await?;
        let until_receipt = self.events.iter().map(|(recorded, event)| (recorded.occurred_at, event));
        let calendars = self.service.calendars_of(until_receipt.clone()).await?;
        let until_receipt = until_receipt.take_while(|(at, event)| {
            *at < received_at || matches!(event, Event::Submitted(_) | Event::Received(_))
        });
        let planned = dossier::schedule(until_receipt, &definition, &|version| calendars.version(version));
        Ok(planned.into_iter().find(|planned| planned.is_notice).and_then(|planned| planned.due_at))
    }

    async fn receipt(&self) -> Result<(Instant, Content), ServiceError> {
        let (at, received) = self.received()?;
        let content = Content::Receipt(Receipt {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            request: Some(self.request.clone()),
            papers: Self::papers(&self.submitted.papers),
            sets: None,
            term: term(received.term),
            received_at: at,
            notice_at: self.notice_at(at).await?,
            due_at: received.due_at,
            result_at: None,
            book: None,
            book_entry: None,
            submitter: None,
            receiver: None,
        });
        Ok((at, content))
    }

    async fn supplement_request(&self) -> Result<(Instant, Content), ServiceError> {
        let asked = self.last(|event| match event {
            Event::IntakeSupplementRequested(asked) => Some((&asked.request, "Trước khi tiếp nhận")),
            Event::SupplementRequested(asked) => Some((&asked.request, "Trong quá trình giải quyết")),
            _ => None,
        });
        let (recorded, (request, stage)) = asked.ok_or(NO_PAPER)?;
        let at = recorded.occurred_at;
        let reason = self.service.opened(&self.stream, recorded.event.type_name(), Some(&request.reason));
        let content = Content::SupplementRequest(SupplementRequest {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            request: Some(self.request.clone()),
            papers: Self::papers(&request.papers),
            reason: reason.await?.unwrap_or_default(),
            basis: None,
            stage: Some(stage.to_owned()),
            answer_by: request.answer_by,
            contact: None,
            contact_phone: None,
            website: None,
            guide: None,
        });
        Ok((at, content))
    }

    async fn refusal(&self) -> Result<(Instant, Content), ServiceError> {
        let refused = self.last(|event| match event {
            Event::Refused(refused) => Some(refused),
            _ => None,
        });
        let (recorded, refused) = refused.ok_or(NO_PAPER)?;
        let at = recorded.occurred_at;
        let reason = self.service.opened(&self.stream, recorded.event.type_name(), Some(&refused.reason));
        let content = Content::Refusal(Refusal {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            request: Some(self.request.clone()),
            reason: reason.await?.unwrap_or_default(),
            submitter: None,
            receiver: None,
        });
        Ok((at, content))
    }

    async fn apology(&self) -> Result<(Instant, Content), ServiceError> {
        let (received_at, received) = self.received()?;
        let mut earlier = Vec::new();
        for (recorded, event) in self.events {
            let Event::Extended(extended) = event else { continue };
            let open = async |value| {
                self.service.opened(&self.stream, recorded.event.type_name(), Some(value)).await
            };
            let (reason, signer) = (open(&extended.reason).await?, open(&extended.signed_by).await?);
            earlier.push((recorded.occurred_at, extended.due_at, reason, signer));
        }
        let (at, due_at_new, reason, signer) = earlier.pop().ok_or(NO_PAPER)?;
        let content = Content::Apology(Apology {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            request: Some(self.request.clone()),
            received_at,
            due_at_original: received.due_at,
            reason: reason.unwrap_or_default(),
            due_at_new: Some(due_at_new),
            limit: None,
            earlier: earlier
                .into_iter()
                .map(|(made_at, due_at, reason, _)| Extension { made_at, due_at, reason })
                .collect(),
            signer,
        });
        Ok((at, content))
    }

    async fn stop_notice(&self) -> Result<(Instant, Content), ServiceError> {
        let (received_at, _) = self.received()?;
        let stopped = self.last(|event| match event {
            Event::Stopped(stopped) => Some(stopped),
            _ => None,
        });
        let (recorded, stopped) = stopped.ok_or(NO_PAPER)?;
        let at = recorded.occurred_at;
        let reason = self.service.opened(&self.stream, recorded.event.type_name(), Some(&stopped.reason));
        let content = Content::StopNotice(StopNotice {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            request: Some(self.request.clone()),
            received_at: Some(received_at),
            asked_by: None,
            asked_at: None,
            stage: None,
            reason: reason.await?.unwrap_or_default(),
            stopped_at: at,
            fees: None,
            signer: None,
        });
        Ok((at, content))
    }

    /// Every hand-over, the end of processing the last: there the dossier goes back to the counter.
    async fn transfers(&self) -> Result<Vec<Transfer>, ServiceError> {
        let (received_at, received) = self.received()?;
        let counter = self.service.agency_name(received.holder.agency, received_at).await?;
        let counter = format!("{COUNTER}, {counter}");
        let mut from = counter.clone();
        let mut holder = received.holder.clone();
        let mut transfers = Vec::new();
        for (recorded, event) in self.events {
            let at = recorded.occurred_at;
            let note = async |note: &Option<Private>| {
                self.service.opened(&self.stream, recorded.event.type_name(), note.as_ref()).await
            };
            match event {
                Event::Forwarded(forwarded) => {
                    holder.clone_from(&forwarded.to);
                    let to = self.holder(&forwarded.to, at).await?;
                    let note = note(&forwarded.note).await?;
                    transfers.push(Transfer { from, to: to.clone(), at, result: None, note });
                    from = to;
                }
                Event::Sent(sent) => {
                    let to = self.service.agency_name(sent.to, at).await?;
                    let note = note(&sent.note).await?;
                    let transfer = Transfer { from: from.clone(), to, at, result: None, note };
                    transfers.push(transfer);
                }
                Event::Accepted(accepted) => {
                    holder.clone_from(&accepted.holder);
                    let to = self.holder(&accepted.holder, at).await?;
                    let taken = Some("Đã nhận".to_owned());
                    transfers.push(Transfer { from, to: to.clone(), at, result: None, note: taken });
                    from = to;
                }
                Event::CarriedOver(carried) if holder.agency == carried.from => {
                    holder.agency = carried.to;
                    let to = self.holder(&holder, at).await?;
                    let note = Some("Cơ quan kế thừa tiếp nhận".to_owned());
                    transfers.push(Transfer { from, to: to.clone(), at, result: None, note });
                    from = to;
                }
                Event::SentBack(_) => {
                    let not_taken = Some("Không nhận, trả lại".to_owned());
                    let to = from.clone();
                    transfers.push(Transfer { from: from.clone(), to, at, result: None, note: not_taken });
                }
                Event::ProcessingFinished(finished) => {
                    let due_at = self.filed.clock().and_then(|clock| clock.legal_due_at);
                    let result = match Timeliness::of(at, due_at) {
                        Timeliness::Early => Timing::Early,
                        Timeliness::OnTime => Timing::OnTime,
                        Timeliness::Late => Timing::Late,
                    };
                    let (to, note) = (counter.clone(), note(&finished.note).await?);
                    transfers.push(Transfer { from, to, at, result: Some(result), note });
                    from = counter.clone();
                }
                _ => {}
            }
        }
        Ok(transfers)
    }

    async fn control_sheet(&self) -> Result<(Instant, Content), ServiceError> {
        let (at, _) = self.received()?;
        let content = Content::ControlSheet(ControlSheet {
            issuer: self.issuer(at).await?,
            code: self.filed.code.clone(),
            applicant: self.applicant.clone(),
            procedure: Some(self.procedure.clone()),
            received_at: at,
            due_at: self.filed.clock().and_then(|clock| clock.due_at),
            processed_by: Some(
                self.service.agency_name(self.filed.agencies.competent, self.service.clock().now()).await?,
            ),
            transfers: self.transfers().await?,
        });
        Ok((at, content))
    }

    async fn hand_over(&self) -> Result<(Instant, Content), ServiceError> {
        let (received_at, received) = self.received()?;
        let transfers = self.transfers().await?;
        let handed_over = transfers.into_iter().rfind(|transfer| transfer.result.is_none());
        let Transfer { from, to, at, .. } = handed_over.ok_or(NO_PAPER)?;
        let content = Content::HandOver(HandOver {
            issuer: self.issuer(at).await?,
            from,
            to,
            handed_over_by: None,
            procedure: Some(self.procedure.clone()),
            at,
            dossiers: vec![HandedOver {
                code: self.filed.code.clone(),
                applicant: self.applicant.name.clone(),
                received_at: Some(received_at),
                due_at: received.due_at,
            }],
        });
        Ok((at, content))
    }

    /// A book that has one line.
    async fn register(&self) -> Result<(Instant, Content), ServiceError> {
        let now = self.service.clock().now();
        let (issuer, entries) = (self.issuer(now).await?, vec![self.entry(now).await?]);
        Ok((now, Content::Register(Register { issuer, book: None, period: None, entries })))
    }

    /// The line of this dossier in the book, as it stands now.
    async fn entry(&self, now: Instant) -> Result<Entry, ServiceError> {
        let (received_at, _) = self.received()?;
        let returned = self.last(|event| match event {
            Event::ResultReturned(returned) => Some(returned.method),
            _ => None,
        });
        Ok(Entry {
            code: self.filed.code.clone(),
            procedure: self.procedure.clone(),
            sets: None,
            applicant: self.applicant.clone(),
            competent: self.service.agency_name(self.filed.agencies.competent, now).await?,
            received_at: Some(received_at),
            due_at: self.filed.clock().and_then(|clock| clock.due_at),
            returned_at: returned.map(|(recorded, _)| recorded.occurred_at),
            return_method: returned.map(|(_, method)| return_method(method).to_owned()),
            status: Some(stage_name(self.filed.stage()).to_owned()),
            note: None,
        })
    }
}

fn return_method(method: ReturnMethod) -> &'static str {
    match method {
        ReturnMethod::Counter => "Trực tiếp",
        ReturnMethod::Post => "Qua bưu chính",
        ReturnMethod::Online => "Trực tuyến",
    }
}

/// The term in words, where it is a length of time.
fn term(term: Term) -> Option<String> {
    Some(match term {
        Term::WorkingDays(count) => format!("{count} ngày làm việc"),
        Term::HalfDays(count) => format!("{count} buổi làm việc"),
        Term::WorkingHours(count) => format!("{count} giờ làm việc"),
        Term::CalendarDays(count) => format!("{count} ngày"),
        Term::Given(_) | Term::Open => return None,
    })
}
