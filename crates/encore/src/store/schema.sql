-- What people made themselves: accounts and playlists. The catalogue lives in its own file; `tracks` is a copy for
-- searching, rewritten whenever the catalogue is.
CREATE TABLE IF NOT EXISTS users (
    name     TEXT NOT NULL PRIMARY KEY,
    password TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS playlists (
    number INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    user   TEXT NOT NULL REFERENCES users (name),
    name   TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS playlists_by_user ON playlists (user);

CREATE TABLE IF NOT EXISTS playlist_tracks (
    playlist_id TEXT    NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    track_id    TEXT    NOT NULL,
    PRIMARY KEY (playlist_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tracks (
    id     TEXT    NOT NULL PRIMARY KEY,
    place  INTEGER NOT NULL,
    folded TEXT    NOT NULL
) STRICT;

-- Answers already given to writes that carried an Idempotency-Key.
CREATE TABLE IF NOT EXISTS given_answers (
    number  INTEGER PRIMARY KEY,
    user    TEXT NOT NULL,
    key     TEXT NOT NULL,
    request TEXT NOT NULL,
    answer  TEXT NOT NULL,
    UNIQUE (user, key)
) STRICT;
