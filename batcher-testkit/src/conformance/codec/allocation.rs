//! How much memory decoding takes.

use super::damage::claims;
use super::trial::CodecTrial;
use crate::conformance::unmet::{Checked, Unmet, ensure};

/// What the probe itself is tried on, in bytes.
const TRIED: usize = 1 << 20;

pub(super) fn decoding_keeps_to_the_budget(trial: &CodecTrial<'_>) -> Checked {
    let given = trial.options.allocation;
    let (probe, budget) = given.ok_or_else(|| Unmet::NotApplicable("no probe is given".to_owned()))?;
    let seen = probe(&mut || drop(std::hint::black_box(Vec::<u8>::with_capacity(TRIED))));
    ensure!(seen >= TRIED as u64, "the probe, on {TRIED} bytes: expected to see them, got {seen}");

    let mut most = 0;
    let mut held = |step: &dyn Fn() -> String, frame: &[u8], len: usize| {
        let mut block = vec![0; len];
        let took = probe(&mut || drop(trial.codec.decode(frame, &mut block)));
        most = most.max(took);
        ensure!(took <= budget, "{}: expected at most {budget} bytes besides the block, got {took}", step());
        Ok(())
    };
    for (name, block) in trial.blocks(&[0, 1000, 70_000, 300_000, 4 << 20]) {
        let frame = trial.encode(block)?;
        for len in [block.len(), 0, 100] {
            held(&|| format!("decoding {name} into {len} bytes"), &frame, len)?;
        }
    }
    for (name, block, frame) in trial.small_frames()? {
        let beginning = frame.len().min(64);
        for mut claim in claims(&frame[..beginning]) {
            claim.extend_from_slice(&frame[beginning..]);
            let step =
                || format!("decoding the frame of {name}, which now begins {:x?}", &claim[..beginning]);
            held(&step, &claim, block.len())?;
        }
    }
    trial.note(format!("decoding took at most {most} bytes besides the block"));
    Ok(())
}
