"""CRC-32C and the frames of codecs raw, LZ4 and Zstandard (FORMAT.md, sections 1 and 8), standard library only."""
import array
import struct
import subprocess
import sys
import tempfile


class Bad(Exception):
    """A broken rule: the section that states it, the offset in the object, and what is wrong."""

    def __init__(self, section, offset, text):
        super().__init__(f"section {section}, offset {offset}: {text}")
        self.section, self.offset = section, offset


# ---- CRC-32C: eight bytes a step as four 16-bit words, the fastest shape that plain Python has
def _tables():
    one = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        one.append(byte)
    last = [0] * 65536
    for word in range(65536):
        c = one[word & 255] ^ (word >> 8)
        last[word] = one[c & 255] ^ (c >> 8)
    tables = [last]
    for _ in range(3):  # each further table: the same word, two zero bytes later
        tables.append([last[c & 65535] ^ (c >> 16) for c in tables[-1]])
    return one, [array.array("L", t) for t in tables]


_ONE, (_T0, _T1, _T2, _T3) = _tables()


def crc32c(data, before=0):
    """CRC-32C of data; `before` is the CRC of what comes before it."""
    c, view = before ^ 0xFFFFFFFF, memoryview(data)
    whole = len(view) & ~7
    words = array.array("H")
    words.frombytes(view[:whole])
    if sys.byteorder == "big":
        words.byteswap()
    it = iter(words)
    for w0, w1, w2, w3 in zip(it, it, it, it):
        c = _T3[w0 ^ (c & 65535)] ^ _T2[w1 ^ (c >> 16)] ^ _T1[w2] ^ _T0[w3]
    for byte in view[whole:]:
        c = _ONE[(c ^ byte) & 255] ^ (c >> 8)
    return c ^ 0xFFFFFFFF


# ---- codecs (section 8)
def xxh32(data):
    """XXH32 with seed 0 of fewer than 16 bytes, all that an LZ4 frame's head needs."""
    m, p2, p3, p4, p5 = 0xFFFFFFFF, 2246822519, 3266489917, 668265263, 374761393
    rol = lambda x, r: ((x << r) | (x >> (32 - r))) & m
    h = p5 + len(data)
    whole = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        h = rol((h + word * p3) & m, 17) * p4 & m
    for byte in data[whole:]:
        h = rol((h + byte * p5) & m, 11) * 2654435761 & m
    h = (h ^ (h >> 15)) * p2 & m
    h = (h ^ (h >> 13)) * p3 & m
    return h ^ (h >> 16)


