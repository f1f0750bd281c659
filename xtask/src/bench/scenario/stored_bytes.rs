//! How many bytes small blobs take on the store, with keys and everything else that a reader needs.

use std::sync::Arc;

use batcher_testkit::corpus::BlobKind;

use super::super::codec_name::CodecName;
use super::super::context::{Bench, Quantity, written};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, own_name, stacks};
use super::super::state::State;
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "stored-bytes";

const BLOB_LENS: [usize; 3] = [64, 256, 1024];
const KINDS: [BlobKind; 2] = [BlobKind::Rows, BlobKind::Json];
/// Enough for an index of many pages.
const BLOBS: u64 = 50_000;
const QUICK_BLOBS: u64 = 20_000;

/// Dictionaries are for short blocks; both settings that pay most with JSON.
const SHORT_BLOCK_LEN: usize = 4 << 10;
const LONGEST_DICTIONARY: usize = 4 << 10;

const STORED: Quantity<'_> =
    Quantity { scenario: NAME, name: "stored", unit: "bytes a blob", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let blobs = if options.quick { QUICK_BLOBS } else { BLOBS };
    let mut states = Vec::new();
    if options.input.is_some() {
        states.push(bench.state(0, 0)?);
    } else {
        for kind in KINDS {
            states.extend(BLOB_LENS.map(|blob_len| Arc::new(State::corpus(kind, blob_len, blobs))));
        }
    }
    let head: Vec<&str> =
        ["stack"].into_iter().chain(states.iter().map(|state| state.name.as_str())).collect();
    let mut table = Table::new("Bytes on the store for each blob, its key included", &head);
    let mut stacks = stacks(&options.codecs, options.threads, options.block_len())?;
    if options.codecs.contains(&CodecName::Zstd) {
        let name = |how: &str| format!("{}, {how}", own_name(CodecName::Zstd));
        let own = Own::new(CodecName::Zstd, options.threads)?;
        let short = own.clone().with_block_len(SHORT_BLOCK_LEN);
        let (with, without) = (own.with_dictionary(LONGEST_DICTIONARY), short.clone());
        stacks.push(Box::new(with.called(name("dictionary"))));
        stacks.push(Box::new(without.called(name("4 KiB blocks"))));
        let both = short.with_dictionary(LONGEST_DICTIONARY);
        stacks.push(Box::new(both.called(name("4 KiB blocks, dictionary"))));
    }
    for stack in stacks {
        let mut cells = vec![stack.name().to_owned()];
        for state in &states {
            bench.progress.status(|| format!("{NAME}, {}, {}", state.name, stack.name()));
            let place = written(&bench.runtime, Places::in_memory(), &*stack, state)?;
            let stored = bench.runtime.block_on(place.bytes())?;
            let each = stored as f64 / state.blobs.len() as f64;
            bench.figure(STORED, &state.name, stack.name(), Spread::exact(each));
            cells.push(format!("{each:.1}"));
        }
        table.row(cells);
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}
