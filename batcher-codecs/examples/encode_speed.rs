//! How fast blocks of each kind are encoded, and to how many bytes:
//! `cargo run --release -p batcher-codecs --features zstd --example encode_speed [BLOCK_LEN]`.

use std::time::{Duration, Instant};

use batcher_codecs::{Lz4, Raw, Zstd};
use batcher_core::{Codec, CodecError};
use batcher_testkit::corpus::BlobKind;

const TOTAL: usize = 16 << 20;
const LEAST: Duration = Duration::from_millis(100);

fn main() -> Result<(), CodecError> {
    let block_len = std::env::args().nth(1).and_then(|len| len.parse().ok()).unwrap_or(256 << 10);
    // Raw is what no codec can be faster than on blocks that do not shrink.
    let codecs: [(&str, Box<dyn Codec>); 5] = [
        ("raw", Box::new(Raw)),
        ("lz4", Box::new(Lz4::default())),
        ("zstd 1", Box::new(Zstd::default())),
        ("zstd 3", Box::new(Zstd::new(3)?)),
        ("zstd 9", Box::new(Zstd::new(9)?)),
    ];
    let kinds = BlobKind::ALL.map(|kind| (format!("{kind:?}"), kind.blob(1, TOTAL).to_vec()));
    // One random page after the other, each several times in its block.
    let noise = BlobKind::Noise.blob(2, TOTAL);
    let repeated = |page: usize, distance: usize| {
        let mut bytes = noise.to_vec();
        for block in bytes.chunks_exact_mut(block_len) {
            for start in (distance..block.len() - page.min(block.len())).step_by(distance) {
                block.copy_within(start - distance..start - distance + page, start);
            }
        }
        bytes
    };
    let adversarial = [
        ("pages of 4096 at 4096".to_owned(), repeated(4096, 4096)),
        ("pages of 32768 at 32768".to_owned(), repeated(32_768, 32_768)),
        ("pages of 32768 at 32771".to_owned(), repeated(32_768, 32_771)),
    ];
    println!("{:24} {:>8} {:>12} {:>12} {:>10}", "blocks", "codec", "bytes", "MB/s best", "median");
    for (kind, bytes) in kinds.into_iter().chain(adversarial) {
        for (name, codec) in &codecs {
            let mut frame = vec![0; codec.max_frame_len(block_len)];
            let (mut total, mut rates) = (0, Vec::new());
            let begin = Instant::now();
            while begin.elapsed() < LEAST || rates.len() < 2 {
                let start = Instant::now();
                total = 0;
                for block in bytes.chunks(block_len) {
                    total += codec.encode(block, &mut frame)?;
                }
                rates.push(TOTAL as f64 / start.elapsed().as_secs_f64() / 1e6);
            }
            rates.sort_by(f64::total_cmp);
            let (best, median) = (rates[rates.len() - 1], rates[rates.len() / 2]);
            println!("{kind:24} {name:>8} {total:>12} {best:>12.0} {median:>10.0}");
        }
    }
    Ok(())
}
