"""`meterwise doctor`: looks at the machine and the settings, and says what would go wrong and what to do."""

import ctypes
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import psutil
import typer

from meterwise.access.check import PROBLEMS, checks
from meterwise.commands.screen import wide_console
from meterwise.settings import Settings, get_settings

LEAST_PYTHON = (3, 11)
LEAST_DISK_GB = 5
LEAST_MEMORY_GB = 4
console = wide_console()


class Finding(Exception):  # noqa: N818 - nothing failed yet
    """Something that would go wrong; the text says what and what to do."""


def doctor(home: Annotated[Path | None, typer.Option(help="Folder; default: METERWISE_HOME.")] = None) -> None:
    """Check this machine: Python, memory, disk, libraries, ports, sources.yml, databases and certificates."""
    settings = get_settings()
    if home is not None:
        settings = settings.model_copy(update={"home": home.resolve()})
    healthy = True
    for name, check in CHECKS.items():
        try:
            console.print(f"  [green]ok[/]     {name}: {check(settings)}", highlight=False)
        except Finding as finding:
            healthy = False
            console.print(f"  [red]look[/]   {name}: {finding}", highlight=False)
    raise typer.Exit(0 if healthy else 1)


def _python(settings: Settings) -> str:
    if sys.version_info < LEAST_PYTHON:
        raise Finding("Python 3.11 or newer is needed; make the environment anew with it: make clean setup")
    return sys.version.split()[0]


def _memory(settings: Settings) -> str:
    gigabytes = psutil.virtual_memory().total / 1e9
    if gigabytes < LEAST_MEMORY_GB:
        raise Finding(f"{gigabytes:.1f} GB; set METERWISE_MEMORY_LIMIT to 1GB and expect slow builds")
    return f"{gigabytes:.0f} GB, {psutil.cpu_count()} processors"


def _disk(settings: Settings) -> str:
    folder = settings.home_path
    while not folder.exists():
        folder = folder.parent
    gigabytes = shutil.disk_usage(folder).free / 1e9
    if gigabytes < LEAST_DISK_GB:
        raise Finding(f"{gigabytes:.1f} GB free at {folder}; free some, or set METERWISE_HOME to a larger disk")
    return f"{gigabytes:.0f} GB free at {folder}"


def _lightgbm(settings: Settings) -> str:
    from meterwise.commands.patch_lightgbm import library

    try:
        ctypes.CDLL(str(library()))
    except OSError as error:
        raise Finding(f"cannot be loaded ({error}); run python -m meterwise.commands.patch_lightgbm") from error
    return "loads"


def _ports(settings: Settings) -> str:
    from meterwise.stack import state

    if state.is_running(settings.home_path):
        return f"a stack runs on {settings.home_path}"
    remembered = state.StackState.load(settings.home_path)
    wanted = {**state.WANTED_PORTS, **remembered.ports}
    taken = [f"{port} ({name})" for name, port in wanted.items() if not state.is_free(port)]
    return f"in use: {', '.join(taken)}; others will be chosen" if taken else ", ".join(map(str, wanted.values()))


def _sources(settings: Settings) -> str:
    from meterwise.sources.config import SourcesFileError, load_sources

    try:
        return f"{len(load_sources(settings=settings).sources)} sources; `meterwise sources check` reads a sample"
    except SourcesFileError as error:
        raise Finding(f"{error} (`make demo` needs none)") from error


def _databases(settings: Settings) -> str:
    """Look at what ``meterwise database check`` looks at."""
    told, wrong = [], []
    for name, look in checks(settings).items():
        try:
            told.append(f"{name}: {look()}")
        except PROBLEMS as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise Finding("; ".join(wrong))
    return "; ".join(told) or "none is named; the embedded stack makes its own"


def _certificate(settings: Settings) -> str:
    named = (settings.tls_certificate_file, settings.tls_key_file, settings.tls_authority_file)
    missing = [str(path) for path in named if path is not None and not path.is_file()]
    if missing:
        raise Finding(f"no file {', '.join(missing)}; correct METERWISE_TLS_..._FILE, or put it there")
    if (settings.tls_certificate_file is None) != (settings.tls_key_file is None):
        raise Finding("certificate and key go together: give METERWISE_TLS_CERTIFICATE_FILE and METERWISE_TLS_KEY_FILE")
    return "certificate and key are there" if settings.tls_certificate_file else "off; see docs/operations.md"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "Python": _python,
    "memory": _memory,
    "disk": _disk,
    "LightGBM": _lightgbm,
    "ports": _ports,
    "sources.yml": _sources,
    "databases": _databases,
    "TLS": _certificate,
}
