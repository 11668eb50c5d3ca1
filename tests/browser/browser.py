"""Chromium as the pages are used: a host's desktop with camera and microphone, a viewer's phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.camera import make_camera, make_microphone

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}

FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def chromium_path() -> str | None:
    """`None`: the one that Playwright brought."""
    if given := os.environ.get("SHOWFLOOR_CHROMIUM"):
        return given
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    return None


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    flags = [
        *FLAGS,
        f"--use-file-for-fake-video-capture={make_camera(folder)}",
        f"--use-file-for-fake-audio-capture={make_microphone(folder)}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def context(browser: Browser, size: dict[str, Any], language: str = "zh-CN") -> BrowserContext:
    made = browser.new_context(**size, locale=language, permissions=["camera", "microphone"])
    made.set_default_timeout(20_000)
    return made


def test_id(page: Page, name: str) -> Any:
    return page.locator(f'[data-test="{name}"]')


test_id.__test__ = False  # type: ignore[attr-defined]
