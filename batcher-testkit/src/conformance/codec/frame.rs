//! Frames and the blocks that come back from them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::trial::{CodecTrial, MAX_LEN, encode_with};
use crate::conformance::unmet::{Checked, broken, ensure, ensure_eq, panic_message};

/// The short lengths one by one, and those on either side of where codecs change the shape of a frame.
fn lengths() -> Vec<usize> {
    let edges = [256, 4096, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20];
    (0..40).chain(edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1])).chain([MAX_LEN]).collect()
}

pub(super) fn blocks_come_back(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&lengths()) {
        let frame = trial.encode(block)?;
        trial.comes_back(&*trial.codec, &name, &frame, block)?;
    }
    Ok(())
}

pub(super) fn frames_keep_to_the_bound(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&lengths()) {
        let longest = trial.codec.max_frame_len(block.len());
        // With room to show itself.
        let len = encode_with(&*trial.codec, block, 0, 1000)?.len();
        ensure!(
            len <= longest,
            "frame of {name}: expected at most max_frame_len, {longest} bytes, got {len}"
        );
        ensure!(len > 0 || block.is_empty(), "frame of {name}: expected a byte at least, got none");
    }
    Ok(())
}

pub(super) fn the_buffer_makes_no_difference(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&[0, 1, 17, 1000, 70_000]) {
        let frame = encode_with(&*trial.codec, block, 0, 0)?;
        for (before, more) in [(0xFF, 0), (0xA5, 1), (0, 100_000)] {
            let other = encode_with(&*trial.codec, block, before, more)?;
            ensure!(
                other == frame,
                "frame of {name} in a buffer of {before:#04x}, {more} bytes too long: expected it as in a buffer of \
                 zeros that fits, got another"
            );
        }
    }
    Ok(())
}

pub(super) fn too_small_a_buffer_is_an_error(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&[1, 50, 1000, 70_000]) {
        let len = trial.encode(block)?.len();
        let rooms = [0, 1, 2, len / 2, len.saturating_sub(2), len.saturating_sub(1)];
        for room in rooms.into_iter().filter(|room| *room < len) {
            let mut frame = vec![0; room];
            let step = format!("encoding {name} into {room} bytes where the frame has {len}");
            match catch_unwind(AssertUnwindSafe(|| trial.codec.encode(block, &mut frame))) {
                Ok(Err(_)) => {}
                Ok(Ok(len)) => return broken!("{step}: expected an error, got a frame of {len} bytes"),
                Err(panic) => {
                    return broken!("{step}: expected an error, got a codec that {}", panic_message(&*panic));
                }
            }
        }
        ensure_eq!(
            trial.encode(block)?.len(),
            len,
            "length of the frame of {name}, encoded again after errors"
        );
    }
    Ok(())
}

pub(super) fn errors_leave_nothing_behind(trial: &CodecTrial<'_>) -> Checked {
    for (name, block) in trial.blocks(&[100, 70_000]) {
        let frame = encode_with(&*trial.fresh(), block, 0, 0)?;
        for cut in [0, 1, frame.len() / 2, frame.len() - 1] {
            trial.decode("decoding a frame that is cut", &frame[..cut], block.len())?;
            let mut small = vec![0; cut];
            // Whether it fails is another rule's.
            let _ = catch_unwind(AssertUnwindSafe(|| trial.codec.encode(block, &mut small)));
            ensure!(
                trial.encode(block)? == frame,
                "frame of {name} after errors: expected it as before, got another"
            );
            trial.comes_back(&*trial.codec, &format!("{name} after errors"), &frame, block)?;
        }
    }
    Ok(())
}
