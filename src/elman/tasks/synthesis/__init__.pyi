from elman.tasks.synthesis.settings import SynthesisSettings as SynthesisSettings
from elman.tasks.synthesis.task import Synthesis as Synthesis
