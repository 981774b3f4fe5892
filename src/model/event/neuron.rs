//! ExpG-IF as inference runs it: potentials in, spikes out, step by step.

/// Spikes of one layer for one picture: for each of the `K·G` steps the neurons that fired, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpikeTrain {
    /// K, steps per group.
    pub steps: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Neurons that fired, by step; groups follow each other.
    pub fired: Vec<Vec<u32>>,
}

impl SpikeTrain {
    /// Number of spikes.
    pub fn count(&self) -> usize {
        self.fired.iter().map(Vec::len).sum()
    }

    /// `log2` of the weight of a spike at `step`: `K - k`.
    pub fn shift(&self, step: usize) -> usize {
        self.steps - 1 - step % self.steps
    }

    /// n, the weighted sum of each neuron's spikes.
    pub fn codes(&self) -> Vec<u32> {
        let mut codes = vec![0; self.neurons];
        for (step, fired) in self.fired.iter().enumerate() {
            for &neuron in fired {
                codes[neuron as usize] += 1 << self.shift(step);
            }
        }
        codes
    }
}

/// Neurons of one layer. The thresholds are a table of levels `fl(theta m)`, `m` up to `L = G (2^K - 1)`
/// ([`crate::kernels::exp_g_if`]): emission compares, and never multiplies.
#[derive(Debug, Clone)]
pub struct EventNeuron {
    steps: usize,
    groups: usize,
    theta: f32,
    levels: Vec<f32>,
}

impl EventNeuron {
    /// `steps` is K, `groups` is G; the smallest effective theta is the kernel's.
    pub fn new(theta: f32, steps: usize, groups: usize) -> Self {
        let theta = theta.max(crate::kernels::THETA_MIN);
        let top = groups * ((1 << steps) - 1);
        Self {
            steps,
            groups,
            theta,
            levels: (0..=top).map(|level| level as f32 * theta).collect(),
        }
    }

    /// theta.
    pub fn theta(&self) -> f32 {
        self.theta
    }

    /// `y = fl(theta n)`, read from the table.
    pub fn level(&self, code: u32) -> f32 {
        self.levels[code as usize]
    }

    /// Spikes of the potentials `z`, as the training quantiser's `f32`.
    pub fn emit(&self, z: &[f64]) -> SpikeTrain {
        let half = 0.5 * self.theta;
        let v: Vec<f32> = z.iter().map(|&z| z as f32 + half).collect();
        self.greedy(z.len(), |neuron, level| v[neuron] >= self.levels[level])
    }

    /// Spikes of potentials that are whole numbers of a unit, `units[unit_of(neuron)]`: thresholds are divided by
    /// the units, once for the layer, instead of each sum being multiplied by its own.
    pub fn emit_counts(
        &self,
        sums: &[i64],
        units: &[f64],
        unit_of: impl Fn(usize) -> usize,
    ) -> SpikeTrain {
        let half = 0.5 * f64::from(self.theta);
        let borders: Vec<Vec<f64>> = units
            .iter()
            .map(|unit| {
                let border = |&level: &f32| (f64::from(level) - half) / unit;
                self.levels.iter().map(border).collect()
            })
            .collect();
        self.greedy(sums.len(), |neuron, level| {
            sums[neuron] as f64 >= borders[unit_of(neuron)][level]
        })
    }

    /// Most significant spike first; a spike of step k raises the emitted code by `2^(K-k)`.
    fn greedy(&self, neurons: usize, reaches: impl Fn(usize, usize) -> bool) -> SpikeTrain {
        let mut emitted = vec![0usize; neurons];
        let mut fired = Vec::with_capacity(self.steps * self.groups);
        for _ in 0..self.groups {
            for k in 1..=self.steps {
                let weight = 1 << (self.steps - k);
                let mut now = Vec::new();
                for (neuron, emitted) in emitted.iter_mut().enumerate() {
                    if reaches(neuron, *emitted + weight) {
                        *emitted += weight;
                        now.push(neuron as u32);
                    }
                }
                fired.push(now);
            }
        }
        SpikeTrain {
            steps: self.steps,
            neurons,
            fired,
        }
    }
}
