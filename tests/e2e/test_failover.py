"""The first language model and the first voice are down: the second ones answer, and the record says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes.chat_server import Answer, ChatServer
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, free_port, whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound
from test_engines_elsewhere import aside
