-- What an attempt's calls were expected to cost when it was opened, and whose they are: the catalogue may say something
-- else by the time that somebody asks. USD are per million tokens; no price list, no model and no USD.
CREATE TABLE daily_runs.attempt_terms (
    attempt_id           uuid PRIMARY KEY REFERENCES daily_runs.attempt,
    team                 text NOT NULL,
    time_scale           float8 NOT NULL CHECK (time_scale > 0),
    answer_model         text,
    answer_input_tokens  float8 NOT NULL,
    answer_output_tokens float8 NOT NULL,
    answer_input_usd     float8,
    answer_output_usd    float8,
    verdict_model        text NOT NULL,
    verdict_input_tokens float8 NOT NULL,
    verdict_output_tokens float8 NOT NULL,
    verdict_input_usd    float8,
    verdict_output_usd   float8,
    prices_as_of         date,
    prices_verified      boolean
);

-- The catalogue's features as they stood when a run that asks prompts was last opened.
CREATE TABLE daily_runs.feature_seen (
    feature              text PRIMARY KEY,
    title                text NOT NULL,
    team                 text NOT NULL,
    dri                  text NOT NULL,
    priority             integer NOT NULL,
    phase                text NOT NULL,
    phase_since          date,
    schedule             text,
    providers            jsonb NOT NULL,
    prompts_per_run      integer NOT NULL,
    dataset              text NOT NULL,
    rubric               text NOT NULL,
    judge_model          text NOT NULL,
    answered_share_min   float8 NOT NULL,
    unscored_share_max   float8 NOT NULL,
    mean_score_min       float8 NOT NULL,
    target_score         float8 NOT NULL,
    margin               float8 NOT NULL,
    budget_usd_per_month float8,
    seen_at              timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX attempt_of_run ON daily_runs.attempt (run_key, started_at);
CREATE INDEX judgement_verdict ON daily_runs.judgement (verdict_key);

-- Each asking of a prompt once: a rerun's attempt holds those that it took over once more. Of the copies the one that was
-- settled counts, and of those the oldest, which paid.
CREATE VIEW daily_runs.asked_once AS
SELECT DISTINCT ON (t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at))
       t.attempt_id, t.run_key, t.provenance, r.feature, r.environment, a.prompt_id, a.status, a.sent_at, a.settled_at,
       max(a.tries) OVER (PARTITION BY t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at)) AS tries,
       a.serving_model, a.input_tokens, a.output_tokens, a.error_hop, a.error_kind, a.error_blame
FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE a.status <> 'planned'
ORDER BY t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at), a.settled_at, t.started_at;

CREATE VIEW contract.attempts_v1 AS
SELECT t.run_key, t.attempt_id, CASE r.sample WHEN '' THEN 'full' ELSE 'sample' END AS kind, r.feature, r.environment,
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

CREATE VIEW contract.verdicts_v1 AS
SELECT r.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, r.prompt_id, r.item_id,
       c.key AS criterion, (c.value #>> '{}')::int AS points, r.score, p.rubric_version, p.judge_model
FROM daily_runs.published_result r JOIN daily_runs.published_run p USING (run_key)
CROSS JOIN LATERAL jsonb_each(r.scores) c WHERE p.sample = '';

CREATE VIEW contract.operations_v1 AS
SELECT day, feature, environment, provenance, stage, outcome, error_hop, error_kind, error_blame, count(*)::int AS prompts,
       sum(tries)::int AS tries, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS latency_p50_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS latency_p95_seconds,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS latency_p99_seconds
FROM (
    SELECT (a.settled_at AT TIME ZONE 'UTC')::date AS day, a.feature, a.environment, a.provenance, 'inference' AS stage,
           a.status AS outcome, a.error_hop, a.error_kind, a.error_blame, a.tries,
           extract(epoch FROM a.settled_at - a.sent_at)::float8
               * CASE WHEN a.provenance = 'live' THEN 1 ELSE w.time_scale END AS seconds
    FROM daily_runs.asked_once a LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    WHERE a.status IN ('answered', 'failed')
    UNION ALL
    SELECT (settled_at AT TIME ZONE 'UTC')::date, feature, environment, provenance, 'judging', status, error_hop,
           error_kind, NULL, tries, NULL
    FROM (
        SELECT DISTINCT ON (t.run_key, j.prompt_id, j.settled_at) j.settled_at, r.feature, r.environment, t.provenance,
               j.status, j.error_hop, j.error_kind, j.tries
        FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
        WHERE j.status IN ('scored', 'unscored') ORDER BY t.run_key, j.prompt_id, j.settled_at, t.started_at) judged
) settled
GROUP BY day, feature, environment, provenance, stage, outcome, error_hop, error_kind, error_blame;

CREATE VIEW contract.costs_v1 AS
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
    SELECT (v.judged_at AT TIME ZONE 'UTC')::date, v.feature, v.environment, v.provenance, w.team, 'judging', v.judge_model,
           NULL, CASE WHEN v.input_tokens IS NOT NULL AND v.output_tokens IS NOT NULL THEN 'measured' ELSE 'estimate' END,
           1, coalesce(v.input_tokens, w.verdict_input_tokens), coalesce(v.output_tokens, w.verdict_output_tokens),
           CASE WHEN w.verdict_model = v.judge_model THEN w.verdict_input_usd END,
           CASE WHEN w.verdict_model = v.judge_model THEN w.verdict_output_usd END, w.prices_as_of, w.prices_verified
    FROM (
        SELECT DISTINCT ON (k.verdict_key) k.*, j.attempt_id, t.provenance, r.feature, r.environment
        FROM daily_runs.verdict k JOIN daily_runs.judgement j USING (verdict_key)
        JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
        ORDER BY k.verdict_key, j.settled_at, t.started_at) v
    LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
) paid
GROUP BY day, feature, environment, provenance, team, stage, model, serving_model, basis, prices_as_of, prices_verified;

