class ShopError(Exception):
    """Base of all errors of the shop."""


class OutOfStock(ShopError):
    def __init__(self, title, wanted=1):
        super().__init__("%s: %d wanted" % (title, wanted))
        self.title = title
        self.wanted = wanted
