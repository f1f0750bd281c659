"""The broken, doubtful and unusual objects of write_batch.py: name -> (verdict, section, what it is, recipe)."""
import struct

from write_batch import (BIG, SAMPLE, TAG, build, lz4_stored, lz4_tool, old, prefixed, skippable, tool, uvarint,
                         zstd_tool)

TOP = (1 << 64) - 1
KINDS = {}
BASE = {"blobs": SAMPLE, "epoch": 7, "part": 1, "writer": "writer-0", "block_length": 64, "per_page": 3}
TINY = {"blobs": [(b"a", b"x" * 4000), (b"b", b"y" * 97)], "block_length": 1}  # 4,097 blocks, so two block pages


def make(kind):
    recipe = KINDS[kind][3]
    return recipe() if callable(recipe) else build(**{**BASE, **recipe})


def add(name, section, text, hooks=None, verdict="must", **more):
    KINDS[name] = verdict, section, text, {"hooks": hooks or {}, **more}


def raw(name, section, text, recipe, verdict="must"):
    KINDS[name] = verdict, section, text, recipe


def put(row, column, change):
    """Changes one number in a list of rows; `change` is a number or a function of the old one."""
    def hook(rows):
        rows = [list(r) for r in rows]
        rows[row][column] = change(rows[row][column]) if callable(change) else change
        return rows
    return hook


def fields(**changes):
    return lambda d: {**d, **{k.replace("_", " "): v(d[k.replace("_", " ")]) if callable(v) else v
                              for k, v in changes.items()}}


def item(i, change):
    return lambda rows: [*rows[:i], change(rows[i]), *rows[i + 1:]]


def count(i, change):
    return item(i, change if callable(change) else lambda _: change)


def plus(n):
    return lambda v: v + n


def both(*hooks):
    def hook(v):
        for h in hooks:
            v = h(v)
        return v
    return hook


def patch(at, new):
    return lambda b: b[:at] + new + b[at + len(new):]


def foreign(stage):
    """The rows of the same blobs in another epoch: right places, checksums of another object."""
    def hook(_):
        rows = []
        build(**{**BASE, "epoch": 8, "hooks": {stage: lambda r: rows.extend(r) or r}})
        return rows
    return hook


def frame0(change):
    return {"frames": item(0, change)}


def page(content):
    """The last key page holds exactly these bytes for its one entry."""
    return {"blobs": [(b"a", b"xyz")], "hooks": {"key contents": lambda _: [content]}}


def one(name, section, text, content, verdict="must"):
    KINDS[name] = verdict, section, text, page(content)


def last_separator(encode):
    """Writes the last separator of the directory anew."""
    seen = []
    return {"separators": lambda s: seen.extend(s[-2:]) or s,
            "directory": lambda d: d[:-len(prefixed(*seen))] + encode(*seen)}


# section 1: integers
one("uvarint-padded", 1, "a uvarint in two bytes where one is enough", b"\0\x81\0a\3\0")
one("uvarint-65-bits", 1, "a uvarint of 10 bytes over 64 bits", b"\0\1a\3" + b"\x80" * 9 + b"\2")
one("uvarint-11-bytes", 1, "a uvarint of 11 bytes", b"\0\1a\3" + b"\x80" * 10 + b"\0")
add("uvarint-padded-blocks", 1, "a padded uvarint in a block page", {
    "block contents": item(0, lambda c: bytes([c[0] | 128, 0]) + c[1:])})
add("uvarint-padded-root", 1, "a padded uvarint in the root", {  # at 44, after tag and descriptor
    "root payload": lambda p: p[:44] + bytes([p[44] | 128, 0]) + p[45:]})
# section 2: header and descriptor
add("version-2", 9, "version 2 everywhere", {"descriptor": fields(version=2)})
add("version-0", 9, "version 0 everywhere", {"descriptor": fields(version=0)})
add("version-2-trailer", 9, "version 2 in the trailer only", {"trailer": fields(version=2)})
add("version-2-root", 9, "version 2 in the root only", {"root descriptor": patch(0, b"\2")})
add("required-feature", 9, "an unknown required feature bit", {"descriptor": fields(required=2)})
add("dictionaries-missing", 9, "the feature of dictionaries without its fields", {"descriptor": fields(required=1)})
add("required-feature-root", 9, "a required feature bit in the root only", {"root descriptor": patch(4, b"\1")})
add("optional-feature-trailer", 9, "an optional feature bit in the trailer only", {"trailer": fields(optional=1)})
add("optional-feature", 2, "optional feature bits, to be ignored", {
    "descriptor": fields(optional=0x80000001)}, "valid")
