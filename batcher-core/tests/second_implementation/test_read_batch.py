"""Tests of read_batch.py with objects from write_batch.py; run with `python3 -m unittest`."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import broken
import frames
import read_batch
import write_batch
from read_batch import Bad, Batch

HERE = os.path.dirname(os.path.abspath(__file__))


def content(batch):
    return {key: b"".join(batch.pieces(start, length)) for key, start, length in batch.entries()}


def run(*args):
    return subprocess.run([sys.executable, os.path.join(HERE, "read_batch.py"), *args], capture_output=True)


class Basics(unittest.TestCase):
    def test_crc(self):
        self.assertEqual(frames.crc32c(b"123456789"), 0xE3069283)
        data = bytes(range(256)) * 5
        for cut in 0, 1, 7, 8, 9, 500:
            self.assertEqual(frames.crc32c(data[cut:], frames.crc32c(data[:cut])), frames.crc32c(data))

    def test_varints(self):
        for n in 0, 1, 127, 128, 300, (1 << 63) - 1, 1 << 63, (1 << 64) - 1:
            self.assertEqual(read_batch.Cursor(write_batch.uvarint(n), 1, 0, "").uvarint(), n)
        for n, m in enumerate((0, -1, 1, -2, 2)):
            self.assertEqual(write_batch.svarint(m), bytes([n]))
        for n in (-1 << 63), (1 << 63) - 1, -300, 300:
            self.assertEqual(read_batch.Cursor(write_batch.svarint(n), 1, 0, "").svarint(), n)

    def test_lz4_matches(self):
        for data in b"a" * 3000, b"abc" * 999, bytes(range(256)) * 40, os.urandom(999) * 3, bytes(5 << 20):
            frame = write_batch.lz4_tool(data)
            self.assertEqual(frames.decode(1, frame, len(data), 8, 0, ""), data)


class RoundTrips(unittest.TestCase):
    def test_samples(self):
        for codec in 0, 1, 2:
            for blobs, length, page in ((write_batch.SAMPLE, 1, 1), (write_batch.SAMPLE, 50, 3), ([], 10, 10),
                                        (write_batch.sample(400), 4096, 50), ([(b"", b"")], 1, 1)):
                with self.subTest(codec=codec, blobs=len(blobs), length=length):
                    batch = Batch(write_batch.build(blobs, 9, 2, "é", codec, length, page))
                    self.assertEqual(content(batch), dict(blobs))
                    self.assertEqual((batch.epoch, batch.part, batch.writer, batch.codec), (9, 2, "é", codec))
                    self.assertEqual([e[0] for e in batch.entries()], sorted(dict(blobs)))

    def test_standard_tools_give_the_stream(self):
        blobs = write_batch.sample(100)
        for codec, tool in (0, "lz4"), (1, "lz4"), (2, "zstd"):
            data = write_batch.build(blobs, codec=codec, block_length=5000)
            out = subprocess.run([tool, "-dc"], input=data, capture_output=True, check=True).stdout
            self.assertEqual(out, b"".join(b for _, b in blobs))

    def test_old(self):
        for version in 1, 2:
            for blobs in [], broken.OLD, broken.OLD + [(b"beta", b"later")]:
                self.assertEqual(content(Batch(write_batch.old(blobs, version))), dict(blobs))


class Broken(unittest.TestCase):
    def test_every_kind(self):
        for kind, (verdict, _, _, _) in broken.KINDS.items():
            with self.subTest(kind=kind):
                data = broken.make(kind)
                if verdict == "open":
                    try:
                        content(Batch(data))
                    except Bad:
                        pass
                elif verdict == "valid":
                    batch = Batch(data)
                    self.assertEqual(sum(map(len, content(batch).values())), batch.blob_bytes)
                else:
                    with self.assertRaises(Bad):
                        Batch(data)

    def test_good_base(self):
        """The object that the broken ones are made from is itself right."""
        Batch(write_batch.build(**broken.BASE))
        Batch(write_batch.build(**{**broken.BASE, **broken.TINY}))


class Damage(unittest.TestCase):
    def small(self):
        for codec in 0, 1, 2:
            for blobs in [], write_batch.SAMPLE:
                yield write_batch.build(blobs, 3, 0, "w", codec, 64, 3)
        yield write_batch.old(broken.OLD)

    def test_truncations(self):
        for data in self.small():
            for n in range(len(data)):
                with self.assertRaises(Bad, msg=n):
                    Batch(data[:n])

    def test_bit_flips(self):
        for data in self.small():
            whole = content(Batch(data))
            for bit in range(len(data) * 8):
                bad = bytearray(data)
                bad[bit >> 3] ^= 1 << (bit & 7)
                try:
                    self.assertEqual(content(Batch(bytes(bad))), whole, bit)
                    self.assertEqual(data[:4], b"LCB1", bit)  # no flip at all goes unseen in the format itself
                except Bad:
                    pass

    def test_old_without_checksum_never_crashes(self):
        data = write_batch.old(broken.OLD, 1)
        for bit in range(len(data) * 8):
            bad = bytearray(data)
            bad[bit >> 3] ^= 1 << (bit & 7)
            try:
                content(Batch(bytes(bad)))
            except Bad:
                pass

    def test_bytes_missing_or_more_in_the_middle(self):
        data = write_batch.build(write_batch.SAMPLE, block_length=64, per_page=3)
        for at in range(len(data)):
            for bad in data[:at] + data[at + 1:], data[:at] + b"\0" + data[at:]:
                with self.assertRaises(Bad, msg=at):
                    Batch(bad)


class CommandLine(unittest.TestCase):
    def test_output(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "object")
            with open(path, "wb") as file:
                file.write(write_batch.build([(b"a", b"123456789"), (b"B", b"")], 5, 1, "w"))
            done = run(path)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            head, *rows = done.stdout.decode().splitlines()
            self.assertIn("epoch=5 part=1", head)
            self.assertEqual(rows, ["42 0 00000000", "61 9 e3069283"])
            self.assertEqual(json.loads(run("--json", path).stdout)["entries"][1]["crc32c"], "e3069283")
            self.assertEqual(run("--stream", path).stdout, b"123456789")
            with open(path, "ab") as file:
                file.write(b"x")
            done = run(path)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (1, b"", 1))
            self.assertIn(b"section 9, offset", done.stderr)
            self.assertEqual(run(path + "-missing").returncode, 2)


if __name__ == "__main__":
    unittest.main()
