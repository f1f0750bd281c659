//! What a suite is told of a codec.

use std::fmt;

use batcher_core::CodecRegistry;

/// Runs a closure and tells the most bytes that this thread had allocated at once while it ran, beyond those that it
/// had before: `|work| allocation_counter::measure(work).bytes_max`, for one.
pub type AllocationProbe = fn(&mut dyn FnMut()) -> u64;

/// What a codec is to be held to beyond what every one is.
///
/// ```
/// use batcher_testkit::conformance::CodecOptions;
/// let options = CodecOptions::default().with_digests(&[("rows-1000", "0123456789abcdef")]);
/// # drop(options);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct CodecOptions {
    pub(super) registry: Option<CodecRegistry>,
    pub(super) allocation: Option<(AllocationProbe, u64)>,
    pub(super) digests: Vec<(String, String)>,
    without: Vec<&'static str>,
}

impl CodecOptions {
    /// The registry in which readers find the codec's decoder.
    pub fn with_registry(mut self, registry: CodecRegistry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Holds decoding to a budget in bytes, the block excepted, whatever the frame says. A codec that decodes straight
    /// into the block needs none; one that has a context or a window needs that, once, whichever is the longest
    /// block. Memory that a C library takes by itself is not seen by most probes.
    pub fn with_allocation_budget(mut self, probe: AllocationProbe, budget: u64) -> Self {
        self.allocation = Some((probe, budget));
        self
    }

    /// Holds frames to what they were when [`frame_digests`](super::frame_digests) gave these digests of them, by the
    /// names that it gave.
    pub fn with_digests(mut self, digests: &[(&str, &str)]) -> Self {
        self.digests =
            digests.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect();
        self
    }

    /// Leaves a rule out. It stands in the report as not applicable.
    ///
    /// # Panics
    ///
    /// Where there is no rule with this id: one that is misspelt would not be left out.
    pub fn without(mut self, rule: &str) -> Self {
        let known = super::CodecRule::find(rule);
        assert!(known.is_some(), "no rule is called {rule:?}");
        self.without.extend(known.map(|rule| rule.id()));
        self
    }

    pub(super) fn leaves_out(&self, rule: &str) -> bool {
        self.without.contains(&rule)
    }
}

impl fmt::Debug for CodecOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodecOptions")
            .field("registry", &self.registry)
            .field("allocation_budget", &self.allocation.map(|(_, budget)| budget))
            .field("digests", &self.digests)
            .field("without", &self.without)
            .finish()
    }
}
