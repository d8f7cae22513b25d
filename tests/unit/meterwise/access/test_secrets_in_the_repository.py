"""Nothing that was made secret for this machine lies in the repository, nor a key of anybody."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[4]
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]")
AWS = re.compile(rb"\bAKIA[0-9A-Z]{16}\b")
LEAST_LENGTH = 12


def secrets_of_this_machine() -> set[bytes]:
    """Values that a stack or a server made here, if any ran from this clone."""
    files = [path for path in (ROOT / "secrets").rglob("*") if path.is_file()]
    files += [path for path in (ROOT / ".meterwise").glob("postgres/password") if path.is_file()]
    found = {word for path in files for word in re.split(rb"[\s:@/\"]+", path.read_bytes())}
    state = ROOT / ".meterwise" / "stack.json"
    if state.exists():
        kept = json.loads(state.read_text())
        found |= {str(kept[name]).encode() for name in ("airflow_password", "jwt_secret", "fernet_key")}
    return {value for value in found if len(value) >= LEAST_LENGTH and not value.isalpha()}


def test_no_secret_is_in_a_file_of_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / name.decode() for name in listed if name and (ROOT / name.decode()).is_file()]
    assert len(files) > 100
    secrets = secrets_of_this_machine()

    found = {}
    for path in files:
        content = path.read_bytes()
        told = [kind for kind, pattern in (("key", KEY), ("AWS key", AWS)) if pattern.search(content)]
        told += ["secret of this machine"] * any(secret in content for secret in secrets)
        if told:
            found[path.relative_to(ROOT).as_posix()] = told
    assert found == {}
    assert not {path.name for path in files} & {".env", "stack.json", "passwords.json", "reader_password"}
