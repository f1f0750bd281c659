//! Walks the directory for a list.

use std::collections::VecDeque;
use std::fs::{self, DirEntry, ReadDir};
use std::path::PathBuf;

use batcher_core::{ObjectInfo, Operation, Outcome, StoreError, check_name};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::layout::{Layout, failure, is_staging};
use super::{is_absent, on_pool};

/// How many entries one piece of blocking work looks at.
const BATCH: usize = 1024;

/// The objects of the directory whose names begin with `prefix`.
pub(super) fn list(layout: &Layout, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, StoreError>> {
    let walk = Walk::new(layout, prefix);
    stream::unfold(walk, |walk| async move {
        let mut walk = walk?;
        let prefix = walk.prefix.clone();
        let step = on_pool(Operation::List, &prefix, move || {
            let batch = walk.next_batch();
            Ok((batch, (!walk.is_done()).then_some(walk)))
        });
        Some(step.await.unwrap_or_else(|lost| (VecDeque::from([Err(lost)]), None)))
    })
    .flat_map(stream::iter)
    .boxed()
}

/// Where a walk stands.
struct Walk {
    prefix: String,
    /// Directories to be entered, with what their objects' names begin with.
    waiting: Vec<(PathBuf, String)>,
    entered: Option<(ReadDir, String)>,
}

impl Walk {
    /// A walk from the directory in which all names with `prefix` are, unless no name can have it.
    fn new(layout: &Layout, prefix: &str) -> Option<Self> {
        let start = match prefix.rsplit_once('/') {
            None => (layout.root().to_owned(), String::new()),
            Some((parent, _)) => {
                let place = layout.place(parent, Operation::List).ok()?;
                (place.path().to_owned(), format!("{parent}/"))
            }
        };
        Some(Self { prefix: prefix.to_owned(), waiting: vec![start], entered: None })
    }

    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.entered.is_none()
    }

    /// The next objects; none where a whole batch of entries had none.
    fn next_batch(&mut self) -> VecDeque<Result<ObjectInfo, StoreError>> {
        let mut found = VecDeque::new();
        for _ in 0..BATCH {
            if self.is_done() {
                break;
            }
            match self.step() {
                Ok(object) => found.extend(object.map(Ok)),
                Err(error) => {
                    found.push_back(Err(failure(
                        error,
                        Operation::List,
                        &self.prefix,
                        Some(Outcome::NotApplied),
                    )));
                    (self.waiting, self.entered) = (Vec::new(), None);
                }
            }
        }
        found
    }

    /// Looks at one entry, or enters a directory.
    fn step(&mut self) -> std::io::Result<Option<ObjectInfo>> {
        let Some((entries, above)) = &mut self.entered else {
            if let Some((directory, above)) = self.waiting.pop() {
                match fs::read_dir(directory) {
                    Err(error) if is_absent(&error) => {}
                    entries => self.entered = Some((entries?, above)),
                }
            }
            return Ok(None);
        };
        let Some(entry) = entries.next().transpose()? else {
            self.entered = None;
            return Ok(None);
        };
        let Some(name) = name_of(&entry, above) else { return Ok(None) };
        if entry.file_type()?.is_dir() {
            let inside = format!("{name}/");
            if inside.starts_with(&self.prefix) || self.prefix.starts_with(&inside) {
                self.waiting.push((entry.path(), inside));
            }
            return Ok(None);
        }
        if !name.starts_with(&self.prefix) {
            return Ok(None);
        }
        match fs::metadata(entry.path()) {
            // Deleted meanwhile, or a link to nowhere.
            Err(error) if is_absent(&error) => Ok(None),
            metadata => {
                let metadata = metadata?;
                Ok(metadata.is_file().then_some(ObjectInfo { name, len: metadata.len() }))
            }
        }
    }
}

/// The name of the object or directory at `entry`; none for what no name can mean, which somebody else put there.
fn name_of(entry: &DirEntry, above: &str) -> Option<String> {
    let own = entry.file_name().into_string().ok()?;
    let name = format!("{above}{own}");
    let ours = !(above.is_empty() && is_staging(&own)) && check_name(&name, Operation::List).is_ok();
    ours.then_some(name)
}
