//! Documents of users' sessions.

use super::Records;
use crate::corpus::SplitMix64;
use crate::corpus::decimal::put_decimal;

const COUNTRIES: [&str; 8] = ["DE", "IN", "BR", "US", "JP", "NG", "FR", "ID"];
const PAGES: [&str; 10] = [
    "/",
    "/cart",
    "/search?q=",
    "/item/",
    "/checkout",
    "/account/orders",
    "/hilfe/rückgabe",
    "/商品/",
    "/login",
    "/item/reviews/",
];

pub(super) struct Documents {
    random: SplitMix64,
    user: u64,
    started: u64,
}

impl Documents {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let user = random.below(1_000_000);
        Self { random, user, started: 1_772_323_200_000 }
    }
}

impl Records for Documents {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        let random = &mut self.random;
        self.user += 1 + random.below(20);
        self.started += random.below(5_000);
        out.extend_from_slice(b"{\"user\":\"u-");
        put_decimal(out, self.user, 9);
        out.extend_from_slice(b"\",\"country\":\"");
        out.extend_from_slice(random.pick(&COUNTRIES).as_bytes());
        out.extend_from_slice(b"\",\"session\":{\"started\":");
        put_decimal(out, self.started, 1);
        out.extend_from_slice(b",\"events\":[");
        for event in 0..=random.skewed(6) {
            if event > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"page\":\"");
            out.extend_from_slice(random.pick(&PAGES).as_bytes());
            put_decimal(out, random.skewed(99_999), 1);
            out.extend_from_slice(b"\",\"ms\":");
            put_decimal(out, random.skewed(30_000), 1);
            out.push(b'}');
        }
        out.extend_from_slice(b"]},\"cart\":");
        out.extend_from_slice(random.pick(&["null", "[]", "{\"items\":1}", "{\"items\":2}"]).as_bytes());
        out.extend_from_slice(b",\"returning\":");
        out.extend_from_slice(random.pick(&["true", "false"]).as_bytes());
        out.extend_from_slice(b"}\n");
    }
}
