"""docs/integrating.md can't rot: its examples are run."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from openpyxl import Workbook, load_workbook

from live.room import Pause, Resume
from server.feeds import sheet
from tests.server.feeds.show import Show

DOCUMENT = (Path(__file__).parents[3] / "docs" / "integrating.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")


class Shell:
    def __init__(self, folder: Path, **known: str) -> None:
        self.folder = folder
        self.known = known

    async def run(self, command: str) -> str:
        async with self.running("bash", "-euc", command) as process, asyncio.timeout(20):
            out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return out.decode()

    @asynccontextmanager
    async def running(self, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        known = {**os.environ, **self.known}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=known, stdout=PIPE, stderr=PIPE, limit=1 << 20
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def lines_until(process: asyncio.subprocess.Process, wanted: str) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(20):
        while not found or wanted not in found[-1]:
            line = await process.stdout.readline()
            assert line, (found, await process.stderr.read())
            found.append(line.decode().rstrip("\n"))
    return found


def last_id(lines: list[str]) -> str:
    return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")][-1]


async def test_the_examples_do_what_the_page_says(show: Show, tmp_path: Path) -> None:
    token, hear, come_back, export, *_ = COMMANDS
    (listen,) = PROGRAMS
    shell = Shell(
        tmp_path,
        SHOP=show.floor.settings.base_url,
        ROOM=str(show.stage.room_id),
        STAFF=await show.floor.token(show.stage.owner),
    )
    made = msgspec.json.decode(await shell.run(token))
    assert set(made) == {"id", "token", "expires_at", "ws_url", "sse_url", "export_url"}
    shell.known["FEED"] = made["token"]

    async with shell.running("bash", "-euc", f"exec {hear}") as stream:
        greeting = await lines_until(stream, "id: ")
        (first,) = await show.talk(1, 100)
        heard = greeting + await lines_until(stream, "data: ")
    assert heard[0] == "retry: 2000"
    assert heard[-2] == "event: chat.said"
    assert str(first) in heard[-1]

    shell.known["POSITION"] = last_id(heard)
    await show.direct(Pause())
    async with shell.running("bash", "-euc", f"exec {come_back}") as stream:
        missed = await lines_until(stream, "data: ")
    assert missed[-2] == "event: room.state"
    assert '"paused"' in missed[-1]

    async with shell.running(sys.executable, "-c", listen) as program:
        resuming = asyncio.create_task(resume_until_it_listens(show, program))
        assert (await lines_until(program, '"live"'))[-1].startswith("room.state {")
        resuming.cancel()
        await asyncio.wait({resuming})

    await show.tip(await show.stage.shop.member())
    (gift,) = [msgspec.json.decode(line) for line in (await shell.run(export)).splitlines()]
    assert gift["gift"] == "Rose"
    (file,) = tmp_path.glob("showfloor-*.csv")
    assert file.read_bytes().startswith(f"{sheet.BOM}kind,".encode())


async def test_orders_come_as_a_workbook_and_parcels_go_back_as_one(show: Show, tmp_path: Path) -> None:
    *_, workbook, parcels = COMMANDS
    floor = show.floor
    shell = Shell(tmp_path, SHOP=floor.settings.base_url, STAFF=await floor.token(show.stage.owner))
    await shell.run(workbook)
    (file,) = tmp_path.glob("orders-*.xlsx")
    assert load_workbook(file).sheetnames == ["Orders", "Lines"]
    titles = [cell.value.lower() for cell in load_workbook(file)["Orders"][1]]
    assert ", ".join(titles) in " ".join(DOCUMENT.lower().split())
    book = Workbook()
    for row in (("order number", "carrier", "tracking number"), ("251111ABCDEFGHJK", "SF", "SF1")):
        book.active.append(row)
    book.save(tmp_path / "shipments.xlsx")
    report = msgspec.json.decode(await shell.run(parcels))
    shown = msgspec.json.decode(re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[-1])
    assert set(report) == set(shown)
    assert report["problems"] == [{**shown["problems"][0], "row": 2}]


async def resume_until_it_listens(show: Show, program: asyncio.subprocess.Process) -> None:
    """It doesn't say when it does, so the room is paused and resumed until it tells."""
    while program.returncode is None:
        await show.direct(Resume())
        await asyncio.sleep(0.3)
        await show.direct(Pause())


def test_the_page_has_the_columns_in_their_order() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", DOCUMENT.partition("| column |")[2], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(sheet.COLUMNS)