for codec in 3, 4, 0x7FFF, 0x8000, 0xFFFF:
    add(f"codec-{codec:#x}", 8, "a codec id that is reserved or private", {"descriptor": fields(codec=codec)})
add("codec-other", 8, "codec zstd, but LZ4 frames", {"descriptor": fields(codec=2)})
add("codec-raw-compressed", 8, "codec raw, but compressed LZ4 blocks", {
    "descriptor": fields(codec=0)}, codec=1, blobs=[(b"a", b"x" * 1000)], block_length=1000)
add("parameters", 2, "parameters for codec raw", {"descriptor": fields(parameters=b"x")})
add("parameters-4097", 2, "parameters of 4,097 bytes", {"descriptor": fields(parameters=b"x" * 4097)})
add("writer-1025", 2, "writer of 1,025 bytes", writer="w" * 1025)
add("writer-1024", 2, "writer of 1,024 bytes", verdict="valid", writer="w" * 1024)
add("writer-not-utf8", 2, "writer is not UTF-8", writer=b"\xff")
add("writer-runs-over", 2, "writer length past the root", {"root descriptor": patch(28, b"\0\4")})
add("header-longer", 9, "four bytes more before the header's checksum", {
    "header": lambda h: h[:4] + struct.pack("<I", len(h)) + h[8:] + bytes(4)})
add("header-tag", 2, "another tag in the header", {"header": patch(8, b"X")}, "whole")
add("header-magic", 2, "another skippable magic in the header", {"header": patch(0, b"\x50")}, "whole")
add("header-length", 2, "header's length field one too great", {
    "header": lambda h: h[:4] + struct.pack("<I", len(h) - 3) + h[8:]}, "whole")
add("header-epoch", 2, "another epoch in the header than in the root", {"header": patch(28, b"\x63")}, "whole")
add("header-checksum", 2, "header's own checksum wrong", {"header checksum": lambda c: c ^ 1}, "whole")
add("header-checksum-trailer", 6, "trailer's checksum of the header wrong", {
    "trailer": fields(header_crc=lambda c: c ^ 1)}, "whole")
# section 3: data frames
add("block-empty", 3, "a block of no bytes", {"frames": lambda f: [*f, (lz4_stored(b""), 0)]})
add("block-2-60", 9, "a block length of 2^60", {"table": put(0, 1, BIG)})
add("block-2-60-frame", 9, "a block length of 2^60, which its frame repeats", frame0(
    lambda f: (lz4_stored(b"x", size=BIG), BIG)))
add("block-over-limit", 9, "a real block of 2^26 + 1 bytes", codec=2, blobs=[(b"a", bytes((1 << 26) + 1))],
    block_length=(1 << 26) + 1)
add("block-at-limit", 3, "a block of 2^26 bytes", verdict="valid", codec=2, blobs=[(b"a", bytes(1 << 26))],
    block_length=1 << 26)
add("block-says-more", 3, "block length one more than the frame's", frame0(lambda f: (f[0], f[1] + 1)))
add("block-says-less", 3, "block length one less than the frame's", frame0(lambda f: (f[0], f[1] - 1)))
add("block-frame-size", 8, "frame's content size is not what it holds", frame0(
    lambda f: (lz4_stored(b"x" * 64, size=65), 65)))
add("block-two-frames", 3, "two frames in one block", frame0(lambda f: (lz4_stored(b"x") + lz4_stored(b"y"), 2)))
add("block-and-skippable", 3, "a frame and a skippable frame in one block", frame0(
    lambda f: (f[0] + skippable(b""), f[1])))
add("block-frame-shifted", 3, "the border of two frames one byte late", {
    "frames": lambda f: [(f[0][0] + f[1][0][:1], f[0][1]), (f[1][0][1:], f[1][1]), *f[2:]]})
