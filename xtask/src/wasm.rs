//! Taking custom sections out of a wasm file.
//!
//! Not with wasm-opt: Debian's version 108 mixes up wasm-bindgen's two tables even where it only strips,
//! and what newer ones optimise makes these files larger once they are compressed.

use anyhow::{Context, Result, ensure};

/// The file without its custom sections of these names. Every other byte stays as it was.
///
/// # Errors
/// If it is no wasm file, or ends early.
pub fn without_sections(wasm: &[u8], names: &[&str]) -> Result<Vec<u8>> {
    const HEADER: &[u8] = b"\0asm\x01\0\0\0";
    ensure!(wasm.starts_with(HEADER), "this is no wasm file");
    let mut kept = HEADER.to_vec();
    let mut rest = &wasm[HEADER.len()..];
    while let Some((&kind, after)) = rest.split_first() {
        let (size, body) = number(after)?;
        let section = rest.len() - body.len() + size;
        let body = body.get(..size).context("the wasm file ends early")?;
        // Section 0 is a custom one; its body begins with its name.
        if kind != 0 || !names.contains(&name(body)?) {
            kept.extend_from_slice(&rest[..section]);
        }
        rest = &rest[section..];
    }
    Ok(kept)
}

fn name(body: &[u8]) -> Result<&str> {
    let (length, text) = number(body)?;
    let name = text.get(..length).context("a section's name ends early")?;
    Ok(std::str::from_utf8(name)?)
}

/// An unsigned LEB128 number and what follows it.
fn number(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    anyhow::bail!("a section's length is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, body: &[u8]) -> Vec<u8> {
        // Two bytes of length, as linkers write padded ones.
        let size = [body.len() as u8 | 0x80, 0];
        [&[kind], &size[..], body].concat()
    }

    fn file(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
    }

    #[test]
    fn only_the_named_sections_go() {
        let code = section(10, b"\x04nameX");
        let names = section(0, b"\x04name and much more");
        let features = section(0, b"\x0ftarget_featuresXY");
        let whole = file(&[code.clone(), names, features.clone()]);
        let kept = without_sections(&whole, &["name", "producers"]).unwrap();
        assert_eq!(kept, file(&[code, features]));
        assert_eq!(without_sections(&whole, &[]).unwrap(), whole);
    }

    #[test]
    fn a_broken_file_is_refused() {
        let whole = file(&[section(10, b"abcdef")]);
        for end in 9..whole.len() {
            assert!(
                without_sections(&whole[..end], &["name"]).is_err(),
                "cut at {end}"
            );
        }
        assert!(without_sections(b"<html>", &["name"]).is_err());
    }
}
