-- How a DAG run ended, in the line that its note has. An attempt stays `running` after a failed task, so that it can be gone
-- on with: this table tells that nobody works on it. A stage that begins takes its run's row away.
CREATE TABLE daily_runs.run_summary (
    feature        text NOT NULL,
    airflow_run_id text NOT NULL,
    logical_date   timestamptz,  -- null: the run ended before it knew its date
    outcome        text NOT NULL CHECK (outcome IN ('done', 'failed', 'asked_nothing')),
    line           text NOT NULL CHECK (char_length(line) BETWEEN 1 AND 140),
    attempt_ids    uuid[] NOT NULL,
    written_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (feature, airflow_run_id)
);
