//! "Did you mean …?"

/// The known word nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_ascii_lowercase();
    known
        .map(|candidate| {
            (
                strsim::jaro_winkler(&lower, &candidate.to_ascii_lowercase()),
                candidate,
            )
        })
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The hint for a mistyped word.
pub(crate) fn hint<'w>(word: &str, known: impl Iterator<Item = &'w str>, else_: &str) -> String {
    match nearest(word, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => else_.to_owned(),
    }
}
