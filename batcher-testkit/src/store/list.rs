//! Lists, gone wrong.

use std::sync::Arc;

use batcher_core::{BlobSource, BlobStore, ObjectInfo, Operation, StoreError, StoreErrorKind};
use futures_util::future::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::FaultStore;
use super::call::{StoreCall, nothing_to_tear};
use crate::fault::{CallInfo, Fault};

type Items = Vec<Result<ObjectInfo, StoreError>>;

pub(super) fn list<'a, S: BlobStore + 'static>(
    store: FaultStore<S>,
    prefix: String,
) -> BoxStream<'a, Result<ObjectInfo, StoreError>> {
    let items = async move {
        let call = store.call(Operation::List, &prefix, CallInfo::default());
        let inner = Arc::clone(&store.inner);
        let asked = prefix.clone();
        let effect = async move { Ok(inner.list(&asked).collect::<Items>().await) };
        let listed = call.outcome(effect.boxed(), nothing_to_tear).await;
        let items = match listed {
            Ok(items) => go_wrong(&call, &prefix, items),
            Err(error) => vec![Err(error)],
        };
        // It has failed where it breaks off.
        call.answered(items.iter().find_map(|item| item.as_ref().err()));
        items
    };
    stream::once(items).map(stream::iter).flatten().boxed()
}

fn go_wrong(call: &StoreCall, prefix: &str, mut items: Items) -> Items {
    {
        let mut state = call.world.state();
        if let Some(record) = state.calls.get_mut(call.id() as usize) {
            record.info.present = !items.is_empty();
            record.info.len = items.len() as u64;
        }
    }
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    match call.fault() {
        Some(Fault::Stale(effects)) => {
            let changed = call.world.state().ledger(call.store()).changed_below(prefix, effects);
            if changed.is_empty() {
                return items;
            }
            items.retain(|item| !matches!(item, Ok(info) if changed.contains_key(&info.name)));
            let before = changed.into_iter().filter_map(|(name, len)| Some(ObjectInfo { name, len: len? }));
            items.extend(before.map(Ok));
        }
        Some(Fault::ListMisses(object)) if index(object) < items.len() => drop(items.remove(index(object))),
        Some(Fault::ListRepeats) if !items.is_empty() => {
            let twice: Vec<_> = items.iter().flatten().cloned().map(Ok).collect();
            items.extend(twice);
        }
        Some(Fault::ListReversed) if items.len() > 1 => items.reverse(),
        Some(Fault::ListBreaksOff(objects)) => {
            items.truncate(index(objects));
            items.push(Err(call.error(StoreErrorKind::Unavailable)));
        }
        _ => return items,
    }
    call.fire();
    items
}
