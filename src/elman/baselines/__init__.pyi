from elman.baselines.bootstrap import Comparison as Comparison
from elman.baselines.bootstrap import compare as compare
from elman.baselines.bootstrap import interval as interval
from elman.baselines.result import Baseline as Baseline
