"""The faces that compute in the page: their numbers are the package's, and they behave on the page."""

import gzip
import importlib.resources
import os
import re
import threading
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
import torch
from conftest import QuietHandler
from pages import AUDIT, GRAVE, OVERHANG, TAGS

from grokutil.activations import ACTIVATIONS
from grokutil.adders import polygons, polygons_norm2
from grokutil.constraints import SingularPointError, ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.destinations import destination
from grokutil.figures.plot import circle_order
from grokutil.fourier import circle, fourier_features
from grokutil.gradient_flow import fall, slow_flow, training_flow
from grokutil.isolated import FirstLayerDynamics, SingularKernelError
from grokutil.measure import accuracy, crossing_time, learning_curves
from grokutil.model import default_weights, gaussian_embedding, predict
from grokutil.toy import descend, parabola_coefficient
from grokutil.train import gradient_descent
from grokutil.widgets import destinations, four_paths, kink_explorer, margins, orthogonality, phases, toy_descent
from grokutil.widgets.valley import TIMES, VALLEYS

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Faces</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main>
<h1>Faces</h1>{boxes}</main><script src="/live.js"></script><script src="/widgets.js"></script></body></html>"""
SMALL = {"p": 7, "width": 40, "activation": "gelu", "ridge": 0.1, "step": 0.01, "until": 0.25, "seed": 3}
SHORT = {"p": 7, "trainSize": 20, "width": 30, "steps": 300, "seed": 2, "learningRate": 0.5}
ENDED = "() => window.face.result()?.type && !window.face.running() && window.face.result().type !== 'progress'"
# Twenty seeds, and Run after each, quicker than a reader is.
TWENTY = """async () => {
    const seed = document.querySelector("input[name=seed]"), buttons = [...document.querySelectorAll("button")];
    for (let k = 0; k < 20; k++) {
        seed.value = k;
        seed.dispatchEvent(new Event("input"));
        buttons.find((button) => button.textContent === "Run").click();
        await new Promise((later) => setTimeout(later, 20));
    }
}"""
LABELS = """(box) => [...box.querySelectorAll("svg[role=img]:not([hidden]), canvas")].map((image) => image.ariaLabel)"""


class Handler(QuietHandler):
    """The scripts of the book, and pages with the boxes of the faces that the address names."""

    def do_GET(self):
        names = re.fullmatch(r"/page/([\w+]+)", self.path)
        if not names:
            return super().do_GET()
        boxes = "".join(f'<div class="needs-kernel live-{name}">kernel</div>' for name in names[1].split("+"))
        body = PAGE.format(boxes=boxes).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def scripts(root):
    """The address of the book's scripts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=root / "book" / "static")) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture
def open_page(browser, scripts):
    """Open a page of faces; at its end nothing has gone wrong, and nobody else was asked for anything."""
    pages, faults, ours = [], [], (scripts, "data:", "blob:")

    def open_page(address, broken="", **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith(ours) or faults.append(request.url))
        if broken:
            page.route(f"**/live/{broken}.js", lambda route: route.abort())
        page.goto(f"{scripts}/page/{address}")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert faults == []


def mounted(page, name, values):
    """A face with settings of its own, run to its end: its result, arrays as lists."""
    page.evaluate(
        """async ([name, values]) => {
            const face = await import(`../live/${name}.js`), place = document.createElement("div");
            document.querySelector("main").append(place);
            window.face = face.mount(place, values);
        }""",
        [name, values],
    )
    return finished(page)


def brought_back(open_page, page, name):
    """What a face says when the link to its run has brought that back."""
    link = page.get_by_role("link", name="link to this run").get_attribute("href")
    again = open_page(name + link[link.index("#") :])
    again.wait_for_function("document.querySelector('.status')?.textContent.startsWith('Done')", timeout=60_000)
    again.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    return again.locator(".live-face").evaluate(LABELS)


def finished(page):
    page.wait_for_function(ENDED, timeout=120_000, polling=50)  # by the clock: pictures may be held back
    return page.evaluate(
        """() => {
            const { weights, records, now, type } = window.face.result();
            const plain = (half) => ({ ...half, answers: [...half.answers] });
            return { type, now, weights: weights.map((W) => [...W]),
                     records: records.map((r) => ({ ...r, train: plain(r.train), test: plain(r.test) })) };
        }"""
    )


def run_in_python(page, index=-1):
    """What the code that the page offers computes."""
    code = page.locator(".share code").nth(index).text_content()
    names = {}
    exec(code, names)
    return names


def far(found, expected):
    found, expected = np.ravel(found), np.ravel(expected)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setitem(os.environ, "TQDM_DISABLE", "1")


