//! The project's own files, as git knows them: tracked ones, and new ones that are not ignored.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::fault::Failure;

/// A text file of the project.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl File {
    /// Its lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// The project's files.
pub(crate) struct Tree {
    root: PathBuf,
    /// The text files among them.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the files under `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        if !listed.status.success() {
            let said = String::from_utf8_lossy(&listed.stderr).into_owned();
            return Err(format!("git ls-files: {said}").into());
        }
        let paths = String::from_utf8(listed.stdout)?;
        let mut files = Vec::new();
        for path in paths.split('\0').filter(|path| !path.is_empty()) {
            // What is no text, or was deleted and not committed yet, has no lines to check.
            if let Ok(text) = std::fs::read_to_string(root.join(path)) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        Ok(Self { root: root.to_owned(), files })
    }

    /// Whether a file's path is `end` or ends with it.
    pub(crate) fn has_source(&self, end: &str) -> bool {
        let has_it = |file: &File| Path::new(&file.path).ends_with(end);
        self.files.iter().any(has_it)
    }

    /// A tree of these files.
    #[cfg(test)]
    pub(crate) fn of(files: Vec<File>) -> Self {
        Self { root: PathBuf::new(), files }
    }

    /// Whether there is such a file or directory.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}
