"""The command line: `edge-agent run | sync --once | enroll | status`.

`sync` and `enroll` print one JSON object on standard output; their exit code (`Exit`) says how they ended.
"""

import argparse
import dataclasses
import enum
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_agent import enrollment, settings
from edge_agent.agent import Agent
from edge_agent.errors import AgentError
from edge_agent.machine import lock
from edge_agent.server.failures import ServerRefusal, ServerTrouble
from edge_agent.setting_kinds import BadSetting
from edge_agent.status import describe
from edge_agent.update.failures import Interrupted
from edge_agent.update.updater import Outcome
from edge_agent.version import __version__

log = logging.getLogger(__name__)
GRACE_SECONDS = 3.0


class Command(enum.StrEnum):
    """The commands, with their help below."""

    RUN = "run"
    SYNC = "sync"
    ENROLL = "enroll"
    STATUS = "status"


HELP = {
    Command.RUN: "work until SIGINT or SIGTERM",
    Command.SYNC: "do one whole cycle: check, download, verify, self-test, switch, report, send telemetry",
    Command.ENROLL: "get this device's identity, once",
    Command.STATUS: "print the models of this device, and the reports and telemetry that wait; changes nothing",
}


class Exit(enum.IntEnum):
    """The exit codes; the README explains each."""

    DONE = 0
    DISK_TROUBLE = 1
    BAD_SETTING = 2
    UPDATE_FAILED = 3
    SERVER_TROUBLE = 4
    REFUSED = 5
    AWAITING_ACCEPTANCE = 6
    HOME_IN_USE = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command = Command(options.command)
    try:
        chosen = settings.load(_config(options), environment=os.environ)
    except BadSetting as error:
        sys.stderr.write(f"edge-agent: {error}\n")
        return Exit.BAD_SETTING
    _log_to_stderr(chosen.log_level)
    if command is Command.STATUS:
        _print(dataclasses.asdict(describe(chosen)))
        return Exit.DONE
    try:
        with lock.hold(chosen.home):
            return _work(command, chosen)
    except (lock.HomeInUse, BadSetting) as error:
        sys.stderr.write(f"edge-agent: {error}\n")
        return Exit.HOME_IN_USE if isinstance(error, lock.HomeInUse) else Exit.BAD_SETTING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Keeps this device on the model that its fleet assigns.",
        epilog="Every setting can also be given as EDGE_AGENT_<NAME>, which wins over the file; see the README.",
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in HELP.items():
        parser_of_command = commands.add_parser(name, help=text, description=text)
        parser_of_command.add_argument("--config", type=Path, metavar="agent.toml", help="settings in TOML")
        if name is Command.SYNC:
            parser_of_command.add_argument(
                "--once", action="store_true", help="do one cycle; the default, as there is no other mode"
            )
    return parser


def _config(options: argparse.Namespace) -> Path | None:
    if options.config is not None:
        return Path(options.config)
    return settings.find_config(os.environ)


def _work(command: Command, chosen: settings.Settings) -> int:
    agent = Agent(chosen)
    _stop_on_signals(agent.stop)
    try:
        if command is Command.RUN:
            agent.run()
            log.info("stopped")
            return Exit.DONE
        agent.start()
        outcomes = agent.sync() if command is Command.SYNC else []
    except Interrupted:
        log.info("stopped in the middle of a step; the next run continues there")
        return Exit.DONE
    except (ServerTrouble, ServerRefusal, enrollment.EnrollmentError) as error:
        _print({"outcome": error.code, "detail": str(error)})
        return _exit_of(error)
    except OSError as error:
        log.exception("the home folder cannot be written")
        _print({"outcome": "disk_trouble", "detail": str(error)})
        return Exit.DISK_TROUBLE
    finally:
        # The work is over: the grace period of a late signal must not interrupt the closing of files.
        signal.setitimer(signal.ITIMER_REAL, 0)
        agent.close()
    _print({"outcome": " ".join(outcomes) or "enrolled", "running": agent.list_running()})
    return Exit.UPDATE_FAILED if Outcome.FAILED in outcomes else Exit.DONE


def _exit_of(error: AgentError) -> Exit:
    if isinstance(error, ServerTrouble):
        return Exit.SERVER_TROUBLE
    return Exit.AWAITING_ACCEPTANCE if isinstance(error, enrollment.AwaitingAcceptance) else Exit.REFUSED


def _stop_on_signals(stop: threading.Event) -> None:
    """Stop at the next step. A step that still blocks after a grace period, as on a silent server, is interrupted."""

    def ask(_number: int, _frame: object) -> None:
        stop.set()
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def interrupt(_number: int, _frame: object) -> None:
        message = "stopped while waiting"
        raise Interrupted(message)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGALRM, interrupt)


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # At INFO these two log whole addresses, and a signed address is a credential.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _print(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
