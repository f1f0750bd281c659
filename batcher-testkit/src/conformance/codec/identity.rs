//! How readers find the codec.

use batcher_core::MAX_CODEC_PARAMS;

use super::trial::CodecTrial;
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, Unmet, broken, ensure, ensure_eq, show};

pub(super) fn identity_is_stable(trial: &CodecTrial<'_>) -> Checked {
    let (id, params) = (trial.codec.id(), trial.codec.params().to_vec());
    ensure!(
        params.len() <= MAX_CODEC_PARAMS,
        "params: expected at most {MAX_CODEC_PARAMS} bytes, got {}",
        params.len()
    );
    for (_, block) in trial.blocks(&[0, 1000, 70_000]) {
        let frame = trial.encode(block)?;
        trial.decode("decoding", &frame, block.len())?;
        ensure_eq!(trial.codec.id(), id, "id after use");
        let after = trial.codec.params();
        ensure!(after == params, "params after use: expected {}, got {}", show(&params), show(after));
        let fresh = trial.fresh();
        ensure_eq!(fresh.id(), id, "id of another codec of the kind");
        let (expected, other) = (show(&params), show(fresh.params()));
        ensure!(
            fresh.params() == params,
            "params of another codec of the kind: expected {expected}, got {other}"
        );
    }
    Ok(())
}

pub(super) fn another_of_its_kind_decodes(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&[0, 1, 1000, 70_000, 300_000]) {
        trial.comes_back(&*trial.fresh(), &name, &trial.encode(block)?, block)?;
    }
    Ok(())
}

pub(super) fn the_registry_finds_a_decoder(trial: &CodecTrial<'_>) -> Checked {
    let registry = trial.options.registry.as_ref();
    let registry = registry.ok_or_else(|| Unmet::NotApplicable("no registry is given".to_owned()))?;
    let (id, params) = (trial.codec.id(), trial.codec.params());
    let decoder = match registry.decoder(id, params) {
        Ok(Some(decoder)) => decoder,
        Ok(None) => return broken!("registry: expected a decoder for {id:?}, got none"),
        Err(error) => {
            return broken!("registry: expected a decoder from the codec's own params, got {error:?}");
        }
    };
    ensure_eq!(decoder.id(), id, "id of the decoder in the registry");
    for (name, block) in trial.blocks(&[0, 1, 1000, 70_000, 300_000]) {
        trial.comes_back(&*decoder, &name, &trial.encode(block)?, block)?;
    }
    // Parameters come from outside, too. What they mean is the codec's business, a panic is not.
    let mut noise = Noise::new(7);
    for len in (0..40).chain([MAX_CODEC_PARAMS]) {
        let _ = registry.decoder(id, &noise.bytes(len));
        let _ = registry.decoder(id, &vec![0xFF; len]);
        let _ = registry.decoder(id, &params[..len.min(params.len())]);
    }
    Ok(())
}
