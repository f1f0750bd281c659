//! What came out: whether both runs agree, and what the checkpoints took.

use std::env;
use std::fmt::Write;

use serde::Serialize;

use super::job::Summary;
use super::message::Saved;
use super::options::{Options, Plan};
use super::supervisor::Interrupted;

/// S3 Standard in us-east-1, US dollars for a thousand PUT requests.
const DOLLARS_PER_THOUSAND_PUTS: f64 = 0.005;
const PRICE: &str = "S3 Standard, us-east-1: $0.005 per 1,000 PUT requests, the list price in November 2026";
/// What the monthly cost assumes.
const SECONDS_BETWEEN_CHECKPOINTS: f64 = 10.0;
const SECONDS_A_MONTH: f64 = 30.0 * 24.0 * 3600.0;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    seed: u64,
    codec: &'static str,
    same: bool,
    uninterrupted: Summary,
    interrupted: Summary,
    uninterrupted_seconds: f64,
    interrupted_seconds: f64,
    restarts: u32,
    replayed_events: u64,
    restores: u64,
    restore_seconds: f64,
    /// Checkpoints completed, those included that were completed again after a kill.
    checkpoints: u64,
    /// All of them together.
    saved: Saved,
    longest_checkpoint_seconds: f64,
    requests_if_one_object_per_blob: u64,
    dollars_a_month: f64,
    dollars_a_month_if_one_object_per_blob: f64,
}

impl Report {
    pub(super) fn new(plan: &Plan, expected: &Summary, seconds: f64, run: &Interrupted) -> Self {
        let mut saved = Saved::default();
        for one in &run.saved {
            saved.blobs += one.blobs;
            saved.bytes += one.bytes;
            saved.objects += one.objects;
            saved.stored += one.stored;
            saved.requests += one.requests;
            saved.seconds += one.seconds;
        }
        let checkpoints = run.saved.len() as u64;
        // Each needs a commit record either way.
        let requests_if_one_object_per_blob = saved.blobs + checkpoints;
        Self {
            seed: plan.seed,
            codec: plan.codec.name(),
            same: *expected == run.summary,
            uninterrupted: expected.clone(),
            interrupted: run.summary.clone(),
            uninterrupted_seconds: seconds,
            interrupted_seconds: run.seconds,
            restarts: run.restarts,
            replayed_events: run.replayed,
            restores: run.restored.len() as u64,
            restore_seconds: run.restored.iter().map(|restored| restored.seconds).sum(),
            checkpoints,
            saved,
            longest_checkpoint_seconds: run.saved.iter().map(|one| one.seconds).fold(0.0, f64::max),
            requests_if_one_object_per_blob,
            dollars_a_month: dollars_a_month(saved.requests, checkpoints),
            dollars_a_month_if_one_object_per_blob: dollars_a_month(
                requests_if_one_object_per_blob,
                checkpoints,
            ),
        }
    }

    pub(super) fn is_same(&self) -> bool {
        self.same
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
    }

    pub(super) fn text(&self, options: &Options) -> String {
        let mut text = String::new();
        self.write_comparison(&mut text);
        self.write_table(&mut text);
        write_where(&mut text, options);
        text
    }

    fn write_comparison(&self, text: &mut String) {
        let (one, other) = (&self.uninterrupted, &self.interrupted);
        line(text, "", "uninterrupted", "killed and restored");
        line(text, "events", &one.events.to_string(), &other.events.to_string());
        line(text, "open auctions", &one.open_auctions.to_string(), &other.open_auctions.to_string());
        for ((name, one), (_, other)) in one.outputs.iter().zip(&other.outputs) {
            let show = |output: &super::job::Output| format!("{} rows, {:016x}", output.rows, output.digest);
            line(text, name, &show(one), &show(other));
        }
        let blobs = |summary: &Summary| format!("{} blobs, {}", summary.state_blobs, mb(summary.state_bytes));
        line(text, "state", &blobs(one), &blobs(other));
        let digest = |summary: &Summary| format!("{:016x}", summary.state_digest);
        line(text, "state digest", &digest(one), &digest(other));
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        line(text, "time", &seconds(self.uninterrupted_seconds), &seconds(self.interrupted_seconds));
        let verdict =
            if self.same { "SAME: nothing was lost." } else { "DIFFERENT: the restored run is wrong." };
        text.push_str(&format!("\n{verdict}\n\n"));
    }

