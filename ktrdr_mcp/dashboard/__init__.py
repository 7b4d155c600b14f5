"""The dashboard: what people see at `/` of a server that speaks HTTP.

Pages are made on the server and complete without script; `static/live.js` only fetches them again while something on
them can change. `routes` has the addresses, `pages` gathers what they show, `curves` and `figures` word and draw it,
`session` is the sign-in, `replies` the headers every page carries.
"""

from __future__ import annotations
