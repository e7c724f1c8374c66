from elman.tune.search import Search as Search
