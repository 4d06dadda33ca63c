"""Which goods, prices and stock of Sentos go to the shop, which orders go back, and where the pipeline stops and asks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import Section
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings

Owner = Literal["create_only", "owned"]
NotForSentos = Literal["held", "service_line"]
ExtraChoice = Literal["held", "service_line", "left_out"]


class ShopifySentosSettings(Section):
    """Sentos and the shop: who owns what, which orders go, and where to stop and ask."""

    table = "shopify_sentos"
    model_config = SettingsConfigDict(env_prefix="SHOPIFY_SENTOS_", extra="forbid", env_ignore_empty=True, frozen=True)

    # goods
    title: Owner = Field("create_only", description="whether Sentos keeps the title in step (owned), or only starts it")
    description: Owner = Field("create_only", description="the same of the description")
    vendor: Owner = Field("create_only", description="the same of the vendor")
    pictures: Literal["create_only", "added"] = Field(
        "create_only", description="whether pictures that are new in Sentos are added to products that are there (added)"
    )
    product_status: Literal["DRAFT", "ACTIVE"] = Field("DRAFT", description="what a product is made as")
    product_type: str = Field("", description="the type that a product is made with")
    tags: tuple[str, ...] = Field((), description="tags that every product of Sentos has; other tags stay as they are")
    color_label: str = Field("Renk", description="the option that takes the colour")
    model_label: str = Field("Beden", description="the option that takes a model without a name")
    further_label: str = Field("Kod", description="the option that takes the SKU where colour and model are the same")
    blank_value: str = Field("Standart", description="what a variant without a colour or model has in that option")
    picture_hosts: tuple[str, ...] = Field((), description="hosts that pictures may be on; none: any public one, over https")
    archive_gone: bool = Field(False, description="whether a product that we made is archived once Sentos has it no more")
    max_variants: int = Field(2_048, ge=1, description="variants that a product of the shop may have")

    # prices
    price_key: str = Field("shopify", description="which of Sentos' price lists; without it, the product's own sale price")
    max_price_move: Decimal = Field(Decimal("0.30"), gt=0, description="share by which a price may move without a person")
    foreign_edits: Literal["hold", "overwrite"] = Field("hold", description="a price or product field that a person changed")

    # stock
    warehouses: tuple[int, ...] = Field((), description="Sentos' warehouses that count; none: all of them")
    location: str = Field("", description="the shop's location, by name; empty: the first active one that fulfils online orders")
    safety_stock: int = Field(0, ge=0, description="pieces kept back of every SKU")
    track_untracked: bool = Field(False, description="whether stock is tracked from now on where the shop does not")
    max_rising: Decimal = Field(Decimal("0.50"), gt=0, description="share of the SKUs whose stock may rise at once")
    min_source: Decimal = Field(Decimal("0.80"), ge=0, description="share of the usual rows that Sentos must have given")

    # orders
    financial: tuple[str, ...] = Field(("PAID", "PARTIALLY_REFUNDED"), description="financial states of orders that go")
    skip_tags: tuple[str, ...] = Field((), description="orders with one of these tags do not go")
    skip_channels: tuple[str, ...] = Field((), description="orders from one of these sources (web, pos, …) do not go")
    first_order: date | None = Field(None, description="orders made before this day do not go")
    sent_already: Literal["goes", "left_out"] = Field(
        "goes", description="whether an order goes that the shop has sent before Sentos had it"
    )
    left_out_are_known: bool = Field(
        False, description="whether Sentos learns otherwise of the orders that do not go, and has lowered its stock for them"
    )
    channel: str = Field("", description="Sentos' sales channel, by name; empty: the only one")
    order_warehouse: int | None = Field(
        None, description="the warehouse that orders are taken from; none: the first of `warehouses`"
    )
    order_status: int = Field(2, description="the status with which an order is made")
    cancelled_status: int = Field(6, description="the status of a cancelled order")
    may_cancel: tuple[int, ...] = Field((1, 2, 3, 4), description="states in which Sentos may be told that an order is cancelled")
    payments: dict[str, str] = Field(
        {"shopify_payments": "KREDIKARTI/BANKAKARTI"}, description="Sentos' payment method for each gateway of the shop"
    )
    other_payment: str = Field("", description="the payment method for every other gateway; empty: such an order is held")
    phone_country: str = Field("90", description="country code of a phone number that is written without one")
    company_attribute: str = Field("", description="the note attribute of an order with a company's name, for the invoice")
    tax_number_attribute: str = Field("", description="the one with its tax number")
    tax_office_attribute: str = Field("", description="the one with its tax office")
    identity_attribute: str = Field("", description="the one with a person's identity number (11 digits)")
    without_sku: NotForSentos = Field("held", description="what becomes of an order with lines that Sentos does not know")
    service_sku: str = Field("", description="Sentos' SKU for such lines, where they go as a service line")
    tip: ExtraChoice = Field("held", description="what becomes of an order with a tip; left_out: it goes, without the tip")
    duties: ExtraChoice = Field("held", description="the same of duties")
    fees: ExtraChoice = Field("held", description="the same of additional fees (import, handling, …)")
    free_lines: Literal["held", "sent"] = Field("held", description="what becomes of an order with a line that costs nothing")
    order_minutes: float = Field(10.0, gt=0, description="how long a run sends orders; the next one goes on")

    # shipments
    carriers: dict[str, str] = Field(
        {"yurtiçi": "Yurtiçi Kargo", "aras": "Aras Kargo", "sürat": "Sürat Kargo", "ptt": "PTT"},
        description="the shop's name for each carrier of Sentos, by how Sentos' name begins",
    )
    notify_customer: bool = Field(False, description="whether the shop mails the customer when an order is shipped")
    mark_delivered: bool = Field(True, description="whether the shop is told when Sentos says that a parcel was delivered")

    max_moving: Decimal = Field(Decimal("0.50"), gt=0, description="share of the rows that may change in one run")
    max_held: Decimal = Field(Decimal("0.20"), ge=0, description="share of the rows that may be held in one run")
    lands_within: float = Field(180.0, ge=0, description="seconds within which a call to the shop that was cut off takes effect")

    @staticmethod
    def goods_account(what: str) -> str:
        """Whose record what is written to the shop is, and what has a lease of its own."""
        return f"{ShopifySettings.read().shop} {what}"

    @staticmethod
    def orders_account() -> str:
        """The shop's orders in the ERP."""
        return f"{SentosSettings.read().account} orders of {ShopifySettings.read().shop}"
