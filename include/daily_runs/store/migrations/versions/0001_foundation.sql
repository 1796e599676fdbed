-- A store holds either real runs or a sandbox's, never both: verdicts, quota and published rows would mix.
CREATE TABLE daily_runs.store_provenance (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    provenance        text NOT NULL CHECK (provenance IN ('live', 'sandbox'))
);

-- A run is one day's evaluation of one feature in one environment; an attempt is one execution of it.
CREATE TABLE daily_runs.run (
    run_key           text PRIMARY KEY,
    feature           text NOT NULL,
    environment       text NOT NULL,
    logical_date      timestamptz NOT NULL,
    UNIQUE (feature, environment, logical_date)
);

CREATE TABLE daily_runs.attempt (
    attempt_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run_key           text NOT NULL REFERENCES daily_runs.run,
    status            text NOT NULL DEFAULT 'running'
                      CHECK (status IN ('running', 'quarantined', 'published', 'superseded')),
    plan_hash         text NOT NULL,             -- what makes two executions the same work
    asked             integer NOT NULL CHECK (asked > 0),
    shards            integer NOT NULL CHECK (shards > 0),
    provenance        text NOT NULL CHECK (provenance IN ('live', 'sandbox')),
    dataset_sha256    text NOT NULL,
    rubric_version    text NOT NULL,
    judge_model       text NOT NULL,
    gated_sha256      text,                      -- over the rows that passed the gate; only these may be published
    airflow_run_id    text,
    note              text NOT NULL DEFAULT '',
    started_at        timestamptz NOT NULL DEFAULT now(),
    ended_at          timestamptz
);
-- An unfinished attempt is resumed, so there is at most one.
CREATE UNIQUE INDEX attempt_running ON daily_runs.attempt (run_key) WHERE status = 'running';

-- One prompt of an attempt: what is asked, and all that became of it. Written before its paid call is made.
CREATE TABLE daily_runs.answer (
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,
    prompt_id         text NOT NULL,
    item_id           text NOT NULL,
    shard             integer NOT NULL,
    status            text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'sent', 'answered', 'failed')),
    tries             integer NOT NULL DEFAULT 0,
    evaluation_user   text,
    ticket            jsonb,                     -- re-attaches to a call that was accepted and paid for
    sent_at           timestamptz,
    settled_at        timestamptz,
    answer            text,
    serving_provider  text,
    serving_model     text,
    input_tokens      integer,                   -- null = the path does not tell (never zero)
    output_tokens     integer,
    error_hop         text,
    error_kind        text,
    error_blame       text CHECK (error_blame IN ('provider', 'own_system', 'rate_limit')),
    error_evidence    text,
    PRIMARY KEY (attempt_id, prompt_id),
    CHECK ((status = 'answered') = (answer IS NOT NULL)),
    CHECK ((status = 'failed') = (error_kind IS NOT NULL))
);
CREATE INDEX answer_shard ON daily_runs.answer (attempt_id, shard, status);

CREATE TABLE daily_runs.seed_binding (
    environment       text NOT NULL,
    feature           text NOT NULL,
    seed_key          text NOT NULL,
    status            text NOT NULL CHECK (status IN ('bound', 'missing', 'changed', 'wrong_state')),
    resource_id       text,
    content_sha256    text,
    checked_at        timestamptz NOT NULL DEFAULT now(),
    attempt_id        uuid REFERENCES daily_runs.attempt,
    PRIMARY KEY (environment, feature, seed_key)
);

CREATE TABLE daily_runs.limit_probe (
    probe_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,
    environment       text NOT NULL,
    hop               text NOT NULL,
    limit_name        text NOT NULL,
    allowed           double precision,          -- null = the hop does not tell
    needed            double precision NOT NULL,
    unit              text NOT NULL,
    source            text NOT NULL CHECK (source IN ('measured', 'catalogue')),
    verdict           text NOT NULL CHECK (verdict IN ('fits', 'too_low', 'unknown')),
    evidence          text NOT NULL,
    probed_at         timestamptz NOT NULL DEFAULT now()
);

