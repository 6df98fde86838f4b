//! Files of the data folder that hold a secret: made once, durable and whole, for the server's own user only.
//!
//! Used by whoever keeps a key there. Does not judge what is in it.
//! Invariant: a crash at any moment leaves the whole file or none.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

/// What a file of the data folder holds, made by `make` when it is not there.
///
/// # Errors
/// When it cannot be read, made or written.
pub fn read_or_make(data: &Path, name: &str, make: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match File::open(data.join(name)) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes = make()?;
            keep(data, name, &bytes)?;
            Ok(bytes)
        }
        Err(error) => Err(error),
    }
}

/// Written aside and renamed, so that a crash in between leaves no half a key.
fn keep(data: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let aside = data.join(format!("{name}.partial"));
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, data.join(name))?;
    File::open(data)?.sync_all()
}
