-- Orders to publish what the gate blocks (docs/decisions/0031-a-person-may-override-the-gate.md).
CREATE TABLE daily_runs.gate_override (
    attempt_id uuid PRIMARY KEY REFERENCES daily_runs.attempt,
    reason text NOT NULL CHECK (reason <> ''),
    ordered_by text NOT NULL CHECK (ordered_by <> ''),  -- as Airflow or the operating system names the user
    ordered_at timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW contract.gate_overrides_v1 AS
SELECT t.run_key, o.attempt_id, r.feature, r.environment, r.logical_date, t.provenance, t.status AS outcome, g.overridden,
       o.reason, o.ordered_by, o.ordered_at
FROM daily_runs.gate_override o
JOIN daily_runs.attempt t USING (attempt_id)
JOIN daily_runs.run r USING (run_key)
LEFT JOIN LATERAL (
    SELECT string_agg(expectation || ': ' || observed || ', required ' || required, '; ' ORDER BY expectation) AS overridden
    FROM daily_runs.gate_result WHERE gate_result.attempt_id = o.attempt_id AND NOT passed) g ON true;

COMMENT ON VIEW contract.gate_overrides_v1 IS
    'Orders to publish an attempt although the gate blocked it, one row an order. Key: attempt_id.';
COMMENT ON COLUMN contract.gate_overrides_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.gate_overrides_v1.attempt_id IS 'The attempt that was opened with the order';
COMMENT ON COLUMN contract.gate_overrides_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.gate_overrides_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.gate_overrides_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.gate_overrides_v1.provenance IS
    'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.gate_overrides_v1.outcome IS
    'published: the order was carried out; running: not yet; quarantined: the gate blocked it all the same, for what no order overrides; superseded: another attempt took its place';
COMMENT ON COLUMN contract.gate_overrides_v1.overridden IS
    'What the gate found against the attempt. Null: nothing, or it has not looked yet';
COMMENT ON COLUMN contract.gate_overrides_v1.reason IS 'Why, as the person wrote it';
COMMENT ON COLUMN contract.gate_overrides_v1.ordered_by IS 'Who: the name of the user in Airflow, or of the command line''s login';
COMMENT ON COLUMN contract.gate_overrides_v1.ordered_at IS 'When the attempt was opened with the order, UTC';

-- A run that no valid measurement stands behind is not the last good one.
CREATE OR REPLACE VIEW contract.last_good_v1 AS
SELECT DISTINCT ON (feature, environment) feature, environment, run_key, attempt_id, logical_date, provenance, asked,
       answered, failed, scored, unscored, mean_score, mean_score_low, mean_score_high, dataset_sha256, rubric_version,
       judge_model, published_at
FROM daily_runs.published_run p
WHERE sample = '' AND NOT EXISTS (SELECT FROM daily_runs.gate_override o WHERE o.attempt_id = p.attempt_id)
ORDER BY feature, environment, logical_date DESC;
