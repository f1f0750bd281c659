//! From blocks to blobs: each block is decoded where its bytes are to stay.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::batch::Batch;
use super::dictionaries::Decoders;
use super::index::Index;
use super::object::Object;
use super::pipeline::{Begin, Decoding, Pipeline};
use super::read_ahead::ReadAhead;
use super::{BatchReader, ReadError};
use crate::copy::copy;
use crate::format::{Binding, BlockPlace, KeyEntry, Kind};

/// Bytes of blocks that are decoded in one job.
pub(super) const BLOCK_JOB_LEN: usize = 1 << 20;

/// A decoded block, and the blobs that can be handed out with it.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) place: Option<BlockPlace>,
    /// Its bytes; nothing where all of them went into one blob.
    pub(super) block: Bytes,
    /// Entries of the index that begin in it. Those that also end in it are slices of it, one at a time: blobs may
    /// overlap, so that all of them together can be far longer than the block.
    pub(super) begun: Range<usize>,
    /// Blobs that began in an earlier block and end in this one, by their place in the index.
    pub(super) ended: Vec<(usize, Bytes)>,
}

impl Assembled {
    /// The blob of an entry among those that begin here; `None` where it ends in a later block.
    pub(super) fn whole(&self, entry: KeyEntry) -> Option<&[u8]> {
        match &self.place {
            _ if entry.len == 0 => Some(&[]),
            Some(place) if entry.end() <= place.stream_end() => Some(overlap(place, &self.block, entry)),
            _ => None,
        }
    }
}

/// The part of a block that belongs to a blob.
pub(super) fn overlap<'a>(place: &BlockPlace, block: &'a [u8], entry: KeyEntry) -> &'a [u8] {
    &block[overlap_range(place, entry)]
}

fn overlap_range(place: &BlockPlace, entry: KeyEntry) -> Range<usize> {
    // Both are at most the block's length, which is in memory.
    let within = |offset: u64| {
        let clamped = offset.clamp(place.stream_offset, place.stream_end());
        usize::try_from(clamped - place.stream_offset).unwrap_or(usize::MAX)
    };
    within(entry.offset)..within(entry.end())
}

impl BatchReader {
    /// Decodes blocks, read in ascending order, and puts the blobs of the index together, whose blocks must all be among them.
    pub(super) fn assemble<'a>(
        &'a self,
        batch: &'a Batch,
        blocks: ReadAhead<'a, BlockPlace>,
        decoders: Decoders,
        index: Arc<Index>,
    ) -> BoxStream<'a, Result<Assembled, ReadError>> {
        let assembly = Assembly {
            object: &self.object,
            decoders,
            binding: batch.binding,
            index,
            next: 0,
            open: Vec::new(),
            open_bytes: 0,
            grown: Vec::new(),
        };
        let pipeline = Pipeline::new(&self.object, blocks, assembly);
        stream::unfold(Some(pipeline), |pipeline| async move {
            let mut pipeline = pipeline?;
            match pipeline.next().await {
                Some(Ok(decoded)) => Some((Ok(pipeline.decoding.finish(decoded)), Some(pipeline))),
                Some(Err(error)) => Some((Err(error), None)),
                None => pipeline.decoding.rest().map(|rest| (Ok(rest), None)),
            }
        })
        .boxed()
    }
}

/// Knows of each block where its bytes go before it is decoded.
struct Assembly<'a> {
    object: &'a Object,
    decoders: Decoders,
    binding: Binding,
    index: Arc<Index>,
    /// The next entry that has not begun.
    next: usize,
    /// Blobs that began and whose last block has not been met, in the order of the index.
    open: Vec<Open>,
    /// The lengths of all blobs of several blocks that have begun and not been handed out.
    open_bytes: u64,
    /// What has been decoded of them, by their place in the index and in its order.
    grown: Vec<(usize, BytesMut)>,
}

/// A blob of several blocks.
struct Open {
    index: usize,
    entry: KeyEntry,
    /// The part of its memory that no block has been decoded into.
    rest: BytesMut,
}

/// The memory of a part of a blob, and where in the block it comes from.
struct Piece {
    index: usize,
    from: Range<usize>,
    memory: BytesMut,
}

/// A decoded block.
struct DecodedBlock {
    place: BlockPlace,
    block: Bytes,
    begun: Range<usize>,
    pieces: Vec<Piece>,
}

