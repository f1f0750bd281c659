#!/usr/bin/env python3
"""A minimal writer of batch objects, following FORMAT.md alone; also writes deliberately broken ones.

A broken object has right checksums everywhere (but for the kinds that name one), so that only the named rule is broken.
Each kind is `must` (whoever reads all blobs has to refuse it), `whole` (whoever verifies the whole object has to),
`open` (FORMAT.md does not say clearly; read_batch.py refuses it), `open-read` (the same, but it reads it) or `valid`
(unusual or old, but to be read)."""
import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile

from frames import crc32c, xxh32

MAGIC, TAG = 0x184D2A5B, b"CKPTBTCH"
BIG = 1 << 60


def uvarint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def svarint(n):
    n &= (1 << 64) - 1  # the difference modulo 2^64, read as a signed number
    n -= (n >> 63) << 64
    return uvarint((n << 1) ^ (n >> 63))


def skippable(payload, magic=MAGIC):
    return struct.pack("<II", magic, len(payload)) + payload


def lz4_code(length):
    """Code of the longest LZ4 block of a frame: that of the shortest length that holds the content, or of 4 MiB."""
    return next((code for code in (4, 5, 6) if length <= 1 << (8 + 2 * code)), 7)


def lz4_stored(content, flags=0x68, size=None):
    most = 1 << (8 + 2 * lz4_code(len(content)))
    head = struct.pack("<BBQ", flags, lz4_code(len(content)) << 4, len(content) if size is None else size)
    if not flags & 8:
        head = head[:2]
    out = b"\x04\x22\x4d\x18" + head + bytes([xxh32(head) >> 8 & 255])
    for i in range(0, len(content), most):
        piece = content[i:i + most]
        out += struct.pack("<I", len(piece) | 1 << 31) + piece
    return out + bytes(4)


