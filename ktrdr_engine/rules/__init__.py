"""Rules over fuzzy sets that decide without a network: `if rsi_zone is oversold and trend is up, then BUY`.

`conditions` is what a rule may ask; `grammar` reads it from text; `rule_base` turns features into probabilities by
it. Which sets there are is the strategy's matter; what a probability leads to, the simulation's.
"""
