"""Plan the shop's products: those that Sentos has and the shop has not, and what of the others is kept in step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from sync_pipelines.delivery import guards
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Applied, PlanRequest, Writer
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, pictures
from sync_pipelines.pipelines.shopify_sentos.goods import Goods, chosen, client, currency, gone_keys, goods, lands, whole_source
from sync_pipelines.pipelines.shopify_sentos.price_plan import NoPrice, no_price_in, price_of
from sync_pipelines.pipelines.shopify_sentos.product_mapping import (
    CannotBeMade,
    ErpProduct,
    details_of,
    handle_of,
    options_of,
    pictures_of,
)
from sync_pipelines.pipelines.shopify_sentos.product_target import Products
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors.shopify_catalog import Variant


class ProductWriter(Writer[Products]):
    """The products of one shop."""

    def target(self, session: Session) -> Products:
        account, settings = ShopifySentosSettings.goods_account("products"), ShopifySentosSettings.read()
        return Products(client(session), account, settings, there_of(session), _given(session), lands())

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        found, settings = goods(session), ShopifySentosSettings.read()
        in_currency = currency(session)
        return make_plan(
            self.target(session),
            desired_products(found, settings, in_currency, _given(session)),
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract=found.erp.about.extract,
            run=session.id,
            policy=Policy(foreign_edits=settings.foreign_edits, remove_missing=settings.archive_gone),
            plan_guards=[
                guards.must_hold(
                    "currency", no_price_in(found, in_currency), f"prices are in the shop's currency, {in_currency}"
                ),
                whole_source(session, found.erp),
                *guards.change_size_guards(settings.max_moving, settings.max_held, settings.max_held),
            ],
            only=_products_named(found, chosen(request.only)),
        )

    def begin_applying(self, session: Session, target: Products, plan: Plan) -> None:
        """Note the pictures that products are made with, before they are."""
        made = session.plans.query(plan.id, "SELECT key, after FROM plan WHERE held IS NULL AND action = 'create'")
        target.given.take({row["key"]: loads(row["after"])["pictures"] for row in made})

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def least_calls(self, session: Session, target: Products, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each product that was sent, with a look at 100 variants before and one after."""
        if report is not None:
            session.meter.minimum["shopify"] += report.writes

    def applied(self, session: Session, target: Products, plan: Plan, report: Report) -> Applied:
        """Say of which products the shop could not fetch a picture."""
        failed = pictures.look(session, target.client, target.pictured)
        return Applied({"pictures_that_failed": dict(sorted(failed.items())[:20])} if failed else {})


def there_of(session: Session) -> MutableMapping[str, MutableMapping[str, Variant]]:
    """What this run knows of the shop's products, by the key of Sentos' product, and their variants by SKU."""
    return session.once("products in the shop", lambda: _there(session, goods(session)))


def _there(session: Session, found: Goods) -> dict[str, MutableMapping[str, Variant]]:
    there: dict[str, MutableMapping[str, Variant]] = {}
    for product in found.products:
        variants = {pair.key: pair.variant for pair in product.usable if pair.variant is not None}
        if variants:
            there[product.key] = variants
    if ShopifySentosSettings.read().archive_gone:
        there |= _gone(session, found)
    return there


def _gone(session: Session, found: Goods) -> dict[str, MutableMapping[str, Variant]]:
    """Products that we made and that Sentos has no more, by the key that they had; none with a variant of another row."""
    made = gone_keys(session, found, ShopifySentosSettings.goods_account("products"))
    keys = {record.remote_id: key for key, record in made.items() if record.created}
    kept = {pair.variant.product.id for pair in found.pairs if pair.variant is not None}
    there: dict[str, MutableMapping[str, Variant]] = {}
    for variant in found.in_shop:
        key = keys.get(variant.product.id)
        if key is not None and variant.product.id not in kept:
            there.setdefault(key, {})[variant.sku or variant.id] = variant
    return there


def _products_named(found: Goods, keys: set[str] | None) -> set[str] | None:
    """The products that have these SKUs, or are named by their own."""
    if keys is None:
        return None
    return {product.key for product in found.products if product.key in keys or any(pair.key in keys for pair in product.pairs)}


def _given(session: Session) -> pictures.Given:
    """The pictures that products were given. Those of a product that was there before any were noted count as given: in the shop
    nobody can tell them from others."""
    return session.once("pictures given", lambda: _given_of(session))


def _given_of(session: Session) -> pictures.Given:
    given, settings = pictures.Given(session.ledger), ShopifySentosSettings.read()
    if settings.pictures == "added":
        there = [product for product in goods(session).products if product.shop_products and given.addresses(product.key) is None]
        found = {product.key: pictures_of(product.first, settings) for product in there}
        given.take(found, note=session.verb != "preview")
    return given


