#!/usr/bin/env python3
"""pack_assets.py OUT.inc [DIST]: the files below DIST as rows of the table in assets.cpp.

A row is {path, content type, tag, bytes, gzip bytes}, sorted by path as bytes; gzip bytes are empty where they save nothing.
The output depends on the content only, so that the same page makes the same binary. Without DIST the table is empty.
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


def literal(data):
    # Three octal digits never run into the next character, as hexadecimal escapes would.
    lines = ["".join(f"\\{byte:03o}" for byte in data[i:i + 64]) for i in range(0, len(data), 64)]
    return "\n    ".join(f'"{line}"' for line in lines) or '""'


def row(root, path):
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0)
    if len(packed) > len(data) * 0.95:
        packed = b""
    name = "/" + path.relative_to(root).as_posix()
    kind = TYPES.get(path.suffix, "application/octet-stream")
    tag = hashlib.sha256(data).hexdigest()[:16]
    views = [f"std::string_view({literal(part)}, {len(part)})" for part in (data, packed)]
    return name.encode(), f'{{"{name}", "{kind}", "{tag}", {views[0]}, {views[1]}}},\n'


def main():
    out = pathlib.Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    if len(sys.argv) > 2:
        root = pathlib.Path(sys.argv[2])
        rows = [row(root, path) for path in root.rglob("*") if path.is_file()]
        if not rows:
            sys.exit(f"pack_assets.py: {root} has no files; was the page built?")
    out.write_text("".join(text for _, text in sorted(rows)))


if __name__ == "__main__":
    main()
