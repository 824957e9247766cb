//! The numbers that parameters begin with: from the seed alone, by chance of our own, so that no release of libtorch
//! changes them.

use meuse_core::recipe::network::{Initial, Parameter};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Streams of one seed that parameters draw from begin here; the orders of epochs have those below.
const FIRST_STREAM: u64 = 1 << 40;

/// The deviation of a normal distribution that is cut at two deviations.
const CUT_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// The beginning of the parameter with this number.
pub(crate) fn values(parameter: &Parameter, number: usize, seed: u64) -> Vec<f32> {
    let mut chance = Chance::new(seed, FIRST_STREAM + number as u64);
    let count = parameter.count();
    let mut draw = |make: &mut dyn FnMut(&mut Chance) -> f64| (0..count).map(|_| make(&mut chance) as f32).collect();
    match parameter.initial {
        Initial::Constant(value) => vec![value as f32; count],
        Initial::Uniform(bound) => draw(&mut |chance| (2.0 * chance.unit() - 1.0) * bound),
        Initial::Normal(deviation) => draw(&mut |chance| chance.normal() * deviation),
        Initial::TruncatedNormal(deviation) => draw(&mut |chance| chance.cut_normal() * deviation / CUT_DEVIATION),
        Initial::ForgetGate => {
            let quarter = count / 4;
            (0..count).map(|index| if (quarter..2 * quarter).contains(&index) { 1.0 } else { 0.0 }).collect()
        }
        Initial::Orthogonal => orthogonal(parameter, &mut chance),
    }
}

/// A stream of chance that can be repeated.
pub(crate) struct Chance {
    generator: ChaCha8Rng,
    /// The second of a pair of normal numbers.
    spare: Option<f64>,
}

impl Chance {
    /// The stream of this number; streams of one seed are independent of each other.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { generator, spare: None }
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1 (Box-Muller).
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * self.unit();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    fn cut_normal(&mut self) -> f64 {
        loop {
            let value = self.normal();
            if value.abs() <= 2.0 {
                return value;
            }
        }
    }

    /// Puts the items in an order by chance (Fisher-Yates).
    pub(crate) fn shuffle(&mut self, items: &mut [u32]) {
        for last in (1..items.len()).rev() {
            let other = (u128::from(self.generator.next_u64()) * (last as u128 + 1)) >> 64;
            items.swap(last, other as usize);
        }
    }

    /// A seed for another source of chance.
    pub(crate) fn seed(&mut self) -> i64 {
        self.generator.next_u64().cast_signed()
    }

    /// Zeros by chance, and between them 1 / (1 − rate).
    pub(crate) fn mask(&mut self, count: usize, rate: f64) -> Vec<f32> {
        let dropped = (rate * f64::from(u32::MAX)) as u32;
        let kept = (1.0 / (1.0 - rate)) as f32;
        (0..count).map(|_| if self.generator.next_u32() < dropped { 0.0 } else { kept }).collect()
    }
}

/// Orthonormal columns, or rows where the matrix is wider than high: Gram-Schmidt, twice for good measure.
fn orthogonal(parameter: &Parameter, chance: &mut Chance) -> Vec<f32> {
    let rows = parameter.shape.first().copied().unwrap_or(1);
    let columns = parameter.count() / rows.max(1);
    let (many, length) = if rows >= columns { (columns, rows) } else { (rows, columns) };
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(many);
    while vectors.len() < many {
        let mut vector: Vec<f64> = (0..length).map(|_| chance.normal()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        if norm > 1e-9 {
            for value in &mut vector {
                *value /= norm;
            }
            vectors.push(vector);
        }
    }
    let at = |row: usize, column: usize| if rows >= columns { vectors[column][row] } else { vectors[row][column] };
    (0..rows * columns).map(|index| at(index / columns, index % columns) as f32).collect()
}
