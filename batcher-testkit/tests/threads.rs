//! Stores and executors that work on threads of their own: a world waits for them, and they wake it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod hooked;
mod turns;

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use batcher_core::{BlobSink, BlobSource, Executor, Job, Operation, Payload, PutMode, Timer};
use batcher_testkit::{Fault, FaultPlan, LATEST, MemoryStore, VirtualTime, World, block_on};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, join, select};
use futures_util::stream::FuturesUnordered;
use hooked::Hooked;
use turns::turns;

/// How long a thread takes; what takes longer than this by far was not woken.
const WORK: Duration = Duration::from_millis(20);

/// Whether work has been done, and who waits for it.
type Done = Arc<Mutex<(bool, Option<Waker>)>>;

fn until(done: &Done) -> BoxFuture<'static, ()> {
    let done = Arc::clone(done);
    poll_fn(move |context| {
        let mut done = done.lock().unwrap();
        done.1 = Some(context.waker().clone());
        if done.0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .boxed()
}

fn finish(done: &Done) {
    let waiting = {
        let mut done = done.lock().unwrap();
        done.0 = true;
        done.1.take()
    };
    waiting.into_iter().for_each(Waker::wake);
}

/// Ends once a thread has done its work.
fn work() -> BoxFuture<'static, ()> {
    let done = Done::default();
    let ended = until(&done);
    thread::spawn(move || {
        thread::sleep(WORK);
        finish(&done);
    });
    ended
}

fn payload() -> Payload {
    Bytes::from_static(b"state").into()
}

#[test]
fn time_waits_for_a_store_and_a_store_wakes_its_world() {
    let (world, begun) = (World::default(), Instant::now());
    let store = world.store(Hooked(MemoryStore::new(), work));
    let put = async {
        store.put("o", payload(), PutMode::Create).await.unwrap();
        world.now()
    };
    let (put, ()) = world.run(join(put, world.timer().sleep(Duration::from_secs(3600)))).unwrap();
    assert_eq!((put, world.now()), (Duration::ZERO, Duration::from_secs(3600)));
    assert!(begun.elapsed() < WORK * 500);
}

#[test]
fn time_waits_for_a_store_whose_caller_has_gone() {
    let (world, begun) = (World::default(), Instant::now());
    let store = world.store(Hooked(MemoryStore::new(), work));
    let there = world.run(async {
        drop(select(store.put("o", payload(), PutMode::Create), turns(3).boxed()).await);
        world.timer().sleep(Duration::from_secs(3600)).await;
        store.inner().0.object("o").is_some()
    });
    assert!(there.unwrap());
    assert!(begun.elapsed() < WORK * 500);
}

#[test]
fn all_who_wait_for_a_thread_go_on_when_it_has_done_its_work() {
    let world = World::default();
    let store = world.store(Hooked(MemoryStore::new(), work));
    let sizes = world.run(async {
        drop(select(store.put("o", payload(), PutMode::Create), turns(3).boxed()).await);
        let sizes: FuturesUnordered<_> = [store.size("o"), store.size("o")].into_iter().collect();
        sizes.collect::<Vec<_>>().await
    });
    let sizes: Vec<_> = sizes.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(sizes, [5, 5]);
}

/// Runs each job on a thread of its own, which takes its time.
#[derive(Debug)]
struct Threads;

impl Executor for Threads {
    fn execute(&self, job: Job) {
        thread::spawn(move || {
            thread::sleep(WORK);
            job();
        });
    }
    fn parallelism(&self) -> usize {
        1
    }
}

#[test]
fn time_moves_on_behind_a_job_that_wakes_nobody() {
    let (world, begun) = (World::default(), Instant::now());
    let ran = Arc::new(Mutex::new(None));
    let (running, timer) = (Arc::clone(&ran), world.timer());
    world.executor(Threads).execute(Box::new(move || *running.lock().unwrap() = Some(timer.now())));
    world.run(world.timer().sleep(Duration::from_secs(3600))).unwrap();
    assert_eq!((*ran.lock().unwrap(), world.now()), (Some(Duration::ZERO), Duration::from_secs(3600)));
    assert!(begun.elapsed() < WORK * 500);
}

