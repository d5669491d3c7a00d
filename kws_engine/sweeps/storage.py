"""The database that a sweep's workers share, a file or a server, and its errors as sentences."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine.disk import refuse_link
from kws_engine.errors import SpecError, TrainingError
from kws_engine.sweeps.address import EXAMPLE, HIDDEN, check, masked

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

_WAIT_S = 60.0
_CONNECT_S = 15
_TRIES = 30
_POSTGRES = ("psycopg", "psycopg2")
_MADE_MEANWHILE = ("42P07", "42710", "23505")
"""PostgreSQL's codes of a table, a type or a row that is there already, whatever language the server speaks."""
_PASSWORD = "give the address with its password, or keep that in PGPASSWORD or ~/.pgpass"


def open_storage(file: Path, address: str, *, heartbeat_s: int | None = None, read_only: bool = False) -> RDBStorage:
    """The storage at that address, or the file where the address is empty; loads optuna.

    Raises:
        SpecError: The address is none.
        TrainingError: A driver is missing, or the database cannot be reached or written.
        ProjectError: A link leads out of the project there.
    """
    where = shown(address) or str(file)
    if not address and not read_only:
        refuse_link(file, itself=True)
    quieten()
    with as_written(where), explained_errors(where):
        from optuna.storages import RDBStorage
        from sqlalchemy.pool import NullPool

        beat: dict[str, Any] = {}
        if heartbeat_s is not None:
            beat = {"heartbeat_interval": heartbeat_s, "grace_period": 3 * heartbeat_s}
        of_file = _file_of(address) if address else file
        if of_file is None:
            # A connection for each query, and none pooled: a server has a hundred, and any number of machines may ask.
            return _made(lambda: RDBStorage(_with_driver(address), {"poolclass": NullPool}, **beat))
        # The creator opens the file: its path is never part of an address, where "?", "%" or "{" would mean something.
        connect = _connect(of_file, read_only=read_only)
        storage = _made(lambda: RDBStorage("sqlite:///study.db", {"creator": connect}, **beat))
        if not read_only:
            _one_writer_at_a_time(storage)
        return storage


def shown(address: str) -> str:
    """The address without its password.

    Raises:
        SpecError: It is none.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if not address:
        return ""
    check(address)
    try:
        make_url(address)
    except (ArgumentError, ValueError):
        raise SpecError(
            f"{masked(address)!r} is no address of a database: write it as {EXAMPLE}", option="storage"
        ) from None
    return masked(address)


@contextlib.contextmanager
def explained_errors(where: str) -> Iterator[None]:
    """Turns a database's errors into a `TrainingError` that says what to do."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except NoSuchModuleError:
        raise SpecError(f"{where} names no kind of database that is known; use postgresql://...") from None
    except ImportError as error:
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        raise TrainingError(f"{where} needs the database driver {cause.name}: pip install {cause.name}") from None
    except (StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        reason = _first_line(error)
        what = _PASSWORD if "password" in reason else "check the address, the user and that the server or disk is there"
        raise TrainingError(
            f"The sweep's storage {where} does not answer ({reason}): {what}, then try again; what is finished is kept"
        ) from error


@contextlib.contextmanager
def as_written(where: str) -> Iterator[None]:
    """Turns what a block stumbles over in a storage, damaged or another program's, into a `TrainingError`."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RuntimeError) as error:
        raise TrainingError(
            f"The sweep's storage {where} is damaged, or another program has written in it: start a new sweep"
        ) from error


def quieten() -> None:
    """From now on optuna logs no advice, and does not warn of its features that it calls experimental.

    Nothing is put back: filters are the whole process's, and a thread that took its own away would take another's, too.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ignored = optuna.exceptions.ExperimentalWarning
    if not any(action == "ignore" and category is ignored for action, _, category, _, _ in list(warnings.filters)):
        warnings.simplefilter("ignore", ignored)


def _file_of(address: str) -> Path | None:
    """The file that an address names; None where it names a server.

    Raises:
        SpecError: It names a database that no other process can open.
    """
    from sqlalchemy import make_url

    url = make_url(address)
    if url.get_backend_name() != "sqlite":
        return None
    if url.database in (None, "", ":memory:") or url.query:
        raise SpecError(f"{shown(address)} names no file: write it as sqlite:////folder/file.db", option="storage")
    return Path(str(url.database))


def _with_driver(address: str) -> str:
    """PostgreSQL by whichever driver is there; braces are what optuna would fill in.

    Where the password is hidden, as in what was saved of the address, the driver finds it in PGPASSWORD or ~/.pgpass.
    """
    from sqlalchemy import make_url

    url = make_url(address)
    if url.password == HIDDEN:
        url = url._replace(password=None)
    url = url.difference_update_query([name for name, value in url.query.items() if value == HIDDEN])
    if url.drivername in ("postgres", "postgresql"):
        driver = next((name for name in _POSTGRES if importlib.util.find_spec(name)), "")
        if not driver:
            raise TrainingError(
                f"{shown(address)} needs PostgreSQL's driver: pip install 'psycopg[binary]', then try again"
            )
        url = url.set(drivername=f"postgresql+{driver}")
        if (
            "connect_timeout" not in url.query
        ):  # by itself a machine that swallows what it is sent is waited for minutes
            url = url.update_query_dict({"connect_timeout": str(_CONNECT_S)})
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _connect(file: Path, *, read_only: bool) -> Callable[[], sqlite3.Connection]:
    address = f"{file.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)

    return connect


def _made(make: Callable[[], RDBStorage]) -> RDBStorage:
    """Once more where another machine or process makes the tables at this very moment."""
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    for _ in range(_TRIES):
        try:
            return make()
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
            if not (isinstance(error, IntegrityError) or state in _MADE_MEANWHILE or "already exists" in str(error)):
                raise
            time.sleep(0.1)
    return make()


def _one_writer_at_a_time(storage: RDBStorage) -> None:
    """Every transaction takes the file's lock at its begin.

    By default SQLite takes it at the first write: two workers could both read that a trial waits, then both take it.
    """
    from sqlalchemy import event

    @event.listens_for(storage.engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _first_line(error: Exception) -> str:
    cause = error.__cause__ or error
    cause = getattr(cause, "orig", None) or cause
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