add("block-frame-cut", 3, "frame without its end mark", frame0(lambda f: (f[0][:-4], f[1])))
add("block-frame-length-0", 3, "a frame length of 0", {
    "frames": lambda f: [(b"", f[0][1]), (f[0][0] + f[1][0], f[1][1]), *f[2:]]})
add("block-checksum", 7, "a block's checksum wrong", {"table": put(1, 2, lambda c: c ^ 1)})
add("block-checksums-foreign", 7, "block checksums of another epoch", {"table": foreign("table")})
add("blocks-of-nobody", 5, "data frames, but no blobs", {"entries": lambda _: []})
add("blobs-empty-stream-not", 3, "all blobs empty, but a stream", {
    "entries": lambda e: [(k, 0, 0) for k, _, _ in e]}, "valid")
# section 4: key pages
add("keys-descend", 4, "two keys in the wrong order", {"pages": item(0, lambda p: [p[0], p[2], p[1]])})
add("keys-equal", 4, "a key twice", {"pages": item(0, lambda p: [p[0], p[1], p[1]])})
add("pages-overlap", 4, "a key greater than the first of the next page", {
    "pages": lambda p: [[*p[0][:2], p[1][1]], [p[0][2], p[1][0], p[1][2]], p[2]]})
one("key-first-shared", 4, "first entry shares a byte", b"\1\1a\3\0")
add("key-shares-too-much", 4, "a key shares more bytes than the one before has", {
    "key contents": lambda _: [b"\0\1a\3\0" + b"\2\1b\0\0"]}, blobs=[(b"a", b"xyz"), (b"b", b"")])
add("key-shares-too-little", 4, "a key repeats a byte that it could share", {
    "key contents": lambda _: [b"\0\1a\3\0" + b"\0\2ab\0\0"]}, "open", blobs=[(b"a", b"xyz"), (b"ab", b"")])
add("key-65537", 9, "a key of 65,537 bytes", blobs=[(b"k" * 65537, b"xyz")])
add("key-65536", 4, "a key of 65,536 bytes", verdict="valid", blobs=[(b"k" * 65536, b"xyz")])
add("key-65537-shared", 9, "a key of 65,537 bytes, all but one shared", blobs=[(b"k" * 65536, b"x"),
                                                                            (b"k" * 65537, b"y")])
for name, key in ("ff", b"\xff"), ("surrogate", b"\xed\xa0\x80"), ("overlong", b"\xc0\x80"), ("cut", b"z\xc3"), (
        "over-10ffff", b"\xf4\x90\x80\x80"):
    add(f"key-not-utf8-{name}", 4, "a key that is not UTF-8", blobs=[(key, b"xyz")])
add("key-nul", 4, "a key with a zero byte", verdict="valid", blobs=[(b"a\0b", b"xyz")])
one("key-suffix-2-60", 9, "a suffix length of 2^60", b"\0" + uvarint(BIG) + b"a\3\0")
add("key-suffix-wraps", 9, "shared + suffix length is 2^64", {
    "key contents": lambda _: [b"\0\1a\3\0\1" + uvarint(TOP) + b"b\0\0"]}, blobs=[(b"a", b"xyz"), (b"ab", b"")])
one("blob-length-2-60", 4, "a blob length of 2^60", b"\0\1a" + uvarint(BIG) + b"\0")
one("blob-past-end", 4, "a blob that ends one byte past the stream", b"\0\1a\3\2")
one("blob-wraps", 4, "offset + length wraps to 1", b"\0\1a\2\1")
one("blob-empty-past-end", 4, "an empty blob past the stream", b"\0\1a\0\x08")
add("key-page-more", 4, "a byte after the last key entry", {"key contents": item(1, lambda c: c + b"\0")})
add("key-page-less", 4, "the last key entry cut", {"key contents": item(1, lambda c: c[:-1])})
add("key-page-empty", 5, "a key page without entries", {"pages": lambda p: [*p, []]})
add("page-magic", 1, "another skippable magic on a key page", {"key frames": item(0, patch(0, b"\x50"))})
add("page-head-length", 4, "a page's own length one too small", {
    "key frames": item(0, lambda f: f[:4] + struct.pack("<I", len(f) - 9) + f[8:])})
add("page-two-frames", 4, "two frames in one key page", {"key frames": item(
    0, lambda f: skippable(f[8:] + lz4_stored(b"")))})
