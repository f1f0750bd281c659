//! Faults of a codec that has parameters and dictionaries.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::sync::Arc;

use batcher_core::{Codec, CodecError, CodecId};
use batcher_testkit::{Call, Fault, FaultPlan, World};

/// Copies, behind its dictionary's length.
#[derive(Debug)]
struct Copies(usize);

impl Codec for Copies {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE)
    }
    fn params(&self) -> &[u8] {
        b"params"
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len + 1
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        frame[0] = u8::try_from(self.0).unwrap();
        frame[1..=block.len()].copy_from_slice(block);
        Ok(block.len() + 1)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        block.copy_from_slice(&frame[1..]);
        Ok(())
    }
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        let mut all = samples.concat();
        all.truncate(longest);
        Some(all)
    }
    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        Ok(Arc::new(Self(dictionary.len())))
    }
}

/// What a dictionary is trained to, under a fault; `None` where the training is given up.
fn trained(plan: FaultPlan) -> (Option<Option<Vec<u8>>>, usize) {
    let world = World::new(plan);
    let codec = world.codec(Copies(0));
    assert_eq!(codec.params(), b"params");
    let train = async { codec.train_dictionary(&[b"abc", b"def"], 4) };
    (world.run(world.attempt("train", train)).unwrap(), world.fired().len())
}

#[test]
fn a_dictionary_is_trained_or_is_none_or_too_long() {
    let at = |fault| FaultPlan::new().at(Call::Encode, 0, fault);
    assert_eq!(trained(FaultPlan::new()), (Some(Some(b"abcd".to_vec())), 0));
    assert_eq!(trained(at(Fault::CodecFails)), (Some(None), 1));
    assert_eq!(trained(at(Fault::CodecPanics)), (None, 1));
    let (lied, fired) = trained(at(Fault::CodecLies));
    assert_eq!((lied.flatten().map(|dictionary| dictionary.len()), fired), (Some(5), 1));
}

#[test]
fn a_dictionary_is_not_taken() {
    for (fault, given_up) in [(Fault::CodecFails, false), (Fault::CodecPanics, true)] {
        let world = World::new(FaultPlan::new().at(Call::Decode, 0, fault));
        let codec = world.codec(Copies(0));
        let take = async { codec.with_dictionary(b"abc").is_err() };
        assert_eq!(world.run(world.attempt("take", take)).unwrap(), (!given_up).then_some(true));
        assert_eq!(world.fired().len(), 1);
        assert!(codec.with_dictionary(b"abc").is_ok());
    }
}

#[test]
fn a_codec_with_a_dictionary_goes_wrong_as_the_one_without() {
    let world = World::new(FaultPlan::new().at(Call::Encode, 1, Fault::CodecFails));
    let codec = world.codec(Copies(0)).with_dictionary(b"abc").unwrap();
    let mut frame = [9; 3];
    assert_eq!(codec.encode(b"xy", &mut frame).unwrap(), 3);
    assert_eq!(&frame, b"\x03xy");
    assert!(codec.encode(b"xy", &mut frame).is_err());
    let mut block = [0; 2];
    codec.decode(&frame, &mut block).unwrap();
    assert_eq!((&block, world.fired().len()), (b"xy", 1));
}
