//! A store far away: how much of compressing and uploading goes on at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use batcher::{BlobSource, BlobStore, Payload, PutMode, ReadRange};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::super::contest::{Contest, median};
use super::super::context::{Bench, Quantity, written};
use super::super::figure::Better;
use super::super::stack::{Own, PART_LEN, PARTS_IN_FLIGHT, Stack, StartingPoint, own_name};
use super::super::store::{Distance, Place, Places, StoreChoice};
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "slow-store";

const BLOB_LEN: usize = 64 << 10;

const TIME: Quantity<'_> = Quantity { scenario: NAME, name: "time", unit: "s", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    // The last part is sent when everything else has been: what that costs is the same for any state.
    let bytes = if options.quick { options.large_bytes / 2 } else { options.large_bytes };
    let state = bench.state(BLOB_LEN, bytes)?;
    let slow = Places::open(&StoreChoice::Slow(options.distance))?;
    let case = format!("{}, {}", state.name, describe(options.distance));
    let mut stacks: Vec<Box<dyn Stack>> = Vec::new();
    if !options.quick {
        stacks.push(Box::new(StartingPoint));
    }
    let mut contest = Contest::new(format!("{NAME}, {case}"));
    for codec in &options.codecs {
        let own = Own::new(*codec, options.threads)?.with_block_len(options.block_len());
        let sealed = only_object(bench, &written(&bench.runtime, Places::in_memory(), &own, &state)?)?;
        let (runtime, slow) = (&bench.runtime, &slow);
        contest.add(uploading(&own), move || {
            let place = slow.fresh()?;
            let begun = Instant::now();
            runtime.block_on(upload(&*place.store, sealed.clone()))?;
            Ok(begun.elapsed())
        });
        stacks.push(Box::new(own));
    }
    for stack in &stacks {
        let (runtime, slow, state) = (&bench.runtime, &slow, &state);
        let once = move |place: Place| -> Result<Duration, Failure> {
            let mut session = stack.session(state, Arc::clone(&place.store))?;
            let begun = Instant::now();
            runtime.block_on(session.write())?;
            Ok(begun.elapsed())
        };
        contest.add(compressing(&**stack), move || once(Places::in_memory()));
        contest.add(stack.name(), move || once(slow.fresh()?));
    }
    // Its rounds are long and differ little.
    let rounds = if options.quick { options.rounds.min(2) } else { options.rounds };
    let results = contest.run(rounds, &mut bench.progress)?;
    bench.figures(TIME, &case, &results);

    let mut table = Table::new(
        &format!("A slow store: {case}"),
        &["stack", "ms", "from", "to", "compressing alone", "uploading alone", "× the longer"],
    );
    for stack in &stacks {
        let Some((name, whole)) = results.iter().find(|(name, _)| name == stack.name()) else { continue };
        let compress = median(&results, &compressing(&**stack));
        let upload = median(&results, &uploading(&**stack));
        let millis = |seconds: f64| format!("{:.0}", seconds * 1e3);
        let ratio = whole.median / compress.max(upload);
        let alone = if upload > 0.0 { [millis(upload), format!("{ratio:.2}")] } else { Default::default() };
        table.row(
            [name.clone(), millis(whole.median), millis(whole.min), millis(whole.max), millis(compress)]
                .into_iter()
                .chain(alone),
        );
    }
    bench.text.push_str(&table.to_string());
    for codec in &options.codecs {
        let name = own_name(*codec);
        let own = median(&results, &name);
        let longer = median(&results, &format!("{name}, compressing alone"))
            .max(median(&results, &format!("{name}, uploading alone")));
        bench.goal(
            &format!("a slow store, {}: ≤ 1.1 × the longer of compressing and uploading", codec.name()),
            format!("{:.0} ms, {:.2} × {:.0} ms", own * 1e3, own / longer, longer * 1e3),
            Better::Lower,
            own / longer,
            1.1,
        );
    }
    Ok(())
}

fn describe(distance: Distance) -> String {
    format!(
        "{} ms a request, {:.0} MB/s a connection",
        distance.latency.as_millis(),
        distance.bytes_a_second / 1e6
    )
}

fn compressing(stack: &dyn Stack) -> String {
    format!("{}, compressing alone", stack.name())
}

fn uploading(stack: &dyn Stack) -> String {
    format!("{}, uploading alone", stack.name())
}

fn only_object(bench: &Bench, place: &Place) -> Result<Bytes, Failure> {
    bench.runtime.block_on(async {
        let objects: Vec<_> = place.store.list("").try_collect().await?;
        let object = objects.first().ok_or("there is no object")?;
        Ok(place.store.read(&object.name, ReadRange::Suffix(object.len)).await?.bytes)
    })
}

/// The same bytes in the same parts, as many of them at once: nothing that has to be sealed first is quicker.
async fn upload(store: &dyn BlobStore, object: Bytes) -> Result<(), Failure> {
    let part_len = usize::try_from(PART_LEN)?;
    let mut upload = store.start_multipart("object", PutMode::Create).await?;
    let parts: Vec<_> = (0..object.len())
        .step_by(part_len)
        .map(|start| object.slice(start..object.len().min(start + part_len)))
        .map(|part| upload.put_part(Payload::from(part)))
        .collect();
    stream::iter(parts).buffer_unordered(PARTS_IN_FLIGHT).try_collect::<()>().await?;
    Ok(upload.complete().await?)
}
