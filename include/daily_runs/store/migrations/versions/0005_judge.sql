-- A judge that does not tell what a verdict took gave a verdict all the same: its tokens are unknown, never zero.
ALTER TABLE daily_runs.verdict ALTER COLUMN input_tokens DROP NOT NULL, ALTER COLUMN output_tokens DROP NOT NULL;

-- The judge's latest verdict on an answer that is right by definition, a data set's own reference: it can be asked, and
-- gives verdicts of the asked form. The key names judge, form, address and what was judged.
CREATE TABLE daily_runs.judge_trial (
    trial_key         text PRIMARY KEY,
    feature           text NOT NULL,
    judge_model       text NOT NULL,
    score             double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    input_tokens      integer,                   -- null = the judge did not tell (never zero)
    output_tokens     integer,
    judged_at         timestamptz NOT NULL DEFAULT now()
);