class TestValley:
    @pytest.mark.parametrize(
        ("shape", "valley", "start", "ridge"),
        [("parabola", "y = x²", (1.1, 2.3), 0.1), ("hyperbola", "w₁ w₂ = 1", (2.3, 1.1), 0.3)],
    )
    def test_its_paths_are_the_package_s(self, open_page, shape, valley, start, ridge):
        page = open_page("none")
        found = page.evaluate(
            "async (given) => (await import('../live/valley.js')).run(...given)", [shape, list(start), ridge]
        )
        Z, theta = VALLEYS[valley].manifold(), torch.tensor(start, dtype=torch.float64)
        some = [0, 20, 60, 100, 160]
        training = training_flow(Z, theta, ridge, TIMES[some]).states
        landed = fall(Z, theta, [0, 60], rtol=1e-8).states[-1]
        slow = slow_flow(Z, landed, TIMES[some]).states
        assert np.abs(np.array(found["training"])[some] - torch.stack(training).numpy()).max() < 1e-6
        assert np.abs(np.array(found["slow"])[some] - torch.stack(slow).numpy()).max() < 1e-6
        for k in some[1:]:
            at, state = found["at"][k], torch.tensor(found["training"][k], dtype=torch.float64)
            assert at["mu"] == pytest.approx(float(Z.multiplier(state)), rel=1e-12)
            np.testing.assert_allclose(at["sum"], -Z.loss_gradient(state, ridge), rtol=1e-9, atol=1e-12)
            assert at["e"] == pytest.approx(float(Z.residual(state) + ridge * Z.multiplier(state)), abs=1e-12)

    def test_a_singular_start_gets_the_package_s_sentence(self, open_page):
        page = open_page("none")
        page.evaluate(
            """async () => (await import("../live/valley.js")).mount(document.querySelector("main"),
                { shape: "crossing", x: 0, y: 0, ridge: 0.1 })"""
        )
        Z = ZeroLossManifold(lambda w: (w[0] * w[1])[None], torch.zeros(1, dtype=torch.float64))
        with pytest.raises(SingularPointError) as caught:
            Z.multiplier(torch.zeros(2, dtype=torch.float64))
        page.wait_for_selector(".status:not(:empty)")
        assert page.locator(".status").inner_text() == str(caught.value)

    def test_mouse_and_keyboard_move_the_point_and_the_code_follows(self, open_page):
        page = open_page("valley")
        said = page.locator(".status")
        page.wait_for_function("document.querySelector('.status')?.textContent.startsWith('At s')")
        before = said.inner_text()
        page.get_by_label("start x").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(text) => document.querySelector('.status').textContent !== text", arg=before)
        assert "start, ridge = torch.tensor([1.11, 2.3]" in page.locator(".share code").text_content()
        box = page.locator(".handle circle").last.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] - 60, middle[1] + 20, steps=4)
        page.mouse.up()
        values = re.findall(r"tensor\(\[([-\d.]+), ([-\d.]+)\]", page.locator(".share code").text_content())[0]
        assert float(values[0]) < 0.9 and float(values[1]) < 2.3
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("document.querySelector('.status').textContent.startsWith('At s = 2 ')")
        names = run_in_python(page)
        shown = re.search(r"weights are \(([-\d.e]+), ([-\d.e]+)\)", said.inner_text())
        assert [float(x) for x in shown.groups()] == pytest.approx(names["training"].tolist(), rel=5e-3, abs=1e-9)


class TestDescent:
    @pytest.mark.parametrize("landscape", toy_descent.LANDSCAPES)
    def test_its_path_is_the_package_s(self, open_page, landscape):
        page = open_page("none")
        choice = {"landscape": landscape, "x": -1, "y": 1.5, "ridge": 0.02, "rate": 0.1, "count": 300}
        page.evaluate(
            """async (values) => {
                window.face = (await import("../live/descent.js")).mount(document.querySelector("main"), values);
            }""",
            choice,
        )
        page.wait_for_function("() => window.face.result()")
        path = np.reshape(page.evaluate("() => window.face.result().path"), (-1, 2))
        scene = toy_descent.LANDSCAPES[landscape]
        expected = descend(lambda w: scene.gradient(w, 0.02), (-1, 1.5), 0.1, 300)
        np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(run_in_python(page)["path"], expected, rtol=1e-12, atol=1e-12)
        low = toy_descent.first_low(scene.loss(expected))
        assert f"train loss is below 0.05 from step {low}" in page.locator(".status").inner_text()

    def test_a_path_that_runs_away_gets_the_package_s_sentence(self, open_page):
        page = open_page("none")
        page.evaluate(
            """async () => (await import("../live/descent.js")).mount(document.querySelector("main"),
                { landscape: "line", x: -1, y: 1, ridge: 0.01, rate: 0.562, count: 3000 })"""
        )
        with pytest.raises(ValueError, match="overshoots") as caught:
            list(toy_descent.compute(-1, 1, 0.01, 0.562, "line", 3000))
        page.wait_for_selector(".status:not(:empty)")
        assert page.locator(".status").inner_text() == str(caught.value)


