"""Take screenshots of the scenes of docs/playground.md: docs/figures/playground_*.png.

python -m tests.oracles.make_playground_scenes docs/figures

Made with Playwright 1.65 and marimo 0.25. The tests of the playground use these functions too.
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
PATIENCE = 60_000  # milliseconds; long, because a busy machine is slow


def scenes():
    """Return {figure: query of the address} of the scenes in docs/playground.md, in order."""
    text = PAGE.read_text(encoding="utf-8")
    figures = re.findall(r"\(figures/(playground_\w+\.png)\)", text)
    return dict(zip(figures, re.findall(r"\(http://127\.0\.0\.1:2718/\?(.*?)\)", text), strict=True))


@contextlib.contextmanager
def served(command="run", script=TOP / "examples" / "playground.py"):
    """Serve the playground with marimo on a free port while the block runs; yield its address."""
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
    raise TimeoutError(f"no server at {address}")


@contextlib.contextmanager
def browser():
    """Yield Debian's Chromium in headless mode."""
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
    """Save a screenshot of the page at this address in 64 colors."""
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
