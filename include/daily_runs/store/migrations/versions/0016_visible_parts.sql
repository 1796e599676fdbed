-- Parts of a comparison have a smallest visible drop, too; those that were compared before have none.
COMMENT ON COLUMN contract.comparisons_v1.smallest_visible_drop IS
    'The drop that would be called regressed in 80 % of such runs; of a part: if it fell alone. Null: none would be (too few items), a part that was compared before this was kept, or incomparable';

-- The daily views over a million answers answer for a day or a month in less than a second: Postgres may look at the
-- rows of those days alone. DISTINCT ON and window functions had it sort all rows of all days first. What the views say
-- is the same: each asking once, from the attempt that settled it first, with the most tries that any attempt counted.
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
    WHERE u.run_key = t.run_key AND u.attempt_id <> t.attempt_id AND b.status <> 'planned'
          AND coalesce(b.sent_at, b.settled_at) IS NOT DISTINCT FROM coalesce(a.sent_at, a.settled_at)
) others ON true
WHERE a.status <> 'planned' AND others.came_first IS NOT TRUE;

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
WHERE f.status IN ('scored', 'unscored') AND f.tries > 0;

-- Rows of a day lie together, so these indexes are small and cost next to nothing to keep.
CREATE INDEX answer_ended_day ON daily_runs.answer USING brin (((settled_at AT TIME ZONE 'UTC')::date),
    ((coalesce(settled_at, sent_at) AT TIME ZONE 'UTC')::date)) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX judgement_ended_day ON daily_runs.judgement USING brin (((settled_at AT TIME ZONE 'UTC')::date))
    WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX verdict_judged_day ON daily_runs.verdict USING brin (((judged_at AT TIME ZONE 'UTC')::date))
    WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX judgement_unscored ON daily_runs.judgement (verdict_key) WHERE status = 'unscored' AND tries > 0;
