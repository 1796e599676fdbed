-- What a published run says of quality (docs/statistics.md). Null: the run was published before this was kept, or it has
-- answers of two providers, which never make one figure.
ALTER TABLE daily_runs.published_run
    ADD COLUMN comparability_key text,
    ADD COLUMN ruler jsonb NOT NULL DEFAULT '{}',           -- what the key is made of
    ADD COLUMN context jsonb NOT NULL DEFAULT '{}',         -- what may change without the ruler: GitLab, model, phase
    ADD COLUMN populations jsonb NOT NULL DEFAULT '[]',     -- figures by provider
    ADD COLUMN items integer,
    ADD COLUMN classes integer,
    ADD COLUMN item_mean double precision,
    ADD COLUMN item_mean_low double precision,
    ADD COLUMN item_mean_high double precision,
    ADD COLUMN new_classes_low double precision,
    ADD COLUMN new_classes_high double precision,
    ADD COLUMN missing_at_worst double precision,
    ADD COLUMN missing_at_best double precision,
    ADD COLUMN verdict text CHECK (
        verdict IN ('below_floor', 'regressed', 'improved', 'no_worse', 'inconclusive', 'incomparable')),
    ADD COLUMN verdict_reason text,
    ADD COLUMN changed jsonb NOT NULL DEFAULT '{}';         -- name to [then, now], since the reference

CREATE TABLE daily_runs.published_item (
    run_key     text NOT NULL REFERENCES daily_runs.published_run ON DELETE CASCADE,
    item_id     text NOT NULL,
    item_class  text NOT NULL,
    provider    text NOT NULL,
    answered    integer NOT NULL,
    scored      integer NOT NULL CHECK (scored <= answered),
    failed      integer NOT NULL,
    mean        double precision CHECK (mean BETWEEN 0 AND 1),
    variance    double precision NOT NULL,
    criteria    jsonb NOT NULL,
    PRIMARY KEY (run_key, item_id, provider),
    CHECK ((scored = 0) = (mean IS NULL))
);

-- A run beside another, or beside the reference of its stream (`against` is then 'reference').
CREATE TABLE daily_runs.comparison (
    run_key               text NOT NULL REFERENCES daily_runs.published_run ON DELETE CASCADE,
    against               text NOT NULL,
    part                  text NOT NULL,    -- '' = the whole; a class; 'criterion ' and its name
    treatment             text NOT NULL,    -- what is meant to differ
    verdict               text CHECK (verdict IN ('below_floor', 'regressed', 'improved', 'no_worse', 'inconclusive',
                                                  'incomparable')),     -- of a part: 'regressed' or null
    estimate              double precision,
    low                   double precision,
    high                  double precision,
    smallest_visible_drop double precision,
    compared_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_key, against, part)
);

CREATE TABLE daily_runs.alarm (
    alarm_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feature           text NOT NULL,
    environment       text NOT NULL,
    comparability_key text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('drift', 'warning', 'page')),
    since_run_key     text NOT NULL,
    last_run_key      text NOT NULL,
    size              double precision NOT NULL,
    worst_class       text,
    reason            text NOT NULL,
    changed           jsonb NOT NULL,
    state             text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'real', 'false', 'accepted')),
    raised_at         timestamptz NOT NULL DEFAULT now(),
    resolved_at       timestamptz,
    resolved_by       text,
    resolution        text,
    CHECK ((state = 'open') = (resolved_at IS NULL)),
    CHECK (state = 'open' OR (resolved_by <> '' AND resolution <> ''))
);
CREATE UNIQUE INDEX alarm_open ON daily_runs.alarm (feature, environment, comparability_key, kind)
    WHERE state = 'open';

CREATE OR REPLACE VIEW contract.runs_v2 AS
SELECT run_key, CASE sample WHEN '' THEN 'full' ELSE 'sample' END AS kind, attempt_id, feature, environment,
       logical_date, provenance, asked, answered, failed, scored, unscored, mean_score, score_std, mean_score_low,
       mean_score_high, dataset_sha256, selection_sha256, rubric_version, judge_model, rows_sha256, published_at,
       items, classes, item_mean, item_mean_low, item_mean_high, new_classes_low, new_classes_high, missing_at_worst,
       missing_at_best, populations, verdict, verdict_reason, comparability_key, ruler, context, changed
FROM daily_runs.published_run;

CREATE VIEW contract.items_v1 AS
SELECT run_key, p.feature, p.environment, p.logical_date, p.provenance, i.item_id, i.item_class, i.provider,
       i.answered, i.scored, i.failed, i.mean, i.variance, i.criteria
FROM daily_runs.published_item i JOIN daily_runs.published_run p USING (run_key);

