"""What is changed on a server that is there: a password that is wrong, certificates for all parts."""

import re
import ssl
import subprocess

import httpx
import psycopg
import pytest

from compose.server import FIRST, ROOT, THIRD, Server

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]


CLEAR = """
select distinct usename, client_addr from pg_stat_activity join pg_stat_ssl using (pid)
where not ssl and client_addr is not null
"""


def test_a_wrong_password_starts_nothing_and_says_so(published_server: Server) -> None:
    server = published_server
    secret = server.folder / "secrets" / "admin_url"
    right = secret.read_text()
    server.make("down")
    secret.chmod(0o644)
    secret.write_text(right.replace(server.secret("postgres_password"), "wrong"))

    refused = server.make("up", may_fail=True)

    secret.write_text(right)
    assert refused.returncode != 0
    assert "refuses the password of user postgres" in refused.stdout + refused.stderr
    assert [c["Name"] for c in server.containers() if c["State"]["Running"]] == []


def test_with_certificates_every_part_speaks_tls_and_checks_it(published_server: Server) -> None:
    """In the words of docs/operations.md; the drills that follow keep it, and the next day is there for them."""
    server = published_server
    written = (ROOT / "docs" / "operations.md").read_text()
    words = "\n".join(
        re.findall(r"^    ((?:openssl|cp|  ).*)$", written.split("### TLS")[1].split("\n## ")[0], re.MULTILINE)
    )
    subprocess.run(["bash", "-euc", words], cwd=server.folder, check=True, capture_output=True)
    server.set(COMPOSE_FILE="docker-compose.yml:deploy/tls.yml", COMPOSE_PROFILES="", AIRFLOW_EXECUTOR="LocalExecutor")
    server.set(METERWISE_LAST_DATE=THIRD)
    server.hand_over(THIRD)

    assert "https://127.0.0.1" in server.make("up").stdout

    trusted = ssl.create_default_context(cafile=str(server.authority))
    for part, path in (("AIRFLOW", "/api/v2/monitor/health"), ("MLFLOW", "/health")):
        assert httpx.get(f"https://127.0.0.1:{server.ports[part]}{path}", verify=trusted).status_code == httpx.codes.OK
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.ports[part]}{path}")
    with server.administrator() as connection:
        assert connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() == (True,)
        assert connection.execute(CLEAR).fetchall() == []
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        server.connect(query={"sslmode": "disable"})
    assert server.ends("tidy") == "success"
    assert str(FIRST) in server.job("meterwise", "published")
