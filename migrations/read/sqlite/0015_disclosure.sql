-- Break-glass: who has opened the personal data of a dossier to themselves, and what became of it. docs/adr/0024
CREATE TABLE disclosure (
    disclosure_id   BLOB NOT NULL PRIMARY KEY,
    dossier_id      BLOB NOT NULL,
    principal       BLOB NOT NULL,
    agency          BLOB NOT NULL,
    reason          TEXT NOT NULL,
    note            TEXT NOT NULL,
    opened_at       INTEGER NOT NULL,
    until_at        INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by BLOB,
    finding         TEXT,
    finding_note    TEXT
) STRICT;
-- What is open to somebody.
CREATE INDEX disclosure_open ON disclosure (principal, until_at);
CREATE INDEX disclosure_by_time ON disclosure (opened_at, disclosure_id);
-- What somebody has to look at.
CREATE INDEX disclosure_unacknowledged ON disclosure (acknowledged_at, opened_at, disclosure_id);

-- Messages to officials about a dossier are about a deadline or a break-glass, and what became of each. Built anew by
-- replay. docs/adr/0018
DROP TABLE notice;
UPDATE checkpoint SET position = 0, version = 0 WHERE name = 'notice';
DELETE FROM parked WHERE name = 'notice';
CREATE TABLE notice (
    dossier_id    BLOB NOT NULL,
    delivery_id   BLOB NOT NULL,
    -- Of a deadline: 1 due soon, 2 due today, 3 overdue, 4 escalated: the graver, the greater.
    occasion      INTEGER,
    due_at        INTEGER,
    -- Or the break-glass that it is about.
    disclosure    BLOB,
    holder_agency BLOB NOT NULL,
    recipient     BLOB,
    way           TEXT NOT NULL,
    state         TEXT NOT NULL,
    raised_at     INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    -- NULL when nothing is to be done any more.
    next_at       INTEGER,
    settled_at    INTEGER,
    failure       TEXT,
    PRIMARY KEY (dossier_id, delivery_id)
) STRICT;
-- What is to be sent, in the order in which it is.
CREATE INDEX notice_next ON notice (next_at, dossier_id, delivery_id) WHERE next_at IS NOT NULL;
-- What somebody has to look after.
CREATE INDEX notice_given_up ON notice (settled_at) WHERE state = 'GIVEN_UP';
