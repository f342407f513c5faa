"""The engine of the live pages (book/live/engine), in the browser, against the package."""

import functools
import gzip
import hashlib
import http.server
import json
import re
import threading

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from torch.nn.functional import cross_entropy

from grokutil.activations import ACTIVATIONS, softplus
from grokutil.data import modular_addition
from grokutil.flow import integrate
from grokutil.fourier import circle, feature_norms, fourier_features, leading_frequencies
from grokutil.isolated import FirstLayerDynamics
from grokutil.kinks import sliding_kinks
from grokutil.manifold import TangentSpace, join, split
from grokutil.measure import accuracy, learning_curves
from grokutil.model import default_weights, gaussian_embedding, predict
from grokutil.train import LOSSES, OPTIMISERS, gradient_descent, ridge_from_weight_decay
from grokutil.walks import projected_flow, retract

SOURCES, BUILT = ROOT / "book" / "live", ROOT / "book" / "static" / "live"
EPS = np.finfo(float).eps
AT_MOST = 1e-9  # for widths of at least 1.2 n or a ridge of at least 0.01
KERNELS = ["WebAssembly", "plain JavaScript"]
PARTS = ["engine.js", "kernels.js", "manifold.js", "sliding.js", "walks.js"]

# What tests ask of the engine E, in the page; arrays go back as lists.
ASK = """
const dynamicsOf = async (E, spec) => {
  const task = E.modularAddition(spec), n = task.train.length / 2;
  const numbers = E.FirstLayerDynamics.numbers(spec.p, spec.width, n) + 20 * spec.p * spec.width;
  const kernels = spec.plain ? await E.plainKernels() : await E.wasmKernels(numbers);
  return [task, new E.FirstLayerDynamics({ ...spec, pairs: task.train }, kernels), kernels];
};
export const ask = {
  async start(E, spec) {
    const { p, width, seed } = spec, task = E.modularAddition(spec);
    const weights = E.defaultWeights(p, width, seed).map((W) => [...W]);
    const n = task.train.length / 2, losses = ["mean", "sum", "cross-entropy"];
    const ridges = losses.map((loss) => E.ridgeFromWeightDecay(0.01, n, p, loss));
    const [E1, E2] = ["deviation", "variance"].map((reading) => [...E.gaussianEmbedding(p, width, seed, reading)]);
    return { train: [...task.train], test: [...task.test], weights, ridges, E1, E2 };
  },
  async velocity(E, spec) {
    const { p, width, seed } = spec, [, dynamics, kernels] = await dynamicsOf(E, spec);
    const [W, V, P, v, out] = Array.from({ length: 5 }, () => kernels.alloc(p * width));
    E.gaussianEmbedding(p, width, seed, "deviation", W);
    E.gaussianEmbedding(p, width, seed + 1, "deviation", V);
    dynamics.linearize(W, v);
    dynamics.product(V, out);
    const cost = dynamics.cost(W);
    return { v: [...v], product: [...out], W2: [...dynamics.W2], cost, kernels: kernels.name };
  },
  async run(E, spec) {
    const run = await E.begin(spec), records = [];
    for (const { now, record } of run.steps) {
      if (record) records.push(record);
      if (now === spec.change?.at) run.set(spec.change);
    }
    const last = records.at(-1);
    const answers = { train: [...last.train.answers], test: [...last.test.answers] };
    const row = ({ now, train, test, norms, cosine }) =>
      [now, train.loss, test.loss, train.accuracy, test.accuracy, ...norms, cosine];
    const weights = run.weights().map((W) => [...W]), told = { ...run.counts(), kernels: run.kernels.name };
    return { weights, curves: records.map(row), answers, circle: last.circle, ...told };
  },
  async project(E, spec) {
    const { p, width, seed } = spec, task = E.modularAddition(spec), kernels = await E.plainKernels();
    const weights = E.defaultWeights(p, width, seed);
    const space = new E.manifold.TangentSpace({ ...spec, pairs: task.train }, kernels);
    space.at(...weights);
    const v = weights.map((W) => W.slice());
    space.project(...v);
    return v.map((V) => [...V]);
  },
  async kinks(E, spec) {
    let last;
    for (const { record } of (await E.begin({ kind: "kinks", ...spec })).steps) last = record;
    return { at: last.at, Z: [...last.Z.at(-1)], slides: [...last.slides], accuracy: last.test.accuracy };
  },
  async paths(E, spec) {
    const run = await E.begin({ kind: "paths", ...spec }), records = [], names = ["training", ...spec.beside];
    for (const { record } of run.steps) if (record) records.push(record);
    const row = ({ accuracy, distance, norms }) => [accuracy, distance, ...norms];
    const paths = Object.fromEntries(names.map((name) => [name, records.map((record) => row(record[name]))]));
    const weights = run.weights().map((W) => [...W]), times = records.map(({ now }) => now);
    return { paths, times, weights, steps: run.counts().evaluations };
  },
  async kernels(E, { m, k, n, seed }) {
    const both = [await E.plainKernels(), await E.wasmKernels(4 * (m * k + k * n + m * n + n * n))];
    const results = both.map((kernels) => {
      const draw = new E.Generator(seed);
      const made = (size) => {
        const M = kernels.alloc(size);
        M.forEach((_, i) => { M[i] = draw.uniform() - 0.5; });
        return M;
      };
      const none = (size) => kernels.alloc(size).fill(NaN);
      const [A, B, Q, R, H] = [m * k, k * n, k * m, n * k, n * k].map(made), found = {};
      kernels.product(A, B, (found.product = none(m * n)), m, k, n);
      kernels.transposed(Q, B, (found.transposed = none(m * n)), m, k, n);
      kernels.rows(A, R, (found.rows = none(m * n)), m, k, n);
      const C = kernels.alloc(m * n);
      C.set(found.product);
      kernels.rows(A, R, C, m, k, n, true);
      found.sum = C.slice();
      const K = none(n * n);
      kernels.gram(H, K, n, k, 1);
      const lower = () => K.filter((_, i) => i % n <= Math.floor(i / n));
      found.gram = lower();
      found.pivot = [kernels.cholesky(K, n)];
      found.factor = lower();
      C.set(found.product);
      kernels.solve(K, C, n, m);
      found.solution = C.slice();
      const pairs = Int32Array.from({ length: 2 * m }, (_, i) => (i * i) % Math.min(3, n));
      kernels.gather(pairs, R, A, k);
      found.gathered = A.slice();
      const S = none(m * k);
      E.ACTIVATIONS.leaky_relu.apply(A, S, null, kernels);
      [found.hidden, found.slopes] = [A.slice(), S.slice()];
      kernels.scatter(pairs, A, R, k, S);
      found.scattered = R;
      return found;
    });
    const [plain, wasm] = results, norm = (values) => Math.sqrt(E.squaredNorm(values));
    const gap = ([name, values]) => [name, norm(values.map((x, i) => x - wasm[name][i])) / norm(values)];
    return Object.fromEntries(Object.entries(plain).map(gap));
  },
  async refuse(E, spec) {
    try {
      const run = await E.begin(spec);
      for (const step of run.steps);
      return null;
    } catch (error) {
      return error.message;
    }
  },
};
"""


