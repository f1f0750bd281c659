//! The registry from codec id to decoder, so that a reader opens any object without being told its codec.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Codec, CodecError, CodecId};

type Factory = Arc<dyn Fn(&[u8]) -> Result<Arc<dyn Codec>, CodecError> + Send + Sync>;

/// Finds the decoder for the codec id and parameter bytes that an object carries.
///
/// ```
/// # use batcher_core::{Codec, CodecError, CodecId, CodecRegistry};
/// # #[derive(Debug)] struct Mine;
/// # impl Codec for Mine {
/// #     fn id(&self) -> CodecId { CodecId::new(0x8000) }
/// #     fn max_frame_len(&self, block_len: usize) -> usize { block_len }
/// #     fn encode(&self, _: &[u8], _: &mut [u8]) -> Result<usize, CodecError> { Ok(0) }
/// #     fn decode(&self, _: &[u8], _: &mut [u8]) -> Result<(), CodecError> { Ok(()) }
/// # }
/// let registry = CodecRegistry::new().with(Mine);
/// assert!(registry.decoder(CodecId::new(0x8000), &[])?.is_some());
/// assert!(registry.decoder(CodecId::new(0x8001), &[])?.is_none());
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Default)]
pub struct CodecRegistry {
    factories: BTreeMap<CodecId, Factory>,
}

impl CodecRegistry {
    /// A registry without any codec.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a codec that decodes whatever parameters an object carries for it. Replaces an earlier registration
    /// of the same id.
    #[must_use]
    pub fn with(self, codec: impl Codec + 'static) -> Self {
        let id = codec.id();
        let codec: Arc<dyn Codec> = Arc::new(codec);
        self.with_factory(id, move |_| Ok(Arc::clone(&codec)))
    }

    /// Adds a codec whose decoder is made from the parameter bytes of the object at hand. Replaces an earlier
    /// registration of the same id.
    #[must_use]
    pub fn with_factory<F>(mut self, id: CodecId, factory: F) -> Self
    where
        F: Fn(&[u8]) -> Result<Arc<dyn Codec>, CodecError> + Send + Sync + 'static,
    {
        self.factories.insert(id, Arc::new(factory));
        self
    }

    /// The decoder for an object that carries this id and these parameters; `None` where no codec is registered
    /// under the id.
    ///
    /// # Errors
    ///
    /// What the registered factory says of the parameters.
    pub fn decoder(&self, id: CodecId, params: &[u8]) -> Result<Option<Arc<dyn Codec>>, CodecError> {
        self.factories.get(&id).map(|factory| factory(params)).transpose()
    }
}

impl fmt::Debug for CodecRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.factories.keys()).finish()
    }
}
