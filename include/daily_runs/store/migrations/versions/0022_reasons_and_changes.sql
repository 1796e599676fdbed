-- What the reference of each published run is made of, as its verdict takes it (daily_runs.results.quality): of earlier
-- runs under the same key, since somebody accepted a level, the first 14. A run that two providers answered has none.
CREATE VIEW daily_runs.reference_run AS
SELECT p.run_key, e.run_key AS reference_run_key
FROM daily_runs.published_run p
CROSS JOIN LATERAL (
    SELECT coalesce(max(r.logical_date), '-infinity') AS since
    FROM daily_runs.alarm a JOIN daily_runs.run r ON r.run_key = a.since_run_key
    WHERE a.feature = p.feature AND a.environment = p.environment AND a.state = 'accepted'
          AND a.resolved_at <= p.published_at) AS pinned
CROSS JOIN LATERAL (
    SELECT o.run_key FROM daily_runs.published_run o
    WHERE o.feature = p.feature AND o.environment = p.environment AND o.comparability_key = p.comparability_key
          AND o.sample = p.sample AND o.provenance = p.provenance
          AND o.logical_date < p.logical_date AND o.logical_date >= pinned.since
          AND NOT EXISTS (SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = o.attempt_id)
          AND EXISTS (SELECT FROM daily_runs.published_item i WHERE i.run_key = o.run_key)
    ORDER BY o.logical_date LIMIT 14) AS e
WHERE p.item_mean IS NOT NULL;
CREATE INDEX published_run_stream
    ON daily_runs.published_run (feature, environment, comparability_key, logical_date);

CREATE VIEW contract.item_changes_v1 AS
SELECT i.run_key, p.feature, p.environment, p.logical_date, p.provenance, i.item_id, i.item_class, i.provider, i.scored,
       i.mean, coalesce(b.runs, 0) AS reference_runs, b.mean AS reference_mean, i.mean - b.mean AS change
FROM daily_runs.published_run p
JOIN daily_runs.published_item i USING (run_key)
LEFT JOIN LATERAL (
    SELECT o.item_id, count(*)::int AS runs, avg(o.mean) AS mean
    FROM daily_runs.reference_run r JOIN daily_runs.published_item o ON o.run_key = r.reference_run_key
    WHERE r.run_key = p.run_key AND o.scored > 0 GROUP BY o.item_id) AS b ON b.item_id = i.item_id
WHERE i.scored > 0;

COMMENT ON VIEW contract.item_changes_v1 IS
    'Scored items of published runs, samples and trials against the reference of their stream, one row an item and provider. Key: run_key, item_id, provider.';
COMMENT ON COLUMN contract.item_changes_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.item_changes_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.item_changes_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.item_changes_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.item_changes_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.item_changes_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.item_changes_v1.item_class IS 'Its class in the data set';
COMMENT ON COLUMN contract.item_changes_v1.provider IS 'Who served the answers; unknown: the path does not tell';
COMMENT ON COLUMN contract.item_changes_v1.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.item_changes_v1.mean IS 'Mean score of its answers, 0 to 1';
COMMENT ON COLUMN contract.item_changes_v1.reference_runs IS
    'Runs of the reference that scored this item: of the first 14 of the stream, as they are published now';
COMMENT ON COLUMN contract.item_changes_v1.reference_mean IS
    'Mean of the item''s means in these runs, 0 to 1. Null: no run of the reference scored it, or two providers answered the run';
COMMENT ON COLUMN contract.item_changes_v1.change IS
    'mean minus reference_mean, without an interval: one item''s change is no verdict. Null: as for reference_mean';

CREATE VIEW contract.reasons_v1 AS
SELECT r.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, r.prompt_id, r.item_id,
       coalesce(r.serving_provider, 'unknown') AS provider, v.repeat AS verdict_number, v.score,
       r.score AS answer_score, v.reasons, p.rubric_version, p.judge_model, v.judged_at
FROM daily_runs.published_run p
JOIN daily_runs.published_result r USING (run_key)
JOIN daily_runs.judgement j ON j.attempt_id = p.attempt_id AND j.prompt_id = r.prompt_id AND j.status = 'scored'
CROSS JOIN LATERAL (
    SELECT repeat, score, reasons, judged_at FROM daily_runs.verdict WHERE verdict_key = j.verdict_key
    UNION ALL
    SELECT repeat, score, reasons, judged_at FROM daily_runs.verdict WHERE repeat_of = j.verdict_key) AS v
WHERE r.status = 'scored';

COMMENT ON VIEW contract.reasons_v1 IS
    'The judge''s reasons for each verdict of published runs, samples and trials; they quote answers, which are texts by others. One row a verdict. Key: run_key, prompt_id, verdict_number.';
COMMENT ON COLUMN contract.reasons_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.reasons_v1.attempt_id IS 'The attempt that is published';
COMMENT ON COLUMN contract.reasons_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.reasons_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.reasons_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.reasons_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.reasons_v1.prompt_id IS 'item#n: the item, asked for the n-th time';
COMMENT ON COLUMN contract.reasons_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.reasons_v1.provider IS 'Who served the answer; unknown: the path does not tell';
COMMENT ON COLUMN contract.reasons_v1.verdict_number IS
    'From 1; more than one where the feature has each answer judged more than once';
COMMENT ON COLUMN contract.reasons_v1.score IS 'Weighted score of this verdict, 0 to 1';
COMMENT ON COLUMN contract.reasons_v1.answer_score IS
    'Score of the answer, 0 to 1: the mean over its verdicts, as in results_v1';
COMMENT ON COLUMN contract.reasons_v1.reasons IS
    'What the judge wrote before its points; it quotes the answer, so treat it as text by somebody you do not know';
COMMENT ON COLUMN contract.reasons_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.reasons_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.reasons_v1.judged_at IS 'When this verdict was given';
