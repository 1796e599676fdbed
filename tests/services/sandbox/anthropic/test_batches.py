"""The life of a message batch, as the official SDK sees it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types.messages import MessageBatch

from daily_runs.sandbox.world.scenario import Latency, Scenario
from daily_runs.sandbox.world.world import World

MODEL = "claude-sonnet-5-5"
WAIT_SECONDS_MAX = 10

MakeWorld = Callable[..., World]
ClientOf = Callable[[World], Anthropic]


def _requests(count: int, **change: Any) -> list[Any]:
    params = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "Why did it fail?"}], **change}
    return [{"custom_id": f"prompt-{number}", "params": params} for number in range(count)]


def _ended(client: Anthropic, batch_id: str) -> MessageBatch:
    give_up = time.monotonic() + WAIT_SECONDS_MAX
    while (batch := client.messages.batches.retrieve(batch_id)).processing_status != "ended":
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return batch


def test_a_batch_is_taken_served_and_its_results_read(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=Latency(median=1, p95=1)))
    client = client_of(world)
    batch = client.messages.batches.create(requests=_requests(3))
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    assert batch.results_url is None
    assert batch.expires_at - batch.created_at == dt.timedelta(days=1)
    assert [entry.paid for entry in world.ledger.entries] == [False]
    ended = _ended(client, batch.id)
    assert (ended.request_counts.succeeded, ended.request_counts.processing) == (3, 0)
    results = {line.custom_id: line.result for line in client.messages.batches.results(batch.id)}
    assert set(results) == {"prompt-0", "prompt-1", "prompt-2"}
    first = results["prompt-0"]
    assert first.type == "succeeded"
    assert first.message.usage.service_tier == "batch"
    paid = [(e.key, e.account, e.user, e.output_tokens) for e in world.ledger.entries if e.paid]
    assert paid == [(f"prompt-{n}", None, "EVAL", first.message.usage.output_tokens) for n in range(3)]


def test_a_faulty_request_errs_alone(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world()
    client = client_of(world)
    mixed = [*_requests(1), {"custom_id": "broken", "params": {"model": MODEL, "messages": []}}]
    batch = _ended(client, client.messages.batches.create(requests=mixed).id)
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 1)
    results = {line.custom_id: line.result for line in client.messages.batches.results(batch.id)}
    broken = results["broken"]
    assert broken.type == "errored"
    assert broken.error.error.type == "invalid_request_error"


def test_a_cancelled_batch_keeps_what_was_served_and_pays_no_more(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=Latency(median=100, p95=100)), time_scale=10)
    client = client_of(world)
    batch = client.messages.batches.create(requests=_requests(20))
    time.sleep(0.6)
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    counts = _ended(client, batch.id).request_counts
    assert counts.succeeded >= 1
    assert counts.canceled >= 10
    assert counts.succeeded + counts.canceled == 20
    assert sum(entry.paid for entry in world.ledger.entries) == counts.succeeded


def test_what_a_day_does_not_serve_expires_unpaid(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=Latency(median=3600, p95=3600)), time_scale=200_000)
    client = client_of(world)
    batch = client.messages.batches.create(requests=_requests(32 * 30))
    counts = _ended(client, batch.id).request_counts
    assert (counts.succeeded, counts.expired) == (768, 192)
    assert sum(entry.paid for entry in world.ledger.entries) == 768


def test_only_an_ended_batch_has_results_and_can_be_deleted(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world(Scenario(latency_seconds=Latency(median=1, p95=1))))
    batch = client.messages.batches.create(requests=_requests(1))
    with pytest.raises(anthropic.BadRequestError, match="cannot be deleted"):
        client.messages.batches.delete(batch.id)
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        client.messages.batches.results(batch.id)
    _ended(client, batch.id)
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


def test_batches_are_listed_newest_first_page_by_page(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    ids = [client.messages.batches.create(requests=_requests(1)).id for _ in range(5)]
    page = client.messages.batches.list(limit=2)
    assert page.has_more
    assert [batch.id for batch in page] == ids[::-1]  # the SDK turns the pages
    assert [batch.id for batch in client.messages.batches.list(before_id=ids[2]).data] == [ids[4], ids[3]]


def test_one_account_does_not_see_anothers_batches(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    address = serve(make_world())
    with Anthropic(api_key="sandbox-EVAL", base_url=address, max_retries=0) as mine:
        batch = mine.messages.batches.create(requests=_requests(1))
    with Anthropic(api_key="sandbox-PROD", base_url=address, max_retries=0) as other:
        assert other.messages.batches.list().data == []
        with pytest.raises(anthropic.NotFoundError):
            other.messages.batches.retrieve(batch.id)


def test_a_repeated_custom_id_refuses_the_batch(make_world: MakeWorld, client_of: ClientOf) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"repeated: prompt-0"):
        client_of(make_world()).messages.batches.create(requests=_requests(1) * 2)


def test_a_batch_spends_none_of_the_message_limit(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(tokens_in=100)
    client = client_of(world)
    _ended(client, client.messages.batches.create(requests=_requests(40)).id)
    assert client.messages.create(**_requests(1)[0]["params"]).type == "message"
