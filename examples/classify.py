"""Tell code, comments and prose apart: a classifier of short texts, from data to saved model."""

import elman
from elman.data import library_lines

train, test = library_lines(per_class=600).split(0.2)
task = elman.tasks.Classify(tokens="characters", lowercase=False, hidden_size=32, epochs=4)
task.fit(train, folder="runs/lines", progress=False)
print(task.evaluate(test))

again = elman.load("runs/lines")
for line in ("for item in items:", "# every item once", "Return the items in their order."):
    print(again.predict([line])[0], "|", line)
