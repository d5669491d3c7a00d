"""Why something outside this program failed, in its own words."""

from __future__ import annotations

from kws_engine.errors import shortened


def reason(error: BaseException) -> str:
    """What the system says, where a library has wrapped it: `Connection refused`; else what the library says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return shortened(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return shortened(error) or type(error).__name__
