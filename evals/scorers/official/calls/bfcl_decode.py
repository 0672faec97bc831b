"""BFCL: the calls that a model's text holds.

Source of the definitions: berkeley-function-call-leaderboard, ``model_handler/utils.py`` (Apache-2.0). The official
code evaluates arithmetic in the model's text with ``eval``; here only numbers, strings and lists are computed, so
that no text can run code.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable
from typing import Any

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_LARGEST_EXPONENT, _LONGEST = 1_000, 10_000

Calls = list[dict[str, dict[str | None, Any]]]


def decode_python_compatible(text: str) -> Calls:
    """``[f(a=1), g(b="x")]`` -> calls.

    Traps: positional arguments are dropped; every unary operator is a minus, so "+5" becomes -5; a bare name is its
    own text ("true"); text around the calls raises SyntaxError, a list of what is no call AssertionError, "**" gives a
    parameter named None.
    """
    text = text.strip("`\n ")
    text = text if text.startswith("[") else "[" + text
    text = text if text.endswith("]") else text + "]"
    body = ast.parse(text.strip().strip("'"), mode="eval").body
    elements = [body] if isinstance(body, ast.Call) else body.elts  # type: ignore[attr-defined]
    calls = []
    for element in elements:
        assert isinstance(element, ast.Call), "expected a call"
        calls.append(_call(element))
    return calls


def decode_json_compatible(text: str) -> Calls:
    """``[{"function": name, "parameters": {...}}]`` -> calls; what is not JSON gives none, a missing key KeyError."""
    text = text.strip("`\n ")
    text = text if text.startswith("[") else "[" + text
    text = text if text.endswith("]") else text + "]"
    match = re.search(r"\[.*\]", text, re.DOTALL)
    try:
        items = json.loads(match.group() if match else text)
    except json.JSONDecodeError:
        return []
    return [{item["function"]: item["parameters"]} for item in items]


def decode_strict(text: str) -> Calls | None:
    """Calls in either form, also inside a fenced block; None where there are none to read.

    Values must be literals, and every argument must be named: a positional argument makes the text unreadable.
    """
    fenced = re.search(r"```(?:\w+)?\s*(.*?)```", text, re.DOTALL)
    inner = (fenced.group(1) if fenced else text).strip()
    if inner.startswith(("{", "[{")):
        return _strict_json(inner)
    try:
        body = ast.parse(inner, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    elements = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
    calls: Calls = []
    for element in elements:
        if not isinstance(element, ast.Call) or element.args or any(k.arg is None for k in element.keywords):
            return None
        try:
            calls.append({ast.unparse(element.func): {k.arg: ast.literal_eval(k.value) for k in element.keywords}})
        except ValueError:
            return None
    return calls


def _strict_json(text: str) -> Calls | None:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return None
    items = content if isinstance(content, list) else [content]
    calls: Calls = []
    for item in items:
        name = item.get("function", item.get("name")) if isinstance(item, dict) else None
        arguments = item.get("parameters", item.get("arguments")) if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(arguments, dict):
            return None
        calls.append({name: arguments})
    return calls


def _call(node: ast.Call) -> dict[str, dict[str | None, Any]]:
    parts: list[str] = []
    function = node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return {".".join(reversed(parts)): {k.arg: _value(k.value) for k in node.keywords}}


def _value(node: ast.AST | None) -> Any:
    match node:
        case ast.Constant():
            return "..." if node.value is Ellipsis else node.value
        case ast.UnaryOp():
            return -node.operand.value  # type: ignore[attr-defined]
        case ast.List():
            return [_value(v) for v in node.elts]
        case ast.Tuple():
            return tuple(_value(v) for v in node.elts)
        case ast.Dict():
            return {_value(k): _value(v) for k, v in zip(node.keys, node.values, strict=True)}
        case ast.BinOp():
            return _computed(node)
        case ast.Name():
            return node.id
        case ast.Call():
            return _call(node) if node.keywords else ast.unparse(node)
        case ast.Lambda():
            raise TypeError("the official code indexes a lambda's body")
        case ast.Subscript():
            return f"{ast.unparse(node.value)}[{ast.unparse(node.slice)}]"
        case _:
            raise Exception(f"Unsupported AST type: {type(node)}")


def _computed(node: ast.AST) -> Any:
    """Arithmetic of literals. Raises NameError for a name, OverflowError for what would not end."""
    if isinstance(node, ast.BinOp):
        left, right = _computed(node.left), _computed(node.right)
        act = _OPERATORS.get(type(node.op))
        if act is None:
            raise TypeError(f"expected an arithmetic operator, got {ast.unparse(node)}")
        if isinstance(node.op, ast.Pow) and abs(right) > _LARGEST_EXPONENT:
            raise OverflowError(f"expected an exponent of at most {_LARGEST_EXPONENT}")
        sizes = [x for x in (left, right) if isinstance(x, int)]
        if isinstance(node.op, ast.Mult) and isinstance(left, str | list | tuple) and sizes and sizes[0] > _LONGEST:
            raise OverflowError(f"expected at most {_LONGEST} repetitions")
        return act(left, right)
    if isinstance(node, ast.UnaryOp):
        signs = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert, ast.Not: operator.not_}
        return signs[type(node.op)](_computed(node.operand))
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_computed(v) for v in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_computed(v) for v in node.elts)
    raise NameError(f"expected numbers and strings only, got {ast.unparse(node)}")
