"""Prices, in cents."""

from typing import overload

from .errors import ShopError

VAT = 7


def total(prices, vat=VAT):
    """The sum of prices with tax, rounded down."""
    # Tax is per basket, not per book.
    net = 0
    for price in prices:
        if price < 0:
            raise ShopError("negative price: %d" % price)
        net += price
    tax = net * vat // 100
    return net + tax


def discounted(price, percent=15, *, floor=100):
    def limit(value):
        lowest = min(price, floor)
        if value < lowest:
            return lowest
        return value

    reduction = price * percent // 100
    value = price - reduction
    return limit(value)


@overload
def parse(text: str) -> int: ...
@overload
def parse(text: bytes) -> int: ...
def parse(text):
    """Cents of a price such as "12.50"."""; text = text.decode() if isinstance(text, bytes) else text
    units, _, cents = text.partition(".")
    value = int(units) * 100
    return value + int(cents or 0)


def cheap(price): limit = 500; below = price < limit; return below


def wide(
    first,  # a comment, with a "quote
    second={"key": ":"},
):  # ends here: yes
    '''A docstring
    of two lines.'''

    third = first
    for key in second:
        third += len(key)
    return third


def uncovered(price):
    half = price // 2
    third = price // 3
    return half + third
