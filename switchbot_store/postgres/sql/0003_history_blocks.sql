-- Hours of the history summed up to blocks of six, so that a chart of a year reads a sixth
-- of the rows. A weighed sum is the sum of mean times seconds; last_hour is the last one
-- with a sample, which has the texts.
DROP TABLE IF EXISTS state_history_blocks;
CREATE TABLE state_history_blocks (
    zone text NOT NULL,
    bucket timestamptz NOT NULL,
    count bigint NOT NULL,
    last_hour timestamptz,
    min_temperature double precision,
    max_temperature double precision,
    temperature_weighed double precision,
    temperature_seconds double precision NOT NULL,
    min_humidity double precision,
    max_humidity double precision,
    humidity_weighed double precision,
    humidity_seconds double precision NOT NULL,
    aircon_on_seconds double precision NOT NULL,
    api_requests_today bigint,
    error_count bigint NOT NULL,
    last_temperature_stale boolean NOT NULL,
    PRIMARY KEY (zone, bucket)
);

INSERT INTO state_history_blocks
SELECT zone, date_bin('6 hours', bucket, '2000-01-01 00:00+00'), sum(count),
    max(bucket) FILTER (WHERE count > 0), min(min_temperature), max(max_temperature),
    sum(temperature * temperature_seconds), sum(temperature_seconds),
    min(min_humidity), max(max_humidity),
    sum(humidity * humidity_seconds), sum(humidity_seconds), sum(aircon_on_seconds),
    max(api_requests_today), sum(error_count), bool_or(last_temperature_stale)
FROM state_history_hourly
GROUP BY 1, 2;
