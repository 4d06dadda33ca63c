"""What every mutation of goods works with, and how it reports what was wrong."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.access import Access
from vendor_sandbox.shopify.goods import Goods
from vendor_sandbox.shopify.goods_fields import GoodsFields
from vendor_sandbox.shopify.instants import shown
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.settings import Settings

Arguments = Mapping[str, Any]
UserError = dict[str, Any]
Mutation = Callable[["Writing", Arguments], dict[str, Any]]

_UNSUPPORTED = (
    *("metafields", "collections", "collectionsToJoin", "collectionsToLeave", "category", "seo", "giftCard", "templateSuffix"),
    *("quantityAdjustments", "mediaSrc", "mediaId", "file", "taxCode", "unitPriceMeasurement", "requiresComponents"),
)


@dataclass(frozen=True)
class Writing:
    """One request: its data, its instant (seconds since 1970) and its token."""

    goods: Goods
    fields: GoodsFields
    settings: Settings
    clock: Clock
    now: int
    access: Access

    @property
    def stamp(self) -> str:
        return shown(self.now)

    def number(self, kind: str, text: object) -> int | None:
        """Return the number in a global id of this kind, None for another text."""
        found = ids.read_gid(str(text))
        return found[1] if found and found[0] == kind else None


def user_error(field: Sequence[object] | None, message: str, code: str | None = None) -> UserError:
    return {"field": None if field is None else [str(each) for each in field], "message": message, "code": code}


def refuse_unsupported(wanted: Arguments) -> None:
    """Raise Failed for a member that the sandbox would have to drop silently."""
    for name in _UNSUPPORTED:
        if wanted.get(name):
            raise Failed(f"the sandbox does not keep {name}", "BAD_REQUEST")


def done(root: Selected, writing: Writing, mutation: Mutation) -> dict[str, Any]:
    """Carry out a mutation, and count it if it changed anything; one that fails half-way changes nothing."""
    before = writing.goods.revision
    with writing.goods.all_or_nothing():
        payload = mutation(writing, root.arguments)
    if writing.goods.revision != before:
        writing.goods.writes[root.name] += 1
    return payload


def bad_sizes(roots: Iterable[Selected]) -> list[dict[str, Any]]:
    """Return an error for each array among the arguments that is too long."""
    return [error for root in roots for name, value in root.arguments.items() for error in _too_long(value, [root.key, name])]


def _too_long(value: Any, path: list[str]) -> Iterable[dict[str, Any]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _too_long(each, [*path, name])
    elif isinstance(value, list):
        most = _MOST.get(path[-1], 250)
        if len(value) > most:
            message = f"The input array size of {len(value)} is greater than the maximum allowed of {most}."
            yield {"message": message, "path": path, "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"}}
        for place, each in enumerate(value):
            yield from _too_long(each, [*path, str(place)])


_MOST = {"variants": 2_048}
