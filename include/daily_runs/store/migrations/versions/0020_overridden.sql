-- An order to override the gate takes a run out of references only where the gate found something against it.
CREATE VIEW daily_runs.overridden_attempt AS
SELECT o.attempt_id FROM daily_runs.gate_override o
WHERE EXISTS (SELECT FROM daily_runs.gate_result g WHERE g.attempt_id = o.attempt_id AND NOT g.passed);

-- As before (0015), and an order that overrode nothing is no blemish.
CREATE OR REPLACE VIEW contract.last_good_v1 AS
SELECT DISTINCT ON (feature, environment) feature, environment, run_key, attempt_id, logical_date, provenance, asked,
       answered, failed, scored, unscored, mean_score, mean_score_low, mean_score_high, dataset_sha256, rubric_version,
       judge_model, published_at
FROM daily_runs.published_run p
WHERE sample = '' AND NOT EXISTS (SELECT FROM daily_runs.overridden_attempt o WHERE o.attempt_id = p.attempt_id)
ORDER BY feature, environment, logical_date DESC;
