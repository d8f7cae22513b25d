"""Reads a book of tariffs from YAML, so that an error leads to its line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.problems import TariffBookError


def read_book(path: Path) -> TariffBook:
    """Read a book.

    Raises:
        TariffBookError: The file is not there, is no YAML, or a tariff in it cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TariffBookError(f"{path} cannot be read: {error}. Name a YAML file in UTF-8.") from error
    return parse_book(text, str(path))


def parse_book(text: str, name: str = "tariffs") -> TariffBook:
    """Read a book from text; ``name`` is what errors call it."""
    try:
        # Every value stays text: 0.10 is no binary fraction, and 22:00 no number in base 60.
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise TariffBookError(f"{name} is no YAML: {error}") from error
    if node is None:
        raise TariffBookError(f"{name} is empty; see docs/tariffs.md for what a book says.")
    double = next(_doubles(node), None)
    if double is not None:
        raise TariffBookError(
            f"{name}, line {double.start_mark.line + 1}: `{double.value}` is given twice; keep one of them."
        )
    given = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the BaseLoader makes nothing but texts
    if not isinstance(given, dict):
        raise TariffBookError(f"{name} must be a mapping with `currency`, `timezone` and `tariffs`.")
    try:
        return TariffBook.model_validate(_without_blanks(given))
    except ValidationError as error:
        problems = [_in_words(problem["loc"], problem["msg"], given, node) for problem in _own(error)]
        raise TariffBookError("\n".join(f"{name}, {problem}" for problem in problems)) from error


def _without_blanks(given: Any) -> Any:
    """A key without a value is a key left out."""
    if isinstance(given, dict):
        return {key: _without_blanks(value) for key, value in given.items() if value != ""}
    return [_without_blanks(value) for value in given] if isinstance(given, list) else given


def _own(error: ValidationError) -> list[Any]:
    """Leave out what only follows: a list is called too short where its entries are wrong."""
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(place[: len(problem["loc"])] == problem["loc"] and place != problem["loc"] for place in places)
    ]


def _doubles(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key
            seen.add(key.value)
            yield from _doubles(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _doubles(value)


def _in_words(place: Sequence[int | str], message: str, given: Any, node: yaml.Node) -> str:
    """Say line, tariff, version, component and field of a problem."""
    line, names = node.start_mark.line + 1, list[str]()
    in_component = False
    for step in place:
        # The kind of a component, by which pydantic tells classes apart, is a step that the file does not have.
        if in_component and given.get("kind") == step:
            in_component = False
            continue
        found = _below(node, step)
        if found is None:
            names.append(f"field {step}" if str(step).isidentifier() else "")
            break
        (line, node), given = found, given[step]
        in_component = isinstance(given, dict) and "kind" in given
        names.append(_name(step, given, names))
    words = message.removeprefix("Value error, ")
    return f"line {line}{''.join(', ' + name for name in names if name)}: {words}."


def _below(node: yaml.Node, step: int | str) -> tuple[int, yaml.Node] | None:
    """Return line and node of an entry, if there is one."""
    if isinstance(node, yaml.MappingNode):
        found = ((key.start_mark.line + 1, value) for key, value in node.value if key.value == step)
        return next(found, None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None


def _name(step: int | str, given: Any, names: list[str]) -> str:
    if isinstance(step, str):
        return "" if step in {"tariffs", "versions", "components"} else f"field {step}"
    if isinstance(given, dict) and "versions" in given:
        return f"tariff {given.get('code', step + 1)}"
    if isinstance(given, dict) and "valid_from" in given:
        return f"version {given['valid_from']}"
    if isinstance(given, dict) and "kind" in given:
        return f"component {given.get('code', step + 1)}"
    return f"entry {step + 1}"
