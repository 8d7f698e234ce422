-- Agencies day by day, and what was carried over to their successors. These models are built anew by replay.
DROP TABLE agency_directory;

-- What an agency was called, from which day until which; days are counted from 1/1/1.
CREATE TABLE agency_directory (
    agency_id     UUID    NOT NULL,
    from_day      BIGINT  NOT NULL,
    -- The end of time while it is the last one.
    until_day     BIGINT  NOT NULL,
    code          TEXT COLLATE "C" NOT NULL,
    national_code TEXT COLLATE "C",
    name          TEXT COLLATE "C" NOT NULL,
    parent_id     UUID,
    -- The day from which others have its place; the end of time while it is there.
    ended_day     BIGINT  NOT NULL,
    -- What was said of this very day: letters for code, name and parent.
    said          TEXT COLLATE "C" NOT NULL,
    search_text   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (agency_id, from_day)
);
CREATE INDEX agency_directory_code ON agency_directory (code);

ALTER TABLE dossier_summary ADD COLUMN carried TEXT COLLATE "C";
ALTER TABLE agency_month ADD COLUMN taken_over BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agency_month ADD COLUMN passed_on BIGINT NOT NULL DEFAULT 0;
