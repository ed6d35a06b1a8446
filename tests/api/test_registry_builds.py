import pytest

from registry.models import Job
from registry.states import JobKind, JobStatus
from registry.versions import queries
from tests import fleet_rows

pytestmark = pytest.mark.django_db

PATH = "/api/models/digits/versions/1.0.0"


@pytest.fixture
def build(api):
    version = fleet_rows.make_version("1.0.0")
    version.targets = ["generic-cpu", "jetson-orin-nano"]
    version.save()
    log = "first line\nsecond line\n"
    return Job.objects.create(
        version=version,
        kind=JobKind.BUILD,
        target="jetson-orin-nano",
        preset="balanced",
        log=log,
        progress="x",
        percent=34,
    )


def test_a_version_lists_its_builds_and_one_status_per_target(api, build):
    body = api("viewer").get(PATH).json()
    assert body["build"] == {"generic-cpu": "ready", "jetson-orin-nano": "queued"}
    assert body["builds"] == [
        {
            "id": build.pk, "kind": "build", "target": "jetson-orin-nano", "preset": "balanced", "status": "queued", "step": "x",
            "percent": 34, "attempts": 0,
        }
    ]  # fmt: skip


def test_a_build_is_canceled_and_tried_again(api, build):
    client = api("ml_engineer")
    canceled = client.post(f"{PATH}/builds/{build.pk}/cancel")
    assert (canceled.status_code, canceled.json()["build"]["jetson-orin-nano"]) == (202, "stopped")
    again = client.post(f"{PATH}/builds/{build.pk}/retry")
    assert (again.status_code, again.json()["build"]["jetson-orin-nano"]) == (202, "queued")


def test_a_build_that_is_over_is_not_canceled(api, build):
    Job.objects.update(status=JobStatus.DONE)
    answer = api("ml_engineer").post(f"{PATH}/builds/{build.pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "build_is_over")
    assert api("viewer").get(PATH).json()["build"]["jetson-orin-nano"] == "failed"


def test_a_build_has_a_log(api, build):
    answer = api("viewer").get(f"{PATH}/builds/{build.pk}/log")
    assert answer.json() == {"id": build.pk, "lines": ["first line", "second line"]}


@pytest.mark.parametrize("number", [0, 10**30])
def test_a_build_that_is_not_there_is_404(api, build, number):
    answer = api("viewer").get(f"{PATH}/builds/{number}/log")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_build")


def test_of_several_jobs_for_a_target_the_newest_is_shown(build):
    Job.objects.update(status=JobStatus.DONE)
    newest = Job.objects.create(version=build.version, kind=JobKind.BUILD, target=build.target, preset="balanced")
    shown = queries.get_shown_version("digits", "1.0.0")
    assert [job.pk for job in shown.newest_jobs] == [newest.pk]
