CREATE TABLE trainers (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX trainers_name ON trainers (lower(name));

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    code text NOT NULL CHECK (code ~ '^[A-HJ-NP-Z2-9]{6}$'),
    trainer_id uuid NOT NULL REFERENCES trainers (id),
    title text NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > opened_at),
    last_values jsonb NOT NULL DEFAULT '{}',
    sequence bigint NOT NULL DEFAULT 0,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('closed', 'expired')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
-- A code is free again once its session has ended.
CREATE UNIQUE INDEX sessions_open_code ON sessions (code) WHERE ended_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_trainer ON sessions (trainer_id, opened_at DESC);
