-- Who there is, and which permission groups. What somebody may do is asked of their stream. docs/adr/0020
CREATE TABLE account_directory (
    principal_id   BLOB    PRIMARY KEY,
    login          TEXT,
    issuer         TEXT,
    -- A sealed token.
    name           TEXT    NOT NULL,
    agency_id      BLOB    NOT NULL,
    unit           TEXT,
    position_title TEXT,
    opened_at      INTEGER NOT NULL,
    locked         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE permission_group_directory (
    group_id  BLOB    PRIMARY KEY,
    code      TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    functions TEXT    NOT NULL,
    retired   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
