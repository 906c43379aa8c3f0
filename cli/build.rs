//! Embeds `examples/harbor-shop`, so that `seawall demo` needs no file.

// A build script that cannot go on stops the build, with the reason.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo"))
        .join("../examples/harbor-shop");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut code = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&root).expect("found below the root");
        let name = name.to_str().expect("names in examples are UTF-8");
        let path = file.to_str().expect("names in examples are UTF-8");
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),").expect("writes to memory");
    }
    code.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo")).join("demo_files.rs");
    fs::write(out, code).expect("the output directory is writable");
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("examples are part of the sources") {
        let path = entry.expect("examples are readable").path();
        println!("cargo:rerun-if-changed={}", path.display());
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
