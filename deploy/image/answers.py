"""Health check: exits 0 if an address answers, and if a part of Airflow that is named has given a sign of life.

``answers.py URL [scheduler|dag_processor|triggerer]``. Uses the standard library alone, so that it costs little.
"""

import json
import os
import ssl
import sys
from urllib.request import urlopen


def main(url: str, component: str = "") -> bool:
    """Tell whether all is well; certificates are the utility's own and name another host, so they are not looked at."""
    context = None
    if os.environ.get("METERWISE_TLS_CERTIFICATE_FILE"):
        url = url.replace("http:", "https:", 1)
        context = ssl._create_unverified_context()  # noqa: S323 - it asks this machine whether it is alive
    with urlopen(url, timeout=5, context=context) as answer:  # noqa: S310
        return not component or json.load(answer)[component]["status"] == "healthy"


if __name__ == "__main__":
    try:
        sys.exit(not main(*sys.argv[1:]))
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
