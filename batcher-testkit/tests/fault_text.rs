//! Faults, calls and plans as text, and back.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::HashSet;

use batcher_core::{Operation, StoreErrorKind};
use batcher_testkit::{Call, Fate, Fault, FaultKind, FaultPlan, LATEST, ParseError, Site};
use proptest::prelude::*;

const CALLS: [Call; 15] = [
    Call::Store(Operation::Put),
    Call::Store(Operation::StartMultipart),
    Call::Store(Operation::PutPart),
    Call::Store(Operation::CompleteMultipart),
    Call::Store(Operation::AbortMultipart),
    Call::Store(Operation::Delete),
    Call::Store(Operation::Read),
    Call::Store(Operation::Size),
    Call::Store(Operation::List),
    Call::Encode,
    Call::Decode,
    Call::Execute,
    Call::Sleep,
    Call::Attempt,
    Call::Process,
];

const FATES: [Fate; 4] = [Fate::Never, Fate::Done, Fate::Late(3), Fate::Late(LATEST)];

/// Every fault, with these numbers where it takes any.
fn every_fault(number: u64, calls: u32, effects: Fate) -> Vec<Fault> {
    let errors = [
        StoreErrorKind::NotFound,
        StoreErrorKind::AlreadyExists,
        StoreErrorKind::Denied,
        StoreErrorKind::NoSpace,
        StoreErrorKind::TooLarge,
        StoreErrorKind::Throttled,
        StoreErrorKind::Unavailable,
        StoreErrorKind::Timeout,
        StoreErrorKind::Unsupported,
        StoreErrorKind::InvalidInput,
        StoreErrorKind::Other,
    ];
    let mut faults = errors.map(Fault::Reject).to_vec();
    faults.extend([
        Fault::RequestLost,
        Fault::AckLost,
        Fault::OwnExists,
        Fault::PhantomExists,
        Fault::Late(calls),
        Fault::SlowEffect,
        Fault::SlowAnswer,
        Fault::Hang,
        Fault::HangAfter,
        Fault::Overtaken,
        Fault::Torn(number),
        Fault::Vanishes,
        Fault::Blanked,
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::PanicBefore,
        Fault::PanicAfter,
        Fault::SpuriousWakes,
        Fault::ShortRead(number),
        Fault::FlipBit(number),
        Fault::ZeroedRead,
        Fault::Misdirected,
        Fault::Stale(calls),
        Fault::Absent,
        Fault::ListMisses(calls),
        Fault::ListRepeats,
        Fault::ListReversed,
        Fault::ListBreaksOff(calls),
        Fault::Cancel { pending: calls, effects },
        Fault::CodecFails,
        Fault::CodecPanics,
        Fault::CodecLies,
        Fault::JobDropped,
        Fault::JobLate,
        Fault::ExecutorPanics,
        Fault::Oversleeps,
        Fault::ClockJumps,
    ]);
    faults
}

#[test]
fn no_kind_is_forgotten_and_no_two_faults_have_one_name() {
    let faults = every_fault(1, 1, Fate::Done);
    let kinds: HashSet<_> = faults.iter().map(|fault| fault.kind()).collect();
    assert!(FaultKind::ALL.iter().all(|kind| kinds.contains(kind)));
    let names: HashSet<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), faults.len());
    let damaging: Vec<_> = FaultKind::ALL.iter().filter(|kind| kind.damages()).collect();
    assert_eq!(damaging.len() + FaultKind::survivable().len(), FaultKind::ALL.len());
}

#[test]
fn every_fault_call_and_fate_comes_back_from_its_text() {
    for effects in FATES {
        assert_eq!(effects.to_string().parse(), Ok(effects));
        for calls in [0, 1, 77, LATEST] {
            for number in [0, 1, u64::MAX] {
                for fault in every_fault(number, calls, effects) {
                    assert_eq!(fault.to_string().parse(), Ok(fault), "{fault}");
                }
            }
        }
    }
    for call in CALLS {
        assert_eq!(call.to_string().parse(), Ok(call));
    }
}

#[test]
fn a_line_stays_what_it_is() {
    // Lines stand in the sources of tests: what they are called must not change.
    let line = "put:a/b%20c#0=ack-lost read#2..=flip:9 attempt:flush#1=cancel:3:late-end delete#4=late:end \
                start#0=reject:throttled part#0=torn:7 process:node#0=cancel:0:never job#5..=job-late";
    assert_eq!(line.parse::<FaultPlan>().unwrap().to_string(), line);
}

#[test]
fn a_site_is_the_beginning_of_an_entry() {
    let key = "epoch 7/50%/données";
    let site = Site { call: Call::Store(Operation::Put), key: key.into(), nth: 3 };
    let plan = FaultPlan::new().at_call_on(Operation::Put, key, 3, Fault::Hang);
    assert_eq!(format!("{site}=hang").parse(), Ok(plan));
}

#[test]
fn what_is_no_plan_says_where() {
    let cases = [
        ("put", "put"),
        ("put#0", "put#0"),
        ("put=hang", "put=hang"),
        ("put#x=hang", "put#x=hang"),
        ("put#-1=hang", "put#-1=hang"),
        ("put#99999999999=hang", "put#99999999999=hang"),
        ("fetch#0=hang", "fetch"),
        ("put#0=explodes", "explodes"),
        ("put#0=explodes:3", "explodes:3"),
        ("put#0=torn:", ""),
        ("put#0=torn:x", "x"),
        ("put#0=reject:gone", "gone"),
        ("put#0=cancel:0", "0"),
        ("put#0=cancel:0:often", "often"),
        ("put#0=cancel:0:late-x", "x"),
        ("put:%#0=hang", "%"),
        ("put:%zz#0=hang", "%zz"),
        ("put:%ff#0=hang", "%ff"),
        ("put#0=hang put", "put"),
    ];
    for (line, meaningless) in cases {
        let ParseError { text, .. } = line.parse::<FaultPlan>().unwrap_err();
        assert_eq!(text, meaningless, "{line}");
    }
    assert_eq!("  ".parse(), Ok(FaultPlan::new()));
    assert!(FaultPlan::new().is_empty() && !FaultPlan::new().at(Operation::Put, 0, Fault::Hang).is_empty());
}

fn fault() -> impl Strategy<Value = Fault> {
    let parameters =
        (any::<u64>(), any::<u32>(), prop::sample::select(&FATES[..]), any::<prop::sample::Index>());
    parameters.prop_map(|(number, calls, fate, index)| *index.get(&every_fault(number, calls, fate)))
}

proptest! {
    #[test]
    fn a_plan_comes_back_from_its_line(
        entries in prop::collection::vec(
            (prop::sample::select(&CALLS[..]), prop::option::of(any::<String>()), any::<u32>(), 0..3, fault()),
            0..6,
        ),
    ) {
        let mut plan = FaultPlan::new();
        for (call, key, nth, lasts, fault) in entries {
            plan = match (key, lasts) {
                (None, 0) => plan.at(call, nth, fault),
                (None, _) => plan.from_call(call, nth, fault),
                (Some(key), 0) => plan.at_call_on(call, &key, nth, fault),
                (Some(key), 1) => plan.from_call_on(call, &key, nth, fault),
                (Some(key), _) => plan.outage_from(call, &key, nth, fault),
            };
        }
        let line = plan.to_string();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(line.parse(), Ok(plan));
    }

    #[test]
    fn nothing_is_too_strange_to_be_read(line in any::<String>()) {
        let _ = line.parse::<FaultPlan>();
    }
}
