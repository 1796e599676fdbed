-- A second judge's verdicts, for agreement (docs/decisions/0032-a-second-judge-for-agreement.md). No score is made of them.
CREATE TABLE daily_runs.second_verdict (
    judging_id uuid NOT NULL,            -- the judging whose answers they are on: an attempt's id
    prompt_id text NOT NULL,
    judge_model text NOT NULL,           -- as it was asked
    attempt_id uuid NOT NULL REFERENCES daily_runs.attempt,  -- which paid
    status text NOT NULL CHECK (status IN ('sent', 'scored', 'unscored')),
    tries integer NOT NULL,
    points jsonb,
    score double precision,
    answered_by text,
    input_tokens integer,
    output_tokens integer,
    error_kind text,
    settled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (judging_id, prompt_id, judge_model)
);

CREATE TABLE daily_runs.judge_agreement (
    run_key text NOT NULL REFERENCES daily_runs.published_run ON DELETE CASCADE,
    second_judge text NOT NULL,
    answers integer NOT NULL,
    items integer NOT NULL,
    first_mean double precision NOT NULL,
    second_mean double precision NOT NULL,
    difference double precision NOT NULL,
    low double precision,
    high double precision,
    kappa double precision,
    by_criterion jsonb NOT NULL,
    PRIMARY KEY (run_key, second_judge)
);

ALTER TABLE daily_runs.attempt_terms
    ADD COLUMN second_model text,               -- null, here and below = there was no second judge, or no price list
    ADD COLUMN second_input_usd float8,
    ADD COLUMN second_output_usd float8;

-- As before (0016), and a second judge's calls.
CREATE OR REPLACE VIEW daily_runs.judge_calls AS
SELECT first.attempt_id, first.provenance, first.feature, first.environment, k.judge_model, k.judged_at AS ended_at,
       k.tries, k.input_tokens, k.output_tokens
FROM daily_runs.verdict k CROSS JOIN LATERAL (
    SELECT j.attempt_id, t.provenance, r.feature, r.environment
    FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
    WHERE j.verdict_key = coalesce(k.repeat_of, k.verdict_key) ORDER BY j.settled_at, t.started_at LIMIT 1
) first
UNION ALL
(SELECT DISTINCT ON (j.verdict_key)
        j.attempt_id, t.provenance, r.feature, r.environment, t.judge_model, j.settled_at, j.tries, NULL, NULL
 FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
 WHERE j.status = 'unscored' AND j.tries > 0
 ORDER BY j.verdict_key, j.tries DESC, j.settled_at, t.started_at)
UNION ALL
SELECT g.attempt_id, t.provenance, r.feature, r.environment, g.judge_model, f.settled_at, f.tries, f.input_tokens,
       f.output_tokens
FROM daily_runs.frozen_verdict f JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE f.status IN ('scored', 'unscored') AND f.tries > 0
UNION ALL
SELECT s.attempt_id, t.provenance, r.feature, r.environment, s.judge_model, s.settled_at, s.tries, s.input_tokens,
       s.output_tokens
FROM daily_runs.second_verdict s JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE s.status IN ('scored', 'unscored') AND s.tries > 0;

-- As before (0012), and a second judge's verdicts by their own price.
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
           CASE v.judge_model WHEN w.verdict_model THEN w.verdict_input_usd WHEN w.second_model THEN w.second_input_usd END,
           CASE v.judge_model WHEN w.verdict_model THEN w.verdict_output_usd
                              WHEN w.second_model THEN w.second_output_usd END, w.prices_as_of, w.prices_verified
    FROM daily_runs.judge_calls v LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN v.input_tokens IS NOT NULL AND v.output_tokens IS NOT NULL THEN 'measured' ELSE 'estimate' END,
               1, coalesce(v.input_tokens, w.verdict_input_tokens), coalesce(v.output_tokens, w.verdict_output_tokens)
        UNION ALL
        SELECT 'estimate', v.tries - 1, w.verdict_input_tokens, w.verdict_output_tokens WHERE v.tries > 1
    ) AS c (basis, calls, input_each, output_each)
) paid
GROUP BY day, feature, environment, provenance, team, stage, model, serving_model, basis, prices_as_of, prices_verified;


CREATE VIEW contract.judge_agreement_v1 AS
SELECT g.run_key, p.feature, p.environment, p.logical_date, p.provenance, p.judge_model, g.second_judge, g.answers, g.items,
       g.first_mean, g.second_mean, g.difference, g.low, g.high, g.kappa, g.by_criterion
FROM daily_runs.judge_agreement g JOIN daily_runs.published_run p USING (run_key);

COMMENT ON VIEW contract.judge_agreement_v1 IS
    'How far a second judge agrees with the first on a share of a run''s answers. Key: run_key, second_judge.';
COMMENT ON COLUMN contract.judge_agreement_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.judge_agreement_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.judge_agreement_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.judge_agreement_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.judge_agreement_v1.provenance IS
    'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.judge_agreement_v1.judge_model IS 'The judge whose verdicts are the run''s scores';
COMMENT ON COLUMN contract.judge_agreement_v1.second_judge IS 'The second judge, as the catalogue names it';
COMMENT ON COLUMN contract.judge_agreement_v1.answers IS 'Answers that both judged';
COMMENT ON COLUMN contract.judge_agreement_v1.items IS 'Items of the data set that these answers are to';
COMMENT ON COLUMN contract.judge_agreement_v1.first_mean IS 'The judge''s mean over these items, 0 to 1';
COMMENT ON COLUMN contract.judge_agreement_v1.second_mean IS 'The second judge''s mean over these items, 0 to 1';
COMMENT ON COLUMN contract.judge_agreement_v1.difference IS 'Mean over items of second minus first';
COMMENT ON COLUMN contract.judge_agreement_v1.low IS 'Lower end of the 95 % interval of the difference. Null: one item';
COMMENT ON COLUMN contract.judge_agreement_v1.high IS 'Upper end of the 95 % interval of the difference. Null: one item';
COMMENT ON COLUMN contract.judge_agreement_v1.kappa IS
    'Quadratically weighted kappa of the points over all criteria, 1 = they always agree. Null: a judge gave one value only';
COMMENT ON COLUMN contract.judge_agreement_v1.by_criterion IS 'The same kappa of each criterion';
