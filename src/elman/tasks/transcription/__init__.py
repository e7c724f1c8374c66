"""From a network's scores of characters to text: what speech and handwriting have in common."""
