-- A day of one agency and one procedure is hardly ever more than one dossier: counters of days were as many as what they
-- counted. Months stay; single days are counted from the board. Built anew by replay. docs/adr/0016
DROP TABLE deadline_board;
DROP TABLE progress_counter;
UPDATE checkpoint SET position = 0, version = 0 WHERE name = 'deadline_board';
DELETE FROM parked WHERE name = 'deadline_board';

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
-- What is open now and an agency has to do with.
CREATE INDEX deadline_board_competent ON deadline_board (competent_agency, state, due_at, wait_until)
    WHERE node = 9223372036854775807;
CREATE INDEX deadline_board_holder ON deadline_board (holder_agency, state, due_at, wait_until)
    WHERE node = 9223372036854775807;
CREATE INDEX deadline_board_receiving ON deadline_board (receiving_agency, state, due_at, wait_until)
    WHERE node = 9223372036854775807;
-- What was open at an instant (projections/src/interval.rs).
CREATE INDEX deadline_board_node ON deadline_board (node, until_at, from_at) WHERE node IS NOT NULL;
-- The list behind a number, and the days before and after whole months.
CREATE INDEX deadline_board_fact ON deadline_board (fact, from_at, dossier_id, competent_agency, procedure_id, channel)
    WHERE fact <> 'STEP' AND gone_known = 9223372036854775807;
CREATE INDEX deadline_board_step ON deadline_board (procedure_id, from_at, dossier_id) WHERE fact = 'STEP';

-- How often each fact of the board counts, per competent agency, procedure and local month.
CREATE TABLE progress_counter (
    agency_id       UUID NOT NULL,
    procedure_id    UUID NOT NULL,
    -- Local: year * 12 + month - 1.
    month           BIGINT NOT NULL,
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
    PRIMARY KEY (month, agency_id, procedure_id)
);
