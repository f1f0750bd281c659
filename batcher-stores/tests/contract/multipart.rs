//! The rules of uploads in parts.

use std::collections::BTreeMap;

use batcher_core::{BlobStore, Payload, PutMode, StoreErrorKind};
use bytes::Bytes;
use futures_util::future::join_all;

use super::{listed, payload, whole};

/// Parts of more than the shortest length that any store takes, the last one excepted.
fn parts() -> Vec<Payload> {
    let chunk = |byte, len| Bytes::from(vec![byte; len]);
    vec![
        [chunk(1, 5 << 20), chunk(2, 77)].into_iter().collect(),
        payload(chunk(3, 6 << 20)),
        payload(chunk(4, 5 << 20)),
        payload(chunk(5, 3)),
    ]
}

fn modes(store: &dyn BlobStore) -> Vec<PutMode> {
    let capabilities = store.capabilities();
    let replace = capabilities.multipart.then_some(PutMode::Replace);
    replace.into_iter().chain(capabilities.multipart_create.then_some(PutMode::Create)).collect()
}

pub(super) async fn parts_finish_in_any_order(store: &dyn BlobStore) {
    let object: Payload = parts().iter().flat_map(|part| part.chunks().to_vec()).collect();
    for mode in modes(store) {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let name = format!("parts/{mode:?}/{order:?}");
            let mut upload = store.start_multipart(&name, mode).await.expect("start");
            let mut puts: Vec<_> = parts().into_iter().map(|part| Some(upload.put_part(part))).collect();
            for number in order {
                puts[number].take().expect("each part once").await.expect("part");
            }
            assert_eq!(store.size(&name).await.expect_err("not complete").kind(), StoreErrorKind::NotFound);
            assert!(listed(store, "parts/").await.keys().all(|listed| *listed != name));
            upload.complete().await.expect("complete");
            assert_eq!(whole(store, &name).await.expect("read"), object.to_bytes());
        }
        let name = format!("parts/{mode:?}/at once");
        let mut upload = store.start_multipart(&name, mode).await.expect("start");
        let puts: Vec<_> = parts().into_iter().map(|part| upload.put_part(part)).collect();
        for put in join_all(puts).await {
            put.expect("part");
        }
        upload.complete().await.expect("complete");
        assert_eq!(whole(store, &name).await.expect("read"), object.to_bytes());

        // Now that the name is taken.
        let mut upload = store.start_multipart(&name, mode).await.expect("start");
        upload.put_part(payload("short")).await.expect("part");
        let completed = upload.complete().await;
        if mode == PutMode::Create {
            assert_eq!(completed.expect_err("taken").kind(), StoreErrorKind::AlreadyExists);
            assert_eq!(store.size(&name).await.expect("size"), object.len());
        } else {
            completed.expect("replace");
            assert_eq!(whole(store, &name).await.expect("read"), "short");
        }
    }
}

pub(super) async fn aborted_uploads_leave_nothing(store: &dyn BlobStore) {
    for mode in modes(store) {
        let name = format!("aborted/{mode:?}");
        let mut upload = store.start_multipart(&name, mode).await.expect("start");
        upload.put_part(payload("part")).await.expect("part");
        upload.abort().await.expect("abort");
        drop(store.start_multipart(&name, mode).await.expect("start and drop"));
        assert_eq!(store.size(&name).await.expect_err("aborted").kind(), StoreErrorKind::NotFound);
        assert_eq!(listed(store, "aborted").await, BTreeMap::new());
    }
}
