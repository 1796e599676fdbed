-- Who paid for a call to the judge (docs/decisions/0034-a-verdict-names-who-paid.md).
ALTER TABLE daily_runs.verdict ADD COLUMN paid_by uuid;
ALTER TABLE daily_runs.judgement ADD COLUMN sent_at timestamptz;  -- the last call; null = none, or settled before this was kept
ALTER TABLE daily_runs.judgement ALTER COLUMN sent_at SET DEFAULT now();  -- for workers of the version before

-- Calls without a verdict whose outcome was given up: the attempt is judged with another effort or template, or frozen
-- answers are asked again.
CREATE TABLE daily_runs.given_up_call (
    attempt_id uuid NOT NULL REFERENCES daily_runs.attempt,  -- which paid
    prompt_id  text NOT NULL,                                -- or a frozen answer's id
    ended_at   timestamptz NOT NULL,
    tries      integer NOT NULL CHECK (tries > 0),
    PRIMARY KEY (attempt_id, prompt_id, ended_at)
);

-- A verdict was paid by the attempt that was judged by it first.
UPDATE daily_runs.verdict v SET paid_by = (
    SELECT j.attempt_id FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id)
    WHERE j.verdict_key = coalesce(v.repeat_of, v.verdict_key) ORDER BY j.settled_at, t.started_at LIMIT 1);
-- The judgements of others were deleted when their attempt was given another effort or template. Nothing names that
-- attempt, but it was under way then, with the same rubric, which is one feature's, and with the same judge.
UPDATE daily_runs.verdict v SET paid_by = (
    SELECT t.attempt_id FROM daily_runs.attempt t
    WHERE t.rubric_version = v.rubric_version AND t.judge_model = v.judge_model
          AND v.judged_at BETWEEN t.started_at AND coalesce(t.ended_at, 'infinity')
    ORDER BY t.started_at DESC LIMIT 1)
WHERE paid_by IS NULL;
-- After the rows, so that they are checked at once and not one by one: workers wait for this table meanwhile.
ALTER TABLE daily_runs.verdict ADD FOREIGN KEY (paid_by) REFERENCES daily_runs.attempt;
CREATE INDEX verdict_paid_by ON daily_runs.verdict (paid_by);

UPDATE daily_runs.judgement j SET sent_at = coalesce(t.ended_at, now())
FROM daily_runs.attempt t WHERE t.attempt_id = j.attempt_id AND j.status = 'sent';
-- From now on the tries of a judgement that is not settled are those since its last verdict: the verdict has the others.
UPDATE daily_runs.judgement j SET tries = 0
WHERE status = 'sent' AND EXISTS (
    SELECT FROM daily_runs.verdict v WHERE v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key);

-- A worker of the version before does not say who paid: it is the newest attempt that has sent for this verdict.
CREATE FUNCTION daily_runs.verdict_payer_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.paid_by := (
        SELECT j.attempt_id FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id)
        WHERE j.verdict_key = coalesce(NEW.repeat_of, NEW.verdict_key)
        ORDER BY j.status = 'sent' DESC, t.started_at DESC LIMIT 1);
    RETURN NEW;
END $$;
CREATE TRIGGER verdict_payer_v1 BEFORE INSERT ON daily_runs.verdict
    FOR EACH ROW WHEN (NEW.paid_by IS NULL) EXECUTE FUNCTION daily_runs.verdict_payer_v1();

-- All calls to judges, each once. A call that did not end yet, or whose task died, may have been paid, so it counts.
CREATE OR REPLACE VIEW daily_runs.judge_calls AS
SELECT v.paid_by AS attempt_id, t.provenance, r.feature, r.environment, v.judge_model, v.judged_at AS ended_at, v.tries,
       v.input_tokens, v.output_tokens, false AS by_second
FROM daily_runs.verdict v JOIN daily_runs.attempt t ON t.attempt_id = v.paid_by JOIN daily_runs.run r USING (run_key)
UNION ALL
SELECT j.attempt_id, t.provenance, r.feature, r.environment, t.judge_model, coalesce(j.settled_at, j.sent_at), j.tries,
       NULL, NULL, false
FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE j.status <> 'scored' AND j.tries > 0 AND NOT EXISTS (  -- a rerun that takes it over has the same moment
    SELECT FROM daily_runs.judgement o JOIN daily_runs.attempt u USING (attempt_id)
    WHERE o.verdict_key = j.verdict_key AND o.settled_at = j.settled_at
          AND (u.started_at, u.attempt_id) < (t.started_at, t.attempt_id))
UNION ALL
SELECT g.attempt_id, t.provenance, r.feature, r.environment, t.judge_model, g.ended_at, g.tries, NULL, NULL, false
FROM daily_runs.given_up_call g JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
UNION ALL
SELECT g.attempt_id, t.provenance, r.feature, r.environment, g.judge_model, coalesce(f.settled_at, g.began_at), f.tries,
       f.input_tokens, f.output_tokens, false
FROM daily_runs.frozen_verdict f JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE f.tries > 0
UNION ALL
SELECT s.attempt_id, t.provenance, r.feature, r.environment, s.judge_model, s.settled_at, s.tries, s.input_tokens,
       s.output_tokens, true
FROM daily_runs.second_verdict s JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
WHERE s.tries > 0;

DROP INDEX daily_runs.judgement_unscored;
CREATE INDEX judgement_without_verdict ON daily_runs.judgement (verdict_key) WHERE status <> 'scored' AND tries > 0;
