"""The server of the demo, and the part of its public API that the demo uses."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from processes import Processes, wait_for

ROOT = Path(__file__).resolve().parents[2]
MARKER = ".modelfleet-demo"
# In production these are minutes to hours; the demo takes minutes.
SHORT = {
    "ROLLUP_BUCKET": "10s",
    "DRIFT_WINDOW": "60s",
    "EVALUATION_INTERVAL": "10s",
    "DRIFT_OVERDISPERSION": "2",
    "ROLLOUT_INTERVAL": "2s",
    "PROBATION_SECONDS": "10",
    "PROBATION_INFERENCES": "30",
    "POLL_AFTER_SECONDS": "3",
}


class Server:
    """`manage.py run` on a new home, which is only for the demo."""

    def __init__(self, home: Path, processes: Processes) -> None:
        """Start the server and wait until it serves."""
        self.url = f"http://{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
        self.environment = {"MODELFLEET_HOME": str(home), **SHORT}
        self.username, self.password = "demo", secrets.token_urlsafe(12)
        command = [sys.executable, str(ROOT / "manage.py"), "run"]
        log = processes.start("server", command, environment=self.environment, cwd=ROOT)
        wait_for(
            lambda: True if "\nready: " in "\n" + log.read_text(errors="replace") else None,
            what="the server",
            seconds=120,
            processes=processes,
        )
        self._manage("createsuperuser", "--noinput", f"--username={self.username}", "--email=demo@localhost")
        token = self._manage("create_api_token", "--name=demo", "--role=admin").strip()
        self.api = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def _manage(self, *arguments: str) -> str:
        environment = {**os.environ, **self.environment, "DJANGO_SUPERUSER_PASSWORD": self.password}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"manage.py {arguments[0]} failed:\n{done.stderr}")
        return done.stdout

    def get(self, path: str, **parameters: str) -> Any:
        """GET as JSON."""
        return self._answer(self.api.get(path, params=parameters))

    def post(self, path: str, body: object | None = None, **more: Any) -> Any:
        """POST JSON, or a multipart form by ``data`` and ``files``."""
        return self._answer(self.api.post(path, **(more or {"json": body or {}})))

    def put(self, path: str, body: object) -> Any:
        """PUT JSON."""
        return self._answer(self.api.put(path, json=body))

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_error:
            raise SystemExit(
                f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
            )
        return response.json()


def make_home(parent: Path) -> Path:
    """Make an empty home for the demo. The home of an earlier demo is removed; a folder of anything else is refused."""
    home = parent / "demo"
    if home.exists():
        if not (home / MARKER).exists():
            raise SystemExit(f"{home} was not made by the demo; move it away or set MODELFLEET_HOME")
        shutil.rmtree(home)
    home.mkdir(parents=True)
    (home / MARKER).write_text(json.dumps({"made by": "make demo"}))
    return home
