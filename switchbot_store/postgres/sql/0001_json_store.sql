-- Documents. Adopts an existing dashboard's json_store(kind varchar(50), data jsonb,
-- updated_at timestamptz) in place, with its rows.
CREATE TABLE IF NOT EXISTS json_store (
    kind text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE json_store ALTER COLUMN kind TYPE text;
UPDATE json_store SET updated_at = now() WHERE updated_at IS NULL;
ALTER TABLE json_store ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE json_store ALTER COLUMN updated_at SET NOT NULL;

-- The uuid of the write, made by the writer: after a lost answer it tells whether the
-- write happened.
ALTER TABLE json_store
    ADD COLUMN IF NOT EXISTS revision uuid NOT NULL DEFAULT gen_random_uuid();

-- The revisions before it, newest first: so that it still tells after somebody else
-- wrote.
ALTER TABLE json_store
    ADD COLUMN IF NOT EXISTS recent uuid[] NOT NULL DEFAULT '{}';

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
