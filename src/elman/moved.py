"""Modules that bear another name since version 0.1: the old names can still be imported."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "elman.laboratory": "elman.bench.memory",
    "elman.report": "elman.html",
    **{
        f"elman.data.{old}": f"elman.data.{new}"
        for old, new in {
            **{"acoustic": "sound.features", "audio": "sound.audio", "augment": "sound.augment"},
            **{"audio_check": "sound.checks", "sounds": "sound.labelled"},
            **{"utterance": "sound.utterance", "utterances": "sound.read"},
            **{"calendar": "series.calendar", "panel": "series.panel"},
            **{"corpus": "text.corpus", "vocabulary": "text.vocabulary"},
            **{"builtin": "datasets.builtin", "memory": "datasets.synthetic"},
            **{"dataset": "datasets.dataset", "registry": "datasets.registry"},
        }.items()
    },
    "elman.tasks.language_flags": "elman.tasks.language.flags",
    "elman.tasks.language_settings": "elman.tasks.language.settings",
    "elman.tasks.sampling": "elman.decode.sampling",
    "elman.tasks.text_session": "elman.tasks.language.session",
    **{
        f"elman.tasks.speech.{old}": f"elman.decode.{new}"
        for old, new in {
            **{name: name for name in ("alphabet", "arpa", "fusion", "hypothesis", "nbest")},
            **{name: name for name in ("ngram", "scorers", "transducer_search")},
            **{"alignment": "error_rates", "beam": "ctc_beam", "greedy": "ctc_greedy"},
            **{"forced": "forced_alignment", "prefix": "prefix_tree"},
            "transducer": "transducer_loss",
        }.items()
    },
}


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        new = MOVED.get(fullname)
        if new is None:
            return None
        warnings.warn(f"{fullname} is now {new}", DeprecationWarning, stacklevel=2)
        return ModuleSpec(fullname, _Alias(new))


class _Alias(Loader):
    """Gives the module of the new name, and leaves it as it is."""

    def __init__(self, new: str) -> None:
        self._new = new
        self._spec: Any = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        module = importlib.import_module(self._new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def install() -> None:
    """Have the old names found, after all else."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.append(_Finder())
