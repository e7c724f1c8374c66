from elman.scale import spark as spark
from elman.scale.arrow_model import ArrowModel as ArrowModel
from elman.scale.files import Outcome as Outcome
from elman.scale.files import predict_files as predict_files
