"""The page *Today*: one line a feature, then what waits, and the ground that runs stand on. Of the board alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from daily_runs.catalogue.features import PhaseName
from daily_runs.pages.frame import airflow_link, link
from daily_runs.pages.links import PageLinks, dag_of
from daily_runs.pages.tables import MarkedRow, grid, parts_of, small_list
from daily_runs.readiness.board import BoardLine, Row, state_of
from daily_runs.readiness.board_reading import Board
from daily_runs.readiness.health_rows import BoardHealth, EnvironmentHealth
from daily_runs.readiness.today import STAGE_ORDER, RunToday, TodayState
from daily_runs.results.run_report.markup import escaped
from daily_runs.results.run_report.sections import interval

_REASON_MAX = 1_000
_GOOD = frozenset({"no_worse", "improved"})
_BAD = frozenset({"regressed", "below_floor"})
_WRONG = frozenset({TodayState.FAILED, TodayState.BROKEN_OFF, TodayState.QUARANTINED})
_HEADINGS = ("feature and phase", "today's runs", "stages", "verdict and score", "staging", "in the way, and whose")


def today_parts(board: Board, links: PageLinks) -> list[str]:
    """The page's content; a board that holds some features only makes a page of these."""
    said = f'<p class="note">{escaped(board.heading)}. All times are UTC.</p>'
    broken = [f'<p class="notice">{escaped(line, _REASON_MAX)}</p>' for line in board.told_left_out]
    if not board.lines and not broken:
        return [said, "<p>There is no feature whose runs you may read.</p>"]
    rows = [MarkedRow(_cells(board, line, links), quiet=_is_quiet(line)) for line in board.lines]
    return [
        said,
        *broken,
        *([f'<p class="notice">Staging: {escaped(board.error, _REASON_MAX)}</p>'] if board.error else []),
        grid("Features, the most urgent first", _HEADINGS, rows),
        *_waiting(board, links),
        *_stranded(board),
        *(_health(board.health, board.at) if board.health else []),
    ]


def _is_quiet(line: BoardLine) -> bool:
    """All of today's runs asked nothing, or there are none since the feature is on hold."""
    if not line.today:
        return line.phase.phase is PhaseName.ON_HOLD
    return all(run.state is TodayState.ASKED_NOTHING for run in line.today)


def _cells(board: Board, line: BoardLine, links: PageLinks) -> list[str]:
    return [
        _feature(line, links),
        _runs(board, line, links),
        small_list([_stages(attempt, board.at) for run in line.today for attempt in run.attempts]) or "–",
        small_list([_score(attempt) for run in line.today for attempt in run.attempts]) or _last(line),
        parts_of(_aspect("seeds", line.seeds), _aspect("limits", line.limits)),
        small_list([escaped(told, _REASON_MAX) for told in _in_the_way(board, line)]) or "nothing known",
    ]


def _feature(line: BoardLine, links: PageLinks) -> str:
    name, phase = line.feature.feature, line.phase
    since = f" since {phase.starts}" if phase in line.feature.phases else ""
    following = f"then {_words(line.phase_next.phase)} from {line.phase_next.starts}" if line.phase_next else ""
    return parts_of(
        link(links.feature(name), line.feature.title),
        f"<small>{escaped(_words(phase.phase) + since)}</small>",
        f"<small>{escaped(following)}</small>" if following else "",
    )


def _runs(board: Board, line: BoardLine, links: PageLinks) -> str:
    following = f"next run {_moment(line.run_next, board.at)}" if line.run_next else "no run is scheduled"
    if not line.today:
        return f"no run today<br><small>{escaped(following)}</small>"
    return small_list([*(_run(board, line, run, links) for run in line.today), f"<small>{escaped(following)}</small>"])


def _run(board: Board, line: BoardLine, run: RunToday, links: PageLinks) -> str:
    at = f" {_moment(run.began_at, board.at)}" if run.began_at else ""
    told = f"{_words(run.state)}{at}"
    kind = "bad" if run.state in _WRONG else ""
    name = link(links.run(dag_of(line.feature.feature), run.run_id), told) if run.run_id else escaped(told)
    if not run.run_id:
        name += " <small>by the command line</small>"
    shown = f'<span class="{kind}">{name}</span>' if kind else name
    if run.state is TodayState.ASKED_NOTHING:
        return f'<span class="quiet">{shown}: {escaped(run.why, _REASON_MAX)}</span>'
    return shown


def _stages(attempt: Row, now: dt.datetime) -> str:
    """When each stage ended, and how far the one is that is under way."""
    done = attempt["stages"] or {}
    told = [
        f"{_words(name)} {_moment(dt.datetime.fromisoformat(done[name]['ended_at']), now)}" for name in done_in(done)
    ]
    if attempt["outcome"] == "running":
        told.append(f"{attempt['answered']} of {attempt['asked']} answered, {attempt['scored']} scored")
    where = f"{attempt['environment']}{'' if attempt['kind'] == 'full' else ', ' + attempt['kind']}"
    return f"<b>{escaped(where)}</b>: {escaped(', '.join(told) or 'no stage has ended')}"


def done_in(stages: Row) -> list[str]:
    """The stages that ended, in the order of an arm."""
    return [name for name in STAGE_ORDER if name in stages]


