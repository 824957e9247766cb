"""Writes simplified.txt: every traditional Chinese character and the simplified one, as OpenCC converts it alone.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install opencc==1.4.2
    /tmp/venv/bin/python crates/prep/data/make_simplified.py
"""

from pathlib import Path

from opencc import OpenCC

HEAD = """\
# Traditional Chinese characters, each followed by the simplified one that OpenCC 1.4.2 (t2s) makes of it alone.
# The correspondences are OpenCC's (github.com/BYVoid/OpenCC), licensed under the Apache License 2.0.
"""

convert = OpenCC("t2s").convert
every = (chr(code) for code in [*range(0x2E80, 0xA000), *range(0xF900, 0xFB00), *range(0x20000, 0x32400)])
pairs = [(one, convert(one)) for one in every]
pairs = [one + other for one, other in pairs if one != other and len(other) == 1]
lines = ["".join(pairs[start : start + 40]) for start in range(0, len(pairs), 40)]
Path(__file__).with_name("simplified.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
