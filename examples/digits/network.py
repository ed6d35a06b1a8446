"""The networks of the digits example: how each version is built, trained and exported to ONNX."""

from dataclasses import dataclass
from pathlib import Path

import images
import numpy as np
import numpy.typing as npt
import onnx
import recording
import torch
from torch import nn

OPSET = 18
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the data set: ink levels uint8 [N, 8, 8] and labels int64 [N]."""

    levels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @property
    def pictures(self) -> images.Image:
        """The images, float32 [N, 8, 8] in 0..1."""
        return images.from_levels(self.levels)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one version is trained. `train_count` None means every training image."""

    version: str
    channels: tuple[int, int]
    hidden: int
    train_count: int | None
    epochs: int
    is_augmented: bool


PLANS = (
    Plan(version="1.0.0", channels=(8, 16), hidden=24, train_count=300, epochs=30, is_augmented=False),
    Plan(version="2.0.0", channels=(32, 64), hidden=72, train_count=None, epochs=60, is_augmented=True),
)


def build(plan: Plan) -> nn.Sequential:
    """Build two convolutions, one pooling and two dense layers: [N, 1, 8, 8] → [N, 10]."""
    first, second = plan.channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.BatchNorm2d(second),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(second * 16, plan.hidden),
        nn.ReLU(),
        nn.Linear(plan.hidden, 10),
    )


def augment(picture: images.Image, rng: np.random.Generator) -> images.Image:
    """Turn an image by up to 12 degrees, move it by up to one pixel, and add a little noise."""
    turned = images.rotate(picture, rng.uniform(-12, 12))
    down, right = rng.integers(0, 3, size=2)
    moved = np.pad(turned, 1)[down : down + 8, right : right + 8]
    return images.add_noise(moved, rng, sigma=0.03)


def train(plan: Plan, *, part: Part, seed: int) -> nn.Sequential:
    """Train one version; the same seed gives the same network on the same machine."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = build(plan)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    steps = plan.epochs * -(-len(part.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    labels = torch.from_numpy(part.labels)
    for _ in range(plan.epochs):
        pictures = np.stack([augment(one, rng) for one in part.pictures]) if plan.is_augmented else part.pictures
        inputs = torch.from_numpy(pictures).unsqueeze(1)
        order = torch.randperm(len(labels))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            loss = nn.functional.cross_entropy(network(inputs[rows]), labels[rows], label_smoothing=0.02)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return network.eval()


def export(network: nn.Sequential, *, path: Path) -> None:
    """Write one self-contained ONNX file that holds no paths of this machine: `image` [N,1,8,8] → `logits` [N,10]."""
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 1, 8, 8),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("PyTorch exported nothing")
    model = program.model_proto
    graph = model.graph
    # The exporter writes stack traces and source paths into the metadata.
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def compare(network: nn.Sequential, *, path: Path, pictures: images.Image) -> float:
    """Return the largest difference between PyTorch's logits and ONNX Runtime's; raises above 1e-3."""
    batch = pictures[:, np.newaxis]
    with torch.no_grad():
        wanted = network(torch.from_numpy(batch)).numpy()
    (got,) = recording.open_session(path).run(["logits"], {"image": batch})
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)
    return float(np.abs(got - wanted).max())
