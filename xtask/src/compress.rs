//! Brotli and gzip, once at build time, so that the server only sends. Called by `site`.
//! Results are the same for the same bytes: they are kept under the hash of their source.

use std::io::Write;

use anyhow::Result;

/// Brotli at its best quality: under a second for the whole module, so no build needs less.
pub fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &parameters)?;
    Ok(packed)
}

/// Gzip at its best level.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn packed_bytes_come_back_whole() {
        let text = b"submit, carry on, be told; ".repeat(400);
        let mut plain = Vec::new();
        brotli::Decompressor::new(&*brotli(&text).unwrap(), 4096).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, text);
        plain.clear();
        flate2::read::GzDecoder::new(&*gzip(&text).unwrap()).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, text);
    }
}
