-- The log: one line per event, each chained to the one before by its hash, never changed and never deleted.
--
-- hash = SHA-256 (hash of the line before, or 32 zero bytes; seq and at_ms as 8 bytes, big end first; event).
-- `heads` has one row: the end of the log. It is moved in the transaction that appends, so that lines missing
-- at the end are found as well.

PRAGMA application_id = 0x446F7762; -- "Dowb"

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL, -- milliseconds since 1970-01-01T00:00:00Z
    event TEXT NOT NULL,    -- JSON
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE heads (
    head INTEGER PRIMARY KEY CHECK (head = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER events_keep_their_words BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: no event is ever changed');
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: no event is ever deleted');
END;
