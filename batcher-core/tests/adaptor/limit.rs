use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use batcher_core::{BlobSink, BlobSource, Limit, Operation, PutMode, ReadRange, StoreError, Timer};
use batcher_testkit::MemoryStore;
use futures_util::future::{join, join_all};
use futures_util::stream::StreamExt;

use crate::script::{Item, OPERATIONS, Reply, Script, payload, run_operation};
use crate::virtual_time::VirtualTime;

const STEP: Duration = Duration::from_secs(1);

fn limited(script: &Script, operations: usize) -> Limit<Script> {
    Limit::new(script.clone(), NonZeroUsize::new(operations).unwrap())
}

#[test]
fn no_more_than_the_limit_run_at_once_and_all_of_it_is_used() {
    for limit in 1..=4 {
        let time = VirtualTime::default();
        let script = Script::new(&time, vec![Reply::DoneAfter(STEP); 12]);
        let limited = limited(&script, limit);
        let results = time.run(join_all((0..12).map(|_| limited.size("name"))));
        assert!(results.into_iter().all(|result| result.is_ok()));
        assert_eq!(script.most_running(), limit);
        assert_eq!(time.now(), STEP * u32::try_from(12_usize.div_ceil(limit)).unwrap());
    }
}

#[test]
fn parts_count_each() {
    let time = VirtualTime::default();
    let script = Script::new(&time, vec![Reply::DoneAfter(STEP); 8]);
    let limited = limited(&script, 2);
    time.run(async {
        let mut upload = limited.start_multipart("name", PutMode::Replace).await.unwrap();
        let parts: Vec<_> = (0..6).map(|_| upload.put_part(payload())).collect();
        assert!(join_all(parts).await.into_iter().all(|result| result.is_ok()));
        upload.complete().await.unwrap();
    });
    assert_eq!(script.most_running(), 2);
    assert_eq!(time.now(), STEP * 5);
}

#[test]
fn operations_run_in_the_order_in_which_they_came() {
    let time = VirtualTime::default();
    let script = Script::new(&time, vec![Reply::DoneAfter(STEP); 20]);
    let limited = limited(&script, 3);
    let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    time.run(join_all(names.iter().map(|name| limited.size(name))));
    let called: Vec<String> = script.calls().into_iter().map(|(_, name)| name).collect();
    assert_eq!(called, names);
}

#[test]
fn a_newcomer_does_not_overtake_a_waiter_that_has_not_been_polled_yet() {
    let mut context = Context::from_waker(Waker::noop());
    let time = VirtualTime::default();
    let script = Script::new(&time, [Reply::Hang]);
    let limited = limited(&script, 1);
    let mut holder = limited.size("holder");
    let mut waiter = limited.size("waiter");
    let mut newcomer = limited.size("newcomer");
    assert!(holder.as_mut().poll(&mut context).is_pending());
    assert!(waiter.as_mut().poll(&mut context).is_pending());
    drop(holder);
    assert!(newcomer.as_mut().poll(&mut context).is_pending());
    assert!(matches!(waiter.as_mut().poll(&mut context), Poll::Ready(Ok(5))));
    assert!(matches!(newcomer.as_mut().poll(&mut context), Poll::Ready(Ok(5))));
}

#[test]
fn what_is_listed_can_be_read_while_the_list_is_open() {
    let time = VirtualTime::default();
    let items = vec![Item::Object("a"), Item::Pause(STEP), Item::Object("b"), Item::Object("c")];
    let script = Script::new(&time, []).with_lists([items]);
    let limited = limited(&script, 1);
    let read =
        time.run(limited.list("").then(|info| limited.size_of(info.unwrap().name)).collect::<Vec<_>>());
    assert_eq!(read, [5, 5, 5]);
}

#[test]
fn a_list_counts_while_it_waits_for_items() {
    let time = VirtualTime::default();
    let script =
        Script::new(&time, [Reply::DoneAfter(STEP)]).with_lists([vec![Item::Pause(STEP), Item::Object("a")]]);
    let limited = limited(&script, 1);
    let (items, size) = time.run(join(limited.list("").collect::<Vec<_>>(), limited.size("name")));
    assert_eq!((items.len(), size.unwrap()), (1, 5));
    assert_eq!(time.now(), STEP * 2);
}

trait SizeOf {
    fn size_of(&self, name: String) -> impl Future<Output = u64>;
}

impl<S: BlobSource> SizeOf for S {
    async fn size_of(&self, name: String) -> u64 {
        self.size(&name).await.unwrap()
    }
}

