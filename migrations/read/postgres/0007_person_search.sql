-- What people are found under: MACs of folded words, under a key that follows from the master key. No fold: whoever fills
-- it opens names. Purged when a key is destroyed; in no backup. docs/adr/0017
CREATE TABLE person_search (
    -- Of the person in this dossier.
    key_id       UUID NOT NULL,
    -- 16 bytes of HMAC-SHA256.
    term         UUID NOT NULL,
    dossier_id   UUID NOT NULL,
    submitted_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, term)
);
CREATE INDEX person_search_term ON person_search (term, submitted_at, dossier_id);
