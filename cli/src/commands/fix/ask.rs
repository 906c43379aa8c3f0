//! What only a person can say, asked on standard error and answered on standard input.

use super::candidate::Candidate;
use crate::exit::Failure;
use seawall_model::{Question, Repair};
use seawall_report::clean;
use seawall_report::fixes::Change;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

/// Asks for every value, and whether what needs care is wanted.
pub(super) fn decide(candidates: &mut [Candidate]) -> Result<(), Failure> {
    let mut answers: HashMap<String, String> = HashMap::new();
    for candidate in candidates {
        match &candidate.repair {
            Repair::Decision(question) => {
                let question = question.clone();
                let known = answers.get(&question.text).cloned();
                if let Some(mend) = answer(candidate, &question, known.as_ref(), &mut answers)? {
                    candidate.repair = Repair::Mechanical(mend);
                }
            }
            Repair::Mechanical(mend) => {
                if let Some(caution) = &mend.caution {
                    say(&format!(
                        "{}\n  check: {}\n  change it? [Y/n] ",
                        about(candidate),
                        clean(caution)
                    ));
                    if matches!(
                        &*line()?.unwrap_or_default().to_ascii_lowercase(),
                        "n" | "no"
                    ) {
                        candidate.leave_out();
                    }
                }
            }
            Repair::ByHand(_) => {}
        }
    }
    Ok(())
}

fn answer(
    candidate: &Candidate,
    question: &Question,
    known: Option<&String>,
    answers: &mut HashMap<String, String>,
) -> Result<Option<seawall_model::Mend>, Failure> {
    let hint = known.map_or_else(
        || "empty: leave it".to_owned(),
        |known| format!("empty: {}; -: leave it", clean(known)),
    );
    for _ in 0..3 {
        say(&format!(
            "{}\n  {} [{hint}] ",
            about(candidate),
            clean(&question.text)
        ));
        let Some(said) = line()? else { return Ok(None) };
        let said = match (known, &*said) {
            (_, "-") | (None, "") => return Ok(None),
            (Some(known), "") => known.clone(),
            _ => said,
        };
        if let Some(mend) = question.answered(&said) {
            answers.insert(question.text.clone(), said);
            return Ok(Some(mend));
        }
        say("  this is no answer to it\n");
    }
    Ok(None)
}

fn about(candidate: &Candidate) -> String {
    let finding = &candidate.finding;
    format!(
        "{} {}: {}",
        finding.rule,
        clean(&finding.asset.to_string()),
        clean(&finding.message)
    )
}

/// Shows the changes and asks whether to make them.
pub(super) fn write(files: &[Change<'_>]) -> Result<bool, Failure> {
    if files.is_empty() {
        return Ok(false);
    }
    let mut out = Vec::new();
    seawall_report::fixes::diff(files, &mut out)
        .map_err(|error| Failure::write("the changes", &error))?;
    super::print(&out)?;
    say(&format!("write {} files? [y/N] ", files.len()));
    let said = line()?.unwrap_or_default().to_ascii_lowercase();
    Ok(matches!(&*said, "y" | "yes"))
}

fn say(text: &str) {
    let mut err = io::stderr().lock();
    // When standard error is closed there is nobody to tell.
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

/// The next line of standard input; `None` at its end.
fn line() -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let read =
        read.map_err(|error| Failure::usage(format!("cannot read standard input: {error}"), ""))?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}
