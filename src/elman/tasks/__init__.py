from elman.tasks.classify import Classify as Classify
from elman.tasks.classify import ClassifySettings as ClassifySettings
from elman.tasks.forecast import Forecast as Forecast
from elman.tasks.forecast import ForecastSettings as ForecastSettings
from elman.tasks.language import Language as Language
from elman.tasks.language import LanguageSettings as LanguageSettings
from elman.tasks.load import load as load
from elman.tasks.task import Task as Task
