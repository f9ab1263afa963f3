-- What one home asks costs the same beside thousands of others. A collation may part keys
-- that begin alike; by their bytes they stand side by side.
CREATE INDEX IF NOT EXISTS json_store_kind_bytes ON json_store (kind text_pattern_ops);

-- Every zone of which anything was recorded, so that those of a home are found without
-- looking at those of all. Writers that know nothing of it are caught up with when the
-- next hour is summarised.
CREATE TABLE IF NOT EXISTS state_history_zones (zone text PRIMARY KEY);
CREATE INDEX IF NOT EXISTS state_history_zones_bytes
    ON state_history_zones (zone text_pattern_ops);

INSERT INTO state_history_zones
WITH RECURSIVE recorded (zone) AS (
    (SELECT zone FROM state_history ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone FROM state_history s WHERE s.zone > r.zone
            ORDER BY s.zone LIMIT 1)
    FROM recorded r WHERE r.zone IS NOT NULL
), rolled (zone) AS (
    (SELECT zone FROM state_history_hourly ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone FROM state_history_hourly s WHERE s.zone > r.zone
            ORDER BY s.zone LIMIT 1)
    FROM rolled r WHERE r.zone IS NOT NULL
)
SELECT zone FROM recorded WHERE zone IS NOT NULL
UNION SELECT zone FROM rolled WHERE zone IS NOT NULL
UNION SELECT zone FROM state_history_late
ON CONFLICT (zone) DO NOTHING;

-- Up to when the hours of a sixteenth of all zones are rolled up. Who holds a row computes
-- these alone, so that several work side by side and nobody waits for all.
CREATE TABLE IF NOT EXISTS state_history_parts (
    part integer PRIMARY KEY,
    through timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO state_history_rollup (singleton, through) VALUES (true, '-infinity')
ON CONFLICT (singleton) DO NOTHING;
INSERT INTO state_history_parts
SELECT part, through FROM state_history_rollup, generate_series(0, 15) AS part
-- Where the other tables were dropped and are made anew, what is here says nothing.
ON CONFLICT (part) DO UPDATE
    SET through = least(state_history_parts.through, excluded.through);
