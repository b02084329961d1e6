"""List the faults that can be put into the functions of Python files.

    python3 -I -S -B mutate.py [options] REQUEST > mutations.json

REQUEST is a JSON file {"paths": [...]}, relative to the working folder. Runs
under Python >= 3.8 with the standard library alone, in the environment of the
repository. Source is parsed and compiled, never imported or executed.

Document:

    schema      "repoexpert.dev/mutations/v1"
    mutations   [{path, function, operator, line, start, end, replacement}]
                sorted by path, start, operator, replacement

A mutation replaces the bytes [start, end) of the file. It is listed only if the
function still compiles, and to other bytecode than before and than every fault
listed before it: what the compiler cannot tell apart, no test can (trivial
compiler equivalence, Papadakis et al. 2015).

Left out, because no test can tell or should: annotations, decorators,
docstrings, assertions, the text of exceptions and warnings, logging, stubs, the
insides of f-strings (their places are exact from Python 3.12 only), conditions
on the platform or version, type checking blocks. Test files, links, files that
do not parse or are not UTF-8, and functions above the limit have no faults.
Beyond the limit on mutations, they are thinned evenly.
"""

import argparse
import ast
import bisect
import hashlib
import io
import json
import os
import re
import sys
import tokenize
import warnings

SCHEMA = "repoexpert.dev/mutations/v1"
MAX_TEXT = 200  # of a function's name, as in inspect.py
MAX_REPLACEMENT = 1000  # bytes
MAX_NUMBER = 1000  # larger ones seldom mark a boundary
MAX_BRANCH = 3  # statements
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = FUNCTIONS + (ast.ClassDef,)
FOR_LOOPS = (ast.For, ast.AsyncFor)
TEMPLATES = (ast.JoinedStr,) + ((ast.TemplateStr,) if hasattr(ast, "TemplateStr") else ())
MATCH_CASE = (ast.match_case,) if hasattr(ast, "match_case") else ()
ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)

LOGGERS = frozenset(["log", "logger", "logging", "_log", "_logger"])
LOG_METHODS = frozenset(["debug", "info", "warning", "warn", "error", "exception", "critical", "log"])
UNVERIFIABLE = frozenset(["TYPE_CHECKING", "__debug__", "version_info", "platform", "implementation", "hexversion"])


