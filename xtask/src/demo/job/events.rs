//! The NEXMark event stream.

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;

/// Events a second of event time.
const RATE: usize = 10_000;

/// The events from number `from` on. The same seed gives the same stream; different seeds give different stretches of
/// the one stream that NEXMark has.
pub(crate) fn events(seed: u64, from: u64) -> EventGenerator {
    // A multiple of 50: people, auctions and bids take turns in rounds of so many.
    let first_event_id = usize::try_from(seed % 1000).unwrap_or(0) * 5000;
    let config = NexmarkConfig {
        active_people: 10_000,
        // What makes the state large: so many auctions are open at once, each with its bids.
        in_flight_auctions: 50_000,
        num_categories: 20,
        first_event_id,
        // The default is the clock.
        base_time: 1_436_918_400_000,
        first_rate: RATE,
        next_rate: RATE,
        ..NexmarkConfig::default()
    };
    EventGenerator::new(config).with_offset(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_can_be_entered_anywhere_and_depends_on_the_seed() {
        let whole: Vec<_> = events(7, 0).take(300).collect();
        for from in [0, 1, 49, 50, 299] {
            let rest: Vec<_> = events(7, from).take(300 - usize::try_from(from).unwrap()).collect();
            assert_eq!(whole[300 - rest.len()..], rest);
        }
        assert_ne!(whole, events(8, 0).take(300).collect::<Vec<_>>());
    }

    #[test]
    fn time_never_goes_back() {
        let times: Vec<u64> = events(1, 0).take(10_000).map(|event| event.timestamp()).collect();
        assert!(times.is_sorted());
    }
}
