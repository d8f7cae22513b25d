"""The tools of PostgreSQL speak TLS where a URL wants it, though the package that brings them is built without."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from meterwise.backup import tools
from meterwise.backup.server import Server


def test_pg_dump_takes_a_url_that_wants_tls(tmp_path: Path) -> None:
    nobody = Server(make_url("postgresql://nobody@127.0.0.1:1/none?sslmode=require"), {}, is_embedded=False)

    with pytest.raises(tools.ToolError, match="Connection refused"):
        tools.dump(nobody, "none", "00000003-1", tmp_path / "file")