-- A verdict is keyed by what was judged (question, reference, answer), rubric version and judge: paid for once, used again.
CREATE TABLE daily_runs.verdict (
    verdict_key       text PRIMARY KEY,
    rubric_version    text NOT NULL,
    judge_model       text NOT NULL,
    reasons           text NOT NULL,
    scores            jsonb NOT NULL,
    score             double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    input_tokens      integer NOT NULL,
    output_tokens     integer NOT NULL,
    judged_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE daily_runs.judgement (
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,
    prompt_id         text NOT NULL,
    verdict_key       text NOT NULL,
    status            text NOT NULL CHECK (status IN ('sent', 'scored', 'unscored')),
    tries             integer NOT NULL DEFAULT 0,
    error_hop         text,
    error_kind        text,
    settled_at        timestamptz,
    PRIMARY KEY (attempt_id, prompt_id),
    FOREIGN KEY (attempt_id, prompt_id) REFERENCES daily_runs.answer,
    CHECK ((status = 'unscored') = (error_kind IS NOT NULL))
);

CREATE TABLE daily_runs.stage_report (
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,
    stage             text NOT NULL,
    shard             integer NOT NULL,
    asked             integer NOT NULL,
    answered          integer NOT NULL,
    failed            integer NOT NULL,
    missing           integer NOT NULL,
    seconds           double precision NOT NULL, -- wall clock
    details           jsonb NOT NULL,
    ended_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (attempt_id, stage, shard),
    CHECK (asked = answered + failed + missing)
);

CREATE TABLE daily_runs.gate_result (
    attempt_id        uuid NOT NULL REFERENCES daily_runs.attempt,
    expectation       text NOT NULL,
    passed            boolean NOT NULL,
    observed          text NOT NULL,
    required          text NOT NULL,
    checked_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (attempt_id, expectation)
);

CREATE TABLE daily_runs.published_run (
    run_key           text PRIMARY KEY REFERENCES daily_runs.run,
    attempt_id        uuid NOT NULL UNIQUE REFERENCES daily_runs.attempt,
    feature           text NOT NULL,
    environment       text NOT NULL,
    logical_date      timestamptz NOT NULL,
    provenance        text NOT NULL CHECK (provenance IN ('live', 'sandbox')),
    asked             integer NOT NULL,
    answered          integer NOT NULL,
    failed            integer NOT NULL,
    scored            integer NOT NULL,
    unscored          integer NOT NULL,
    mean_score        double precision NOT NULL,
    score_std         double precision NOT NULL,
    mean_score_low    double precision NOT NULL, -- 95 % confidence interval of the mean
    mean_score_high   double precision NOT NULL,
    dataset_sha256    text NOT NULL,
    rubric_version    text NOT NULL,
    judge_model       text NOT NULL,
    rows_sha256       text NOT NULL,
    published_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (asked = answered + failed),
    CHECK (answered = scored + unscored)
);

CREATE TABLE daily_runs.published_result (
    run_key           text NOT NULL REFERENCES daily_runs.published_run ON DELETE CASCADE,
    prompt_id         text NOT NULL,
    item_id           text NOT NULL,
    status            text NOT NULL CHECK (status IN ('scored', 'unscored')),
    score             double precision CHECK (score BETWEEN 0 AND 1),
    scores            jsonb,
    serving_provider  text,
    serving_model     text,
    latency_seconds   double precision NOT NULL,
    input_tokens      integer,
    output_tokens     integer,
    PRIMARY KEY (run_key, prompt_id),
    CHECK ((status = 'scored') = (score IS NOT NULL))
);

CREATE TABLE daily_runs.published_failure (
    run_key           text NOT NULL REFERENCES daily_runs.published_run ON DELETE CASCADE,
    prompt_id         text NOT NULL,
    item_id           text NOT NULL,
    error_hop         text NOT NULL,
    error_kind        text NOT NULL,
    error_blame       text NOT NULL,
    PRIMARY KEY (run_key, prompt_id)
);

-- The ledger: the moment from which a limit has room again (virtual scheduling), and calls counted in sliding windows.
CREATE TABLE daily_runs.quota_rate (
    limit_name        text PRIMARY KEY,
    next_at           timestamptz NOT NULL      -- when all that was granted will have been refilled
);

CREATE TABLE daily_runs.quota_call (
    limit_name        text NOT NULL,
    owner             text NOT NULL,
    granted_at        timestamptz NOT NULL
);
CREATE INDEX quota_call_window ON daily_runs.quota_call (limit_name, owner, granted_at);

-- The contract (docs/data_contract.md): the only thing that readers see. Columns are added, never changed or removed.
CREATE SCHEMA contract;

CREATE VIEW contract.runs_v1 AS
SELECT run_key, attempt_id, feature, environment, logical_date, provenance, asked, answered, failed, scored, unscored,
       mean_score, score_std, mean_score_low, mean_score_high, dataset_sha256, rubric_version, judge_model,
       rows_sha256, published_at
FROM daily_runs.published_run;

CREATE VIEW contract.results_v1 AS
SELECT r.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, r.prompt_id, r.item_id,
       r.status, r.score, r.scores, r.serving_provider, r.serving_model, r.latency_seconds, r.input_tokens,
       r.output_tokens, p.rubric_version, p.judge_model
FROM daily_runs.published_result r JOIN daily_runs.published_run p USING (run_key);

CREATE VIEW contract.failures_v1 AS
SELECT f.run_key, p.attempt_id, p.feature, p.environment, p.logical_date, p.provenance, f.prompt_id, f.item_id,
       f.error_hop, f.error_kind, f.error_blame
FROM daily_runs.published_failure f JOIN daily_runs.published_run p USING (run_key);
