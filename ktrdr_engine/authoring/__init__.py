"""What is looked up and written between runs: strategies, models, indicators, and results side by side.

Each module answers one question over the libraries (`shelves`); the MCP tools and the commands both ask here, and get
the models of `replies`. Nothing is computed from prices.
"""
