"""Tiny models in the shapes that sherpa-onnx loads, written by the tests: they hear one sentence and speak in tones."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SENTENCE = "what time is it"
VOICE_RATE_HZ = 16_000

_LFR_SIZE = 560  # seven frames of 80 numbers
_FLOAT, _INT32, _INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64


def sense_voice(folder: Path, sentence: str = SENTENCE, language: str = "en", emotion: str = "HAPPY") -> Path:
    """Hears `sentence` in everything that is longer than a third of a second."""
    words = ["▁" + word for word in sentence.split()]
    tokens = ["<blank>", "<|zh|>", "<|en|>", f"<|{emotion}|>", "<|Speech|>", "<|withitn|>", *dict.fromkeys(words)]
    heard = [f"<|{language}|>", f"<|{emotion}|>", "<|Speech|>", "<|withitn|>", *words]
    metadata = {
        "vocab_size": len(tokens),
        "lfr_window_size": 7,
        "lfr_window_shift": 6,
        "normalize_samples": 0,
        "with_itn": 14,
        "without_itn": 15,
        "neg_mean": ",".join(["0"] * _LFR_SIZE),
        "inv_stddev": ",".join(["1"] * _LFR_SIZE),
        "model_type": "sense_voice_ctc",
        "comment": "tiny",
    } | {f"lang_{name}": at for at, name in enumerate(("auto", "zh", "en", "yue", "ja", "ko"))}
    spoken = _one_hot([tokens.index(word) for word in heard], len(tokens))
    blank = _one_hot([0], len(tokens))
    # The rows of the sentence, then a blank for each frame of sound: never fewer rows than sherpa-onnx reads.
    nodes = [
        helper.make_node("Slice", ["x", "zero", "one", "two"], ["narrow"]),
        helper.make_node("Mul", ["narrow", "nothing"], ["silent"]),
        helper.make_node("Add", ["silent", "blank"], ["blanks"]),
        helper.make_node("Concat", ["spoken", "blanks"], ["logits"], axis=1),
    ]
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "nothing": np.zeros(1, np.float32),
        "spoken": spoken,
        "blank": blank,
    }
    inputs = [
        _value("x", _FLOAT, ["N", "T", _LFR_SIZE]),
        *(_value(name, _INT32, ["N"]) for name in ("x_length", "language", "text_norm")),
    ]
    outputs = [_value("logits", _FLOAT, ["N", "L", len(tokens)])]
    _write(folder, "model.int8.onnx", nodes, inputs, outputs, constants, metadata, tokens)
    return folder


def turn_model(folder: Path, probability: float) -> Path:
    """Smart Turn's shape; says the same of everything."""
    nodes = [
        helper.make_node("ReduceMean", ["input_features", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["silent"]),
        helper.make_node("Add", ["silent", "probability"], ["logits"]),
    ]
    constants = {
        "axes": np.array([1, 2], np.int64),
        "nothing": np.zeros(1, np.float32),
        "probability": np.array([[probability]], np.float32),
    }
    inputs = [_value("input_features", _FLOAT, ["N", 80, 800])]
    _write(folder, "turn.onnx", nodes, inputs, [_value("logits", _FLOAT, ["N", 1])], constants, {})
    return folder / "turn.onnx"


def paraformer(folder: Path, sentence: str = "现在几点") -> Path:
    """Hears `sentence` in everything."""
    tokens = ["<blank>", "<s>", "</s>", *dict.fromkeys(sentence), "<unk>"]
    heard = [tokens.index(char) for char in sentence] + [2]
    metadata = {
        "vocab_size": len(tokens),
        "lfr_window_size": 7,
        "lfr_window_shift": 6,
        "neg_mean": ",".join(["0"] * _LFR_SIZE),
        "inv_stddev": ",".join(["1"] * _LFR_SIZE),
        "model_type": "paraformer",
    }
    nodes = [helper.make_node("Identity", [name], [name[1:]]) for name in ("_logits", "_token_num")]
    constants = {"_logits": _one_hot(heard, len(tokens)), "_token_num": np.array([len(heard)], np.int32)}
    inputs = [_value("speech", _FLOAT, ["N", "T", _LFR_SIZE]), _value("speech_lengths", _INT32, ["N"])]
    outputs = [_value("logits", _FLOAT, ["N", "L", len(tokens)]), _value("token_num", _INT32, ["N"])]
    _write(folder, "model.int8.onnx", nodes, inputs, outputs, constants, metadata, tokens)
    return folder


def whisper(folder: Path, sentence: str = SENTENCE) -> Path:
    """Hears `sentence`, in English, in everything: each step of its decoder knows its word by its position."""
    words = [f" {word}" for word in sentence.split()]
    ends = ["eot", "sot", "en", "zh", "translate", "transcribe", "blank", "no_speech", "no_timestamps"]
    ids = {name: len(words) + at for at, name in enumerate(ends)}
    width, context = len(words) + len(ends), 64
    said = [ids["en"], 0, 0, *range(len(words))]  # row 0 tells the language, row 3 is the first after the prompt
    table = _one_hot([*said, *[ids["eot"]] * (context - len(said))], width)
    metadata = {
        "n_mels": 80,
        "n_text_layer": 1,
        "n_text_ctx": context,
        "n_text_state": 1,
        "n_vocab": width,
        "is_multilingual": 1,
        "all_language_tokens": f"{ids['en']},{ids['zh']}",
        "all_language_codes": "en,zh",
        "sot_sequence": f"{ids['sot']},{ids['en']},{ids['transcribe']}",
        "blank_id": ids["blank"],
    } | {name: ids[name] for name in ("sot", "eot", "translate", "transcribe", "no_timestamps", "no_speech")}
    caches = [("n_layer_cross_k", 1500), ("n_layer_cross_v", 1500)]
    _write(
        folder,
        "tiny-encoder.int8.onnx",
        [helper.make_node("Identity", ["nothing"], [name]) for name, _ in caches],
        [_value("mel", _FLOAT, ["N", 80, "T"])],
        [_value(name, _FLOAT, [1, 1, "T", 1]) for name, _ in caches],
        {"nothing": np.zeros((1, 1, 1500, 1), np.float32)},
        metadata,
    )
    own = ["in_n_layer_self_k_cache", "in_n_layer_self_v_cache"]
    _write(
        folder,
        "tiny-decoder.int8.onnx",
        [
            helper.make_node("Shape", ["tokens"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["count"], axis=0),
            helper.make_node("Squeeze", ["offset", "first"], ["start"]),
            helper.make_node("Add", ["start", "count"], ["end"]),
            helper.make_node("Range", ["start", "end", "one"], ["positions"]),
            helper.make_node("Gather", ["table", "positions"], ["logits"], axis=1),
            *(helper.make_node("Identity", [name], [name.replace("in_", "out_")]) for name in own),
        ],
        [
            _value("tokens", _INT64, ["N", "T"]),
            *(_value(name, _FLOAT, [1, "N", context, 1]) for name in own),
            *(_value(name, _FLOAT, [1, "N", length, 1]) for name, length in caches),
            _value("offset", _INT64, [1]),
        ],
        [
            _value("logits", _FLOAT, ["N", "T", width]),
            *(_value(name.replace("in_", "out_"), _FLOAT, [1, "N", context, 1]) for name in own),
        ],
        {"table": table, "one": np.array(1, np.int64), "first": np.array([0], np.int64)},
        {},
    )
    coded = [base64.b64encode(word.encode()).decode() for word in (*words, *ends)]
    (folder / "tiny-tokens.txt").write_text("".join(f"{word} {at}\n" for at, word in enumerate(coded)))
    return folder


def campplus(folder: Path) -> Path:
    """A voiceprint of 80 numbers: the mean of each band."""
    metadata = {
        "output_dim": 80,
        "sample_rate": 16_000,
        "normalize_samples": 0,
        "language": "zh",
        "framework": "3d-speaker",
    }
    nodes = [helper.make_node("ReduceMean", ["x", "frames"], ["embedding"], keepdims=0)]
    inputs, outputs = [_value("x", _FLOAT, ["N", "T", 80])], [_value("embedding", _FLOAT, ["N", 80])]
    _write(folder, "campplus.onnx", nodes, inputs, outputs, {"frames": np.array([1], np.int64)}, metadata)
    return folder


def vits(folder: Path, language: str, rate_hz: int = VOICE_RATE_HZ, ms_per_char: int = 60, base_hz: int = 150) -> Path:
    """A tone of its own for every character, longer when it speaks slowly."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789")
    ideographs = [chr(code) for code in range(0x4E00, 0x9FA6)] if language == "zh" else []
    tokens = ["_", " ", *",.!?;:，。！？；：、'-", *letters, *ideographs]
    metadata = {
        "sample_rate": rate_hz,
        "n_speakers": 1,
        "add_blank": 0,
        "language": language,
        "comment": "tiny",
        "frontend": "characters",
        "punctuation": ", . ! ? ; : ， 。 ！ ？ ； ： 、",
        "blank_id": 0,
        "use_eos_bos": 0,
        "bos_id": 0,
        "eos_id": 0,
        "pad_id": 0,
        "voice": language,
    }
    nodes, constants = _tones("x", rate_hz, ms_per_char, base_hz, "y", [1, 1, -1])
    inputs = [
        _value("x", _INT64, ["N", "T"]),
        _value("x_length", _INT64, ["N"]),
        *(_value(name, _FLOAT, [1]) for name in ("noise_scale", "length_scale", "noise_scale_w")),
    ]
    outputs = [_value("y", _FLOAT, ["N", 1, "S"])]
    _write(folder, "model.onnx", nodes, inputs, outputs, constants, metadata, tokens)
    return folder


def piper(folder: Path) -> Path:
    """The tiny VITS as Piper's voices are: phonemes for letters, three scales in one input."""
    model = onnx.load(str(vits(folder, "en") / "model.onnx"))
    told = {each.key: each.value for each in model.metadata_props} | {"comment": "piper", "frontend": ""}
    helper.set_model_props(model, told)
    del model.graph.input[2:]
    model.graph.input.append(_value("scales", _FLOAT, [3]))
    model.graph.node.insert(0, helper.make_node("Gather", ["scales", "second"], ["length_scale"], axis=0))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "second"))
    onnx.save(model, str(folder / "model.onnx"))
    phonemes = ["_", "^", "$", " ", *",.?!", *"abcdefghijklmnopqrstuvwxyzəɪʊɛɔæʌɑɹŋθðʃʒɡˈˌː"]
    (folder / "tokens.txt").write_text("".join(f"{each} {at}\n" for at, each in enumerate(phonemes)))
    (folder / "espeak-ng-data").mkdir()
    return folder