def tool(content, *command):
    """Compresses through a file, not a pipe: only so do the tools know the content size."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return subprocess.run([*command, file.name], check=True, stdout=subprocess.PIPE).stdout


def lz4_tool(content):
    block = f"-B{lz4_code(len(content))}"
    return tool(content, "lz4", "-qc", "-BI", block, "--content-size", "--no-frame-crc") if content else lz4_stored(b"")


def zstd_tool(content, *options):
    # No content: the same bytes as the tool writes, one empty raw block; by hand, so as not to depend on its version.
    return tool(content, "zstd", "-qc", "--no-check", *options) if content else bytes.fromhex("28b52ffd2000010000")


ENCODERS = {0: lz4_stored, 1: lz4_tool, 2: zstd_tool}


def shared(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def prefixed(before, value):
    n = shared(before, value)
    return uvarint(n) + uvarint(len(value) - n) + value[n:]


def key_page(entries):
    out, before, end = b"", b"", 0
    for key, offset, length in entries:
        out += prefixed(before, key) + uvarint(length) + svarint(offset - end)
        before, end = key, offset + length
    return out


def build(blobs, epoch=0, part=0, writer="", codec=0, block_length=1 << 20, per_page=1000, hooks=None, **more):
    """Builds an object of [(key bytes, blob bytes)]. A hook may change each named stage before what follows is derived."""
    def hook(name, value):
        return (hooks or {}).get(name, lambda v: v)(value)

    d = hook("descriptor", {"version": 1, "codec": codec, "required": 0, "optional": 0, "epoch": epoch, "part": part,
                            "writer": writer.encode() if isinstance(writer, str) else writer, "parameters": b""})
    descriptor = struct.pack("<HHIIQQ", d["version"], d["codec"], d["required"], d["optional"], d["epoch"], d["part"])
    for field in "writer", "parameters":
        descriptor += struct.pack("<H", d.get(field + " length", len(d[field]))) + d[field]
    head = hook("header", skippable(TAG + descriptor + bytes(4))[:-4])
    header = head + struct.pack("<I", hook("header checksum", crc32c(head)))
    encode = ENCODERS[codec]

    def frame_crc(kind, number, frame):
        return crc32c(descriptor + struct.pack("<BQ", kind, number) + frame)

    stream, places = b"".join(blob for _, blob in blobs), {}
    offset = 0
    for key, blob in blobs:
        places[key] = (offset, len(blob))
        offset += len(blob)
    entries = hook("entries", [(key, *places[key]) for key in sorted(places)])
    frames = hook("frames", [(encode(stream[i:i + block_length]), len(stream[i:i + block_length]))
                             for i in range(0, len(stream), block_length)])
    table = hook("table", [[len(f), n, frame_crc(1, i, f)] for i, (f, n) in enumerate(frames)])

    pages = hook("pages", [entries[i:i + per_page] for i in range(0, len(entries), per_page)])
    separators, contents = [], []
    for i, page in enumerate(pages):
        last = pages[i - 1][-1][0] if i else b""
        separators.append(last + b"\0" if not page else page[0][0][:shared(last, page[0][0]) + 1] if i else b"")
        contents.append(key_page(page))
    separators = hook("separators", separators)
    contents = hook("key contents", contents)
    key_frames = hook("key frames", [skippable(encode(c)) for c in contents])
    key_rows = hook("key rows", [[len(f), len(c), frame_crc(2, i, f), len(p)]
                                 for i, (f, c, p) in enumerate(zip(key_frames, contents, pages))])

    groups = hook("groups", [table[i:i + 4096] for i in range(0, len(table), 4096)])
    contents = hook("block contents", [b"".join(uvarint(f) + uvarint(n) + struct.pack("<I", c) for f, n, c in g)
                                       for g in groups])
    block_frames = hook("block frames", [skippable(encode(c)) for c in contents])
    block_rows = hook("block rows", [[len(f), len(c), frame_crc(3, i, f), sum(r[0] for r in g), sum(r[1] for r in g)]
                                     for i, (f, c, g) in enumerate(zip(block_frames, contents, groups))])

    directory, before = b"", b""
    for flen, dlen, check, data, length in block_rows:
        directory += uvarint(flen) + uvarint(dlen) + struct.pack("<I", check) + uvarint(data) + uvarint(length)
    for (flen, dlen, check, count), separator in zip(key_rows, separators):
        directory += uvarint(flen) + uvarint(dlen) + struct.pack("<I", check) + uvarint(count)
        directory += prefixed(before, separator)
        before = separator
    directory = hook("directory", directory)
    counts = hook("counts", [len(entries), sum(e[2] for e in entries), sum(r[1] for r in table), len(table),
                             len(key_frames), len(block_frames), len(directory)])
    payload = b"ROOT" + hook("root descriptor", descriptor) + b"".join(map(uvarint, counts)) + encode(directory)
    root = hook("root", skippable(hook("root payload", payload)))

    body = hook("body", header + b"".join(f for f, _ in frames) + b"".join(key_frames) + b"".join(block_frames))
    t = hook("trailer", {"magic": MAGIC, "length": 48, "object": len(body) + len(root) + 56, "root": len(body),
                         "root crc": crc32c(root), "header crc": crc32c(header), "version": d["version"], "zero": 0,
                         "required": d["required"], "optional": d["optional"]})
    trailer = struct.pack("<IIQQIIHHII", *t.values())
    return hook("object", body + root + trailer + struct.pack("<I", hook("trailer checksum", crc32c(trailer))) + TAG)


def old(blobs, version=2, count=None, body=None):
    """An object of section 10, its body one LZ4 block of literals only."""
    content = b"".join(struct.pack("<I", len(k)) + k + struct.pack("<I", len(b)) + b for k, b in blobs)
    if body is None:
        n, body = len(content), b""
        if n < 15:
            body = bytes([n << 4]) + content
        else:
            body = b"\xf0" + b"\xff" * ((n - 15) // 255) + bytes([(n - 15) % 255]) + content
    rest = struct.pack("<I", len(content)) + body
    head = b"LCB1" + struct.pack("<III", version, len(blobs) if count is None else count, len(content))
    return head + (struct.pack("<I", crc32c(rest)) if version != 1 else b"") + rest


SAMPLE = [(k.encode(), k.encode() * n) for k, n in
          (("beta", 9), ("alpha", 20), ("", 3), ("alphabet", 0), ("zürich", 11), ("gamma/1", 5), ("gamma/2", 7))]


def sample(count, seed=1):
    """Blobs that depend on nothing but the seed: some text-like, some noise, some empty, a few keys twice."""
    out, x = [], seed
    for i in range(count):
        x = (x * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        key, kind, size = f"op-{x >> 40 & 7}/state/{i - (i % 17 == 16)}", x >> 33 & 3, x >> 20 & 2047
        noise = b"".join(struct.pack("<Q", (x * j * j) % (1 << 64)) for j in range(3, 3 + size // 8))
        out.append((key.encode(), (b"", b"value %d;" % i * (size // 16), noise, noise[:40] * (size // 40))[kind]))
    return out


def main():
    from broken import KINDS, make
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("out", nargs="?", help="the object to write")
    args.add_argument("--list-broken", action="store_true")
    args.add_argument("--broken", metavar="KIND", help="write this kind; `all` writes each to OUT/KIND")
    args.add_argument("--blobs", metavar="FILE", help='JSON: [["key", "blob in hex"], …]')
    args.add_argument("--sample", type=int, metavar="N", help="write N made-up blobs")
    args.add_argument("--epoch", type=int, default=0)
    args.add_argument("--part", type=int, default=0)
    args.add_argument("--writer", default="")
    args.add_argument("--codec", choices=["raw", "lz4", "zstd"], default="raw")
    args.add_argument("--block-length", type=int, default=1 << 20)
    args.add_argument("--per-page", type=int, default=1000)
    args = args.parse_args()
    if args.list_broken:
        for name, (verdict, section, text, _) in KINDS.items():
            print(f"{name}\t{verdict}\t{section}\t{text}")
        return 0
    if not args.out or args.broken and args.broken != "all" and args.broken not in KINDS:
        print("no OUT, or no such kind; see --list-broken", file=sys.stderr)
        return 2
    if args.broken == "all":
        os.makedirs(args.out, exist_ok=True)
        todo = {os.path.join(args.out, kind): make(kind) for kind in KINDS}
    elif args.broken:
        todo = {args.out: make(args.broken)}
    else:
        blobs = SAMPLE if args.sample is None else sample(args.sample)
        if args.blobs:
            with open(args.blobs, encoding="utf-8") as file:
                blobs = [(key.encode(), bytes.fromhex(blob)) for key, blob in json.load(file)]
        todo = {args.out: build(blobs, args.epoch, args.part, args.writer, ("raw", "lz4", "zstd").index(args.codec),
                                args.block_length, args.per_page)}
    for path, content in todo.items():
        with open(path, "wb") as file:
            file.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
