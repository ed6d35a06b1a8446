"""Settings: typed, checked, refused by name, and explained in the README."""

import dataclasses
import re
from pathlib import Path

import pytest

import edge_agent
from edge_agent import settings
from edge_agent.setting_kinds import BadSetting
from edge_agent.settings import Settings

REQUIRED = {"EDGE_AGENT_SERVER_URL": "https://fleet.example", "EDGE_AGENT_DEVICE_ID": "edge-1"}


def load(tmp_path, text, **environment):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return settings.load(path, environment={**REQUIRED, **environment})


def test_the_environment_wins_over_the_file(tmp_path):
    loaded = load(
        tmp_path,
        'server_url = "http://127.0.0.1:8000/"\ndevice_id = "edge-9"\npoll_seconds = 5\nlabels = {site = "osaka"}\n',
        EDGE_AGENT_POLL_SECONDS="0.5",
        EDGE_AGENT_LABELS="site=kyoto, line=2",
        EDGE_AGENT_MODELS="digits, letters",
        EDGE_AGENT_TELEMETRY_BATCH_SIZE="50",
    )

    assert (loaded.server_url, loaded.device_id) == ("https://fleet.example", "edge-1")
    assert loaded.poll_seconds == 0.5
    assert loaded.labels == {"site": "kyoto", "line": "2"}
    assert loaded.models == ("digits", "letters")
    assert loaded.telemetry_batch_size == 50


def test_paths_in_the_file_are_relative_to_the_file(tmp_path):
    (tmp_path / "fallback.onnx").write_bytes(b"x")

    loaded = load(tmp_path, 'home = "state"\nfallback_model = "fallback.onnx"\n')

    assert loaded.home == tmp_path / "state"
    assert loaded.fallback_model == tmp_path / "fallback.onnx"


def test_the_environment_alone_is_enough():
    assert settings.load(None, environment={**REQUIRED, "HOME": "/root"}).telemetry_max_records == 100_000


@pytest.mark.parametrize("missing", REQUIRED)
def test_what_is_required_is_named(missing):
    with pytest.raises(BadSetting, match=missing):
        settings.load(None, environment={name: value for name, value in REQUIRED.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server_url", '"ftp://x"'),
        ("server_url", '"http://user:password@x"'),
        ("server_url", '"http://x/?token=1"'),
        ("device_id", '"-starts-wrong"'),
        ("device_id", '"has space"'),
        ("device_id", "7"),
        ("enrollment_key", '""'),
        ("target", '"../x"'),
        ("labels", '"site"'),
        ("labels", "{site = 1}"),
        ("labels", '{"a b" = "c"}'),
        ("models", '"digits"'),
        ("models", '["../x"]'),
        ("home", "1"),
        ("fallback_model", '"no-such-file"'),
        ("verify_keys", '["no-such-file"]'),
        ("verify_keys", '"key.pem"'),
        ("poll_seconds", "0"),
        ("poll_seconds", "nan"),
        ("poll_seconds", "true"),
        ("poll_seconds", '"5"'),
        ("heartbeat_seconds", "-1"),
        ("http_timeout_seconds", "inf"),
        ("telemetry_batch_size", "0"),
        ("telemetry_batch_size", "1.5"),
        ("telemetry_max_records", "99"),
        ("max_model_bytes", "0"),
        ("min_free_bytes", "-1"),
        ("max_consecutive_errors", "0"),
        ("log_level", '"LOUD"'),
        ("verify_key", '"typing error"'),
    ],
)
def test_a_bad_value_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(BadSetting) as refusal:
        load(tmp_path, f"{name} = {value}\n")
    assert refusal.value.name == name


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EDGE_AGENT_POLL_SECONDS", "soon"), ("EDGE_AGENT_TELEMETRY_BATCH_SIZE", "many"), ("EDGE_AGENT_NONSENSE", "1")],
)
def test_a_bad_variable_is_refused_by_name(variable, value):
    with pytest.raises(BadSetting, match=variable):
        settings.load(None, environment={**REQUIRED, variable: value})


@pytest.mark.parametrize("text", ["not toml at all", "\xff"])
def test_a_file_that_cannot_be_read_is_said(tmp_path, text):
    with pytest.raises(BadSetting, match="cannot read"):
        load(tmp_path, text)
    with pytest.raises(BadSetting, match="cannot read"):
        settings.load(tmp_path / "missing.toml", environment=REQUIRED)


def test_an_enrollment_key_is_not_echoed_by_its_refusal(tmp_path):
    with pytest.raises(BadSetting) as refusal:
        load(tmp_path, "enrollment_key = 123456789\n")
    assert "123456789" not in str(refusal.value)


def test_the_readme_explains_every_setting_and_no_other():
    readme = (Path(edge_agent.__file__).parent / "README.md").read_text()
    explained = re.findall(r"^\| `([a-z_]+)` \|", readme, flags=re.MULTILINE)

    assert explained == [field.name for field in dataclasses.fields(Settings)]
    assert set(settings.KINDS) == set(explained)
