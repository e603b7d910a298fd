//! The shim: a table of C functions between SQLite and its usual ones.
//!
//! It becomes SQLite's default at the first use. Each of its files is followed in memory by the usual file that does the work;
//! locks and shared memory are the usual ones, only what reaches the disk is looked at. Nothing is really synced: the tape
//! knows what would have been, and tests are faster.

use crate::tape::{Operation, Tape, name_in};
use crate::{Fault, How};
use rusqlite::ffi;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A directory that is watched.
struct Watched {
    tape: Tape,
    fault: Option<Fault>,
    /// How the names of files begin for which there is no room.
    full: Option<String>,
}

impl Watched {
    /// How the next operation fails, on a file of that name. A full disk does what takes no room.
    fn failing(&self, name: &str, operation: &Operation) -> Option<How> {
        let takes_room = matches!(operation, Operation::Write { .. });
        let is_full = takes_room && self.full.as_ref().is_some_and(|files| name.starts_with(files));
        let number = self.tape.len();
        let fault = self.fault.filter(|fault| (fault.at..fault.at + fault.times).contains(&number));
        fault.map(|fault| fault.how).or(is_full.then_some(How::Full))
    }
}

static WATCHED: Mutex<BTreeMap<PathBuf, Watched>> = Mutex::new(BTreeMap::new());
/// The address of SQLite's own table, which lives as long as the process.
static USUAL: OnceLock<usize> = OnceLock::new();

fn watched() -> MutexGuard<'static, BTreeMap<PathBuf, Watched>> {
    // A test that failed has nothing in its directory that others would read.
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn watch(folder: &Path, tape: Tape, fault: Option<Fault>) {
    USUAL.get_or_init(register);
    watched().insert(folder.into(), Watched { tape, fault, full: None });
}

pub(crate) fn fill(folder: &Path, files: Option<&str>) {
    if let Some(watched) = watched().get_mut(folder) {
        watched.full = files.map(str::to_owned);
    }
}

pub(crate) fn tape(folder: &Path) -> Tape {
    watched().get(folder).map(|watched| watched.tape.clone()).unwrap_or_default()
}

pub(crate) fn forget(folder: &Path) {
    watched().remove(folder);
}

/// One of our files; the usual one follows it.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// Where it lies, when it is watched. Freed at its closing.
    place: *mut (PathBuf, String),
}

fn register() -> usize {
    // SAFETY: SQLite's default table is there for good once it was asked for.
    let usual = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    assert!(!usual.is_null(), "SQLite has a default for files");
    // SAFETY: a plain copy of a table of function pointers.
    let mut ours = unsafe { *usual };
    ours.szOsFile += size_of::<File>() as c_int;
    ours.zName = c"downbeat-disk".as_ptr();
    ours.pNext = ptr::null_mut();
    ours.xOpen = Some(open);
    ours.xDelete = Some(remove);
    let ours = Box::leak(Box::new(ours));
    // SAFETY: the table is leaked, so it outlives its registration.
    let registered = unsafe { ffi::sqlite3_vfs_register(ours, 1) };
    assert_eq!(registered, ffi::SQLITE_OK, "the disk is registered");
    usual as usize
}

fn usual() -> *mut ffi::sqlite3_vfs {
    USUAL.get().map_or(ptr::null_mut(), |address| *address as *mut ffi::sqlite3_vfs)
}

/// SAFETY: `file` was opened by [`open`], so the usual file follows it.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gave `szOsFile` bytes, which are ours and then the usual ones.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// Calls one of the usual file's methods.
macro_rules! usually {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let inner = inner($file);
        match (*(*inner).pMethods).$method {
            Some(method) => method(inner $(, $argument)*),
            None => ffi::SQLITE_IOERR,
        }
    }};
}

/// What becomes of an operation.
enum Fate {
    Done,
    Fails(How),
}

/// Asks the plan what becomes of an operation, and puts it on the tape as far as it is done.
fn record(file: *mut ffi::sqlite3_file, operation: Operation) -> Fate {
    // SAFETY: `open` made it one of ours, and its place is freed only by `close`.
    let Some((folder, name)) = (unsafe { (*file.cast::<File>()).place.as_ref() }) else { return Fate::Done };
    record_at(folder, name, operation)
}

