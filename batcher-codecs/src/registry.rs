//! The codecs of this crate, by id.

use std::sync::Arc;

use batcher_core::{Codec, CodecError, CodecRegistry};

use crate::Raw;

/// A registry of all codecs that this crate has with the features that are on; for LZ4 that is `Lz4`, and not `Lz4C`.
///
/// None of them has parameters, and an object that carries some for one of them is refused: what they mean is not
/// known.
#[must_use]
pub fn registry() -> CodecRegistry {
    let registry = with(CodecRegistry::new(), Raw);
    #[cfg(feature = "lz4")]
    let registry = with(with(registry, crate::Lz4::default()), crate::Lz4Block::default());
    #[cfg(feature = "zstd")]
    let registry = with(registry, crate::Zstd::default());
    registry
}

fn with(registry: CodecRegistry, codec: impl Codec + 'static) -> CodecRegistry {
    let id = codec.id();
    let codec: Arc<dyn Codec> = Arc::new(codec);
    registry.with_factory(id, move |params| {
        if params.is_empty() {
            Ok(Arc::clone(&codec))
        } else {
            Err(CodecError::Params { reason: "codec has no parameters" })
        }
    })
}