class TestLaboratory:
    @pytest.mark.parametrize("more", [{}, {"method": "rkc", "rtol": 1e-3}, {"reading": "variance", "plain": True}])
    def test_its_run_is_the_package_s(self, open_page, more):
        page = open_page("none")
        found = mounted(page, "laboratory", SMALL | more)
        names = run_in_python(page)
        task, E = names["task"], names["E"]
        assert found["type"] == "done" and far(found["weights"][0], E) < 1e-9
        readout, last = names["velocity"].readout(E), found["records"][-1]
        output = predict(E, readout, task.X_test, "gelu")
        assert last["test"]["accuracy"] == accuracy(output, task.labels_test)
        assert last["test"]["answers"] == output.argmax(1).tolist()
        norms = [float(W.square().sum()) for W in (E, readout)]
        assert last["norms"] == pytest.approx(norms, rel=1e-9)

    def test_it_offers_the_activations_of_the_package(self, open_page):
        page = open_page("none")
        page.evaluate("async () => { (await import('../live/laboratory.js')).mount(document.querySelector('main')); }")
        assert page.get_by_label("activation").locator("option").all_inner_texts() == list(ACTIVATIONS)

    def test_a_link_brings_the_run_back(self, open_page):
        page = open_page("none")
        mounted(page, "laboratory", SMALL)
        assert brought_back(open_page, page, "laboratory") == page.locator(".live-face").evaluate(LABELS)

    def test_a_bad_choice_gets_the_package_s_sentence(self, open_page):
        page = open_page("none")
        mounted(page, "laboratory", SMALL)
        task = modular_addition(7, 0.7, seed=3)
        with pytest.raises(SingularKernelError) as caught:
            FirstLayerDynamics(task.X_train, task.Y_train)(gaussian_embedding(7, 10, seed=3))
        page.get_by_label("width").fill("10")
        page.get_by_label("weight decay λ").fill("0")
        assert page.locator(".status").inner_text() == str(caught.value)
        assert page.get_by_role("button", name="Run").is_disabled()

    def test_stop_keeps_what_was_computed_and_the_last_of_twenty_wishes_wins(self, open_page):
        page = open_page("none")
        mounted(page, "laboratory", SMALL)
        page.get_by_label("until s").fill("5000")
        page.get_by_role("button", name="Run").click()
        page.wait_for_function("() => window.face.result()?.type === 'progress'")
        page.get_by_role("button", name="Stop").click()
        stopped = finished(page)
        assert stopped["type"] == "stopped" and 0 < stopped["now"] < 5000 and stopped["records"]
        assert page.locator(".status").inner_text().startswith("Stopped; what is shown")
        page.get_by_label("until s").fill("0.25")
        page.evaluate(TWENTY)
        page.wait_for_function("() => document.querySelector('.status').textContent.startsWith('Done')", timeout=60_000)
        assert far(finished(page)["weights"][0], run_in_python(page)["E"]) < 1e-9
        assert "gaussian_embedding(7, 40, seed=19" in page.locator(".share code").text_content()

    def test_two_of_them_do_not_disturb_each_other(self, open_page):
        page = open_page("laboratory+laboratory")
        page.wait_for_function("document.querySelectorAll('.live-face').length === 2")
        for face, seed in zip(page.locator(".live-face").all(), ("4", "5"), strict=True):
            choice = {"modulus p": "7", "width": "40", "until s": "0.25", "step η": "0.01", "seed": seed}
            for label, value in choice.items():
                face.get_by_label(label, exact=True).fill(value)
            face.get_by_role("button", name="Run").click()
        page.wait_for_function(
            "[...document.querySelectorAll('.status')].filter((p) => /^Done: 50 eval/.test(p.textContent)).length === 2"
        )
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        for index, face in enumerate(page.locator(".live-face").all()):
            names = run_in_python(page, index)
            norm = float(names["E"].square().sum())
            label = face.evaluate(LABELS)[1]
            assert float(re.search(r"layer 1 ([\d.]+)", label)[1]) == pytest.approx(norm, rel=5e-3)

    def test_a_start_does_what_its_name_says(self, open_page):
        """Accuracy on training and test pairs: above 0.9 where 1 is expected, else below 0.5."""
        page = open_page("none")
        page.evaluate(HELD)  # pictures are not what is asked for
        starts = {
            "laboratory": {
                "memorises only: tanh": (1, 0),
                "memorises only: too few pairs": (1, 0),
                "too much decay": (0, 0),
                "small, for a phone": (1, 1),
            },
            "training": {
                "groks: AdamW": (1, 1),
                "memorises only: hardly any decay": (1, 0),
                "too much decay": (0, 0),
                "small, for a phone": (1, 1),
            },
        }
        for face, expected in starts.items():
            mounted(page, face, {"p": 5, "width": 20, "trainSize": 9, "steps": 10, "until": 0.01, "isolated": "no"})
            box = page.locator(f"[data-face={face}]")
            for start, right in expected.items():
                box.get_by_label("start from").select_option(start)
                box.get_by_role("button", name="Run", exact=True).click()
                last = finished(page)["records"][-1]
                for half, one in zip(("train", "test"), right, strict=True):
                    assert last[half]["accuracy"] > 0.9 if one else last[half]["accuracy"] < 0.5, (face, start)


