import pytest

from bookshop import Shelf, Stock
from bookshop.endings import Tabs, crlf
from bookshop.errors import OutOfStock
from bookshop.stock import Window


@pytest.fixture
def stock():
    return Stock().add("Emma", 700)


def test_take(stock):
    assert stock.take("Emma", 2) == 1498
    assert stock.size == 1


def test_out_of_stock(stock):
    with pytest.raises(OutOfStock):
        stock.take("Emma", 4)


class TestShelf:
    def test_room(self):
        shelf = Shelf()
        assert shelf.add("Emma", 700, 12) == 10
        assert shelf.describe() == "Emma: 10"

    def test_window(self):
        shelf = Shelf()
        shelf.add("Emma", 700)
        assert "Emma" in Window(shelf).describe()


def test_set_size(stock):
    stock.size = 10
    assert stock.size == 10


def test_endings():
    assert crlf(1) == Tabs().deep() == 2
