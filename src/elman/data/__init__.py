"""Data: known datasets, users' own files, vocabularies and batches."""

from elman.data.batching import BucketSampler as BucketSampler
from elman.data.batching import Chunks as Chunks
from elman.data.builtin import Series as Series
from elman.data.builtin import eeg as eeg
from elman.data.builtin import goog as goog
from elman.data.builtin import library_lines as library_lines
from elman.data.builtin import stocks as stocks
from elman.data.builtin import topics_text as topics_text
from elman.data.corpus import Corpus as Corpus
from elman.data.corpus import read_corpus as read_corpus
from elman.data.corpus import text_blocks as text_blocks
from elman.data.dataset import Dataset as Dataset
from elman.data.dataset import Part as Part
from elman.data.download import cache_folder as cache_folder
from elman.data.download import fetch as fetch
from elman.data.examples import Examples as Examples
from elman.data.examples import read_examples as read_examples
from elman.data.registry import datasets as datasets
from elman.data.registry import get as get
from elman.data.registry import is_reference as is_reference
from elman.data.registry import resolve as resolve
from elman.data.tables import Table as Table
from elman.data.tables import read_table as read_table
from elman.data.vocabulary import Stream as Stream
from elman.data.vocabulary import Vocabulary as Vocabulary
from elman.data.vocabulary import build_vocabulary as build_vocabulary