def main():
    options = parse_arguments()
    warnings.simplefilter("ignore")
    with open(options.request, "rb") as request:
        paths = json.load(request)["paths"]
    mutations = checked(thinned(candidates(paths, options), options.max_mutations))
    json.dump({"schema": SCHEMA, "mutations": mutations}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.write("\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description="faults for Python functions, as JSON")
    parser.add_argument("request")
    parser.add_argument("--max-file-bytes", type=int, default=1 << 20)
    parser.add_argument("--max-bytes", type=int, default=64 << 20, help="of all files")
    # Every fault compiles its function, so that time grows with the square of its size.
    parser.add_argument("--max-function-bytes", type=int, default=16 << 10)
    parser.add_argument("--max-mutations", type=int, default=50000)
    return parser.parse_args()


def candidates(paths, options):
    """Faults that are not compiled yet, in order, each with its function."""
    found, read = [], 0
    for path in sorted(set(paths)):
        if is_test(path) or os.path.islink(path):
            continue
        size = os.path.getsize(path)
        read += size
        if size > options.max_file_bytes or read > options.max_bytes:
            continue
        try:
            source = Source(path)
            for name, node in functions(source.tree.body):
                function = Function(source, name, node)
                if function.end - function.begin <= options.max_function_bytes:
                    found += function.faults()
        except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
            continue
    found.sort(key=lambda fault: fault.key())
    return found


def thinned(faults, limit):
    if len(faults) <= limit:
        return faults
    return [faults[i * len(faults) // limit] for i in range(limit)]


def checked(faults):
    return [fault.document() for fault in faults if fault.function.accepts(fault)]


def is_test(path):
    """As in inspect.py."""
    *folders, name = path.split("/")
    named = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
    return named or "tests" in folders or "test" in folders


class Source:
    """One parsed file, and where its lines begin."""

    def __init__(self, path):
        with open(path, "rb") as content:
            self.data = content.read()
        self.path = path
        encoding, _ = tokenize.detect_encoding(io.BytesIO(self.data).readline)
        if not encoding.startswith("utf-8"):
            raise ValueError("columns of ast are those of UTF-8")
        self.tree = ast.parse(self.data, filename=path)
        mark = 3 if encoding == "utf-8-sig" else 0
        self.starts = [mark] + [end.end() for end in re.finditer(rb"\r\n|\r|\n", self.data)]

    def start(self, node):
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node):
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node):
        return self.data[self.start(node):self.end(node)]

    def line(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def line_end(self, line):
        return self.starts[line] if line < len(self.starts) else len(self.data)


class Function:
    """One outermost function: the unit that is compiled."""

    def __init__(self, source, name, node):
        self.source = source
        self.name = name
        self.node = node
        first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
        self.begin = source.starts[first - 1]
        self.end = source.line_end(node.end_lineno)
        self.prefix = b"if 1:\n" if node.col_offset else b""
        self.known = None

    def faults(self):
        found = set()
        for site in sites(self.source, self.node):
            for operator, (kinds, generate) in OPERATORS.items():
                if not isinstance(site.node, kinds):
                    continue
                for start, end, replacement in generate(site):
                    found.add((operator, start, end, replacement))
        return [Fault(self, *fault) for fault in found]

    def accepts(self, fault):
        """Whether the function compiles with the fault, to something new."""
        if not self.begin <= fault.start < fault.end <= self.end or len(fault.replacement) > MAX_REPLACEMENT:
            return False
        if self.known is None:
            self.known = {self.compiled(None)}
        if self.joins_words(fault):
            return False
        signature = self.compiled(fault)
        if signature is None or signature in self.known:
            return False
        self.known.add(signature)
        return True

    def joins_words(self, fault):
        """Whether a fault makes one name of two, as in `return-x` without its sign."""
        data = self.source.data
        before, after = data[max(fault.start - 1, 0):fault.start], data[fault.end:fault.end + 1]
        text = fault.replacement
        joined = text and is_word(text[-1:]) and is_word(after)
        return joined or is_word(before) and is_word(text[:1] or after)

    def compiled(self, fault):
        """A digest of the bytecode, None if the function does not compile.

        A function that needs what is around it, which is rare, is compiled with
        its whole file.
        """
        digest = signature(self.prefix + self.mutated(fault, self.begin, self.end))
        if digest is None and fault is None:
            self.begin, self.end, self.prefix = 0, len(self.source.data), b""
            digest = signature(self.mutated(fault, self.begin, self.end))
        return digest

    def mutated(self, fault, begin, end):
        data = self.source.data
        if fault is None:
            return data[begin:end]
        return data[begin:fault.start] + fault.replacement + data[fault.end:end]


def is_word(byte):
    return re.match(rb"[\w\x80-\xff]", byte) is not None


class Fault:
    """One replacement of bytes in a function."""

    def __init__(self, function, operator, start, end, replacement):
        self.function = function
        self.operator = operator
        self.start = start
        self.end = end
        self.replacement = replacement

    def key(self):
        return self.function.source.path, self.start, self.operator, self.replacement, self.end

    def document(self):
        source = self.function.source
        return {
            "path": source.path,
            "function": self.function.name[:MAX_TEXT],
            "operator": self.operator,
            "line": source.line(self.start),
            "start": self.start,
            "end": self.end,
            "replacement": self.replacement.decode("utf-8"),
        }


def signature(source):
    try:
        code = compile(source, "function", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    return hashlib.sha256(repr(essence(code)).encode("utf-8", "backslashreplace")).digest()


def essence(code):
    """What a code object does, without the places of its source."""
    return (
        code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, getattr(code, "co_exceptiontable", b""),
        [constant(value) for value in code.co_consts],
    )


def constant(value):
    if hasattr(value, "co_code"):
        return essence(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def functions(body):
    """Yield outermost functions and methods with their qualified names."""
    stack = [("", node) for node in reversed(body)]
    while stack:
        prefix, node = stack.pop()
        if isinstance(node, FUNCTIONS):
            yield prefix + node.name, node
            continue
        if isinstance(node, ast.ClassDef):
            prefix, inner = prefix + node.name + ".", node.body
        elif isinstance(node, ast.If) and mentions(node.test, ["TYPE_CHECKING"]):
            inner = node.orelse
        else:
            inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        stack.extend((prefix, child) for child in reversed(inner))


def sites(source, function):
    """Yield every node of a function where a fault counts."""
    stack = [Site(source, function, None)]
    while stack:
        site = stack.pop()
        yield site
        stack.extend(Site(source, child, site) for child in mutable_children(site.node))


def mutable_children(node):
    if isinstance(node, FUNCTIONS):
        return [] if is_stub(node) else [node.args] + without_docstring(node.body)
    if isinstance(node, ast.ClassDef):
        return without_docstring(node.body)
    if isinstance(node, ast.arguments):
        return node.defaults + [default for default in node.kw_defaults if default]
    if isinstance(node, ast.AnnAssign):
        return [child for child in (node.target, node.value) if child]
    if isinstance(node, (ast.Assert, ast.Raise) + TEMPLATES) or is_message(node):
        return []
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and is_unverifiable(node.test):
        return statements(node.orelse) + ([] if mentions(node.test, ["TYPE_CHECKING"]) else statements(node.body))
    if isinstance(node, ast.Call) and called(node) == "cast":
        return node.args[1:]
    return list(ast.iter_child_nodes(node))


def statements(body):
    return body if isinstance(body, list) else [body]


def without_docstring(body):
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if documented else body


def is_stub(function):
    """Whether a body is there for its signature alone."""
    if any(mentions(decorator, ["overload"]) for decorator in function.decorator_list):
        return True
    return all(
        isinstance(node, ast.Pass)
        or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        or isinstance(node, ast.Raise) and node.exc is not None and mentions(node.exc, ["NotImplementedError"])
        for node in function.body)


def is_message(node):
    """Whether a statement logs or warns."""
    call = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(call, ast.Call) and (called(call) == "warn" or is_logging(call))


def is_logging(call):
    owner = getattr(call.func, "value", None)
    owner = getattr(owner, "attr", getattr(owner, "id", ""))
    return called(call) in LOG_METHODS and owner.lower() in LOGGERS


def called(call):
    """The last part of the name of what is called, "" if it has none."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def mentions(node, names):
    return any(getattr(child, "attr", getattr(child, "id", "")) in names for child in ast.walk(node))


def is_unverifiable(test):
    return mentions(test, UNVERIFIABLE) or any(is_system_name(child) for child in ast.walk(test))


def is_system_name(node):
    """Whether a node is `os.name`."""
    return isinstance(node, ast.Attribute) and node.attr == "name" and getattr(node.value, "id", "") == "os"


class Site:
    """A node in its surroundings."""

    def __init__(self, source, node, parent):
        self.source = source
        self.node = node
        self.parent = parent

    def ancestors(self):
        site = self.parent
        while site is not None:
            yield site.node
            site = site.parent

    def above(self):
        """The parent's node; the `Index` of Python 3.8 is no node of its own."""
        node = self.parent.node if self.parent else None
        return self.parent.above() if type(node).__name__ == "Index" else node

    def replaced(self, node, text):
        return self.source.start(node), self.source.end(node), text

    def between(self, left, right, pattern):
        """The range of a token in what separates two nodes: comments, brackets and space."""
        begin = self.source.end(left)
        gap = self.source.data[begin:self.source.start(right)]
        for match in re.finditer(rb"#[^\r\n]*|(" + pattern + rb")", gap):
            if match.group(1):
                return begin + match.start(), begin + match.end()
        return None

    def token(self, left, right, pattern, text):
        """The fault that replaces a token between two nodes, in a list, if it is found."""
        place = self.between(left, right, pattern)
        return [place + (text,)] if place else []

    def bracketed(self, node):
        """The range of a node with the round brackets around it, within the site's own."""
        data, low, high = self.source.data, self.source.start(self.node), self.source.end(self.node)
        start, end = self.source.start(node), self.source.end(node)
        while True:
            before, after = data[low:start].rstrip(), data[end:high].lstrip()
            if not (before.endswith(b"(") and after.startswith(b")")):
                return start, end
            start, end = low + len(before) - 1, high - len(after) + 1

    def grouped(self, node):
        """The text of an expression that may stand beside an operator."""
        text = self.source.text(node)
        return text if isinstance(node, ATOMS) else b"(" + text + b")"

    def loop(self):
        """The loop that a `break` or `continue` is for."""
        return next(node for node in self.ancestors() if isinstance(node, FOR_LOOPS + (ast.While,)))

    def block(self):
        """The statements that a statement stands among."""
        for _, field in ast.iter_fields(self.parent.node):
            if isinstance(field, list) and self.node in field:
                return field
        return [self.node]

    def removed(self):
        """The fault that takes the lines of a statement out, in a list, if others stay in its block.

        A `pass` in its place would tell where it was.
        """
        source, node = self.source, self.node
        first, last = source.starts[node.lineno - 1], source.line_end(node.end_lineno)
        before = source.data[first:source.start(node)]
        after = source.data[source.end(node):last].strip()
        alone = not before.strip() and (not after or after.startswith(b"#"))
        is_elif = source.data.startswith(b"elif", source.start(node))
        return [(first, last, b"")] if alone and (len(self.block()) > 1 or is_elif) else []

    def is_default(self):
        return isinstance(self.above(), ast.arguments)

    def is_bound(self):
        signed = isinstance(self.above(), ast.UnaryOp)
        return isinstance(self.parent.above() if signed else self.above(), ast.Slice)


COMPARISONS = {
    ast.Lt: b"<", ast.LtE: b"<=", ast.Gt: b">", ast.GtE: b">=", ast.Eq: b"==", ast.NotEq: b"!=",
    ast.In: b"in", ast.NotIn: rb"not[\s\\]+in", ast.Is: b"is", ast.IsNot: rb"is[\s\\]+not",
}
BOUNDARIES = {ast.Lt: b"<=", ast.LtE: b"<", ast.Gt: b">=", ast.GtE: b">"}
NEGATIONS = {ast.Lt: b">=", ast.LtE: b">", ast.Gt: b"<=", ast.GtE: b"<", ast.Eq: b"!=", ast.NotEq: b"=="}
MEMBERSHIPS = {ast.In: b"not in", ast.NotIn: b"in", ast.Is: b"is not", ast.IsNot: b"is"}


def comparison_boundary(site):
    return compared(site, BOUNDARIES)


def comparison_negation(site):
    return compared(site, NEGATIONS)


def membership(site):
    return compared(site, MEMBERSHIPS)


def compared(site, table):
    found, left = [], site.node.left
    for operator, right in zip(site.node.ops, site.node.comparators):
        if type(operator) in table:
            found += site.token(left, right, COMPARISONS[type(operator)], table[type(operator)])
        left = right
    return found


def condition_negation(site):
    node = site.node
    if isinstance(node, ast.UnaryOp):
        return [without_sign(site, b"not")] if isinstance(node.op, ast.Not) else []
    if isinstance(node, ast.comprehension):
        tests = node.ifs
    else:
        tests = [node.guard] if isinstance(node, MATCH_CASE) else [node.test]
    # A comparison is negated by its operator, a `not` by leaving it out.
    return [
        site.replaced(test, b"not " + site.grouped(test)) for test in tests
        if test and not isinstance(test, (ast.Compare, ast.UnaryOp)) and not is_unverifiable(test)]


def without_sign(site, sign):
    start = site.source.start(site.node)
    rest = site.source.data[start + len(sign):site.source.end(site.node)]
    return start, start + len(sign) + len(rest) - len(rest.lstrip()), b""


def boolean_operator(site):
    old, new = (b"and", b"or") if isinstance(site.node.op, ast.And) else (b"or", b"and")
    return [fault for left, right in pairs(site.node.values) for fault in site.token(left, right, old, new)]


def pairs(nodes):
    return zip(nodes, nodes[1:])


def operand_removal(site):
    places = [site.bracketed(value) for value in site.node.values]
    found = [(places[0][0], places[1][0], b"")]
    return found + [(left[1], right[1], b"") for left, right in pairs(places)]


ARITHMETIC = {
    ast.Add: (b"+", b"-"), ast.Sub: (b"-", b"+"), ast.Mult: (b"*", b"//"), ast.Div: (b"/", b"*"),
    ast.FloorDiv: (b"//", b"/"), ast.Mod: (b"%", b"//"), ast.Pow: (b"**", b"*"),
    ast.BitAnd: (b"&", b"|"), ast.BitOr: (b"|", b"&"), ast.BitXor: (b"^", b"|"),
    ast.LShift: (b"<<", b">>"), ast.RShift: (b">>", b"<<"),
}


def arithmetic_operator(site):
    node = site.node
    if type(node.op) not in ARITHMETIC or is_sequence(node.left) or is_sequence(node.right):
        return []
    old, new = ARITHMETIC[type(node.op)]
    return site.token(node.left, node.right, re.escape(old), new)


def is_sequence(node):
    """Whether an expression is a text or list that has no arithmetic but joining and repeating."""
    while isinstance(node, ast.BinOp):
        if is_sequence(node.right):
            return True
        node = node.left
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (str, bytes))
    return isinstance(node, (ast.List, ast.Tuple, ast.ListComp) + TEMPLATES)


def augmented_assignment(site):
    node = site.node
    if type(node.op) not in ARITHMETIC:
        return []
    old, new = ARITHMETIC[type(node.op)]
    old = re.escape(old) + b"="
    found = site.token(node.target, node.value, old, b"=")
    if not is_sequence(node.value):
        found += site.token(node.target, node.value, old, new + b"=")
    return found


def unary_minus(site):
    return [without_sign(site, b"-")] if isinstance(site.node.op, ast.USub) else []


def constant_off_by_one(site):
    return [] if site.is_default() or site.is_bound() else neighbours(site, site.node)


def neighbours(site, node):
    """Faults that make a small decimal number one larger or smaller."""
    text = site.source.text(node)
    if type(node.value) is not int or not text.isdigit() or node.value > MAX_NUMBER:
        return []
    negative = isinstance(site.above(), ast.UnaryOp)
    values = [node.value + 1] + ([node.value - 1] if node.value > int(negative) else [])
    return [site.replaced(node, b"%d" % value) for value in values]


def boolean_literal(site):
    # Nobody writes `while False`.
    return [] if site.is_default() or isinstance(site.above(), ast.While) else inverse(site, site.node)


def inverse(site, node):
    return [site.replaced(node, b"%r" % (not node.value))] if isinstance(node.value, bool) else []


SEPARATORS = {
    "-": "_", "_": "-", ",": ";", ";": ",", ".": ":", ":": ".", "/": ".", "=": ":", " ": "-",
    ", ": ",", ": ": ":", "--": "-", "\\n": "",
}
TEXT_METHODS = frozenset([
    "count", "endswith", "find", "get", "index", "join", "lstrip", "partition", "pop", "removeprefix", "removesuffix",
    "replace", "rfind", "rpartition", "rsplit", "rstrip", "setdefault", "split", "startswith", "strip",
])


def string_constant(site):
    """A wrong separator, or a word without its last letter, where a text is a value and no message."""
    match = re.fullmatch(rb"(['\"])([^'\"]+)\1", site.source.text(site.node))
    if not isinstance(site.node.value, str) or not match or not is_value(site):
        return []
    quote, text = match.group(1), match.group(2).decode("utf-8")
    if text in SEPARATORS:
        text = SEPARATORS[text]
    elif re.fullmatch(r"[\w-]{3,30}", text):
        text = text[:-1]
    else:
        return []
    return [site.replaced(site.node, quote + text.encode("utf-8") + quote)]


def is_value(site):
    above = site.above()
    if isinstance(above, ast.Call):
        method = above.func.attr if isinstance(above.func, ast.Attribute) else ""
        return method in TEXT_METHODS and site.node in above.args[:1]
    if isinstance(above, ast.Attribute):
        return above.attr == "join"
    if isinstance(above, ast.Dict):
        return site.node in above.keys
    return isinstance(above, (ast.Compare, ast.Subscript)) or type(above).__name__ == "MatchValue"


def default_value(site):
    found = []
    for default in site.node.defaults + site.node.kw_defaults:
        if isinstance(default, ast.Constant):
            found += inverse(site, default) + neighbours(site, default)
    return found


CONDITIONS = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)
PREDICATES = frozenset(["isinstance", "issubclass", "hasattr", "callable", "any", "all", "bool"])


def return_none(site):
    """Forget to return what was made; None for a condition would only say no."""
    value = site.node.value
    if value is None or isinstance(value, CONDITIONS) or mentions(value, ["NotImplemented"]):
        return []
    if isinstance(value, ast.Call) and (called(value) in PREDICATES or called(value).startswith(("is_", "has_"))):
        return []
    return [site.replaced(site.node, b"return None")]


def statement_removal(site):
    return site.removed() if is_removable(site) else []


def is_removable(site):
    """Whether a statement works by its effect, so that code after it can go on without it."""
    node = site.node
    if isinstance(node, ast.Expr):
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        return isinstance(call, ast.Call) and not is_logging(call)
    if isinstance(node, ast.AugAssign):
        # Counters end while loops.
        return not any(isinstance(loop, ast.While) for loop in site.ancestors())
    targets = node.targets
    if all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets):
        return True
    if isinstance(node, ast.Delete) or not isinstance(targets[0], ast.Name):
        return False
    return len(targets) == 1 and any(isinstance(child, ast.Name) and child.id == targets[0].id for child in ast.walk(node.value))


SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Return, ast.Raise, ast.Continue, ast.Break)


def branch_removal(site):
    """Leave out a short `if` without `else`: a special case that was not thought of."""
    node = site.node
    plain = len(node.body) <= MAX_BRANCH and all(isinstance(inner, SIMPLE) for inner in node.body)
    if node.orelse or not plain or is_unverifiable(node.test):
        return []
    inner = [type(child) for child in ast.walk(node)]
    ends_loop = ast.Break in inner and isinstance(site.loop(), ast.While)
    return [] if ends_loop or ast.Yield in inner or ast.YieldFrom in inner else site.removed()


def break_continue(site):
    if isinstance(site.node, ast.Continue):
        return [site.replaced(site.node, b"break")]
    return [site.replaced(site.node, b"continue")] if isinstance(site.loop(), FOR_LOOPS) else []


SYMMETRIC = frozenset(["isinstance", "issubclass", "max", "min", "print"])


def argument_swap(site):
    found = []
    for left, right in pairs(site.node.args):
        if not (isinstance(left, ast.Name) and isinstance(right, ast.Name)) or called(site.node) in SYMMETRIC:
            continue
        start, end = site.source.start(left), site.source.end(right)
        gap = site.source.data[site.source.end(left):site.source.start(right)]
        found.append((start, end, site.source.text(right) + gap + site.source.text(left)))
    return found


def keyword_removal(site):
    """Forget to pass an option on."""
    found, node = [], site.node
    values = node.args + [keyword.value for keyword in node.keywords]
    for keyword in node.keywords:
        index = values.index(keyword.value)
        if keyword.arg is None or index == 0:
            continue
        comma = site.between(values[index - 1], keyword.value, b",")
        if comma:
            found.append((comma[0], site.bracketed(keyword.value)[1], b""))
    return found


def slice_bound(site):
    """Bounds of slices and ranges: one too far, one too short, or none."""
    node = site.node
    if isinstance(node, ast.Call):
        stops = node.args[:2][-1:] if called(node) == "range" and isinstance(node.func, ast.Name) else []
        return [fault for stop in stops if not isinstance(stop, ast.Constant) for fault in shifted(site, stop)]
    found = []
    for bound in (node.lower, node.upper):
        if bound is not None:
            found += shifted(site, bound) + [site.replaced(bound, b"")]
    return found


def shifted(site, bound):
    number = bound.operand if isinstance(bound, ast.UnaryOp) and isinstance(bound.op, ast.USub) else bound
    if isinstance(number, ast.Constant):
        return neighbours(Site(site.source, number, Site(site.source, bound, site)), number)
    text = site.grouped(bound)
    return [site.replaced(bound, text + b" + 1"), site.replaced(bound, text + b" - 1")]


FALLBACKS = {"get": 2, "pop": 2, "getattr": 3, "next": 2}


def fallback_removal(site):
    """Leave the default out of `get`, `pop`, `getattr` and `next`."""
    node, name = site.node, called(site.node)
    method = isinstance(node.func, ast.Attribute)
    if len(node.args) != FALLBACKS.get(name) or node.keywords or method != (name in ("get", "pop")):
        return []
    if name == "get" and isinstance(node.args[-1], ast.Constant) and node.args[-1].value is None:
        return []
    comma = site.between(node.args[-2], node.args[-1], b",")
    return [(comma[0], site.bracketed(node.args[-1])[1], b"")] if comma else []


RAISED = {
    "ValueError": b"TypeError", "TypeError": b"ValueError", "KeyError": b"ValueError", "IndexError": b"ValueError",
    "AttributeError": b"TypeError", "RuntimeError": b"ValueError", "OSError": b"RuntimeError",
    "LookupError": b"ValueError", "ImportError": b"RuntimeError", "FileNotFoundError": b"ValueError",
}
HANDLED = {
    "Exception": b"ValueError", "LookupError": b"IndexError", "KeyError": b"IndexError", "IndexError": b"KeyError",
    "ValueError": b"TypeError", "TypeError": b"ValueError", "AttributeError": b"KeyError", "OSError": b"FileExistsError",
    "FileNotFoundError": b"FileExistsError", "UnicodeError": b"UnicodeEncodeError", "UnicodeDecodeError": b"UnicodeEncodeError",
    "StopIteration": b"IndexError", "RuntimeError": b"ValueError", "ZeroDivisionError": b"OverflowError",
}


def exception_type(site):
    """Raise another exception than asked, or handle fewer or others than come."""
    if isinstance(site.node, ast.Raise):
        raised = site.node.exc
        raised = raised.func if isinstance(raised, ast.Call) else raised
        return renamed(site, raised, RAISED)
    handled = site.node.type
    if not isinstance(handled, ast.Tuple):
        return renamed(site, handled, HANDLED)
    found = []
    for left_out in handled.elts:
        rest = [site.source.text(element) for element in handled.elts if element is not left_out]
        if rest:
            found.append(site.replaced(handled, rest[0] if len(rest) == 1 else b"(" + b", ".join(rest) + b")"))
    return found


def renamed(site, node, table):
    if not isinstance(node, ast.Name) or node.id not in table:
        return []
    return [site.replaced(node, table[node.id])]


SWAPS = [
    ("min", "max"), ("any", "all"), ("startswith", "endswith"), ("lower", "upper"), ("lstrip", "rstrip"),
    ("partition", "rpartition"), ("find", "rfind"), ("index", "rindex"), ("union", "intersection"), ("keys", "values"),
    ("popleft", "pop"), ("appendleft", "append"), ("issubset", "issuperset"), ("floor", "ceil"), ("dirname", "basename"),
    ("isfile", "isdir"), ("is_file", "is_dir"), ("removeprefix", "removesuffix"), ("append", "extend"), ("split", "rsplit"),
]
SWAPPED = dict([(right, left) for left, right in reversed(SWAPS)] + [(left, right) for left, right in reversed(SWAPS)])


def function_swap(site):
    """Call the function that does the opposite."""
    name, function = called(site.node), site.node.func
    if name not in SWAPPED or (isinstance(function, ast.Name) and name not in ("min", "max", "any", "all")):
        return []
    # Without a limit, both directions split alike.
    if name in ("split", "rsplit") and len(site.node.args) + len(site.node.keywords) < 2:
        return []
    end = site.source.end(function)
    return [(end - len(name.encode("utf-8")), end, SWAPPED[name].encode("utf-8"))]


CONVERSIONS = frozenset(["abs", "float", "int", "set", "sorted", "str", "reversed", "tuple"])
TRANSFORMATIONS = frozenset(["casefold", "lower", "lstrip", "rstrip", "strip", "upper", "title"])


def conversion_removal(site):
    """Use a value as it came: not sorted, stripped or converted."""
    node, function = site.node, site.node.func
    if isinstance(function, ast.Attribute):
        if function.attr not in TRANSFORMATIONS:
            return []
        dot = site.source.data.rindex(b".", 0, site.source.end(function))
        return [(dot, site.source.end(node), b"")]
    plain = len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp))
    if called(node) not in CONVERSIONS or not plain:
        return []
    return [site.replaced(node, site.grouped(node.args[0]))]


