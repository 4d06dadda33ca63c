"""From a dropped file to an order that is held against the store: the pipeline's reading steps, without Dagster."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sync_pipelines.delivery import notes
from sync_pipelines.pipelines.lightspeed_orders import comparison, store
from sync_pipelines.pipelines.lightspeed_orders.comparison import Shop
from sync_pipelines.pipelines.lightspeed_orders.file_tables import SUFFIXES, FileRefused, digest_of
from sync_pipelines.pipelines.lightspeed_orders.layouts import OrderLayout, layout_for, layout_of, layouts_in
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.order_files import read_order
from sync_pipelines.pipelines.lightspeed_orders.orders import Order
from sync_pipelines.pipelines.lightspeed_orders.settings import LightspeedOrdersSettings
from sync_pipelines.pipelines.lightspeed_retail.collections import (
    BRANDS,
    CATEGORIES,
    CONSIGNMENTS,
    OUTLETS,
    PRODUCTS,
    SUPPLIERS,
    TAGS,
    TAXES,
    VARIANT_ATTRIBUTES,
)
from sync_pipelines.pipelines.session import Session
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

NEEDED = (SUPPLIERS, BRANDS, TAGS, CATEGORIES, VARIANT_ATTRIBUTES, OUTLETS, TAXES, PRODUCTS, CONSIGNMENTS)
"""What an order is held against; brought up to date before."""
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Asked:
    """What a person says of an order file. supplier: as the store or a layout names them. key: the column with new SKUs."""

    file: str = ""
    supplier: str = ""
    key: str = ""
    reference: str = ""
    outlet: str = ""


def inbox() -> Path:
    """The folder where files are dropped."""
    return data_dir() / LightspeedOrdersSettings.read().inbox


def layouts() -> Path:
    """The folder with the suppliers' layouts: beside the data of the sandbox, too."""
    return data_dir() / "suppliers"


