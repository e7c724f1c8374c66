from elman.tasks.language.head import NextToken as NextToken
from elman.tasks.language.session import LanguageSession as LanguageSession
from elman.tasks.language.settings import LanguageSettings as LanguageSettings
from elman.tasks.language.task import Language as Language
