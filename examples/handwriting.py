"""Read gestures that a pen draws, from strokes to saved model, and while the pen still moves."""

import numpy as np

import elman
from elman.data import Ink, Inks

SHAPES = {
    "circle": np.column_stack([np.cos(np.linspace(0, 6, 20)), np.sin(np.linspace(0, 6, 20))]),
    "arrow": np.array([[-1, 0], [1, 0], [0.6, -0.4], [1, 0], [0.6, 0.4]]),
    "check": np.array([[-1, 0], [-0.4, 0.8], [1, -0.8]]),
}


def drawn(shape: str, random: np.random.Generator) -> Ink:
    """A shape as a hand draws it: turned, stretched, unsteady."""
    turn = random.normal(0, 0.15)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = SHAPES[shape] @ matrix * random.uniform(20, 40, 2)
    return Ink.of_strokes([points + random.normal(0, 1, points.shape)])


random = np.random.default_rng(0)
texts = list(SHAPES) * 40
samples = Inks([drawn(text, random) for text in texts], texts, None, [f"{i}" for i in range(120)])
task = elman.tasks.Handwriting(hidden_size=16, num_layers=1, epochs=8, lr=0.02)
task.fit(samples, folder="runs/gestures", progress=False)
print(task.evaluate([(drawn(text, random), text) for text in texts]))

session = elman.load("runs/gestures").session()
points = drawn("arrow", random).points
for at in range(0, len(points), 2):
    print(session.accept(points[at : at + 2]).value)
print("the answer:", session.finish().value)
