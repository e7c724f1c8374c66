from elman.tasks.translate.settings import TranslateSettings as TranslateSettings
from elman.tasks.translate.task import Translate as Translate
from elman.tasks.translate.task import TranslationReport as TranslationReport
