"""The column codec alone: the bench program store_codec on the recorded metrics, in windows of an hour as the store has them."""
import re

from engines import Tools
from process import Command
from section_bytes import SAMPLE


def run(report, _folder, _quick):
    text = Command([Tools.store_codec, SAMPLE], 600).out
    found = re.search(r"window +3600 s: .* encode ([\d.]+), decode ([\d.]+)", text)
    encode, decode = float(found.group(1)), float(found.group(2))
    report.add("codec", "codec: encode", "million samples/s of a core", encode, promises=[(">= 8", encode >= 8)], better="more")
    report.add("codec", "codec: decode", "million samples/s of a core", decode, promises=[(">= 150", decode >= 150)], better="more")
