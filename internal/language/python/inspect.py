"""Write an inventory of a Python source tree as one JSON document.

    python3 -I inspect.py [options] ROOT > inventory.json

Runs under Python >= 3.8 with the standard library alone, in the environment of
the repository, so that `ast` is exact for the version its code is written for.
Source is parsed, never imported or executed. `-I` keeps the tree and this
file's folder off the module search path.

Symbolic links, hidden folders, caches and virtual environments are skipped.
Everything is bounded by the options; what was left out is told in `skipped`,
`errors` and `truncated`. The same tree gives the same bytes.

Document (lines are 1-based, columns 0-based in UTF-8 bytes, ends as in `ast`;
empty lists, empty strings and false are left out of definitions):

    schema      "repoexpert.dev/inventory/v1"
    language    "python"
    runtime     "3.11": the version of the interpreter that parsed
    truncated   why the walk ended early, "" when it did not
    skipped     [{path, reason}]    files not read, sorted by path
    errors      [{path, error}]     files that do not parse, sorted by path
    modules     sorted by path, each:
      path        below ROOT, with "/"
      name        dotted name, from the outermost folder with an __init__.py
      isTest      by pytest's naming, or below a folder "test" or "tests"
      lines       number of lines
      names       names and attributes mentioned outside of definitions
      imports     [{module, name, alias, line}]  absolute where the package is
                  known; name is "" for "import x" and "*" for a star import
      definitions in source order, each:
        name          qualified inside the module, as in "Group.command"; a
                      function nested in f is "f.<locals>.g"
        kind          class | function | method (async ones included)
        startLine, startCol, endLine, endCol    decorators included
        bodyStartLine, bodyEndLine              after the docstring; 0 when
                                                there is only a docstring
        docstring     whether there is one
        statements    of the body, at its own level, without the docstring
        parameters    [{name, kind, default}]   kind: positional | keyword |
                      varargs | varkw; default is source text, absent if none
        bases         of a class, resolved
        decorators    resolved
        raises        exceptions of `raise` statements, resolved
        calls         targets of calls, resolved, each once
        names         every name and attribute that the definition mentions

"Resolved" means followed through imports, re-exports, `self`, `cls` and
`super()` as far as the tree tells: "pkg.module.Class.method" for something of
the tree, else the dotted name as imported ("json.dumps") or a builtin
("ValueError"). Calls on values of unknown type are not in `calls`, so `calls`
is a lower bound and `names` an upper bound of what is used. What is inside a
nested definition counts for that definition only.
"""

import argparse
import ast
import builtins
import io
import json
import os
import sys
import tokenize

SCHEMA = "repoexpert.dev/inventory/v1"
SKIPPED_FOLDERS = frozenset(["__pycache__", "node_modules", "site-packages", "build", "dist"])
MAX_TEXT = 200  # of one default, base or dotted name
MAX_LIST = 400  # of one list in a definition
MAX_HOPS = 12  # through re-exports and base classes
BUILTINS = frozenset(dir(builtins))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = FUNCTIONS + (ast.ClassDef,)


