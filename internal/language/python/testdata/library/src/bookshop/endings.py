def crlf(value):
    """Windows line ends."""
    first = value
    second = first + 1
    return second


class Tabs:
	def deep(self):
		one = 1
		two = one + 1
		return two