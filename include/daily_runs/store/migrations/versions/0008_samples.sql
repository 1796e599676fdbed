-- A run that asks only some of the prompts is a sample: a run of its own, beside the full run of that date.
ALTER TABLE daily_runs.run
    ADD COLUMN sample text NOT NULL DEFAULT '' CHECK (sample ~ '^([0-9a-f]{8})?$'),    -- which prompts; '' = all of them
    DROP CONSTRAINT run_feature_environment_logical_date_key,
    ADD UNIQUE (feature, environment, logical_date, sample);

-- Which prompts an attempt asks: null = it was opened before this was recorded.
ALTER TABLE daily_runs.attempt ADD COLUMN selection_sha256 text;

ALTER TABLE daily_runs.published_run
    ADD COLUMN sample text NOT NULL DEFAULT '',
    ADD COLUMN selection_sha256 text;

CREATE OR REPLACE VIEW contract.runs_v1 AS
SELECT run_key, attempt_id, feature, environment, logical_date, provenance, asked, answered, failed, scored, unscored,
       mean_score, score_std, mean_score_low, mean_score_high, dataset_sha256, rubric_version, judge_model, rows_sha256,
       published_at
FROM daily_runs.published_run WHERE sample = '';

CREATE OR REPLACE VIEW contract.results_v1 AS
SELECT r.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, r.prompt_id, r.item_id,
       r.status, r.score, r.scores, r.serving_provider, r.serving_model, r.latency_seconds, r.input_tokens,
       r.output_tokens, p.rubric_version, p.judge_model
FROM daily_runs.published_result r JOIN daily_runs.published_run p USING (run_key) WHERE p.sample = '';

CREATE OR REPLACE VIEW contract.failures_v1 AS
SELECT f.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, f.prompt_id, f.item_id,
       f.error_hop, f.error_kind, f.error_blame
FROM daily_runs.published_failure f JOIN daily_runs.published_run p USING (run_key) WHERE p.sample = '';

CREATE VIEW contract.runs_v2 AS
SELECT run_key, CASE sample WHEN '' THEN 'full' ELSE 'sample' END AS kind, attempt_id, feature, environment,
       logical_date, provenance, asked, answered, failed, scored, unscored, mean_score, score_std, mean_score_low,
       mean_score_high, dataset_sha256, selection_sha256, rubric_version, judge_model, rows_sha256, published_at
FROM daily_runs.published_run;
