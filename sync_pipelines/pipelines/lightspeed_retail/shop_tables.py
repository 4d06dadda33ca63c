"""The tables of the SQLite file that `export lightspeed_retail` writes, as SQLAlchemy models.

Tables and columns keep the names of the older copy of the store that people have queries for; what is new stands after them.
Amounts are there twice: as a number, and exactly, as text in `…_exact` (a Decimal here). Times are UTC. Lists inside the
vendor's rows have no key of their own that can be relied on: theirs is the row and the position in it, from 1.

A row may refer to one that is not in the file: foreign keys say what belongs together, and SQLite does not enforce them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Float, ForeignKey, Numeric, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Exact(TypeDecorator[Decimal]):
    """An exact amount, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Any) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, _dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, as text that SQLite's own date functions know."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


Quantity = Annotated[float, mapped_column(Numeric(asdecimal=False))]
"""How many. Whole numbers stay whole; half a metre is 0.5."""
Id = Annotated[str, mapped_column(primary_key=True)]
Position = Annotated[int, mapped_column(primary_key=True, autoincrement=False)]
"""A row's place in the list it comes from, from 1."""


class ShopTable(DeclarativeBase):
    type_annotation_map = {str: Text, int: BigInteger, float: Float, Decimal: Exact, datetime: Moment}  # noqa: RUF012


class Supplier(ShopTable):
    __tablename__ = "suppliers"

    id: Mapped[Id]
    name: Mapped[str | None]
    source: Mapped[str | None]
    description: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int]
    contact_first_name: Mapped[str | None]
    contact_last_name: Mapped[str | None]
    company_name: Mapped[str | None]
    phone: Mapped[str | None]
    mobile: Mapped[str | None]
    fax: Mapped[str | None]
    website: Mapped[str | None]
    email: Mapped[str | None]
    twitter: Mapped[str | None]
    postal_address1: Mapped[str | None]
    postal_address2: Mapped[str | None]
    postal_suburb: Mapped[str | None]
    postal_postcode: Mapped[str | None]
    postal_city: Mapped[str | None]
    postal_state: Mapped[str | None]
    postal_country_id: Mapped[str | None]
    physical_address1: Mapped[str | None]
    physical_address2: Mapped[str | None]
    physical_suburb: Mapped[str | None]
    physical_postcode: Mapped[str | None]
    physical_city: Mapped[str | None]
    physical_state: Mapped[str | None]
    physical_country_id: Mapped[str | None]

    products: Mapped[list[ProductSupplier]] = relationship(back_populates="supplier")


class Product(ShopTable):
    """name: of a variant, with its options. supplier_id: its first supplier. parent_id: of a variant, where the version of the
    API has parents; `family_id` is the same for all variants in every dated version."""

    __tablename__ = "products"

    id: Mapped[Id]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("products.id"), index=True)
    name: Mapped[str | None]
    sku: Mapped[str | None] = mapped_column(index=True)
    active: Mapped[bool | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    supplier_id: Mapped[str | None] = mapped_column(ForeignKey("suppliers.id"), index=True)
    has_inventory: Mapped[bool | None]
    saleaccountcode: Mapped[str | None]
    purchaseaccountcode: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int]
    family_id: Mapped[str | None] = mapped_column(index=True)
    family_name: Mapped[str | None]
    handle: Mapped[str | None]
    description: Mapped[str | None]
    supplier_code: Mapped[str | None]
    price_excluding_tax: Mapped[float | None]
    price_excluding_tax_exact: Mapped[Decimal | None]
    price_including_tax: Mapped[float | None]
    price_including_tax_exact: Mapped[Decimal | None]
    supply_price: Mapped[float | None]
    supply_price_exact: Mapped[Decimal | None]
    brand_id: Mapped[str | None]
    category_id: Mapped[str | None]
    has_variants: Mapped[bool | None]
    is_composite: Mapped[bool | None]
    web: Mapped[bool | None]
    image_url: Mapped[str | None]

    parent: Mapped[Product | None] = relationship(back_populates="variants", remote_side="Product.id")
    variants: Mapped[list[Product]] = relationship(back_populates="parent")
    supplier: Mapped[Supplier | None] = relationship()
    suppliers: Mapped[list[ProductSupplier]] = relationship(back_populates="product", order_by="ProductSupplier.position")
    codes: Mapped[list[ProductCode]] = relationship(back_populates="product", order_by="ProductCode.position")
    variant_options: Mapped[list[VariantOption]] = relationship(back_populates="product", order_by="VariantOption.position")
    images: Mapped[list[ProductImage]] = relationship(
        back_populates="product", order_by="ProductImage.of_variant, ProductImage.position"
    )
    inventory: Mapped[list[Inventory]] = relationship(back_populates="product")
    line_items: Mapped[list[SaleLineItem]] = relationship(back_populates="product")
    consignments: Mapped[list[ConsignmentProduct]] = relationship(back_populates="product")