class TestTraining:
    def test_its_run_is_the_package_s_also_when_weight_decay_changes_on_the_way(self, open_page):
        page = open_page("none")
        found = mounted(page, "training", SHORT | {"changes": "100:0.01", "isolated": "no"})
        run = run_in_python(page)["run"]
        W1, W2 = run.states[-1]
        assert far(found["weights"][0], W1) < 1e-9 and far(found["weights"][1], W2.T) < 1e-9
        curves = learning_curves([(W1, W2)], modular_addition(7, train_size=20, seed=2))
        last = found["records"][-1]
        for half in ("train", "test"):
            assert last[half]["loss"] == pytest.approx(getattr(curves, f"{half}_loss")[0], rel=1e-9)
            assert last[half]["accuracy"] == getattr(curves, f"{half}_accuracy")[0]

    @pytest.mark.parametrize("optimiser", ["adam", "adamw"])
    def test_adam_is_the_package_s_too_and_a_link_brings_it_back(self, open_page, optimiser):
        page = open_page("none")
        found = mounted(page, "training", SHORT | {"optimiser": optimiser, "learningRate": 0.01, "log": -0.5})
        assert f'optimiser="{optimiser}"' in page.locator(".share code").text_content()
        W1, W2 = run_in_python(page)["run"].states[-1]
        assert far(found["weights"][0], W1) < 1e-9 and far(found["weights"][1], W2.T) < 1e-9
        for hidden in ("momentum", "beside it"):
            assert not page.get_by_label(hidden).is_visible()
        assert page.locator(".charts > svg").nth(3).is_hidden()  # its direction is not -P theta
        assert brought_back(open_page, page, "training") == page.locator(".live-face").evaluate(LABELS)

    def test_an_optimiser_brings_its_usual_rates_and_bad_ones_get_the_package_s_sentence(self, open_page):
        page = open_page("none")
        mounted(page, "training", SHORT | {"isolated": "no"})
        page.get_by_label("optimiser").select_option("AdamW")
        rate = page.get_by_label("learning rate η")
        assert rate.input_value() == "0.001" and page.get_by_label("weight decay").input_value() == "0"
        code = page.locator(".share code").text_content()
        assert "weight_decay=1," in code and 'optimiser="adamw"' in code and "momentum" not in code
        page.get_by_text("A grid of runs").click()
        page.get_by_text("30 runs of 10000 steps").wait_for()
        assert page.locator(".grid tbody th").all_inner_texts() == ["0.01", "0.1", "0.3", "1", "3"]
        rate.fill("-1")
        with pytest.raises(ValueError, match="learning_rate must be positive") as caught:
            gradient_descent(modular_addition(7, train_size=20), optimiser="adamw", learning_rate=-1, steps=1)
        assert page.locator(".status").inner_text() == str(caught.value)

    def test_a_change_during_the_run_is_in_its_link_and_its_code(self, open_page):
        page = open_page("none")
        page.evaluate(
            """async (values) => {
                window.face = (await import("../live/training.js")).mount(document.querySelector("main"), values);
            }""",
            SHORT | {"steps": 20_000, "width": 320, "isolated": "no"},  # long enough to be changed on its way
        )
        page.wait_for_function("() => window.face.result()?.type === 'progress' && window.face.result().now > 0")
        page.get_by_label("weight decay").fill("-3")
        found = finished(page)
        code = page.locator(".share code").text_content()
        step = int(re.search(r"weight_decay=0.001, times=\[(\d+), 20000\]", code)[1])
        assert 0 < step < 20_000 and found["records"][-1]["weightDecay"] == 0.001
        assert f"changes={step}%3A0.001" in page.get_by_role("link").get_attribute("href")
        assert far(found["weights"][0], run_in_python(page)["run"].states[-1][0]) < 1e-6

    def test_what_the_network_says_is_what_it_computes(self, open_page):
        page = open_page("none")
        mounted(page, "training", SHORT | {"isolated": "no"})
        page.get_by_text("Try it yourself").click()
        page.get_by_label("a", exact=True).fill("2")
        page.get_by_label("b", exact=True).fill("6")
        W1, W2 = run_in_python(page)["run"].states[-1]
        x = torch.zeros(1, 7, dtype=torch.float64)
        x[0, 2] = x[0, 6] = 1
        output = predict(W1, W2, x)[0]
        answer = int(output.argmax())
        assert f"the network now says {answer}" in page.locator(".fold .said").first.inner_text()
        lead = float(output.sort().values[-1] - output.sort().values[-2])
        shown = re.search(r"Confidence ([\d.e-]+), which is 1", page.locator(".fold .said").first.inner_text())
        assert float(shown[1]) == pytest.approx(lead, rel=0.06)
        shares = torch.relu(W1[2] + W1[6]) * W2[:, answer]
        assert page.locator(".fold .unit span").first.inner_text() == f"unit {int(shares.abs().argmax())}"

    @pytest.mark.parametrize("smoothing", [0, 0.1])
    def test_cross_entropy_is_the_package_s_too_and_its_confidence_a_probability(self, open_page, smoothing):
        page = open_page("none")
        found = mounted(page, "training", SHORT | {"loss": "cross-entropy", "smoothing": smoothing})
        W1, W2 = run_in_python(page)["run"].states[-1]
        assert far(found["weights"][0], W1) < 1e-9 and far(found["weights"][1], W2.T) < 1e-9
        task, last = modular_addition(7, train_size=20, seed=2), found["records"][-1]
        output = predict(W1, W2, task.X_test)
        expected = torch.nn.functional.cross_entropy(output, task.labels_test, label_smoothing=smoothing)
        assert last["test"]["loss"] == pytest.approx(float(expected), rel=1e-9)
        assert not page.get_by_label("beside it").is_visible() and page.get_by_label("soft labels ε").is_visible()
        assert page.locator(".charts > svg").nth(3).is_hidden()  # no zero-loss manifold, no cosine with it
        a, b = task.pairs_test[0].tolist()
        page.get_by_text("Try it yourself").click()
        page.get_by_label("a", exact=True).fill(str(a))
        page.get_by_label("b", exact=True).fill(str(b))
        shown = re.search(r"Confidence ([\d.e-]+), its probability", page.locator(".fold .said").first.inner_text())
        assert float(shown[1]) == pytest.approx(float(output[0].softmax(0).max()), rel=0.06)

    def test_the_delay_is_marked_and_told(self, open_page):
        page = open_page("none")
        quick = {"p": 11, "trainSize": 59, "width": 64, "activation": "quadratic", "log": -3.5, "steps": 10000}
        records = mounted(page, "training", quick | {"isolated": "no"})["records"]
        page.wait_for_function("document.querySelectorAll('.mark').length === 2")
        times = [record["now"] for record in records]
        memorised, added = (
            crossing_time(times, [record[half]["accuracy"] for record in records], level)
            for half, level in (("train", 0.99), ("test", 0.9))
        )
        shown = re.search(
            r"at step = (\d+), .* at step = (\d+). The delay is (\d+)", page.locator(".delay").inner_text()
        )
        assert [float(x) for x in shown.groups()] == pytest.approx([memorised, added, added - memorised], rel=6e-3)
        assert added > 5 * memorised
        page.get_by_label("steps", exact=True).fill("20")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_function("document.querySelector('.delay').textContent.match(/not yet/g)?.length === 2")

    def test_units_are_waves_and_the_numbers_have_a_principal_plane(self, open_page):
        page = open_page("none")
        mounted(page, "training", SHORT | {"isolated": "no"})
        W1, W2 = run_in_python(page)["run"].states[-1]
        page.get_by_text("Its units as waves").click()
        page.get_by_label("unit, by size").fill("3")
        told = page.locator(".fold .said").last
        page.wait_for_function(
            "/in size 3 of 30/.test([...document.querySelectorAll('.fold .said')].at(-1).textContent)"
        )
        unit = int((W1.norm(dim=0) * W2.norm(dim=1)).argsort(descending=True)[2])
        expected = []
        for v, name in ((W1[:, unit], "first layer"), (W2[unit], "readout")):
            power = torch.fft.rfft(v)[1:].abs().square()
            k = int(power.argmax())
            expected.append(f"one of frequency {k + 1} is {100 * power[k] / power.sum():.0f} % of its {name}")
        assert told.inner_text() == f"Unit {unit}, in size 3 of 30: as waves, {', '.join(expected)}."
        starts = default_weights(7, 30, 7, 2)[0], W1
        for picture, W in zip(page.locator(".fold svg[role=img]").all()[-2:], starts, strict=True):
            variance = torch.linalg.svdvals(W - W.mean(0)).square()
            share = f"{100 * variance[:2].sum() / variance.sum():.0f} % of the variance"
            assert picture.get_attribute("aria-label").endswith(share + ".")
        points = page.evaluate(
            "async (W) => (await import('../live/units.js')).principal(Float64Array.from(W), 7, 30).points",
            W1.flatten().tolist(),
        )
        U, S, _ = torch.linalg.svd(W1 - W1.mean(0), full_matrices=False)
        assert np.abs(np.abs(points) - (U * S)[:, :2].abs().numpy()).max() < 1e-9

    def test_a_grid_of_runs_is_the_package_s_and_stops(self, open_page):
        page = open_page("none")
        mounted(page, "training", SHORT | {"isolated": "no"})
        page.get_by_text("A grid of runs").click()
        page.get_by_label("steps of each").fill("40")
        page.get_by_role("button", name="Run the grid").click()
        page.get_by_text("Done: 30 of 30 runs").wait_for(timeout=60_000)
        code = page.locator(".fold code").text_content()
        names: dict = {}
        exec(code, names)
        for half in ("test", "train"):
            page.get_by_label("accuracy on").select_option(half)
            cells = [float(text) for text in page.locator(".grid tbody td").all_inner_texts()]
            expected = [getattr(curves, f"{half}_accuracy")[0] for curves in names["found"].values()]
            assert cells == pytest.approx(expected, abs=0.0051)
        assert max(cells) > min(cells)
        assert page.locator(".grid tbody th").all_inner_texts() == ["0.00001", "0.0001", "0.0003", "0.001", "0.003"]
        page.get_by_label("steps of each").fill("100000")
        page.get_by_role("button", name="Run the grid").click()
        page.get_by_text("Run 1 of 30").wait_for()
        page.get_by_role("button", name="Stop").last.click()
        page.get_by_text("Stopped: 0 of 30 runs").wait_for()
        page.get_by_label("learning rate η").fill("0")
        page.get_by_text("A grid of runs").click()  # closed, and opened again
        page.get_by_text("A grid of runs").click()
        page.get_by_text("learning_rate must be positive, got 0").nth(1).wait_for(state="attached")


