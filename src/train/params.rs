//! A network's tensors by name, and its trainable ones as one flat vector.

use crate::kernels::recorded;
use crate::kernels::{FlatLayout, flat_pack, flat_view};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Named tensors on the host: shape and values.
pub type NamedTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// One tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in the network, e.g. `Spiking.blocks.0.fc1.weight`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Running statistics are kept and saved but not optimised.
    pub buffer: bool,
    /// Whether weight decay applies: matrices and kernels, not norms, biases, thresholds or embeddings.
    pub decays: bool,
    /// Whether the tensor collects a gradient: false for what is frozen.
    pub trains: bool,
}

impl Entry {
    fn new<const D: usize>(path: &[String], tensor: &Tensor<D>) -> Self {
        let shape = tensor.dims();
        let name = path.join(".");
        let last = path.last().map_or("", String::as_str);
        Self {
            buffer: last.starts_with("running_"),
            decays: last == "weight" && shape.len() > 1,
            trains: tensor.is_require_grad(),
            shape: shape.to_vec(),
            name,
        }
    }

    /// Whether this is a neuron's learned threshold.
    pub fn is_threshold(&self) -> bool {
        self.name.ends_with(".theta")
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The tensors of a network, in traversal order.
pub fn entries<M: Module>(network: &M) -> Vec<Entry> {
    let mut visitor = Collect::default();
    network.visit(&mut visitor);
    visitor.entries
}

/// Every tensor with its name, flattened, on the inner (non-autodiff) device.
pub fn tensors<M: Module>(network: &M) -> Vec<(Entry, Tensor<1>)> {
    let mut visitor = Collect {
        keep: true,
        ..Collect::default()
    };
    network.visit(&mut visitor);
    visitor.entries.into_iter().zip(visitor.flat).collect()
}

/// Where each tensor that is not a buffer lies in the flat vector.
pub fn layout(entries: &[Entry]) -> FlatLayout {
    let optimised = entries.iter().filter(|entry| !entry.buffer);
    FlatLayout::new(optimised.map(Entry::len))
}

/// The tensors that are not buffers as one vector, `[P]`.
pub fn flatten<M: Module>(network: &M, layout: &FlatLayout) -> Tensor<1> {
    let parts = tensors(network);
    let optimised = parts.into_iter().filter(|(entry, _)| !entry.buffer);
    flat_pack(optimised.map(|(_, tensor)| tensor).collect(), layout)
}

/// Gradients in the places of [`flatten`]; zero where a tensor has none.
pub fn flatten_gradients<M: Module>(
    network: &M,
    layout: &FlatLayout,
    grads: &mut GradientsParams,
) -> Tensor<1> {
    let mut visitor = Gradients {
        path: Vec::new(),
        grads,
        flat: Vec::new(),
    };
    network.visit(&mut visitor);
    flat_pack(visitor.flat, layout)
}

/// Put the flat vector of [`flatten`] back into the network.
pub fn unflatten<M: Module>(network: M, layout: &FlatLayout, flat: &Tensor<1>) -> M {
    network.map(&mut Assign {
        path: Vec::new(),
        source: Source::Flat {
            flat,
            starts: layout.parts().map(|(start, _)| start).collect(),
        },
    })
}

/// Why named tensors do not fit a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the weights do not fit this network: {}", .0.join("; "))]
pub struct Misfit(pub Vec<String>);

/// Replace every tensor by the one of its name; a missing one for which `may_miss` keeps its value.
///
/// # Errors
/// [`Misfit`] names each tensor that is missing, has another shape, or belongs to no layer.
pub fn load<M: Module>(
    network: M,
    values: &NamedTensors,
    may_miss: impl Fn(&str) -> bool,
) -> Result<M, Misfit> {
    let entries = entries(&network);
    let mut wrong = Vec::new();
    for entry in &entries {
        match values.get(&entry.name) {
            None if may_miss(&entry.name) => {}
            None => wrong.push(format!("{} is missing", entry.name)),
            Some((shape, _)) if *shape != entry.shape => wrong.push(format!(
                "{} is {shape:?}, the network has {:?}",
                entry.name, entry.shape
            )),
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    wrong.extend(
        values
            .keys()
            .filter(|name| !known.contains(name.as_str()))
            .map(|name| format!("{name} belongs to no layer")),
    );
    if !wrong.is_empty() {
        return Err(Misfit(wrong));
    }
    Ok(network.map(&mut Assign {
        path: Vec::new(),
        source: Source::Named(values),
    }))
}

#[derive(Default)]
struct Collect {
    path: Vec<String>,
    entries: Vec<Entry>,
    keep: bool,
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let entry = Entry::new(&self.path, &tensor);
        if self.keep {
            self.flat.push(tensor.inner().reshape([entry.len()]));
        }
        self.entries.push(entry);
    }
}

struct Gradients<'a> {
    path: Vec<String>,
    grads: &'a mut GradientsParams,
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let entry = Entry::new(&self.path, &tensor);
        if entry.buffer {
            return;
        }
        let grad = self.grads.remove::<D>(param.id);
        self.flat.push(match grad {
            Some(grad) => grad.reshape([entry.len()]),
            None => Tensor::zeros([entry.len()], &tensor.device().inner()),
        });
    }
}

enum Source<'a> {
    Flat {
        flat: &'a Tensor<1>,
        /// Starts of the tensors still to come.
        starts: VecDeque<usize>,
    },
    Named(&'a NamedTensors),
}

struct Assign<'a> {
    path: Vec<String>,
    source: Source<'a>,
}

impl Assign<'_> {
    fn value<const D: usize>(
        &mut self,
        entry: &Entry,
        shape: [usize; D],
        device: &Device,
    ) -> Option<Tensor<D>> {
        match &mut self.source {
            Source::Flat { .. } if entry.buffer => None,
            Source::Flat { flat, starts } => {
                let start = starts.pop_front().expect("the layout is this network's");
                Some(flat_view(flat, start, shape))
            }
            Source::Named(values) => values.get(&entry.name).map(|(_, values)| {
                Tensor::from_data(TensorData::new(values.clone(), shape), device)
            }),
        }
    }
}

impl ModuleMapper for Assign<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let old = param.val();
        let entry = Entry::new(&self.path, &old);
        let device = old.device();
        match self.value(&entry, old.dims(), &device.clone().inner()) {
            None => param,
            Some(value) => {
                let trains = old.is_require_grad();
                let value = recorded(value, &device);
                param.map(|_| value.set_require_grad(trains))
            }
        }
    }
}
