"""The live page in a real browser, on the whole local stack."""

from typing import Any

import pytest

from devstack import seed, stack
from tests.live.browser import Browser
from tests.live.serving import KEY, Served

pytestmark = pytest.mark.real

TAB, ENTER = "\ue004", "\ue007"
PHONE, DESK = (375, 740), (1100, 900)

ROTATED = "return [...document.querySelectorAll('#rotations code')].map(one => one.textContent)"
STEPS = """
const card = [...document.querySelectorAll('#rotations article')].find(
  one => one.querySelector('code').textContent === arguments[0]);
return card && [...card.querySelectorAll('li')].map(one => one.textContent);
"""
TARGETS = """
return [...document.querySelectorAll('#targets tr')].map(
  row => Object.fromEntries([...row.children].map(cell => [cell.dataset.name, cell.textContent])));
"""
CONTRAST = """
const light = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (!colour.endsWith(', 0)')) return colour;
  }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || !element.checkVisibility() || element.closest('script, style')) continue;
  const [one, other] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
  found.push([element.tagName + ': ' + text.slice(0, 30), (one + 0.05) / (other + 0.05)]);
}
return found;
"""


async def rotate(browser: Browser) -> str:
    """Press the page's button, and return the version that it then shows."""
    await browser.until("return document.getElementById('connection').textContent === 'connected'")
    await browser.until("return !document.getElementById('rotate').hidden")  # it comes with the first news
    before = set(await browser.run(ROTATED))
    await browser.run("document.getElementById('rotate').click()")
    news = await browser.until(f"{ROTATED}.filter(one => !arguments[0].includes(one))", list(before))
    return str(news[0])


@pytest.fixture
async def page(browser: Browser, served: Served) -> Browser:
    """The page, opened anew at a desk."""
    await browser.resize(*DESK)
    await browser.prefer()
    await browser.open(served.url)
    return browser


async def test_a_rotation_is_shown_from_the_event_to_the_notice_with_its_milliseconds(
    page: Browser, served: Served
) -> None:
    version = await rotate(page)

    assert version == served.stack.vault.get(seed.OBJECT).version
    secret = f"{stack.CLUSTER}/{seed.NAMESPACE}/{seed.SECRET}"
    await page.until(f"const steps = (() => {{{STEPS}}})(); return steps.length === 2", version)
    told, written = sorted(await page.run(STEPS, version), key=lambda step: secret in step)
    assert "new version in kv-demo" in told
    assert f"{secret} written" in written
    for step in (told, written):
        milliseconds = step.partition(" ms")[0].replace(",", "")
        assert 0 <= int(milliseconds) < 30_000
        assert "notice after" in step


async def test_the_target_shows_the_version_that_it_holds(page: Browser) -> None:
    version = await rotate(page)

    await page.until(f"const rows = (() => {{{TARGETS}}})(); return rows[0].version === arguments[0]", version[:8])
    (row,) = await page.run(TARGETS)
    assert row["object"] == "kv-demo/secret/secret1"
    assert (row["state"], row["owner"]) == ("written", "csi-driver 1.5")


async def test_no_value_reaches_the_page(page: Browser, served: Served) -> None:
    await rotate(page)
    value = served.stack.vault.get(seed.OBJECT).value

    shown = await page.run("return document.documentElement.outerHTML")

    assert value
    assert value not in shown
    assert served.stack.vault.get(seed.OBJECT).version in shown


async def test_a_reader_is_told_what_just_happened(page: Browser) -> None:
    """By a live region, which a screen reader speaks without being asked."""
    version = await rotate(page)

    said = await page.until(
        "const now = document.querySelector('[aria-live=polite]').textContent;return now.includes(arguments[0]) && now",
        version[:8],
    )

    assert "ms after the event" in said


async def test_everything_can_be_done_with_the_keyboard(page: Browser) -> None:
    before = await page.run(ROTATED)
    await page.until("return !document.getElementById('rotate').hidden")
    await page.press(TAB)
    skip = await page.run("return document.activeElement.textContent")
    await page.press(TAB)
    outline = await page.run("return getComputedStyle(document.activeElement).outlineStyle")
    focused = await page.run("return document.activeElement.id")
    await page.press(ENTER)

    assert (skip, focused, outline) == ("Skip to the rotations", "rotate", "solid")
    assert await page.until(f"{ROTATED}.length > arguments[0]", len(before))


