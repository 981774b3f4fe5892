//! One file that holds everything a run needs to go on: weights, optimiser state, configuration and
//! step, as safetensors with a JSON header. Batch order and augmentation are functions of seed and step, so
//! no generator state is needed.

use super::optim::Moments;
use super::params::NamedTensors;
use crate::config::{CONFIG_FORMAT, RunConfig};
use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Version of the file layout.
pub const CHECKPOINT_FORMAT: u32 = 2;
/// Key of our JSON in the safetensors header.
const HEADER: &str = "gemst";

/// The networks of one file: one for a shipped model, two (`spiking`, `dense`) for a page's run.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The networks, in the order they were saved.
    pub members: Vec<Member>,
}

/// One network of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// `spiking` or `dense`.
    pub role: String,
    /// The run it belongs to.
    pub config: RunConfig,
    /// Steps made.
    pub step: u64,
    /// Weights and running statistics by name.
    pub weights: NamedTensors,
    /// Optimiser state; absent in shipped models.
    pub moments: Option<Moments>,
}

/// Precision of saved weights. Optimiser state is always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Half precision: shipped models.
    F16,
    /// Exact: resuming gives the same losses.
    F32,
}

/// Why a file is not a checkpoint of ours.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// Not safetensors at all.
    #[error(
        "{name} is not a gemst checkpoint ({cause}). Open a .safetensors file saved by this page or by `train pretrain`"
    )]
    NotOurs {
        /// File name.
        name: String,
        /// What the reader said.
        cause: String,
    },
    /// Another version.
    #[error(
        "{name} has checkpoint format {found}, this build reads {CHECKPOINT_FORMAT}: use the version of gemst that saved it"
    )]
    Format {
        /// File name.
        name: String,
        /// Its version.
        found: u32,
    },
    /// Parts are missing or unreadable.
    #[error("{name} is damaged: {cause}. Use another copy of the file")]
    Damaged {
        /// File name.
        name: String,
        /// What is wrong.
        cause: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    members: Vec<MemberHeader>,
}

#[derive(Serialize, Deserialize)]
struct MemberHeader {
    role: String,
    config: RunConfig,
    step: u64,
    updates: Option<usize>,
}

impl Checkpoint {
    /// As the bytes of a file.
    pub fn to_bytes(&self, precision: Precision) -> Vec<u8> {
        let header = Header {
            format: CHECKPOINT_FORMAT,
            members: self
                .members
                .iter()
                .map(|member| MemberHeader {
                    role: member.role.clone(),
                    config: member.config.clone(),
                    step: member.step,
                    updates: member.moments.as_ref().map(|moments| moments.time),
                })
                .collect(),
        };
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for member in &self.members {
            let role = &member.role;
            for (name, (shape, values)) in &member.weights {
                let (dtype, bytes) = encode(values, precision);
                tensors.push((
                    format!("{role}/weights/{name}"),
                    dtype,
                    shape.clone(),
                    bytes,
                ));
            }
            if let Some(moments) = &member.moments {
                for (name, values) in [("first", &moments.first), ("second", &moments.second)] {
                    let (dtype, bytes) = encode(values, Precision::F32);
                    let shape = vec![values.len()];
                    tensors.push((format!("{role}/moments/{name}"), dtype, shape, bytes));
                }
            }
        }
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes)
                .expect("the bytes were encoded from values of this shape");
            (name.as_str(), view)
        });
        let json = serde_json::to_string(&header).expect("plain data serialises");
        let metadata = HashMap::from([(HEADER.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata))
            .expect("names are unique and views are consistent")
    }

    /// Read a file; `name` appears in messages.
    ///
    /// # Errors
    /// Not a checkpoint of ours, another version, or damaged.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let not_ours = |cause: String| CheckpointError::NotOurs {
            name: name.to_owned(),
            cause,
        };
        let damaged = |cause: String| CheckpointError::Damaged {
            name: name.to_owned(),
            cause,
        };
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| not_ours(error.to_string()))?;
        let json = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(HEADER))
            .ok_or_else(|| not_ours("it has no gemst header".into()))?;
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let version: Version =
            serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        if version.format != CHECKPOINT_FORMAT {
            return Err(CheckpointError::Format {
                name: name.to_owned(),
                found: version.format,
            });
        }
        let header: Header =
            serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let mut members = Vec::new();
        for member in header.members {
            if member.config.format != CONFIG_FORMAT {
                return Err(CheckpointError::Format {
                    name: name.to_owned(),
                    found: member.config.format,
                });
            }
            if let Err(errors) = member.config.validate() {
                return Err(damaged(errors.to_string()));
            }
            members.push(read_member(&file, member).map_err(&damaged)?);
        }
        if members.is_empty() {
            return Err(damaged("it holds no network".into()));
        }
        Ok(Self { members })
    }

    /// The network of that role.
    pub fn member(&self, role: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.role == role)
    }
}

fn read_member(file: &SafeTensors, header: MemberHeader) -> Result<Member, String> {
    let prefix = format!("{}/weights/", header.role);
    let mut weights = NamedTensors::new();
    for (name, view) in file.iter() {
        if let Some(path) = name.strip_prefix(&prefix) {
            let values = decode(name, &view)?;
            weights.insert(path.to_owned(), (view.shape().to_vec(), values));
        }
    }
    let moment = |part: &str| -> Result<Vec<f32>, String> {
        let name = format!("{}/moments/{part}", header.role);
        let view = file.tensor(&name).map_err(|error| error.to_string())?;
        decode(&name, &view)
    };
    let moments = match header.updates {
        None => None,
        Some(time) => Some(Moments {
            time,
            first: moment("first")?,
            second: moment("second")?,
        }),
    };
    Ok(Member {
        role: header.role,
        config: header.config,
        step: header.step,
        weights,
        moments,
    })
}

fn encode(values: &[f32], precision: Precision) -> (Dtype, Vec<u8>) {
    match precision {
        Precision::F16 => (
            Dtype::F16,
            values
                .iter()
                .flat_map(|&value| f16::from_f32(value).to_le_bytes())
                .collect(),
        ),
        Precision::F32 => (
            Dtype::F32,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
    }
}

fn decode(name: &str, view: &TensorView) -> Result<Vec<f32>, String> {
    let values: Vec<f32> = match view.dtype() {
        Dtype::F16 => view
            .data()
            .chunks_exact(2)
            .map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32())
            .collect(),
        Dtype::F32 => view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect(),
        other => return Err(format!("{name} has type {other:?}, expected F16 or F32")),
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(format!(
            "{name} holds a number that is not finite (element {at})"
        )),
        None => Ok(values),
    }
}
