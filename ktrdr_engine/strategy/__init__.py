"""Strategy files: read, checked in every part at once, and turned into a plan of features.

`document` reads the YAML; `schema` says what a strategy may hold; `references` checks what parts say of each other;
`problems` puts mistakes into words; `loader` brings these together; `library` finds strategies by name;
`summary` tells one in plain words. No numbers are computed here.
"""
