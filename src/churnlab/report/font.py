"""A font for a page without a network: NanumGothic, cut down to the letters in use."""

import base64
import io
import logging
from importlib.util import find_spec
from pathlib import Path

#: Letters that values of any run need: Latin, digits, signs, and of Korean dates and amounts.
_ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + "·–—−×₩€£¥°…▲▼→≤≥’“”년월화수목금토일요만억조천원"


def base64_woff(text: str, weight: str = "") -> str:
    """Return a base64 WOFF of the font's glyphs for `text`.

    text: Letters without a glyph in the font are left to the reader's own fonts.
    weight: `""` or `"Bold"`.
    """
    from fontTools import subset

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = subset.Options(flavor="woff", layout_features=["kern"], notdef_outline=True)
    with subset.load_font(str(_file(weight)), options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text=text + _ALWAYS)
        cutter.subset(font)
        out = io.BytesIO()
        font.flavor = "woff"
        font.save(out)
    return base64.b64encode(out.getvalue()).decode()


def _file(weight: str) -> Path:
    # Found, not imported: the package's own code needs distutils, which Python has no more.
    spec = find_spec("koreanize_matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "fonts" / f"NanumGothic{weight}.ttf"
