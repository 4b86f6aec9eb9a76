"""The page in a browser: nothing asked for, nothing overlapping, nothing too small or cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import example_facts
import pytest

from asof.study.report.notebook import mimebundle
from asof.study.report.page import page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LIVES = ("life", "gated", "three_years", "regression", "hours", "one_slot", "bare")

SLOW = ("life", "three_years", "regression")
THEMES = ("light", "dark")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")

# Every line of text that is shown, as a rectangle: that of its glyphs, not of its box.
TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.textContent.trim()) continue;
    const parent = node.parentElement;
    if (!parent.checkVisibility({contentVisibilityAuto: true})) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    const drawing = parent.closest('svg');
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      if (r.width < 1 || r.height < 1) continue;
      found.push({text: node.textContent.trim(), size, x: r.x, y: r.y, right: r.right,
        bottom: r.bottom, scrolls: !!parent.closest('.scroll'),
        box: drawing ? drawing.getBoundingClientRect().toJSON() : null});
    }
  }
  return found;
}"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
GRID = """() => {
  const words = [...document.querySelectorAll('svg text')].filter(t => t.checkVisibility());
  const boxes = words.map(t => [t.textContent, t.getBoundingClientRect()]);
  const hit = [];
  for (const path of document.querySelectorAll('svg .grid')) {
    if (!path.checkVisibility()) continue;
    const at = path.closest('svg').getBoundingClientRect();
    for (const [, x, y, way, to] of
         path.getAttribute('d').matchAll(/M([\\d.]+) ([\\d.]+)([HV])([\\d.]+)/g)) {
      const x0 = at.x + +x, y0 = at.y + +y;
      const x1 = way === 'H' ? at.x + +to : x0, y1 = way === 'V' ? at.y + +to : y0;
      for (const [text, b] of boxes)
        if (x0 < b.right - 1 && x1 > b.x + 1 && y0 < b.bottom - 3 && y1 > b.y + 3) hit.push(text);
    }
  }
  return hit;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        shown = running.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield shown
        shown.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {name: folder / f"{name}.html" for name in LIVES}
    for name, path in made.items():
        path.write_text(page(example_facts.LIVES[name]()), encoding="utf-8")
    return made


def opened(browser: Any, path: Path, width: int, theme: str, media: str = "screen") -> Any:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme,
        java_script_enabled=False, offline=True,
    )  # fmt: skip
    tab = context.new_page()
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.emulate_media(media=media, color_scheme=theme)
    tab.goto(path.as_uri())
    return tab


def overlaps(texts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The pairs of texts that share more than 2 x 4 px."""
    found = []
    down = sorted(texts, key=lambda text: text["y"])
    for index, one in enumerate(down):
        for other in down[index + 1 :]:
            if other["y"] >= one["bottom"] - 4:
                break
            wide = min(one["right"], other["right"]) - max(one["x"], other["x"])
            tall = min(one["bottom"], other["bottom"]) - other["y"]
            if wide > 2 and tall > 4:
                found.append((one["text"], other["text"]))
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in LIVES]
)
def test_texts_have_room(browser, pages, name: str):
    tab = opened(browser, pages[name], 1280, "light")
    try:
        for width, theme, media in product((1280, 768, 360), THEMES, ("screen", "print")):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(media=media, color_scheme=theme)
            assert faults(tab, width, media) == {}, (width, theme, media)
    finally:
        tab.context.close()


def faults(tab: Any, width: int, media: str) -> dict[str, object]:
    """What is wrong with the texts of a page as it is shown now."""
    texts = tab.evaluate(TEXTS)
    assert len(texts) > 40
    found = {
        "overlaps": overlaps(texts),
        "too small": [each["text"] for each in texts if each["size"] < 12],
        "out of its drawing": [each["text"] for each in texts if outside(each)],
        "on a line of the grid": tab.evaluate(GRID),
    }
    if media == "screen":
        found["sideways"] = tab.evaluate(SIDEWAYS)
        found["cut"] = [t["text"] for t in texts if t["right"] > width and not t["scrolls"]]
    return {name: value for name, value in found.items() if value}


def outside(text: dict[str, Any]) -> bool:
    box = text["box"]
    return box is not None and (
        text["x"] < box["x"] - 0.5
        or text["right"] > box["right"] + 0.5
        or text["y"] < box["y"] - 2
        or text["bottom"] > box["bottom"] + 0.5
    )


@pytest.mark.parametrize("name", LIVES)
def test_a_page_makes_no_request_without_script_and_network(browser, pages, name: str):
    tab = opened(browser, pages[name], 1280, "light")
    try:
        assert tab.asked == [pages[name].as_uri()]
        drawings = tab.locator("svg:visible").count()
        assert drawings == (0 if name == "one_slot" else 1)
    finally:
        tab.context.close()


def test_the_tables_open_and_scroll_in_themselves(browser, pages):
    tab = opened(browser, pages["gated"], 360, "light")
    try:
        for summary in tab.locator("summary").all():
            summary.click()
        assert tab.evaluate(SIDEWAYS) <= 0
        assert overlaps(tab.evaluate(TEXTS)) == []
    finally:
        tab.context.close()


def test_the_reader_can_override_the_theme(browser, pages, tmp_path: Path):
    path = tmp_path / "dark.html"
    made = pages["life"].read_text(encoding="utf-8")
    colours = {}
    for asked in ("light", "dark"):
        path.write_text(made.replace("<html", f'<html data-theme="{asked}"', 1), encoding="utf-8")
        for reader in ("light", "dark"):
            tab = opened(browser, path, 1280, reader)
            colours[asked, reader] = tab.evaluate(
                "() => [getComputedStyle(document.querySelector('h1')).color,"
                " getComputedStyle(document.documentElement).backgroundColor]"
            )
            tab.context.close()
    assert colours["light", "light"] == colours["light", "dark"]
    assert colours["dark", "light"] == colours["dark", "dark"]
    assert colours["dark", "dark"] != colours["light", "light"]


@pytest.mark.parametrize(
    ("attribute", "reader", "dark"),
    [
        ('data-jp-theme-light="true"', "dark", False),
        ('data-jp-theme-light="false"', "light", True),
        ('data-vscode-theme-kind="vscode-dark"', "light", True),
        ('data-vscode-theme-kind="vscode-light"', "dark", False),
        ("", "dark", True),
        ("", "light", False),
    ],
)
def test_a_notebook_has_the_last_word_about_its_theme(
    browser, tmp_path: Path, attribute: str, reader: str, dark: bool
):
    path = tmp_path / "cell.html"
    cell = mimebundle(example_facts.gated())["text/html"]
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><body {attribute}>{cell}', encoding="utf-8"
    )
    tab = opened(browser, path, 1000, reader)
    try:
        colour = tab.evaluate("() => getComputedStyle(document.querySelector('.asof h1')).color")
        assert colour == ("rgb(236, 239, 237)" if dark else "rgb(25, 29, 27)")
        assert overlaps(tab.evaluate(TEXTS)) == []
    finally:
        tab.context.close()
