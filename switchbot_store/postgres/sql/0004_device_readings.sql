-- What devices said, by device and attribute, beside the rows of zones. Both tables are
-- new, so that nobody who writes meanwhile is held up.
-- What has eight bytes stands first: none are lost to alignment.
CREATE TABLE IF NOT EXISTS device_readings (
    "timestamp" timestamptz NOT NULL,
    number double precision,
    device_id text NOT NULL,
    attribute text NOT NULL,
    word text,
    PRIMARY KEY (device_id, attribute, "timestamp")
);

CREATE INDEX IF NOT EXISTS device_readings_timestamp ON device_readings ("timestamp");

-- One row per attribute and whole UTC hour whose readings were deleted.
CREATE TABLE IF NOT EXISTS device_readings_hourly (
    device_id text NOT NULL,
    attribute text NOT NULL,
    bucket timestamptz NOT NULL,
    count bigint NOT NULL,
    numbers bigint NOT NULL,
    mean double precision,
    least double precision,
    greatest double precision,
    word text,
    PRIMARY KEY (device_id, attribute, bucket)
);
