"""What readers do: read, follow, copy, search, switch; on any screen."""

import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe

KO = "/ko"


SAMPLE = [
    "/",
    "/glossary/",
    "/transformers/attention/",
    "/trees/decision_tree/",
    "/ko/transformers/attention/",
]
# With two tabs, with one, with many equations, and translated.
CONCEPTS = [
    "/transformers/attention/",
    "/trees/decision_tree/",
    "/convolution/resnet/",
    "/training/batch_norm/",
    "/ko/transformers/attention/",
]


def violations(page, **options):
    """Return what axe finds on the page, as text; empty if nothing."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
@pytest.mark.parametrize("path", SAMPLE)
def test_axe_finds_nothing(open_page, path, width, scheme):
    """Pages that have everything: all rules, both screens, both schemes."""
    page = open_page(path, width, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_timeout(200)
    assert violations(page) == ""


def test_every_page_can_be_read_and_copied(open_page, written, concept_paths):
    """One visit; axe without what is alike everywhere: the sample shows it."""
    page = open_page(written, color_scheme="light")
    if written in concept_paths:
        assert_code_needs_no_scrolling(page)
    assert_page_fits(page)
    simplify(page)
    assert violations(page, rules={"color-contrast": {"enabled": False}}) == ""
    if written in concept_paths:
        assert_copied_sessions_are_code(page)


@pytest.mark.parametrize("path", CONCEPTS)
def test_equations_and_figures_answer(open_page, path):
    """What these need is in the HTML of every page: see test_files.py."""
    page = open_page(path, color_scheme="light")
    assert_equations_and_lines_lead_to_each_other(page)
    assert_figures_follow_the_theme(page)


def simplify(page):
    """Take out tooltips, colours of code, insides of formulas and figures."""
    page.evaluate("""() => {
        document.querySelectorAll('.tabbed-set pre span:not(:has(a))')
            .forEach(token => token.replaceWith(token.textContent))
        document.querySelectorAll('mjx-container')
            .forEach(formula => formula.textContent = 'formula')
        document.querySelectorAll('figure svg > *, .md-tooltip2')
            .forEach(inside => inside.remove())
    }""")


@pytest.mark.parametrize("path", [p for p in SAMPLE if p.count("/") > 2])
def test_listings_run_when_pasted(open_page, path):
    """Every listing's first tab, copied into a fresh interpreter."""
    page = open_page(path)
    blocks = page.locator(".tabbed-block:first-child .highlight").all()
    code = [copy(page, block) for block in blocks]
    assert code
    run = subprocess.run(
        [sys.executable, "-c", "\n\n".join(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def assert_page_fits(page):
    """Nothing is wider than a desktop's window, nor than a phone's."""
    scroll_width = "document.documentElement.scrollWidth"
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(scroll_width) <= width


def assert_figures_follow_the_theme(page):
    """The ink changes with the scheme."""
    figure = page.locator("figure svg").first
    assert figure.get_attribute("aria-label")
    colours = []
    for _ in range(2):
        colours.append(figure.evaluate("svg => getComputedStyle(svg).color"))
        page.locator("[data-md-component=palette] label:visible").click()
    assert colours[0] != colours[1]


def choose_tab(page, tab):
    """Choose a tab of the first listing, and so of all; false if none."""
    labels = page.locator(".tabbed-labels").first.locator("label")
    if labels.count() > tab:
        labels.nth(tab).click()
    return labels.count() > tab


def assert_code_needs_no_scrolling(page):
    """80 columns fit on a desktop, in both tabs."""
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => d.open = 1)"
    )
    scrolling = """() => [...document.querySelectorAll('pre > code')]
        .filter(code => code.scrollWidth > code.clientWidth)
        .map(code => code.innerText.slice(0, 80))"""
    for tab in (1, 0):
        if choose_tab(page, tab):
            assert page.evaluate(scrolling) == []


def visible_line(page, number):
    """Return the marked line that the chosen tab shows."""
    return page.locator(f"[data-equation='{number}']:visible").first


def assert_equations_and_lines_lead_to_each_other(page):
    """By keyboard: the first equation and the last, in both tabs."""
    numbers = page.locator("a.equation-number")
    assert numbers.count() > 0
    for tab in (1, 0):
        if not choose_tab(page, tab):
            continue
        for number in (numbers.first, numbers.last):
            n = number.inner_text().strip("()")
            number.press("Enter")
            line = visible_line(page, n)
            page.wait_for_function(
                "n => document.activeElement.closest(`[data-equation='${n}']`)"
                " || document.activeElement"
                ".querySelector?.(`:scope > [data-equation='${n}']`)",
                arg=n,
                timeout=2000,
            )
            assert f"eq. {n}" in line.inner_text()
            line.locator("a").first.focus()
            assert page.locator(f"#eq-{n}.linked").count() == 1
            page.keyboard.press("Enter")
            page.wait_for_url(f"**#eq-{n}", timeout=2000)


def assert_copied_sessions_are_code(page):
    """The first session, and the first with an error."""
    sessions = page.locator(".language-pycon.highlight:visible")
    errors = sessions.filter(has_text="Traceback")
    for session in [sessions.first, *errors.all()[:1]]:
        text = copy(page, session)
        assert text.strip()
        assert ">>>" not in text
        compile(text, "session", "exec")


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def copy(page, block):
    """Press the button of a block and return what it copied."""
    page.evaluate("navigator.clipboard.writeText('')")
    block.hover()
    block.locator(
        "[data-clipboard-target], button.md-code__button"
    ).first.click()
    page.wait_for_function("navigator.clipboard.readText()", timeout=2000)
    return clipboard(page)


def test_mathematics_is_there_without_javascript(open_page):
    page = open_page("/training/batch_norm/", java_script_enabled=False)
    equations = page.locator(".equation mjx-container")
    assert equations.first.bounding_box()["height"] > 10
    text = page.locator("article").inner_text()
    assert r"\(" not in text
    assert "$$" not in text


def test_hovering_an_equation_lights_its_line(open_page):
    page = open_page("/training/batch_norm/")
    page.locator("#eq-1").hover()
    assert "linked" in visible_line(page, 1).get_attribute("class")
    visible_line(page, 1).hover()
    assert "linked" in page.locator("#eq-1").get_attribute("class")


def search(page, text):
    """Return the titles that a search finds, best first."""
    page.keyboard.press("/")
    box = page.locator("input.md-search__input")
    box.fill(text)
    box.press("End")
    page.wait_for_selector(".md-search-result__item", timeout=20000)
    page.wait_for_timeout(200)
    return page.locator(".md-search-result__item h1").all_inner_texts()


@pytest.mark.parametrize(
    ("home", "query", "title"),
    [
        ("/", "batch_norm", "Batch normalization"),
        ("/", "backward pass of attention", "Attention"),
        ("/", "softmax", "Softmax regression"),
        ("/", "gini", "Decision tree"),
        ("/ko/", "배치 정규화", "배치 정규화"),
        ("/ko/", "배치 정규화를", "배치 정규화"),
        ("/ko/", "어텐션은", "어텐션"),
        ("/ko/", "batch_norm", "배치 정규화"),
    ],
)
def test_search_finds_the_page(open_page, home, query, title):
    found = search(open_page(home), query)
    assert title in found[:3], found


def test_the_search_index_is_loaded_when_someone_searches(open_page):
    page = open_page("/")
    page.wait_for_load_state("networkidle")
    loaded = """() => performance.getEntriesByType('resource')
        .map(entry => entry.name.split('/').pop())"""
    assert "search_index.json" not in page.evaluate(loaded)
    search(page, "batch")
    assert "search_index.json" in page.evaluate(loaded)


def test_search_shows_formulas_as_text(open_page):
    page = open_page("/")
    search(page, "normalize by the moments of the batch")
    text = page.locator(".md-search-result").inner_text()
    assert "\\frac" not in text
    assert "\\(" not in text


@pytest.mark.parametrize(
    "path", ["/", "/training/batch_norm/", "/trees/decision_tree/"]
)
def test_the_language_switch_stays_on_the_page(open_page, server, path):
    page = open_page(path)
    assert page.locator("html").get_attribute("lang") == "en"
    for lang, expected in (("ko", KO + path), ("en", path)):
        page.locator(".md-header .md-select button").hover()
        page.locator(f".md-select__link[hreflang={lang}]").click()
        page.wait_for_load_state()
        assert page.url == server + expected
        assert page.locator("html").get_attribute("lang") == lang


def test_a_page_without_translation_says_so(open_page):
    page = open_page(KO + "/trees/decision_tree/")
    assert page.locator("[lang=en] h1").inner_text().startswith("Decision tree")
    assert "영어" in page.locator(".md-content").inner_text()


def test_dark_mode_is_remembered(open_page):
    page = open_page("/", color_scheme="light")
    body = page.locator("body")
    assert body.get_attribute("data-md-color-scheme") == "default"
    page.locator("label[for=__palette_1]:visible").click()
    assert body.get_attribute("data-md-color-scheme") == "slate"
    page.reload()
    assert body.get_attribute("data-md-color-scheme") == "slate"


def test_the_keyboard_reaches_the_text(open_page):
    page = open_page("/transformers/attention/")
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.className")
    assert "md-skip" in skip
    page.keyboard.press("Enter")
    page.wait_for_url("**#*", timeout=2000)


def test_a_wrong_address_leads_home(open_page, server):
    page = open_page("/")
    page.goto(f"{server}/404.html")
    page.locator(".md-header__button.md-logo").click()
    assert page.url == f"{server}/"
