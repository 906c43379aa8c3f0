//! `seawall fix` of PeerAuthentications: mutual TLS is required, but for what clients outside of
//! the mesh need. The diff and what is told stand beside each world; `UPDATE_EXPECT=1` writes them.

use crate::support::Dir;
use std::path::Path;

const CASES: [&str; 3] = ["workload", "namespace", "needless"];
const RULES: &str = "IST-TLS-02,IST-TLS-03,IST-TLS-04";

#[test]
fn what_needs_plaintext_is_left_or_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/strict");
    for name in CASES {
        let path = root.join(name);
        let dir = Dir::at(path.clone());
        let ran = dir.run(&["fix", "world.yaml", "--only", RULES]).exits(0);
        for (file, is) in [("fix.diff", &ran.out), ("fix.txt", &ran.err)] {
            let path = path.join(file);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                std::fs::write(&path, is).unwrap();
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                *is,
                expected,
                "{}: UPDATE_EXPECT=1 writes it",
                path.display()
            );
        }
    }
}
