-- How somebody shows who they are. No facts to be kept for ever, so not in the log; what is deleted is overwritten.
CREATE TABLE password (
    principal_id UUID   PRIMARY KEY,
    -- argon2id, as a PHC string.
    hash         TEXT   NOT NULL,
    -- 1 where somebody else chose it.
    must_change  BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL,
    -- Wrong ones since the last right one.
    failures     BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT NOT NULL DEFAULT 0,
    -- The secret of the second factor under the master key, and the last step that a code was taken for: each is good once.
    totp         BYTEA,
    totp_step    BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE machine_key (
    key_id       TEXT COLLATE "C" PRIMARY KEY,
    principal_id UUID   NOT NULL,
    -- SHA-256 of the secret, which is random and long.
    hash         BYTEA  NOT NULL CHECK (length(hash) = 32),
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
CREATE INDEX machine_key_principal ON machine_key (principal_id);

CREATE TABLE session (
    -- SHA-256 of the token.
    hash         BYTEA  PRIMARY KEY CHECK (length(hash) = 32),
    principal_id UUID   NOT NULL,
    -- 1 where a second factor was shown.
    strong       BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL
);
CREATE INDEX session_principal ON session (principal_id);
