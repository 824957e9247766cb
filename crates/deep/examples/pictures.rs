//! Trains the network of a recipe on a folder of MNIST's own files (unpacked: `train-images-idx3-ubyte` and the other
//! three), without a server, and says how fast and how well: what the table in benches/README.md was measured with.
//!
//! cargo run --release -p meuse-deep --example pictures -- FOLDER [SEEDS] [EPOCHS] [THREADS]
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use meuse_core::events::Level;
use meuse_core::recipe::network::{Loss, Network, NetworkInput};
use meuse_deep::{Error, Fit, Rows, Samples, fit, outputs};
use meuse_train::Watch;

/// The network of bars.md: 121,930 parameters at 28 × 28.
const LAYERS: &str = r#"{
    "batch_size": 64,
    "layers": [
        {"kind": "conv2d", "filters": 32, "kernel": 3, "activation": "relu"},
        {"kind": "max_pool2d"},
        {"kind": "conv2d", "filters": 64, "kernel": 3, "activation": "relu"},
        {"kind": "max_pool2d"},
        {"kind": "flatten"},
        {"kind": "dense", "units": 64, "activation": "relu"},
        {"kind": "dense", "units": 10, "activation": "softmax"}
    ]
}"#;

/// Grey pictures of one byte a place.
struct Pictures {
    bytes: Vec<u8>,
    labels: Vec<f32>,
    places: usize,
}

impl Pictures {
    fn read(folder: &Path, part: &str) -> anyhow::Result<(Self, [u32; 2])> {
        let read = |name: String| std::fs::read(folder.join(&name)).with_context(|| format!("cannot read {name}"));
        let images = read(format!("{part}-images-idx3-ubyte"))?;
        let labels = read(format!("{part}-labels-idx1-ubyte"))?;
        ensure!(images.len() > 16 && labels.len() > 8, "the files are cut short");
        let number = |at: usize| u32::from_be_bytes([images[at], images[at + 1], images[at + 2], images[at + 3]]);
        let (count, height, width) = (number(4) as usize, number(8), number(12));
        let places = height as usize * width as usize;
        ensure!(images.len() == 16 + count * places && labels.len() == 8 + count, "the files do not fit together");
        let labels = labels[8..].iter().map(|label| f32::from(*label)).collect();
        Ok((Self { bytes: images[16..].to_vec(), labels, places }, [height, width]))
    }
}

impl Rows for Pictures {
    fn count(&self) -> usize {
        self.labels.len()
    }

    fn fill(&self, row: u32, _: Option<u64>, numbers: &mut [f32]) -> Result<(), Error> {
        let start = row as usize * self.places;
        let bytes = &self.bytes[start..start + self.places];
        numbers.iter_mut().zip(bytes).for_each(|(number, byte)| *number = f32::from(*byte) / 255.0);
        Ok(())
    }
}

struct Silent;

impl Watch for Silent {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn metric(&self, name: &str, part: &str, step: u64, value: f64) {
        eprintln!("epoch {step}: {part} {name} {value:.4}");
    }
    fn log(&self, _: Level, message: &str) {
        eprintln!("{message}");
    }
    fn cancelled(&self) -> bool {
        false
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().context("usage: pictures FOLDER [SEEDS] [EPOCHS] [THREADS]")?;
    let number = |at: usize, usual: u32| arguments.get(at).map_or(Ok(usual), |text| text.parse());
    let (seeds, epochs, threads) = (number(1, 1)?, number(2, 5)?, number(3, 2)?);
    let (training, [height, width]) = Pictures::read(Path::new(folder), "train")?;
    let (test, _) = Pictures::read(Path::new(folder), "t10k")?;
    let mut network: Network = serde_json::from_str(LAYERS)?;
    network.epochs = epochs;
    let given = [NetworkInput { name: "picture".into(), shape: vec![1, height, width], ids: None }];
    let graph = network.graph(&given, 10, Loss::CrossEntropy);
    let graph = graph.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    print!("{}", graph.summary(&network));
    meuse_deep::set_threads(threads as usize);
    let mut sum = 0.0;
    for seed in 0..u64::from(seeds) {
        let begin = Instant::now();
        let fitted = fit(&Fit {
            network: &network,
            graph: &graph,
            loss: Loss::CrossEntropy,
            seed: seed + 1,
            start: None,
            training: Samples { rows: &training, targets: &training.labels },
            validation: None,
            threads: 1,
            device: meuse_deep::Device::Cpu,
            mix_up: 0.0,
            checkpoint: None,
            checkpoint_steps: 0,
            watch: &Silent,
        })?;
        let seconds = begin.elapsed().as_secs_f64();
        let answers = outputs(&graph, &fitted.weights, &test, 1)?;
        let right = answers.chunks_exact(10).zip(&test.labels).filter(|(row, label)| {
            let best = (0..10).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            best == Some(**label as usize)
        });
        let accuracy = right.count() as f64 / test.labels.len() as f64;
        sum += accuracy;
        let rate = training.labels.len() as f64 * f64::from(epochs) / seconds;
        println!("seed {}: {accuracy:.4} after {epochs} epochs in {seconds:.1} s, {rate:.0} samples/s", seed + 1);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("mean accuracy {:.4}; {}", sum / f64::from(seeds), peak.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(())
}
