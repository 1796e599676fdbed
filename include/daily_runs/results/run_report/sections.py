"""The tables of a report, as texts: the terminal shows all of them, the page most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.results.quality import WORDS

RUNS_LISTED = 14
_HASH_DIGITS = 12
RULER_CHECK = "Is the judge still the same?"


class Section(NamedTuple):
    """A table: its title, its header, its rows, and a sentence on how to read it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def in_text(report: Mapping[str, Any]) -> list[Section]:
    """Every table of a report that has rows, in the order of the page."""
    found = [
        figures(report),
        providers(report),
        gate(report),
        changed(report),
        parts(report),
        others(report),
        items("Worst items", report["worst_items"]),
        items("Most changed items", report["changed_items"]),
        series(report),
        alarms(report),
        *operations(report),
        ruler(report),
        ruler_check(report),
        ruler_days(report),
        attempts(report),
    ]
    return [section for section in found if section.rows]


def figures(report: Mapping[str, Any]) -> Section:
    """Means, bounds, counts and latency."""
    run, seconds = report["run"], report["latency_seconds"]
    rows = []
    if report["published"]:
        mean = interval(run["item_mean"], run["item_mean_low"], run["item_mean_high"])
        rows = [
            ["mean over these classes, 95 %", mean],
            ["with every missing answer at 0, at 1", between(run["missing_at_worst"], run["missing_at_best"])],
        ]
        if run["new_classes_low"] is not None:  # there are classes enough
            rows.append(["items of new classes, 95 %", between(run["new_classes_low"], run["new_classes_high"])])
    rows.append(["latency p50, p95, p99", ", ".join(f"{s:.1f} s" for s in seconds.values() if s is not None) or "–"])
    for names in (("asked", "answered", "failed", "unsettled"), ("scored", "unscored")):
        known = [name for name in names if run.get(name) is not None]
        rows.append([", ".join(known), ", ".join(f"{run[name]:,}" for name in known)])
    return Section("Figures", ("figure", "value"), rows)


def providers(report: Mapping[str, Any]) -> Section:
    """The figures of each provider, where more than one answered."""
    found = report["run"].get("populations") or []
    rows = [
        [one["provider"], str(one["items"]), interval(one["mean"], one["low"], one["high"])]
        for one in found
        if len(found) > 1
    ]
    note = "Two providers never make one figure."
    return Section("By provider", ("provider", "items", "mean [95 %]"), rows, note)


def gate(report: Mapping[str, Any]) -> Section:
    """What the gate found; failures come first."""
    rows = [
        [one["expectation"], "passed" if one["passed"] else "FAILED", one["observed"], one["required"]]
        for one in report["gate_results"]
    ]
    return Section("Gate", ("expectation", "", "observed", "required"), rows)


def changed(report: Mapping[str, Any]) -> Section:
    """What is not as in the newest run of the reference."""
    found = report["run"].get("changed") or {}
    rows = [[WORDS.get(name, name), short(then), short(now)] for name, (then, now) in sorted(found.items())]
    return Section("Changed since the reference", ("what", "then", "now"), rows)


def others(report: Mapping[str, Any]) -> Section:
    """The difference from other runs that it was compared with, such as the other arm of its day."""
    rows = [
        [
            one["against"],
            one["treatment"],
            interval(one["estimate"], one["low"], one["high"], sign="+"),
            (one["verdict"] or "").replace("_", " "),
        ]
        for one in report["others"]
    ]
    return Section("Against other runs", ("run", "treatment", "difference [95 %]", "verdict"), rows)


def parts(report: Mapping[str, Any]) -> Section:
    """Each class and criterion with its mean and its difference from the reference."""
    rows = [
        [
            part["name"],
            str(part["items"]),
            interval(part["mean"], part["mean_low"], part["mean_high"]),
            interval(part.get("estimate"), part.get("low"), part.get("high"), sign="+"),
            score(part.get("smallest_visible_drop")),
            part.get("verdict") or "",
        ]
        for part in report["parts"]
    ]
    note = (
        "Brackets are 95 % intervals, each by itself; a part is called regressed by Holm's rule over all of them."
        " Visible drop: the smallest that would be seen in four of five such runs, where it is known."
    )
    return Section(
        "Classes and criteria",
        ("part", "items", "mean [95 %]", "against the reference", "visible drop", "verdict"),
        rows,
        note,
    )


def items(title: str, found: Sequence[Mapping[str, Any]], sides: tuple[str, str] = ("reference", "mean")) -> Section:
    """Items without their texts; `sides` name what was before and what is now."""
    rows = [
        [item["item_id"], item["item_class"], score(item["reference_mean"]), score(item["mean"]), moved(item["change"])]
        for item in found
    ]
    return Section(title, ("item", "class", *sides, "change"), rows)


def series(report: Mapping[str, Any], listed: int = RUNS_LISTED) -> Section:
    """The newest runs of the series."""
    rows = []
    for run in report["series"]["runs"][-listed:]:
        told = "; ".join(f"{one['what']} {short(one['then'])} → {short(one['now'])}" for one in run["changed"])
        means = "; ".join(interval(one["mean"], one["low"], one["high"]) for one in run["figures"])
        mark = "reference" if run["in_reference"] else (run["verdict"] or "").replace("_", " ")
        rows.append([run["logical_date"][:10], means or "–", mark, told])
    return Section("Series", ("run", "mean [95 %]", "", "changed"), rows)


def alarms(report: Mapping[str, Any]) -> Section:
    """Alarms over the stream, open or not."""
    rows = []
    for alarm in report["series"]["alarms"]:
        worst = f"; worst class: {alarm['worst_class']}" if alarm["worst_class"] else ""
        by = f" by {alarm['resolved_by']}: {alarm['resolution']}" if alarm["resolved_by"] else ""
        number, since = f"A{alarm['alarm_id']}", alarm["since"][:10]
        rows.append([number, alarm["kind"], since, f"{alarm['reason']}{worst}", f"{alarm['state']}{by}"])
    return Section("Alarms", ("no.", "kind", "since", "what", "state"), rows)


