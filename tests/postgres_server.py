"""A PostgreSQL server of the tests' own, in a temporary folder, with a password."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse

from waiting import wait_until

USER, PASSWORD = "kws", "s3cret %41{x}:@/?&#"
"""A password with all that means something in an address, in SQLAlchemy or in optuna's templates."""
_OTHER_USERS = ("postgres", "nobody")
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


def lacking() -> str:
    """What the machine lacks to run a server and to connect to it; empty if nothing."""
    if os.name == "nt":
        return "the server here is started as Unix does"
    if not _program("initdb") or not _program("postgres"):
        return "no PostgreSQL server (Debian: apt-get install postgresql)"
    if not any(importlib.util.find_spec(name) for name in ("psycopg", "psycopg2")):
        return "no driver (pip install 'psycopg[binary]')"
    return "" if os.getuid() or _other_user() else "no user but root, as whom PostgreSQL refuses to run"


class PostgresServer:
    """Runs within `with`; every database made by `new_database` is empty."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kws-pg."))
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = _free_port()

    def __enter__(self) -> PostgresServer:
        try:
            self._make()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)  # which is an immediate end, whoever is connected
            self._server.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def address(self, database: str, *, password: str | None = PASSWORD) -> str:
        """As after --storage."""
        secret = "" if password is None else f":{urllib.parse.quote(password, safe='')}"
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The name of a database that holds nothing."""
        self._databases += 1
        name = f"sweeps{self._databases}"
        self._ask(f"CREATE DATABASE {name}")
        return name

    def _ask(self, statement: str) -> None:
        import sqlalchemy

        driver = "psycopg" if importlib.util.find_spec("psycopg") else "psycopg2"
        address = self.address("postgres").replace("postgresql:", f"postgresql+{driver}:")
        engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text(statement))
        finally:
            engine.dispose()

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if not os.getuid():
            for path in (self._folder, secret):
                shutil.chown(path, _other_user())
        command = [
            _program("initdb"),
            "-D",
            str(self._data),
            "-U",
            USER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            f"--pwfile={secret}",
            "--no-sync",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=self._folder, user=_runs_as())

    def _start(self) -> None:
        command = [
            _program("postgres"),
            "-D",
            str(self._data),
            "-p",
            str(self.port),
            "-k",
            str(self._folder),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
        ]
        quiet = subprocess.DEVNULL
        self._server = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=self._folder, user=_runs_as())
        server = self._server

        def answers() -> bool:
            try:
                self._ask("SELECT 1")
            except Exception:
                if server.poll() is not None:
                    raise
                return False
            return True

        wait_until(answers, step_s=0.1, what="PostgreSQL to answer")

    @property
    def _data(self) -> pathlib.Path:
        return self._folder / "data"


def _program(name: str) -> str:
    """Its path, also where Debian hides it from the PATH; empty where it is not there."""
    beside = (path for place in _PLACES for path in sorted(pathlib.Path("/").glob(f"{place[1:]}/{name}")))
    return shutil.which(name) or next((str(path) for path in beside), "")


def _other_user() -> str:
    import pwd  # which Windows lacks

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in _OTHER_USERS if name in known), "")


def _runs_as() -> str | None:
    return None if os.getuid() else _other_user()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
