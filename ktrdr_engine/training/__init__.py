"""How a model is made from a strategy and prices, as one pure function: `trainer.train`.

`labels` says what the network is taught, `split` which rows teach and which examine, `dataset` puts rows together,
`fitting` moves the weights, `scoring` measures. Operations, progress bridges and files are not known here.
"""
