"""The simulated market: decisions, fills, costs, stops and trades. Arrays in, arrays out; no transport, no strategy."""