def main():
    options = parse_arguments()
    tree = Tree(options)
    tree.read()
    json.dump(tree.document(), sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.write("\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description="inventory of a Python source tree, as JSON")
    parser.add_argument("root")
    parser.add_argument("--max-files", type=int, default=5000)
    parser.add_argument("--max-file-bytes", type=int, default=1 << 20)
    parser.add_argument("--max-definitions", type=int, default=100000)
    return parser.parse_args()


class Tree:
    """The walk over the files and what was found in them."""

    def __init__(self, options):
        self.options = options
        self.modules = []
        self.skipped = []
        self.errors = []
        self.truncated = ""
        self.definitions = 0

    def read(self):
        for count, path in enumerate(sorted(self.python_files())):
            if count >= self.options.max_files:
                self.truncated = "more than %d files" % self.options.max_files
                return
            self.read_file(path)
            if self.definitions > self.options.max_definitions:
                self.truncated = "more than %d definitions" % self.options.max_definitions
                return

    def python_files(self):
        """Yield paths below the root; links are noted and not followed."""
        for folder, folders, files in os.walk(self.options.root):
            folders[:] = sorted(f for f in folders if self.enters(os.path.join(folder, f), f))
            for name in files:
                if not name.endswith(".py"):
                    continue
                path = os.path.relpath(os.path.join(folder, name), self.options.root)
                path = path.replace(os.sep, "/")
                if os.path.islink(os.path.join(folder, name)):
                    self.skipped.append({"path": clean(path), "reason": "symbolic link"})
                else:
                    yield path

    @staticmethod
    def enters(folder, name):
        if name.startswith(".") or name in SKIPPED_FOLDERS or os.path.islink(folder):
            return False
        return not os.path.exists(os.path.join(folder, "pyvenv.cfg"))

    def read_file(self, path):
        full = os.path.join(self.options.root, path)
        try:
            if os.path.getsize(full) > self.options.max_file_bytes:
                self.skipped.append({"path": clean(path), "reason": "larger than the limit"})
                return
            with open(full, "rb") as content:
                source = content.read(self.options.max_file_bytes + 1)
            module = Module(self.options.root, path, source)
        except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OSError) as error:
            text = "%s: %s" % (type(error).__name__, getattr(error, "msg", None) or error)
            self.errors.append({"path": clean(path), "error": clean(text)})
            return
        self.modules.append(module)
        self.definitions += len(module.definitions)

    def document(self):
        resolver = Resolver(self.modules)
        return {
            "schema": SCHEMA,
            "language": "python",
            "runtime": "%d.%d" % sys.version_info[:2],
            "truncated": self.truncated,
            "skipped": sorted(self.skipped, key=lambda entry: entry["path"]),
            "errors": sorted(self.errors, key=lambda entry: entry["path"]),
            "modules": [module.document(resolver) for module in self.modules],
        }


class Module:
    """One parsed file: its definitions and the names bound at its top level."""

    def __init__(self, root, path, source):
        # The encoding of the file is needed for exact column offsets in defaults.
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
        self.path = path
        self.name, self.is_package = module_name(root, path)
        # splitlines() would also split at form feeds, which ast does not count.
        self.lines = [line.encode("utf-8") for line in io.StringIO(text, newline=None)]
        self.imports = []
        self.stars = []
        self.definitions = []
        self.body = ast.parse(source, filename=path).body
        self.bindings = self.bind(self.body)
        self.scan()

    def scan(self):
        """Collect definitions with an explicit stack: depth is the author's choice."""
        stack = [(node, None) for node in reversed(list(own_definitions(self.body)))]
        while stack:
            node, parent = stack.pop()
            definition = Definition(self, node, parent)
            self.definitions.append(definition)
            nested = list(own_definitions(node.body))
            stack.extend((child, definition) for child in reversed(nested))

    def bind(self, body, prefix=""):
        """Map the names that imports and definitions in a body bind to dotted names."""
        bound = {}
        for node in own_nodes(body):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.note_import(alias.name, "", alias.asname, node.lineno)
                    bound[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                origin = self.absolute(node.module or "", node.level)
                for alias in node.names:
                    self.note_import(origin, alias.name, alias.asname, node.lineno)
                    if alias.name == "*":
                        self.stars.append(origin)
                    else:
                        bound[alias.asname or alias.name] = origin + "." + alias.name
            elif isinstance(node, DEFINITIONS):
                bound[node.name] = self.name + "." + prefix + node.name
        return bound

    def note_import(self, module, name, alias, line):
        self.imports.append({"module": clean(module), "name": clean(name), "alias": clean(alias or ""), "line": line})

    def absolute(self, module, level):
        """The dotted name that a relative import of this module means."""
        if level == 0:
            return module
        parts = self.name.split(".")
        if not self.is_package:
            parts = parts[:-1]
        parts = parts[:len(parts) - (level - 1)]
        return ".".join(parts + [module] if module else parts)

    def text(self, node):
        """The source text of a node, on one line."""
        rows = self.lines[node.lineno - 1:node.end_lineno]
        rows[-1] = rows[-1][:node.end_col_offset]
        rows[0] = rows[0][node.col_offset:]
        return clean(" ".join(b"".join(rows).decode("utf-8", "replace").split()))

    def document(self, resolver):
        return {
            "path": clean(self.path),
            "name": clean(self.name),
            "isTest": is_test(self.path),
            "lines": len(self.lines),
            "names": mentioned_names(self.body),
            "imports": sorted(self.imports, key=lambda entry: entry["line"]),
            "definitions": [definition.document(resolver) for definition in self.definitions],
        }


class Definition:
    """One class, function or method, with what its own body mentions."""

    def __init__(self, module, node, parent):
        self.module = module
        self.node = node
        self.parent = parent
        inside_function = parent is not None and parent.kind != "class"
        prefix = "" if parent is None else parent.name + (".<locals>." if inside_function else ".")
        self.name = prefix + node.name
        if isinstance(node, ast.ClassDef):
            self.kind = "class"
        else:
            self.kind = "method" if parent is not None and parent.kind == "class" else "function"
        self.docstring = ast.get_docstring(node, clean=False) is not None
        self.body = node.body[1:] if self.docstring else node.body
        self.local = self.bind_locals()

    def bind_locals(self):
        """Names of this scope; None marks a variable whose value is unknown.

        A class body's names are not visible in its methods, so a class adds
        nothing for them beyond what `self` finds.
        """
        if self.kind == "class":
            return {}
        local = {}
        for argument in all_arguments(self.node.args):
            local[argument.arg] = None
        for node in own_nodes(self.node.body):
            for child in expressions(node):
                if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
                    local[child.id] = None
            if isinstance(node, ast.ExceptHandler) and node.name:
                local[node.name] = None
        local.update(self.module.bind(self.node.body, self.name + ".<locals>."))
        if self.kind == "method" and not self.has_decorator("staticmethod"):
            positional = getattr(self.node.args, "posonlyargs", []) + self.node.args.args
            if positional:
                local[positional[0].arg] = self.module.name + "." + self.parent.name
        return local

    def has_decorator(self, name):
        return any(isinstance(d, ast.Name) and d.id == name for d in self.node.decorator_list)

    def look_up(self, name):
        """The dotted name that a name means here, or None."""
        scope = self
        while scope is not None:
            if name in scope.local:
                return scope.local[name]
            scope = scope.parent
        if name in self.module.bindings:
            return self.module.bindings[name]
        if name in BUILTINS:
            return name
        for origin in self.module.stars:
            return origin + "." + name
        return None

    def dotted(self, expression):
        """The dotted name of an expression such as `a.b.c` or `super().m`, or None."""
        attributes = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if isinstance(expression, ast.Name):
            origin = self.look_up(expression.id)
        else:
            origin = self.parent_class(expression)
        if origin is None:
            return None
        return ".".join([origin] + attributes[::-1])

    def parent_class(self, expression):
        """What `super()` stands for: the class's name with a mark for the resolver."""
        plain = isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name)
        if not plain or expression.func.id != "super" or self.kind != "method":
            return None
        return self.module.name + "." + self.parent.name + ".<super>"

    def document(self, resolver):
        first = self.node.decorator_list[0] if self.node.decorator_list else self.node
        found = self.mentions(resolver)
        body = self.body
        document = {
            "name": clean(self.name),
            "kind": self.kind,
            "startLine": first.lineno,
            "startCol": self.node.col_offset,
            "endLine": self.node.end_lineno,
            "endCol": self.node.end_col_offset,
            "bodyStartLine": first_line(body[0]) if body else 0,
            "bodyEndLine": body[-1].end_lineno if body else 0,
            "docstring": self.docstring,
            "statements": len(body),
            "parameters": self.parameters(),
            "returns": self.returns(),
            "bases": self.resolved(getattr(self.node, "bases", []), resolver),
            "decorators": self.resolved(self.node.decorator_list, resolver),
        }
        document.update(found)
        return {key: value for key, value in document.items() if value is not False and value not in ([], "")}

    def resolved(self, expressions_, resolver):
        """Resolved names of bases or decorators, in source order; a call stands for its function."""
        names = []
        for expression in expressions_[:MAX_LIST]:
            name = self.outer_name(expression)
            resolved = resolver.resolve(name) if name else None
            names.append(clean(resolved or self.module.text(unwrapped(expression))))
        return names

    def outer_name(self, expression):
        """The dotted name of a base or decorator: it is looked up outside of the definition."""
        return (self.parent or self).dotted(unwrapped(expression))

    def mentions(self, resolver):
        raises, calls = set(), set()
        for node in own_nodes(self.body):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                raises.add(self.dotted(raised))
            for child in expressions(node):
                if isinstance(child, ast.Call):
                    calls.add(self.dotted(child.func))
        return {
            "raises": resolver.resolve_all(raises),
            "calls": resolver.resolve_all(calls),
            "names": mentioned_names(self.body),
        }

    def parameters(self):
        if self.kind == "class":
            return []
        arguments = self.node.args
        positional = getattr(arguments, "posonlyargs", []) + arguments.args
        defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
        found = [self.parameter(a, "positional", d) for a, d in zip(positional, defaults)]
        if arguments.vararg:
            found.append(self.parameter(arguments.vararg, "varargs", None))
        found += [self.parameter(a, "keyword", d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]
        if arguments.kwarg:
            found.append(self.parameter(arguments.kwarg, "varkw", None))
        return found[:MAX_LIST]

    def returns(self):
        annotation = getattr(self.node, "returns", None)
        return "" if annotation is None else self.module.text(annotation)

    def parameter(self, argument, kind, default):
        document = {"name": clean(argument.arg), "kind": kind}
        if argument.annotation is not None:
            document["type"] = self.module.text(argument.annotation)
        if default is not None:
            document["default"] = self.module.text(default)
        return document


class Resolver:
    """Follows dotted names through re-exports and base classes of the tree."""

    def __init__(self, modules):
        self.modules = {}
        self.classes = {}
        self.known = {}
        self.cache = {}
        # Test modules come last, so that code wins where two files share a dotted name.
        for module in sorted(modules, key=lambda m: (is_test(m.path), m.path)):
            if module.name in self.modules:
                continue
            self.modules[module.name] = module
            for definition in module.definitions:
                full = module.name + "." + definition.name
                self.known.setdefault(full, definition)

    def resolve_all(self, names):
        resolved = {self.resolve(name) for name in names if name}
        return [clean(name) for name in sorted(resolved - {None})[:MAX_LIST]]

    def resolve(self, name, hops=0):
        """The canonical dotted name, or None for an attribute no class of the tree has."""
        if name not in self.cache or hops:
            found = self.follow(name, hops)
            if hops:
                return found
            self.cache[name] = found
        return self.cache[name]

    def follow(self, name, hops):
        if name in self.known or hops > MAX_HOPS:
            return name
        owner, attribute = name.rpartition(".")[::2]
        if owner.endswith(".<super>"):
            return self.inherited(owner[:-len(".<super>")], attribute, hops)
        if not owner:
            return None if attribute == "<super>" else name
        if owner in self.modules:
            return self.exported(self.modules[owner], name, attribute, hops)
        canonical = self.resolve(owner, hops + 1)
        if canonical is None:
            return None
        if canonical != owner:
            return self.resolve(canonical + "." + attribute, hops + 1)
        if owner in self.known:
            is_class = self.known[owner].kind == "class"
            return self.inherited(owner, attribute, hops) if is_class else None
        return name

    def exported(self, module, name, attribute, hops):
        """A name of a module: bound by an import there, or by a star import."""
        target = module.bindings.get(attribute)
        if target is not None and target != name:
            return self.resolve(target, hops + 1)
        for origin in module.stars:
            candidate = origin + "." + attribute
            if candidate in self.known:
                return candidate
        return name

    def inherited(self, class_name, attribute, hops):
        """A method that a base class in the tree defines, or None."""
        definition = self.known.get(class_name)
        if definition is None or definition.kind != "class":
            return None
        for base in definition.node.bases:
            base_name = definition.outer_name(base)
            if not base_name:
                continue
            full = self.resolve(base_name, hops + 1)
            if full in self.known:
                return self.resolve(full + "." + attribute, hops + 1)
        return None


def unwrapped(expression):
    """The `C` of `C[int]`, `C(1)` and the like."""
    while isinstance(expression, (ast.Call, ast.Subscript)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression


def own_nodes(body):
    """Statements and handlers of a body, without the insides of nested definitions."""
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, DEFINITIONS):
            continue
        inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        stack.extend(reversed(inner))


def own_definitions(body):
    return (node for node in own_nodes(body) if isinstance(node, DEFINITIONS))


def expressions(statement):
    """All expression nodes of one statement, without those of inner statements."""
    if isinstance(statement, DEFINITIONS):
        return
    stack = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.expr)]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(ast.iter_child_nodes(node))