class Pages(http.server.BaseHTTPRequestHandler):
    """A blank page, ask.js, the built engine, and in the folder of a mutant's number its sources, one broken."""

    mutants: dict[str, tuple[str, str, str]] = {}

    def do_GET(self):  # noqa: N802
        path = self.path.strip("/")
        if "/" in path:
            key, name = path.split("/")
            file, old, new = self.mutants[key]
            if name == "kernels.wasm":  # as the bundler gives it
                text = "export default " + max(re.findall('"[^"]*"', engine_text()), key=len)
            else:
                text = (SOURCES / "engine" / name).read_text()
            text = text.replace(old, new) if name == file else text
        else:
            text = {"": "<!doctype html><title>Engine</title>", "ask.js": ASK}.get(path, "")
            if path in PARTS:
                text = (BUILT / path).read_text()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if path else "text/html")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@functools.cache
def engine_text():
    return (BUILT / "engine.js").read_text()


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


@pytest.fixture(scope="module")
def page(browser, address):
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


def ask(page, what, spec, engine="/engine.js"):
    """The answer of the engine in a page."""
    return page.evaluate(
        """async ([what, spec, engine]) => {
            const [{ ask }, E, manifold] = await Promise.all(
                ["/ask.js", engine, engine.replace("engine.", "manifold.")].map((path) => import(path)));
            return ask[what]({ ...E, manifold }, spec);
        }""",
        [what, spec, engine],
    )


def settings_of(page, kernels="WebAssembly", **spec):
    """A whole spec for :func:`ask`."""
    return {"fraction": 0.7, "seed": 0, "plain": kernels != "WebAssembly", **spec}


def gap(found, expected):
    """Relative distance, found being flat as the engine keeps it."""
    expected = np.asarray(expected)
    return np.linalg.norm(np.asarray(found).reshape(expected.shape) - expected) / (np.linalg.norm(expected) or 1.0)


def tolerance(results, well_posed=True):
    """Thirty times what a change of order, of the samples or of the units, does to the package's own result."""
    noise = max(gap(one, results[0]) for one in results[1:])
    found = 30 * max(noise, EPS)
    return min(found, AT_MOST) if well_posed else found


def orders(n, count=5):
    """The given order, and others."""
    draw = torch.Generator().manual_seed(1)
    return [torch.arange(n), *(torch.randperm(n, generator=draw) for _ in range(count))]


def velocity_by_order(spec, E, V):
    """Velocity, product, readout and cost at E, by order of the samples."""
    task = modular_addition(spec["p"], spec["fraction"], seed=spec["seed"])
    results = []
    for order in orders(len(task.X_train)):
        dynamics = FirstLayerDynamics(task.X_train[order], task.Y_train[order], spec["activation"], spec["ridge"])
        v, product = dynamics.linearize(E)
        W2 = dynamics.readout(E).mT
        results.append({"v": v, "product": product(V), "W2": W2, "cost": dynamics.cost(E).reshape(1)})
    return results


def check_velocity(page, spec):
    p, width, seed = spec["p"], spec["width"], spec["seed"]
    E, V = (gaussian_embedding(p, width, seed=s) for s in (seed, seed + 1))
    results = velocity_by_order(spec, E, V)
    found = ask(page, "velocity", spec)
    assert found["kernels"] == KERNELS[spec["plain"]]
    n = len(modular_addition(p, spec["fraction"]).X_train)
    for name in results[0]:
        allowed = tolerance([one[name] for one in results], width >= 1.2 * n or spec["ridge"] >= 0.01)
        assert gap(found[name], results[0][name]) <= allowed, name


specs = st.fixed_dictionaries(
    {
        "p": st.integers(3, 11),
        "width": st.integers(8, 80),
        "fraction": st.sampled_from([0.3, 0.5, 0.7, 0.9]),
        "activation": st.sampled_from(list(ACTIVATIONS)),
        "ridge": st.sampled_from([0.0, 0.01, 1.0]),
        "seed": st.integers(0, 2**32 - 2),
        "plain": st.booleans(),
    }
)


SMALL = {"p": 11, "width": 64, "fraction": 0.7, "activation": "gelu", "ridge": 0.0, "seed": 0, "plain": False}


