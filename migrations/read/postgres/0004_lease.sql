-- Who feeds a read model, until when, and how often that changed hands. docs/adr/0015
ALTER TABLE checkpoint ADD COLUMN holder TEXT COLLATE "C";
ALTER TABLE checkpoint ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
-- Microseconds since the epoch.
ALTER TABLE checkpoint ADD COLUMN until_at BIGINT NOT NULL DEFAULT 0;
-- Why it stands still, while it does.
ALTER TABLE checkpoint ADD COLUMN stopped TEXT COLLATE "C";
-- Events per second of the last page.
ALTER TABLE checkpoint ADD COLUMN per_second BIGINT NOT NULL DEFAULT 0;
-- Of the parked event in its stream; 0 where it was parked before this was kept.
ALTER TABLE parked ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
