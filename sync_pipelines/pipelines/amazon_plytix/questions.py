"""What a person asks of this pipeline outside a run: can it log in, is the account ready, what of this ASIN."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.csv_files import write_csv
from sync_pipelines.delivery import records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.amazon_plytix import entries, files, intake, listings, planning
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.observations import Observation, fact
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.amazon import SECRETS, Amazon, has_login
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import Published, SnapshotUnreadable, Warehouse

readable = planning.readable


def ready() -> None:
    """Look at what a run will need before anything heavy is loaded. Raises what is missing."""
    for names in PlytixSettings.read().secrets:
        secret(*names)


def source_options(refresh: str, _from_csv: Path | None) -> dict[str, Any]:
    """How the products of the PIM are come by, as configuration of the steps. Raises UsageError for what was never read."""
    account = account_of("plytix")
    if refresh == "never" and not warehouse().path(PRODUCTS_KEY, account).exists():
        raise UsageError(f"no products of {account} were read yet. Nothing was done. Run once without --refresh never.")
    return {"plytix__products": {"refresh": refresh}}


def warehouse() -> Warehouse:
    return Warehouse(data_dir() / "warehouse")


@contextlib.contextmanager
def pim() -> Iterator[planning.PlytixAccount]:
    """The PIM, read-only. Raises what is missing."""
    client = Plytix.connect(PlytixSettings.read(), CallMeter(), limits=data_dir() / "limits")
    try:
        yield planning.PlytixAccount(client)
    finally:
        client.close()


def validate(*, deep: bool) -> list[Observation]:
    """Log in, and look whether the account has all that is needed; with `deep`, which assumed facts hold. Reads only."""
    found: list[Observation] = []
    try:
        with pim() as plytix:
            found += _plytix(plytix)
            if deep and all(f.verdict != "problem" for f in found):
                found += _facts(plytix)
    except (CredentialMissing, SettingsError, VendorError) as e:
        found.append(Observation("plytix login", "problem", str(e)))
    return [*found, *_amazon()]


def _plytix(plytix: planning.PlytixAccount) -> list[Observation]:
    there = plytix.account
    found = [Observation("plytix login", "ok", plytix.plytix.account)]
    found += [Observation("plytix account", "problem", problem) for problem in there.problems]
    if not there.problems:
        told = f"family, relationships and {len(there.attributes)} attributes are there"
        found.append(Observation("plytix account", "ok", told))
    missing = sorted(set(plytix.settings.identifier_attributes) - set(there.identifiers))
    if missing:
        told = f"no attribute {', '.join(missing)}: products are matched by the others"
        found.append(Observation("identifiers", "differs", told))
    if there.left_out:
        told = f"no attribute {', '.join(there.left_out)} in the account or its family: these are not written"
        found.append(Observation("attributes", "differs", told))
    return [*found, Observation("plytix right to write", "unknown", "cannot be told without writing")]


def _facts(plytix: planning.PlytixAccount) -> list[Observation]:
    """What the vendor's documents leave open, as it is on this account."""
    client, size = plytix.client, plytix.plytix.page_size
    rows, count = client.look([], page=1)
    beyond, _ = client.look([], page=10**6)
    asked = sorted({row.sku for row in rows})[:5]
    back = {product.sku for product in client.products_by_sku(asked, ())}
    return [
        fact("a search takes a list of SKUs", client.takes_lists and back == set(asked), f"{len(back)} of {len(asked)} found"),
        fact("the count is of all matches", count is not None and (count > len(rows) or len(rows) < size), f"{count} counted"),
        fact("a page past the end is empty", not beyond, f"{len(beyond)} received"),
    ]


def _amazon() -> list[Observation]:
    if not has_login():
        names = ", ".join(SECRETS)
        return [Observation("amazon catalogue", "unknown", f"no login ({names}): listings stay as their files have them")]
    try:
        client = Amazon.connect(AmazonSettings.read(), CallMeter(), data_dir() / "limits")
        try:
            client.login()
        finally:
            client.close()
    except (CredentialMissing, SettingsError, VendorError) as e:
        return [Observation("amazon login", "problem", str(e))]
    return [Observation("amazon login", "ok", AmazonSettings.read().account)]


# --- mappings -----------------------------------------------------------------------------------------------------------


def _published(key: tuple[str, str], account: str, partition: str) -> Iterable[Published]:
    """What is published of every partition, or of the one that is named. Raises SnapshotUnreadable."""
    if not partition:
        return warehouse().partitions(key, account)
    found = warehouse().find(key, account, partition)
    return [found] if found else []


def mappings(partition: str = "") -> Iterator[tuple[Published, list[Entry]]]:
    """Every mapping of this account, or that of one partition. Raises SnapshotUnreadable."""
    for found in _published(entries.MAPPING_KEY, account_of("plytix"), partition):
        yield found, list(entries.from_file(found.path))


def full_keys(named: Collection[str]) -> set[str]:
    """Keys of products and links for what a person named: a key, an ASIN, or a SKU of either side."""
    keys = set(named)
    for _, known in mappings():
        keys |= planning.full_keys(named, known)
    return keys


def names() -> Collection[str]:
    """ASINs, and the SKUs of either side."""
    found = set[str]()
    for _, known in mappings():
        for entry in known:
            found |= {n for n in (entry.amazon_asin, entry.amazon_sku, entry.canonical_plytix_sku) if n}
    return found


def mapped_keys(keys: Collection[str]) -> set[str]:
    """Those of these keys that are products of a mapping. Raises SnapshotUnreadable."""
    return {entry.suggested_sku for _, known in mappings() for entry in known} & set(keys)