def matcha(folder: Path, rate_hz: int = VOICE_RATE_HZ, ms_per_char: int = 60, base_hz: int = 150) -> Path:
    """The tones of `vits` as Matcha has them: a spectrogram, made into sound by a vocoder beside it.

    It reads by its lexicon: a few ideographs, "good", and letters.
    """
    letters = [*" ,.?!;", *"abcdefghijklmnopqrstuvwxyz"]
    ideographs = "好晚上今天气你一二三"
    metadata = {
        "sample_rate": rate_hz,
        "n_speakers": 1,
        "version": 1,
        "jieba": 1,
        "has_espeak": 1,
        "use_eos_bos": 0,
        "pad_id": 0,
        "voice": "zh en-us",
        "is_zh_en": 1,
    }
    nodes, constants = _tones("x", rate_hz, ms_per_char, base_hz, "mel", [1, 80, -1])
    inputs = [
        _value("x", _INT64, ["N", "T"]),
        _value("x_length", _INT64, ["N"]),
        *(_value(name, _FLOAT, [1]) for name in ("noise_scale", "length_scale")),
    ]
    mel = [_value("mel", _FLOAT, ["N", 80, "F"])]
    tokens = [*letters, *(f"h{at}" for at in range(len(ideographs)))]
    _write(folder, "model-steps-3.onnx", nodes, inputs, mel, constants, metadata, tokens)
    lexicon = "".join(f"{char} h{at}\n" for at, char in enumerate(ideographs))
    lexicon += "".join(f"{char} {char}\n" for char in letters if char.isalpha()) + "good g o\n"
    (folder / "lexicon.txt").write_text(lexicon, encoding="utf-8")
    flat = [helper.make_node("Reshape", ["mel", "shape"], ["audio"])]
    shape = {"shape": np.array([1, 1, -1], np.int64)}
    sound = [_value("audio", _FLOAT, ["N", 1, "S"])]
    _write(folder, "hifigan-16khz.onnx", flat, mel, sound, shape, {"model_type": "hifigan", "sample_rate": rate_hz})
    return folder


