-- Keys that seal values in the log. docs/adr/0004. Never in the log's database.
CREATE TABLE key_store (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    keys_id  BLOB    NOT NULL CHECK (length(keys_id) = 16),
    -- A known text under the master key: a wrong master key is noticed at once.
    proof    BLOB    NOT NULL
) STRICT;

CREATE TABLE sealing_key (
    key_id       BLOB    PRIMARY KEY CHECK (length(key_id) = 16),
    -- nonce and ciphertext under the master key; NULL once destroyed.
    wrapped      BLOB,
    created_at   INTEGER NOT NULL,
    destroyed_at INTEGER
) STRICT, WITHOUT ROWID;
