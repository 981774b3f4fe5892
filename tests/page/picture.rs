//! Pictures for the tests: real CIFAR where it is at hand, ten noisy colours otherwise.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a CIFAR-10 record: the label, then 1024 red, green and blue each.
const RECORD: usize = 3073;
const SIDE: usize = 32;

/// The folder of the official binaries, if this machine has them.
pub fn cifar() -> Option<PathBuf> {
    std::env::var_os("GEMST_CIFAR").map(PathBuf::from)
}

/// A folder `cifar-10-batches-bin` in the official layout: the real one, or one made below `folder`.
pub fn cifar10_binaries(folder: &Path) -> Result<PathBuf> {
    const INNER: &str = "cifar-10-batches-bin";
    if let Some(cifar) = cifar() {
        return Ok(cifar.join(INNER));
    }
    let made = folder.join(INNER);
    fs::create_dir_all(&made)?;
    for batch in 1..=5 {
        fs::write(
            made.join(format!("data_batch_{batch}.bin")),
            coloured(batch, 600),
        )?;
    }
    fs::write(made.join("test_batch.bin"), coloured(6, 1000))?;
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    fs::write(made.join("batches.meta.txt"), names)?;
    Ok(made)
}

/// A folder `cifar-100-binary` in the official layout: the real one, or one made below `folder`.
pub fn cifar100_binaries(folder: &Path) -> Result<PathBuf> {
    const INNER: &str = "cifar-100-binary";
    if let Some(cifar) = cifar() {
        return Ok(cifar.join(INNER));
    }
    let made = folder.join(INNER);
    fs::create_dir_all(&made)?;
    for (file, seed, count) in [("train.bin", 1, 600), ("test.bin", 2, 200)] {
        // A coarse label in front of the fine one.
        let records = coloured(seed, count);
        let with_coarse = records
            .chunks_exact(RECORD)
            .flat_map(|record| [&[0u8][..], record].concat());
        fs::write(made.join(file), with_coarse.collect::<Vec<u8>>())?;
    }
    Ok(made)
}

/// `count` records, each class a colour under noise.
fn coloured(seed: u64, count: usize) -> Vec<u8> {
    let mut noise = Noise(seed);
    let mut bytes = Vec::with_capacity(count * RECORD);
    for _ in 0..count {
        let label = (noise.next() % 10) as u8;
        bytes.push(label);
        for channel in 0..3 {
            let level = (usize::from(label) * [23, 71, 131][channel] + 40 * channel) % 200;
            bytes.extend((0..SIDE * SIDE).map(|_| (level + noise.next() as usize % 56) as u8));
        }
    }
    bytes
}

/// A linear congruential generator (Knuth's MMIX constants).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// `cifar-10-binary.tar.gz` as it is published, made in `folder`.
pub fn cifar10_archive(folder: &Path) -> Result<PathBuf> {
    let binaries = cifar10_binaries(folder)?;
    let archive = folder.join("cifar-10-binary.tar.gz");
    let status = Command::new("tar")
        .args(["--use-compress-program", "gzip -1", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(binaries.parent().context("it lies in a folder")?)
        .arg("cifar-10-batches-bin")
        .status()?;
    ensure!(status.success(), "tar failed");
    Ok(archive)
}

/// Two pictures that look different, 32×32 RGB: `[row][column][channel]` in one row.
pub fn two_pictures() -> Result<[Vec<u8>; 2]> {
    let folder = tempfile::tempdir()?;
    let batch = fs::read(cifar10_binaries(folder.path())?.join("test_batch.bin"))?;
    let mut records = batch.chunks_exact(RECORD);
    let first = records.next().context("a batch has records")?;
    let other = records
        .find(|record| record[0] != first[0])
        .context("a batch has several classes")?;
    Ok([first, other].map(|record| {
        let planes = &record[1..];
        (0..SIDE * SIDE)
            .flat_map(|pixel| (0..3).map(move |channel| planes[channel * SIDE * SIDE + pixel]))
            .collect()
    }))
}

/// A camera film (Y4M, 320×240) of two seconds: each picture for one second.
pub fn film(folder: &Path) -> Result<PathBuf> {
    film_of(folder, 1)
}

/// The same with each picture for so many seconds.
pub fn film_of(folder: &Path, seconds: usize) -> Result<PathBuf> {
    const WIDTH: usize = 320;
    const HEIGHT: usize = 240;
    const FRAMES_PER_SECOND: usize = 10;
    let mut bytes =
        format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n")
            .into_bytes();
    for picture in two_pictures()? {
        let pixel = |x: usize, y: usize| {
            let at = (y * SIDE / HEIGHT * SIDE + x * SIDE / WIDTH) * 3;
            [picture[at], picture[at + 1], picture[at + 2]].map(f32::from)
        };
        // JPEG's conversion: luma at every pixel, chroma at every second one in both directions.
        let mut frame = Vec::with_capacity(WIDTH * HEIGHT * 3 / 2);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let [r, g, b] = pixel(x, y);
                frame.push((0.299 * r + 0.587 * g + 0.114 * b) as u8);
            }
        }
        for [wr, wg, wb] in [[-0.168_7, -0.331_3, 0.5], [0.5, -0.418_7, -0.081_3]] {
            for y in (0..HEIGHT).step_by(2) {
                for x in (0..WIDTH).step_by(2) {
                    let [r, g, b] = pixel(x, y);
                    frame.push((128.0 + wr * r + wg * g + wb * b) as u8);
                }
            }
        }
        for _ in 0..FRAMES_PER_SECOND * seconds {
            bytes.extend(b"FRAME\n");
            bytes.extend(&frame);
        }
    }
    let path = folder.join("film.y4m");
    fs::write(&path, bytes)?;
    Ok(path)
}

/// An uncompressed BMP of the first picture, which every browser opens.
pub fn image_file(folder: &Path) -> Result<PathBuf> {
    let [picture, _] = two_pictures()?;
    let path = folder.join("picture.bmp");
    bmp(&path, &picture)?;
    Ok(path)
}

/// Writes a picture of 32×32 RGB as an uncompressed BMP.
pub fn bmp(path: &Path, picture: &[u8]) -> Result<()> {
    let size = 54 + picture.len() as u32;
    let mut bytes = b"BM".to_vec();
    bytes.extend(size.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(54u32.to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend((SIDE as i32).to_le_bytes());
    // A negative height says that rows run from the top.
    bytes.extend((-(SIDE as i32)).to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(24u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.extend(
        picture
            .chunks_exact(3)
            .flat_map(|rgb| [rgb[2], rgb[1], rgb[0]]),
    );
    fs::write(path, bytes)?;
    Ok(())
}
