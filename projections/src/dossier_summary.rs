//! Dossier summary: one row per dossier, for lists and the head of the detail page; and the counters per agency and
//! month that its rows feed. Private values stay sealed here.

use domain::dossier::{self, Channel, Event as Dossier, Outcome, Stage};
use domain::recorded::{Event, Recorded};
use domain::time::{Instant, local_date};
use infrastructure::db::Database;
use infrastructure::event_store::{instant, micros};
use infrastructure::on_db;
use uuid::Uuid;

use crate::read_model::{FoldError, ReadModel, stream_id};
use crate::table::{Cell, Cells, Table, WrongCell, int, text, uuid};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct DossierSummary {
    pub dossier_id: Uuid,
    pub code: String,
    pub stage: String,
    pub procedure_id: Uuid,
    pub procedure_version: i64,
    pub supporting_agency: Option<Uuid>,
    pub receiving_agency: Uuid,
    pub competent_agency: Uuid,
    pub holder_agency: Option<Uuid>,
    pub holder_unit: Option<String>,
    pub assignee: Option<Uuid>,
    pub channel: String,
    pub applicant_kind: String,
    /// A sealed token.
    pub applicant_name: String,
    /// A sealed token.
    pub subject: Option<String>,
    pub submitted_at: i64,
    pub received_at: Option<i64>,
    pub due_at_original: Option<i64>,
    pub due_at: Option<i64>,
    pub paused_since: Option<i64>,
    pub ended_at: Option<i64>,
    pub outcome: Option<String>,
    pub returned_at: Option<i64>,
    pub withdrawn_at: Option<i64>,
    pub refused_at: Option<i64>,
    pub import_source: Option<String>,
    /// Completed steps.
    pub activities: i64,
    /// Oddities of an import.
    pub anomalies: i64,
    pub stream_version: i64,
    pub position: i64,
}

/// The name of a channel in tables and in the API.
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Online => "ONLINE",
        Channel::Counter => "COUNTER",
        Channel::Post => "POST",
        Channel::Email => "EMAIL",
        Channel::Internal => "INTERNAL",
    }
}

fn applicant_kind_name(kind: dossier::ApplicantKind) -> &'static str {
    match kind {
        dossier::ApplicantKind::Citizen => "CITIZEN",
        dossier::ApplicantKind::Enterprise => "ENTERPRISE",
        dossier::ApplicantKind::StateAgency => "STATE_AGENCY",
        dossier::ApplicantKind::OtherOrganisation => "OTHER_ORGANISATION",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted => "GRANTED",
        Outcome::Declined => "DECLINED",
    }
}

/// `year * 12 + month - 1` of the local date.
pub fn month_of(at: Instant) -> i64 {
    use chrono::Datelike;
    let date = local_date(at);
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// Early: finished on an earlier day than the due day. On time: on the due day, at or before the due instant; also
/// without an appointment. Late: after it. (DOMAIN 1.6; QĐ 766 knows only the last distinction.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeliness {
    Early,
    OnTime,
    Late,
}

impl Timeliness {
    pub fn of(ended_at: Instant, due_at: Option<Instant>) -> Self {
        match due_at {
            Some(due_at) if due_at < ended_at => Self::Late,
            Some(due_at) if local_date(ended_at) < local_date(due_at) => Self::Early,
            Some(_) | None => Self::OnTime,
        }
    }
}

