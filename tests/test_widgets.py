"""Explorers without a browser: frames, links, and computations that can be stopped."""

import base64
import io
import re
import threading
import time
from types import SimpleNamespace

import ipywidgets as W
import matplotlib.pyplot as plt
import pytest
from PIL import Image

from grokutil.runs.progress import watched
from grokutil.runs.recorder import Moment
from grokutil.widgets import live as module
from grokutil.widgets.frames import frame
from grokutil.widgets.live import PAUSE, Live, Progress, drawing, explorer, now_and_then
from grokutil.widgets.player import Control, player


def draw(figure, k, colour="red"):
    figure.subplots().plot([0, k], color=colour)
    return f"a {colour} line up to {k}"


class TestFrames:
    def test_a_frame_is_a_small_picture_with_its_alternative_text(self):
        tag = frame(draw, (4, 2), k=3)
        assert 'alt="a red line up to 3"' in tag and len(tag) < 8000
        data = base64.b64decode(re.search(r"base64,([^\"]+)", tag)[1])
        picture = Image.open(io.BytesIO(data))
        assert picture.size == (400, 200) and len(picture.getcolors(100)) <= 32

    def test_frames_are_drawn_in_any_thread_and_leave_nothing_behind(self):
        before, results = plt.get_fignums(), []
        threads = [threading.Thread(target=lambda: results.append(frame(draw, k=1))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(results)) == 1 and plt.get_fignums() == before

    def test_quotes_in_the_text_are_safe(self):
        assert 'alt="5 &gt; 3 &quot;so&quot;"' in frame(lambda figure: '5 > 3 "so"')

    def test_a_picture_without_text_is_an_error(self):
        with pytest.raises(ValueError, match="must return the alternative text"):
            frame(lambda figure: None)


class TestPlayer:
    def test_every_combination_has_its_own_frame(self):
        box = player(draw, Control("k", "end", [1, 2, 3]), Control("colour", "colour", ["red", "blue"]))
        assert "kernel-free" in box._dom_classes
        outer = box.children[-1]
        alts = [[re.search('alt="([^"]*)"', f.value)[1] for f in stack.children] for stack in outer.children]
        assert alts == [[f"a {c} line up to {k}" for k in (1, 2, 3)] for c in ("red", "blue")]

    def test_one_control_needs_no_menu(self):
        box = player(draw, Control("k", "end", [0.5, 2.0], texts=["half", "two"]), fixed={"colour": "green"})
        assert not any(isinstance(c, W.Dropdown) for c in box.children[1].children)
        slider = next(c for c in box.children[1].children if isinstance(c, W.SelectionSlider))
        assert [text for text, _ in slider.options] == ["half", "two"]
        assert "a green line up to 0.5" in box.children[-1].children[0].value

    def test_it_opens_with_the_value_that_a_control_names(self):
        box = player(
            draw, Control("k", "end", [1, 2, 3], first=1), Control("colour", "colour", ["red", "blue"], first=1)
        )
        menu, play, slider = box.children[1].children
        assert (menu.index, play.value, slider.index) == (1, 1, 1)
        assert box.children[-1].selected_index == 1
        assert [stack.selected_index for stack in box.children[-1].children] == [1, 1]
        with pytest.raises(ValueError, match="control 'k' has 2 values, but opens with 2"):
            player(draw, Control("k", "end", [1, 2], first=2))

    def test_with_somebody_at_the_kernel_a_picture_is_drawn_when_it_is_chosen(self, monkeypatch):
        drawn = []

        def noted(figure, k, colour):
            drawn.append((k, colour))
            return draw(figure, k, colour)

        monkeypatch.setattr("grokutil.widgets.player.watched", lambda: True)
        box = player(noted, Control("k", "end", [1, 2, 3], first=1), Control("colour", "colour", ["red", "blue"]))
        menu, _, slider = box.children[1].children
        assert drawn == [(2, "red")] and "a red line up to 2" in box.children[-1].value
        slider.index, menu.index = 2, 1
        assert drawn[1:] == [(3, "red"), (3, "blue")] and "a blue line up to 3" in box.children[-1].value
        menu.index, slider.index = 0, 1
        assert drawn[3:] == [] and "a red line up to 2" in box.children[-1].value  # what was drawn is kept

    @pytest.mark.parametrize("asked", [True, False])
    def test_somebody_sits_at_a_kernel_whose_front_end_may_be_asked(self, monkeypatch, asked):
        kernel = SimpleNamespace(_allow_stdin=asked)
        monkeypatch.setattr("grokutil.runs.progress.shell", lambda: SimpleNamespace(kernel=kernel))
        assert watched() is asked
        monkeypatch.setattr("grokutil.runs.progress.shell", lambda: None)
        assert watched() is False

    def test_a_control_without_values_is_named(self):
        with pytest.raises(ValueError, match="control 'k' has no values"):
            player(draw, Control("k", "end", []))


class Held:
    """A timer whose time is up when somebody waits for it."""

    def __init__(self, pause, call):
        self.pause, self.call, self.cancelled = pause, call, False

    def start(self):
        pass

    def cancel(self):
        self.cancelled = True

    def join(self):
        self.call()


class Halfway:
    """A computation that goes on past its half when it is told to."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, k):
        yield Progress(0.5, f"<p>half of {k}</p>", "half")
        self.reached.set()
        assert self.go.wait(60)
        yield Progress(0.6, f"<p>more of {k}</p>", "more")
        yield Progress(1.0, f"<p>{k}</p>", "all")


def test_of_a_run_all_records_are_seen_and_other_moments_now_and_then(monkeypatch):
    """A second from moment to moment, and a pause of three since the last that was seen."""
    clock = 0.0
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock)

    def run():
        nonlocal clock
        for k in range(18):
            clock = float(k)
            yield Moment(clock, None, k in (0, 7, 8))

    assert [moment.time for moment in now_and_then(run(), pause=3.0)] == [0, 4, 7, 8, 12, 16]


class TestLive:
    def test_nothing_is_computed_before_the_first_move(self):
        live = Live(drawing(draw), {"k": W.IntSlider(1, 0, 9)})
        time.sleep(0.3)
        assert live.picture.value == "" and "Move a control" in live.message.value
        assert live.box._dom_classes == ("needs-kernel",)
        assert "live-name" in Live(drawing(draw), {"k": W.IntSlider(1)}, face="name").box._dom_classes

    def test_twenty_rapid_moves_end_on_the_last_value(self, monkeypatch):
        seen, timers = [], []

        def compute(k):
            seen.append(k)
            yield Progress(1.0, f"<p>{k}</p>")

        monkeypatch.setattr(module.threading, "Timer", lambda *args: timers.append(Held(*args)) or timers[-1])
        slider = W.IntSlider(0, 0, 99)
        live = Live(compute, {"k": slider})
        for k in range(1, 21):
            slider.value = k
        assert {timer.pause for timer in timers} == {PAUSE}
        assert [timer.cancelled for timer in timers] == [True] * 19 + [False]
        live.wait()
        assert seen == [20] and live.picture.value == "<p>20</p>" and live.bar.value == 1.0

    def test_a_move_while_it_computes_begins_anew(self):
        slider, compute = W.IntSlider(0, 0, 99), Halfway()
        live = Live(compute, {"k": slider})
        live.start()
        assert compute.reached.wait(60) and live.picture.value == "<p>half of 0</p>"
        slider.value = 7
        compute.go.set()
        live.wait()
        assert live.picture.value == "<p>7</p>" and live.bar.value == 1.0

    def test_it_can_be_stopped_and_answers_at_once(self):
        compute = Halfway()
        live = Live(compute, {"k": W.IntSlider(3)}, on_request=True)
        live.run_button.click()
        assert compute.reached.wait(60) and not live.stop_button.disabled
        live.stop_button.click()
        assert live._thread.is_alive()  # the button has not waited for the computation
        compute.go.set()
        live.wait()
        assert live.bar.value == 0.6 and live.picture.value == "<p>more of 3</p>"  # what was computed so far
        assert "stopped" in live.message.value and live.stop_button.disabled

    def test_on_request_it_waits_for_run(self):
        slider = W.IntSlider(1, 0, 9)
        live = Live(drawing(draw), {"k": slider}, on_request=True)
        slider.value = 4
        live.wait()
        assert live.picture.value == ""
        live.run_button.click()
        live.wait()
        assert "a red line up to 4" in live.picture.value

    def test_a_bad_choice_is_a_sentence(self):
        def compute(k):
            raise ValueError(f"k must not be <{k}>")
            yield

        live = Live(compute, {"k": W.IntSlider(3)}, warn=lambda k: f"{k} takes long")
        assert "3 takes long" in live.message.value
        live.start()
        live.wait()
        assert "k must not be &lt;3&gt;" in live.message.value and live.stop_button.disabled

    def test_both_faces_stand_in_one_box(self):
        live = Live(drawing(draw), {"k": W.IntSlider(1)})
        box = explorer(player(draw, Control("k", "end", [1])), live)
        assert [("kernel-free" in c._dom_classes, "needs-kernel" in c._dom_classes) for c in box.children] == [
            (True, False),
            (False, True),
        ]
