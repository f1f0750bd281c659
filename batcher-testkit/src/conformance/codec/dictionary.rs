//! Dictionaries: trained, taken from outside, and frames made with them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use batcher_core::{Codec, CodecError};

use super::damage::{claim_lengths, flip_bits, try_noise};
use super::length::truncate;
use super::same::{again, blocks};
use super::trial::{CodecTrial, decode_with, encode_with, framed};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, Unmet, applies, broken, ensure, ensure_eq, panic_message, show};

/// The length of a sample and of all of them, which are rows: alike, and each too short to compress well alone.
const SAMPLE: usize = 400;
const SAMPLES: usize = 100_000;

/// The longest dictionary that so many samples are worth.
const WORTH: usize = 4096;

/// Of how many bytes of a dictionary every bit is flipped: there stand the numbers that a codec may believe.
const HEAD: usize = 128;

/// How many dictionaries of chance are tried.
const TRIES: usize = 300;

/// Samples, with what to call them.
type Samples<'a> = (&'static str, Vec<&'a [u8]>);

fn rows<'a>(trial: &'a CodecTrial<'_>) -> Samples<'a> {
    ("rows", trial.corpus(SAMPLES).rows(SAMPLES).chunks(SAMPLE).collect())
}

/// Samples that a dictionary is hardly to be had from.
fn odd_samples<'a>(trial: &'a CodecTrial<'_>) -> Vec<Samples<'a>> {
    let corpus = trial.corpus(SAMPLES);
    let (nothing, row) = (&b""[..], corpus.rows(SAMPLE));
    vec![
        ("no samples", Vec::new()),
        ("an empty sample", vec![nothing]),
        ("a thousand empty samples", vec![nothing; 1000]),
        ("one byte", vec![&row[..1]]),
        ("one sample", vec![row]),
        ("one long sample", vec![corpus.rows(SAMPLES)]),
        ("two equal samples", vec![row; 2]),
        ("a thousand equal samples", vec![row; 1000]),
        ("samples of one byte", row.chunks(1).collect()),
        ("rows between empty samples", row.chunks(40).flat_map(|row| [nothing, row, nothing]).collect()),
        ("noise", corpus.noise(SAMPLES).chunks(SAMPLE).collect()),
        ("zeros", corpus.kinds(SAMPLES)[0].1.chunks(SAMPLE).collect()),
    ]
}

fn train(codec: &dyn Codec, (what, samples): &Samples<'_>, longest: usize) -> Checked<Option<Vec<u8>>> {
    let trained = catch_unwind(AssertUnwindSafe(|| codec.train_dictionary(samples, longest)));
    trained.map_err(|panic| {
        Unmet::Broken(format!(
            "training on {what}, {longest} bytes: expected a dictionary or none, got a codec that {}",
            panic_message(&*panic)
        ))
    })
}

/// What a codec makes of bytes that may be no dictionary: a codec, or one of the errors that it may answer.
fn offer(codec: &dyn Codec, step: &str, bytes: &[u8]) -> Checked<Result<Arc<dyn Codec>, CodecError>> {
    match catch_unwind(AssertUnwindSafe(|| codec.with_dictionary(bytes))) {
        Ok(Err(CodecError::Malformed { offset, .. })) if offset > bytes.len() => {
            broken!("{step}: expected Malformed within {} bytes, got offset {offset}", bytes.len())
        }
        Ok(Err(other)) if !matches!(other, CodecError::Malformed { .. } | CodecError::NoDictionaries) => {
            broken!("{step}: expected Malformed, NoDictionaries or a codec, got {other:?}")
        }
        Ok(answer) => Ok(answer),
        Err(panic) => {
            broken!("{step}: expected an error or a codec, got a codec that {}", panic_message(&*panic))
        }
    }
}

/// Ends a rule about training where the codec trains nothing even from what suits well.
fn trains(trial: &CodecTrial<'_>) -> Checked {
    let trained = train(&*trial.codec, &rows(trial), WORTH)?;
    applies(trained.is_some(), "the codec trains no dictionary from rows")
}

/// A dictionary that the codec has trained, or else bytes that it takes for one; ends the rule where there is none.
fn dictionary(trial: &CodecTrial<'_>) -> Checked<Vec<u8>> {
    if let Some(trained) = train(&*trial.codec, &rows(trial), WORTH)? {
        return Ok(trained);
    }
    let content = trial.corpus(WORTH).rows(WORTH);
    match offer(&*trial.codec, "with_dictionary of rows", content)? {
        Ok(_) => Ok(content.to_vec()),
        Err(_) => Err(Unmet::NotApplicable(
            "the codec neither trains a dictionary from rows nor takes rows for one".to_owned(),
        )),
    }
}

/// A codec with a dictionary of its own kind's, which must work.
fn learned(codec: &dyn Codec, dictionary: &[u8]) -> Checked<Arc<dyn Codec>> {
    let step = format!("with_dictionary of a dictionary of {} bytes", dictionary.len());
    offer(codec, &step, dictionary)?
        .map_err(|error| Unmet::Broken(format!("{step}: expected a codec, got {error:?}")))
}

