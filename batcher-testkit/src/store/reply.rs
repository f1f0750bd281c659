//! Answers of reads, gone wrong.

use batcher_core::{Payload, ReadRange, ReadReply, StoreError, StoreErrorKind};
use bytes::{Bytes, BytesMut};

use super::call::StoreCall;
use crate::fault::Fault;

/// The answer of a read, as the caller gets it.
pub(super) fn read(
    call: &StoreCall,
    range: &ReadRange,
    reply: Result<ReadReply, StoreError>,
) -> Result<ReadReply, StoreError> {
    note(call, reply.as_ref().map(|reply| reply.bytes.len() as u64).ok());
    match (call.fault(), reply) {
        (Some(Fault::Stale(effects)), Ok(_) | Err(_)) if has_history(call, effects) => {
            call.fire();
            let old = before(call, effects).ok_or_else(|| call.error(StoreErrorKind::NotFound))?;
            Ok(cut(&old, range, format!("stale-{effects}")))
        }
        (Some(Fault::Absent), Ok(_)) => {
            call.fire();
            Err(call.error(StoreErrorKind::NotFound))
        }
        (Some(fault), Ok(mut reply)) if !reply.bytes.is_empty() => {
            if let Some(bytes) = spoil(call, range, fault, &reply.bytes) {
                call.fire();
                reply.bytes = bytes;
            }
            Ok(reply)
        }
        (_, reply) => reply,
    }
}

/// The answer of a size, as the caller gets it.
pub(super) fn size(call: &StoreCall, size: Result<u64, StoreError>) -> Result<u64, StoreError> {
    note(call, size.as_ref().ok().copied());
    match (call.fault(), size) {
        (Some(Fault::Stale(effects)), Ok(_) | Err(_)) if has_history(call, effects) => {
            call.fire();
            let old = before(call, effects).ok_or_else(|| call.error(StoreErrorKind::NotFound))?;
            Ok(old.len())
        }
        (Some(Fault::Absent), Ok(_)) => {
            call.fire();
            Err(call.error(StoreErrorKind::NotFound))
        }
        (_, size) => size,
    }
}

/// Notes what the call has found, by which it is known what can go wrong with it.
fn note(call: &StoreCall, found: Option<u64>) {
    let mut state = call.world.state();
    if let Some(record) = state.calls.get_mut(call.id() as usize) {
        record.info.present = found.is_some();
        record.info.len = found.unwrap_or(0);
    }
}

fn has_history(call: &StoreCall, effects: u32) -> bool {
    call.world.state().ledger(call.store()).effects_on(&call.name) >= effects
}

fn before(call: &StoreCall, effects: u32) -> Option<Payload> {
    call.world.state().ledger(call.store()).before(&call.name, effects).cloned()
}

fn cut(object: &Payload, range: &ReadRange, version: String) -> ReadReply {
    let bytes = object.to_bytes();
    let range = range.resolve(object.len());
    let index = |offset| usize::try_from(offset).unwrap_or(bytes.len());
    ReadReply {
        bytes: bytes.slice(index(range.start)..index(range.end)),
        object_len: object.len(),
        version: Some(version),
    }
}

/// The bytes, gone wrong; `None` where the fault makes no difference to them.
fn spoil(call: &StoreCall, range: &ReadRange, fault: Fault, bytes: &Bytes) -> Option<Bytes> {
    let spoilt = match fault {
        Fault::ShortRead(missing) => {
            let missing = usize::try_from(missing).unwrap_or(usize::MAX);
            bytes.slice(..bytes.len().saturating_sub(missing))
        }
        Fault::FlipBit(bit) => {
            let mut flipped = BytesMut::from(&**bytes);
            let place = usize::try_from(bit / 8 % bytes.len() as u64).unwrap_or(0);
            flipped[place] ^= 1 << (bit % 8);
            flipped.freeze()
        }
        Fault::ZeroedRead => Bytes::from(vec![0; bytes.len()]),
        Fault::Misdirected => misdirected(call, range, bytes),
        _ => return None,
    };
    (spoilt != *bytes).then_some(spoilt)
}

/// As many bytes from the same place of another object, or else from another place of the same bytes.
fn misdirected(call: &StoreCall, range: &ReadRange, bytes: &Bytes) -> Bytes {
    let other = call.world.state().ledger(call.store()).other(&call.name).cloned();
    if let Some(other) = other {
        let found = cut(&other, range, String::new()).bytes;
        if found.len() == bytes.len() {
            return found;
        }
    }
    let middle = bytes.len() / 2;
    [&bytes[middle..], &bytes[..middle]].concat().into()
}