def operations(report: Mapping[str, Any]) -> list[Section]:
    """Failures, answers without a verdict, and cost."""
    header = ("hop", "kind", "prompts")
    return [
        Section("Failures", header, [[r["hop"], r["kind"], str(r["prompts"])] for r in report["failures"]]),
        Section(
            "Answers without a verdict",
            header,
            [[r["hop"] or "–", r["kind"], str(r["prompts"])] for r in report["unscored_kinds"]],
        ),
        cost(report),
    ]


def cost(report: Mapping[str, Any]) -> Section:
    """What the run's calls cost, by the price list."""
    rows = [
        [
            row["stage"],
            row["model"] or "–",
            row["basis"],
            *map(_whole, (row["calls"], row["input_tokens"])),
            _whole(row["output_tokens"]),
            usd(row["usd"]),
        ]
        for row in report["cost"]["rows"]
    ]
    if rows:
        rows.append(["all", "", "", "", "", "", usd(report["cost"]["usd"])])
    dates = sorted({row["prices_as_of"] for row in report["cost"]["rows"] if row["prices_as_of"]})
    note = (
        "All attempts of the run. measured: the path told the tokens; estimate: the catalogue's expectation."
        f" USD by the price list{f' of {dates[-1]}' if dates else ''}."
    )
    if report["run"]["provenance"] == "sandbox":
        note += " Nobody pays for a sandbox's calls."
    return Section("Cost", ("stage", "model", "basis", "calls", "tokens in", "tokens out", "USD"), rows, note)


def ruler(report: Mapping[str, Any]) -> Section:
    """What the answers were measured with."""
    found, run = report["ruler"], report["run"]
    given = ", ".join(f"{judge} ({verdicts:,} verdicts)" for judge, verdicts in found["answered_by"].items())
    rows = [
        ["data set", short(run["dataset_sha256"])],
        ["prompts", short(run.get("selection_sha256") or "–")],
        ["rubric", short(found["rubric_version"])],
        ["judge", found["judge_model"]],
        ["judge's effort, thinking", f"{found['judge_effort'] or '–'}, {found['judge_thinking'] or '–'}"],
        ["judge's prompt", found["prompt_template"] or "–"],
        ["verdicts on an answer", str(found["judge_repeats"])],
        ["verdicts given by", given or "–"],
        ["provider", (run.get("ruler") or {}).get("provider") or "–"],
    ]
    return Section("The ruler", ("", ""), rows, "Scores compare only where all of this is the same.")


def ruler_check(report: Mapping[str, Any]) -> Section:
    """What the gate found when it asked whether the judge is still the same."""
    found = report["ruler_check"]
    if found is None:
        return Section(RULER_CHECK, ("", ""), [])
    since = f"{found['since'][:10]}, judged {found['judgings']} times" if found["since"] else "–"
    accepted = f"; the rubric says ruler_since: {found['ruler_since']}" if found["ruler_since"] else ""
    rows = [
        ["verdict", found["said"], ""],
        *([one["expectation"], one["observed"], one["required"]] for one in found["findings"]),
        ["this ruler is watched since", since + accepted, ""],
    ]
    return Section(RULER_CHECK, ("question", "found", "tolerance"), rows)


def ruler_days(report: Mapping[str, Any]) -> Section:
    """Each day's judging of the frozen answers; the newest stands last."""
    rows = []
    for day in (report["ruler_check"] or {"days": []})["days"]:
        kinds = (("of_this_run", "this run's"), ("first_day", "one of the first days"))
        marks = [word for name, word in kinds if day[name]] + (["the check failed"] if day["held"] is False else [])
        counts = [f"{day['scored']} of {day['answers']}", f"{day['in_range']} of {day['scored']}"]
        shift = interval(day["shift"], day["low"], day["high"], sign="+")
        rows.append([_minute(day["began_at"]), *counts, score(day["mean_score"]), shift, ", ".join(marks)])
    header = ("judged, UTC", "with a verdict", "within labelled points", "mean", "shift [99.8 %]", "")
    return Section("Frozen answers by day", header, rows)


def attempts(report: Mapping[str, Any]) -> Section:
    """The attempts of the run, where there is more than one."""
    found = report["attempts"]
    rows = [
        [one["attempt_id"], _minute(one["started_at"]), one["outcome"], one["rerun"], one["reason"] or ""]
        for one in found
        if len(found) > 1
    ]
    return Section("Attempts of this run", ("attempt", "started", "outcome", "rerun", "reason"), rows)


def interval(estimate: float | None, low: float | None, high: float | None, *, sign: str = "") -> str:
    """A figure with its interval; a dash where there is none."""
    if estimate is None or low is None or high is None:
        return "–"
    return f"{estimate:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def between(low: float | None, high: float | None) -> str:
    """Two ends without a middle."""
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def score(value: float | None) -> str:
    """A score of 0 to 1."""
    return "–" if value is None else f"{value:.3f}"


def moved(value: float | None) -> str:
    """A difference of two scores."""
    return "–" if value is None else f"{value:+.3f}"


def usd(value: float | None) -> str:
    """An amount; no price is known of some."""
    return "–" if value is None else f"{value:,.4f}" if value < 1 else f"{value:,.2f}"


def short(text: str) -> str:
    """The first digits of a hash; any other text as it is."""
    is_hash = len(text) >= 32 and all(sign in "0123456789abcdef" for sign in text)
    return text[:_HASH_DIGITS] if is_hash else text or "–"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
