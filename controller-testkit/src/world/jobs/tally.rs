//! A Job's pods, counted.

use serde_json::Value;

use super::indexes::Indexes;
use super::policy::{self, Action};
use super::spans::Spans;
use super::{INDEX, Place, Seen, is_indexed, object};

/// What a Job's pods come to.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) active: Vec<(Place, Seen)>,
    pub(super) ready: i64,
    pub(super) terminating: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    /// How often containers were started again.
    pub(super) restarts: i64,
    /// Why the whole Job has failed with one pod, if it has.
    pub(super) fatal: Option<String>,
    pub(super) indexes: Indexes,
}

impl Tally {
    pub(super) fn of(job: &Value, pods: impl Iterator<Item = (Place, Seen)>) -> Self {
        let mut tally = Self::default();
        let completions = object::number(job, "/spec/completions").unwrap_or(0);
        if is_indexed(job) {
            tally.indexes.succeeded = Spans::read(object::text(job, "/status/completedIndexes"), completions);
        }
        for (place, pod) in pods {
            let index = index_of(&pod).filter(|index| is_indexed(job) && (0..completions).contains(index));
            match object::text(&pod, "/status/phase") {
                // Of an indexed Job, each index counts once.
                "Succeeded" if is_indexed(job) => {
                    index.into_iter().for_each(|index| tally.indexes.succeeded.insert(index, index))
                }
                "Succeeded" => tally.succeeded += 1,
                "Failed" => tally.fail(job, &pod, index),
                _ if object::is_deleting(&pod) => tally.terminating += 1,
                _ => {
                    tally.ready += i64::from(object::is_ready(&pod));
                    tally.restarts += restarts(&pod);
                    index.into_iter().for_each(|index| tally.indexes.works(index));
                    tally.active.push((place, pod));
                }
            }
        }
        if is_indexed(job) {
            tally.succeeded = tally.indexes.succeeded.len();
        }
        // What has ended stays counted, whoever deletes the pod.
        for (count, before) in [(&mut tally.succeeded, "/status/succeeded"), (&mut tally.failed, "/status/failed")] {
            *count = (*count).max(object::number(job, before).unwrap_or(0));
        }
        tally
    }

    fn fail(&mut self, job: &Value, pod: &Value, index: Option<i64>) {
        let limit = object::number(job, "/spec/backoffLimitPerIndex");
        let limit = match policy::action(job, pod) {
            Action::Ignore => return,
            Action::Count => limit,
            Action::FailIndex => limit.map(|_| 0),
            Action::FailJob(why) => {
                self.fatal.get_or_insert(why);
                limit
            }
        };
        self.failed += 1;
        if let Some(index) = index {
            self.indexes.fails(index, limit);
        }
    }
}

fn index_of(pod: &Value) -> Option<i64> {
    pod.get("metadata")?.get("annotations")?.get(INDEX)?.as_str()?.parse().ok()
}

fn restarts(pod: &Value) -> i64 {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses = lists.iter().flat_map(|list| object::items(pod, list));
    statuses.filter_map(|status| object::number(status, "/restartCount")).sum()
}