class TestOrthogonality:
    @pytest.mark.parametrize(
        ("foot", "distance", "side"), [(0.5, 0.2, 1), (-1.3, 0.05, 1), (0.3, 0.6, -1), (2, 1, 1), (0, 0.1, 1)]
    )
    def test_gradient_and_cosine_are_the_package_s(self, open_page, foot, distance, side):
        page = open_page("none")
        found = page.evaluate(
            """async (given) => {
                const { measured, foot, coefficient } = await import("../live/orthogonality.js");
                const seen = measured(...given);
                return { ...seen, foot: foot(...seen.point), coefficient: coefficient(given[0]) };
            }""",
            [foot, distance, side],
        )
        *vectors, cosine = orthogonality.measured(foot, distance, side)
        for name, vector in zip(("point", "normal", "gradient"), vectors, strict=True):
            np.testing.assert_allclose(found[name], vector, rtol=1e-12, atol=1e-14)
        assert found["cosine"] == pytest.approx(cosine, rel=1e-9, abs=1e-15)
        assert found["foot"] == pytest.approx(foot, abs=1e-9)  # the nearest point of the parabola
        assert found["coefficient"] == pytest.approx(abs(parabola_coefficient(foot)), rel=1e-12)

    def test_the_point_is_dragged_and_the_code_follows(self, open_page):
        page = open_page("orthogonality")
        page.wait_for_selector(".status:not(:empty)")
        box = page.locator(".handle circle").last.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 30, middle[1] + 40, steps=4)
        page.mouse.up()
        page.wait_for_function("document.querySelector('.status').textContent.includes(' below the curve')")
        names = run_in_python(page)
        shown = re.search(
            r"cosine with the tangent is ([\d.e-]+), C\(a\) d is ([\d.e-]+)", page.locator(".status").inner_text()
        )
        expected = [names["cosine"], abs(parabola_coefficient(names["a"])) * names["d"]]
        assert [float(x) for x in shown.groups()] == pytest.approx(expected, rel=5e-3)
        page.get_by_role("button", name="Come closer").click()
        page.wait_for_function("document.querySelector('.status').textContent.startsWith('At distance 0.001 ')")

    def test_a_point_too_far_gets_the_package_s_sentence(self, open_page):
        page = open_page("none")
        page.evaluate(
            """async () => (await import("../live/orthogonality.js")).mount(document.querySelector("main"),
                { a: 0.5, d: 0.8, side: "above" })"""
        )
        page.wait_for_selector(".status:not(:empty)")
        with pytest.raises(ValueError, match="nearest") as caught:
            orthogonality.measured(0.5, float(re.search(r"distance ([\d.]+)", page.locator(".status").inner_text())[1]))
        assert page.locator(".status").inner_text() == str(caught.value)


def ended(page, name, values):
    """A face run to its end; what its engine has sent, arrays as lists."""
    page.evaluate(
        """async ([name, values]) => {
            window.face = (await import(`../live/${name}.js`)).mount(document.querySelector("main"), values);
        }""",
        [name, values],
    )
    page.wait_for_function(ENDED, timeout=120_000)
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    return page.evaluate("() => window.face.result().weights.map((W) => [...W])")


