"""Files of any file system that fsspec knows, read by DuckDB: which there are, whether they rest, and their rows."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import fsspec

from meterwise.outcomes import is_disk_full
from meterwise.sources import messages
from meterwise.sources.config import FileSource, MessageFiles, SourcesFile
from meterwise.sources.csv_header import read_header
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import LINE, SourceRows, column_types, literal, number, quoted

CHUNK = 1 << 20
NEWER = "Deliver the whole file again (write it under another name and rename it when it is complete)"


@dataclass(frozen=True)
class FileState:
    """What tells whether a file rests."""

    size: int
    version: str
    digest: str


@dataclass(frozen=True)
class SourceFile:
    """One file of a source, readable at ``local``."""

    source: FileSource
    origin: str
    url: str
    local: Path
    state: FileState

    def problem(self, message: str, cure: str, line_no: int | None = None, is_transient: bool = False) -> SourceError:
        """An error about this file."""
        return SourceError(Problem(self.source.name, self.origin, message, cure, line_no, is_transient))

    def ensure_unchanged(self) -> None:
        """Check that the bytes are still those that were opened.

        Raises:
            SourceError: The file changed while it was read.
        """
        if _state(self.url, self.local) != self.state:
            raise self.problem(
                "changed while it was read; nothing of it was loaded",
                "It is tried again at the next landing. Write files under another name and rename them when complete",
                is_transient=True,
            )


def list_files(source: FileSource, sources: SourcesFile) -> list[str]:
    """Return the addresses of the source's files, in order of their names.

    Raises:
        SourceError: The file system cannot be reached.
    """
    pattern = source.path if "://" in source.path else str(sources.path.parent / source.path)
    filesystem, path = fsspec.core.url_to_fs(pattern)
    try:
        found = filesystem.glob(path) if any(mark in path for mark in "*?[") else [path] * filesystem.exists(path)
    except Exception as error:
        raise SourceError(
            Problem(source.name, source.path, f"cannot be listed ({type(error).__name__})", "Check path and access")
        ) from error
    return sorted(filesystem.unstrip_protocol(name) for name in found)


@contextmanager
def open_file(source: FileSource, url: str) -> Iterator[SourceFile]:
    """Make one file readable for DuckDB; remote files are copied to a temporary folder first.

    Raises:
        SourceError: The file is empty, half written or gone.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    origin = address(url)
    with tempfile.TemporaryDirectory(prefix="meterwise-") as folder:
        try:
            if url.startswith("file://"):
                local = Path(path)
            else:
                local = Path(folder) / Path(path).name
                filesystem.get_file(path, str(local))
            state = _state(url, local)
        except OSError as error:
            problem = Problem(
                source.name, origin, f"cannot be read ({error.strerror or error})", "Check path and access"
            )
            raise SourceError(problem) from error
        file = SourceFile(source, origin, url, local, state)
        if state.size == 0:
            raise file.problem("is empty (0 bytes)", "The transfer probably failed. " + NEWER)
        yield file


def stage(connection: duckdb.DuckDBPyConnection, file: SourceFile, limit: int | None = None) -> SourceRows:
    """Make the rows of a file a relation of the connection.

    Args:
        connection: Where the relation is made, as temporary table ``source_rows`` or view ``parquet_rows``.
        file: The file, opened.
        limit: Read this many rows only, for a sample.

    Raises:
        SourceError: The file is half written, or not what ``sources.yml`` says it is.
    """
    _ensure_whole(file)
    connection.execute("drop table if exists reject_errors")  # of the file before
    connection.execute("drop table if exists reject_scans")
    try:
        if isinstance(file.source, MessageFiles):
            messages.stage(connection, file.source, file.local, limit)
        else:
            reader = {"csv": _stage_csv, "parquet": _stage_parquet, "ndjson": _stage_ndjson}[file.source.format]
            reader(connection, file, limit)
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
        if is_disk_full(error):
            raise
        first_line = str(error).splitlines()[0].replace(str(file.local), "it")
        raise file.problem(f"cannot be read as {file.source.format} ({first_line})", NEWER) from error
    relation = "parquet_rows" if file.source.format == "parquet" else "source_rows"
    types = column_types(connection, relation)
    _ensure_columns(file, list(types))
    return SourceRows(relation, types, file.origin, file.state.digest, file.state.size, file.state.version)


def address(url: str) -> str:
    """Return what a file is called in messages and in the audit: its path, or the URL of a remote one."""
    return str(fsspec.core.url_to_fs(url)[1]) if url.startswith("file://") else url


