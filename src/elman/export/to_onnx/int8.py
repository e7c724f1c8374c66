"""ONNX models with weights of 8 bits."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import onnx

DECOMPOSED = frozenset({"GRU", "RNN"})  # operators that ONNX Runtime does not quantise


def quantised(model: Any) -> Any:
    """The model with int8 weights; activations are quantised as they come (dynamically).

    Weights keep to 7 bits (`reduce_range`): processors without VNNI add up pairs of products in 16
    bits, which 8 bits overflow.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)  # the quantiser's advice is for models of other makers
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            quantize_dynamic(
                model,
                path,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                extra_options={"EnableSubgraph": True},
            )
            return onnx.load(path)
    finally:
        logger.setLevel(level)
