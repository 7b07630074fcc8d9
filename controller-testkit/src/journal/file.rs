//! The file on the disk: reading all of it, adding lines that stay, writing it anew.

use std::fs::{self, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::record::{self, Record};
use super::{Notes, Snapshot, StateError};
use crate::store::Store;

/// Tells a state file from every other kind; the number is that of its format.
pub(super) const MAGIC: &[u8] = b"controller-testkit state 1\n";

/// A state file that is ours alone.
pub(super) struct File {
    path: PathBuf,
    /// None before the first writing.
    open: Option<fs::File>,
    /// How long it is, and how long it was when it was last written anew.
    length: u64,
    needed: u64,
}

impl File {
    /// Reads what is there. A file that is missing or empty holds nothing.
    pub(super) fn open(path: &Path) -> Result<(File, Store, Notes), StateError> {
        let fault = |what| move |source| StateError::File { what, path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(fault("finding"))?;
        let mut file = File { path, open: None, length: 0, needed: 0 };
        match fs::OpenOptions::new().read(true).append(true).open(&file.path) {
            Ok(open) => {
                file.lock(&open)?;
                file.open = Some(open);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((file, Store::new(), Notes::new())),
            Err(error) => return Err(file.fault("opening", error)),
        }
        let bytes = fs::read(&file.path).map_err(|error| file.fault("reading", error))?;
        let (store, notes) = file.replay(&bytes)?;
        Ok((file, store, notes))
    }

    fn replay(&self, bytes: &[u8]) -> Result<(Store, Notes), StateError> {
        let (mut store, mut notes) = (Store::new(), Notes::new());
        let Some(lines) = bytes.strip_prefix(MAGIC) else {
            // The very first writing may have been cut short, had it not been renamed into place; an empty file may
            // have been made by who named it.
            return match bytes.is_empty() {
                true => Ok((store, notes)),
                false => Err(StateError::Foreign { path: self.path.clone() }),
            };
        };
        let mut broken = None;
        for (index, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let said = line.strip_suffix(b"\n").and_then(record::read);
            let done = match (said, broken) {
                (Some(_), Some(line)) => return Err(StateError::Broken { path: self.path.clone(), line }),
                (Some(said), None) => take_in(&mut store, &mut notes, said),
                (None, _) => false,
            };
            if !done {
                // The file's first line is the magic one.
                broken.get_or_insert(index + 2);
            }
        }
        Ok((store, notes))
    }

    /// Adds whole lines, and returns when they are on the disk.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), StateError> {
        if lines.is_empty() {
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.write_all(lines).and_then(|()| open.sync_data());
        self.length += lines.len() as u64;
        written.map_err(|error| self.fault("writing", error))
    }

    /// Writes all of it anew, beside the old one, which is there until the new one is whole.
    pub(super) fn write_anew(&mut self, snapshot: &Snapshot) -> Result<(), StateError> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = write_to(&beside, snapshot).and_then(|(open, length)| {
            open.try_lock().map_err(io::Error::from)?;
            fs::rename(&beside, &self.path)?;
            sync_folder(&self.path)?;
            Ok((open, length))
        });
        let (open, length) = written.map_err(|error| self.fault("writing", error))?;
        self.open = Some(open);
        (self.length, self.needed) = (length, length);
        Ok(())
    }

    /// Whether it is twice as long as it must be, and not small.
    pub(super) fn is_long(&self, small: u64) -> bool {
        self.length > small.max(2 * self.needed)
    }

    fn lock(&self, open: &fs::File) -> Result<(), StateError> {
        open.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StateError::InUse { path: self.path.clone() },
            TryLockError::Error(source) => self.fault("locking", source),
        })
    }

    fn fault(&self, what: &'static str, source: io::Error) -> StateError {
        StateError::File { what, path: self.path.clone(), source }
    }
}

/// Does what a line says; false if it can't be, since the lines before it say otherwise.
fn take_in(store: &mut Store, notes: &mut Notes, said: Record) -> bool {
    match said {
        Record::Base(rv) => store.start_at(rv),
        Record::Note { name, value } => drop(notes.insert(name, value)),
        Record::Object { table, key, object } => return store.put_back(&table, &key, object),
        Record::Event { change, table, key, object } => return store.replay(change, &table, &key, object),
    }
    true
}

fn write_to(path: &Path, snapshot: &Snapshot) -> io::Result<(fs::File, u64)> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Secrets stand in it.
    let mut options = fs::OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::with_capacity(1 << 16, options.open(path)?);
    out.write_all(MAGIC)?;
    let mut length = MAGIC.len() as u64;
    let mut line = Vec::new();
    let mut put = |write: &mut dyn FnMut(&mut Vec<u8>)| {
        line.clear();
        write(&mut line);
        length += line.len() as u64;
        out.write_all(&line)
    };
    put(&mut |line| record::base(line, snapshot.base))?;
    for (name, value) in &snapshot.notes {
        put(&mut |line| record::note(line, name, value))?;
    }
    for (table, key, object) in &snapshot.objects {
        put(&mut |line| record::object(line, table, key, object))?;
    }
    for event in &snapshot.events {
        put(&mut |line| record::event(line, event.change, &event.table, &event.key, &event.object))?;
    }
    let open = out.into_inner().map_err(|error| error.into_error())?;
    open.sync_all()?;
    Ok((open, length))
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match cfg!(unix) {
        true => fs::File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}