impl DossierSummary {
    fn new(dossier_id: Uuid, recorded: &Recorded, submitted: &dossier::Submitted) -> Self {
        let sealed = |private: &domain::private::Private| {
            private.token().map(|token| token.as_str().to_owned()).unwrap_or_default()
        };
        Self {
            dossier_id,
            code: submitted.code.to_string(),
            stage: Stage::Submitted.name().to_owned(),
            procedure_id: submitted.procedure.id.0,
            procedure_version: i64::from(submitted.procedure.version),
            supporting_agency: submitted.agencies.supporting.map(|agency| agency.0),
            receiving_agency: submitted.agencies.receiving.0,
            competent_agency: submitted.agencies.competent.0,
            holder_agency: None,
            holder_unit: None,
            assignee: None,
            channel: channel_name(submitted.channel).to_owned(),
            applicant_kind: applicant_kind_name(submitted.applicant.kind).to_owned(),
            applicant_name: sealed(&submitted.applicant.name),
            subject: submitted.subject.as_ref().map(sealed),
            submitted_at: micros(recorded.occurred_at),
            received_at: None,
            due_at_original: None,
            due_at: None,
            paused_since: None,
            ended_at: None,
            outcome: None,
            returned_at: None,
            withdrawn_at: None,
            refused_at: None,
            import_source: submitted.imported.as_ref().map(|imported| imported.source.clone()),
            activities: 0,
            anomalies: 0,
            stream_version: recorded.version.0,
            position: recorded.position.0,
        }
    }

    fn hold(&mut self, holder: &dossier::Holder) {
        self.holder_agency = Some(holder.agency.0);
        self.holder_unit = holder.unit.as_ref().map(ToString::to_string);
        self.assignee = holder.assignee.map(|assignee| assignee.0);
    }

    fn apply(&mut self, at: i64, event: &Dossier) {
        let stage = match event {
            Dossier::Submitted(_) => return,
            Dossier::IntakeSupplementRequested(_) => Stage::AwaitingIntakeSupplement,
            Dossier::IntakeSupplementReceived(_) => Stage::Submitted,
            Dossier::Refused(_) => {
                self.refused_at = Some(at);
                Stage::Refused
            }
            Dossier::Received(received) => {
                self.received_at = Some(at);
                self.due_at_original = received.due_at.map(micros);
                self.due_at = self.due_at_original;
                self.hold(&received.holder);
                Stage::Received
            }
            Dossier::Forwarded(forwarded) => {
                self.hold(&forwarded.to);
                Stage::InProgress
            }
            Dossier::StepCompleted(completed) => {
                self.activities += 1;
                self.count(&completed.anomalies);
                Stage::InProgress
            }
            Dossier::SupplementRequested(_) => {
                self.paused_since = Some(at);
                Stage::AwaitingSupplement
            }
            Dossier::SupplementReceived(received) => {
                self.paused_since = None;
                self.due_at = received.due_at.map(micros);
                Stage::InProgress
            }
            Dossier::ProcessingFinished(finished) => {
                self.ended_at = Some(at);
                self.outcome = Some(outcome_name(finished.outcome).to_owned());
                self.count(&finished.anomalies);
                Stage::Finished
            }
            Dossier::ResultReturned(_) => {
                self.returned_at = Some(at);
                Stage::Returned
            }
            Dossier::Withdrawn(_) => {
                self.withdrawn_at = Some(at);
                self.paused_since = None;
                Stage::Withdrawn
            }
        };
        stage.name().clone_into(&mut self.stage);
    }

    fn count(&mut self, anomalies: &[dossier::Anomaly]) {
        self.anomalies += anomalies.iter().map(anomaly_count).sum::<i64>();
    }
}

fn anomaly_count(anomaly: &dossier::Anomaly) -> i64 {
    match anomaly {
        dossier::Anomaly::ActivitiesAfterEnd { count } => i64::from(*count),
        dossier::Anomaly::BeforePrevious
        | dossier::Anomaly::StepNotInProcedure
        | dossier::Anomaly::EndedBeforeStart
        | dossier::Anomaly::EndedBeforeFirstActivity => 1,
    }
}