# section 4: block pages
add("block-page-more", 4, "a byte after the last block entry", {"block contents": item(0, lambda c: c + b"\0")})
add("block-page-less", 4, "the last block entry cut", {"block contents": item(0, lambda c: c[:-1])})
add("block-pages-split", 4, "five blocks in two block pages", {"groups": lambda g: [g[0][:3], g[0][3:]]})
add("block-page-4097", 4, "4,097 blocks in one block page", {"groups": lambda g: [g[0] + g[1]]}, **TINY)
add("block-pages-4095-2", 4, "4,095 blocks in the first of two block pages", {
    "groups": lambda g: [g[0][:-1], g[0][-1:] + g[1]]}, **TINY)
add("blocks-4097", 4, "4,097 blocks in two block pages", verdict="valid", **TINY)
# section 5: root and directory
for i, name in enumerate(("blobs", "blob-bytes", "stream-length", "blocks", "key-pages", "block-pages",
                          "directory-length")):
    verdict = "whole" if i == 1 else "must"
    add(f"count-{name}-more", 5, f"{name} one too great", {"counts": count(i, plus(1))}, verdict)
    add(f"count-{name}-less", 5, f"{name} one too small", {"counts": count(i, plus(-1))}, verdict)
    add(f"count-{name}-2-60", 5, f"{name} is 2^60", {"counts": count(i, BIG)}, verdict)
add("count-blocks-and-pages-2-60", 9, "2^60 blocks in 2^48 block pages", {"counts": both(count(3, BIG),
                                                                                        count(5, BIG >> 12))})
add("directory-over-limit", 9, "a real directory of over 2^26 bytes", {
    "directory": lambda d: d + bytes((1 << 26) - len(d) + 1)}, codec=2)
add("directory-more", 5, "a byte after the directory", {"directory": lambda d: d + b"\0"})
add("directory-less", 5, "directory cut by a byte", {"directory": lambda d: d[:-1]})
add("directory-and-more", 5, "a byte after the directory's frame", {"root payload": lambda p: p + b"\0"})
add("entries-moved", 5, "one page says an entry too many, the next one too few", {
    "key rows": both(put(0, 3, plus(1)), put(1, 3, plus(-1)))})
add("entries-wrap", 9, "entries sum to the blobs modulo 2^64", {"key rows": both(put(0, 3, TOP), put(1, 3, plus(4)))})
add("data-bytes-moved", 5, "data bytes moved between two block pages", {
    "block rows": both(put(0, 3, plus(1)), put(1, 3, plus(-1)))}, **TINY)
add("data-bytes-wrap", 9, "data bytes sum up modulo 2^64", {
    "block rows": lambda r: both(put(0, 3, TOP), put(1, 3, r[0][3] + r[1][3] + 1))(r)}, **TINY)
add("stream-bytes-moved", 5, "stream bytes moved between two block pages", {
    "block rows": both(put(0, 4, plus(1)), put(1, 4, plus(-1)))}, **TINY)
add("stream-bytes-wrap", 9, "stream bytes sum up modulo 2^64", {
    "block rows": lambda r: both(put(0, 4, TOP), put(1, 4, r[0][4] + r[1][4] + 1))(r)}, **TINY)
for kind in "key", "block":
    add(f"{kind}-page-length-2-60", 9, "a page's decoded length is 2^60", {f"{kind} rows": put(0, 1, BIG)})
    add(f"{kind}-page-length-more", 5, "a page's decoded length one too great", {f"{kind} rows": put(0, 1, plus(1))})
    add(f"{kind}-page-length-less", 5, "a page's decoded length one too small", {f"{kind} rows": put(0, 1, plus(-1))})
    add(f"{kind}-page-frame-more", 9, "a page's frame length one too great", {f"{kind} rows": put(0, 0, plus(1))})
    add(f"{kind}-page-frame-2-60", 9, "a page's frame length is 2^60", {f"{kind} rows": put(0, 0, BIG)})
    add(f"{kind}-page-checksum", 7, "a page's checksum wrong", {f"{kind} rows": put(0, 2, lambda c: c ^ 1)})
    add(f"{kind}-page-checksum-foreign", 7, "page checksums of another epoch", {f"{kind} rows": foreign(f"{kind} rows")})
