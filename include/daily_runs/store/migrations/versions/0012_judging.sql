-- What a verdict is made with, and in which judging (docs/decisions/0025-a-verdict-belongs-to-its-judging.md).
ALTER TABLE daily_runs.attempt
    ADD COLUMN judging_id uuid,          -- the attempt that ordered its verdicts; null = it did so itself
    ADD COLUMN judge_repeats integer NOT NULL DEFAULT 1 CHECK (judge_repeats > 0),
    ADD COLUMN judge_effort text,        -- null = none is sent to this model
    ADD COLUMN judge_thinking text,      -- null = nothing of it is sent to this model
    ADD COLUMN prompt_template text;     -- null = opened before it was recorded, and so are the two above

ALTER TABLE daily_runs.verdict
    ADD COLUMN repeat integer NOT NULL DEFAULT 1 CHECK (repeat > 0),
    ADD COLUMN repeat_of text,           -- the key of the answer's first verdict; null = this is the first
    ADD COLUMN tries integer NOT NULL DEFAULT 1,  -- calls that it took
    ADD COLUMN answered_by text,         -- the model as the answer names it; null, here and below = not recorded
    ADD COLUMN judge_effort text,
    ADD COLUMN judge_thinking text,
    ADD COLUMN prompt_template text,
    ADD COLUMN sdk_version text;

CREATE INDEX verdict_repeat_of ON daily_runs.verdict (repeat_of) WHERE repeat_of IS NOT NULL;

-- What code found of an answer, by name (`daily_runs.judging.answer_checks`); null = not looked at.
ALTER TABLE daily_runs.answer ADD COLUMN facts jsonb;

-- An answer's score is the mean of its verdicts, and so are its points.
CREATE VIEW daily_runs.judged AS
SELECT j.attempt_id, j.prompt_id, j.status, j.error_hop, j.error_kind,
       (first.score + coalesce(more.score, 0)) / (1 + more.verdicts) AS score,
       CASE WHEN more.verdicts = 0 THEN first.scores ELSE (
           SELECT jsonb_object_agg(criterion, points) FROM (
               SELECT p.key AS criterion, trim_scale(round(avg(p.value::numeric), 6)) AS points
               FROM daily_runs.verdict v, jsonb_each_text(v.scores) p
               WHERE v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key GROUP BY p.key) AS means
       ) END AS scores,
       CASE WHEN first.verdict_key IS NOT NULL THEN 1 + more.verdicts END AS verdicts
FROM daily_runs.judgement j
LEFT JOIN daily_runs.verdict first ON first.verdict_key = j.verdict_key AND j.status = 'scored'
CROSS JOIN LATERAL (
    SELECT count(*)::int AS verdicts, sum(v.score) AS score FROM daily_runs.verdict v WHERE v.repeat_of = j.verdict_key
) AS more;

-- Each verdict once, and each answer that got none once, with the calls that it took. The attempt that paid is the oldest.
CREATE VIEW daily_runs.judge_calls AS
(SELECT DISTINCT ON (k.verdict_key)
        j.attempt_id, t.provenance, r.feature, r.environment, k.judge_model, k.judged_at AS ended_at, k.tries,
        k.input_tokens, k.output_tokens
 FROM daily_runs.verdict k JOIN daily_runs.judgement j ON j.verdict_key = coalesce(k.repeat_of, k.verdict_key)
 JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
 ORDER BY k.verdict_key, j.settled_at, t.started_at)
UNION ALL
(SELECT DISTINCT ON (j.verdict_key)
        j.attempt_id, t.provenance, r.feature, r.environment, t.judge_model, j.settled_at, j.tries, NULL, NULL
 FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
 WHERE j.status = 'unscored' AND j.tries > 0
 ORDER BY j.verdict_key, j.tries DESC, j.settled_at, t.started_at);

CREATE OR REPLACE VIEW contract.costs_v1 AS
SELECT day, feature, environment, provenance, team, stage, model, serving_model, basis, sum(calls)::int AS calls,
       sum(calls * input_each) AS input_tokens, sum(calls * output_each) AS output_tokens,
       sum(calls * (input_each * input_usd + output_each * output_usd)) / 1000000 AS usd, prices_as_of, prices_verified