OPERATORS = {
    "argument-swap": (ast.Call, argument_swap),
    "arithmetic-operator": (ast.BinOp, arithmetic_operator),
    "augmented-assignment": (ast.AugAssign, augmented_assignment),
    "boolean-literal": (ast.Constant, boolean_literal),
    "boolean-operator": (ast.BoolOp, boolean_operator),
    "branch-removal": (ast.If, branch_removal),
    "break-continue": ((ast.Break, ast.Continue), break_continue),
    "comparison-boundary": (ast.Compare, comparison_boundary),
    "comparison-negation": (ast.Compare, comparison_negation),
    "condition-negation": ((ast.If, ast.IfExp, ast.comprehension, ast.UnaryOp) + MATCH_CASE, condition_negation),
    "constant-off-by-one": (ast.Constant, constant_off_by_one),
    "conversion-removal": (ast.Call, conversion_removal),
    "default-value": (ast.arguments, default_value),
    "exception-type": ((ast.Raise, ast.ExceptHandler), exception_type),
    "fallback-removal": (ast.Call, fallback_removal),
    "function-swap": (ast.Call, function_swap),
    "keyword-removal": (ast.Call, keyword_removal),
    "membership": (ast.Compare, membership),
    "operand-removal": (ast.BoolOp, operand_removal),
    "return-none": (ast.Return, return_none),
    "slice-bound": ((ast.Slice, ast.Call), slice_bound),
    "statement-removal": ((ast.Expr, ast.Assign, ast.AugAssign, ast.Delete), statement_removal),
    "string-constant": (ast.Constant, string_constant),
    "unary-minus": (ast.UnaryOp, unary_minus),
}


if __name__ == "__main__":
    main()
