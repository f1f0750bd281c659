//! The same block gives the same frame.

use std::thread;

use batcher_core::Codec;

use super::trial::{CodecTrial, encode_with};
use crate::conformance::unmet::{Checked, broken, ensure, panic_message};

const THREADS: usize = 4;

/// Lengths that follow each other so that what a longer one leaves behind would show in a shorter one.
const LENGTHS: [usize; 9] = [70_000, 10, 300_000, 65_535, 1000, 16_000, 0, 131_072, 50];

/// Blocks of every kind, the long between the short.
pub(super) fn blocks<'a>(trial: &'a CodecTrial<'_>) -> Vec<(String, &'a [u8])> {
    let mut blocks = trial.blocks(&LENGTHS);
    // Kinds one after the other, too.
    blocks.sort_by_key(|(_, block)| block.len() % 7);
    blocks
}

/// The frames of a codec for each block that has encoded nothing before.
fn expected(trial: &CodecTrial<'_>, blocks: &[(String, &[u8])]) -> Checked<Vec<Vec<u8>>> {
    blocks.iter().map(|(_, block)| encode_with(&*trial.fresh(), block, 0, 0)).collect()
}

/// Encodes all blocks, beginning at different ones, and compares.
pub(super) fn again(
    codec: &dyn Codec,
    turn: usize,
    blocks: &[(String, &[u8])],
    expected: &[Vec<u8>],
) -> Checked {
    for at in (0..2 * blocks.len()).map(|at| (at * 5 + turn) % blocks.len()) {
        let (name, block) = &blocks[at];
        ensure!(
            encode_with(codec, block, 0, 0)? == expected[at],
            "frame of {name}: expected that of a codec that has encoded nothing before, got another"
        );
    }
    Ok(())
}

pub(super) fn a_frame_depends_on_its_block_alone(trial: &CodecTrial<'_>) -> Checked {
    let blocks = blocks(trial);
    let expected = expected(trial, &blocks)?;
    again(&*trial.codec, 0, &blocks, &expected)?;
    again(&*trial.codec, 1, &blocks, &expected)
}

pub(super) fn threads_make_no_difference(trial: &CodecTrial<'_>) -> Checked {
    let blocks = blocks(trial);
    let expected = expected(trial, &blocks)?;
    let work = &|turn| {
        again(&*trial.codec, turn, &blocks, &expected)?;
        for ((name, block), frame) in blocks.iter().zip(&expected) {
            trial.comes_back(&*trial.codec, name, frame, block)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|turn| scope.spawn(move || work(turn))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(checked) => checked,
            Err(panic) => broken!("{THREADS} threads: {}", panic_message(&*panic)),
        })
    })
}
