"""Remote write 1.0 bodies by hand: protobuf and snappy's block format, so that no code of volta's makes what volta is asked to read."""
import struct


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def time_series(labels, samples):
    body = b"".join(field(1, field(1, key.encode()) + field(2, value.encode())) for key, value in sorted(labels.items()))
    for time_ms, value in samples:
        body += field(2, varint(1 << 3 | 1) + struct.pack("<d", value) + varint(2 << 3) + varint(time_ms))
    return body


def write_request(series):
    """`series`: pairs of a dict of labels and a list of (unix ms, value)."""
    return b"".join(field(1, time_series(labels, samples)) for labels, samples in series)


def snappy(data):
    """A valid block that holds its bytes as literals."""
    out = varint(len(data))
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    return out


HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0",
           "User-Agent": "test/1"}