class TestKinks:
    def test_what_slides_is_what_the_package_says(self, open_page):
        page = open_page("none")
        weights = ended(page, "kinks", {"step": 400, "seed": 1, "unit": 5})
        names = run_in_python(page)
        held = names["slides"].sum(0)
        assert far(weights[0], gradient_descent(names["task"], seed=1, times=[0, 440]).states[-1][0]) < 1e-9
        assert held.sum() > 50
        for unit in (5, int(held.argmax())):
            page.locator("input[name=unit]").fill(str(unit))
            page.wait_for_function(f"document.querySelector('svg').ariaLabel.includes('Unit {unit} around step 400')")
            labels = page.locator(".live-face").evaluate(LABELS)
            assert f"{int(held[unit])} slide on zero" in labels[0]
            assert f"of all units {int(held.sum())}, at most {int(held.max())} of one" in labels[2]
        assert f"slides[:, {int(held.argmax())}]" in page.locator(".share code").text_content()
        assert page.locator(".status").inner_text().startswith("Done")  # it has not run again

    def test_a_unit_is_chosen_in_the_picture(self, open_page):
        page = open_page("none")
        ended(page, "kinks", {"step": 100, "seed": 0, "unit": 5})
        page.locator("svg").nth(2).click(position={"x": 150, "y": 60})
        assert page.locator("input[name=unit]").input_value() != "5"

    def test_bad_choices_are_sentences(self, open_page):
        page = open_page("none")
        ended(page, "kinks", {"step": 100})
        page.get_by_label("step", exact=True).fill("3")
        with pytest.raises(ValueError, match="at least 20") as caught:
            next(kink_explorer.compute(unit=0, step=3, seed=0))
        assert page.locator(".status").inner_text() == str(caught.value)


class TestFourier:
    @pytest.mark.parametrize(
        "choice", [{"until": 0.5, "step": 5e-3}, {"kind": "training", "until": 0.02, "activation": "relu"}]
    )
    def test_its_run_its_circle_and_its_units_are_the_package_s(self, open_page, choice):
        page = open_page("none")
        weights = ended(page, "fourier", {"p": 7, "width": 40, "seed": 2, "k": 2, "weightDecay": 1e-3} | choice)
        E = run_in_python(page)["E"]
        assert far(weights[0], E) < 1e-9
        for k in (2, 3):
            page.get_by_label("frequency k").fill(str(k))
            page.wait_for_function(
                f"[...document.querySelectorAll('svg')].at(-1).textContent.includes('frequency {k}')"
            )
            ring, units = page.locator("svg").evaluate_all(PLACES)[-2:]
            F = fourier_features(E)[k - 1]
            shown, seen = np.array(units) @ (1, 1j), np.stack((F.real, F.imag), 1) @ (1, -1j)
            assert abs(np.vdot(shown, seen)) == pytest.approx(np.linalg.norm(shown) * np.linalg.norm(seen), rel=1e-6)
            order = circle_order(7, k)
            points = circle(E, k).numpy()[order] @ (1, -1j)
            middle = np.array(ring) @ (1, 1j)
            assert abs(np.vdot(middle, points)) == pytest.approx(
                np.linalg.norm(middle) * np.linalg.norm(points), rel=1e-6
            )

    def test_an_even_modulus_is_a_sentence(self, open_page):
        page = open_page("none")
        ended(page, "fourier", {"p": 7, "width": 40, "until": 0.1})
        page.get_by_label("modulus p").fill("8")
        assert page.locator(".status").inner_text() == "Fourier features need an odd p, not 8"


# Where circles stand, from the middle of their picture.
PLACES = """(pictures) => pictures.map((picture) => {
    const circles = [...picture.querySelectorAll("circle")], [x, y] = circles.length === 40 ? [165, 125] : [112, 125];
    return circles.map((c) => [c.getAttribute("cx") - x, c.getAttribute("cy") - y]);
})"""


class TestFourPaths:
    def test_its_paths_are_the_package_s(self, open_page):
        page = open_page("none")
        weights = ended(page, "four_paths", {"weightDecay": 2e-3, "until": 0.1, "seed": 1})
        names = run_in_python(page)
        for k, name in enumerate(("training", "projected", "ridge", "no_ridge")):
            W1, W2 = names[name]
            assert far(weights[2 * k], W1) < 1e-9 and far(weights[2 * k + 1], W2.T) < 1e-9, name
            row = page.locator(".paths tbody tr").nth(k).inner_text().split("\t")
            assert [float(x) for x in row[-2:]] == pytest.approx([float(W.square().sum()) for W in (W1, W2)], abs=0.051)

    @pytest.mark.parametrize(
        ("choice", "sentence"),
        [
            ({"weightDecay": 0.5}, "is too large"),
            ({"until": -1}, "end s must be"),
            ({"activation": "identity"}, "has not"),
        ],
    )
    def test_bad_choices_get_the_package_s_sentences(self, open_page, choice, sentence):
        page = open_page("none")
        page.evaluate(
            """async (values) => {
                window.face = (await import("../live/four_paths.js")).mount(document.querySelector("main"), values);
            }""",
            {"weightDecay": 2e-3, "until": 0.1} | choice,
        )
        names = {"seed": 0, "weight_decay": 2e-3, "activation": four_paths.SMOOTH, "until": 0.1, "beside": "nothing"}
        given = {"weightDecay": "weight_decay"}
        with pytest.raises(ValueError, match=sentence) as caught:
            list(four_paths.compute(**names | {given.get(key, key): value for key, value in choice.items()}))
        page.wait_for_function(
            "(text) => document.querySelector('.status').textContent === text", arg=str(caught.value)
        )


