"""A `save_pretrained` directory from outside: looked at before anything in it is used, and no code of it is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from maintainer.errors import InputError
from maintainer.store.bases import CONFIG, TOKENIZER, WEIGHTS, require_weights
from maintainer.tokens import Tokens

LONGEST = 256  # tokens of a text that are read, unless a policy wants others or the network takes fewer
CLASSIFIER = "ForSequenceClassification"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in such a directory."""

    path: Path
    config: dict[str, Any]
    tokenizer: str
    classifier: bool  # it has a head of its own

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the head's rows, in their order."""
        named: dict[str, str] = self.config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
        return tuple(str(named[key]) for key in sorted(named, key=int))

    @property
    def pad(self) -> int:
        """Return the token that fills up."""
        return int(self.config.get("pad_token_id") or 0)

    def longest(self, wanted: int | None) -> int:
        """Return how many tokens of a text are read where so many are wanted."""
        positions = self.config.get("max_position_embeddings") or self.config.get("max_seq_len") or LONGEST + 2
        return max(4, min(wanted or LONGEST, int(positions) - 2))  # some networks number positions from 2 on


def look(path: Path) -> Found:
    """Return what a directory holds.

    Raises:
        InputError: it is none, wants code of its own to be run, is of another architecture, or has pickled weights or
            no tokenizer.
    """
    if not path.is_dir():
        raise InputError(f"{path} is no directory; wanted what save_pretrained writes: config.json, {WEIGHTS} and more")
    config = _config(path)
    classifier = _architecture(path, config)
    require_weights(path)
    return Found(path, config, _tokenizer(path, config), classifier)


def _config(path: Path) -> dict[str, Any]:
    config = _document(path / CONFIG)
    others = [_document(path / name) for name in ("tokenizer_config.json",) if (path / name).exists()]
    for name, document in zip((CONFIG, "tokenizer_config.json"), (config, *others), strict=False):
        if document.get("auto_map"):
            raise InputError(f"{path / name} wants code of its own to be run (auto_map), which is never done")
    if config.get("quantization_config"):
        raise InputError(f"{path / CONFIG} says that its weights are quantised; wanted plain ones, which can learn")
    return config


def _document(path: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path.parent} has no {path.name}; wanted what save_pretrained writes") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}, wanted a JSON object")
    return cast("dict[str, Any]", found)


def _architecture(path: Path, config: dict[str, Any]) -> bool:
    """Return whether it is a classifier; an encoder otherwise.

    An encoder is a kind of network that transformers has both as a masked language model and as a classifier.
    """
    from transformers.models.auto import modeling_auto as known

    kind, names = str(config.get("model_type")), [str(name) for name in config.get("architectures") or ()]
    name = names[0] if names else ""
    both = {str(k) for k in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES} & {
        str(k) for k in known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    }
    if kind not in both or config.get("is_encoder_decoder") or config.get("is_decoder"):
        raise InputError(
            f"{path / CONFIG} is of architecture '{name or 'unnamed'}', model_type '{kind}', which is no encoder of "
            "text; wanted one such as bert, distilbert, roberta, electra, mpnet, deberta-v2 or modernbert"
        )
    if name.endswith(CLASSIFIER):
        return True
    if not name or name.endswith(("Model", "ForMaskedLM", "ForPreTraining")):
        return False
    raise InputError(f"{path / CONFIG} is of architecture '{name}'; wanted a plain encoder or one {CLASSIFIER}")


def _tokenizer(path: Path, config: dict[str, Any]) -> str:
    file = path / TOKENIZER
    try:
        document = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"{path} has no {TOKENIZER}; wanted that of a fast tokenizer, as its save_pretrained writes it"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    size, rows = Tokens(document, LONGEST, str(file)).size, int(config.get("vocab_size") or 0)
    if size > rows:
        raise InputError(f"{file} has tokens up to number {size - 1}, but {CONFIG} has a vocab_size of {rows}")
    return document
