//! What a suite found.

use std::fmt;

/// How an implementation did by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It keeps the rule.
    Passed,
    /// The rule is about something that it does not claim to do, or that the options leave out; says which.
    NotApplicable(String),
    /// It breaks the rule; says in which step, what was expected and what came.
    Broken(String),
}

/// One rule and how an implementation did by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a rule that is broken says so only here"]
pub struct Finding {
    pub(super) rule: &'static str,
    pub(super) verdict: Verdict,
    pub(super) notes: Vec<String>,
}

impl Finding {
    /// The rule's id, which stays the same from version to version.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What is worth knowing and no fault, such as the number of damages that went unnoticed.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the rule is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken(_))
    }

    /// Prints the finding, for a test's captured output.
    ///
    /// # Panics
    ///
    /// Where the rule is broken, with the message.
    pub fn assert_clean(&self) {
        assert!(!self.is_broken(), "{self}");
        println!("{self}");
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "passed          {}", self.rule)?,
            Verdict::NotApplicable(reason) => write!(f, "not applicable  {}: {reason}", self.rule)?,
            Verdict::Broken(message) => write!(f, "BROKEN          {}: {message}", self.rule)?,
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n                  {note}"))
    }
}

/// What a suite found, rule by rule, in the suite's order. Its display form is a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "rules that are broken are only in here"]
pub struct Report {
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Every rule's finding.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The finding of one rule.
    #[must_use]
    pub fn finding(&self, rule: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.rule == rule)
    }

    /// The ids of the rules that are broken.
    #[must_use]
    pub fn broken(&self) -> Vec<&'static str> {
        self.findings.iter().filter(|finding| finding.is_broken()).map(|finding| finding.rule).collect()
    }

    /// Whether no rule is broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.findings.iter().any(Finding::is_broken)
    }

    /// Does nothing where no rule is broken.
    ///
    /// # Panics
    ///
    /// Where one is, with the table.
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "not conformant\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        let count = |is: fn(&Verdict) -> bool| self.findings.iter().filter(|f| is(&f.verdict)).count();
        write!(
            f,
            "{} rules: {} passed, {} not applicable, {} broken",
            self.findings.len(),
            count(|verdict| matches!(verdict, Verdict::Passed)),
            count(|verdict| matches!(verdict, Verdict::NotApplicable(_))),
            count(|verdict| matches!(verdict, Verdict::Broken(_))),
        )
    }
}

impl<'a> IntoIterator for &'a Report {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.findings.iter()
    }
}