add("key-page-frame-moved", 4, "the border of two key pages one byte late", {
    "key frames": lambda f: [f[0] + f[1][:1], f[1][1:], *f[2:]]})
add("separator-too-great", 5, "a separator greater than its page's first key", {
    "separators": item(1, lambda s: b"b\xff")})
add("separator-too-small", 5, "a separator equal to the last key before", {"separators": item(1, lambda s: b"alphabet")})
add("separator-first", 5, "first separator not empty", {"separators": item(0, lambda s: b"A")},
    blobs=[b for b in SAMPLE if b[0]])
add("separators-equal", 5, "two separators equal", {"separators": lambda s: [s[0], s[1], s[1]]})
add("separators-descend", 5, "separators in the wrong order", {"separators": lambda s: [s[0], s[2], s[1]]})
add("separator-long", 5, "separators longer than need be", {"separators": lambda s: [s[0], b"beta", b"h\xff"]}, "valid")
add("separator-shares-too-much", 5, "a separator shares more bytes than the one before has", last_separator(
    lambda a, b: uvarint(len(a) + 1) + b"\1z"))
add("separator-shares-too-little", 5, "a separator repeats a byte that it could share", last_separator(
    lambda a, b: b"\0" + uvarint(len(b)) + b), "open", blobs=[(b"a" * i, b"") for i in range(9)])
add("separator-65537", 5, "a separator longer than any key", {"separators": lambda s: [b"", b"a" * 65537]},
    blobs=[(b"a", b"x"), (b"b", b"y")], per_page=1)
add("root-tag", 5, "another tag in the root", {"root": patch(8, b"X")})
add("root-magic", 5, "another skippable magic on the root", {"root": patch(0, b"\x50")})
add("root-length", 5, "root's own length one too small", {"root": lambda r: r[:4] + struct.pack("<I", len(r) - 9) + r[8:]})
add("root-and-frame", 6, "a skippable frame between root and trailer", {"root": lambda r: r + skippable(b"")})
add("gap", 3, "a skippable frame between header and data", {"body": lambda b: b[:60] + skippable(b"") + b[60:]})
# section 6: trailer
add("trailer-magic", 6, "another skippable magic on the trailer", {"trailer": fields(magic=0x184D2A50)})
add("trailer-length", 6, "trailer's payload length 47", {"trailer": fields(length=47)})
add("trailer-zero", 6, "trailer's zero field is 1", {"trailer": fields(zero=1)})
add("trailer-object-more", 9, "object length one too great", {"trailer": fields(object=plus(1))})
add("trailer-object-less", 9, "object length one too small", {"trailer": fields(object=plus(-1))})
for name, value in ("more", plus(1)), ("51", 51), ("0", 0), ("trailer", plus(60)), ("top", TOP):
    add(f"trailer-root-{name}", 9, "wrong root offset", {"trailer": fields(root=value)})
add("trailer-root-checksum", 6, "trailer's checksum of the root wrong", {"trailer": fields(root_crc=lambda c: c ^ 1)})
add("trailer-checksum", 6, "trailer's own checksum wrong", {"trailer checksum": lambda c: c ^ 1})
add("trailer-tag", 9, "another tag at the end", {"object": lambda o: o[:-1] + b"X"})
add("bytes-after", 9, "a zero byte after the trailer", {"object": lambda o: o + b"\0"})
add("bytes-before", 9, "a skippable frame before the header", {"object": lambda o: skippable(b"") + o})
add("object-twice", 9, "the object twice", {"object": lambda o: o + o})
add("trailer-alone", 9, "the trailer alone", {"object": lambda o: o[-56:]})
raw("file-empty", 9, "no bytes at all", lambda: b"")
raw("file-tag", 9, "56 zero bytes but for the tag", lambda: bytes(48) + TAG)
# section 8: frames with other options (the blobs fit one block)
LONG = [(b"a", b"0123456789abcdef" * 9000)]
for name, codec, encode in (
        ("lz4-no-size", 0, lambda c: lz4_stored(c, flags=0x60)), ("lz4-linked", 1, lambda c: tool(
            c, "lz4", "-qc", "-BD", "-B4", "--content-size", "--no-frame-crc")),
        ("lz4-checksum", 1, lambda c: tool(c, "lz4", "-qc", "-BI", "--content-size")),
        ("lz4-block-checksums", 1, lambda c: tool(c, "lz4", "-qc", "-BI", "-BX", "--content-size", "--no-frame-crc")),
        ("zstd-checksum", 2, lambda c: zstd_tool(c, "--check")),
        ("zstd-no-size", 2, lambda c: zstd_tool(c, "--no-content-size"))):
    add(f"frame-{name}", 8, "a frame with options that writers must not use", frame0(
        lambda f, e=encode: (e(LONG[0][1]), f[1])), "open", codec=codec, blobs=LONG, block_length=1 << 20)
