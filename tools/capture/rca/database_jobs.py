"""Jobs whose database refuses a migration or a statement; Postgres is the machine's own, started by the job."""

from __future__ import annotations

from rca.scenario import Scenario

POSTGRES = ("postgres", "initdb", "psql", "pg_isready")
START = "initdb --username=ci --auth=trust --no-sync --encoding=UTF8 --locale=C -D .pg > /dev/null && postgres -D .pg -k \"$TMPDIR\" -c listen_addresses= -c fsync=off > postgres.log 2>&1 &"
READY = "export PGHOST=$TMPDIR PGUSER=ci PGDATABASE=postgres; for _ in $(seq 200); do pg_isready --quiet && break; sleep 0.05; done"
SERVER = (START, READY)
"""The steps that bring a server up: it listens on a socket in the job's own folder and dies with the job."""

MIGRATION_ORDER = Scenario(
    slug="postgres-migration-order",
    name="migrate",
    stage="deploy",
    tags=("postgres", "migration"),
    item_class="database",
    files={
        "ci/migrate.sh": """\
#!/usr/bin/env bash
set -euo pipefail
for file in migrations/*.sql; do
  echo "applying $file"
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file "$file"
done
""",
        "migrations/1_runs.sql": "CREATE TABLE runs (id bigint PRIMARY KEY, day date NOT NULL);\n",
        "migrations/2_scores.sql": "CREATE TABLE scores (run_id bigint REFERENCES runs, score real NOT NULL);\n",
        **{
            f"migrations/{number}_{name}.sql": f"ALTER TABLE {table} ADD COLUMN {name} text;\n"
            for number, name, table in (
                (3, "note", "runs"),
                (4, "judge", "scores"),
                (5, "provider", "runs"),
                (6, "rubric", "scores"),
                (7, "owner", "runs"),
                (8, "phase", "runs"),
                (9, "reason", "scores"),
            )
        },
        "migrations/10_score_index.sql": "CREATE INDEX scores_run ON scores (run_id);\n",
    },
    script=(*SERVER, "ls -v migrations", "bash ci/migrate.sh"),
    evidence=('relation "scores" does not exist', "applying migrations/10_score_index.sql", "2_scores.sql"),
    root_cause=(
        "ci/migrate.sh applies `migrations/*.sql` in the order of the shell's pattern, which sorts names as text: "
        '10_score_index.sql comes before 1_runs.sql and 2_scores.sql, which makes the table. So relation "scores" does not '
        "exist yet when its index is to be built. The migration itself is right."
    ),
    fix=(
        "Number the files with leading zeros (`01_runs.sql` … `10_score_index.sql`), or sort by version in the script: "
        "`for file in $(ls migrations/*.sql | sort -V)`."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

NOT_NULL = Scenario(
    slug="postgres-not-null-on-old-rows",
    name="migrate-staging-copy",
    stage="deploy",
    tags=("postgres", "migration"),
    item_class="database",
    files={
        "copy.sql": """\
CREATE TABLE attempts (id bigint PRIMARY KEY, started timestamptz NOT NULL);
INSERT INTO attempts SELECT n, timestamptz '2026-02-01 06:00+00' + n * interval '1 day' FROM generate_series(1, 28) n;
""",
        "migrations/0007_attempt_owner.sql": """\
BEGIN;
ALTER TABLE attempts ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN owner text NOT NULL;
CREATE INDEX attempts_owner ON attempts (owner);
COMMIT;
""",
    },
    script=(
        *SERVER,
        "psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file copy.sql",
        "psql --no-psqlrc --tuples-only --no-align --command \"SELECT count(*) || ' attempts' FROM attempts\"",
        "psql --no-psqlrc --echo-queries --set ON_ERROR_STOP=1 --file migrations/0007_attempt_owner.sql",
    ),
    evidence=('column "owner" of relation "attempts" contains null values', "28 attempts"),
    root_cause=(
        "migrations/0007_attempt_owner.sql adds the column `owner` as NOT NULL without a default, and the table attempts "
        "has 28 rows already, which would have no owner: contains null values. On an empty database it works. The column "
        "`note` before it has a default and passed."
    ),
    fix=(
        "Add the column in three steps: `ADD COLUMN owner text`, then `UPDATE attempts SET owner = …` for the old rows, then "
        "`ALTER COLUMN owner SET NOT NULL`. If one value is right for all old rows, `NOT NULL DEFAULT 'unknown'` does it at "
        "once."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

CONCURRENTLY = Scenario(
    slug="postgres-index-concurrently-in-transaction",
    name="migrate",
    stage="deploy",
    tags=("postgres", "migration"),
    item_class="database",
    files={
        "ci/migrate.sh": """\
#!/usr/bin/env bash
set -euo pipefail
for file in migrations/*.sql; do
  echo "applying $file"
  psql --quiet --no-psqlrc --single-transaction --set ON_ERROR_STOP=1 --file "$file"
done
""",
        "migrations/0001_answers.sql": "CREATE TABLE answers (id bigint PRIMARY KEY, run_id bigint NOT NULL);\n",
        "migrations/0002_answers_by_run.sql": "-- the table is large in production: do not lock it\nCREATE INDEX CONCURRENTLY answers_run ON answers (run_id);\n",
        "migrations/0003_answer_tokens.sql": "ALTER TABLE answers ADD COLUMN tokens integer;\n",
    },
    script=(*SERVER, "cat migrations/0002_answers_by_run.sql", "cat ci/migrate.sh", "bash ci/migrate.sh"),
    evidence=("CREATE INDEX CONCURRENTLY cannot run inside a transaction block", "--single-transaction"),
    root_cause=(
        "migrations/0002_answers_by_run.sql builds its index with CREATE INDEX CONCURRENTLY, and ci/migrate.sh runs each "
        "file with `psql --single-transaction`. Postgres can't build an index concurrently inside a transaction block and "
        "refuses; table and column are right, and 0003 was not reached."
    ),
    fix=(
        "Run this file without the transaction, for example by a mark that ci/migrate.sh looks for (`-- no-transaction` in "
        "the first line: then leave out --single-transaction). Without CONCURRENTLY it would pass too, but lock the table "
        "against writes while the index is built, which the migration wants to avoid."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

DEPENDENT_VIEW = Scenario(
    slug="postgres-view-depends-on-column",
    name="migrate",
    stage="deploy",
    tags=("postgres", "migration"),
    item_class="database",
    files={
        "schema.sql": """\
CREATE TABLE verdicts (id bigint PRIMARY KEY, feature text NOT NULL, day date NOT NULL, points smallint NOT NULL, score real);
CREATE VIEW daily_means AS SELECT feature, day, avg(score) AS mean FROM verdicts GROUP BY feature, day;
CREATE VIEW weekly_means AS SELECT feature, date_trunc('week', day) AS week, avg(mean) AS mean FROM daily_means GROUP BY 1, 2;
""",
        "migrations/0012_drop_score.sql": """\
-- score is computed from points now
ALTER TABLE verdicts DROP COLUMN score;
ALTER TABLE verdicts ADD COLUMN score real GENERATED ALWAYS AS ((points - 1) / 4.0) STORED;
""",
    },
    script=(
        *SERVER,
        "psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file schema.sql",
        "psql --no-psqlrc --single-transaction --set ON_ERROR_STOP=1 --file migrations/0012_drop_score.sql",
    ),
    evidence=("cannot drop column score of table verdicts because other objects depend on it", "view daily_means depends on"),
    root_cause=(
        "migrations/0012_drop_score.sql drops verdicts.score, which the view daily_means reads, and weekly_means reads that "
        "view. Postgres keeps what views depend on and refuses: other objects depend on it. The second statement was not "
        "reached, and nothing was changed, since both run in one transaction."
    ),
    fix=(
        "Drop the views in the migration and make them again after the column is there (`DROP VIEW weekly_means, "
        "daily_means;` … `CREATE VIEW …` in reverse order). CASCADE, as the hint offers, would remove the views for good "
        "and break their readers."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

UNKNOWN_REVISION = Scenario(
    slug="alembic-unknown-revision",
    name="migrate-review-app",
    stage="deploy",
    tags=("alembic", "migration"),
    item_class="database",
    files={
        "alembic.ini": "[alembic]\nscript_location = migrations\npath_separator = os\nsqlalchemy.url = sqlite:///review.db\n",
        "migrations/env.py": """\
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
""",
        **{
            f"migrations/versions/{revision}_{name}.py": f'"""{name}"""\n\nfrom alembic import op\n\nrevision = "{revision}"\ndown_revision = {down!r}\n\n\n'
            f'def upgrade():\n    op.execute("CREATE TABLE {name} (id INTEGER PRIMARY KEY)")\n\n\ndef downgrade():\n    op.execute("DROP TABLE {name}")\n'
            for revision, down, name in (("a1c0", None, "runs"), ("b2d1", "a1c0", "answers"))
        },
        "restore.py": """\
import sqlite3

with sqlite3.connect("review.db") as connection:
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    connection.execute("INSERT INTO alembic_version VALUES ('e5a9')")
    for table in ("runs", "answers", "probes"):
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
    print("restored: version e5a9, tables runs, answers, probes")
""",
    },
    script=("python restore.py", "alembic history", "alembic upgrade head"),
    evidence=("Can't locate revision identified by 'e5a9'", "a1c0 -> b2d1 (head)"),
    root_cause=(
        "The restored database is at revision e5a9, as its table alembic_version says, and the checked-out branch knows "
        "a1c0 and b2d1 only. Another branch (the one with the table probes) migrated this database before, so Alembic can't "
        "locate the revision it would start from."
    ),
    fix=(
        "Give the review app a database that this branch's migrations made (an empty one, or a copy at b2d1), or bring the "
        "branch with e5a9 in first (rebase on it). If the extra table may go, downgrade from the branch that has e5a9. "
        "`alembic stamp` alone would hide that the schema differs."
    ),
    needs=("alembic",),
)

FOREIGN_KEY = Scenario(
    slug="postgres-foreign-key-in-fixtures",
    name="load-fixtures",
    stage="test",
    tags=("postgres", "data-error"),
    item_class="database",
    files={
        "schema.sql": """\
CREATE TABLE features (name text PRIMARY KEY);
CREATE TABLE runs (id bigint PRIMARY KEY, feature text NOT NULL REFERENCES features, day date NOT NULL);
CREATE TABLE verdicts (run_id bigint NOT NULL REFERENCES runs, item text NOT NULL, points smallint NOT NULL);
""",
        "fixtures/features.csv": "name\nduo_chat\nroot_cause_analysis\n",
        "fixtures/runs.csv": "id,feature,day\n1,duo_chat,2026-03-01\n2,root_cause_analysis,2026-03-01\n3,code_review,2026-03-02\n",
        "fixtures/verdicts.csv": "run_id,item,points\n1,chat-001,4\n2,rca-001,5\n3,cr-001,3\n",
        "load.sql": """\
\\echo features
\\copy features FROM 'fixtures/features.csv' WITH (FORMAT csv, HEADER)
\\echo runs
\\copy runs FROM 'fixtures/runs.csv' WITH (FORMAT csv, HEADER)
\\echo verdicts
\\copy verdicts FROM 'fixtures/verdicts.csv' WITH (FORMAT csv, HEADER)
""",
    },
    script=(
        *SERVER,
        "psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file schema.sql",
        "head -n 5 fixtures/features.csv fixtures/runs.csv",
        "psql --no-psqlrc --set ON_ERROR_STOP=1 --file load.sql",
    ),
    evidence=('violates foreign key constraint "runs_feature_fkey"', "(feature)=(code_review) is not present"),
    root_cause=(
        "Row 3 of fixtures/runs.csv is a run of the feature code_review, and fixtures/features.csv lists duo_chat and "
        "root_cause_analysis only. The foreign key runs_feature_fkey asks for a row in features, so the insert into runs is "
        "refused. The order of loading (features, runs, verdicts) is right."
    ),
    fix=(
        "Add `code_review` to fixtures/features.csv, or take its run (id 3) and the verdict that refers to it (cr-001) out of "
        "the other two files."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

LOCK_TIMEOUT = Scenario(
    slug="postgres-lock-timeout",
    name="migrate-with-readers",
    stage="deploy",
    tags=("postgres", "concurrency"),
    item_class="database",
    files={
        "schema.sql": "CREATE TABLE answers (id bigint PRIMARY KEY, content text NOT NULL);\nINSERT INTO answers SELECT n, 'answer ' || n FROM generate_series(1, 500) n;\n",
        "report.sql": "BEGIN;\nSELECT count(*) FROM answers;\nSELECT pg_sleep(30);\nCOMMIT;\n",
        "activity.sql": """\
SELECT application_name, state, wait_event_type AS waits_for, left(query, 40) AS query
FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid() ORDER BY 1;
""",
        "migrations/0009_answer_tokens.sql": "SET lock_timeout = '2s';\nALTER TABLE answers ADD COLUMN tokens integer;\n",
    },
    script=(
        *SERVER,
        "psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file schema.sql",
        "PGAPPNAME=nightly-report psql --quiet --no-psqlrc --file report.sql > report.txt &",
        "sleep 1; psql --no-psqlrc --file activity.sql",
        "psql --no-psqlrc --set ON_ERROR_STOP=1 --file migrations/0009_answer_tokens.sql",
    ),
    evidence=("canceling statement due to lock timeout", "nightly-report"),
    root_cause=(
        "Another session, nightly-report, reads answers inside a transaction that it keeps open (it is in `SELECT "
        "pg_sleep(30)`, and has read answers before). ALTER TABLE needs an exclusive lock on the table, waits for that "
        "transaction, and gives up after the migration's own lock_timeout of 2 s. The statement itself is right."
    ),
    fix=(
        "Run the migration when the report doesn't run, or let the report end its transaction before it waits (COMMIT before "
        "pg_sleep). Keep the lock_timeout and try again a few times: without it the ALTER would wait and hold up everybody "
        "behind it."
    ),
    needs=POSTGRES,
    unprivileged=True,
)

JOBS = (
    MIGRATION_ORDER,
    NOT_NULL,
    CONCURRENTLY,
    DEPENDENT_VIEW,
    UNKNOWN_REVISION,
    FOREIGN_KEY,
    LOCK_TIMEOUT,
)
