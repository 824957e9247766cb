//! Optimisers: what a step makes of the gradients. All weights are one long tensor, and so is each thing remembered, so
//! that a checkpoint holds them whole. Formulas are PyTorch's.

use meuse_core::recipe::network::Optimizer as Rule;
use tch::{Tensor, no_grad};

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
    pub(crate) fn resumed(rule: Rule, steps: u64, states: &[Vec<f32>]) -> Self {
        Self { rule, states: states.iter().map(|state| Tensor::from_slice(state)).collect(), steps }
    }

    pub(crate) fn states(&self) -> &[Tensor] {
        &self.states
    }

    /// One step of `rate`.
    pub(crate) fn step(&mut self, weights: &mut Tensor, gradient: &Tensor, rate: f64) {
        self.steps += 1;
        let steps = self.steps.min(i32::MAX as u64) as i32;
        let states = &mut self.states;
        no_grad(|| match self.rule {
            Rule::Sgd(sgd) => {
                let mut gradient = penalised(gradient, weights, sgd.weight_decay);
                if let [velocity] = states.as_mut_slice() {
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
                let [mean, squares] = states.as_mut_slice() else { return };
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
                let (squares, velocity) = match states.as_mut_slice() {
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
        });
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
pub(crate) fn clip(gradient: &mut Tensor, limit: Option<f64>) {
    let Some(limit) = limit else { return };
    let norm = gradient.norm().double_value(&[]);
    if norm > limit {
        let _ = gradient.g_mul_scalar_(limit / (norm + 1e-6));
    }
}
