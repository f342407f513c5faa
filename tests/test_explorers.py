"""Explorers, one class each: their pictures show what the formulas say, and their controls answer."""

import re
import time

import ipywidgets as W
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from grokutil import results
from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.fourier import circle
from grokutil.gradient_flow import fall, slow_flow
from grokutil.measure import learning_curves
from grokutil.toy import LinearToy, parabola_coefficient, parabola_loss
from grokutil.train import gradient_descent
from grokutil.widgets import depth, destinations, four_paths, orthogonality, phases, toy_descent, training_scrubber
from grokutil.widgets import margins as margin_explorer
from grokutil.widgets import scale as scale_explorer
from grokutil.widgets.live import Live, drawing


class TestToyDescent:
    """Figs 1 and 3."""

    def run(self, **values):
        """Compute as the live face does; its pictures, and what it says when it gives up."""
        run = toy_descent.compute(
            **{"w1": -1.0, "w2": 1.0, "ridge": 0.01, "learning_rate": 0.1, "landscape": "line", "steps": 3000, **values}
        )
        pictures, message = [], ""
        try:
            for progress in run:
                pictures.append(progress.picture)
        except ValueError as error:
            message = str(error)
        return pictures, message

    @pytest.mark.parametrize("start", [toy_descent.START, (-2.0, 2.0), (3.0, 0.0), (0.0, 2.0), (-1.0, -1.0)])
    def test_the_path_is_the_exact_one_and_its_dots_are_where_losses_are_low(self, start):
        figure = Figure()
        alt = toy_descent.draw(figure, 0.02, start)
        left, right = figure.axes
        model = LinearToy(start, ridge=0.02)
        exact = model.weights_after(np.arange(3001), 0.1)
        path, first, last = (line.get_xydata() for line in left.lines[:3])
        np.testing.assert_allclose(path, exact, atol=1e-12)
        np.testing.assert_allclose([*first, *last], exact[[0, -1]], atol=1e-12)
        curves = [line for line in right.lines if len(line.get_xdata()) == 3000]
        for curve, loss, name in zip(curves, (model.train_loss, model.test_loss), ("train", "test"), strict=True):
            np.testing.assert_allclose(curve.get_ydata(), loss(exact[1:]), atol=1e-12)
            moment = int(np.argmax(loss(exact) < 0.05))
            assert f"{name} loss is below 0.05 from step {moment}" in alt
            assert moment == 0 or any(np.array_equal(line.get_xdata(), [moment]) for line in right.lines)

    def test_what_the_chapter_says_about_it(self):
        def low(start, ridge):
            figure = Figure()
            toy_descent.draw(figure, ridge, start)
            return [text.get_text().split(" loss ")[1] for text in figure.axes[1].texts]

        moments = [low((-1.0, 1.0), ridge) for ridge in toy_descent.RIDGES]
        assert moments[0][1] == "not low" == moments[-1][0]  # without weight decay; with too much of it
        test = [int(when.removeprefix("low at ")) for _, when in moments[1:-1]]
        assert test == sorted(test, reverse=True) and moments[1] == ["low at 5", "low at 922"]
        assert low((-1.0, -1.0), 0.01) == ["low at 6", "low at 5"]  # on the diagonal

    @pytest.mark.parametrize("name", toy_descent.LANDSCAPES)
    def test_every_landscape_has_its_gradient_and_its_shortest_points(self, name):
        scene, generator = toy_descent.LANDSCAPES[name], np.random.default_rng(0)
        for w in generator.uniform(-2, 2, (5, 2)):
            slopes = [(scene.loss(w + h) - scene.loss(w - h)) / 2e-6 for h in 1e-6 * np.eye(2)]
            np.testing.assert_allclose(scene.gradient(w, 0.0), slopes, atol=1e-6)
            np.testing.assert_allclose(scene.gradient(w, 0.3) - scene.gradient(w, 0.0), 0.6 * w)
            np.testing.assert_allclose(scene.side(w) ** 2, scene.loss(w), atol=1e-12)
        points = np.array(scene.shortest)
        assert not scene.loss(points).any() and not scene.distance_squared(points).any()
        w = generator.uniform(-4, 4, (20_000, 2))
        near = w[scene.loss(w) < 1e-3]  # no point of zero loss is shorter
        assert len(near) and np.linalg.norm(near, axis=1).min() > np.linalg.norm(points[0]) - 0.05
        alt = re.search('alt="([^"]*)"', self.run(landscape=name, steps=30)[0][0])[1]
        assert f"the landscape {name}" in alt and "from (-1, 1)" in alt

    def test_a_step_that_is_too_large_is_a_sentence_and_shows_how_it_ran_away(self):
        pictures, message = self.run(learning_rate=0.6)
        factor = 1 - 2 * 0.6 * 2.01  # of the output p - p_inf in each step; |w| is half of p or so
        steps = np.arange(100)
        output = 4 / 2.01 * (1 - factor**steps)
        slow = -((1 - 2 * 0.6 * 0.01) ** steps)
        lost = int(np.argmax(np.abs([output / 2 + slow, output / 2 - slow]).max(0) >= 100))
        assert f"after {lost} steps" in message and "below 0.498" in message and "overshoots" in message
        assert len(pictures) == 1 and f"after {lost} steps" in pictures[0]
        assert "learning rate" in self.run(landscape="curved", w1=3.0, w2=3.0, learning_rate=1.0)[1]

    def test_warnings_come_before_the_run(self):
        assert "0.498" in toy_descent.warn(ridge=0.01, learning_rate=0.5, landscape="line", steps=3000)
        assert "slow clock" in toy_descent.warn(ridge=1e-4, learning_rate=0.1, landscape="kink", steps=300)
        assert toy_descent.warn(ridge=0.01, learning_rate=0.1, landscape="curved", steps=3000) == ""

    def test_stopped_it_keeps_the_path_so_far(self):
        run = toy_descent.compute(-1.0, 1.0, 0.01, 0.1, "line", 30_000)
        first, second = next(run), next(run)
        run.close()
        assert (first.done, second.done) == (0.1, 0.2)
        assert "after 3000 steps" in first.picture and "after 6000 steps" in second.picture

    def test_the_live_face_answers_a_bad_choice_with_a_sentence(self):
        live = Live(toy_descent.compute, {
            "w1": W.FloatSlider(1.0), "w2": W.FloatSlider(1.0), "ridge": W.FloatSlider(0.5),
            "learning_rate": W.FloatSlider(2.0), "landscape": W.Dropdown(options=["line"]), "steps": W.IntSlider(50),
        }, toy_descent.warn)  # fmt: skip
        assert "do not settle" in live.message.value
        live.start()
        live.wait()
        assert "Take a smaller learning rate, below 0.4" in live.message.value and "alt=" in live.picture.value


