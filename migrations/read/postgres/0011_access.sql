-- Who there is, and which permission groups. What somebody may do is asked of their stream. docs/adr/0020
CREATE TABLE account_directory (
    principal_id   UUID   PRIMARY KEY,
    login          TEXT COLLATE "C",
    issuer         TEXT COLLATE "C",
    -- A sealed token.
    name           TEXT COLLATE "C" NOT NULL,
    agency_id      UUID   NOT NULL,
    unit           TEXT COLLATE "C",
    position_title TEXT COLLATE "C",
    opened_at      BIGINT NOT NULL,
    locked         BIGINT NOT NULL
);

CREATE TABLE permission_group_directory (
    group_id  UUID   PRIMARY KEY,
    code      TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    functions TEXT COLLATE "C" NOT NULL,
    retired   BIGINT NOT NULL
);
