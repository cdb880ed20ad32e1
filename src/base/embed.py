#!/usr/bin/env python3
"""embed.py OUT.inc FILE...: the files' names (without folders) and bytes as one C++ initialiser list.

To be included inside `constexpr EmbeddedFile kFiles[] = { ... };` with struct EmbeddedFile { std::string_view name, bytes; }.
"""
import pathlib
import sys


def literal(data):
    # Three octal digits never run into the next character, as hexadecimal escapes would.
    lines = ["".join(f"\\{byte:03o}" for byte in data[i:i + 64]) for i in range(0, len(data), 64)]
    return "\n    ".join(f'"{line}"' for line in lines) or '""'


def main():
    out = pathlib.Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    text = ""
    for path in map(pathlib.Path, sys.argv[2:]):
        data = path.read_bytes()
        text += f'{{"{path.name}", std::string_view({literal(data)}, {len(data)})}},\n'
    out.write_text(text)


if __name__ == "__main__":
    main()
