//! Bytes that are no frame, or no longer.

use batcher_core::Codec;

use super::trial::{CodecTrial, Framed, decode_with};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::Checked;

/// How many frames of chance are tried.
const TRIES: usize = 2000;

pub(super) fn flipped_bits_are_survived(trial: &CodecTrial<'_>) -> Checked {
    let (flips, unnoticed) = flip_bits(&*trial.codec, &trial.small_frames()?)?;
    trial.note(format!(
        "{unnoticed} of {flips} flipped bits went unnoticed, which is for the object's checksums"
    ));
    Ok(())
}

/// Decodes frames with each bit flipped, and says how many flips there were and how many went unnoticed.
pub(super) fn flip_bits(codec: &dyn Codec, frames: &[Framed<'_>]) -> Checked<(usize, usize)> {
    let (mut flips, mut unnoticed) = (0, 0);
    for (name, block, frame) in frames {
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let step = format!("decoding the frame of {name} with bit {bit} flipped");
            flips += 1;
            unnoticed += usize::from(decode_with(codec, &step, &flipped, block.len())?.is_some());
        }
    }
    Ok((flips, unnoticed))
}

/// Frames in which lengths, wherever they stand, are as large as they can be.
pub(super) fn claims(frame: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places =
        (0..frame.len()).flat_map(|start| [1, 2, 4, 8].map(|len| start..(start + len).min(frame.len())));
    places.flat_map(move |place| {
        [[0xFF, 0xFF], [0xFF, 0x7F], [0x00, 0x80], [0x00, 0x00]].map(|[byte, highest]| {
            let mut frame = frame.to_vec();
            frame[place.clone()].fill(byte);
            frame[place.end - 1] = highest;
            frame
        })
    })
}

pub(super) fn claimed_lengths_are_survived(trial: &CodecTrial<'_>) -> Checked {
    claim_lengths(&*trial.codec, &trial.small_frames()?)
}

/// Decodes frames that claim the largest lengths.
pub(super) fn claim_lengths(codec: &dyn Codec, frames: &[Framed<'_>]) -> Checked {
    for (name, block, frame) in frames {
        // Further in there is nothing but content.
        let beginning = frame.len().min(64);
        for mut claim in claims(&frame[..beginning]) {
            claim.extend_from_slice(&frame[beginning..]);
            let step = format!("decoding the frame of {name}, which now begins {:x?}", &claim[..beginning]);
            decode_with(codec, &step, &claim, block.len())?;
            decode_with(codec, &step, &claim, 0)?;
        }
    }
    Ok(())
}

pub(super) fn arbitrary_bytes_are_survived(trial: &CodecTrial<'_>) -> Checked {
    try_noise(&*trial.codec, &trial.small_frames()?)
}

/// Decodes bytes of chance, alone and within frames.
pub(super) fn try_noise(codec: &dyn Codec, frames: &[Framed<'_>]) -> Checked {
    let mut noise = Noise::new(9);
    for _ in 0..TRIES {
        let len = noise.below(300);
        let bytes = noise.bytes(len);
        let room = noise.below(2000);
        decode_with(codec, &format!("decoding {bytes:x?} into {room} bytes"), &bytes, room)?;
        // Behind a beginning that is right, and before a rest that is.
        let (name, block, frame) = &frames[noise.below(frames.len())];
        let start = noise.below(frame.len() + 1);
        let cut = noise.below(2) == 0;
        let end = if cut { frame.len() } else { (start + bytes.len()).min(frame.len()) };
        let spliced = [&frame[..start], &bytes, &frame[end..]].concat();
        let step =
            format!("decoding the frame of {name} with {bytes:x?} in place of its bytes {start}..{end}");
        decode_with(codec, &step, &spliced, block.len())?;
        decode_with(codec, &step, &spliced, room)?;
    }
    Ok(())
}