/// An effect that a thread is about to bring about has not come about, and whoever comes after it waits.
#[test]
fn what_one_thread_brings_about_another_waits_for() {
    let (begin, begun) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let seams = Arc::new(Mutex::new((begin, opened)));
    // The thread that polls it a second time is held until it may go on.
    let wait = move || {
        let (seams, mut polls) = (Arc::clone(&seams), 0);
        poll_fn(move |_| {
            polls += 1;
            if polls == 1 {
                return Poll::Pending;
            }
            let seams = seams.lock().unwrap();
            seams.0.send(()).unwrap();
            seams.1.recv_timeout(WORK * 500).unwrap();
            Poll::Ready(())
        })
        .boxed()
    };
    let store = Arc::new(World::default().store(Hooked(MemoryStore::new(), wait)));
    let mut put = store.put("o", payload(), PutMode::Create);
    for _ in 0..2 {
        assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(put);
    let first = Arc::clone(&store);
    let first = thread::spawn(move || block_on(first.size("o")));
    begun.recv_timeout(WORK * 500).unwrap();
    let second = Arc::clone(&store);
    let second = thread::spawn(move || block_on(second.size("o")));
    // It has all the time that it needs to come to a wrong answer, and to no right one.
    thread::sleep(WORK);
    assert!(!second.is_finished());
    open.send(()).unwrap();
    let since = Instant::now();
    while !(first.is_finished() && second.is_finished()) {
        assert!(since.elapsed() < WORK * 500, "nobody wakes them");
        thread::sleep(WORK / 10);
    }
    assert_eq!([first, second].map(|size| size.join().unwrap().unwrap()), [5, 5]);
}

/// One who lets late effects come about keeps nobody waiting who comes before them.
#[test]
fn what_is_late_is_not_waited_for_while_a_thread_brings_it_about() {
    let (begin, begun) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let seams = Arc::new(Mutex::new((begin, opened)));
    let wait = move || {
        let seams = Arc::clone(&seams);
        poll_fn(move |_| {
            let seams = seams.lock().unwrap();
            seams.0.send(()).unwrap();
            seams.1.recv_timeout(WORK * 500).unwrap();
            Poll::Ready(())
        })
        .boxed()
    };
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(LATEST)));
    let store = Arc::new(world.store(Hooked(MemoryStore::new(), wait)));
    block_on(store.put("o", payload(), PutMode::Create)).unwrap_err();
    let settled = thread::spawn(move || block_on(world.settle()));
    begun.recv_timeout(WORK * 500).unwrap();
    let (answer, answered) = mpsc::channel();
    let size = Arc::clone(&store);
    let size = thread::spawn(move || answer.send(block_on(size.size("o"))).unwrap());
    assert!(answered.recv_timeout(WORK * 500).unwrap().is_err(), "it is not there yet");
    open.send(()).unwrap();
    settled.join().unwrap();
    size.join().unwrap();
    assert_eq!(block_on(store.size("o")).ok(), Some(5));
}

/// Of an effect that takes several polls, each may be another thread's.
#[test]
fn an_effect_that_is_given_back_is_waited_for() {
    for _ in 0..20 {
        let store = World::default().store(Hooked(MemoryStore::new(), || turns(20_000).boxed()));
        let mut put = store.put("o", payload(), PutMode::Create);
        for _ in 0..2 {
            assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(put);
        let sizes = thread::scope(|scope| {
            let sizes = [0; 3].map(|_| scope.spawn(|| block_on(store.size("o"))));
            sizes.map(|size| size.join().unwrap().map_err(|error| error.kind()))
        });
        assert_eq!(sizes, [Ok(5); 3]);
    }
}

/// Whoever comes to an effect that has ended meanwhile tells all others, even those whom a thread is about to wake.
#[test]
fn an_effect_has_ended_for_all_while_a_thread_still_wakes_them() {
    /// Has another polled, and holds the first that wakes it until that may go on.
    struct Holds(Waker, Mutex<Option<mpsc::Receiver<()>>>);

    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            let opened = self.1.lock().unwrap().take();
            self.0.wake_by_ref();
            let _ = opened.map(|opened| opened.recv_timeout(WORK * 500));
        }
    }

    let (world, done) = (World::default(), Done::default());
    let put = Arc::clone(&done);
    let store = world.store(Hooked(MemoryStore::new(), move || until(&put)));
    let (open, opened) = mpsc::channel();
    let size = world.run(async {
        drop(select(store.put("o", payload(), PutMode::Create), turns(3).boxed()).await);
        let held = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let held = Waker::from(Arc::new(Holds(held, Mutex::new(Some(opened)))));
        let mut first = store.size("o");
        assert!(first.as_mut().poll(&mut Context::from_waker(&held)).is_pending());
        let mut others: FuturesUnordered<_> = [store.size("o")].into_iter().collect();
        assert!(others.next().now_or_never().is_none());
        let thread = thread::spawn(move || finish(&done));
        let size = others.next().await.unwrap();
        open.send(()).unwrap();
        thread.join().unwrap();
        size
    });
    assert_eq!(size.map(|size| size.map_err(|error| error.kind())), Ok(Ok(5)));
}

