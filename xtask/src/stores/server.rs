//! What is to be known of a server to install, start and use it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::azurite::Azurite;
use super::moto::Moto;
use super::seaweedfs::SeaweedFs;

/// The bucket or container that stands when a server is ready.
pub(super) const BUCKET: &str = "batcher";

/// Every server, in the order in which they are named.
pub(super) const SERVERS: &[&dyn Server] = &[&SeaweedFs, &Moto, &Azurite];

/// A server that speaks a store's protocol.
pub(super) trait Server: Sync {
    /// Its name on the command line and, in capitals, in its variable.
    fn name(&self) -> &'static str;

    /// Its package and version, after which its directory is called.
    fn package(&self) -> &'static str;

    /// The commands that install it into an empty directory, one after the other. Programs are run by
    /// [`Supervised`](super::supervised::Supervised).
    fn installation(&self, directory: &Path) -> io::Result<Vec<Command>>;

    /// How many ports it listens on.
    fn ports(&self) -> usize {
        1
    }

    /// The command that starts it as it was installed, on these ports, with everything that it writes in `home`.
    fn start(&self, installed: &Path, home: &Path, ports: &[u16]) -> io::Result<Command>;

    /// Makes the bucket where it has none; true once it does what it is asked.
    ///
    /// # Errors
    ///
    /// Whatever is the matter so far; to be tried again.
    fn prepare(&self, ports: &[u16]) -> io::Result<bool>;

    /// The store's URL, with the options of its client as a query.
    fn url(&self, ports: &[u16]) -> String;

    /// Files outside of its home that it leaves behind when it is killed.
    fn leftovers(&self, _ports: &[u16]) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// The variable that tells tests of a server.
pub(super) fn variable(server: &dyn Server) -> String {
    format!("BATCHER_TEST_{}", server.name().to_ascii_uppercase())
}

/// A store's URL with these options.
pub(super) fn url(store: &str, options: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(options).finish();
    format!("{store}?{query}")
}