CREATE VIEW contract.quality_v1 AS
SELECT p.run_key, p.feature, p.environment, p.logical_date, p.provenance, p.comparability_key, i.item_class, i.provider,
       count(*)::integer AS items, sum(i.answered + i.failed)::integer AS asked, sum(i.scored)::integer AS scored,
       avg(i.mean) AS mean, sum(i.failed)::double precision / sum(i.answered + i.failed) AS failed_share,
       sum(i.answered - i.scored)::double precision / sum(i.answered + i.failed) AS unscored_share
FROM daily_runs.published_item i JOIN daily_runs.published_run p USING (run_key)
WHERE p.sample = '' GROUP BY p.run_key, i.item_class, i.provider;

CREATE VIEW contract.comparisons_v1 AS
SELECT run_key, p.feature, p.environment, p.logical_date, p.provenance, c.against, c.part, c.treatment, c.verdict,
       c.estimate, c.low, c.high, c.smallest_visible_drop, c.compared_at
FROM daily_runs.comparison c JOIN daily_runs.published_run p USING (run_key);

CREATE VIEW contract.alarms_v1 AS
SELECT alarm_id, feature, environment, comparability_key, kind, since_run_key, last_run_key, size, worst_class, reason,
       changed, state, raised_at, resolved_at, resolved_by, resolution
FROM daily_runs.alarm;

COMMENT ON COLUMN contract.runs_v2.items IS
    'Items with a scored answer. Null: published before this was kept, or two providers answered (see populations)';
COMMENT ON COLUMN contract.runs_v2.classes IS 'Classes of these items. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.item_mean IS
    'Mean over the data set''s items, each counted once, 0 to 1. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.item_mean_low IS
    'Lower end of its 95 % confidence interval, for these items and classes. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.item_mean_high IS
    'Upper end of its 95 % confidence interval, for these items and classes. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.new_classes_low IS
    'Lower end of the 95 % confidence interval for items of classes that nobody asked yet. Null: as for items, or fewer than 8 classes';
COMMENT ON COLUMN contract.runs_v2.new_classes_high IS
    'Upper end of the 95 % confidence interval for items of classes that nobody asked yet. Null: as for new_classes_low';
COMMENT ON COLUMN contract.runs_v2.missing_at_worst IS
    'The item mean if every failed or unscored answer were worth 0. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.missing_at_best IS
    'The item mean if every failed or unscored answer were worth 1. Null: as for items';
COMMENT ON COLUMN contract.runs_v2.populations IS
    'Figures by provider: a list of provider, items, classes, mean, low, high, new_low, new_high, worst, best; empty if published before this was kept';
COMMENT ON COLUMN contract.runs_v2.verdict IS
    'below_floor, regressed, improved, no_worse, inconclusive or incomparable, against the reference. Null: published before this was kept';
COMMENT ON COLUMN contract.runs_v2.verdict_reason IS 'The verdict in a sentence. Null: as for verdict';
COMMENT ON COLUMN contract.runs_v2.comparability_key IS
    'Runs of one key were measured with one ruler. Null: as for verdict';
COMMENT ON COLUMN contract.runs_v2.ruler IS
    'What the key is made of: data set, prompts, rubric, judge, provider; empty if published before this was kept';
COMMENT ON COLUMN contract.runs_v2.context IS
    'What may change without the ruler: GitLabs version, serving model, phase, catalogue; empty if published before this was kept';
COMMENT ON COLUMN contract.runs_v2.changed IS 'What is not as in the newest run of the reference: name to [then, now]';

COMMENT ON VIEW contract.items_v1 IS
    'Items of published runs and samples, one row an item and provider. Key: run_key, item_id, provider.';
COMMENT ON COLUMN contract.items_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.items_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.items_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.items_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.items_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.items_v1.item_id IS 'The data set''s item';
COMMENT ON COLUMN contract.items_v1.item_class IS 'Its class in the data set';
COMMENT ON COLUMN contract.items_v1.provider IS 'Who served the answers; unknown: the path does not tell';
COMMENT ON COLUMN contract.items_v1.answered IS 'Prompts of this item with an answer of this provider';
COMMENT ON COLUMN contract.items_v1.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.items_v1.failed IS
    'Prompts of this item without an answer; with two providers they count with the first by name';
COMMENT ON COLUMN contract.items_v1.mean IS 'Mean score of its answers, 0 to 1. Null: none is scored';
COMMENT ON COLUMN contract.items_v1.variance IS 'Variance of one answer''s score around it; 0 for a single answer';
COMMENT ON COLUMN contract.items_v1.criteria IS
    'Mean by criterion of the rubric, mapped to 0 to 1; empty: none is scored';

COMMENT ON VIEW contract.quality_v1 IS
    'Published full runs by class, one row a run, class and provider. Key: run_key, item_class, provider.';
