//! The GPUs of this machine, and which of them trainings compute on. A GPU is shared when there are more trainings than
//! GPUs: each takes the one that has the fewest.

use std::path::Path;
use std::sync::Arc;

use meuse_core::native;
use parking_lot::Mutex;

/// Where the kernel shows devices.
const DEVICES: &str = "/dev";
/// What the devices of NVIDIA's driver are called, before their number.
const NVIDIA: &str = "nvidia";

/// The variable by which CUDA is told which GPUs there are.
pub(crate) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// How many GPUs of NVIDIA this server may use: those that its own environment names, or else those of the machine, by the
/// devices that its driver shows.
pub fn present() -> usize {
    let devices = numbered(Path::new(DEVICES));
    named().map_or(devices, |names| names.len().min(devices))
}

/// What CUDA calls the GPU with this number, of those that this server may use.
pub(crate) fn name_of(number: usize) -> String {
    name_among(named().as_deref(), number)
}

/// Where names are given, a number that has none is no GPU: to CUDA that is an empty name.
fn name_among(names: Option<&[String]>, number: usize) -> String {
    match names {
        Some(names) => names.get(number).cloned().unwrap_or_default(),
        None => number.to_string(),
    }
}

/// The GPUs that the environment of this server names.
fn named() -> Option<Vec<String>> {
    std::env::var(VISIBLE).ok().map(|text| names(&text))
}

/// The names of a list, up to the first that is none, as CUDA reads it: `-1` hides all that follow.
fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names.take_while(|name| !name.is_empty() && !name.starts_with('-')).map(str::to_owned).collect()
}

/// Whether this folder of native libraries has those that compute on a GPU.
pub fn has_libraries(native: &Path) -> bool {
    native.join(native::TORCH_CUDA).exists()
}

/// How many GPUs can be used with this folder of native libraries.
pub(crate) fn usable(native: &Path) -> usize {
    if has_libraries(native) { present() } else { 0 }
}

fn numbered(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let is_gpu = |name: &str| name.strip_prefix(NVIDIA).is_some_and(|number| number.parse::<u32>().is_ok());
    entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_gpu)).count()
}

/// How many trainings of this server compute on each GPU. Those that an earlier server began are not counted.
#[derive(Clone)]
pub(crate) struct Gpus(Arc<Mutex<Vec<usize>>>);

impl Gpus {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![0; count])))
    }

    /// The GPU with the fewest trainings; none when there is none. It is given back when what comes is dropped.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut trainings = self.0.lock();
        let number = (0..trainings.len()).min_by_key(|number| trainings[*number])?;
        trainings[number] += 1;
        Some(Taken { gpus: self.clone(), number })
    }
}

/// A training's use of a GPU.
pub(crate) struct Taken {
    gpus: Gpus,
    /// As CUDA counts them.
    pub(crate) number: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.gpus.0.lock()[self.number] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_takes_the_gpu_that_has_the_fewest() {
        let gpus = Gpus::new(2);
        let first = gpus.take().expect("a GPU");
        let second = gpus.take().expect("a GPU");
        assert_eq!([first.number, second.number], [0, 1]);
        drop(first);
        let third = gpus.take().expect("a GPU");
        let fourth = gpus.take().expect("a GPU");
        assert_eq!([third.number, fourth.number], [0, 0]);
        assert!(Gpus::new(0).take().is_none());
    }

    #[test]
    fn a_server_that_was_given_some_gpus_gives_its_trainings_no_others() {
        let given = names("3, GPU-5f,-1,2");
        assert_eq!(given, ["3", "GPU-5f"]);
        assert_eq!([0, 1, 2].map(|number| name_among(Some(&given), number)), ["3", "GPU-5f", ""]);
        assert_eq!(names(""), names("-1"));
        assert_eq!(name_among(Some(&[]), 0), "");
        assert_eq!(name_among(None, 1), "1");
    }

    #[test]
    fn gpus_are_counted_by_the_devices_of_their_driver() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["nvidia0", "nvidia1", "nvidia12", "nvidiactl", "nvidia-uvm", "null"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(numbered(folder.path()), 3);
        assert_eq!(numbered(&folder.path().join("missing")), 0);
    }
}
