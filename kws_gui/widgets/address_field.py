"""The address of a database that a search is kept at, its password hidden once it is entered; opens no database."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from kws_engine.errors import SpecError
from kws_engine.sweeps.address import EXAMPLE, check, masked
from kws_gui import theme

_TIP = (
    f"A database that machines share, so that all of them work on this search, as in\n{EXAMPLE}\n"
    "Its password is written nowhere: enter it again, or keep it in PGPASSWORD or ~/.pgpass.\n"
    "Empty: a file in the project."
)


class AddressField(QLineEdit):
    """Shows no password but while it is typed; the whole address is `address`.

    Signals:
        entered(): Another address was typed to its end.
    """

    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._address = ""
        self.setPlaceholderText("a file in the project")
        self.setToolTip(_TIP)
        self.setAccessibleName("Address of the database that keeps the search; empty is a file in the project")
        self.editingFinished.connect(self._on_finished)

    def address(self) -> str:
        """With the password, where it was given."""
        typed = self.text().strip()
        return self._address if typed == masked(self._address) else typed

    def setAddress(self, address: str) -> None:
        """Shows an address without its password."""
        self._address = address
        self.setText(masked(address))
        self.setCursorPosition(0)

    def mistake(self) -> str:
        """Why it can be no address, in words; empty where it may be one or none is given."""
        try:
            if self.address():
                check(self.address())
        except SpecError as error:
            return str(error)
        return ""

    def _on_finished(self) -> None:
        before, now = self._address, self.address()
        if now != before:
            self.setAddress(now)
            self.entered.emit()


class AddressRow(QWidget):
    """Asks for an address again, of which the password is missing.

    Signals:
        entered(address): Typed, to be tried.
    """

    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = AddressField()
        self.open = QPushButton("Open")
        self.field.setPlaceholderText(EXAMPLE)
        label = QLabel("Its storage, with the password")
        label.setBuddy(self.field)
        theme.set_role(label, "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(label)
        row.addWidget(self.field, 1)
        row.addWidget(self.open)
        self.open.clicked.connect(self._on_open)
        self.field.returnPressed.connect(self._on_open)
        self.hide()

    def ask(self, address: str) -> None:
        """Shows what is known of the address; hidden where it is empty."""
        if address:
            self.field.setAddress(address)
        self.setVisible(bool(address))

    def _on_open(self) -> None:
        if self.field.address():
            self.entered.emit(self.field.address())
