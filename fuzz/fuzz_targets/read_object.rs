//! Reads whatever bytes come as an object, in every way there is. Built by `cargo fuzz`, checksums are not compared, so
//! that the fuzzer gets behind them.
#![no_main]

use batcher_codecs::registry;
use batcher_core::{BatchReader, ReadOptions};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|object: &[u8]| {
    block_on(async {
        let store = MemoryStore::new();
        store.insert("o", Bytes::copy_from_slice(object));
        for first_read_len in [64, 1 << 20] {
            let options =
                ReadOptions::default().with_first_read_len(first_read_len).with_memory_limit(32 << 20);
            let Ok(reader) = BatchReader::open_with(store.clone(), "o", &registry(), options).await else {
                continue;
            };
            let _ = reader.verify().await;
            let keys: Result<Vec<_>, _> = reader.keys().try_collect().await;
            let mut held = 0;
            let mut blobs = reader.blobs();
            while let Ok(Some((key, blob))) = blobs.try_next().await {
                held += blob.len();
                let one = reader.get(&key).await.expect("what was read once can be read again");
                assert!(one.expect("has the key") == blob);
                if held > 32 << 20 {
                    break;
                }
            }
            if let Ok(keys) = keys {
                let some: Vec<_> = keys.iter().take(50).map(|blob| &blob.key).collect();
                let _ = reader.get_many(&some).await;
            }
        }
    });
});