    fn write_table(&self, text: &mut String) {
        let Saved { blobs, bytes, objects, stored, requests, seconds } = self.saved;
        let checkpoints = self.checkpoints.max(1);
        line(text, "checkpoints", "one object per blob", "batched");
        line(text, "completed", &self.checkpoints.to_string(), &self.checkpoints.to_string());
        line(text, "blobs", &blobs.to_string(), &blobs.to_string());
        line(text, "objects", &blobs.to_string(), &objects.to_string());
        line(text, "PUT requests", &self.requests_if_one_object_per_blob.to_string(), &requests.to_string());
        let each = |requests: u64| format!("{:.1}", ratio(requests, checkpoints));
        line(text, "  a checkpoint", &each(self.requests_if_one_object_per_blob), &each(requests));
        let dollars = |dollars: f64| format!("${dollars:.2}");
        line(
            text,
            "  cost a month",
            &dollars(self.dollars_a_month_if_one_object_per_blob),
            &dollars(self.dollars_a_month),
        );
        line(
            text,
            "bytes",
            &mb(bytes),
            &format!("{} ({}, ratio {:.2})", mb(stored), self.codec, ratio(bytes, stored)),
        );
        let rate = mb_a_second(bytes, seconds);
        line(
            text,
            "seconds",
            "",
            &format!("{seconds:.2} in all, {:.2} at most, {rate}", self.longest_checkpoint_seconds),
        );
        let restores =
            format!("{} in {:.2} s, {} restarts", self.restores, self.restore_seconds, self.restarts);
        line(text, "restores", "", &restores);
        line(text, "replayed events", "", &self.replayed_events.to_string());
        text.push_str(&format!(
            "\nRequests include multipart parts and the commit record of each checkpoint. The cost assumes a checkpoint \
             every {SECONDS_BETWEEN_CHECKPOINTS} s\nfor 30 days; {PRICE}.\n"
        ));
    }
}

fn write_where(text: &mut String, options: &Options) {
    let plan = &options.plan;
    let Some(directory) = &options.directory else {
        text.push_str(&format!("\nThe objects are at {} under {:?}.", plan.store, plan.prefix));
        return;
    };
    let batches = directory.join(&plan.prefix).join("batches");
    // As short as it works from here.
    let here = env::current_dir().unwrap_or_default();
    let batches = batches.strip_prefix(here).unwrap_or(&batches);
    text.push_str(&format!(
        "\nThe last checkpoints stay in {}. The standard tool opens them:\n  {} {}/*/*",
        batches.display(),
        plan.codec.test_command(),
        batches.display()
    ));
}

fn line(text: &mut String, what: &str, one: &str, other: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{what:18} {one:>30}   {other}");
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", in_f64(bytes) / 1e6)
}

fn mb_a_second(bytes: u64, seconds: f64) -> String {
    if seconds > 0.0 { format!("{:.0} MB/s", in_f64(bytes) / 1e6 / seconds) } else { String::new() }
}

fn ratio(of: u64, to: u64) -> f64 {
    in_f64(of) / in_f64(to.max(1))
}

fn dollars_a_month(requests: u64, checkpoints: u64) -> f64 {
    let a_checkpoint = ratio(requests, checkpoints);
    a_checkpoint * SECONDS_A_MONTH / SECONDS_BETWEEN_CHECKPOINTS * DOLLARS_PER_THOUSAND_PUTS / 1000.0
}

fn in_f64(number: u64) -> f64 {
    // Exact up to 2^53, which no count here comes near.
    #[allow(clippy::cast_precision_loss, reason = "shown with a few digits")]
    let number = number as f64;
    number
}
