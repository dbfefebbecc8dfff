"""Compiled pass of rows through decision trees: what they add up to."""

from churnlab.kernels._compile import njit


@njit
def add_up(rows, roots, feature, threshold, missing_left, left, right, value, out):  # type: ignore[no-untyped-def]
    """Add each tree's leaf to `out`, (row,), trees in their order.

    A node with feature -1 is a leaf; a row goes left where its feature is at most the threshold,
    and with a missing one as `missing_left` says.
    """
    for i in range(rows.shape[0]):
        total = out[i]
        for root in roots:
            node = root
            while feature[node] >= 0:
                seen = rows[i, feature[node]]
                goes_left = missing_left[node] if seen != seen else seen <= threshold[node]
                node = left[node] if goes_left else right[node]
            total += value[node]
        out[i] = total
