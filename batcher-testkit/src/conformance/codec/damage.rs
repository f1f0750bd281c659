//! Bytes that are no frame, or no longer.

use super::trial::CodecTrial;
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::Checked;

/// How many frames of chance are tried.
const TRIES: usize = 2000;

pub(super) fn flipped_bits_are_survived(trial: &CodecTrial<'_>) -> Checked {
    let (mut flips, mut unnoticed) = (0, 0);
    for (name, block, frame) in trial.small_frames()? {
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let step = format!("decoding the frame of {name} with bit {bit} flipped");
            flips += 1;
            unnoticed += usize::from(trial.decode(&step, &flipped, block.len())?.is_some());
        }
    }
    trial.note(format!(
        "{unnoticed} of {flips} flipped bits went unnoticed, which is for the object's checksums"
    ));
    Ok(())
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
    for (name, block, frame) in trial.small_frames()? {
        // Further in there is nothing but content.
        let beginning = frame.len().min(64);
        for mut claim in claims(&frame[..beginning]) {
            claim.extend_from_slice(&frame[beginning..]);
            let step = format!("decoding the frame of {name}, which now begins {:x?}", &claim[..beginning]);
            trial.decode(&step, &claim, block.len())?;
            trial.decode(&step, &claim, 0)?;
        }
    }
    Ok(())
}

pub(super) fn arbitrary_bytes_are_survived(trial: &CodecTrial<'_>) -> Checked {
    let mut noise = Noise::new(9);
    let frames = trial.small_frames()?;
    for _ in 0..TRIES {
        let len = noise.below(300);
        let bytes = noise.bytes(len);
        let room = noise.below(2000);
        trial.decode(&format!("decoding {bytes:x?} into {room} bytes"), &bytes, room)?;
        // Behind a beginning that is right, and before a rest that is.
        let (name, block, frame) = &frames[noise.below(frames.len())];
        let start = noise.below(frame.len() + 1);
        let cut = noise.below(2) == 0;
        let end = if cut { frame.len() } else { (start + bytes.len()).min(frame.len()) };
        let spliced = [&frame[..start], &bytes, &frame[end..]].concat();
        let step =
            format!("decoding the frame of {name} with {bytes:x?} in place of its bytes {start}..{end}");
        trial.decode(&step, &spliced, block.len())?;
        trial.decode(&step, &spliced, room)?;
    }
    Ok(())
}