impl ReadModel for DossierSummary {
    const VERSION: i64 = 1;
    const TABLE: Table = Table {
        name: "dossier_summary",
        key: &[uuid("dossier_id")],
        values: &[
            text("code"),
            text("stage"),
            uuid("procedure_id"),
            int("procedure_version"),
            uuid("supporting_agency"),
            uuid("receiving_agency"),
            uuid("competent_agency"),
            uuid("holder_agency"),
            text("holder_unit"),
            uuid("assignee"),
            text("channel"),
            text("applicant_kind"),
            text("applicant_name"),
            text("subject"),
            int("submitted_at"),
            int("received_at"),
            int("due_at_original"),
            int("due_at"),
            int("paused_since"),
            int("ended_at"),
            text("outcome"),
            int("returned_at"),
            int("withdrawn_at"),
            int("refused_at"),
            text("import_source"),
            int("activities"),
            int("anomalies"),
            int("stream_version"),
            int("position"),
        ],
    };
    const TALLY: Option<Table> = Some(Table {
        name: "agency_month",
        key: &[uuid("agency_id"), int("month")],
        values: &[
            int("received"),
            int("received_online"),
            int("received_post"),
            int("refused"),
            int("withdrawn"),
            int("ended_early"),
            int("ended_on_time"),
            int("ended_late"),
        ],
    });

    fn partition(recorded: &Recorded) -> Option<Uuid> {
        match &recorded.event {
            Event::Dossier(_) => stream_id(&recorded.stream, "dossier"),
            Event::Code(_) | Event::Procedure(_) | Event::Agency(_) => None,
        }
    }

    fn fold(rows: &mut Vec<Self>, recorded: &Recorded) -> Result<(), FoldError> {
        let Event::Dossier(event) = &recorded.event else { return Ok(()) };
        if let Some(row) = rows.first_mut() {
            row.apply(micros(recorded.occurred_at), event);
            row.stream_version = recorded.version.0;
            row.position = recorded.position.0;
            return Ok(());
        }
        let (Dossier::Submitted(submitted), Some(dossier_id)) = (event, Self::partition(recorded)) else {
            return Err(FoldError { event: recorded.event.type_name(), of: "dossier" });
        };
        rows.push(Self::new(dossier_id, recorded, submitted));
        Ok(())
    }

    fn to_cells(&self) -> Vec<Cell> {
        let row = self.clone();
        vec![
            row.dossier_id.into(),
            row.code.into(),
            row.stage.into(),
            row.procedure_id.into(),
            row.procedure_version.into(),
            row.supporting_agency.into(),
            row.receiving_agency.into(),
            row.competent_agency.into(),
            row.holder_agency.into(),
            row.holder_unit.into(),
            row.assignee.into(),
            row.channel.into(),
            row.applicant_kind.into(),
            row.applicant_name.into(),
            row.subject.into(),
            row.submitted_at.into(),
            row.received_at.into(),
            row.due_at_original.into(),
            row.due_at.into(),
            row.paused_since.into(),
            row.ended_at.into(),
            row.outcome.into(),
            row.returned_at.into(),
            row.withdrawn_at.into(),
            row.refused_at.into(),
            row.import_source.into(),
            row.activities.into(),
            row.anomalies.into(),
            row.stream_version.into(),
            row.position.into(),
        ]
    }

    fn from_cells(cells: &mut Cells) -> Result<Self, WrongCell> {
        Ok(Self {
            dossier_id: cells.uuid()?,
            code: cells.text()?,
            stage: cells.text()?,
            procedure_id: cells.uuid()?,
            procedure_version: cells.int()?,
            supporting_agency: cells.uuid_or_null()?,
            receiving_agency: cells.uuid()?,
            competent_agency: cells.uuid()?,
            holder_agency: cells.uuid_or_null()?,
            holder_unit: cells.text_or_null()?,
            assignee: cells.uuid_or_null()?,
            channel: cells.text()?,
            applicant_kind: cells.text()?,
            applicant_name: cells.text()?,
            subject: cells.text_or_null()?,
            submitted_at: cells.int()?,
            received_at: cells.int_or_null()?,
            due_at_original: cells.int_or_null()?,
            due_at: cells.int_or_null()?,
            paused_since: cells.int_or_null()?,
            ended_at: cells.int_or_null()?,
            outcome: cells.text_or_null()?,
            returned_at: cells.int_or_null()?,
            withdrawn_at: cells.int_or_null()?,
            refused_at: cells.int_or_null()?,
            import_source: cells.text_or_null()?,
            activities: cells.int()?,
            anomalies: cells.int()?,
            stream_version: cells.int()?,
            position: cells.int()?,
        })
    }

