-- Who is told, and what of it is still to be told: `subscribers.db`. Personal data: what is deleted here is overwritten.
CREATE TABLE IF NOT EXISTS tenure (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    holder TEXT NOT NULL -- the hub that opened the file last
) STRICT;
CREATE TABLE IF NOT EXISTS lanes (
    lane INTEGER PRIMARY KEY,
    host TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS subscribers (
    subscriber INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    lane INTEGER NOT NULL REFERENCES lanes,
    components TEXT NOT NULL, -- a JSON list of names; all when empty
    token TEXT NOT NULL UNIQUE,
    secret TEXT, -- what a webhook's bodies are signed with
    created_at INTEGER NOT NULL,
    asked_at INTEGER NOT NULL, -- when a confirmation was last asked for
    confirmed_at INTEGER,
    trouble TEXT, -- why the last message was not taken
    UNIQUE (channel, address)
) STRICT;
CREATE INDEX IF NOT EXISTS unconfirmed ON subscribers (created_at) WHERE confirmed_at IS NULL;
CREATE TABLE IF NOT EXISTS words (
    word INTEGER PRIMARY KEY, -- 0 is the question whether an address is right
    story TEXT NOT NULL,
    count INTEGER NOT NULL,
    said_at INTEGER NOT NULL,
    sequel TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (story, count)
) STRICT;
INSERT OR IGNORE INTO words VALUES (0, 'confirm', 0, 0, 'follows', '');
CREATE TABLE IF NOT EXISTS deliveries (
    word INTEGER NOT NULL REFERENCES words ON DELETE CASCADE,
    subscriber INTEGER NOT NULL REFERENCES subscribers ON DELETE CASCADE,
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0 waits, 1 was told, 2 is given up
    failures INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (word, subscriber)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON deliveries (lane, due_at, word, subscriber) WHERE state = 0;
CREATE INDEX IF NOT EXISTS of_subscriber ON deliveries (subscriber, word);
