-- One circuit breaker per provider (docs/domain.md §7), shared by all tasks. Moments are the wall clock's, by this server.
CREATE TABLE daily_runs.breaker (
    provider          text PRIMARY KEY,            -- such as 'gitlab staging' or 'anthropic EVAL'
    state             text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    generation        integer NOT NULL,            -- openings and closings so far: an outcome counts in its own only
    since             timestamptz NOT NULL,
    open_until        timestamptz,                 -- no probe before
    openings_in_row   integer NOT NULL,            -- without calm between them; sets how long the next one lasts
    good_probes       integer NOT NULL,
    probes            jsonb NOT NULL,              -- {probe: epoch seconds at which its lease ends}
    recent            jsonb NOT NULL,              -- [[slice, calls, faults], …] of the window over which a share is taken
    faults_in_row     jsonb NOT NULL,              -- epoch seconds of the faults since the last good call
    last_good         double precision NOT NULL,   -- epoch seconds
    reason            text NOT NULL,               -- why it opened last
    CHECK ((state = 'closed') = (open_until IS NULL))
);
