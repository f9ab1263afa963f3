-- Sensor history. Adopts an existing dashboard's state_history(id serial primary key,
-- timestamp, temperature decimal(4,1), ...) in place, with its rows: columns become wide
-- enough for what was measured, rows get the zone 'default', and rows of one instant
-- are moved apart by a microsecond each. Writers that name no zone go on writing.
-- A plain table has this shape already by the steps of `adoption`, which hold nobody up;
-- this is what remains of others, in one go.
CREATE TABLE IF NOT EXISTS state_history ("timestamp" timestamptz);

-- A vacuum by the server makes way after a second, for which no writer should queue.
SET LOCAL lock_timeout = '5s';
LOCK TABLE state_history IN SHARE UPDATE EXCLUSIVE MODE;
SET LOCAL lock_timeout = '300ms';
LOCK TABLE state_history IN ACCESS EXCLUSIVE MODE;

-- Of a table made here, what has eight bytes stands first: none are lost to alignment.
ALTER TABLE state_history
    ADD COLUMN IF NOT EXISTS temperature double precision,
    ADD COLUMN IF NOT EXISTS humidity double precision,
    ADD COLUMN IF NOT EXISTS api_requests_today bigint,
    ADD COLUMN IF NOT EXISTS error_count bigint DEFAULT 0,
    ADD COLUMN IF NOT EXISTS last_temperature_stale boolean DEFAULT false,
    ADD COLUMN IF NOT EXISTS zone text NOT NULL DEFAULT 'default',
    ADD COLUMN IF NOT EXISTS assumed_aircon_power text,
    ADD COLUMN IF NOT EXISTS last_action text,
    ADD COLUMN IF NOT EXISTS timezone text DEFAULT 'UTC',
    ADD COLUMN IF NOT EXISTS metadata jsonb;

DO $$
DECLARE
    changes text;
    key_name name;
    stray record;
BEGIN
    -- Indexes over expressions may not survive a change of type; they can be made anew.
    FOR stray IN
        SELECT i.indexrelid::regclass AS index_name
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
        WHERE i.indrelid = 'state_history'::regclass AND i.indexprs IS NOT NULL
            AND a.attname = 'timestamp' AND a.atttypid = 'timestamp'::regtype
    LOOP
        EXECUTE format('DROP INDEX %s', stray.index_name);
    END LOOP;

    -- All in one statement, so that the table is rewritten once at most.
    SELECT string_agg(
        format('ALTER COLUMN %I TYPE %s USING %s', wanted.name, wanted.type,
            CASE
                WHEN wanted.name = 'timestamp' AND a.atttypid = 'timestamp'::regtype
                THEN '"timestamp" AT TIME ZONE ''UTC'''
                ELSE format('%I::%s', wanted.name, wanted.type)
            END),
        ', ')
    INTO changes
    FROM (VALUES
        ('timestamp', 'timestamptz'),
        ('zone', 'text'),
        ('temperature', 'double precision'),
        ('humidity', 'double precision'),
        ('assumed_aircon_power', 'text'),
        ('last_action', 'text'),
        ('api_requests_today', 'bigint'),
        ('error_count', 'bigint'),
        ('last_temperature_stale', 'boolean'),
        ('timezone', 'text'),
        ('metadata', 'jsonb')
    ) AS wanted(name, type)
    JOIN pg_attribute a
        ON a.attrelid = 'state_history'::regclass AND a.attname = wanted.name
    WHERE a.atttypid <> wanted.type::regtype;
    IF changes IS NOT NULL THEN
        EXECUTE 'ALTER TABLE state_history ' || changes;
    END IF;

    IF EXISTS (
        SELECT FROM pg_constraint c
        WHERE c.conrelid = 'state_history'::regclass AND c.contype = 'p'
            AND ARRAY(
                SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
                ORDER BY k.place
            ) = ARRAY['zone', 'timestamp']
    ) THEN
        RETURN;
    END IF;

    SELECT conname INTO key_name FROM pg_constraint
    WHERE conrelid = 'state_history'::regclass AND contype = 'p';
    IF key_name IS NOT NULL THEN
        -- The numbers stay, as a column that no longer identifies.
        EXECUTE format('ALTER TABLE state_history DROP CONSTRAINT %I', key_name);
    END IF;

    -- A row of no instant has no place in a history; it is kept aside.
    IF EXISTS (SELECT FROM state_history WHERE "timestamp" IS NULL) THEN
        CREATE TABLE state_history_without_timestamp AS
            SELECT * FROM state_history WHERE "timestamp" IS NULL;
        DELETE FROM state_history WHERE "timestamp" IS NULL;
    END IF;

    LOOP
        WITH placed AS (
            SELECT ctid AS place, row_number() OVER (
                PARTITION BY zone, "timestamp" ORDER BY ctid) - 1 AS earlier
            FROM state_history
        )
        UPDATE state_history h
        SET "timestamp" = h."timestamp" + placed.earlier * interval '1 microsecond'
        FROM placed WHERE h.ctid = placed.place AND placed.earlier > 0;
        EXIT WHEN NOT FOUND;
    END LOOP;

    ALTER TABLE state_history ADD PRIMARY KEY (zone, "timestamp");
END
$$;

ALTER TABLE state_history ALTER COLUMN "timestamp" SET DEFAULT now();
ALTER TABLE state_history ALTER COLUMN zone SET DEFAULT 'default';

-- One row per zone and whole UTC hour that is over; kept when recorded rows go. Means
-- weigh each reading by the seconds it held; frozen: its recorded rows were deleted.
CREATE TABLE IF NOT EXISTS state_history_hourly (
    zone text NOT NULL,
    bucket timestamptz NOT NULL,
    count bigint NOT NULL,
    temperature double precision,
    min_temperature double precision,
    max_temperature double precision,
    temperature_seconds double precision NOT NULL,
    humidity double precision,
    min_humidity double precision,
    max_humidity double precision,
    humidity_seconds double precision NOT NULL,
    aircon_on_seconds double precision NOT NULL,
    assumed_aircon_power text,
    last_action text,
    timezone text,
    api_requests_today bigint,
    error_count bigint NOT NULL,
    last_temperature_stale boolean NOT NULL,
    frozen boolean NOT NULL DEFAULT false,
    PRIMARY KEY (zone, bucket)
);

-- Hours that got rows after they were over: to be computed anew, and until then read
-- from the rows.
CREATE TABLE IF NOT EXISTS state_history_late (
    zone text NOT NULL,
    bucket timestamptz NOT NULL,
    marks integer NOT NULL DEFAULT 1,
    PRIMARY KEY (zone, bucket)
);

-- Up to when hours are rolled up; one row at most.
CREATE TABLE IF NOT EXISTS state_history_rollup (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    through timestamptz NOT NULL
);

-- Where a table was dropped and is made anew, all hours that have rows are computed again.
DELETE FROM state_history_rollup;
