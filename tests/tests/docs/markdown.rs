//! Markdown, as far as these documents use it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use boxoffice_tests::Result;

/// A document of the project.
pub struct Document {
    /// Path in the project.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// What a document says can be run.
pub struct Example {
    /// Line where it begins.
    pub line: usize,
    /// `sql` or `sh`.
    pub language: &'static str,
    /// What is run.
    pub script: String,
    /// What it prints, when the document shows that.
    pub output: Option<String>,
}

struct Fence {
    line: usize,
    language: String,
    content: String,
    /// Nothing but empty lines stands between the fence before and this one.
    follows: bool,
}

/// The project's folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document: those at the top and those in `docs`.
pub fn documents() -> Result<Vec<Document>> {
    let mut names = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(project().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                names.push(format!("{folder}{name}"));
            }
        }
    }
    names.sort();
    names.iter().map(|name| Document::read(name)).collect()
}

impl Document {
    /// Reads one.
    pub fn read(name: &str) -> Result<Document> {
        let text = fs::read_to_string(project().join(name)).with_context(|| name.to_owned())?;
        Ok(Document { name: name.to_owned(), text })
    }

    /// What can be run: every `sql` fence, and every `sh` fence whose output is shown. A `text` fence that directly
    /// follows is the output.
    pub fn examples(&self) -> Vec<Example> {
        let mut fences = self.fences().into_iter().peekable();
        let mut examples = Vec::new();
        while let Some(fence) = fences.next() {
            let output = fences.next_if(|next| next.follows && next.language == "text").map(|next| next.content);
            let language = match fence.language.as_str() {
                "sql" => "sql",
                "sh" if output.is_some() => "sh",
                _ => continue,
            };
            examples.push(Example { line: fence.line, language, script: fence.content, output });
        }
        examples
    }

    fn fences(&self) -> Vec<Fence> {
        let mut fences: Vec<Fence> = Vec::new();
        let (mut open, mut follows) = (false, false);
        for (number, line) in (1..).zip(self.text.lines()) {
            match (line.trim_start().strip_prefix("```"), fences.last_mut()) {
                (Some(_), Some(_)) if open => (open, follows) = (false, true),
                (Some(language), _) => {
                    let (language, content) = (language.trim().to_owned(), String::new());
                    fences.push(Fence { line: number, language, content, follows });
                    open = true;
                }
                (None, Some(fence)) if open => fence.content += &format!("{line}\n"),
                _ => follows &= line.trim().is_empty(),
            }
        }
        fences
    }

    /// The rows of the table whose first column has that title; cells without their code marks.
    pub fn table(&self, title: &str) -> Vec<Vec<String>> {
        let mut lines = self.text.lines().skip_while(|line| !line.starts_with(&format!("| {title} |")));
        let rows = lines.by_ref().skip(2).take_while(|line| line.starts_with('|'));
        let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
        rows.map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
    }

    /// Targets of `make` that are named in code.
    pub fn make_targets(&self) -> Vec<String> {
        let mut targets = Vec::new();
        for code in self.code() {
            let mut words = code.split_whitespace();
            while words.any(|word| word == "make") {
                let plain =
                    |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                targets.extend(words.clone().take_while(plain).map(str::to_owned));
            }
        }
        targets
    }

    /// Lines of fences, and what stands between backticks.
    pub fn code(&self) -> Vec<String> {
        let mut code: Vec<String> =
            self.fences().iter().flat_map(|fence| fence.content.lines()).map(str::to_owned).collect();
        let mut fenced = false;
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        code
    }

    /// Where its links lead.
    pub fn links(&self) -> Vec<String> {
        let target = |rest: &str| Some(rest.split_once(')')?.0.to_owned());
        self.text.split("](").skip(1).filter_map(target).collect()
    }
}