ProductId = Annotated[str, mapped_column(ForeignKey("products.id"), primary_key=True)]
OfProduct = Annotated[str, mapped_column(ForeignKey("products.id"), index=True)]


class ProductSupplier(ShopTable):
    """id: the vendor's, of the link; only the dated versions have it."""

    __tablename__ = "product_suppliers"

    id: Mapped[str | None]
    product_id: Mapped[ProductId]
    supplier_id: Mapped[str | None] = mapped_column(ForeignKey("suppliers.id"), index=True)
    price: Mapped[float | None]
    price_exact: Mapped[Decimal | None]
    code: Mapped[str | None] = mapped_column(index=True)
    supplier_name: Mapped[str | None]
    position: Mapped[Position]

    product: Mapped[Product] = relationship(back_populates="suppliers")
    supplier: Mapped[Supplier | None] = relationship(back_populates="products")


class ProductCode(ShopTable):
    """id: the vendor's; only the dated versions have it."""

    __tablename__ = "product_codes"

    id: Mapped[str | None]
    product_id: Mapped[ProductId]
    type: Mapped[str | None]
    code: Mapped[str | None] = mapped_column(index=True)
    position: Mapped[Position]

    product: Mapped[Product] = relationship(back_populates="codes")


class VariantOption(ShopTable):
    """id: of the attribute; one may occur twice in a product."""

    __tablename__ = "variant_options"

    id: Mapped[str | None]
    product_id: Mapped[ProductId]
    name: Mapped[str | None]
    value: Mapped[str | None]
    position: Mapped[Position]

    product: Mapped[Product] = relationship(back_populates="variant_options")


class ProductImage(ShopTable):
    """of_variant: whether it is a picture of that variant alone."""

    __tablename__ = "product_images"

    id: Mapped[str | None]
    product_id: Mapped[ProductId]
    url: Mapped[str | None]
    original_url: Mapped[str | None]
    of_variant: Mapped[bool] = mapped_column(primary_key=True)
    position: Mapped[Position]

    product: Mapped[Product] = relationship(back_populates="images")


class Outlet(ShopTable):
    __tablename__ = "outlets"

    id: Mapped[Id]
    name: Mapped[str | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int]
    time_zone: Mapped[str | None]
    currency: Mapped[str | None]
    physical_city: Mapped[str | None]

    inventory: Mapped[list[Inventory]] = relationship(back_populates="outlet")


class Sale(ShopTable):
    """invoice_number: not the same twice within an outlet. Totals are without tax."""

    __tablename__ = "sales"

    id: Mapped[Id]
    outlet_id: Mapped[str | None] = mapped_column(ForeignKey("outlets.id"))
    invoice_number: Mapped[str | None]
    sale_date: Mapped[datetime | None] = mapped_column(index=True)
    total_price: Mapped[float | None]
    total_tax: Mapped[float | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int]
    total_price_exact: Mapped[Decimal | None]
    total_tax_exact: Mapped[Decimal | None]
    status: Mapped[str | None]
    receipt_number: Mapped[str | None]
    register_id: Mapped[str | None]
    user_id: Mapped[str | None]
    customer_id: Mapped[str | None]
    is_return: Mapped[bool | None]
    return_for: Mapped[str | None]

    outlet: Mapped[Outlet | None] = relationship()
    line_items: Mapped[list[SaleLineItem]] = relationship(back_populates="sale", order_by="SaleLineItem.position")
    payments: Mapped[list[Payment]] = relationship(back_populates="sale", order_by="Payment.position")


SaleId = Annotated[str, mapped_column(ForeignKey("sales.id"), primary_key=True)]


