-- How somebody shows who they are. No facts to be kept for ever, so not in the log; what is deleted is overwritten.
CREATE TABLE password (
    principal_id BLOB    PRIMARY KEY CHECK (length(principal_id) = 16),
    -- argon2id, as a PHC string.
    hash         TEXT    NOT NULL,
    -- 1 where somebody else chose it.
    must_change  INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    -- Wrong ones since the last right one.
    failures     INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER NOT NULL DEFAULT 0,
    -- The secret of the second factor under the master key, and the last step that a code was taken for: each is good once.
    totp         BLOB,
    totp_step    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE machine_key (
    key_id       TEXT    PRIMARY KEY,
    principal_id BLOB    NOT NULL,
    -- SHA-256 of the secret, which is random and long.
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_key_principal ON machine_key (principal_id);

CREATE TABLE session (
    -- SHA-256 of the token.
    hash         BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    principal_id BLOB    NOT NULL,
    -- 1 where a second factor was shown.
    strong       INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_principal ON session (principal_id);
