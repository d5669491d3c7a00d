"""Shows a notification of the desktop, by the D-Bus interface org.freedesktop.Notifications."""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kws_engine import extras, resources
from kws_engine.actions import ACTIONS
from kws_engine.actions._reasons import reason
from kws_engine.actions.moment import PLACES, Act, Call, fill
from kws_engine.errors import KwsError, SpecError, shortened
from kws_engine.spec import option

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

_NAME = "org.freedesktop.Notifications"
_NO_BUS = "This session has no D-Bus, by which desktops show notifications ({}): log in to a desktop."
_NO_SERVER = "This desktop shows no notifications ({}): start its notification server, such as dunst."


@dataclass(frozen=True)
class NotificationConfig:
    """Options of the desktop notification."""

    title: str = option("{word}", "Title", f"The first line; {PLACES} are replaced.")
    text: str = option("Heard with a score of {score}", "Text", f"What stands below it; {PLACES} are replaced.")


@ACTIONS.register("notification", "Show a notification", NotificationConfig)
def build(config: NotificationConfig) -> Act:
    """Shows a notification on Linux desktops, X11 and Wayland alike."""
    if not config.title:
        raise SpecError("Title: a notification needs one", option="title")
    if not sys.platform.startswith("linux"):
        raise KwsError("Notifications are shown on Linux desktops only: run a program that shows one.")
    extras.require("jeepney", package="jeepney", extra="actions")

    def show(call: Call) -> None:
        from jeepney.io.blocking import open_dbus_connection

        try:
            connection = open_dbus_connection(bus="SESSION")
        except KeyError as error:
            raise KwsError(_NO_BUS.format("DBUS_SESSION_BUS_ADDRESS is not set")) from error
        except (OSError, ValueError) as error:
            raise KwsError(_NO_BUS.format(reason(error))) from error
        with connection:
            _show(connection, config, call)

    return show


def _show(connection: DBusConnection, config: NotificationConfig, call: Call) -> None:
    from jeepney import DBusAddress, MessageType, new_method_call

    server = DBusAddress("/org/freedesktop/Notifications", bus_name=_NAME, interface=_NAME)

    def ask(method: str, signature: str | None = None, body: tuple[object, ...] = ()) -> tuple[object, ...]:
        try:
            answer = connection.send_and_get_reply(
                new_method_call(server, method, signature, body), timeout=call.timeout_s
            )
        except TimeoutError as error:
            raise KwsError(_NO_SERVER.format(f"no answer within {call.timeout_s:g} s")) from error
        except OSError as error:
            raise KwsError(_NO_BUS.format(reason(error))) from error
        if answer.header.message_type == MessageType.error:
            raise KwsError(_NO_SERVER.format(shortened(answer.body[0] if answer.body else "an error")))
        return tuple(answer.body)

    (abilities,) = ask("GetCapabilities")
    text = fill(config.text, call.moment)
    if isinstance(abilities, list) and "body-markup" in abilities:
        text = html.escape(text)
    icon = str(resources.path("icons", "kws-studio.svg"))
    title = fill(config.title, call.moment)
    ask("Notify", "susssasa{sv}i", ("KWS Studio", 0, icon, title, text, [], {}, -1))
