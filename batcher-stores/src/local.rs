//! A directory as a durable store.

mod layout;
mod listing;
mod staged;
mod upload;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;

use self::layout::{Layout, Place, failure};
use self::staged::Staged;
use self::upload::LocalUpload;
use crate::blocking;

/// A directory in which every object is a file, kept so that a power cut loses nothing that was acknowledged.
///
/// # Durability
///
/// A put writes a temporary file, syncs it, gives it its name at one stroke and syncs every directory from there up
/// to the root before it returns: a create by a hard link, which fails where the name is taken, a replace by a
/// rename. Readers see the old object or the new one, never a part of either. A create that finds the name taken
/// syncs the directories, too, before it says so: whoever reads the object back and takes it for its own must not
/// lose it either. A deletion is synced likewise.
///
/// The file is closed after its sync, which is where the standard library would hide an error; after a sync there is
/// nothing left to fail. Directories are synced on Unix only, because elsewhere they cannot be opened.
///
/// `object_store::local::LocalFileSystem` writes the same way, but as of version 0.14.2 syncs nothing unless
/// `with_fsync(true)` is set, and then no deletion, and only those parent directories that the same call created: a
/// file in a directory that another writer has just made can still be lost. It stages next to the object under the
/// first free name of `#1`, `#2`, …, so that leftovers of dead processes pile up among the objects and lengthen
/// every later put of that name, it has no conditional multipart, and it blocks the calling thread when a multipart
/// upload starts. Hence this store.
///
/// # Names
///
/// `a/b` is the file `b` in the directory `a` of the root. Beyond [`check_name`](batcher_core::check_name):
///
/// - a segment longer than 255 bytes is [`TooLarge`](StoreErrorKind::TooLarge);
/// - of `a` and `a/b` only one can exist; putting the other is [`InvalidInput`](StoreErrorKind::InvalidInput).
///   Directories stay when their last object is deleted, and keep their names taken;
/// - the first segment cannot be `.batcher-tmp`, in upper or lower case: temporary files are there;
/// - Windows takes none of `\ : * ? " < > |` and no segment that ends in a dot or a space.
///
/// On a file system that ignores case, names that differ in case only are one object; [`PutMode::Create`] then refuses
/// the second, [`PutMode::Replace`] replaces the first. Some file systems also join different spellings of an accented
/// letter. Lower-case ASCII names are safe everywhere.
///
/// Symbolic links are followed, out of the root, too, but lists do not enter linked directories. Create needs a file
/// system with hard links (not FAT), and the root must be one file system.
///
/// # Errors
///
/// A write that failed before its file got its name is [`NotApplied`](Outcome::NotApplied), and its temporary file is
/// gone: a full disk, for one. A write whose file has its name but could not be synced is
/// [`Unknown`](Outcome::Unknown).
///
/// # Runtimes
///
/// On a tokio runtime the file work is done on its blocking pool, elsewhere at once on the polling thread. Dropping a
/// future on tokio does not stop the work that it has begun: the write may still land. A runtime that shuts down
/// underneath is [`Unavailable`](StoreErrorKind::Unavailable).
///
/// # Leftovers
///
/// A process that dies in the middle of a put leaves a file in `.batcher-tmp`, which no list shows and nothing trips
/// over. Opening does not remove them, since another process may be writing: call
/// [`remove_leftovers`](Self::remove_leftovers) now and then. An upload that is dropped without being completed
/// removes its own.
///
/// ```
/// use batcher_core::{BlobSink, BlobSource, Payload, PutMode, StoreErrorKind};
/// use batcher_stores::LocalStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let store = LocalStore::new(directory.path())?;
/// # pollster::block_on(async {
/// let state = Payload::from(bytes::Bytes::from_static(b"state"));
/// store.put("epoch-7/node-1", state.clone(), PutMode::Create).await?;
/// let error = store.put("epoch-7/node-1", state, PutMode::Create).await.unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::AlreadyExists);
/// # Ok(()) })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LocalStore {
    layout: Arc<Layout>,
}

