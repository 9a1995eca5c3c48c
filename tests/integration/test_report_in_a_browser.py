"""The report as its readers see it: in a real browser, on a phone and on a screen, printed."""

import base64
import json
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from na64ana.workflow.report import write_report

pytestmark = pytest.mark.slow
PHONE, SCREEN = 375, 1440


@pytest.fixture(scope="module", params=["limits_folder", "closed_folder", "published_folder"])
def page(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, request.getfixturevalue(request.param))
    return path


@pytest.fixture(scope="module")
def opened(browser, page):
    """Return the browser with the page, and forget what it logged before."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(page.as_uri())
    return browser


def _show(browser, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_no_request_leaves_and_nothing_fails(opened, page):
    messages = [json.loads(line["message"])["message"] for line in opened.get_log("performance")]
    asked = [
        one["params"]["request"]["url"]
        for one in messages
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in asked
    assert all(url.startswith(("data:", page.as_uri())) for url in asked)
    assert opened.get_log("browser") == []


def test_all_images_load(opened):
    script = "return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt])"
    images = opened.execute_script(script)
    assert len(images) >= 3
    assert all(complete and width > 0 and alt for complete, width, alt in images)
    # a hostile name did not become an element, or a program
    assert opened.execute_script("return document.querySelectorAll('[onerror]').length") == 0


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_only_boxes_scroll_sideways(opened, width):
    _show(opened, width)
    script = "const d = document.documentElement; return [d.scrollWidth, d.clientWidth]"
    whole, seen = opened.execute_script(script)
    assert whole <= seen <= width
    script = """
    document.querySelectorAll("details").forEach(one => one.open = true);
    const outside = [...document.querySelectorAll("main *")].filter(one =>
        !one.closest(".scroll, pre, svg") && one.getBoundingClientRect().right > innerWidth + 1);
    return outside.map(one => one.outerHTML.slice(0, 100));
    """
    assert opened.execute_script(script) == []


def test_every_entry_of_the_contents_leads_somewhere(opened):
    _show(opened, SCREEN)
    links = opened.find_elements(By.CSS_SELECTOR, "nav a")
    assert len(links) == 9
    for link in links:
        name = link.get_attribute("href").partition("#")[2]
        assert opened.find_element(By.ID, name).tag_name == "h2"
    links[5].click()
    script = "return document.getElementById('parameters').getBoundingClientRect().top"
    opened.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    opened.execute_script("document.getElementById('parameters').scrollIntoView()")
    assert abs(opened.execute_script(script)) < 60
    # the contents stay in sight
    assert opened.find_element(By.ID, "contents").rect["y"] >= 0
    assert (
        -1
        < opened.execute_script(
            "return document.getElementById('contents').getBoundingClientRect().top"
        )
        < 60
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(opened, scheme):
    """At least 4.5 to 1, as WCAG 2.1 level AA asks."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    script = """
    const back = one => { for (; one; one = one.parentElement) {
        const c = getComputedStyle(one).backgroundColor;
        if (c !== "rgba(0, 0, 0, 0)") return c; } return "rgb(255, 255, 255)"; };
    return ["p", "a[href]", "figcaption", "dt", "td", ".badge", "nav a", "summary", "small"].map(
        name => { const one = document.querySelector(name);
                  return [name, getComputedStyle(one).color, back(one)]; });
    """
    pairs = opened.execute_script(script)
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    for name, front, back in pairs:
        bright, dark = sorted(map(_luminance, (front, back)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (name, front, back)


def _luminance(colour: str) -> float:
    """Return the relative luminance of rgb(r, g, b), by WCAG 2.1."""
    parts = [float(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_it_prints(opened):
    opened.execute_script("document.querySelectorAll('details').forEach(one => one.open = false)")
    found = base64.b64decode(opened.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert found.startswith(b"%PDF")
    assert len(found) > 50_000
    # what is folded on a screen is there on paper
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    script = (
        "return [...document.querySelectorAll('details:not(.screen) dl')].map(d => d.offsetHeight)"
    )
    heights = opened.execute_script(script)
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert heights
    assert min(heights) > 0
