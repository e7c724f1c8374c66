from elman.tasks.classify.report import Report as Report
from elman.tasks.classify.settings import ClassifySettings as ClassifySettings
from elman.tasks.classify.task import Classify as Classify
