-- Keys that seal values in the log. docs/adr/0004. Never in the log's database.
CREATE TABLE key_store (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    keys_id  UUID   NOT NULL,
    -- A known text under the master key: a wrong master key is noticed at once.
    proof    BYTEA  NOT NULL
);

CREATE TABLE sealing_key (
    key_id       UUID   PRIMARY KEY,
    -- nonce and ciphertext under the master key; NULL once destroyed.
    wrapped      BYTEA,
    created_at   BIGINT NOT NULL,
    destroyed_at BIGINT
);
