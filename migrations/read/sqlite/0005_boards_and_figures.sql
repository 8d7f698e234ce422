-- Boards as of any instant and as known at any other; figures of any days; worklists. These models are built anew by
-- replay. docs/adr/0016
DROP TABLE dossier_summary;
DROP TABLE agency_month;
DROP TABLE deadline_board;
DROP TABLE public_status;
UPDATE checkpoint SET position = 0, version = 0 WHERE name IN ('dossier_summary', 'deadline_board', 'public_status');
DELETE FROM parked WHERE name IN ('dossier_summary', 'deadline_board', 'public_status');

CREATE TABLE dossier_summary (
    dossier_id        BLOB PRIMARY KEY,
    code              TEXT NOT NULL,
    stage             TEXT NOT NULL,
    stage_before      TEXT NOT NULL,
    procedure_id      BLOB NOT NULL,
    procedure_version INTEGER NOT NULL,
    supporting_agency BLOB,
    receiving_agency  BLOB NOT NULL,
    competent_agency  BLOB NOT NULL,
    holder_agency     BLOB,
    holder_unit       TEXT,
    assignee          BLOB,
    held_before       TEXT,
    transit_agency    BLOB,
    consulted         TEXT,
    channel           TEXT NOT NULL,
    applicant_kind    TEXT NOT NULL,
    -- Sealed tokens, opened at the edge.
    applicant_name    TEXT NOT NULL,
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
    approval          TEXT NOT NULL,
    ended_at          INTEGER,
    outcome           TEXT,
    returned_at       INTEGER,
    withdrawn_at      INTEGER,
    refused_at        INTEGER,
    stopped_at        INTEGER,
    announced         INTEGER NOT NULL,
    paper_files       INTEGER NOT NULL,
    result_files      INTEGER NOT NULL,
    financial_state   TEXT NOT NULL,
    -- What is to be paid and was paid, as JSON; empty while nothing was asked for.
    finance           TEXT NOT NULL,
    import_source     TEXT,
    activities        INTEGER NOT NULL,
    anomalies         INTEGER NOT NULL,
    stream_version    INTEGER NOT NULL,
    position          INTEGER NOT NULL,
    -- When something is due next, for the order of worklists: the end of time where nobody says when, NULL once it is closed.
    next_due          INTEGER
) STRICT;
CREATE UNIQUE INDEX dossier_summary_code ON dossier_summary (code);
CREATE INDEX dossier_summary_newest ON dossier_summary (submitted_at, dossier_id);
CREATE INDEX dossier_summary_received ON dossier_summary (receiving_agency, received_at, code);
-- Worklists hold what is open, however much is closed.
CREATE INDEX dossier_summary_assignee ON dossier_summary (assignee, next_due, dossier_id) WHERE next_due IS NOT NULL;
CREATE INDEX dossier_summary_holder ON dossier_summary (holder_agency, next_due, dossier_id) WHERE next_due IS NOT NULL;
CREATE INDEX dossier_summary_intake ON dossier_summary (receiving_agency, stage, next_due, dossier_id)
    WHERE next_due IS NOT NULL;
CREATE INDEX dossier_summary_transit ON dossier_summary (transit_agency, next_due, dossier_id)
    WHERE transit_agency IS NOT NULL;
CREATE INDEX dossier_summary_consulted ON dossier_summary (next_due, dossier_id) WHERE consulted IS NOT NULL;

-- What the clock of a dossier was like, from when until when, and since when that is known.
CREATE TABLE deadline_board (
    dossier_id       BLOB NOT NULL,
    from_version     INTEGER NOT NULL,
    -- Business time: from the one until the other; the end of time while it is the current row.
    from_at          INTEGER NOT NULL,
    until_at         INTEGER NOT NULL,
    -- Recorded time: of the row, of its end, and of the correction that took it back.
    known_from       INTEGER NOT NULL,
    until_known      INTEGER NOT NULL,
    gone_known       INTEGER NOT NULL,
    -- Where it is found by business time; NULL where somebody's clock no longer runs.
    node             INTEGER,
    state            TEXT NOT NULL,
    fact             TEXT,
    -- The end of time where there is none.
    due_at           INTEGER NOT NULL,
    legal_due_at     INTEGER NOT NULL,
    wait_until       INTEGER NOT NULL,
    procedure_id     BLOB NOT NULL,
    channel          TEXT NOT NULL,
    step             TEXT,
    competent_agency BLOB NOT NULL,
    holder_agency    BLOB NOT NULL,
    receiving_agency BLOB NOT NULL,
    carried_from     BLOB,
    PRIMARY KEY (dossier_id, from_version)
) STRICT;
-- What is open now, in the order in which it is due: all that the board of now reads.
CREATE INDEX deadline_board_open ON deadline_board
    (state, due_at, dossier_id, from_at, competent_agency, holder_agency, receiving_agency, procedure_id, step, wait_until)
    WHERE node = 9223372036854775807;
-- What was open at an instant (projections/src/interval.rs).
CREATE INDEX deadline_board_node ON deadline_board (node, until_at, from_at) WHERE node IS NOT NULL;
-- The list behind a number.
CREATE INDEX deadline_board_fact ON deadline_board (fact, from_at, dossier_id, competent_agency, procedure_id)
    WHERE fact <> 'STEP';
CREATE INDEX deadline_board_step ON deadline_board (procedure_id, from_at, dossier_id) WHERE fact = 'STEP';

-- How often each fact of the board counts, per competent agency, procedure and local day or month.
CREATE TABLE progress_counter (
    agency_id       BLOB NOT NULL,
    procedure_id    BLOB NOT NULL,
    -- D: a local day, counted from 1/1/1. M: a local month, year * 12 + month - 1.
    grain           TEXT NOT NULL,
    period          INTEGER NOT NULL,
    received        INTEGER NOT NULL,
    received_online INTEGER NOT NULL,
    received_post   INTEGER NOT NULL,
    refused         INTEGER NOT NULL,
    withdrawn       INTEGER NOT NULL,
    stopped         INTEGER NOT NULL,
    taken_over      INTEGER NOT NULL,
    passed_on       INTEGER NOT NULL,
    ended_early     INTEGER NOT NULL,
    ended_on_time   INTEGER NOT NULL,
    ended_late      INTEGER NOT NULL,
    PRIMARY KEY (grain, period, agency_id, procedure_id)
) STRICT, WITHOUT ROWID;

-- What anybody may see. There is no column for a person.
CREATE TABLE public_status (
    dossier_id       BLOB PRIMARY KEY,
    code             TEXT NOT NULL,
    stage            TEXT NOT NULL,
    stage_before     TEXT NOT NULL,
    procedure_id     BLOB NOT NULL,
    receiving_agency BLOB NOT NULL,
    competent_agency BLOB NOT NULL,
    submitted_at     INTEGER NOT NULL,
    received_at      INTEGER,
    due_at           INTEGER,
    legal_due_at     INTEGER,
    ended_at         INTEGER,
    returned_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX public_status_code ON public_status (code);
