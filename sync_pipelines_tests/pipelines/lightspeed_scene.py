"""A Lightspeed store in the sandbox, the pipeline's steps without Dagster, and what the mirror ought to hold.

`differences` compares the mirror with the sandbox's truth: every collection, every column that both have, in the version of the
API that is set. What it expects is said here again, in the sandbox's words, and owes nothing to the pipeline's columns.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sync_pipelines import duck
from sync_pipelines.pipelines.lightspeed_retail import reading
from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS
from sync_pipelines.pipelines.mirrors import Mirror, MirrorLog, Reading, views
from sync_pipelines.pipelines.session import Session
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from vendor_sandbox import Sandbox

Row = Mapping[str, Any]

MIRRORS = {mirror.name: mirror for mirror in COLLECTIONS}
OUT_OF_THE_WAY = {"burst": 1_000_000, "search_lag": 0}
FIVE = Decimal("0.00001")


class LightspeedScene:
    """sandbox: None in a child process, whose sandbox is its parent's."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self.sandbox = sandbox

    # --- the store ------------------------------------------------------------------------------------------------------

    @property
    def vendor(self) -> Any:
        assert self.sandbox
        return self.sandbox.lightspeed

    def change(self, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.vendor.change_state(body)
        return found

    def fault(self, on: str, kind: str, **options: Any) -> None:
        assert self.sandbox
        self.sandbox.faults("lightspeed", [{"on": on, "kind": kind, **options}])

    def rows(self, collection: str) -> list[dict[str, Any]]:
        """The rows that there truly are, in the order of their versions."""
        return sorted(self.vendor.state()[collection], key=lambda row: row["version"])

    def ids(self, collection: str) -> list[str]:
        return [row["id"] for row in self.rows(collection) if not row["deleted_at"]]

    def calls(self) -> int:
        assert self.sandbox
        return len(self.sandbox.calls("lightspeed"))

    # --- the pipeline ---------------------------------------------------------------------------------------------------

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session(uuid.uuid4().hex, "lightspeed_retail", "sync") as session:
            yield session

    def sync(self, *names: str) -> dict[str, Reading]:
        """Bring these mirrors up to date, all by default, as one run."""
        return self._run(reading.bring_up_to_date, names)

    def prove(self, *names: str) -> dict[str, Reading]:
        return self._run(reading.prove, names)

    def _run(self, step: Callable[[Session, Mirror], Reading], names: Sequence[str]) -> dict[str, Reading]:
        with self.session() as session:
            return {name: step(session, MIRRORS[name]) for name in names or MIRRORS}

    def log(self, name: str) -> MirrorLog:
        return reading.log_of(Warehouse(data_dir() / "warehouse"), MIRRORS[name])

    def mirrored(self, name: str) -> dict[str, dict[str, Any]]:
        """What a mirror holds now, by id, with the parts in its rows."""
        with duck.engine() as con:
            query = views(MIRRORS[name], self.log(name).source(), nested=True)[name]
            rows = con.sql(query).to_arrow_table().to_pylist()
        return {row["id"]: row for row in rows}

    # --- both -----------------------------------------------------------------------------------------------------------

    def differences(self, *names: str, proved: bool = False) -> list[str]:
        """How these mirrors differ from the truth, all by default. proved: also of what lists do not show to be deleted."""
        shape, state = Shape(os.environ.get("LIGHTSPEED_API_VERSION", "2026-07")), self.vendor.state()
        return [each for name in names or MIRRORS for each in self._differences(name, shape, state, proved)]

    def _differences(self, name: str, shape: Shape, state: Mapping[str, Any], proved: bool) -> Iterator[str]:
        expected, ours = shape.expected(name, state), self.mirrored(name)
        for row_id, row in expected.items():
            gone = name != "consignment_lines" and row["deleted_at"] is not None
            unseen = gone and not shape.shows_deleted(name)
            if row_id not in ours:
                if not unseen:
                    yield f"{name} {row_id}: not in the mirror"
                continue
            mirrored = ours[row_id]
            if mirrored.get("problem"):
                yield f"{name} {row_id}: {mirrored['problem']}"
            if unseen:
                if proved and mirrored["deleted_at"] is None:
                    yield f"{name} {row_id}: is deleted, which the mirror does not say"
                continue
            for column, value in row.items():
                if not same(mirrored[column], value):
                    yield f"{name} {row_id} {column}: {mirrored[column]!r}, should be {value!r}"
        if name == "consignment_lines":
            return  # those of a deleted consignment stay, as it does
        for row_id in ours.keys() - expected.keys():
            if (proved or not MIRRORS[name].versioned) and ours[row_id]["deleted_at"] is None:
                yield f"{name} {row_id}: is no more, which the mirror does not say"


def begin(sandbox: Sandbox) -> LightspeedScene:
    """The store as it is at the start, with limits and lag out of the way."""
    sandbox.reset()
    scene = LightspeedScene(sandbox)
    scene.change(settings=OUT_OF_THE_WAY)
    os.environ.update(sandbox.env)
    return scene


def same(ours: Any, truth: Any) -> bool:
    if isinstance(truth, list):
        return isinstance(ours, list) and len(ours) == len(truth) and all(map(same, ours, truth))
    if isinstance(truth, dict):
        return isinstance(ours, dict) and all(same(ours[name], value) for name, value in truth.items())
    if isinstance(ours, datetime):
        return isinstance(truth, str) and ours == datetime.fromisoformat(truth).astimezone(UTC)
    if isinstance(ours, Decimal) and truth is not None:
        return ours == Decimal(truth).quantize(FIVE, ROUND_HALF_UP)
    return bool(ours == truth)


_ADDRESS = ("address1", "address2", "suburb", "city", "postcode", "state", "country_id")
_CONTACT = (
    *("first_name", "last_name", "company_name", "phone", "mobile", "fax", "website", "email", "twitter"),
    *(f"{kind}_{part}" for kind in ("postal", "physical") for part in _ADDRESS),
)
_OUTLET = ("name", "time_zone", "currency", "display_prices", "email", "physical_address_1", "physical_city", "physical_postcode")
_CONSIGNMENT = (
    *("type", "status", "reference", "name", "outlet_id", "source_outlet_id", "supplier_id", "supplier_invoice", "due_at"),
    *("consignment_date", "received_at", "created_at", "updated_at"),
)
_LINE = (
    *("product_id", "product_sku", "count", "received", "cost", "is_included", "status", "created_at", "updated_at", "version"),
)
_SALE = (
    *("status", "invoice_number", "receipt_number", "outlet_id", "register_id", "user_id", "customer_id", "return_for", "note"),
    *("total_price", "total_tax", "total_loyalty", "sale_date", "created_at", "updated_at"),
)
_SALE_LINE = (
    *("id", "product_id", "quantity", "price", "price_total", "cost", "cost_total", "discount", "discount_total", "tax_id"),
    *("tax_total", "is_return", "status", "sequence"),
)
_PRODUCT = (
    *("sku", "name", "description", "brand_id", "category_id", "tag_ids", "active", "has_inventory", "account_code_purchase"),
    *("price_excluding_tax", "price_including_tax", "created_at", "updated_at"),
)
_REGISTER = ("name", "outlet_id", "is_open", "invoice_prefix", "invoice_suffix", "invoice_sequence")
_USER = ("username", "display_name", "account_type", "created_at", "updated_at")


class Shape:
    """What a version of the API shows of the truth."""

    def __init__(self, version: str) -> None:
        self.dated = version != "2.0"
        self.posts = self.dated and version >= "2026-04"
        self.families = version == "2026-10"

    def shows_deleted(self, name: str) -> bool:
        if name in ("categories", "users", "taxes"):
            return False
        if name == "inventory":
            return self.posts
        return self.dated or name not in ("suppliers", "brands", "product_types", "payment_types")

    def has_versions(self, name: str) -> bool:
        return not (self.dated and name in ("brands", "tags", "product_types")) and name not in (
            "categories",
            "variant_attributes",
        )

    def expected(self, name: str, state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        if name == "consignment_lines":
            return {
                row["id"]: {"consignment_lines": [{c: line[c] for c in _LINE} for line in _by_version(state, row["id"])]}
                for row in state["consignments"]
                if not row["deleted_at"]
            }
        of_collection = "categories" if name == "product_types" else name
        show = getattr(self, f"_{name}", None) or (lambda row, _: {c: row[c] for c in _PLAIN[name]})
        found = {}
        for row in state[of_collection]:
            version = {"version": row["version"]} if self.has_versions(name) else {}
            found[row["id"]] = {"deleted_at": row["deleted_at"], **version, **show(row, state)}
        return found

    def _suppliers(self, row: Row, _: Any) -> dict[str, Any]:
        contact = {name: (row["contact"] or {}).get(name) for name in _CONTACT}
        description = row["description"] if self.dated else row["description"] or ""
        return {"name": row["name"], "source": row["source"], "description": description, **contact}

    def _product_types(self, row: Row, state: Any) -> dict[str, Any]:
        leaf = all(each["parent_id"] != row["id"] for each in state["categories"])
        return {"name": row["name"], "leaf_category": leaf}

    def _categories(self, row: Row, state: Any) -> dict[str, Any]:
        leaf = all(each["parent_id"] != row["id"] for each in state["categories"] if not each["deleted_at"])
        return {"name": row["name"], "parent_category_id": row["parent_id"], "leaf_category": leaf}

    def _variant_attributes(self, row: Row, _: Any) -> dict[str, Any]:
        return {"name": row["name"], "is_deprecated": row["is_deprecated"] or None}

    def _inventory(self, row: Row, _: Any) -> dict[str, Any]:
        amount = row["reorder_amount"]
        if row["reorder_method"] == "MIN_MAX":
            amount = max(0, row["reorder_target"] - row["level"])
        level = row["level"] if self.posts else row["level"] - row["procure"]
        shown = {
            **{name: row[name] for name in ("product_id", "outlet_id", "reorder_point")},
            **{"reorder_amount": amount, "level": level},
        }
        if not self.posts:
            return shown
        return {
            **shown,
            "to_procure": row["procure"],
            "average_cost": row["average_cost"] or None,
            **{name: row[name] for name in ("reorder_method", "reorder_target")},
        }

    def _sales(self, row: Row, _: Any) -> dict[str, Any]:
        lines = [{**{name: line[name] for name in _SALE_LINE}} for line in row["lines"]]
        payments = [
            {
                **{name: paid[name] for name in ("id", "name", "amount", "register_id")},
                "payment_type_id": paid["type_id"],
                "paid_at": paid["date"],
            }
            for paid in row["payments"]
        ]
        return {**{name: row[name] for name in _SALE}, "sale_lines": lines, "sale_payments": payments}

    def _taxes(self, row: Row, _: Any) -> dict[str, Any]:
        rates = [{name: rate[name] for name in ("id", "name", "rate")} for rate in row["rates"]]
        return {**{name: row[name] for name in ("name", "display_name", "is_default")}, "tax_rates": rates}

    def _payment_types(self, row: Row, _: Any) -> dict[str, Any]:
        return {"name": row["name"], "type_id": str(row["type_id"])}

    def _products(self, row: Row, state: Any) -> dict[str, Any]:
        """Not who the parent is, nor names and pictures of others: they can change with no version of the product."""
        names = {each["id"]: each["name"] for each in state["variant_attributes"]}
        codes = [{"type": code["type"], "code": code["code"]} for code in row["codes"]]
        if not self.families:
            codes = [{**code, "type": code["type"].lower() if code["type"] == "CUSTOM" else code["type"]} for code in codes]
        elif row["deleted_at"]:
            codes = []
        links = [{name: link[name] for name in ("supplier_id", "code", "price")} for link in row["suppliers"]]
        options = [
            {"attribute_id": each["attribute_id"], "name": names[each["attribute_id"]], "value": each["value"]}
            for each in row["options"]
        ]
        shown = {
            **{name: row[name] for name in _PRODUCT},
            "account_code": row["account_code_sale"],
            "supply_price": row["supply_price"] or None,
            "tag_ids": list(row["tag_ids"]),
            "product_codes": codes,
            "product_suppliers": links,
            "product_options": options,
        }
        if self.dated:
            shown |= {"family_id": row["family_id"], "web": row["web_enabled"]}
            shown["product_suppliers"] = [{**link, "id": row["suppliers"][n]["id"]} for n, link in enumerate(links)]
        return shown


_PLAIN: Mapping[str, Sequence[str]] = {
    "brands": ("name", "description"),
    "tags": ("name",),
    "consignments": _CONSIGNMENT,
    "outlets": _OUTLET,
    "registers": _REGISTER,
    "users": _USER,
}


def _by_version(state: Mapping[str, Any], consignment: str) -> list[Row]:
    return sorted(state["lines"].get(consignment, ()), key=lambda line: line["version"])


def account() -> str:
    return LightspeedSettings.read().account
