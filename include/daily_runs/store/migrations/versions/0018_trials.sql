-- A run's answers judged by a rubric that is not the catalogue's are a trial: a run of its own, as samples are. Its sample
-- ends with 'rubric-' and the rubric's version. What has full runs alone asks for an empty sample already.
ALTER TABLE daily_runs.run
    DROP CONSTRAINT run_sample_check,
    ADD CONSTRAINT run_sample_check CHECK (sample ~ '^(|[0-9a-f]{8}|([0-9a-f]{8}/)?rubric-[0-9a-f]{12})$');

-- As before (0011), and kind is trial.
CREATE OR REPLACE VIEW contract.runs_v2 AS
SELECT run_key, CASE WHEN sample = '' THEN 'full' WHEN sample LIKE '%rubric-%' THEN 'trial' ELSE 'sample' END AS kind,
       attempt_id, feature, environment,
       logical_date, provenance, asked, answered, failed, scored, unscored, mean_score, score_std, mean_score_low,
       mean_score_high, dataset_sha256, selection_sha256, rubric_version, judge_model, rows_sha256, published_at,
       items, classes, item_mean, item_mean_low, item_mean_high, new_classes_low, new_classes_high, missing_at_worst,
       missing_at_best, populations, verdict, verdict_reason, comparability_key, ruler, context, changed
FROM daily_runs.published_run;

-- As before (0010), and kind is trial.
CREATE OR REPLACE VIEW contract.attempts_v1 AS
SELECT t.run_key, t.attempt_id, CASE WHEN r.sample = '' THEN 'full' WHEN r.sample LIKE '%rubric-%' THEN 'trial' ELSE 'sample' END AS kind,
       r.feature, r.environment,
       r.logical_date, t.provenance, t.status AS outcome,
       CASE t.status WHEN 'quarantined' THEN g.failing
                     WHEN 'superseded' THEN 'attempt ' || n.attempt_id || ' took its place'
                     WHEN 'running' THEN l.too_low END AS reason,
       g.results AS gate_results, t.airflow_run_id AS dag_run_id, t.note, t.redo AS rerun, t.taken_over_from, t.asked,
       a.answered, a.failed, t.asked - a.answered - a.failed AS unsettled, j.scored, j.unscored, s.stages,
       t.dataset_sha256, t.rubric_version, t.judge_model, t.started_at, t.ended_at
FROM daily_runs.attempt t
JOIN daily_runs.run r USING (run_key)
LEFT JOIN LATERAL (
    SELECT string_agg(expectation || ': ' || observed || ', required ' || required, '; ' ORDER BY expectation)
               FILTER (WHERE NOT passed) AS failing,
           jsonb_agg(jsonb_build_object('expectation', expectation, 'passed', passed, 'observed', observed, 'required',
                                        required) ORDER BY passed, expectation) AS results
    FROM daily_runs.gate_result WHERE gate_result.attempt_id = t.attempt_id) g ON true
LEFT JOIN LATERAL (
    SELECT attempt_id FROM daily_runs.attempt WHERE attempt.run_key = t.run_key AND attempt.started_at > t.started_at
    ORDER BY started_at LIMIT 1) n ON true
LEFT JOIN LATERAL (
    SELECT string_agg(hop || ': ' || limit_name || ' allows ' || allowed || ' ' || unit || ', needed ' || needed, '; '
                      ORDER BY hop, limit_name) AS too_low
    FROM daily_runs.limit_probe WHERE limit_probe.attempt_id = t.attempt_id AND verdict = 'too_low') l ON true
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'answered')::int AS answered,
           count(*) FILTER (WHERE status = 'failed')::int AS failed
    FROM daily_runs.answer WHERE answer.attempt_id = t.attempt_id) a ON true
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'scored')::int AS scored,
           count(*) FILTER (WHERE status = 'unscored')::int AS unscored
    FROM daily_runs.judgement WHERE judgement.attempt_id = t.attempt_id) j ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(stage, told) AS stages FROM (
        SELECT stage, jsonb_build_object('asked', sum(asked), 'answered', sum(answered), 'failed', sum(failed), 'missing',
                                         sum(missing), 'tasks', count(*), 'longest_seconds', max(seconds), 'ended_at',
                                         max(ended_at)) AS told
        FROM daily_runs.stage_report WHERE stage_report.attempt_id = t.attempt_id GROUP BY stage) by_stage) s ON true;

COMMENT ON VIEW contract.runs_v2 IS
    'Published runs, samples and trials, one row a run: counts, mean score, what it was measured with. Key: run_key.';
COMMENT ON COLUMN contract.runs_v2.kind IS
    'full: all prompts of the feature''s run; sample: some of them, and run_key ends with /sample- and eight digits that say which; trial: the answers of a run or sample judged by another rubric than the catalogue''s, and run_key ends with /rubric- and its version';
COMMENT ON COLUMN contract.attempts_v1.kind IS
    'full: all prompts of the feature''s run; sample: some of them; trial: the answers of a run or sample judged by another rubric';

-- As before (0016), and what a trial took over is the other run's: it was asked, and paid, there.
CREATE OR REPLACE VIEW daily_runs.asked_once AS
SELECT t.attempt_id, t.run_key, t.provenance, r.feature, r.environment, a.prompt_id, a.status, a.sent_at, a.settled_at,
       greatest(a.tries, others.tries) AS tries, a.serving_model, a.input_tokens, a.output_tokens, a.error_hop,
       a.error_kind, a.error_blame
FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
LEFT JOIN LATERAL (
    SELECT max(b.tries) AS tries,
           bool_or((coalesce(b.settled_at, 'infinity'), u.started_at, u.attempt_id)
                   < (coalesce(a.settled_at, 'infinity'), t.started_at, t.attempt_id)) AS came_first
    FROM daily_runs.attempt u JOIN daily_runs.answer b ON b.attempt_id = u.attempt_id AND b.prompt_id = a.prompt_id
    WHERE u.run_key = ANY(ARRAY[t.run_key, split_part(t.run_key, '/rubric-', 1)]) AND u.attempt_id <> t.attempt_id AND b.status <> 'planned'
          AND coalesce(b.sent_at, b.settled_at) IS NOT DISTINCT FROM coalesce(a.sent_at, a.settled_at)
) others ON true
WHERE a.status <> 'planned' AND others.came_first IS NOT TRUE;