COMMENT ON COLUMN contract.quality_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.quality_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.quality_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.quality_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.quality_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.quality_v1.comparability_key IS 'Runs of one key were measured with one ruler';
COMMENT ON COLUMN contract.quality_v1.item_class IS 'Class in the data set';
COMMENT ON COLUMN contract.quality_v1.provider IS 'Who served the answers; unknown: the path does not tell';
COMMENT ON COLUMN contract.quality_v1.items IS 'Items of this class';
COMMENT ON COLUMN contract.quality_v1.asked IS 'Prompts of these items';
COMMENT ON COLUMN contract.quality_v1.scored IS 'Answers with a verdict';
COMMENT ON COLUMN contract.quality_v1.mean IS 'Mean over these items, each counted once, 0 to 1. Null: none is scored';
COMMENT ON COLUMN contract.quality_v1.failed_share IS 'Share of the prompts without an answer, 0 to 1';
COMMENT ON COLUMN contract.quality_v1.unscored_share IS 'Share of the prompts whose answer could not be judged, 0 to 1';

COMMENT ON VIEW contract.comparisons_v1 IS
    'Published runs against the reference of their stream or against another run, one row a part. Key: run_key, against, part.';
COMMENT ON COLUMN contract.comparisons_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';
COMMENT ON COLUMN contract.comparisons_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.comparisons_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.comparisons_v1.logical_date IS 'The moment that the run stands for, UTC';
COMMENT ON COLUMN contract.comparisons_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';
COMMENT ON COLUMN contract.comparisons_v1.against IS
    'reference: the mean of the first 14 runs of its stream; else the key of the other run';
COMMENT ON COLUMN contract.comparisons_v1.part IS 'Empty: the whole; a class; or criterion and its name';
COMMENT ON COLUMN contract.comparisons_v1.treatment IS 'What is meant to differ: date, environment, provider or build';
COMMENT ON COLUMN contract.comparisons_v1.verdict IS
    'Of the whole: as in runs_v2; of a part: regressed. Null: the part did not regress by itself';
COMMENT ON COLUMN contract.comparisons_v1.estimate IS
    'This run minus the other, in points of the 0 to 1 scale. Null: they cannot be compared';
COMMENT ON COLUMN contract.comparisons_v1.low IS
    'Lower end of its 95 % confidence interval, run effect included. Null: as for estimate';
COMMENT ON COLUMN contract.comparisons_v1.high IS
    'Upper end of its 95 % confidence interval, run effect included. Null: as for estimate';
COMMENT ON COLUMN contract.comparisons_v1.smallest_visible_drop IS
    'The drop that would be called regressed in 80 % of such runs. Null: of a part, or of a single item';
COMMENT ON COLUMN contract.comparisons_v1.compared_at IS 'When it was computed, UTC';

COMMENT ON VIEW contract.alarms_v1 IS
    'Alarms over a feature in an environment: a drift, or daily means under a line. Key: alarm_id.';
COMMENT ON COLUMN contract.alarms_v1.alarm_id IS 'Number of the alarm';
COMMENT ON COLUMN contract.alarms_v1.feature IS 'The feature, as the catalogue names it';
COMMENT ON COLUMN contract.alarms_v1.environment IS 'Where the prompts were asked: staging or production';
COMMENT ON COLUMN contract.alarms_v1.comparability_key IS 'The stream whose runs raised it';
COMMENT ON COLUMN contract.alarms_v1.kind IS
    'drift: the level lies below its reference; warning: three daily means under target_score; page: a daily mean under 0.75';
COMMENT ON COLUMN contract.alarms_v1.since_run_key IS 'The run with which it began';
COMMENT ON COLUMN contract.alarms_v1.last_run_key IS 'The run that raised it last';
COMMENT ON COLUMN contract.alarms_v1.size IS
    'How far the mean since then lies below the reference or the line, in points of the 0 to 1 scale';
COMMENT ON COLUMN contract.alarms_v1.worst_class IS 'The class that fell most. Null: none is known';
COMMENT ON COLUMN contract.alarms_v1.reason IS 'The alarm in a sentence';
COMMENT ON COLUMN contract.alarms_v1.changed IS 'What is not as in the reference: name to [then, now]';
COMMENT ON COLUMN contract.alarms_v1.state IS
    'open, or what somebody said it was: real, false, or accepted (a new reference begins there)';
COMMENT ON COLUMN contract.alarms_v1.raised_at IS 'When it was raised, UTC';
COMMENT ON COLUMN contract.alarms_v1.resolved_at IS 'When it was resolved, UTC. Null: open';
COMMENT ON COLUMN contract.alarms_v1.resolved_by IS 'Who resolved it. Null: open';
COMMENT ON COLUMN contract.alarms_v1.resolution IS 'Why. Null: open';
