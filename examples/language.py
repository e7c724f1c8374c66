"""A character model of Python's documentation: train it, then let it write."""

import elman
from elman.data import topics_text

task = elman.tasks.Language(hidden_size=128, epochs=1, max_steps=150)
task.fit([topics_text()], folder="runs/topics", progress=False)
print(task.record["metrics"])
for piece in task.stream("The statement ", length=200, temperature=0.7, seed=1):
    print(piece, end="", flush=True)
print()
