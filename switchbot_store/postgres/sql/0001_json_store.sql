-- Documents. Adopts an existing dashboard's json_store(kind varchar(50), data jsonb,
-- updated_at timestamptz) in place, with its rows; and brings into shape again what was
-- restored from a dump of a time before.
CREATE TABLE IF NOT EXISTS json_store (
    kind text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- revision: the uuid of the write, made by the writer; after a lost answer it tells
-- whether the write happened. recent: the revisions before it, newest first, so that it
-- still tells after somebody else wrote.
ALTER TABLE json_store
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS revision uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN IF NOT EXISTS recent uuid[] NOT NULL DEFAULT '{}';

DO $$
DECLARE
    changes text;
    place regclass;
BEGIN
    -- Not where the type is right: views over the column would be in the way.
    SELECT string_agg(
        format('ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %I TYPE %s USING %s',
            wanted.name, wanted.name, wanted.type,
            CASE
                WHEN wanted.name = 'updated_at' AND a.atttypid = 'timestamp'::regtype
                THEN 'updated_at AT TIME ZONE ''UTC'''
                ELSE format('%I::text::%s', wanted.name, wanted.type)
            END),
        ', ')
    INTO changes
    FROM (VALUES
        ('kind', 'text'),
        ('data', 'jsonb'),
        ('updated_at', 'timestamptz'),
        ('revision', 'uuid'),
        ('recent', 'uuid[]')
    ) AS wanted(name, type)
    JOIN pg_attribute a ON a.attrelid = 'json_store'::regclass AND a.attname = wanted.name
    WHERE a.atttypid <> wanted.type::regtype;
    IF changes IS NOT NULL THEN
        EXECUTE 'ALTER TABLE json_store ' || changes;
    END IF;

    UPDATE json_store SET updated_at = coalesce(updated_at, now()),
        revision = coalesce(revision, gen_random_uuid()), recent = coalesce(recent, '{}')
    WHERE updated_at IS NULL OR revision IS NULL OR recent IS NULL;
    ALTER TABLE json_store
        ALTER COLUMN updated_at SET DEFAULT now(),
        ALTER COLUMN updated_at SET NOT NULL,
        ALTER COLUMN revision SET DEFAULT gen_random_uuid(),
        ALTER COLUMN revision SET NOT NULL,
        ALTER COLUMN recent SET DEFAULT '{}',
        ALTER COLUMN recent SET NOT NULL;

    IF NOT EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = 'json_store'::regclass AND a.attname = 'kind'
            AND i.indnkeyatts = 1 AND i.indisunique AND i.indisvalid AND i.indimmediate
            AND i.indpred IS NULL
    ) THEN
        ALTER TABLE json_store ADD UNIQUE (kind);
    END IF;

    -- A document is written over and over. Where a page has room left its next version
    -- stays there, and the one before is cleared without a vacuum; full pages grew by the
    -- size of the document with each write, and its index with every few.
    FOR place IN
        SELECT c.oid FROM pg_class c
        WHERE c.relkind = 'r'
            AND coalesce(c.reloptions::text, '') NOT LIKE '%fillfactor=%'
            AND (c.oid = 'json_store'::regclass
                OR c.oid IN (SELECT relid FROM pg_partition_tree('json_store')))
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 70)', place);
    END LOOP;
END
$$;

-- Writers that know nothing of revisions make new ones all the same.
CREATE OR REPLACE FUNCTION json_store_revise() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := gen_random_uuid();
    NEW.recent := (OLD.revision || OLD.recent)[1:16];
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS json_store_revise ON json_store;
CREATE TRIGGER json_store_revise
    BEFORE UPDATE ON json_store
    FOR EACH ROW
    WHEN (NEW.revision = OLD.revision)
    EXECUTE FUNCTION json_store_revise();
