"""Publishes a message at an MQTT broker."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kws_engine import extras
from kws_engine.actions import ACTIONS
from kws_engine.actions._reasons import reason
from kws_engine.actions.moment import PLACES, Act, Call, Moment, fill
from kws_engine.errors import KwsError, SpecError, quoted, shortened
from kws_engine.spec import option

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class MqttConfig:
    """Options of the action that publishes at an MQTT broker."""

    host: str = option("localhost", "Broker", "The computer on which the MQTT broker runs.")
    port: int = option(1883, "Port", "Of the broker: usually 1883, with TLS 8883.", low=1, high=65535)
    topic: str = option("kws/{word}", "Topic", f"Where it is published; {PLACES} are replaced.")
    payload: str = option(
        "", "Message", f"What is published; {PLACES} are replaced; empty publishes all three as JSON."
    )
    qos: Literal["0", "1", "2"] = option(
        "1", "Quality of service", "1 and 2 wait for the broker's answer.", advanced=True
    )
    retain: bool = option(
        False, "Retain", "The broker keeps the newest message for those who come later.", advanced=True
    )
    tls: bool = option(False, "TLS", "Encrypts, and checks the broker's certificate.", advanced=True)
    user: str = option("", "User", "The name to log in with; empty logs in without one.", advanced=True)
    password_variable: str = option(
        "",
        "Password from",
        "The environment variable that holds the password; passwords are never stored.",
        advanced=True,
    )


@ACTIONS.register("mqtt", "Publish by MQTT", MqttConfig)
def build(config: MqttConfig) -> Act:
    """Publishes word, score and time at an MQTT broker, such as that of a home automation."""
    if not config.host:
        raise SpecError("Broker: name the computer, as in localhost", option="host")
    if not config.topic or any(letter in config.topic for letter in "+#\0"):
        raise SpecError(f"Topic: {quoted(config.topic)} is not one topic: leave + and # out", option="topic")
    extras.require("paho", package="paho-mqtt", extra="actions")

    def publish(call: Call) -> None:
        topic = fill(config.topic, call.moment, quote=lambda text: re.sub("[/+#]", "_", text))
        message = fill(config.payload, call.moment) if config.payload else _told(call.moment)
        _Publishing(config, call).publish(topic, message)

    return publish


def _told(moment: Moment) -> str:
    return json.dumps({**moment.values(), "score": round(moment.score, 4)})


class _Publishing:
    """One connection for one message."""

    def __init__(self, config: MqttConfig, call: Call) -> None:
        self._config = config
        self._call = call
        self._until_s = time.monotonic() + call.timeout_s
        self._refused = ""
        self._is_connected = False

    def publish(self, topic: str, message: str) -> None:
        """Connects, publishes, waits for the broker's answer, and disconnects."""
        from paho.mqtt.client import MQTT_ERR_SUCCESS

        client = self._client()
        try:
            client.connect(self._config.host, self._config.port)
            self._run(client, lambda: self._is_connected)
            sent = client.publish(topic, message.encode("utf-8", "replace"), int(self._config.qos), self._config.retain)
            if sent.rc != MQTT_ERR_SUCCESS:
                raise KwsError(f"{self._name} did not take the message: check the broker.")
            self._run(client, sent.is_published)
            client.disconnect()
        except (OSError, ValueError) as error:
            raise KwsError(f"{self._name} could not be reached ({reason(error)}): check host and port.") from error
        finally:
            client.loop_misc()
            _close(client)

    @property
    def _name(self) -> str:
        return f"The broker {self._config.host}:{self._config.port}"

    def _client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = self._call.timeout_s
        client.on_connect = self._on_connect
        if self._config.tls:
            client.tls_set()
        if self._config.user:
            client.username_pw_set(self._config.user, self._password())
        return client

    def _password(self) -> str | None:
        variable = self._config.password_variable
        if not variable:
            return None
        password = os.environ.get(variable)
        if password is None:
            raise KwsError(f"The environment variable {variable} holds no password: set it before listening.")
        return password

    def _on_connect(self, client: Any, told: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._refused = str(code)
        self._is_connected = not code.is_failure

    def _run(self, client: Client, is_done: Any) -> None:
        """Lets the library work until `is_done()`."""
        from paho.mqtt.client import MQTT_ERR_SUCCESS

        while not is_done():
            lost = client.loop(_LOOK_EVERY_S) != MQTT_ERR_SUCCESS
            if self._refused:
                raise KwsError(f"{self._name} refused ({shortened(self._refused)}): check user and password.")
            if lost and not is_done():
                raise KwsError(f"{self._name} closed the connection: check port, TLS and user.")
            if time.monotonic() > self._until_s or self._call.stop.is_set():
                raise KwsError(f"{self._name} did not answer within {self._call.timeout_s:g} s.")


def _close(client: Client) -> None:
    socket = client.socket()
    if socket is not None:
        socket.close()
