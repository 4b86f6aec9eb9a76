"""Colours: contrast in both themes, and apart for every eye."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from asof.study.report import page, tokens

THEMES = ("light", "dark")

# On linear RGB, after Vienot, Brettel and Mollon 1999 (protan, deutan) and Brettel, Vienot and
# Mollon 1997 (tritan: two half planes, told apart by the sign along a normal).
PROTAN = [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]
DEUTAN = [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]
TRITAN = (
    [[1.01277, 0.13548, -0.14826], [-0.01243, 0.86812, 0.14431], [0.07589, 0.80500, 0.11911]],
    [[0.93678, 0.18979, -0.12657], [0.06154, 0.81526, 0.12320], [-0.37562, 1.12767, 0.24796]],
)
NORMAL = [0.03901, -0.02788, -0.01113]
EYES = ("usual", "protan", "deutan", "tritan")


def through(eye: str, rgb: np.ndarray) -> np.ndarray:
    if eye == "usual":
        return rgb
    if eye == "tritan":
        return np.array(TRITAN[0] if rgb @ NORMAL >= 0 else TRITAN[1]) @ rgb
    return np.array(PROTAN if eye == "protan" else DEUTAN) @ rgb


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    levels = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (levels[1] + 0.05) / (levels[0] + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("pair", tokens.TEXT_PAIRS, ids=lambda p: f"{p[0].role}-{p[1].role}")
def test_text_is_readable(pair, theme: str):
    assert contrast(getattr(pair[0], theme), getattr(pair[1], theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("pair", tokens.MARK_PAIRS, ids=lambda p: f"{p[0].role}-{p[1].role}")
def test_marks_are_seen(pair, theme: str):
    assert contrast(getattr(pair[0], theme), getattr(pair[1], theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eye", EYES)
def test_series_stay_apart_for_every_eye(eye: str, theme: str):
    seen = {token.role: lab(through(eye, linear(getattr(token, theme)))) for token in tokens.SERIES}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 20, (one, other)


def test_the_style_sheets_use_tokens_and_no_other_colour():
    sheet = page.style() + tokens.DRAWING
    known = {getattr(token, theme) for token in tokens.TOKENS for theme in THEMES}
    assert set(re.findall(r"#[0-9A-Fa-f]{6}", sheet)) <= known
    assert set(re.findall(r"var\(--([a-z]+)\)", sheet)) <= {t.role for t in tokens.TOKENS} | {
        "font", "mono",
    }  # fmt: skip


def test_no_text_of_a_drawing_is_smaller_than_twelve():
    assert min(map(float, re.findall(r"font-size:([\d.]+)px", tokens.DRAWING))) >= 12
    assert min(map(float, re.findall(r"font-size:([\d.]+)px", page.style()))) >= 12