def kokoro(folder: Path, rate_hz: int = VOICE_RATE_HZ, ms_per_char: int = 60) -> Path:
    """The tones of `vits` as Kokoro has them: two speakers by their styles, the second an octave and more above."""
    longest, speakers_hz = 200, (150, 1150)
    metadata = {
        "sample_rate": rate_hz,
        "n_speakers": len(speakers_hz),
        "version": 1,
        "has_espeak": 1,
        "voice": "en-us",
        "style_dim": f"{longest},1,1",
        "speaker_names": "low,high",
    }
    nodes, constants = _tones("tokens", rate_hz, ms_per_char, 0, "audio", [-1])
    nodes = [
        helper.make_node("Reciprocal", ["speed"], ["length_scale"]),
        *(_fed(node, {"hz": "hz_without_style"}) for node in nodes[:4]),
        helper.make_node("Add", ["hz_without_style", "style"], ["hz"]),
        *nodes[4:],
    ]
    inputs = [_value("tokens", _INT64, [1, "T"]), _value("style", _FLOAT, [1, 1]), _value("speed", _FLOAT, [1])]
    phonemes = ["$", " ", *";:,.!?", *"abcdefghijklmnopqrstuvwxyzəɪʊɛɔæʌɑɹŋθðʃʒɡɜɾɐˈˌː"]
    _write(folder, "model.onnx", nodes, inputs, [_value("audio", _FLOAT, ["S"])], constants, metadata, phonemes)
    styles = np.repeat(np.array(speakers_hz, np.float32), longest)
    (folder / "voices.bin").write_bytes(styles.astype("<f4").tobytes())
    (folder / "espeak-ng-data").mkdir()
    return folder


