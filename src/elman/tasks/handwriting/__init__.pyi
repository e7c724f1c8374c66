from elman.tasks.handwriting.settings import HandwritingSettings as HandwritingSettings
from elman.tasks.handwriting.task import Handwriting as Handwriting
