//! What the header declares, read from its text.

#![allow(dead_code, reason = "each test looks at a part of it")]

use std::collections::BTreeSet;

/// A function of the library.
#[derive(Debug)]
pub struct Function {
    /// What it returns.
    pub returns: String,
    /// Its name.
    pub name: String,
    /// The types and names of its arguments.
    pub arguments: Vec<(String, String)>,
}

/// A struct or union whose members everybody sees.
#[derive(Debug)]
pub struct Layout {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<String>,
}

/// All that a header declares.
#[derive(Debug, Default)]
pub struct Declared {
    /// In the order of the header.
    pub functions: Vec<Function>,
    /// Public structs and unions.
    pub layouts: Vec<Layout>,
    /// Types that are handles.
    pub handles: BTreeSet<String>,
    /// Values of enums, with their numbers.
    pub constants: Vec<String>,
    /// Types of callbacks.
    pub callbacks: Vec<String>,
}

/// Words with one space between them, and none around punctuation that needs none.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" *", "*").replace("struct ", "")
}

/// The code of the header: without comments, preprocessor lines, inline functions and linkage blocks.
fn code(header: &str) -> String {
    let end = header.find("#ifndef SIFTSTREAM_STR").unwrap_or(header.len());
    let mut text = header[..end].to_owned();
    while let Some(start) = text.find("/*") {
        let end = text[start..].find("*/").map_or(text.len(), |end| start + end + 2);
        text.replace_range(start..end, "");
    }
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.starts_with('#') && !line.starts_with("extern \"C\"") && line != "}"
    };
    let lines: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    lines.iter().filter(|line| is_code(line)).fold(String::new(), |all, line| all + line + "\n")
}

/// Splits at the semicolons that are in no braces.
fn statements(code: &str) -> Vec<String> {
    let (mut all, mut now, mut depth) = (Vec::new(), String::new(), 0);
    for letter in code.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if letter == ';' && depth == 0 {
            all.push(std::mem::take(&mut now));
        } else {
            now.push(letter);
        }
    }
    all
}

fn argument(text: &str) -> (String, String) {
    let text = normal(text);
    let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    (text[..at].trim().to_owned(), text[at..].to_owned())
}

impl Declared {
    /// Reads a header that cbindgen made.
    pub fn of(header: &str) -> Self {
        let mut declared = Self::default();
        for statement in statements(&code(header)) {
            declared.add(statement.trim());
        }
        declared
    }

    fn add(&mut self, statement: &str) {
        let words: Vec<_> = statement.split_whitespace().collect();
        let body = statement.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
        match (words.as_slice(), body) {
            (["enum", name, ..], Some((values, _))) => {
                let values = values.split(',').map(normal).filter(|value| !value.is_empty());
                self.constants.extend(values.map(|value| format!("{name} {value}")));
            }
            (["typedef", "struct" | "union", ..], Some((members, name))) => {
                let members =
                    members.split(';').map(|member| argument(member).1).filter(|name| !name.is_empty());
                self.layouts.push(Layout { name: name.trim().to_owned(), members: members.collect() });
            }
            (["typedef", "struct", name, _], None) => {
                self.handles.insert((*name).to_owned());
            }
            (["typedef", ..], None) if statement.contains("(*") => self.callbacks.push(normal(statement)),
            _ => self.add_function(statement),
        }
    }

    fn add_function(&mut self, statement: &str) {
        let Some((head, arguments)) = statement.split_once('(') else { return };
        let (returns, name) = argument(head);
        let arguments = arguments.trim_end_matches(')').split(',').map(argument);
        let arguments = arguments.filter(|(_, name)| name != "void").collect();
        self.functions.push(Function { returns, name, arguments });
    }
}
