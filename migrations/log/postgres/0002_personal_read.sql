-- Who has seen personal data, and which. docs/adr/0023. No events: they go when they are old enough. The mac of a record
-- covers that of the record before.
CREATE TABLE personal_read (
    seq       BIGINT PRIMARY KEY,
    -- Microseconds since 1970-01-01T00:00:00Z.
    read_at   BIGINT NOT NULL,
    principal UUID   NOT NULL,
    data      TEXT   NOT NULL,
    mac       TEXT   COLLATE "C" NOT NULL
);
CREATE INDEX personal_read_principal ON personal_read (principal, seq);

-- What a dossier's records are found by.
CREATE TABLE personal_read_dossier (
    seq     BIGINT NOT NULL,
    dossier UUID   NOT NULL,
    PRIMARY KEY (seq, dossier)
);
CREATE INDEX personal_read_dossier_found ON personal_read_dossier (dossier, seq);

-- The last record, and the last of those that were taken out for their age.
CREATE TABLE personal_read_head (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    seq        BIGINT NOT NULL,
    mac        TEXT   COLLATE "C" NOT NULL,
    pruned_seq BIGINT NOT NULL,
    pruned_mac TEXT   COLLATE "C" NOT NULL
) WITH (fillfactor = 20);
INSERT INTO personal_read_head (id, seq, mac, pruned_seq, pruned_mac) VALUES (1, 0, '', 0, '');

CREATE FUNCTION refuse_change_of_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'records of reads are immutable'; END $$;
-- Two years, by the clock of the database.
CREATE FUNCTION keep_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (CAST(EXTRACT(EPOCH FROM now()) AS BIGINT) - 63158400) * 1000000 < OLD.read_at THEN
        RAISE EXCEPTION 'records of reads are kept for two years';
    END IF;
    RETURN OLD;
END $$;
CREATE FUNCTION keep_read_dossier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM personal_read WHERE seq = OLD.seq) THEN
        RAISE EXCEPTION 'records of reads are kept for two years';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER personal_read_is_never_updated BEFORE UPDATE ON personal_read
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_read();
CREATE TRIGGER personal_read_is_kept BEFORE DELETE ON personal_read
    FOR EACH ROW EXECUTE FUNCTION keep_read();
CREATE TRIGGER personal_read_is_never_truncated BEFORE TRUNCATE ON personal_read
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_read();
CREATE TRIGGER personal_read_dossier_is_never_updated BEFORE UPDATE ON personal_read_dossier
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_read();
CREATE TRIGGER personal_read_dossier_is_kept BEFORE DELETE ON personal_read_dossier
    FOR EACH ROW EXECUTE FUNCTION keep_read_dossier();
CREATE TRIGGER personal_read_dossier_is_never_truncated BEFORE TRUNCATE ON personal_read_dossier
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_read();
