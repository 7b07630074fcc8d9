//! What the server is asked to do to its watchers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};

use super::cluster::Batch;
use super::server::Shared;
use super::wire::{Format, Kind};
use crate::template::{Face, mixed};

/// Events are sent in batches of about this many bytes.
const BATCH: usize = 128 << 10;

/// While the server makes up for time in which a client did not read, a rated change that is later than this after its
/// turn carries the time of its turn: else the server, which waits, would hide the client's delay.
const LATE: Duration = Duration::from_millis(5);

/// A request on standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Command {
    /// How many watches are open?
    Watching,
    /// Change objects among the first `keys`, drawn evenly, as fast as the watchers take it.
    Firehose { events: u32, keys: u32 },
    /// Change each of the first `keys` objects once.
    Burst { keys: u32 },
    /// Change objects at an even pace.
    Rated { per_second: u32, milliseconds: u32, keys: u32 },
    /// Change every `changed`th object and delete every `deleted`th one while nobody looks, and end all watches as
    /// too old.
    Expire { changed: u32, deleted: u32 },
    /// End all watches without a word.
    Close,
    /// Delete this many objects, from the last one on.
    Delete { objects: u32 },
}

/// The answer to a command, once all is with the watchers' sockets.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Watches that are open.
    pub watchers: usize,
    /// Objects that are there.
    pub objects: usize,
    /// The number of the last change.
    pub event: u32,
    /// Rated changes that had to wait for a watcher.
    pub late: u32,
}

/// Does it.
pub(super) async fn perform(shared: &Shared, command: Command) -> Done {
    let mut late = 0;
    match command {
        Command::Watching => {}
        Command::Firehose { events, keys } => {
            let mut left = events;
            while left > 0 {
                let count = left.min(per_batch(shared));
                left -= count;
                send(shared, Kind::Modified, draw(shared, keys, (0..count).map(|_| 0))).await;
            }
        }
        Command::Burst { keys } => {
            let (mut number, at) = (0, unix_now());
            while number < keys {
                let upto = keys.min(number + per_batch(shared));
                let faces = {
                    let mut cluster = shared.lock();
                    (number..upto).map(|number| cluster.change(number, at)).collect()
                };
                number = upto;
                send(shared, Kind::Modified, faces).await;
            }
        }
        Command::Rated { per_second, milliseconds, keys } => late = rated(shared, per_second, milliseconds, keys).await,
        Command::Expire { changed, deleted } => {
            let (watchers, expired) = {
                let mut cluster = shared.lock();
                for number in 0..cluster.size() as u32 {
                    if deleted > 0 && number % deleted == 1 {
                        cluster.delete(number);
                    } else if changed > 0 && number % changed == 0 {
                        cluster.change(number, 0);
                    }
                }
                cluster.expire();
                let expired = |format| cluster.wire.expired(format);
                let expired = (expired(Format::Json), expired(Format::Protobuf));
                (cluster.end_watches(), expired)
            };
            for watcher in watchers {
                let bytes = if watcher.format == Format::Json { &expired.0 } else { &expired.1 };
                // One who has left has no need of it.
                let _ = watcher.batches.send(Batch { each: bytes.len(), bytes: bytes.clone() }).await;
            }
        }
        Command::Close => drop(shared.lock().end_watches()),
        Command::Delete { objects } => {
            let size = shared.lock().size() as u32;
            let mut number = size;
            while number > size.saturating_sub(objects) {
                let from = number.saturating_sub(per_batch(shared)).max(size.saturating_sub(objects));
                let faces = {
                    let mut cluster = shared.lock();
                    (from..number).rev().filter_map(|number| cluster.delete(number)).collect()
                };
                number = from;
                send(shared, Kind::Deleted, faces).await;
            }
        }
    }
    let cluster = shared.lock();
    Done { watchers: cluster.watchers().len(), objects: cluster.live(), event: cluster.event(), late }
}

async fn rated(shared: &Shared, per_second: u32, milliseconds: u32, keys: u32) -> u32 {
    let total = u64::from(per_second) * u64::from(milliseconds) / 1000;
    let begin = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut late, mut held_up) = (0, 0, false);
    while sent < total {
        ticks.tick().await;
        let passed = begin.elapsed();
        let due = total.min(passed.as_micros() as u64 * u64::from(per_second) / 1_000_000);
        while sent < due {
            let count = (due - sent).min(u64::from(per_batch(shared)));
            let behind = begin.elapsed().saturating_sub(turn(sent, per_second));
            held_up = behind > LATE && (held_up || !shared.lock().has_room());
            let now = unix_now();
            let behind = |of| begin.elapsed().saturating_sub(turn(of, per_second)).as_nanos() as u64;
            let times: Vec<_> =
                (sent..sent + count).map(|of| if held_up { now.saturating_sub(behind(of)) } else { now }).collect();
            late += if held_up { count as u32 } else { 0 };
            send(shared, Kind::Modified, draw(shared, keys, times.into_iter())).await;
            sent += count;
        }
    }
    late
}

/// When this change is due, from the first one on.
fn turn(of: u64, per_second: u32) -> Duration {
    Duration::from_micros(of * 1_000_000 / u64::from(per_second))
}

fn per_batch(shared: &Shared) -> u32 {
    let size = shared.lock().wire.event_size(Format::Json, Kind::Modified);
    (BATCH / size).max(1) as u32
}

/// A change of an object that is drawn, for each of the times.
fn draw(shared: &Shared, keys: u32, times: impl Iterator<Item = u64>) -> Vec<Face> {
    let mut cluster = shared.lock();
    times
        .map(|at| {
            let number = mixed(u64::from(cluster.event()), 77) % u64::from(keys.max(1));
            cluster.change(number as u32, at)
        })
        .collect()
}

/// Sends the events to all who watch, and waits until each has room for them.
pub(super) async fn send(shared: &Shared, kind: Kind, faces: Vec<Face>) {
    let (batches, watchers) = {
        let cluster = shared.lock();
        let watchers = cluster.watchers().to_vec();
        let batch = |format| {
            let each = cluster.wire.event_size(format, kind);
            let mut out = Vec::with_capacity(each * faces.len());
            for face in &faces {
                cluster.wire.event(format, kind, *face, &mut out);
            }
            Batch { bytes: Bytes::from(out), each }
        };
        let asked = |format| watchers.iter().any(|watcher| watcher.format == format).then(|| batch(format));
        ((asked(Format::Json), asked(Format::Protobuf)), watchers)
    };
    for watcher in watchers {
        let batch = if watcher.format == Format::Json { &batches.0 } else { &batches.1 };
        if let Some(batch) = batch
            && watcher.batches.send(batch.clone()).await.is_err()
        {
            shared.lock().end_watch(watcher.id);
        }
    }
}

/// Nanoseconds since 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