class TestPhases:
    def test_its_network_its_error_and_its_norm_are_the_package_s(self, open_page):
        sizes = [(3, 5), (4, 7), (5, 23), (7, 11)]
        made = open_page("none").evaluate(
            """async (sizes) => {
                const { polygons, measured } = await import("../live/phases.js");
                return sizes.map(([q, p]) => [polygons(p, q), measured(p, q)]);
            }""",
            sizes,
        )
        for (q, p), (units, found) in zip(sizes, made, strict=True):
            W1, W2 = polygons(p, q)
            np.testing.assert_allclose([w for w, _ in units], W1.mT, atol=1e-13)
            np.testing.assert_allclose([w for _, w in units], W2, atol=1e-13)
            assert found["error"] == pytest.approx(phases.largest_error(p, q), rel=1e-9, abs=1e-13)
            assert found["norm2"] == pytest.approx(polygons_norm2(p, q), rel=1e-12)

    def test_the_code_follows_and_a_bad_modulus_gets_the_package_s_sentence(self, open_page):
        page = open_page("phases")
        page.get_by_label("modulus p").fill("13")
        page.get_by_label("phases q").fill("5")
        page.wait_for_function(
            "/^5 phases, p = 13: all .* norm is/.test(document.querySelector('.status').textContent)"
        )
        names = run_in_python(page)
        assert names["error"] < 1e-12
        assert f"norm is {polygons_norm2(13, 5):.2f}." in page.locator(".status").inner_text()
        for p in (12, 3):
            page.get_by_label("modulus p").fill(str(p))
            with pytest.raises(ValueError, match="p must be") as caught:
                polygons(p, 5)
            page.wait_for_function(
                "(text) => document.querySelector('.status').textContent === text", arg=str(caught.value)
            )


class TestDestinations:
    @pytest.mark.parametrize(
        ("practice", "dial"),
        [("label noise", 0.3), ("label noise", 1), ("learning rate", 0.1), ("learning rate", 0.7), ("speeds", 0.8)],
    )
    def test_its_path_and_its_end_are_the_package_s(self, open_page, practice, dial):
        page = open_page("none")
        page.evaluate(
            """async (values) => {
                window.face = (await import("../live/destinations.js")).mount(document.querySelector("main"), values);
            }""",
            {"practice": practice, "dial": dial, "seed": 3},
        )
        page.wait_for_function("document.querySelector('.status')?.textContent")
        found, names = page.evaluate("() => window.face.result()"), run_in_python(page)
        assert np.abs(np.array(found["path"]) - torch.stack(names["run"].states).numpy()).max() < 1e-9
        assert len(found["ends"]) == (40 if practice == "label noise" else 1)
        assert f"{practice} {destinations.strength(practice, dial):.3g}: " in page.locator(".status").inner_text()
        said = [float(x) for x in re.findall(r"w₁² is ([\d.]+); the formula says ([\d.]+)\.", page.content())[0]]
        strength = float(f"{destinations.strength(practice, dial):.3g}")
        expected = [float(names["run"].states[-1][0] ** 2), destination(practice, strength)]
        assert said == pytest.approx(expected, rel=6e-3, abs=1e-3)

    def test_the_seed_is_that_of_the_noise_and_a_bad_one_gets_the_package_s_sentence(self, open_page):
        page = open_page("destinations#destinations:dial=0.5")
        page.wait_for_function("document.querySelector('.status')?.textContent.startsWith('label noise 0.5: ')")
        before = page.locator(".status").inner_text()
        page.get_by_label("seed").fill("1")
        page.wait_for_function("(text) => document.querySelector('.status').textContent !== text", arg=before)
        page.get_by_label("practice").select_option("speeds")
        page.wait_for_function("document.querySelector('.status').textContent.startsWith('speeds 1: ')")
        assert not page.get_by_label("seed").is_visible()
        page.get_by_label("practice").select_option("label noise")
        page.get_by_label("seed").fill("-1")
        with pytest.raises(ValueError, match="seed") as caught:
            default_weights(5, 5, 5, seed=-1)
        page.wait_for_function(
            "(text) => document.querySelector('.status').textContent === text", arg=str(caught.value)
        )
        assert page.locator(".charts svg:not([hidden])").count() == 0


class TestMargins:
    def test_its_paths_are_the_package_s_from_where_the_start_is_dragged_and_outside_is_its_sentence(self, open_page):
        page = open_page("none")
        page.evaluate(
            """async () => {
                const { mount } = await import("../live/margins.js"), place = document.querySelector("main");
                window.face = mount(place, { scale: 10, x: 2.5, y: 0.9, moment: 60 });
            }"""
        )
        page.wait_for_function("document.querySelector('.status')?.textContent.startsWith('Scale 10, ')")
        box = page.locator(".handle circle").last.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] - 20, middle[1] - 40, steps=3)
        page.mouse.up()
        page.wait_for_function("!document.querySelector('.share code').textContent.includes('[2.5, 0.9]')")
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        names, found = run_in_python(page), page.evaluate("() => window.face.result()")
        assert (
            np.abs(np.array(found["training"]) - names["training"].numpy()).max() < 1e-5
        )  # as BDF does at its tolerance
        assert np.abs(np.array(found["limit"]) - names["limit"].numpy()).max() < 1e-9
        distance = float(names["distance"].max())
        assert distance > 0.1
        shown = re.search(r"at most ([\d.e-]+)\.", page.locator(".status").inner_text())
        assert float(shown[1]) == pytest.approx(distance, rel=0.06)
        for label, value in (("start w₁", "1.5"), ("start w₂", "0.3")):
            page.get_by_label(label).fill(value)
        with pytest.raises(ValueError, match="margin of 0.45") as caught:
            margins.course(10.0, (1.5, 0.3))
        page.wait_for_function(
            "(text) => document.querySelector('.status').textContent === text", arg=str(caught.value)
        )


RUNS = {
    "kinks": {"step": 60},
    "fourier": {"p": 7, "width": 40, "until": 0.25, "step": 5e-3},
    "four_paths": {"until": 0.02, "weightDecay": 2e-3, "beside": "nothing"},
    "training": SHORT | {"steps": 100, "optimiser": "adamw", "learningRate": 0.01},
}


