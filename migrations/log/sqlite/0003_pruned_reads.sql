-- Shows that it was this program that took out what is not there any more: a mac over number and mac of the last record that
-- was. docs/adr/0024
ALTER TABLE personal_read_head ADD COLUMN pruned_proof TEXT NOT NULL DEFAULT '';
