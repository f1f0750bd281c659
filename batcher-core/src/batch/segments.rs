//! Where frames lie in memory until they are acknowledged: side by side in a few long segments, which serve again later.
//!
//! On many machines touching fresh memory costs several times what copying does, so that an allocation for each frame
//! would cost a good part of what compressing it does.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::copy::append;

/// Length in bytes of a segment, unless a frame is longer.
const SEGMENT_LEN: usize = 1 << 20;

/// Length of a batcher's first segment, from which they grow by doubling: small batches stay small.
const FIRST_SEGMENT_LEN: usize = 64 * 1024;

/// Segments that are being filled, and those that wait to be filled again.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pools: Mutex<Pools>,
    /// The most bytes of segments that nobody uses to be kept.
    most_idle: usize,
}

#[derive(Debug, Default)]
struct Pools {
    /// With room for more, one for each thread that stores at the same time.
    open: Vec<Arc<Segment>>,
    idle: Vec<Vec<u8>>,
    idle_bytes: usize,
    /// Length of the next that is allocated, after the first.
    next_len: usize,
}

#[derive(Debug)]
struct Segment {
    content: Mutex<Content>,
    /// Weak: segments that are being filled belong to the pools.
    shared: Weak<Shared>,
}

#[derive(Debug)]
enum Content {
    Filling(Vec<u8>),
    /// Somebody wanted to see it: nothing is added any longer.
    Frozen(Bytes),
}

/// A frame in a segment.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    segment: Arc<Segment>,
    range: Range<usize>,
}

impl Segments {
    pub(crate) fn new(most_idle: usize) -> Self {
        Self { shared: Arc::new(Shared { pools: Mutex::default(), most_idle }) }
    }

    /// Copies a frame into a segment.
    pub(crate) fn store(&self, frame: &[u8]) -> Stored {
        loop {
            let open = self.shared.pools().open.pop();
            let segment = open.unwrap_or_else(|| self.shared.segment(frame.len()));
            // A segment that is full or frozen is forgotten here, and belongs to its frames alone from now on.
            if let Some(range) = segment.append(frame) {
                self.shared.pools().open.push(Arc::clone(&segment));
                return Stored { segment, range };
            }
        }
    }
}

impl Shared {
    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty segment with room for so many bytes.
    fn segment(self: &Arc<Self>, room: usize) -> Arc<Segment> {
        let mut pools = self.pools();
        let used = pools.idle.iter().rposition(|idle| idle.capacity() >= room);
        let bytes = match used {
            Some(index) => {
                let bytes = pools.idle.swap_remove(index);
                pools.idle_bytes -= bytes.capacity();
                bytes
            }
            None => {
                let len = pools.next_len.max(FIRST_SEGMENT_LEN);
                pools.next_len = (2 * len).min(SEGMENT_LEN);
                Vec::with_capacity(room.max(len))
            }
        };
        drop(pools);
        Arc::new(Segment { content: Mutex::new(Content::Filling(bytes)), shared: Arc::downgrade(self) })
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut pools = self.pools();
        if pools.idle_bytes + bytes.capacity() <= self.most_idle {
            bytes.clear();
            pools.idle_bytes += bytes.capacity();
            pools.idle.push(bytes);
        }
    }
}

impl Segment {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame, where it fits without growing.
    fn append(&self, frame: &[u8]) -> Option<Range<usize>> {
        match &mut *self.content() {
            Content::Filling(bytes) if bytes.capacity() - bytes.len() >= frame.len() => {
                let start = bytes.len();
                append(frame, bytes);
                Some(start..bytes.len())
            }
            _ => None,
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // A frozen one goes back when the last slice of it is dropped.
        if let (Content::Filling(bytes), Some(shared)) = (&mut *self.content(), self.shared.upgrade()) {
            shared.give_back(std::mem::take(bytes));
        }
    }
}

impl Stored {
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// The frame; its segment is not filled any further.
    pub(crate) fn bytes(&self) -> Bytes {
        let mut content = self.segment.content();
        if let Content::Filling(bytes) = &mut *content {
            let owner = Frozen { bytes: std::mem::take(bytes), shared: Weak::clone(&self.segment.shared) };
            *content = Content::Frozen(Bytes::from_owner(owner));
        }
        match &*content {
            Content::Frozen(bytes) => bytes.slice(self.range.clone()),
            Content::Filling(_) => Bytes::new(),
        }
    }
}

/// The bytes of a frozen segment, which go back when nobody looks at them any longer.
#[derive(Debug)]
struct Frozen {
    bytes: Vec<u8>,
    shared: Weak<Shared>,
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.give_back(std::mem::take(&mut self.bytes));
        }
    }
}
