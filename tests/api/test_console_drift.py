"""The drift page and the alerts in the console."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from analytics.models import Alert
from registry.models import Baseline
from tests.telemetry_rows import MODEL, VERSION, add_baseline, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db
PAGE = f"/drift?model={MODEL}&version={VERSION}"


@pytest.fixture(autouse=True)
def _fixed_settings(settings):
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    settings.DRIFT_OVERDISPERSION = 1.0


@pytest.fixture
def browser(client):
    client.force_login(User.objects.create_superuser("ann"))
    return client


def send(classes, **where):
    now = timezone.now()
    add_telemetry(records(classes, at=now), received_at=now, **where)


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_with_no_model_it_says_what_is_needed(browser):
    assert "Nothing to compare yet" in text_of(browser.get("/drift"))


def test_without_a_choice_it_goes_to_the_version_with_the_most_traffic(browser):
    add_version()
    send({0: 10})
    assert browser.get("/drift")["Location"] == PAGE


def test_a_chosen_place_becomes_the_address_of_its_scope(browser):
    add_version()
    assert browser.get(f"{PAGE}&window=6h&place=label:site=osaka")["Location"].endswith("&window=6h&label=site%3Aosaka")
    assert browser.get(f"{PAGE}&place=target:rk3588")["Location"].endswith("&target=rk3588")
    assert browser.get(f"{PAGE}&place=fleet:")["Location"] == PAGE


def test_without_a_baseline_it_says_what_to_do_and_offers_to_take_what_came(browser):
    add_version()
    send({0: 300, 1: 300})
    page = text_of(browser.get(PAGE))
    assert "no baseline" in page
    assert "Take the last 24h for normal" in page


def test_a_version_without_traffic_stays_the_chosen_one(browser):
    add_version()
    page = browser.get(PAGE)
    assert page.context["filters"].versions == {MODEL: [VERSION]}
    assert "No inference came in over this window" in text_of(page)


def test_a_baseline_without_traffic_is_shown_alone(browser):
    add_baseline(records({0: 500, 1: 500}))
    page = browser.get(PAGE)
    assert "not enough data" in text_of(page)
    columns = page.context["charts"]["confidence"].columns
    assert {column.share for column in columns} == {0.0}
    assert max(column.compared_with for column in columns) == 1.0


def test_a_baseline_is_taken_from_telemetry(browser):
    add_version()
    send({0: 300, 1: 300})
    answer = browser.post("/drift/baseline", {"model": MODEL, "version": VERSION, "window": "24h"}, follow=True)
    assert Baseline.objects.get().samples == 600
    assert "OK" in text_of(answer)


def test_too_little_data_is_neither_ok_nor_an_alarm(browser):
    add_baseline(records({0: 500, 1: 500}))
    send({0: 50})
    page = text_of(browser.get(PAGE))
    assert "not enough data" in page
    assert "50 of the 200 inferences that a judgment needs" in page


def test_drift_is_named_with_its_classes_devices_and_places(browser):
    add_baseline(records({0: 500, 1: 500}))
    send({0: 900, 1: 100}, device_id="edge-9", target="rk3588", labels={"site": "osaka"})
    page = text_of(browser.get(PAGE))
    assert "class 0 grew, class 1 shrank" in page
    assert "edge-9" in page
    assert "site=osaka" in page
    assert "Baseline: 1,000 inferences from the upload" in page


def test_the_chart_gets_one_point_per_bucket_with_its_thresholds(browser):
    add_baseline(records({0: 500, 1: 500}))
    send({0: 900, 1: 100})
    chart = browser.get(PAGE).context["charts"]["psi"]
    assert chart["counts"]["values"] == [1000]
    assert chart["is_judged"] == [True]
    assert [(line["words"], line["value"]) for line in chart["thresholds"]] == [("medium", 0.2), ("high", 0.4)]


def test_a_bucket_with_too_few_inferences_is_drawn_and_does_not_set_the_charts_scale(browser):
    add_baseline(records({0: 500, 1: 500}))
    now = timezone.now()
    add_telemetry(records({0: 500, 1: 500}, at=now), received_at=now)
    earlier = now - timedelta(hours=2)
    add_telemetry(records({7: 4}, at=earlier), received_at=now)
    chart = browser.get(PAGE).context["charts"]["psi"]
    assert chart["is_judged"] == [False, True]
    plain = next(line["values"] for line in chart["lines"] if line["label"] == "plain")
    assert plain[0] > 1
    assert chart["top"] == 0.5


def test_two_filters_at_once_and_a_window_that_is_none_are_refused(browser):
    add_version()
    assert browser.get(f"{PAGE}&target=rk3588&label=a:b").status_code == 400
    assert browser.get(f"{PAGE}&window=often").status_code == 400


@pytest.fixture
def alert():
    now = timezone.now()
    bins = [{"bin": "10", "baseline": 0.5, "current": 0.9, "contribution": 0.2}]
    return Alert.objects.create(
        model=MODEL,
        version=VERSION,
        scope_kind="label",
        scope_value="site=osaka",
        metric="classes",
        state="firing",
        severity="high",
        last_evaluated_at=now,
        fired_at=now,
        sentence="The classes drift at site=osaka.",
        evidence={"psi_adjusted": 0.5, "threshold": 0.2, "samples": 1000, "bins": bins},
    )


def test_what_fires_is_counted_in_the_header_and_listed(browser, alert):
    page = browser.get("/alerts")
    assert "1 firing" in page.content.decode()
    assert "The classes drift at site=osaka." in text_of(page)


def test_alerts_are_shown_by_state_and_the_list_begins_with_the_open_ones(browser, alert):
    for state, shown in {"open": 1, "firing": 1, "pending": 0, "resolved": 0, "all": 1, "no such state": 1}.items():
        page = browser.get("/alerts", {"state": state})
        assert len(page.context["alerts"]) == shown
        assert page.context["chosen_state"] == ("open" if state == "no such state" else state)


def test_an_alert_says_why_it_fired_and_leads_to_its_drift(browser, alert):
    answer = browser.get(f"/alerts/{alert.pk}")
    assert "0.5000 (alarms above 0.2)" in text_of(answer)
    assert answer.context["drift_url"] == f"{PAGE}&label=site%3Aosaka"


def test_an_alert_is_acknowledged_and_resolved(browser, alert):
    browser.post(f"/alerts/{alert.pk}/acknowledge")
    alert.refresh_from_db()
    assert alert.acknowledged_by == "person:ann"
    browser.post(f"/alerts/{alert.pk}/resolve")
    alert.refresh_from_db()
    assert alert.state == "resolved"
    assert "Nothing is wrong that we know of" in text_of(browser.get("/alerts"))
    assert "site=osaka" in text_of(browser.get("/alerts?state=all"))
