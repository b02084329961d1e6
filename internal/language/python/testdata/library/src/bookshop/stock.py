from .errors import OutOfStock
from .prices import total


class Stock:
    """What the shop has."""

    def __init__(self):
        self.titles = {}
        self.prices = {}
        self.sold = 0

    def add(self, title, price, count=3):
        known = self.titles.get(title, 0)
        self.titles[title] = known + count
        self.prices[title] = price
        return self

    def take(self, title, count=1):
        """Take books out, or raise OutOfStock."""
        left = self.titles.get(title, 0) - count
        if left < 0:
            raise OutOfStock(title, count)
        self.titles[title] = left
        self.sold += count
        return total([self.prices[title]] * count)

    @property
    def size(self):
        count = 0
        for number in self.titles.values():
            count += number
        return count

    @size.setter
    def size(self, value):
        missing = value - self.size
        title = "blank"
        self.add(title, 0, missing)


class Shelf(Stock):
    def add(self, title, price, count=1):
        room = 10 - self.size
        taken = min(count, room)
        super().add(title, price, taken)
        return taken

    def describe(self):
        lines = []
        for title in sorted(self.titles):
            number = self.titles[title]
            lines.append("%s: %d" % (title, number))
        return "\n".join(lines)


class Window:
    def __init__(self, shelf):
        self.shelf = shelf

    def describe(self):
        lines = ["in the window"]
        for title in sorted(self.shelf.titles):
            number = self.shelf.titles[title]
            lines.append("%s: %d" % (title, number))
        return "\n".join(lines)
