"""Speech to text: alphabets, networks, decoding, streaming."""
