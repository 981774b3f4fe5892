//! Other libraries that train in the browser, on the dense twin's shape, in the same session. Their
//! runner is not part of this repository; it needs node and the npm registry.

use super::{Plan, settled, table::Figures};
use crate::setup;
use crate::shell::{self, command, find, output, root, target_dir};
use anyhow::{Context, Result, bail};
use gemst::config::{DatasetKind, ModelConfig, dense_twin, preset};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const PEERS: &str = "jax:webgpu,tfjs:webgpu,jax:wasm";
/// Steps the runner times; the first ones compile.
const STEPS: usize = 6;

/// Runs the peers and prints how they compare with our dense twin.
pub fn run(plan: &Plan, ours: &[Figures]) -> Result<()> {
    let source = root().join("../shared/peers");
    if !source.is_dir() || find("node").is_none() {
        println!(
            "\nPeers: skipped ({} and node are needed)",
            source.display()
        );
        return Ok(());
    }
    let [dim, depth, heads] = twin(&plan.preset)?;
    println!(
        "\nPeers, dense ViT of width {dim}, depth {depth}, {heads} heads, batch {} (a minute for npm first)",
        plan.batch
    );
    let folder = install(&source)?;
    let mut node = command("node");
    let arguments = [dim, depth, heads, STEPS, plan.batch as usize];
    node.current_dir(&folder)
        .arg("run.mjs")
        .args(arguments.map(|number| number.to_string()))
        .env("PEERS", PEERS);
    if let Some(chromium) = setup::chromium() {
        node.env("CHROMIUM_PATH", chromium);
    }
    let printed = output(&mut node).context("the peers' runner failed")?;
    println!(
        "{:<22} {:>10} {:>10} {:>11}   against our dense step and image",
        "", "step, ms", "image, ms", "dispatches"
    );
    for line in printed.lines() {
        let Ok(peer) = serde_json::from_str::<Value>(line) else {
            println!("{line}");
            continue;
        };
        let time = |what: &str| settled(numbers(&peer[what]));
        let (step, image) = (time("train"), time("infer"));
        let ratios: Vec<String> = ours
            .iter()
            .map(|f| {
                let (step, image) = (step / f.dense_step_ms, image / f.dense_image_ms);
                format!("{} {step:.2}×, {image:.2}×", f.backend)
            })
            .collect();
        println!(
            "{:<22} {step:>10.1} {image:>10.1} {:>11}   {}",
            peer["name"].as_str().unwrap_or("?"),
            peer["trainDispatches"],
            ratios.join("; ")
        );
    }
    Ok(())
}

/// Width, depth and heads of a spiking preset's dense twin, which the peers build too: patches of 4, MLP ratio 4.
fn twin(spiking: &str) -> Result<[usize; 3]> {
    let twin = preset(dense_twin(spiking), DatasetKind::Synthetic);
    match twin.map(|config| config.model) {
        Some(ModelConfig::DenseVit(vit)) if (vit.patch, vit.mlp_ratio) == (4, 4) => {
            Ok([vit.dim, vit.depth, vit.heads])
        }
        _ => bail!("the peers have no network like the dense twin of {spiking}"),
    }
}

/// A writable copy with its packages installed.
fn install(source: &Path) -> Result<PathBuf> {
    let folder = target_dir().join("peers");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?.path();
        if entry.is_file() {
            let to = folder.join(entry.file_name().unwrap_or_default());
            // The original may be read-only, and so would a plain copy be.
            fs::write(to, fs::read(entry)?)?;
        }
    }
    if !folder.join("node_modules").is_dir() {
        run_in(
            &folder,
            "npm",
            &["install", "--ignore-scripts", "--no-audit", "--no-fund"],
        )?;
        run_in(&folder, "node", &["node_modules/esbuild/install.js"])?;
    }
    Ok(folder)
}

fn run_in(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    shell::run(command(program).current_dir(folder).args(arguments))
}

fn numbers(times: &Value) -> Vec<f64> {
    let times = times.as_array().into_iter().flatten();
    times.filter_map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn peers_build_the_twins_that_pages_train() {
        assert_eq!(twin("small").unwrap(), [128, 4, 4]);
        assert_eq!(twin("card-cifar").unwrap(), [128, 4, 4]);
        assert_eq!(twin("card-tiny").unwrap(), [64, 2, 4]);
        // Its MLP is twice as wide, the peers' four times.
        assert!(twin("tiny").is_err());
    }

    #[test]
    fn the_first_steps_do_not_count() {
        let times = numbers(&json!([900.0, 50.0, 12.0, 10.0, 11.0]));
        assert_eq!(settled(times), 11.0);
        assert!(settled(numbers(&json!([]))).is_nan());
    }
}
