-- Messages that remind somebody of a deadline, and what became of each. docs/adr/0018
CREATE TABLE notice (
    dossier_id    UUID    NOT NULL,
    delivery_id   UUID    NOT NULL,
    -- 1 due soon, 2 due today, 3 overdue, 4 escalated: the graver, the greater.
    occasion      BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    holder_agency UUID    NOT NULL,
    recipient     UUID,
    way           TEXT COLLATE "C"   NOT NULL,
    state         TEXT COLLATE "C"   NOT NULL,
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
