"""Products found by whatever code somebody holds in their hands, in the sandbox's store."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from sync_pipelines.errors import UsageError
from sync_pipelines.operations import retail_store
from sync_pipelines.operations.cli.root import app
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Sandbox, dict[str, bytes]]]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox, {}


@pytest.fixture
def store(world: tuple[Sandbox, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> LightspeedScene:
    """A store that was mirrored; read once, and copied for each test."""
    from sync_pipelines.settings import data_dir

    sandbox, files = world
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    if not files:
        lightspeed_scene.begin(sandbox).sync()
        files |= {str(p.relative_to(data_dir())): p.read_bytes() for p in data_dir().rglob("warehouse/**/*.parquet")}
    for name, content in files.items():
        (data_dir() / name).parent.mkdir(parents=True, exist_ok=True)
        (data_dir() / name).write_bytes(content)
    return LightspeedScene(sandbox)


def found(code: str) -> list[str]:
    return [product["sku"] for product in retail_store.find(code).products]


@pytest.mark.parametrize(
    ("code", "skus"),
    [
        ("0306406152", ["9780306406157"]),
        ("0-306-40615-2", ["9780306406157"]),
        ("978-0-306-40615-7", ["9780306406157"]),
        ("080442957x", ["9780804429573"]),
        ("9780804429573", ["9780804429573"]),
        ("the-good-boot-handbook", ["9780306406157"]),
        ("614141007349", ["TRAP-UPC-12", "TRAP-EAN-13"]),
        ("0614141007349", ["TRAP-EAN-13", "TRAP-UPC-12"]),
        ("42", ["42", "00042"]),
        ("00042", ["00042", "42"]),
        ("Shared", ["TRAP-SHARED-1", "TRAP-SHARED-2"]),
        ("trap-Case", ["TRAP-CASE", "trap-case"]),
        ("trap-blanks", [" TRAP-BLANKS "]),
        (" TRAP-NO- CODES", ["TRAP-NO-CODES"]),
        ('trap-ø8/½"', ['TRAP-Ø8/½"']),
        ("PB-7_1/2", ["TRAP-SUPPLIER'S-CODE-OF-TWO-PRODUCTS,-FIRST", "TRAP-SUPPLIER'S-CODE-OF-TWO-PRODUCTS,-SECOND"]),
        ("TRAP-50_2F", []),
    ],
)
def test_a_code_is_found_however_it_is_written(store: LightspeedScene, code: str, skus: list[str]) -> None:
    assert found(code) == skus


def test_an_isbn_that_is_kept_in_one_way_only_is_found_in_the_other(store: LightspeedScene) -> None:
    from sync_pipelines.pipelines.lightspeed_retail.finding import forms_of

    assert forms_of("080442957X") == ["080442957X", "9780804429573", "080442957X"]
    assert forms_of("9780804429573") == ["9780804429573", "9780804429573", "080442957X"]
    assert forms_of("9791090636071") == ["9791090636071", "9791090636071"]
    assert forms_of("MCA0032") == ["MCA0032"]


def test_what_is_shown_is_what_the_store_has(store: LightspeedScene) -> None:
    (product,) = retail_store.find("TRAP-TWO-SUPPLIERS").products
    truth = next(row for row in store.rows("products") if row["sku"] == "TRAP-TWO-SUPPLIERS")
    outlets = {row["id"]: row["name"] for row in store.rows("outlets") if not row["deleted_at"]}
    levels = {outlets[i["outlet_id"]]: i["level"] for i in store.rows("inventory") if i["product_id"] == truth["id"]}
    assert {each["outlet"]: each["level"] for each in product["stock"]} == {
        name: pytest.approx(float(n)) for name, n in levels.items()
    }
    assert [each["code"] for each in product["suppliers"]] == ["TRAP-TWO-SUPPLIERS", "TWO"]
    assert str(product["price_including_tax"]) == "7.50000"
    assert product["currency"] == "NZD"
    assert product["matched"] == ["CUSTOM TRAP-TWO-SUPPLIERS", "SKU TRAP-TWO-SUPPLIERS", "supplier code TRAP-TWO-SUPPLIERS"]


def test_the_last_sale_is_one_that_counts(store: LightspeedScene) -> None:
    counting = [s for s in store.rows("sales") if s["status"] not in ("SAVED", "VOIDED") and not s["deleted_at"]]
    last = {
        line["product_id"]: s["sale_date"]
        for s in sorted(counting, key=lambda s: s["sale_date"])
        for line in s["lines"]
        if line["quantity"] > 0
    }
    product_id, at = next(iter(last.items()))
    (product,) = retail_store.find(product_id).products
    assert product["last_sale"].isoformat() == at.replace("Z", "+00:00")


def test_a_code_that_nobody_has_is_answered_with_the_likest(store: LightspeedScene) -> None:
    assert retail_store.find("TRAP-TWO-SUPLIERS").did_you_mean[0] == "TRAP-TWO-SUPPLIERS"
    said = CliRunner().invoke(app, ["lightspeed", "find", "TRAP-TWO-SUPLIERS"])
    assert said.exit_code == 1
    assert "Did you mean TRAP-TWO-SUPPLIERS" in said.output
    assert retail_store.find("qqqqqqqq").did_you_mean == ()
    with pytest.raises(UsageError, match="a code is needed"):
        retail_store.find(" ")


def test_the_prompt_shows_each_product_and_json_has_the_same(store: LightspeedScene) -> None:
    shown = CliRunner().invoke(app, ["lightspeed", "find", "shared"])
    assert shown.exit_code == 0
    assert all(sku in shown.stdout for sku in ("TRAP-SHARED-1", "TRAP-SHARED-2"))
    answered = json.loads(CliRunner().invoke(app, ["lightspeed", "find", "shared", "--json"]).stdout)
    assert [product["sku"] for product in answered["products"]] == ["TRAP-SHARED-1", "TRAP-SHARED-2"]
