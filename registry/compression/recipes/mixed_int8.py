"""Mixed INT8: nodes with large weights compute in integers, but for those that spoil the outputs. The rest of the weights is stored small.

1. prepare the model; find the nodes that may compute in INT8    (``preparing``, ``mixed.candidates``)
2. three ranges of each activation from one pass                 (``calibration.ranges``)
3. integers of the weights by GPTQ                               (``gptq``)
4. quantize each node alone, with each of the three ranges: the noise in the outputs of the model, on other samples
5. leave out nodes, those with most noise for their work first: bisect for the fewest that the gates demand, try further sets
6. keep the set with the best balance of noise and speed         (``mixed.search``)
7. store the weights of all other nodes in INT8 or FP16          (``weights.stored``)

Samples that gave ranges choose nothing: choosing on them promised 20 dB and gave 14.5.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from registry.compression.calibration import ranges
from registry.compression.calibration.histograms import METHODS
from registry.compression.recipes import Parameters, calibrating, gptq, int8_storage, preparing
from registry.compression.recipes.mixed import candidates as nodes
from registry.compression.recipes.mixed import pairs, search, trials
from registry.compression.recipes.mixed.candidates import Candidate
from registry.compression.recipes.mixed.search import Trial
from registry.compression.recipes.mixed.trials import Bench
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.recipes.weights import matrices, rounding, stored, uses
from registry.compression.recipes.weights.rounding import QuantizedWeight
from registry.compression.recipes.weights.stored import StoredWeights

_QUANTIZED = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
)
_MIN_SQNR_DB = 20.0
# Below this part of the multiply-adds in integers, the file is small and no faster: a storage recipe is simpler.
_MIN_QUANTIZED_RATIO = 0.3
# One node alone is measured on few inferences, a set on all.
_FEEDS_ALONE = 4
# Parts of the time for choosing that calibration and single nodes may take.
_CALIBRATION_SHARE, _ALONE_SHARE = 0.3, 0.7
_SAME_RANGE = 0.02
_FIRST_METHOD = "mse"
# The child has memory for more activations at a time than the calibrator takes by itself.
_GROUP_BYTES = 256 << 20


@dataclass(frozen=True, kw_only=True)
class _Work:
    source: Source
    bench: Bench
    candidates: Sequence[Candidate]
    multiply_adds: dict[str, int]
    ends_at: float


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the quantized model to ``destination``.

    Raises:
        NotApplicable: Too few samples, nothing to quantize, already quantized, or no set of nodes passes the gates.
    """
    _check_applicable(source)
    model = preparing.prepare(source, scratch=destination)
    work = _prepare_work(source, model, parameters=parameters)
    methods, noise = _measure_alone(work, until=work.ends_at - (1 - _ALONE_SHARE) * float(parameters["search_seconds"]))
    order = search.order_by_harm(noise, work.multiply_adds)
    kept = _search(work, order=order, methods=methods)
    quantized = work.bench.build(methods, kept)
    store_others(quantized, weights=work.bench.weights)
    source.warnings.append(f"{len(kept)} of the {len(work.candidates)} nodes with large weights compute in INT8.")
    preparing.finish(quantized, source, destination=destination)


def store_others(model: onnx.ModelProto, *, weights: Mapping[str, QuantizedWeight]) -> None:
    """Store the large float weights that are left in the main graph; they compute in FP32."""
    target = StoredWeights(model.graph, names=stored.short_names(model))
    for name, weight in uses.find_weights(model.graph).items():
        if not weight.is_finite or math.prod(weight.tensor.dims) < nodes.MIN_ELEMENTS:
            continue
        if int8_storage.choose_bits(weight) != 8:
            target.keep_half(name, weight.array)
        elif weight.is_recurrent:
            # Each direction has scales of its own.
            plain = gptq.round_plainly(
                weight, choose_steps=lambda m: rounding.choose_steps(m, axes=(2,), bits=8), bits=8
            )
            scales = plain.steps.reshape(matrices.scales_shape(weight))
            target.keep_bytes(name, matrices.from_matrix(weight, plain.integers), scales)
        else:
            target.keep_bytes(name, weights[name].integers, weights[name].broadcast_scales)
    target.apply()


