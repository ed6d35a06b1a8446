"""`make demo`: the main job of the product with real input, through its public API only. Each step is printed.

1. Start the server on a home of its own; make a login and a token.
2. Upload digits 1.0.0, and wait until it is verified, compressed, measured and signed for five hardware targets.
3. Enroll six devices on three sites; they run it and send telemetry.
4. Upload 2.0.0 and roll it out: to 20 % of the devices first, then to all.
5. The cameras of one site begin to see rotated, noisy digits: PSI rises, and an alert opens for that site.
   With --quiet they do not, and no alert may open.
6. Run until Ctrl-C.
"""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from devices import FLEET, drift_file, start
from processes import Processes, wait_for
from server import ROOT, SHORT, Server, make_home

HERE = Path(__file__).resolve().parent
MODEL = "digits"
DRIFTING_SITE = "osaka"
TARGETS = sorted({device.target for device in FLEET})
STARTED_AT = time.monotonic()


def main() -> None:
    """Run the demo."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    home = make_home(Path(os.environ.get("MODELFLEET_HOME") or ROOT / "var").absolute())
    processes = Processes(home / "logs")
    try:
        tell(home, processes, is_quiet=arguments.quiet)
        if not arguments.exit:
            say("The server and the devices keep running. Press Ctrl-C to stop them.")
            while True:
                processes.check()
                time.sleep(1)
    except KeyboardInterrupt:
        print()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say("stopping all processes ...")
        processes.stop()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quiet", action="store_true", help="run without drift, so that no alert may open")
    parser.add_argument("--exit", action="store_true", help="stop after the last step")
    return parser.parse_args()


def tell(home: Path, processes: Processes, *, is_quiet: bool) -> None:
    """Run the steps in order."""
    title("1. A server, from one command")
    say(
        "these settings are shorter than in production: "
        + ", ".join(f"{name}={value}" for name, value in SHORT.items())
    )
    server = Server(home, processes)
    say(f"open {server.url}/  and log in as {server.username} / {server.password}")
    title("2. A model: upload, validate, compress, measure, sign")
    upload(server, "1.0.0", processes)
    server.put(f"/api/models/{MODEL}/channels/stable", {"version": "1.0.0"})
    say("channel stable → 1.0.0")
    title(f"3. {len(FLEET)} devices on three sites enroll and run it")
    enroll(server, home, processes)
    wait_until_running(server, "1.0.0", processes)
    wait_for_samples(server, "1.0.0", 600, processes)
    title("4. A better model is rolled out: to 20 % of the devices first, then to all")
    upload(server, "2.0.0", processes)
    roll_out(server, "2.0.0", processes)
    wait_until_running(server, "2.0.0", processes)
    wait_for_samples(server, "2.0.0", 1500, processes)
    if is_quiet:
        title("5. No drift for a minute and a half: no alert may open")
        stay_quiet(server, processes)
    else:
        title(f"5. The cameras in {DRIFTING_SITE} are knocked over: their images are turned and noisy")
        drift(server, home, processes)
    say(f"drift page:  {server.url}/drift?model={MODEL}&version=2.0.0&label=site:{DRIFTING_SITE}&window=10m")
    say(f"log in as    {server.username} / {server.password}")


def upload(server: Server, number: str, processes: Processes) -> None:
    """Upload a version with calibration data and a baseline, and wait for its variants."""
    names = {
        "file": f"digits-{number}.onnx",
        "calibration": "calibration.npz",
        "baseline": f"baseline-{number}.jsonl",
    }
    files = {field: (name, (HERE / name).read_bytes()) for field, name in names.items()}
    form = {"version": number, "targets": TARGETS, "metadata": (HERE / "metadata.json").read_text()}
    server.post(f"/api/models/{MODEL}/versions", data=form, files=files)
    say(f"uploaded {MODEL} {number}: {len(files['file'][1]):,} bytes, for {len(TARGETS)} targets")
    shown = ""

    def ready() -> dict[str, Any] | None:
        nonlocal shown
        version: dict[str, Any] = server.get(f"/api/models/{MODEL}/versions/{number}")
        if version["status"] == "rejected":
            raise SystemExit(f"the version was rejected: {version['status_message']}")
        if version["status"] != shown:
            shown = version["status"]
            say(f"  {shown}")
        return version if shown == "ready" else None

    version = wait_for(ready, what=f"{number} to be ready", seconds=240, processes=processes)
    for variant in version["variants"]:
        if variant["is_default"]:
            _print_variant(variant)


def _print_variant(variant: dict[str, Any]) -> None:
    measured = variant["measurements"]
    say(
        f"  {variant['target']:<17} {variant['recipe']:<15} {variant['size']:>8,} bytes ({variant['size_ratio']:.1f}× smaller)"
        f"  agreement {measured['agreement']:.1%}  accuracy {measured['accuracy_before']:.1%} → {measured['accuracy_after']:.1%}"
        f"  p50 {measured['latency_p50_ms']:.2f} ms  sha256 {variant['sha256'][:12]}…"
    )


def enroll(server: Server, home: Path, processes: Processes) -> None:
    """Create an enrollment key and start the devices with it."""
    key = server.post(
        "/api/enrollment-keys",
        {"name": "demo", "max_uses": len(FLEET), "subscriptions": [{"model": MODEL, "channel": "stable"}]},
    )["key"]
    (home / "sites").mkdir()
    for device in FLEET:
        start(device, home=home, server_url=server.url, enrollment_key=key, processes=processes)
        say(f"  {device.device_id:<9} {device.target:<17} site={device.site}")


def wait_until_running(server: Server, number: str, processes: Processes) -> None:
    """Wait until every device reports the version, and print how many do."""
    shown: Counter[str] = Counter()

    def all_run() -> bool | None:
        nonlocal shown
        devices = server.get("/api/devices")["results"]
        now = Counter(row["version"] for device in devices for row in device["running"] if row["model"] == MODEL)
        if now != shown:
            shown = now
            say(
                "  running: "
                + (", ".join(f"{count} × {version}" for version, count in sorted(now.items())) or "nothing yet")
            )
        return True if now[number] == len(FLEET) else None

    wait_for(all_run, what=f"all devices to run {number}", seconds=180, processes=processes)


def wait_for_samples(server: Server, number: str, samples: int, processes: Processes) -> None:
    """Wait until enough telemetry of the version is counted, and print its drift."""

    def enough() -> dict[str, Any] | None:
        answer: dict[str, Any] = server.get("/api/drift", model=MODEL, version=number)
        return answer if answer["samples"] >= samples else None

    answer = wait_for(enough, what=f"telemetry of {number}", seconds=180, processes=processes)
    say(f"  telemetry: {answer['samples']:,} classified images in the window, {_psi(answer)}")


def roll_out(server: Server, number: str, processes: Processes) -> None:
    """Create and start a rollout, and follow it to its end."""
    stages = [
        {"percent": 20, "min_duration": "10s", "min_confirmed": 1},
        {"percent": 100, "min_duration": "10s", "min_confirmed": 4},
    ]
    rollout = server.post("/api/rollouts", {"model": MODEL, "channel": "stable", "version": number, "stages": stages})
    server.post(f"/api/rollouts/{rollout['id']}/start")
    say(f"  follow it at {server.url}/rollouts/{rollout['id']}")
    told = 0

    def completed() -> bool | None:
        nonlocal told
        now = server.get(f"/api/rollouts/{rollout['id']}")
        for event in now["events"][told:]:
            say(f"  {event['sentence']}")
        told = len(now["events"])
        if now["state"] not in {"running", "completed"}:
            raise SystemExit(f"the rollout is {now['state']}: {now['reason']}")
        return True if now["state"] == "completed" else None

    wait_for(completed, what="the rollout to complete", seconds=240, processes=processes)


def drift(server: Server, home: Path, processes: Processes) -> None:
    """Make the cameras of one site drift, and wait for the alert of that site."""
    drift_file(home, DRIFTING_SITE).touch()
    wanted = f"site={DRIFTING_SITE}"
    told_at = 0.0

    def alert() -> dict[str, Any] | None:
        nonlocal told_at
        if time.monotonic() - told_at >= 5:
            told_at = time.monotonic()
            for site in sorted({device.site for device in FLEET}):
                say(
                    f"  site={site:<7} {_psi(server.get('/api/drift', model=MODEL, version='2.0.0', label=f'site:{site}'))}"
                )
        firing = [
            row for row in server.get("/api/alerts", state="firing")["results"] if row["scope"]["value"] == wanted
        ]
        return firing[0] if firing else None

    found = wait_for(alert, what="the alert", seconds=240, processes=processes, every=1)
    say(f"ALERT ({found['severity']}): {found['sentence']}")


def stay_quiet(server: Server, processes: Processes) -> None:
    """Wait longer than an alert needs, and fail if one opens."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        processes.check()
        say(f"  fleet {_psi(server.get('/api/drift', model=MODEL, version='2.0.0'))}")
        time.sleep(10)
    fired = [row for row in server.get("/api/alerts")["results"] if row["fired_at"]]
    if fired:
        raise SystemExit(f"an alert opened without drift: {fired[0]['sentence']}")
    say("no alert opened.")


def _psi(answer: dict[str, Any]) -> str:
    adjusted = answer["psi_adjusted"]
    psi = "" if adjusted is None else f"PSI {answer['psi_raw']:.3f}, adjusted {adjusted:.3f}, "
    return f"{psi}n={answer['samples']:,}, {answer['status']}"


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}", flush=True)


def say(text: str) -> None:
    """Print one line with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED_AT:5.0f}s] {text}", flush=True)


if __name__ == "__main__":
    main()
