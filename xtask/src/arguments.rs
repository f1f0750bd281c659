//! Command-line arguments as all tasks read them.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lexopt::ValueExt;
use url::Url;

/// What is wrong with the arguments.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// A path below this workspace's target directory, wherever it is called from.
pub(crate) fn in_target(name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    workspace.join("target").join(name)
}

/// The value of an option.
pub(crate) fn value<T: FromStr<Err: Display>>(
    parser: &mut lexopt::Parser,
    option: &str,
) -> Result<T, UsageError> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|error| UsageError(format!("{option} {text:?}: {error}")))
}

/// The value of an option that is a number of at least so many.
pub(crate) fn number(parser: &mut lexopt::Parser, option: &str, least: u64) -> Result<u64, UsageError> {
    let number = value(parser, option)?;
    if number < least {
        return Err(UsageError(format!("{option} {number}: must be at least {least}")));
    }
    Ok(number)
}

/// The key and the value of an option of a store.
pub(crate) fn store_option(text: &str) -> Result<(String, String), UsageError> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| UsageError(format!("--store-option {text:?}: must be KEY=VALUE")))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The URL of a store that is named by its URL or as a directory and, where it is a directory, its path.
pub(crate) fn store_url(store: &str) -> Result<(String, Option<PathBuf>), UsageError> {
    if !store.contains("://") {
        let path = std::path::absolute(store)
            .map_err(|error| UsageError(format!("--store {store:?} is not a directory: {error}")))?;
        let url = Url::from_directory_path(&path)
            .map_err(|()| UsageError(format!("--store {store:?} is not a directory")))?;
        return Ok((url.into(), Some(path)));
    }
    let url = Url::parse(store).map_err(|error| UsageError(format!("--store {store:?}: {error}")))?;
    if url.scheme() == "file" {
        let path = url.to_file_path();
        let path = path.map_err(|()| UsageError(format!("--store {store:?} is not a directory")))?;
        return Ok((url.into(), Some(path)));
    }
    Ok((store.to_owned(), None))
}
