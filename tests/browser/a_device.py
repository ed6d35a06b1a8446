"""A device that does what it is told at once: it enrolls, takes what it is offered, confirms, and sends what it predicts."""

import time
from random import Random

import httpx


class Device:
    def __init__(self, url: str, device_id: str, *, key: str, site: str) -> None:
        self.device_id = device_id
        body = {
            "device_id": device_id,
            "enrollment_key": key,
            "target": "generic-cpu",
            "labels": {"site": site},
            "capabilities": {"architecture": "x86_64", "ram_bytes": 8_000_000_000},
        }
        token = httpx.post(f"{url}/api/devices/enroll", json=body).raise_for_status().json()["token"]
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.version = ""

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def update(self) -> None:
        """Poll, and report the offer as confirmed."""
        answer = self.client.get("/api/models/latest", params={"device_id": self.device_id})
        if answer.status_code != 200:
            return
        offer = answer.json()
        self.version = offer["version"]
        said = {
            "attempt_id": offer["assignment"]["attempt_id"],
            "seq": 1,
            "state": "confirmed",
            "model": offer["model_id"],
            "version": offer["version"],
            "sha256": offer["sha256"],
        }
        self.client.post("/api/devices/self/reports", json=said).raise_for_status()
        running = [{"model": offer["model_id"], "version": offer["version"], "sha256": offer["sha256"]}]
        self.client.post(
            "/api/devices/self/heartbeat", json={"agent_version": "0.1.0", "running": running}
        ).raise_for_status()

    def predict(self, weights: list[float], *, number: int) -> None:
        """Send inferences whose classes are drawn by weight, over the last minute."""
        random, now = Random(7), time.time()
        records = [
            {
                "timestamp": now - random.random() * 60,
                "latency_ms": random.uniform(2, 6),
                "model_version": self.version,
                "confidence": random.uniform(0.7, 1.0),
                "class_id": random.choices(range(10), weights)[0],
                "request_hash": f"{place}",
            }
            for place in range(number)
        ]
        body = {"device_id": self.device_id, "records": records}
        self.client.post("/api/ingest", json=body).raise_for_status()
