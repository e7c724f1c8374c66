"""Export a trained model to C, compile it, and feed it from another language one step at a time.

Python's ctypes stands for that language here; `export_c.rs` is the same in Rust.
"""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import elman
from elman.tasks import Classify

CC = next((each for each in ("cc", "gcc", "clang") if shutil.which(each)), None)
if CC is None:
    sys.exit("no C compiler is here")

draw = np.random.default_rng(0)
waves = [np.sin(np.arange(20) * step)[:, None] for step in draw.uniform(0.2, 1.2, 60)]
labels = ["slow" if abs(np.diff(wave[:, 0])).mean() < 0.4 else "fast" for wave in waves]
waves = [wave.astype(np.float32) for wave in waves]
task = Classify(hidden_size=8, epochs=15, bidirectional=False).fit((waves, labels), progress=False)

print(elman.export(task, "waves.c", to="c", form="step"))
subprocess.run(
    [CC, "-std=c99", "-O3", "-shared", "-fPIC", "waves.c", "-o", "waves.so", "-lm"], check=True
)

library = ctypes.CDLL(str(Path("waves.so").resolve()))
library.waves_state_size.restype = ctypes.c_size_t
state = ctypes.create_string_buffer(library.waves_state_size())
scores, probabilities = (ctypes.c_float * 2)(), (ctypes.c_float * 2)()
predictions = []
for wave in waves:
    library.waves_reset(state)
    for (value,) in wave:
        library.waves_step(state, ctypes.byref(ctypes.c_float(value)), scores, probabilities)
    predictions.append(task.labels[int(np.argmax(probabilities))])

print("the same predictions:", predictions == list(task.predict(waves)))
