"""From a challenger's weights and encoder to one ONNX file with the preprocessing inside, and how far the two differ.

In: the directories of the training and collecting phases. Out: model.onnx, result.json.
"""
