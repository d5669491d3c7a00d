"""The address of the database that stores a search; the password is hidden once it has been entered."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from kws_engine.errors import SpecError
from kws_engine.sweeps.address import EXAMPLE, check, masked
from kws_gui import theme

_TIP = (
    f"A database that several machines share, so that all of them can work on this search, for example\n{EXAMPLE}\n"
    "The password is not stored: enter it again each time, or keep it in PGPASSWORD or ~/.pgpass.\n"
    "Leave empty to use a file in the project."
)


class AddressField(QLineEdit):
    """Shows the password only while it is typed; `address` returns it in full.

    Signals:
        entered(): A different address was entered.
    """

    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._address = ""
        self.setPlaceholderText("a file in the project")
        self.setToolTip(_TIP)
        self.setAccessibleName("Address of the database that stores the search; empty for a file in the project")
        self.editingFinished.connect(self._on_finished)

    def address(self) -> str:
        """The address, including the password if one was entered."""
        typed = self.text().strip()
        return self._address if typed == masked(self._address) else typed

    def setAddress(self, address: str) -> None:
        """Shows an address without its password."""
        self._address = address
        self.setText(masked(address))
        self.setCursorPosition(0)

    def mistake(self) -> str:
        """Why the text is not a valid address; empty if it is valid or nothing was entered."""
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
    """Asks again for an address whose password is missing.

    Signals:
        entered(address): An address to try.
    """

    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = AddressField()
        self.open_button = QPushButton("Open")
        self.field.setPlaceholderText(EXAMPLE)
        label = QLabel("Database address, with the password")
        label.setBuddy(self.field)
        theme.set_role(label, "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(label)
        row.addWidget(self.field, 1)
        row.addWidget(self.open_button)
        self.open_button.clicked.connect(self._on_open)
        self.field.returnPressed.connect(self._on_open)
        self.hide()

    def ask(self, address: str) -> None:
        """Shows the known part of the address; an empty one hides the row."""
        if address:
            self.field.setAddress(address)
        self.setVisible(bool(address))

    def _on_open(self) -> None:
        if self.field.address():
            self.entered.emit(self.field.address())