CREATE VIEW contract.features_v1 AS
SELECT feature, title, team, dri, priority, phase, phase_since, schedule, providers, prompts_per_run, dataset, rubric,
       judge_model, answered_share_min, unscored_share_max, mean_score_min, target_score, margin, budget_usd_per_month,
       seen_at
FROM daily_runs.feature_seen;

CREATE VIEW contract.last_good_v1 AS
SELECT DISTINCT ON (feature, environment)
       feature, environment, run_key, attempt_id, logical_date, provenance, asked, answered, failed, scored, unscored,
       mean_score, mean_score_low, mean_score_high, dataset_sha256, rubric_version, judge_model, published_at
FROM daily_runs.published_run WHERE sample = '' ORDER BY feature, environment, logical_date DESC;

COMMENT ON VIEW contract.runs_v1 IS
    'Published runs, one row a run: counts, mean score, what it was measured with. Key: run_key.';
COMMENT ON COLUMN contract.runs_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.runs_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.runs_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.runs_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.runs_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.runs_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.runs_v1.asked IS 'Prompts asked';
COMMENT ON COLUMN contract.runs_v1.answered IS 'Prompts with an answer';
COMMENT ON COLUMN contract.runs_v1.failed IS 'Prompts without an answer';
COMMENT ON COLUMN contract.runs_v1.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.runs_v1.unscored IS 'Answers that could not be judged';
COMMENT ON COLUMN contract.runs_v1.mean_score IS 'Mean over scored answers, 0 to 1';
COMMENT ON COLUMN contract.runs_v1.score_std IS 'Standard deviation (of the population) over scored answers, 0 to 1';
COMMENT ON COLUMN contract.runs_v1.mean_score_low IS
    'Lower end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.runs_v1.mean_score_high IS
    'Upper end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.runs_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';
COMMENT ON COLUMN contract.runs_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.runs_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.runs_v1.rows_sha256 IS
    'SHA-256, hex, over the run''s results and failures in order of prompt id: equal hashes mean equal rows';
COMMENT ON COLUMN contract.runs_v1.published_at IS 'When these rows were written, UTC';

COMMENT ON VIEW contract.results_v1 IS
    'Answers of published runs, one row an answer. Key: run_key, prompt_id.';
COMMENT ON COLUMN contract.results_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.results_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.results_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.results_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.results_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.results_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.results_v1.prompt_id IS 'item#n: the item, asked for the n-th time';
COMMENT ON COLUMN contract.results_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.results_v1.status IS 'scored or unscored';
COMMENT ON COLUMN contract.results_v1.score IS 'Weighted score, 0 to 1. Null: unscored';
COMMENT ON COLUMN contract.results_v1.scores IS 'Points by criterion of the rubric, 1 to 5. Null: unscored';
COMMENT ON COLUMN contract.results_v1.serving_provider IS
    'Who served the model; never average over two of them. Null: the path does not tell';
