import json
from pathlib import Path

import pytest

from fleet.rollouts import cohorts

VECTORS = json.loads((Path(__file__).parent / "vectors" / "cohorts.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['salt']}:{vector['device_id']}")
def test_buckets_are_those_of_the_published_vectors(vector):
    assert cohorts.bucket_of(vector["device_id"], salt=vector["salt"]) == vector["bucket"]
