"""The scenes of docs/playground.md as a browser shows them: docs/figures/playground_*.png.

python -m tests.oracles.make_playground_scenes docs/figures

Chromium by Playwright 1.65, marimo 0.25. The tests of the playground open the same pages the same way.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

from PIL import Image

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "playground.md"
CHROMIUM = shutil.which("chromium")
PATIENCE = 60_000  # milliseconds; a busy machine is slow, and only what never comes is wrong


def scenes():
    """{figure: the question in the address} of the scenes in docs/playground.md, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    figures = re.findall(r"\(figures/(playground_\w+\.png)\)", text)
    return dict(zip(figures, re.findall(r"\(http://127\.0\.0\.1:2718/\?(.*?)\)", text), strict=True))


@contextlib.contextmanager
def served(command="run", script=TOP / "examples" / "playground.py"):
    """The address of the playground, served by marimo on a port of its own as long as the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--headless", "--no-token", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "marimo", command, script, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(address):
    for _ in range(PATIENCE // 100):
        with contextlib.suppress(OSError), urlopen(address):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody serves {address}")


@contextlib.contextmanager
def browser():
    """Debian's Chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def settled(page):
    """Wait until all settings are trained, drawn and diagnosed."""
    page.wait_for_selector(".side .words", timeout=PATIENCE)
    page.wait_for_function("() => !document.querySelector('.waiting')", timeout=PATIENCE)
    page.get_by_text("ready", exact=True).wait_for(timeout=PATIENCE)


def photograph(chromium, address, path):
    """The scene at this address, as far as a screen shows it, in 64 colours."""
    page = chromium.new_page(viewport={"width": 1280, "height": 960})
    page.goto(address)
    settled(page)
    Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(64).save(path, optimize=True)
    page.close()


def main():
    with served() as address, browser() as chromium:
        for figure, question in scenes().items():
            photograph(chromium, f"{address}?{question}", Path(sys.argv[1]) / figure)


if __name__ == "__main__":
    main()
