"""Loading the model in use, and following the agent's switches.

The agent replaces the pointer file. `Loader.look` notices that, opens the new slot beside the old session, and replaces the
session for the calls that follow. A slot that does not load is reported, which makes the agent roll back. Until then the
first of these that loads serves: the previous slot, the fall-back model, the session at hand.
"""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

from edge_agent.inference.failures import LoadFailed, RuntimeFailed
from edge_agent.inference.providers import CPU
from edge_agent.inference.session import Session
from edge_agent.installed import pointer as pointers
from edge_agent.installed import slots
from edge_agent.installed.manifest import Manifest
from edge_agent.installed.pointer import Pointer
from edge_agent.installed.slots import SlotBroken

log = logging.getLogger(__name__)
FALLBACK_VERSION = "fallback"


class NoModel(RuntimeFailed):
    """No model can be loaded: none was assigned yet, and no fall-back model is configured."""

    code = "no_model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that serves; `labels` are the names of its classes."""

    version: str
    session: Session
    labels: tuple[str, ...] = ()


class Loader:
    """Keeps the session of one model. Not safe to share between threads without a lock.

    Args:
        fallback_model: the application's own fall-back model; it wins over the agent's.
        report: called with a version and a message when the current slot does not load.
    """

    def __init__(self, *, fallback_model: Path | str | None, report: Callable[[str, str], None]) -> None:
        self._fallback_model = fallback_model
        self._report = report
        self._seen: tuple[int, int] | None = None
        self.loaded: Loaded | None = None

    def look(self, folder: Path | None) -> None:
        """Load the slot that the pointer names, if the pointer has changed since the last look.

        Args:
            folder: the model's folder; None where the device has no model yet.
        """
        seen = _identify(folder)
        if folder is None or seen is None:
            self.loaded = self.loaded or self._load_fallback(None)
            return
        while seen != self._seen:
            pointer = pointers.read(folder)
            if pointer is None:
                return
            loaded, failure = self._load(folder, pointer)
            now = _identify(folder)
            if failure and now != seen:
                # The agent switched in the middle: the slot was not broken, it was no longer the one in use.
                seen = now
                continue
            if failure:
                self._report(pointer.version, failure)
            self._seen, self.loaded = seen, loaded

    def _load(self, folder: Path, pointer: Pointer) -> tuple[Loaded | None, str]:
        """Return the model that loads, and the reason where that is not the one in the current slot."""
        if pointer.slot is None:
            return self._load_fallback(pointer.fallback_model), ""
        failure = ""
        for slot in (pointer.slot, pointer.previous):
            if slot is not None:
                try:
                    return _open(folder / slot), failure
                except (RuntimeFailed, SlotBroken) as error:
                    log.exception("%s: slot %s cannot be loaded", pointer.model, slot)
                    failure = failure or str(error)
        return self._load_fallback(pointer.fallback_model) or self.loaded, failure

    def _load_fallback(self, of_agent: str | None) -> Loaded | None:
        path = self._fallback_model or of_agent
        if not path:
            return None
        try:
            session = Session(Path(path).read_bytes(), providers=[CPU], options={})
        except (OSError, RuntimeFailed):
            log.exception("the fall-back model %s cannot be loaded", path)
            return None
        return Loaded(version=FALLBACK_VERSION, session=session)


def _identify(folder: Path | None) -> tuple[int, int] | None:
    """Return time and inode of the pointer file, which every replacement changes; None where the file is missing."""
    if folder is None:
        return None
    try:
        found = (folder / pointers.POINTER_FILE).stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def _open(folder: Path) -> Loaded:
    manifest, model = slots.open_slot(folder)
    return Loaded(version=manifest.version, session=_start(manifest, model), labels=manifest.labels)


def _start(manifest: Manifest, model: bytes) -> Session:
    try:
        return Session.of(manifest, model)
    except LoadFailed:
        if manifest.providers == (CPU,):
            raise
        # A driver that broke since the self-test: a slow model serves better than none.
        log.exception("%s does not load on %s; trying the CPU", manifest.model, manifest.providers)
        return Session(model, providers=[CPU], options=manifest.options, threads=manifest.threads)