class TestOrthogonality:
    """Fig. 4."""

    @pytest.mark.parametrize(("foot", "distance", "side"), [(0.5, 0.2, 1), (-1.3, 0.05, 1), (0.3, 0.6, -1), (2, 1, 1)])
    def test_the_marker_is_at_the_angle_between_numerical_gradient_and_tangent(self, foot, distance, side):
        figure = Figure()
        alt = orthogonality.draw(figure, foot, distance, side)
        left, right = figure.axes
        tangent = np.array([1, 2 * foot]) / np.hypot(1, 2 * foot)
        point = np.array([foot, foot**2]) + side * distance * np.array([-tangent[1], tangent[0]])
        slopes = [(parabola_loss(point + h) - parabola_loss(point - h)) / 2e-6 for h in 1e-6 * np.eye(2)]
        cosine = abs(slopes @ tangent) / np.linalg.norm(slopes)
        bound, first_order, curve, marker = right.lines
        np.testing.assert_allclose(marker.get_xydata(), [[distance, cosine]], rtol=1e-6)
        assert np.interp(distance, *curve.get_xydata().T) == pytest.approx(cosine, rel=2e-3)  # between its points
        assert np.interp(distance, *first_order.get_xydata().T) == pytest.approx(
            distance * abs(parabola_coefficient(foot)), rel=1e-3
        )
        assert (curve.get_ydata() <= bound.get_ydata()[: len(curve.get_ydata())]).all()
        assert f"cosine with the tangent is {cosine:.3g}" in alt and f"distance {distance:.3g}" in alt
        (arrow,) = left.texts
        step = np.subtract(arrow.xy, arrow.xyann)
        np.testing.assert_allclose(step / np.linalg.norm(step), -np.array(slopes) / np.linalg.norm(slopes), atol=1e-6)
        np.testing.assert_allclose(arrow.xyann, point)

    def test_above_the_vertex_the_gradient_is_normal(self):
        figure = Figure()
        alt = orthogonality.draw(figure, 0.0, 0.2)
        assert "is 0 degrees off" in alt and len(figure.axes[1].lines) == 1

    def test_every_foot_is_nearest_in_every_frame_and_a_far_point_is_a_sentence(self):
        x = np.linspace(-4, 4, 80_001)
        for foot in orthogonality.FEET.values():
            for distance in orthogonality.DISTANCES:
                point = orthogonality.measured(foot, distance)[0]
                apart = np.hypot(point[0] - x, point[1] - x**2)
                assert apart.min() == pytest.approx(distance, abs=1e-6)
                assert x[apart.argmin()] == pytest.approx(foot, abs=1e-3)
        live = Live(drawing(orthogonality.draw), {
            "foot": W.FloatSlider(0.5), "distance": W.FloatSlider(0.8), "side": W.Dropdown(options=[1, -1]),
        })  # fmt: skip
        live.start()
        live.wait()
        assert "below √(1 + 4a²) / 2 = 0.707" in live.message.value and live.picture.value == ""
        live.controls["side"].value = -1
        live.wait()
        assert "0.8 below it" in live.picture.value


