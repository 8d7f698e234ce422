-- How often the rows of a read model have changed: whoever keeps a copy of them knows whether it is still theirs.
ALTER TABLE checkpoint ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
