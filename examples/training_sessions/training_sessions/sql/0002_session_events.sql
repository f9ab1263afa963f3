CREATE TABLE session_events (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kind text NOT NULL
        CHECK (kind IN ('opened', 'joined', 'values', 'closed', 'expired')),
    sequence bigint NOT NULL,
    data jsonb NOT NULL,
    happened_at timestamptz NOT NULL
);
CREATE INDEX session_events_in_order ON session_events (session_id, position);