fn record_at(folder: &Path, name: &str, operation: Operation) -> Fate {
    let mut all = watched();
    let Some(watched) = all.get_mut(folder) else { return Fate::Done };
    match watched.failing(name, &operation) {
        None => {
            watched.tape.push(name, operation);
            Fate::Done
        }
        Some(how) => {
            watched.tape.push(name, failed(operation, how));
            Fate::Fails(how)
        }
    }
}

/// What a failing operation does to the disk all the same.
fn failed(operation: Operation, how: How) -> Operation {
    match (operation, how) {
        (Operation::Sync, _) => Operation::SyncFailed,
        (Operation::Write { offset, mut bytes }, How::Short) => {
            bytes.truncate(bytes.len() / 2);
            Operation::Write { offset, bytes }
        }
        _ => Operation::Write { offset: 0, bytes: Vec::new() },
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands in room for our file and the usual one, and a name that ends with a zero or none.
    unsafe {
        (*file).pMethods = ptr::null();
        (*file.cast::<File>()).place = ptr::null_mut();
        let usual = usual();
        let Some(usual_open) = (*usual).xOpen else { return ffi::SQLITE_CANTOPEN };
        let result = usual_open(usual, name, inner(file), flags, out);
        if result == ffi::SQLITE_OK {
            let place = if name.is_null() { None } else { place_of(&path_of(name)) };
            (*file.cast::<File>()).place = place.map_or(ptr::null_mut(), |place| Box::into_raw(Box::new(place)));
            (*file).pMethods = &METHODS;
        }
        result
    }
}

/// SAFETY: `name` ends with a zero.
unsafe fn path_of(name: *const c_char) -> PathBuf {
    // SAFETY: as above.
    PathBuf::from(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

fn place_of(path: &Path) -> Option<(PathBuf, String)> {
    watched().keys().find_map(|folder| name_in(folder, path).map(|name| (folder.clone(), name)))
}

unsafe extern "C" fn remove(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite hands in a name that ends with a zero; the usual table is there for good.
    unsafe {
        if let Some((folder, file)) = place_of(&path_of(name))
            && let Fate::Fails(_) = record_at(&folder, &file, Operation::Remove { synced: sync != 0 })
        {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let usual = usual();
        (*usual).xDelete.map_or(ffi::SQLITE_IOERR_DELETE, |usual_remove| usual_remove(usual, name, sync))
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: one of ours; nobody uses it after its closing.
    unsafe {
        let place = std::mem::replace(&mut (*file.cast::<File>()).place, ptr::null_mut());
        if !place.is_null() {
            drop(Box::from_raw(place));
        }
        usually!(file, xClose)
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, size: c_int, offset: i64) -> c_int {
    // SAFETY: one of ours, and `size` bytes to be written.
    unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), size as usize).to_vec();
        match record(file, Operation::Write { offset: offset as usize, bytes }) {
            Fate::Done => usually!(file, xWrite, from, size, offset),
            Fate::Fails(How::Broken) => ffi::SQLITE_IOERR_WRITE,
            Fate::Fails(How::Full) => ffi::SQLITE_FULL,
            Fate::Fails(How::Short) => {
                usually!(file, xWrite, from, size / 2, offset);
                ffi::SQLITE_FULL
            }
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    match record(file, Operation::Truncate(size as usize)) {
        // SAFETY: one of ours.
        Fate::Done => unsafe { usually!(file, xTruncate, size) },
        Fate::Fails(_) => ffi::SQLITE_IOERR_TRUNCATE,
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    match record(file, Operation::Sync) {
        Fate::Done => ffi::SQLITE_OK,
        Fate::Fails(_) => ffi::SQLITE_IOERR_FSYNC,
    }
}

/// Methods that are the usual ones.
macro_rules! as_usual {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> $result {
            // SAFETY: one of ours, and what SQLite hands in goes on as it is.
            unsafe { usually!(file, $method $(, $argument)*) }
        }
    )*};
}

as_usual! {
    read = xRead(to: *mut c_void, size: c_int, offset: i64) -> c_int;
    file_size = xFileSize(size: *mut i64) -> c_int;
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(out: *mut c_int) -> c_int;
    file_control = xFileControl(what: c_int, with: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, n: c_int, flags: c_int) -> c_int;
    shm_unmap = xShmUnmap(remove: c_int) -> c_int;
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: one of ours.
    unsafe {
        let inner = inner(file);
        if let Some(barrier) = (*(*inner).pMethods).xShmBarrier {
            barrier(inner);
        }
    }
}

/// Version 2: with shared memory, without memory-mapped reading, which would pass the tape by.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
