//! Tagged, length-delimited messages.

use super::Records;
use crate::corpus::SplitMix64;
use crate::corpus::decimal::put_decimal;
use crate::corpus::varint::put_uvarint;

const NAMES: [&str; 8] =
    ["clicks", "impressions", "orders", "payments", "refunds", "sessions", "sensor/temp", "sensor/pressure"];

/// The wire types of Protocol Buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;

pub(super) struct Messages {
    random: SplitMix64,
    id: u64,
    body: Vec<u8>,
    nested: Vec<u8>,
}

impl Messages {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let id = random.below(1 << 30);
        Self { random, id, body: Vec::new(), nested: Vec::new() }
    }
}

fn put_tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_uvarint(out, field << 3 | wire_type);
}

fn put_delimited(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_tag(out, field, DELIMITED);
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl Records for Messages {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        let Self { random, id, body, nested } = self;
        body.clear();
        *id += 1 + random.below(9);
        put_tag(body, 1, VARINT);
        put_uvarint(body, *id);
        put_delimited(body, 2, random.pick(&NAMES).as_bytes());
        put_tag(body, 3, FIXED64);
        // The bits of a floating-point number between 1 and 2 of which 20 bits count.
        let average = 0x3FF0_0000_0000_0000 | random.below(1 << 20) << 32;
        body.extend_from_slice(&average.to_le_bytes());
        nested.clear();
        for _ in 0..random.below(12) {
            put_uvarint(nested, random.skewed(10_000));
        }
        put_delimited(body, 4, nested);
        nested.clear();
        put_delimited(nested, 1, b"region=eu-central,host=");
        put_decimal(nested, random.below(40), 3);
        put_tag(nested, 2, VARINT);
        put_uvarint(nested, 1_772_323_200 + random.below(3600));
        put_delimited(body, 5, nested);
        nested.clear();
        nested.extend_from_slice(&random.next_u64().to_le_bytes());
        nested.extend_from_slice(&random.next_u64().to_le_bytes());
        put_delimited(body, 6, nested);
        put_delimited(out, 1, body);
    }
}
