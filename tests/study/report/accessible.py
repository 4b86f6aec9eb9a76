"""What a page owes to readers who do not see it as drawn: names, order, contrast, the keyboard."""

from __future__ import annotations

from typing import Any

FAULTS = """() => {
  const found = [];
  const all = selector => [...document.querySelectorAll(selector)];
  if (!document.documentElement.lang) found.push('no language');
  if (!document.title.trim()) found.push('no title');
  if (all('main').length !== 1) found.push('not one main');
  if (all('h1').length !== 1) found.push('not one h1');
  let level = 0;
  for (const h of all('h1,h2,h3,h4')) {
    const now = +h.tagName[1];
    if (now > level + 1) found.push('heading skipped: ' + h.textContent);
    level = now;
  }
  const ids = all('[id]').map(e => e.id);
  if (new Set(ids).size !== ids.length) found.push('an id twice');
  for (const svg of all('svg')) {
    if (svg.getAttribute('role') !== 'img') found.push('a drawing without role');
    for (const id of (svg.getAttribute('aria-labelledby') || 'none').split(' ')) {
      const named = document.getElementById(id);
      if (!named || !named.textContent.trim()) found.push('a drawing without ' + id);
    }
  }
  for (const th of all('th')) if (!th.scope) found.push('a head without scope');
  for (const each of all('.scroll'))
    if (each.tabIndex !== 0 || !each.getAttribute('aria-label')) found.push('scrolls unnamed');
  for (const each of all('section')) {
    const named = each.getAttribute('aria-label') || each.querySelector('h2');
    if (!named) found.push('a section without name');
  }
  const rgb = text => (text.match(/[\\d.]+/g) || []).slice(0, 3).map(Number);
  const light = c => {
    const [r, g, b] = c.map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(rgb(getComputedStyle(document.documentElement).backgroundColor));
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || !parent.checkVisibility()) continue;
    const style = getComputedStyle(parent);
    const ink = light(rgb(parent.closest('svg') ? style.fill : style.color));
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (ratio < 4.5) found.push('contrast ' + ratio.toFixed(1) + ': ' + node.textContent.trim());
  }
  return found;
}"""


def inaccessible(tab: Any) -> list[str]:
    """What is wrong with a page for those who hear it, see it faintly, or have only keys."""
    found: list[str] = tab.evaluate(FAULTS)
    for summary in tab.locator("summary:visible").all():
        summary.focus()
        if tab.evaluate("() => document.activeElement.tagName") != "SUMMARY":
            found.append("what opens cannot be reached by keys")
    return found
