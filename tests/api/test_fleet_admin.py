import pytest
from django.contrib.auth.models import Group, User

from fleet.models import Device, EnrollmentKey
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

PAGES = ["device", "enrollmentkey", "rollout", "deployment"]


@pytest.fixture
def fleet(api):
    rows.point("stable", rows.make_version("1.0.0"))
    rows.DeviceClient(api(), rows.make_device("edge-1")).update()
    rows.make_key()
    rows.make_rollout(rows.make_version("2.0.0"))


@pytest.fixture
def person(client):
    def log_in(role: str):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        from django.contrib.auth.models import Permission

        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="fleet", codename__startswith="view")
        )
        client.force_login(user)
        return client

    return log_in


@pytest.mark.parametrize("page", PAGES)
def test_everything_is_there_to_read_and_nothing_to_write_by_form(admin_client, fleet, page):
    listed = admin_client.get(f"/admin/fleet/{page}/")
    assert listed.status_code == 200
    assert admin_client.get(f"/admin/fleet/{page}/add/").status_code == 403
    found = {"device": Device, "enrollmentkey": EnrollmentKey}.get(page)
    if found is not None:
        assert admin_client.get(f"/admin/fleet/{page}/{found.objects.get().pk}/change/").status_code == 200


def revoke(client):
    body = {"action": "revoke", "_selected_action": [Device.objects.get().pk]}
    client.post("/admin/fleet/device/", body)
    return Device.objects.get().state


def test_an_action_is_the_verb(admin_client, fleet):
    assert revoke(admin_client) == "revoked"


def test_an_operator_may_act_and_a_viewer_may_look(person, fleet):
    assert revoke(person("viewer")) == "active"
    assert revoke(person("operator")) == "revoked"