impl LocalStore {
    /// Opens a directory that exists. Touches nothing in it.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotFound`] where there is none, [`StoreErrorKind::InvalidInput`] where it is a file, and the
    /// kinds of other I/O errors.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let failed = |error: io::Error| failure(error, Operation::Open, &root.to_string_lossy(), None);
        // Absolute, so that a later change of the working directory does not move the store.
        let absolute = std::path::absolute(&root).map_err(failed)?;
        if !fs::metadata(&absolute).map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { layout: Arc::new(Layout::new(absolute)) })
    }

    /// Opens a directory and makes it first where it is missing, parents included, durably.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let failed = |error: io::Error| failure(error, Operation::Open, &root.to_string_lossy(), None);
        let absolute = std::path::absolute(&root).map_err(failed)?;
        let missing = absolute.ancestors().take_while(|directory| !directory.exists()).count();
        if missing > 0 {
            fs::create_dir_all(&absolute).map_err(failed)?;
            for directory in absolute.ancestors().take(missing + 1) {
                staged::sync_directory(directory).map_err(failed)?;
            }
        }
        Self::new(absolute)
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Removes the temporary files of dead processes: all that nobody has written to for `older_than`. Says how many.
    ///
    /// Choose it longer than the slowest upload may pause. One that still runs and loses its file fails and has
    /// applied nothing.
    ///
    /// # Errors
    ///
    /// The kinds of I/O errors; some leftovers may be gone then.
    pub async fn remove_leftovers(&self, older_than: Duration) -> Result<u64, StoreError> {
        let layout = Arc::clone(&self.layout);
        on_pool(Operation::Delete, layout::STAGING, move || {
            let failed = |error| failure(error, Operation::Delete, layout::STAGING, None);
            let entries = match fs::read_dir(layout.staging()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                entries => entries.map_err(failed)?,
            };
            let mut removed = 0;
            for entry in entries {
                let removal = entry.and_then(|entry| {
                    let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
                    let old = age.is_ok_and(|age| age >= older_than);
                    if old { fs::remove_file(entry.path()).map(|()| 1) } else { Ok(0) }
                });
                match removal {
                    // Its writer was quicker.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    count => removed += count.map_err(failed)?,
                }
            }
            Ok(removed)
        })
        .await
    }
}

#[async_trait]
impl BlobSink for LocalStore {
    fn capabilities(&self) -> SinkCapabilities {
        SinkCapabilities::default()
            .with_create(true)
            .with_multipart(true)
            .with_multipart_create(true)
            .with_delete(true)
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let place = self.layout.place(name, Operation::Put)?;
        on_pool(Operation::Put, name, move || {
            let staged = Staged::create(&place)?;
            let done =
                staged.write(&place, 0, &payload).and_then(|()| staged.publish(&place, mode, payload.len()));
            staged.remove();
            done
        })
        .await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let place = self.layout.place(name, Operation::StartMultipart)?;
        let upload =
            on_pool(Operation::StartMultipart, name, move || LocalUpload::start(place, mode)).await?;
        Ok(Box::new(upload))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let place = self.layout.place(name, Operation::Delete)?;
        on_pool(Operation::Delete, name, move || {
            match fs::remove_file(place.path()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // The name leads through a file, or to a directory: no object ever had it.
                Err(error) if is_absent(&error) || place.path().is_dir() => return Ok(()),
                Err(error) => return Err(place.failed(error, Outcome::Unknown)),
            }
            // Also where nothing was there: the deletion that this one repeats may not have got as far.
            place.sync_directories().map_err(|error| place.failed(error, Outcome::Unknown))
        })
        .await
    }
}

#[async_trait]
impl BlobSource for LocalStore {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let place = self.layout.place(name, Operation::Read)?;
        on_pool(Operation::Read, name, move || read(&place, &range)).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let place = self.layout.place(name, Operation::Size)?;
        on_pool(Operation::Size, name, move || {
            let metadata = place.metadata().map_err(|error| place.failed(error, Outcome::NotApplied))?;
            Ok(metadata.len())
        })
        .await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        listing::list(&self.layout, prefix)
    }
}

fn read(place: &Place, range: &ReadRange) -> Result<ReadReply, StoreError> {
    let failed = |error| place.failed(error, Outcome::NotApplied);
    // Before the opening, which would wait for a writer where a pipe stands.
    place.metadata().map_err(failed)?;
    let mut file = fs::File::open(place.path()).map_err(failed)?;
    // Of the file that is open: the name may be another's by now.
    let metadata = file.metadata().map_err(failed)?;
    let bytes = range.resolve(metadata.len());
    let len = bytes.end.saturating_sub(bytes.start);
    let mut buffer = Vec::new();
    let reserved = usize::try_from(len).is_ok_and(|len| buffer.try_reserve_exact(len).is_ok());
    if !reserved {
        return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Read, place.name())
            .with_source(format!("no memory for {len} bytes")));
    }
    file.seek(SeekFrom::Start(bytes.start)).map_err(failed)?;
    file.take(len).read_to_end(&mut buffer).map_err(failed)?;
    if buffer.len() as u64 != len {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    let version = Some(layout::version(&metadata));
    Ok(ReadReply { bytes: Bytes::from(buffer), object_len: metadata.len(), version })
}

/// Whether nothing stands where `error` was met.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Does file work for one object in the right place.
async fn on_pool<T: Send + 'static>(
    operation: Operation,
    name: &str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match blocking::run(work).await {
        Ok(done) => done,
        Err(lost) => Err(StoreError::new(StoreErrorKind::Unavailable, operation, name).with_source(lost)),
    }
}
