-- Who has seen personal data, and which. docs/adr/0023. No events: they go when they are old enough. The mac of a record
-- covers that of the record before.
CREATE TABLE personal_read (
    seq       INTEGER PRIMARY KEY,
    -- Microseconds since 1970-01-01T00:00:00Z.
    read_at   INTEGER NOT NULL,
    principal BLOB    NOT NULL CHECK (length(principal) = 16),
    data      TEXT    NOT NULL,
    mac       TEXT    NOT NULL
) STRICT;
CREATE INDEX personal_read_principal ON personal_read (principal, seq);

-- What a dossier's records are found by.
CREATE TABLE personal_read_dossier (
    seq     INTEGER NOT NULL,
    dossier BLOB    NOT NULL CHECK (length(dossier) = 16),
    PRIMARY KEY (seq, dossier)
) STRICT;
CREATE INDEX personal_read_dossier_found ON personal_read_dossier (dossier, seq);

-- The last record, and the last of those that were taken out for their age.
CREATE TABLE personal_read_head (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    seq        INTEGER NOT NULL,
    mac        TEXT    NOT NULL,
    pruned_seq INTEGER NOT NULL,
    pruned_mac TEXT    NOT NULL
) STRICT;
INSERT INTO personal_read_head (id, seq, mac, pruned_seq, pruned_mac) VALUES (1, 0, '', 0, '');

CREATE TRIGGER personal_read_is_never_updated BEFORE UPDATE ON personal_read
BEGIN SELECT RAISE(ABORT, 'records of reads are immutable'); END;
-- REPLACE deletes without asking the trigger below.
CREATE TRIGGER personal_read_is_never_replaced BEFORE INSERT ON personal_read
WHEN EXISTS (SELECT 1 FROM personal_read WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'records of reads are immutable'); END;
-- Two years, by the clock of the database.
CREATE TRIGGER personal_read_is_kept BEFORE DELETE ON personal_read
WHEN (CAST(strftime('%s', 'now') AS INTEGER) - 63158400) * 1000000 < OLD.read_at
BEGIN SELECT RAISE(ABORT, 'records of reads are kept for two years'); END;
CREATE TRIGGER personal_read_dossier_is_never_updated BEFORE UPDATE ON personal_read_dossier
BEGIN SELECT RAISE(ABORT, 'records of reads are immutable'); END;
CREATE TRIGGER personal_read_dossier_is_kept BEFORE DELETE ON personal_read_dossier
WHEN EXISTS (SELECT 1 FROM personal_read WHERE seq = OLD.seq)
BEGIN SELECT RAISE(ABORT, 'records of reads are kept for two years'); END;
