-- What a machine's key may be used for: a JSON array of functions. Null: all that its account may do.
ALTER TABLE machine_key ADD COLUMN functions TEXT;