@settings(max_examples=15, deadline=None)
@given(specs)
@example(SMALL)
@example({"p": 11, "width": 30, "fraction": 0.7, "activation": "tanh", "ridge": 0.01, "seed": 3, "plain": False})
@example({"p": 11, "width": 30, "fraction": 0.7, "activation": "relu", "ridge": 1e-9, "seed": 3, "plain": True})
def test_a_velocity_and_a_hessian_product_are_those_of_the_package(page, spec):
    """Equation 20, its derivative, its cost (eqs 16, 19) and its readout (eqs 15, 18); where one is singular, so is
    the other, in the same words."""
    task = modular_addition(spec["p"], spec["fraction"], seed=spec["seed"])
    start = gaussian_embedding(spec["p"], spec["width"], seed=spec["seed"])
    try:
        FirstLayerDynamics(task.X_train, task.Y_train, spec["activation"], spec["ridge"])(start)
    except ValueError as singular:
        flow = {"kind": "isolated", "method": "euler", "step": 1e-3, "until": 1e-3}
        assert ask(page, "refuse", spec | flow) == str(singular)
    else:
        check_velocity(page, spec)


@settings(max_examples=15, deadline=None)
@given(specs)
def test_split_and_starts_are_those_of_the_package(page, spec):
    found = ask(page, "start", spec)
    p, width, seed = spec["p"], spec["width"], spec["seed"]
    task = modular_addition(p, spec["fraction"], seed=seed)
    assert found["train"] == task.pairs_train.flatten().tolist()
    assert found["test"] == task.pairs_test.flatten().tolist()
    for name, reading in (("E1", "deviation"), ("E2", "variance")):
        assert gap(found[name], gaussian_embedding(p, width, seed, reading)) < EPS
    ridges = [ridge_from_weight_decay(0.01, len(task.X_train), p, loss) for loss in LOSSES]
    assert found["ridges"] == pytest.approx(ridges, rel=4 * EPS)
    W1, W2 = default_weights(p, width, p, seed)
    assert gap(found["weights"][0], W1) < EPS and gap(found["weights"][1], W2.mT) < EPS


lengths = st.integers(1, 40) | st.sampled_from([96, 97, 193, 256, 259, 300])


@settings(max_examples=15, deadline=None)
@given(lengths, lengths, lengths, st.integers(0, 9))
@example(37, 259, 101, 0)
@example(3, 300, 194, 0)
@example(98, 2, 7, 0)
def test_kernels_of_webassembly_are_those_of_plain_javascript(page, m, k, n, seed):
    """Blocks, tiles and what is left over at their ends: all products, the factor, solves, gather, scatter, a kink."""
    gaps = ask(page, "kernels", {"m": m, "k": k, "n": n, "seed": seed})
    assert len(gaps) == 12 and all(gap < 1e-11 for gap in gaps.values()), gaps


def trained(spec, unit_order=None, **more):
    """The package's run of a spec, with the hidden units in another order if one is given."""
    task = modular_addition(spec["p"], spec["fraction"], seed=spec["seed"])
    W1, W2 = more.pop("start", None) or default_weights(spec["p"], spec["width"], spec["p"], spec["seed"])
    order = torch.arange(spec["width"]) if unit_order is None else unit_order
    names = {"activation": "activation", "learningRate": "learning_rate", "weightDecay": "weight_decay"}
    names |= {
        "loss": "loss",
        "smoothing": "smoothing",
        "seed": "seed",
        "optimiser": "optimiser",
        "momentum": "momentum",
        "batchSize": "batch_size",
        "steps": "steps",
    }
    given = {name: spec[key] for key, name in names.items() if key in spec} | more
    run = gradient_descent(task, start=(W1[:, order], W2[order]), progress=False, **given)
    back = order.argsort()
    return task, [(W1[:, back], W2[back]) for W1, W2 in run.states]


def check_training(page, spec):
    by_order = [trained(spec, order)[1][-1] for order in orders(spec["width"])]
    found = ask(page, "run", {"kind": "training", **spec})
    assert gap(found["weights"][0], by_order[0][0]) <= tolerance([W1 for W1, _ in by_order])
    assert gap(found["weights"][1], by_order[0][1].mT) <= tolerance([W2.mT for _, W2 in by_order])
    if spec["loss"] == "cross-entropy":
        task = modular_addition(spec["p"], spec["fraction"], seed=spec["seed"])
        for X, labels, loss in zip(
            (task.X_train, task.X_test), (task.labels_train, task.labels_test), found["curves"][-1][1:3], strict=True
        ):
            output, smoothing = predict(*by_order[0], X, spec["activation"]), spec.get("smoothing", 0.0)
            assert loss == pytest.approx(float(cross_entropy(output, labels, label_smoothing=smoothing)), rel=1e-9)
    return found


RATES = {
    "sgd": {"learningRate": 0.3},
    "momentum": {"learningRate": 0.3, "momentum": 0.9},
    "adam": {"learningRate": 0.01, "optimiser": "adam"},
    "adamw": {"learningRate": 0.01, "optimiser": "adamw"},
}


