"""Builds live/media/accelerator.c, when this machine has a C compiler: hatchling calls it at each install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("live/media/accelerator.c")
LIBRARY = Path("live/media/_accelerator.so")


class AcceleratorHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if not compiled(root / SOURCE, root / LIBRARY) or version == "editable":
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"  # it needs libc only, whatever the Python
        build_data["force_include"][str(root / LIBRARY)] = str(LIBRARY)


def compiled(source: Path, library: Path) -> bool:
    """Without a compiler the plain way serves; `showfloor doctor` tells which one an installation has."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        return False
    fresh = library.with_suffix(f".{os.getpid()}")
    command = [*compiler.split(), "-O2", "-shared", "-fPIC", "-o", str(fresh), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no accelerator: {done.stderr.strip()}", file=sys.stderr)
        return False
    fresh.replace(library)  # a running server keeps the one that it has
    return True
