//! Where the stacks write to.

mod memory;
mod slow;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use batcher::{BlobSink, BlobSource, BlobStore, LocalStore, Prefix, StoreError, open_url};
use futures_util::TryStreamExt;

pub(crate) use memory::Memory;
pub(crate) use slow::{Distance, Slow};

use crate::failure::Failure;

/// Which store to measure with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoreChoice {
    /// In memory: what the library costs by itself.
    Memory,
    /// A temporary directory, durable as `LocalStore` makes it.
    Directory,
    /// In memory, but as slow as this.
    Slow(Distance),
    /// Any store that a URL names, with options.
    Url(String, Vec<(String, String)>),
}

/// Gives each session an empty place of its own.
#[derive(Debug)]
pub(crate) struct Places {
    choice: StoreChoice,
    /// The store that all places are in; none in memory, where each is a store of its own.
    shared: Option<Arc<dyn BlobStore>>,
    /// Kept for as long as the store is used.
    _directory: Option<tempfile::TempDir>,
    run: u128,
    next: AtomicU64,
}

/// An empty place in a store, for one session.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) store: Arc<dyn BlobStore>,
    memory: Option<Memory>,
}

impl Places {
    pub(crate) fn open(choice: &StoreChoice) -> Result<Self, Failure> {
        let (shared, directory): (Option<Arc<dyn BlobStore>>, _) = match choice {
            StoreChoice::Memory | StoreChoice::Slow(_) => (None, None),
            StoreChoice::Directory => {
                let directory = tempfile::tempdir()?;
                (Some(Arc::new(LocalStore::new(directory.path())?)), Some(directory))
            }
            StoreChoice::Url(url, options) => (Some(open_url(url, options.iter().cloned())?), None),
        };
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Ok(Self { choice: choice.clone(), shared, _directory: directory, run, next: AtomicU64::new(0) })
    }

    /// A place in memory, whatever the choice is.
    pub(crate) fn in_memory() -> Place {
        let memory = Memory::default();
        Place { store: Arc::new(memory.clone()), memory: Some(memory) }
    }

    pub(crate) fn fresh(&self) -> Result<Place, StoreError> {
        if let Some(store) = &self.shared {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let prefix = format!("bench-{}/{number}/", self.run);
            let store: Arc<dyn BlobStore> = Arc::new(Prefix::new(Arc::clone(store), prefix.as_str())?);
            return Ok(Place { store, memory: None });
        }
        let place = Self::in_memory();
        match (&self.choice, &place.memory) {
            (StoreChoice::Slow(distance), Some(memory)) => {
                Ok(Place { store: Arc::new(Slow::new(memory.clone(), *distance)), ..place })
            }
            _ => Ok(place),
        }
    }
}

impl Place {
    /// Sum of the lengths of all objects.
    pub(crate) async fn bytes(&self) -> Result<u64, StoreError> {
        match &self.memory {
            Some(memory) => Ok(memory.bytes()),
            None => self.store.list("").try_fold(0, async |sum, info| Ok(sum + info.len)).await,
        }
    }

    /// Does what need not count before reading is measured.
    pub(crate) fn settle(&self) {
        if let Some(memory) = &self.memory {
            memory.settle();
        }
    }

    /// Removes what was written, where it would stay.
    pub(crate) async fn clear(&self) -> Result<(), StoreError> {
        if self.memory.is_some() {
            return Ok(());
        }
        let names: Vec<String> = self.store.list("").map_ok(|info| info.name).try_collect().await?;
        for name in names {
            self.store.delete(&name).await?;
        }
        Ok(())
    }
}
