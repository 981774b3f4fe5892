//! The kernels in a browser's dedicated worker: CPU path and WebGPU against numbers from outside and
//! against each other. Without a GPU, WebGPU is SwiftShader.

#[path = "../kernels_support/agreement.rs"]
mod agreement;

use crate::device::cpu_and_gpu;
use agreement::{assert_agree, figures};
use burn::tensor::{Device, Tensor, TensorData};
use gemst::config::Surrogate;
use gemst::kernels::{LifParams, exp_g_if, lif};
use wasm_bindgen_test::*;

#[wasm_bindgen_test]
async fn kernels_agree_on_both_devices() {
    let [cpu, gpu] = cpu_and_gpu().await;
    for device in [&cpu, &gpu] {
        norse_test_lif_box(device).await;
        exp_g_if_by_hand(device).await;
    }
    assert_agree(&figures(&gpu).await, &figures(&cpu).await, 1e-4);
}

/// Norse 065a3b4: tau 10, v from 10, which a first input of 91 also charges to H = 9.1; then `v` climbs
/// .1, .19, .271, .3439 and stays silent. With the last threshold crossed at .3 the fifth step fires.
async fn norse_test_lif_box(device: &Device) {
    for (v_threshold, expected) in [
        (1.0, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (0.3, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
    ] {
        let p = LifParams {
            tau: 10.0,
            v_threshold,
            hard_reset: true,
            decay_input: true,
            detach_reset: true,
            leak: true,
            surrogate: Surrogate::Atan { alpha: 2.0 },
            smooth: false,
        };
        let x = tensor(&[91.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0], device);
        assert_eq!(floats(lif(x, &p, 7)).await, expected);
    }
}

/// theta .5, K = 2: levels 0, .5, 1, 1.5.
async fn exp_g_if_by_hand(device: &Device) {
    let z = tensor(&[-1.0, 0.24, 0.25, 0.74, 0.75, 1.3, 9.0], device);
    let y = exp_g_if(z, tensor(&[0.5], device), 2, 1);
    assert_eq!(floats(y).await, [0.0, 0.0, 0.5, 0.5, 1.0, 1.5, 1.5]);
}

fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values), device)
}

async fn floats(x: Tensor<1>) -> Vec<f32> {
    let data = x.into_data_async().await.expect("the device reads back");
    data.iter::<f32>().collect()
}
