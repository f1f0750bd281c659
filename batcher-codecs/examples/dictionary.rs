//! What dictionaries save for small blobs, and what they cost:
//! `cargo run --release -p batcher-codecs --features zstd --example dictionary [MIB]`.

use std::time::Instant;

use batcher_codecs::Zstd;
use batcher_core::{Batcher, Codec};
use batcher_testkit::corpus::BlobKind;
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;

const DICTIONARIES: [usize; 4] = [0, 4 << 10, 16 << 10, 64 << 10];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mib = std::env::args().nth(1).map_or(Ok(8), |mib| mib.parse::<usize>())?;
    println!(
        "object bytes for {mib} MiB of blobs, without and with a dictionary of 4, 16 and 64 KiB; MB/s to write them"
    );
    for kind in [BlobKind::Rows, BlobKind::Json] {
        for blob_len in [64, 256, 1024] {
            let count = (mib << 20) / blob_len;
            let blobs: Vec<(String, Bytes)> =
                (0..count as u64).map(|n| (format!("state/{n:08}"), kind.blob(n, blob_len))).collect();
            for block_len in [256 << 10, 64 << 10, 16 << 10, 4 << 10] {
                print!("{kind:?} {blob_len:>5} B, blocks {:>3} KiB:", block_len >> 10);
                for dictionary in DICTIONARIES {
                    let store = MemoryStore::new();
                    let builder = Batcher::builder(Zstd::default(), store).block_len(block_len);
                    let mut batcher = builder.dictionary(dictionary).build()?;
                    let start = Instant::now();
                    for (key, blob) in &blobs {
                        batcher.add(key, blob.clone())?;
                    }
                    let report = block_on(batcher.flush(1))?;
                    let rate = (mib << 20) as f64 / start.elapsed().as_secs_f64() / 1e6;
                    print!(" {:>9} ({rate:>4.0})", report.object_bytes());
                }
                println!();
            }
            print!("{kind:?} {blob_len:>5} B, training:");
            for dictionary in DICTIONARIES.into_iter().skip(1) {
                let most = (32 * dictionary).min(1 << 20).div_ceil(blob_len);
                let samples: Vec<&[u8]> = blobs.iter().take(most).map(|(_, blob)| &blob[..]).collect();
                let start = Instant::now();
                let trained = Zstd::default().train_dictionary(&samples, dictionary);
                let len = trained.map_or(0, |bytes| bytes.len());
                print!(" {len:>6} B in {:>4} ms", start.elapsed().as_millis());
            }
            println!();
        }
    }
    Ok(())
}
