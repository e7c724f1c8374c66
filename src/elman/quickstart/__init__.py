from elman.quickstart.run import run as run
