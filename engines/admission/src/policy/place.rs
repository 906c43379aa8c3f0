//! Where in a file a place of an expression is. Expressions are texts in YAML, so this depends
//! on how the text is written.

use crate::cel;
use seawall_model::Span;

/// The place of a byte of an expression whose text stands at `span`, and the same in words,
/// for texts whose lines YAML has folded.
pub(super) fn within(span: Span, source: &str, offset: u32) -> (Span, String) {
    let (line, column) = cel::place(source, offset);
    let shown = if source.trim_end().contains('\n') {
        format!("line {line}, column {column} of the expression")
    } else {
        format!("column {column} of the expression")
    };
    let written = usize::try_from(span.end.saturating_sub(span.start)).unwrap_or(0);
    let text = source.trim_end();
    let quotes = written.saturating_sub(text.len());
    let exact = if !text.contains('\n') && (quotes == 0 || quotes == 2) {
        // Plain, or in quotation marks without escapes.
        let skip = u32::from(quotes == 2);
        Span {
            start: span.start + offset + skip,
            end: span.end,
            column: span.column + column - 1 + skip,
            ..span
        }
    } else if text.contains('\n') && written > text.len() {
        // A block: its lines are those of the file, below the sign that opens it.
        Span {
            line: span.line + line,
            column,
            ..span
        }
    } else {
        span
    };
    (exact, shown)
}
