-- The event log. docs/adr/0001 and 0003. Times are microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE event (
    position    INTEGER PRIMARY KEY,
    stream      TEXT    NOT NULL,
    version     INTEGER NOT NULL CHECK (0 < version),
    event_id    BLOB    NOT NULL UNIQUE CHECK (length(event_id) = 16),
    type        TEXT    NOT NULL,
    data        TEXT    NOT NULL,
    metadata    TEXT    NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    UNIQUE (stream, version)
) STRICT;

-- The end of the log. Whoever writes locks this row first, so position order is commit order.
CREATE TABLE log_head (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    position    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
INSERT INTO log_head (id, position, recorded_at) VALUES (1, 0, 0);

-- The key store whose keys seal this log. A log that meets another one is refused.
CREATE TABLE log_keys (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    keys_id  BLOB    NOT NULL CHECK (length(keys_id) = 16)
) STRICT;

CREATE TRIGGER event_is_never_updated BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are immutable'); END;
-- REPLACE deletes without asking the trigger below.
CREATE TRIGGER event_is_never_replaced BEFORE INSERT ON event
WHEN EXISTS (
    SELECT 1 FROM event WHERE position = NEW.position OR event_id = NEW.event_id
        OR (stream = NEW.stream AND version = NEW.version)
)
BEGIN SELECT RAISE(ABORT, 'events are immutable'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are immutable'); END;
