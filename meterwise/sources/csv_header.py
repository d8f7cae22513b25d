"""Reads the header of a CSV file and finds out why it is not the expected one."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

from meterwise.sources.config import FileSource
from meterwise.sources.problems import SourceError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def read_header(path: Path, source: FileSource, problem: Callable[..., SourceError]) -> list[str]:
    """Return the column names of a CSV file; a repeated name gets a suffix ``_1``, ``_2`` ...

    Args:
        path: Local file, gzipped or not.
        source: What ``sources.yml`` says about it.
        problem: Makes the error about this file.

    Raises:
        SourceError: No header, another delimiter, or columns that the mapping needs are missing.
    """
    line = _first_line(path, source, problem)
    names = next(csv.reader([line], delimiter=source.delimiter), [])
    names = [name.strip() for name in names]
    missing = [name for name in source.mapped_columns if name not in names]
    if missing:
        raise problem(
            f"the header lacks {', '.join(missing)}; found {_found(names, source)}, "
            f"expected {_shown(source.mapped_columns)}",
            _cure(line, source),
            1,
        )
    return _unique(names)


def _first_line(path: Path, source: FileSource, problem: Callable[..., SourceError]) -> str:
    encoding = "utf-8-sig" if source.encoding == "utf-8" else source.encoding
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding=encoding, newline="") as stream:
            line = str(stream.readline()).rstrip("\r\n")
    except UnicodeDecodeError:
        raise problem(
            f"is not {source.encoding} text", "Set `encoding: latin-1` (or utf-16) in sources.yml", 1
        ) from None
    if not line.strip():
        raise problem("has no header: its first line is blank", "Deliver the file with a line of column names", 1)
    return line


def _cure(line: str, source: FileSource) -> str:
    wanted = set(source.mapped_columns)
    for delimiter, word in DELIMITERS.items():
        found = {name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])}
        if delimiter != source.delimiter and wanted <= found:
            return f"It looks like delimiter '{delimiter}' ({word}): set `delimiter: \"{delimiter}\"` in sources.yml"
    return f"Correct `columns` of source {source.name} in sources.yml, or deliver a file with these columns"


def _found(names: list[str], source: FileSource) -> str:
    # A file without a header begins with a customer, who must not be quoted.
    return f"{len(names)} column(s)" if source.table == "crm_customers" else _shown(names)


def _shown(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown or "nothing"


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique.append(f"{name}_{count}" if count else name or f"column_{len(unique) + 1}")
    return unique