def _prepare_work(source: Source, model: onnx.ModelProto, *, parameters: Parameters) -> _Work:
    samples, is_symmetric = source.samples, bool(parameters["symmetric_activations"])
    seconds = float(parameters["search_seconds"])
    found = nodes.find_candidates(model, excluded=preparing.find_excluded(model, source), is_symmetric=is_symmetric)
    for_ranges, choosing = search.split(calibrating.spread(samples.for_ranges) if samples else [])
    if samples is None or not choosing:
        given = len(samples.for_ranges) if samples else 0
        message = (
            f"it needs {2 * search.MIN_EACH} inferences' worth of samples for ranges and for choosing, and has {given}"
        )
        raise NotApplicable(message)
    weights = gptq.quantize_weights(
        model, samples, bits=7 if parameters["reduce_range"] else 8, threads=source.threads, report=source.report
    )
    roots = nodes.find_roots(model)
    tensors = {name for candidate in found for name in candidate.tensors}
    calibration = ranges.collect(
        model,
        calibrating.feeds_of(source, for_ranges),
        names=tensors | {roots[name] for name in tensors if name in roots},
        threads=source.threads,
        seconds=_CALIBRATION_SHARE * seconds,
        group_bytes=_GROUP_BYTES,
    )
    calibrating.warn_of_few(source, used=calibration.feeds, given=len(for_ranges))
    by_method = {method: calibration.choose(method, is_symmetric=is_symmetric) for method in METHODS}
    for known in by_method.values():
        known.update({name: known[root] for name, root in roots.items() if root in known and name in tensors})
    usable = [candidate for candidate in found if candidate.tensors <= by_method["mse"].keys()]
    if not usable:
        message = "no operator with large weights can be quantized"
        raise NotApplicable(message)
    bench = Bench(
        model=model,
        weights=weights,
        ranges=by_method,
        activations=pairs.ActivationType(
            dtype=str(parameters["activation_type"]),
            is_symmetric=is_symmetric,
            reduce_range=bool(parameters["reduce_range"]),
        ),
        feeds=[samples.feed(index) for index in choosing],
        threads=source.threads,
    )
    elements = {name: size // 4 for name, size in calibration.sizes.items()}
    return _Work(
        source=source,
        bench=bench,
        candidates=usable,
        multiply_adds={candidate.name: candidate.count_multiply_adds(elements) for candidate in usable},
        ends_at=time.process_time() + seconds,
    )


def _measure_alone(work: _Work, *, until: float) -> tuple[dict[str, str], dict[str, float]]:
    """Return the best method and its noise for each node; a node whose turn comes too late gets the usual noise for its work."""
    measured: dict[str, dict[str, float]] = {candidate.name: {} for candidate in work.candidates}
    by_work = sorted(work.candidates, key=lambda candidate: -work.multiply_adds[candidate.name])
    feeds = _count_feeds(work, until=until)
    for done, (method, candidate) in enumerate(_turns(by_work, measured)):
        work.source.report("measuring nodes", done / (len(METHODS) * len(by_work)))
        if time.process_time() > until:
            break
        if not any(_are_alike(work, candidate, method, known) for known in measured[candidate.name]):
            model = work.bench.build({candidate.name: method}, [candidate])
            measured[candidate.name][method] = trials.measure_noise(work.bench.run(model, feeds=feeds))
    if late := [name for name, noise in measured.items() if not noise]:
        work.source.warnings.append(f"The time for measuring was over before {len(late)} of {len(measured)} nodes.")
    known = {name: noise for name, noise in measured.items() if noise}
    methods = {name: search.choose_method(known[name]) if name in known else _FIRST_METHOD for name in measured}
    noise = {name: known[name][methods[name]] for name in known}
    return methods, noise | search.guess_noise(noise, work.multiply_adds)


def _turns(
    by_work: Sequence[Candidate], measured: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, Candidate]]:
    """Yield each node once, those with most work first, and then the other methods for the noisiest nodes first."""
    yield from ((_FIRST_METHOD, candidate) for candidate in by_work)
    by_noise = sorted(by_work, key=lambda candidate: -min(measured[candidate.name].values(), default=0.0))
    yield from ((method, candidate) for candidate in by_noise for method in METHODS if method != _FIRST_METHOD)


