from elman.data.shards.read import Shards as Shards
from elman.data.shards.write import write_shards as write_shards
