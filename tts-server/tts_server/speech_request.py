"""The body of POST /v1/audio/speech, read and checked: every mistake is a Problem with a sentence."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from contracts.speech import VoiceChoice
from serving.problems import Problem, bad_field

MAX_INPUT_CHARS = 10_000
MAX_BODY_BYTES = 262_144
"""MAX_INPUT_CHARS in the longest form JSON has for them (12 bytes), and room for the rest."""

SPEED_RANGE = (0.25, 4.0)

ResponseFormat = Literal["pcm", "wav", "opus", "mp3"]
FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)

OPENAI_VOICES = frozenset(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse")
)
"""Names that clients send when nobody chose a voice: the engine's default speaks."""


class SpeechRequest(BaseModel):
    """What OpenAI's API has and we use, and `draft`; other fields are ignored.

    One engine serves, whatever `model` says.
    """

    input: str
    model: str = ""
    voice: str = ""
    response_format: ResponseFormat = "mp3"
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], allow_inf_nan=False)
    stream_format: Literal["audio"] = "audio"
    draft: bool = False

    @property
    def choice(self) -> VoiceChoice:
        voice = "" if self.voice.lower() in OPENAI_VOICES else self.voice
        return VoiceChoice(voice=voice, speed=self.speed, draft=self.draft)


async def read_request(request: Request) -> SpeechRequest:
    """Raises Problem (400, 413)."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, "too_long", f"The request is longer than {MAX_BODY_BYTES} bytes.")
    try:
        wanted = SpeechRequest.model_validate_json(bytes(body))
    except ValidationError as error:
        raise _problem(error) from None
    if not wanted.input.strip():
        raise bad_field("input", "input is empty: send the text that shall be spoken.")
    if len(wanted.input) > MAX_INPUT_CHARS:
        raise bad_field("input", f"input has more than {MAX_INPUT_CHARS} characters: send it in parts.")
    return wanted


def _problem(error: ValidationError) -> Problem:
    """One sentence for the first mistake. pydantic's own would quote the text."""
    param = str((error.errors()[0]["loc"] or ("",))[0])
    slowest, fastest = SPEED_RANGE
    sentence = {
        "input": "input must be the text that shall be spoken.",
        "model": "model must be a text.",
        "voice": "voice must be a name from GET /v1/voices.",
        "response_format": f"response_format must be one of {', '.join(FORMATS)}.",
        "speed": f"speed must be a number from {slowest} to {fastest}.",
        "draft": "draft must be true or false.",
        "stream_format": "stream_format must be audio: events are not offered.",
    }.get(param, "The body is not a JSON object with the text to speak in input.")
    return bad_field(param, sentence) if param else Problem(400, "bad_request", sentence)