COMMENT ON COLUMN contract.results_v1.serving_model IS 'Which model served. Null: the path does not tell';
COMMENT ON COLUMN contract.results_v1.latency_seconds IS
    'From the last sending to the answer, domain seconds; where answers are polled for, up to 5 s too long';
COMMENT ON COLUMN contract.results_v1.input_tokens IS
    'Tokens of the prompt, as the path reports them. Null: the path does not tell';
COMMENT ON COLUMN contract.results_v1.output_tokens IS
    'Tokens of the answer, as the path reports them. Null: the path does not tell';
COMMENT ON COLUMN contract.results_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.results_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON VIEW contract.failures_v1 IS
    'Prompts of published runs without an answer, one row a prompt. Key: run_key, prompt_id.';
COMMENT ON COLUMN contract.failures_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.failures_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.failures_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.failures_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.failures_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.failures_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.failures_v1.prompt_id IS 'item#n: the item, asked for the n-th time';
COMMENT ON COLUMN contract.failures_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.failures_v1.error_hop IS
    'Who refused or failed: client, cloudflare, load_balancer, gitlab, ai_gateway, model_vendor or unknown';
COMMENT ON COLUMN contract.failures_v1.error_kind IS 'What happened; the kinds are in docs/runbooks/calls.md';
COMMENT ON COLUMN contract.failures_v1.error_blame IS 'Whom it counts against: provider, own_system or rate_limit';

COMMENT ON VIEW contract.attempts_v1 IS
    'Every attempt with its outcome, published or not; no promise of sound figures. Key: attempt_id.';
COMMENT ON COLUMN contract.attempts_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.attempts_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.attempts_v1.kind IS 'full: all prompts of the feature''s run; sample: some of them';
COMMENT ON COLUMN contract.attempts_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.attempts_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.attempts_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.attempts_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.attempts_v1.outcome IS
    'running (or broken off), quarantined (failed the gate), published, or superseded (another took its place)';
COMMENT ON COLUMN contract.attempts_v1.reason IS
    'Why it is not published: what failed the gate, which attempt took its place, which limit is too low. Null: published, or nothing is known';
COMMENT ON COLUMN contract.attempts_v1.gate_results IS
    'What the gate found: a list of expectation, passed, observed, required, failures first. Null: the gate has not run';
COMMENT ON COLUMN contract.attempts_v1.dag_run_id IS 'Airflow''s DAG run that opened it. Null: the command line did';
COMMENT ON COLUMN contract.attempts_v1.note IS 'What the person who started it wrote; may be empty';
COMMENT ON COLUMN contract.attempts_v1.rerun IS 'What it did anew: all, missing_answers, judge_again or gate_and_publish';
COMMENT ON COLUMN contract.attempts_v1.taken_over_from IS
    'The attempt whose rows a rerun took over. Null: it asked all itself';
COMMENT ON COLUMN contract.attempts_v1.asked IS 'Prompts asked';
COMMENT ON COLUMN contract.attempts_v1.answered IS 'Prompts with an answer so far';
COMMENT ON COLUMN contract.attempts_v1.failed IS 'Prompts that have failed so far';
COMMENT ON COLUMN contract.attempts_v1.unsettled IS 'Prompts that have neither yet';
COMMENT ON COLUMN contract.attempts_v1.scored IS 'Answers with a verdict so far';
COMMENT ON COLUMN contract.attempts_v1.unscored IS 'Answers that could not be judged';
COMMENT ON COLUMN contract.attempts_v1.stages IS
    'By stage: counts, tasks, seconds of the longest task by the worker''s clock, when the last one ended. Null: no stage has ended';
COMMENT ON COLUMN contract.attempts_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';
COMMENT ON COLUMN contract.attempts_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.attempts_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.attempts_v1.started_at IS 'When it was opened, UTC';
COMMENT ON COLUMN contract.attempts_v1.ended_at IS 'When it was published, quarantined or superseded, UTC. Null: not yet';

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
COMMENT ON COLUMN contract.verdicts_v1.points IS 'Points for this criterion, 1 to 5';
COMMENT ON COLUMN contract.verdicts_v1.score IS
    'Weighted score of the whole verdict, 0 to 1; the same in each of its rows';
COMMENT ON COLUMN contract.verdicts_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.verdicts_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON VIEW contract.operations_v1 IS
    'How prompts and verdicts of all attempts ended, by day; one asking counts once, also where reruns took it over';
