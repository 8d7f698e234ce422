-- Boards as of any instant and as known at any other; figures of any days; worklists. These models are built anew by
-- replay. docs/adr/0016
DROP TABLE dossier_summary;
DROP TABLE agency_month;
DROP TABLE deadline_board;
DROP TABLE public_status;
UPDATE checkpoint SET position = 0, version = 0 WHERE name IN ('dossier_summary', 'deadline_board', 'public_status');
DELETE FROM parked WHERE name IN ('dossier_summary', 'deadline_board', 'public_status');

CREATE TABLE dossier_summary (
    dossier_id        UUID PRIMARY KEY,
    code              TEXT COLLATE "C" NOT NULL,
    stage             TEXT COLLATE "C" NOT NULL,
    stage_before      TEXT COLLATE "C" NOT NULL,
    procedure_id      UUID NOT NULL,
    procedure_version BIGINT NOT NULL,
    supporting_agency UUID,
    receiving_agency  UUID NOT NULL,
    competent_agency  UUID NOT NULL,
    holder_agency     UUID,
    holder_unit       TEXT COLLATE "C",
    assignee          UUID,
    held_before       TEXT COLLATE "C",
    transit_agency    UUID,
    consulted         TEXT COLLATE "C",
    channel           TEXT COLLATE "C" NOT NULL,
    applicant_kind    TEXT COLLATE "C" NOT NULL,
    -- Sealed tokens, opened at the edge.
    applicant_name    TEXT COLLATE "C" NOT NULL,
    subject           TEXT COLLATE "C",
    submitted_at      BIGINT NOT NULL,
    answer_by         BIGINT,
    received_at       BIGINT,
    due_at_original   BIGINT,
    legal_due_at      BIGINT,
    due_at            BIGINT,
    paused_since      BIGINT,
    supplements       BIGINT NOT NULL,
    extensions        BIGINT NOT NULL,
    approval          TEXT COLLATE "C" NOT NULL,
    ended_at          BIGINT,
    outcome           TEXT COLLATE "C",
    returned_at       BIGINT,
    withdrawn_at      BIGINT,
    refused_at        BIGINT,
    stopped_at        BIGINT,
    announced         BIGINT NOT NULL,
    paper_files       BIGINT NOT NULL,
    result_files      BIGINT NOT NULL,
    financial_state   TEXT COLLATE "C" NOT NULL,
    -- What is to be paid and was paid, as JSON; empty while nothing was asked for.
    finance           TEXT COLLATE "C" NOT NULL,
    import_source     TEXT COLLATE "C",
    activities        BIGINT NOT NULL,
    anomalies         BIGINT NOT NULL,
    stream_version    BIGINT NOT NULL,
    position          BIGINT NOT NULL,
    -- When something is due next, for the order of worklists: the end of time where nobody says when, NULL once it is closed.
    next_due          BIGINT
);
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
    dossier_id       UUID NOT NULL,
    from_version     BIGINT NOT NULL,
    -- Business time: from the one until the other; the end of time while it is the current row.
    from_at          BIGINT NOT NULL,
    until_at         BIGINT NOT NULL,
    -- Recorded time: of the row, of its end, and of the correction that took it back.
    known_from       BIGINT NOT NULL,
    until_known      BIGINT NOT NULL,
    gone_known       BIGINT NOT NULL,
    -- Where it is found by business time; NULL where somebody's clock no longer runs.
    node             BIGINT,
    state            TEXT COLLATE "C" NOT NULL,
    fact             TEXT COLLATE "C",
    -- The end of time where there is none.
    due_at           BIGINT NOT NULL,
    legal_due_at     BIGINT NOT NULL,
    wait_until       BIGINT NOT NULL,
    procedure_id     UUID NOT NULL,
    channel          TEXT COLLATE "C" NOT NULL,
    step             TEXT COLLATE "C",
    competent_agency UUID NOT NULL,
    holder_agency    UUID NOT NULL,
    receiving_agency UUID NOT NULL,
    carried_from     UUID,
    PRIMARY KEY (dossier_id, from_version)
);
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
    agency_id       UUID NOT NULL,
    procedure_id    UUID NOT NULL,
    -- D: a local day, counted from 1/1/1. M: a local month, year * 12 + month - 1.
    grain           TEXT COLLATE "C" NOT NULL,
    period          BIGINT NOT NULL,
    received        BIGINT NOT NULL,
    received_online BIGINT NOT NULL,
    received_post   BIGINT NOT NULL,
    refused         BIGINT NOT NULL,
    withdrawn       BIGINT NOT NULL,
    stopped         BIGINT NOT NULL,
    taken_over      BIGINT NOT NULL,
    passed_on       BIGINT NOT NULL,
    ended_early     BIGINT NOT NULL,
    ended_on_time   BIGINT NOT NULL,
    ended_late      BIGINT NOT NULL,
    PRIMARY KEY (grain, period, agency_id, procedure_id)
);

-- What anybody may see. There is no column for a person.
CREATE TABLE public_status (
    dossier_id       UUID PRIMARY KEY,
    code             TEXT COLLATE "C" NOT NULL,
    stage            TEXT COLLATE "C" NOT NULL,
    stage_before     TEXT COLLATE "C" NOT NULL,
    procedure_id     UUID NOT NULL,
    receiving_agency UUID NOT NULL,
    competent_agency UUID NOT NULL,
    submitted_at     BIGINT NOT NULL,
    received_at      BIGINT,
    due_at           BIGINT,
    legal_due_at     BIGINT,
    ended_at         BIGINT,
    returned_at      BIGINT
);
CREATE UNIQUE INDEX public_status_code ON public_status (code);