class TestPhases:
    @pytest.mark.parametrize(("phases_", "p"), [(3, 11), (4, 7), (5, 11), (6, 23), (7, 7)])
    def test_the_corners_that_meet_are_the_terms_that_do_not_cancel(self, phases_, p):
        figure = Figure()
        alt = phases.draw(figure, phases_, p)
        left, right = figure.axes
        met = [m for m in (1, 2, 3, 4) if m % phases_ == 0]
        for m, line in zip((1, 2, 3, 4), left.lines[1::2], strict=True):
            apart = np.ptp(line.get_xdata()) + np.ptp(line.get_ydata())
            assert (apart < 1e-9) == (m in met)
        assert ("all four unwanted terms cancel" in alt) == (not met)
        assert not met or f"m = {', '.join(map(str, met))} do not cancel" in alt
        assert phases.corner_sums(phases_) == pytest.approx([phases_ * (m in met) for m in (1, 2, 3, 4)], abs=1e-13)
        (at,), (error,) = right.lines[1].get_data()
        assert at == phases_ and (error < 1e-12) == (phases_ >= 5) and error == phases.largest_error(p, phases_)

    def test_the_live_face_takes_any_odd_modulus(self):
        box = phases.phases()
        assert [control.description for control in _sliders(box)] == ["phases q", "modulus p"]


class TestDepth:
    @pytest.mark.parametrize("start", depth.STARTS)
    def test_the_curves_are_the_closed_form_and_the_marker_is_where_the_path_arrives(self, start):
        figure = Figure()
        alt = depth.draw(figure, 3, start)
        left, right = figure.axes
        one, three = (line.get_ydata() for line in left.lines[:2])
        assert one == pytest.approx(start * np.exp(-2 * depth.TIMES)) and (three[1:] < one[1:]).all()
        (at,), (delay,) = right.lines[1].get_data()
        assert at == 3 and np.interp(delay, depth.TIMES, np.log(three)) == pytest.approx(np.log(0.05), abs=1e-3)
        assert f"at s = {delay:.2f}; one layer takes {0.5 * np.log(start / 0.05):.2f}" in alt

    def test_the_live_face_takes_any_number_of_layers(self):
        assert [control.description for control in _sliders(depth.depth_explorer())] == ["layers"]


