//! The two tables of vectors, and what one pair of words does to them.

use super::chance::Chance;

/// Numbers of a row are a multiple of this many, so that loops over them have no remainder.
const LANES: usize = 16;

/// Two vectors per word: one for the word itself, which is kept, and one for the word as a neighbour of others. Row 0 is
/// padding's, and stays zero.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) dimensions: usize,
    /// Numbers of a row; those behind the dimensions are zero.
    stride: usize,
    words: Vec<f32>,
    neighbours: Vec<f32>,
    /// What a pair adds to its word's vector, gathered until the pair is done.
    change: Vec<f32>,
    /// How far it goes along each of its targets.
    steps: Vec<f32>,
}

impl Tables {
    /// As word2vec begins: words between ±1 / (2 · dimensions), neighbours zero.
    pub(super) fn new(size: usize, dimensions: usize, chance: &mut Chance) -> Self {
        let stride = dimensions.next_multiple_of(LANES);
        let mut words = vec![0.0; size * stride];
        for row in words.chunks_exact_mut(stride).skip(1) {
            for value in &mut row[..dimensions] {
                *value = (chance.unit() - 0.5) / dimensions as f32;
            }
        }
        let neighbours = vec![0.0; size * stride];
        Self { dimensions, stride, words, neighbours, change: vec![0.0; stride], steps: Vec::new() }
    }

    /// One step down the gradient of −ln σ(v·u₀) − Σ ln σ(−v·uₖ): the first of `targets` is the word that was seen beside
    /// `word`, the others were drawn.
    pub(super) fn learn(&mut self, word: u32, targets: &[u32], rate: f32) {
        let vector = &mut self.words[word as usize * self.stride..][..self.stride];
        self.change.fill(0.0);
        self.steps.clear();
        let mut label = 1.0;
        for target in targets {
            let neighbour = &self.neighbours[*target as usize * self.stride..][..self.stride];
            self.steps.push((label - sigmoid(dot(vector, neighbour))) * rate);
            label = 0.0;
        }
        for (target, step) in targets.iter().zip(&self.steps) {
            let neighbour = &mut self.neighbours[*target as usize * self.stride..][..self.stride];
            both(&mut self.change, neighbour, vector, *step);
        }
        for (value, change) in vector.iter_mut().zip(&self.change) {
            *value += change;
        }
    }

    /// The value of that objective.
    pub(super) fn loss(&self, word: u32, targets: &[u32]) -> f32 {
        let vector = &self.words[word as usize * self.stride..][..self.stride];
        let mut loss = 0.0;
        let mut sign = -1.0;
        for target in targets {
            let neighbour = &self.neighbours[*target as usize * self.stride..][..self.stride];
            loss += softplus(sign * dot(vector, neighbour));
            sign = 1.0;
        }
        loss
    }

    /// The words' vectors, row after row, without the zeros behind them.
    pub(super) fn into_words(self) -> Vec<f32> {
        if self.stride == self.dimensions {
            return self.words;
        }
        self.words.chunks_exact(self.stride).flat_map(|row| &row[..self.dimensions]).copied().collect()
    }
}

// Both loops are written so that the compiler makes vector instructions of them, which is most of the speed: a sum in an
// order of its own choice, or rows walked by index, are four times as slow.

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// change += step · neighbour, then neighbour += step · vector.
fn both(change: &mut [f32], neighbour: &mut [f32], vector: &[f32], step: f32) {
    for ((change, neighbour), vector) in change.iter_mut().zip(neighbour).zip(vector) {
        *change += step * *neighbour;
        *neighbour += step * vector;
    }
}

fn sigmoid(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// ln(1 + eˣ), which is −ln σ(−x), without overflow.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
