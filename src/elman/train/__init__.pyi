from elman.train.loop import CHECKPOINT as CHECKPOINT
from elman.train.loop import fit as fit
from elman.train.settings import TrainSettings as TrainSettings
from elman.train.settings import resolve_device as resolve_device
from elman.train.types import Batches as Batches
from elman.train.types import Result as Result
from elman.train.types import Step as Step
from elman.train.types import TrainingInterrupted as TrainingInterrupted
