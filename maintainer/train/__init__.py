"""From the labelled samples of a run and the champion to a challenger, or to the reason why there is none.

In: the collected Parquet files and the champion's version directory. Out: weights, encoder, importance, result.json.
"""
