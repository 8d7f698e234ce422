-- Up to which version of a dossier the national portal has it, and since when: what indicator 1.4 of QĐ 766 counts.
CREATE TABLE portal_acknowledgement (
    dossier_id      UUID   NOT NULL,
    up_to           BIGINT NOT NULL,
    acknowledged_at BIGINT NOT NULL,
    PRIMARY KEY (dossier_id, up_to)
);
