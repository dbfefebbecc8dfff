"""Ids and names as Arrow text: hashed, compared and repeated without a Python object each."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray


def whole(ids: Iterable[str]) -> pa.Array:
    """Return ids as one Arrow array: pandas may hold pieces of two types."""
    found = ids if isinstance(ids, pa.ChunkedArray) else pa.array(ids, pa.large_string())
    pieces = found.chunks if isinstance(found, pa.ChunkedArray) else [found]
    texts = [piece.cast(pa.large_string()) for piece in pieces]
    if len(texts) == 1:
        return texts[0]
    return pa.concat_arrays(texts) if texts else pa.array([], pa.large_string())


def increasing(ids: Iterable[str]) -> bool:
    """Return whether ids are sorted and no two are alike, as those of a log are."""
    found = whole(ids)
    return pc.all(pc.less(found[:-1], found[1:])).as_py() is not False


def positions(ids: Iterable[str], among: Iterable[str]) -> NDArray[np.int64]:
    """Return where each id stands in `among`, the first place of several; -1 where it does not."""
    wanted, known = whole(ids), whole(among)
    if wanted.equals(known) and increasing(known):  # tables of the same customers
        return np.arange(len(known))
    found = pc.index_in(wanted, value_set=known)
    return np.asarray(found.fill_null(-1), dtype=np.int64)


def looked_up(
    ids: Iterable[str], among: Iterable[str], *columns: pd.Series
) -> list[ExtensionArray]:
    """Return what each column beside `among` holds of every id; null where the id is not there."""
    at = positions(ids, among)
    return [column.array.take(at, allow_fill=True) for column in columns]


def ranks(ids: Iterable[str]) -> NDArray[np.int64]:
    """Return the place of each id among the distinct ones in their order; none may be null."""
    coded = whole(ids).dictionary_encode()
    rank = np.empty(len(coded.dictionary), np.int64)
    rank[pc.array_sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    return np.asarray(rank[coded.indices.to_numpy()])


def text(names: Sequence[str], code: NDArray[np.integer]) -> ExtensionArray:
    """Return names by code, null at -1."""
    return pd.array(list(names), dtype="str").take(code.astype(np.intp), allow_fill=True)
