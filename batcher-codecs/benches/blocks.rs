//! One block through each codec, there and back: `cargo bench -p batcher-codecs --all-features`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use batcher_codecs::{Lz4, Raw, Zstd};
use batcher_core::Codec;
use batcher_testkit::corpus::BlobKind;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// The batcher's default.
const BLOCK_LEN: usize = 256 << 10;

fn blocks(criterion: &mut Criterion) {
    let block = BlobKind::Rows.blob(1, BLOCK_LEN);
    let codecs: [(&str, Box<dyn Codec>); 3] =
        [("lz4", Box::<Lz4>::default()), ("zstd", Box::<Zstd>::default()), ("raw", Box::new(Raw))];
    let mut group = criterion.benchmark_group("block of 256 KiB rows");
    group.throughput(Throughput::Bytes(block.len() as u64));
    for (name, codec) in codecs {
        let mut frame = vec![0; codec.max_frame_len(block.len())];
        let len = codec.encode(&block, &mut frame).unwrap();
        let mut decoded = vec![0; block.len()];
        group.bench_function(format!("{name}, encode"), |bencher| {
            let mut frame = vec![0; frame.len()];
            bencher.iter(|| codec.encode(black_box(&block), &mut frame).unwrap());
        });
        group.bench_function(format!("{name}, decode"), |bencher| {
            bencher.iter(|| codec.decode(black_box(&frame[..len]), &mut decoded).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);
