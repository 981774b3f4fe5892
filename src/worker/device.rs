//! The device of an engine, and the proof that it computes.

use crate::config::{CARD_LIF, NeuronConfig};
use crate::kernels::{LifParams, lif};
use crate::protocol::Backend;
use burn::tensor::{Device, ExecutionError, Tensor, TensorData};

/// Open the device; the second value describes it to the visitor.
///
/// # Errors
/// In words, when the browser or the build has no such device.
pub async fn open_device(backend: Backend) -> Result<(Device, String), String> {
    match backend {
        Backend::Cpu => Ok((Device::flex(), "WebAssembly SIMD, one thread".to_owned())),
        Backend::Webgpu => open_gpu().await,
    }
}

#[cfg(feature = "gpu")]
async fn open_gpu() -> Result<(Device, String), String> {
    let device = Device::wgpu_options()
        .tasks_max(32)
        .init_async()
        .await
        .map_err(|error| format!("WebGPU could not be started: {error}"))?;
    Ok((
        device,
        adapter_name().await.unwrap_or_else(|| "WebGPU".to_owned()),
    ))
}

#[cfg(not(feature = "gpu"))]
async fn open_gpu() -> Result<(Device, String), String> {
    Err("this engine was built without WebGPU".to_owned())
}

/// What the browser tells about the adapter, asked through JavaScript: burn does not pass it on.
#[cfg(feature = "gpu")]
async fn adapter_name() -> Option<String> {
    use js_sys::{Function, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).ok();
    let navigator = get(&js_sys::global(), "navigator")?;
    let gpu = get(&navigator, "gpu")?;
    let request: Function = get(&gpu, "requestAdapter")?.dyn_into().ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let adapter = wasm_bindgen_futures::JsFuture::from(promise).await.ok()?;
    let info = get(&adapter, "info")?;
    let words: Vec<String> = ["vendor", "architecture", "description"]
        .iter()
        .filter_map(|key| get(&info, key)?.as_string())
        .filter(|word| !word.is_empty())
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A known gradient and a matrix product, against the CPU reference: a shader that was compiled wrongly
/// gives other numbers or none.
///
/// # Errors
/// In words, what differs.
pub async fn self_test(device: &Device) -> Result<(), String> {
    let ours = probe(device)
        .await
        .map_err(|error| format!("reading back failed: {error}"))?;
    let reference = probe(&Device::flex())
        .await
        .map_err(|error| error.to_string())?;
    for ((name, ours), (_, reference)) in ours.iter().zip(&reference) {
        for (index, (a, b)) in ours.iter().zip(reference).enumerate() {
            let close = (a - b).abs() <= 1e-4 * b.abs().max(1.0);
            if !close {
                return Err(format!(
                    "{name}[{index}] is {a}, the CPU reference says {b}"
                ));
            }
        }
    }
    Ok(())
}

type Named = Vec<(&'static str, Vec<f32>)>;

async fn probe(device: &Device) -> Result<Named, ExecutionError> {
    let device = device.clone().autodiff();
    let ramp = |count: usize, shape: [usize; 2]| {
        let values: Vec<f32> = (0..count)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0)
            .collect();
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let neuron: NeuronConfig = CARD_LIF;
    let input = ramp(4 * 64, [4, 64]).require_grad();
    let weight = ramp(64 * 48, [64, 48]);
    let spikes = lif(input.clone(), &LifParams::from(&neuron), 2);
    let product = spikes.clone().matmul(weight);
    let grads = product.clone().square().mean().backward();
    let gradient = input.grad(&grads);
    let mut named = vec![
        ("spikes", floats(spikes).await?),
        ("product", floats(product).await?),
    ];
    if let Some(gradient) = gradient {
        named.push(("gradient", floats(gradient).await?));
    }
    Ok(named)
}

async fn floats(x: Tensor<2>) -> Result<Vec<f32>, ExecutionError> {
    Ok(x.inner().into_data_async().await?.iter::<f32>().collect())
}
