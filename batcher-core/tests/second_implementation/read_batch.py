#!/usr/bin/env python3
"""Reads and verifies a batch object, following FORMAT.md alone (section numbers below are its).

Exit code: 0 the object is whole, 1 it breaks a rule, 2 it could not be opened."""
import argparse
import json
import os
import struct
import sys
import tempfile

from frames import Bad, crc32c, decode, lz4_block

MAGIC, TAG = 0x184D2A5B, b"CKPTBTCH"
LIMIT, MAX_KEY, PER_BLOCK_PAGE, TRAILER = 1 << 26, 65536, 4096, 56
CODECS = {0: "raw", 1: "lz4", 2: "zstd"}
MAX_DICTIONARY, DICTIONARIES = 1 << 20, 1
DATA, KEYS, BLOCKS, DICTIONARY = 1, 2, 3, 4


def need(ok, section, offset, text):
    if not ok:
        raise Bad(section, offset, text)


class Cursor:
    """Reads fields from bytes; a field that does not fit is an error of `section`, never an IndexError."""

    def __init__(self, data, section, where, what, pos=0):
        self.data, self.pos, self.section, self.where, self.what = data, pos, section, where, what

    def fail(self, text):
        raise Bad(self.section, self.where, f"{self.what}, byte {self.pos}: {text}")

    def take(self, n):
        if n > len(self.data) - self.pos:
            self.fail(f"{n} bytes wanted, {len(self.data) - self.pos} left")
        self.pos += n
        return bytes(self.data[self.pos - n:self.pos])

    def fixed(self, n):
        return int.from_bytes(self.take(n), "little")

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.fixed(1)
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 63:
                self.fail("uvarint longer than 10 bytes")
        if value >> 64:
            self.fail("uvarint over 64 bits")
        if byte == 0 and shift:
            self.fail("uvarint not in the fewest bytes")
        return value

    def svarint(self):
        raw = self.uvarint()
        return (raw >> 1) ^ -(raw & 1)

    def prefixed(self, before, limit, name):
        """`shared, suffix length, suffix` as in keys and separators."""
        shared, size = self.uvarint(), self.uvarint()
        if shared > len(before):
            self.fail(f"{name} shares {shared} bytes with one of {len(before)}")
        if shared + size > limit:
            self.fail(f"{name} of {shared + size} bytes")
        suffix = self.take(size)
        if suffix and before[shared:shared + 1] == suffix[:1]:
            self.fail(f"{name} has more than {shared} bytes in common with the one before")
        return before[:shared] + suffix

    def end(self):
        if self.pos != len(self.data):
            self.fail(f"{len(self.data) - self.pos} bytes after the end")


