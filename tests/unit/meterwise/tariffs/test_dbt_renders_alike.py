"""dbt and Python make the same SQL of the macros, so that there is one definition of each rule."""

import json
import os
import subprocess
import sys
from pathlib import Path

from meterwise.settings import Settings
from meterwise.tariffs import audit
from meterwise.tariffs.compiled import TABLES
from meterwise.tariffs.rating import INPUT, STEPS, TIMED, statements

ROOT = Path(__file__).parents[4]
MARK = "-- next step"
OF_AUDIT = (*audit.BEFORE, audit.FINDINGS)


def test_each_step_is_the_same_select(settings: Settings, tmp_path: Path) -> None:
    names = json.dumps(
        {name: name for name in (*INPUT, *TABLES, *STEPS, *audit.AUDIT_INPUT, *OF_AUDIT, *audit.TRIED.values())}
    )
    steps = (*STEPS, *OF_AUDIT)
    calls = [f"{{{{ {step}(t{', ' + repr('Asia/Shanghai') if step in TIMED else ''}) }}}}" for step in steps]
    inline = f"{MARK}\n{{% set t = {names} %}}" + f"\n{MARK}\n".join(calls)
    words = ["compile", "--quiet", "--inline", inline, "--target", "duckdb", "--profiles-dir", ".", "--output", "json"]
    folders = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path)]
    environment = {**os.environ, "DBT_WAREHOUSE_PATH": str(tmp_path / "w.duckdb"), "PYTHONPATH": str(ROOT)}

    made = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), *words, *folders],
        cwd=settings.dbt_project_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert made.returncode == 0, made.stdout + made.stderr
    compiled = json.loads(made.stdout[made.stdout.index("{") :])["compiled"]
    by_dbt = [select.split() for select in compiled.split(MARK)[1:]]
    of_audit = [select for name, select in audit.audit_statements("Asia/Shanghai") if name in OF_AUDIT]
    by_python = [*(select for _, select in statements("Asia/Shanghai")), *of_audit]
    assert by_dbt == [select.split() for select in by_python]