    /// Refused dossiers were never received; withdrawn ones count if they had been.
    fn tally(&self, add: &mut dyn FnMut(Vec<Cell>, &[i64])) {
        let mut at = |month_at: i64, values: [i64; 8]| {
            add(vec![self.competent_agency.into(), month_of(instant(month_at)).into()], &values);
        };
        if let Some(received_at) = self.received_at {
            let online = i64::from(self.channel == "ONLINE");
            let post = i64::from(self.channel == "POST");
            at(received_at, [1, online, post, 0, 0, 0, 0, 0]);
        }
        if let Some(refused_at) = self.refused_at {
            at(refused_at, [0, 0, 0, 1, 0, 0, 0, 0]);
        }
        if let (Some(withdrawn_at), Some(_)) = (self.withdrawn_at, self.received_at) {
            at(withdrawn_at, [0, 0, 0, 0, 1, 0, 0, 0]);
        }
        if let Some(ended_at) = self.ended_at {
            let values = match Timeliness::of(instant(ended_at), self.due_at.map(instant)) {
                Timeliness::Early => [0, 0, 0, 0, 0, 1, 0, 0],
                Timeliness::OnTime => [0, 0, 0, 0, 0, 0, 1, 0],
                Timeliness::Late => [0, 0, 0, 0, 0, 0, 0, 1],
            };
            at(ended_at, values);
        }
    }
}

macro_rules! columns {
    () => {
        "dossier_id, code, stage, procedure_id, procedure_version, supporting_agency, receiving_agency,
         competent_agency, holder_agency, holder_unit, assignee, channel, applicant_kind, applicant_name, subject,
         submitted_at, received_at, due_at_original, due_at, paused_since, ended_at, outcome, returned_at, withdrawn_at,
         refused_at, import_source, activities, anomalies, stream_version, position"
    };
}

// An absent filter is NULL. The scope is the caller's agency, or NULL for the whole province.
macro_rules! filtered {
    () => {
        " FROM dossier_summary
          WHERE (CAST($1 AS UUID) IS NULL
                 OR $1 IN (receiving_agency, competent_agency, holder_agency, supporting_agency))
            AND (CAST($2 AS UUID) IS NULL
                 OR $2 IN (receiving_agency, competent_agency, holder_agency, supporting_agency))
            AND (CAST($3 AS TEXT) IS NULL OR stage = $3)
            AND (CAST($4 AS UUID) IS NULL OR procedure_id = $4)
            AND (CAST($5 AS TEXT) IS NULL OR channel = $5)
            AND (CAST($6 AS TEXT) IS NULL OR LOWER(code) LIKE $6 ESCAPE '\\'
                 OR procedure_id IN (SELECT p.procedure_id FROM procedure_catalogue p
                                     WHERE p.search_text LIKE $6 ESCAPE '\\')
                 OR receiving_agency IN (SELECT a.agency_id FROM agency_directory a
                                         WHERE a.search_text LIKE $6 ESCAPE '\\')
                 OR competent_agency IN (SELECT a.agency_id FROM agency_directory a
                                         WHERE a.search_text LIKE $6 ESCAPE '\\')) "
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM dossier_summary WHERE dossier_id = $1");
const BY_CODE: &str = concat!("SELECT ", columns!(), " FROM dossier_summary WHERE code = $1");
// An array would be dialect-specific; a short list is repeated to fill the places.
const BY_IDS_CHUNK: usize = 10;
const BY_IDS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dossier_summary WHERE dossier_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
);
const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    filtered!(),
    "AND (submitted_at, dossier_id) < ($7, $8) ORDER BY submitted_at DESC, dossier_id DESC LIMIT $9"
);
const COUNT: &str = concat!("SELECT COUNT(*)", filtered!());
const IMPORTED: &str = "
    SELECT COUNT(*) AS dossiers, CAST(COALESCE(SUM(stream_version), 0) AS BIGINT) AS events,
           CAST(COALESCE(SUM(activities), 0) AS BIGINT) AS activities, COUNT(ended_at) AS ended,
           COUNT(CASE WHEN ended_at IS NOT NULL AND (due_at IS NULL OR ended_at <= due_at) THEN 1 END) AS on_time,
           COUNT(CASE WHEN due_at < ended_at THEN 1 END) AS late,
           CAST(COALESCE(SUM(anomalies), 0) AS BIGINT) AS anomalies
    FROM dossier_summary WHERE import_source = $1";

