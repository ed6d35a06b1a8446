"""The console's pages of the fleet: what they show, and that their forms do what the API does."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fleet.models import Deployment, Device, EnrollmentKey, Rollout
from fleet.rollouts.operator_verbs import OPERATOR_VERBS
from tests.fleet_rows import make_device, make_version, point

pytestmark = pytest.mark.django_db

STAGES = {
    "stages_percent": ["50", "100"],
    "stages_min_duration": ["10m", "0"],
    "stages_min_confirmed": ["1", "1"],
}


@pytest.fixture
def browser(client):
    client.force_login(User.objects.create_superuser("ann"))
    return client


@pytest.fixture
def versions():
    first, second = make_version("1.0.0"), make_version("2.0.0")
    point("stable", first)
    return first, second


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_empty_fleet_says_how_to_enroll_the_first_device(browser):
    page = text_of(browser.get("/"))
    assert "No device yet" in page
    # With what runs models: without it the first update of every device would fail.
    assert "./edge_agent[runtime]" in page
    assert "edge-agent run --config agent.toml" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"edge-1", "edge-2"}),
        ("?search=edge-1", {"edge-1"}),
        ("?label=site:osaka", {"edge-2"}),
        ("?target=rk3588", {"edge-2"}),
        ("?version=digits:1.0.0", {"edge-1"}),
        ("?state=pending", {"edge-2"}),
        ("?state=confirmed", {"edge-1"}),
        ("?state=failed", set()),
    ],
)
def test_the_filters_of_the_fleet(browser, versions, query, shown):
    first, _ = versions
    running = [{"model": "digits", "version": "1.0.0", "sha256": "0" * 64}]
    device = make_device("edge-1", running=running)
    variant = first.variants.get()
    Deployment.objects.create(
        device=device,
        model=first.model,
        version=first,
        variant=variant,
        sha256=variant.file_id,
        state="confirmed",
        release_counter=1,
    )
    make_device("edge-2", target="rk3588", labels={"site": "osaka"}, state="pending")
    answer = browser.get(f"/{query}")
    assert {device.device_id for device in answer.context["devices"]} == shown


def test_the_fleet_page_asks_the_database_as_often_for_many_devices_as_for_two(
    browser, versions, django_assert_max_num_queries
):
    for place in range(2):
        make_device(f"edge-{place}")
    with django_assert_max_num_queries(24):
        browser.get("/")
    for place in range(2, 40):
        make_device(f"edge-{place}")
    with django_assert_max_num_queries(24):
        browser.get("/")


def test_a_device_that_was_not_seen_lately_is_offline(browser, versions):
    make_device("edge-1", last_seen_at=timezone.now() - timedelta(days=1))
    make_device("edge-2", last_seen_at=timezone.now())
    answer = browser.get("/")
    assert answer.context["online"] == 1
    assert text_of(answer).count("offline") == 1


def test_the_devices_page_explains_what_it_should_run(browser, versions):
    make_device("edge-1")
    page = text_of(browser.get("/devices/edge-1"))
    assert "What it should run: digits" in page
    assert "because of channel stable" in page


def test_a_device_is_pinned_and_let_go(browser, versions):
    device = make_device("edge-1")
    browser.post("/devices/edge-1/pin", {"model": "digits", "version": "2.0.0"})
    assert device.pins.get().version.number == "2.0.0"
    assert "Held at 2.0.0 by ann" in text_of(browser.get("/devices/edge-1"))
    browser.post("/devices/edge-1/unpin", {"model": "digits"})
    assert not device.pins.exists()


def test_a_refusal_is_a_message_on_the_devices_page(browser, versions):
    make_device("edge-1")
    page = text_of(browser.post("/devices/edge-1/accept", follow=True))
    assert "only pending ones are accepted" in page


def test_a_pending_device_is_accepted(browser, versions):
    make_device("edge-1", state="pending")
    browser.post("/devices/edge-1/accept")
    assert Device.objects.get().state == "active"


def test_a_new_key_is_shown_once_with_an_agent_toml(browser, versions):
    form = {
        "name": "line 3",
        "max_uses": "5",
        "life": "7d",
        "mode": "review",
        "model": "digits",
        "channel": "stable",
        "labels": "site=osaka, line=3",
    }
    answer = browser.post("/enrollment-keys/new", form)
    page = answer.content.decode()
    secret = re.search(r"mfe_[\w-]+", page)
    assert secret is not None
    assert "server_url = &quot;http://testserver&quot;" in page or 'server_url = "http://testserver"' in page
    key = EnrollmentKey.objects.get()
    assert (key.labels, key.max_uses, key.mode) == ({"site": "osaka", "line": "3"}, 5, "review")
    assert key.subscriptions == [{"model": "digits", "channel": "stable"}]
    assert secret[0] not in browser.get("/enrollment-keys").content.decode()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"labels": "osaka"}, "is not key=value"), ({"life": "soon"}, "is not a duration"), ({"name": ""}, "required")],
)
def test_a_key_that_cannot_be_made_is_refused_at_its_field(browser, versions, changes, complaint):
    form = {"name": "k", "max_uses": "1", "life": "24h", "mode": "accept", "channel": "stable"} | changes
    assert complaint in text_of(browser.post("/enrollment-keys/new", form))
    assert not EnrollmentKey.objects.exists()


def plan(**changes):
    return {"model": "digits", "channel": "stable", "version": "2.0.0", **STAGES, **changes}


def test_a_preview_says_whom_and_how_much_and_changes_nothing(browser, versions):
    for place in range(4):
        make_device(f"edge-{place}")
    answer = browser.post("/rollouts/new", plan(then="preview"))
    page = text_of(answer)
    assert "4 devices would download" in page
    assert "Start now" in page
    assert not Rollout.objects.exists()


def test_the_devices_of_the_preview_are_those_of_the_rollout(browser, versions):
    for place in range(4):
        make_device(f"edge-{place}")
    answer = browser.post("/rollouts/new", plan(then="preview"))
    salt = answer.context["preview"].salt
    assert f'value="{salt}"' in answer.content.decode()
    browser.post("/rollouts/new", plan(then="start", salt=salt))
    rollout = Rollout.objects.get()
    assert (rollout.salt, rollout.state) == (salt, "running")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"stages_percent": ["50", "40"]}, "Stage 2: percent must be above 50"),
        ({"stages_percent": ["50", "90"]}, "must end with 100 percent"),
        ({"stages_percent": ["half", "100"]}, "numbers are needed"),
        ({"stages_min_duration": ["a while", "0"]}, "is not a duration"),
        ({"stages_percent": ["", ""]}, "At least one stage is needed"),
        ({"labels": "osaka"}, "is not key=value"),
        ({"version": "9.9.9"}, "Select a valid choice"),
        ({"version": "1.0.0"}, "digits/stable points to 1.0.0 already."),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_at_the_form(browser, versions, changes, complaint):
    page = text_of(browser.post("/rollouts/new", plan(then="preview", **changes)))
    assert complaint in page
    assert "Start now" not in page


def test_a_draft_is_started_paused_and_aborted_from_its_page(browser, versions):
    make_device("edge-1")
    answer = browser.post("/rollouts/new", plan(then="draft"))
    address = answer["Location"]
    for verb, state in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("abort", "aborted")):
        answer = browser.post(f"{address}/{verb}", {"reason": f"because {verb}"}, follow=True)
        assert Rollout.objects.get().state == state
        assert f"{OPERATOR_VERBS[verb].done}: because {verb}" in text_of(answer)


def test_the_plan_begins_with_a_version_that_the_channel_does_not_point_to(browser, versions):
    assert browser.get("/rollouts/new?model=digits").context["form"]["version"].value() == "2.0.0"
    point("stable", versions[1])
    assert browser.get("/rollouts/new?model=digits").context["form"]["version"].value() == "1.0.0"
    chosen = browser.get("/rollouts/new?model=digits&version=2.0.0")
    assert chosen.context["form"]["version"].value() == "2.0.0"


def test_a_verb_that_does_not_apply_is_a_message(browser, versions):
    make_device("edge-1")
    address = browser.post("/rollouts/new", plan(then="draft"))["Location"]
    assert "pause does not apply" in text_of(browser.post(f"{address}/pause", follow=True))


def test_pages_poll_while_something_moves_and_stop_after(browser, versions):
    make_device("edge-1")
    address = browser.post("/rollouts/new", plan(then="start"))["Location"]
    assert "every 2s" in browser.get(address).content.decode()
    browser.post(f"{address}/abort")
    assert "every 2s" not in browser.get(address).content.decode()


def test_a_channel_is_moved_only_from_where_the_person_saw_it(browser, versions):
    moved = browser.post(
        "/models/digits/channels", {"channel": "stable", "version": "2.0.0", "revision": "1"}, follow=True
    )
    assert "The channel stable points to 2.0.0." in text_of(moved)
    stale = browser.post(
        "/models/digits/channels", {"channel": "stable", "version": "1.0.0", "revision": "1"}, follow=True
    )
    assert "is at revision 2" in text_of(stale)
    assert versions[0].model.channels.get().version == versions[1]
