//! Small networks, rows by a fixed rule, and a listener.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use meuse_core::events::Level;
use meuse_core::native;
use meuse_core::recipe::network::{Graph, Loss, Network, NetworkInput};
use meuse_core::table::Matrix;
use meuse_deep::{Device, Error, Fit, Fitted, Samples};
use meuse_train::Watch;

/// Where ONNX Runtime is.
pub(crate) fn native_folder() -> PathBuf {
    let named = std::env::var_os(native::VARIABLE).map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vendor/lib")))
}

pub(crate) fn network(toml: &str) -> Network {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"))
}

pub(crate) fn given(shape: &[u32], ids: Option<u32>) -> Vec<NetworkInput> {
    vec![NetworkInput { name: "given".into(), shape: shape.to_vec(), ids }]
}

pub(crate) fn graph(network: &Network, given: &[NetworkInput], outputs: usize, loss: Loss) -> Graph {
    network.graph(given, outputs, loss).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Numbers between −1 and 1 that look like chance and are none.
pub(crate) fn numbers(count: usize) -> Vec<f32> {
    let mut state = 12_345_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Numbers from −1 to below 1 by the rule of `fixtures/make_numbers.py`: a hash of the name and the place.
pub(crate) fn by_rule(name: &str, count: usize) -> Vec<f32> {
    let hash = |seed: u32, byte: u8| (seed ^ u32::from(byte)).wrapping_mul(16_777_619);
    let seed = name.bytes().fold(2_166_136_261, hash);
    let number = |place: usize| {
        let mut x = (place as u32).wrapping_add(seed);
        for (shift, factor) in [(16, 0x7feb_352d), (15, 0x846c_a68b), (16, 1_u32)] {
            x = (x ^ (x >> shift)).wrapping_mul(factor);
        }
        (f64::from(x) / 2_f64.powi(31) - 1.0) as f32
    };
    (0..count).map(number).collect()
}

/// What `fixtures/make_backbones.py` wrote.
pub(crate) fn expectations<T: serde::de::DeserializeOwned>() -> T {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/backbones.json");
    let text = std::fs::read_to_string(path).expect("the fixture");
    serde_json::from_str(&text).expect("what the script writes")
}

pub(crate) fn rows(count: usize, width: usize) -> Matrix {
    Matrix { data: numbers(count * width), rows: count, width, sparse: None }
}

/// What was told.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) steps: AtomicU64,
    /// Cancelled once so many steps are done; 0: never.
    pub(crate) stop_after: u64,
}

impl Listener {
    pub(crate) fn text(&self) -> String {
        self.lines.lock().expect("no thread panicked").join("\n")
    }
}

impl Watch for Listener {
    fn progress(&self, stage: &str, done: u64, _: u64) {
        if stage == "train" {
            self.steps.store(done, Ordering::SeqCst);
        }
    }

    fn metric(&self, name: &str, part: &str, step: u64, value: f64) {
        self.lines.lock().expect("no thread panicked").push(format!("{part} {name} {step}: {value:.6}"));
    }

    fn log(&self, level: Level, message: &str) {
        self.lines.lock().expect("no thread panicked").push(format!("{level:?}: {message}"));
    }

    fn cancelled(&self) -> bool {
        self.stop_after > 0 && self.steps.load(Ordering::SeqCst) >= self.stop_after
    }
}

/// Trains with what most tests want, changed by `change`.
pub(crate) fn fit<'a>(
    network: &'a Network,
    graph: &'a Graph,
    loss: Loss,
    samples: (&'a Matrix, &'a [f32]),
    change: impl FnOnce(&mut Fit<'a>),
    listener: &'a Listener,
) -> Result<Fitted, Error> {
    meuse_deep::set_threads(1);
    let mut wanted = Fit {
        network,
        graph,
        loss,
        seed: 42,
        start: None,
        training: Samples { rows: samples.0, targets: samples.1 },
        validation: None,
        threads: 1,
        device: Device::Cpu,
        mix_up: 0.0,
        checkpoint: None,
        checkpoint_steps: 0,
        watch: listener,
    };
    change(&mut wanted);
    meuse_deep::fit(&wanted)
}
