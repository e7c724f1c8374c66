from elman.train.workers.joined import joined as joined
from elman.train.workers.one_process import OneProcess as OneProcess
from elman.train.workers.supervisor import supervise as supervise
