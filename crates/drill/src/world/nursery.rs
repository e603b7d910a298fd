//! Starts processes from one thread that lives as long as the world.
//!
//! Children ask the kernel to be ended when their parent dies, and the kernel takes the *thread* that started
//! them for the parent. A thread of a pool may end at any time; this one ends with the world.

use std::io;
use std::sync::mpsc;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Birth {
    command: Command,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// The thread's door.
#[derive(Debug, Clone)]
pub(super) struct Nursery(mpsc::Sender<Birth>);

impl std::fmt::Debug for Birth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Birth").field(&self.command).finish()
    }
}

impl Nursery {
    /// Starts the thread; it ends when the last clone of this is gone.
    pub(super) fn open() -> io::Result<Self> {
        let runtime = Handle::current();
        let (births, due) = mpsc::channel::<Birth>();
        std::thread::Builder::new().name("nursery".to_owned()).spawn(move || {
            let _runtime = runtime.enter();
            for Birth { mut command, answer } in due {
                // Nobody waits any more: the child is dropped and thereby ended.
                drop(answer.send(command.spawn()));
            }
        })?;
        Ok(Self(births))
    }

    /// Starts a process.
    pub(super) async fn start(&self, command: Command) -> io::Result<Child> {
        let (answer, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts processes is gone");
        self.0.send(Birth { command, answer }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}
