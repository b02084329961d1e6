"""Say which revisions of Python files are the same code.

    python3 -I -S -B samecode.py FOLDER > same.json

FOLDER holds the pairs 0.before and 0.after, 1.before and so on. Runs under
Python >= 3.8 with the standard library alone, in the environment of the
repository. Source is parsed, never compiled, imported or executed.

Document:

    schema  "repoexpert.dev/samecode/v1"
    same    [true, false, ...]  one for each pair

Two files are the same code if their syntax trees are, without what does nothing
when the code runs: docstrings and other texts that are statements, annotations,
and what only annotations need (imports of typing, TYPE_CHECKING blocks, type
variables, casts, overloads). An annotation of a class attribute stays an
annotation, because dataclasses read it; its type does not matter. A file that
does not parse is the same code as no other.
"""

import ast
import json
import os
import sys
import warnings

SCHEMA = "repoexpert.dev/samecode/v1"
TYPING = frozenset(["typing", "typing_extensions"])
TYPE_VARIABLES = frozenset(["TypeVar", "ParamSpec", "TypeVarTuple"])
FUTURE = frozenset(["annotations"])


def main():
    folder = sys.argv[1]
    warnings.simplefilter("ignore")
    same, number = [], 0
    while os.path.exists(os.path.join(folder, "%d.before" % number)):
        before, after = (shape(os.path.join(folder, "%d.%s" % (number, side))) for side in ("before", "after"))
        same.append(before is not None and before == after)
        number += 1
    json.dump({"schema": SCHEMA, "same": same}, sys.stdout)


def shape(path):
    """The text of a file's tree; None for one that does not parse."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        return ast.dump(Stripper().visit(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def last_name(node):
    """The last part of a name such as `t.cast`; "" for what is none."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Stripper(ast.NodeTransformer):
    """Takes out what does nothing at run time."""

    def __init__(self):
        self.in_class = False

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and (isinstance(node.value.value, str) or node.value.value is Ellipsis):
            return None
        return self.generic_visit(node)

    def visit_Pass(self, node):
        return None

    def visit_Import(self, node):
        node.names = [name for name in node.names if name.name not in TYPING]
        return node if node.names else None

    def visit_ImportFrom(self, node):
        if node.module in TYPING and not node.level:
            return None
        if node.module == "__future__":
            node.names = [name for name in node.names if name.name not in FUTURE]
        return node if node.names else None

    def visit_If(self, node):
        if last_name(node.test) == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)

    def visit_Assign(self, node):
        if isinstance(node.value, ast.Call) and last_name(node.value) in TYPE_VARIABLES:
            return None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if self.in_class:
            node.annotation = ast.Constant(value=None, kind=None)
            return self.generic_visit(node)
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value, type_comment=None))

    def visit_Call(self, node):
        node = self.generic_visit(node)
        if last_name(node) == "cast" and len(node.args) == 2 and not node.keywords:
            return node.args[1]
        return node

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_ClassDef(self, node):
        return self.scope(node, True)

    def visit_FunctionDef(self, node):
        if any(last_name(decorator) == "overload" for decorator in node.decorator_list):
            return None
        node.returns = None
        return self.scope(node, False)

    visit_AsyncFunctionDef = visit_FunctionDef

    def scope(self, node, in_class):
        outer, self.in_class = self.in_class, in_class
        node = self.generic_visit(node)
        self.in_class = outer
        return node


if __name__ == "__main__":
    main()
