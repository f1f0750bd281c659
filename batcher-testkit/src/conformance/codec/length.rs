//! Lengths: of another block, cut, with something behind, claimed, and the longest there are.

use batcher_core::Codec;

use super::trial::{CodecTrial, Framed, is_refused_by};
use crate::conformance::unmet::{Checked, ensure};

pub(super) fn a_frame_fills_no_other_length(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&[1, 50, 1000, 70_000]) {
        let frame = trial.encode(block)?;
        let len = block.len();
        for other in [0, 1, len / 2, len - 1, len + 1, 2 * len, 100_000] {
            if other != len {
                trial.is_refused(&format!("decoding {name} into {other} bytes"), &frame, other)?;
            }
        }
    }
    Ok(())
}

pub(super) fn no_truncation_decodes(trial: &CodecTrial<'_>) -> Checked {
    truncate(&*trial.codec, &trial.small_frames()?)
}

/// Decodes every beginning of frames, which must fail.
pub(super) fn truncate(codec: &dyn Codec, frames: &[Framed<'_>]) -> Checked {
    for (name, block, frame) in frames {
        for len in 0..frame.len() {
            let step = format!("decoding the first {len} of {} bytes of the frame of {name}", frame.len());
            is_refused_by(codec, &step, &frame[..len], block.len())?;
        }
    }
    Ok(())
}

pub(super) fn nothing_may_follow(trial: &CodecTrial<'_>) -> Checked {
    let empty = trial.encode(b"")?;
    for (name, block, frame) in trial.small_frames()? {
        for (what, more) in [
            ("a zero", &[0][..]),
            ("four zeros", &[0; 4]),
            ("a byte", b"\xff"),
            ("an empty frame", &empty),
            ("itself", &frame),
        ] {
            // Codecs may have frames of no bytes for blocks of none.
            if !more.is_empty() {
                let step = format!("decoding the frame of {name} with {what} behind it");
                trial.is_refused(&step, &[&*frame, more].concat(), block.len())?;
            }
        }
    }
    Ok(())
}

pub(super) fn bombs_fill_no_more_than_the_block(trial: &CodecTrial<'_>) -> Checked {
    let len = 4 << 20;
    let (name, bomb) = ("4 MiB of zeros", &trial.corpus(len).kinds(len)[0].1);
    let frame = trial.encode(bomb)?;
    trial.note(format!("{name} are a frame of {} bytes", frame.len()));
    for room in [0, 1, 100, 65_536, len - 1, len + 1] {
        trial.is_refused(&format!("decoding {name} into {room} bytes"), &frame, room)?;
    }
    Ok(())
}

pub(super) fn the_bound_does_not_overflow(trial: &CodecTrial<'_>) -> Checked {
    let powers = (0..usize::BITS).map(|bit| 1_usize << bit);
    let lengths = std::iter::once(0).chain(powers.flat_map(|power| [power - 1, power, power + 1]));
    let mut before = (0, 0);
    for len in lengths.chain([usize::MAX - 1, usize::MAX]).filter(|len| *len > 2) {
        let longest = trial.codec.max_frame_len(len);
        ensure!(
            longest >= before.1,
            "max_frame_len({len}): expected at least that of {}, {}, got {longest}",
            before.0,
            before.1
        );
        before = (len, longest);
    }
    Ok(())
}
