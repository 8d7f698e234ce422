-- What is kept about people elsewhere, as what they are found under, follows the keys that are destroyed.
CREATE INDEX sealing_key_destroyed ON sealing_key (destroyed_at) WHERE destroyed_at IS NOT NULL;
