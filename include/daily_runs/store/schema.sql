-- The store's schema as all migrations together leave it. `make schema` writes this file; nobody edits it.
-- To change the schema, add a migration (docs/decisions/0003-alembic-with-sql.md).

CREATE SCHEMA contract;

CREATE SCHEMA daily_runs;

CREATE FUNCTION daily_runs.quota_introduce(ask jsonb) RETURNS void
    LANGUAGE sql
    AS $$ SELECT daily_runs.quota_introduce_v1(ask) $$;

CREATE FUNCTION daily_runs.quota_introduce_v1(ask jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO daily_runs.quota_limit (limit_name, account, per_second, burst, declared_at, level, level_at)
    SELECT name, account, per_second, burst, (ask ->> 'declared_at')::timestamptz, burst, clock_timestamp()
    FROM (
        SELECT l ->> 'name' AS name, CASE WHEN (l ->> 'account')::boolean THEN ask ->> 'account' END AS account,
               (l ->> 'per_second')::double precision AS per_second, (l ->> 'burst')::double precision AS burst
        FROM jsonb_array_elements(ask -> 'limits') AS l
        UNION ALL
        SELECT (ask #>> '{user_rate,name}') || ' of ' || u, NULL, (ask #>> '{user_rate,per_second}')::double precision,
               (ask #>> '{user_rate,burst}')::double precision
        FROM jsonb_array_elements_text(ask -> 'users') AS u WHERE ask -> 'user_rate' IS NOT NULL
    ) AS new ORDER BY name ON CONFLICT DO NOTHING
$$;

CREATE TABLE daily_runs.quota_limit (
    limit_name text NOT NULL,
    account text,
    per_second double precision NOT NULL,
    burst double precision NOT NULL,
    declared_at timestamp with time zone NOT NULL,
    level double precision NOT NULL,
    level_at timestamp with time zone NOT NULL,
    seen_per_second double precision,
    factor double precision DEFAULT 1 NOT NULL,
    foreign_per_second double precision DEFAULT 0 NOT NULL,
    observed_at timestamp with time zone,
    rounding double precision DEFAULT 0 NOT NULL,
    observed_since timestamp with time zone,
    surplus double precision DEFAULT 0 NOT NULL,
    surplus_at timestamp with time zone,
    overbooked double precision DEFAULT 0 NOT NULL,
    held_until timestamp with time zone,
    refusals integer DEFAULT 0 NOT NULL,
    refused_at timestamp with time zone,
    CONSTRAINT quota_limit_burst_check CHECK ((burst >= (0)::double precision)),
    CONSTRAINT quota_limit_factor_check CHECK (((factor >= (0.1)::double precision) AND (factor <= (1)::double precision))),
    CONSTRAINT quota_limit_per_second_check CHECK ((per_second > (0)::double precision))
)
WITH (fillfactor='50');

CREATE FUNCTION daily_runs.quota_pace(l daily_runs.quota_limit, t timestamp with time zone) RETURNS double precision[]
    LANGUAGE sql STABLE
    AS $$ SELECT daily_runs.quota_pace_v1(l, t) $$;

CREATE FUNCTION daily_runs.quota_pace_v1(l daily_runs.quota_limit, t timestamp with time zone) RETURNS double precision[]
    LANGUAGE sql STABLE
    AS $$
    WITH rate AS (
        SELECT least(l.per_second, CASE WHEN l.observed_at > t - CASE WHEN l.seen_per_second < 0.1 * l.per_second
            THEN interval '1 minute' ELSE interval '1 hour' END THEN l.seen_per_second END)
               * least(1, l.factor + 0.01 * greatest(0, extract(epoch FROM t - coalesce(l.refused_at, t))))
               AS whole
    ), parts AS (
        SELECT whole, l.burst * whole / l.per_second AS bucket,
               CASE WHEN l.foreign_per_second > 0.02 * whole
                    THEN least(l.foreign_per_second, 0.9 * whole)
                         * greatest(0, 1 - extract(epoch FROM t - l.observed_at) / 120) ELSE 0 END AS others
        FROM rate
    ), kept AS (
        SELECT *, CASE WHEN l.account IS NULL THEN 0 ELSE least(bucket / 2,
            0.5 * others + whole * CASE WHEN l.observed_at > t - interval '10 seconds'
                THEN greatest(0.06, 0.9 * l.rounding / whole, 0.5 - 0.11 * extract(epoch FROM t - l.observed_since)) ELSE 0.5 END
        ) END AS reserve
        FROM parts
    )
    SELECT ARRAY[whole, whole - others, reserve, bucket]::double precision[] FROM kept
$$;

CREATE FUNCTION daily_runs.quota_report(report jsonb) RETURNS void
    LANGUAGE sql
    AS $$ SELECT daily_runs.quota_report_v1(report) $$;

CREATE FUNCTION daily_runs.quota_report_v1(report jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    t            timestamptz;
    v_account    text := report ->> 'account';
    dimensions   text[] := ARRAY['requests', 'input tokens', 'output tokens'];
    corrections  double precision[] := ARRAY[0, 0, 0];
    unknown      double precision[];    -- booked for calls of which nobody told what they took
    refused_amount double precision[];
    ids          bigint[];
    returned_ids bigint[];
    q            daily_runs.quota_limit%ROWTYPE;
    pace         double precision[];
    fact         jsonb;
    refused      jsonb;
    promised     double precision;
    uncertain    double precision;
    expected     double precision;
    lowest       double precision;
    highest      double precision;
    missing      double precision;
    elapsed      double precision;
    k            integer;
BEGIN
    PERFORM 1 FROM daily_runs.quota_limit l WHERE l.account = v_account ORDER BY l.limit_name FOR UPDATE;
    t := clock_timestamp();
    SELECT array_agg((s ->> 'id')::bigint) INTO ids FROM jsonb_array_elements(report -> 'settled') AS s;
    SELECT array_agg(r::bigint) INTO returned_ids FROM jsonb_array_elements_text(report -> 'returned') AS r;

    -- Settle: only the first word on a grant counts. A refused call took nothing; unknown use stays as estimated.
    WITH told AS (
        SELECT (s ->> 'id')::bigint AS id, (s ->> 'refused')::boolean AS refused,
               (s ->> 'input')::double precision AS input, (s ->> 'output')::double precision AS output,
               coalesce((s ->> 'cached')::double precision, 0) AS cached
        FROM jsonb_array_elements(report -> 'settled') AS s
    ), settled AS (
        UPDATE daily_runs.quota_grant g SET settled_at = t FROM told
        WHERE g.grant_id = told.id AND g.settled_at IS NULL AND g.grant_id = ANY (ids)  -- by the index, however many
        RETURNING g.lane, told.refused, told.input IS NOT NULL AS measured, told.cached,
                  CASE WHEN told.refused THEN 0 ELSE coalesce(told.input, g.input_tokens) END AS input,
                  CASE WHEN told.refused THEN 0 ELSE coalesce(told.output, g.output_tokens) END AS output,
                  CASE WHEN told.refused THEN 0 ELSE 1 END AS calls, g.input_tokens AS said_input,
                  g.output_tokens AS said_output
    ), used AS (
        INSERT INTO daily_runs.quota_use AS u (account, lane, minute, calls, refusals, measured_calls, input_tokens,
                                               output_tokens, cached_input_tokens)
        SELECT v_account, lane, date_trunc('minute', t, 'UTC'), sum(calls), count(*) FILTER (WHERE refused),
               count(*) FILTER (WHERE measured), sum(input), sum(output), sum(cached)
        FROM settled GROUP BY lane
        ON CONFLICT (account, lane, minute) DO UPDATE SET calls = u.calls + EXCLUDED.calls,
            refusals = u.refusals + EXCLUDED.refusals, measured_calls = u.measured_calls + EXCLUDED.measured_calls,
            input_tokens = u.input_tokens + EXCLUDED.input_tokens,
            output_tokens = u.output_tokens + EXCLUDED.output_tokens,
            cached_input_tokens = u.cached_input_tokens + EXCLUDED.cached_input_tokens
    )
    SELECT ARRAY[coalesce(sum(1 - calls), 0), coalesce(sum(said_input - input), 0),
                 coalesce(sum(said_output - output), 0)],
           ARRAY[count(*) FILTER (WHERE NOT measured AND NOT refused),
                 coalesce(sum(said_input) FILTER (WHERE NOT measured AND NOT refused), 0),
                 coalesce(sum(said_output) FILTER (WHERE NOT measured AND NOT refused), 0)],
           ARRAY[count(*) FILTER (WHERE refused), coalesce(sum(said_input) FILTER (WHERE refused), 0),
                 coalesce(sum(said_output) FILTER (WHERE refused), 0)]
    INTO corrections, unknown, refused_amount FROM settled;

    -- Give back what will not be sent; its moment is still to come, or nothing is left to give.
    UPDATE daily_runs.quota_grant g SET settled_at = t      -- its intent was stored: it may have been sent
    WHERE g.grant_id = ANY (returned_ids) AND g.sent_at IS NOT NULL AND g.settled_at IS NULL;
    WITH returned AS (
        DELETE FROM daily_runs.quota_grant g
        WHERE g.grant_id = ANY (returned_ids) AND g.sent_at IS NULL AND g.settled_at IS NULL
        RETURNING g.at > t AS ahead, g.input_tokens, g.output_tokens
    )
    SELECT ARRAY[corrections[1] + count(*) FILTER (WHERE ahead),
                 corrections[2] + coalesce(sum(input_tokens) FILTER (WHERE ahead), 0),
                 corrections[3] + coalesce(sum(output_tokens) FILTER (WHERE ahead), 0)]
    INTO corrections FROM returned;

    FOR k IN 1 .. 3 LOOP
        SELECT * INTO q FROM daily_runs.quota_limit l
        WHERE l.account = v_account AND l.limit_name = 'account ' || v_account || ' ' || dimensions[k];
        CONTINUE WHEN NOT FOUND;
        fact := report #> ARRAY['observed', dimensions[k]];
        refused := report #> ARRAY['refused', dimensions[k]];
        CONTINUE WHEN fact IS NULL AND refused IS NULL AND corrections[k] = 0 AND unknown[k] = 0;
        -- What calls took less than estimated is given back by the facts, where there are some: the vendor's bucket may
        -- have run full meanwhile.
        pace := daily_runs.quota_pace_v1(q, t);
        q.overbooked := least(pace[4], q.overbooked + unknown[k]);
        IF fact IS NOT NULL AND corrections[k] > 0 THEN
            q.overbooked := least(pace[4], q.overbooked + corrections[k]);
            corrections[k] := 0;
        END IF;
        q.level := least(pace[4], q.level + greatest(0, extract(epoch FROM t - q.level_at)) * pace[2] + corrections[k]);
        q.level_at := t;
        IF fact IS NOT NULL THEN
            -- The vendor's bucket against ours. It has not met what is promised for later; of what was due just now it
            -- has met any part.
            q.seen_per_second := (fact ->> 'per_second')::double precision;
            q.rounding := (fact ->> 'below')::double precision;
            SELECT coalesce(sum(x.amount) FILTER (WHERE x.at > t), 0), coalesce(sum(x.amount) FILTER (WHERE x.at <= t), 0)
            INTO promised, uncertain FROM (
                SELECT g.at, CASE k WHEN 1 THEN 1 WHEN 2 THEN g.input_tokens ELSE g.output_tokens END AS amount
                FROM daily_runs.quota_grant g
                WHERE g.account = v_account
                      AND g.at > t - make_interval(secs => (report ->> 'uncertain_seconds')::double precision)
            ) AS x;
            expected := least(pace[4], q.level + promised)
                        - pace[2] * (report ->> 'age_seconds')::double precision;  -- at the moment of the header
            lowest := (fact ->> 'remaining')::double precision - (fact ->> 'below')::double precision;
            highest := (fact ->> 'remaining')::double precision
                       + CASE WHEN refused IS NULL THEN (fact ->> 'above')::double precision ELSE 0 END;
            missing := greatest(0, expected - highest);
            elapsed := extract(epoch FROM t - q.observed_at);
            IF elapsed > 10 OR elapsed IS NULL THEN
                q.observed_since := t; q.surplus_at := t; q.surplus := 0; q.foreign_per_second := 0;
            END IF;
            -- More than we thought is believed when it lasts (a header that is late tells of calls not yet met), and only
            -- as far as more was booked than used: the vendor's bucket may be a larger one than we may empty.
            q.surplus := q.surplus + least(1, coalesce(elapsed, 0) / 0.5)
                         * ((lowest + highest) / 2 - expected - uncertain / 2 - q.surplus);
            IF q.surplus_at < t - interval '0.7 seconds' AND missing = 0 AND q.surplus > 0 THEN
                missing := -least(q.surplus, q.overbooked);
                q.foreign_per_second := greatest(0, q.foreign_per_second - (q.surplus + missing) / 3);
                q.overbooked := q.overbooked + missing;
                q.surplus := q.surplus + missing;
                q.surplus_at := t;
            END IF;
            -- What is missing again and again, somebody else takes.
            IF elapsed <= 10 THEN
                q.foreign_per_second := greatest(0, least(0.9 * pace[1], q.foreign_per_second + missing / 3));
            END IF;
            q.observed_at := t;
            q.overbooked := least(pace[4], q.overbooked + greatest(0, missing));
            q.level := least(pace[4], q.level - missing);
        END IF;
        IF refused IS NOT NULL THEN
            IF fact IS NULL THEN
                q.held_until := greatest(q.held_until, t + make_interval(secs => least(300, (refused #>> '{}')::double precision)));
                q.level := least(q.level, 0);
            END IF;
            -- One shortage refuses many at once. Another one soon after it, that the header does not explain, means that
            -- the rate itself is too high.
            IF (fact ->> 'remaining')::double precision < 0.1 * pace[4] THEN
                NULL;
            ELSIF q.refused_at > t - interval '10 seconds' AND q.refused_at < t - interval '1 second' THEN
                q.factor := greatest(0.1, 0.85 * least(1, q.factor + 0.01 * extract(epoch FROM t - q.refused_at)));
                q.refused_at := t;
            ELSIF q.refused_at IS NULL OR q.refused_at <= t - interval '10 seconds' THEN
                q.factor := least(1, q.factor + 0.01 * coalesce(extract(epoch FROM t - q.refused_at), 0));
                q.refused_at := t;
            END IF;
            q.refusals := q.refusals + 1;
            -- The reserve starts anew, and the call that was refused is at least what others took.
            IF fact IS NOT NULL THEN
                q.observed_since := t;
                q.foreign_per_second := least(0.9 * pace[1], q.foreign_per_second + refused_amount[k] / 3);
            END IF;
        END IF;
        UPDATE daily_runs.quota_limit l
        SET level = q.level, level_at = q.level_at, seen_per_second = q.seen_per_second, rounding = q.rounding, factor = q.factor,
            foreign_per_second = q.foreign_per_second, observed_at = q.observed_at,
            observed_since = q.observed_since, surplus = q.surplus, surplus_at = q.surplus_at, overbooked = q.overbooked,
            held_until = q.held_until,
            refusals = q.refusals, refused_at = q.refused_at
        WHERE l.limit_name = q.limit_name;
    END LOOP;
END
$$;

CREATE FUNCTION daily_runs.quota_reserve(ask jsonb) RETURNS TABLE(grant_id bigint, wait_seconds double precision, evaluation_user text)
    LANGUAGE sql
    AS $$ SELECT * FROM daily_runs.quota_reserve_v1(ask) $$;

CREATE FUNCTION daily_runs.quota_reserve_v1(ask jsonb) RETURNS TABLE(grant_id bigint, wait_seconds double precision, evaluation_user text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    t              timestamptz;
    v_holder       text := ask ->> 'holder';
    v_account      text := ask ->> 'account';
    v_lane         text := ask ->> 'lane';
    v_window       text := ask #>> '{window,name}';
    horizon        double precision := (ask ->> 'horizon_seconds')::double precision;
    promise        double precision := (ask ->> 'promise_seconds')::double precision;
    declared       timestamptz := (ask ->> 'declared_at')::timestamptz;
    v_calls        integer := jsonb_array_length(ask -> 'amounts');
    amounts        double precision[];
    names          text[];
    ours           boolean[];           -- whether the limit is the account's
    wanted         integer;
    n              integer;             -- limits; the users' own rates come after them
    rates          double precision[];
    wholes         double precision[];
    reserves       double precision[];
    caps           double precision[];
    levels         double precision[];
    helds          double precision[];
    users          text[];
    user_names     text[];
    user_rates     double precision[];
    user_caps      double precision[];
    user_levels    double precision[];
    user_helds     double precision[];
    user_rooms     integer[];
    user_used      integer[];
    user_amount    double precision := coalesce((ask #>> '{user_rate,amount}')::double precision, 0);
    lane_row       daily_runs.quota_lane%ROWTYPE;
    lane_rate      double precision;
    lane_cap       double precision;
    lane_level     double precision;
    lane_cost      double precision;
    alone          boolean;             -- nobody else asks, and idle shares are lent: the account is the only bound
    lane_spent     double precision := 0;
    waiting_since  timestamptz;
    ahead          timestamptz;
    open_room      integer;
    cost           double precision;
    moment         double precision;
    other          double precision;    -- the moment that suits all but the account and the share
    by_account     double precision;
    by_share       double precision;
    chosen         integer;
    chosen_moment  double precision;
    candidate      double precision;
    come_back      double precision;
    nobody         boolean := false;
    held_back      boolean := false;
    given          integer := 0;
    out_waits      double precision[] := '{}';
    out_users      text[] := '{}';
    out_inputs     double precision[] := '{}';
    out_outputs    double precision[] := '{}';
    i              integer;
    j              integer;
BEGIN
    SELECT array_agg(l ->> 'name' ORDER BY p), array_agg((l ->> 'account')::boolean ORDER BY p), count(*)
    INTO names, ours, n FROM jsonb_array_elements(ask -> 'limits') WITH ORDINALITY AS e (l, p);
    SELECT array_agg(u ORDER BY p), array_agg((ask #>> '{user_rate,name}') || ' of ' || u ORDER BY p)
    INTO users, user_names FROM jsonb_array_elements_text(ask -> 'users') WITH ORDINALITY AS e (u, p);
    IF ask -> 'user_rate' IS NULL THEN user_names := NULL; END IF;
    wanted := n + coalesce(cardinality(user_names), 0);

    -- The rows, in name order, so that nobody waits in a circle.
    PERFORM 1 FROM daily_runs.quota_limit WHERE limit_name = ANY (names || coalesce(user_names, '{}'))
    ORDER BY limit_name FOR UPDATE;
    GET DIAGNOSTICS i = ROW_COUNT;
    IF i < wanted THEN RAISE EXCEPTION 'quota_introduce was not called for all of %', names || user_names; END IF;
    INSERT INTO daily_runs.quota_lane AS q (account, lane, share, priority, borrows, declared_at, level_at, asked_at,
                                           use_at)
    VALUES (v_account, v_lane, (ask ->> 'share')::double precision, (ask ->> 'priority')::integer,
            (ask ->> 'borrows')::boolean, declared, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (account, lane) DO UPDATE SET asked_at = clock_timestamp(),
        declared_at = greatest(q.declared_at, EXCLUDED.declared_at),
        share = CASE WHEN EXCLUDED.declared_at >= q.declared_at THEN EXCLUDED.share ELSE q.share END,
        priority = CASE WHEN EXCLUDED.declared_at >= q.declared_at THEN EXCLUDED.priority ELSE q.priority END,
        borrows = CASE WHEN EXCLUDED.declared_at >= q.declared_at THEN EXCLUDED.borrows ELSE q.borrows END
    RETURNING q.* INTO lane_row;
    t := clock_timestamp();             -- after the locks: nobody's decision is older than the one before it

    -- A newer catalogue's figures count from now on; what is in the bucket stays.
    UPDATE daily_runs.quota_limit q
    SET level = least((daily_runs.quota_pace_v1(q, t))[4],
                      q.level + greatest(0, extract(epoch FROM t - q.level_at)) * (daily_runs.quota_pace_v1(q, t))[2]),
        level_at = t, per_second = d.per_second, burst = d.burst, declared_at = declared
    FROM (
        SELECT l ->> 'name' AS name, (l ->> 'per_second')::double precision AS per_second,
               (l ->> 'burst')::double precision AS burst FROM jsonb_array_elements(ask -> 'limits') AS l
        UNION ALL
        SELECT u, (ask #>> '{user_rate,per_second}')::double precision,
               (ask #>> '{user_rate,burst}')::double precision FROM unnest(user_names) AS u
    ) AS d
    WHERE q.limit_name = d.name AND (declared > q.declared_at OR (
        declared = q.declared_at AND (q.per_second, q.burst) IS DISTINCT FROM (d.per_second, d.burst)));

    SELECT array_agg(p.pace[1] ORDER BY o.position), array_agg(p.pace[2] ORDER BY o.position),
           array_agg(p.pace[3] ORDER BY o.position), array_agg(p.pace[4] ORDER BY o.position),
           array_agg(least(p.pace[4], q.level + greatest(0, extract(epoch FROM t - q.level_at)) * p.pace[2]) ORDER BY o.position),
           array_agg(greatest(0, coalesce(extract(epoch FROM q.held_until - t), 0)) ORDER BY o.position)
    INTO wholes, rates, reserves, caps, levels, helds
    FROM unnest(names) WITH ORDINALITY AS o (name, position)
    JOIN daily_runs.quota_limit q ON q.limit_name = o.name
    CROSS JOIN LATERAL (SELECT daily_runs.quota_pace_v1(q, t) AS pace) AS p;
    SELECT array_agg(x::double precision ORDER BY c, p) INTO amounts
    FROM jsonb_array_elements(ask -> 'amounts') WITH ORDINALITY AS e (call, c),
         jsonb_array_elements_text(call) WITH ORDINALITY AS f (x, p);

    -- Evaluation users: the room that each has in the window, and its own rate.
    IF users IS NOT NULL THEN
        SELECT array_agg(CASE WHEN v_window IS NULL THEN v_calls
                              WHEN EXISTS (SELECT FROM daily_runs.quota_spent_user s WHERE s.window_name = v_window
                                           AND s.evaluation_user = o.u AND s.until > t) THEN 0
                              ELSE greatest(0, (ask #>> '{window,calls}')::integer - w.used) END ORDER BY o.position),
               array_agg(w.used ORDER BY o.position)
        INTO user_rooms, user_used
        FROM unnest(users) WITH ORDINALITY AS o (u, position)
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS used FROM daily_runs.quota_grant g
            WHERE g.window_name = v_window AND g.evaluation_user = o.u
                  AND greatest(g.at, coalesce(g.sent_at, g.at))  -- an intent is stored ahead
                      > t - make_interval(secs => (ask #>> '{window,seconds}')::double precision)
                  AND (g.sent_at IS NOT NULL OR g.expires_at > t)
        ) AS w;
    END IF;
    IF user_names IS NOT NULL THEN
        SELECT array_agg(p.pace[2] ORDER BY o.position), array_agg(p.pace[4] ORDER BY o.position),
               array_agg(least(p.pace[4], q.level + greatest(0, extract(epoch FROM t - q.level_at)) * p.pace[2]) ORDER BY o.position),
               array_agg(greatest(0, coalesce(extract(epoch FROM q.held_until - t), 0)) ORDER BY o.position)
        INTO user_rates, user_caps, user_levels, user_helds
        FROM unnest(user_names) WITH ORDINALITY AS o (name, position)
        JOIN daily_runs.quota_limit q ON q.limit_name = o.name
        CROSS JOIN LATERAL (SELECT daily_runs.quota_pace_v1(q, t) AS pace) AS p;
    END IF;

    -- The lane's part of the account. Lanes that the account makes wait get their shares; those that it doesn't get
    -- what they take; what is left goes to the best priority among the waiting, by share. Idle: not asked for 1 s. The
    -- 2 % on top are for what calls leave of their estimates; the account's own limits bound the sum.
    SELECT CASE WHEN NOT lane_row.borrows THEN lane_row.share ELSE 1.02 * (
        lane_row.share + CASE WHEN lane_row.priority <= coalesce(min(o.priority) FILTER (WHERE o.waits), 99) THEN
            greatest(0, 1 - coalesce(sum(o.use) FILTER (WHERE NOT o.waits), 0) - lane_row.share
                        - coalesce(sum(o.share) FILTER (WHERE o.waits), 0))
            * lane_row.share / (lane_row.share + coalesce(
                sum(o.share) FILTER (WHERE o.waits AND o.priority <= lane_row.priority), 0)) ELSE 0 END) END,
        0.5, count(*) = 0 AND lane_row.borrows
    INTO lane_rate, lane_cap, alone
    FROM (
        SELECT x.share, x.priority, coalesce(x.held_back_at > t - interval '1 second', false) AS waits,
               x.use_share * exp(-extract(epoch FROM t - x.use_at) / 2) AS use
        FROM daily_runs.quota_lane x
        WHERE x.account = v_account AND x.lane <> v_lane AND x.asked_at > t - interval '1 second'
    ) AS o;
    lane_cap := greatest(lane_cap * lane_rate,  -- two calls at least, so that one that comes late loses nothing
                         2 * (SELECT max(amounts[k] / wholes[k]) FROM generate_series(1, n) AS k WHERE ours[k]));
    lane_level := least(lane_cap, lane_row.level + extract(epoch FROM t - lane_row.level_at) * lane_rate);

    -- First come, first served: who was told to come back earlier goes before us, unless it did not come.
    SELECT a.since INTO waiting_since FROM daily_runs.quota_asker a WHERE a.holder = v_holder;
    SELECT max(a.back_at) INTO ahead FROM daily_runs.quota_asker a
    WHERE a.account = v_account AND a.lane = v_lane AND a.holder <> v_holder
          AND a.since < coalesce(waiting_since, t) AND a.back_at > t - interval '0.5 second';
    IF ahead IS NOT NULL THEN
        come_back := greatest(0, extract(epoch FROM ahead - t)) + 0.01;
        v_calls := 0;
    END IF;
    IF ask -> 'in_flight' IS NOT NULL THEN
        SELECT (ask #>> '{in_flight,max}')::integer - count(*) INTO open_room FROM daily_runs.quota_grant g
        WHERE g.in_flight_name = ask #>> '{in_flight,name}' AND g.settled_at IS NULL AND g.expires_at > t;
        IF open_room < v_calls THEN
            v_calls := greatest(0, open_room);
            come_back := coalesce(come_back, horizon);
        END IF;
    END IF;

    FOR i IN 1 .. v_calls LOOP
        other := 0; by_account := 0; lane_cost := 0; chosen := NULL;
        FOR j IN 1 .. n LOOP
            cost := amounts[(i - 1) * n + j];
            moment := greatest(helds[j], (least(cost + reserves[j], caps[j]) - levels[j]) / rates[j]);
            IF ours[j] THEN
                by_account := greatest(by_account, moment);
                lane_cost := greatest(lane_cost, cost / wholes[j]);
            ELSE
                other := greatest(other, moment);
            END IF;
        END LOOP;
        by_share := CASE WHEN alone THEN 0 ELSE (least(lane_cost, lane_cap) - lane_level) / lane_rate END;
        IF users IS NOT NULL THEN       -- the most used one that can send soon, to fill one at a time; else the first to be able
            FOR j IN 1 .. cardinality(users) LOOP
                CONTINUE WHEN user_rooms[j] < 1;
                candidate := greatest(other, by_account, by_share);
                IF user_names IS NOT NULL THEN
                    candidate := greatest(candidate, user_helds[j],
                                          (least(user_amount, user_caps[j]) - user_levels[j]) / user_rates[j]);
                END IF;
                IF chosen IS NULL OR greatest(candidate, horizon) < greatest(chosen_moment, horizon)
                   OR (candidate <= greatest(chosen_moment, horizon) AND user_used[j] > user_used[chosen]) THEN
                    chosen := j; chosen_moment := candidate;
                END IF;
            END LOOP;
            IF chosen IS NULL THEN
                nobody := true; EXIT;
            END IF;
            IF chosen_moment > greatest(other, by_account, by_share) THEN other := chosen_moment; END IF;
        END IF;
        moment := greatest(0, other, by_account, by_share);
        held_back := held_back OR greatest(by_account, by_share) > greatest(other, 0.02);
        IF moment > horizon AND (i > 1 OR greatest(other, by_share) > horizon OR moment > promise) THEN
            come_back := greatest(moment - horizon / 2, 0.001); EXIT;
        END IF;
        -- Book: at the moment of sending the bucket holds what it can hold then, less this call.
        FOR j IN 1 .. n LOOP
            levels[j] := least(caps[j], levels[j] + rates[j] * moment) - rates[j] * moment - amounts[(i - 1) * n + j];
        END LOOP;
        IF NOT alone THEN
            lane_level := least(lane_cap, lane_level + lane_rate * moment) - lane_rate * moment - lane_cost;
        END IF;
        lane_spent := lane_spent + lane_cost;
        IF chosen IS NOT NULL THEN
            user_rooms[chosen] := user_rooms[chosen] - 1; user_used[chosen] := user_used[chosen] + 1;
            IF user_names IS NOT NULL THEN
                user_levels[chosen] := least(user_caps[chosen], user_levels[chosen] + user_rates[chosen] * moment)
                                       - user_rates[chosen] * moment - user_amount;
            END IF;
        END IF;
        given := i;
        out_waits := out_waits || moment;
        out_users := out_users || CASE WHEN chosen IS NOT NULL THEN users[chosen] END;
        out_inputs := out_inputs || (ask -> 'tokens' -> (i - 1) ->> 0)::double precision;
        out_outputs := out_outputs || (ask -> 'tokens' -> (i - 1) ->> 1)::double precision;
    END LOOP;

    IF given > 0 THEN
        UPDATE daily_runs.quota_limit q SET level = x.level, level_at = t
        FROM unnest(names, levels) AS x (name, level) WHERE q.limit_name = x.name;
        IF user_names IS NOT NULL THEN
            UPDATE daily_runs.quota_limit q SET level = x.level, level_at = t
            FROM unnest(user_names, user_levels) AS x (name, level) WHERE q.limit_name = x.name;
        END IF;
    END IF;
    UPDATE daily_runs.quota_lane q SET level = lane_level, level_at = t,
        held_back_at = CASE WHEN held_back THEN t ELSE q.held_back_at END,
        use_share = CASE WHEN q.use_share < 1e-9 THEN 0 ELSE q.use_share * exp(greatest(-50, -extract(epoch FROM t - q.use_at) / 2)::double precision) END
                    + lane_spent / 2, use_at = t
    WHERE q.account = v_account AND q.lane = v_lane;
    IF come_back > 2 THEN come_back := 2; END IF;       -- by then the limit may be another, or who is ahead dead
    IF come_back IS NOT NULL AND NOT nobody THEN
        INSERT INTO daily_runs.quota_asker AS a (holder, account, lane, since, back_at)
        VALUES (v_holder, v_account, v_lane, t, t + make_interval(secs => come_back))
        ON CONFLICT (holder) DO UPDATE SET back_at = EXCLUDED.back_at, account = EXCLUDED.account, lane = EXCLUDED.lane,
            since = CASE WHEN given > 0 THEN EXCLUDED.since ELSE a.since END;
    ELSIF waiting_since IS NOT NULL THEN
        DELETE FROM daily_runs.quota_asker a WHERE a.holder = v_holder;
    END IF;

    RETURN QUERY
    WITH granted AS (
        INSERT INTO daily_runs.quota_grant AS g (holder, account, lane, window_name, evaluation_user, in_flight_name,
                                                 input_tokens, output_tokens, at, expires_at)
        SELECT v_holder, v_account, v_lane, v_window, x.u, ask #>> '{in_flight,name}', x.input_tokens, x.output_tokens,
               t + make_interval(secs => x.wait),
               t + make_interval(secs => x.wait + (ask ->> 'lease_seconds')::double precision)
        FROM unnest(out_waits, out_users, out_inputs, out_outputs) WITH ORDINALITY
             AS x (wait, u, input_tokens, output_tokens, position)
        ORDER BY x.position
        RETURNING g.grant_id, g.at, g.evaluation_user
    )
    SELECT g.grant_id, extract(epoch FROM g.at - t)::double precision, g.evaluation_user FROM granted g
    ORDER BY g.grant_id;
    IF nobody OR come_back IS NOT NULL THEN
        RETURN QUERY SELECT NULL::bigint, CASE WHEN NOT nobody THEN come_back END, NULL::text;
    END IF;
END
$$;

CREATE FUNCTION daily_runs.verdict_payer_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.paid_by := (
        SELECT j.attempt_id FROM daily_runs.judgement j JOIN daily_runs.attempt t USING (attempt_id)
        WHERE j.verdict_key = coalesce(NEW.repeat_of, NEW.verdict_key)
        ORDER BY j.status = 'sent' DESC, t.started_at DESC LIMIT 1);
    RETURN NEW;
END $$;

CREATE TABLE daily_runs.alarm (
    alarm_id bigint NOT NULL,
    feature text NOT NULL,
    environment text NOT NULL,
    comparability_key text NOT NULL,
    kind text NOT NULL,
    since_run_key text NOT NULL,
    last_run_key text NOT NULL,
    size double precision NOT NULL,
    worst_class text,
    reason text NOT NULL,
    changed jsonb NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by text,
    resolution text,
    CONSTRAINT alarm_check CHECK (((state = 'open'::text) = (resolved_at IS NULL))),
    CONSTRAINT alarm_check1 CHECK (((state = 'open'::text) OR ((resolved_by <> ''::text) AND (resolution <> ''::text)))),
    CONSTRAINT alarm_kind_check CHECK ((kind = ANY (ARRAY['drift'::text, 'warning'::text, 'page'::text]))),
    CONSTRAINT alarm_state_check CHECK ((state = ANY (ARRAY['open'::text, 'real'::text, 'false'::text, 'accepted'::text])))
);

CREATE VIEW contract.alarms_v1 AS
 SELECT alarm_id,
    feature,
    environment,
    comparability_key,
    kind,
    since_run_key,
    last_run_key,
    size,
    worst_class,
    reason,
    changed,
    state,
    raised_at,
    resolved_at,
    resolved_by,
    resolution
   FROM daily_runs.alarm;

COMMENT ON VIEW contract.alarms_v1 IS 'Alarms over a feature in an environment: a drift, or daily means under a line. Key: alarm_id.';

COMMENT ON COLUMN contract.alarms_v1.alarm_id IS 'Number of the alarm';

COMMENT ON COLUMN contract.alarms_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.alarms_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.alarms_v1.comparability_key IS 'The stream whose runs raised it';

COMMENT ON COLUMN contract.alarms_v1.kind IS 'drift: the level lies below its reference; warning: three daily means under target_score; page: a daily mean under 0.75';

COMMENT ON COLUMN contract.alarms_v1.since_run_key IS 'The run with which it began';

COMMENT ON COLUMN contract.alarms_v1.last_run_key IS 'The run that raised it last';

COMMENT ON COLUMN contract.alarms_v1.size IS 'How far the mean since then lies below the reference or the line, in points of the 0 to 1 scale';

COMMENT ON COLUMN contract.alarms_v1.worst_class IS 'The class that fell most. Null: none is known';

COMMENT ON COLUMN contract.alarms_v1.reason IS 'The alarm in a sentence';

COMMENT ON COLUMN contract.alarms_v1.changed IS 'What is not as in the reference: name to [then, now]';

COMMENT ON COLUMN contract.alarms_v1.state IS 'open, or what somebody said it was: real, false, or accepted (a new reference begins there)';

COMMENT ON COLUMN contract.alarms_v1.raised_at IS 'When it was raised, UTC';

COMMENT ON COLUMN contract.alarms_v1.resolved_at IS 'When it was resolved, UTC. Null: open';

COMMENT ON COLUMN contract.alarms_v1.resolved_by IS 'Who resolved it. Null: open';

COMMENT ON COLUMN contract.alarms_v1.resolution IS 'Why. Null: open';

CREATE TABLE daily_runs.answer (
    attempt_id uuid NOT NULL,
    prompt_id text NOT NULL,
    item_id text NOT NULL,
    shard integer NOT NULL,
    status text DEFAULT 'planned'::text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    evaluation_user text,
    ticket jsonb,
    sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    answer text,
    serving_provider text,
    serving_model text,
    input_tokens integer,
    output_tokens integer,
    error_hop text,
    error_kind text,
    error_blame text,
    error_evidence text,
    facts jsonb,
    CONSTRAINT answer_check CHECK (((status = 'answered'::text) = (answer IS NOT NULL))),
    CONSTRAINT answer_check1 CHECK (((status = 'failed'::text) = (error_kind IS NOT NULL))),
    CONSTRAINT answer_error_blame_check CHECK ((error_blame = ANY (ARRAY['provider'::text, 'own_system'::text, 'rate_limit'::text]))),
    CONSTRAINT answer_status_check CHECK ((status = ANY (ARRAY['planned'::text, 'sent'::text, 'answered'::text, 'failed'::text])))
);
ALTER TABLE ONLY daily_runs.answer ALTER COLUMN attempt_id SET STATISTICS 0;

CREATE TABLE daily_runs.attempt (
    attempt_id uuid DEFAULT gen_random_uuid() NOT NULL,
    run_key text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    plan_hash text NOT NULL,
    asked integer NOT NULL,
    shards integer NOT NULL,
    provenance text NOT NULL,
    dataset_sha256 text NOT NULL,
    rubric_version text NOT NULL,
    judge_model text NOT NULL,
    gated_sha256 text,
    airflow_run_id text,
    note text DEFAULT ''::text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    redo text DEFAULT 'all'::text NOT NULL,
    taken_over_from uuid,
    selection_sha256 text,
    judging_id uuid,
    judge_repeats integer DEFAULT 1 NOT NULL,
    judge_effort text,
    judge_thinking text,
    prompt_template text,
    CONSTRAINT attempt_asked_check CHECK ((asked > 0)),
    CONSTRAINT attempt_judge_repeats_check CHECK ((judge_repeats > 0)),
    CONSTRAINT attempt_provenance_check CHECK ((provenance = ANY (ARRAY['live'::text, 'sandbox'::text]))),
    CONSTRAINT attempt_redo_check CHECK ((redo = ANY (ARRAY['all'::text, 'missing_answers'::text, 'judge_again'::text, 'gate_and_publish'::text]))),
    CONSTRAINT attempt_shards_check CHECK ((shards > 0)),
    CONSTRAINT attempt_status_check CHECK ((status = ANY (ARRAY['running'::text, 'quarantined'::text, 'published'::text, 'superseded'::text])))
);

CREATE TABLE daily_runs.gate_result (
    attempt_id uuid NOT NULL,
    expectation text NOT NULL,
    passed boolean NOT NULL,
    observed text NOT NULL,
    required text NOT NULL,
    checked_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE daily_runs.judgement (
    attempt_id uuid NOT NULL,
    prompt_id text NOT NULL,
    verdict_key text NOT NULL,
    status text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    error_hop text,
    error_kind text,
    settled_at timestamp with time zone,
    sent_at timestamp with time zone DEFAULT now(),
    CONSTRAINT judgement_check CHECK (((status = 'unscored'::text) = (error_kind IS NOT NULL))),
    CONSTRAINT judgement_status_check CHECK ((status = ANY (ARRAY['sent'::text, 'scored'::text, 'unscored'::text])))
);
ALTER TABLE ONLY daily_runs.judgement ALTER COLUMN attempt_id SET STATISTICS 0;

CREATE TABLE daily_runs.limit_probe (
    probe_id bigint NOT NULL,
    attempt_id uuid,
    environment text NOT NULL,
    hop text NOT NULL,
    limit_name text NOT NULL,
    allowed double precision,
    needed double precision NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    verdict text NOT NULL,
    evidence text NOT NULL,
    probed_at timestamp with time zone DEFAULT now() NOT NULL,
    feature text NOT NULL,
    remedy text DEFAULT ''::text NOT NULL,
    owner text DEFAULT ''::text NOT NULL,
    binds boolean DEFAULT false NOT NULL,
    CONSTRAINT limit_probe_source_check CHECK ((source = ANY (ARRAY['measured'::text, 'catalogue'::text]))),
    CONSTRAINT limit_probe_verdict_check CHECK ((verdict = ANY (ARRAY['fits'::text, 'too_low'::text, 'unknown'::text])))
);

CREATE TABLE daily_runs.run (
    run_key text NOT NULL,
    feature text NOT NULL,
    environment text NOT NULL,
    logical_date timestamp with time zone NOT NULL,
    sample text DEFAULT ''::text NOT NULL,
    CONSTRAINT run_sample_check CHECK ((sample ~ '^(|[0-9a-f]{8}|([0-9a-f]{8}/)?rubric-[0-9a-f]{12})$'::text))
);

CREATE TABLE daily_runs.stage_report (
    attempt_id uuid NOT NULL,
    stage text NOT NULL,
    shard integer NOT NULL,
    asked integer NOT NULL,
    answered integer NOT NULL,
    failed integer NOT NULL,
    missing integer NOT NULL,
    seconds double precision NOT NULL,
    details jsonb NOT NULL,
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT stage_report_check CHECK ((asked = ((answered + failed) + missing)))
);

CREATE VIEW contract.attempts_v1 AS
 SELECT t.run_key,
    t.attempt_id,
        CASE
            WHEN (r.sample = ''::text) THEN 'full'::text
            WHEN (r.sample ~~ '%rubric-%'::text) THEN 'trial'::text
            ELSE 'sample'::text
        END AS kind,
    r.feature,
    r.environment,
    r.logical_date,
    t.provenance,
    t.status AS outcome,
        CASE t.status
            WHEN 'quarantined'::text THEN g.failing
            WHEN 'superseded'::text THEN (('attempt '::text || n.attempt_id) || ' took its place'::text)
            WHEN 'running'::text THEN l.too_low
            ELSE NULL::text
        END AS reason,
    g.results AS gate_results,
    t.airflow_run_id AS dag_run_id,
    t.note,
    t.redo AS rerun,
    t.taken_over_from,
    t.asked,
    a.answered,
    a.failed,
    ((t.asked - a.answered) - a.failed) AS unsettled,
    j.scored,
    j.unscored,
    s.stages,
    t.dataset_sha256,
    t.rubric_version,
    t.judge_model,
    t.started_at,
    t.ended_at
   FROM (((((((daily_runs.attempt t
     JOIN daily_runs.run r USING (run_key))
     LEFT JOIN LATERAL ( SELECT string_agg(((((gate_result.expectation || ': '::text) || gate_result.observed) || ', required '::text) || gate_result.required), '; '::text ORDER BY gate_result.expectation) FILTER (WHERE (NOT gate_result.passed)) AS failing,
            jsonb_agg(jsonb_build_object('expectation', gate_result.expectation, 'passed', gate_result.passed, 'observed', gate_result.observed, 'required', gate_result.required) ORDER BY gate_result.passed, gate_result.expectation) AS results
           FROM daily_runs.gate_result
          WHERE (gate_result.attempt_id = t.attempt_id)) g ON (true))
     LEFT JOIN LATERAL ( SELECT attempt.attempt_id
           FROM daily_runs.attempt
          WHERE ((attempt.run_key = t.run_key) AND (attempt.started_at > t.started_at))
          ORDER BY attempt.started_at
         LIMIT 1) n ON (true))
     LEFT JOIN LATERAL ( SELECT string_agg(((((((((limit_probe.hop || ': '::text) || limit_probe.limit_name) || ' allows '::text) || limit_probe.allowed) || ' '::text) || limit_probe.unit) || ', needed '::text) || limit_probe.needed), '; '::text ORDER BY limit_probe.hop, limit_probe.limit_name) AS too_low
           FROM daily_runs.limit_probe
          WHERE ((limit_probe.attempt_id = t.attempt_id) AND (limit_probe.verdict = 'too_low'::text))) l ON (true))
     LEFT JOIN LATERAL ( SELECT (count(*) FILTER (WHERE (answer.status = 'answered'::text)))::integer AS answered,
            (count(*) FILTER (WHERE (answer.status = 'failed'::text)))::integer AS failed
           FROM daily_runs.answer
          WHERE (answer.attempt_id = t.attempt_id)) a ON (true))
     LEFT JOIN LATERAL ( SELECT (count(*) FILTER (WHERE (judgement.status = 'scored'::text)))::integer AS scored,
            (count(*) FILTER (WHERE (judgement.status = 'unscored'::text)))::integer AS unscored
           FROM daily_runs.judgement
          WHERE (judgement.attempt_id = t.attempt_id)) j ON (true))
     LEFT JOIN LATERAL ( SELECT jsonb_object_agg(by_stage.stage, by_stage.told) AS stages
           FROM ( SELECT stage_report.stage,
                    jsonb_build_object('asked', sum(stage_report.asked), 'answered', sum(stage_report.answered), 'failed', sum(stage_report.failed), 'missing', sum(stage_report.missing), 'tasks', count(*), 'longest_seconds', max(stage_report.seconds), 'ended_at', max(stage_report.ended_at)) AS told
                   FROM daily_runs.stage_report
                  WHERE (stage_report.attempt_id = t.attempt_id)
                  GROUP BY stage_report.stage) by_stage) s ON (true));

COMMENT ON VIEW contract.attempts_v1 IS 'Every attempt with its outcome, published or not; no promise of sound figures. Key: attempt_id.';

COMMENT ON COLUMN contract.attempts_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.attempts_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.attempts_v1.kind IS 'full: all prompts of the feature''s run; sample: some of them; trial: the answers of a run or sample judged by another rubric';

COMMENT ON COLUMN contract.attempts_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.attempts_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.attempts_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.attempts_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.attempts_v1.outcome IS 'running (or broken off), quarantined (failed the gate), published, or superseded (another took its place)';

COMMENT ON COLUMN contract.attempts_v1.reason IS 'Why it is not published: what failed the gate, which attempt took its place, which limit is too low. Null: published, or nothing is known';

COMMENT ON COLUMN contract.attempts_v1.gate_results IS 'What the gate found: a list of expectation, passed, observed, required, failures first. Null: the gate has not run';

COMMENT ON COLUMN contract.attempts_v1.dag_run_id IS 'Airflow''s DAG run that opened it. Null: the command line did';

COMMENT ON COLUMN contract.attempts_v1.note IS 'What the person who started it wrote; may be empty';

COMMENT ON COLUMN contract.attempts_v1.rerun IS 'What it did anew: all, missing_answers, judge_again or gate_and_publish';

COMMENT ON COLUMN contract.attempts_v1.taken_over_from IS 'The attempt whose rows a rerun took over. Null: it asked all itself';

COMMENT ON COLUMN contract.attempts_v1.asked IS 'Prompts asked';

COMMENT ON COLUMN contract.attempts_v1.answered IS 'Prompts with an answer so far';

COMMENT ON COLUMN contract.attempts_v1.failed IS 'Prompts that have failed so far';

COMMENT ON COLUMN contract.attempts_v1.unsettled IS 'Prompts that have neither yet';

COMMENT ON COLUMN contract.attempts_v1.scored IS 'Answers with a verdict so far';

COMMENT ON COLUMN contract.attempts_v1.unscored IS 'Answers that could not be judged';

COMMENT ON COLUMN contract.attempts_v1.stages IS 'By stage: counts, tasks, seconds of the longest task by the worker''s clock, when the last one ended. Null: no stage has ended';

COMMENT ON COLUMN contract.attempts_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';

COMMENT ON COLUMN contract.attempts_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.attempts_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.attempts_v1.started_at IS 'When it was opened, UTC';

COMMENT ON COLUMN contract.attempts_v1.ended_at IS 'When it was published, quarantined or superseded, UTC. Null: not yet';

CREATE TABLE daily_runs.comparison (
    run_key text NOT NULL,
    against text NOT NULL,
    part text NOT NULL,
    treatment text NOT NULL,
    verdict text,
    estimate double precision,
    low double precision,
    high double precision,
    smallest_visible_drop double precision,
    compared_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT comparison_verdict_check CHECK ((verdict = ANY (ARRAY['below_floor'::text, 'regressed'::text, 'improved'::text, 'no_worse'::text, 'inconclusive'::text, 'incomparable'::text])))
);

CREATE TABLE daily_runs.published_run (
    run_key text NOT NULL,
    attempt_id uuid NOT NULL,
    feature text NOT NULL,
    environment text NOT NULL,
    logical_date timestamp with time zone NOT NULL,
    provenance text NOT NULL,
    asked integer NOT NULL,
    answered integer NOT NULL,
    failed integer NOT NULL,
    scored integer NOT NULL,
    unscored integer NOT NULL,
    mean_score double precision NOT NULL,
    score_std double precision NOT NULL,
    mean_score_low double precision NOT NULL,
    mean_score_high double precision NOT NULL,
    dataset_sha256 text NOT NULL,
    rubric_version text NOT NULL,
    judge_model text NOT NULL,
    rows_sha256 text NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    sample text DEFAULT ''::text NOT NULL,
    selection_sha256 text,
    comparability_key text,
    ruler jsonb DEFAULT '{}'::jsonb NOT NULL,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    populations jsonb DEFAULT '[]'::jsonb NOT NULL,
    items integer,
    classes integer,
    item_mean double precision,
    item_mean_low double precision,
    item_mean_high double precision,
    new_classes_low double precision,
    new_classes_high double precision,
    missing_at_worst double precision,
    missing_at_best double precision,
    verdict text,
    verdict_reason text,
    changed jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT published_run_check CHECK ((asked = (answered + failed))),
    CONSTRAINT published_run_check1 CHECK ((answered = (scored + unscored))),
    CONSTRAINT published_run_provenance_check CHECK ((provenance = ANY (ARRAY['live'::text, 'sandbox'::text]))),
    CONSTRAINT published_run_verdict_check CHECK ((verdict = ANY (ARRAY['below_floor'::text, 'regressed'::text, 'improved'::text, 'no_worse'::text, 'inconclusive'::text, 'incomparable'::text])))
);

CREATE VIEW contract.comparisons_v1 AS
 SELECT c.run_key,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    c.against,
    c.part,
    c.treatment,
    c.verdict,
    c.estimate,
    c.low,
    c.high,
    c.smallest_visible_drop,
    c.compared_at
   FROM (daily_runs.comparison c
     JOIN daily_runs.published_run p USING (run_key));

COMMENT ON VIEW contract.comparisons_v1 IS 'Published runs against the reference of their stream or against another run, one row a part. Key: run_key, against, part.';

COMMENT ON COLUMN contract.comparisons_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.comparisons_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.comparisons_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.comparisons_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.comparisons_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.comparisons_v1.against IS 'reference: the mean of the first 14 runs of its stream; else the key of the other run';

COMMENT ON COLUMN contract.comparisons_v1.part IS 'Empty: the whole; a class; or criterion and its name';

COMMENT ON COLUMN contract.comparisons_v1.treatment IS 'What is meant to differ: date, environment, provider or build';

COMMENT ON COLUMN contract.comparisons_v1.verdict IS 'Of the whole: as in runs_v2; of a part: regressed. Null: the part did not regress by itself';

COMMENT ON COLUMN contract.comparisons_v1.estimate IS 'This run minus the other, in points of the 0 to 1 scale. Null: they cannot be compared';

COMMENT ON COLUMN contract.comparisons_v1.low IS 'Lower end of its 95 % confidence interval, run effect included. Null: as for estimate';

COMMENT ON COLUMN contract.comparisons_v1.high IS 'Upper end of its 95 % confidence interval, run effect included. Null: as for estimate';

COMMENT ON COLUMN contract.comparisons_v1.smallest_visible_drop IS 'The drop that would be called regressed in 80 % of such runs; of a part: if it fell alone. Null: none would be (too few items), a part that was compared before this was kept, or incomparable';

COMMENT ON COLUMN contract.comparisons_v1.compared_at IS 'When it was computed, UTC';

CREATE VIEW daily_runs.asked_once AS
 SELECT t.attempt_id,
    t.run_key,
    t.provenance,
    r.feature,
    r.environment,
    a.prompt_id,
    a.status,
    a.sent_at,
    a.settled_at,
    GREATEST(a.tries, others.tries) AS tries,
    a.serving_model,
    a.input_tokens,
    a.output_tokens,
    a.error_hop,
    a.error_kind,
    a.error_blame
   FROM (((daily_runs.answer a
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
     LEFT JOIN LATERAL ( SELECT max(b.tries) AS tries,
            bool_or((ROW(COALESCE(b.settled_at, 'infinity'::timestamp with time zone), u.started_at, u.attempt_id) < ROW(COALESCE(a.settled_at, 'infinity'::timestamp with time zone), t.started_at, t.attempt_id))) AS came_first
           FROM (daily_runs.attempt u
             JOIN daily_runs.answer b ON (((b.attempt_id = u.attempt_id) AND (b.prompt_id = a.prompt_id))))
          WHERE ((u.run_key = ANY (ARRAY[t.run_key, split_part(t.run_key, '/rubric-'::text, 1)])) AND (u.attempt_id <> t.attempt_id) AND (b.status <> 'planned'::text) AND (NOT (COALESCE(b.sent_at, b.settled_at) IS DISTINCT FROM COALESCE(a.sent_at, a.settled_at))))) others ON (true))
  WHERE ((a.status <> 'planned'::text) AND (others.came_first IS NOT TRUE));

CREATE TABLE daily_runs.attempt_terms (
    attempt_id uuid NOT NULL,
    team text NOT NULL,
    time_scale double precision NOT NULL,
    answer_model text,
    answer_input_tokens double precision NOT NULL,
    answer_output_tokens double precision NOT NULL,
    answer_input_usd double precision,
    answer_output_usd double precision,
    verdict_model text NOT NULL,
    verdict_input_tokens double precision NOT NULL,
    verdict_output_tokens double precision NOT NULL,
    verdict_input_usd double precision,
    verdict_output_usd double precision,
    prices_as_of date,
    prices_verified boolean,
    second_model text,
    second_input_usd double precision,
    second_output_usd double precision,
    CONSTRAINT attempt_terms_time_scale_check CHECK ((time_scale > (0)::double precision))
);

CREATE TABLE daily_runs.frozen_judging (
    frozen_judging_id uuid DEFAULT gen_random_uuid() NOT NULL,
    frozen_key text NOT NULL,
    feature text NOT NULL,
    attempt_id uuid NOT NULL,
    rubric_version text NOT NULL,
    judge_model text NOT NULL,
    judge_effort text,
    judge_thinking text,
    prompt_template text NOT NULL,
    answers_sha256 text NOT NULL,
    began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE daily_runs.frozen_verdict (
    frozen_judging_id uuid NOT NULL,
    frozen_id text NOT NULL,
    item_id text NOT NULL,
    made text NOT NULL,
    expected jsonb NOT NULL,
    status text DEFAULT 'planned'::text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    points jsonb,
    score double precision,
    reasons text,
    input_tokens integer,
    output_tokens integer,
    answered_by text,
    sdk_version text,
    error_hop text,
    error_kind text,
    settled_at timestamp with time zone,
    CONSTRAINT frozen_verdict_check CHECK (((status = 'scored'::text) = ((points IS NOT NULL) AND (score IS NOT NULL)))),
    CONSTRAINT frozen_verdict_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT frozen_verdict_status_check CHECK ((status = ANY (ARRAY['planned'::text, 'sent'::text, 'scored'::text, 'unscored'::text])))
);

CREATE TABLE daily_runs.given_up_call (
    attempt_id uuid NOT NULL,
    prompt_id text NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    tries integer NOT NULL,
    CONSTRAINT given_up_call_tries_check CHECK ((tries > 0))
);

CREATE TABLE daily_runs.second_verdict (
    judging_id uuid NOT NULL,
    prompt_id text NOT NULL,
    judge_model text NOT NULL,
    attempt_id uuid NOT NULL,
    status text NOT NULL,
    tries integer NOT NULL,
    points jsonb,
    score double precision,
    answered_by text,
    input_tokens integer,
    output_tokens integer,
    error_kind text,
    settled_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT second_verdict_status_check CHECK ((status = ANY (ARRAY['sent'::text, 'scored'::text, 'unscored'::text])))
);

CREATE TABLE daily_runs.verdict (
    verdict_key text NOT NULL,
    rubric_version text NOT NULL,
    judge_model text NOT NULL,
    reasons text NOT NULL,
    scores jsonb NOT NULL,
    score double precision NOT NULL,
    input_tokens integer,
    output_tokens integer,
    judged_at timestamp with time zone DEFAULT now() NOT NULL,
    repeat integer DEFAULT 1 NOT NULL,
    repeat_of text,
    tries integer DEFAULT 1 NOT NULL,
    answered_by text,
    judge_effort text,
    judge_thinking text,
    prompt_template text,
    sdk_version text,
    paid_by uuid,
    CONSTRAINT verdict_repeat_check CHECK ((repeat > 0)),
    CONSTRAINT verdict_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision)))
);

CREATE VIEW daily_runs.judge_calls AS
 SELECT v.paid_by AS attempt_id,
    t.provenance,
    r.feature,
    r.environment,
    v.judge_model,
    v.judged_at AS ended_at,
    v.tries,
    v.input_tokens,
    v.output_tokens,
    false AS by_second
   FROM ((daily_runs.verdict v
     JOIN daily_runs.attempt t ON ((t.attempt_id = v.paid_by)))
     JOIN daily_runs.run r USING (run_key))
UNION ALL
 SELECT j.attempt_id,
    t.provenance,
    r.feature,
    r.environment,
    t.judge_model,
    COALESCE(j.settled_at, j.sent_at) AS ended_at,
    j.tries,
    NULL::integer AS input_tokens,
    NULL::integer AS output_tokens,
    false AS by_second
   FROM ((daily_runs.judgement j
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
  WHERE ((j.status <> 'scored'::text) AND (j.tries > 0) AND (NOT (EXISTS ( SELECT
           FROM (daily_runs.judgement o
             JOIN daily_runs.attempt u USING (attempt_id))
          WHERE ((o.verdict_key = j.verdict_key) AND (o.settled_at = j.settled_at) AND (ROW(u.started_at, u.attempt_id) < ROW(t.started_at, t.attempt_id)))))))
UNION ALL
 SELECT g.attempt_id,
    t.provenance,
    r.feature,
    r.environment,
    t.judge_model,
    g.ended_at,
    g.tries,
    NULL::integer AS input_tokens,
    NULL::integer AS output_tokens,
    false AS by_second
   FROM ((daily_runs.given_up_call g
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
UNION ALL
 SELECT g.attempt_id,
    t.provenance,
    r.feature,
    r.environment,
    g.judge_model,
    COALESCE(f.settled_at, g.began_at) AS ended_at,
    f.tries,
    f.input_tokens,
    f.output_tokens,
    false AS by_second
   FROM (((daily_runs.frozen_verdict f
     JOIN daily_runs.frozen_judging g USING (frozen_judging_id))
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
  WHERE (f.tries > 0)
UNION ALL
 SELECT s.attempt_id,
    t.provenance,
    r.feature,
    r.environment,
    s.judge_model,
    s.settled_at AS ended_at,
    s.tries,
    s.input_tokens,
    s.output_tokens,
    true AS by_second
   FROM ((daily_runs.second_verdict s
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
  WHERE (s.tries > 0);

CREATE VIEW contract.costs_v1 AS
 SELECT day,
    feature,
    environment,
    provenance,
    team,
    stage,
    model,
    serving_model,
    basis,
    (sum(calls))::integer AS calls,
    sum(((calls)::double precision * input_each)) AS input_tokens,
    sum(((calls)::double precision * output_each)) AS output_tokens,
    (sum(((calls)::double precision * ((input_each * input_usd) + (output_each * output_usd)))) / (1000000)::double precision) AS usd,
    prices_as_of,
    prices_verified
   FROM ( SELECT ((COALESCE(a.settled_at, a.sent_at) AT TIME ZONE 'UTC'::text))::date AS day,
            a.feature,
            a.environment,
            a.provenance,
            w.team,
            'inference'::text AS stage,
            w.answer_model AS model,
            a.serving_model,
            c.basis,
            c.calls,
            c.input_each,
            c.output_each,
            w.answer_input_usd AS input_usd,
            w.answer_output_usd AS output_usd,
            w.prices_as_of,
            w.prices_verified
           FROM ((daily_runs.asked_once a
             LEFT JOIN daily_runs.attempt_terms w USING (attempt_id))
             CROSS JOIN LATERAL ( SELECT
                        CASE
                            WHEN ((a.input_tokens IS NOT NULL) AND (a.output_tokens IS NOT NULL)) THEN 'measured'::text
                            ELSE 'estimate'::text
                        END AS "case",
                    1 AS "?column?",
                    COALESCE((a.input_tokens)::double precision, w.answer_input_tokens) AS "coalesce",
                    COALESCE((a.output_tokens)::double precision, w.answer_output_tokens) AS "coalesce"
                UNION ALL
                 SELECT 'estimate'::text,
                    (a.tries - 1),
                    w.answer_input_tokens,
                    w.answer_output_tokens
                  WHERE (a.tries > 1)) c(basis, calls, input_each, output_each))
          WHERE ((a.sent_at IS NOT NULL) OR (a.tries > 0))
        UNION ALL
         SELECT ((v.ended_at AT TIME ZONE 'UTC'::text))::date AS timezone,
            v.feature,
            v.environment,
            v.provenance,
            w.team,
            'judging'::text,
            v.judge_model,
            NULL::text,
            c.basis,
            c.calls,
            c.input_each,
            c.output_each,
                CASE v.judge_model
                    WHEN w.verdict_model THEN w.verdict_input_usd
                    WHEN w.second_model THEN w.second_input_usd
                    ELSE NULL::double precision
                END AS "case",
                CASE v.judge_model
                    WHEN w.verdict_model THEN w.verdict_output_usd
                    WHEN w.second_model THEN w.second_output_usd
                    ELSE NULL::double precision
                END AS "case",
            w.prices_as_of,
            w.prices_verified
           FROM ((daily_runs.judge_calls v
             LEFT JOIN daily_runs.attempt_terms w USING (attempt_id))
             CROSS JOIN LATERAL ( SELECT
                        CASE
                            WHEN ((v.input_tokens IS NOT NULL) AND (v.output_tokens IS NOT NULL)) THEN 'measured'::text
                            ELSE 'estimate'::text
                        END AS "case",
                    1 AS "?column?",
                    COALESCE((v.input_tokens)::double precision, w.verdict_input_tokens) AS "coalesce",
                    COALESCE((v.output_tokens)::double precision, w.verdict_output_tokens) AS "coalesce"
                UNION ALL
                 SELECT 'estimate'::text,
                    (v.tries - 1),
                    w.verdict_input_tokens,
                    w.verdict_output_tokens
                  WHERE (v.tries > 1)) c(basis, calls, input_each, output_each))) paid
  GROUP BY day, feature, environment, provenance, team, stage, model, serving_model, basis, prices_as_of, prices_verified;

COMMENT ON VIEW contract.costs_v1 IS 'Tokens and list-price USD of all attempts'' calls by day. Frozen answers count for the run that had them judged. Not in it: the judge''s trials before a run';

COMMENT ON COLUMN contract.costs_v1.day IS 'The day on which the calls ended, UTC';

COMMENT ON COLUMN contract.costs_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.costs_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.costs_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.costs_v1.team IS 'The feature''s team when the attempt was opened. Null: an attempt opened before this was kept';

COMMENT ON COLUMN contract.costs_v1.stage IS 'inference (a prompt''s answer) or judging (calls for a verdict, on frozen answers too)';

COMMENT ON COLUMN contract.costs_v1.model IS 'inference: the model that the price list assumes; judging: the judge. Null: there was no price list, or an attempt opened before this was kept';

COMMENT ON COLUMN contract.costs_v1.serving_model IS 'The model that the path said had answered. Null: the path does not tell';

COMMENT ON COLUMN contract.costs_v1.basis IS 'measured: the tokens are those that the path told; estimate: the catalogue''s expectation. The USD are list prices in both';

COMMENT ON COLUMN contract.costs_v1.calls IS 'Calls; all tries count, those that failed as estimates';

COMMENT ON COLUMN contract.costs_v1.input_tokens IS 'Input tokens. Null: an estimate of an attempt opened before this was kept';

COMMENT ON COLUMN contract.costs_v1.output_tokens IS 'Output tokens. Null: as for input_tokens';

COMMENT ON COLUMN contract.costs_v1.usd IS 'What these tokens cost by the price list of the attempt; nobody pays for a sandbox''s. Null: no price is known';

COMMENT ON COLUMN contract.costs_v1.prices_as_of IS 'The day of the price list. Null: there was none';

COMMENT ON COLUMN contract.costs_v1.prices_verified IS 'Whether somebody compared the prices with a bill. Null: there was no price list';

CREATE TABLE daily_runs.published_failure (
    run_key text NOT NULL,
    prompt_id text NOT NULL,
    item_id text NOT NULL,
    error_hop text NOT NULL,
    error_kind text NOT NULL,
    error_blame text NOT NULL
);

CREATE VIEW contract.failures_v1 AS
 SELECT f.run_key,
    p.attempt_id,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    f.prompt_id,
    f.item_id,
    f.error_hop,
    f.error_kind,
    f.error_blame
   FROM (daily_runs.published_failure f
     JOIN daily_runs.published_run p USING (run_key))
  WHERE (p.sample = ''::text);

COMMENT ON VIEW contract.failures_v1 IS 'Prompts of published runs without an answer, one row a prompt. Key: run_key, prompt_id.';

COMMENT ON COLUMN contract.failures_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.failures_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.failures_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.failures_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.failures_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.failures_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.failures_v1.prompt_id IS 'item#n: the item, asked for the n-th time';

COMMENT ON COLUMN contract.failures_v1.item_id IS 'The data set''s item';

COMMENT ON COLUMN contract.failures_v1.error_hop IS 'Who refused or failed: client, cloudflare, load_balancer, gitlab, ai_gateway, model_vendor or unknown';

COMMENT ON COLUMN contract.failures_v1.error_kind IS 'What happened; the kinds are in docs/runbooks/calls.md';

COMMENT ON COLUMN contract.failures_v1.error_blame IS 'Whom it counts against: provider, own_system or rate_limit';

CREATE TABLE daily_runs.feature_seen (
    feature text NOT NULL,
    title text NOT NULL,
    team text NOT NULL,
    dri text NOT NULL,
    priority integer NOT NULL,
    phase text NOT NULL,
    phase_since date,
    schedule text,
    providers jsonb NOT NULL,
    prompts_per_run integer NOT NULL,
    dataset text NOT NULL,
    rubric text NOT NULL,
    judge_model text NOT NULL,
    answered_share_min double precision NOT NULL,
    unscored_share_max double precision NOT NULL,
    mean_score_min double precision NOT NULL,
    target_score double precision NOT NULL,
    margin double precision NOT NULL,
    budget_usd_per_month double precision,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW contract.features_v1 AS
 SELECT feature,
    title,
    team,
    dri,
    priority,
    phase,
    phase_since,
    schedule,
    providers,
    prompts_per_run,
    dataset,
    rubric,
    judge_model,
    answered_share_min,
    unscored_share_max,
    mean_score_min,
    target_score,
    margin,
    budget_usd_per_month,
    seen_at
   FROM daily_runs.feature_seen;

COMMENT ON VIEW contract.features_v1 IS 'The catalogue''s features as they stood when a run that asks prompts was last opened; one that the catalogue lost stays with its old seen_at. Key: feature.';

COMMENT ON COLUMN contract.features_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.features_v1.title IS 'Its name for people';

COMMENT ON COLUMN contract.features_v1.team IS 'The team that the feature belongs to';

COMMENT ON COLUMN contract.features_v1.dri IS 'The role that answers for the evaluation';

COMMENT ON COLUMN contract.features_v1.priority IS '1 goes first when accounts are short';

COMMENT ON COLUMN contract.features_v1.phase IS 'on_hold, interim_production, shadow or staging: where runs went on that day';

COMMENT ON COLUMN contract.features_v1.phase_since IS 'First day of the phase, in the feature''s time zone. Null: before its first phase';

COMMENT ON COLUMN contract.features_v1.schedule IS 'Cron of the phase, in the feature''s time zone. Null: on hold';

COMMENT ON COLUMN contract.features_v1.providers IS 'By environment of its phases, the vendor of the account that it spends there';

COMMENT ON COLUMN contract.features_v1.prompts_per_run IS 'Prompts of a full run';

COMMENT ON COLUMN contract.features_v1.dataset IS 'File of its data set';

COMMENT ON COLUMN contract.features_v1.rubric IS 'File of its rubric';

COMMENT ON COLUMN contract.features_v1.judge_model IS 'The judge';

COMMENT ON COLUMN contract.features_v1.answered_share_min IS 'Gate: least share of prompts answered, 0 to 1';

COMMENT ON COLUMN contract.features_v1.unscored_share_max IS 'Gate: greatest share of answers unscored, 0 to 1';

COMMENT ON COLUMN contract.features_v1.mean_score_min IS 'Floor of the mean score, 0 to 1';

COMMENT ON COLUMN contract.features_v1.target_score IS 'Mean score that its owner wants, 0 to 1';

COMMENT ON COLUMN contract.features_v1.margin IS 'The smallest drop that anybody would act on, in points of the 0 to 1 scale';

COMMENT ON COLUMN contract.features_v1.budget_usd_per_month IS 'What it may spend in a calendar month by list price. Null: no budget';

COMMENT ON COLUMN contract.features_v1.seen_at IS 'When a run that asks prompts was last opened by a catalogue that has it, UTC';

CREATE VIEW contract.frozen_answers_v1 AS
 SELECT ((g.began_at AT TIME ZONE 'UTC'::text))::date AS day,
    g.feature,
    t.provenance,
    g.frozen_judging_id,
    f.frozen_id,
    f.item_id,
    f.made,
    f.status,
    f.expected,
    f.points,
        CASE
            WHEN (f.status = 'scored'::text) THEN (NOT (EXISTS ( SELECT
               FROM jsonb_each(f.expected) e(key, value)
              WHERE ((((f.points ->> e.key))::numeric < ((e.value ->> 0))::numeric) OR (((f.points ->> e.key))::numeric > ((e.value ->> 1))::numeric)))))
            ELSE NULL::boolean
        END AS in_range,
    f.score,
    f.error_hop,
    f.error_kind,
    g.rubric_version,
    g.judge_model,
    f.answered_by,
    g.judge_effort,
    g.judge_thinking,
    g.prompt_template,
    g.answers_sha256,
    g.began_at,
    f.settled_at
   FROM ((daily_runs.frozen_verdict f
     JOIN daily_runs.frozen_judging g USING (frozen_judging_id))
     JOIN daily_runs.attempt t USING (attempt_id));

COMMENT ON VIEW contract.frozen_answers_v1 IS 'How the judge judged the frozen answers, texts of known quality that never change; one row a frozen judging and answer. Key: frozen_judging_id, frozen_id.';

COMMENT ON COLUMN contract.frozen_answers_v1.day IS 'The day on which the frozen judging began, UTC';

COMMENT ON COLUMN contract.frozen_answers_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.frozen_answers_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real judge';

COMMENT ON COLUMN contract.frozen_answers_v1.frozen_judging_id IS 'One judging of all frozen answers of a feature; the runs of about a day share it';

COMMENT ON COLUMN contract.frozen_answers_v1.frozen_id IS 'The frozen answer''s id in its file';

COMMENT ON COLUMN contract.frozen_answers_v1.item_id IS 'The data set''s item that it is an answer to';

COMMENT ON COLUMN contract.frozen_answers_v1.made IS 'How the text was made out of a reference; no person labelled it';

COMMENT ON COLUMN contract.frozen_answers_v1.status IS 'planned, sent (a call may be open), scored, or unscored (no verdict came)';

COMMENT ON COLUMN contract.frozen_answers_v1.expected IS 'By criterion the lowest and the highest points that a sound judge gives, as the making tells; other criteria are left out';

COMMENT ON COLUMN contract.frozen_answers_v1.points IS 'Points by criterion of the rubric, 1 to 5. Null: not scored';

COMMENT ON COLUMN contract.frozen_answers_v1.in_range IS 'Whether the points are as expected in every criterion. Null: not scored';

COMMENT ON COLUMN contract.frozen_answers_v1.score IS 'Weighted score, 0 to 1. Null: not scored';

COMMENT ON COLUMN contract.frozen_answers_v1.error_hop IS 'Who refused or failed. Null: nothing failed';

COMMENT ON COLUMN contract.frozen_answers_v1.error_kind IS 'What happened. Null: nothing failed';

COMMENT ON COLUMN contract.frozen_answers_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.frozen_answers_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.frozen_answers_v1.answered_by IS 'The model as its answer names it. Null: not scored';

COMMENT ON COLUMN contract.frozen_answers_v1.judge_effort IS 'How hard the judge is told to work. Null: nothing is sent to this model';

COMMENT ON COLUMN contract.frozen_answers_v1.judge_thinking IS 'What the judge is told of thinking. Null: nothing is sent to this model';

COMMENT ON COLUMN contract.frozen_answers_v1.prompt_template IS 'Hash of all that the judge is told beside rubric and data';

COMMENT ON COLUMN contract.frozen_answers_v1.answers_sha256 IS 'Hash of all frozen answers of the feature, hex';

COMMENT ON COLUMN contract.frozen_answers_v1.began_at IS 'When the frozen judging began, UTC';

COMMENT ON COLUMN contract.frozen_answers_v1.settled_at IS 'When the verdict came or was given up, UTC. Null: not yet';

CREATE TABLE daily_runs.gate_override (
    attempt_id uuid NOT NULL,
    reason text NOT NULL,
    ordered_by text NOT NULL,
    ordered_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT gate_override_ordered_by_check CHECK ((ordered_by <> ''::text)),
    CONSTRAINT gate_override_reason_check CHECK ((reason <> ''::text))
);

CREATE VIEW contract.gate_overrides_v1 AS
 SELECT t.run_key,
    o.attempt_id,
    r.feature,
    r.environment,
    r.logical_date,
    t.provenance,
    t.status AS outcome,
    g.overridden,
    o.reason,
    o.ordered_by,
    o.ordered_at
   FROM (((daily_runs.gate_override o
     JOIN daily_runs.attempt t USING (attempt_id))
     JOIN daily_runs.run r USING (run_key))
     LEFT JOIN LATERAL ( SELECT string_agg(((((gate_result.expectation || ': '::text) || gate_result.observed) || ', required '::text) || gate_result.required), '; '::text ORDER BY gate_result.expectation) AS overridden
           FROM daily_runs.gate_result
          WHERE ((gate_result.attempt_id = o.attempt_id) AND (NOT gate_result.passed))) g ON (true));

COMMENT ON VIEW contract.gate_overrides_v1 IS 'Orders to publish an attempt although the gate blocked it, one row an order. Key: attempt_id.';

COMMENT ON COLUMN contract.gate_overrides_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.gate_overrides_v1.attempt_id IS 'The attempt that was opened with the order';

COMMENT ON COLUMN contract.gate_overrides_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.gate_overrides_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.gate_overrides_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.gate_overrides_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.gate_overrides_v1.outcome IS 'published: the order was carried out; running: not yet; quarantined: the gate blocked it all the same, for what no order overrides; superseded: another attempt took its place';

COMMENT ON COLUMN contract.gate_overrides_v1.overridden IS 'What the gate found against the attempt. Null: nothing, or it has not looked yet';

COMMENT ON COLUMN contract.gate_overrides_v1.reason IS 'Why, as the person wrote it';

COMMENT ON COLUMN contract.gate_overrides_v1.ordered_by IS 'Who: the name of the user in Airflow, or of the command line''s login';

COMMENT ON COLUMN contract.gate_overrides_v1.ordered_at IS 'When the attempt was opened with the order, UTC';

CREATE VIEW daily_runs.overridden_attempt AS
 SELECT attempt_id
   FROM daily_runs.gate_override o
  WHERE (EXISTS ( SELECT
           FROM daily_runs.gate_result g
          WHERE ((g.attempt_id = o.attempt_id) AND (NOT g.passed))));

CREATE TABLE daily_runs.published_item (
    run_key text NOT NULL,
    item_id text NOT NULL,
    item_class text NOT NULL,
    provider text NOT NULL,
    answered integer NOT NULL,
    scored integer NOT NULL,
    failed integer NOT NULL,
    mean double precision,
    variance double precision NOT NULL,
    criteria jsonb NOT NULL,
    CONSTRAINT published_item_check CHECK ((scored <= answered)),
    CONSTRAINT published_item_check1 CHECK (((scored = 0) = (mean IS NULL))),
    CONSTRAINT published_item_mean_check CHECK (((mean >= (0)::double precision) AND (mean <= (1)::double precision)))
);

CREATE VIEW daily_runs.reference_run AS
 SELECT p.run_key,
    e.run_key AS reference_run_key
   FROM ((daily_runs.published_run p
     CROSS JOIN LATERAL ( SELECT COALESCE(max(r.logical_date), '-infinity'::timestamp with time zone) AS since
           FROM (daily_runs.alarm a
             JOIN daily_runs.run r ON ((r.run_key = a.since_run_key)))
          WHERE ((a.feature = p.feature) AND (a.environment = p.environment) AND (a.state = 'accepted'::text) AND (a.resolved_at <= p.published_at))) pinned)
     CROSS JOIN LATERAL ( SELECT o.run_key
           FROM daily_runs.published_run o
          WHERE ((o.feature = p.feature) AND (o.environment = p.environment) AND (o.comparability_key = p.comparability_key) AND (o.sample = p.sample) AND (o.provenance = p.provenance) AND (o.logical_date < p.logical_date) AND (o.logical_date >= pinned.since) AND (NOT (EXISTS ( SELECT
                   FROM daily_runs.overridden_attempt g
                  WHERE (g.attempt_id = o.attempt_id)))) AND (EXISTS ( SELECT
                   FROM daily_runs.published_item i
                  WHERE (i.run_key = o.run_key))))
          ORDER BY o.logical_date
         LIMIT 14) e)
  WHERE (p.item_mean IS NOT NULL);

CREATE VIEW contract.item_changes_v1 AS
 SELECT i.run_key,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    i.item_id,
    i.item_class,
    i.provider,
    i.scored,
    i.mean,
    COALESCE(b.runs, 0) AS reference_runs,
    b.mean AS reference_mean,
    (i.mean - b.mean) AS change
   FROM ((daily_runs.published_run p
     JOIN daily_runs.published_item i USING (run_key))
     LEFT JOIN LATERAL ( SELECT o.item_id,
            (count(*))::integer AS runs,
            avg(o.mean) AS mean
           FROM (daily_runs.reference_run r
             JOIN daily_runs.published_item o ON ((o.run_key = r.reference_run_key)))
          WHERE ((r.run_key = p.run_key) AND (o.scored > 0))
          GROUP BY o.item_id) b ON ((b.item_id = i.item_id)))
  WHERE (i.scored > 0);

COMMENT ON VIEW contract.item_changes_v1 IS 'Scored items of published runs, samples and trials against the reference of their stream, one row an item and provider. Key: run_key, item_id, provider.';

COMMENT ON COLUMN contract.item_changes_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.item_changes_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.item_changes_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.item_changes_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.item_changes_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.item_changes_v1.item_id IS 'The data set''s item';

COMMENT ON COLUMN contract.item_changes_v1.item_class IS 'Its class in the data set';

COMMENT ON COLUMN contract.item_changes_v1.provider IS 'Who served the answers; unknown: the path does not tell';

COMMENT ON COLUMN contract.item_changes_v1.scored IS 'Answers with a verdict';

COMMENT ON COLUMN contract.item_changes_v1.mean IS 'Mean score of its answers, 0 to 1';

COMMENT ON COLUMN contract.item_changes_v1.reference_runs IS 'Runs of the reference that scored this item: of the first 14 of the stream, as they are published now';

COMMENT ON COLUMN contract.item_changes_v1.reference_mean IS 'Mean of the item''s means in these runs, 0 to 1. Null: no run of the reference scored it, or two providers answered the run';

COMMENT ON COLUMN contract.item_changes_v1.change IS 'mean minus reference_mean, without an interval: one item''s change is no verdict. Null: as for reference_mean';

CREATE VIEW contract.items_v1 AS
 SELECT i.run_key,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    i.item_id,
    i.item_class,
    i.provider,
    i.answered,
    i.scored,
    i.failed,
    i.mean,
    i.variance,
    i.criteria
   FROM (daily_runs.published_item i
     JOIN daily_runs.published_run p USING (run_key));

COMMENT ON VIEW contract.items_v1 IS 'Items of published runs and samples, one row an item and provider. Key: run_key, item_id, provider.';

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

COMMENT ON COLUMN contract.items_v1.failed IS 'Prompts of this item without an answer; with two providers they count with the first by name';

COMMENT ON COLUMN contract.items_v1.mean IS 'Mean score of its answers, 0 to 1. Null: none is scored';

COMMENT ON COLUMN contract.items_v1.variance IS 'Variance of one answer''s score around it; 0 for a single answer';

COMMENT ON COLUMN contract.items_v1.criteria IS 'Mean by criterion of the rubric, mapped to 0 to 1; empty: none is scored';

CREATE TABLE daily_runs.judge_agreement (
    run_key text NOT NULL,
    second_judge text NOT NULL,
    answers integer NOT NULL,
    items integer NOT NULL,
    first_mean double precision NOT NULL,
    second_mean double precision NOT NULL,
    difference double precision NOT NULL,
    low double precision,
    high double precision,
    kappa double precision,
    by_criterion jsonb NOT NULL
);

CREATE VIEW contract.judge_agreement_v1 AS
 SELECT g.run_key,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    p.judge_model,
    g.second_judge,
    g.answers,
    g.items,
    g.first_mean,
    g.second_mean,
    g.difference,
    g.low,
    g.high,
    g.kappa,
    g.by_criterion
   FROM (daily_runs.judge_agreement g
     JOIN daily_runs.published_run p USING (run_key));

COMMENT ON VIEW contract.judge_agreement_v1 IS 'How far a second judge agrees with the first on a share of a run''s answers. Key: run_key, second_judge.';

COMMENT ON COLUMN contract.judge_agreement_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.judge_agreement_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.judge_agreement_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.judge_agreement_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.judge_agreement_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.judge_agreement_v1.judge_model IS 'The judge whose verdicts are the run''s scores';

COMMENT ON COLUMN contract.judge_agreement_v1.second_judge IS 'The second judge, as the catalogue names it';

COMMENT ON COLUMN contract.judge_agreement_v1.answers IS 'Answers that both judged';

COMMENT ON COLUMN contract.judge_agreement_v1.items IS 'Items of the data set that these answers are to';

COMMENT ON COLUMN contract.judge_agreement_v1.first_mean IS 'The judge''s mean over these items, 0 to 1';

COMMENT ON COLUMN contract.judge_agreement_v1.second_mean IS 'The second judge''s mean over these items, 0 to 1';

COMMENT ON COLUMN contract.judge_agreement_v1.difference IS 'Mean over items of second minus first';

COMMENT ON COLUMN contract.judge_agreement_v1.low IS 'Lower end of the 95 % interval of the difference. Null: one item';

COMMENT ON COLUMN contract.judge_agreement_v1.high IS 'Upper end of the 95 % interval of the difference. Null: one item';

COMMENT ON COLUMN contract.judge_agreement_v1.kappa IS 'Quadratically weighted kappa of the points over all criteria, 1 = they always agree. Null: a judge gave one value only';

COMMENT ON COLUMN contract.judge_agreement_v1.by_criterion IS 'The same kappa of each criterion';

CREATE VIEW contract.last_good_v1 AS
 SELECT DISTINCT ON (feature, environment) feature,
    environment,
    run_key,
    attempt_id,
    logical_date,
    provenance,
    asked,
    answered,
    failed,
    scored,
    unscored,
    mean_score,
    mean_score_low,
    mean_score_high,
    dataset_sha256,
    rubric_version,
    judge_model,
    published_at
   FROM daily_runs.published_run p
  WHERE ((sample = ''::text) AND (NOT (EXISTS ( SELECT
           FROM daily_runs.overridden_attempt o
          WHERE (o.attempt_id = p.attempt_id)))))
  ORDER BY feature, environment, logical_date DESC;

COMMENT ON VIEW contract.last_good_v1 IS 'The newest published full run of each feature in each environment, by logical date. Key: feature, environment.';

COMMENT ON COLUMN contract.last_good_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.last_good_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.last_good_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.last_good_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.last_good_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.last_good_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.last_good_v1.asked IS 'Prompts asked';

COMMENT ON COLUMN contract.last_good_v1.answered IS 'Prompts with an answer';

COMMENT ON COLUMN contract.last_good_v1.failed IS 'Prompts without an answer';

COMMENT ON COLUMN contract.last_good_v1.scored IS 'Answers with a verdict';

COMMENT ON COLUMN contract.last_good_v1.unscored IS 'Answers that could not be judged';

COMMENT ON COLUMN contract.last_good_v1.mean_score IS 'Mean over scored answers, 0 to 1';

COMMENT ON COLUMN contract.last_good_v1.mean_score_low IS 'Lower end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.last_good_v1.mean_score_high IS 'Upper end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.last_good_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';

COMMENT ON COLUMN contract.last_good_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.last_good_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.last_good_v1.published_at IS 'When these rows were written, UTC';

CREATE VIEW contract.operations_v1 AS
 SELECT day,
    feature,
    environment,
    provenance,
    stage,
    outcome,
    error_hop,
    error_kind,
    error_blame,
    (count(*))::integer AS prompts,
    (sum(tries))::integer AS tries,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY seconds) AS latency_p50_seconds,
    percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY seconds) AS latency_p95_seconds,
    percentile_cont((0.99)::double precision) WITHIN GROUP (ORDER BY seconds) AS latency_p99_seconds
   FROM ( SELECT ((a.settled_at AT TIME ZONE 'UTC'::text))::date AS day,
            a.feature,
            a.environment,
            a.provenance,
            'inference'::text AS stage,
            a.status AS outcome,
            a.error_hop,
            a.error_kind,
            a.error_blame,
            a.tries,
            ((EXTRACT(epoch FROM (a.settled_at - a.sent_at)))::double precision *
                CASE
                    WHEN (a.provenance = 'live'::text) THEN (1)::double precision
                    ELSE w.time_scale
                END) AS seconds
           FROM (daily_runs.asked_once a
             LEFT JOIN daily_runs.attempt_terms w USING (attempt_id))
          WHERE (a.status = ANY (ARRAY['answered'::text, 'failed'::text]))
        UNION ALL
         SELECT ((judged.settled_at AT TIME ZONE 'UTC'::text))::date AS timezone,
            judged.feature,
            judged.environment,
            judged.provenance,
            'judging'::text,
            judged.status,
            judged.error_hop,
            judged.error_kind,
            NULL::text,
            judged.tries,
            NULL::double precision
           FROM ( SELECT DISTINCT ON (t.run_key, j.prompt_id, j.settled_at) j.settled_at,
                    r.feature,
                    r.environment,
                    t.provenance,
                    j.status,
                    j.error_hop,
                    j.error_kind,
                    j.tries
                   FROM ((daily_runs.judgement j
                     JOIN daily_runs.attempt t USING (attempt_id))
                     JOIN daily_runs.run r USING (run_key))
                  WHERE (j.status = ANY (ARRAY['scored'::text, 'unscored'::text]))
                  ORDER BY t.run_key, j.prompt_id, j.settled_at, t.started_at) judged) settled
  GROUP BY day, feature, environment, provenance, stage, outcome, error_hop, error_kind, error_blame;

COMMENT ON VIEW contract.operations_v1 IS 'How prompts and verdicts of all attempts ended, by day; one asking counts once, also where reruns took it over';

COMMENT ON COLUMN contract.operations_v1.day IS 'The day on which they ended, UTC';

COMMENT ON COLUMN contract.operations_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.operations_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.operations_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.operations_v1.stage IS 'inference or judging';

COMMENT ON COLUMN contract.operations_v1.outcome IS 'inference: answered or failed; judging: scored or unscored';

COMMENT ON COLUMN contract.operations_v1.error_hop IS 'Who refused or failed, as in failures_v1. Null: nothing failed';

COMMENT ON COLUMN contract.operations_v1.error_kind IS 'What happened, as in failures_v1. Null: nothing failed';

COMMENT ON COLUMN contract.operations_v1.error_blame IS 'Whom it counts against. Null: nothing failed, or judging, where it is not kept';

COMMENT ON COLUMN contract.operations_v1.prompts IS 'Prompts that ended so';

COMMENT ON COLUMN contract.operations_v1.tries IS 'Calls that these prompts took, as far as they are counted; a verdict that was stored already takes none';

COMMENT ON COLUMN contract.operations_v1.latency_p50_seconds IS 'Median time from the last sending to the end, domain seconds. Null: judging, never sent, or a sandbox attempt opened before its time scale was kept';

COMMENT ON COLUMN contract.operations_v1.latency_p95_seconds IS '95th percentile of the same. Null: as for latency_p50_seconds';

COMMENT ON COLUMN contract.operations_v1.latency_p99_seconds IS '99th percentile of the same. Null: as for latency_p50_seconds';

CREATE VIEW contract.quality_v1 AS
SELECT
    NULL::text AS run_key,
    NULL::text AS feature,
    NULL::text AS environment,
    NULL::timestamp with time zone AS logical_date,
    NULL::text AS provenance,
    NULL::text AS comparability_key,
    NULL::text AS item_class,
    NULL::text AS provider,
    NULL::integer AS items,
    NULL::integer AS asked,
    NULL::integer AS scored,
    NULL::double precision AS mean,
    NULL::double precision AS failed_share,
    NULL::double precision AS unscored_share;

COMMENT ON VIEW contract.quality_v1 IS 'Published full runs by class, one row a run, class and provider. Key: run_key, item_class, provider.';

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

CREATE TABLE daily_runs.published_result (
    run_key text NOT NULL,
    prompt_id text NOT NULL,
    item_id text NOT NULL,
    status text NOT NULL,
    score double precision,
    scores jsonb,
    serving_provider text,
    serving_model text,
    latency_seconds double precision NOT NULL,
    input_tokens integer,
    output_tokens integer,
    CONSTRAINT published_result_check CHECK (((status = 'scored'::text) = (score IS NOT NULL))),
    CONSTRAINT published_result_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT published_result_status_check CHECK ((status = ANY (ARRAY['scored'::text, 'unscored'::text])))
);

CREATE VIEW contract.reasons_v1 AS
 SELECT r.run_key,
    p.attempt_id,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    r.prompt_id,
    r.item_id,
    COALESCE(r.serving_provider, 'unknown'::text) AS provider,
    v.repeat AS verdict_number,
    v.score,
    r.score AS answer_score,
    v.reasons,
    p.rubric_version,
    p.judge_model,
    v.judged_at
   FROM (((daily_runs.published_run p
     JOIN daily_runs.published_result r USING (run_key))
     JOIN daily_runs.judgement j ON (((j.attempt_id = p.attempt_id) AND (j.prompt_id = r.prompt_id) AND (j.status = 'scored'::text))))
     CROSS JOIN LATERAL ( SELECT verdict.repeat,
            verdict.score,
            verdict.reasons,
            verdict.judged_at
           FROM daily_runs.verdict
          WHERE (verdict.verdict_key = j.verdict_key)
        UNION ALL
         SELECT verdict.repeat,
            verdict.score,
            verdict.reasons,
            verdict.judged_at
           FROM daily_runs.verdict
          WHERE (verdict.repeat_of = j.verdict_key)) v)
  WHERE (r.status = 'scored'::text);

COMMENT ON VIEW contract.reasons_v1 IS 'The judge''s reasons for each verdict of published runs, samples and trials; they quote answers, which are texts by others. One row a verdict. Key: run_key, prompt_id, verdict_number.';

COMMENT ON COLUMN contract.reasons_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.reasons_v1.attempt_id IS 'The attempt that is published';

COMMENT ON COLUMN contract.reasons_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.reasons_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.reasons_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.reasons_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.reasons_v1.prompt_id IS 'item#n: the item, asked for the n-th time';

COMMENT ON COLUMN contract.reasons_v1.item_id IS 'The data set''s item';

COMMENT ON COLUMN contract.reasons_v1.provider IS 'Who served the answer; unknown: the path does not tell';

COMMENT ON COLUMN contract.reasons_v1.verdict_number IS 'From 1; more than one where the feature has each answer judged more than once';

COMMENT ON COLUMN contract.reasons_v1.score IS 'Weighted score of this verdict, 0 to 1';

COMMENT ON COLUMN contract.reasons_v1.answer_score IS 'Score of the answer, 0 to 1: the mean over its verdicts, as in results_v1';

COMMENT ON COLUMN contract.reasons_v1.reasons IS 'What the judge wrote before its points; it quotes the answer, so treat it as text by somebody you do not know';

COMMENT ON COLUMN contract.reasons_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.reasons_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.reasons_v1.judged_at IS 'When this verdict was given';

CREATE VIEW contract.results_v1 AS
 SELECT r.run_key,
    p.attempt_id,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    r.prompt_id,
    r.item_id,
    r.status,
    r.score,
    r.scores,
    r.serving_provider,
    r.serving_model,
    r.latency_seconds,
    r.input_tokens,
    r.output_tokens,
    p.rubric_version,
    p.judge_model
   FROM (daily_runs.published_result r
     JOIN daily_runs.published_run p USING (run_key))
  WHERE (p.sample = ''::text);

COMMENT ON VIEW contract.results_v1 IS 'Answers of published runs, one row an answer. Key: run_key, prompt_id.';

COMMENT ON COLUMN contract.results_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.results_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.results_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.results_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.results_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.results_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.results_v1.prompt_id IS 'item#n: the item, asked for the n-th time';

COMMENT ON COLUMN contract.results_v1.item_id IS 'The data set''s item';

COMMENT ON COLUMN contract.results_v1.status IS 'scored or unscored';

COMMENT ON COLUMN contract.results_v1.score IS 'Weighted score, 0 to 1. Null: unscored';

COMMENT ON COLUMN contract.results_v1.scores IS 'Points by criterion of the rubric, 1 to 5; their mean where the feature has each answer judged more than once. Null: unscored';

COMMENT ON COLUMN contract.results_v1.serving_provider IS 'Who served the model; never average over two of them. Null: the path does not tell';

COMMENT ON COLUMN contract.results_v1.serving_model IS 'Which model served. Null: the path does not tell';

COMMENT ON COLUMN contract.results_v1.latency_seconds IS 'From the last sending to the answer, domain seconds; where answers are polled for, up to 5 s too long';

COMMENT ON COLUMN contract.results_v1.input_tokens IS 'Tokens of the prompt, as the path reports them. Null: the path does not tell';

COMMENT ON COLUMN contract.results_v1.output_tokens IS 'Tokens of the answer, as the path reports them. Null: the path does not tell';

COMMENT ON COLUMN contract.results_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.results_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

CREATE VIEW contract.runs_v1 AS
 SELECT run_key,
    attempt_id,
    feature,
    environment,
    logical_date,
    provenance,
    asked,
    answered,
    failed,
    scored,
    unscored,
    mean_score,
    score_std,
    mean_score_low,
    mean_score_high,
    dataset_sha256,
    rubric_version,
    judge_model,
    rows_sha256,
    published_at
   FROM daily_runs.published_run
  WHERE (sample = ''::text);

COMMENT ON VIEW contract.runs_v1 IS 'Published runs, one row a run: counts, mean score, what it was measured with. Key: run_key.';

COMMENT ON COLUMN contract.runs_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.runs_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.runs_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.runs_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.runs_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.runs_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.runs_v1.asked IS 'Prompts asked';

COMMENT ON COLUMN contract.runs_v1.answered IS 'Prompts with an answer';

COMMENT ON COLUMN contract.runs_v1.failed IS 'Prompts without an answer';

COMMENT ON COLUMN contract.runs_v1.scored IS 'Answers with a verdict';

COMMENT ON COLUMN contract.runs_v1.unscored IS 'Answers that could not be judged';

COMMENT ON COLUMN contract.runs_v1.mean_score IS 'Mean over scored answers, 0 to 1';

COMMENT ON COLUMN contract.runs_v1.score_std IS 'Standard deviation (of the population) over scored answers, 0 to 1';

COMMENT ON COLUMN contract.runs_v1.mean_score_low IS 'Lower end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.runs_v1.mean_score_high IS 'Upper end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.runs_v1.dataset_sha256 IS 'Hash of the data set''s content, hex';

COMMENT ON COLUMN contract.runs_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.runs_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.runs_v1.rows_sha256 IS 'SHA-256, hex, over the run''s results and failures in order of prompt id: equal hashes mean equal rows';

COMMENT ON COLUMN contract.runs_v1.published_at IS 'When these rows were written, UTC';

CREATE VIEW contract.runs_v2 AS
 SELECT run_key,
        CASE
            WHEN (sample = ''::text) THEN 'full'::text
            WHEN (sample ~~ '%rubric-%'::text) THEN 'trial'::text
            ELSE 'sample'::text
        END AS kind,
    attempt_id,
    feature,
    environment,
    logical_date,
    provenance,
    asked,
    answered,
    failed,
    scored,
    unscored,
    mean_score,
    score_std,
    mean_score_low,
    mean_score_high,
    dataset_sha256,
    selection_sha256,
    rubric_version,
    judge_model,
    rows_sha256,
    published_at,
    items,
    classes,
    item_mean,
    item_mean_low,
    item_mean_high,
    new_classes_low,
    new_classes_high,
    missing_at_worst,
    missing_at_best,
    populations,
    verdict,
    verdict_reason,
    comparability_key,
    ruler,
    context,
    changed
   FROM daily_runs.published_run;

COMMENT ON VIEW contract.runs_v2 IS 'Published runs, samples and trials, one row a run: counts, mean score, what it was measured with. Key: run_key.';

COMMENT ON COLUMN contract.runs_v2.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.runs_v2.kind IS 'full: all prompts of the feature''s run; sample: some of them, and run_key ends with /sample- and eight digits that say which; trial: the answers of a run or sample judged by another rubric than the catalogue''s, and run_key ends with /rubric- and its version';

COMMENT ON COLUMN contract.runs_v2.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.runs_v2.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.runs_v2.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.runs_v2.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.runs_v2.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.runs_v2.asked IS 'Prompts asked';

COMMENT ON COLUMN contract.runs_v2.answered IS 'Prompts with an answer';

COMMENT ON COLUMN contract.runs_v2.failed IS 'Prompts without an answer';

COMMENT ON COLUMN contract.runs_v2.scored IS 'Answers with a verdict';

COMMENT ON COLUMN contract.runs_v2.unscored IS 'Answers that could not be judged';

COMMENT ON COLUMN contract.runs_v2.mean_score IS 'Mean over scored answers, 0 to 1';

COMMENT ON COLUMN contract.runs_v2.score_std IS 'Standard deviation (of the population) over scored answers, 0 to 1';

COMMENT ON COLUMN contract.runs_v2.mean_score_low IS 'Lower end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.runs_v2.mean_score_high IS 'Upper end of the 95 % confidence interval of the mean, by the items'' means';

COMMENT ON COLUMN contract.runs_v2.dataset_sha256 IS 'Hash of the data set''s content, hex';

COMMENT ON COLUMN contract.runs_v2.selection_sha256 IS 'Hash of the ids of all prompts asked, hex: equal hashes mean the same prompts. Null: opened before this was recorded';

COMMENT ON COLUMN contract.runs_v2.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.runs_v2.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

COMMENT ON COLUMN contract.runs_v2.rows_sha256 IS 'SHA-256, hex, over the run''s results and failures in order of prompt id: equal hashes mean equal rows';

COMMENT ON COLUMN contract.runs_v2.published_at IS 'When these rows were written, UTC';

COMMENT ON COLUMN contract.runs_v2.items IS 'Items with a scored answer. Null: published before this was kept, or two providers answered (see populations)';

COMMENT ON COLUMN contract.runs_v2.classes IS 'Classes of these items. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.item_mean IS 'Mean over the data set''s items, each counted once, 0 to 1. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.item_mean_low IS 'Lower end of its 95 % confidence interval, for these items and classes. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.item_mean_high IS 'Upper end of its 95 % confidence interval, for these items and classes. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.new_classes_low IS 'Lower end of the 95 % confidence interval for items of classes that nobody asked yet. Null: as for items, or fewer than 8 classes';

COMMENT ON COLUMN contract.runs_v2.new_classes_high IS 'Upper end of the 95 % confidence interval for items of classes that nobody asked yet. Null: as for new_classes_low';

COMMENT ON COLUMN contract.runs_v2.missing_at_worst IS 'The item mean if every failed or unscored answer were worth 0. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.missing_at_best IS 'The item mean if every failed or unscored answer were worth 1. Null: as for items';

COMMENT ON COLUMN contract.runs_v2.populations IS 'Figures by provider: a list of provider, items, classes, mean, low, high, new_low, new_high, worst, best; empty if published before this was kept';

COMMENT ON COLUMN contract.runs_v2.verdict IS 'below_floor, regressed, improved, no_worse, inconclusive or incomparable, against the reference. Null: published before this was kept';

COMMENT ON COLUMN contract.runs_v2.verdict_reason IS 'The verdict in a sentence. Null: as for verdict';

COMMENT ON COLUMN contract.runs_v2.comparability_key IS 'Runs of one key were measured with one ruler. Null: as for verdict';

COMMENT ON COLUMN contract.runs_v2.ruler IS 'What the key is made of: data set, prompts, rubric, judge, provider; empty if published before this was kept';

COMMENT ON COLUMN contract.runs_v2.context IS 'What may change without the ruler: GitLabs version, serving model, phase, catalogue; empty if published before this was kept';

COMMENT ON COLUMN contract.runs_v2.changed IS 'What is not as in the newest run of the reference: name to [then, now]';

CREATE VIEW contract.verdicts_v1 AS
 SELECT r.run_key,
    p.attempt_id,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    r.prompt_id,
    r.item_id,
    c.key AS criterion,
    ((c.value #>> '{}'::text[]))::double precision AS points,
    r.score,
    p.rubric_version,
    p.judge_model
   FROM ((daily_runs.published_result r
     JOIN daily_runs.published_run p USING (run_key))
     CROSS JOIN LATERAL jsonb_each(r.scores) c(key, value))
  WHERE (p.sample = ''::text);

COMMENT ON VIEW contract.verdicts_v1 IS 'Verdicts of published runs, one row a scored answer and criterion. Key: run_key, prompt_id, criterion.';

COMMENT ON COLUMN contract.verdicts_v1.run_key IS 'The run: feature/environment/2026-08-15T06:00:00Z';

COMMENT ON COLUMN contract.verdicts_v1.attempt_id IS 'The attempt: one execution of the run';

COMMENT ON COLUMN contract.verdicts_v1.feature IS 'The feature, as the catalogue names it';

COMMENT ON COLUMN contract.verdicts_v1.environment IS 'Where the prompts were asked: staging or production';

COMMENT ON COLUMN contract.verdicts_v1.logical_date IS 'The moment that the run stands for, UTC';

COMMENT ON COLUMN contract.verdicts_v1.provenance IS 'live or sandbox; sandbox rows say nothing about a real model';

COMMENT ON COLUMN contract.verdicts_v1.prompt_id IS 'item#n: the item, asked for the n-th time';

COMMENT ON COLUMN contract.verdicts_v1.item_id IS 'The data set''s item';

COMMENT ON COLUMN contract.verdicts_v1.criterion IS 'Criterion of the rubric';

COMMENT ON COLUMN contract.verdicts_v1.points IS 'Points for this criterion, 1 to 5; their mean where the feature has each answer judged more than once';

COMMENT ON COLUMN contract.verdicts_v1.score IS 'Weighted score of the whole verdict, 0 to 1; the same in each of its rows';

COMMENT ON COLUMN contract.verdicts_v1.rubric_version IS 'Hash of the rubric''s content; compare scores of one version only';

COMMENT ON COLUMN contract.verdicts_v1.judge_model IS 'Who judged, as the catalogue names the model; compare scores of one judge only';

ALTER TABLE daily_runs.alarm ALTER COLUMN alarm_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME daily_runs.alarm_alarm_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE daily_runs.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE daily_runs.breaker (
    provider text NOT NULL,
    state text NOT NULL,
    generation integer NOT NULL,
    since timestamp with time zone NOT NULL,
    open_until timestamp with time zone,
    openings_in_row integer NOT NULL,
    good_probes integer NOT NULL,
    probes jsonb NOT NULL,
    recent jsonb NOT NULL,
    faults_in_row jsonb NOT NULL,
    last_good double precision NOT NULL,
    reason text NOT NULL,
    CONSTRAINT breaker_check CHECK (((state = 'closed'::text) = (open_until IS NULL))),
    CONSTRAINT breaker_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
);

CREATE TABLE daily_runs.failed_task (
    feature text NOT NULL,
    airflow_run_id text NOT NULL,
    environment text NOT NULL,
    task text NOT NULL,
    error text NOT NULL,
    met text NOT NULL,
    what text NOT NULL,
    owner text NOT NULL,
    do_next text NOT NULL,
    page text NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE daily_runs.incident (
    incident_id bigint NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    level integer DEFAULT 0 NOT NULL,
    what text NOT NULL,
    owner text NOT NULL,
    do_next text NOT NULL,
    page text NOT NULL,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    worse_at timestamp with time zone,
    over_at timestamp with time zone,
    CONSTRAINT incident_kind_check CHECK ((kind = ANY (ARRAY['gate_blocked'::text, 'run_failed'::text, 'hop_failed'::text, 'run_late'::text, 'alarm'::text, 'readiness_lost'::text, 'budget'::text])))
);

ALTER TABLE daily_runs.incident ALTER COLUMN incident_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME daily_runs.incident_incident_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE daily_runs.incident_member (
    incident_id bigint NOT NULL,
    feature text NOT NULL,
    environment text NOT NULL,
    sample text DEFAULT ''::text NOT NULL,
    what text NOT NULL,
    link text NOT NULL,
    airflow_run_id text,
    logical_date timestamp with time zone,
    since timestamp with time zone DEFAULT now() NOT NULL,
    over_at timestamp with time zone
);

CREATE TABLE daily_runs.judge_trial (
    trial_key text NOT NULL,
    feature text NOT NULL,
    judge_model text NOT NULL,
    score double precision NOT NULL,
    input_tokens integer,
    output_tokens integer,
    judged_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT judge_trial_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision)))
);

CREATE VIEW daily_runs.judged AS
 SELECT j.attempt_id,
    j.prompt_id,
    j.status,
    j.error_hop,
    j.error_kind,
    ((first.score + COALESCE(more.score, (0)::double precision)) / ((1 + more.verdicts))::double precision) AS score,
        CASE
            WHEN (more.verdicts = 0) THEN first.scores
            ELSE ( SELECT jsonb_object_agg(means.criterion, means.points) AS jsonb_object_agg
               FROM ( SELECT p.key AS criterion,
                        trim_scale(round(avg((p.value)::numeric), 6)) AS points
                       FROM daily_runs.verdict v,
                        LATERAL jsonb_each_text(v.scores) p(key, value)
                      WHERE ((v.verdict_key = j.verdict_key) OR (v.repeat_of = j.verdict_key))
                      GROUP BY p.key) means)
        END AS scores,
        CASE
            WHEN (first.verdict_key IS NOT NULL) THEN (1 + more.verdicts)
            ELSE NULL::integer
        END AS verdicts
   FROM ((daily_runs.judgement j
     LEFT JOIN daily_runs.verdict first ON (((first.verdict_key = j.verdict_key) AND (j.status = 'scored'::text))))
     CROSS JOIN LATERAL ( SELECT (count(*))::integer AS verdicts,
            sum(v.score) AS score
           FROM daily_runs.verdict v
          WHERE (v.repeat_of = j.verdict_key)) more);

CREATE VIEW daily_runs.latest_limits AS
 SELECT limit_probe.environment,
    limit_probe.feature,
    limit_probe.hop,
    limit_probe.limit_name,
    limit_probe.allowed,
    limit_probe.needed,
    limit_probe.unit,
    limit_probe.source,
    limit_probe.verdict,
    limit_probe.binds,
    limit_probe.evidence,
    limit_probe.remedy,
    limit_probe.owner,
    limit_probe.attempt_id,
    limit_probe.probed_at
   FROM (daily_runs.limit_probe
     JOIN ( SELECT limit_probe_1.environment,
            limit_probe_1.feature,
            max(limit_probe_1.probed_at) AS probed_at
           FROM daily_runs.limit_probe limit_probe_1
          GROUP BY limit_probe_1.environment, limit_probe_1.feature) latest USING (environment, feature, probed_at));

CREATE TABLE daily_runs.look (
    look_id bigint NOT NULL,
    environment text NOT NULL,
    begun_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    calls integer DEFAULT 0 NOT NULL,
    error text,
    CONSTRAINT look_calls_check CHECK ((calls >= 0))
);

CREATE TABLE daily_runs.readiness (
    look_id bigint NOT NULL,
    feature text NOT NULL,
    aspect text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    owner text NOT NULL,
    details jsonb NOT NULL,
    CONSTRAINT readiness_aspect_check CHECK ((aspect = ANY (ARRAY['seeds'::text, 'limits'::text, 'approval'::text]))),
    CONSTRAINT readiness_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'not_ready'::text, 'unknown'::text])))
);

CREATE VIEW daily_runs.latest_readiness AS
 SELECT DISTINCT ON (l.environment, r.feature, r.aspect) l.environment,
    r.feature,
    r.aspect,
    r.state,
    r.reason,
    r.owner,
    r.details,
    l.look_id,
    l.ended_at AS looked_at
   FROM (daily_runs.readiness r
     JOIN daily_runs.look l USING (look_id))
  WHERE (l.ended_at IS NOT NULL)
  ORDER BY l.environment, r.feature, r.aspect, l.look_id DESC;

ALTER TABLE daily_runs.limit_probe ALTER COLUMN probe_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME daily_runs.limit_probe_probe_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE daily_runs.look ALTER COLUMN look_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME daily_runs.look_look_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE daily_runs.notice (
    about text NOT NULL,
    receiver text NOT NULL,
    kind text NOT NULL,
    incident_id bigint,
    subject text NOT NULL,
    body text NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    taken_until timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    problem text,
    told_at timestamp with time zone,
    CONSTRAINT notice_kind_check CHECK ((kind = ANY (ARRAY['begun'::text, 'worse'::text, 'over'::text, 'weekly'::text])))
);

CREATE TABLE daily_runs.quota_asker (
    holder text NOT NULL,
    account text NOT NULL,
    lane text NOT NULL,
    since timestamp with time zone NOT NULL,
    back_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE daily_runs.quota_grant (
    grant_id bigint NOT NULL,
    holder text NOT NULL,
    account text NOT NULL,
    lane text NOT NULL,
    window_name text,
    evaluation_user text,
    in_flight_name text,
    input_tokens double precision NOT NULL,
    output_tokens double precision NOT NULL,
    at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    settled_at timestamp with time zone
)
WITH (fillfactor='80');

ALTER TABLE daily_runs.quota_grant ALTER COLUMN grant_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME daily_runs.quota_grant_grant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE daily_runs.quota_lane (
    account text NOT NULL,
    lane text NOT NULL,
    share double precision NOT NULL,
    priority integer NOT NULL,
    borrows boolean NOT NULL,
    declared_at timestamp with time zone NOT NULL,
    level double precision DEFAULT '1000000000'::numeric NOT NULL,
    level_at timestamp with time zone NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    held_back_at timestamp with time zone,
    use_share double precision DEFAULT 0 NOT NULL,
    use_at timestamp with time zone NOT NULL,
    CONSTRAINT quota_lane_share_check CHECK (((share > (0)::double precision) AND (share <= (1)::double precision)))
)
WITH (fillfactor='50');

CREATE TABLE daily_runs.quota_spent_user (
    window_name text NOT NULL,
    evaluation_user text NOT NULL,
    until timestamp with time zone NOT NULL,
    at_call integer,
    CONSTRAINT quota_spent_user_at_call_check CHECK ((at_call >= 0))
);

CREATE TABLE daily_runs.quota_use (
    account text NOT NULL,
    lane text NOT NULL,
    minute timestamp with time zone NOT NULL,
    calls integer DEFAULT 0 NOT NULL,
    refusals integer DEFAULT 0 NOT NULL,
    measured_calls integer DEFAULT 0 NOT NULL,
    input_tokens double precision DEFAULT 0 NOT NULL,
    output_tokens double precision DEFAULT 0 NOT NULL,
    cached_input_tokens double precision DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE daily_runs.routed (
    feature text NOT NULL,
    airflow_run_id text NOT NULL,
    logical_date timestamp with time zone NOT NULL,
    planned text[] NOT NULL,
    chosen text[] NOT NULL,
    forced boolean NOT NULL,
    readiness text,
    reason text NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT routed_readiness_check CHECK ((readiness = ANY (ARRAY['ready'::text, 'not_ready'::text, 'unknown'::text])))
);

CREATE TABLE daily_runs.ruler_watch (
    attempt_id uuid NOT NULL,
    frozen_judging_id uuid NOT NULL
);

CREATE TABLE daily_runs.run_summary (
    feature text NOT NULL,
    airflow_run_id text NOT NULL,
    logical_date timestamp with time zone,
    outcome text NOT NULL,
    line text NOT NULL,
    attempt_ids uuid[] NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT run_summary_line_check CHECK (((char_length(line) >= 1) AND (char_length(line) <= 140))),
    CONSTRAINT run_summary_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'failed'::text, 'asked_nothing'::text])))
);

CREATE TABLE daily_runs.seed_binding (
    environment text NOT NULL,
    feature text NOT NULL,
    seed_key text NOT NULL,
    status text NOT NULL,
    resource_id text,
    content_sha256 text,
    checked_at timestamp with time zone DEFAULT now() NOT NULL,
    attempt_id uuid,
    CONSTRAINT seed_binding_status_check CHECK ((status = ANY (ARRAY['bound'::text, 'missing'::text, 'changed'::text, 'wrong_state'::text])))
);

CREATE TABLE daily_runs.seed_content (
    environment text NOT NULL,
    resource_id text NOT NULL,
    content_sha256 text NOT NULL,
    read_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE daily_runs.store_provenance (
    only_row boolean DEFAULT true NOT NULL,
    provenance text NOT NULL,
    CONSTRAINT store_provenance_only_row_check CHECK (only_row),
    CONSTRAINT store_provenance_provenance_check CHECK ((provenance = ANY (ARRAY['live'::text, 'sandbox'::text])))
);

ALTER TABLE ONLY daily_runs.alarm
    ADD CONSTRAINT alarm_pkey PRIMARY KEY (alarm_id);

ALTER TABLE ONLY daily_runs.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY daily_runs.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (attempt_id, prompt_id);

ALTER TABLE ONLY daily_runs.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY daily_runs.attempt_terms
    ADD CONSTRAINT attempt_terms_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY daily_runs.breaker
    ADD CONSTRAINT breaker_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY daily_runs.comparison
    ADD CONSTRAINT comparison_pkey PRIMARY KEY (run_key, against, part);

ALTER TABLE ONLY daily_runs.failed_task
    ADD CONSTRAINT failed_task_pkey PRIMARY KEY (feature, airflow_run_id, environment, task);

ALTER TABLE ONLY daily_runs.feature_seen
    ADD CONSTRAINT feature_seen_pkey PRIMARY KEY (feature);

ALTER TABLE ONLY daily_runs.frozen_judging
    ADD CONSTRAINT frozen_judging_pkey PRIMARY KEY (frozen_judging_id);

ALTER TABLE ONLY daily_runs.frozen_verdict
    ADD CONSTRAINT frozen_verdict_pkey PRIMARY KEY (frozen_judging_id, frozen_id);

ALTER TABLE ONLY daily_runs.gate_override
    ADD CONSTRAINT gate_override_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY daily_runs.gate_result
    ADD CONSTRAINT gate_result_pkey PRIMARY KEY (attempt_id, expectation);

ALTER TABLE ONLY daily_runs.given_up_call
    ADD CONSTRAINT given_up_call_pkey PRIMARY KEY (attempt_id, prompt_id, ended_at);

ALTER TABLE ONLY daily_runs.incident_member
    ADD CONSTRAINT incident_member_pkey PRIMARY KEY (incident_id, feature, environment);

ALTER TABLE ONLY daily_runs.incident
    ADD CONSTRAINT incident_pkey PRIMARY KEY (incident_id);

ALTER TABLE ONLY daily_runs.judge_agreement
    ADD CONSTRAINT judge_agreement_pkey PRIMARY KEY (run_key, second_judge);

ALTER TABLE ONLY daily_runs.judge_trial
    ADD CONSTRAINT judge_trial_pkey PRIMARY KEY (trial_key);

ALTER TABLE ONLY daily_runs.judgement
    ADD CONSTRAINT judgement_pkey PRIMARY KEY (attempt_id, prompt_id);

ALTER TABLE ONLY daily_runs.limit_probe
    ADD CONSTRAINT limit_probe_pkey PRIMARY KEY (probe_id);

ALTER TABLE ONLY daily_runs.look
    ADD CONSTRAINT look_pkey PRIMARY KEY (look_id);

ALTER TABLE ONLY daily_runs.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (about, receiver);

ALTER TABLE ONLY daily_runs.published_failure
    ADD CONSTRAINT published_failure_pkey PRIMARY KEY (run_key, prompt_id);

ALTER TABLE ONLY daily_runs.published_item
    ADD CONSTRAINT published_item_pkey PRIMARY KEY (run_key, item_id, provider);

ALTER TABLE ONLY daily_runs.published_result
    ADD CONSTRAINT published_result_pkey PRIMARY KEY (run_key, prompt_id);

ALTER TABLE ONLY daily_runs.published_run
    ADD CONSTRAINT published_run_attempt_id_key UNIQUE (attempt_id);

ALTER TABLE ONLY daily_runs.published_run
    ADD CONSTRAINT published_run_pkey PRIMARY KEY (run_key);

ALTER TABLE ONLY daily_runs.quota_asker
    ADD CONSTRAINT quota_asker_pkey PRIMARY KEY (holder);

ALTER TABLE ONLY daily_runs.quota_grant
    ADD CONSTRAINT quota_grant_pkey PRIMARY KEY (grant_id);

ALTER TABLE ONLY daily_runs.quota_lane
    ADD CONSTRAINT quota_lane_pkey PRIMARY KEY (account, lane);

ALTER TABLE ONLY daily_runs.quota_limit
    ADD CONSTRAINT quota_limit_pkey PRIMARY KEY (limit_name);

ALTER TABLE ONLY daily_runs.quota_spent_user
    ADD CONSTRAINT quota_spent_user_pkey PRIMARY KEY (window_name, evaluation_user);

ALTER TABLE ONLY daily_runs.quota_use
    ADD CONSTRAINT quota_use_pkey PRIMARY KEY (account, lane, minute);

ALTER TABLE ONLY daily_runs.readiness
    ADD CONSTRAINT readiness_pkey PRIMARY KEY (look_id, feature, aspect);

ALTER TABLE ONLY daily_runs.routed
    ADD CONSTRAINT routed_pkey PRIMARY KEY (feature, airflow_run_id);

ALTER TABLE ONLY daily_runs.ruler_watch
    ADD CONSTRAINT ruler_watch_pkey PRIMARY KEY (attempt_id, frozen_judging_id);

ALTER TABLE ONLY daily_runs.run
    ADD CONSTRAINT run_feature_environment_logical_date_sample_key UNIQUE (feature, environment, logical_date, sample);

ALTER TABLE ONLY daily_runs.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_key);

ALTER TABLE ONLY daily_runs.run_summary
    ADD CONSTRAINT run_summary_pkey PRIMARY KEY (feature, airflow_run_id);

ALTER TABLE ONLY daily_runs.second_verdict
    ADD CONSTRAINT second_verdict_pkey PRIMARY KEY (judging_id, prompt_id, judge_model);

ALTER TABLE ONLY daily_runs.seed_binding
    ADD CONSTRAINT seed_binding_pkey PRIMARY KEY (environment, feature, seed_key);

ALTER TABLE ONLY daily_runs.seed_content
    ADD CONSTRAINT seed_content_pkey PRIMARY KEY (environment, resource_id);

ALTER TABLE ONLY daily_runs.stage_report
    ADD CONSTRAINT stage_report_pkey PRIMARY KEY (attempt_id, stage, shard);

ALTER TABLE ONLY daily_runs.store_provenance
    ADD CONSTRAINT store_provenance_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY daily_runs.verdict
    ADD CONSTRAINT verdict_pkey PRIMARY KEY (verdict_key);

CREATE UNIQUE INDEX alarm_open ON daily_runs.alarm USING btree (feature, environment, comparability_key, kind) WHERE (state = 'open'::text);

CREATE INDEX answer_ended_day ON daily_runs.answer USING brin ((((settled_at AT TIME ZONE 'UTC'::text))::date), (((COALESCE(settled_at, sent_at) AT TIME ZONE 'UTC'::text))::date)) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX answer_shard ON daily_runs.answer USING btree (attempt_id, shard, status);

CREATE INDEX attempt_of_run ON daily_runs.attempt USING btree (run_key, started_at);

CREATE UNIQUE INDEX attempt_running ON daily_runs.attempt USING btree (run_key) WHERE (status = 'running'::text);

CREATE INDEX frozen_judging_key ON daily_runs.frozen_judging USING btree (frozen_key, began_at);

CREATE UNIQUE INDEX incident_is_open ON daily_runs.incident USING btree (key) WHERE (over_at IS NULL);

CREATE INDEX judgement_ended_day ON daily_runs.judgement USING brin ((((settled_at AT TIME ZONE 'UTC'::text))::date)) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX judgement_verdict ON daily_runs.judgement USING btree (verdict_key);

CREATE INDEX judgement_without_verdict ON daily_runs.judgement USING btree (verdict_key) WHERE ((status <> 'scored'::text) AND (tries > 0));

CREATE INDEX limit_probe_latest ON daily_runs.limit_probe USING btree (environment, feature, probed_at DESC);

CREATE INDEX look_latest ON daily_runs.look USING btree (environment, look_id DESC);

CREATE INDEX notice_untold ON daily_runs.notice USING btree (made_at) WHERE (told_at IS NULL);

CREATE INDEX published_run_stream ON daily_runs.published_run USING btree (feature, environment, comparability_key, logical_date);

CREATE INDEX quota_grant_account ON daily_runs.quota_grant USING btree (account, at);

CREATE INDEX quota_grant_open ON daily_runs.quota_grant USING btree (in_flight_name) WHERE ((in_flight_name IS NOT NULL) AND (settled_at IS NULL));

CREATE INDEX quota_grant_window ON daily_runs.quota_grant USING btree (window_name, evaluation_user, at) WHERE (window_name IS NOT NULL);

CREATE INDEX verdict_judged_day ON daily_runs.verdict USING brin ((((judged_at AT TIME ZONE 'UTC'::text))::date)) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX verdict_paid_by ON daily_runs.verdict USING btree (paid_by);

CREATE INDEX verdict_repeat_of ON daily_runs.verdict USING btree (repeat_of) WHERE (repeat_of IS NOT NULL);

CREATE OR REPLACE VIEW contract.quality_v1 AS
 SELECT p.run_key,
    p.feature,
    p.environment,
    p.logical_date,
    p.provenance,
    p.comparability_key,
    i.item_class,
    i.provider,
    (count(*))::integer AS items,
    (sum((i.answered + i.failed)))::integer AS asked,
    (sum(i.scored))::integer AS scored,
    avg(i.mean) AS mean,
    ((sum(i.failed))::double precision / (sum((i.answered + i.failed)))::double precision) AS failed_share,
    ((sum((i.answered - i.scored)))::double precision / (sum((i.answered + i.failed)))::double precision) AS unscored_share
   FROM (daily_runs.published_item i
     JOIN daily_runs.published_run p USING (run_key))
  WHERE (p.sample = ''::text)
  GROUP BY p.run_key, i.item_class, i.provider;

CREATE TRIGGER verdict_payer_v1 BEFORE INSERT ON daily_runs.verdict FOR EACH ROW WHEN ((new.paid_by IS NULL)) EXECUTE FUNCTION daily_runs.verdict_payer_v1();

ALTER TABLE ONLY daily_runs.answer
    ADD CONSTRAINT answer_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.attempt
    ADD CONSTRAINT attempt_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.run(run_key);

ALTER TABLE ONLY daily_runs.attempt
    ADD CONSTRAINT attempt_taken_over_from_fkey FOREIGN KEY (taken_over_from) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.attempt_terms
    ADD CONSTRAINT attempt_terms_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.comparison
    ADD CONSTRAINT comparison_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.published_run(run_key) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.frozen_judging
    ADD CONSTRAINT frozen_judging_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.frozen_verdict
    ADD CONSTRAINT frozen_verdict_frozen_judging_id_fkey FOREIGN KEY (frozen_judging_id) REFERENCES daily_runs.frozen_judging(frozen_judging_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.gate_override
    ADD CONSTRAINT gate_override_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.gate_result
    ADD CONSTRAINT gate_result_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.given_up_call
    ADD CONSTRAINT given_up_call_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.incident_member
    ADD CONSTRAINT incident_member_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES daily_runs.incident(incident_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.judge_agreement
    ADD CONSTRAINT judge_agreement_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.published_run(run_key) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.judgement
    ADD CONSTRAINT judgement_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.judgement
    ADD CONSTRAINT judgement_attempt_id_prompt_id_fkey FOREIGN KEY (attempt_id, prompt_id) REFERENCES daily_runs.answer(attempt_id, prompt_id);

ALTER TABLE ONLY daily_runs.limit_probe
    ADD CONSTRAINT limit_probe_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.notice
    ADD CONSTRAINT notice_incident_id_fkey FOREIGN KEY (incident_id) REFERENCES daily_runs.incident(incident_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.published_failure
    ADD CONSTRAINT published_failure_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.published_run(run_key) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.published_item
    ADD CONSTRAINT published_item_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.published_run(run_key) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.published_result
    ADD CONSTRAINT published_result_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.published_run(run_key) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.published_run
    ADD CONSTRAINT published_run_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.published_run
    ADD CONSTRAINT published_run_run_key_fkey FOREIGN KEY (run_key) REFERENCES daily_runs.run(run_key);

ALTER TABLE ONLY daily_runs.readiness
    ADD CONSTRAINT readiness_look_id_fkey FOREIGN KEY (look_id) REFERENCES daily_runs.look(look_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.ruler_watch
    ADD CONSTRAINT ruler_watch_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.ruler_watch
    ADD CONSTRAINT ruler_watch_frozen_judging_id_fkey FOREIGN KEY (frozen_judging_id) REFERENCES daily_runs.frozen_judging(frozen_judging_id) ON DELETE CASCADE;

ALTER TABLE ONLY daily_runs.second_verdict
    ADD CONSTRAINT second_verdict_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.seed_binding
    ADD CONSTRAINT seed_binding_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.stage_report
    ADD CONSTRAINT stage_report_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES daily_runs.attempt(attempt_id);

ALTER TABLE ONLY daily_runs.verdict
    ADD CONSTRAINT verdict_paid_by_fkey FOREIGN KEY (paid_by) REFERENCES daily_runs.attempt(attempt_id);

GRANT USAGE ON SCHEMA contract TO daily_runs_writer;
GRANT USAGE ON SCHEMA contract TO daily_runs_reader;

GRANT USAGE ON SCHEMA daily_runs TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_limit TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.alarm TO daily_runs_writer;

GRANT SELECT ON TABLE contract.alarms_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.alarms_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.answer TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.attempt TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.gate_result TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.judgement TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.limit_probe TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.run TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.stage_report TO daily_runs_writer;

GRANT SELECT ON TABLE contract.attempts_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.attempts_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.comparison TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.published_run TO daily_runs_writer;

GRANT SELECT ON TABLE contract.comparisons_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.comparisons_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.asked_once TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.attempt_terms TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.frozen_judging TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.frozen_verdict TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.given_up_call TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.second_verdict TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.verdict TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.judge_calls TO daily_runs_writer;

GRANT SELECT ON TABLE contract.costs_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.costs_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.published_failure TO daily_runs_writer;

GRANT SELECT ON TABLE contract.failures_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.failures_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.feature_seen TO daily_runs_writer;

GRANT SELECT ON TABLE contract.features_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.features_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.frozen_answers_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.frozen_answers_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.gate_override TO daily_runs_writer;

GRANT SELECT ON TABLE contract.gate_overrides_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.gate_overrides_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.overridden_attempt TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.published_item TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.reference_run TO daily_runs_writer;

GRANT SELECT ON TABLE contract.item_changes_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.item_changes_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.items_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.items_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.judge_agreement TO daily_runs_writer;

GRANT SELECT ON TABLE contract.judge_agreement_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.judge_agreement_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.last_good_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.last_good_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.operations_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.operations_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.quality_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.quality_v1 TO daily_runs_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.published_result TO daily_runs_writer;

GRANT SELECT ON TABLE contract.reasons_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.reasons_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.results_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.results_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.runs_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.runs_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.runs_v2 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.runs_v2 TO daily_runs_reader;

GRANT SELECT ON TABLE contract.verdicts_v1 TO daily_runs_writer;
GRANT SELECT ON TABLE contract.verdicts_v1 TO daily_runs_reader;

GRANT SELECT ON TABLE daily_runs.alembic_version TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.breaker TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.failed_task TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.incident TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.incident_member TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.judge_trial TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.judged TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.latest_limits TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.look TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.readiness TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.latest_readiness TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.notice TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_asker TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_grant TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_lane TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_spent_user TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.quota_use TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.routed TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.ruler_watch TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.run_summary TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.seed_binding TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.seed_content TO daily_runs_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE daily_runs.store_provenance TO daily_runs_writer;