impl Assembly<'_> {
    /// Gets memory for the blobs that begin in a block and end in a later one; false where some must be handed out before.
    fn open(&mut self, place: &BlockPlace, begun: Range<usize>, idle: bool) -> Result<bool, ReadError> {
        let entries = self.index.entries();
        let mut open_bytes = self.open_bytes;
        for (index, entry) in begun.clone().map(|index| (index, entries[index].entry)) {
            let spans = entry.end() > place.stream_end();
            if spans {
                open_bytes = open_bytes.saturating_add(entry.len);
            }
            let (what, len) =
                if spans { ("blobs that span several blocks", open_bytes) } else { ("blob", entry.len) };
            if let Err(error) = self.object.allow(what, len) {
                return if idle { Err(self.index.name(error, index)) } else { Ok(false) };
            }
        }
        for (index, entry) in begun.map(|index| (index, entries[index].entry)) {
            if entry.end() > place.stream_end() {
                let rest =
                    self.object.buffer("blob", entry.len).map_err(|error| self.index.name(error, index))?;
                self.open.push(Open { index, entry, rest });
            }
        }
        self.open_bytes = open_bytes;
        Ok(true)
    }

    /// Divides the memory of open blobs.
    fn pieces(&mut self, place: &BlockPlace) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(self.open.len());
        self.open.retain_mut(|open| {
            let from = overlap_range(place, open.entry);
            let last = open.entry.end() <= place.stream_end();
            // Buffers may be longer than asked for; the last piece has what is left.
            let memory = if last { std::mem::take(&mut open.rest) } else { open.rest.split_to(from.len()) };
            pieces.push(Piece { index: open.index, from, memory });
            !last
        });
        pieces
    }

    /// Adds a block to the blobs that it is a part of.
    fn finish(&mut self, decoded: DecodedBlock) -> Assembled {
        // Every blob that has grown and has not ended has a piece of this block, in the same order.
        let mut pieces = decoded.pieces.into_iter();
        for ((index, blob), piece) in self.grown.iter_mut().zip(pieces.by_ref()) {
            debug_assert_eq!(*index, piece.index);
            // One after the other in the same memory, so that nothing is copied.
            blob.unsplit(piece.memory);
        }
        self.grown.extend(pieces.map(|piece| (piece.index, piece.memory)));
        let entries = self.index.entries();
        let buffers = &self.object.buffers;
        let ended = self
            .grown
            .extract_if(.., |(index, _)| entries[*index].entry.end() <= decoded.place.stream_end())
            .map(|(index, blob)| {
                let len = entries[index].entry.len;
                self.open_bytes -= len;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                (index, buffers.share(blob, len))
            })
            .collect();
        Assembled { place: Some(decoded.place), block: decoded.block, begun: decoded.begun, ended }
    }

    /// Empty blobs at the very end of the stream, which are in no block.
    fn rest(&mut self) -> Option<Assembled> {
        let begun = self.next..self.index.entries().len();
        self.next = begun.end;
        (!begun.is_empty()).then(|| Assembled { place: None, block: Bytes::new(), begun, ended: Vec::new() })
    }
}

impl Decoding for Assembly<'_> {
    type Place = BlockPlace;
    type Output = DecodedBlock;
    const JOB_LEN: usize = BLOCK_JOB_LEN;

    fn begin(&mut self, place: &BlockPlace, idle: bool) -> Begin<DecodedBlock> {
        let entries = &self.index.entries()[self.next..];
        let count = entries.iter().take_while(|begun| begun.entry.offset < place.stream_end()).count();
        let begun = self.next..self.next + count;
        match self.open(place, begun.clone(), idle) {
            Ok(true) => {}
            Ok(false) => return Begin::Wait,
            Err(error) => return Begin::Fail(error),
        }
        self.next = begun.end;
        let mut pieces = self.pieces(place);
        let (codec, binding, place) = (self.decoders.of(place), self.binding, *place);
        let buffers = Arc::clone(&self.object.buffers);
        let only = match pieces.as_slice() {
            [piece] => piece.from == (0..place.block_len) && begun.clone().all(|index| index == piece.index),
            _ => false,
        };
        Begin::Work(Box::new(move |frame| {
            binding.check(Kind::Block, place.number, &frame, place.checksum)?;
            let block = match pieces.as_mut_slice() {
                [piece] if only => {
                    codec.decode(&frame, &mut piece.memory[..place.block_len])?;
                    Bytes::new()
                }
                pieces => {
                    let mut block = buffers.take(place.block_len);
                    codec.decode(&frame, &mut block[..place.block_len])?;
                    for piece in pieces {
                        copy(&block[piece.from.clone()], &mut piece.memory[..piece.from.len()]);
                    }
                    buffers.share(block, place.block_len)
                }
            };
            Ok(DecodedBlock { place, block, begun, pieces })
        }))
    }
}