class TestScale:
    @pytest.mark.parametrize(("alpha", "y"), [(3.0, 1.0), (8.0, 0.4)])
    def test_the_path_is_the_slow_flow_from_where_the_start_falls(self, alpha, y):
        Z = ZeroLossManifold(lambda w: (w[0] * w[1])[None], torch.tensor([y], dtype=torch.float64))
        times = np.linspace(0, 1.5, 16)
        entry = fall(Z, torch.tensor([alpha, 0], dtype=torch.float64), [0, 100]).states[-1]
        path = torch.stack(slow_flow(Z, entry, times, rtol=1e-10).states).numpy()
        np.testing.assert_allclose(scale_explorer.weights(times, alpha, y), path, atol=1e-6)
        w1, w2 = scale_explorer.weights(np.array(scale_explorer.learnt_at(alpha, y)), alpha, y)
        assert w2 / w1 == pytest.approx(0.5, rel=1e-12)

    def test_ten_times_the_scale_takes_half_a_logarithm_more_and_the_picture_says_when(self):
        first, second = (scale_explorer.learnt_at(alpha) for alpha in (2.0, 20.0))
        assert second - first == pytest.approx(0.5 * np.log(10))
        assert scale_explorer.learnt_at(0.5) == 0.0
        figure = Figure()
        assert f"w2 is half of w1 at slow time {second:.2f}" in scale_explorer.draw(figure, 20.0)
        (at,), (ratio,) = figure.axes[1].lines[len(scale_explorer.SCALES) + 1].get_data()
        assert at == second and ratio == pytest.approx(0.5)


def _sliders(box):
    """The integer sliders inside a box."""
    if isinstance(box, W.IntSlider):
        return [box]
    return [slider for child in getattr(box, "children", ()) for slider in _sliders(child)]


