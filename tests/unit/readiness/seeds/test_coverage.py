"""Coverage adds up, the threshold is met exactly, remedies name keys, and a manifest makes seeds that are bound."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs import dataset
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.readiness.seeds.coverage import coverage, percent, remedies, remedy
from daily_runs.readiness.seeds.find import Seed, SeedsSeen
from daily_runs.readiness.seeds.manifest import manifest
from daily_runs.statuses import SeedStatus

CATALOGUE = catalogue_files.load(overlay=None)
RCA = CATALOGUE.features["root_cause_analysis"]
RESOURCE = "gid://gitlab/Ci::Build/7"
BOUND, MISSING, CHANGED, WRONG_STATE = SeedStatus


def feature(required_share: float) -> Feature:
    """A feature that requires a share of its seeds."""
    return RCA.model_copy(update={"seeding": RCA.seeding.model_copy(update={"required_share": required_share})})


def seen(*statuses: SeedStatus, surplus: Sequence[str] = ()) -> SeedsSeen:
    """What a look found of seeds of/0, of/1, …."""
    seeds = (
        Seed(f"of/{n}", status, None if status is MISSING else RESOURCE, None, "it is odd" * (status is WRONG_STATE))
        for n, status in enumerate(statuses)
    )
    return SeedsSeen(tuple(seeds), tuple(surplus), 3)


@given(st.lists(st.sampled_from(SeedStatus)), st.lists(st.text(), max_size=3), st.floats(0.01, 1))
def test_counts_add_up_for_any_mix(statuses: list[SeedStatus], surplus: list[str], required_share: float) -> None:
    found = coverage(feature(required_share), seen(*statuses, surplus=surplus))
    counts = {status: found.count(status) for status in SeedStatus}
    assert counts == {status: statuses.count(status) for status in SeedStatus}
    assert sum(counts.values()) == found.asked == len(statuses)
    assert found.bound == counts[BOUND] == found.asked - len(found.faults)
    assert found.ready == (found.share >= required_share)
    assert 0 <= found.share <= 1
    told = json.loads(json.dumps(found.as_json()))
    assert sum(told[status] for status in SeedStatus) == told["asked"]


@given(st.integers(1, 2000), st.data())
def test_a_share_exactly_at_the_required_one_is_ready_and_one_seed_less_is_not(asked: int, data: st.DataObject) -> None:
    bound = data.draw(st.integers(1, asked))
    wanted = feature(bound / asked)
    assert coverage(wanted, seen(*[BOUND] * bound, *[MISSING] * (asked - bound))).ready
    assert not coverage(wanted, seen(*[BOUND] * (bound - 1), *[CHANGED] * (asked - bound + 1))).ready


@pytest.mark.parametrize(("required", "asked", "bound"), [(0.95, 20, 19), (0.95, 100, 95), (0.9, 10, 9), (0.7, 10, 7)])
def test_shares_as_people_write_them_are_met_exactly(required: float, asked: int, bound: int) -> None:
    wanted = feature(required)
    assert coverage(wanted, seen(*[BOUND] * bound, *[MISSING] * (asked - bound))).ready
    assert not coverage(wanted, seen(*[BOUND] * (bound - 1), *[MISSING] * (asked - bound + 1))).ready


def test_surplus_seeds_do_not_stand_in_the_way_and_are_told() -> None:
    found = coverage(feature(1.0), seen(BOUND, surplus=["of/old"]))
    assert found.ready
    assert "1 surplus (of/old)" in found.reason()


def test_the_reason_is_one_line_with_share_threshold_faults_by_key_and_owner() -> None:
    found = coverage(feature(1.0), seen(*[BOUND] * 113, MISSING, MISSING))
    assert found.reason() == (
        "98.2% of 115 seeds bound, 100% required: 2 missing (of/113, of/114); owner: " + RCA.seeding.owner
    )
    mixed = coverage(feature(0.95), seen(CHANGED, WRONG_STATE, MISSING, BOUND)).reason()
    assert "25% of 4 seeds bound, 95% required: 1 missing (of/2), 1 changed (of/0), 1 wrong state (of/1); " in mixed
    assert "\n" not in mixed
    assert coverage(feature(0.95), seen(BOUND)).reason().startswith("100% of 1 seeds bound, 95% required; owner: ")


def test_a_long_list_of_keys_is_cut_and_says_by_how_many() -> None:
    assert "of/9 and 30 more)" in coverage(RCA, seen(*[MISSING] * 40)).reason()


@given(st.integers(1, 100_000), st.data())
def test_what_is_not_all_is_never_shown_as_all(asked: int, data: st.DataObject) -> None:
    bound = data.draw(st.integers(0, asked))
    shown = percent(bound / asked)
    assert (shown == "100%") == (bound == asked)
    assert float(shown.removesuffix("%")) <= bound / asked * 100 + 1e-6


def test_each_fault_has_its_remedy() -> None:
    lines = remedies("staging", "duo_chat", seen(MISSING, CHANGED, WRONG_STATE, BOUND, MISSING, surplus=["of/old"]))
    assert lines == [
        "missing (create it): of/0, of/4",
        f"changed (restore its content, or update the data set): of/1 ({RESOURCE})",
        f"wrong state (mend its state, or create it anew): of/2 ({RESOURCE}: it is odd)",
        "What they must be made of: daily-runs seeds staging duo_chat --manifest",
        "surplus (no data set asks about it: remove it, or add its item to the data set): of/old",
    ]
    assert remedies("staging", "duo_chat", seen(BOUND)) == []
    (of_one,) = seen(CHANGED).seeds
    assert remedy(of_one) == f"restore its content, or update the data set ({RESOURCE})"


SEEDED = [name for name, one in CATALOGUE.features.items() if name != "code_suggestions"]


@pytest.mark.parametrize("name", SEEDED)
def test_a_manifests_content_gives_the_data_sets_checksum_after_any_transport(name: str) -> None:
    items = dataset.load_feature_dataset(CATALOGUE.features[name])
    entries = [json.loads(json.dumps(entry._asdict(), ensure_ascii=False)) for entry in manifest(items, None)]
    assert [entry["seed_key"] for entry in entries] == [item.seed_key for item in items]
    for entry, item in zip(entries, items, strict=True):
        assert hashlib.sha256(entry["content"].encode()).hexdigest() == entry["sha256"] == item.checksum
        assert item.seed_key in json.dumps(entry["create"])
        assert entry["required_state"]


def test_a_manifest_holds_what_a_look_did_not_find_bound() -> None:
    items = dataset.load_feature_dataset(RCA)[:4]
    statuses = (BOUND, MISSING, CHANGED, WRONG_STATE)
    found = [Seed(item.seed_key, status) for item, status in zip(items, statuses, strict=True)]
    entries = manifest(items, SeedsSeen(tuple(found), (), 1))
    assert [(entry.seed_key, entry.status) for entry in entries] == [
        (item.seed_key, status) for item, status in zip(items[1:], statuses[1:], strict=True)
    ]


def test_code_cuts_need_nothing_to_be_created() -> None:
    assert manifest(dataset.load_feature_dataset(CATALOGUE.features["code_suggestions"]), None) == []