class SaleLineItem(ShopTable):
    """price, cost: of one. created_at: of the sale. Of a return, quantities and totals are below zero."""

    __tablename__ = "sale_line_items"

    id: Mapped[str | None]
    sale_id: Mapped[SaleId]
    product_id: Mapped[OfProduct | None]
    quantity: Mapped[Quantity | None]
    price: Mapped[float | None]
    cost: Mapped[float | None]
    total_price: Mapped[float | None]
    total_tax: Mapped[float | None]
    created_at: Mapped[datetime | None]
    position: Mapped[Position]
    price_exact: Mapped[Decimal | None]
    cost_exact: Mapped[Decimal | None]
    total_price_exact: Mapped[Decimal | None]
    total_tax_exact: Mapped[Decimal | None]
    discount_total: Mapped[float | None]
    discount_total_exact: Mapped[Decimal | None]
    is_return: Mapped[bool | None]
    status: Mapped[str | None]

    sale: Mapped[Sale] = relationship(back_populates="line_items")
    product: Mapped[Product | None] = relationship(back_populates="line_items")


class Payment(ShopTable):
    """id: the vendor's; only the dated versions are sure to have it. payment_type: in words. created_at: of the sale."""

    __tablename__ = "payments"

    id: Mapped[str | None]
    sale_id: Mapped[SaleId]
    payment_type: Mapped[str | None]
    amount: Mapped[float | None]
    payment_date: Mapped[datetime | None]
    created_at: Mapped[datetime | None]
    position: Mapped[Position]
    amount_exact: Mapped[Decimal | None]
    payment_type_id: Mapped[str | None]
    register_id: Mapped[str | None]

    sale: Mapped[Sale] = relationship(back_populates="payments")


class Consignment(ShopTable):
    """name: the order's number in the back office (`reference`); the note there where it has none (`note`)."""

    __tablename__ = "consignments"

    id: Mapped[Id]
    outlet_id: Mapped[str | None] = mapped_column(ForeignKey("outlets.id"))
    name: Mapped[str | None]
    type: Mapped[str | None]
    status: Mapped[str | None]
    consignment_date: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int]
    reference: Mapped[str | None]
    note: Mapped[str | None]
    source_outlet_id: Mapped[str | None]
    supplier_id: Mapped[str | None] = mapped_column(ForeignKey("suppliers.id"))
    supplier_invoice: Mapped[str | None]
    due_at: Mapped[datetime | None]

    outlet: Mapped[Outlet | None] = relationship()
    supplier: Mapped[Supplier | None] = relationship()
    products: Mapped[list[ConsignmentProduct]] = relationship(
        back_populates="consignment", order_by="ConsignmentProduct.position"
    )


class ConsignmentProduct(ShopTable):
    """Every line of a consignment; one product may stand there several times. id: the product's, as it always was."""

    __tablename__ = "consignment_products"

    id: Mapped[str | None]
    consignment_id: Mapped[str] = mapped_column(ForeignKey("consignments.id"), primary_key=True)
    product_id: Mapped[OfProduct | None]
    count: Mapped[Quantity | None]
    received: Mapped[Quantity | None]
    cost: Mapped[float | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    position: Mapped[Position]
    cost_exact: Mapped[Decimal | None]

    consignment: Mapped[Consignment] = relationship(back_populates="products")
    product: Mapped[Product | None] = relationship(back_populates="consignments")


class Inventory(ShopTable):
    """How many of a product there are in an outlet (`inventory_level`, `current_amount`: the same). to_procure: how many of
    them are owed to customers; before 2026-04 the level had them taken off already."""

    __tablename__ = "inventory"

    id: Mapped[Id]
    outlet_id: Mapped[str | None] = mapped_column(ForeignKey("outlets.id"))
    product_id: Mapped[OfProduct | None]
    inventory_level: Mapped[Quantity | None]
    current_amount: Mapped[Quantity | None]
    version: Mapped[int]
    deleted_at: Mapped[datetime | None]
    average_cost: Mapped[float | None]
    reorder_point: Mapped[Quantity | None]
    reorder_amount: Mapped[Quantity | None]
    average_cost_exact: Mapped[Decimal | None]
    to_procure: Mapped[Quantity | None]
    reorder_method: Mapped[str | None]
    reorder_target: Mapped[Quantity | None]

    product: Mapped[Product | None] = relationship(back_populates="inventory")
    outlet: Mapped[Outlet | None] = relationship(back_populates="inventory")


class LatestVersion(ShopTable):
    """Up to which version each collection was read."""

    __tablename__ = "latest_version"

    entity: Mapped[Id]
    max_version: Mapped[int]
