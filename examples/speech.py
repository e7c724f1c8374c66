"""Write down what is said, while it is said: a recogniser of two made-up words that streams."""

import numpy as np

import elman
from elman.data import Audio

RATE = 8000
TONES = {"l": 300, "o": 600, "h": 1200, "i": 2400}


def say(text, seed=0):
    """A letter is a tone of a tenth of a second, a space silence."""
    time = np.arange(RATE // 10) / RATE
    letters = [np.sin(2 * np.pi * TONES.get(letter, 0) * time) for letter in f" {text} "]
    noise = np.random.default_rng(seed).standard_normal(len(letters) * len(time))
    return Audio((np.concatenate(letters) / 2 + noise / 100).astype(np.float32), RATE)


words = np.random.default_rng(0)
texts = [" ".join(words.choice(["hi", "hollo", "lo"], words.integers(1, 4))) for _ in range(40)]
data = [(say(text, i), text) for i, text in enumerate(texts)]
small = {"hidden_size": 32, "num_layers": 1, "batch_size": 4}
task = elman.tasks.Speech(**small, bidirectional=False, epochs=15, lr=0.02, speed=0)
task.fit(data, progress=False)
print(task.evaluate([(say("hollo hi", 90), "hollo hi"), (say("lo hi", 91), "lo hi")]))

session = task.stream()
sound = say("hi hollo", 99).samples
for at in range(0, len(sound), RATE // 5):
    print(repr(session.accept(sound[at : at + RATE // 5])))
for word in session.finish().words:
    print(f"{word.start:.2f} to {word.end:.2f} s: {word.text} ({word.confidence:.2f})")
