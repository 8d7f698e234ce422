-- Messages that remind somebody of a deadline, and what became of each. docs/adr/0018
CREATE TABLE notice (
    dossier_id    BLOB    NOT NULL,
    delivery_id   BLOB    NOT NULL,
    -- 1 due soon, 2 due today, 3 overdue, 4 escalated: the graver, the greater.
    occasion      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    holder_agency BLOB    NOT NULL,
    recipient     BLOB,
    way           TEXT    NOT NULL,
    state         TEXT    NOT NULL,
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