/// As long as a thread still wakes those who wait for what has ended, something can happen without time moving on.
#[test]
fn time_waits_for_a_thread_that_wakes_others() {
    /// Says when it is woken, and holds whoever does that until they may go on.
    struct Holds(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
            let _ = self.1.lock().unwrap().recv_timeout(WORK * 500);
        }
    }

    let (world, done) = (World::default(), Done::default());
    let put = Arc::clone(&done);
    let store = Arc::new(world.store(Hooked(MemoryStore::new(), move || until(&put))));
    let mut put = store.put("o", payload(), PutMode::Create);
    for _ in 0..2 {
        assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(put);
    let ((wakes, woken), (open, opened)) = (mpsc::channel(), mpsc::channel());
    let held = Waker::from(Arc::new(Holds(wakes, Mutex::new(opened))));
    let mut waits = store.size("o");
    assert!(waits.as_mut().poll(&mut Context::from_waker(&held)).is_pending());
    // It has ended, and nobody has been woken by the store itself.
    done.lock().unwrap().0 = true;
    let ends = Arc::clone(&store);
    let ends = thread::spawn(move || block_on(ends.size("o")));
    woken.recv_timeout(WORK * 500).unwrap();
    let (slept, sleeping) = mpsc::channel();
    let sleeper = thread::spawn(move || {
        slept.send(world.run(world.timer().sleep(Duration::from_secs(3600)))).unwrap();
    });
    thread::sleep(WORK);
    assert!(sleeping.try_recv().is_err());
    open.send(()).unwrap();
    assert_eq!(sleeping.recv_timeout(WORK * 500), Ok(Ok(())));
    sleeper.join().unwrap();
    assert!(matches!(ends.join().unwrap(), Ok(5)));
}

#[test]
fn what_is_planted_and_lost_may_take_a_thread_too() {
    let world = World::default();
    let store = world.store(Hooked(MemoryStore::new(), work));
    world.run(world.plant(&store, "o", "theirs")).unwrap().unwrap();
    assert!(store.inner().0.object("o").is_some());

    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Blanked));
    let store = world.store(Hooked(MemoryStore::new(), work));
    let ended = world.run(async {
        store.put("o", payload(), PutMode::Create).await.unwrap();
        world.restart().await;
    });
    assert_eq!((ended, store.inner().0.object("o")), (Ok(()), Some(Bytes::from_static(&[0; 5]))));
}

/// A waker is somebody else's code, which may ask the world for something.
#[test]
fn wakers_may_ask_for_the_time() {
    struct Asks(VirtualTime, mpsc::Sender<Duration>);

    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            self.1.send(self.0.now()).unwrap();
        }
    }

    let (told, times) = mpsc::channel();
    thread::spawn(move || {
        let world = World::default();
        let mut sleep = world.timer().sleep(Duration::from_secs(1));
        let waker = Waker::from(Arc::new(Asks(world.timer(), told)));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        world.run(world.timer().sleep(Duration::from_secs(2))).unwrap();
    });
    assert_eq!(times.recv_timeout(WORK * 500), Ok(Duration::from_secs(1)));
}

#[test]
#[ignore = "takes half a minute: run by hand"]
fn what_no_thread_brings_about_is_stuck() {
    let (world, begun) = (World::default(), Instant::now());
    let store = world.store(Hooked(MemoryStore::new(), || pending().boxed()));
    assert!(world.run(store.put("o", payload(), PutMode::Create)).is_err());
    assert!(begun.elapsed() > Duration::from_secs(29));
}
