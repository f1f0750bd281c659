//! Faults of codecs, executors and time, and what a world does about futures that never end.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use batcher_codecs::Lz4;
use batcher_core::{BlobSource, Codec, CodecError, Executor, Inline, Job, Operation, Timer};
use batcher_testkit::{Call, Fault, FaultPlan, Judge, MemoryStore, World};
use futures_util::future::join;

/// A frame of a block, or what the codec said instead.
fn encode(codec: &impl Codec, block: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut frame = vec![0; codec.max_frame_len(block.len())];
    let len = codec.encode(block, &mut frame)?;
    frame.truncate(len);
    Ok(frame)
}

#[test]
fn a_codec_fails_in_the_call_that_is_chosen() {
    let plan = FaultPlan::new().at(Call::Encode, 1, Fault::CodecFails).at(Call::Decode, 0, Fault::CodecFails);
    let world = World::new(plan);
    let codec = world.codec(Lz4::default());
    let frame = encode(&codec, b"state").unwrap();
    assert!(matches!(encode(&codec, b"state"), Err(CodecError::Library(_))));
    assert_eq!(encode(&codec, b"state").unwrap(), frame);
    let mut block = [0; 5];
    assert!(matches!(codec.decode(&frame, &mut block), Err(CodecError::Malformed { .. })));
    codec.decode(&frame, &mut block).unwrap();
    assert_eq!((&block, world.fired().len()), (b"state", 2));
}

#[test]
fn a_codec_states_a_length_that_cannot_be() {
    let world = World::new(FaultPlan::new().at(Call::Encode, 0, Fault::CodecLies));
    let codec = world.codec(Lz4::default());
    assert_eq!(codec.encode(b"state", &mut [0; 64]).unwrap(), usize::MAX);
    assert_eq!(world.fired().len(), 1);
    encode(&codec, b"state").unwrap();
}

#[test]
fn a_codec_panics_and_ends_its_attempt() {
    for call in [Call::Encode, Call::Decode] {
        let world = World::new(FaultPlan::new().at(call, 0, Fault::CodecPanics));
        let codec = world.codec(Lz4::default());
        let both = async {
            let frame = encode(&codec, b"state").unwrap();
            codec.decode(&frame, &mut [0; 5]).unwrap();
        };
        assert_eq!(world.run(world.attempt("codec", both)).unwrap(), None);
        assert_eq!((world.fired().len(), world.violations()), (1, vec![]));
    }
}

#[test]
fn calls_of_a_codec_are_told_apart_by_what_they_are_about() {
    let world = World::default();
    encode(&world.codec(Lz4::default()), b"second").unwrap();
    let key = world.history().calls()[0].site.key.to_string();
    let world = World::new(FaultPlan::new().at_call_on(Call::Encode, &key, 0, Fault::CodecFails));
    let codec = world.codec(Lz4::default());
    let failed = [&b"first"[..], b"second", b"second"].map(|block| encode(&codec, block).is_err());
    assert_eq!(failed, [false, true, false]);
}

#[test]
fn a_wrapped_codec_is_still_the_same_codec() {
    let (plain, wrapped) = (Lz4::default(), World::default().codec(Lz4::default()));
    assert_eq!((wrapped.id(), wrapped.params()), (plain.id(), plain.params()));
    assert_eq!(wrapped.max_frame_len(1000), plain.max_frame_len(1000));
}

/// Whether three jobs have run, in which order, and how many were dropped, at the end of the jobs' submission and of all.
fn jobs(fault: Fault) -> (Vec<usize>, Vec<usize>, usize) {
    let world = World::new(FaultPlan::new().at(Call::Execute, 1, fault));
    let (executor, ran, alive) = (world.executor(Inline), Arc::new(Mutex::new(Vec::new())), Arc::new(()));
    let at_once = world.run(async {
        for number in 0..3 {
            let (ran, alive) = (Arc::clone(&ran), Arc::clone(&alive));
            let job: Job = Box::new(move || {
                let _alive = alive;
                ran.lock().unwrap().push(number);
            });
            let _ = world.attempt("job", async { executor.execute(job) }).await;
        }
        let at_once = ran.lock().unwrap().clone();
        // Nothing else can happen now.
        world.timer().sleep(Duration::from_secs(1)).await;
        at_once
    });
    assert_eq!((world.fired().len(), Arc::strong_count(&alive)), (1, 1));
    let ran = ran.lock().unwrap().clone();
    (at_once.unwrap(), ran.clone(), 3 - ran.len())
}

#[test]
fn an_executor_drops_or_delays_or_refuses_a_job() {
    assert_eq!(jobs(Fault::JobDropped), (vec![0, 2], vec![0, 2], 1));
    assert_eq!(jobs(Fault::ExecutorPanics), (vec![0, 2], vec![0, 2], 1));
    assert_eq!(jobs(Fault::JobLate), (vec![0, 2], vec![0, 2, 1], 0));
}

#[test]
fn jobs_are_late_in_the_opposite_order_until_the_world_is_healed() {
    let world = World::new(FaultPlan::new().from_call(Call::Execute, 0, Fault::JobLate));
    let (executor, ran) = (world.executor(Inline), Arc::new(Mutex::new(Vec::new())));
    let execute = |number: u32| {
        let ran = Arc::clone(&ran);
        executor.execute(Box::new(move || ran.lock().unwrap().push(number)));
    };
    [1, 2, 3].into_iter().for_each(&execute);
    world.heal();
    execute(4);
    world.run(world.timer().sleep(Duration::from_secs(1))).unwrap();
    assert_eq!(*ran.lock().unwrap(), [4, 3, 2, 1]);
}

