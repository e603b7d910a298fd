//! What is wrong with the store, for operators: while it lasts, subscribers hear nothing new.

/// A chore that needs the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    /// A word is entered, with all who have to hear it.
    Entering,
    /// It is written down who has heard.
    Settling,
}

/// Which chore fails, and why.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    entering: Option<String>,
    settling: Option<String>,
}

impl Trouble {
    /// Takes down how a chore went. True when that is news.
    pub(super) fn note(&mut self, chore: Chore, failed: Option<String>) -> bool {
        let known = match chore {
            Chore::Entering => &mut self.entering,
            Chore::Settling => &mut self.settling,
        };
        let is_news = *known != failed;
        *known = failed;
        is_news
    }

    /// In words; `None` when all is well.
    pub(super) fn words(&self) -> Option<String> {
        let entering = self.entering.as_ref().map(|why| format!("a public word is not told to subscribers: {why}"));
        let settling =
            || self.settling.as_ref().map(|why| format!("who has heard a word cannot be written down: {why}"));
        entering.or_else(settling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chore_has_its_own_trouble_and_is_told_of_once() {
        let mut trouble = Trouble::default();
        let full = || Some("the disk is full".to_owned());
        assert!(!trouble.note(Chore::Settling, None));
        assert!(trouble.note(Chore::Settling, full()) && !trouble.note(Chore::Settling, full()));
        assert!(!trouble.note(Chore::Entering, None), "what is entered says nothing of what is written down");
        assert!(trouble.words().is_some_and(|it| it.contains("who has heard") && it.ends_with("the disk is full")));
        assert!(trouble.note(Chore::Entering, full()) && trouble.note(Chore::Settling, None));
        assert!(trouble.words().is_some_and(|it| it.starts_with("a public word is not told")));
        assert!(trouble.note(Chore::Entering, None));
        assert_eq!(trouble.words(), None);
    }
}
