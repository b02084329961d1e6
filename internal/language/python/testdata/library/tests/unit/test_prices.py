import warnings

import pytest

from bookshop import discounted, total
from bookshop.errors import ShopError
from bookshop.prices import parse, wide


@pytest.mark.parametrize("prices,want", [([], 0), ([100], 107), ([100, 200], 321)])
def test_total(prices, want):
    assert total(prices) == want


def test_total_refuses_negative_prices():
    with pytest.raises(ShopError):
        total([-1])


@pytest.mark.parametrize("price", [10, 1000])
def test_discounted(price):
    assert discounted(price) <= price


def test_parse():
    assert parse("12.50") == parse(b"12.50") == 1250


def test_wide():
    warnings.warn("an error under the repository's own settings")
    assert wide(1) == 4


def test_fails():
    assert total([1]) == 2, "a failure of old"


@pytest.mark.skip(reason="not today")
def test_skipped():
    raise AssertionError


@pytest.mark.xfail
def test_expected_to_fail():
    raise AssertionError


def test_depends_on_hash_seed():
    assert hash("bookshop") % 2 == 1
