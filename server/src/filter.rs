//! The part of Sift's filter language that clients use: `field == 'x'` and `field in ['x', 'y']`, joined by `&&`.

use tonic::Status;

/// A parsed filter; an empty one matches everything.
#[derive(Debug)]
pub(crate) struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, PartialEq)]
struct Term {
    field: String,
    any_of: Vec<String>,
}

impl Filter {
    /// Parses `text`, which may name only the given fields.
    pub(crate) fn parse(text: &str, fields: &[&str]) -> Result<Self, Status> {
        let mut scanner = Scanner { rest: text.trim() };
        let mut terms = Vec::new();
        while !scanner.rest.is_empty() {
            if !terms.is_empty() && !scanner.eat("&&") {
                return Err(bad(text, "expected `&&` between conditions"));
            }
            let term =
                scanner.term().ok_or_else(|| bad(text, "expected `field == 'x'` or `field in ['x']`"))?;
            if !fields.contains(&term.field.as_str()) {
                return Err(bad(text, &format!("unknown field `{}`", term.field)));
            }
            terms.push(term);
        }
        Ok(Self { terms })
    }

    /// Whether an object matches whose fields `value_of` tells.
    pub(crate) fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|term| {
            value_of(&term.field).is_some_and(|value| term.any_of.iter().any(|wanted| wanted == value))
        })
    }
}

fn bad(text: &str, why: &str) -> Status {
    Status::invalid_argument(format!("filter `{text}`: {why}"))
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn term(&mut self) -> Option<Term> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let field = self.rest[..end].to_owned();
        self.rest = self.rest[end..].trim_start();
        if self.eat("==") {
            return Some(Term { field, any_of: vec![self.string()?] });
        }
        if !self.eat("in") || !self.eat("[") {
            return None;
        }
        let mut any_of = Vec::new();
        while !self.eat("]") {
            if !any_of.is_empty() && !self.eat(",") {
                return None;
            }
            any_of.push(self.string()?);
        }
        Some(Term { field, any_of })
    }

    fn string(&mut self) -> Option<String> {
        let mut chars = self.rest.char_indices();
        let (_, quote) = chars.next().filter(|(_, c)| matches!(c, '\'' | '"'))?;
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = self.rest[at + c.len_utf8()..].trim_start();
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn matches(filter: &str, key: &str) -> bool {
        Filter::parse(filter, &["client_key", "flow_name"]).unwrap().matches(|_| Some(key))
    }

    #[test]
    fn equality_and_membership_select_exactly_the_named_values() {
        assert!(matches("", "x"));
        assert!(matches("client_key == 'x'", "x"));
        assert!(!matches("client_key == 'x'", "y"));
        assert!(matches("flow_name in ['a','b']", "b"));
        assert!(!matches("flow_name in [ ]", "b"));
        assert!(matches(r"client_key == 'it\'s' && flow_name in ['it\'s']", "it's"));
    }

    #[test]
    fn a_malformed_filter_is_refused() {
        for filter in
            ["client_key = 'x'", "client_key == 'x", "other == 'x'", "flow_name in ['a' 'b']", "'x'"]
        {
            assert!(Filter::parse(filter, &["client_key", "flow_name"]).is_err(), "{filter}");
        }
    }
}