def lz4_block(src, limit, fail):
    """Decodes one LZ4 block to at most `limit` bytes; memory grows with what is really decoded."""
    out, i, n = bytearray(), 0, len(src)

    def more(length, i):
        while True:
            if i >= n:
                fail("LZ4 block ends within a length")
            length += src[i]
            i += 1
            if src[i - 1] != 255:
                return length, i

    while True:
        if i >= n:
            fail("LZ4 block ends without its last literals")
        token = src[i]
        i += 1
        length = token >> 4
        if length == 15:
            length, i = more(length, i)
        if length > n - i or length > limit - len(out):
            fail("LZ4 literals past the end")
        out += src[i:i + length]
        i += length
        if i == n:
            return out
        if n - i < 2:
            fail("LZ4 block ends within an offset")
        back = src[i] | src[i + 1] << 8
        i += 2
        if back == 0 or back > len(out):
            fail(f"LZ4 match offset {back} at {len(out)} decoded bytes")
        length = token & 15
        if length == 15:
            length, i = more(length, i)
        length += 4
        if length > limit - len(out):
            fail("LZ4 match past the end")
        if back >= length:
            out += out[len(out) - back:len(out) - back + length]
        else:
            piece = out[-back:]
            out += (piece * (length // back + 1))[:length]


def lz4_frame(frame, size, stored_only, fail):
    if len(frame) < 19 or frame[:4] != b"\x04\x22\x4d\x18":
        fail("not an LZ4 frame")
    flags, bd, content, check = struct.unpack("<BBQB", frame[4:15])
    if flags != 0x68 or bd & 0x8F or bd < 0x40:
        fail(f"LZ4 frame flags {flags:02x} {bd:02x} are not those of section 8")
    if check != xxh32(frame[4:14]) >> 8 & 255:
        fail("LZ4 frame header checksum")
    if content != size:
        fail(f"LZ4 frame says {content} bytes where {size} are due")
    most, pos, out = 1 << (8 + 2 * (bd >> 4)), 15, bytearray()
    while True:
        if len(frame) - pos < 4:
            fail("LZ4 frame has no end mark")
        head = int.from_bytes(frame[pos:pos + 4], "little")
        pos += 4
        if head == 0:
            break
        length = head & 0x7FFFFFFF
        if length > most or length > len(frame) - pos:
            fail("LZ4 block longer than allowed")
        room = min(most, size - len(out))
        if head >> 31:
            if length > room:
                fail("LZ4 frame decodes to too much")
            out += frame[pos:pos + length]
        else:
            if stored_only:
                fail("compressed LZ4 block in codec raw")
            out += lz4_block(frame[pos:pos + length], room, fail)
        pos += length
    if pos != len(frame):
        fail("bytes after the LZ4 frame")
    if len(out) != size:
        fail(f"frame decodes to {len(out)} bytes, not {size}")
    return bytes(out)


def zstd_frame(frame, size, fail, dictionary=None):
    """Walks the frame, so that it is one frame with the promised head, then lets the tool decode it."""
    if len(frame) < 6 or frame[:4] != b"\x28\xb5\x2f\xfd":
        fail("not a Zstandard frame")
    flags = frame[4]
    single = flags >> 5 & 1
    if flags & 0x0C or flags & 3 and dictionary is None:
        fail("Zstandard frame with checksum, dictionary id or reserved bit")
    width = (single, 2, 4, 8)[flags >> 6]
    pos = 5 + (not single) + (0, 1, 2, 4)[flags & 3] + width
    if not width or pos > len(frame):
        fail("Zstandard frame without content size")
    content = int.from_bytes(frame[pos - width:pos], "little") + (256 if width == 2 else 0)
    if content != size:
        fail(f"Zstandard frame says {content} bytes where {size} are due")
    last = 0
    while not last:
        if len(frame) - pos < 3:
            fail("Zstandard frame ends without its last block")
        head = int.from_bytes(frame[pos:pos + 3], "little")
        last, kind = head & 1, head >> 1 & 3
        pos += 3 + (1 if kind == 1 else head >> 3)
        if kind == 3:
            fail("Zstandard block of the reserved kind")
    if pos != len(frame):
        fail("bytes after the Zstandard frame, or too few")
    # Files, not pipes: no deadlock, and output can be cut off.
    with tempfile.TemporaryFile() as source, tempfile.NamedTemporaryFile() as other:
        source.write(frame)
        source.seek(0)
        if dictionary is not None:
            if dictionary[:4] != b"\x37\xa4\x30\xec":
                fail("not a Zstandard dictionary")
            other.write(dictionary)
            other.flush()
        with_it = [] if dictionary is None else ["-D", other.name]
        with subprocess.Popen(["zstd", "-dcq", "--single-thread", *with_it], stdin=source, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as tool:
            out = tool.stdout.read(size + 1)
            if len(out) > size:
                tool.kill()
    if tool.returncode or len(out) != size:
        fail("Zstandard frame does not decode")
    return out


def decode(codec, frame, size, section, offset, what, dictionary=None):
    def fail(text):
        raise Bad(section, offset, f"{what}: {text}")
    return zstd_frame(frame, size, fail, dictionary) if codec == 2 else lz4_frame(frame, size, codec == 0, fail)
