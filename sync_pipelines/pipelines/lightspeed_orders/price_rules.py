"""What a product is to cost in the shop, from what it costs there: a rule for each supplier."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict, Field

FIVE = Decimal("0.00001")
MOVES = Decimal("0.05")
"""The share beyond which a price that would move is shown."""


class PriceRule(BaseModel):
    """Cost × factor, rounded up to the next price that is a multiple of `round_up_to`, less `less`.

    The older scripts had 2.5, rounded up to .25; their notes say .15, less .05. adds_tax: whether the tax comes on top of
    cost × factor before it is rounded; without it, cost × factor has it already.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: Decimal = Field(Decimal("2.5"), gt=0)
    round_up_to: Decimal = Field(Decimal("0.25"), gt=0)
    less: Decimal = Field(Decimal(0), ge=0)
    adds_tax: bool = False

    def price(self, cost: Decimal, rate: Decimal, *, exclusive: bool) -> Decimal:
        """Return the price, as the store counts. rate: of the tax (0.2 is 20 %). exclusive: whether prices are without it."""
        plain = cost * self.factor * (1 + rate if self.adds_tax else 1)
        steps = ((plain + self.less) / self.round_up_to).to_integral_value(ROUND_CEILING)
        rounded = steps * self.round_up_to - self.less
        return (rounded / (1 + rate) if exclusive else rounded).quantize(FIVE, ROUND_HALF_UP)


def moves(old: Decimal | None, new: Decimal | None) -> bool:
    """Whether a price would move by more than a twentieth."""
    return bool(old) and new is not None and old is not None and abs(new - old) > MOVES * old
