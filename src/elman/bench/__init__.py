"""Speed of the layers on this machine, side by side with other ways of running them."""

from elman.bench.chunks import time_comparisons as time_comparisons
from elman.bench.clock import interleaved as interleaved
from elman.bench.compare import CELLS as CELLS
from elman.bench.compare import MODES as MODES
from elman.bench.compare import SHAPES as SHAPES
from elman.bench.compare import comparisons as comparisons
from elman.bench.compare import layers as layers
from elman.bench.compare import parse_shape as parse_shape
from elman.bench.measurement import Row as Row
from elman.bench.peak import Peak as Peak
from elman.bench.rivals import RIVALS as RIVALS
from elman.bench.text import report as report
