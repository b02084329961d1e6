from .prices import discounted, total
from .stock import Shelf, Stock

__all__ = ["Shelf", "Stock", "discounted", "total"]
