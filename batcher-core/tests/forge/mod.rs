//! Objects made by hand after `docs/FORMAT.md`: right in all checksums, and as wrong or as large as a test wants them.

/// A page of keys, as the directory states it.
pub(crate) struct Page {
    pub(crate) content: Vec<u8>,
    pub(crate) entries: u64,
    pub(crate) separator: Vec<u8>,
    /// Bytes that its frame has after the codec's.
    pub(crate) junk: usize,
}

/// An object with the raw codec, epoch 0, part 0 and an unnamed writer, whose stream is one block.
#[derive(Default)]
pub(crate) struct Forge {
    pub(crate) pages: Vec<Page>,
    pub(crate) blob_bytes: u64,
    pub(crate) stream: Vec<u8>,
    /// Bytes that the block's frame has after the codec's.
    pub(crate) junk: usize,
    /// Bytes that are missing at the directory's end.
    pub(crate) directory_cut: usize,
    /// Block pages of no blocks, which stand in the directory alone. Only without a stream.
    pub(crate) hollow: u64,
    /// Bytes that are missing at the end of the root's payload.
    pub(crate) root_cut: usize,
}

pub(crate) fn uvarint(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// A key or separator after another: shared length, length of the rest, the rest.
pub(crate) fn prefixed(out: &mut Vec<u8>, before: &[u8], key: &[u8]) {
    let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
    uvarint(out, shared as u64);
    uvarint(out, (key.len() - shared) as u64);
    out.extend_from_slice(&key[shared..]);
}

/// The entries of a page of keys whose blobs are all empty and stand at offset 0.
pub(crate) fn empty_blobs<'a>(keys: impl IntoIterator<Item = &'a str>) -> (Vec<u8>, u64) {
    let (mut content, mut before, mut entries) = (Vec::new(), "", 0);
    for key in keys {
        prefixed(&mut content, before.as_bytes(), key.as_bytes());
        content.extend_from_slice(&[0, 0]);
        (before, entries) = (key, entries + 1);
    }
    (content, entries)
}

fn raw(block: &[u8]) -> Vec<u8> {
    use batcher_core::Codec;
    let mut frame = vec![0; batcher_codecs::Raw.max_frame_len(block.len())];
    let len = batcher_codecs::Raw.encode(block, &mut frame).expect("raw takes all");
    frame.truncate(len);
    frame
}

fn with_junk(mut frame: Vec<u8>, junk: usize) -> Vec<u8> {
    frame.resize(frame.len() + junk, 0);
    frame
}

fn skippable(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("short enough");
    [&0x184D_2A5Bu32.to_le_bytes(), &len.to_le_bytes(), payload].concat()
}

fn descriptor() -> Vec<u8> {
    // Version 1, codec 0, no features, epoch 0, part 0, no writer, no parameters.
    let mut bytes = vec![0; 32];
    bytes[0] = 1;
    bytes
}

fn bound(kind: u8, number: u64, frame: &[u8]) -> u32 {
    let place = [&[kind][..], &number.to_le_bytes()].concat();
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&descriptor()), &place), frame)
}

/// The trailer of an object of this length.
pub(crate) fn trailer(object_len: u64, root_offset: u64, root_crc: u32, header_crc: u32) -> Vec<u8> {
    let mut out = [0x184D_2A5Bu32.to_le_bytes(), 48u32.to_le_bytes()].concat();
    out.extend_from_slice(&object_len.to_le_bytes());
    out.extend_from_slice(&root_offset.to_le_bytes());
    out.extend_from_slice(&root_crc.to_le_bytes());
    out.extend_from_slice(&header_crc.to_le_bytes());
    // Version 1, reserved, no features.
    out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out.extend_from_slice(b"CKPTBTCH");
    out
}

impl Forge {
    pub(crate) fn object(&self) -> Vec<u8> {
        let mut head = [&0x184D_2A5Bu32.to_le_bytes()[..], &[0; 4], b"CKPTBTCH", &descriptor()].concat();
        let payload_len = u32::try_from(head.len() - 8 + 4).expect("short");
        head[4..8].copy_from_slice(&payload_len.to_le_bytes());
        head.extend_from_slice(&crc32c::crc32c(&head).to_le_bytes());
        let header_crc = crc32c::crc32c(&head);

        let mut object = head;
        let mut block_rows = Vec::new();
        let mut block_frames = Vec::new();
        let mut blocks = u64::from(!self.stream.is_empty());
        let block_pages = blocks.max(self.hollow);
        if blocks == 1 {
            let frame = with_junk(raw(&self.stream), self.junk);
            let mut content = Vec::new();
            uvarint(&mut content, frame.len() as u64);
            uvarint(&mut content, self.stream.len() as u64);
            content.extend_from_slice(&bound(1, 0, &frame).to_le_bytes());
            object.extend_from_slice(&frame);
            block_frames = skippable(&raw(&content));
            uvarint(&mut block_rows, block_frames.len() as u64);
            uvarint(&mut block_rows, content.len() as u64);
            block_rows.extend_from_slice(&bound(3, 0, &block_frames).to_le_bytes());
            uvarint(&mut block_rows, frame.len() as u64);
            uvarint(&mut block_rows, self.stream.len() as u64);
        }
        for _ in 0..self.hollow {
            block_rows.extend_from_slice(&[0; 8]);
            blocks += 4096;
        }
        let mut directory = block_rows;
        let mut before: &[u8] = &[];
        for (number, page) in (0..).zip(&self.pages) {
            let frame = skippable(&with_junk(raw(&page.content), page.junk));
            uvarint(&mut directory, frame.len() as u64);
            uvarint(&mut directory, page.content.len() as u64);
            directory.extend_from_slice(&bound(2, number, &frame).to_le_bytes());
            uvarint(&mut directory, page.entries);
            prefixed(&mut directory, before, &page.separator);
            before = &page.separator;
            object.extend_from_slice(&frame);
        }
        object.extend_from_slice(&block_frames);
        directory.truncate(directory.len().saturating_sub(self.directory_cut));
        let mut root = [b"ROOT", &descriptor()[..]].concat();
        let counts = [
            self.pages.iter().map(|page| page.entries).sum(),
            self.blob_bytes,
            self.stream.len() as u64,
            blocks,
            self.pages.len() as u64,
            block_pages,
            directory.len() as u64,
        ];
        for count in counts {
            uvarint(&mut root, count);
        }
        root.extend_from_slice(&raw(&directory));
        root.truncate(root.len().saturating_sub(self.root_cut));
        let root = skippable(&root);
        let root_offset = object.len() as u64;
        let object_len = root_offset + root.len() as u64 + 56;
        object.extend_from_slice(&root);
        object.extend_from_slice(&trailer(object_len, root_offset, crc32c::crc32c(&root), header_crc));
        object
    }
}