FROM (
    SELECT (coalesce(a.settled_at, a.sent_at) AT TIME ZONE 'UTC')::date AS day, a.feature, a.environment, a.provenance,
           w.team, 'inference' AS stage, w.answer_model AS model, a.serving_model, c.basis, c.calls, c.input_each,
           c.output_each, w.answer_input_usd AS input_usd, w.answer_output_usd AS output_usd, w.prices_as_of,
           w.prices_verified
    FROM daily_runs.asked_once a LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.input_tokens IS NOT NULL AND a.output_tokens IS NOT NULL THEN 'measured' ELSE 'estimate' END,
               1, coalesce(a.input_tokens, w.answer_input_tokens), coalesce(a.output_tokens, w.answer_output_tokens)
        UNION ALL
        SELECT 'estimate', a.tries - 1, w.answer_input_tokens, w.answer_output_tokens WHERE a.tries > 1
    ) AS c (basis, calls, input_each, output_each)
    WHERE a.sent_at IS NOT NULL OR a.tries > 0
    UNION ALL
    SELECT (v.ended_at AT TIME ZONE 'UTC')::date, v.feature, v.environment, v.provenance, w.team, 'judging', v.judge_model,
           NULL, c.basis, c.calls, c.input_each, c.output_each,
           CASE WHEN w.verdict_model = v.judge_model THEN w.verdict_input_usd END,
           CASE WHEN w.verdict_model = v.judge_model THEN w.verdict_output_usd END, w.prices_as_of, w.prices_verified
    FROM daily_runs.judge_calls v LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN v.input_tokens IS NOT NULL AND v.output_tokens IS NOT NULL THEN 'measured' ELSE 'estimate' END,
               1, coalesce(v.input_tokens, w.verdict_input_tokens), coalesce(v.output_tokens, w.verdict_output_tokens)
        UNION ALL
        SELECT 'estimate', v.tries - 1, w.verdict_input_tokens, w.verdict_output_tokens WHERE v.tries > 1
    ) AS c (basis, calls, input_each, output_each)
) paid
GROUP BY day, feature, environment, provenance, team, stage, model, serving_model, basis, prices_as_of, prices_verified;

COMMENT ON VIEW contract.costs_v1 IS
    'Tokens and list-price USD of all attempts'' calls by day. Not in it: the judge''s trials before a run';
COMMENT ON COLUMN contract.costs_v1.stage IS 'inference (a prompt''s answer) or judging (calls for a verdict)';

-- The mean of several verdicts is no whole number.
DROP VIEW contract.verdicts_v1;
CREATE VIEW contract.verdicts_v1 AS
SELECT r.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, r.prompt_id, r.item_id,
       c.key AS criterion, (c.value #>> '{}')::float8 AS points, r.score, p.rubric_version, p.judge_model
FROM daily_runs.published_result r JOIN daily_runs.published_run p USING (run_key)
CROSS JOIN LATERAL jsonb_each(r.scores) c WHERE p.sample = '';

COMMENT ON VIEW contract.verdicts_v1 IS
    'Verdicts of published runs, one row a scored answer and criterion. Key: run_key, prompt_id, criterion.';
COMMENT ON COLUMN contract.verdicts_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.verdicts_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.verdicts_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.verdicts_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.verdicts_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.verdicts_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.verdicts_v1.prompt_id IS 'item#n: the item, asked for the n-th time';
COMMENT ON COLUMN contract.verdicts_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.verdicts_v1.criterion IS 'Criterion of the rubric';
COMMENT ON COLUMN contract.verdicts_v1.points IS
    'Points for this criterion, 1 to 5; their mean where the feature has each answer judged more than once';
COMMENT ON COLUMN contract.verdicts_v1.score IS
    'Weighted score of the whole verdict, 0 to 1; the same in each of its rows';
COMMENT ON COLUMN contract.verdicts_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.verdicts_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.results_v1.scores IS
    'Points by criterion of the rubric, 1 to 5; their mean where the feature has each answer judged more than once. Null: unscored';
