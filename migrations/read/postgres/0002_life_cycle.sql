-- The whole life cycle: these tables have more columns, and are built anew by replay (their versions say so).
DROP TABLE dossier_summary;
DROP TABLE agency_month;
DROP TABLE deadline_board;
DROP TABLE public_status;

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
    financial_state   TEXT COLLATE "C" NOT NULL,
    -- What is to be paid and was paid, as JSON; empty while nothing was asked for.
    finance           TEXT COLLATE "C" NOT NULL,
    import_source     TEXT COLLATE "C",
    activities        BIGINT NOT NULL,
    anomalies         BIGINT NOT NULL,
    stream_version    BIGINT NOT NULL,
    position          BIGINT NOT NULL
);
CREATE UNIQUE INDEX dossier_summary_code ON dossier_summary (code);
CREATE INDEX dossier_summary_newest ON dossier_summary (submitted_at, dossier_id);
CREATE INDEX dossier_summary_receiving ON dossier_summary (receiving_agency, submitted_at, dossier_id);
CREATE INDEX dossier_summary_competent ON dossier_summary (competent_agency, submitted_at, dossier_id);

-- Counts per competent agency and local month (year * 12 + month - 1): the differences of what each dossier
-- contributes before and after a page.
CREATE TABLE agency_month (
    agency_id        UUID NOT NULL,
    month            BIGINT NOT NULL,
    received         BIGINT NOT NULL,
    received_online  BIGINT NOT NULL,
    received_post    BIGINT NOT NULL,
    refused          BIGINT NOT NULL,
    withdrawn        BIGINT NOT NULL,
    ended_early      BIGINT NOT NULL,
    ended_on_time    BIGINT NOT NULL,
    ended_late       BIGINT NOT NULL,
    stopped          BIGINT NOT NULL,
    PRIMARY KEY (agency_id, month)
);

-- What the clock of a dossier was like, from when until when: one row is valid at any instant after receipt.
CREATE TABLE deadline_board (
    dossier_id       UUID NOT NULL,
    from_version     BIGINT NOT NULL,
    from_at          BIGINT NOT NULL,
    -- The end of time while it is the current one.
    until_at         BIGINT NOT NULL,
    state            TEXT COLLATE "C" NOT NULL,
    due_at           BIGINT,
    legal_due_at     BIGINT,
    wait_until       BIGINT,
    competent_agency UUID NOT NULL,
    holder_agency    UUID NOT NULL,
    receiving_agency UUID NOT NULL,
    PRIMARY KEY (dossier_id, from_version)
);
CREATE INDEX deadline_board_due ON deadline_board (state, until_at, due_at, dossier_id, from_at);

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