def mentioned_names(body):
    names = set()
    for node in own_nodes(body):
        for child in expressions(node):
            if isinstance(child, ast.Name):
                names.add(child.id)
            elif isinstance(child, ast.Attribute):
                names.add(child.attr)
    return [clean(name) for name in sorted(names)[:MAX_LIST]]


def all_arguments(arguments):
    extra = [a for a in (arguments.vararg, arguments.kwarg) if a]
    return getattr(arguments, "posonlyargs", []) + arguments.args + arguments.kwonlyargs + extra


def first_line(node):
    decorators = getattr(node, "decorator_list", [])
    return decorators[0].lineno if decorators else node.lineno


def module_name(root, path):
    """The dotted name of a file, and whether it is a package's __init__."""
    folders, stem = path.split("/")[:-1], path.split("/")[-1][:-len(".py")]
    package = []
    while folders and os.path.exists(os.path.join(root, *folders, "__init__.py")):
        package.insert(0, folders.pop())
    if stem == "__init__" and package:
        return ".".join(package), True
    return ".".join(package + [stem]), False


def is_test(path):
    *folders, name = path.split("/")
    named = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
    return named or "tests" in folders or "test" in folders


def clean(text):
    """Bounded text that any JSON reader accepts: lone surrogates are replaced."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")


if __name__ == "__main__":
    main()
