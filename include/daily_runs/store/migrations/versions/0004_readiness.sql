-- One look at an environment serves all features and every DAG that waits for it.
CREATE TABLE daily_runs.look (
    look_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment       text NOT NULL,
    begun_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,               -- null: under way, or whoever looked died
    calls             integer NOT NULL DEFAULT 0 CHECK (calls >= 0),  -- requests that it sent; none spends an AI budget
    error             text                       -- why it could not look, which is not "not ready"; null: it could
);
CREATE INDEX look_latest ON daily_runs.look (environment, look_id DESC);

-- What a look found of one feature. `unknown`: could not look.
CREATE TABLE daily_runs.readiness (
    look_id           bigint NOT NULL REFERENCES daily_runs.look ON DELETE CASCADE,
    feature           text NOT NULL,
    aspect            text NOT NULL CHECK (aspect IN ('seeds', 'limits', 'approval')),
    state             text NOT NULL CHECK (state IN ('ready', 'not_ready', 'unknown')),
    reason            text NOT NULL,             -- for people: what is in the way, and what to do about it
    owner             text NOT NULL,             -- who can lift it
    details           jsonb NOT NULL,            -- seeds: bound, asked, share; limits: the binding one
    PRIMARY KEY (look_id, feature, aspect)
);

CREATE VIEW daily_runs.latest_readiness AS
SELECT DISTINCT ON (l.environment, r.feature, r.aspect)
       l.environment, r.feature, r.aspect, r.state, r.reason, r.owner, r.details, l.look_id, l.ended_at AS looked_at
FROM daily_runs.readiness r JOIN daily_runs.look l USING (look_id)
WHERE l.ended_at IS NOT NULL
ORDER BY l.environment, r.feature, r.aspect, l.look_id DESC;

-- Content that was read of a resource which does not change any more (a finished job's log), so that it is read once.
CREATE TABLE daily_runs.seed_content (
    environment       text NOT NULL,
    resource_id       text NOT NULL,
    content_sha256    text NOT NULL,
    read_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (environment, resource_id)
);

-- A limit is probed for an attempt, or by a look or the command line for a feature.
ALTER TABLE daily_runs.limit_probe
    ALTER COLUMN attempt_id DROP NOT NULL,
    ADD COLUMN feature text,
    ADD COLUMN remedy text NOT NULL DEFAULT '',
    ADD COLUMN owner text NOT NULL DEFAULT '',
    ADD COLUMN binds boolean NOT NULL DEFAULT false;  -- the tightest of those that are known
UPDATE daily_runs.limit_probe p SET feature = r.feature
FROM daily_runs.attempt a JOIN daily_runs.run r USING (run_key) WHERE a.attempt_id = p.attempt_id;
ALTER TABLE daily_runs.limit_probe ALTER COLUMN feature SET NOT NULL;
CREATE INDEX limit_probe_latest ON daily_runs.limit_probe (environment, feature, probed_at DESC);

-- What the latest probe of each feature in each environment found; one probe's rows have one moment.
CREATE VIEW daily_runs.latest_limits AS
SELECT environment, feature, hop, limit_name, allowed, needed, unit, source, verdict, binds, evidence, remedy, owner,
       attempt_id, probed_at
FROM daily_runs.limit_probe
JOIN (SELECT environment, feature, max(probed_at) AS probed_at FROM daily_runs.limit_probe
      GROUP BY environment, feature) AS latest USING (environment, feature, probed_at);

-- Where a run was sent, and why. Airflow's run ids are unique within a DAG only.
CREATE TABLE daily_runs.routed (
    feature           text NOT NULL,
    airflow_run_id    text NOT NULL,
    logical_date      timestamptz NOT NULL,
    planned           text[] NOT NULL,           -- environments, as the phase of the date says
    chosen            text[] NOT NULL,           -- environments of the arms that run; none: the run was skipped
    forced            boolean NOT NULL,          -- by the form
    readiness         text CHECK (readiness IN ('ready', 'not_ready', 'unknown')),  -- null: nobody asked
    reason            text NOT NULL,
    decided_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feature, airflow_run_id)
);

-- What an attempt was to do anew, and whose answers it took over.
ALTER TABLE daily_runs.attempt
    ADD COLUMN redo text NOT NULL DEFAULT 'all'
        CHECK (redo IN ('all', 'missing_answers', 'judge_again', 'gate_and_publish')),
    ADD COLUMN taken_over_from uuid REFERENCES daily_runs.attempt;