def version(url: str) -> str:
    """Return size and time of change (or the store's own tag) of a file, without reading it."""
    filesystem, path = fsspec.core.url_to_fs(url)
    if url.startswith("file://"):
        stat = Path(path).stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    filesystem.invalidate_cache()
    info: dict[str, Any] = filesystem.info(path)
    changed = next((str(info[key]) for key in ("ETag", "etag", "mtime", "LastModified", "created") if key in info), "")
    return f"{info.get('size') or 0} {changed}"


def _state(url: str, local: Path) -> FileState:
    digest = hashlib.blake2b(digest_size=16)
    with local.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return FileState(local.stat().st_size, version(url), digest.hexdigest())


def _ensure_whole(file: SourceFile) -> None:
    """A gzip that ends early is known by its missing end mark before anything is read into the warehouse."""
    if file.local.suffix != ".gz":
        return
    try:
        with gzip.open(file.local) as stream:
            while stream.read(CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise file.problem("is a truncated or damaged gzip file; nothing of it was loaded", NEWER) from error


def _ensure_columns(file: SourceFile, found: list[str]) -> None:
    missing = [name for name in file.source.mapped_columns if name not in found]
    if missing:
        raise file.problem(
            f"has no column {', '.join(missing)}; its columns are {', '.join(found[:20])}"
            + (f" and {len(found) - 20} more" if len(found) > 20 else ""),
            f"Correct `columns` of source {file.source.name} in sources.yml, or deliver a file with these columns",
        )


def _stage_csv(connection: duckdb.DuckDBPyConnection, file: SourceFile, limit: int | None) -> None:
    source = file.source
    header = read_header(file.local, source, file.problem)
    columns = ", ".join(f"{literal(name)}: 'varchar'" for name in header)
    # Line numbers need the order of the file, which DuckDB keeps only when asked to.
    connection.execute("set preserve_insertion_order = true")
    connection.execute(
        f"create or replace temp table source_rows as select *, row_number() over () + 1 as {LINE} "
        f"from read_csv({literal(file.local)}, auto_detect = false, header = true, "
        f"delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', "
        f"encoding = {literal(source.encoding)}, columns = {{{columns}}}, "
        f"store_rejects = true, rejects_limit = 0)" + (f" limit {limit}" if limit else "")
    )
    connection.execute("set preserve_insertion_order = false")
    _number_lines(connection)


def _number_lines(connection: duckdb.DuckDBPyConnection) -> None:
    """Let lines that could not be split count too; the header is line 1."""
    if not number(connection, "select count(*) from reject_errors"):
        return
    connection.execute(
        f"""
        create or replace temp table source_rows as
        with lines as (select distinct line from reject_errors),
        gaps as (select line - 1 - row_number() over (order by line) as rows_before from lines)
        select
            source_rows.* exclude ({LINE}),
            {LINE} + (select count(*) from gaps where gaps.rows_before < source_rows.{LINE} - 1) as {LINE}
        from source_rows
        """
    )


def _stage_parquet(connection: duckdb.DuckDBPyConnection, file: SourceFile, limit: int | None) -> None:
    rows = f"read_parquet({literal(file.local)}, file_row_number = true)" + (f" limit {limit}" if limit else "")
    connection.execute(
        "create or replace temp view parquet_rows as "
        f"select * exclude (file_row_number), file_row_number + 1 as {LINE} from {rows}"
    )
    number(connection, "select count(*) from parquet_rows")


def _stage_ndjson(connection: duckdb.DuckDBPyConnection, file: SourceFile, limit: int | None) -> None:
    connection.execute("set preserve_insertion_order = true")
    connection.execute(
        f"create or replace temp table json_rows as select json, row_number() over () as {LINE} "
        f"from read_ndjson_objects({literal(file.local)}, ignore_errors = true)" + (f" limit {limit}" if limit else "")
    )
    connection.execute("set preserve_insertion_order = false")
    keys = connection.execute(
        f"select distinct unnest(json_keys(json)) as key from (select json from json_rows order by {LINE} limit 1000) "
        "order by key"
    ).fetchall()
    names = [key for (key,) in keys]
    if not names:
        raise file.problem("holds no JSON objects, one a line", "Check `format` in sources.yml, or deliver it again")
    fields = ", ".join(f"json ->> {literal(name)} as {quoted(name)}" for name in names)
    connection.execute(f"create or replace temp table source_rows as select {fields}, {LINE} from json_rows")
