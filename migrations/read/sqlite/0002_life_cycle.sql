-- The whole life cycle: these tables have more columns, and are built anew by replay (their versions say so).
DROP TABLE dossier_summary;
DROP TABLE agency_month;
DROP TABLE deadline_board;
DROP TABLE public_status;

CREATE TABLE dossier_summary (
    dossier_id        BLOB    PRIMARY KEY,
    code              TEXT    NOT NULL,
    stage             TEXT    NOT NULL,
    stage_before      TEXT    NOT NULL,
    procedure_id      BLOB    NOT NULL,
    procedure_version INTEGER NOT NULL,
    supporting_agency BLOB,
    receiving_agency  BLOB    NOT NULL,
    competent_agency  BLOB    NOT NULL,
    holder_agency     BLOB,
    holder_unit       TEXT,
    assignee          BLOB,
    held_before       TEXT,
    transit_agency    BLOB,
    consulted         TEXT,
    channel           TEXT    NOT NULL,
    applicant_kind    TEXT    NOT NULL,
    -- Sealed tokens, opened at the edge.
    applicant_name    TEXT    NOT NULL,
    subject           TEXT,
    submitted_at      INTEGER NOT NULL,
    answer_by         INTEGER,
    received_at       INTEGER,
    due_at_original   INTEGER,
    legal_due_at      INTEGER,
    due_at            INTEGER,
    paused_since      INTEGER,
    supplements       INTEGER NOT NULL,
    extensions        INTEGER NOT NULL,
    approval          TEXT    NOT NULL,
    ended_at          INTEGER,
    outcome           TEXT,
    returned_at       INTEGER,
    withdrawn_at      INTEGER,
    refused_at        INTEGER,
    stopped_at        INTEGER,
    announced         INTEGER NOT NULL,
    financial_state   TEXT    NOT NULL,
    -- What is to be paid and was paid, as JSON; empty while nothing was asked for.
    finance           TEXT    NOT NULL,
    import_source     TEXT,
    activities        INTEGER NOT NULL,
    anomalies         INTEGER NOT NULL,
    stream_version    INTEGER NOT NULL,
    position          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX dossier_summary_code ON dossier_summary (code);
CREATE INDEX dossier_summary_newest ON dossier_summary (submitted_at, dossier_id);
CREATE INDEX dossier_summary_receiving ON dossier_summary (receiving_agency, submitted_at, dossier_id);
CREATE INDEX dossier_summary_competent ON dossier_summary (competent_agency, submitted_at, dossier_id);

-- Counts per competent agency and local month (year * 12 + month - 1): the differences of what each dossier
-- contributes before and after a page.
CREATE TABLE agency_month (
    agency_id        BLOB    NOT NULL,
    month            INTEGER NOT NULL,
    received         INTEGER NOT NULL,
    received_online  INTEGER NOT NULL,
    received_post    INTEGER NOT NULL,
    refused          INTEGER NOT NULL,
    withdrawn        INTEGER NOT NULL,
    ended_early      INTEGER NOT NULL,
    ended_on_time    INTEGER NOT NULL,
    ended_late       INTEGER NOT NULL,
    stopped          INTEGER NOT NULL,
    PRIMARY KEY (agency_id, month)
) STRICT, WITHOUT ROWID;

-- What the clock of a dossier was like, from when until when: one row is valid at any instant after receipt.
CREATE TABLE deadline_board (
    dossier_id       BLOB    NOT NULL,
    from_version     INTEGER NOT NULL,
    from_at          INTEGER NOT NULL,
    -- The end of time while it is the current one.
    until_at         INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    due_at           INTEGER,
    legal_due_at     INTEGER,
    wait_until       INTEGER,
    competent_agency BLOB    NOT NULL,
    holder_agency    BLOB    NOT NULL,
    receiving_agency BLOB    NOT NULL,
    PRIMARY KEY (dossier_id, from_version)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_board_due ON deadline_board (state, until_at, due_at, dossier_id, from_at);

-- What anybody may see. There is no column for a person.
CREATE TABLE public_status (
    dossier_id       BLOB    PRIMARY KEY,
    code             TEXT    NOT NULL,
    stage            TEXT    NOT NULL,
    stage_before     TEXT    NOT NULL,
    procedure_id     BLOB    NOT NULL,
    receiving_agency BLOB    NOT NULL,
    competent_agency BLOB    NOT NULL,
    submitted_at     INTEGER NOT NULL,
    received_at      INTEGER,
    due_at           INTEGER,
    legal_due_at     INTEGER,
    ended_at         INTEGER,
    returned_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX public_status_code ON public_status (code);
