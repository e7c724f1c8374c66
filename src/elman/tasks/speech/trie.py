"""Strings as a tree."""

from collections.abc import Iterable

from elman.tasks.speech.alphabet import Alphabet


class Trie:
    """Strings as a tree of characters' ids; node 0 is the root.

    >>> trie = Trie(Alphabet("abn"), ["an", "ban"])
    >>> trie.children[0]
    {1: 1, 2: 3}
    """

    def __init__(self, alphabet: Alphabet, strings: Iterable[str]) -> None:
        self.alphabet = alphabet
        self.children: list[dict[int, int]] = [{}]
        self.ends: set[int] = set()
        self.depth = [0]
        for string in strings:
            node = 0
            for id in alphabet.encode(string):
                if id not in self.children[node]:
                    self.children[node][id] = len(self.children)
                    self.children.append({})
                    self.depth.append(self.depth[node] + 1)
                node = self.children[node][id]
            self.ends.add(node)

    def path(self, string: str) -> list[int]:
        """The nodes of one of the strings, from the root."""
        path = [0]
        for character in string:
            path.append(self.children[path[-1]][self.alphabet.encode(character)[0]])
        return path