def desired_products(found: Goods, settings: ShopifySentosSettings, currency: str, given: pictures.Given) -> Iterator[Desired]:
    """What the shop should have of every product of Sentos."""
    for product in found.products:
        try:
            fields = _fields(product, settings, currency, given)
        except CannotBeMade as e:
            yield Desired(product.key, {}, conflict=str(e))
        else:
            if fields is not None:
                yield Desired(product.key, fields)


def _fields(product: ErpProduct, settings: ShopifySentosSettings, currency: str, given: pictures.Given) -> Fields | None:
    """The whole image of a product, as it would be made. Raises CannotBeMade; None where nothing of it has a SKU."""
    pairs = [pair for pair in product.usable if pair.erp.sku]
    if not pairs:
        if problems := [pair.problem for pair in product.pairs if pair.problem]:
            raise CannotBeMade(problems[0])
        raise CannotBeMade("no row of it has a SKU")
    if len(product.shop_products) > 1:
        raise CannotBeMade("its variants are in several products of the shop")
    if len(pairs) > settings.max_variants:
        raise CannotBeMade(f"{len(pairs)} variants; the shop takes {settings.max_variants}")
    there = next((pair.variant.product for pair in pairs if pair.variant is not None), None)
    if there is not None and there.status == "ARCHIVED":
        raise CannotBeMade("it is archived in the shop")
    options = options_of([pair.erp for pair in pairs], settings)
    if there is not None and any(pair.variant is None for pair in pairs):
        options = [_as_there(each, there.options) for each in options]
    variants = [
        _variant(pair.erp.sku, pair.erp.barcode, each or {"Title": "Default Title"})
        for pair, each in zip(pairs, options, strict=True)
    ]
    for variant, pair in zip(variants, pairs, strict=True):
        if pair.variant is None:
            try:
                sale, listed = price_of(pair.erp, settings.price_key, currency)
            except NoPrice as e:
                raise CannotBeMade(f"{pair.erp.sku}: {e}") from e
            if sale == 0:
                raise CannotBeMade(f"{pair.erp.sku} would be made at a price of zero")
            variant |= {"price": sale, **({"compare_at": listed} if listed is not None and listed > sale else {})}
        elif not pair.erp.barcode:
            variant["barcode"] = pair.variant.barcode  # Sentos says nothing of it
    return {
        **details_of(product, settings),
        "type": settings.product_type,
        "status": settings.product_status,
        "handle": handle_of(product),
        "pictures": list(
            dict.fromkeys([*(given.addresses(product.key) or () if there else ()), *pictures_of(product.first, settings)])
        ),
        "variants": variants,
    }


def _variant(sku: str, barcode: str, options: Mapping[str, str]) -> dict[str, Any]:
    return {"sku": sku, "barcode": barcode, "options": [list(each) for each in options.items()]}


def _as_there(options: Mapping[str, str], names: tuple[str, ...] | Any) -> dict[str, str]:
    """Options of a new variant of a product that is there, under the names that they have there. Raises CannotBeMade."""
    if set(options) == set(names):
        return {name: options[name] for name in names}
    if len(options) != len(names):
        theirs, ours = ", ".join(names), ", ".join(options) or "none"
        raise CannotBeMade(f"a variant is missing in the shop, whose product has the options {theirs}; Sentos has {ours}")
    return dict(zip(names, options.values(), strict=True))


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned product for people: key, what happens, what changes, why."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    what = f"held ({row['held']})" if row["held"] else row["action"]
    moves = [
        f"{n}: {before.get(n) or '–'} → {after.get(n) or '–'}"
        for n in ("title", "vendor")
        if n in before and before.get(n) != after.get(n)
    ]
    had = {v["sku"]: v.get("barcode") for v in before.get("variants") or ()}
    wanted = {v["sku"]: v.get("barcode") for v in after.get("variants") or ()}
    if new := [sku for sku in wanted if sku not in had]:
        moves.append(f"{len(new)} variants: {', '.join(new[:5])}{' …' if len(new) > 5 else ''}")
    moves += [
        f"barcode of {sku}: {had[sku] or '–'} → {code or '–'}" for sku, code in wanted.items() if sku in had and had[sku] != code
    ]
    if not before and after.get("title"):
        moves.insert(0, str(after["title"]))
    return {"key": row["key"], "what": what, "changes": "; ".join(moves), "reason": row["reason"] or row["undo_note"] or ""}
