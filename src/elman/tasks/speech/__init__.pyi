from elman.tasks.speech.settings import SpeechSettings as SpeechSettings
from elman.tasks.speech.stream import Session as Session
from elman.tasks.speech.task import Speech as Speech
from elman.tasks.speech.transcripts import SpeechReport as SpeechReport
from elman.tasks.speech.transcripts import Transcript as Transcript
