"""Figures in documents are written between marks, and nothing else of the page is touched."""

from pathlib import Path

import pytest

from meterwise.commands.document_blocks import write_block

ROOT = Path(__file__).parents[4]


def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "before\n<!-- readers: by X -->\n{}\n<!-- /readers -->\n\\1\n<!-- result: by Y -->\n<!-- /result -->\n"
    page.write_text(text.format("old"))

    write_block(page, "readers", "p99 \\1\n")

    assert page.read_text() == text.format("p99 \\1")


def test_a_page_without_the_block_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")

    with pytest.raises(ValueError, match="expected one block between '<!-- readers: "):
        write_block(page, "readers", "p99\n")

    assert page.read_text() == "nothing here\n"


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("README.md", "result"),
        ("docs/operations.md", "readers"),
        ("docs/quality.md", "churn"),
        ("docs/quality.md", "alerts"),
    ],
)
def test_our_documents_have_their_blocks(tmp_path: Path, document: str, name: str) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / document).read_text())

    write_block(page, name, "a new figure\n")

    assert f" -->\na new figure\n<!-- /{name} -->" in page.read_text()