def _count_feeds(work: _Work, *, until: float) -> int:
    """Return on how many inferences each node is measured, so that each gets its turn about twice."""
    before = time.process_time()
    work.bench.run(work.bench.model, feeds=1)
    one = max(1e-4, (time.process_time() - before) / 2)
    affordable = (until - time.process_time()) / (2 * len(work.candidates) * one) - 1
    return int(max(1, min(_FEEDS_ALONE, affordable)))


def _are_alike(work: _Work, candidate: Candidate, method: str, known: str) -> bool:
    """Return whether two methods give this node ranges too similar to measure both."""
    for name in candidate.tensors:
        one, other = work.bench.ranges[method][name], work.bench.ranges[known][name]
        width = max(other[1] - other[0], 1e-30)
        if max(abs(one[0] - other[0]), abs(one[1] - other[1])) > _SAME_RANGE * width:
            return False
    return True


def _search(work: _Work, *, order: Sequence[str], methods: dict[str, str]) -> list[Candidate]:
    """Return the candidates of the best set.

    Raises:
        NotApplicable: The gates demand to leave out too much.
    """
    total = max(1, sum(work.multiply_adds.values()))
    known: dict[int, Trial] = {}

    def remaining(left_out: int) -> list[Candidate]:
        dropped = set(order[:left_out])
        return [candidate for candidate in work.candidates if candidate.name not in dropped]

    def measure(left_out: int) -> Trial | None:
        if left_out in known or (known and time.process_time() > work.ends_at):
            return known.get(left_out)
        work.source.report("searching", None)
        kept = remaining(left_out)
        compared = work.bench.run(work.bench.build(methods, kept))
        noise = trials.measure_noise(compared)
        sqnr_db = -10 * math.log10(noise) if 0 < noise < math.inf else (200.0 if noise == 0 else -200.0)
        known[left_out] = Trial(
            left_out=left_out,
            quantized_ratio=sum(work.multiply_adds[candidate.name] for candidate in kept) / total,
            sqnr_db=sqnr_db,
            passes=trials.passes(work.source.judge, compared) if work.source.judge else sqnr_db >= _MIN_SQNR_DB,
        )
        return known[left_out]

    at_most = _most_left_out(work, order=order)
    fewest = search.bisect(0, at_most, measure)
    if fewest is not None:
        for size in search.further_sizes(fewest, nodes=len(order), at_most=at_most):
            measure(size)
    best = search.choose(known.values())
    if best is None or not best.passes:
        message = f"no set of operators passes the gates: the best one has {best.sqnr_db if best else 0:.1f} dB"
        raise NotApplicable(message)
    return remaining(best.left_out)


def _most_left_out(work: _Work, *, order: Sequence[str]) -> int:
    """Return how many nodes may be left out before too little computes in integers."""
    total, left = sum(work.multiply_adds.values()), 0
    for count, name in enumerate(order):
        left += work.multiply_adds[name]
        if total - left < _MIN_QUANTIZED_RATIO * total or count == len(order) - 1:
            return count
    return 0


def _check_applicable(source: Source) -> None:
    if source.samples is None:
        message = "no calibration samples were given"
        raise NotApplicable(message)
    if any(node.op_type in _QUANTIZED for node in source.model.graph.node):
        message = "the model is quantized already"
        raise NotApplicable(message)
