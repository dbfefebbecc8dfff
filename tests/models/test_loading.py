"""numba stays away until a kernel is used, and a read-only install still compiles."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from churnlab import models as likelihoods
from churnlab.errors import UsageError


def _python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_formulas_do_not_load_numba():
    code = (
        "import sys, churnlab.models as L, numpy as np\n"
        "L.get('pareto_nbd').p_alive(np.array([.5, 10., .6, 11.]), 2, 30., 39.)\n"
        "print('numba' in sys.modules)"
    )
    assert _python(code) == "False"


def test_cache_falls_back_to_a_temporary_folder(tmp_path):
    """As numba behaves where no folder is writable: it raises while decorating."""
    code = (
        "import numba\n"
        "from churnlab.kernels import _compile\n"
        "decorate, calls = _compile._decorate, []\n"
        "def refuse_once(function, options):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 1:\n"
        "        raise RuntimeError('cannot cache function: no locator available')\n"
        "    return decorate(function, options)\n"
        "_compile._decorate = refuse_once\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "assert _compile.njit(abs_ := double) is not None\n"
        "print(numba.config.CACHE_DIR)"
    )
    # numba needs a source file to cache from
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    place = _python(f"import runpy; runpy.run_path({str(script)!r})", TMPDIR=str(tmp_path))
    assert place.startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_exponential_models_refuse_other_gaps(name):
    with pytest.raises(UsageError, match="k = 2"):
        likelihoods.get(name, 2)


@pytest.mark.parametrize("k", [0, -1, 1.5, True])
def test_erlang_models_refuse_other_than_whole_k(k):
    with pytest.raises(UsageError, match="whole number"):
        likelihoods.get("mbg_cnbd_k", k)
