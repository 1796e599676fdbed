-- Telling people (docs/decisions/0038-one-message-an-incident.md).

-- The last words of a run's failed tasks, until the run's one message is made of them.
CREATE TABLE daily_runs.failed_task (
    feature        text NOT NULL,
    airflow_run_id text NOT NULL,
    environment    text NOT NULL,              -- empty: before the run had one
    task           text NOT NULL,              -- the four instances of a mapped task are one row
    error          text NOT NULL,              -- the error's class
    met            text NOT NULL,              -- what other runs may meet too, as the key of an incident; empty: nothing
    what           text NOT NULL,
    owner          text NOT NULL,
    do_next        text NOT NULL,
    page           text NOT NULL,              -- the runbook
    failed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feature, airflow_run_id, environment, task)
);

CREATE TABLE daily_runs.incident (
    incident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,                 -- what has the same key is the same incident while it is open
    kind        text NOT NULL CHECK (kind IN ('gate_blocked', 'run_failed', 'hop_failed', 'run_late', 'alarm',
                                              'readiness_lost', 'budget')),
    level       integer NOT NULL DEFAULT 0,    -- rises when it gets worse
    what        text NOT NULL,
    owner       text NOT NULL,
    do_next     text NOT NULL,
    page        text NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    worse_at    timestamptz,
    over_at     timestamptz
);
CREATE UNIQUE INDEX incident_is_open ON daily_runs.incident (key) WHERE over_at IS NULL;

-- Who meets an incident: a feature in an environment.
CREATE TABLE daily_runs.incident_member (
    incident_id    bigint NOT NULL REFERENCES daily_runs.incident ON DELETE CASCADE,
    feature        text NOT NULL,
    environment    text NOT NULL,              -- empty: of no environment
    sample         text NOT NULL DEFAULT '',   -- which prompts the run asked, as in `run`
    what           text NOT NULL,
    link           text NOT NULL,
    airflow_run_id text,
    logical_date   timestamptz,
    since          timestamptz NOT NULL DEFAULT now(),
    over_at        timestamptz,
    PRIMARY KEY (incident_id, feature, environment)
);

-- Messages, told and still to tell. Who takes one has it until `taken_until`; the row's key keeps it the only one.
CREATE TABLE daily_runs.notice (
    about       text NOT NULL,                 -- such as `incident 12: begun`
    receiver    text NOT NULL,                 -- such as `slack` or `mail team@example.com`
    kind        text NOT NULL CHECK (kind IN ('begun', 'worse', 'over', 'weekly')),
    incident_id bigint REFERENCES daily_runs.incident ON DELETE CASCADE,
    subject     text NOT NULL,
    body        text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    taken_until timestamptz,
    tries       integer NOT NULL DEFAULT 0,
    problem     text,                          -- why the last try failed; never an address or a secret
    told_at     timestamptz,
    PRIMARY KEY (about, receiver)
);
CREATE INDEX notice_untold ON daily_runs.notice (made_at) WHERE told_at IS NULL;
