//! Starts workers, kills them at the points of the plan, and starts them again until one has finished.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::job::Summary;
use super::kill::KillPlan;
use super::message::{Message, Restored, Saved};
use super::options::Plan;
use super::worker::WORKER;
use crate::failure::Failure;
use crate::progress::Progress;

/// How long the first checkpoint is taken to last, for killing in the middle of it.
const FIRST_CHECKPOINT: Duration = Duration::from_millis(50);

/// What the killed and restarted run came to.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) summary: Summary,
    /// The completed checkpoints, those included that were redone after a kill.
    pub(super) saved: Vec<Saved>,
    pub(super) restored: Vec<Restored>,
    /// Kills after which another worker was started.
    pub(super) restarts: u32,
    /// Events that had been processed when a worker was killed and were processed again.
    pub(super) replayed: u64,
    pub(super) seconds: f64,
}

/// A child that is killed when nobody waits for it any longer.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One run, over as many lives of the worker as it takes.
#[derive(Debug)]
struct Run<'a> {
    plan: &'a Plan,
    kills: KillPlan,
    progress: &'a mut Progress,
    saved: Vec<Saved>,
    restored: Vec<Restored>,
    replayed: u64,
    /// Where the run was when the last worker died.
    reached: u64,
    finished: Option<Summary>,
}

pub(super) fn run(plan: &Plan, kills: KillPlan, progress: &mut Progress) -> Result<Interrupted, Failure> {
    let started = Instant::now();
    let mut run = Run {
        plan,
        kills,
        progress,
        saved: Vec::new(),
        restored: Vec::new(),
        replayed: 0,
        reached: 0,
        finished: None,
    };
    let mut restarts = 0;
    loop {
        run.live(restarts)?;
        if let Some(summary) = run.finished {
            return Ok(Interrupted {
                summary,
                saved: run.saved,
                restored: run.restored,
                restarts,
                replayed: run.replayed,
                seconds: started.elapsed().as_secs_f64(),
            });
        }
        restarts += 1;
    }
}

impl Run<'_> {
    /// One life of the worker: until it has finished or was killed.
    fn live(&mut self, life: u32) -> Result<(), Failure> {
        let child = Command::new(env::current_exe()?)
            .args(["demo", WORKER])
            .arg(serde_json::to_string(self.plan)?)
            .arg(life.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut worker = Worker(child);
        let (Some(output), Some(mut input)) = (worker.0.stdout.take(), worker.0.stdin.take()) else {
            return Err("the worker has no pipes".into());
        };
        let mut killed = false;
        // What the worker said before it died is read to the end, a line cut off by the kill excepted.
        for line in BufReader::new(output).lines() {
            let Ok(message) = serde_json::from_str(&line?) else { break };
            let kill_after = if killed { None } else { self.kill_after(&message) };
            self.hear(message);
            if !killed && input.write_all(b"\n").is_err() {
                // It has died by itself; its exit status says more.
                continue;
            }
            // The worker is let go on first, so that the kill meets it at work; it does not get past its next message.
            if let Some(pause) = kill_after {
                thread::sleep(pause);
                worker.0.kill()?;
                killed = true;
            }
        }
        let status = worker.0.wait()?;
        if self.finished.is_none() && !killed {
            return Err(format!("the worker ended with {status}").into());
        }
        Ok(())
    }

    /// Whether, and after what time, to kill a worker that has just said this.
    fn kill_after(&mut self, message: &Message) -> Option<Duration> {
        match message {
            Message::Processed { events } => {
                let at = self.kills.at_event(*events)?;
                self.progress.line(&format!("kill -9 at {events} events (planned: {at})"));
                Some(Duration::ZERO)
            }
            Message::Checkpointing { epoch } => {
                let last = self.saved.last().map_or(FIRST_CHECKPOINT, |saved| {
                    Duration::try_from_secs_f64(saved.seconds).unwrap_or(FIRST_CHECKPOINT)
                });
                let (at, pause) = self.kills.in_checkpoint(*epoch, last)?;
                self.progress.line(&format!("kill -9 {at}, {} ms after it began", pause.as_millis()));
                Some(pause)
            }
            _ => None,
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Started { restored } => self.started(restored),
            Message::Processed { events } => {
                self.reached = events;
                self.progress.update("with checkpoints", events, self.plan.events);
            }
            Message::Checkpointing { epoch } => self.reached = self.plan.events_before(epoch),
            Message::Committed { saved, .. } => self.saved.push(saved),
            Message::Finished { summary } => self.finished = Some(summary),
        }
    }

    fn started(&mut self, restored: Option<Restored>) {
        let begin = restored.map_or(0, |restored| restored.events);
        self.replayed += self.reached.saturating_sub(begin);
        match restored {
            Some(restored) => self.progress.line(&format!(
                "restored epoch {} in {:.2} s: {} blobs, {} MB; {} events to be processed again",
                restored.epoch,
                restored.seconds,
                restored.blobs,
                restored.bytes / 1_000_000,
                self.reached.saturating_sub(begin),
            )),
            None if self.reached > 0 => {
                self.progress.line("no complete checkpoint was there: beginning anew");
            }
            None => {}
        }
        self.restored.extend(restored);
    }
}
