"""Every page of the built book, opened in a browser at desktop and at phone width."""

import pytest

pytestmark = pytest.mark.browser


def test_page_loads_without_an_error(visit, chapter):
    assert visit(chapter).failed == []
    assert visit(chapter).errors == []


def test_page_asks_no_third_party(visit, chapter):
    assert visit(chapter).foreign == []


def test_formulas_are_typeset(visit, chapter):
    assert visit(chapter).untypeset == []


def test_formulas_on_a_phone_begin_in_their_box(visit, chapter):
    assert visit(chapter).cut_off_on_phone == []


def test_images_load(visit, chapter):
    assert visit(chapter).broken_images == []


def test_phone_needs_no_sideways_scrolling(visit, chapter):
    assert visit(chapter).overhang[390] <= 0
