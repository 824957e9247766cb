//! Threads that compute side by side, each with a libtorch of one thread. A layer of a batch is too little work to be
//! divided: two threads that wait for each other after every layer learnt hardly faster than one (benches/README.md). So
//! each takes rows of its own through the whole network, and they meet once a step.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use crate::{Error, set_threads};

/// Threads of which each does one job at a time.
pub(crate) struct Crew<Job, Done> {
    members: Vec<(SyncSender<Job>, Receiver<Done>)>,
}

impl<Job: Send, Done: Send> Crew<Job, Done> {
    /// One thread for each worker. They end with the crew.
    pub(crate) fn start<'scope, Worker>(
        scope: &'scope Scope<'scope, '_>,
        workers: impl IntoIterator<Item = Worker>,
    ) -> Result<Self, Error>
    where
        Worker: FnMut(Job) -> Done + Send + 'scope,
        Job: 'scope,
        Done: 'scope,
    {
        let mut members = Vec::new();
        for mut worker in workers {
            let (to, jobs) = sync_channel::<Job>(1);
            let (done, from) = sync_channel(1);
            let work = move || {
                set_threads(1);
                for job in jobs {
                    if done.send(worker(job)).is_err() {
                        return;
                    }
                }
            };
            Builder::new().name("compute".into()).spawn_scoped(scope, work).map_err(Error::Thread)?;
            members.push((to, from));
        }
        Ok(Self { members })
    }

    /// How many threads there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// Gives a thread its next job, once it has begun the one before.
    pub(crate) fn ask(&self, member: usize, job: Job) -> Result<(), Error> {
        self.members[member].0.send(job).map_err(|_| ended())
    }

    /// What came of the oldest job of a thread that was not answered yet.
    pub(crate) fn answer(&self, member: usize) -> Result<Done, Error> {
        self.members[member].1.recv().map_err(|_| ended())
    }
}

/// Lets a crew work, while this thread computes alone what little is left to it: waking others for each small thing costs
/// more than it gives. Afterwards there are as many threads as before, for it and for those that come later.
pub(crate) fn alone_meanwhile<T>(work: impl FnOnce() -> T) -> T {
    let before = tch::get_num_threads();
    tch::set_num_threads(1);
    let done = work();
    tch::set_num_threads(before);
    done
}

fn ended() -> Error {
    Error::Thread(std::io::Error::other("a computing thread ended early"))
}
