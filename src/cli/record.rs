//! `train record`: both shipped networks on one picture, for the page to show before an engine runs.

use super::source::{read_checkpoint, write_whole};
use super::{DeviceName, Failure};
use crate::config::{ModelConfig, dense_twin};
use crate::data::batch::{Batch, to_unit};
use crate::data::frame::{rgba_to_image, to_interleaved};
use crate::energy::census;
use crate::protocol::Classification;
use crate::report::Build;
use crate::report::shipped::{RECORDED_FILE, Recorded, SHIPPED_FORMAT, hex};
use crate::train::{Member, Session, eval::top};
use burn::tensor::Device;
use clap::Args;
use futures_lite::future::block_on;
use std::path::{Path, PathBuf};

/// Classes kept of each answer.
const TOP: usize = 5;

/// Arguments of `train record`.
#[derive(Args)]
pub struct Record {
    /// The spiking network's file and its dense twin's.
    #[arg(long, required = true, num_args = 1..=2)]
    checkpoint: Vec<PathBuf>,
    /// The picture, binary PPM (P6); the comment in its head says what it shows.
    #[arg(long)]
    picture: PathBuf,
    /// Folder of the shipped networks; recorded.json is written there.
    #[arg(long)]
    out: PathBuf,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
}

impl Record {
    pub fn run(self) -> Result<(), Failure> {
        let mut members: Vec<(String, Member)> = Vec::new();
        for path in &self.checkpoint {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            for member in read_checkpoint(path)?.members {
                members.push((file.clone().into_owned(), member));
            }
        }
        let is_spiking = |member: &Member| matches!(member.config.model, ModelConfig::Ge2msT(_));
        let (spiking_file, spiking) = members
            .iter()
            .find(|(_, member)| is_spiking(member))
            .ok_or("there is no spiking network among the checkpoints")?;
        let wanted = dense_twin(&spiking.config.preset);
        let (dense_file, dense) = members
            .iter()
            .find(|(_, member)| {
                member.config.preset == wanted
                    && member.config.data.dataset == spiking.config.data.dataset
            })
            .ok_or_else(|| {
                format!("there is no {wanted} of the same data among the checkpoints")
            })?;
        let (about, planar) = picture(&self.picture)?;
        let device = self.device.open()?;
        let (spiking_answer, activity) = look(spiking, &planar, &device)?;
        let (dense_answer, _) = look(dense, &planar, &device)?;
        let recorded = Recorded {
            format: SHIPPED_FORMAT,
            build: Build::current(),
            files: [spiking_file.clone(), dense_file.clone()],
            picture: about,
            pixels: hex(&to_interleaved(&planar)),
            spiking: spiking_answer,
            dense: dense_answer,
            activity,
            spiking_census: census(&spiking.config.model),
            dense_census: census(&dense.config.model),
            runs: [spiking.config.clone(), dense.config.clone()],
        };
        let path = self.out.join(RECORDED_FILE);
        std::fs::create_dir_all(&self.out)?;
        write_whole(&path, (serde_json::to_string(&recorded)? + "\n").as_bytes())?;
        println!("{}", path.display());
        Ok(())
    }
}

/// One network's answer. Times are not recorded: they would be another machine's.
fn look(
    member: &Member,
    planar: &[u8],
    device: &Device,
) -> Result<(Classification, crate::energy::Activity), Failure> {
    let session = Session::restore(member, device)?;
    let batch = Batch {
        images: to_unit(planar),
        labels: vec![0],
        mix: None,
        size: 1,
    };
    let (logits, trace) = block_on(session.infer(&batch))?;
    let spikes = block_on(trace.count())?;
    let answer = Classification {
        top: top(&logits[0], TOP),
        ms: 0.0,
    };
    Ok((answer, spikes.activity()))
}

/// What a picture shows and its 32×32 planar pixels.
fn picture(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let name = path.display();
    let bytes =
        std::fs::read(path).map_err(|error| format!("{name} could not be read: {error}"))?;
    let ppm = ppm(&bytes).map_err(|why| format!("{name} is no binary PPM: {why}"))?;
    if ppm.about.is_empty() {
        return Err(
            format!("{name} does not say what it shows: put a line \"# A …\" after P6").into(),
        );
    }
    let rgba: Vec<u8> = ppm
        .rgb
        .chunks_exact(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
        .collect();
    Ok((
        ppm.about,
        rgba_to_image(&rgba, ppm.width, ppm.height)?.to_vec(),
    ))
}

struct Ppm {
    about: String,
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// A binary PPM of 8 bits a channel: `P6`, comments, width, height, 255, pixels.
fn ppm(bytes: &[u8]) -> Result<Ppm, String> {
    let mut rest = bytes
        .strip_prefix(b"P6")
        .ok_or("it does not begin with P6")?;
    let mut about = String::new();
    let mut numbers = Vec::new();
    while numbers.len() < 3 {
        rest = rest.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix(b"#") {
            let end = comment.iter().position(|&byte| byte == b'\n');
            let (line, after) = comment.split_at(end.ok_or("its head does not end")?);
            about = String::from_utf8_lossy(line).trim().to_owned();
            rest = after;
            continue;
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits])
            .ok()
            .and_then(|text| text.parse::<usize>().ok())
            .ok_or("its head lacks width, height or 255")?;
        numbers.push(number);
        rest = &rest[digits..];
    }
    let [width, height, most] = numbers[..] else {
        return Err("its head lacks width, height or 255".into());
    };
    if most != 255 {
        return Err(format!("its brightest value is {most}, not 255"));
    }
    // One blank ends the head; pixels may look like blanks.
    let rgb = rest.get(1..).unwrap_or_default().to_vec();
    if Some(rgb.len()) != width.checked_mul(height).and_then(|n| n.checked_mul(3)) {
        return Err(format!(
            "{} bytes came for {width}×{height} pixels",
            rgb.len()
        ));
    }
    Ok(Ppm {
        about,
        width,
        height,
        rgb,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ppm_is_read_with_its_comment() {
        let read =
            ppm(b"P6\n# A red and a blue dot.\n2 1\n255\n\xff\0\0\n\n\xff").expect("it is one");
        assert_eq!((read.width, read.height), (2, 1));
        assert_eq!(read.about, "A red and a blue dot.");
        assert_eq!(read.rgb, [255, 0, 0, 10, 10, 255]);
    }

    #[test]
    fn other_files_are_refused() {
        for wrong in [
            &b"P3 1 1 255 0 0 0"[..],
            b"P6 1 1 65535 \0\0\0\0\0\0",
            b"P6 2 2 255 \0\0\0",
            b"P6 # no end",
            b"P6 1",
            b"",
        ] {
            assert!(ppm(wrong).is_err(), "{wrong:?}");
        }
    }
}
