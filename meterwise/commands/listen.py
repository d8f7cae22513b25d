"""``meterwise listen``: messages of MQTT brokers, landed as they come."""

import signal
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import datetime
from threading import Event
from types import FrameType
from typing import Annotated

import typer

from meterwise.listening.listener import Listener
from meterwise.settings import get_settings
from meterwise.sources.config import SourcesFile, SourcesFileError, load_sources


def listen(
    source: Annotated[
        str | None, typer.Argument(help="Name in sources.yml; default: every source of kind mqtt.")
    ] = None,
    keep_trying: Annotated[
        bool, typer.Option("--keep-trying", help="Ask a broker that refuses us again and again, instead of ending.")
    ] = False,
) -> None:
    """Take messages of MQTT brokers and land them as files, until Ctrl-C or SIGTERM."""
    settings, stop = get_settings(), Event()
    sources = load_sources(settings=settings)

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if keep_trying and source is None and not sources.listened:
        _say(f"{sources.path} has no source of kind mqtt; there is nothing to listen to.")
        stop.wait()
        return
    names = _names(source, sources)
    listeners = [Listener(sources.listened[name], sources, settings, _say, keep_trying) for name in names]
    with ThreadPoolExecutor(len(listeners)) as pool:
        futures = [pool.submit(listener.run, stop) for listener in listeners]
        wait(futures, return_when=FIRST_EXCEPTION)
        stop.set()
    for future in futures:
        future.result()
    _say(f"Stopped; {sum(listener.messages for listener in listeners):,} messages were received.")


def _names(source: str | None, sources: SourcesFile) -> list[str]:
    known = list(sources.listened)
    if source is None and known:
        return known
    if source in known:
        return [source]
    there = f"It has {', '.join(known)}" if known else "It has none"
    what = f"{source} is no source of kind mqtt" if source else "there is no source of kind mqtt"
    raise SourcesFileError(f"{sources.path}: {what}. {there}; examples/mqtt shows one.")


def _say(text: str) -> None:
    typer.echo(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}")