def _tones(
    ids: str, rate_hz: int, ms_per_char: int, base_hz: int, out: str, shape: list[int]
) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """A graph that makes a tone for each of `ids`, `length_scale` times as long, in frames of 80 samples."""
    nodes = [
        helper.make_node("Cast", [ids], ["ids"], to=_FLOAT),
        helper.make_node("Mod", ["ids", "sixteen"], ["steps"], fmod=1),
        helper.make_node("Mul", ["steps", "step_hz"], ["above_hz"]),
        helper.make_node("Add", ["above_hz", "base_hz"], ["hz"]),
        helper.make_node("Unsqueeze", ["hz", "last"], ["hz_column"]),
        helper.make_node("Squeeze", ["length_scale", "first"], ["slowness"]),
        helper.make_node("Mul", ["slowness", "frames_per_char"], ["frames_float"]),
        helper.make_node("Floor", ["frames_float"], ["frames"]),
        helper.make_node("Mul", ["frames", "frame_samples"], ["samples_float"]),
        helper.make_node("Range", ["zero", "samples_float", "one"], ["clock"]),
        helper.make_node("Mul", ["clock", "radians"], ["angle"]),
        helper.make_node("Mul", ["hz_column", "angle"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["loud"]),
        helper.make_node("Mul", ["loud", "half"], ["tones"]),
        helper.make_node("Reshape", ["tones", "shape"], [out]),
    ]
    constants = {
        "sixteen": np.array([16], np.float32),
        "step_hz": np.array([20], np.float32),
        "base_hz": np.array([base_hz], np.float32),
        "last": np.array([2], np.int64),
        "first": np.array([0], np.int64),
        "frames_per_char": np.array(rate_hz * ms_per_char / 1000 / 80, np.float32),
        "frame_samples": np.array(80, np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "radians": np.array([2 * np.pi / rate_hz], np.float32),
        "half": np.array([0.5], np.float32),
        "shape": np.array(shape, np.int64),
    }
    return nodes, constants


def _fed(node: onnx.NodeProto, renamed: dict[str, str]) -> onnx.NodeProto:
    """The node with other names for what it gives."""
    node.output[:] = [renamed.get(name, name) for name in node.output]
    return node


def _one_hot(ids: Sequence[int], width: int) -> np.ndarray:
    rows: np.ndarray = np.eye(width, dtype=np.float32)[list(ids)][None]
    return rows


def _value(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    folder: Path,
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray],
    metadata: dict[str, object],
    tokens: Sequence[str] = (),
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    initial = [numpy_helper.from_array(value, constant) for constant, value in constants.items()]
    graph = helper.make_graph(list(nodes), "tiny", list(inputs), list(outputs), initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / name))
    if tokens:
        lines = "".join(f"{token} {number}\n" for number, token in enumerate(tokens))
        (folder / "tokens.txt").write_text(lines, encoding="utf-8")
