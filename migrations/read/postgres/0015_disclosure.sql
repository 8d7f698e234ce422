-- Break-glass: who has opened the personal data of a dossier to themselves, and what became of it. docs/adr/0024
CREATE TABLE disclosure (
    disclosure_id   UUID NOT NULL PRIMARY KEY,
    dossier_id      UUID NOT NULL,
    principal       UUID NOT NULL,
    agency          UUID NOT NULL,
    reason          TEXT COLLATE "C" NOT NULL,
    note            TEXT NOT NULL,
    opened_at       BIGINT NOT NULL,
    until_at        BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by UUID,
    finding         TEXT COLLATE "C",
    finding_note    TEXT
);
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
    dossier_id    UUID NOT NULL,
    delivery_id   UUID NOT NULL,
    -- Of a deadline: 1 due soon, 2 due today, 3 overdue, 4 escalated: the graver, the greater.
    occasion      BIGINT,
    due_at        BIGINT,
    -- Or the break-glass that it is about.
    disclosure    UUID,
    holder_agency UUID NOT NULL,
    recipient     UUID,
    way           TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    raised_at     BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    -- NULL when nothing is to be done any more.
    next_at       BIGINT,
    settled_at    BIGINT,
    failure       TEXT COLLATE "C",
    PRIMARY KEY (dossier_id, delivery_id)
);
-- What is to be sent, in the order in which it is.
CREATE INDEX notice_next ON notice (next_at, dossier_id, delivery_id) WHERE next_at IS NOT NULL;
-- What somebody has to look after.
CREATE INDEX notice_given_up ON notice (settled_at) WHERE state = 'GIVEN_UP';
