"""What is ours: the store, and the catalogue with its data sets and rubrics."""

from __future__ import annotations

from collections.abc import Iterator

from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading.files import Reading
from daily_runs.clock import Clock
from daily_runs.doctor.finding import Diagnosis, Now, RoundTrip, Subject
from daily_runs.doctor.model_ends import model_ends
from daily_runs.errors import StoreAwayError, UserError
from daily_runs.feature_files import contents_of
from daily_runs.records import unfinished
from daily_runs.store import database, roles

STORE, CATALOGUE = Subject("store"), Subject("catalogue")
UNFINISHED = "unfinished runs"


def store(now: Now, catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    """Reachable, migrated, its roles, its clock, runs that nobody can finish.

    The embedded server is started for it, and migrated, as by every command.
    """
    try:
        with database.local_url() as url:
            yield from _store_at(url, now, catalogue)
    except UserError as error:
        yield STORE.refused("answers", error)
        yield from _unseen()
    except StoreAwayError as error:
        yield STORE.fault("answers", str(error), "Bring the server back, or have it allow more connections.")
        yield from _unseen()


def _unseen() -> Iterator[Diagnosis]:
    for check in ("migrated", "roles", UNFINISHED, "clock"):
        yield STORE.not_checked(check, "the store does not answer")


def _store_at(url: str, now: Now, catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    with database.connect(url) as connection:
        sent = now()
        (told,) = connection.execute("SELECT clock_timestamp() AS told").fetchall()
        received = now()
        yield STORE.ok("answers", database.place_of(url).removeprefix("store "))
        try:
            database.check(url)
        except UserError as error:
            yield STORE.refused("migrated", error)
            for check in ("roles", UNFINISHED):
                yield STORE.not_checked(check, "the store is not fit for runs")
        else:
            yield STORE.ok("migrated", f"at revision {database.newest_revision()}")
            yield _roles(connection)
            yield from _unfinished(url, catalogue)
    yield STORE.clock(told["told"], RoundTrip(sent, received), precision_seconds=0)


def _roles(connection: database.Connection) -> Diagnosis:
    if found := roles.steps(connection):
        missing = any(step.kind == roles.ROLE for step in found)
        remedy = roles.remedy(connection) if missing else "Run: daily-runs store roles"
        return STORE.notice("roles", f"{found[0].wrong}; {len(found)} faults in all", remedy)
    return STORE.ok("roles", f"{roles.OWNER}, {roles.WRITER}, {roles.READER}")


def _unfinished(url: str, catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    if catalogue is None:
        yield STORE.not_checked(UNFINISHED, "the catalogue is not sound")
        return
    with database.open_store(url) as opened:
        known = [*catalogue.features, *catalogue.left_out]
        found = unfinished.stranded(opened, known, catalogue.environments)
    for attempt in found:
        yield STORE.notice(UNFINISHED, attempt.problem, attempt.remedy)
    if not found:
        yield STORE.ok(UNFINISHED, "the catalogue has the features and environments of all of them")


def catalogue(reading: Reading, overlay: str | None) -> Iterator[Diagnosis]:
    """Sound, which features are left out, and whether what the others refer to can be loaded."""
    for fault in reading.faults:
        yield CATALOGUE.fault("sound", f"{fault.place}: {fault.problem}", fault.remedy)
    found = reading.catalogue
    if found is None:
        yield CATALOGUE.not_checked("data sets, rubrics", "the catalogue is not sound")
        return
    counts = f"{len(found.features)} features, {len(found.environments)} environments, {len(found.accounts)} accounts"
    if found.left_out:
        detail = f"left out: {', '.join(found.left_out)}; {counts} are sound; overlay {overlay or 'none'}"
        yield CATALOGUE.fault("features", detail, "Mend the files above: a feature that is left out has no DAG.")
    else:
        yield CATALOGUE.ok("sound", f"{counts}; overlay {overlay or 'none'}")
    yield from _files(found)
    for end in model_ends(found, Clock.now().date()):
        make = CATALOGUE.fault if end.has_ended else CATALOGUE.notice
        yield make("models", f"{end.place}: {end.problem}", end.remedy)


def _files(found: Catalogue) -> Iterator[Diagnosis]:
    include = folders.include_root()
    contents = [contents_of(feature, include) for feature in found.features.values()]
    faults = [fault for content in contents for fault in content.faults]
    for fault in faults:
        yield CATALOGUE.fault("data sets, rubrics", f"{fault.place}: {fault.problem}", fault.remedy)
    if not faults:
        items = sum(content.items for content in contents)
        yield CATALOGUE.ok("data sets, rubrics", f"{items} items and {len(contents)} rubrics load")
