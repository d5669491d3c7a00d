"""What the end-to-end tests share with the window's: the small project that a network learns in seconds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "gui"))
