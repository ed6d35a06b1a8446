import socket
import time

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from config import celery_settings


def test_a_broker_that_accepts_and_never_answers_holds_up_a_request_for_seconds_only(tmp_path):
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen()
        app = Celery("hanging", broker=f"redis+socket://{tmp_path / 'mute'}?virtual_host=0", fixups=[])
        app.conf.broker_transport_options = celery_settings.broker_transport_options
        began = time.monotonic()
        with pytest.raises(OperationalError):
            app.send_task("registry.tasks.build_job", args=(1,), retry=False)
        assert time.monotonic() - began < 15