def dropped() -> Collection[str]:
    """The partitions of the files in the inbox."""
    return files.partitions_in(intake.inbox())


def source(key: str) -> dict[str, Any]:
    """What the mappings say of a key, an ASIN or a SKU."""
    keys = full_keys([key])
    story: dict[str, Any] = {"extract": None, "source": [], "mapped": []}
    for published, known in mappings():
        for entry in known:
            if entry.suggested_sku in keys:
                about = published.about
                story["extract"] = {"id": about.partition, "at": about.at, "origin": about.origin}
                story["source"].append(
                    {
                        "file": about.partition,
                        "asin": entry.amazon_asin,
                        "sku": entry.amazon_sku,
                        "title": entry.amazon_title,
                        "size": entry.amazon_size,
                        "upc": entry.amazon_upc,
                        "ean": entry.amazon_ean,
                    }
                )
                story["mapped"].append(
                    {
                        "sku": entry.suggested_sku,
                        "state": entry.state,
                        "canonical": entry.canonical_plytix_sku,
                        "by": entry.match_method,
                        "sure": entry.match_confidence,
                        "reason": entry.reason,
                        "note": entry.note,
                    }
                )
    return story


def live(keys: set[str]) -> dict[str, Any]:
    """What the PIM holds now under these keys. Raises VendorError and its kin."""
    products, links = sorted(k for k in keys if not planning.is_link(k)), sorted(k for k in keys if planning.is_link(k))
    with pim() as plytix:
        target = plytix.products(every_field=True)
        found: dict[str, Any] = {r.key: r.fields for r in target.read([k for k in products if k.startswith("AMZN-")])}
        found |= {record.key: "linked" for record in plytix.links().read(links)} if links else {}
    return found


UNDECIDED = ("rejected", "ambiguous", "held", "unmatched")
"""States of listings that a person has to look at, in the order in which they are shown."""


def rejects(limit: int, partition: str = "") -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Listings that are not understood, or have no product: how many of each state, and the first of them, worst first.

    A listing that is in several mappings of one file is shown as the newest of them has it. partition: look at this one only.
    """
    by_state: dict[str, list[dict[str, Any]]] = {state: [] for state in UNDECIDED}
    counts: Counter[str] = Counter()

    def add(state: str, **row: Any) -> None:
        counts[state] += 1
        if len(by_state[state]) < limit:
            by_state[state].append({**row, "state": state})

    try:
        listed = _lines_not_understood(add, partition)
        seen: dict[str, set[str]] = {}
        for found, known in sorted(mappings(partition), key=lambda each: each[0].about.at, reverse=True):
            about = found.about
            understood = (about.partition, about.origin) not in listed  # else its lines were looked at above
            newer = seen.setdefault(files.partition_of(Path(about.origin)), set())
            for entry in known:
                undecided = entry.state in UNDECIDED and (entry.state != "rejected" or understood)
                if undecided and entry.suggested_sku not in newer:
                    row = {"row": entry.suggested_sku, "problem": entry.reason, "candidates": entry.candidates}
                    add(entry.state, file=about.partition, **row)
            newer |= {entry.suggested_sku for entry in known}
    except SnapshotUnreadable as e:
        return {"unreadable": 1}, [{"problem": str(e)}]
    return {state: n for state in UNDECIDED if (n := counts[state])}, [r for rows in by_state.values() for r in rows][:limit]


def _lines_not_understood(add: Callable[..., None], partition: str) -> set[tuple[str, str]]:
    """Add the lines of dropped files that are not understood. Returns partition and origin of those that were looked at."""
    listed = set()
    for found in _published(listings.LISTINGS_KEY, AmazonSettings.read().account, partition):
        if not found.about.origin.startswith("mapping/"):
            listed.add((found.about.partition, found.about.origin.split("/")[1]))
        for row in listings.from_file(found.path):
            if row.problem:
                add("rejected", file=found.about.partition, row=row.line, problem=row.problem, candidates=None)
    return listed


def more_status(_: Ledger) -> dict[str, Any]:
    """What else says where this pipeline stands."""
    products = warehouse().find(PRODUCTS_KEY, account_of("plytix"))
    known = [found.about.partition for found in warehouse().partitions(entries.MAPPING_KEY, account_of("plytix"))]
    waiting, refused = [], []
    for path in sorted(intake.inbox().iterdir()) if intake.inbox().is_dir() else ():
        if files.is_droppable(path):
            try:
                partition = files.partition_of(path)
                if partition not in known:
                    files.read(path)
                    waiting.append(partition)
            except (files.FileRefused, OSError) as e:
                refused.append(str(e))
    return {
        "files": ", ".join(known) or None,
        "dropped_and_not_taken_in": ", ".join(waiting) or None,
        "dropped_and_refused": "; ".join(refused) or None,
        "products_read": None if products is None else f"{products.about.rows}, {products.about.at}",
    }


def export(output: Path, _form: str) -> Written:
    """Every entry of every mapping with what was last put there, as CSV. Atomic."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        written = records.records_of(ledger, PlytixSettings.read().products_account)
    names = (*entries.SCHEMA.names,)

    def lines() -> Iterator[list[Any]]:
        for published, known in mappings():
            for entry in known:
                record = written.get(entry.suggested_sku)
                put = [None] * 3 if record is None else [record.state, record.at, record.remote_id]
                yield [published.about.partition, *(getattr(entry, name) for name in names), *put]

    if not any(True for _ in mappings()):
        raise DeliveryError("nothing was mapped yet: run preview or sync first.")
    return Written(write_csv(output, ["file", *names, "in plytix", "written at", "plytix id"], lines()), (output,))
