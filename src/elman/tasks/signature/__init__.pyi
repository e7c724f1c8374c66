from elman.tasks.signature.report import Report as Report
from elman.tasks.signature.settings import SignatureSettings as SignatureSettings
from elman.tasks.signature.task import Signature as Signature
from elman.tasks.signature.templates import Templates as Templates
from elman.tasks.signature.verification import Verification as Verification
