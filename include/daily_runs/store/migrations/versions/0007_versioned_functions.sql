-- Workers call functions by a version (docs/decisions/0023-functions-bear-a-version.md). What they do stays as it was.
DO $$
DECLARE
    called text;
BEGIN
    FOREACH called IN ARRAY ARRAY['quota_pace', 'quota_introduce', 'quota_reserve', 'quota_report'] LOOP
        EXECUTE format('ALTER FUNCTION daily_runs.%I RENAME TO %I', called, called || '_v1');
        EXECUTE replace(pg_get_functiondef(format('daily_runs.%I', called || '_v1')::regproc),
                        'daily_runs.quota_pace(', 'daily_runs.quota_pace_v1(');
    END LOOP;
END
$$;

-- The names that workers of the version before call.
CREATE FUNCTION daily_runs.quota_pace(l daily_runs.quota_limit, t timestamptz) RETURNS double precision[]
LANGUAGE sql STABLE AS $$ SELECT daily_runs.quota_pace_v1(l, t) $$;
CREATE FUNCTION daily_runs.quota_introduce(ask jsonb) RETURNS void
LANGUAGE sql AS $$ SELECT daily_runs.quota_introduce_v1(ask) $$;
CREATE FUNCTION daily_runs.quota_reserve(ask jsonb)
RETURNS TABLE (grant_id bigint, wait_seconds double precision, evaluation_user text)
LANGUAGE sql AS $$ SELECT * FROM daily_runs.quota_reserve_v1(ask) $$;
CREATE FUNCTION daily_runs.quota_report(report jsonb) RETURNS void
LANGUAGE sql AS $$ SELECT daily_runs.quota_report_v1(report) $$;