COMMENT ON COLUMN contract.operations_v1.day IS 'The day on which they ended, UTC';
COMMENT ON COLUMN contract.operations_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.operations_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.operations_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.operations_v1.stage IS 'inference or judging';
COMMENT ON COLUMN contract.operations_v1.outcome IS 'inference: answered or failed; judging: scored or unscored';
COMMENT ON COLUMN contract.operations_v1.error_hop IS 'Who refused or failed, as in failures_v1. Null: nothing failed';
COMMENT ON COLUMN contract.operations_v1.error_kind IS 'What happened, as in failures_v1. Null: nothing failed';
COMMENT ON COLUMN contract.operations_v1.error_blame IS
    'Whom it counts against. Null: nothing failed, or judging, where it is not kept';
COMMENT ON COLUMN contract.operations_v1.prompts IS 'Prompts that ended so';
COMMENT ON COLUMN contract.operations_v1.tries IS
    'Calls that these prompts took, as far as they are counted; a verdict that was stored already takes none';
COMMENT ON COLUMN contract.operations_v1.latency_p50_seconds IS
    'Median time from the last sending to the end, domain seconds. Null: judging, never sent, or a sandbox attempt opened before its time scale was kept';
COMMENT ON COLUMN contract.operations_v1.latency_p95_seconds IS
    '95th percentile of the same. Null: as for latency_p50_seconds';
COMMENT ON COLUMN contract.operations_v1.latency_p99_seconds IS
    '99th percentile of the same. Null: as for latency_p50_seconds';

COMMENT ON VIEW contract.costs_v1 IS
    'Tokens and list-price USD of all attempts'' calls by day. Not in it: verdicts that did not count, and the judge''s trials';
COMMENT ON COLUMN contract.costs_v1.day IS 'The day on which the calls ended, UTC';
COMMENT ON COLUMN contract.costs_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.costs_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.costs_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.costs_v1.team IS
    'The feature''s team when the attempt was opened. Null: an attempt opened before this was kept';
COMMENT ON COLUMN contract.costs_v1.stage IS 'inference (a prompt''s answer) or judging (a verdict)';
COMMENT ON COLUMN contract.costs_v1.model IS
    'inference: the model that the price list assumes; judging: the judge. Null: there was no price list, or an attempt opened before this was kept';
COMMENT ON COLUMN contract.costs_v1.serving_model IS
    'The model that the path said had answered. Null: the path does not tell';
COMMENT ON COLUMN contract.costs_v1.basis IS
    'measured: the tokens are those that the path told; estimate: the catalogue''s expectation. The USD are list prices in both';
COMMENT ON COLUMN contract.costs_v1.calls IS 'Calls; all tries count, those that failed as estimates';
COMMENT ON COLUMN contract.costs_v1.input_tokens IS
    'Input tokens. Null: an estimate of an attempt opened before this was kept';
COMMENT ON COLUMN contract.costs_v1.output_tokens IS 'Output tokens. Null: as for input_tokens';
COMMENT ON COLUMN contract.costs_v1.usd IS
    'What these tokens cost by the price list of the attempt; nobody pays for a sandbox''s. Null: no price is known';
COMMENT ON COLUMN contract.costs_v1.prices_as_of IS 'The day of the price list. Null: there was none';
COMMENT ON COLUMN contract.costs_v1.prices_verified IS
    'Whether somebody compared the prices with a bill. Null: there was no price list';

COMMENT ON VIEW contract.features_v1 IS
    'The catalogue''s features as they stood when a run that asks prompts was last opened; one that the catalogue lost stays with its old seen_at. Key: feature.';
COMMENT ON COLUMN contract.features_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.features_v1.title IS 'Its name for people';
COMMENT ON COLUMN contract.features_v1.team IS 'The team that the feature belongs to';
COMMENT ON COLUMN contract.features_v1.dri IS 'The role that answers for the evaluation';
COMMENT ON COLUMN contract.features_v1.priority IS '1 goes first when accounts are short';
COMMENT ON COLUMN contract.features_v1.phase IS
    'on_hold, interim_production, shadow or staging: where runs went on that day';
COMMENT ON COLUMN contract.features_v1.phase_since IS
    'First day of the phase, in the feature''s time zone. Null: before its first phase';
COMMENT ON COLUMN contract.features_v1.schedule IS 'Cron of the phase, in the feature''s time zone. Null: on hold';
COMMENT ON COLUMN contract.features_v1.providers IS
    'By environment of its phases, the vendor of the account that it spends there';