/// Blocks of every kind and these lengths, and some of the samples, which a dictionary suits best.
fn with_samples<'a>(trial: &'a CodecTrial<'_>, lengths: &[usize]) -> Vec<(String, &'a [u8])> {
    let mut blocks = trial.blocks(lengths);
    let samples = rows(trial).1;
    blocks.extend([0, 1, samples.len() - 1].map(|place| (format!("sample {place}"), samples[place])));
    blocks
}

pub(super) fn dictionaries_are_known_or_not(trial: &CodecTrial<'_>) -> Checked {
    let (codec, corpus) = (&*trial.codec, trial.corpus(WORTH));
    let trained = train(codec, &rows(trial), WORTH)?;
    let mut offers = vec![("no bytes", &b""[..]), ("a byte", &b"\0"[..]), ("a text", &b"dictionary"[..])];
    offers.extend(corpus.kinds(WORTH));
    offers.extend(trained.as_deref().map(|trained| ("what it has trained", trained)));
    let mut unknown = Vec::new();
    for (what, bytes) in &offers {
        let answer = offer(codec, &format!("with_dictionary of {what}"), bytes)?;
        if matches!(answer, Err(CodecError::NoDictionaries)) {
            unknown.push(*what);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let all: Vec<_> = offers.iter().map(|(what, _)| *what).collect();
    ensure_eq!(unknown, all, "with_dictionary: what is answered with NoDictionaries");
    for samples in odd_samples(trial).into_iter().chain([rows(trial)]) {
        let none = train(codec, &samples, WORTH)?.is_none();
        ensure!(none, "training on {}: expected none after NoDictionaries, got a dictionary", samples.0);
    }
    Ok(())
}

pub(super) fn the_same_samples_train_the_same(trial: &CodecTrial<'_>) -> Checked {
    trains(trial)?;
    let rows = rows(trial);
    let others = ("other rows", rows.1[..rows.1.len() / 2].to_vec());
    for longest in [0, 100, 1000, WORTH] {
        let expected = train(&*trial.fresh(), &rows, longest)?;
        let codec = trial.fresh();
        train(&*codec, &others, longest)?;
        for turn in ["by another codec, after others", "once more"] {
            ensure!(
                train(&*codec, &rows, longest)? == expected,
                "training on rows, {longest} bytes, {turn}: expected the dictionary of a codec that has trained \
                 nothing before, got another"
            );
        }
    }
    Ok(())
}

pub(super) fn dictionaries_keep_to_their_length(trial: &CodecTrial<'_>) -> Checked {
    trains(trial)?;
    let edges = [255, 256, 257, 1000, WORTH, 2 * SAMPLES];
    let mut trained = Vec::new();
    for longest in (0..20).chain(edges) {
        let Some(dictionary) = train(&*trial.codec, &rows(trial), longest)? else { continue };
        let len = dictionary.len();
        ensure!(len <= longest, "training on rows: expected at most {longest} bytes, got {len}");
        trained.push(longest);
    }
    trial.note(format!("of at most {trained:?} bytes there is a dictionary of rows"));
    Ok(())
}

pub(super) fn odd_samples_are_survived(trial: &CodecTrial<'_>) -> Checked {
    trains(trial)?;
    for samples in odd_samples(trial) {
        for longest in [0, 1, 9, 300, WORTH] {
            // Whatever it is, it is a dictionary then.
            if let Some(dictionary) = train(&*trial.codec, &samples, longest)? {
                let (what, len) = (samples.0, dictionary.len());
                ensure!(len <= longest, "training on {what}: expected at most {longest} bytes, got {len}");
                learned(&*trial.codec, &dictionary)?;
            }
        }
    }
    Ok(())
}

pub(super) fn blocks_come_back_with_a_dictionary(trial: &CodecTrial<'_>) -> Checked {
    let mut dictionaries = vec![dictionary(trial)?];
    for longest in [20, 300, 1000] {
        dictionaries.extend(train(&*trial.codec, &rows(trial), longest)?);
    }
    for dictionary in &dictionaries {
        let codec = learned(&*trial.codec, dictionary)?;
        let other = learned(&*trial.fresh(), dictionary)?;
        for (name, block) in with_samples(trial, &[0, 1, 2, 17, 50, 1000, 4097, 70_000, 300_000]) {
            let name = format!("{name} with a dictionary of {} bytes", dictionary.len());
            let frame = encode_with(&*codec, block, 0xA5, 0)?;
            trial.comes_back(&*codec, &name, &frame, block)?;
            trial.comes_back(&*other, &name, &frame, block)?;
        }
    }
    Ok(())
}

pub(super) fn a_dictionary_keeps_to_the_bound(trial: &CodecTrial<'_>) -> Checked {
    let codec = learned(&*trial.codec, &dictionary(trial)?)?;
    for (name, block) in with_samples(trial, &[0, 1, 2, 17, 50, 255, 1000, 65_536, 300_000]) {
        let longest = trial.codec.max_frame_len(block.len());
        let len = encode_with(&*codec, block, 0, 1000)?.len();
        ensure!(
            len <= longest,
            "frame of {name} with a dictionary: expected at most max_frame_len without, {longest} bytes, got {len}"
        );
        let own = codec.max_frame_len(block.len());
        ensure!(
            len <= own,
            "frame of {name} with a dictionary: expected at most max_frame_len, {own} bytes, got {len}"
        );
        ensure!(len > 0 || block.is_empty(), "frame of {name} with a dictionary: expected a byte, got none");
    }
    Ok(())
}

pub(super) fn a_dictionary_changes_no_identity(trial: &CodecTrial<'_>) -> Checked {
    let (id, params) = (trial.codec.id(), trial.codec.params());
    let codec = learned(&*trial.codec, &dictionary(trial)?)?;
    for (_, block) in with_samples(trial, &[0, 1000]) {
        ensure_eq!(codec.id(), id, "id with a dictionary");
        let (expected, other) = (show(params), show(codec.params()));
        ensure!(codec.params() == params, "params with a dictionary: expected {expected}, got {other}");
        // Nor does use.
        decode_with(&*codec, "decoding", &encode_with(&*codec, block, 0, 0)?, block.len())?;
    }
    Ok(())
}

pub(super) fn a_frame_depends_on_block_and_dictionary_alone(trial: &CodecTrial<'_>) -> Checked {
    let dictionary = dictionary(trial)?;
    let mut blocks = blocks(trial);
    blocks.extend(with_samples(trial, &[]));
    let unused = |(_, block): &(_, &[u8])| {
        let codec = learned(&*trial.fresh(), &dictionary)?;
        encode_with(&*codec, block, 0, 0)
    };
    let expected = blocks.iter().map(unused).collect::<Checked<Vec<_>>>()?;
    let codec = learned(&*trial.codec, &dictionary)?;
    again(&*codec, 0, &blocks, &expected)?;
    again(&*codec, 1, &blocks, &expected)
}

/// Dictionaries that are none any longer, or never were, with what to call them.
fn damaged(dictionary: &[u8]) -> Vec<(String, Vec<u8>)> {
    let len = dictionary.len();
    let mut all = Vec::new();
    let head = HEAD.min(len);
    for bit in (0..head * 8).chain((head * 8..len * 8).step_by(57)) {
        let mut flipped = dictionary.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        all.push((format!("a dictionary with bit {bit} flipped"), flipped));
    }
    for cut in (0..head).chain((head..len).step_by(61)) {
        all.push((format!("the first {cut} of {len} bytes of a dictionary"), dictionary[..cut].to_vec()));
    }
    let mut noise = Noise::new(11);
    for _ in 0..TRIES {
        let more = noise.below(300);
        let bytes = noise.bytes(more);
        // Behind a beginning that is right.
        let start = noise.below(HEAD).min(len);
        let spliced = [&dictionary[..start], &bytes].concat();
        all.push((format!("{start} bytes of a dictionary and {bytes:x?}"), spliced));
        all.push((format!("{bytes:x?}"), bytes));
    }
    all
}

pub(super) fn any_bytes_are_survived_as_a_dictionary(trial: &CodecTrial<'_>) -> Checked {
    let dictionary = dictionary(trial)?;
    let block = rows(trial).1[0];
    let frame = encode_with(&*learned(&*trial.codec, &dictionary)?, block, 0, 0)?;
    let damaged = damaged(&dictionary);
    let mut taken = 0;
    for (what, bytes) in &damaged {
        let Ok(codec) = offer(&*trial.codec, &format!("with_dictionary of {what}"), bytes)? else { continue };
        taken += 1;
        decode_with(&*codec, &format!("decoding with {what}"), &frame, block.len())?;
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            let mut frame = vec![0; codec.max_frame_len(block.len())];
            let len = codec.encode(block, &mut frame);
            len.map(|len| frame.get(..len).map(<[u8]>::to_vec))
        }));
        match encoded {
            // What is encoded is to come back, whatever with.
            Ok(Ok(Some(own))) => trial.comes_back(&*codec, &format!("a sample with {what}"), &own, block)?,
            Ok(Ok(None)) => {
                return broken!("encoding with {what}: expected a length within, got a longer one");
            }
            // Some notice only then.
            Ok(Err(_)) => {}
            Err(panic) => {
                let message = panic_message(&*panic);
                return broken!(
                    "encoding with {what}: expected an error or a frame, got a codec that {message}"
                );
            }
        }
    }
    trial.note(format!(
        "{taken} of {} damaged dictionaries were taken, which is for the object's checksums",
        damaged.len()
    ));
    Ok(())
}

pub(super) fn damage_is_survived_with_a_dictionary(trial: &CodecTrial<'_>) -> Checked {
    let codec = learned(&*trial.codec, &dictionary(trial)?)?;
    let frames = framed(&*codec, with_samples(trial, &[0, 1, 50]))?;
    flip_bits(&*codec, &frames)?;
    claim_lengths(&*codec, &frames)?;
    try_noise(&*codec, &frames)?;
    truncate(&*codec, &frames)
}
