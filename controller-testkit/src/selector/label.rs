//! Label selectors in both grammars, and their match.

use serde_json::{Map, Value};

use crate::field::name;

/// Requirements that all must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Word,
    Open,
    Close,
    Comma,
    Not,
    Equal,
    NotEqual,
    In,
    NotIn,
    Above,
    Below,
    End,
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: scan(text), at: 0 };
        let mut requirements = Vec::new();
        loop {
            match parser.peek_value() {
                (Token::Word | Token::Not, _) => {
                    let requirement =
                        parser.requirement().map_err(|fault| format!("unable to parse requirement: {fault}"))?;
                    requirements.push(requirement);
                    match parser.take_value() {
                        (Token::End, _) => break,
                        (Token::Comma, _) => {
                            let (next, word) = parser.peek_value();
                            if !matches!(next, Token::Word | Token::Not) {
                                return Err(format!("found '{word}', expected: identifier after ','"));
                            }
                        }
                        (_, word) => return Err(format!("found '{word}', expected: ',' or 'end of string'")),
                    }
                }
                (Token::End, _) => break,
                (_, word) => return Err(format!("found '{word}', expected: !, identifier, or 'end of string'")),
            }
        }
        Ok(Self { requirements })
    }

    /// A selector as objects carry it: `matchLabels` and `matchExpressions`. An operator that there is not selects
    /// nothing; the object's own rules refuse it.
    pub(crate) fn of_object(selector: &Value) -> Self {
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let words = |value: Option<&Value>| -> Vec<String> {
            let values = value.and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let labels = members(selector.get("matchLabels").unwrap_or(&Value::Null)).into_iter();
        let labels =
            labels.map(|(key, value)| (key, Test::In(value.as_str().map(str::to_owned).into_iter().collect())));
        let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
        let expressions = expressions.map(|expression| {
            let text = |member: &str| expression.get(member).and_then(Value::as_str).unwrap_or_default();
            let values = words(expression.get("values"));
            let test = match text("operator") {
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::Absent,
                _ => Test::In(values),
            };
            (text("key").to_owned(), test)
        });
        Self { requirements: labels.chain(expressions).map(|(key, test)| Requirement { key, test }).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object's labels match; an object without labels has the empty set.
    pub(crate) fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str);
            match (&requirement.test, value) {
                (Test::Exists, value) => value.is_some(),
                (Test::Absent, value) => value.is_none(),
                (Test::In(values), value) => value.is_some_and(|value| values.iter().any(|one| one == value)),
                (Test::NotIn(values), value) => value.is_none_or(|value| values.iter().all(|one| one != value)),
                (Test::Above(bound), value) => number(value).is_some_and(|value| value > *bound),
                (Test::Below(bound), value) => number(value).is_some_and(|value| value < *bound),
            }
        })
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

struct Parser<'a> {
    tokens: Vec<(Token, &'a str)>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> (Token, &'a str) {
        self.tokens.get(self.at).copied().unwrap_or((Token::End, ""))
    }

    fn take(&mut self) -> (Token, &'a str) {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Where a name or a value is due, `in` and `notin` are plain words.
    fn peek_value(&self) -> (Token, &'a str) {
        match self.peek() {
            (Token::In | Token::NotIn, word) => (Token::Word, word),
            token => token,
        }
    }

    fn take_value(&mut self) -> (Token, &'a str) {
        let token = self.peek_value();
        self.at += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.take_value();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.take_value();
        }
        if token != Token::Word {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if let [fault, ..] = name::qualified(key).as_slice() {
            return Err(format!("<nil>: Invalid value: {key:?}: {fault}"));
        }
        let ends = matches!(self.peek_value(), (Token::End | Token::Comma, _));
        let test = match (negated, ends) {
            (true, _) => Test::Absent,
            (false, true) => Test::Exists,
            (false, false) => self.comparison(key)?,
        };
        Ok(Requirement { key: key.to_owned(), test })
    }

    fn comparison(&mut self, key: &str) -> Result<Test, String> {
        let (operator, word) = self.take();
        let values = match operator {
            Token::In | Token::NotIn => self.values()?,
            Token::Equal | Token::NotEqual | Token::Above | Token::Below => vec![self.exact_value()?],
            _ => return Err(format!("found '{word}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        for (index, value) in values.iter().enumerate() {
            if let [fault, ..] = name::label_value(value).as_slice() {
                return Err(format!("values[{index}][{key}]: Invalid value: {value:?}: {fault}"));
            }
        }
        let bound = || {
            let value = values.first().map(String::as_str).unwrap_or_default();
            value.parse().map_err(|_| {
                format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer")
            })
        };
        Ok(match operator {
            Token::Above => Test::Above(bound()?),
            Token::Below => Test::Below(bound()?),
            Token::NotIn | Token::NotEqual => Test::NotIn(values),
            _ => Test::In(values),
        })
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.peek_value(), (Token::End | Token::Comma, _)) {
            return Ok(String::new());
        }
        match self.take_value() {
            (Token::Word, word) => Ok(word.to_owned()),
            (_, word) => Err(format!("found '{word}', expected: identifier")),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, word) = self.take_value();
        if token != Token::Open {
            return Err(format!("found '{word}' expected: '('"));
        }
        let mut values: Vec<String> = Vec::new();
        let mut due = true;
        loop {
            match self.take_value() {
                (Token::Word, word) if due => {
                    values.push(word.to_owned());
                    due = false;
                }
                (Token::Comma, _) => {
                    if due {
                        values.push(String::new());
                    }
                    due = true;
                }
                (Token::Close, _) => {
                    // Nothing between the brackets is the empty value.
                    if due {
                        values.push(String::new());
                    }
                    return Ok(values);
                }
                (_, word) if due && values.is_empty() => {
                    return Err(format!("found '{word}', expected: ',', ')' or identifier"));
                }
                (_, word) if due => return Err(format!("found '{word}', expected: ',', or identifier")),
                (_, word) => return Err(format!("found '{word}', expected: ',' or ')'")),
            }
        }
    }
}

fn scan(text: &str) -> Vec<(Token, &str)> {
    let is_symbol = |symbol: char| "=!(),><".contains(symbol);
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        let (token, length) = if is_symbol(first) {
            [
                ("==", Token::Equal),
                ("!=", Token::NotEqual),
                ("=", Token::Equal),
                ("!", Token::Not),
                ("(", Token::Open),
                (")", Token::Close),
                (",", Token::Comma),
                (">", Token::Above),
            ]
            .into_iter()
            .find(|(symbol, _)| rest.starts_with(symbol))
            .map_or((Token::Below, 1), |(symbol, token)| (token, symbol.len()))
        } else {
            let length = rest.find(|symbol| is_symbol(symbol) || is_space(symbol)).unwrap_or(rest.len());
            match &rest[..length] {
                "in" => (Token::In, length),
                "notin" => (Token::NotIn, length),
                _ => (Token::Word, length),
            }
        };
        let (word, after) = rest.split_at(length);
        tokens.push((token, word));
        rest = after.trim_start_matches(is_space);
    }
    tokens
}

fn is_space(symbol: char) -> bool {
    matches!(symbol, ' ' | '\t' | '\r' | '\n')
}