class TestFourPaths:
    """The four paths on one clock."""

    CHOICES = {"seed": 0, "weight_decay": 1e-4, "activation": four_paths.SMOOTH, "until": 0.05, "beside": "all three"}

    @pytest.fixture
    def stored(self):
        files = [results.load("four_paths", f"off_{seed}") for seed in range(5)]
        return {key: np.array([arrays[key] for arrays, _ in files]) for key in files[0][0]}, files[0][1]["paths"]

    @pytest.mark.parametrize(("text", "decay"), four_paths.DECAYS.items())
    def test_markers_are_where_the_stored_results_are(self, stored, text, decay):
        arrays, names = stored
        figure, k = Figure(), 18
        records = {text: four_paths.stored_record(arrays, names, decay)}
        alt = four_paths.draw(figure, text, records, arrays["times"][0, k])
        correct, norms, apart, _ = figure.axes
        markers = [[line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"] for ax in figure.axes]
        assert [ax.lines[0].get_xdata()[0] for ax in (correct, norms, apart)] == [0.45] * 3  # the cursors
        found = correct, norms, norms, apart
        keys = "test_accuracy", "norm2_first", "norm2_readout", "distance"
        paths = f"training_{decay}", "projected", f"ridge_{decay}", "no ridge"
        for place, (ax, key) in enumerate(zip(found, keys, strict=True)):
            shown = markers[figure.axes.index(ax)][4 * (place == 2) :][:4]
            for name, (s, height), label in zip(paths, shown, four_paths.LOOKS, strict=True):
                row = names.index(name)
                values = arrays[key][:, names.index(paths[0]), row] if key == "distance" else arrays[key][:, row]
                middle = (np.mean if key == "test_accuracy" else np.median)(values[:, k])
                if key == "distance" and name == paths[0]:
                    assert middle == 0 and np.isnan(height)  # below a logarithmic axis
                    continue
                assert (s, height) == pytest.approx((0.45, middle))
                how = {"test_accuracy": ".2f", "distance": ".3f"}.get(key, ".1f")
                assert f"{label} {middle:{how}}" in alt
        assert f"weight decay {text}, s = 0.45" in alt

    def test_what_the_chapter_says_about_it(self, stored):
        records = [four_paths.stored_record(*stored, decay) for decay in four_paths.DECAYS.values()]
        apart = np.array([record.distance[1:, 20] for record in records])  # (decays, paths beside training), s = 0.5
        falls = apart[:-1] / apart[1:]
        assert records[0].times[20] == 0.5
        assert (3.5 < falls[:, 0]).all() and (falls[:, 0] < 4).all()  # the projected flow
        assert (0.8 < falls[:, 1:]).all() and (falls[:, 1:] < 1.2).all()

    def test_live_paths_are_the_stored_ones(self, stored):
        arrays, names = stored
        beside = ("projected", "ridge", "no ridge")
        runs = four_paths.follow(0, 1e-4, four_paths.CHOICES[four_paths.SMOOTH], 0.05, beside)
        *_, (s, record) = runs
        rows = [names.index(name) for name in ("training_0.0001", "projected", "ridge_0.0001", "no ridge")]
        assert s == 0.05 and len(record.times) == 41
        np.testing.assert_allclose(record.times[[0, 20, 40]], arrays["times"][0, :3])
        for values, key in ((record.layer_1, "norm2_first"), (record.layer_2, "norm2_readout")):
            np.testing.assert_allclose(values[:, [0, 20, 40]], arrays[key][0, rows, :3], rtol=2e-3)
        distance = arrays["distance"][0, rows[0], rows, :3]
        np.testing.assert_allclose(record.distance[:, [0, 20, 40]], distance, atol=2e-3)

    def test_it_yields_often_and_stopped_it_keeps_what_it_has(self):
        live = Live(four_paths.compute, {
            name: W.Dropdown(options=[value]) for name, value in (self.CHOICES | {"until": 4.0}).items()
        }, four_paths.expect, on_request=True)  # fmt: skip
        assert "80000 training steps" in live.message.value and "Slow" in live.message.value
        live.start()
        while not live.picture.value:
            time.sleep(0.01)
        begin = time.process_time()
        live.stop()
        live.wait()
        assert time.process_time() - begin < 2  # half a second where nothing else runs and torch.func is loaded
        assert "stopped" in live.message.value and 0 <= live.bar.value < 1
        assert "distance in function space from training: projected" in live.picture.value

    @pytest.mark.parametrize(
        ("choice", "sentence"),
        [
            ({"activation": "identity"}, "has not memorised after 3000 steps"),
            ({"weight_decay": 0.5}, "weight decay 0.5 is too large"),
            ({"weight_decay": 0.0}, "weight decay must be"),
            ({"until": -1.0}, "end s must be"),
            ({"seed": -1}, "seed must be"),
        ],
    )
    def test_bad_choices_are_sentences(self, choice, sentence):
        with pytest.raises(ValueError, match=sentence):
            list(four_paths.compute(**self.CHOICES | choice))

    def test_both_faces(self, stored):
        frames, live = four_paths.four_paths(*stored).children
        assert "kernel-free" in frames._dom_classes and "needs-kernel" in live._dom_classes
        assert len(frames.children[-1].children) == len(four_paths.DECAYS)


class TestTrainingScrubber:
    """Appendix D's runs, one cursor through all panels."""

    VALUES = {"seed": 0, "learning_rate": 1.0, "weight_decay": 1e-4, "width": 16, "steps": 300, "frequency": 1}

    def test_the_cursor_is_where_the_run_is(self):
        marks = [1, 10, 40]
        *_, (_, record) = training_scrubber.follow("quadratic", 0, 1.0, 1e-4, 16, marks)
        task = modular_addition(11, train_size=59, seed=0)
        run = gradient_descent(task, width=16, activation="quadratic", times=[0, *marks])
        curves = learning_curves(run.states, task, "quadratic")
        figure = Figure()
        alt = training_scrubber.draw_record(figure, record, 1, 40, "quadratic")
        dots = [line.get_xydata()[0] for ax in figure.axes[:2] for line in ax.lines if len(line.get_xdata()) == 1]
        expected = [curves.train_loss, curves.test_loss, curves.train_accuracy, curves.test_accuracy]
        np.testing.assert_allclose(dots, [(10, values[2]) for values in expected], rtol=1e-9)
        norms = [float(layer.square().sum()) for layer in run.states[2]]
        assert f"{norms[0]:.1f} of layer 1 and {norms[1]:.1f} of layer 2" in alt and "step 10:" in alt

    @pytest.mark.parametrize(
        ("bad", "sentence"),
        [
            ({"learning_rate": 400.0}, "smaller learning rate"),
            ({"width": 0}, "width"),
            ({"weight_decay": -1.0}, "decay"),
        ],
    )
    def test_a_bad_choice_is_a_sentence(self, bad, sentence):
        with pytest.raises(ValueError, match=sentence):
            for _ in training_scrubber.compute(activation="quadratic", **(self.VALUES | bad)):
                pass

    def test_what_the_chapter_says_about_it(self):
        """The ring becomes rounder after memorisation, in both networks."""
        for network in ("relu", "quadratic"):
            record = training_scrubber.trained(network)
            roundness = []
            for step in (10, 200, 30_000):
                radii = circle(record.embeddings[record.steps.index(step)], 1).norm(dim=1)
                roundness.append(float(radii.max() / radii.min()))
            assert record.accuracies[record.steps.index(200)][0] == 1
            assert roundness[0] > 1.5 and roundness[1] > 1.5 and roundness[2] < 1.3


class TestDestinations:
    """Two weights on a parabola, by how one trains."""

    @pytest.mark.parametrize(("practice", "dial"), [("label noise", 0.5), ("learning rate", 0.75), ("speeds", 0.25)])
    def test_the_path_ends_in_the_circle_of_the_formula(self, practice, dial):
        figure = Figure()
        alt = destinations.draw(figure, dial, practice)
        left, right = figure.axes
        _, path = destinations.course(practice, dial)
        (ring,) = (line for line in left.lines if line.get_fillstyle() == "none")
        assert abs(ring.get_xdata()[0] - path[-1, 0]) < 0.03 and abs(ring.get_ydata()[0] - path[-1, 1]) < 0.03
        np.testing.assert_allclose(right.lines[1].get_ydata(), path[:, 0] ** 2)
        assert f"w1 squared is {path[-1, 0] ** 2:.3f}" in alt

    def test_the_dial_goes_from_the_least_to_the_most(self):
        assert [destinations.strength("speeds", dial) for dial in (0, 0.5, 1)] == pytest.approx([1 / 3, 1, 3])
        assert destinations.strength("learning rate", 0.6) == pytest.approx(0.2)
        box = destinations.destinations()
        assert "kernel-free" in str([child._dom_classes for child in box.children])


class TestMargins:
    """Theorem C with two weights."""

    def test_the_dots_are_on_the_paths_and_the_numbers_are_theirs(self):
        figure = Figure()
        alt = margin_explorer.draw(figure, 20, 50)
        training, limit = margin_explorer.course(20, (3.0, 0.8))
        left, right = figure.axes
        ghost = [line for line in left.lines if line.get_fillstyle() == "none" and len(line.get_xdata()) == 1]
        assert any(np.allclose(line.get_xydata(), limit[[50]]) for line in ghost)
        curve, marker = right.lines
        distance = 20 * np.linalg.norm(training - limit, axis=1)
        np.testing.assert_allclose(curve.get_ydata(), distance)
        np.testing.assert_allclose(marker.get_ydata(), distance[50])
        assert f"({training[50, 0]:.2f}, {training[50, 1]:.2f})" in alt and "held by product and square" in alt

    def test_the_distance_times_the_scale_hardly_depends_on_the_scale(self):
        largest = [
            scale * np.linalg.norm(np.subtract(*margin_explorer.course(scale, (3.0, 0.8))), axis=1).max()
            for scale in margin_explorer.SCALES
        ]
        assert max(largest) < 1.25 * min(largest)

    def test_the_limit_is_free_then_slides_then_rests(self):
        words = [margin_explorer.draw(Figure(), 20, moment) for moment in (11, 30, 80)]
        held = [re.search(r"held by ([^.]+)\. Their", alt)[1] for alt in words]
        assert held == ["no margin", "product", "product and square"]

    def test_a_start_outside_is_a_sentence(self):
        live = Live(drawing(margin_explorer.draw), {
            "scale": W.FloatSlider(10), "x": W.FloatSlider(1.5), "y": W.FloatSlider(0.3), "moment": W.IntSlider(0),
        })  # fmt: skip
        live.start()
        live.wait()
        assert "start has a margin of 0.45" in live.message.value
