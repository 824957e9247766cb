//! The numbers of a network: what training changes lies in one long tensor, of which each parameter is a view, so that
//! an optimiser's step is a handful of calls for thousands of numbers, whatever the number of layers.

use std::collections::HashMap;

use meuse_core::recipe::network::{Graph, Parameter};
use tch::{Device, Kind, Tensor, no_grad};

use crate::folded::Folded;
use crate::initialise;

/// The parameters of a network.
pub struct Weights {
    parameters: Vec<Parameter>,
    tensors: Vec<Tensor>,
    numbers: HashMap<String, usize>,
    trained: Vec<usize>,
    /// All that training changes by gradients, one after the other.
    flat: Tensor,
    /// Batch norms that lie in convolutions.
    folded: Folded,
}

impl Weights {
    /// As the graph says that they begin, by the seed.
    pub fn new(graph: &Graph, seed: u64) -> Self {
        let values = |number: usize, parameter: &Parameter| initialise::values(parameter, number, seed);
        Self::build(graph, Device::Cpu, values)
    }

    /// As the graph says that they begin, by the seed, but for those that are given by name, as
    /// [`crate::pretrained::start`] gives them.
    ///
    /// # Errors
    /// Names the first value that is of another shape, or of no parameter.
    pub fn starting(graph: &Graph, seed: u64, start: &HashMap<String, Vec<f32>>) -> Result<Self, String> {
        let mut taken = 0;
        for parameter in graph.parameters() {
            let Some(values) = start.get(&parameter.name) else { continue };
            taken += 1;
            let (found, wanted) = (values.len(), parameter.count());
            if found != wanted {
                return Err(format!("`{}` is to begin with {found} numbers, and has {wanted}", parameter.name));
            }
        }
        if taken < start.len() {
            let known = |name: &&String| graph.parameters().any(|parameter| parameter.name == **name);
            let stray = start.keys().find(|name| !known(name)).map_or("", String::as_str);
            return Err(format!("the network has no parameter `{stray}` to begin with numbers"));
        }
        Ok(Self::build(graph, Device::Cpu, |number, parameter| match start.get(&parameter.name) {
            Some(values) => values.clone(),
            None => initialise::values(parameter, number, seed),
        }))
    }

    /// With the values given by name.
    ///
    /// # Errors
    /// Names the first parameter that is missing, or of another shape.
    pub fn from_values(graph: &Graph, values: &HashMap<String, Vec<f32>>) -> Result<Self, String> {
        for parameter in graph.parameters() {
            match values.get(&parameter.name) {
                None => return Err(format!("`{}` is missing", parameter.name)),
                Some(values) if values.len() != parameter.count() => {
                    let (found, wanted) = (values.len(), parameter.count());
                    return Err(format!("`{}` has {found} numbers instead of {wanted}", parameter.name));
                }
                Some(_) => {}
            }
        }
        Ok(Self::build(graph, Device::Cpu, |_, parameter| values.get(&parameter.name).cloned().unwrap_or_default()))
    }

    /// The same numbers where this device computes with them.
    #[must_use]
    pub fn moved(self, graph: &Graph, device: Device) -> Self {
        if self.device() == device {
            return self;
        }
        let values: Vec<Vec<f32>> = self.values().into_iter().map(|(_, _, values)| values).collect();
        Self::build(graph, device, |number, _| values[number].clone())
    }

    /// What computes with them.
    pub fn device(&self) -> Device {
        self.flat.device()
    }

