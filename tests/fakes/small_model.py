"""A model of the catalogue's kind, small enough to be fetched in a moment. No engine loads it."""

from __future__ import annotations

import hashlib
import random

from model_downloads.catalogue import CatalogueFile, CatalogueModel, Repository

FILES = {"model.int8.onnx": random.Random(7).randbytes(3_000_000), "tokens.txt": b"<blank> 0\n<|zh|> 1\n"}

EARS = CatalogueModel(
    name="sensevoice",
    what="hears",
    licence="its own",
    licence_url="https://example.com/licence",
    files=tuple(CatalogueFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in FILES.items()),
    modelscope=(Repository("somebody/ears", "master"),),
    web=(),
)
