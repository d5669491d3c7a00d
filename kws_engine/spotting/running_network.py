"""A network of a model file while it runs with onnxruntime: checked before, and held to a cost."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kws_engine.errors import ModelFileError
from kws_engine.spotting.network_check import CheckedNetwork, NetworkCost
from kws_engine.spotting.onnx_bytes import NetworkRefused

MOST_CPU_S = 10.0
"""For each second of sound."""
_LARGEST_AT_LOAD = 180_000_000  # bytes of weights and of all tensors of one answer; the program itself takes 75 MB
_LARGEST_BATCH = 1 << 28  # bytes of all tensors of the answers to many windows
_LONGEST_LOOK_S = 1.0  # estimated for a slow core; the longest of our own networks has 0.2 and takes 0.013
_EACH_MEASURED, _MEASURED = 50, 8  # looks at first, each of which is measured; of how many one is, then
_PATIENCE_S = 1.0  # of processor time, before that is judged


class RunningNetwork:
    """Windows of features to posteriors.

    Attributes:
        example_posteriors: Its answer (labels,) to the example.
    """

    def __init__(
        self,
        network: bytes,
        example: NDArray[np.float32],
        *,
        file: str,
        n_labels: int,
        hop_s: float,
        most_bytes: int = _LARGEST_AT_LOAD,
    ) -> None:
        """Checks the network and starts it.

        Args:
            network: The bytes of an ONNX model with the input "features".
            example: The features (1, T, F) of silence.
            file: The model file's name, for messages.
            n_labels: How many answers it has to give.
            hop_s: Sound from one look to the next.
            most_bytes: Of memory that it may take.

        Raises:
            ModelFileError: It is damaged, holds what our networks never hold, or costs too much.
        """
        self._example, self._file, self._n_labels, self._most_bytes = example, file, n_labels, most_bytes
        self._network = self._checked(network)
        self._session, answer = self._make_session(self._network.content)
        self.example_posteriors: NDArray[np.float32] = softmax(answer)[0]
        self._network.forget_content()
        self.begin(hop_s)
        self._at_once: dict[int, int] = {}

    def begin(self, hop_s: float) -> None:
        """Counts its time anew, with so much sound from one look to the next."""
        self._budget = _Budget(self._file, hop_s)

    def posteriors(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (B, T, F) to posteriors (B, labels), each row summing to 1, or not a number where a feature is none.

        Raises:
            ModelFileError: The network fails on these features, takes too long, or does not return a row of numbers
                for each.
        """
        if len(features) == 1:
            return self._one(features)
        at_once = self._windows_at_once(len(features))
        if at_once == len(features):
            logits = self._logits(features)
        else:
            parts = np.split(features, range(at_once, len(features), at_once))
            logits = np.concatenate([self._logits(part) for part in parts])
        return softmax(logits)

    def _one(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same for one window, without numpy's cost of each call."""
        row: list[float] = self._answer(features)[0].tolist()
        if not all(map(math.isfinite, row)):
            self._check_numbers(np.array([row]), features)
        most = max(row)
        shares = [math.exp(logit - most) for logit in row]
        total = sum(shares)
        return np.array([[share / total for share in shares]], np.float32)

    def _logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = self._answer(features)
        if not np.isfinite(answer).all():
            self._check_numbers(answer, features)
        return answer

    def _answer(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits (B, labels), which may not be numbers."""
        try:
            began = self._budget.begin()
            answer: NDArray[np.float32] = self._session.run(
                None, {"features": np.ascontiguousarray(features, dtype=np.float32)}
            )[0]
            self._budget.spend(began, len(features))
            is_right = answer.dtype == np.float32 and answer.shape == (len(features), self._n_labels)
        except _NETWORK_ERRORS as error:
            raise ModelFileError(f"The network in {self._file} failed while it ran: export it again") from error
        if not is_right:
            raise ModelFileError(f"The network in {self._file} does not answer each window: export it again")
        return answer

    def _check_numbers(self, answer: NDArray[Any], features: NDArray[np.float32]) -> None:
        """Refuses an answer that is no number where the sound was."""
        if not np.isfinite(answer[np.isfinite(features).all(axis=(1, 2))]).all():
            raise ModelFileError(f"The network in {self._file} no longer answers with numbers: train it again")

    def _windows_at_once(self, count: int) -> int:
        """How many of so many windows the network answers at once: as many as fit, one where it answers no batch."""
        if count not in self._at_once:
            most = max(1, min(count, _LARGEST_BATCH // max(1, self._cost(1).tensor_bytes)))
            sizes = {most, count % most} - {0, 1}
            self._at_once[count] = most if all(map(self._answers, sizes)) else 1
        return self._at_once[count]

    def _answers(self, windows: int) -> bool:
        """Whether the network answers each of so many windows, at no more than so many times the cost of one."""
        one = self._cost(1)
        try:
            many = self._network.cost(windows, most_bytes=2 * _LARGEST_BATCH)
            is_fair = max(many.operations / one.operations, many.tensor_bytes / one.tensor_bytes) <= 1.1 * windows
            if not is_fair or many.output_shape != (windows, self._n_labels):
                return False
            self._logits(np.repeat(self._example, windows, axis=0))
        except (NetworkRefused, ModelFileError):
            return False
        return True

    def _make_session(self, network: bytes) -> tuple[onnxruntime.InferenceSession, NDArray[np.float32]]:
        """The session, and its logits (1, labels) for the example."""
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])
            answer = session.run(None, {"features": self._example})[0]
            is_sane = answer.dtype == np.float32 and bool(np.isfinite(answer).all())
        except _NETWORK_ERRORS as error:
            raise ModelFileError(f"The network in {self._file} is damaged: get the file anew") from error
        if not is_sane:
            raise ModelFileError(f"The network in {self._file} does not answer with numbers: train it again")
        return session, answer

    def _checked(self, network: bytes) -> CheckedNetwork:
        """Refuses, before any of it is loaded, a network that our own never look like or that would cost too much."""
        try:
            checked = CheckedNetwork(network, input_name="features", window_shape=self._example.shape[1:])
            cost = checked.cost(1, most_bytes=self._most_bytes)
            if cost.bytes_at_load > self._most_bytes:
                raise NetworkRefused(f"it asks for more than {self._most_bytes // 1_000_000} MB")
        except NetworkRefused as refused:
            if refused.damaged:
                raise ModelFileError(f"The network in {self._file} is damaged: get the file anew") from refused
            raise ModelFileError(
                f"The network in {self._file} is not used because {refused}: do not use this file, get it anew"
            ) from refused
        if cost.operations / 1e9 > _LONGEST_LOOK_S:
            raise ModelFileError(
                f"The network in {self._file} would take longer than {MOST_CPU_S:g} s for each second of sound: "
                "do not use this file, or train a smaller network"
            )
        if cost.output_shape != (1, self._n_labels):
            answers = cost.output_shape[-1] if cost.output_shape else 1
            raise ModelFileError(
                f"{self._file} names {self._n_labels} labels but its network gives {answers}: export it again"
            )
        return checked

    def _cost(self, windows: int) -> NetworkCost:
        return self._network.cost(windows, most_bytes=self._most_bytes)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (B, labels) to posteriors."""
    shifted = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
    shifted /= np.add.reduce(shifted, axis=1, keepdims=True)
    return np.asarray(shifted, dtype=np.float32)


class _Budget:
    """Ends a network that takes more processor time than it may for the sound that it has heard."""

    def __init__(self, name: str, hop_s: float) -> None:
        self._name = name
        self._hop_s = hop_s
        self._looks = 0
        self._spent_s = 0.0
        self._heard_s = 0.0

    def begin(self) -> float | None:
        """What `spend` takes; None where this look is not measured, since asking costs, too."""
        self._looks += 1
        return time.thread_time() if self._looks <= _EACH_MEASURED or self._looks % _MEASURED == 0 else None

    def spend(self, began: float | None, windows: int) -> None:
        """Counts the time of this thread since it began to look at so many windows.

        Raises:
            ModelFileError: It has taken too long.
        """
        if began is not None:
            times = 1 if self._looks <= _EACH_MEASURED else _MEASURED
            self._spent_s += times * (time.thread_time() - began)
        self._heard_s += windows * self._hop_s
        if self._spent_s > max(_PATIENCE_S, MOST_CPU_S * self._heard_s):
            raise ModelFileError(
                f"The network in {self._name} takes longer than {MOST_CPU_S:g} s for each second of sound: "
                "do not use this file, or set a larger hop"
            )


def _ort_errors() -> tuple[type[Exception], ...]:
    """All exceptions of onnxruntime, each a direct subclass of Exception."""
    state = vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    return tuple(kind for kind in state if isinstance(kind, type) and issubclass(kind, Exception))


_NETWORK_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    AttributeError,
    IndexError,
    TypeError,
    *_ort_errors(),
)
