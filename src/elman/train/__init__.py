"""Training: the fit loop that every task shares, and its settings."""

from elman.train.contract import Batches as Batches
from elman.train.contract import Result as Result
from elman.train.contract import Step as Step
from elman.train.contract import TrainingInterrupted as TrainingInterrupted
from elman.train.loop import CHECKPOINT as CHECKPOINT
from elman.train.loop import fit as fit
from elman.train.settings import TrainSettings as TrainSettings
from elman.train.settings import resolve_device as resolve_device
