//! The state file: every change of the store on the disk before anyone is told of it.
//!
//! The file is lines of text ([`record`]), in the order of the changes. A thread writes what has come together and
//! syncs it, once for all of it; answers and watches wait for that. A file that has grown to twice what it must hold is
//! written anew beside itself and renamed. What a crash leaves of a line that nobody was told of is cut off; a broken
//! line that others follow is an error, since what it said was promised.

mod file;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use tokio::sync::Notify;

use crate::store::{Event, Object, Range, Store};
use file::File;

/// Why a state file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file can't be read or written.
    #[error("{what} the state file {} failed", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the state file {} is in use by another server: stop it, or name another file", .path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// A line in the middle of the file is not what was written.
    #[error(
        "line {line} of the state file {} is broken, and there are others after it: restore the file from a copy, or \
         cut it before that line",
        .path.display()
    )]
    Broken {
        /// Where.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// It is a file of some other kind.
    #[error("{} is not a state file: name another file, or a new one", .path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
    },
}

/// A file smaller than this is not worth writing anew.
const SMALL: u64 = 4 << 20;

/// What is kept beside the objects, by name.
pub(crate) type Notes = BTreeMap<String, Value>;

/// The open state file of one cluster.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    filled: Condvar,
    /// Everything up to this resourceVersion is on the disk.
    durable: AtomicU64,
    /// Rung when `durable` has moved, or nothing can be written any more.
    synced: Arc<Notify>,
    /// The file has outgrown what it must hold.
    is_long: AtomicBool,
}

#[derive(Default)]
struct Inbox {
    /// In order.
    work: Vec<Work>,
    /// The resourceVersion that is reached once all of it is done.
    upto: u64,
    /// Who waits for that.
    bells: Vec<Arc<Notify>>,
    closed: bool,
    fault: Option<String>,
    notes: Notes,
}

enum Work {
    Event(Arc<Event>),
    Note(String, Value),
    Anew(Snapshot),
}

/// All that a file must hold at one moment.
pub(crate) struct Snapshot {
    notes: Notes,
    base: u64,
    objects: Vec<(Arc<str>, Arc<str>, Arc<Object>)>,
    events: Vec<Arc<Event>>,
}

impl Snapshot {
    /// The store with the history that it remembers.
    fn take(store: &Store, notes: &Notes) -> Snapshot {
        let events: Vec<Arc<Event>> = store.all_events_after(0).cloned().collect();
        let base = events.first().map_or(store.current_rv(), |first| first.rv - 1);
        let mut objects = Vec::new();
        for table in store.tables() {
            let whole = Range { prefix: "", from: "" };
            objects.extend(
                store.scan_at(table, whole, base).map(|(key, object)| (table.clone(), key.clone(), object.clone())),
            );
        }
        Snapshot { notes: notes.clone(), base, objects, events }
    }
}

/// What a file held.
pub(crate) struct Opened {
    file: File,
    pub(crate) store: Store,
    notes: Notes,
}

/// Reads a state file, or makes one.
pub(crate) fn open(path: &Path) -> Result<Opened, StateError> {
    let (file, store, notes) = File::open(path)?;
    Ok(Opened { file, store, notes })
}

impl Opened {
    /// What was noted under a name.
    pub(crate) fn note(&self, name: &str) -> Option<&Value> {
        self.notes.get(name)
    }

    /// Notes something beside the objects.
    pub(crate) fn set_note(&mut self, name: &str, value: Value) {
        self.notes.insert(name.to_owned(), value);
    }

    /// Writes the file anew with what the store has become, and keeps it up to date from then on.
    pub(crate) fn keep(self, store: &Store) -> Result<Journal, StateError> {
        let Opened { mut file, notes, .. } = self;
        file.write_anew(&Snapshot::take(store, &notes))?;
        let upto = store.current_rv();
        let shared = Arc::new(Shared {
            inbox: Mutex::new(Inbox { upto, notes, ..Inbox::default() }),
            filled: Condvar::new(),
            durable: AtomicU64::new(upto),
            synced: Arc::default(),
            is_long: AtomicBool::new(false),
        });
        let worker = shared.clone();
        let thread = std::thread::Builder::new().name("state file".into()).spawn(move || worker.run(file));
        let thread = thread.map_err(|source| StateError::File { what: "writing", path: PathBuf::new(), source })?;
        Ok(Journal { shared, thread: Some(thread) })
    }
}

