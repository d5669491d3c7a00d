"""Sends an HTTP request."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

from kws_engine import extras
from kws_engine.actions import ACTIONS
from kws_engine.actions._reasons import reason
from kws_engine.actions.moment import PLACES, Act, Call, Moment, as_it_is, fill
from kws_engine.errors import KwsError, SpecError, quoted, shortened
from kws_engine.spec import option

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class HttpConfig:
    """Options of the action that sends an HTTP request."""

    url: str = option(
        "", "Address", f"Where it goes, as in http://localhost:8123/api/webhook/heard; {PLACES} are replaced."
    )
    method: Literal["POST", "PUT", "GET"] = option("POST", "Method", "What the server expects.")
    body: str = option("", "Body", f"What is sent; {PLACES} are replaced; empty sends all three as JSON.")
    content: Literal["application/json", "text/plain"] = option(
        "application/json", "Content type", "What the body is; in JSON, words are escaped.", advanced=True
    )
    token_variable: str = option(
        "",
        "Token from",
        "The environment variable with the token to log in with (Authorization: Bearer); tokens are never stored.",
        advanced=True,
    )


@ACTIONS.register("http", "Send an HTTP request", HttpConfig)
def build(config: HttpConfig) -> Act:
    """Posts word, score and time to a web address, such as a webhook of Home Assistant."""
    _check(config.url)
    extras.require("httpx", package="httpx", extra="actions")
    client: httpx.Client | None = None

    def send(call: Call) -> None:
        nonlocal client
        import httpx

        if client is None:  # making one takes longer than sending
            client = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
        url = fill(config.url, call.moment, quote=lambda text: quote(text, safe=""))
        body = None if config.method == "GET" else _body(config, call.moment)
        try:
            with client.stream(
                config.method, url, content=body, headers=_headers(config, body), timeout=call.timeout_s
            ) as answer:
                status, said = answer.status_code, answer.reason_phrase
        except httpx.TimeoutException as error:
            raise KwsError(f"{_host(url)} did not answer within {call.timeout_s:g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise KwsError(f"{_host(url)} could not be reached ({reason(error)}): check the address.") from error
        if not 200 <= status < 300:
            raise KwsError(f"{_host(url)} answered {status} ({shortened(said)}): check the address and the body.")

    return send


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
    if not is_whole or "{" in (parts.netloc if is_whole else ""):
        raise SpecError(f"Address: {quoted(url)} is not an address such as http://localhost:8123/heard", option="url")


def _host(url: str) -> str:
    """Server and port, for a message: paths may hold secrets."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _body(config: HttpConfig, moment: Moment) -> bytes:
    if not config.body:
        return json.dumps(_told(moment)).encode()
    is_json = config.content == "application/json"
    text = fill(config.body, moment, quote=(lambda value: json.dumps(value)[1:-1]) if is_json else as_it_is)
    return text.encode("utf-8", "replace")


def _told(moment: Moment) -> dict[str, str | float]:
    return {**moment.values(), "score": round(moment.score, 4)}


def _headers(config: HttpConfig, body: bytes | None) -> dict[str, str]:
    headers = {} if body is None else {"Content-Type": f"{config.content}; charset=utf-8"}
    if config.token_variable:
        token = os.environ.get(config.token_variable, "")
        if not token.isascii() or not token.isprintable() or not token:
            raise KwsError(f"The environment variable {config.token_variable} holds no token: set it before listening.")
        headers["Authorization"] = f"Bearer {token}"
    return headers
