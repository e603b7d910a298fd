-- The key by which push services know this hub (RFC 8292). Every browser's subscription names it: with another one, all of them end.
CREATE TABLE IF NOT EXISTS push_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pkcs8 BLOB NOT NULL
) STRICT;