/// Runs each job on a thread of its own.
#[derive(Debug)]
struct Threads;

impl Executor for Threads {
    fn execute(&self, job: Job) {
        std::thread::spawn(job);
    }
    fn parallelism(&self) -> usize {
        7
    }
}

#[test]
fn a_world_waits_for_jobs_on_other_threads() {
    let world = World::default();
    let executor = world.executor(Threads);
    assert_eq!(executor.parallelism(), 7);
    let done: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
    let filled = Arc::clone(&done);
    executor.execute(Box::new(move || {
        std::thread::sleep(Duration::from_millis(20));
        let mut filled = filled.lock().unwrap();
        filled.0 = true;
        if let Some(waker) = filled.1.take() {
            waker.wake();
        }
    }));
    let wait = poll_fn(|context| {
        let mut done = done.lock().unwrap();
        done.1 = Some(context.waker().clone());
        if done.0 { Poll::Ready(()) } else { Poll::Pending }
    });
    assert_eq!(world.run(world.attempt("wait", wait)).unwrap(), Some(()));
    assert_eq!(world.violations(), []);
}

#[test]
fn a_pause_takes_longer_or_the_clock_jumps() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let after = |fault, pause| {
        let world = World::new(FaultPlan::new().at(Call::Sleep, 0, fault));
        world.run(world.timer().sleep(pause)).unwrap();
        assert_eq!(world.fired().len(), 1);
        world.now()
    };
    assert_eq!(after(Fault::Oversleeps, hours(2)), hours(3));
    // A pause that would have ended within the day is over at once; a longer one ends when it was to end.
    assert_eq!(after(Fault::ClockJumps, hours(2)), hours(24));
    assert_eq!(after(Fault::ClockJumps, hours(30)), hours(30));
}

#[test]
fn a_jump_ends_the_pauses_of_others() {
    let world = World::new(FaultPlan::new().at(Call::Sleep, 1, Fault::ClockJumps));
    let timer = world.timer();
    let first = async {
        timer.sleep(Duration::from_secs(3600)).await;
        timer.now()
    };
    let (first, ()) = world.run(join(first, timer.sleep(Duration::from_secs(30 * 3600)))).unwrap();
    assert_eq!((first, world.now()), (Duration::from_secs(24 * 3600), Duration::from_secs(30 * 3600)));
}

#[test]
fn a_dropped_pause_does_not_move_time_on() {
    let world = World::default();
    let mut pause = world.timer().sleep(Duration::from_secs(5));
    world.run(poll_fn(|context| Poll::Ready(pause.as_mut().poll(context).is_pending()))).unwrap();
    drop(pause);
    // Whoever looks for what can still happen finds nothing.
    assert!(world.run(pending::<()>()).is_err());
    assert_eq!(world.now(), Duration::ZERO);
}

#[test]
fn what_never_ends_is_stuck() {
    let ends = |days: u64| {
        let world = World::default();
        world.run(async {
            for _ in 0..days {
                world.timer().sleep(Duration::from_secs(24 * 3600)).await;
            }
        })
    };
    assert!(World::default().run(pending::<()>()).is_err());
    assert!(ends(30).is_ok() && ends(35).is_err() && ends(u64::MAX).is_err());
}

#[test]
fn an_attempt_gives_up_without_blame_only_where_a_call_hangs() {
    let world = World::default();
    assert_eq!(world.run(world.attempt("wait", pending::<()>())).unwrap(), None);
    assert_eq!(world.violations().into_iter().map(|found| found.judge).collect::<Vec<_>>(), [Judge::Stuck]);

    let world = World::new(FaultPlan::new().at(Operation::Size, 0, Fault::Hang));
    let store = world.store(MemoryStore::new());
    assert!(world.run(world.attempt("wait", store.size("o"))).unwrap().is_none());
    assert_eq!(world.violations(), []);
    // The call that hung is gone with its attempt, and is no excuse any longer.
    assert_eq!(world.run(world.attempt("wait", pending::<()>())).unwrap(), None);
    assert_eq!(world.violations().len(), 1);
}

#[test]
fn nobody_is_polled_without_having_been_woken() {
    let world = World::new(FaultPlan::new().at(Call::Execute, 0, Fault::JobLate));
    let done = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&done);
    world.executor(Inline).execute(Box::new(move || set.store(true, Ordering::Release)));
    // The job is done in the end, and wakes nobody.
    let wait = poll_fn(|_| if done.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending });
    assert!(world.run(wait).is_err());
    assert!(done.load(Ordering::Acquire));
}

#[test]
fn a_codec_that_decodes_states_no_length() {
    let world = World::new(FaultPlan::new().at(Call::Decode, 0, Fault::CodecLies));
    let codec = world.codec(Lz4::default());
    let frame = encode(&codec, b"state").unwrap();
    codec.decode(&frame, &mut [0; 5]).unwrap();
    assert!(!world.has_faults());
}

#[test]
fn what_a_block_is_called_stays_the_same() {
    // Lines with names of blocks stand in the sources of tests.
    for (block, name) in
        [(&b""[..], "7bd3144f29c0cc9e"), (b"state", "89c84f4d0c42a2dd"), (&[0; 300], "cccbd83a5004951d")]
    {
        let world = World::default();
        encode(&world.codec(Lz4::default()), block).unwrap();
        assert_eq!(&*world.history().calls()[0].site.key, name);
    }
}