@settings(max_examples=15, deadline=None)
@given(specs, st.sampled_from(list(LOSSES)), st.sampled_from(list(RATES)), st.integers(1, 4), st.integers(1, 3))
@example(SMALL, "cross-entropy", "momentum", 1, 3)
@example(SMALL, "cross-entropy", "sgd", 2, 3)
def test_steps_of_training_are_those_of_the_package(page, spec, loss, rule, part, steps):
    """Split, start, order of the batches and all: the same seed is the same run."""
    n = len(modular_addition(spec["p"], spec["fraction"]).X_train)
    assume(part <= n)
    more = {"weightDecay": 0.01, **RATES[rule]} | ({"learningRate": 0.01} if loss == "sum" else {})
    more |= {"smoothing": 0.2 * (part % 2)} if loss == "cross-entropy" else {}
    check_training(page, spec | more | {"loss": loss, "batchSize": n // part, "steps": steps})


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(("activation", "width", "ridge"), [("relu", 64, 0.0), ("gelu", 64, 0.0), ("relu", 24, 0.05)])
def test_200_euler_steps_agree(page, kernels, activation, width, ridge):
    spec = settings_of(page, kernels, p=11, width=width, activation=activation, ridge=ridge)
    task, start = modular_addition(11, 0.7, seed=0), gaussian_embedding(11, width, seed=0)
    runs = []
    for order in orders(len(task.X_train), 2):
        velocity = FirstLayerDynamics(task.X_train[order], task.Y_train[order], activation, ridge)
        runs.append(integrate(velocity, start, [0, 0.2, 0.4], step=2e-3, progress=False))
    found = ask(page, "run", spec | {"kind": "isolated", "method": "euler", "step": 2e-3, "until": 0.4, "records": 2})
    assert found["kernels"] == kernels and found["evaluations"] == runs[0].evaluations == 200
    assert gap(found["weights"][0], runs[0].states[-1]) <= tolerance([run.states[-1] for run in runs])
    check_curves(found, [(E, velocity.readout(E)) for E in runs[0].states], task, activation)
    E = runs[0].states[-1]
    assert found["circle"]["k"] == leading_frequencies(E, 1)[0]
    assert gap(found["circle"]["points"], circle(E, found["circle"]["k"])) < AT_MOST
    assert gap(found["circle"]["strength"], feature_norms(fourier_features(E)).norm(dim=1)) < AT_MOST


def check_curves(found, states, task, activation):
    """Losses, accuracies and norms of all records, and the answers of the last."""
    curves, table = learning_curves(states, task, activation), np.array(found["curves"], dtype=float).T
    assert len(table[0]) == len(states)
    for mine, theirs in zip(table[1:3], curves[:2], strict=True):
        assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-20)
    assert (table[3] == curves.train_accuracy).all() and (table[4] == curves.test_accuracy).all()
    assert np.allclose(table[5:7].T, [[float(W.square().sum()) for W in state] for state in states], rtol=AT_MOST)
    for half, X in (("train", task.X_train), ("test", task.X_test)):
        assert found["answers"][half] == predict(*states[-1], X, activation).argmax(1).tolist()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(("activation", "width", "ridge"), [("gelu", 64, 0.0), ("tanh", 24, 0.1)])
def test_the_stabilised_flow_agrees_and_takes_as_many_evaluations(page, kernels, activation, width, ridge):
    spec = settings_of(page, kernels, p=11, width=width, activation=activation, ridge=ridge)
    task, start = modular_addition(11, 0.7, seed=0), gaussian_embedding(11, width, seed=0)
    runs = []
    for order in orders(len(task.X_train), 2):
        velocity = FirstLayerDynamics(task.X_train[order], task.Y_train[order], activation, ridge)
        runs.append(integrate(velocity, start, [0, 2], method="rkc", rtol=1e-3, progress=False))
    found = ask(page, "run", spec | {"kind": "isolated", "method": "rkc", "rtol": 1e-3, "until": 2})
    assert found["evaluations"] == runs[0].evaluations > 50
    assert found["products"] == runs[0].settings["products"]
    assert gap(found["weights"][0], runs[0].states[-1]) <= tolerance([run.states[-1] for run in runs])


TRAINING = {"p": 11, "width": 48, "fraction": 0.7, "activation": "relu", "seed": 1, "learningRate": 1.0}
TRAINING |= {"weightDecay": 1e-3, "loss": "mean", "steps": 200}


@pytest.mark.parametrize("kernels", KERNELS)
def test_200_steps_of_training_agree(page, kernels):
    """With momentum and batches; then plainly, with weight decay changed on the way."""
    spec = settings_of(page, kernels, **TRAINING)
    check_training(page, spec | {"momentum": 0.5, "batchSize": 15})
    changed = {"kind": "training", **spec, "marks": [100, 200], "change": {"at": 100, "weightDecay": 0.1}}
    found = ask(page, "run", changed)
    task, before = trained(spec, steps=100)
    _, after = trained(spec | {"weightDecay": 0.1}, start=before[-1], steps=100)
    assert gap(found["weights"][0], after[-1][0]) < AT_MOST and gap(found["weights"][1], after[-1][1].mT) < AT_MOST
    check_curves(found, [before[0], before[-1], after[-1]], task, "relu")
    _, unchanged = trained(spec)
    assert gap(found["weights"][0], unchanged[-1][0]) > 1e-3


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
@pytest.mark.parametrize(("activation", "loss"), [("relu", "mean"), ("gelu", "cross-entropy")])
def test_200_steps_of_adam_agree(page, kernels, optimiser, activation, loss):
    """Weight decay in the gradient and on the weights, from all pairs and from batches: each rule takes its own way."""
    spec = settings_of(page, kernels, **TRAINING) | {"learningRate": 0.01, "activation": activation, "loss": loss}
    spec |= {"optimiser": optimiser, "weightDecay": 0.5 if optimiser == "adamw" else 1e-3}
    ends = [check_training(page, spec | {"batchSize": size})["weights"][0] for size in (46, 15)]
    assert gap(*ends) > 1e-3
    other = next(rule for rule in OPTIMISERS[1:] if rule != optimiser)
    assert gap(ends[0], trained(spec | {"optimiser": other})[1][-1][0].flatten()) > 1e-3


def test_tangent_projection_and_cosine_agree(page):
    """P theta, and the cosine of the last ten steps with -P theta at their end."""
    spec = settings_of(page, **TRAINING | {"p": 7, "width": 32, "steps": 60, "activation": "tanh"})
    task, states = trained(spec, times=[0, 50, 60])
    directions = []
    for W1, W2 in states:
        space = TangentSpace(W1, W2, task.X_train, "tanh")
        directions.append(-space.project(space.theta))
    V1, V2 = split(-directions[0], *states[0])
    found = ask(page, "project", spec)
    assert gap(found[0], V1) < AT_MOST and gap(found[1], V2.mT) < AT_MOST
    step = join(*states[2]) - join(*states[1])
    expected = float(torch.cosine_similarity(step, directions[2], dim=0))
    found = ask(page, "run", {"kind": "training", **spec, "marks": [30, 60], "tangent": 1})
    assert found["curves"][-1][-1] == pytest.approx(expected, abs=1e-9)


def test_the_shortest_subgradient_is_that_of_a_bounded_least_squares_problem(page):
    """Also with more gates than numbers, with repeated gates, and where it is zero."""
    draw, problems = np.random.default_rng(0), []
    for k in range(60):
        p, m = draw.integers(1, 12), draw.integers(1, 40)
        ways = draw.normal(size=(m, p)) if k % 2 else 10 ** draw.uniform(-5, 0, (m, 1)) * draw.integers(0, 2, (m, p))
        start = -draw.uniform(size=m) @ ways if k % 3 == 0 else draw.normal(size=p)
        problems.append((start, ways))
    found = page.evaluate(
        "async (problems) => { const { leastNorm } = await import('/sliding.js');"
        " return problems.map(([start, ways]) => leastNorm(start, ways)); }",
        [[start.tolist(), ways.tolist()] for start, ways in problems],
    )
    for (start, ways), shortest in zip(problems, found, strict=True):
        gates = lsq_linear(ways.T, -start, (0, 1), method="bvls", tol=1e-12).x
        assert np.abs(start + gates @ ways - shortest).max() < AT_MOST * max(1, np.abs(start).max())


SLIDING = {"p": 7, "trainSize": 20, "width": 24, "activation": "relu", "seed": 3, "learningRate": 1.0}
SLIDING |= {"weightDecay": 1e-2, "look": 150, "epsilon": 0.05}


@pytest.mark.parametrize("more", [{}, {"seed": 4, "look": 300, "epsilon": 0.02}, {"activation": "leaky_relu"}])
def test_sliding_kinks_are_those_of_the_package(page, more):
    spec = settings_of(page, **SLIDING | more)
    task, look = modular_addition(7, train_size=20, seed=spec["seed"]), spec["look"]
    run = gradient_descent(
        task,
        width=24,
        activation=spec["activation"],
        weight_decay=1e-2,
        seed=spec["seed"],
        times=[0, *range(look - 19, look + 1), look + 40],
        progress=False,
    )
    *states, last = run.states[1:]
    ridge, found = ridge_from_weight_decay(1e-2, 20, 7), ask(page, "kinks", spec)
    slides = sliding_kinks(states, task.X_train, task.Y_train, ridge, spec["activation"], spec["epsilon"])
    near = sum((task.X_train @ W1).abs() <= spec["epsilon"] for W1, _ in states) == 20
    assert 0 < slides.sum() < near.sum()  # the rule holds some of those that are near
    assert found["at"] == [*range(look - 19, look + 41)]
    assert np.array_equal(np.reshape(found["slides"], slides.shape), slides.int())
    assert gap(found["Z"], task.X_train @ last[0]) < AT_MOST


PATHS = {"p": 7, "trainSize": 20, "width": 40, "activation": "softplus, beta 10", "seed": 0, "learningRate": 1.0}
PATHS |= {"weightDecay": 2e-3, "until": 0.1, "beside": ["projected", "ridge", "no ridge"], "step": 2e-3}
PATHS |= {"projectedStep": 0.02, "records": 4}


def four_paths(spec, task, sigma, order):
    """The package's paths, with the hidden units in another order and put back: states by name."""
    X, Y, times, decay = task.X_train, task.Y_train, np.linspace(0, spec["until"], 5), spec["weightDecay"]
    W1, W2 = default_weights(spec["p"], spec["width"], spec["p"], spec["seed"])
    quiet, steps = {"activation": sigma, "progress": False}, [round(2 * s / decay) for s in times]
    first = gradient_descent(task, start=(W1[:, order], W2[order]), weight_decay=0, steps=3000, **quiet).states[-1]
    start = retract(*first, X, Y, sigma)
    paths = {
        "training": gradient_descent(task, start=start, weight_decay=decay, times=steps, **quiet).states,
        "projected": projected_flow(start, X, Y, times, step=spec["projectedStep"], **quiet).states,
    }
    for name, ridge in (("ridge", ridge_from_weight_decay(decay, *Y.shape)), ("no ridge", 0.0)):
        flow = FirstLayerDynamics(X, Y, sigma, ridge)
        states = integrate(flow, start[0], 2 * times, step=spec["step"], progress=False).states
        paths[name] = [(E, flow.readout(E)) for E in states]
    back = order.argsort()
    return steps, {name: [(E[:, back], U[back]) for E, U in states] for name, states in paths.items()}


@pytest.mark.parametrize("sigma", [softplus(10), ACTIVATIONS["relu"]], ids=lambda sigma: sigma.name)
def test_four_paths_are_those_of_the_package(page, sigma):
    """From the memorising point on: training, the projected flow (eq. 28) and both isolated flows (eqs 16, 17, 20)."""
    spec = settings_of(page, **PATHS | {"activation": sigma.name, "projectedStep": 5e-3 if sigma.kink else 0.02})
    task, found = modular_addition(7, train_size=20, seed=0), ask(page, "paths", spec)
    runs = [four_paths(spec, task, sigma, order) for order in orders(40, 2)]
    steps, paths = runs[0]
    assert found["steps"] == 3000 + steps[-1] and np.allclose(found["times"], np.linspace(0, 0.1, 5))
    outputs = {name: [predict(*state, task.X_test, sigma) for state in states] for name, states in paths.items()}
    layers = iter(found["weights"])
    for name, states in paths.items():
        for which in (0, 1):
            ends = [run[name][-1][which].T if which else run[name][-1][0] for _, run in runs]
            assert gap(next(layers), ends[0]) <= tolerance(ends), name
        for row, state, output, other in zip(
            found["paths"][name], states, outputs[name], outputs["training"], strict=True
        ):
            distance = float((output - other).norm()) / len(output) ** 0.5
            norms = [float(layer.square().sum()) for layer in state]
            expected = [accuracy(output, task.labels_test), distance, *norms]
            assert row == pytest.approx(expected, rel=AT_MOST, abs=AT_MOST)


def test_the_size_of_figure_6(page):
    """p = 37, width 512: 492 samples, almost singular."""
    spec = settings_of(page, p=37, width=512, activation="relu", ridge=0.0)
    check_velocity(page, spec)
    task, start = modular_addition(37, 0.7, seed=0), gaussian_embedding(37, 512, seed=0)
    velocity = FirstLayerDynamics(task.X_train, task.Y_train)
    run = integrate(velocity, start, [0, 0.2], step=1e-3, progress=False)
    found = ask(page, "run", spec | {"kind": "isolated", "method": "euler", "step": 1e-3, "until": 0.2, "records": 1})
    assert found["evaluations"] == 200 and gap(found["weights"][0], run.states[-1]) < 1e-7
    curves = learning_curves([(run.states[-1], velocity.readout(run.states[-1]))], task)
    assert found["curves"][-1][4] == curves.test_accuracy[0]


# File of the engine, its text, the broken one.
MUTANTS = {
    "sign of the velocity": ("isolated.mjs", "V[i] = -W[i]", "V[i] = W[i]"),
    "no weight decay in the product": ("isolated.mjs", "out[i] = -V[i]", "out[i] = 0"),
    "transposition": (
        "isolated.mjs",
        "kernels.rows(W2, H1, B1, p, width, n)",
        "kernels.product(W2, H1, B1, p, width, n)",
    ),
    "no slope": ("data.mjs", "S ? G[o] * S[o] : G[o]", "G[o]"),
    "no bend": ("isolated.mjs", "kernels.scatter(pairs, Z1, out, width, bend)", "Z1[0]"),
    "narrow: the ridge": ("isolated.mjs", "(M[i] - P[i]) / ridge", "M[i] - P[i]"),
    "narrow: N is used up": (
        "isolated.mjs",
        "if (this.narrow) kernels.product(B, H1",
        "if (false) kernels.product(B, H1",
    ),
    "cost": ("isolated.mjs", "let sum = squaredNorm(W)", "let sum = 2 * squaredNorm(W)"),
    "singular": ("isolated.mjs", "> Math.max(n, width) * 2 ** -52 * largest", "!== 0"),
    "gather one number": ("data.mjs", "V[a++] + V[b++]", "V[a++] + V[a - 1]"),
    "rounding of halves": ("data.mjs", "2 * Math.round(x / 2)", "Math.round(x)"),
    "leak": ("activations.mjs", "const LEAK = 0.1", "const LEAK = 0.01"),
    "slope of GELU": ("activations.mjs", "cdf + z * density", "cdf"),
    "the generator": ("random.mjs", "0x9d2c5680", "0x9d2c5600"),
    "seed of the power iteration": ("run.mjs", "new Generator(0)", "new Generator(1)"),
    "damping": ("chebyshev.mjs", "DAMPING = 2 / 13", "DAMPING = 2 / 12"),
    "controller": ("chebyshev.mjs", "last = [h, error]", "last = [h, 1]"),
    "length of Euler's steps": ("flow.mjs", "eta = (end - now) / left", "eta = 0.9 * step"),
    "mean or sum": ("train.mjs", "mean: (n, p) => 1 / (n * p)", "mean: (n, p) => 1 / n"),
    "mean of the cross-entropy": (
        "train.mjs",
        '"cross-entropy": (n) => 1 / n',
        '"cross-entropy": (n, p) => 1 / (n * p)',
    ),
    "soft labels": ("model.mjs", "row[c] / sum - smoothing / p", "row[c] / sum - smoothing / (p - 1)"),
    "size of a batch": ("train.mjs", "* n) / size", "* n) / n"),
    "order of the batches": (
        "train.mjs",
        "const order = draw.permutation(n);",
        "const order = draw.permutation(n).reverse();",
    ),
    "momentum": ("train.mjs", "momentum * v[i]", "(1 - momentum) * v[i]"),
    "weight decay of a step": ("train.mjs", "G[i] + decay * W[i]", "G[i] + 2 * decay * W[i]"),
    "bias correction": ("train.mjs", "c2 = 1 - B2 ** k", "c2 = 1"),
    "bias correction of the mean": ("train.mjs", "* u[i]) / c1", "* u[i])"),
    "epsilon": ("train.mjs", "/ c2) + EPSILON", "/ c2 + EPSILON)"),
    "decay of AdamW in the gradient": ("train.mjs", "coupled = decoupled ? 0 : decay", "coupled = decay"),
    "decay of AdamW without the rate": ("train.mjs", "1 - learningRate * decay", "1 - decay"),
    "decay of Adam on the weights": ("train.mjs", "adam: adam(false)", "adam: adam(true)"),
    "count of a step": ("train.mjs", "this, this.count)", "this, 1)"),
    "start of the readout": ("model.mjs", "W2[c * width + h] = ", "W2[h * p + c] = "),
    "factor two of the gradient": ("model.mjs", "R[i] *= 2", "R[i] *= 1"),
    "loss": ("model.mjs", "undefined ? n * p : n)", "undefined ? n : n)"),
    "cross-entropy of soft labels": ("model.mjs", "(smoothing / p) * total(row)", "smoothing * total(row)"),
    "answers": ("model.mjs", "return best - from", "return best"),
    "circle": ("fourier.mjs", "Math.sin(", "-Math.sin("),
    "tangent projection": ("manifold.mjs", "U[i] = -U[i]", "U[i] = U[i]"),
    "rows that share a number": ("manifold.mjs", "(a === d) + ", ""),
    "direction": ("manifold.mjs", "xy += V[i] * other", "xy -= V[i] * other"),
    "gates that push down": ("sliding.mjs", "<= epsilon && v > 0", "<= epsilon"),
    "weight decay of a subgradient": ("sliding.mjs", "(w) => ridge * w", "(w) => 0 * w"),
    "corner of the subgradients": ("sliding.mjs", "dot(way, y) < 0", "dot(way, y) > 0"),
    "shares of a mean": ("sliding.mjs", "(x) => x / sum", "(x) => x"),
    "past of a kink": ("sliding.mjs", "meanZ[o] += z / PAST", "meanZ[o] = z"),
    "half a step": ("walks.mjs", "this.moved(W, W, -h, M)", "this.moved(W, W, -2 * h, M)"),
    "back to the manifold": ("walks.mjs", "U[label(pairs, i, p) * n + i] -= 1", "U[label(pairs, i, p) * n + i] -= 2"),
    "clock of training": ("walks.mjs", "evenRound((2 * end) / weightDecay)", "evenRound(end / weightDecay)"),
    "clock of the isolated flow": ("walks.mjs", "W, 2 * end, step, 2 * from", "W, end, step, from"),
    "ridge of a path": (
        "walks.mjs",
        "isolatedPath(ridgeFromWeightDecay(weightDecay",
        "isolatedPath(2 * ridgeFromWeightDecay(weightDecay",
    ),
    "sharpness of softplus": ("activations.mjs", "softplus(10)", "softplus(9)"),
    "diagonal of the kernel": ("kernels.mjs", "K[i * n + i] += ridge", "K[i * n + i] += 0"),
    "a triangular solve": (
        "kernels.mjs",
        "for (let t = i; t < c; t++) B[r * n + t] -=",
        "for (let t = i; t < c; t++) B[r * n + t] +=",
    ),
}


def quick_check(page, engine="/engine.js"):
    """A little of everything, with plain kernels: what the engine answers, by name, flat."""
    answers = {}
    small = {"p": 7, "fraction": 0.375, "seed": 3, "plain": True}  # 10.5 of 28 pairs
    for activation, width, ridge in (("gelu", 24, 0.0), ("leaky_relu", 24, 0.0), ("gelu", 6, 0.1)):
        spec = small | {"activation": activation, "width": width, "ridge": ridge}
        answers |= {f"{activation} {width} {key}": v for key, v in ask(page, "velocity", spec, engine).items()}
        flow = spec | {"kind": "isolated", "until": 0.2, "step": 0.03, "rtol": 1e-2, "records": 1}
        for method in ("euler", "rkc"):
            answers |= {
                f"{activation} {width} {method} {k}": v
                for k, v in ask(page, "run", flow | {"method": method}, engine).items()
            }
    answers |= {f"start {key}": value for key, value in ask(page, "start", small | {"width": 24}, engine).items()}
    spec = small | {"kind": "training", "activation": "tanh", "width": 24, "tangent": 1, "batchSize": 4, "steps": 12}
    spec |= {"learningRate": 0.1, "weightDecay": 0.1, "momentum": 0.7, "records": 2}
    answers |= {f"training {key}": value for key, value in ask(page, "run", spec, engine).items()}
    soft = spec | {"loss": "cross-entropy", "smoothing": 0.1, "tangent": 0}
    answers |= {f"soft labels {key}": value for key, value in ask(page, "run", soft, engine).items()}
    for rule in ("adam", "adamw"):
        adaptive = spec | {"optimiser": rule, "momentum": 0, "tangent": 0, "learningRate": 1e-5}  # epsilon is seen
        answers |= {f"{rule} {key}": value for key, value in ask(page, "run", adaptive, engine).items()}
    answers["projection"] = ask(page, "project", spec, engine)
    answers |= {f"kinks {key}": value for key, value in ask(page, "kinks", SLIDING | {"plain": True}, engine).items()}
    walks = ask(page, "paths", PATHS | {"plain": True, "until": 0.02, "records": 1, "weightDecay": 4e-3}, engine)
    answers |= {f"paths {key}": walks[key] for key in ("times", "weights", "steps")} | walks["paths"]
    answers["singular"] = ask(page, "refuse", small | FLOW | {"activation": "identity"}, engine)
    return answers


def broken(key):
    """Where the mutant of that number is served."""
    return f"/{key}/engine.mjs"


def same(one, other):
    """Whether two answers are the same to nine digits, of the size of their largest entry."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and one and isinstance(one[0], list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, list) and None not in one:
        return len(one) == len(other) and np.allclose(one, other, rtol=0, atol=AT_MOST * np.abs(one).max(initial=1e-9))
    return one == other


FLOW = {"kind": "isolated", "p": 7, "width": 32, "fraction": 0.7, "activation": "relu", "ridge": 0.0, "seed": 0}
FLOW |= {"method": "euler", "step": 1e-2, "until": 0.1}
DESCENT = {"kind": "training", **TRAINING}


def said(spec):
    """What the package says of a spec it refuses."""
    with pytest.raises(ValueError) as refused:
        if spec["kind"] == "training":
            trained(spec)
        else:
            task = modular_addition(spec["p"], spec["fraction"], seed=spec["seed"])
            start = gaussian_embedding(spec["p"], spec["width"], seed=spec["seed"])
            velocity = FirstLayerDynamics(task.X_train, task.Y_train, spec["activation"], spec["ridge"])
            steps = {"step": spec["step"]} if spec["method"] == "euler" else {"method": "rkc", "rtol": spec["rtol"]}
            times = np.arange(round(spec["until"] / spec["step"]) + 1) * spec["step"]
            integrate(velocity, start, times, progress=False, **steps)
    return str(refused.value)


@pytest.mark.parametrize(
    "spec",
    [
        FLOW | {"p": 1},
        FLOW | {"width": 0},
        FLOW | {"seed": -1},
        FLOW | {"seed": 2**32},
        FLOW | {"fraction": 1.5},
        FLOW | {"fraction": 0.01},
        FLOW | {"activation": "sine"},
        FLOW | {"ridge": -1},
        FLOW | {"width": 19},
        FLOW | {"activation": "identity"},
        FLOW | {"step": -1},
        FLOW | {"activation": "quadratic", "step": 10.0, "until": 2e4},
        DESCENT | {"learningRate": 0},
        DESCENT | {"weightDecay": -1},
        DESCENT | {"momentum": 1},
        DESCENT | {"optimiser": "lion"},
        DESCENT | {"optimiser": "adamw", "momentum": 0.9},
        DESCENT | {"batchSize": 100},
        DESCENT | {"loss": "huber"},
        DESCENT | {"smoothing": 0.1},
        DESCENT | {"loss": "cross-entropy", "smoothing": 1},
        DESCENT | {"steps": 0},
    ],
    ids=lambda spec: f"{spec['kind']}-{dict(sorted(spec.items() - FLOW.items() - DESCENT.items()))}",
)
def test_bad_choices_get_the_words_of_the_package(page, spec):
    found, expected = ask(page, "refuse", spec), said(spec)
    if "activation" in expected and "known" in expected:
        expected = expected.split(", or one of your own")[0]  # a page takes no function
    assert found == expected


def test_steps_that_diverge_are_called_that(page):
    """Euler's method far above its limit, and training."""
    for spec in (FLOW | {"step": 1e3, "until": 1e6, "ridge": 0.1}, DESCENT | {"learningRate": 1e4}):
        found = ask(page, "refuse", spec)
        assert re.search(r"not finite \(NaN or infinity\): the step was too large: try a smaller one", found), found


LISTEN = """
async ([specs, stop]) => {
  const { Engine } = await import("/engine.js"), engine = new Engine(new URL("/engine.js", location.href)), heard = [];
  const ended = await new Promise((resolve) => {
    specs.forEach((spec, run) =>
      engine.run(spec, (message) => {
        heard.push({ run, ...message });
        if (stop && message.stage > 2) engine.stop();
        if (["done", "stopped", "error"].includes(message.type)) resolve(message);
      }),
    );
  });
  engine.close();
  const brief = ({ run, type, now, stage, stages }) => ({ run, type, now, stage, stages });
  return { heard: heard.map(brief), ended: { ...ended, weights: ended.weights?.map((W) => [...W]) } };
}
"""


def test_of_twenty_quick_changes_the_last_is_heard(page):
    """In a worker of its own; the weights that come back are those of the run."""
    specs = [FLOW | {"seed": seed, "until": 50 if seed < 19 else 0.5} for seed in range(20)]
    told = page.evaluate(LISTEN, [specs, False])
    assert {message["run"] for message in told["heard"]} == {19}
    assert told["heard"][0]["type"] == "begun" and told["ended"]["type"] == "done"
    direct = ask(page, "run", specs[19])
    assert told["ended"]["weights"] == direct["weights"]


def test_stop_is_heard_between_the_stages_of_a_step(page):
    spec = FLOW | {"p": 19, "width": 160, "method": "rkc", "rtol": 0.1, "until": 100, "activation": "gelu"}
    told = page.evaluate(LISTEN, [[spec], True])
    asked = next(i for i, message in enumerate(told["heard"]) if (message["stage"] or 0) > 2)
    *late, stopped = told["heard"][asked + 1 :]
    assert stopped["type"] == "stopped" and told["ended"]["now"] < 100
    assert told["heard"][asked]["stages"] >= told["heard"][asked]["stage"]
    assert len(late) <= 3  # what was told before the wish arrived
    assert len(told["ended"]["weights"][0]) == 19 * 160


def test_two_engines_do_not_disturb_each_other(page):
    specs = [FLOW | {"seed": seed} for seed in (1, 2)]
    both = page.evaluate(f"(specs) => Promise.all(specs.map((spec) => ({LISTEN})([[spec], false])))", specs)
    for spec, told in zip(specs, both, strict=True):
        assert told["ended"]["weights"] == ask(page, "run", spec)["weights"]


def test_without_webassembly_plain_javascript_takes_over(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate("delete globalThis.WebAssembly")
    found = ask(page, "run", FLOW)
    page.close()
    assert found["kernels"] == "plain JavaScript"


def test_what_is_built_is_built_from_these_sources():
    """``make live`` writes the SHA-256 of its sources into what it builds."""
    names = ["build.mjs", "package-lock.json"]
    for folder, ends in (("engine", (".mjs", ".ts")), ("faces", (".mjs",)), ("parts", (".mjs", ".css"))):
        names += sorted(f"{folder}/{file.name}" for file in (SOURCES / folder).glob("*") if file.suffix in ends)
    digest = hashlib.sha256(b"".join(f"{name}\n".encode() + (SOURCES / name).read_bytes() for name in names))
    built = list(BUILT.glob("*.js"))
    assert built
    for file in built:
        assert digest.hexdigest() in file.read_text().split("\n", 1)[0], f"{file.name} is older: make live"


def test_the_lock_file_names_exact_versions_and_no_registry():
    lock, package = (json.loads((SOURCES / name).read_text()) for name in ("package-lock.json", "package.json"))
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())
    assert lock["packages"][""]["devDependencies"] == package["devDependencies"]
    others = [entry for name, entry in lock["packages"].items() if name]
    assert others and all("resolved" not in entry and entry["integrity"] for entry in others)


def test_the_engine_is_small():
    """Bytes gzipped: what every run fetches, with what only some of them do; with the laboratory 25 KB are allowed."""
    assert len(gzip.compress((BUILT / "engine.js").read_bytes(), 9)) < 13_000
    assert sum(len(gzip.compress((BUILT / part).read_bytes(), 9)) for part in PARTS) < 19_000


def test_mutants_of_the_engine_are_caught(page):
    """Each mutant, served from the sources with one text changed, gives another answer to the quick check than the
    engine, whose answers the tests above hold against the package."""
    expected = quick_check(page)
    Pages.mutants = {"0": ("", "", "")} | {str(k): mutant for k, mutant in enumerate(MUTANTS.values(), 1)}
    assert same(quick_check(page, broken(0)), expected)
    for file, old, _ in MUTANTS.values():
        assert (SOURCES / "engine" / file).read_text().count(old) == 1, old
    survivors = []
    for key, name in enumerate(MUTANTS, 1):
        try:
            if same(quick_check(page, broken(key)), expected):
                survivors.append(name)
        except Exception as error:  # a mutant that cannot run is caught
            assert not re.search("ReferenceError|SyntaxError", str(error)), (name, error)
    assert survivors == []
