//! A report file is complete or it is not touched.

use crate::{Context, Format};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes one format to a file: first to a new file in the same directory, which takes the
/// place of the old one only when everything has reached the disk. On any error the old
/// file is as it was and nothing is left behind. What is not a regular file (`/dev/stdout`,
/// a pipe) is written to directly.
pub fn write_file(format: Format, context: &Context<'_>, path: &Path) -> io::Result<()> {
    replace(path, |out| crate::write(format, context, out))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", shown(path))))
}

/// Puts a text into a file in the same way.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    replace(path, |out| out.write_all(text.as_bytes()))
}

/// Whether a directory can be written: it is not there yet, or empty.
pub fn is_free(directory: &Path) -> io::Result<()> {
    let in_the_way = |why: &str| {
        let text = format!("{}: {why}", shown(directory));
        Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
    };
    match fs::read_dir(directory).map(|mut entries| entries.next().is_some()) {
        Ok(true) => in_the_way("is not empty"),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => in_the_way(&error.to_string()),
    }
}

/// Writes a directory of files, given by their paths below it: all of them, or nothing is
/// there. Paths are the program's own, never a stranger's.
pub fn write_directory(directory: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    is_free(directory)?;
    let name = directory.file_name().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "is not the name of a directory",
        )
    })?;
    let mut new = std::ffi::OsString::from(".");
    new.push(name);
    new.push(format!(".{}.tmp", std::process::id()));
    let above = parent(directory);
    fs::create_dir_all(above)?;
    let temporary = above.join(new);
    fs::create_dir(&temporary)?;
    let written = files.iter().try_for_each(|(path, text)| {
        let path = temporary.join(path);
        fs::create_dir_all(parent(&path))?;
        fs::write(path, text)
    });
    let placed = written.and_then(|()| {
        if directory.is_dir() {
            fs::remove_dir(directory)?;
        }
        fs::rename(&temporary, directory)
    });
    if placed.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    placed
}

fn shown(path: &Path) -> String {
    crate::text::clean(&path.to_string_lossy()).into_owned()
}

fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // A link is followed: the file that it names is replaced, not the link.
    let (target, old) = match fs::canonicalize(path) {
        Ok(target) => {
            let old = fs::metadata(&target)?;
            (target, Some(old))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
        Err(error) => return Err(error),
    };
    match &old {
        Some(old) if old.is_dir() => {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "is a directory",
            ));
        }
        Some(old) if !old.is_file() => {
            return fill(&mut OpenOptions::new().write(true).open(&target)?);
        }
        _ => {}
    }
    let (temporary, mut file) = create_beside(&target)?;
    let filled = fill(&mut file).and_then(|()| {
        if let Some(old) = &old {
            file.set_permissions(old.permissions())?;
        }
        file.flush()?;
        file.sync_all()
    });
    drop(file);
    let placed = filled.and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = placed {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // The new name reaches the disk with its directory. Some file systems refuse this;
    // the file itself is whole in any case.
    if let Ok(directory) = File::open(parent(&target)) {
        let _ = directory.sync_all();
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A new file in the same directory, under a name that nobody has.
fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "is not the name of a file"))?;
    let mut attempt = 0_u32;
    loop {
        let mut new = std::ffi::OsString::from(".");
        new.push(name);
        new.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let path = parent(target).join(new);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("seawall-report-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_good_file_is_never_replaced_by_a_part() {
        let directory = directory("part");
        let path = directory.join("out.json");
        replace(&path, |out| out.write_all(b"good")).unwrap();
        let failed = replace(&path, |out| {
            out.write_all(b"ba")?;
            Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "no space left on device",
            ))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"good");
        assert_eq!(names(&directory), ["out.json"]);
        replace(&path, |out| out.write_all(b"better")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"better");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_written_to() {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
        let directory = directory("link");
        let real = directory.join("real.json");
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        let link = directory.join("link.json");
        symlink(&real, &link).unwrap();
        replace(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        replace(Path::new("/dev/null"), |out| out.write_all(b"x")).unwrap();
        assert!(
            fs::metadata("/dev/null")
                .unwrap()
                .file_type()
                .is_char_device()
        );
        // The full disk of every test machine.
        if Path::new("/dev/full").try_exists().unwrap_or(false) {
            let full = replace(Path::new("/dev/full"), |out| out.write_all(b"x"));
            assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        assert!(replace(&directory, |_| Ok(())).is_err());
        assert!(replace(&directory.join("no/such/place"), |_| Ok(())).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
