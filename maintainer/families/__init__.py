"""What training and export share of a model family: how samples become tensors, and the weights in between."""