add("frame-zstd-size", 8, "content size of a Zstandard frame wrong", frame0(
    lambda f: (f[0][:5] + bytes([f[0][5] + 1]) + f[0][6:], f[1] + 1)), codec=2)
add("frame-zstd-two", 3, "two Zstandard frames in one block", frame0(
    lambda f: (zstd_tool(b"x") + zstd_tool(b"y"), 2)), codec=2)
add("frame-lz4-header-checksum", 8, "header checksum of an LZ4 frame wrong", frame0(
    lambda f: (f[0][:14] + bytes([f[0][14] ^ 1]) + f[0][15:], f[1])), "open")
add("frame-lz4-many-blocks", 8, "an LZ4 frame of many short stored blocks", frame0(
    lambda f: (f[0][:15] + (b"\1\0\0\x80" + b"x") * 64 + bytes(4), 64)), "open")
# unusual, but right
add("empty", 5, "no blobs", verdict="valid", blobs=[])
add("all-empty", 3, "blobs, but all empty", verdict="valid", blobs=[(b"a", b""), (b"b", b"")])
add("superseded", 3, "a key added twice", verdict="valid", blobs=SAMPLE + [(b"beta", b"anew")])
add("overlap", 4, "blobs that overlap", {"entries": lambda e: [(k, 10, 50) for k, _, _ in e]}, "valid")
add("empty-at-end", 4, "empty blobs at the stream's end", {"entries": lambda e: [
    (k, o, n) if n else (k, 297, 0) for k, o, n in e]}, "valid")
add("epoch-top", 2, "epoch and part 2^64 - 1", verdict="valid", epoch=TOP, part=TOP)
# section 10
OLD = [(b"beta", b"B" * 40), (b"alpha", b"A" * 30), ("é".encode(), b"")]
raw("old-1", 10, "LCB1 version 1", lambda: old(OLD, 1), "valid")
raw("old-2", 10, "LCB1 version 2", lambda: old(OLD), "valid")
raw("old-short", 10, "LCB1 of fewer than 56 bytes", lambda: old(OLD[2:]), "valid")
raw("old-empty", 10, "LCB1 without entries", lambda: old([]), "valid")
raw("old-twice", 10, "LCB1 with a key twice", lambda: old(OLD + [(b"beta", b"later")]), "valid")
raw("old-tag", 10, "LCB1 whose last blob ends with the trailer's tag", lambda: old(OLD + [(b"z", TAG)]), "valid")
raw("old-version-3", 10, "LCB1 version 3", lambda: old(OLD, 3))
raw("old-checksum", 10, "LCB1 checksum wrong", lambda: patch(16, b"\0\0\0\0")(old(OLD)))
raw("old-lengths", 10, "LCB1 decoded lengths differ", lambda: patch(12, b"\0\0\0\0")(old(OLD)))
raw("old-length-top", 10, "LCB1 decoded length 2^32 - 1", lambda: patch(12, b"\xff" * 8)(old(OLD, 1)))
raw("old-count-more", 10, "LCB1 with an entry too few", lambda: old(OLD, count=4))
raw("old-count-less", 10, "LCB1 with an entry too many", lambda: old(OLD, count=2))
raw("old-count-top", 10, "LCB1 with 2^32 - 1 entries", lambda: old(OLD, count=(1 << 32) - 1))
raw("old-not-utf8", 10, "LCB1 with a key that is not UTF-8", lambda: old([(b"\xff", b"xyz")]))
raw("old-no-body", 10, "LCB1 without a body", lambda: old([], body=b""), "open")
raw("old-body-more", 10, "LCB1 with a byte after the body", lambda: old(OLD, 1) + b"\0")
raw("old-cut", 10, "LCB1 cut", lambda: old(OLD, 1)[:-3])