async def test_the_page_has_landmarks_headings_and_a_language(page: Browser) -> None:
    found: dict[str, Any] = await page.run(
        """
        return {
          language: document.documentElement.lang,
          landmarks: ['header', 'main', 'footer'].map(name => document.querySelectorAll(name).length),
          headings: [...document.querySelectorAll('h1, h2')].map(one => one.textContent),
          unnamed: [...document.querySelectorAll('section')].filter(
            one => !document.getElementById(one.getAttribute('aria-labelledby'))).length,
          columns: [...document.querySelectorAll('th')].every(one => one.scope === 'col'),
        }
        """
    )

    assert found["language"] == "en"
    assert found["landmarks"] == [1, 1, 1]
    assert found["headings"] == [
        "Key Vault Fan-out, live",
        "Now",
        "What was rotated",
        "Which Secret holds which version",
    ]
    assert (found["unnamed"], found["columns"]) == (0, True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_background(page: Browser, scheme: str) -> None:
    """4.5 to 1 is what WCAG 2.2 asks for (1.4.3, level AA)."""
    await page.prefer(prefers_color_scheme=scheme)
    await rotate(page)

    measured = await page.run(CONTRAST)

    assert len(measured) > 15
    assert [(text, round(ratio, 2)) for text, ratio in measured if ratio < 4.5] == []


async def test_nothing_moves_for_who_prefers_that(page: Browser) -> None:
    moving = "return getComputedStyle(document.querySelector('article.new, article')).animationName"
    await rotate(page)
    usual = await page.run("document.querySelector('article').classList.add('new');" + moving)
    await page.prefer(prefers_reduced_motion="reduce")
    still = await page.run(moving)

    assert (usual, still) == ("arrive", "none")


async def test_it_fits_a_phone(page: Browser) -> None:
    await page.resize(*PHONE)
    await rotate(page)

    await page.until("return document.querySelectorAll('#targets tr').length > 0")
    found = await page.run(
        """
        const button = document.getElementById('rotate').getBoundingClientRect();
        return [document.documentElement.scrollWidth, innerWidth, button.height, button.width];
        """
    )

    assert found[0] <= found[1] == PHONE[0]
    assert min(found[2:]) >= 44


async def test_nothing_comes_from_elsewhere(page: Browser, served: Served) -> None:
    await rotate(page)

    asked = await page.run("return performance.getEntriesByType('resource').map(one => one.name)")

    origin = served.url.removesuffix("/live")
    assert asked
    assert [url for url in asked if not url.startswith((origin, "data:"))] == []


async def test_a_page_that_is_opened_later_shows_what_was_before(page: Browser, served: Served) -> None:
    version = await rotate(page)

    await page.open(served.url)

    assert version in await page.until(f"const found = (() => {{{ROTATED}}})(); return found.length && found")


CONNECTION = "return document.getElementById('connection').textContent"


async def look(browser: Browser, served: Served, key: str) -> None:
    """Open the page that the app serves, and type a key."""
    await browser.open(served.app)
    await browser.until("return !document.getElementById('key-form').hidden")
    assert await browser.run("return document.activeElement.id") == "key"
    await browser.press(*key, ENTER)


async def test_the_page_of_the_app_asks_for_its_key_and_then_shows_what_happens(
    browser: Browser, served: Served
) -> None:
    await browser.resize(*DESK)
    await look(browser, served, KEY)

    await browser.until(f"{CONNECTION} === 'connected'")
    version = served.stack.vault.set_secret(seed.OBJECT, "PLANTED-in-the-app")
    await browser.until(f"{ROTATED}.includes(arguments[0])", version)
    await browser.until(f"const steps = (() => {{{STEPS}}})(); return steps.length === 2", version)
    assert await browser.run("return document.getElementById('rotate').hidden")
    assert await browser.run("return document.getElementById('key-form').hidden")
    shown = str(await browser.run("return document.documentElement.outerHTML + location.href"))
    assert KEY not in shown
    assert "PLANTED" not in shown


async def test_a_wrong_key_is_asked_for_again(browser: Browser, served: Served) -> None:
    await look(browser, served, "wrong")

    await browser.until("return !document.getElementById('key-form').hidden")
    await browser.press(*KEY, ENTER)

    await browser.until(f"{CONNECTION} === 'connected'")
