"""Operations as pictures: what there is to draw, and the charts drawn from it.

`gathering` finds the material, `run` and `epochs` are the material, `drawing` makes a PNG of it with the same in words.
matplotlib is imported when the first chart is drawn, never before.
"""