pub(crate) const SQL: &[&str] = &[BY_ID, BY_CODE, BY_IDS, PAGE, COUNT, IMPORTED];

/// What to list. Every part is optional.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The caller's scope; `None` is the whole province.
    pub scope: Option<Uuid>,
    /// In any role.
    pub agency: Option<Uuid>,
    pub stage: Option<Stage>,
    pub procedure: Option<Uuid>,
    pub channel: Option<Channel>,
    /// In code, procedure and agency; without regard to case and diacritics.
    pub search: Option<String>,
}

/// A place in the list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub submitted_at: i64,
    pub dossier_id: Uuid,
}

impl Cursor {
    /// Before the newest.
    pub const START: Self = Self { submitted_at: i64::MAX, dossier_id: Uuid::max() };
}

impl DossierSummary {
    pub fn cursor(&self) -> Cursor {
        Cursor { submitted_at: self.submitted_at, dossier_id: self.dossier_id }
    }
}

pub async fn by_id(database: &Database, id: Uuid) -> sqlx::Result<Option<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)
}

pub async fn by_code(database: &Database, code: &str) -> sqlx::Result<Option<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(BY_CODE).bind(code).fetch_optional(pool).await)
}

/// Dossiers by their ids, in no particular order; a page's worth.
pub async fn by_ids(database: &Database, ids: &[Uuid]) -> sqlx::Result<Vec<DossierSummary>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(BY_IDS_CHUNK) {
        let found: Vec<DossierSummary> = on_db!(&database.readers, pool => {
            let mut query = sqlx::query_as(BY_IDS);
            for id in chunk.iter().chain(std::iter::repeat(&chunk[0])).take(BY_IDS_CHUNK) {
                query = query.bind(id);
            }
            query.fetch_all(pool).await
        })?;
        rows.extend(found);
    }
    Ok(rows)
}

/// Dossiers after a cursor, newest first.
pub async fn page(
    database: &Database,
    filter: &Filter,
    after: Cursor,
    limit: i64,
) -> sqlx::Result<Vec<DossierSummary>> {
    on_db!(&database.readers, pool => sqlx::query_as(PAGE)
        .bind(filter.scope)
        .bind(filter.agency)
        .bind(filter.stage.map(Stage::name))
        .bind(filter.procedure)
        .bind(filter.channel.map(channel_name))
        .bind(filter.search.as_deref().map(like))
        .bind(after.submitted_at)
        .bind(after.dossier_id)
        .bind(limit)
        .fetch_all(pool).await)
}

pub async fn count(database: &Database, filter: &Filter) -> sqlx::Result<i64> {
    on_db!(&database.readers, pool => sqlx::query_scalar(COUNT)
        .bind(filter.scope)
        .bind(filter.agency)
        .bind(filter.stage.map(Stage::name))
        .bind(filter.procedure)
        .bind(filter.channel.map(channel_name))
        .bind(filter.search.as_deref().map(like))
        .fetch_one(pool).await)
}

/// What an import brought in, counted over its rows.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Imported {
    pub dossiers: i64,
    pub events: i64,
    pub activities: i64,
    pub ended: i64,
    pub on_time: i64,
    pub late: i64,
    pub anomalies: i64,
}

pub async fn imported(database: &Database, source: &str) -> sqlx::Result<Imported> {
    on_db!(&database.readers, pool => sqlx::query_as(IMPORTED).bind(source).fetch_one(pool).await)
}

/// The pattern that finds a text anywhere, folded as the search columns are.
pub fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in domain::text::fold(text).chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
