-- A day of one agency and one procedure is hardly ever more than one dossier: counters of days were as many as what they
-- counted. Months stay; single days are counted from the board. Built anew by replay. docs/adr/0016
DROP TABLE deadline_board;
DROP TABLE progress_counter;
UPDATE checkpoint SET position = 0, version = 0 WHERE name = 'deadline_board';
DELETE FROM parked WHERE name = 'deadline_board';

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
    agency_id       BLOB NOT NULL,
    procedure_id    BLOB NOT NULL,
    -- Local: year * 12 + month - 1.
    month           INTEGER NOT NULL,
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
    PRIMARY KEY (month, agency_id, procedure_id)
) STRICT, WITHOUT ROWID;
