"""`showfloor`: one command for everything. Each subcommand imports only what it needs."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from server.kit.logs import configure_logs
from server.kit.settings import Explained, Settings, SettingsError


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    act: Callable[[argparse.Namespace], int | None] = chosen.act
    try:
        return act(chosen) or 0
    except Explained as error:
        print(f"showfloor: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="showfloor", description="Self-hosted control room for live commerce."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _command(commands, "run", _run, "start everything and stay in the foreground")
    _add_data(run)
    _add_address(run)
    run.add_argument(
        "--demo", action="store_true", default=_given("DEMO") == "1", help="a shop with a live room"
    )
    run.add_argument(
        "--lan",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="HTTPS for phones in the local network (at ADDRESS)",
    )
    run.add_argument("--web-processes", type=int, default=_given("WEB_PROCESSES", "1"), metavar="N")

    web = _command(commands, "web", _web, "pages, API and WebSocket")
    web.add_argument("--tls", nargs=2, metavar=("CHAIN", "KEY"), help="serve HTTPS with these PEM files")
    media = _command(commands, "media", _media, "WHIP in, WHEP out")
    worker = _command(commands, "worker", _worker, "outbox relay, expiry, timers")
    demo = _command(commands, "demo", _demo, "the demo's own buyers and its clip")
    prepare = _command(commands, "prepare", _prepare, "migrate, and seed the demo: what `run` does first")
    for role in (web, media, worker, demo, prepare):
        role.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    for role in (web, media):
        role.add_argument("--listen-fd", type=int, help=argparse.SUPPRESS)

    nursery = commands.add_parser("nursery")  # not for people
    nursery.set_defaults(act=_nursery)
    nursery.add_argument("fd", type=int)

    drain = _command(commands, "drain", _drain, "empty a media node before it is stopped")
    drain.add_argument("node", metavar="HOST:PORT", help="as in SHOWFLOOR_MEDIA_HTTP")
    drain.add_argument("--undo", action="store_true", help="let it take new rooms again")

    _add_data(_command(commands, "migrate", _migrate, "bring the database's schema to this version"))
    verify = _command(commands, "verify", _verify, "recompute every invariant from the truth")
    _add_data(verify)
    verify.add_argument("--json", action="store_true")
    reconcile = _command(commands, "reconcile", _reconcile, "hold a provider's statement against the books")
    _add_data(reconcile)
    reconcile.add_argument("--provider", required=True, help="wechat_pay, stripe or sandbox")
    reconcile.add_argument("--day", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
    reconcile.add_argument("--statement", type=Path, metavar="FILE", help="else it is fetched")
    reconcile.add_argument("--json", action="store_true")
    doctor = _command(commands, "doctor", _doctor, "say what this machine lacks")
    _add_data(doctor)
    _add_address(doctor)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    act: Callable[[argparse.Namespace], int | None],
    summary: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
    command.set_defaults(act=act)
    return command


def _add_data(command: argparse.ArgumentParser) -> None:
    from server.run.folders import default_data

    given = _given("DATA")
    command.add_argument("--data", type=Path, default=Path(given) if given else default_data(), metavar="DIR")


def _add_address(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=_given("PORT", "8000"), metavar="N")
    command.add_argument(
        "--host", default=_given("HOST") or None, help="default 127.0.0.1; with --lan 0.0.0.0"
    )


def _given(name: str, default: str = "") -> str:
    return os.environ.get(f"SHOWFLOOR_{name}") or default


def _settings(role: str) -> Settings:
    settings = Settings.from_env()
    configure_logs(settings.log, role=role)
    return settings


def _run(chosen: argparse.Namespace) -> int:
    from server.run.folders import FolderInUse
    from server.run.ground import Plan
    from server.run.state import read_state
    from server.run.supervisor import run

    configure_logs("json" if _given("LOG") == "json" else "text", role="supervisor")
    plan = Plan(
        data=chosen.data,
        host=chosen.host or ("0.0.0.0" if chosen.lan is not None else "127.0.0.1"),  # noqa: S104  asked for by --lan
        port=chosen.port,
        demo=chosen.demo,
        lan=chosen.lan,
        web_processes=chosen.web_processes,
    )
    try:
        return run(plan, os.environ)
    except FolderInUse as error:
        state = read_state(Path(str(error)))
        other = f" by process {state.pid} at {state.base_url}" if state else ""
        print(f"showfloor: {error} is in use{other}. Choose another folder by --data.", file=sys.stderr)
        return 1


def _web(chosen: argparse.Namespace) -> None:
    from server.run.roles import serve_web

    settings = _settings("web")
    serve_web(settings, listen_fd=chosen.listen_fd, ready_fd=chosen.ready_fd, tls=chosen.tls)


def _media(chosen: argparse.Namespace) -> None:
    from server.run.roles import serve_media

    serve_media(_settings("media"), listen_fd=chosen.listen_fd, ready_fd=chosen.ready_fd)


def _worker(chosen: argparse.Namespace) -> None:
    from server.run.roles import run_until_stopped
    from server.worker import work

    run_until_stopped(work, _settings("worker"), ready_fd=chosen.ready_fd)


def _demo(chosen: argparse.Namespace) -> None:
    from server.run.roles import run_until_stopped, visit

    run_until_stopped(visit, _settings("demo"), ready_fd=chosen.ready_fd, grace=0)


def _drain(chosen: argparse.Namespace) -> None:
    from server.run.drain import drain

    asyncio.run(drain(Settings.from_env(), chosen.node, undo=chosen.undo))


def _migrate(chosen: argparse.Namespace) -> None:
    from server.kit.database import migrate
    from server.run.reach import reached

    with reached(chosen.data, os.environ) as settings:
        configure_logs(settings.log, role="migrate")
        migrate(settings.database_url)


def _prepare(chosen: argparse.Namespace) -> None:
    import msgspec

    from server.run.prepare import prepare

    said = msgspec.json.encode(asyncio.run(prepare(_settings("prepare"))))
    with open(sys.stdout.fileno() if chosen.ready_fd is None else chosen.ready_fd, "wb") as out:
        out.write(said)


def _nursery(chosen: argparse.Namespace) -> None:
    import socket

    from server.run.nursery import serve

    serve(socket.socket(fileno=chosen.fd), main)


def _verify(chosen: argparse.Namespace) -> int:
    from server.run.reach import reached
    from server.verify import main as verify

    with reached(chosen.data, os.environ) as settings:
        configure_logs(settings.log, role="verify")
        return verify(settings, as_json=chosen.json)


def _reconcile(chosen: argparse.Namespace) -> int:
    from server.payments.command import reconcile
    from server.run.reach import reached

    with reached(chosen.data, os.environ) as settings:
        configure_logs(settings.log, role="reconcile")
        return asyncio.run(
            reconcile(settings, chosen.provider, chosen.day, chosen.statement, as_json=chosen.json)
        )


def _doctor(chosen: argparse.Namespace) -> int:
    from server.run.doctor import examine

    return examine(chosen.data, chosen.host or "127.0.0.1", chosen.port)


if __name__ == "__main__":
    sys.exit(main())
