-- Postgres lists the most common values of a column. While that list holds all attempts, it takes an attempt that came
-- later for one row, and joins its prompts by comparing each with each: 90,000 prompts then take minutes, not seconds.
-- Without statistics it takes an attempt for a two-hundredth of the table. ANALYZE with target 0 would leave the old
-- list in place, so a list of one value replaces it first.
ALTER TABLE daily_runs.answer ALTER COLUMN attempt_id SET STATISTICS 1;
ALTER TABLE daily_runs.judgement ALTER COLUMN attempt_id SET STATISTICS 1;
ANALYZE daily_runs.answer (attempt_id);
ANALYZE daily_runs.judgement (attempt_id);
ALTER TABLE daily_runs.answer ALTER COLUMN attempt_id SET STATISTICS 0;
ALTER TABLE daily_runs.judgement ALTER COLUMN attempt_id SET STATISTICS 0;
