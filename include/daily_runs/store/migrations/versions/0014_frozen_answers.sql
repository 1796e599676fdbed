-- Frozen answers are judged once a feature, ruler and day (docs/decisions/0028-the-ruler-is-watched.md).
CREATE TABLE daily_runs.frozen_judging (
    frozen_judging_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    frozen_key        text NOT NULL,         -- of feature, ruler and answers: what may be compared
    feature           text NOT NULL,
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,  -- that began it; its terms price it
    rubric_version    text NOT NULL,
    judge_model       text NOT NULL,
    judge_effort      text,                  -- null, here and below = nothing of it is sent to this model
    judge_thinking    text,
    prompt_template   text NOT NULL,
    answers_sha256    text NOT NULL,
    began_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX frozen_judging_key ON daily_runs.frozen_judging (frozen_key, began_at);

CREATE TABLE daily_runs.frozen_verdict (
    frozen_judging_id uuid NOT NULL REFERENCES daily_runs.frozen_judging ON DELETE CASCADE,
    frozen_id         text NOT NULL,
    item_id           text NOT NULL,
    made              text NOT NULL,
    expected          jsonb NOT NULL,        -- by criterion: the lowest and the highest points of a sound judge
    status            text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'sent', 'scored', 'unscored')),
    tries             integer NOT NULL DEFAULT 0,
    points            jsonb,                 -- by criterion; null, here and below = there is no verdict
    score             float8 CHECK (score BETWEEN 0 AND 1),
    reasons           text,
    input_tokens      integer,
    output_tokens     integer,
    answered_by       text,
    sdk_version       text,
    error_hop         text,
    error_kind        text,
    settled_at        timestamptz,
    PRIMARY KEY (frozen_judging_id, frozen_id),
    CHECK ((status = 'scored') = (points IS NOT NULL AND score IS NOT NULL))
);

-- Whose verdicts a frozen judging speaks for. An attempt that was judged on two days has two: its ruler was to hold on both.
CREATE TABLE daily_runs.ruler_watch (
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt ON DELETE CASCADE,
    frozen_judging_id uuid NOT NULL REFERENCES daily_runs.frozen_judging ON DELETE CASCADE,
    PRIMARY KEY (attempt_id, frozen_judging_id)
);

-- As before (0012), and each frozen answer once; the attempt that began its frozen judging counts as the one that paid.
CREATE OR REPLACE VIEW daily_runs.judge_calls AS
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
 ORDER BY j.verdict_key, j.tries DESC, j.settled_at, t.started_at)
UNION ALL
SELECT g.attempt_id, t.provenance, r.feature, r.environment, g.judge_model, f.settled_at, f.tries, f.input_tokens,
       f.output_tokens
FROM daily_runs.frozen_verdict f JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE f.status IN ('scored', 'unscored') AND f.tries > 0;

COMMENT ON VIEW contract.costs_v1 IS
    'Tokens and list-price USD of all attempts'' calls by day. Frozen answers count for the run that had them judged. Not in it: the judge''s trials before a run';
COMMENT ON COLUMN contract.costs_v1.stage IS
    'inference (a prompt''s answer) or judging (calls for a verdict, on frozen answers too)';

CREATE VIEW contract.frozen_answers_v1 AS
SELECT (g.began_at AT TIME ZONE 'UTC')::date AS day, g.feature, t.provenance, g.frozen_judging_id, f.frozen_id, f.item_id,
       f.made, f.status, f.expected, f.points,
       CASE WHEN f.status = 'scored' THEN NOT EXISTS (
           SELECT FROM jsonb_each(f.expected) e
           WHERE (f.points ->> e.key)::numeric NOT BETWEEN (e.value ->> 0)::numeric AND (e.value ->> 1)::numeric)
       END AS in_range,
       f.score, f.error_hop, f.error_kind, g.rubric_version, g.judge_model, f.answered_by, g.judge_effort,
       g.judge_thinking, g.prompt_template, g.answers_sha256, g.began_at, f.settled_at
FROM daily_runs.frozen_verdict f JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
JOIN daily_runs.attempt t USING (attempt_id);

COMMENT ON VIEW contract.frozen_answers_v1 IS
    'How the judge judged the frozen answers, texts of known quality that never change; one row a frozen judging and answer. Key: frozen_judging_id, frozen_id.';
COMMENT ON COLUMN contract.frozen_answers_v1.day IS 'The day on which the frozen judging began, UTC';
COMMENT ON COLUMN contract.frozen_answers_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.frozen_answers_v1.provenance IS
    'live or sandbox; sandbox rows say nothing about a real judge';
COMMENT ON COLUMN contract.frozen_answers_v1.frozen_judging_id IS
    'One judging of all frozen answers of a feature; the runs of about a day share it';
COMMENT ON COLUMN contract.frozen_answers_v1.frozen_id IS 'The frozen answer''s id in its file';
COMMENT ON COLUMN contract.frozen_answers_v1.item_id IS 'The data set''s item that it is an answer to';
COMMENT ON COLUMN contract.frozen_answers_v1.made IS 'How the text was made out of a reference; no person labelled it';
COMMENT ON COLUMN contract.frozen_answers_v1.status IS
    'planned, sent (a call may be open), scored, or unscored (no verdict came)';
COMMENT ON COLUMN contract.frozen_answers_v1.expected IS
    'By criterion the lowest and the highest points that a sound judge gives, as the making tells; other criteria are left out';
COMMENT ON COLUMN contract.frozen_answers_v1.points IS 'Points by criterion of the rubric, 1 to 5. Null: not scored';
COMMENT ON COLUMN contract.frozen_answers_v1.in_range IS
    'Whether the points are as expected in every criterion. Null: not scored';
COMMENT ON COLUMN contract.frozen_answers_v1.score IS 'Weighted score, 0 to 1. Null: not scored';
COMMENT ON COLUMN contract.frozen_answers_v1.error_hop IS 'Who refused or failed. Null: nothing failed';
COMMENT ON COLUMN contract.frozen_answers_v1.error_kind IS 'What happened. Null: nothing failed';
COMMENT ON COLUMN contract.frozen_answers_v1.rubric_version IS
    'Hash of the rubric''s content; compare scores of one version only';
COMMENT ON COLUMN contract.frozen_answers_v1.judge_model IS
    'Who judged, as the catalogue names the model; compare scores of one judge only';
COMMENT ON COLUMN contract.frozen_answers_v1.answered_by IS
    'The model as its answer names it. Null: not scored';
COMMENT ON COLUMN contract.frozen_answers_v1.judge_effort IS
    'How hard the judge is told to work. Null: nothing is sent to this model';
COMMENT ON COLUMN contract.frozen_answers_v1.judge_thinking IS
    'What the judge is told of thinking. Null: nothing is sent to this model';
COMMENT ON COLUMN contract.frozen_answers_v1.prompt_template IS
    'Hash of all that the judge is told beside rubric and data';
COMMENT ON COLUMN contract.frozen_answers_v1.answers_sha256 IS 'Hash of all frozen answers of the feature, hex';
COMMENT ON COLUMN contract.frozen_answers_v1.began_at IS 'When the frozen judging began, UTC';
COMMENT ON COLUMN contract.frozen_answers_v1.settled_at IS 'When the verdict came or was given up, UTC. Null: not yet';
