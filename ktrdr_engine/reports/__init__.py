"""An operation as one HTML file that needs nothing else: for reading, printing and keeping.

`gathering` finds everything, `page` writes it into the template; each of the other modules makes one section's content.
Plotly and Jinja are imported when the first report is written, never before.
"""
