"""The toy in software on the server's own machine, and the file by which the server knows it."""

from __future__ import annotations

import re

TOKEN_FILE = "toy_token"
"""In the data folder, readable by its owner only: who can show what it holds may read everything else there, too."""

NAMES = "02:7a:68:69:79:"
"""What the 256 Device-Ids of such toys begin with: locally administered addresses, which no real board has."""


def is_house_toy(device_id: str) -> bool:
    """Whether it is one of NAMES."""
    return re.fullmatch(NAMES + "[0-9a-f]{2}", device_id) is not None