def is_droppable(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and (path.is_symlink() or path.is_file())


def partition_of(path: Path) -> str:
    """The partition a file stands for, which is its order's number too: its name without the ending. Raises FileRefused."""
    stem = path.stem.replace(" ", "-").replace("+", "-")
    if not _STEM.fullmatch(stem):
        raise FileRefused(f"{path.name}: name the file with letters, digits, dots, dashes and underscores only.")
    return stem


def named(partition: str) -> Path:
    """The dropped file of a partition. Raises FileRefused where there is none, or several."""
    found = []
    for path in sorted(inbox().glob("*")):
        with contextlib.suppress(FileRefused):
            if is_droppable(path) and partition_of(path) == partition:
                found.append(path)
    if len(found) != 1:
        told = ", ".join(path.name for path in found) or f"no file for {partition!r}"
        raise FileRefused(f"{inbox()} has {told}." + (" Leave the one that is meant there." if found else ""))
    if found[0].is_symlink():
        raise FileRefused(f"{found[0]} is a symbolic link, and links are not followed. Put the file itself there.")
    return found[0]


def order_of_file(session: Session, partition: str, asked: Asked) -> tuple[Order, str]:
    """Read an order and hold it against the store. Returns it, and where it is from: name and digest of the file.

    Raises FileRefused, LayoutRefused, OSError and what reading the store raises.
    """
    path = Path(asked.file) if asked.file else named(partition)
    digest = digest_of(path)
    layout = _layout(path, asked)
    lines = read_order(path, layout)
    if digest_of(path) != digest:
        raise FileRefused(f"{path} was changed while it was read. Run it again.")
    there = store.of(session)
    there.read(*NEEDED)
    supplier, supplier_id = _supplier(there, layout.supplier)
    reference = asked.reference or partition
    if " / " in reference or not reference.strip():
        raise FileRefused(f"{reference!r} is no number for an order: it must not have ' / ' in it.")
    _refuse_twice(session, there, digest, partition, asked)
    settings = LightspeedOrdersSettings.read()
    shop = Shop(supplier, supplier_id, _rate(there, layout), there.tax_exclusive, settings.make_names)
    with there.with_mirrors(PRODUCTS, BRANDS, CATEGORIES) as con:
        found = comparison.compare(lines, layout, shop, con)
    outlet = _outlet(there, asked.outlet or settings.outlet)
    return Order(supplier, reference, outlet, there.currency(), digest, found), f"{path.name}/{digest}"


def check(asked: Asked) -> None:
    """Look, before a run begins, whether a file can be read as an order. Raises FileRefused, LayoutRefused."""
    path = Path(asked.file)
    read_order(path, _layout(path, asked))


def _layout(path: Path, asked: Asked) -> OrderLayout:
    """The layout of the supplier that is named; without a name, the one whose name the file begins with."""
    if asked.supplier:
        return layout_of(layouts(), asked.supplier).with_key(asked.key)
    found = layout_for(layouts(), path)
    if found is None:
        names = ", ".join(each.supplier for each in layouts_in(layouts())) or "none"
        raise FileRefused(
            f"{path.name}: nothing says whose order it is. Say --supplier NAME, or begin the file's name with that of one who "
            f"has a layout ({layouts()}: {names})."
        )
    return found.with_key(asked.key)


def _supplier(there: store.Store, name: str) -> tuple[str, str]:
    lookup = there.lookup("suppliers")
    try:
        found = lookup.find(name)
    except Ambiguous as e:
        raise FileRefused(f"{e}. Nothing was read further.") from e
    if found is None:
        raise FileRefused(lookup.missing(name))
    return str(lookup.name_of(found)), found


def _outlet(there: store.Store, name: str) -> str:
    """The name of the outlet where the goods go. Raises FileRefused."""
    if not name:
        first = there.first_outlet()
        if first is None:
            raise FileRefused("the store has no outlet that an order could be for.")
        return first
    lookup = there.lookup("outlets")
    try:
        found = lookup.find(name)
    except Ambiguous as e:
        raise FileRefused(str(e)) from e
    if found is None:
        raise FileRefused(lookup.missing(name))
    return str(lookup.name_of(found))


def _rate(there: store.Store, layout: OrderLayout) -> Decimal:
    """The rate of the tax that new products get: the layout's, or the store's own. Raises FileRefused."""
    con = there.opened(TAXES)
    tax = None
    if layout.new.tax:
        lookup = there.lookup("taxes")
        try:
            tax = lookup.find(layout.new.tax)
        except Ambiguous as e:
            raise FileRefused(str(e)) from e
        if tax is None:
            raise FileRefused(lookup.missing(layout.new.tax))
    which = "tax_id = ?" if tax else "tax_id IN (SELECT id FROM taxes WHERE is_default AND deleted_at IS NULL)"
    query = f"SELECT coalesce(sum(rate), 0) FROM tax_rates WHERE {which}"
    return Decimal(con.execute(query, [tax] if tax else []).fetchall()[0][0])


# --- a file that was ordered already --------------------------------------------------------------------------------------

_ORDERED = "lightspeed order of "


def _refuse_twice(session: Session, there: store.Store, digest: str, partition: str, asked: Asked) -> None:
    """Raise FileRefused for a content that was ordered under another name and is in the store still, unless a person says under
    which number."""
    noted = notes.get_cursor(session.ledger, LightspeedSettings.read().account, _ORDERED + digest)
    before, _, reference = (noted or "").partition(" ")
    if before not in ("", partition) and not asked.reference and there.orders([reference]):
        raise FileRefused(
            f"the very same order was placed already, as {reference}. To order it once more, give it a number: --reference N."
        )


def note_ordered(session: Session, partition: str, digest: str, reference: str) -> None:
    """Note that the order of a file is placed: its name, and the order's number."""
    value = f"{partition} {reference}"
    notes.set_cursor(session.ledger, LightspeedSettings.read().account, _ORDERED + digest, value, session.id)
