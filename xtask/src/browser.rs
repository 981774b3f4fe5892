//! Headless Chromium as the tests and the benchmark start it.

use crate::devtools::Connection;
use crate::setup;
use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How a browser differs from a fresh one without a camera.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Offer WebGPU, computed by SwiftShader where there is no GPU; without it the browser has none.
    pub webgpu: bool,
    /// A Y4M or MJPEG file that the only camera shows, over and over.
    pub camera: Option<PathBuf>,
    /// A script that every worker runs before its own.
    pub worker_script: Option<String>,
}

/// A running browser with a profile of its own, which is deleted at the end.
pub struct Browser {
    // Dropped in this order: the browser first, then its files.
    pub(crate) connection: Connection,
    profile: TempDir,
    pub(crate) worker_script: Option<String>,
}

impl Browser {
    /// Starts Chromium.
    pub fn launch(options: &Options) -> Result<Self> {
        let program = setup::chromium().context(
            "there is no Chromium: `cargo xtask test` installs one, or set CHROMIUM_PATH",
        )?;
        let profile = tempfile::tempdir()?;
        let mut connection = Connection::start(
            &program,
            &arguments(options, profile.path()),
            &profile.path().join("browser.log"),
        )?;
        let downloads = profile.path().join("downloads");
        std::fs::create_dir(&downloads)?;
        connection.call(
            None,
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": downloads, "eventsEnabled": true }),
        )?;
        Ok(Self {
            connection,
            profile,
            worker_script: options.worker_script.clone(),
        })
    }

    /// The folder that downloads go to.
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Answers the question for the camera: `granted`, `denied` or `prompt`.
    pub fn camera_permission(&mut self, setting: &str, origin: &str) -> Result<()> {
        self.connection.call(
            None,
            "Browser.setPermission",
            json!({ "permission": { "name": "camera" }, "setting": setting, "origin": origin }),
        )?;
        Ok(())
    }

    /// Ends the process that draws and computes for every page, as a driver's crash does; false if there is none.
    pub fn kill_gpu_process(&mut self) -> Result<bool> {
        let found = self
            .connection
            .call(None, "SystemInfo.getProcessInfo", json!({}))?;
        let processes = found["processInfo"].as_array().cloned().unwrap_or_default();
        let gpu = processes.iter().find(|process| process["type"] == "GPU");
        let Some(id) = gpu.and_then(|process| process["id"].as_u64()) else {
            return Ok(false);
        };
        let status = std::process::Command::new("kill")
            .args(["-9", &id.to_string()])
            .status()?;
        Ok(status.success())
    }

    /// The browser's name and version.
    pub fn version(&mut self) -> Result<String> {
        let version = self
            .connection
            .call(None, "Browser.getVersion", json!({}))?;
        Ok(version["product"].as_str().unwrap_or("?").to_owned())
    }
}

fn arguments(options: &Options, profile: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless=new",
        // Containers and CI run as root, where Chromium's sandbox refuses to start.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--no-first-run",
        // Nothing but the page's own requests.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        "--disable-quic",
        // A test's page is never in front; it must run as if it were.
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    if options.webgpu {
        arguments.extend(
            [
                "--enable-unsafe-webgpu",
                "--use-webgpu-adapter=swiftshader",
                "--enable-features=Vulkan,WebGPU",
                "--use-vulkan=swiftshader",
            ]
            .map(str::to_owned),
        );
    } else {
        arguments.push("--disable-features=WebGPU,WebGPUService".into());
        arguments.push("--disable-gpu".into());
    }
    if let Some(file) = &options.camera {
        arguments.push("--use-fake-device-for-media-stream".into());
        arguments.push(format!(
            "--use-file-for-fake-video-capture={}",
            file.display()
        ));
    }
    arguments.push("about:blank".into());
    arguments
}