    fn build(graph: &Graph, device: Device, values: impl Fn(usize, &Parameter) -> Vec<f32>) -> Self {
        let parameters: Vec<Parameter> = graph.parameters().cloned().collect();
        let mut together = Vec::with_capacity(graph.trained());
        let mut fixed = HashMap::new();
        for (number, parameter) in parameters.iter().enumerate() {
            let values = values(number, parameter);
            if parameter.trained {
                together.extend_from_slice(&values);
            } else {
                fixed.insert(number, values);
            }
        }
        let flat = Tensor::from_slice(&together).to_device(device);
        let mut offset = 0;
        let mut tensors = Vec::with_capacity(parameters.len());
        let mut trained = Vec::new();
        for (number, parameter) in parameters.iter().enumerate() {
            let shape: Vec<i64> = parameter.shape.iter().map(|side| *side as i64).collect();
            if let Some(values) = fixed.get(&number) {
                tensors.push(Tensor::from_slice(values).to_device(device).reshape(&shape));
                continue;
            }
            let count = parameter.count() as i64;
            tensors.push(flat.narrow(0, offset, count).reshape(&shape).set_requires_grad(true));
            offset += count;
            trained.push(number);
        }
        let numbers: HashMap<String, usize> =
            parameters.iter().enumerate().map(|(number, one)| (one.name.clone(), number)).collect();
        let parameter = |layer: &str, name: &str| Some(&tensors[*numbers.get(&format!("{layer}.{name}"))?]);
        let folded = Folded::of(graph, parameter);
        Self { parameters, tensors, numbers, trained, flat, folded }
    }

    /// The same numbers for another thread: a change of the one is a change of the other.
    pub(crate) fn twin(&self) -> Self {
        Self {
            parameters: self.parameters.clone(),
            tensors: self.tensors.iter().map(Tensor::shallow_clone).collect(),
            numbers: self.numbers.clone(),
            trained: self.trained.clone(),
            flat: self.flat.shallow_clone(),
            folded: self.folded.twin(),
        }
    }

    /// Batch norms that lie in convolutions.
    pub(crate) fn folded(&self) -> &Folded {
        &self.folded
    }

    /// A parameter of a layer.
    pub(crate) fn of(&self, layer: &str, name: &str) -> &Tensor {
        self.maybe(layer, name).expect("the graph lists every parameter that its layers read")
    }

    /// A parameter of a layer that not every such layer has.
    pub(crate) fn maybe(&self, layer: &str, name: &str) -> Option<&Tensor> {
        self.numbers.get(&format!("{layer}.{name}")).map(|number| &self.tensors[*number])
    }

    /// Everything that training changes, as one tensor; a change of it is a change of the parameters.
    pub(crate) fn flat(&self) -> Tensor {
        self.flat.shallow_clone()
    }

    /// What gradients are asked for.
    pub(crate) fn trained(&self) -> Vec<&Tensor> {
        self.trained.iter().map(|number| &self.tensors[*number]).collect()
    }

    /// Their names.
    pub(crate) fn names_of_trained(&self) -> impl Iterator<Item = &str> {
        self.trained.iter().map(|number| self.parameters[*number].name.as_str())
    }

    /// Every parameter by name, with its shape and numbers.
    pub fn values(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let one = |(parameter, tensor): (&Parameter, &Tensor)| {
            (parameter.name.clone(), parameter.shape.clone(), numbers_of(tensor))
        };
        self.parameters.iter().zip(&self.tensors).map(one).collect()
    }

    /// Puts other values in place, of the same training: what is frozen is the same in all of them.
    pub(crate) fn restore(&mut self, values: &[(String, Vec<usize>, Vec<f32>)]) {
        no_grad(|| {
            for (name, _, values) in values {
                if let Some(number) = self.numbers.get(name) {
                    let tensor = &mut self.tensors[*number];
                    let shape = tensor.size();
                    tensor.copy_(&Tensor::from_slice(values).reshape(shape));
                }
            }
        });
    }

    /// Whether every number is finite.
    pub(crate) fn are_finite(&self) -> bool {
        self.tensors.iter().all(|tensor| tensor.isfinite().all().int64_value(&[]) == 1)
    }
}

/// The numbers of a tensor, row after row.
pub(crate) fn numbers_of(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let count = tensor.numel();
    let mut numbers = vec![0.0_f32; count];
    tensor.copy_data(&mut numbers, count);
    numbers
}