def _score(attempt: Row) -> str:
    sandbox = " (sandbox)" if attempt["provenance"] == "sandbox" else ""
    where = f"<b>{escaped(attempt['environment'])}</b>: "
    if attempt["outcome"] != "published":
        return f"{where}{escaped(_words(attempt['outcome']))}{sandbox}"
    verdict = attempt["verdict"] or "no verdict"
    kind = "bad" if verdict in _BAD else "good" if verdict in _GOOD else ""
    mean = interval(attempt["item_mean"], attempt["item_mean_low"], attempt["item_mean_high"])
    if len(attempt["populations"] or []) > 1:
        mean = "two providers, no figure over both"
    return f'{where}<span class="{kind}">{escaped(_words(verdict))}</span> {escaped(mean)}{sandbox}'


def _last(line: BoardLine) -> str:
    """The newest run, where today has none."""
    run = line.run
    if run is None:
        return "no run yet"
    score = f" {run['mean_score']:.3f}" if run["mean_score"] is not None else ""
    verdict = _words(run["verdict"] or run["status"])
    told = f"{run['logical_date']:%Y-%m-%d} in {run['environment']}, {verdict}{score}"
    return f"<small>last: {escaped(told)}</small>"


def _aspect(name: str, found: Row | None) -> str:
    if found is None:
        return f"{name}: not looked at"
    state = str(state_of(found))
    kind = {"ready": "good", "not_ready": "bad"}.get(state, "")
    return f'{name}: <span class="{kind}">{escaped(_words(state))}</span>'


def _in_the_way(board: Board, line: BoardLine) -> list[str]:
    """What stands in the way of today's run or of the cutover, each with whose it is."""
    owners = {name: aspect["owner"] for name, aspect in (("seeds", line.seeds), ("limits", line.limits)) if aspect}
    found = [_owned(f"{name}: {told}", owners.get(name, "")) for name, told in board.in_the_way(line).items()]
    wrong = [run for run in line.today if run.state in _WRONG or run.state is TodayState.WAITING]
    who = f"{line.feature.owner.dri}, {line.feature.owner.team}"
    return [*found, *(_owned(f"{_words(run.state)}: {run.why}", who) for run in wrong)]


def _owned(told: str, owner: str) -> str:
    return told if not owner or "owner: " in told else f"{told}; owner: {owner}"


def _waiting(board: Board, links: PageLinks) -> list[str]:
    rows = [
        MarkedRow(
            [
                link(links.run(dag_of(line.feature.feature), run.run_id), line.feature.title),
                escaped(run.seen.waiting_for.get("waits_until", "–")),
                escaped(run.seen.waiting_for.get("next_look", "–")),
                escaped(run.why, _REASON_MAX),
                airflow_link(links.task_log(dag_of(line.feature.feature), run.run_id, "wait_for_staging"), "log"),
            ]
        )
        for line in board.lines
        for run in line.today
        if run.state is TodayState.WAITING and run.seen is not None
    ]
    header = ("run", "waits until", "next look", "for what", "log")
    return ["<h2>Waiting runs</h2>", grid("Runs that wait for staging", header, rows)] if rows else []


def _stranded(board: Board) -> list[str]:
    told = [escaped(f"{one.problem}. {one.remedy}", _REASON_MAX) for one in board.stranded]
    return [f"<h2>Unfinished, of what the catalogue no longer has</h2>{small_list(told)}"] if told else []


def _health(health: BoardHealth, now: dt.datetime) -> list[str]:
    writable = "takes rows" if health.is_writable else "CANNOT BE WRITTEN TO"
    store = f"answered in {health.answer_seconds * 1000:.0f} ms, {writable}, at revision {health.revision}"
    rows = [MarkedRow(["the store", _marked(store, is_good=health.is_writable)])]
    rows += [MarkedRow([escaped(_called(one)), _seen(one, now)]) for one in health.environments]
    rows += [MarkedRow([f"calls to {escaped(row['provider'])}", _breaker(row, now)]) for row in health.breakers]
    if not health.breakers:
        rows.append(MarkedRow(["calls to providers", _marked("no breaker is open", is_good=True)]))
    return ["<h2>Store and environments</h2>", grid("The ground that runs stand on", ("what", "how it is"), rows)]


def _called(one: EnvironmentHealth) -> str:
    return f"{one.environment} ({'the sandbox, ' if one.provenance == 'sandbox' else ''}{one.address})"


def _seen(one: EnvironmentHealth, now: dt.datetime) -> str:
    if one.looked_at is None:
        return "nobody has looked yet"
    minutes = (now - one.looked_at).total_seconds() / 60
    told = f"looked at {minutes:,.0f} min ago" + (f": {one.error}" if one.error else ", all could be seen")
    return _marked(told, is_good=one.error is None)


def _breaker(row: Row, now: dt.datetime) -> str:
    until = f" until {_moment(row['open_until'], now)}" if row["open_until"] else ""
    return _marked(f"{_words(row['state'])}{until}: {row['reason']}", is_good=False)


def _marked(text: str, *, is_good: bool) -> str:
    return f'<span class="{"good" if is_good else "bad"}">{escaped(text, _REASON_MAX)}</span>'


def _moment(moment: dt.datetime, now: dt.datetime) -> str:
    """The time; with its date where that is not today's (UTC)."""
    known = moment.astimezone(dt.UTC)
    return f"{known:%H:%M}" if known.date() == now.astimezone(dt.UTC).date() else f"{known:%Y-%m-%d %H:%M}"


def _words(status: object) -> str:
    return str(status).replace("_", " ")


def of_features(board: Board, names: Sequence[str] | set[str]) -> Board:
    """The board of some features only, for who may read no others."""
    stranded = [one for one in board.stranded if one.feature in names]
    left_out = {name: lines for name, lines in board.left_out.items() if name in names}
    lines = [line for line in board.lines if line.feature.feature in names]
    return board._replace(lines=lines, stranded=stranded, left_out=left_out)