class Batch:
    """A verified object. All work is done by the constructor; blobs() then walks the keys once more."""

    def __init__(self, data):
        self.data, self.stream = data, tempfile.SpooledTemporaryFile(LIMIT)
        if data[:4] == b"LCB1":
            self._old()
            return
        self._ends()
        self._directory()
        self._block_pages()
        for n, (offset, flen, blen, check, number) in enumerate(self.blocks):
            frame = self._checked(DATA, n, offset, flen, check, f"data frame {n}")
            dictionary = self.dictionaries[number - 1] if number else None
            self.stream.write(decode(self.codec, frame, blen, 3, offset, f"data frame {n}", dictionary))
        total = sum(length for _, _, length in self.entries())
        need(total == self.blob_bytes, 5, self.root, f"blobs have {total} bytes, the root says {self.blob_bytes}")

    def __del__(self):
        if hasattr(self, "stream"):
            self.stream.close()

    def _describe(self, cur):
        start = cur.pos
        self.version, self.codec = cur.fixed(2), cur.fixed(2)
        self.required, self.optional = cur.fixed(4), cur.fixed(4)
        self.epoch, self.part = cur.fixed(8), cur.fixed(8)
        size = cur.fixed(2)
        if size > 1024:
            cur.fail(f"writer of {size} bytes")
        try:
            self.writer = cur.take(size).decode()
        except UnicodeDecodeError:
            cur.fail("writer is not UTF-8")
        size = cur.fixed(2)
        if size > 4096:
            cur.fail(f"parameters of {size} bytes")
        parameters = cur.take(size)
        self.descriptor = bytes(cur.data[start:cur.pos])
        if self.codec not in CODECS:
            raise Bad(8, cur.where, f"codec {self.codec:#x} is reserved or private")
        if parameters:
            cur.fail(f"parameters for codec {self.codec}, which has none")

    def _ends(self):
        """Steps 1 and 2 of section 9, and the header."""
        data, size = self.data, len(self.data)
        if size < TRAILER or data[-8:] != TAG:
            ours = data[:4] == struct.pack("<I", MAGIC) and data[8:16] == TAG
            raise Bad(9, size, "object was cut short" if ours else "foreign: not an object of this format")
        at = size - TRAILER
        (magic, length, total, self.root, root_crc, head_crc, version, zero, required, optional,
         check) = struct.unpack("<IIQQIIHHIII", data[at:-8])
        need(crc32c(data[at:at + 44]) == check, 6, at, "trailer checksum")
        need(version == 1, 9, at + 32, f"version {version} is not known")
        need(not required & ~DICTIONARIES, 9, at + 36, f"required features {required:#x} are not known")
        need((magic, length, zero) == (MAGIC, 48, 0), 6, at, "trailer's magic, length or zero field")
        need(total == size, 6, at + 8, f"object has {size} bytes, its trailer says {total}")
        need(52 <= self.root <= at - 8, 9, at + 16, f"root offset {self.root}")
        frame = data[self.root:at]
        need(crc32c(frame) == root_crc, 6, self.root, "root checksum")
        need(frame[:8] == struct.pack("<II", MAGIC, len(frame) - 8), 5, self.root, "root's magic or length")
        cur = self.cur = Cursor(frame, 5, self.root, "root", 8)
        need(cur.take(4) == b"ROOT", 5, self.root + 8, "root's tag")
        self._describe(cur)
        need((self.version, self.required, self.optional) == (version, required, optional), 9, self.root,
             "root and trailer differ in version or features")
        self.header = 8 + 8 + len(self.descriptor) + 4
        need(self.header <= self.root, 9, 0, "header is longer than the place before the root")
        head = data[:self.header]
        need(crc32c(head) == head_crc, 6, 0, "header checksum (the trailer's)")
        need(head[:-4] == struct.pack("<II", MAGIC, self.header - 8) + TAG + self.descriptor, 2, 0,
             "header's magic, length, tag or descriptor is not as due")
        need(crc32c(head[:-4]) == int.from_bytes(head[-4:], "little"), 2, self.header - 4, "header checksum")

    def _directory(self):
        """The rest of the root, and step 3 of section 9. Python's integers cannot overflow in the sums."""
        cur, root = self.cur, self.root
        self.blob_count, self.blob_bytes, self.stream_length, self.block_count = (cur.uvarint() for _ in range(4))
        key_pages, block_pages = cur.uvarint(), cur.uvarint()
        dictionaries = cur.uvarint() if self.required & DICTIONARIES else 0
        need(bool(dictionaries) == bool(self.required & DICTIONARIES), 5, root, "feature without dictionaries")
        size = cur.uvarint()
        need(block_pages == -(-self.block_count // PER_BLOCK_PAGE), 5, root, f"{block_pages} block pages for "
             f"{self.block_count} blocks")
        need(bool(key_pages) == bool(self.blob_count), 5, root, f"{key_pages} key pages for {self.blob_count} blobs")
        need(self.blob_count or not self.block_count, 5, root, "data frames in an object without blobs")
        need(size <= LIMIT, 9, root, f"directory of {size} bytes")
        content = decode(self.codec, cur.take(len(cur.data) - cur.pos), size, 5, root, "directory")
        cur = Cursor(content, 5, root, "directory")
        self.block_dir, self.dictionary_dir, self.key_dir, separator = [], [], [], None

        def page():
            flen, dlen, check = cur.uvarint(), cur.uvarint(), cur.fixed(4)
            if flen < 8 or dlen > LIMIT:
                cur.fail(f"page of {flen} bytes that decodes to {dlen}")
            return flen, dlen, check
        for _ in range(block_pages):
            self.block_dir.append(page() + (cur.uvarint(), cur.uvarint()))
        for _ in range(dictionaries):
            self.dictionary_dir.append(page())
            if self.dictionary_dir[-1][1] > MAX_DICTIONARY:
                cur.fail("dictionary too long")
        for _ in range(key_pages):
            head, entries = page(), cur.uvarint()
            if not entries:
                cur.fail("key page without entries")
            new = cur.prefixed(separator or b"", MAX_KEY, "separator")
            if new if separator is None else new <= separator:
                cur.fail("separators do not ascend from the empty one")
            separator = new
            self.key_dir.append(head + (entries, separator))
        cur.end()
        self.first_dictionary = self.header + sum(e[3] for e in self.block_dir)
        self.first_page = self.first_dictionary + sum(e[0] for e in self.dictionary_dir)
        self.first_block_page = self.first_page + sum(e[0] for e in self.key_dir)
        end = self.first_block_page + sum(e[0] for e in self.block_dir)
        need(end == root, 9, root, f"header, data and pages end at {end}, not at the root")
        need(sum(e[4] for e in self.block_dir) == self.stream_length, 9, root, "stream bytes do not sum up")
        need(sum(e[3] for e in self.key_dir) == self.blob_count, 9, root, "entries do not sum up to the blobs")

    def _checked(self, kind, number, offset, length, check, what):
        frame = self.data[offset:offset + length]
        need(len(frame) == length, 7, offset, f"{what} runs past the object")
        seed = crc32c(self.descriptor + struct.pack("<BQ", kind, number))
        need(crc32c(frame, seed) == check, 7, offset, f"checksum of {what}")
        return frame

    def _page(self, kind, number, offset, entry, what):
        frame = self._checked(kind, number, offset, entry[0], entry[2], what)
        need(frame[:8] == struct.pack("<II", MAGIC, len(frame) - 8), 4, offset, f"magic or length of {what}")
        return Cursor(decode(self.codec, frame[8:], entry[1], 4, offset, what), 4, offset, what)

    def _block_pages(self):
        self.dictionaries, offset = [], self.first_dictionary
        for n, entry in enumerate(self.dictionary_dir):
            self.dictionaries.append(self._page(DICTIONARY, n, offset, entry, f"dictionary {n}").data)
            need(self.codec == 2, 8, offset, "dictionary of a codec that has none")
            offset += entry[0]
        self.blocks, place, offset = [], self.header, self.first_block_page
        for n, entry in enumerate(self.block_dir):
            cur, data, stream = self._page(BLOCKS, n, offset, entry, f"block page {n}"), 0, 0
            for _ in range(min(PER_BLOCK_PAGE, self.block_count - n * PER_BLOCK_PAGE)):
                flen, blen, check = cur.uvarint(), cur.uvarint(), cur.fixed(4)
                if not flen or not 1 <= blen <= LIMIT:
                    cur.fail(f"data frame of {flen} bytes that decodes to {blen}")
                dictionary = cur.uvarint() if self.dictionaries else 0
                if dictionary > len(self.dictionaries):
                    cur.fail(f"data frame with dictionary {dictionary}")
                self.blocks.append((place + data, flen, blen, check, dictionary))
                data, stream = data + flen, stream + blen
            cur.end()
            need((data, stream) == entry[3:], 5, offset, f"sums of block page {n} are not the directory's")
            place, offset = place + data, offset + entry[0]

    def entries(self):
        """Yields (key, offset, length) in order, checking as it goes; holds one page and one key at a time."""
        offset, key = self.first_page, None
        for n, entry in enumerate(self.key_dir):
            cur, end = self._page(KEYS, n, offset, entry, f"key page {n}"), 0
            if key is not None and not key < entry[4]:
                cur.fail("separator is not greater than a key before")
            before = b""
            for i in range(entry[3]):
                new = cur.prefixed(before, MAX_KEY, "key")
                if key is not None and new <= key:
                    cur.fail("keys do not ascend strictly")
                if not i and new < entry[4]:
                    cur.fail("separator is greater than the first key")
                try:
                    new.decode()
                except UnicodeDecodeError:
                    cur.fail("key is not UTF-8")
                length = cur.uvarint()
                start = (end + cur.svarint()) % (1 << 64)
                end = start + length
                if end > self.stream_length:
                    cur.fail(f"blob from {start} to {end} in a stream of {self.stream_length}")
                yield new, start, length
                key = before = new
            cur.end()
            offset += entry[0]

    def _old(self):
        """Section 10: nothing here is checksummed but version 2's body, so every length is compared."""
        cur = Cursor(self.data, 10, 0, "LCB1 object", 4)
        self.version, count, size = cur.fixed(4), cur.fixed(4), cur.fixed(4)
        if self.version not in (1, 2):
            cur.fail(f"version {self.version} is not known")
        if self.version == 2 and cur.fixed(4) != crc32c(memoryview(self.data)[20:]):
            cur.fail("checksum")
        if cur.fixed(4) != size:
            cur.fail("the two decoded lengths differ")
        body = lz4_block(self.data[cur.pos:], size, cur.fail)
        if len(body) != size:
            cur.fail(f"body decodes to {len(body)} bytes, not {size}")
        cur, found = Cursor(body, 10, cur.pos, "body"), {}
        for _ in range(count):
            key = cur.take(cur.fixed(4))
            try:
                key.decode()
            except UnicodeDecodeError:
                cur.fail("key is not UTF-8")
            length = cur.fixed(4)
            found[key] = cur.pos, length
            cur.take(length)
        cur.end()
        self.stream.write(body)
        self.codec = self.epoch = self.part = self.writer = None
        self.entries = lambda: ((key, *found[key]) for key in sorted(found))
        self.blob_count, self.blob_bytes = len(found), sum(length for _, length in found.values())
        self.block_count, self.stream_length = 1, size

    def pieces(self, start, length):
        """A range of the stream, a MiB at a time."""
        self.stream.seek(start)
        while length:
            piece = self.stream.read(min(length, 1 << 20))
            yield piece
            length -= len(piece)

    def blobs(self):
        """Yields (key, blob length, CRC-32C of the blob) in key order."""
        for key, start, length in self.entries():
            c = 0
            for piece in self.pieces(start, length):
                c = crc32c(piece, c)
            yield key, length, c

    def blob(self, wanted):
        for key, start, length in self.entries():
            if key == wanted:
                return b"".join(self.pieces(start, length))
        return None

    def summary(self):
        return {"format": "LCB1" if self.codec is None else "CKPTBTCH", "version": self.version,
                "codec": "lz4-block" if self.codec is None else CODECS[self.codec], "epoch": self.epoch,
                "part": self.part, "writer": self.writer, "blobs": self.blob_count, "blob_bytes": self.blob_bytes,
                "blocks": self.block_count, "stream_length": self.stream_length}


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("object")
    args.add_argument("--json", action="store_true", help="print JSON")
    args.add_argument("--stream", action="store_true", help="write the decoded stream to standard output")
    args = args.parse_args()
    try:
        with open(args.object, "rb") as file:
            batch = Batch(file.read())
    except Bad as bad:
        print(bad, file=sys.stderr)
        return 1
    except (OSError, MemoryError) as error:
        print(f"{args.object}: {error or 'out of memory'}", file=sys.stderr)
        return 2
    if args.stream:
        for piece in batch.pieces(0, batch.stream_length):
            sys.stdout.buffer.write(piece)
    elif args.json:
        rows = [{"key": k.hex(), "length": n, "crc32c": f"{c:08x}"} for k, n, c in batch.blobs()]
        print(json.dumps({**batch.summary(), "entries": rows}, indent=1))
    else:
        print(" ".join(f"{name}={json.dumps(value)}" for name, value in batch.summary().items()))
        for key, length, c in batch.blobs():
            print(key.hex(), length, f"{c:08x}")
    return 0


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 2
    sys.exit(code)
