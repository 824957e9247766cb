//! Optimisers: what a step makes of the gradients. All weights are one long tensor, and so is each thing remembered, so
//! that a checkpoint holds them whole. Formulas are PyTorch's.

use std::ops::Range;

use meuse_core::recipe::network::Optimizer as Rule;
use tch::{Device, Tensor, no_grad};

/// Numbers that a step changes before it goes to the next ones: with what is remembered of them they stay in a core's
/// cache from one call to the next.
const AT_ONCE: usize = 1 << 14;

/// An optimiser and what it remembers.
pub(crate) struct Optimizer {
    rule: Rule,
    /// Adam: mean of gradients, mean of squares. RMSprop: mean of squares, then momentum. SGD: momentum.
    states: Vec<Tensor>,
    /// Steps done.
    steps: u64,
}

impl Optimizer {
    pub(crate) fn new(rule: Rule, weights: &Tensor) -> Self {
        let states = (0..rule.states()).map(|_| weights.zeros_like()).collect();
        Self { rule, states, steps: 0 }
    }

    /// As it was after `steps`.
    pub(crate) fn resumed(rule: Rule, steps: u64, states: &[Vec<f32>], device: Device) -> Self {
        let states = states.iter().map(|state| Tensor::from_slice(state).to_device(device)).collect();
        Self { rule, states, steps }
    }

    pub(crate) fn states(&self) -> &[Tensor] {
        &self.states
    }

    /// The next step, of `rate` along the sum of the gradients, which is scaled down where its norm is above the limit.
    pub(crate) fn next(&mut self, weights: Tensor, gradients: Vec<Tensor>, rate: f64, limit: Option<f64>) -> Step {
        self.steps += 1;
        let steps = self.steps.min(i32::MAX as u64) as i32;
        let states = self.states.iter().map(Tensor::shallow_clone).collect();
        let mut step = Step { rule: self.rule, steps, rate, weights, states, gradients };
        if let Some(limit) = limit {
            step.clip(limit);
        }
        step
    }
}

/// A step that is to be made: by one thread, or by several of which each changes some of the numbers.
pub(crate) struct Step {
    rule: Rule,
    /// How many there were, with this one.
    steps: i32,
    rate: f64,
    weights: Tensor,
    states: Vec<Tensor>,
    gradients: Vec<Tensor>,
}

impl Step {
    /// The same step for another thread.
    pub(crate) fn twin(&self) -> Self {
        let clones = |tensors: &[Tensor]| tensors.iter().map(Tensor::shallow_clone).collect();
        let (weights, states) = (self.weights.shallow_clone(), clones(&self.states));
        Self { weights, states, gradients: clones(&self.gradients), ..*self }
    }

    /// How many numbers it changes.
    pub(crate) fn count(&self) -> usize {
        self.weights.numel()
    }

    fn clip(&mut self, limit: f64) {
        no_grad(|| {
            let mut sum = self.gradients.remove(0);
            for gradient in self.gradients.drain(..) {
                let _ = sum.g_add_(&gradient);
            }
            clip(&mut sum, limit);
            self.gradients.push(sum);
        });
    }

    /// Makes the step for some of the numbers; a GPU, and a libtorch of several threads, divide them themselves.
    pub(crate) fn make(&self, range: Range<usize>) {
        let divides = self.weights.device() != Device::Cpu || tch::get_num_threads() > 1;
        let at_once = if divides { range.len().max(1) } else { AT_ONCE };
        for begin in range.clone().step_by(at_once) {
            let count = at_once.min(range.end - begin) as i64;
            let part = |tensor: &Tensor| tensor.narrow(0, begin as i64, count);
            no_grad(|| {
                let mut states: Vec<Tensor> = self.states.iter().map(part).collect();
                let mut gradients = self.gradients.iter().map(part);
                let Some(mut gradient) = gradients.next() else { return };
                for other in gradients {
                    let _ = gradient.g_add_(&other);
                }
                self.change(&mut part(&self.weights), &mut states, &gradient);
            });
        }
    }

    fn change(&self, weights: &mut Tensor, states: &mut [Tensor], gradient: &Tensor) {
        let (rate, steps) = (self.rate, self.steps);
        match self.rule {
            Rule::Sgd(sgd) => {
                let mut gradient = penalised(gradient, weights, sgd.weight_decay);
                if let [velocity] = states {
                    // The first gradient goes in whole, as in PyTorch, and so does every other one: no dampening.
                    let _ = velocity.g_mul_scalar_(sgd.momentum);
                    let _ = velocity.g_add_(&gradient);
                    gradient =
                        if sgd.nesterov { &gradient + &*velocity * sgd.momentum } else { velocity.shallow_clone() };
                }
                let _ = weights.g_sub_(&(gradient * rate));
            }
            Rule::Adam(adam) | Rule::Adamw(adam) => {
                let coupled = matches!(self.rule, Rule::Adam(_));
                let gradient = penalised(gradient, weights, if coupled { adam.weight_decay } else { 0.0 });
                if !coupled && adam.weight_decay > 0.0 {
                    let _ = weights.g_mul_scalar_(1.0 - rate * adam.weight_decay);
                }
                let [mean, squares] = states else { return };
                let _ = mean.lerp_(&gradient, 1.0 - adam.beta_1);
                let _ = squares.lerp_(&gradient.square(), 1.0 - adam.beta_2);
                let whole_mean = 1.0 - adam.beta_1.powi(steps);
                let whole_root = (1.0 - adam.beta_2.powi(steps)).sqrt();
                // mean / whole_mean / (√squares / whole_root + ε) · rate
                let mut root = squares.sqrt();
                let _ = root.g_add_scalar_(adam.epsilon * whole_root);
                let mut change = &*mean / root;
                let _ = change.g_mul_scalar_(rate * whole_root / whole_mean);
                let _ = weights.g_sub_(&change);
            }
            Rule::Rmsprop(rmsprop) => {
                let gradient = penalised(gradient, weights, rmsprop.weight_decay);
                let (squares, velocity) = match states {
                    [squares] => (squares, None),
                    [squares, velocity] => (squares, Some(velocity)),
                    _ => return,
                };
                let _ = squares.lerp_(&gradient.square(), 1.0 - rmsprop.rho);
                let mut root = squares.sqrt();
                let _ = root.g_add_scalar_(rmsprop.epsilon);
                let mut change = gradient / root;
                if let Some(velocity) = velocity {
                    let _ = velocity.g_mul_scalar_(rmsprop.momentum);
                    let _ = velocity.g_add_(&change);
                    change = velocity.shallow_clone();
                }
                let _ = weights.g_sub_(&(change * rate));
            }
        }
    }
}

/// The gradient with that of an L2 penalty.
fn penalised(gradient: &Tensor, weights: &Tensor, strength: f64) -> Tensor {
    if strength > 0.0 { gradient + weights * strength } else { gradient.shallow_clone() }
}

/// Gradients of all weights as one tensor.
pub(crate) fn joined(gradients: &[Tensor]) -> Tensor {
    no_grad(|| {
        let parts: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape(-1)).collect();
        Tensor::cat(&parts, 0)
    })
}

/// Scales a gradient down where its norm is above the limit.
fn clip(gradient: &mut Tensor, limit: f64) {
    let norm = gradient.norm().double_value(&[]);
    if norm > limit {
        let _ = gradient.g_mul_scalar_(limit / (norm + 1e-6));
    }
}
