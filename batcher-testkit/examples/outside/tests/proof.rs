//! What the store and the codec are held to. `batcher/tests/outside.rs` runs this text in the workspace.

use batcher::{BatchReader, Batcher, Inline, Lz4, registry};
use batcher_testkit::conformance::{CodecOptions, codec};
use batcher_testkit::{Exploration, FaultKind, World, sink_conformance};
use outside::{Masked, Shelf};

sink_conformance!(shelf, Shelf::default());

#[test]
fn a_codec_that_does_not_look_at_lengths_is_caught() {
    let report = codec(|| Masked, &CodecOptions::default());
    assert!(report.broken().contains(&"a_frame_fills_no_other_length"), "{report}");
}

async fn flush(world: World) -> Result<(), Box<dyn std::error::Error>> {
    let store = world.store(Shelf::default());
    let batcher = Batcher::builder(world.codec(Lz4::default()), store.clone());
    let mut batcher = batcher.executor(world.executor(Inline)).build()?;
    for key in ["counts", "offsets"] {
        batcher.add(key, key.repeat(50))?;
        world.wrote(key, key.repeat(50));
    }
    let report = loop {
        match world.attempt("flush", batcher.flush(7)).await {
            Some(Ok(report)) => break report,
            _ => world.judge_held(batcher.len()), // Whatever went wrong, nothing is lost.
        }
        world.heal();
    };
    world.acknowledged();
    world.settle().await;
    let reader = BatchReader::open(store.inner().clone(), &report.receipts[0].object, &registry()).await?;
    let read = reader.get_many(&["counts", "offsets"]).await?;
    world.judge_read(["counts", "offsets"].into_iter().zip(read.into_iter().flatten()));
    Ok(())
}

#[test]
fn no_flush_loses_anything() {
    use FaultKind::*; // Nothing here lists, pauses, or is a process that dies.
    let lists = [ListMisses, ListRepeats, ListReversed, ListBreaksOff];
    let others = [Oversleeps, ClockJumps, CrashBefore, CrashAfter];
    Exploration::new(flush).without(lists).without(others).depth(2).run().assert_clean();
}
