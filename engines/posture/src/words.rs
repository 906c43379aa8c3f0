//! Small pieces of plain English.

use std::fmt::Write as _;

/// A list for a sentence: `a`, `b` and `c`; long ones are cut.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    const MOST: usize = 5;
    let mut text = String::new();
    let shown = if items.len() > MOST {
        MOST - 1
    } else {
        items.len()
    };
    for (index, item) in items.iter().take(shown).enumerate() {
        if index > 0 {
            text.push_str(if index + 1 == items.len() {
                " and "
            } else {
                ", "
            });
        }
        text.push('`');
        text.push_str(item.as_ref());
        text.push('`');
    }
    if items.len() > shown {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {} more", items.len() - shown);
    }
    text
}

/// `container x`, or `containers x and y`.
pub(crate) fn counted<T: AsRef<str>>(noun: &str, items: &[T]) -> String {
    let plural = if items.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", list(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b"]), "`a` and `b`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(
            list(&["a", "b", "c", "d", "e", "f"]),
            "`a`, `b`, `c`, `d` and 2 more"
        );
        assert_eq!(counted("container", &["a", "b"]), "containers `a` and `b`");
    }
}
