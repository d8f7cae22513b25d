"""``sources.yml`` that cannot be used is refused in words: file, source, key, cure; never a secret."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from meterwise.settings import Settings
from meterwise.sources.config import SourcesFileError, SqlSource, load_sources, static_columns

CUSTOMERS = """
sources:
  customers:
    table: crm_customers
    kind: sql
    url: {url}
    query: customers
    columns: {{customer_id: id, customer_class: class, joined_on: since}}
    {more}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "sources.yml"
    path.write_text(text)
    return path


def customers(folder: Path, url: str = "secret:crm_url", more: str = "") -> Path:
    return write(folder, CUSTOMERS.format(url=url, more=more))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param("colums: {}", ["`colums`", "typo"], id="unknown_key"),
        pytest.param("values: {clas: {}}", ["clas", "raw.crm_customers does not have"], id="unknown_column"),
        pytest.param("max_bad_share: 7", ["`max_bad_share`", "less than or equal to 1"], id="value_out_of_range"),
        pytest.param("unit: kwh", ["`unit`", "'kWh'"], id="unknown_word"),
        pytest.param("cumulative: true", ["meter_reads"], id="registers_are_reads"),
    ],
)
def test_fault_names_file_source_and_key(tmp_path: Path, more: str, words: list[str]) -> None:
    path = customers(tmp_path, more=more)
    with pytest.raises(SourcesFileError) as caught:
        load_sources(path)
    for word in [str(path), "source customers", *words]:
        assert word in str(caught.value)


def test_missing_required_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "sources: {meters: {kind: files, path: a.csv, columns: {meter_id: m}}}")
    with pytest.raises(SourcesFileError, match="no column or default for installed_on, service_point_id"):
        load_sources(path)


def test_no_source_takes_the_name_of_edits(tmp_path: Path) -> None:
    path = write(tmp_path, "sources: {edits: {kind: files, path: a.csv, table: holidays, columns: {}}}")
    with pytest.raises(SourcesFileError, match="source edits: edits of reads land under this name"):
        load_sources(path)


def test_reads_need_their_interval(tmp_path: Path) -> None:
    columns = "{meter_id: m, interval_start_utc: t, consumption_kwh: k}"
    path = write(tmp_path, f"sources: {{meter_reads: {{kind: files, path: a.csv, columns: {columns}}}}}")
    with pytest.raises(SourcesFileError, match="`interval_minutes` is missing"):
        load_sources(path)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "extra: 1\nutility: {zone: x}\nsources: {a: {kind: files}, b: 3}")
    with pytest.raises(SourcesFileError) as caught:
        load_sources(path)
    assert str(caught.value).count("\n  - ") >= 4


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@db/crm", "mysql://db/crm?password=hunter2"])
def test_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourcesFileError, match="carries a password") as caught:
        load_sources(customers(tmp_path, url))
    assert "hunter2" not in str(caught.value)


def test_secret_comes_from_the_settings(tmp_path: Path) -> None:
    source = load_sources(customers(tmp_path)).sources["customers"]
    assert isinstance(source, SqlSource)
    assert source.resolved_url(Settings(secrets={"crm_url": SecretStr("sqlite://")})) == "sqlite://"
    with pytest.raises(SourcesFileError, match="METERWISE_SECRETS__CRM_URL"):
        source.resolved_url(Settings())


def test_missing_file_and_broken_yaml(tmp_path: Path) -> None:
    with pytest.raises(SourcesFileError, match="does not exist"):
        load_sources(tmp_path / "nothing.yml")
    with pytest.raises(SourcesFileError, match="line 3"):
        load_sources(write(tmp_path, "sources:\n  a: [\n"))


def test_static_columns(tmp_path: Path) -> None:
    path = customers(tmp_path, more="attributes: [building]\n    static: [customer_class, building]")
    settings = Settings(sources_file=path)
    assert static_columns("crm_customers", settings) == ("building", "customer_class")
    assert static_columns("meters", settings) == ()
