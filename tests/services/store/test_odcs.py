"""The contract's file is what the live schema says, and follows the Open Data Contract Standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from daily_runs.errors import AccessError
from daily_runs.store import database, odcs
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres

SHIPPED = Path(__file__).parents[3] / "docs" / "data_contract.odcs.yaml"

REQUIRED = {"version", "apiVersion", "kind", "id", "status"}
"""What the standard's JSON schema (v3.1.0) asks of each contract; below, what it allows where we write something."""
ALLOWED = REQUIRED | {"name", "tenant", "tags", "servers", "dataProduct", "description", "domain", "schema", "support"}
ALLOWED |= {"price", "team", "roles", "slaProperties", "authoritativeDefinitions", "customProperties"}
OF_AN_ELEMENT = {"name", "physicalType", "description", "businessName", "tags", "logicalType", "physicalName"}
OF_AN_OBJECT = OF_AN_ELEMENT | {"dataGranularityDescription", "properties", "relationships", "quality"}
OF_A_PROPERTY = OF_AN_ELEMENT | {"required", "unique", "primaryKey", "primaryKeyPosition", "examples", "quality"}
LOGICAL_TYPES = {"string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    found = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_shipped_contract_is_what_the_live_schema_says(store_url: str) -> None:
    assert odcs.describe(store_url) == SHIPPED.read_text(encoding="utf-8"), "run `make schema`"


def test_every_column_of_the_live_schema_is_in_it_with_its_type_and_its_comment(
    contract: dict[str, Any], store: Store
) -> None:
    told = {
        (view["name"], column["name"]): (column["physicalType"], column["description"])
        for view in contract["schema"]
        for column in view["properties"]
    }
    rows = store.rows(
        "SELECT attrelid::regclass::text AS view, attname, format_type(atttypid, atttypmod) AS type,"
        " col_description(attrelid, attnum) AS comment FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = 'contract'::regnamespace AND attnum > 0"
    )
    live = {(row["view"].removeprefix("contract."), row["attname"]): (row["type"], row["comment"]) for row in rows}
    assert told == live
    assert len(live) > 100


def test_it_has_what_the_standard_requires_and_nothing_that_it_does_not_know(contract: dict[str, Any]) -> None:
    assert REQUIRED <= set(contract) <= ALLOWED
    assert (contract["apiVersion"], contract["kind"]) == ("v3.1.0", "DataContract")
    assert all(isinstance(contract[name], str) and contract[name] for name in REQUIRED)
    assert set(contract["description"]) <= {"usage", "purpose", "limitations"}
    assert all(set(role) <= {"role", "access", "description"} and role["role"] for role in contract["roles"])


def test_each_view_and_column_is_written_as_the_standard_has_it(contract: dict[str, Any]) -> None:
    for view in contract["schema"]:
        assert set(view) <= OF_AN_OBJECT
        assert (view["logicalType"], view["physicalName"]) == ("object", f"contract.{view['name']}")
        names = [column["name"] for column in view["properties"]]
        assert len(set(names)) == len(names) > 0
        for column in view["properties"]:
            assert set(column) <= OF_A_PROPERTY
            assert column["logicalType"] in LOGICAL_TYPES
            assert isinstance(column["required"], bool)
            assert isinstance(column["description"], str)
        places = [column["primaryKeyPosition"] for column in view["properties"] if column.get("primaryKey")]
        assert sorted(places) == list(range(1, len(places) + 1))


def test_a_key_is_never_null_and_is_made_of_columns_of_its_view(contract: dict[str, Any], store: Store) -> None:
    for view in contract["schema"]:
        row = store.row("SELECT obj_description(%(view)s::regclass) AS about", {"view": view["physicalName"]})
        named = row["about"].partition(" Key: ")[2].rstrip(".").split(", ")
        key = {column["name"]: column["required"] for column in view["properties"] if column.get("primaryKey")}
        assert key == dict.fromkeys(filter(None, named), True)


def test_a_column_without_a_comment_or_of_an_unknown_type_is_refused(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("undescribed")
    database.migrate(url)
    for statement in ("CREATE VIEW contract.mine AS SELECT 1 AS one", "COMMENT ON VIEW contract.mine IS 'Mine.'"):
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())
        with pytest.raises(AccessError, match=r"contract\.mine.* has no comment"):
            odcs.describe(url)
    with psycopg.connect(url) as connection:
        connection.execute("COMMENT ON COLUMN contract.mine.one IS 'One. Null: never'")
    mine = next(view for view in yaml.safe_load(odcs.describe(url))["schema"] if view["name"] == "mine")
    assert mine["properties"] == [
        {
            "name": "one",
            "logicalType": "integer",
            "physicalType": "integer",
            "required": False,
            "description": "One. Null: never",
        }
    ]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE OR REPLACE VIEW contract.mine AS SELECT 1 AS one, '{}'::text[] AS many")
        connection.execute("COMMENT ON COLUMN contract.mine.many IS 'Many'")
    with pytest.raises(AccessError, match=r"contract\.mine\.many \(text\[\]\) has no comment, or a type"):
        odcs.describe(url)
