"""The playground in a browser: Debian's Chromium, controlled by Playwright."""

import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from tests.oracles.make_playground_scenes import CHROMIUM, PATIENCE, TOP, browser, photograph, scenes, served, settled

FOUND = importlib.util.find_spec("marimo") and importlib.util.find_spec("playwright") and CHROMIUM
pytestmark = [
    pytest.mark.playground,
    pytest.mark.skipif(not FOUND, reason="needs marimo, playwright and chromium"),
]
SHARED = ["data", "noise", "points", "seed"]
OWN = ["standardize", "initializer", "scale", "l2", "optimizer", "learning rate", "epochs", "batch size", "broken"]
LAYERS = [f"{part} {number}" for number in (1, 2, 3, 4) for part in ("units", "activation", "dropout")]
BRIEF = "points=100&units=5,5,5,5&epochs=10&batch_size=16"  # every control has an effect with these settings


@pytest.fixture(scope="module")
def address():
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.fixture
def opened(address, chromium):
    """A function that opens the page with settings. The page may log no error and load nothing from another host."""
    wrong, contexts = [], []

    def note(message):
        if message.type == "error":
            wrong.append(message.text)

    def open_page(question="", width=1280, scheme="light"):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: request.url.startswith((address, "data:")) or wrong.append(request.url))
        page.goto(f"{address}?{question}")
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def picture(page, which="cost", side="A"):
    return page.locator(f"[aria-label='setting {side}'] .{which} img").get_attribute("src")


def changed(page, before, side="A"):
    """Wait until the cost has a new picture and the diagnosis is ready."""
    image = f"[aria-label='setting {side}'] .cost img"
    page.wait_for_function("([image, before]) => document.querySelector(image).src != before", arg=[image, before])
    settled(page)


def turn(page, label):
    """Choose another value of the control with this label."""
    slider = page.get_by_role("slider", name=label, exact=True)
    if slider.count():
        slider.focus()
        highest = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        page.keyboard.press("ArrowLeft" if highest else "ArrowRight")
    elif (choice := page.get_by_role("combobox", name=label, exact=True)).count():
        choice.select_option(index=(choice.evaluate("it => it.selectedIndex") + 1) % choice.locator("option").count())
    else:
        page.get_by_role("checkbox", name=label, exact=True).click()


def words(page, side="A"):
    return page.get_by_role("region", name=f"setting {side}").inner_text()


def parameters(page):
    return parse_qs(urlsplit(page.url).query)


# ---- the controls


def test_every_control_starts_a_training_and_changes_the_address(opened):
    page = opened(BRIEF)
    for label in SHARED + LAYERS + OWN:
        before, costs = parameters(page), picture(page)
        turn(page, label)
        changed(page, costs)
        name = re.sub(r" \d$", "", label).replace(" ", "_")
        assert before.get(name) != parameters(page).get(name), label


def test_an_address_restores_the_page(opened):
    page = opened(f"{BRIEF}&compare=True&b.l2=1.0")
    before = picture(page)
    turn(page, "data")
    changed(page, before)
    assert parameters(page)["data"] == ["moons"]
    again = opened(urlsplit(page.url).query)
    for side in "AB":
        assert picture(again, "boundary", side) == picture(page, "boundary", side)
        assert picture(again, "cost", side) == picture(page, "cost", side)


def test_an_invalid_address_is_rejected_with_a_message(opened):
    page = opened("epochs=100&seed=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&units=10,5")
    messages = page.locator(".trouble").all_inner_texts()
    assert [message.split(";")[0] for message in messages] == [
        "unknown value seed=<img src=x onerror=alert(1)>",
        "unknown value units=10,5",
    ]
    assert parameters(page) == {"epochs": ["100"]}


def test_the_keyboard_reaches_every_control(opened):
    page = opened(BRIEF)
    controls = page.locator("[role=slider], select, [role=checkbox], [role=switch]").count()
    assert controls == len(SHARED + LAYERS + OWN) + 1
    reached = set()
    for _ in range(3 * controls):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert set(SHARED + LAYERS + OWN + ["compare with B", "Stop", "Check the gradients"]) <= reached


FOCUSED = """() => {
    let element = document.activeElement
    while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
    const label = element.getRootNode().getElementById?.(element.getAttribute('aria-labelledby'))
    return (label ?? element.labels?.[0] ?? element).textContent.trim()
}"""


def test_a_slider_keeps_the_focus_when_the_page_is_redrawn(opened):
    page = opened(BRIEF)
    page.get_by_role("slider", name="l2", exact=True).focus()
    for _ in range(2):
        before = picture(page)
        page.keyboard.press("ArrowRight")
        changed(page, before)
    assert parameters(page)["l2"] == ["0.03"]


# ---- A and B


def test_two_settings_are_compared_in_a_table_of_differences(opened):
    page = opened(f"{BRIEF}&compare=True&b.initializer=zeros&b.optimizer=Adam")
    table = page.locator(".report table").inner_text()
    rows = [line.split("\t") for line in table.splitlines()]
    assert [row[0] for row in rows] == [
        "",
        "initializer",
        "optimizer",
        "cost",
        "train accuracy",
        "test cost",
        "test accuracy",
    ]
    assert rows[1][1:] == ["He", "zeros"]
    assert "compute the same thing" in words(page, "B")
    assert "compute the same thing" not in words(page, "A")
    before = picture(page, side="B")
    page.get_by_role("button", name="B = A").click()
    changed(page, before, "B")
    assert "b.initializer" not in parameters(page)
    assert picture(page, "cost", "B") == picture(page, "cost", "A")


