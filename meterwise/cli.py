"""`meterwise ...`: puts the subcommands together. What they do lives in ``meterwise.commands``."""

import typer

from meterwise.commands import (
    accounts,
    alerts,
    backtest,
    backup,
    database,
    demo,
    doctor,
    listen,
    published,
    quarantine,
    reads,
    sources,
    tariffs,
    up,
    watch,
)
from meterwise.commands.ending import SpeaksInWords

app = typer.Typer(
    cls=SpeaksInWords,
    help="From a CRM and smart meters to forecasts, churn scores and segments that other systems read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold a password or a customer
)
app.command()(up.up)
app.command()(up.run)
app.command()(up.status)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command()(listen.listen)
app.command()(published.published)
app.command()(watch.watch)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(backup.tidy)
app.add_typer(accounts.app, name="accounts")
app.add_typer(alerts.app, name="alerts")
app.add_typer(backtest.app, name="backtest")
app.add_typer(database.app, name="database")
app.add_typer(sources.app, name="sources")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(reads.app, name="reads")
app.add_typer(tariffs.app, name="tariffs")

if __name__ == "__main__":
    app()