#[test]
fn waiters_that_have_gone_away_take_no_memory_and_no_turn() {
    let mut context = Context::from_waker(Waker::noop());
    let time = VirtualTime::default();
    let limited = limited(&Script::new(&time, [Reply::Hang]), 1);
    let mut holder = limited.size("holder");
    assert!(holder.as_mut().poll(&mut context).is_pending());
    let mut waiters: Vec<_> = (0..100).map(|_| limited.size("waiter")).collect();
    for waiter in &mut waiters {
        assert!(waiter.as_mut().poll(&mut context).is_pending());
    }
    let measured = allocation_counter::measure(|| {
        for _ in 0..10_000 {
            assert!(limited.size("gone").as_mut().poll(&mut context).is_pending());
        }
    });
    assert!(measured.bytes_current < 100_000, "{measured:?}");
    let mut last = limited.size("last");
    assert!(last.as_mut().poll(&mut context).is_pending());
    drop(holder);
    for waiter in &mut waiters {
        assert!(last.as_mut().poll(&mut context).is_pending());
        assert!(waiter.as_mut().poll(&mut context).is_ready());
    }
    assert!(last.as_mut().poll(&mut context).is_ready());
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + 'a>>;

/// Drops operations after every number of polls, with every number of others ahead of them in the queue, and
/// asks each time whether all permits are still there.
#[test]
fn dropping_an_operation_anywhere_leaks_no_permit() {
    let mut context = Context::from_waker(Waker::noop());
    let mut tried = 0;
    for limit in 1..=2 {
        for operation in OPERATIONS {
            for ahead in 0..4 {
                for polls in 0..100 {
                    let time = VirtualTime::default();
                    let script = Script::new(&time, vec![Reply::DoneAfter(STEP); 16]);
                    let limited = limited(&script, limit);
                    let mut others: Vec<Running<'_>> = Vec::new();
                    for _ in 0..ahead {
                        others.push(Box::pin(run_operation(&limited, operation)));
                    }
                    let mut victim: Running<'_> = Box::pin(run_operation(&limited, operation));
                    let mut done = false;
                    for _ in 0..polls {
                        others.retain_mut(|other| other.as_mut().poll(&mut context).is_pending());
                        done = done || victim.as_mut().poll(&mut context).is_ready();
                        if script.running() > 0 {
                            time.advance();
                        }
                    }
                    drop(victim);
                    // In reverse, so that a permit is handed to a future that is then dropped before it is polled.
                    while let Some(other) = others.pop() {
                        drop(other);
                    }
                    assert_eq!(script.running(), 0);
                    let mut all: Vec<_> =
                        (0..=limit).map(|_| limited.read("", ReadRange::Suffix(1))).collect();
                    for one in &mut all {
                        assert!(one.as_mut().poll(&mut context).is_pending());
                    }
                    assert_eq!(script.running(), limit, "{operation:?}: {ahead} ahead, {polls} polls");
                    assert_eq!(script.most_running(), limit);
                    tried += 1;
                    if done {
                        break;
                    }
                    assert!(polls < 99, "{operation:?} never ends");
                }
            }
        }
    }
    assert!(tried > 100, "only {tried} places were tried");
}

#[test]
fn a_permit_on_its_way_to_a_dropped_waiter_goes_to_the_next() {
    let mut context = Context::from_waker(Waker::noop());
    let time = VirtualTime::default();
    let script = Script::new(&time, [Reply::Hang]);
    let limited = limited(&script, 1);
    let mut holder = limited.size("holder");
    let mut waiters: Vec<_> = (0..200).map(|_| limited.size("waiter")).collect();
    assert!(holder.as_mut().poll(&mut context).is_pending());
    for waiter in &mut waiters {
        assert!(waiter.as_mut().poll(&mut context).is_pending());
    }
    let mut last = waiters.pop().unwrap();
    drop(holder);
    // The first waiter has been handed the permit and has not been polled since.
    for waiter in waiters {
        drop(waiter);
    }
    assert!(matches!(last.as_mut().poll(&mut context), Poll::Ready(Ok(5))));
}

struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waiter_that_has_gone_away_holds_nothing_of_its_task() {
    let time = VirtualTime::default();
    let limited = limited(&Script::new(&time, [Reply::Hang]), 1);
    let mut holder = limited.size("holder");
    assert!(holder.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let task = Arc::new(Task);
    let mut waiter = limited.size("waiter");
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&task)))).is_pending());
    assert_eq!(Arc::strong_count(&task), 2);
    drop(waiter);
    assert_eq!(Arc::strong_count(&task), 1);
}

/// Permits are handed on while whoever waits for them goes away on another thread.
#[test]
fn threads_that_give_up_at_any_moment_lose_no_permit() {
    let limited = Limit::new(MemoryStore::new(), NonZeroUsize::new(2).unwrap());
    limited.inner().insert("object", "bytes");
    thread::scope(|scope| {
        for seed in 0..4_u32 {
            let limited = &limited;
            scope.spawn(move || {
                let mut context = Context::from_waker(Waker::noop());
                for round in 0..20_000 {
                    let mut size = limited.size("object");
                    let polls = (round ^ (round >> 3) ^ seed) % 6;
                    let _ = (0..polls).any(|_| size.as_mut().poll(&mut context).is_ready());
                }
            });
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    let mut all: Vec<_> = (0..2).map(|_| limited.size("object")).collect();
    for _ in 0..100 {
        all.retain_mut(|size| size.as_mut().poll(&mut context).is_pending());
    }
    assert!(all.is_empty(), "both permits are there");
    // And no more of them than there were: of three reads, two get to the store.
    let before = limited.inner().requests(Operation::Read);
    let mut three: Vec<_> = (0..3).map(|_| limited.read("object", ReadRange::Suffix(1))).collect();
    for read in &mut three {
        assert!(read.as_mut().poll(&mut context).is_pending());
    }
    assert!((0..100).all(|_| three[2].as_mut().poll(&mut context).is_pending()));
    assert_eq!(limited.inner().requests(Operation::Read) - before, 2);
}
