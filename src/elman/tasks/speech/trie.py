"""Strings as a tree."""

from collections.abc import Iterable

from elman.tasks.speech.alphabet import Alphabet


class Trie:
    """Strings as a tree of characters' ids; node 0 is the root, children come after parents.

    **Attributes:** `children`, of each node by id; `parents`; `depth`; `nodes`, where each of the
    strings ends; `ends`, the same as a set.

    >>> trie = Trie(Alphabet("abn"), ["an", "ban"])
    >>> trie.children[0], trie.nodes
    ({1: 1, 2: 3}, [2, 5])
    """

    def __init__(self, alphabet: Alphabet, strings: Iterable[str]) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.parents = [0]
        self.depth = [0]
        self.nodes: list[int] = []
        for string in strings:
            node = 0
            for id in alphabet.encode(string):
                child = self.children[node].setdefault(id, len(self.children))
                if child == len(self.children):
                    self.children.append({})
                    self.parents.append(node)
                    self.depth.append(self.depth[node] + 1)
                node = child
            self.nodes.append(node)
        self.ends = set(self.nodes)
