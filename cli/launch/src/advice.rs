//! What a user can do about an error of loading, by options that he has.

use wasmaot_runtime::Error;

use crate::options::Options;

impl Options {
    /// What to do next about an error, where its own text does not say it; an
    /// option is never advised to those who gave it.
    pub fn advice(&self, error: &Error) -> Option<String> {
        match error {
            Error::Object { .. } => Some("that is `wasmaot build MODULE`".to_owned()),
            Error::Cpu { .. } => Some(
                "that is `wasmaot build --cpu native` on this machine, or `--cpu baseline`"
                    .to_owned(),
            ),
            Error::LibraryNotFound { .. } => Some(self.not_found()),
            Error::MemoryLimit { .. } => Some(match self.max_memory {
                Some(_) => "a larger --max-memory allows it".to_owned(),
                None => "--max-memory allows it".to_owned(),
            }),
            _ => None,
        }
    }

    fn not_found(&self) -> String {
        if self.library_path.is_empty() {
            return "give its directory with -L or WASMAOT_LIBRARY_PATH".to_owned();
        }
        let directories = self.library_path.iter().map(|d| d.display().to_string());
        let directories = directories.collect::<Vec<_>>().join(", ");
        format!("it is in none of the directories given ({directories}) nor beside what needs it")
    }
}
