//! A README as blocks of text: headings, paragraphs, lists, tables and code, nothing else.
//!
//! The template writes each block escaped, so that a README can never bring markup of its own into
//! a page. Inline marks are taken away rather than understood, except for code.

/// A run of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// As written.
    pub(super) text: String,
    /// Is it code?
    pub(super) is_code: bool,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading; all are shown one size, below the page's own.
    Heading(String),
    /// A paragraph.
    Text(Vec<Span>),
    /// A list.
    List(Vec<Vec<Span>>),
    /// Rows of cells, the head first.
    Table(Vec<Vec<Vec<Span>>>),
    /// Code.
    Code(String),
}

/// The blocks of a text. Its first heading is the page's title already and is left out.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.take(line);
    }
    reader.flush();
    reader.end_code();
    if matches!(reader.blocks.first(), Some(Block::Heading(_))) {
        reader.blocks.remove(0);
    }
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    paragraph: Vec<String>,
    items: Vec<String>,
    code: Option<Vec<String>>,
}

impl Reader {
    fn take(&mut self, line: &str) {
        if line.trim_start().starts_with("```") {
            self.flush();
            if self.code.is_some() {
                self.end_code();
            } else {
                self.code = Some(Vec::new());
            }
            return;
        }
        if let Some(code) = &mut self.code {
            code.push(line.to_owned());
            return;
        }
        let bare = line.trim();
        if bare.is_empty() {
            self.flush();
        } else if let Some(heading) = heading(line) {
            self.flush();
            self.blocks.push(Block::Heading(heading));
        } else if bare.starts_with('|') {
            self.add_row(bare);
        } else if line.starts_with("    ") && self.is_between() {
            self.keep_columns(line);
        } else if let Some(item) = item(bare) {
            self.end_paragraph();
            self.items.push(item.to_owned());
        } else if let Some(last) = self.items.last_mut() {
            last.push(' ');
            last.push_str(bare);
        } else {
            self.paragraph.push(bare.to_owned());
        }
    }

    fn is_between(&self) -> bool {
        self.paragraph.is_empty() && self.items.is_empty()
    }

    fn add_row(&mut self, line: &str) {
        self.flush();
        let cells = line.trim_matches('|').split('|').map(str::trim);
        // The line below the head says how columns stand; all stand left here.
        if cells
            .clone()
            .all(|cell| !cell.is_empty() && cell.trim_matches(['-', ':']).is_empty())
        {
            return;
        }
        let row = cells.map(spans).collect();
        if let Some(Block::Table(rows)) = self.blocks.last_mut() {
            rows.push(row);
        } else {
            self.blocks.push(Block::Table(vec![row]));
        }
    }

    fn keep_columns(&mut self, line: &str) {
        let line = line.strip_prefix("    ").unwrap_or(line);
        if let Some(Block::Code(text)) = self.blocks.last_mut() {
            text.push('\n');
            text.push_str(line);
        } else {
            self.blocks.push(Block::Code(line.to_owned()));
        }
    }

    fn end_paragraph(&mut self) {
        if !self.paragraph.is_empty() {
            let text = std::mem::take(&mut self.paragraph).join(" ");
            self.blocks.push(Block::Text(spans(&text)));
        }
    }

    fn flush(&mut self) {
        self.end_paragraph();
        if !self.items.is_empty() {
            let items = std::mem::take(&mut self.items);
            let items = items.iter().map(|item| spans(item)).collect();
            self.blocks.push(Block::List(items));
        }
    }

    fn end_code(&mut self) {
        if let Some(lines) = self.code.take() {
            self.blocks.push(Block::Code(lines.join("\n")));
        }
    }
}

fn heading(line: &str) -> Option<String> {
    let rest = line.trim_start_matches('#');
    let is_heading = rest.len() < line.len() && rest.starts_with(' ');
    is_heading.then(|| rest.trim().replace('`', ""))
}

fn item(line: &str) -> Option<&str> {
    let numbered = || {
        let (number, rest) = line.split_once(". ")?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
    };
    line.strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .or_else(numbered)
}

/// A line of text, with what stands between backticks as code.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(index, piece)| Span {
            is_code: index % 2 == 1,
            text: if index % 2 == 1 {
                piece.to_owned()
            } else {
                piece.replace("**", "")
            },
        })
        .filter(|span| !span.text.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Span {
        Span {
            text: words.to_owned(),
            is_code: false,
        }
    }

    #[test]
    fn readme_is_cut_into_its_blocks() {
        let readme = "# Redis\n\nA **fast**\nstore, `get` it.\n\n## Use\n\n- one\n  more\n- two\n\n```\n$ x <b>\n```\n1. a\n";
        let code = Span {
            text: "get".to_owned(),
            is_code: true,
        };
        let wanted = [
            Block::Text(vec![text("A fast store, "), code, text(" it.")]),
            Block::Heading("Use".to_owned()),
            Block::List(vec![vec![text("one more")], vec![text("two")]]),
            Block::Code("$ x <b>".to_owned()),
            Block::List(vec![vec![text("a")]]),
        ];
        assert_eq!(blocks(readme), wanted);
    }

    #[test]
    fn readme_code_without_an_end_is_kept() {
        assert_eq!(blocks("```\na\nb"), [Block::Code("a\nb".to_owned())]);
    }

    #[test]
    fn readme_table_is_rows_of_cells_without_the_line_below_the_head() {
        let cell = |words: &str| vec![text(words)];
        let wanted = [Block::Table(vec![
            vec![cell("a"), cell("b")],
            vec![cell("1"), cell("2")],
        ])];
        assert_eq!(blocks("| a | b |\n|---|:-:|\n| 1 | 2 |"), wanted);
    }
}
