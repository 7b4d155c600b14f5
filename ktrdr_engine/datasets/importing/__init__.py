"""Price files as people export them: what a file leaves to be found out, and the bars it holds.

`reading` is the way in; data goes through once: `content` (bytes to UTF-8), `dialect` (separator, header, maker),
`columns` (names to roles), `stamps` and `numerals` (text to numbers), `assembly` (rows to bars). Files of our own
making are read by `bars.files`, which is strict.
"""
