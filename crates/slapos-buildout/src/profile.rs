//! A loaded profile: sections and options as merged from all files, nothing expanded.

/// What `load` gives: raw options, each with its place. Cheap to share, never changes.
#[derive(Debug, Clone)]
pub struct Profile {}

/// Where an option was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Path or URL; `<built-in default>`, `<computed>` or `<command line>` for what no file holds.
    pub file: String,
    /// From 1; 0 where there is no file.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Profile {
    /// Names of all sections, sorted.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    pub fn has_section(&self, section: &str) -> bool {
        let _ = section;
        false
    }
    /// Names of the options that the section itself has, sorted; those of its macros are not among them.
    pub fn options(&self, section: &str) -> impl Iterator<Item = &str> {
        let _ = section;
        std::iter::empty()
    }
    /// The merged text of an option before macros and references.
    pub fn raw(&self, section: &str, option: &str) -> Option<String> {
        let _ = (section, option);
        None
    }
    /// The place that decides the option: its last `=`, or its last change if it has no `=`.
    pub fn origin(&self, section: &str, option: &str) -> Option<Origin> {
        let _ = (section, option);
        None
    }
    /// Locations of all files, in the order they were first read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// The path or URL that was loaded.
    pub fn entry(&self) -> &str {
        ""
    }
}