impl Journal {
    /// Takes the changes up to a resourceVersion; the bells are rung once they are on the disk.
    pub(crate) fn add(&self, store: &Store, after: u64, bells: Vec<Arc<Notify>>) {
        let mut inbox = self.shared.inbox.lock();
        if self.shared.is_long.swap(false, Ordering::Relaxed) {
            let snapshot = Snapshot::take(store, &inbox.notes);
            inbox.work.clear();
            inbox.work.push(Work::Anew(snapshot));
        } else {
            inbox.work.extend(store.all_events_after(after).cloned().map(Work::Event));
        }
        inbox.upto = store.current_rv();
        inbox.bells.extend(bells);
        drop(inbox);
        self.shared.filled.notify_one();
    }

    /// What was noted under a name.
    pub(crate) fn note(&self, name: &str) -> Option<Value> {
        self.shared.inbox.lock().notes.get(name).cloned()
    }

    /// Notes something beside the objects.
    pub(crate) fn set_note(&self, name: &str, value: Value) {
        let mut inbox = self.shared.inbox.lock();
        inbox.notes.insert(name.to_owned(), value.clone());
        inbox.work.push(Work::Note(name.to_owned(), value));
        drop(inbox);
        self.shared.filled.notify_one();
    }

    /// What is on the disk, and the bell that tells when there is more.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.shared.clone())
    }
}

/// How far the disk has got.
#[derive(Clone)]
pub(crate) struct Mark(Arc<Shared>);

impl Mark {
    pub(crate) fn durable(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// Waits until everything up to a resourceVersion is on the disk; an error is why it will never be.
    pub(crate) async fn reached(&self, rv: u64) -> Result<(), String> {
        loop {
            let synced = self.0.synced.notified();
            let mut synced = std::pin::pin!(synced);
            synced.as_mut().enable();
            if self.durable() >= rv {
                return Ok(());
            }
            if let Some(fault) = self.0.inbox.lock().fault.clone() {
                return Err(fault);
            }
            synced.await;
        }
    }
}

impl Shared {
    fn run(&self, mut file: File) {
        loop {
            let (work, upto, bells) = {
                let mut inbox = self.inbox.lock();
                while inbox.work.is_empty() && !inbox.closed {
                    self.filled.wait(&mut inbox);
                }
                if inbox.work.is_empty() {
                    return;
                }
                (std::mem::take(&mut inbox.work), inbox.upto, std::mem::take(&mut inbox.bells))
            };
            if let Err(error) = write(&mut file, &work) {
                // What was to be promised can't be: nothing is, from here on.
                self.inbox.lock().fault = Some(chain(&error));
                self.synced.notify_waiters();
                return;
            }
            if file.is_long(SMALL) {
                self.is_long.store(true, Ordering::Relaxed);
            }
            self.durable.store(upto, Ordering::Release);
            self.synced.notify_waiters();
            bells.iter().for_each(|bell| bell.notify_waiters());
        }
    }
}

fn write(file: &mut File, work: &[Work]) -> Result<(), StateError> {
    let mut lines = Vec::new();
    for work in work {
        match work {
            Work::Event(event) => record::event(&mut lines, event.change, &event.table, &event.key, &event.object),
            Work::Note(name, value) => record::note(&mut lines, name, value),
            Work::Anew(snapshot) => {
                lines.clear();
                file.write_anew(snapshot)?;
            }
        }
    }
    file.append(&lines)
}

fn chain(error: &StateError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.inbox.lock().closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked is over too.
            let _ = thread.join();
        }
    }
}