@pytest.mark.parametrize("face", RUNS)
def test_of_twenty_quick_changes_the_last_wins(open_page, face):
    page = open_page("none")
    ended(page, face, RUNS[face])
    page.evaluate(TWENTY)
    page.wait_for_function("() => document.querySelector('.status').textContent.startsWith('Done')", timeout=60_000)
    assert "seed=19" in page.locator(".share code").text_content()
    weights = page.evaluate("() => [...window.face.result().weights[0]]")
    names = run_in_python(page)
    if face == "kinks":
        expected = gradient_descent(names["task"], seed=19, times=[0, 100]).states[-1][0]
    elif face == "training":
        expected = names["run"].states[-1][0]
    else:
        expected = names["E"] if face == "fourier" else names["training"][0]
    assert far(weights, expected) < 1e-9


HELD = """() => {
    const held = [];
    window.requestAnimationFrame = (draw) => held.push(draw);
    window.release = () => held.splice(0).forEach((draw) => draw(performance.now()));
}"""


@pytest.mark.parametrize("face", ["laboratory", "four_paths"])
def test_in_a_tab_in_the_background_a_run_goes_on_and_is_seen_when_one_comes_back(open_page, face):
    """There a browser draws no frames; the first one afterwards shows the end."""
    page = open_page("none")
    page.evaluate(HELD)
    page.evaluate(
        """async ([name, values]) => {
            window.face = (await import(`../live/${name}.js`)).mount(document.querySelector("main"), values);
        }""",
        [face, SMALL if face == "laboratory" else RUNS[face]],
    )
    done = "() => document.querySelector('.status').textContent.startsWith('Done')"
    page.wait_for_function(done, timeout=60_000, polling=100)  # by the clock, as there are no frames
    assert page.locator("svg[aria-label]").count() == 0
    page.evaluate("() => window.release()")
    until = (SMALL if face == "laboratory" else RUNS[face])["until"]
    assert f"at s = {until:g}." in page.locator("svg[aria-label]").first.get_attribute("aria-label")


@pytest.mark.parametrize(("face", "end"), [("kinks:step=20000&unit=4", 20040), ("training:steps=20000", 20000)])
def test_the_back_button_of_a_phone_brings_a_face_that_runs(open_page, face, end):
    name = face.split(":")[0]
    page = open_page(f"{name}#{face}&seed=3", viewport={"width": 390, "height": 844}, has_touch=True)
    page.wait_for_function("() => /seed=3/.test(document.querySelector('.share code')?.textContent)")
    page.goto(page.url.replace(f"page/{name}", "page/none"))
    page.go_back()
    page.wait_for_function(
        f"() => /^Done|of {end}/.test(document.querySelector('.status')?.textContent)", timeout=60_000
    )
    assert "seed=3" in page.locator(".share code").text_content()


def test_where_a_face_cannot_be_loaded_the_line_of_today_stands(open_page):
    page = open_page("laboratory", broken="laboratory")
    page.wait_for_selector(".kernel-hint")
    assert "More controls, which compute, need a kernel" in page.locator(".kernel-hint").inner_text()
    assert page.locator(".live-face, .live-place").count() == 0


def test_what_cannot_be_fetched_when_it_is_opened_says_so_and_the_face_goes_on(open_page):
    page = open_page("none", broken="ask")
    mounted(page, "laboratory", SMALL)
    page.get_by_text("Try it yourself").click()
    page.get_by_text("This could not be loaded").wait_for()
    page.get_by_role("button", name="Run", exact=True).click()
    assert finished(page)["type"] == "done"


VALUES = """(box) => Object.fromEntries(
    [...box.querySelectorAll(".controls :is(input, select)")].map((field) => [field.name, field.value]))"""
# What a narrow screen begins with: sizes at which the run is short, and generalises.
PHONE = {
    "laboratory": {"p": "11", "width": "72", "step": "0.004", "until": "2"},
    "training": {"p": "11", "width": "64", "activation": "quadratic", "steps": "10000", "isolated": "no"},
    "fourier": {"p": "11", "width": "72", "step": "0.004"},
    "four_paths": {"weightDecay": "0.001", "until": "0.5", "beside": "ridge and no ridge"},
}


def test_all_faces_are_open_to_everybody_and_fit_a_phone(open_page):
    run = ["laboratory", "training", "kinks", "fourier", "four_paths"]
    page = open_page(
        "+".join(["descent", "valley", "orthogonality", "phases", "margins", "destinations", *run]),
        viewport={"width": 390, "height": 844},
    )
    for face in run:
        page.locator(".live-place").last.scroll_into_view_if_needed()
        page.wait_for_selector(f"[data-face={face}] svg[aria-label]", timeout=60_000)
        page.locator(f"[data-face={face}]").get_by_role("button", name="Stop").evaluate("(stop) => stop.click()")
        if face in PHONE:
            assert PHONE[face].items() <= page.locator(f"[data-face={face}]").evaluate(VALUES).items()
    page.add_style_tag(content=":root { --pst-color-text-base: #222832; --pst-color-background: #fff }")
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.wait_for_function("[...document.querySelectorAll('.fold')].every((fold) => fold.children.length > 1)")
    page.add_script_tag(content=(importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text())
    assert [fault for fault in page.evaluate(AUDIT, {"runOnly": TAGS}) if fault[0] in GRAVE] == []
    assert page.evaluate(OVERHANG) <= 0


def test_the_faces_are_small(root):
    """Bytes gzipped: engine and laboratory 25 KB, all together 60 KB."""
    size = {f.stem: len(gzip.compress(f.read_bytes(), 9)) for f in (root / "book" / "static" / "live").glob("*.js")}
    assert sum(size[name] for name in ("engine", "shared", "runner", "laboratory")) <= 25_000
    assert sum(size.values()) <= 60_000 and len(size) == 23
