-- How each component was, by day: what the status page's bars of 90 days are drawn from.
--
-- Measured every ten seconds, and the only table that cannot be rebuilt from the events. Time in which
-- nothing was known counts nowhere.

CREATE TABLE component_days (
    component TEXT NOT NULL,
    day INTEGER NOT NULL, -- days since 1970-01-01, UTC
    good_s INTEGER NOT NULL,
    degraded_s INTEGER NOT NULL,
    down_s INTEGER NOT NULL,
    PRIMARY KEY (component, day)
) STRICT, WITHOUT ROWID;
