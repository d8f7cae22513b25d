"""``meterwise tariffs``: whether a book of tariffs is sound, and what reads cost by it; without a stack."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from meterwise.commands.published import as_rich_table
from meterwise.commands.screen import wide_console

if TYPE_CHECKING:
    from meterwise.tariffs.model import Tariff, TariffBook, Version

app = typer.Typer(help="Tariffs, and bills by them.", no_args_is_help=True)
REASONS = {
    "no_tariff": "no tariff: name one in the file of contracts",
    "unknown_tariff": "the book has no such tariff",
    "tariff_ended": "the tariff ended while the contract runs: add a version, or change the contract",
    "tariff_not_begun": "the tariff holds only from a later day",
    "contracts_overlap": "two rows of a contract hold on the same day",
    "doubled_reads": "more reads than the time has",
    "reads_too_long": "an interval lies in several periods, days or blocks of demand: shorter reads are needed",
    "too_few_reads": "too many reads are missing: wait, estimate them, or lower `at_least_share`",
    "too_few_reactive_reads": "too many reactive reads are missing",
    "negative_energy": "the kWh of a period sum up below zero: see to the meter",
    "no_contracted_kw": "the contract says no kW",
    "not_rated": "a bill was issued, but there are no reads or no contract of its month",
    "not_issued": "there are reads and a contract, but no bill was issued",
}
RULES = {
    "rounding": "rounded otherwise, or one rounding unit off",
    "other_version": "prices of an earlier or later version",
    "charged_in_full": "a charge of a whole month in a part of one",
    "charged_by_days": "a charge by days where it is whole",
    "limits_in_full": "limits of blocks of a whole month or year in a part of one",
    "limits_by_days": "limits of blocks by days where they are not",
    "limit_not_applied": "a limit of blocks, and those above it, left out",
    "periods_swapped": "two periods at each other's price",
    "period_mistaken": "a period at the price of another",
    "holidays_ignored": "holidays by their day of the week",
    "line_missing": "a line was not charged",
    "estimated_then_measured": "estimates were billed; reads came later",
    "reads_changed": "reads were corrected after the bill",
    "meter_multiplier": "kWh times 10, 100, 1000, or a part of these",
    "billed_twice": "every amount twice or three times",
    "wrong_tariff": "another tariff of the book",
    "follows_other_lines": "a percentage, right of other lines as they were billed",
    "line_not_in_tariff": "the tariff has no such line",
    "other_quantity": "the right price, times other kWh than were read",
    "wrong_percentage": "another whole percent",
    "unexplained": "no rule gives this amount",
}


@app.callback()
def _tariffs() -> None:
    """Tariffs, and bills by them."""


@app.command()
def check(book: Annotated[Path, typer.Argument(help="YAML file of tariffs.")]) -> None:
    """Say what is wrong with a book of tariffs, or else what it says: prices, and each kind of day drawn."""
    # Imported late: Arrow and the holidays would slow down every other command.
    from datetime import UTC, datetime

    from meterwise.tariffs.book_file import read_book
    from meterwise.tariffs.public_days import public_days

    found, console = read_book(book), wide_console()
    this_year = datetime.now(UTC).year
    days = public_days(found, [this_year])
    for tariff in found.tariffs:
        _show_tariff(console, found, tariff)
    marked = sum(kind == "holiday" and day.year == this_year for day, kind in days.items())
    console.print(
        f"{len(found.tariffs)} tariffs in {found.currency}, days and hours of {found.timezone}, "
        f"{marked} holidays in {this_year}. Nothing is wrong.",
        style="green",
        highlight=False,
    )


TariffsOption = Annotated[Path, typer.Option(help="YAML file of tariffs.")]
ReadsOption = Annotated[Path, typer.Option(help="CSV (also .gz) or Parquet, a row an interval.")]
ContractsOption = Annotated[
    Path, typer.Option(help="CSV or Parquet: contract_id, tariff_code, start_on [, end_on, contracted_kw].")
]
IdOption = Annotated[str, typer.Option("--id", help="Column of the contract in the reads.")]
TimeOption = Annotated[str, typer.Option(help="Column of the interval's start; UTC, or with its zone.")]
ValueOption = Annotated[str, typer.Option(help="Column of the kWh.")]
ChannelOption = Annotated[str | None, typer.Option(help="Column that says import, export or reactive.")]
EstimatedOption = Annotated[str | None, typer.Option(help="Column that marks estimates: true or false.")]
MinutesOption = Annotated[int, typer.Option(min=1, max=1440, help="Length of an interval.")]
LocalOption = Annotated[bool, typer.Option("--local", help="Times are of the book's own clock.")]
BillsOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet: billing_code, bill_from_on, bill_to_on [, months].")
]


@app.command()
def rate(
    tariffs: TariffsOption,
    reads: ReadsOption,
    contracts: ContractsOption,
    out: Annotated[Path, typer.Option(help="CSV or Parquet of the bill lines to write.")],
    id_column: IdOption = "contract_id",
    time: TimeOption = "interval_start_utc",
    value: ValueOption = "kwh",
    channel: ChannelOption = None,
    estimated: EstimatedOption = None,
    minutes: MinutesOption = 30,
    local: LocalOption = False,
    bills: BillsOption = None,
) -> None:
    """Write the bill lines of a file of reads: a row a line, and a row for each bill that cannot be made, with why."""
    from meterwise.tariffs.book_file import read_book
    from meterwise.tariffs.rated_files import ReadsFile, rate_files

    book, console = read_book(tariffs), wide_console()
    file = ReadsFile(reads, id_column, time, value, channel, estimated, minutes, local)
    with console.status("Rating ..."):
        rated = rate_files(book, file, contracts, out, bills)
    console.print(
        f"{rated.billed:,} of {rated.bills:,} bills, {rated.amount:,.2f} {book.currency} in all, "
        f"{rated.estimated:,} of them with estimates: {out}",
        highlight=False,
        soft_wrap=True,
    )
    for note in rated.notes:
        console.print(f"! {note}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    if rated.reasons:
        rows = [[f"{count:,}", reason, REASONS[reason]] for reason, count in rated.reasons.items()]
        console.print(as_rich_table("Not billed", ["bills", "reason_code", "what it means"], rows))


@app.command()
def audit(
    tariffs: TariffsOption,
    reads: ReadsOption,
    contracts: ContractsOption,
    issued: Annotated[
        Path,
        typer.Option(help="CSV or Parquet of your own bills: bill_id, contract_id, line_code, amount, period [, ...]."),
    ],
    out: Annotated[Path, typer.Option(help="CSV or Parquet of the differences to write.")],
    reads_then: Annotated[
        Path | None, typer.Option(help="Reads known when the bills were made and replaced since; columns of --reads.")
    ] = None,
    id_column: IdOption = "contract_id",
    time: TimeOption = "interval_start_utc",
    value: ValueOption = "kwh",
    channel: ChannelOption = None,
    estimated: EstimatedOption = None,
    minutes: MinutesOption = 30,
    local: LocalOption = False,
    bills: BillsOption = None,
) -> None:
    """Rate the bills that were issued once more: a row for each line that differs, with the rule that explains it."""
    from meterwise.tariffs.audited_files import audit_files
    from meterwise.tariffs.book_file import read_book
    from meterwise.tariffs.rated_files import ReadsFile

    book, console = read_book(tariffs), wide_console()
    file = ReadsFile(reads, id_column, time, value, channel, estimated, minutes, local)
    then = replace(file, path=reads_then) if reads_then else None
    with console.status("Rating ..."):
        audited = audit_files(book, file, contracts, issued, out, bills, then)
    console.print(
        f"{audited.equal:,} of {audited.compared:,} bills are right to the last digit: {out}",
        highlight=False,
        soft_wrap=True,
    )
    for note in audited.notes:
        console.print(f"! {note}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    if audited.rules:
        rows = [
            [f"{count:,}", f"{lines:,}", f"{amount:+,.2f}", rule, RULES[rule]]
            for rule, (count, lines, amount) in audited.rules.items()
        ]
        columns = ["bills", "lines", f"billed less right, {book.currency}", "rule_code", "what it means"]
        console.print(as_rich_table("Differences", columns, rows))
    if audited.reasons:
        rows = [[f"{count:,}", reason, REASONS[reason]] for reason, count in audited.reasons.items()]
        console.print(as_rich_table("Not compared", ["bills", "reason_code", "what it means"], rows))


def _show_tariff(console: Console, book: "TariffBook", tariff: "Tariff") -> None:
    from meterwise.tariffs.summary import validity

    for version, held in zip(tariff.versions, validity(tariff), strict=True):
        name = f" {tariff.name}," if tariff.name else ""
        console.print(_prices(f"{tariff.code}:{name} {held}", version))
        if version.calendar:
            console.print(_days(version))


def _prices(title: str, version: "Version") -> Table:
    from meterwise.tariffs.summary import price_lines

    table = Table(title=title, title_justify="left", show_edge=False)
    for heading in ("line", "kind", "price"):
        table.add_column(heading)
    for row in price_lines(version):
        table.add_row(*row)
    return table


def _days(version: "Version") -> Table:
    from meterwise.tariffs.summary import drawn_days

    table = Table(show_edge=False)
    table.add_column("day")
    table.add_column("0     3     6     9     12    15    18    21    ", no_wrap=True)
    table.add_column("hours")
    if version.calendar:
        for day in drawn_days(version.calendar, version):
            table.add_row(day.name, day.signs, day.hours)
    return table
