from elman.tasks.translate.report import TranslationReport as TranslationReport
from elman.tasks.translate.settings import TranslateSettings as TranslateSettings
from elman.tasks.translate.task import Translate as Translate
