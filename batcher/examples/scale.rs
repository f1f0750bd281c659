//! Writes many or large blobs into a directory, reads all of them back, and prints time, size and peak memory.
//!
//! `cargo run --release -p batcher --example scale -- DIRECTORY BLOBS BLOB_LEN [lz4|zstd|raw]`

use std::sync::Arc;
use std::time::Instant;

use batcher::{BatchReader, Batcher, Codec, LocalStore, Lz4, Raw, registry};
use batcher_testkit::corpus::BlobKind;
use bytes::Bytes;
use futures_util::TryStreamExt;

/// Rows as a windowed aggregate has them.
fn blob(number: u64, len: usize) -> Bytes {
    BlobKind::Rows.blob(number, len)
}

/// The most memory that this process has had resident, in MiB; Linux only.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

fn codec(name: Option<&str>) -> Result<Arc<dyn Codec>, String> {
    match name {
        None | Some("lz4") => Ok(Arc::new(Lz4::default())),
        Some("raw") => Ok(Arc::new(Raw)),
        #[cfg(feature = "zstd")]
        Some("zstd") => Ok(Arc::new(batcher::Zstd::default())),
        Some(other) => Err(format!("no codec {other}")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, blobs, len, rest @ ..] = arguments.as_slice() else {
        return Err("usage: scale DIRECTORY BLOBS BLOB_LEN [lz4|zstd|raw]".into());
    };
    let (blobs, len): (u64, usize) = (blobs.parse()?, len.parse()?);
    let codec = codec(rest.first().map(String::as_str))?;
    let store = LocalStore::create(directory)?;
    let writer = format!("scale-{}", std::process::id());
    let mut batcher =
        Batcher::builder(codec, store.clone()).writer(writer).memory_limit(usize::MAX).build()?;

    let begun = Instant::now();
    for number in 0..blobs {
        batcher.add(&format!("partition-{number:08}"), blob(number, len))?;
    }
    let added = begun.elapsed();
    let report = batcher.flush(1).await?;
    let receipt = &report.receipts[0];
    let flushed = begun.elapsed() - added;
    println!("object     {} bytes in {}", receipt.object_len, receipt.object);
    println!("state      {} bytes in {} blobs", receipt.blob_bytes, receipt.blobs);
    println!(
        "add        {:.2} s, {:.2} million blobs a second",
        added.as_secs_f64(),
        blobs as f64 / added.as_secs_f64() / 1e6
    );
    println!("flush      {:.2} s, {} requests", flushed.as_secs_f64(), receipt.requests);
    println!("peak       {:?} MiB after the flush", peak_mib());
    drop(batcher);

    let reader = BatchReader::open(store, &receipt.object, &registry()).await?;
    let begun = Instant::now();
    let mut read = 0u64;
    let mut all = reader.blobs();
    while let Some((key, bytes)) = all.try_next().await? {
        let number: u64 = key.trim_start_matches("partition-").parse()?;
        if bytes != blob(number, len) {
            return Err(format!("{key} came back altered").into());
        }
        read += 1;
    }
    println!("read back  {read} blobs, all equal, {:.2} s", begun.elapsed().as_secs_f64());
    println!("peak       {:?} MiB in all", peak_mib());
    Ok(())
}