COMMENT ON COLUMN contract.features_v1.prompts_per_run IS 'Prompts of a full run';
COMMENT ON COLUMN contract.features_v1.dataset IS 'File of its data set';
COMMENT ON COLUMN contract.features_v1.rubric IS 'File of its rubric';
COMMENT ON COLUMN contract.features_v1.judge_model IS 'The judge';
COMMENT ON COLUMN contract.features_v1.answered_share_min IS 'Gate: least share of prompts answered, 0 to 1';
COMMENT ON COLUMN contract.features_v1.unscored_share_max IS 'Gate: greatest share of answers unscored, 0 to 1';
COMMENT ON COLUMN contract.features_v1.mean_score_min IS 'Floor of the mean score, 0 to 1';
COMMENT ON COLUMN contract.features_v1.target_score IS 'Mean score that its owner wants, 0 to 1';
COMMENT ON COLUMN contract.features_v1.margin IS
    'The smallest drop that anybody would act on, in points of the 0 to 1 scale';
COMMENT ON COLUMN contract.features_v1.budget_usd_per_month IS
    'What it may spend in a calendar month by list price. Null: no budget';
COMMENT ON COLUMN contract.features_v1.seen_at IS 'When a run that asks prompts was last opened by a catalogue that has it, UTC';

COMMENT ON VIEW contract.last_good_v1 IS
    'The newest published full run of each feature in each environment, by logical date. Key: feature, environment.';
COMMENT ON COLUMN contract.last_good_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.last_good_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.last_good_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.last_good_v1.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.last_good_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.last_good_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.last_good_v1.asked IS 'Prompts asked';
COMMENT ON COLUMN contract.last_good_v1.answered IS 'Prompts with an answer';
COMMENT ON COLUMN contract.last_good_v1.failed IS 'Prompts without an answer';
COMMENT ON COLUMN contract.last_good_v1.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.last_good_v1.unscored IS 'Answers that could not be judged';
COMMENT ON COLUMN contract.last_good_v1.mean_score IS 'Mean over scored answers, 0 to 1';
COMMENT ON COLUMN contract.last_good_v1.mean_score_low IS
    'Lower end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.last_good_v1.mean_score_high IS
    'Upper end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.last_good_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';
COMMENT ON COLUMN contract.last_good_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.last_good_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.last_good_v1.published_at IS 'When these rows were written, UTC';

COMMENT ON VIEW contract.runs_v2 IS
    'Published runs and samples, one row a run: counts, mean score, what it was measured with. Key: run_key.';
COMMENT ON COLUMN contract.runs_v2.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.runs_v2.kind IS
    'full: all prompts of the feature''s run; sample: some of them, and run_key ends with /sample- and eight digits that say which';
COMMENT ON COLUMN contract.runs_v2.attempt_id IS 'The attempt: one execution of the run';
COMMENT ON COLUMN contract.runs_v2.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.runs_v2.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.runs_v2.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.runs_v2.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.runs_v2.asked IS 'Prompts asked';
COMMENT ON COLUMN contract.runs_v2.answered IS 'Prompts with an answer';
COMMENT ON COLUMN contract.runs_v2.failed IS 'Prompts without an answer';
COMMENT ON COLUMN contract.runs_v2.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.runs_v2.unscored IS 'Answers that could not be judged';
COMMENT ON COLUMN contract.runs_v2.mean_score IS 'Mean over scored answers, 0 to 1';
COMMENT ON COLUMN contract.runs_v2.score_std IS 'Standard deviation (of the population) over scored answers, 0 to 1';
COMMENT ON COLUMN contract.runs_v2.mean_score_low IS
    'Lower end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.runs_v2.mean_score_high IS
    'Upper end of the 95 % confidence interval of the mean, by the items'' means';
COMMENT ON COLUMN contract.runs_v2.dataset_sha256 IS 'Hash of the data set''s content, hex';
COMMENT ON COLUMN contract.runs_v2.selection_sha256 IS
    'Hash of the ids of all prompts asked, hex: equal hashes mean the same prompts. Null: opened before this was recorded';
COMMENT ON COLUMN contract.runs_v2.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.runs_v2.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.runs_v2.rows_sha256 IS
    'SHA-256, hex, over the run''s results and failures in order of prompt id: equal hashes mean equal rows';
COMMENT ON COLUMN contract.runs_v2.published_at IS 'When these rows were written, UTC';
