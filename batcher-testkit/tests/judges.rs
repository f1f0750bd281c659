//! What counts as lost, as half there, and as wrong.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_testkit::{Judge, World};

/// Who objects to what was read.
fn judge(world: &World, read: &[(&str, &str)]) -> Vec<Judge> {
    let before = world.violations().len();
    world.judge_read(read.iter().copied());
    world.violations()[before..].iter().map(|found| found.judge).collect()
}

/// A world in which `a` and `b` were acknowledged as "1" and written again as "2".
fn rewritten() -> World {
    let world = World::default();
    ["a", "b"].into_iter().for_each(|key| world.wrote(key, "1"));
    world.acknowledged();
    ["a", "b"].into_iter().for_each(|key| world.wrote(key, "2"));
    world
}

#[test]
fn what_was_acknowledged_is_there_as_it_was_or_as_it_was_written_since() {
    let world = rewritten();
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "1")]), [Judge::HalfVisible]);
    assert_eq!(judge(&world, &[("a", "1")]), [Judge::LostAcknowledged]);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "3")]), [Judge::LostAcknowledged]);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1"), ("c", "1")]), [Judge::WrongData]);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1"), ("a", "1")]), [Judge::WrongData]);
    world.acknowledged();
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2")]), []);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "2")]), [Judge::LostAcknowledged]);
}

#[test]
fn what_was_never_acknowledged_is_there_as_a_whole_or_not_at_all() {
    let world = World::default();
    ["a", "b"].into_iter().for_each(|key| world.wrote(key, "1"));
    assert_eq!(judge(&world, &[]), []);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1")]), []);
    assert_eq!(judge(&world, &[("b", "1")]), [Judge::HalfVisible]);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "2")]), [Judge::WrongData]);
}

#[test]
fn what_a_dead_process_wrote_is_there_as_a_whole_or_not_at_all() {
    let world = rewritten();
    world.forgotten();
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "1")]), [Judge::HalfVisible]);
    // What the next process writes may stand in its place.
    world.wrote("b", "3");
    assert_eq!(judge(&world, &[("a", "2"), ("b", "3")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2")]), []);
    // And once that is acknowledged, nothing older may.
    world.acknowledged();
    assert_eq!(judge(&world, &[("a", "2"), ("b", "3")]), []);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "3")]), []);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "2")]), [Judge::LostAcknowledged]);
}

#[test]
fn dead_processes_are_judged_each_for_itself() {
    let world = World::default();
    for (blob, keys) in [("1", &["a", "b"][..]), ("2", &["a", "b", "c"])] {
        keys.iter().for_each(|key| world.wrote(key, blob));
        world.forgotten();
    }
    assert_eq!(judge(&world, &[]), []);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "1")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2"), ("c", "2")]), []);
    assert_eq!(judge(&world, &[("a", "2"), ("b", "2")]), [Judge::HalfVisible; 2]);
    assert_eq!(judge(&world, &[("a", "1"), ("b", "2"), ("c", "2")]), [Judge::HalfVisible; 3]);
}

#[test]
fn what_was_handed_over_is_held_until_it_is_acknowledged_or_its_process_has_died() {
    let world = World::default();
    let held = |blobs| {
        let before = world.violations().len();
        world.judge_held(blobs);
        world.violations().len() == before
    };
    assert!(held(0));
    // The same key twice is held twice.
    ["a", "a", "b"].into_iter().for_each(|key| world.wrote(key, "1"));
    assert!(held(3) && !held(2) && !held(0));
    world.acknowledged();
    assert!(held(0) && !held(3));
    world.wrote("a", "2");
    world.forgotten();
    assert!(held(0));
    assert!(world.violations().iter().all(|found| found.judge == Judge::LostBuffered));
}
