-- The event log. docs/adr/0001 and 0003. Times are microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE event (
    position    BIGINT PRIMARY KEY,
    stream      TEXT   COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL CHECK (0 < version),
    event_id    UUID   NOT NULL UNIQUE,
    type        TEXT   COLLATE "C" NOT NULL,
    data        TEXT   NOT NULL,
    metadata    TEXT   NOT NULL,
    occurred_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    UNIQUE (stream, version)
);

-- The end of the log. Whoever writes locks this row first, so position order is commit order.
CREATE TABLE log_head (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    position    BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
) WITH (fillfactor = 20);
INSERT INTO log_head (id, position, recorded_at) VALUES (1, 0, 0);

-- The key store whose keys seal this log. A log that meets another one is refused.
CREATE TABLE log_keys (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    keys_id  UUID   NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events are immutable'; END $$;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_is_never_truncated BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
