from elman.tasks.classify.settings import ClassifySettings as ClassifySettings
from elman.tasks.classify.task import Classify as Classify
from elman.tasks.classify.task import Report as Report