def test_the_code_prints_the_cost_of_the_page_to_the_last_digit(opened, tmp_path):
    page = opened(f"{BRIEF}&dropout=0.2,0.0,0.1,0.0&compare=True&b.broken=True&b.l2=0.7&b.data=moons")
    costs = re.search(r"^cost\t(\S+)\t(\S+)$", page.locator(".report table").inner_text(), re.MULTILINE).groups()
    for side, cost in zip("AB", costs, strict=True):
        script = tmp_path / f"{side}.py"
        script.write_text(page.get_by_role("region", name=f"code of {side}").locator("pre").inner_text())
        done = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"{cost}\n"


# ---- gradients


@pytest.mark.parametrize(("broken", "verdict"), [("False", "all gradients right"), ("True", "guilty: broken_dense")])
def test_the_gradients_are_checked_with_dropout_on(opened, broken, verdict):
    page = opened(f"{BRIEF}&dropout=0.4,0.2,0.0,0.0&broken={broken}")
    page.get_by_role("button", name="Check the gradients").press("Enter")
    report = page.locator(".report", has_text="gradients")
    report.wait_for()
    assert verdict in report.inner_text()


# ---- long and failing trainings


def test_a_long_training_shows_its_progress_and_can_be_stopped(opened, address):
    page = opened(BRIEF)
    before = picture(page)
    page.get_by_role("slider", name="epochs", exact=True).press("End")
    page.get_by_text(re.compile(r"A: epoch [\d,]+ of 50,000, cost")).wait_for()
    page.get_by_role("button", name="Stop").click()
    changed(page, before)
    epochs = re.search(r"Stopped after ([\d,]+) epochs", words(page))[1].replace(",", "")
    assert f"epochs={epochs}, " in page.get_by_role("region", name="code of A").inner_text()


def test_changing_a_control_ends_the_running_training(opened):
    page = opened(BRIEF)
    before = picture(page)
    epochs = page.get_by_role("slider", name="epochs", exact=True)
    epochs.press("End")
    page.get_by_text("of 50,000").wait_for()
    epochs.press("ArrowLeft")
    epochs.press("Home")
    epochs.press("ArrowRight")
    changed(page, before)
    assert "100 epochs in" in words(page)


def test_a_diverging_training_reports_it_and_keeps_the_last_pictures(opened):
    page = opened("data=spiral&units=100,100,100,100&scale=3.0&epochs=10&learning_rate=0.0001")
    before = [picture(page, which) for which in ("boundary", "cost")]
    page.get_by_role("slider", name="scale", exact=True).press("End")
    page.get_by_role("slider", name="learning rate", exact=True).press("End")
    page.get_by_text("The training failed").wait_for()
    settled(page)
    assert "not finite" in words(page)
    assert [picture(page, which) for which in ("boundary", "cost")] == before


# ---- layout


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_clipped(opened, width, scheme):
    page = opened(f"{BRIEF}&compare=True&b.broken=True", width, scheme)
    page.get_by_role("button", name="Check the gradients").click()
    page.locator(".report", has_text="guilty").wait_for()
    widest = page.evaluate("() => Math.max(...['html', '#App'].map(it => document.querySelector(it).scrollWidth))")
    assert widest <= width
    for box in page.locator("img, select, [role=slider], [role=checkbox], button, h2, li").all():
        if (place := box.bounding_box()) and place["width"]:
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= width
    corner = Image.open(BytesIO(page.screenshot())).convert("L").getpixel((2, 450))
    assert (corner < 64) == (scheme == "dark")


def test_the_decision_boundary_stays_visible_on_a_phone(opened):
    page = opened(BRIEF, width=390)
    page.get_by_role("slider", name="dropout 4", exact=True).scroll_into_view_if_needed()
    page.get_by_role("slider", name="batch size", exact=True).scroll_into_view_if_needed()
    place = page.locator(".boundary img").bounding_box()
    assert 0 <= place["y"] < place["y"] + place["height"] <= 900


@pytest.mark.parametrize("figure", scenes())
def test_the_scenes_look_like_the_figures_in_the_docs(figure, address, chromium, tmp_path):
    photograph(chromium, f"{address}?{scenes()[figure]}", tmp_path / figure)
    ours, stored = imread(tmp_path / figure)[..., :3], imread(TOP / "docs" / "figures" / figure)[..., :3]
    assert np.abs(ours - stored).mean() < 0.02  # fonts and times may differ


def test_the_page_links_to_the_scenes_of_the_docs(monkeypatch):
    monkeypatch.syspath_prepend(TOP / "examples")
    page = runpy.run_path(str(TOP / "examples" / "playground.py"), run_name="playground")
    assert list(page["SCENES"].values()) == list(scenes().values())


# ---- the notebook


def test_marimo_check_accepts_the_notebook():
    command = [sys.executable, "-m", "marimo", "check", "--strict", TOP / "examples" / "playground.py"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_it_runs_in_the_editor(chromium, tmp_path):
    for name in ("playground.py", "playground.css", "experiment.py"):
        shutil.copy(TOP / "examples" / name, tmp_path)  # the editor writes files beside the one it edits
    with served("edit", tmp_path / "playground.py") as address:
        page = chromium.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.locator("button.yellow[data-testid=run-button]").last.click()  # run all cells, once the button is active
        settled(page)
        assert "epochs in" in words(page)
        page.close()
