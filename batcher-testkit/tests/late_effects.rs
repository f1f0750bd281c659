//! Effects that outlive their callers: who waits for them, who is woken when they end, and that time waits for no others.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod hooked;
mod turns;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use batcher_core::{BlobSink, BlobSource, Operation, Payload, PutMode, Timer};
use batcher_testkit::{Exploration, Fault, FaultPlan, Judge, LATEST, MemoryStore, World, block_on};
use bytes::Bytes;
use futures_util::future::{FutureExt, ready, select};
use hooked::Hooked;
use turns::turns;

fn payload() -> Payload {
    Bytes::from_static(b"state").into()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn others_who_wait_for_an_effect_are_woken_by_whoever_sees_it_end() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    // Nobody is woken, as long as the thread that opens it has not come to that.
    let wait = move || {
        let open = Arc::clone(&is_open);
        poll_fn(move |_| if open.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }).boxed()
    };
    let store = World::default().store(Hooked(MemoryStore::new(), wait));
    let mut put = store.put("o", payload(), PutMode::Create);
    for _ in 0..2 {
        assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(put);
    let mut sizes = [store.size("o"), store.size("o")];
    let wakes: [Arc<Wakes>; 2] = Default::default();
    let wakers = wakes.each_ref().map(|wakes| Waker::from(Arc::clone(wakes)));
    let woken = || wakes.each_ref().map(|wakes| wakes.0.swap(0, Ordering::Relaxed) > 0);
    for (size, waker) in sizes.iter_mut().zip(&wakers) {
        assert!(size.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    assert_eq!(woken(), [false, false]);
    open.store(true, Ordering::Relaxed);
    assert!(sizes[0].as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
    assert!(store.inner().0.object("o").is_some());
    assert!(woken()[1]);
}

/// Of two effects two wait for, and one of the two polls the first to its end: the other is told of it, and both are of the second's.
#[test]
fn who_goes_on_waiting_is_woken_by_what_is_left() {
    #[derive(Default)]
    struct Gate(AtomicBool, Mutex<Option<Waker>>);

    let gates: Arc<[Gate; 2]> = Arc::default();
    let (puts, waits) = (AtomicUsize::new(0), Arc::clone(&gates));
    let wait = move || {
        let (gates, index) = (Arc::clone(&waits), puts.fetch_add(1, Ordering::Relaxed));
        poll_fn(move |context| {
            let gate = &gates[index];
            *gate.1.lock().unwrap() = Some(context.waker().clone());
            if gate.0.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })
        .boxed()
    };
    let world = World::default();
    let store = world.store(Hooked(MemoryStore::new(), wait));
    for name in ["a", "b"] {
        let mut put = store.put(name, payload(), PutMode::Create);
        for _ in 0..2 {
            assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    let wakes: [Arc<Wakes>; 2] = Default::default();
    let wakers = wakes.each_ref().map(|wakes| Waker::from(Arc::clone(wakes)));
    let woken = || wakes.each_ref().map(|wakes| wakes.0.swap(0, Ordering::Relaxed) > 0);
    let mut settled = [world.settle(), world.settle()].map(Box::pin);
    let mut poll = |index: usize| settled[index].as_mut().poll(&mut Context::from_waker(&wakers[index]));
    assert!(poll(0).is_pending() && poll(1).is_pending());
    // As long as the store has not come to waking anybody.
    gates[0].0.store(true, Ordering::Relaxed);
    assert!(poll(0).is_pending());
    assert_eq!(woken(), [false, true]);
    assert!(poll(1).is_pending());
    gates[1].0.store(true, Ordering::Relaxed);
    gates[1].1.lock().unwrap().clone().unwrap().wake();
    assert_eq!(woken(), [true, true]);
    assert!(poll(0).is_ready() && poll(1).is_ready());
}

/// What was late and has been begun goes on before whatever comes after that, even if it is no longer waited for.
#[test]
fn what_a_store_has_begun_is_late_no_longer() {
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(LATEST)));
    let store = world.store(Hooked(MemoryStore::new(), || turns(5).boxed()));
    block_on(store.put("o", payload(), PutMode::Create)).unwrap_err();
    assert!(block_on(store.size("o")).is_err());
    assert!(world.settle().now_or_never().is_none());
    assert!(matches!(block_on(store.size("o")), Ok(5)));
}

/// A waker may hold the world, which must not hold it for ever.
#[test]
fn a_world_that_has_ended_lets_go_of_who_waited() {
    struct Holds(#[expect(dead_code, reason = "held")] World, #[expect(dead_code, reason = "held")] Arc<()>);

    impl Wake for Holds {
        fn wake(self: Arc<Self>) {}
    }

    let held = Arc::new(());
    let run = |world: World| {
        let held = Arc::clone(&held);
        async move {
            let store = world.store(Hooked(MemoryStore::new(), || turns(usize::MAX).boxed()));
            let mut put = store.put("o", payload(), PutMode::Create);
            for _ in 0..2 {
                assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(put);
            let waker = Waker::from(Arc::new(Holds(world.clone(), held)));
            let mut settled = Box::pin(world.settle());
            assert!(settled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            // That it never comes about would be waited for.
            Err::<(), _>("over")
        }
    };
    let judges: Vec<_> =
        Exploration::new(run).replay("").unwrap().violations.iter().map(|found| found.judge).collect();
    assert_eq!(judges, [Judge::Failed, Judge::Time]);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// A store that panics in one effect takes none of the others with it.
#[test]
fn an_effect_that_panics_leaves_the_others() {
    let puts = AtomicUsize::new(0);
    let wait = move || {
        let first = puts.fetch_add(1, Ordering::Relaxed) == 0;
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            match polls {
                1 => Poll::Pending,
                _ if first => std::panic::resume_unwind(Box::new("the store")),
                _ => Poll::Ready(()),
            }
        })
        .boxed()
    };
    let store = World::default().store(Hooked(MemoryStore::new(), wait));
    let mut puts = ["first", "second"].map(|name| store.put(name, payload(), PutMode::Create));
    for _ in 0..2 {
        for put in &mut puts {
            assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    drop(puts);
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(store.size("second")))).is_err());
    assert!(matches!(block_on(store.size("second")), Ok(5)));
    assert!(block_on(store.size("first")).is_err());
}

#[test]
fn time_moves_on_behind_a_write_that_was_dropped_in_the_store() {
    for polls in 1..4 {
        let world = World::default();
        let store = world.store(MemoryStore::new());
        let slept = world.run(async {
            drop(select(store.put("o", payload(), PutMode::Create), turns(polls).boxed()).await);
            world.timer().sleep(Duration::from_secs(1)).await;
        });
        assert_eq!((slept, world.now()), (Ok(()), Duration::from_secs(1)), "{polls}");
        assert!(store.inner().object("o").is_some());
    }
}

#[test]
fn time_waits_for_no_call_that_has_ended_in_its_store() {
    let world = World::default();
    let store = world.store(Hooked(MemoryStore::new(), || ready(()).boxed()));
    let mut put = store.put("o", payload(), PutMode::Create);
    // Its effect has come about, and its caller has not been told.
    for _ in 0..2 {
        assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(store.inner().0.object("o").is_some());
    assert_eq!(world.run(world.timer().sleep(Duration::from_secs(1))), Ok(()));
}
